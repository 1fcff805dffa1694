//! A chain of frames, linked through their own `Next`.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use crate::frame::Nbl;
use crate::pool::Frame;

/// A FIFO of frames. A frame is in at most one queue.
#[derive(Debug)]
pub struct NblQueue<'p> {
    ends: Option<(Nbl<'p>, Nbl<'p>)>,
    len: usize,
}

impl<'p> NblQueue<'p> {
    /// An empty queue.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { ends: None, len: 0 }
    }

    /// Frames in the queue.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is no frame in it.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts a frame at the end.
    #[inline]
    pub fn push(&mut self, nbl: Nbl<'p>) {
        nbl.write(|frame| frame.nbl.Next = std::ptr::null_mut());
        match &mut self.ends {
            Some((_, last)) => {
                last.write(|frame| frame.nbl.Next = nbl.as_ptr().cast_mut());
                *last = nbl;
            }
            None => self.ends = Some((nbl, nbl)),
        }
        self.len += 1;
    }

    /// Puts all of `other` at the end, and leaves it empty.
    #[inline]
    pub fn append(&mut self, other: &mut Self) {
        let other = std::mem::take(other);
        match (&mut self.ends, other.ends) {
            (Some((_, last)), Some((first, new_last))) => {
                last.write(|frame| frame.nbl.Next = first.as_ptr().cast_mut());
                *last = new_last;
                self.len += other.len;
            }
            (None, Some(_)) => *self = other,
            (_, None) => {}
        }
    }

    /// Takes the frame at the front.
    #[inline]
    pub fn pop_front(&mut self) -> Option<Nbl<'p>> {
        let (first, last) = self.ends?;
        self.len -= 1;
        self.ends = (self.len > 0)
            .then(|| next(first))
            .flatten()
            .map(|next| (next, last));
        Some(first)
    }

    /// The frames, oldest first.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> Iter<'p> {
        Iter {
            next: self.ends.map(|(first, _)| first),
            left: self.len,
        }
    }
}

impl Default for NblQueue<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// The frames of a queue, at most as many as it had when asked.
#[derive(Clone, Debug)]
pub struct Iter<'p> {
    next: Option<Nbl<'p>>,
    left: usize,
}

impl<'p> Iterator for Iter<'p> {
    type Item = Nbl<'p>;

    #[inline]
    fn next(&mut self) -> Option<Nbl<'p>> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let nbl = self.next?;
        self.next = if self.left > 0 { next(nbl) } else { None };
        Some(nbl)
    }
}

/// The frame behind `nbl`. Its `Next` was written by this file, so it leads to a frame of the same pool,
/// whose first member the NET_BUFFER_LIST is.
#[inline]
fn next<'p>(nbl: Nbl<'p>) -> Option<Nbl<'p>> {
    const { assert!(std::mem::offset_of!(Frame, nbl) == 0) };
    let frame = NonNull::new(nbl.read(|frame| frame.nbl.Next))?.cast();
    // SAFETY: see above; `nbl` shows that the pool is borrowed for `'p`.
    Some(unsafe { Nbl::new(frame) })
}
