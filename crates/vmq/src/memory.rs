//! Shared memory, asked for and handed out: NDIS' part between a miniport that wants memory for a queue and a provider that
//! yields it (rules M1..).
//!
//! ```text
//!   miniport, adapter A                  SharedMemory                        Provider
//!   NdisAllocateSharedMemory ──────────► is there such a queue? (M12) ─────► allocate
//!     for what, queue, node, length      is what comes what was asked?       which address space: by usage and queue (M11)
//!            │                                   │
//!            ◄── SharedMemoryHandle, for segments│
//!            ◄── AllocationHandle, for the free ◄┘   never mixed: two types (M3)
//! ```
//!
//! No memory is touched here. A provider says by what its block is named in segments, where it lies and of which pieces it
//! is made; what that means is between it and whoever copies.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use crate::engine::Engine;
use crate::id::QueueId;
use crate::status::NdisStatus;

/// What a block is for, `NDIS_SHARED_MEMORY_USAGE`. By it and the queue the provider chooses where the block comes from; who
/// asks must not depend on that (M11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Usage {
    /// Whole frames to transmit.
    Xmit = ndis::NdisSharedMemoryUsageXmit,
    /// Headers of frames to transmit.
    XmitHeader = ndis::NdisSharedMemoryUsageXmitHeader,
    /// Payload of frames to transmit.
    XmitData = ndis::NdisSharedMemoryUsageXmitData,
    /// Whole received frames (M10).
    Receive = ndis::NdisSharedMemoryUsageReceive,
    /// First bytes of received frames, out of a machine's reach (M10).
    ReceiveLookahead = ndis::NdisSharedMemoryUsageReceiveLookahead,
    /// The rest of received frames (M10).
    ReceivePostLookahead = ndis::NdisSharedMemoryUsageReceivePostLookahead,
    /// Headers of received frames.
    ReceiveHeader = ndis::NdisSharedMemoryUsageReceiveHeader,
    /// Payload of received frames.
    ReceiveData = ndis::NdisSharedMemoryUsageReceiveData,
    /// Anything else, such as rings.
    Other = ndis::NdisSharedMemoryUsageOther,
}

/// A NUMA node, and whether another will do: `NODE_REQUIREMENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeRequirement(pub u32);

impl NodeRequirement {
    /// Any node will do.
    pub const ANY: NodeRequirement = NodeRequirement(ndis::MM_ANY_NODE_OK);

    /// The node that is asked for.
    pub const fn node(self) -> u32 {
        self.0 & !ndis::MM_ANY_NODE_OK
    }

    /// Whether memory of another node will do.
    pub const fn is_any_ok(self) -> bool {
        self.0 & ndis::MM_ANY_NODE_OK != 0
    }
}

/// What memory is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocateMemory {
    /// The queue that it is for; the default queue is always there (M12).
    pub queue: QueueId,
    /// What it is for.
    pub usage: Usage,
    /// Where it should lie.
    pub node: NodeRequirement,
    /// Bytes, at least one and at most 4 GiB: what an offset in a segment can tell apart.
    pub length: u64,
    /// Whether it must be one piece (M5).
    pub is_contiguous: bool,
    /// The most pieces that its description may have (M6).
    pub capacity: usize,
}

/// The most bytes of a block.
pub const MAX_BLOCK: u64 = 1 << 32;

/// Names a block in segments: what stands in `NET_BUFFER_SHARED_MEMORY`. Not what frees it (M3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SharedMemoryHandle(pub NonZeroU64);

/// Frees a block, once. Not what names it in segments (M3).
#[derive(Debug, PartialEq, Eq)]
pub struct AllocationHandle(NonZeroU64);

/// A piece of a block: `SCATTER_GATHER_ELEMENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it lies, in the terms of the provider.
    pub address: u64,
    /// Bytes.
    pub length: u64,
}

/// A block as it is described to who asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Its name in segments; `None` is NULL: memory that has none, from the HAL (M4).
    pub handle: Option<SharedMemoryHandle>,
    /// Where it is mapped in one range (M5), if it is and may be told.
    pub address: Option<u64>,
    /// Its pieces in order, which add up to its length.
    pub pieces: Vec<Piece>,
}

/// A provider's own name for a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProviderHandle(pub u64);

/// What a provider registers, `NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS` (M1). Its entry points are [`Provider`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProviderCharacteristics {
    /// Given back to both entry points.
    pub context: u64,
    /// `NDIS_SHARED_MEMORY_PROVIDER_CHAR_SUPPORTS_PF_VPORTS` or 0.
    pub flags: u32,
}

/// Yields memory.
pub trait Provider {
    /// Yields a block, and its own name for it.
    ///
    /// # Errors
    /// RESOURCES, INVALID_PARAMETER or FAILURE (M7); another status counts as FAILURE.
    fn allocate(
        &mut self,
        context: u64,
        asked: &AllocateMemory,
    ) -> Result<(ProviderHandle, Memory), NdisStatus>;

    /// Takes a block back, by the name that [`Provider::allocate`] gave it.
    fn free(&mut self, context: u64, block: ProviderHandle);
}

/// Who has which memory. `A` tells adapters apart, each of which has an [`Engine`] of its own.
#[derive(Debug)]
pub struct SharedMemory<A> {
    provider: Option<ProviderCharacteristics>,
    blocks: BTreeMap<NonZeroU64, Block<A>>,
    last: u64,
}

