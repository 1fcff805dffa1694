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
const AREA: usize = 256 << 20;
const ROUNDS: usize = 7;

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
            let stride = (len + 128).next_multiple_of(4096);
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
            println!(
                "{len:>8} {:>10.1} {:>10.1} {:>10.1} {:>10.1}",
                fastest(len, 1, stride, ours),
                fastest(len, 1, stride, theirs),
                fastest(len, places, stride, ours),
                fastest(len, places, stride, theirs),
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

/// Nanoseconds of a copy in the fastest round.
fn fastest(len: usize, places: usize, stride: usize, copy: impl Fn(usize)) -> f64 {
    let copies = ((32 << 20) / (len + 256)).min(if places == 1 { usize::MAX } else { places });
    let round = |_| {
        let start = Instant::now();
        for turn in 0..copies {
            copy(turn % places * stride);
        }
        start.elapsed().as_nanos() as f64 / copies as f64
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}
