//! A checked piece of guest memory: base and length.
//!
//! A window is all that anybody outside this crate has of a guest's bytes. It can be copied from, copied to or narrowed,
//! and it is never a slice: the guest changes these bytes whenever it likes, which no reference of Rust's allows.
//!
//! Invariant: `len` bytes from `base` on are mapped, readable and writable for as long as `'a` lasts.

#![allow(
    unsafe_code,
    reason = "UNSAFETY: the one place where a window's bytes are touched"
)]

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::array::Word;
use crate::copy;
use crate::mapping::Mapping;

/// A piece of mapped memory, checked once. Never a slice: the guest changes these bytes whenever it likes.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    base: NonNull<u8>,
    len: usize,
    mapping: PhantomData<&'a Mapping>,
}

// SAFETY: a window only gives access by atomics and by the copy, both of which any number of threads may do at once.
unsafe impl Send for Window<'_> {}
// SAFETY: as above; it has no interior state of its own.
unsafe impl Sync for Window<'_> {}

impl<'a> Window<'a> {
    /// # Safety
    /// `len` bytes from `base` on must lie in one mapping that stays mapped for `'a`.
    #[inline]
    pub(crate) unsafe fn new(base: NonNull<u8>, len: usize) -> Self {
        Self {
            base,
            len,
            mapping: PhantomData,
        }
    }

    /// Its length in bytes.
    #[inline]
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether it has no bytes at all.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The `len` bytes from the `offset`th on; `None` if this window does not have all of them.
    #[inline]
    pub fn narrow(self, offset: usize, len: usize) -> Option<Window<'a>> {
        if offset > self.len || len > self.len - offset {
            return None;
        }
        // SAFETY: the comparison says that the new window lies inside this one, so it is mapped as long.
        Some(unsafe { Window::new(self.base.add(offset), len) })
    }

    /// The first `len` bytes, or all if it does not have as many.
    #[inline]
    pub(crate) fn first(self, len: usize) -> Window<'a> {
        Self {
            len: self.len.min(len),
            ..self
        }
    }

    /// Copies the first bytes into `into`, as many as both have, and says how many that are.
    #[inline]
    pub fn read(self, into: &mut [u8]) -> usize {
        let len = into.len().min(self.len);
        // SAFETY: both sides have `len` bytes; the slice is ours alone while we borrow it.
        unsafe { copy::bytes(self.base.as_ptr(), into.as_mut_ptr(), len) };
        len
    }

    /// Copies `from` over the first bytes, as many as both have, and says how many that are.
    #[inline]
    pub fn write(self, from: &[u8]) -> usize {
        let len = from.len().min(self.len);
        // SAFETY: both sides have `len` bytes; nobody writes the slice while we borrow it.
        unsafe { copy::bytes(from.as_ptr(), self.base.as_ptr(), len) };
        len
    }

    /// Copies the first bytes over those of `dst`, as many as both have, and says how many that are.
    ///
    /// This is the one copy that a frame undergoes. If the two windows overlap, which bytes end up in the overlap is not
    /// specified; nothing else is touched.
    #[inline]
    pub fn copy_to(self, dst: Window<'_>) -> usize {
        let len = self.len.min(dst.len);
        // SAFETY: both windows have `len` bytes.
        unsafe { copy::bytes(self.base.as_ptr(), dst.base.as_ptr(), len) };
        len
    }

    /// The word in native byte order at the `offset`th byte, aligned or not; `None` if the window ends before its end.
    /// It is read once.
    #[inline]
    pub fn read_word<T: Word>(self, offset: usize) -> Option<T> {
        let word = self.narrow(offset, size_of::<T>())?;
        let mut value = T::ZERO;
        // SAFETY: the narrowed window has the size of `T`, and any bytes make a word.
        unsafe { copy::bytes(word.base.as_ptr(), (&raw mut value).cast(), size_of::<T>()) };
        Some(value)
    }

    /// Starts to bring the first bytes into the cache, to be read soon. Never faults, waits for nothing.
    #[inline]
    pub fn prefetch(self) {
        copy::prefetch(self.base.as_ptr(), self.len);
    }

    /// Starts to bring the first bytes into the cache, to be written soon. Never faults, waits for nothing.
    #[inline]
    pub fn prefetch_write(self) {
        copy::prefetch_write(self.base.as_ptr(), self.len);
    }
}

impl fmt::Debug for Window<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window({} bytes)", self.len)
    }
}
