//! A receiver's posted buffers, described as a chain of segments like the frames themselves.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr::NonNull;

use shmem::Handle;

use crate::handle::to_ndis;
use crate::pool::{Pool, Receive};
use crate::segments::Segments;

/// The receive buffers of one frame.
#[derive(Clone, Copy, Debug)]
pub struct ReceiveChain<'p> {
    parts: Receive,
    pool: PhantomData<&'p Pool>,
}

impl<'p> ReceiveChain<'p> {
    /// An empty chain.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        Self::from_parts(Receive::NONE)
    }

    /// Adds `len` bytes of a block from `offset`, by a segment of `pool`. False when it has none left.
    #[inline]
    pub fn push(&mut self, pool: &'p Pool, handle: Handle, offset: u32, len: u32) -> bool {
        let Some(piece) = pool.take_piece(to_ndis(handle), offset, len) else {
            return false;
        };
        match NonNull::new(self.parts.last) {
            // SAFETY: `last` is a piece of the borrowed pool, and no reference to it exists.
            Some(last) => unsafe {
                (*last.as_ptr()).segment.NextSharedMemorySegment =
                    &raw mut (*piece.as_ptr()).segment
            },
            None => self.parts.first = piece.as_ptr(),
        }
        self.parts.last = piece.as_ptr();
        self.parts.pieces += 1;
        self.parts.bytes += len;
        true
    }

    /// Room in bytes.
    #[inline]
    #[must_use]
    pub fn len_bytes(&self) -> u32 {
        self.parts.bytes
    }

    /// The buffers, in order.
    #[inline]
    #[must_use]
    pub fn segments(&self) -> Segments<'p> {
        Segments::new(self.parts.first.cast(), self.parts.pieces as usize)
    }

    #[inline]
    pub(crate) fn into_parts(self) -> Receive {
        self.parts
    }

    #[inline]
    pub(crate) fn from_parts(parts: Receive) -> Self {
        Self {
            parts,
            pool: PhantomData,
        }
    }
}

impl Default for ReceiveChain<'_> {
    fn default() -> Self {
        Self::new()
    }
}
