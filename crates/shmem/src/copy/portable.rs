//! The copy where no assembly was written for it: words, volatile.

use std::ptr;

/// A word that may lie anywhere.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Loose<T>(T);

const WORD: usize = size_of::<u64>();

/// # Safety
/// `len` bytes must be readable at `src` and writable at `dst`.
#[inline]
pub(crate) unsafe fn bytes(src: *const u8, dst: *mut u8, len: usize) {
    let words = len / WORD;
    for at in 0..words {
        // SAFETY: so many words fit in `len` bytes, for which the caller answers, and they need no alignment.
        unsafe {
            ptr::write_volatile(
                dst.cast::<Loose<u64>>().add(at),
                ptr::read_volatile(src.cast::<Loose<u64>>().add(at)),
            )
        };
    }
    for at in words * WORD..len {
        // SAFETY: `at` is less than `len`, and the caller answers for that many bytes on both sides.
        unsafe { ptr::write_volatile(dst.add(at), ptr::read_volatile(src.add(at))) };
    }
}

/// Reads a word that may lie anywhere, once.
///
/// # Safety
/// Two bytes must be readable at `src`.
#[inline]
pub(crate) unsafe fn load_16(src: *const u8) -> u16 {
    // SAFETY: the caller's; a loose word needs no alignment.
    unsafe { ptr::read_volatile(src.cast::<Loose<u16>>()).0 }
}

/// Reads a word that may lie anywhere, once.
///
/// # Safety
/// Four bytes must be readable at `src`.
#[inline]
pub(crate) unsafe fn load_32(src: *const u8) -> u32 {
    // SAFETY: the caller's; a loose word needs no alignment.
    unsafe { ptr::read_volatile(src.cast::<Loose<u32>>()).0 }
}

/// Reads a word that may lie anywhere, once.
///
/// # Safety
/// Eight bytes must be readable at `src`.
#[inline]
pub(crate) unsafe fn load_64(src: *const u8) -> u64 {
    // SAFETY: the caller's; a loose word needs no alignment.
    unsafe { ptr::read_volatile(src.cast::<Loose<u64>>()).0 }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn prefetch_line(_line: *const u8) {}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn prefetch_line_for_write(_line: *const u8) {}
