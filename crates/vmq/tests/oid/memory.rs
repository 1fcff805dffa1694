//! Shared memory by structures.

use std::num::NonZeroU64;

use ndis::*;
use vmq::oid::*;
use vmq::{
    AllocateMemory, Memory, NdisStatus, NdisVersion, Piece, Provider, ProviderCharacteristics,
    ProviderHandle, SharedMemory, SharedMemoryHandle, Usage,
};

use crate::adapter::*;

/// Yields pages, and notes what was asked and what is out.
#[derive(Default)]
struct Pages {
    asked: Vec<AllocateMemory>,
    out: usize,
    handle: u64,
}

impl Provider for Pages {
    fn allocate(
        &mut self,
        _context: u64,
        asked: &AllocateMemory,
    ) -> Result<(ProviderHandle, Memory), NdisStatus> {
        self.asked.push(*asked);
        self.out += 1;
        let pages = asked.length.div_ceil(4096);
        let pieces = (0..pages).map(|page| Piece {
            address: 0x1_0000_0000 + page * 8192,
            length: 4096.min(asked.length - page * 4096),
        });
        let memory = Memory {
            handle: NonZeroU64::new(self.handle).map(SharedMemoryHandle),
            address: Some(0xff00),
            pieces: pieces.collect(),
        };
        Ok((ProviderHandle(1), memory))
    }

    fn free(&mut self, _context: u64, _block: ProviderHandle) {
        self.out -= 1;
    }
}

struct World {
    adapter: Adapter,
    memory: SharedMemory<()>,
    pages: Pages,
}

impl World {
    fn new(width: PointerWidth) -> World {
        let mut adapter = Adapter::new(width, NdisVersion::V6_30);
        assert_eq!(adapter.allocated(), 1);
        let mut memory = SharedMemory::new();
        memory.register(ProviderCharacteristics::default()).unwrap();
        let pages = Pages {
            handle: 0x1234,
            ..Pages::default()
        };
        World {
            adapter,
            memory,
            pages,
        }
    }

    fn ask(&mut self, parameters: &mut [u8], list: &mut [u8]) -> Result<(), Refusal> {
        let allocated = self.memory.allocate_from(
            &mut self.pages,
            (),
            &self.adapter.engine,
            self.adapter.width,
            parameters,
            list,
        );
        allocated.map(|_| ())
    }
}

/// 5000 bytes for queue 1, with room for a list of `room` bytes.
fn parameters(room: u32) -> SharedMemoryParameters {
    SharedMemoryParameters {
        queue_id: 1,
        preferred_node: MM_ANY_NODE_OK | 1,
        usage: NdisSharedMemoryUsageReceive,
        length: 5000,
        sg_list_buffer_length: room,
        sg_list_buffer: PointerSized(0x10),
        ..Default::default()
    }
}

#[test]
fn m2_m6_a_block_comes_back_with_handle_address_and_list() {
    for width in WIDTHS {
        let mut world = World::new(width);
        let size = if width == PointerWidth::Bits64 {
            16 + 2 * 24
        } else {
            8 + 2 * 16
        };
        let mut asked = world.adapter.bytes(parameters(size));
        let mut list = vec![0xee; size as usize];
        assert_eq!(world.ask(&mut asked, &mut list), Ok(()));
        let (answer, _) = SharedMemoryParameters::read(&asked, width, NdisVersion::V6_30).unwrap();
        let expected = SharedMemoryParameters {
            shared_memory_handle: PointerSized(0x1234),
            virtual_address: PointerSized(0xff00),
            ..parameters(size)
        };
        assert_eq!(answer, expected);
        let asked = world.pages.asked[0];
        assert_eq!(
            (asked.queue.0, asked.usage, asked.length),
            (1, Usage::Receive, 5000)
        );
        assert_eq!(
            (asked.node.node(), asked.node.is_any_ok(), asked.capacity),
            (1, true, 2)
        );
        assert_eq!(list[..4], [2, 0, 0, 0]);
        let (first, element) = if width == PointerWidth::Bits64 {
            (16, 24)
        } else {
            (8, 16)
        };
        for (nth, (address, length)) in [(0x1_0000_0000_u64, 4096_u32), (0x1_0000_2000, 904)]
            .into_iter()
            .enumerate()
        {
            let at = first + nth * element;
            assert_eq!(list[at..at + 8], address.to_le_bytes());
            assert_eq!(list[at + 8..at + 12], length.to_le_bytes());
        }
    }
}

