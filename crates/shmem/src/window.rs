//! A bounded view that can only be copied from, copied to, or narrowed.
#![allow(unsafe_code)]
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::Mapping;

/// A bounded view.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    base: NonNull<u8>,
    len: usize,
    mapping: PhantomData<&'a Mapping>,
}

impl<'a> Window<'a> {
    /// # Safety
    /// `base..base+len` is mapped for `'a`.
    #[inline]
    pub(crate) unsafe fn new(base: NonNull<u8>, len: usize) -> Self {
        Self { base, len, mapping: PhantomData }
    }

    pub(crate) fn base(self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Bytes.
    #[inline]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(self) -> usize {
        self.len
    }

    /// A part.
    #[inline]
    pub fn narrow(self, offset: usize, len: usize) -> Option<Self> {
        if offset.checked_add(len)? > self.len {
            return None;
        }
        // SAFETY: within.
        Some(Self { base: unsafe { self.base.add(offset) }, len, mapping: PhantomData })
    }

    /// Copies out.
    #[inline]
    pub fn read(self, to: &mut [u8]) -> usize {
        let len = self.len.min(to.len());
        // SAFETY: both have `len` bytes.
        unsafe { crate::copy::raw(self.base.as_ptr(), to.as_mut_ptr(), len) };
        len
    }

    /// Copies in.
    #[inline]
    pub fn write(self, from: &[u8]) -> usize {
        let len = self.len.min(from.len());
        // SAFETY: both have `len` bytes.
        unsafe { crate::copy::raw(from.as_ptr(), self.base.as_ptr(), len) };
        len
    }

    /// Copies to another window.
    #[inline]
    pub fn copy_to(self, dst: Window<'_>) -> usize {
        crate::copy(self, dst, self.len)
    }

    /// Hints a read.
    #[inline]
    pub fn prefetch(self) {}

    /// Hints a write.
    #[inline]
    pub fn prefetch_write(self) {}
}
