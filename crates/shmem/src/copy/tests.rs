use super::{native, portable};

type Copy = unsafe fn(*const u8, *mut u8, usize);

/// All copies there are, each with the least length it takes.
fn copies() -> Vec<(&'static str, usize, Copy)> {
    let mut copies: Vec<(&'static str, usize, Copy)> = vec![
        ("the one in use", 0, native::bytes),
        ("portable", 0, portable::bytes),
        ("by 16", 64, native::by_16),
    ];
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has it.
        copies.push(("by 32", 128, |src, dst, len| unsafe {
            native::by_32(src, dst, len);
        }));
    }
    copies
}

/// Copies between buffers with `around` guard bytes on both sides and compares all of it with what should have come out.
fn judge(name: &str, copy: Copy, len: usize, src_at: usize, dst_at: usize) {
    let src: Vec<u8> = (0..src_at + len + 64)
        .map(|at| (at * 7 + 1) as u8)
        .collect();
    let mut dst = vec![0xee; dst_at + len + 64];
    let mut expected = dst.clone();
    expected[dst_at..dst_at + len].copy_from_slice(&src[src_at..src_at + len]);
    // SAFETY: both have `len` bytes from there on.
    unsafe { copy(src[src_at..].as_ptr(), dst[dst_at..].as_mut_ptr(), len) };
    assert!(
        dst == expected,
        "{name}: {len} bytes from offset {src_at} to offset {dst_at}"
    );
}

#[test]
fn every_length_arrives_whole_at_every_alignment_and_nothing_else_is_touched() {
    for (name, least, copy) in copies() {
        for len in least..=300 {
            for src_at in 0..16 {
                for dst_at in 0..16 {
                    judge(name, copy, len, src_at, dst_at);
                }
            }
        }
    }
}

#[test]
fn stores_are_aligned_from_every_start() {
    for (name, _, copy) in copies() {
        for len in [129, 160, 255, 256, 257, 383, 384, 385, 1500, 4096] {
            for dst_at in 0..64 {
                judge(name, copy, len, 3, dst_at);
            }
        }
    }
}

#[test]
fn long_copies_arrive_whole() {
    for (name, _, copy) in copies() {
        for len in [65_535, 65_536, 65_550, 1 << 20] {
            for (src_at, dst_at) in [(0, 0), (12, 0), (5, 12), (63, 1)] {
                judge(name, copy, len, src_at, dst_at);
            }
        }
    }
}

#[test]
fn a_copy_of_nothing_touches_nothing() {
    for (name, _, copy) in copies().into_iter().filter(|(_, least, _)| *least == 0) {
        judge(name, copy, 0, 5, 9);
        // SAFETY: no byte is read or written.
        unsafe { copy(std::ptr::dangling(), std::ptr::dangling_mut(), 0) };
    }
}

#[test]
fn overlapping_ranges_are_harmless_outside_the_overlap() {
    for (_, least, copy) in copies() {
        for len in [least.max(1), 100.max(least), 200, 1000] {
            for shift in [1, 15, 31, 64, 99] {
                let mut bytes: Vec<u8> = (0..len + shift + 64).map(|at| at as u8).collect();
                let before = bytes.clone();
                let base = bytes.as_mut_ptr();
                // SAFETY: both ranges lie inside the buffer; they overlap, which is the point.
                unsafe { copy(base, base.add(shift), len) };
                assert_eq!(bytes[..shift], before[..shift]);
                assert_eq!(bytes[shift + len..], before[shift + len..]);
            }
        }
    }
}

#[test]
fn words_are_read_wherever_they_lie() {
    let bytes: Vec<u8> = (1..=16).collect();
    for at in 0..8 {
        let from = bytes[at..].as_ptr();
        let two = u16::from_ne_bytes(bytes[at..at + 2].try_into().unwrap());
        let four = u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        let eight = u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
        // SAFETY: eight bytes are there from any of these places on.
        unsafe {
            assert_eq!((native::load_16(from), portable::load_16(from)), (two, two));
            assert_eq!(
                (native::load_32(from), portable::load_32(from)),
                (four, four)
            );
            assert_eq!(
                (native::load_64(from), portable::load_64(from)),
                (eight, eight)
            );
        }
    }
}
