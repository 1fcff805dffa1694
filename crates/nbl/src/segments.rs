//! Walks along the two chains of a frame.
//!
//! The chains are built here, so a walk finds what was built. It nevertheless believes nothing but that links lead to
//! structures: a chain that loops, ends early or names no block ends the walk with an error, after a bounded number of
//! steps. What bounds them is the number of bytes, of which each element must have at least one.
//!
//! A segment's length is room (B2, B3): a frame ends where its bytes are over, not where its last segment does.

#![allow(unsafe_code, reason = "UNSAFETY: follows the links of chains")]

use std::marker::PhantomData;

use ndis::{MDL, NET_BUFFER_SHARED_MEMORY};
use shmem::Handle;

use crate::handle::from_ndis;
use crate::nbl::Burst;

/// A piece of a frame or of its receive buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The block that it lies in.
    pub handle: Handle,
    /// From the beginning of the block, in bytes (B2).
    pub offset: u32,
    /// In bytes, never 0.
    pub len: u32,
}

/// What is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// It goes on where it should have ended: it loops, or was overwritten.
    #[error("the chain goes on after its last element")]
    TooLong,
    /// It ends too early.
    #[error("the chain ends {missing} bytes too early")]
    TooShort {
        /// In bytes.
        missing: u32,
    },
    /// An element describes no bytes.
    #[error("the chain has an element of no bytes")]
    Empty,
    /// A segment's handle is NULL, which names no block here (M4).
    #[error("a segment of the chain names no block")]
    NullHandle,
}

/// The segments of a frame or of its receive buffers, in order. An error is the last item.
#[derive(Clone, Debug)]
pub struct Segments<'p>(Walk<'p, NET_BUFFER_SHARED_MEMORY>);

impl Segments<'_> {
    /// # Safety
    /// As for [`Walk::new`].
    #[inline]
    pub(crate) unsafe fn new(first: *const NET_BUFFER_SHARED_MEMORY, bytes: u32) -> Self {
        // SAFETY: the caller's.
        Self(unsafe { Walk::new(first, bytes) })
    }
}

impl Iterator for Segments<'_> {
    type Item = Result<Segment, ChainError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (element, len) = match self.0.step()? {
            Ok(step) => step,
            Err(error) => return Some(Err(error)),
        };
        let Some(handle) = from_ndis(element.SharedMemoryHandle) else {
            self.0.stop();
            return Some(Err(ChainError::NullHandle));
        };
        Some(Ok(Segment {
            handle,
            offset: element.SharedMemoryOffset,
            len,
        }))
    }
}

/// The MDLs of a frame, in order. An error is the last item.
///
/// Only the lookahead's MDL has an address. The others describe a guest's memory, to which no address leaves `shmem`:
/// theirs is NULL, and they say how many bytes lie in the segment beside them.
#[derive(Clone, Debug)]
pub struct Mdls<'p>(Walk<'p, MDL>);

impl Mdls<'_> {
    /// # Safety
    /// As for [`Walk::new`].
    #[inline]
    pub(crate) unsafe fn new(first: *const MDL, bytes: u32) -> Self {
        // SAFETY: the caller's.
        Self(unsafe { Walk::new(first, bytes) })
    }
}

impl Iterator for Mdls<'_> {
    type Item = Result<MDL, ChainError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.step()?.map(|(mdl, _)| mdl))
    }
}

/// An element of a chain that NULL ends.
pub trait Link: Copy + sealed::Sealed {
    /// The next element, or NULL.
    fn next(&self) -> *const Self;

    /// Bytes that there is room for.
    fn room(&self) -> u32;
}

impl Link for NET_BUFFER_SHARED_MEMORY {
    #[inline]
    fn next(&self) -> *const Self {
        self.NextSharedMemorySegment
    }

    #[inline]
    fn room(&self) -> u32 {
        self.SharedMemoryLength
    }
}

impl Link for MDL {
    #[inline]
    fn next(&self) -> *const Self {
        self.Next
    }

    #[inline]
    fn room(&self) -> u32 {
        self.ByteCount
    }
}

/// The elements of a chain as they lie in memory, for observers who hold nothing but a pointer to its head.
#[derive(Clone, Debug)]
pub struct RawChain<'a, T: Link> {
    next: *const T,
    left: usize,
    owner: PhantomData<&'a T>,
}

impl<T: Link> RawChain<'_, T> {
    /// The chain from `first` (or NULL) on, which may have `longest` elements.
    ///
    /// # Safety
    /// For the lifetime that is chosen here, `first` and the link of each element before the `longest` must be NULL or lead
    /// to an element that nobody writes during a step.
    #[inline]
    pub unsafe fn new(first: *const T, longest: usize) -> Self {
        Self {
            next: first,
            left: longest,
            owner: PhantomData,
        }
    }
}

impl<T: Link> Iterator for RawChain<'_, T> {
    type Item = Result<T, ChainError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.next.is_null() {
            return None;
        }
        let Some(left) = self.left.checked_sub(1) else {
            self.next = std::ptr::null();
            return Some(Err(ChainError::TooLong));
        };
        self.left = left;
        // SAFETY: `new` was promised that it leads to an element. It is copied out, no reference stays.
        let element = unsafe { *self.next };
        self.next = element.next();
        Some(Ok(element))
    }
}

/// A walk along a chain of this crate's own that describes a known number of bytes.
#[derive(Clone, Debug)]
struct Walk<'p, T: Link> {
    next: *const T,
    /// Bytes not walked over yet.
    left: u32,
    burst: Burst<'p>,
}

impl<T: Link> Walk<'_, T> {
    /// # Safety
    /// `first` must be NULL or lead into a pool that is borrowed for the lifetime chosen here, and which linked the chain.
    #[inline]
    unsafe fn new(first: *const T, bytes: u32) -> Self {
        Self {
            next: first,
            left: bytes,
            burst: PhantomData,
        }
    }

    /// The next element and the bytes in it.
    #[inline]
    fn step(&mut self) -> Option<Result<(T, u32), ChainError>> {
        if self.next.is_null() {
            let missing = std::mem::take(&mut self.left);
            return (missing > 0).then_some(Err(ChainError::TooShort { missing }));
        }
        // SAFETY: `new` was promised that it leads into a pool, whose chains link nothing but its own structures, and all of
        // that is on this thread. The element is copied out, no reference stays.
        let element = unsafe { *self.next };
        let len = element.room().min(self.left);
        if len == 0 {
            let error = if self.left == 0 {
                ChainError::TooLong
            } else {
                ChainError::Empty
            };
            self.stop();
            return Some(Err(error));
        }
        self.left -= len;
        self.next = element.next();
        Some(Ok((element, len)))
    }

    /// There is nothing after an error.
    #[inline]
    fn stop(&mut self) {
        self.next = std::ptr::null();
        self.left = 0;
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for ndis::NET_BUFFER_SHARED_MEMORY {}
    impl Sealed for ndis::MDL {}
}
