//! Shared memory as the switch has it allocated: the workers' own, and the machines' regions.
//!
//! ```text
//!   a worker's buffers ─┐                                        ┌─► default queue of the default network
//!                       ├─► vmq::SharedMemory: who has what ─────┤
//!   a VMM's region ─────┘     │ provider                         └─► the port's queue
//!                             ▼
//!                       shmem::BlockRegistry: handle of each block, which the workers' tables resolve
//! ```
//!
//! Nothing is yielded that was not there before: the provider names what it is shown, a mapping of the host's or of a VMM's
//! memory, as a block. Two handles come of it (M3). The one for segments may be copied and is checked each time; the one that
//! frees is part of a [`Block`] and used up by the release.

use std::num::NonZeroU64;
use std::sync::Arc;

use shmem::{BlockRegistry, BlockTable, Handle, Mapping};
use vmq::{
    AllocateMemory, AllocationHandle, Engine, MAX_BLOCK, NdisStatus, Piece, Provider,
    ProviderCharacteristics, ProviderHandle, QueueId, SharedMemory, SharedMemoryHandle, Usage,
};

use crate::spec::NetworkId;

/// A piece of a machine's memory that segments can name, until it is given to [`Switch::release`](crate::Switch::release).
#[derive(Debug)]
pub struct Block {
    handle: Handle,
    allocation: AllocationHandle,
    network: NetworkId,
}

impl Block {
    /// Names it in segments.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle
    }
}

/// All memory that segments can name, and whose it is.
pub(crate) struct Memory {
    books: SharedMemory<NetworkId>,
    blocks: BlockRegistry,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let mut books = SharedMemory::new();
        let registered = books.register(ProviderCharacteristics::default());
        debug_assert!(registered.is_ok(), "there are no blocks yet");
        Self {
            books,
            blocks: BlockRegistry::new(),
        }
    }

    /// The blocks as they are now, for the workers.
    pub(crate) fn table(&self) -> Arc<BlockTable> {
        self.blocks.snapshot()
    }

    /// Memory of the host's own, of any queue and none: it is the default queue's, and stays until the switch ends (F5).
    ///
    /// # Errors
    /// There are more blocks than can be told apart.
    pub(crate) fn of_host(
        &mut self,
        engine: &Engine,
        usage: Usage,
        mapping: &Arc<Mapping>,
    ) -> Result<Handle, NdisStatus> {
        let whole = AllocateMemory::new(QueueId::DEFAULT, usage, mapping.len());
        let (handle, _) = self.allocate(NetworkId::DEFAULT, engine, whole, mapping, 0)?;
        Ok(handle)
    }

    /// Memory of the machine behind `queue`: `len` bytes from `offset` on, in blocks of at most 4 GiB, in order.
    ///
    /// # Errors
    /// The queue does not exist, the range is empty or leaves the mapping (INVALID_PARAMETER), or there are more blocks than
    /// can be told apart (RESOURCES). Nothing is registered then.
    pub(crate) fn of_machine(
        &mut self,
        network: NetworkId,
        engine: &Engine,
        queue: QueueId,
        mapping: &Arc<Mapping>,
        offset: u64,
        len: u64,
    ) -> Result<Vec<Block>, NdisStatus> {
        let mut blocks = Vec::new();
        let mut taken = 0;
        while taken < len || blocks.is_empty() {
            let piece = MAX_BLOCK.min(len - taken);
            // Whole frames: a machine's queue has no lookahead split, the switch makes its own on the sender's side.
            let asked = AllocateMemory::new(queue, Usage::Receive, piece);
            match self.allocate(
                network,
                engine,
                asked,
                mapping,
                offset.saturating_add(taken),
            ) {
                Ok((handle, allocation)) => blocks.push(Block {
                    handle,
                    allocation,
                    network,
                }),
                Err(status) => {
                    self.free(blocks);
                    return Err(status);
                }
            }
            taken += piece;
        }
        Ok(blocks)
    }

    /// Forgets blocks: tables taken from now on do not have them. One whose queue was freed is forgotten already.
    pub(crate) fn free(&mut self, blocks: impl IntoIterator<Item = Block>) {
        let mut provider = Shown::nothing(&mut self.blocks);
        for block in blocks {
            let _ = self
                .books
                .free(&mut provider, block.network, block.allocation);
        }
    }

    /// Forgets what a queue still has, which no worker can touch any more (F1).
    pub(crate) fn free_all(&mut self, network: NetworkId, queue: QueueId) {
        let mut provider = Shown::nothing(&mut self.blocks);
        self.books.free_all(&mut provider, network, queue);
    }

    fn allocate(
        &mut self,
        network: NetworkId,
        engine: &Engine,
        asked: AllocateMemory,
        mapping: &Arc<Mapping>,
        offset: u64,
    ) -> Result<(Handle, AllocationHandle), NdisStatus> {
        let mut provider = Shown {
            blocks: &mut self.blocks,
            memory: Some((mapping, offset)),
        };
        let allocated = self.books.allocate(&mut provider, network, engine, asked);
        let (allocation, memory) = allocated?;
        let handle = memory
            .handle
            .and_then(|handle| Handle::from_bits(handle.0.get()));
        Ok((handle.ok_or(NdisStatus::FAILURE)?, allocation))
    }
}

