//! Chains of buffers, as a guest may write them, through the frame pool and the copy, against a byte-by-byte model.
//!
//! ```text
//! guest address   0x0000      0x3000      0x4000    0x8000      0x9000
//! sender          | region A  | region B  |  hole   | region C  |  nothing more
//! receiver        | one region                                              |
//! ```
//!
//! The sender's memory is filled once and never changes; the receiver's is compared whole.

#![no_main]

use std::cell::RefCell;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nbl::{BuildError, FRONT, LOOKAHEAD, NblQueue, Pool, ReceiveChain};
use shmem::{BlockRegistry, BlockTable, GuestMemory, Mapping, Region};
use std::sync::Arc;

const SENDER: [(u64, u64); 3] = [(0, 0x3000), (0x3000, 0x1000), (0x8000, 0x1000)];
const RECEIVER_LEN: u64 = 0x4000;
/// Where a guest address ceases to hit anything.
const END: u64 = 0x9000;
const FRAMES: usize = 4;
const SEGMENTS: usize = 24;

#[derive(Arbitrary, Debug)]
struct Input {
    bursts: Vec<Vec<Frame>>,
}

#[derive(Arbitrary, Debug)]
struct Frame {
    header: u8,
    max_frame: u16,
    chain: Vec<Buffer>,
    receive: Vec<(u16, u16)>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Buffer {
    Near { gpa: u16, len: u8 },
    Long { gpa: u16, len: u16 },
    Wild { gpa: u64, len: u32 },
}

impl Buffer {
    fn range(self) -> (u64, u32) {
        match self {
            Buffer::Near { gpa, len } => (u64::from(gpa) % END, u32::from(len)),
            Buffer::Long { gpa, len } => (u64::from(gpa), u32::from(len)),
            Buffer::Wild { gpa, len } => (gpa, len),
        }
    }
}

struct World {
    pool: Pool,
    blocks: Arc<BlockTable>,
    sender: GuestMemory,
    receiver: GuestMemory,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

impl World {
    fn new() -> Self {
        let mut registry = BlockRegistry::new();
        let mut region = |gpa: u64, len: u64| {
            let mapping = Mapping::anonymous(len as usize).expect("a few pages");
            let handles = registry.register(&mapping, 0, len);
            Region {
                gpa,
                uva: gpa,
                len,
                mapping,
                mapping_offset: 0,
                handles,
            }
        };
        let sender = GuestMemory::new(SENDER.map(|(gpa, len)| region(gpa, len)).into())
            .expect("nothing overlaps");
        let receiver = GuestMemory::new(vec![region(0, RECEIVER_LEN)]).expect("nothing overlaps");
        for (gpa, len) in SENDER {
            let bytes: Vec<_> = (gpa..gpa + len)
                .map(|gpa| sender_byte(gpa).expect("in a region"))
                .collect();
            sender
                .window(gpa, len as u32)
                .expect("a region")
                .write(&bytes);
        }
        let mut pool = Pool::new(FRAMES, SEGMENTS).expect("a page");
        let lookahead = registry.register(pool.lookahead(), 0, pool.lookahead().len());
        pool.set_lookahead_handle(lookahead[0]);
        Self {
            pool,
            blocks: registry.snapshot(),
            sender,
            receiver,
        }
    }

