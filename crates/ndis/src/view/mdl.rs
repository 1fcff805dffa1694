//! MDLs of a frame.

// UNSAFETY: reads what a walk along a promised chain has met.
#![allow(unsafe_code)]

use core::marker::PhantomData;

use super::error::{ViewError, Wrong};
use super::raw;
use super::walk::Walk;
use crate::mdl::{MDL, MDL_MAPPED_TO_SYSTEM_VA, MDL_SOURCE_IS_NONPAGED_POOL};

/// One MDL of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Mdl<'a> {
    at: *mut MDL,
    owner: PhantomData<&'a MDL>,
}

impl<'a> Mdl<'a> {
    /// # Safety
    /// `at` must lead to an MDL that is live for the lifetime chosen here.
    #[inline]
    pub(super) unsafe fn new(at: *mut MDL) -> Self {
        Self {
            at,
            owner: PhantomData,
        }
    }

    /// The structure.
    #[inline]
    pub fn as_ptr(self) -> *mut MDL {
        self.at
    }

    /// Bytes in its buffer.
    #[inline]
    pub fn byte_count(self) -> u32 {
        self.read().ByteCount
    }

    /// Where its buffer is mapped in system space: what `MmGetSystemAddressForMdlSafe` answers without mapping anything.
    ///
    /// # Errors
    /// The buffer is not mapped, or at NULL.
    #[inline]
    pub fn system_address(self) -> Result<*mut u8, ViewError> {
        let mdl = self.read();
        if mdl.MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) == 0 {
            Err(ViewError::new("MDL.MdlFlags", Wrong::NotMapped))
        } else if mdl.MappedSystemVa.is_null() {
            Err(ViewError::null("MDL.MappedSystemVa"))
        } else {
            Ok(mdl.MappedSystemVa.cast())
        }
    }

    #[inline]
    fn read(self) -> MDL {
        // SAFETY: `new` was promised that it is live.
        unsafe { raw::mdl(self.at) }
    }
}

/// The MDLs of a frame, in order. An error is the last item.
#[derive(Clone, Debug)]
pub struct Mdls<'a>(pub(super) Walk<'a, MDL>);

impl Mdls<'_> {
    /// Whether there is nothing more, not even an error.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.0.most() == 0
    }
}

impl<'a> Iterator for Mdls<'a> {
    type Item = Result<Mdl<'a>, ViewError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // SAFETY: a walk meets live elements only.
        Some(self.0.step()?.map(|at| unsafe { Mdl::new(at) }))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.0.most()))
    }
}
