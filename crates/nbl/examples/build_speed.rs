//! What it costs to describe a frame and to copy it, in nanoseconds a frame:
//! `cargo run --release -p nbl --example build_speed`.
//!
//! Two guests with 64 transmit and 64 receive buffers, bursts of 64 frames: what a worker does while two guests talk and
//! their rings are warm. The last table has the same with buffers all over a memory that fits into no cache. Each figure is
//! the best of many rounds; the distance to the median says how quiet the machine was.

use std::cell::Cell;
use std::hint::black_box;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nbl::{BURST, Classifier, NblQueue, Pool, ReceiveChain, transfer};
use shmem::{BlockRegistry, BlockTable, GuestMemory, Handle, Mapping, Region, memfd};

/// Of each guest. Larger than a cache.
const MEMORY: u64 = 128 << 20;
/// Where the transmit buffers are.
const GPA: u64 = 0x1_0000_0000;
/// From one buffer to the next, in bytes.
const BUFFER: u64 = 2048;
const HEADER: u32 = 12;
const MAX_FRAME: u32 = 65_550;
/// What a burst of full-size frames moves: enough to drive everything out of a first-level cache.
const OTHER_BYTES: usize = 2 * BURST * 1514;
const ROUNDS: usize = 300;
const BURSTS_A_ROUND: usize = 50;

fn main() {
    let (guests, mut pool) = Guests::new();
    let mut other = vec![0u8; OTHER_BYTES];
    println!(
        "{:<46} {:>8} {:>8}",
        "nanoseconds a frame", "best", "median"
    );
    for (layout, name) in [
        (&[HEADER + 60][..], "60 bytes, one buffer"),
        (&[HEADER, 60], "60 bytes, header apart"),
        (&[HEADER + 1514], "1514 bytes, one buffer"),
        (&[HEADER, 1514], "1514 bytes, header apart"),
        (&[HEADER + 242, 424, 424, 424], "1514 bytes, four buffers"),
    ] {
        let frame = layout.iter().sum::<u32>() - HEADER;
        row(&format!("build, {name}"), || {
            pool.reset();
            time(|| guests.build(&pool, layout).len())
        });
        row("  the same after other work", || {
            pool.reset();
            sweep(&mut other);
            time(|| guests.build(&pool, layout).len())
        });
        for keys in [1, 4, 64] {
            row(&format!("  classify into {keys} queues and walk"), || {
                pool.reset();
                let burst = guests.build(&pool, layout);
                time(|| classify(burst, keys))
            });
        }
        for (receive, name) in [
            (&[frame][..], "one buffer"),
            (&[frame / 2, frame - frame / 2], "two buffers"),
        ] {
            row(&format!("  transfer into {name}"), || {
                pool.reset();
                let burst = guests.build(&pool, layout);
                guests.attach(&pool, &burst, receive);
                time(|| guests.transfer(&burst))
            });
        }
    }
    println!("buffers in no cache:");
    guests.far.set(1);
    for frame in [60, 1514] {
        let layout = &[HEADER + frame];
        row(&format!("build, {frame} bytes"), || {
            pool.reset();
            time(|| guests.build(&pool, layout).len())
        });
        row("  transfer", || {
            pool.reset();
            let burst = guests.build(&pool, layout);
            guests.attach(&pool, &burst, &[frame]);
            time(|| guests.transfer(&burst))
        });
    }
}

struct Guests {
    from: GuestMemory,
    to: Handle,
    blocks: Arc<BlockTable>,
    /// State of a random sequence of buffers; 0 while buffers are near.
    far: Cell<u64>,
}

impl Guests {
    fn new() -> (Self, Pool) {
        let mut registry = BlockRegistry::new();
        let mut pool = Pool::new(BURST, 1024).expect("64 lookahead buffers");
        let lookahead = registry.register(pool.lookahead(), 0, pool.lookahead().len());
        pool.set_lookahead_handle(lookahead[0]);
        // As a virtual machine of more than 3 GiB has it: memory below and above the 4 GiB line.
        let [low, high, receiver] = [0, GPA, GPA].map(|gpa| region(&mut registry, gpa));
        let (regions, to) = (vec![low, high], receiver.handles[0]);
        let guests = Self {
            from: GuestMemory::new(regions).expect("two regions"),
            to,
            blocks: registry.snapshot(),
            far: Cell::new(0),
        };
        (guests, pool)
    }

