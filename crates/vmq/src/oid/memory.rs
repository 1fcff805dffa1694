//! Shared memory in its binary form: what a provider registers, what is asked of it, and the description of what comes.

use ndis::{
    NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS as CONTIGUOUS,
    NDIS_SHARED_MEMORY_PROVIDER_CHAR_SUPPORTS_PF_VPORTS as PF_VPORTS,
};

use super::completion::room;
use super::members::{Member, PointerSized, PointerWidth, Writer};
use super::narrow;
use super::structure::{Refusal, Structure};
use super::structures::{SharedMemoryParameters, SharedMemoryProviderCharacteristics};
use crate::engine::Engine;
use crate::id::QueueId;
use crate::memory::{
    AllocateMemory, AllocationHandle, Memory, NodeRequirement, Piece, Provider,
    ProviderCharacteristics, SharedMemory, Usage,
};
use crate::status::NdisStatus;

impl<A: Copy + Eq> SharedMemory<A> {
    /// [`SharedMemory::allocate`] by `NDIS_SHARED_MEMORY_PARAMETERS`: the handle for segments and the address are written
    /// there, the pieces into `list`, if `SGListBuffer` is not NULL. `list` is what that points to.
    ///
    /// # Errors
    /// As [`SharedMemory::allocate`]; what is wrong with the structure, as at any request; FAILURE, if a handle or an address is
    /// too wide for the caller.
    pub fn allocate_from(
        &mut self,
        provider: &mut impl Provider,
        adapter: A,
        engine: &Engine,
        width: PointerWidth,
        parameters: &mut [u8],
        list: &mut [u8],
    ) -> Result<AllocationHandle, Refusal> {
        let (asked, revision) = engine.read::<SharedMemoryParameters>(parameters, width)?;
        let (allocation, memory) = self.allocate(provider, adapter, engine, asked.asked(width)?)?;
        let answer = asked.answer(&memory, width).and_then(|answer| {
            if answer.sg_list_buffer.0 != 0 {
                let bytes = scatter_gather_list(&memory.pieces, width)?;
                room(list, bytes.len())?.copy_from_slice(&bytes);
            }
            Ok(answer)
        });
        match answer {
            Ok(answer) => {
                answer.write(parameters, revision, width);
                Ok(allocation)
            }
            Err(refusal) => {
                let is_free = self.free(provider, adapter, allocation).is_ok();
                debug_assert!(is_free, "allocated just now");
                Err(refusal)
            }
        }
    }
}

impl SharedMemoryParameters {
    /// What they ask for.
    fn asked(&self, width: PointerWidth) -> Result<AllocateMemory, NdisStatus> {
        let usage = USAGES.iter().find(|usage| **usage as i32 == self.usage);
        let is_sound =
            self.flags & !CONTIGUOUS == 0 && self.vport_id == ndis::NDIS_DEFAULT_VPORT_ID;
        let (Some(usage), true) = (usage, is_sound) else {
            return Err(NdisStatus::INVALID_PARAMETER);
        };
        let bytes = (self.sg_list_buffer_length as usize).checked_sub(list_size(0, width));
        let capacity = bytes.map_or(0, |bytes| bytes / element_size(width));
        Ok(AllocateMemory {
            queue: QueueId(narrow(self.queue_id)?),
            usage: *usage,
            node: NodeRequirement(self.preferred_node),
            length: self.length.into(),
            is_contiguous: self.flags & CONTIGUOUS != 0,
            capacity: if self.sg_list_buffer.0 == 0 {
                usize::MAX
            } else {
                capacity
            },
        })
    }

    /// The same with what came.
    fn answer(&self, memory: &Memory, width: PointerWidth) -> Result<Self, Refusal> {
        let handle = memory.handle.map_or(0, |handle| handle.0.into());
        let address = memory.address.unwrap_or(0);
        let fits = |word: u64| word.checked_shr(8 * width.bytes() as u32).unwrap_or(0) == 0;
        if !fits(handle) || !fits(address) {
            return Err(NdisStatus::FAILURE.into());
        }
        Ok(Self {
            shared_memory_handle: PointerSized(handle),
            virtual_address: PointerSized(address),
            ..self.clone()
        })
    }
}

impl TryFrom<&SharedMemoryProviderCharacteristics> for ProviderCharacteristics {
    type Error = NdisStatus;

    /// Refused with INVALID_PARAMETER if an entry point is missing or a flag is unknown.
    fn try_from(said: &SharedMemoryProviderCharacteristics) -> Result<Self, NdisStatus> {
        let entries = [
            said.allocate_shared_memory_handler,
            said.free_shared_memory_handler,
        ];
        if entries.contains(&PointerSized(0)) || said.flags & !PF_VPORTS != 0 {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        Ok(ProviderCharacteristics {
            context: said.provider_context.0,
            flags: said.flags,
        })
    }
}

/// `SCATTER_GATHER_LIST`: the number of pieces, a reserved word, and the pieces (M6).
fn scatter_gather_list(pieces: &[Piece], width: PointerWidth) -> Result<Vec<u8>, NdisStatus> {
    let mut bytes = vec![0; list_size(pieces.len(), width)];
    let to = &mut bytes[..];
    let mut writer = Writer { to, at: 0, width };
    (pieces.len() as u32).pass(&mut writer);
    PointerSized(0).pass(&mut writer);
    for piece in pieces {
        let mut length = u32::try_from(piece.length).map_err(|_| NdisStatus::FAILURE)?;
        piece.address.clone().pass(&mut writer);
        length.pass(&mut writer);
        PointerSized(0).pass(&mut writer);
    }
    Ok(bytes)
}

/// Bytes of a list of so many pieces.
fn list_size(pieces: usize, width: PointerWidth) -> usize {
    (2 * width.bytes()).next_multiple_of(ADDRESS_ALIGN) + pieces * element_size(width)
}

/// Bytes of a `SCATTER_GATHER_ELEMENT`: a physical address, a length, a reserved word.
fn element_size(width: PointerWidth) -> usize {
    (size_of::<u64>() + 2 * width.bytes()).next_multiple_of(ADDRESS_ALIGN)
}

/// What physical addresses are aligned to, whatever the width.
const ADDRESS_ALIGN: usize = 8;

const USAGES: [Usage; 9] = [
    Usage::Xmit,
    Usage::XmitHeader,
    Usage::XmitData,
    Usage::Receive,
    Usage::ReceiveLookahead,
    Usage::ReceivePostLookahead,
    Usage::ReceiveHeader,
    Usage::ReceiveData,
    Usage::Other,
];
