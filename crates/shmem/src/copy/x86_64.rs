//! The copy on x86-64.
//!
//! Up to 192 bytes, which a header with a lookahead behind it has, are loads of the front and of the back, which may overlap,
//! and no loop: for a length known at compile time all that is left is those moves. Longer ones go through 16 or 32 byte
//! registers, with the stores aligned.

use std::arch::asm;
use std::arch::is_x86_feature_detected;

/// # Safety
/// `len` bytes must be readable at `src` and writable at `dst`.
// Always inlined: around a call, more is moved out of registers and back than a short copy moves.
#[inline(always)]
pub(crate) unsafe fn bytes(src: *const u8, dst: *mut u8, len: usize) {
    // SAFETY: each gets a length of its range, and the caller answers for that many bytes on both sides.
    unsafe {
        // The lengths of most frames first.
        match len {
            193.. => more(src, dst, len),
            129..=192 => up_to_192(src, dst, len),
            65..=128 => up_to_128(src, dst, len),
            33..=64 => up_to_64(src, dst, len),
            17..=32 => up_to_32(src, dst, len),
            8..=16 => up_to_16(src, dst, len),
            4..=7 => up_to_7(src, dst, len),
            1..=3 => up_to_3(src, dst, len),
            0 => {}
        }
    }
}

#[inline]
pub(crate) fn prefetch_line(line: *const u8) {
    // SAFETY: a hint, which touches nothing and never faults.
    unsafe { asm!("prefetcht0 [{}]", in(reg) line, options(nostack, preserves_flags, readonly)) };
}

#[inline]
pub(crate) fn prefetch_line_for_write(line: *const u8) {
    // SAFETY: as above. A processor that does not know the instruction takes it as one that does nothing.
    unsafe { asm!("prefetchw [{}]", in(reg) line, options(nostack, preserves_flags, readonly)) };
}

/// Reads a word that may lie anywhere, once.
///
/// # Safety
/// Two bytes must be readable at `src`.
#[inline]
pub(crate) unsafe fn load_16(src: *const u8) -> u16 {
    let word: u16;
    // SAFETY: the caller's.
    unsafe {
        asm!("mov {:x}, word ptr [{}]", out(reg) word, in(reg) src, options(nostack, preserves_flags, readonly))
    };
    word
}

/// Reads a word that may lie anywhere, once.
///
/// # Safety
/// Four bytes must be readable at `src`.
#[inline]
pub(crate) unsafe fn load_32(src: *const u8) -> u32 {
    let word: u32;
    // SAFETY: the caller's.
    unsafe {
        asm!("mov {:e}, dword ptr [{}]", out(reg) word, in(reg) src, options(nostack, preserves_flags, readonly))
    };
    word
}

/// Reads a word that may lie anywhere, once.
///
/// # Safety
/// Eight bytes must be readable at `src`.
#[inline]
pub(crate) unsafe fn load_64(src: *const u8) -> u64 {
    let word: u64;
    // SAFETY: the caller's.
    unsafe {
        asm!("mov {}, qword ptr [{}]", out(reg) word, in(reg) src, options(nostack, preserves_flags, readonly))
    };
    word
}

/// The first byte, the middle one and the last: of one, two or three.
#[inline]
unsafe fn up_to_3(src: *const u8, dst: *mut u8, len: usize) {
    // SAFETY: `len / 2` and `len - 1` are less than `len`.
    unsafe {
        asm!(
            "movzx {a:e}, byte ptr [{src}]",
            "movzx {b:e}, byte ptr [{src} + {half}]",
            "movzx {c:e}, byte ptr [{src} + {len} - 1]",
            "mov byte ptr [{dst}], {a:l}",
            "mov byte ptr [{dst} + {half}], {b:l}",
            "mov byte ptr [{dst} + {len} - 1], {c:l}",
            src = in(reg) src, dst = in(reg) dst, len = in(reg) len, half = in(reg) len / 2,
            a = out(reg) _, b = out(reg) _, c = out(reg) _,
            options(nostack, preserves_flags)
        );
    }
}

