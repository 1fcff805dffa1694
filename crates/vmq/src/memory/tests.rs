//! The rules of shared memory (M1..), with a provider that has two address spaces.

use super::*;
use crate::affinity::Affinity;
use crate::capabilities::{Capabilities, Settings};
use crate::id::Binding;
use crate::queue::AllocateQueue;

const PAGE: u64 = 4096;
const ME: Binding = Binding(1);

/// The host's pages and those of the machines, each of which begins somewhere else.
#[derive(Default)]
struct Backing {
    /// By its own names: what it was asked, and where that went.
    blocks: BTreeMap<u64, (u64, AllocateMemory, &'static str)>,
    last: u64,
    free_pages: u64,
    /// What it answers instead, and what it does wrong.
    refuses: Option<NdisStatus>,
    is_short: bool,
    is_endless: bool,
    has_no_handle: bool,
}

impl Backing {
    fn new() -> Backing {
        Backing {
            free_pages: 1 << 21,
            ..Backing::default()
        }
    }

    fn pages(asked: &AllocateMemory) -> u64 {
        asked.length.div_ceil(PAGE)
    }
}

impl Provider for Backing {
    fn allocate(
        &mut self,
        context: u64,
        asked: &AllocateMemory,
    ) -> Result<(ProviderHandle, Memory), NdisStatus> {
        if let Some(status) = self.refuses {
            return Err(status);
        }
        let left = self.free_pages.checked_sub(Backing::pages(asked));
        self.free_pages = left.ok_or(NdisStatus::RESOURCES)?;
        self.last += 1;
        let space = match asked.usage {
            Usage::Receive | Usage::ReceivePostLookahead if !asked.queue.is_default() => "machine",
            _ => "host",
        };
        self.blocks.insert(self.last, (context, *asked, space));
        let length = asked.length - u64::from(self.is_short);
        let piece = if asked.is_contiguous { length } else { PAGE };
        let pieces = (0..length.div_ceil(piece)).map(|nth| Piece {
            // Every second page.
            address: (self.last << 40) + nth * 2 * PAGE,
            length: piece.min(length - nth * piece),
        });
        let mut pieces: Vec<_> = pieces.collect();
        if self.is_endless {
            // As many bytes as were asked for, if one does not look at the carry.
            pieces.extend([u64::MAX, 1].map(|length| Piece { address: 0, length }));
        }
        let handle = NonZeroU64::new(1000 + self.last).map(SharedMemoryHandle);
        let memory = Memory {
            handle: handle.filter(|_| !self.has_no_handle),
            address: Some(self.last << 40),
            pieces,
        };
        Ok((ProviderHandle(self.last), memory))
    }

    fn free(&mut self, context: u64, block: ProviderHandle) {
        let (of, asked, _) = self
            .blocks
            .remove(&block.0)
            .expect("a block of this provider");
        assert_eq!(of, context);
        self.free_pages += Backing::pages(&asked);
    }
}

/// An adapter with one queue, and memory for it.
struct World {
    engine: Engine,
    queue: QueueId,
    memory: SharedMemory<u8>,
    backing: Backing,
}

impl World {
    fn new() -> World {
        let mut engine = Engine::new(Capabilities::new(2, 4), Settings::default(), 0);
        let parameters = AllocateQueue {
            processor_affinity: Affinity { group: 0, mask: 1 },
            ..AllocateQueue::default()
        };
        let queue = engine.allocate_queue(ME, parameters).unwrap();
        let mut memory = SharedMemory::new();
        let provider = ProviderCharacteristics {
            context: 77,
            flags: 0,
        };
        memory.register(provider).unwrap();
        World {
            engine,
            queue,
            memory,
            backing: Backing::new(),
        }
    }

    fn ask(&mut self, asked: AllocateMemory) -> Result<(AllocationHandle, Memory), NdisStatus> {
        self.memory
            .allocate(&mut self.backing, 1, &self.engine, asked)
    }