    #[inline]
    fn build<'p>(&self, pool: &'p Pool, layout: &[u32]) -> NblQueue<'p> {
        let mut burst = NblQueue::new();
        for frame in 0..BURST as u64 {
            let mut at = GPA + self.buffer(frame);
            let chain = layout.iter().map(|len| {
                let gpa = at;
                at += u64::from(*len);
                (gpa, *len)
            });
            match pool.build(black_box(&self.from), chain, HEADER as usize, MAX_FRAME) {
                Ok(nbl) => burst.push(nbl),
                Err(error) => panic!("{error}"),
            }
        }
        burst
    }

    /// Receive buffers for every frame, as the switch reserves them before it copies.
    fn attach<'p>(&self, pool: &'p Pool, burst: &NblQueue<'p>, receive: &[u32]) {
        for (frame, nbl) in burst.iter().enumerate() {
            let mut chain = ReceiveChain::new();
            let mut offset = self.buffer(frame as u64) as u32;
            for len in receive {
                assert!(chain.push(pool, self.to, offset, *len));
                offset += len;
            }
            nbl.set_receive(Some(chain));
        }
    }

    /// Where a buffer is.
    #[inline]
    fn buffer(&self, frame: u64) -> u64 {
        let mut random = self.far.get();
        if random == 0 {
            return frame * BUFFER;
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.far.set(random);
        random % (MEMORY / BUFFER) * BUFFER
    }

    #[inline]
    fn transfer(&self, burst: &NblQueue<'_>) -> usize {
        let mut bytes = 0;
        for nbl in burst.iter() {
            let Some(receive) = nbl.receive() else {
                continue;
            };
            match transfer(black_box(&self.blocks), nbl, receive) {
                Ok(copied) => bytes += copied as usize,
                Err(error) => panic!("{error}"),
            }
        }
        bytes
    }
}

/// What the switch does with a burst before it copies: look, set the queue, sort, walk the sorted chains.
#[inline]
fn classify(mut burst: NblQueue<'_>, keys: u32) -> usize {
    let mut classes = Classifier::new();
    let mut arrived = 0;
    while let Some(nbl) = burst.front() {
        black_box(nbl.lookahead()[0]);
        nbl.set_queue_id(1);
        let mut run = burst.split_behind(nbl, 1);
        assert!(classes.append(arrived % keys, &mut run).is_ok());
        arrived += 1;
    }
    let chains = classes.drain();
    chains
        .map(|(_, chain)| {
            chain
                .iter()
                .map(|nbl| nbl.data_len() as usize)
                .sum::<usize>()
        })
        .sum()
}

fn region(registry: &mut BlockRegistry, gpa: u64) -> Region {
    let fd = memfd("build_speed", MEMORY).expect("memory for the guests");
    let mapping = Mapping::map(fd.as_fd(), 0, MEMORY).expect("memory for the guests");
    let page = [1; 4096];
    (0..MEMORY)
        .step_by(page.len())
        .filter_map(|at| mapping.window(at, page.len()))
        .for_each(|window| {
            window.write(&page);
        });
    let handles = registry.register(&mapping, 0, MEMORY);
    Region {
        gpa,
        uva: gpa,
        len: MEMORY,
        mapping,
        mapping_offset: 0,
        handles,
    }
}

/// Leaves the first-level cache as copying a burst leaves it.
fn sweep(bytes: &mut [u8]) {
    bytes
        .iter_mut()
        .step_by(64)
        .for_each(|byte| *byte = byte.wrapping_add(1));
    black_box(bytes);
}

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn row(name: &str, mut burst: impl FnMut() -> Duration) {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| (0..BURSTS_A_ROUND).map(|_| burst()).sum())
        .collect();
    rounds.sort();
    let a_frame = |round: Duration| round.as_nanos() as f64 / (BURSTS_A_ROUND * BURST) as f64;
    println!(
        "{name:<46} {:>8.1} {:>8.1}",
        a_frame(rounds[0]),
        a_frame(rounds[ROUNDS / 2])
    );
}