#[inline]
unsafe fn up_to_7(src: *const u8, dst: *mut u8, len: usize) {
    // SAFETY: four bytes from the front and four from the back are inside four to seven.
    unsafe {
        asm!(
            "mov {a:e}, dword ptr [{src}]",
            "mov {b:e}, dword ptr [{src} + {len} - 4]",
            "mov dword ptr [{dst}], {a:e}",
            "mov dword ptr [{dst} + {len} - 4], {b:e}",
            src = in(reg) src, dst = in(reg) dst, len = in(reg) len, a = out(reg) _, b = out(reg) _,
            options(nostack, preserves_flags)
        );
    }
}

#[inline]
unsafe fn up_to_16(src: *const u8, dst: *mut u8, len: usize) {
    // SAFETY: eight bytes from the front and eight from the back are inside eight to sixteen.
    unsafe {
        asm!(
            "mov {a}, qword ptr [{src}]",
            "mov {b}, qword ptr [{src} + {len} - 8]",
            "mov qword ptr [{dst}], {a}",
            "mov qword ptr [{dst} + {len} - 8], {b}",
            src = in(reg) src, dst = in(reg) dst, len = in(reg) len, a = out(reg) _, b = out(reg) _,
            options(nostack, preserves_flags)
        );
    }
}

/// Moves sixteen bytes at each of these places, counted from the front and from behind the end. All are read before any is
/// written.
macro_rules! move_ends {
    ($src:ident, $dst:ident, $len:ident: $($front:ident $at:literal),+; $($back:ident $left:literal),+) => {
        asm!(
            $(concat!("movdqu {", stringify!($front), "}, [{src} + ", $at, "]"),)+
            $(concat!("movdqu {", stringify!($back), "}, [{src} + {len} - ", $left, "]"),)+
            $(concat!("movdqu [{dst} + ", $at, "], {", stringify!($front), "}"),)+
            $(concat!("movdqu [{dst} + {len} - ", $left, "], {", stringify!($back), "}"),)+
            src = in(reg) $src, dst = in(reg) $dst, len = in(reg) $len,
            $($front = out(xmm_reg) _,)+
            $($back = out(xmm_reg) _,)+
            options(nostack, preserves_flags)
        )
    };
}

#[inline]
unsafe fn up_to_32(src: *const u8, dst: *mut u8, len: usize) {
    // SAFETY: sixteen bytes from the front and sixteen from the back are inside sixteen to thirty-two.
    unsafe { move_ends!(src, dst, len: a 0; b 16) }
}

#[inline]
unsafe fn up_to_64(src: *const u8, dst: *mut u8, len: usize) {
    // SAFETY: 32 bytes from the front and 32 from the back are inside 32 to 64.
    unsafe { move_ends!(src, dst, len: a 0, b 16; c 32, d 16) }
}

#[inline]
unsafe fn up_to_128(src: *const u8, dst: *mut u8, len: usize) {
    // SAFETY: 64 bytes from the front and 64 from the back are inside 64 to 128.
    unsafe { move_ends!(src, dst, len: a 0, b 16, c 32, d 48; e 64, f 48, g 32, h 16) }
}

#[inline]
unsafe fn up_to_192(src: *const u8, dst: *mut u8, len: usize) {
    // SAFETY: 96 bytes from the front and 96 from the back are inside 96 to 192.
    unsafe {
        move_ends!(
            src, dst, len:
            a 0, b 16, c 32, d 48, e 64, f 80;
            g 96, h 80, i 64, j 48, k 32, l 16
        )
    }
}

/// More than 192 bytes. Inlined, for the question costs less than a call.
#[inline]
unsafe fn more(src: *const u8, dst: *mut u8, len: usize) {
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has it; the rest is the caller's.
        unsafe { by_32(src, dst, len) }
    } else {
        // SAFETY: the caller's.
        unsafe { by_16(src, dst, len) }
    }
}