/// The provider: names what it is shown, from an offset on.
struct Shown<'a> {
    blocks: &'a mut BlockRegistry,
    memory: Option<(&'a Arc<Mapping>, u64)>,
}

impl<'a> Shown<'a> {
    /// For blocks that go.
    fn nothing(blocks: &'a mut BlockRegistry) -> Self {
        Self {
            blocks,
            memory: None,
        }
    }
}

impl Provider for Shown<'_> {
    fn allocate(
        &mut self,
        _context: u64,
        asked: &AllocateMemory,
    ) -> Result<(ProviderHandle, vmq::Memory), NdisStatus> {
        let (mapping, offset) = self.memory.ok_or(NdisStatus::RESOURCES)?;
        let end = offset.checked_add(asked.length);
        if end.is_none_or(|end| end > mapping.len()) {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        let [handle] = self.blocks.register(mapping, offset, asked.length)[..] else {
            return Err(NdisStatus::RESOURCES);
        };
        // No address leaves `shmem`. Where the block lies is told by its place in what was shown, in one piece.
        let memory = vmq::Memory {
            handle: NonZeroU64::new(handle.to_bits()).map(SharedMemoryHandle),
            address: None,
            pieces: vec![Piece {
                address: offset,
                length: asked.length,
            }],
        };
        Ok((ProviderHandle(handle.to_bits()), memory))
    }

    fn free(&mut self, _context: u64, block: ProviderHandle) {
        let handle = Handle::from_bits(block.0);
        let is_gone = handle.is_some_and(|handle| self.blocks.remove(handle));
        debug_assert!(is_gone, "a block that is freed is there");
    }
}

#[cfg(test)]
mod tests {
    use vmq::{Affinity, AllocateQueue, Binding, Capabilities, Settings};

    use super::*;

    const ME: Binding = Binding(0);
    const NETWORK: NetworkId = NetworkId(1);

    fn engine() -> (Engine, QueueId) {
        let mut engine = Engine::new(Capabilities::new(4, 4), Settings::default(), 0);
        let parameters = AllocateQueue {
            processor_affinity: Affinity { group: 0, mask: 1 },
            ..AllocateQueue::default()
        };
        let queue = engine.allocate_queue(ME, parameters).unwrap();
        (engine, queue)
    }

    #[test]
    fn a_region_is_found_by_its_handle_until_it_is_freed() {
        let (engine, queue) = engine();
        let mapping = Mapping::anonymous(16384).unwrap();
        let mut memory = Memory::new();
        let blocks = memory.of_machine(NETWORK, &engine, queue, &mapping, 4096, 8192);
        let blocks = blocks.unwrap();
        let handle = blocks[0].handle();
        assert_eq!(blocks.len(), 1);
        mapping.window(4096 + 100, 4).unwrap().write(b"vmq!");
        let mut found = [0; 4];
        memory
            .table()
            .window(handle, 100, 4)
            .unwrap()
            .read(&mut found);
        assert_eq!(&found, b"vmq!");
        assert!(memory.table().window(handle, 8192, 1).is_err());
        memory.free(blocks);
        assert!(memory.table().window(handle, 100, 4).is_err());
    }

    #[test]
    fn m12_a_range_that_is_not_there_and_a_queue_that_is_not_are_refused() {
        let (engine, queue) = engine();
        let mapping = Mapping::anonymous(8192).unwrap();
        let mut memory = Memory::new();
        let mut refused = |queue, offset, len| {
            let blocks = memory.of_machine(NETWORK, &engine, queue, &mapping, offset, len);
            blocks.err()
        };
        let wrong = Some(NdisStatus::INVALID_PARAMETER);
        assert_eq!(refused(queue, 0, 0), wrong);
        assert_eq!(refused(queue, 4096, 4097), wrong);
        assert_eq!(refused(queue, u64::MAX, 2), wrong);
        assert_eq!(refused(QueueId(3), 0, 4096), wrong);
        assert_eq!(refused(queue, 4096, 4096), None);
    }

    /// F1, and that who still holds a block of a queue that is gone frees nothing of anybody's.
    #[test]
    fn f1_what_a_queue_still_has_goes_with_it() {
        let (engine, queue) = engine();
        let mapping = Mapping::anonymous(8192).unwrap();
        let mut memory = Memory::new();
        let late = memory
            .of_machine(NETWORK, &engine, queue, &mapping, 0, 4096)
            .unwrap();
        let other = memory
            .of_machine(NetworkId(2), &engine, queue, &mapping, 0, 4096)
            .unwrap();
        let host = memory
            .of_host(&engine, Usage::ReceiveLookahead, &mapping)
            .unwrap();
        memory.free_all(NETWORK, queue);
        assert!(memory.table().window(late[0].handle(), 0, 1).is_err());
        let again = memory
            .of_machine(NETWORK, &engine, queue, &mapping, 0, 4096)
            .unwrap();
        memory.free(late);
        let table = memory.table();
        for handle in [again[0].handle(), other[0].handle(), host] {
            assert!(table.window(handle, 0, 1).is_ok());
        }
    }
}
