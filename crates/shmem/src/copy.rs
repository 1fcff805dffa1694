//! THE copy: the only place where guest bytes move.
//!
//! # Why it is written in assembly
//!
//! The bytes of a window change while we copy them: the guest's processors write them, and so may another worker. A plain
//! `memcpy` of Rust's is a data race then, hence undefined behaviour: the optimiser may assume that bytes which it reads
//! twice are the same twice, and may read them again whenever it likes. So it must not see these reads and writes at all. An
//! `asm!` block is opaque to it: all that it knows is that the block may read and write memory, which it does byte by
//! byte in some order, with whatever values are there at that moment. (Where two moves overlap, a byte is read twice; what
//! arrives is what one of them saw, and only that is ever looked at.) The bytes live outside the Rust program's own memory,
//! so nothing else is claimed about them, and what arrives on our side are ordinary bytes that nobody else writes. On
//! architectures without a copy of their own, volatile accesses give the same: each happens once and is not looked into.
//!
//! A fault in the middle (see the SIGBUS guard) resumes at the instruction that faulted, so any instruction will do here.
//!
//! # Why it does not use `rep movsb`
//!
//! It is the shortest copy and on aligned buffers a fast one, but there are processors (AMD's Zen 3 and 4) where it slows
//! down more than tenfold when the destination is a few bytes behind the source modulo the page size. Where a buffer lies is
//! the guest's choice, and a guest may not choose how long the others wait. The loops below cost the same everywhere.
//! `examples/copy_speed.rs` measures it.

#![allow(unsafe_code, reason = "UNSAFETY: the copy itself")]

#[cfg_attr(not(target_arch = "x86_64"), path = "copy/portable.rs")]
#[cfg_attr(target_arch = "x86_64", path = "copy/x86_64.rs")]
mod native;
#[cfg(all(test, target_arch = "x86_64"))]
mod portable;

pub(crate) use native::{bytes, load_16, load_32, load_64, prefetch_line, prefetch_line_for_write};

use crate::window::Window;

pub(crate) const LINE: usize = 64;

/// Copies `len` bytes, or as many as both windows have if that is less; says how many.
///
/// If the windows overlap, which bytes end up in the overlap is not specified; nothing else is touched.
#[inline]
pub fn copy(src: Window<'_>, dst: Window<'_>, len: usize) -> usize {
    src.first(len).copy_to(dst)
}

/// Asks for the line that `from` is in, and the next one: what is looked at of a frame before it is copied. What else there is
/// streams, or comes along with its neighbour. A line that has nothing of the range is asked for in vain, which is cheaper than
/// to find out.
#[inline]
pub(crate) fn prefetch(from: *const u8) {
    prefetch_line(from);
    prefetch_line(from.wrapping_add(LINE));
}

/// As [`prefetch`], for lines that are to be written.
#[inline]
pub(crate) fn prefetch_write(from: *const u8) {
    prefetch_line_for_write(from);
    prefetch_line_for_write(from.wrapping_add(LINE));
}

#[cfg(test)]
mod tests;