#[derive(Clone, Copy, Debug)]
struct Block<A> {
    adapter: A,
    asked: AllocateMemory,
    provider: ProviderHandle,
}

impl<A: Copy + Eq> SharedMemory<A> {
    /// Nothing is allocated, and no provider is registered.
    pub fn new() -> SharedMemory<A> {
        SharedMemory {
            provider: None,
            blocks: BTreeMap::new(),
            last: 0,
        }
    }

    /// `NdisSetOptionalHandlers`: from now on this provider serves (M1). Refused with INVALID_STATE while there are blocks,
    /// which another one yielded.
    pub fn register(&mut self, provider: ProviderCharacteristics) -> Result<(), NdisStatus> {
        if !self.blocks.is_empty() {
            return Err(NdisStatus::INVALID_STATE);
        }
        self.provider = Some(provider);
        Ok(())
    }

    /// `NdisAllocateSharedMemory` (M2) of an adapter with this engine.
    ///
    /// Refused with INVALID_PARAMETER if the queue does not exist or is being freed (M9, M12), no byte or more than 4 GiB are
    /// asked for, or the description does not fit (M6); with RESOURCES if one piece is asked for and there is none (M5);
    /// with FAILURE if no provider is registered or what it yields is not what was asked for; else as the provider says
    /// (M7). What is refused is with the provider again.
    pub fn allocate(
        &mut self,
        provider: &mut impl Provider,
        adapter: A,
        engine: &Engine,
        asked: AllocateMemory,
    ) -> Result<(AllocationHandle, Memory), NdisStatus> {
        let context = self.context()?;
        engine.takes_memory(asked.queue)?;
        if !(1..=MAX_BLOCK).contains(&asked.length) {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        let yielded = provider.allocate(context, &asked);
        let (block, memory) = yielded.map_err(|status| match status {
            NdisStatus::RESOURCES | NdisStatus::INVALID_PARAMETER => status,
            _ => NdisStatus::FAILURE,
        })?;
        if let Err(status) = memory.check(&asked) {
            provider.free(context, block);
            return Err(status);
        }
        self.last += 1;
        let name = NonZeroU64::new(self.last).ok_or(NdisStatus::FAILURE)?;
        let record = Block {
            adapter,
            asked,
            provider: block,
        };
        self.blocks.insert(name, record);
        Ok((AllocationHandle(name), memory))
    }

    /// `NdisFreeSharedMemory`, by the adapter that allocated the block.
    ///
    /// # Errors
    /// The handle, if it is another adapter's (M3), or its queue's memory was freed before.
    pub fn free(
        &mut self,
        provider: &mut impl Provider,
        adapter: A,
        allocation: AllocationHandle,
    ) -> Result<(), AllocationHandle> {
        let is_its = |block: &Block<A>| block.adapter == adapter;
        match (self.blocks.get(&allocation.0), self.context()) {
            (Some(block), Ok(context)) if is_its(block) => {
                provider.free(context, block.provider);
                self.blocks.remove(&allocation.0);
                Ok(())
            }
            _ => Err(allocation),
        }
    }

    /// Frees what a queue still has, as FREE_QUEUE does once its DMA has stopped and its buffers are back (F1, M9); answers
    /// how many blocks.
    pub fn free_all(&mut self, provider: &mut impl Provider, adapter: A, queue: QueueId) -> usize {
        let Ok(context) = self.context() else {
            return 0;
        };
        let before = self.blocks.len();
        self.blocks.retain(|_, block| {
            let goes = (block.adapter, block.asked.queue) == (adapter, queue);
            if goes {
                provider.free(context, block.provider);
            }
            !goes
        });
        before - self.blocks.len()
    }

    /// What was asked for that a queue still has, oldest first.
    pub fn of_queue(&self, adapter: A, queue: QueueId) -> impl Iterator<Item = &AllocateMemory> {
        let is_its =
            move |block: &&Block<A>| (block.adapter, block.asked.queue) == (adapter, queue);
        self.blocks
            .values()
            .filter(is_its)
            .map(|block| &block.asked)
    }

    fn context(&self) -> Result<u64, NdisStatus> {
        let provider = self.provider.ok_or(NdisStatus::FAILURE)?;
        Ok(provider.context)
    }
}

impl<A: Copy + Eq> Default for SharedMemory<A> {
    fn default() -> SharedMemory<A> {
        SharedMemory::new()
    }
}

impl AllocateMemory {
    /// Memory for a queue on any node, in any number of pieces.
    pub const fn new(queue: QueueId, usage: Usage, length: u64) -> AllocateMemory {
        AllocateMemory {
            queue,
            usage,
            node: NodeRequirement::ANY,
            length,
            is_contiguous: false,
            capacity: usize::MAX,
        }
    }
}

impl Memory {
    /// Whether it is what was asked for.
    fn check(&self, asked: &AllocateMemory) -> Result<(), NdisStatus> {
        let mut lengths = self.pieces.iter().map(|piece| piece.length);
        let length = lengths.try_fold(0, u64::checked_add);
        if length != Some(asked.length) {
            Err(NdisStatus::FAILURE)
        } else if asked.is_contiguous && self.pieces.len() > 1 {
            Err(NdisStatus::RESOURCES)
        } else if self.pieces.len() > asked.capacity {
            Err(NdisStatus::INVALID_PARAMETER)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