    fn burst(&mut self, frames: &[Frame]) {
        self.pool.reset();
        let mut model = vec![0; RECEIVER_LEN as usize];
        self.receiver
            .window(0, RECEIVER_LEN as u32)
            .expect("a region")
            .write(&model);
        let mut queue = NblQueue::new();
        let mut receives = Vec::new();
        for frame in frames {
            let header = usize::from(frame.header) % (FRONT + 1);
            let max_frame = u32::from(frame.max_frame);
            let ranges: Vec<_> = frame.chain.iter().map(|buffer| buffer.range()).collect();
            let pieces = self.pool.segments_left();
            let frames_left = self.pool.frames_left();
            // A chain of one buffer in one region can be described in either way; here as a row of its own.
            let extent = match ranges[..] {
                [(gpa, len)] if frame.max_frame % 2 == 0 => self.sender.extent(gpa, len).ok(),
                _ => None,
            };
            let chain = ranges.iter().copied();
            let built = match extent {
                Some(extent) => {
                    let mut row = self.pool.row();
                    let built = row.build(extent, header, max_frame);
                    assert_eq!(row.end().len(), usize::from(built.is_ok()));
                    built
                }
                None => self.pool.build(&self.sender, chain, header, max_frame),
            };
            let facts = Facts::of(&ranges, header as u64);
            match built {
                Ok(nbl) => {
                    assert!(
                        facts.is_mapped
                            && facts.frame >= Some(14)
                            && facts.frame <= Some(u64::from(max_frame))
                    );
                    let bytes = facts.bytes(&ranges);
                    let (expected_header, data) = bytes.split_at(header);
                    assert_eq!(nbl.front::<FRONT>()[FRONT - header..], *expected_header);
                    assert_eq!(nbl.data_len() as usize, data.len());
                    assert_eq!(nbl.lookahead(), &data[..data.len().min(LOOKAHEAD)]);
                    let described: u64 = nbl
                        .segments()
                        .map(|segment| u64::from(segment.expect("sound").len))
                        .sum();
                    assert_eq!(described, data.len() as u64);
                    assert_eq!(nbl.mdls().count(), nbl.segments().count());
                    queue.push(nbl);
                    receives.push((data.to_vec(), &frame.receive));
                }
                Err(BuildError::TooShort { .. }) => assert_eq!(facts.frame, None),
                Err(BuildError::RuntFrame { len }) => {
                    assert!(len < 14 && facts.frame == Some(u64::from(len)));
                }
                Err(BuildError::TooLong { len, max }) => {
                    assert!(facts.frame == Some(len) && len > u64::from(max))
                }
                Err(BuildError::OutsideMemory(_)) => assert!(!facts.is_mapped),
                // Each buffer is one piece, or two where regions meet.
                Err(BuildError::TooScattered { .. }) => assert!(2 * ranges.len() > SEGMENTS),
                Err(BuildError::PoolExhausted) => {
                    assert!(frames_left == 0 || 2 * ranges.len() > pieces)
                }
                Err(error) => panic!("no reason that a chain has: {error}"),
            }
            assert_eq!(
                self.pool.frames_left(),
                frames_left - usize::from(built.is_ok())
            );
            assert!(
                built.is_ok() || self.pool.segments_left() == pieces,
                "a refused chain takes nothing"
            );
        }
        assert_eq!(queue.len(), receives.len());
        for (data, wanted) in receives {
            let nbl = queue.pop_front().expect("as many as were built");
            let mut receive = ReceiveChain::new();
            let mut places = Vec::new();
            for &(gpa, len) in wanted {
                let (gpa, len) = (u64::from(gpa) % RECEIVER_LEN, u32::from(len));
                let Ok(piece) = self.receiver.locate(gpa, len) else {
                    continue;
                };
                if !receive.push(&self.pool, piece.handle, piece.offset, piece.len) {
                    assert_eq!(self.pool.receive_segments_left(), 0);
                    break;
                }
                places.extend(gpa..gpa + u64::from(piece.len));
            }
            assert_eq!(receive.len_bytes() as usize, places.len());
            let copied = nbl::transfer(&self.blocks, nbl, receive).expect("both chains are sound");
            assert_eq!(copied as usize, data.len().min(places.len()));
            for (place, byte) in places.into_iter().zip(data) {
                model[place as usize] = byte;
            }
        }
        let mut received = vec![0; RECEIVER_LEN as usize];
        self.receiver
            .window(0, RECEIVER_LEN as u32)
            .expect("a region")
            .read(&mut received);
        assert!(
            received == model,
            "bytes arrived where none belong, or others"
        );
    }
}

/// What can be said of a chain by looking at each of its bytes.
struct Facts {
    is_mapped: bool,
    /// Bytes behind the header; `None` if it is not even whole.
    frame: Option<u64>,
}

impl Facts {
    fn of(ranges: &[(u64, u32)], header: u64) -> Self {
        let all: u64 = ranges.iter().map(|&(_, len)| u64::from(len)).sum();
        let is_mapped = ranges
            .iter()
            .all(|&(gpa, len)| len == 0 || is_mapped(gpa, len));
        Self {
            is_mapped,
            frame: all.checked_sub(header),
        }
    }

    fn bytes(&self, ranges: &[(u64, u32)]) -> Vec<u8> {
        let places = ranges
            .iter()
            .flat_map(|&(gpa, len)| gpa..gpa + u64::from(len));
        places
            .map(|gpa| sender_byte(gpa).expect("mapped"))
            .collect()
    }
}

fn is_mapped(gpa: u64, len: u32) -> bool {
    let end = u128::from(gpa) + u128::from(len);
    end <= u128::from(END) && (gpa..end as u64).all(|gpa| sender_byte(gpa).is_some())
}

/// What lies at a guest address of the sender.
fn sender_byte(gpa: u64) -> Option<u8> {
    let is_inside = SENDER
        .iter()
        .any(|&(start, len)| (start..start + len).contains(&gpa));
    is_inside.then_some((gpa.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
}

fuzz_target!(|input: Input| {
    WORLD.with_borrow_mut(|world| {
        for burst in &input.bursts {
            world.burst(burst);
        }
    });
});
