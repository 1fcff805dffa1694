//! What a ring costs: nanoseconds for each chain through `take`, `lease` and `complete`, hot.
//!
//! `cargo run --release -p virtq --example ring_speed`
//!
//! The driver's part, which is to make the same chains available again, happens between the bursts and is not measured. The
//! figure is the median of many bursts, so that an interrupted one does not count.

use std::time::{Duration, Instant};

use shmem::{Array, GuestMemory, Mapping, Region};
use virtq::{Chains, Layout, Ring, Used};

const SIZE: u16 = 256;
const BURST: u16 = 64;
const BURSTS: usize = 100_000;
const MEMORY: usize = 1 << 20;

const TABLE: usize = 0;
const AVAIL: usize = 0x2000;
const USED: usize = 0x4000;
/// Of indirect tables, one after the other.
const TABLES: usize = 0x1_0000;

const NEXT: u64 = 1;
const INDIRECT: u64 = 4;

fn main() {
    println!("ns a chain, bursts of {BURST}        take   lease+complete   needs_call");
    for (name, shape) in [
        ("one buffer", Shape::Direct(1)),
        ("four buffers", Shape::Direct(4)),
        ("indirect, one buffer", Shape::Indirect(1)),
        ("indirect, four buffers", Shape::Indirect(4)),
        ("indirect, eighteen buffers", Shape::Indirect(18)),
    ] {
        let [take, complete, call] = measure(shape);
        println!("{name:<28} {take:>8.2} {complete:>16.2} {call:>12.2}");
    }
}

/// How each chain's buffers are described.
#[derive(Clone, Copy)]
enum Shape {
    Direct(u16),
    Indirect(u16),
}

/// Medians of nanoseconds a chain: of `take`, of `lease` and `complete`, of `needs_call` (asked once a burst).
fn measure(shape: Shape) -> [f64; 3] {
    let mapping = Mapping::anonymous(MEMORY).expect("a megabyte");
    let region = Region {
        gpa: 0,
        uva: 0,
        len: MEMORY as u64,
        mapping,
        mapping_offset: 0,
        handles: Vec::new(),
    };
    let memory = GuestMemory::new(vec![region]).expect("one region overlaps nothing");
    let heads = describe(&memory, shape);
    let avail: Array<u16> = memory
        .array_at_uva(AVAIL as u64, usize::from(SIZE) + 3)
        .expect("aligned and inside");
    let layout = Layout {
        size: SIZE,
        desc_uva: TABLE as u64,
        avail_uva: AVAIL as u64,
        used_uva: USED as u64,
        packed: false,
        base: 0,
        event_idx: true,
        indirect: true,
    };
    let mut ring = Ring::open(&layout, &memory).expect("the layout is sound");
    let mut chains = Chains::new(usize::from(BURST), SIZE);
    let mut times: [Vec<Duration>; 3] = std::array::from_fn(|_| Vec::with_capacity(BURSTS));
    for burst in 0..BURSTS {
        let from = burst * usize::from(BURST);
        for i in 0..usize::from(BURST) {
            avail.write(
                2 + (from + i) % usize::from(SIZE),
                heads[(from + i) % heads.len()],
            );
        }
        avail.store_release(1, (from + usize::from(BURST)) as u16);
        chains.clear();

        let start = Instant::now();
        let mut count = 0;
        while count < usize::from(BURST) {
            // Long chains do not all find room at once; a port would deal with the first ones here.
            count += ring
                .take(&memory, usize::from(BURST) - count, &mut chains)
                .expect("the driver is honest");
            if count < usize::from(BURST) {
                chains.clear();
            }
        }
        let taken = Instant::now();
        let used = (0..count).map(|i| Used {
            head: heads[(from + i) % heads.len()],
            written: 0,
        });
        let lease = ring.lease(used.clone().map(|used| used.head));
        ring.complete(lease, used);
        let completed = Instant::now();
        std::hint::black_box(ring.needs_call());
        let asked = Instant::now();

        for (times, time) in
            times
                .iter_mut()
                .zip([taken - start, completed - taken, asked - completed])
        {
            times.push(time);
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[BURSTS / 2].as_nanos() as f64 / f64::from(BURST)
    })
}

/// Writes as many chains as the table has room for and gives their heads.
fn describe(memory: &GuestMemory, shape: Shape) -> Vec<u16> {
    let words: Array<u64> = memory
        .array_at_uva(0, MEMORY / 8)
        .expect("aligned and inside");
    let write = |at: usize, gpa: u64, len: u64, flags: u64, next: u64| {
        words.write(at / 8, gpa.to_le());
        words.write(at / 8 + 1, (len | flags << 32 | next << 48).to_le());
    };
    let write_chain = |table: usize, first: u16, count: u16| {
        for i in first..first + count {
            let flags = if i + 1 < first + count { NEXT } else { 0 };
            write(
                table + 16 * usize::from(i),
                0x8_0000,
                1500,
                flags,
                u64::from(i) + 1,
            );
        }
    };
    match shape {
        Shape::Direct(count) => {
            let heads: Vec<_> = (0..SIZE / count).map(|i| i * count).collect();
            heads
                .iter()
                .for_each(|&head| write_chain(TABLE, head, count));
            heads
        }
        Shape::Indirect(count) => {
            for head in 0..SIZE {
                let bytes = 16 * usize::from(count);
                let table = TABLES + usize::from(head) * bytes;
                write_chain(table, 0, count);
                write(
                    TABLE + 16 * usize::from(head),
                    table as u64,
                    bytes as u64,
                    INDIRECT,
                    0,
                );
            }
            (0..SIZE).collect()
        }
    }
}