    fn some(&self) -> AllocateMemory {
        AllocateMemory::new(self.queue, Usage::Receive, 3 * PAGE)
    }
}

#[test]
fn m1_nothing_is_allocated_before_a_provider_is_registered() {
    let mut world = World::new();
    world.memory = SharedMemory::new();
    assert_eq!(world.ask(world.some()), Err(NdisStatus::FAILURE));
    let provider = ProviderCharacteristics {
        context: 78,
        flags: 0,
    };
    assert_eq!(world.memory.register(provider), Ok(()));
    world.ask(world.some()).unwrap();
    assert_eq!(
        world.backing.blocks[&1].0, 78,
        "both entry points get its context"
    );
    assert_eq!(
        world.memory.register(ProviderCharacteristics::default()),
        Err(NdisStatus::INVALID_STATE),
        "what this one yielded goes back to this one"
    );
    assert_eq!(world.memory.free_all(&mut world.backing, 1, world.queue), 1);
    assert_eq!(world.memory.register(provider), Ok(()));
}

#[test]
fn m2_an_allocation_brings_address_pieces_and_both_handles() {
    let mut world = World::new();
    let asked = AllocateMemory {
        node: NodeRequirement(3),
        ..world.some()
    };
    let (allocation, memory) = world.ask(asked).unwrap();
    assert_eq!(memory.address, Some(1 << 40));
    assert_eq!(memory.pieces.len(), 3);
    assert_eq!(memory.handle, NonZeroU64::new(1001).map(SharedMemoryHandle));
    assert_eq!(
        world.backing.blocks[&1].1, asked,
        "it is asked for the usage, the queue and the node"
    );
    assert_eq!((asked.node.node(), asked.node.is_any_ok()), (3, false));
    assert!(NodeRequirement::ANY.is_any_ok());
    assert_eq!(world.memory.free(&mut world.backing, 1, allocation), Ok(()));
    assert!(world.backing.blocks.is_empty());
}

/// That the other handle frees nothing is checked by the compiler: it is another type.
#[test]
fn m3_a_block_is_freed_once_by_its_own_handle_and_adapter() {
    let mut world = World::new();
    let (first, _) = world.ask(world.some()).unwrap();
    let (second, _) = world.ask(world.some()).unwrap();
    let first = world.memory.free(&mut world.backing, 2, first).unwrap_err();
    assert_eq!(world.backing.blocks.len(), 2, "another adapter's");
    assert_eq!(world.memory.free(&mut world.backing, 1, first), Ok(()));
    assert_eq!(world.memory.free_all(&mut world.backing, 1, world.queue), 1);
    assert!(
        world.memory.free(&mut world.backing, 1, second).is_err(),
        "it is free already"
    );
    assert!(world.backing.blocks.is_empty());
}

#[test]
fn m4_memory_without_a_handle_is_memory() {
    let mut world = World::new();
    world.backing.has_no_handle = true;
    let (allocation, memory) = world.ask(world.some()).unwrap();
    assert_eq!(memory.handle, None);
    assert_eq!(world.memory.free(&mut world.backing, 1, allocation), Ok(()));
}

#[test]
fn m5_contiguous_memory_is_one_piece() {
    let mut world = World::new();
    let contiguous = AllocateMemory {
        is_contiguous: true,
        ..world.some()
    };
    let (_, memory) = world.ask(contiguous).unwrap();
    assert_eq!(memory.pieces.len(), 1);
    let (_, memory) = world.ask(world.some()).unwrap();
    let lengths: u64 = memory.pieces.iter().map(|piece| piece.length).sum();
    assert_eq!(
        (memory.pieces.len(), lengths),
        (3, 3 * PAGE),
        "one range, in pieces"
    );
}

/// Providers that have no contiguous memory.
struct InPieces(Backing);

impl Provider for InPieces {
    fn allocate(
        &mut self,
        context: u64,
        asked: &AllocateMemory,
    ) -> Result<(ProviderHandle, Memory), NdisStatus> {
        let asked = AllocateMemory {
            is_contiguous: false,
            ..*asked
        };
        self.0.allocate(context, &asked)
    }

