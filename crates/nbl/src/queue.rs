//! A chain of frames, linked through their own `Next`.
//!
//! Invariant: a queue that is not empty was linked by this file or as a [`Row`](crate::Row), from `first` to `last`, of frames
//! of one burst. Each ends its chain when it is pushed, so every link that is followed leads to a frame of that burst, whatever
//! else was linked in between. Who puts one frame into two queues gets frames in the wrong queue, but never more than `len` of
//! them.

#![allow(unsafe_code, reason = "UNSAFETY: follows the links of frames")]

use std::fmt;
use std::ptr::{self, NonNull};

use ndis::NET_BUFFER_LIST;

use crate::nbl::Nbl;

/// A FIFO of frames. A frame is in at most one queue at a time.
pub struct NblQueue<'p> {
    ends: Option<(Nbl<'p>, Nbl<'p>)>,
    len: usize,
}

impl<'p> NblQueue<'p> {
    /// An empty queue.
    #[inline]
    pub const fn new() -> Self {
        Self { ends: None, len: 0 }
    }

    /// # Safety
    /// They must be frames of the burst `'p`, linked from `first` to `last`, which is the `count`th of them and ends the chain.
    #[inline]
    pub(crate) unsafe fn linked(first: Nbl<'p>, last: Nbl<'p>, count: usize) -> Self {
        Self {
            ends: Some((first, last)),
            len: count,
        }
    }

    /// Frames in the queue.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no frame in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts a frame at the end.
    #[inline]
    pub fn push(&mut self, nbl: Nbl<'p>) {
        link(nbl, ptr::null_mut());
        match &mut self.ends {
            Some((_, last)) => {
                link(*last, nbl.as_link());
                *last = nbl;
            }
            None => self.ends = Some((nbl, nbl)),
        }
        self.len += 1;
    }

    /// Puts all of `other` at the end, in its order, and leaves it empty.
    #[inline]
    pub fn append(&mut self, other: &mut Self) {
        let other = std::mem::take(other);
        match (self.ends, other.ends) {
            (Some((first, last)), Some((next, end))) => {
                link(last, next.as_link());
                self.ends = Some((first, end));
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
        let next = if self.len > 1 { next(first) } else { None };
        self.ends = next.map(|next| (next, last));
        self.len = if next.is_some() { self.len - 1 } else { 0 };
        Some(first)
    }

    /// Takes the first frames up to `last`, which is the `count`th of this queue.
    ///
    /// Of another frame than that, the links stay good and the two lengths tell no truth, but never more than before.
    #[inline]
    pub fn split_behind(&mut self, last: Nbl<'p>, count: usize) -> Self {
        let Some((first, end)) = self.ends else {
            return Self::new();
        };
        if count >= self.len {
            return std::mem::take(self);
        }
        let rest = next(last);
        link(last, ptr::null_mut());
        self.ends = rest.map(|rest| (rest, end));
        self.len = if rest.is_some() { self.len - count } else { 0 };
        Self {
            ends: Some((first, last)),
            len: count,
        }
    }

    /// Takes the first `count` frames, or all if there are no more.
    #[inline]
    pub fn split_first(&mut self, count: usize) -> Self {
        if count >= self.len {
            return std::mem::take(self);
        }
        match self.first(count).last() {
            Some(last) => self.split_behind(last, count),
            None => Self::new(),
        }
    }

    /// The frame at the front, which stays there.
    #[inline]
    pub fn front(&self) -> Option<Nbl<'p>> {
        self.ends.map(|(first, _)| first)
    }

    /// The frames, oldest first; never more than the queue has now.
    #[inline]
    pub fn iter(&self) -> Iter<'p> {
        Iter {
            next: self.ends.map(|(first, _)| first),
            left: self.len,
        }
    }

    /// The first `count` frames, or all if there are no more.
    #[inline]
    pub fn first(&self, count: usize) -> Iter<'p> {
        let iter = self.iter();
        Iter {
            left: iter.left.min(count),
            ..iter
        }
    }

    /// The frames from the `from`th on.
    #[inline]
    pub fn iter_from(&self, from: usize) -> Iter<'p> {
        let mut iter = self.iter();
        (0..from).for_each(|_| {
            iter.next();
        });
        iter
    }
}

impl Default for NblQueue<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for NblQueue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The frames of a queue; see [`NblQueue::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'p> {
    next: Option<Nbl<'p>>,
    left: usize,
}

impl<'p> Iterator for Iter<'p> {
    type Item = Nbl<'p>;

    #[inline]
    fn next(&mut self) -> Option<Nbl<'p>> {
        self.left = self.left.checked_sub(1)?;
        let nbl = self.next?;
        // That of the last one is read too, and not followed.
        self.next = next(nbl);
        Some(nbl)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Of a queue whose frames are in no other one.
impl ExactSizeIterator for Iter<'_> {}

#[inline]
fn link(nbl: Nbl<'_>, next: *mut NET_BUFFER_LIST) {
    // SAFETY: the list is there while its burst lasts, and no reference to it exists.
    unsafe { (*nbl.as_link()).Next = next };
}

#[inline]
fn next<'p>(nbl: Nbl<'p>) -> Option<Nbl<'p>> {
    // SAFETY: as for `link`. The link is NULL or, by the invariant, leads to a frame of the burst `'p`.
    unsafe { NonNull::new((*nbl.as_link()).Next).map(|next| Nbl::from_link(next)) }
}
