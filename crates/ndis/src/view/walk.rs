//! The one walk along a chain that NULL ends.
//!
//! Invariant: it ends. A chain that comes back to itself is found with two pointers' worth of memory: the walk remembers
//! one element, at first the first, then, each time it has gone twice as far, the one where it stands. A loop is entered and
//! as long as the distance at the latest after three times its length, and meets the remembered element then.

// UNSAFETY: reads the links that the constructors were promised to be sound.
#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::mem::align_of;

use super::error::{ViewError, Wrong};
use super::raw::Link;
use crate::basic::PVOID;

pub(super) struct Walk<'a, T: Link> {
    next: *mut T,
    /// The member that `next` was read from.
    member: &'static str,
    remembered: *mut T,
    /// Steps until another element is remembered, and how many it was at the last time.
    until: usize,
    distance: usize,
    left: usize,
    limit: usize,
    owner: PhantomData<&'a T>,
}

impl<T: Link> Walk<'_, T> {
    /// The chain that begins at what `member` says.
    ///
    /// # Safety
    /// `first` and the links behind it are NULL or lead to live structures for the lifetime chosen here.
    #[inline]
    pub(super) unsafe fn new(first: *mut T, member: &'static str, limit: usize) -> Self {
        Self {
            next: first,
            member,
            remembered: core::ptr::null_mut(),
            until: 1,
            distance: 1,
            left: limit,
            limit,
            owner: PhantomData,
        }
    }

    /// The next element. It is live, as `new` was promised. After an error there is nothing.
    #[inline]
    pub(super) fn step(&mut self) -> Option<Result<*mut T, ViewError>> {
        let at = self.next;
        if at.is_null() {
            return None;
        }
        let wrong = if at as usize % align_of::<PVOID>() != 0 {
            Wrong::Misaligned
        } else if at == self.remembered {
            Wrong::Cyclic
        } else if self.left == 0 {
            Wrong::TooLong { limit: self.limit }
        } else {
            self.left = self.left.saturating_sub(1);
            self.until = self.until.saturating_sub(1);
            if self.until == 0 {
                self.remembered = at;
                self.distance = self.distance.wrapping_mul(2).max(1);
                self.until = self.distance;
            }
            // SAFETY: `new` was promised that the link leads to a live structure.
            self.next = unsafe { T::next(at) };
            self.member = T::NEXT;
            return Some(Ok(at));
        };
        self.next = core::ptr::null_mut();
        Some(Err(ViewError::new(self.member, wrong)))
    }

    /// Elements that this walk may still meet at most.
    #[inline]
    pub(super) fn most(&self) -> usize {
        if self.next.is_null() {
            0
        } else {
            self.left.saturating_add(1)
        }
    }
}

impl<T: Link> Clone for Walk<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T: Link> core::fmt::Debug for Walk<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Walk")
            .field("next", &self.next)
            .field("left", &self.left)
            .finish()
    }
}