    fn free(&mut self, context: u64, block: ProviderHandle) {
        self.0.free(context, block);
    }
}

#[test]
fn m5_memory_in_pieces_does_not_pass_for_contiguous() {
    let mut world = World::new();
    let mut provider = InPieces(Backing::new());
    let contiguous = AllocateMemory {
        is_contiguous: true,
        ..world.some()
    };
    let refused = world
        .memory
        .allocate(&mut provider, 1, &world.engine, contiguous);
    assert_eq!(refused, Err(NdisStatus::RESOURCES));
    assert!(provider.0.blocks.is_empty(), "it was given back");
}

#[test]
fn m6_a_description_that_does_not_fit_is_refused() {
    let mut world = World::new();
    let with = |capacity| AllocateMemory {
        capacity,
        ..AllocateMemory::new(QueueId(1), Usage::Receive, 3 * PAGE)
    };
    assert!(world.ask(with(3)).is_ok());
    assert_eq!(world.ask(with(2)), Err(NdisStatus::INVALID_PARAMETER));
    assert_eq!(world.backing.blocks.len(), 1, "it was given back");
}

#[test]
fn m7_only_documented_statuses_come_out() {
    let mut world = World::new();
    for (said, expected) in [
        (NdisStatus::RESOURCES, NdisStatus::RESOURCES),
        (NdisStatus::INVALID_PARAMETER, NdisStatus::INVALID_PARAMETER),
        (NdisStatus::FAILURE, NdisStatus::FAILURE),
        (NdisStatus::FILE_NOT_FOUND, NdisStatus::FAILURE),
        (NdisStatus::PENDING, NdisStatus::FAILURE),
    ] {
        world.backing.refuses = Some(said);
        assert_eq!(world.ask(world.some()), Err(expected), "{said}");
    }
    world.backing.refuses = None;
    world.backing.is_short = true;
    assert_eq!(
        world.ask(world.some()),
        Err(NdisStatus::FAILURE),
        "it yields too little"
    );
    (world.backing.is_short, world.backing.is_endless) = (false, true);
    assert_eq!(
        world.ask(world.some()),
        Err(NdisStatus::FAILURE),
        "it yields more than there is"
    );
    world.backing.is_endless = false;
    assert!(world.backing.blocks.is_empty());
    for length in [0, MAX_BLOCK + 1] {
        let asked = AllocateMemory {
            length,
            ..world.some()
        };
        assert_eq!(world.ask(asked), Err(NdisStatus::INVALID_PARAMETER));
    }
    let most = AllocateMemory {
        length: MAX_BLOCK,
        is_contiguous: true,
        ..world.some()
    };
    assert!(world.ask(most).is_ok());
    assert!(world.ask(most).is_ok());
    assert_eq!(
        world.ask(most),
        Err(NdisStatus::RESOURCES),
        "there are 8 GiB"
    );
}

#[test]
fn m9_memory_comes_with_the_completion_and_later_and_goes_before_the_queue() {
    let World {
        mut engine,
        queue,
        mut memory,
        mut backing,
    } = World::new();
    let asked = AllocateMemory::new(queue, Usage::Receive, PAGE);
    let poor = engine.allocation_complete(ME, &[queue], |_, _| Err(NdisStatus::RESOURCES));
    assert_eq!(poor, [(queue, NdisStatus::RESOURCES)]);
    let completed = engine.allocation_complete(ME, &[queue], |engine, _| {
        let allocated = memory.allocate(&mut backing, 1, engine, asked);
        allocated.map(|_| ())
    });
    assert_eq!(completed, [(queue, NdisStatus::SUCCESS)]);
    memory.allocate(&mut backing, 1, &engine, asked).unwrap();
    assert_eq!(memory.of_queue(1, queue).count(), 2);
    // F1: DMA stops, the memory goes, the request completes.
    engine.free_queue(ME, queue).unwrap();
    let late = memory.allocate(&mut backing, 1, &engine, asked);
    assert_eq!(
        late,
        Err(NdisStatus::INVALID_PARAMETER),
        "it is being freed"
    );
    engine.dma_stopped(queue).unwrap();
    assert_eq!(memory.free_all(&mut backing, 1, queue), 2);
    assert!(backing.blocks.is_empty());
    engine.resources_freed(queue).unwrap();
}

/// F5: the default queue's memory is nobody's to free but who allocated it.
#[test]
fn f5_m9_memory_of_the_default_queue_outlives_all_others() {
    let mut world = World::new();
    let default = AllocateMemory::new(QueueId::DEFAULT, Usage::ReceiveLookahead, PAGE);
    let (allocation, _) = world.ask(default).unwrap();
    world.ask(world.some()).unwrap();
    world.engine.free_queue(ME, world.queue).unwrap();
    assert_eq!(world.memory.free_all(&mut world.backing, 1, world.queue), 1);
    let left: Vec<_> = world.memory.of_queue(1, QueueId::DEFAULT).collect();
    assert_eq!(left, [&default]);
    assert_eq!(world.memory.free(&mut world.backing, 1, allocation), Ok(()));
}

#[test]
fn m10_m11_the_provider_chooses_the_address_space_by_usage_and_queue() {
    let mut world = World::new();
    let queue = world.queue;
    for (queue, usage, space) in [
        (queue, Usage::Receive, "machine"),
        (queue, Usage::ReceiveLookahead, "host"),
        (queue, Usage::ReceivePostLookahead, "machine"),
        (queue, Usage::Other, "host"),
        (QueueId::DEFAULT, Usage::Receive, "host"),
    ] {
        let asked = AllocateMemory::new(queue, usage, PAGE);
        let (allocation, memory) = world.ask(asked).unwrap();
        let [(.., of)] = world.backing.blocks.values().collect::<Vec<_>>()[..] else {
            panic!("one block");
        };
        assert_eq!(*of, space, "{usage:?}");
        assert!(memory.handle.is_some(), "and who asked sees no difference");
        world
            .memory
            .free(&mut world.backing, 1, allocation)
            .unwrap();
    }
}

#[test]
fn m12_the_queue_must_exist() {
    let mut world = World::new();
    for queue in [QueueId(2), QueueId(9), QueueId(u16::MAX)] {
        let asked = AllocateMemory::new(queue, Usage::Receive, PAGE);
        assert_eq!(world.ask(asked), Err(NdisStatus::INVALID_PARAMETER));
    }
    assert!(
        world.backing.blocks.is_empty(),
        "the provider is not even asked"
    );
}
