//! How long the copy takes, beside `ptr::copy_nonoverlapping`.
//!
//! Run with `cargo run --release -p shmem --example copy_speed`. *hot* copies between the same two buffers over and over,
//! *spread* walks through more memory than any cache has. Offsets are those of source and destination modulo the page.

#![allow(unsafe_code, reason = "UNSAFETY: the copy that ours is compared with")]

use std::error::Error;
use std::hint::black_box;
use std::ptr;
use std::time::Instant;

use shmem::Mapping;

const LENGTHS: &[usize] = &[
    12, 16, 32, 60, 64, 128, 256, 512, 1024, 1514, 4096, 9014, 16_384, 65_536,
];
const OFFSETS: &[(usize, usize)] = &[(0, 0), (12, 0), (2, 12)];
/// Not a power of two: caches that guess by part of the address take two such areas for one.
const AREA: usize = (256 << 20) + (37 << 12);
const ROUNDS: usize = 25;
const BYTES_A_ROUND: usize = 8 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let (from, to) = (Mapping::anonymous(AREA)?, Mapping::anonymous(AREA)?);
    touch(&from);
    touch(&to);
    for &(src_at, dst_at) in OFFSETS {
        println!("source at {src_at}, destination at {dst_at}: nanoseconds a copy");
        println!(
            "{:>8} {:>10} {:>10} {:>10} {:>10}",
            "bytes", "hot", "hot, ptr", "spread", "spread, ptr"
        );
        for &len in LENGTHS {
            let stride = (len + 128).next_multiple_of(64) | 64;
            let places = (AREA - 4096) / stride;
            let ours = |at: usize| {
                let src = from.window((at + src_at) as u64, len);
                let dst = to.window((at + dst_at) as u64, len);
                if let (Some(src), Some(dst)) = (src, dst) {
                    shmem::copy(src, dst, black_box(len));
                }
            };
            let theirs = |at: usize| {
                // SAFETY: every place has `len` bytes in both mappings, and only this thread touches them.
                unsafe {
                    let src = from.as_ptr().add(at + src_at).as_ptr();
                    let dst = to.as_ptr().add(at + dst_at).as_ptr();
                    ptr::copy_nonoverlapping(src, dst, black_box(len));
                }
            };
            let hot = fastest(len, 1, stride, &ours, &theirs);
            let spread = fastest(len, places, stride, &ours, &theirs);
            println!(
                "{len:>8} {:>10.1} {:>10.1} {:>10.1} {:>10.1}",
                hot.0, hot.1, spread.0, spread.1
            );
        }
    }
    Ok(())
}

/// Makes the kernel give real pages.
fn touch(mapping: &Mapping) {
    let page = [1; 4096];
    for at in (0..AREA).step_by(page.len()) {
        if let Some(window) = mapping.window(at as u64, page.len()) {
            window.write(&page);
        }
    }
}

/// Nanoseconds of a copy in the fastest round of each. They take turns, so that what else the machine does hits both.
fn fastest(
    len: usize,
    places: usize,
    stride: usize,
    ours: &impl Fn(usize),
    theirs: &impl Fn(usize),
) -> (f64, f64) {
    let mut fastest = (f64::INFINITY, f64::INFINITY);
    let copies = BYTES_A_ROUND / (len + 256);
    let walk = Walk {
        copies,
        stride,
        end: places * stride,
    };
    // Each round goes where the one before has not been.
    for number in 0..ROUNDS {
        let start = |round: usize| round * copies % places * stride;
        fastest.0 = fastest.0.min(walk.time(start(2 * number), ours));
        fastest.1 = fastest.1.min(walk.time(start(2 * number + 1), theirs));
    }
    fastest
}

struct Walk {
    copies: usize,
    stride: usize,
    end: usize,
}

impl Walk {
    /// Nanoseconds of a copy.
    fn time(&self, start: usize, copy: &impl Fn(usize)) -> f64 {
        let mut at = start;
        let clock = Instant::now();
        for _ in 0..self.copies {
            copy(at);
            at += self.stride;
            if at >= self.end {
                at = 0;
            }
        }
        clock.elapsed().as_nanos() as f64 / self.copies as f64
    }
}
