//! The copy.
#![allow(unsafe_code)]
use crate::Window;

/// Copies the first `len` bytes that both windows have.
#[inline]
pub fn copy(src: Window<'_>, dst: Window<'_>, len: usize) -> usize {
    let len = len.min(src.len()).min(dst.len());
    // SAFETY: both windows have `len` bytes.
    unsafe { raw(src.base(), dst.base(), len) };
    len
}

/// # Safety
/// Both ranges are mapped for `len` bytes.
#[inline]
pub(crate) unsafe fn raw(src: *const u8, dst: *mut u8, len: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller's.
    unsafe {
        std::arch::asm!("rep movsb", inout("rcx") len => _, inout("rsi") src => _, inout("rdi") dst => _, options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    for i in 0..len {
        // SAFETY: the caller's.
        unsafe { dst.add(i).write_volatile(src.add(i).read_volatile()) };
    }
}