/// At least 128 bytes. The first 32 and the last 128 are moved as they lie; between them, blocks of 128 are stored from the
/// first multiple of 32 after `dst` on, as long as one starts before the last 128 bytes do.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn by_32(src: *const u8, dst: *mut u8, len: usize) {
    // SAFETY: a block starts before the last 128 bytes and so ends inside the range; the caller answers for all of it. Every
    // vector register is given up, for `vzeroupper` clears the upper half of all.
    unsafe {
        asm!(
            "vmovdqu ymm0, [{src}]",
            "vmovdqu ymm5, [{src} + {len} - 128]",
            "vmovdqu ymm6, [{src} + {len} - 96]",
            "vmovdqu ymm7, [{src} + {len} - 64]",
            "vmovdqu ymm8, [{src} + {len} - 32]",
            "lea {last}, [{dst} + {len} - 128]",
            "mov {at}, {dst}",
            "or {at}, 31",
            "inc {at}",
            "sub {src}, {dst}",
            "vmovdqu [{dst}], ymm0",
            "cmp {at}, {last}",
            "jae 3f",
            ".p2align 4",
            "2:",
            "vmovdqu ymm1, [{src} + {at}]",
            "vmovdqu ymm2, [{src} + {at} + 32]",
            "vmovdqu ymm3, [{src} + {at} + 64]",
            "vmovdqu ymm4, [{src} + {at} + 96]",
            "vmovdqa [{at}], ymm1",
            "vmovdqa [{at} + 32], ymm2",
            "vmovdqa [{at} + 64], ymm3",
            "vmovdqa [{at} + 96], ymm4",
            "sub {at}, -128",
            "cmp {at}, {last}",
            "jb 2b",
            "3:",
            "vmovdqu [{last}], ymm5",
            "vmovdqu [{last} + 32], ymm6",
            "vmovdqu [{last} + 64], ymm7",
            "vmovdqu [{last} + 96], ymm8",
            "vzeroupper",
            src = inout(reg) src => _, dst = in(reg) dst, len = in(reg) len, at = out(reg) _, last = out(reg) _,
            out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _, out("ymm4") _, out("ymm5") _, out("ymm6") _,
            out("ymm7") _, out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _, out("ymm12") _, out("ymm13") _,
            out("ymm14") _, out("ymm15") _,
            options(nostack)
        );
    }
}

/// At least 64 bytes, in the same way with half of everything.
pub(super) unsafe fn by_16(src: *const u8, dst: *mut u8, len: usize) {
    // SAFETY: a block starts before the last 64 bytes and so ends inside the range; the caller answers for all of it.
    unsafe {
        asm!(
            "movdqu xmm0, [{src}]",
            "movdqu xmm5, [{src} + {len} - 64]",
            "movdqu xmm6, [{src} + {len} - 48]",
            "movdqu xmm7, [{src} + {len} - 32]",
            "movdqu xmm8, [{src} + {len} - 16]",
            "lea {last}, [{dst} + {len} - 64]",
            "mov {at}, {dst}",
            "or {at}, 15",
            "inc {at}",
            "sub {src}, {dst}",
            "movdqu [{dst}], xmm0",
            "cmp {at}, {last}",
            "jae 3f",
            ".p2align 4",
            "2:",
            "movdqu xmm1, [{src} + {at}]",
            "movdqu xmm2, [{src} + {at} + 16]",
            "movdqu xmm3, [{src} + {at} + 32]",
            "movdqu xmm4, [{src} + {at} + 48]",
            "movdqa [{at}], xmm1",
            "movdqa [{at} + 16], xmm2",
            "movdqa [{at} + 32], xmm3",
            "movdqa [{at} + 48], xmm4",
            "add {at}, 64",
            "cmp {at}, {last}",
            "jb 2b",
            "3:",
            "movdqu [{last}], xmm5",
            "movdqu [{last} + 16], xmm6",
            "movdqu [{last} + 32], xmm7",
            "movdqu [{last} + 48], xmm8",
            src = inout(reg) src => _, dst = in(reg) dst, len = in(reg) len, at = out(reg) _, last = out(reg) _,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _, out("xmm6") _,
            out("xmm7") _, out("xmm8") _,
            options(nostack)
        );
    }
}
