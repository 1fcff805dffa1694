//! Frames that are built one after the other, each of a single buffer: the usual burst.
//!
//! They lie side by side in their pool, so each is linked to the next before that one is there, and nothing is known of the
//! chain while it grows but where it began.

#![allow(unsafe_code, reason = "UNSAFETY: fills the pool's structures")]

use std::ptr::{self, NonNull};

use shmem::Extent;

use crate::FRONT;
use crate::build::{BuildError, SHORTEST_FRAME, Tail, head_of, no_frame, start_over};
use crate::frame::Frame;
use crate::nbl::Nbl;
use crate::pool::Pool;
use crate::queue::NblQueue;

/// A chain of frames that grows. Its pool has no other frames meanwhile.
pub struct Row<'p> {
    pool: &'p Pool,
    first: NonNull<Frame>,
    /// Where the next frame is to be built.
    next: NonNull<Frame>,
}

impl Pool {
    /// Begins a chain of frames of one buffer each. As long as it grows, no other frames can be built.
    #[inline]
    pub fn row(&self) -> Row<'_> {
        let first = self.take_all_frames();
        Row {
            pool: self,
            first,
            next: first,
        }
    }
}

impl<'p> Row<'p> {
    /// As [`Pool::build`], of a single buffer, which is `extent`.
    ///
    /// # Errors
    /// As [`Pool::build`].
    #[inline(always)]
    pub fn build(
        &mut self,
        extent: Extent<'_>,
        front: usize,
        max_frame: u32,
    ) -> Result<Nbl<'p>, BuildError> {
        let window = extent.window();
        let front = front.min(FRONT);
        let shortest = front + SHORTEST_FRAME as usize;
        if !(shortest..=front + max_frame as usize).contains(&window.len()) {
            return Err(no_frame(window.len(), front, max_frame));
        }
        let frame = self.next;
        if self.pool.is_end(frame) {
            return Err(BuildError::PoolExhausted);
        }
        let read = window.read(&mut head_of(frame)[FRONT - front..]);
        if read == window.len() {
            Tail::of(self.pool, frame).end();
        } else {
            self.describe_rest(frame, extent, read as u32)?;
        }
        // SAFETY: one of the row, so what is behind it is the next or the end.
        self.next = unsafe { frame.add(1) };
        // SAFETY: the list lies this far inside its frame; of the end, it is an address that nobody follows.
        let next = unsafe { self.next.as_ptr().byte_add(Frame::NBL) };
        start_over(frame, (window.len() - front) as u32, next.cast());
        // SAFETY: built just now, in a pool that is borrowed.
        Ok(unsafe { Nbl::new(frame) })
    }

    /// Ends the chain before the frame that was built last, and begins another one behind it.
    #[cold]
    #[inline(never)]
    pub fn end_before_last(self) -> (NblQueue<'p>, Self) {
        let chain = match self.built() {
            0 => NblQueue::new(),
            built => self.chain(built - 1),
        };
        let first = self.next;
        (chain, Self { first, ..self })
    }

    /// Ends the chain.
    #[inline]
    pub fn end(self) -> NblQueue<'p> {
        self.pool.take_frames_before(self.next);
        self.chain(self.built())
    }

    /// Describes what of `extent` lies behind its first `from` bytes: in most cases one piece.
    #[inline]
    fn describe_rest(
        &self,
        frame: NonNull<Frame>,
        extent: Extent<'_>,
        from: u32,
    ) -> Result<(), BuildError> {
        let len = extent.window().len() as u32 - from;
        let mut tail = Tail::of(self.pool, frame);
        match extent.piece(from) {
            Some(piece) if piece.len == len => tail.link(piece)?,
            _ => tail.describe(extent.memory(), extent.gpa() + u64::from(from), len)?,
        }
        tail.end();
        self.pool.pieces_taken.set(tail.pieces);
        Ok(())
    }

    /// Frames of the chain.
    #[inline]
    fn built(&self) -> usize {
        let bytes = self.next.addr().get() - self.first.addr().get();
        bytes / size_of::<Frame>()
    }

    /// The first `count` frames, which are built and linked.
    #[inline]
    fn chain(&self, count: usize) -> NblQueue<'p> {
        let Some(before_last) = count.checked_sub(1) else {
            return NblQueue::new();
        };
        // SAFETY: built in this burst, and linked each to the next.
        unsafe {
            let last = Nbl::new(self.first.add(before_last));
            (*last.as_link()).Next = ptr::null_mut();
            NblQueue::linked(Nbl::new(self.first), last, count)
        }
    }
}
