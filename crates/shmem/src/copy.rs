//! THE copy: the only place where guest bytes move.

#![allow(unsafe_code, reason = "UNSAFETY: the copy itself")]

use crate::window::Window;

/// Copies `len` bytes, or as many as both windows have if that is less; says how many.
#[inline]
pub fn copy(src: Window<'_>, dst: Window<'_>, len: usize) -> usize {
    match src.narrow(0, len.min(src.len())) {
        Some(src) => src.copy_to(dst),
        None => 0,
    }
}

/// # Safety
/// `len` bytes must be readable at `src` and writable at `dst`.
#[inline]
pub(crate) unsafe fn bytes(src: *const u8, dst: *mut u8, len: usize) {
    for at in 0..len {
        // SAFETY: `at` is less than `len`, and the caller answers for that many bytes on both sides.
        unsafe { dst.add(at).write_volatile(src.add(at).read_volatile()) };
    }
}

#[inline]
pub(crate) fn prefetch(_from: *const u8, _len: usize) {}

#[inline]
pub(crate) fn prefetch_write(_from: *const u8, _len: usize) {}
