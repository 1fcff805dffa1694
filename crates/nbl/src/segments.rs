//! Walks over the two chains of a frame. A chain that loops or is too long ends with an error.
#![allow(unsafe_code)]

use std::marker::PhantomData;

use ndis::{MDL, NET_BUFFER_SHARED_MEMORY};
use shmem::{BlockError, BlockTable, Handle, Window};

use crate::handle::from_ndis;

/// One segment: these bytes of the frame lie there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The block; `None` where the segment says NULL, which names no block here (M4).
    pub handle: Option<Handle>,
    /// Bytes from the block's beginning (B2).
    pub offset: u32,
    /// Bytes.
    pub len: u32,
}

impl Segment {
    /// The memory the segment names, checked against its block (B4).
    ///
    /// # Errors
    /// [`BlockError`].
    #[inline]
    pub fn window<'b>(&self, blocks: &'b BlockTable) -> Result<Window<'b>, BlockError> {
        blocks.window(self.handle.ok_or(BlockError::Stale)?, self.offset, self.len)
    }
}

/// A chain that has more elements than there are: it loops, or was overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chain loops: it has more than {0} elements")]
pub struct ChainError(pub usize);

macro_rules! walk {
    ($(#[$doc:meta])* $name:ident, $element:ty, $item:ty, $next:ident, $of:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<'p> {
            next: *const $element,
            left: usize,
            longest: usize,
            pool: PhantomData<&'p $element>,
        }

        impl $name<'_> {
            /// `first` is NULL or leads to elements of a pool that is borrowed for the walk's lifetime.
            #[inline]
            pub(crate) fn new(first: *const $element, longest: usize) -> Self {
                Self { next: first, left: longest, longest, pool: PhantomData }
            }
        }

        impl Iterator for $name<'_> {
            type Item = Result<$item, ChainError>;

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                if self.next.is_null() {
                    return None;
                }
                if self.left == 0 {
                    self.next = std::ptr::null();
                    return Some(Err(ChainError(self.longest)));
                }
                self.left -= 1;
                // SAFETY: not NULL, so an element of the borrowed pool: only this crate links chains, and it
                // links only its own elements. It is copied out, no reference stays.
                let element = unsafe { *self.next };
                self.next = element.$next;
                Some(Ok($of(element)))
            }
        }
    };
}

walk! {
    /// The segments of a frame or of its receive buffers.
    Segments, NET_BUFFER_SHARED_MEMORY, Segment, NextSharedMemorySegment, |segment: NET_BUFFER_SHARED_MEMORY| Segment {
        handle: from_ndis(segment.SharedMemoryHandle),
        offset: segment.SharedMemoryOffset,
        len: segment.SharedMemoryLength,
    }
}

walk! {
    /// The MDLs of a frame.
    Mdls, MDL, MDL, Next, |mdl: MDL| mdl
}