#[test]
fn m6_a_list_that_has_no_room_is_refused_and_the_block_given_back() {
    for width in WIDTHS {
        let mut world = World::new(width);
        let mut asked = world.adapter.bytes(parameters(39));
        let before = asked.clone();
        let refused = world.ask(&mut asked, &mut [0; 100]);
        assert_eq!(
            refused,
            Err(NdisStatus::INVALID_PARAMETER.into()),
            "it says that it has none"
        );
        let mut asked = world.adapter.bytes(parameters(100));
        let refused = world.ask(&mut asked, &mut [0; 20]).unwrap_err();
        assert_eq!(
            refused.status,
            NdisStatus::INVALID_LENGTH,
            "it says that it has some"
        );
        assert_eq!(world.pages.out, 0);
        let without = SharedMemoryParameters {
            sg_list_buffer: PointerSized(0),
            ..parameters(0)
        };
        let mut asked = world.adapter.bytes(without);
        assert_eq!(
            world.ask(&mut asked, &mut []),
            Ok(()),
            "nobody asks for a list"
        );
        assert_ne!(asked, before);
    }
}

#[test]
fn m12_what_is_no_vm_queues_memory_is_refused() {
    let refused = [
        SharedMemoryParameters {
            queue_id: 2,
            ..parameters(100)
        },
        SharedMemoryParameters {
            queue_id: 0x1_0001,
            ..parameters(100)
        },
        SharedMemoryParameters {
            vport_id: 1,
            ..parameters(100)
        },
        SharedMemoryParameters {
            flags: 2,
            ..parameters(100)
        },
        SharedMemoryParameters {
            usage: NdisSharedMemoryUsageUndefined,
            ..parameters(100)
        },
        SharedMemoryParameters {
            usage: NdisSharedMemoryUsageMax,
            ..parameters(100)
        },
        SharedMemoryParameters {
            length: 0,
            ..parameters(100)
        },
    ];
    for width in WIDTHS {
        let mut world = World::new(width);
        for asked in &refused {
            let mut bytes = world.adapter.bytes(asked.clone());
            let said = world.ask(&mut bytes, &mut [0; 100]);
            assert_eq!(said, Err(NdisStatus::INVALID_PARAMETER.into()), "{asked:?}");
        }
        let mut bytes = world.adapter.bytes(parameters(100));
        let short = bytes.len() - 1;
        let said = world.ask(&mut bytes[..short], &mut [0; 100]).unwrap_err();
        assert_eq!(
            (said.status, said.needed),
            (NdisStatus::INVALID_LENGTH, short + 1)
        );
        assert!(world.pages.asked.is_empty());
    }
}

/// A handle that a 32-bit caller could not give back names nothing.
#[test]
fn m3_a_handle_that_does_not_fit_is_not_cut_off() {
    for (width, fits) in [(PointerWidth::Bits32, false), (PointerWidth::Bits64, true)] {
        let mut world = World::new(width);
        world.pages.handle = 1 << 40;
        let mut asked = world.adapter.bytes(parameters(100));
        let said = world.ask(&mut asked, &mut [0; 100]);
        assert_eq!(
            said,
            if fits {
                Ok(())
            } else {
                Err(NdisStatus::FAILURE.into())
            }
        );
        assert_eq!(world.pages.out, usize::from(fits));
    }
}

#[test]
fn m1_a_provider_has_both_entry_points() {
    let sound = SharedMemoryProviderCharacteristics {
        flags: NDIS_SHARED_MEMORY_PROVIDER_CHAR_SUPPORTS_PF_VPORTS,
        provider_context: PointerSized(7),
        allocate_shared_memory_handler: PointerSized(1),
        free_shared_memory_handler: PointerSized(2),
    };
    let expected = ProviderCharacteristics {
        context: 7,
        flags: 1,
    };
    assert_eq!(ProviderCharacteristics::try_from(&sound), Ok(expected));
    for wrong in [
        SharedMemoryProviderCharacteristics {
            flags: 2,
            ..sound.clone()
        },
        SharedMemoryProviderCharacteristics {
            allocate_shared_memory_handler: PointerSized(0),
            ..sound.clone()
        },
        SharedMemoryProviderCharacteristics {
            free_shared_memory_handler: PointerSized(0),
            ..sound.clone()
        },
    ] {
        assert_eq!(
            ProviderCharacteristics::try_from(&wrong),
            Err(NdisStatus::INVALID_PARAMETER)
        );
    }
    let bytes = sound.to_bytes(1, PointerWidth::Bits64);
    assert_eq!(
        bytes[0],
        NDIS_OBJECT_TYPE_SHARED_MEMORY_PROVIDER_CHARACTERISTICS
    );
}
