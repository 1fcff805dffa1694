//! A chain of buffers, as the host sees it after it was read and judged.
//!
//! Invariant: readable buffers come first, none is empty, all of them together hold 1 to 2^32 bytes, and there are at most as
//! many as the ring has descriptors. So the scratch, with room for the largest ring, never grows.

use std::fmt;

use crate::{MAX_SIZE, RingError};

/// What one descriptor names: bytes of guest memory, not yet looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buf {
    /// Guest physical address.
    pub gpa: u64,
    /// In bytes.
    pub len: u32,
}

/// Scratch for one chain at a time, reused for all.
pub struct Chain {
    /// Only the first `count` belong to the chain.
    bufs: Box<[Buf]>,
    count: usize,
    readable: usize,
    bytes: u64,
    head: u16,
}

impl Chain {
    /// An empty chain with room for the longest.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bufs: vec![Buf { gpa: 0, len: 0 }; usize::from(MAX_SIZE)].into(),
            count: 0,
            readable: 0,
            bytes: 0,
            head: 0,
        }
    }

    /// The driver's name of the chain, to hand it back by.
    #[must_use]
    #[inline]
    pub fn head(&self) -> u16 {
        self.head
    }

    /// The buffers that the driver wrote for us.
    #[must_use]
    #[inline]
    pub fn readable(&self) -> &[Buf] {
        &self.bufs[..self.readable]
    }

    /// The buffers that are ours to write.
    #[must_use]
    #[inline]
    pub fn writable(&self) -> &[Buf] {
        &self.bufs[self.readable..self.count]
    }

    /// Makes it empty.
    #[inline]
    pub fn clear(&mut self) {
        self.begin(0);
    }

    #[inline]
    pub(crate) fn begin(&mut self, head: u16) {
        self.count = 0;
        self.readable = 0;
        self.bytes = 0;
        self.head = head;
    }

    /// Adds a buffer. One of no bytes is passed over: some drivers make them of empty fragments, and no reader
    /// of a chain has a use for them.
    #[inline]
    pub(crate) fn push(&mut self, buf: Buf, is_writable: bool) -> Result<(), RingError> {
        if buf.len == 0 {
            return Ok(());
        }
        if !is_writable {
            if self.readable != self.count {
                return Err(RingError::ReadableAfterWritable { head: self.head });
            }
            self.readable += 1;
        }
        self.bytes += u64::from(buf.len);
        let Some(place) = self.bufs.get_mut(self.count) else {
            let size = MAX_SIZE;
            return Err(RingError::TooLong {
                head: self.head,
                size,
            });
        };
        *place = buf;
        self.count += 1;
        Ok(())
    }

    /// Judges the chain as a whole, once all of it is there.
    #[inline]
    pub(crate) fn finish(&self) -> Result<(), RingError> {
        match self.bytes {
            1..=0x1_0000_0000 => Ok(()),
            0 => Err(RingError::Empty { head: self.head }),
            _ => Err(RingError::TooManyBytes { head: self.head }),
        }
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("head", &self.head)
            .field("readable", &self.readable())
            .field("writable", &self.writable())
            .finish()
    }
}
