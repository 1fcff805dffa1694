//! The copy where no assembly was written for it: words, volatile.

use std::ptr;

/// Eight bytes that may lie anywhere.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Loose(u64);

/// # Safety
/// `len` bytes must be readable at `src` and writable at `dst`.
#[inline]
pub(crate) unsafe fn bytes(src: *const u8, dst: *mut u8, len: usize) {
    let words = len / size_of::<Loose>();
    for at in 0..words {
        // SAFETY: so many words fit in `len` bytes, for which the caller answers, and they need no alignment.
        unsafe {
            ptr::write_volatile(
                dst.cast::<Loose>().add(at),
                ptr::read_volatile(src.cast::<Loose>().add(at)),
            )
        };
    }
    for at in words * size_of::<Loose>()..len {
        // SAFETY: `at` is less than `len`, and the caller answers for that many bytes on both sides.
        unsafe { ptr::write_volatile(dst.add(at), ptr::read_volatile(src.add(at))) };
    }
}

#[cfg(not(test))]
#[inline]
pub(crate) fn prefetch_line(_line: *const u8) {}

#[cfg(not(test))]
#[inline]
pub(crate) fn prefetch_line_for_write(_line: *const u8) {}
