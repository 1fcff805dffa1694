//! A row of structures that stay where they are until their owner is dropped.
//!
//! The structures of a pool point at one another, so they are reached by raw pointers only, and those must stay good
//! when the pool moves. A `Box` would claim to be the only way to its contents each time it moves; this row does not.

#![allow(unsafe_code, reason = "UNSAFETY: owns what raw pointers lead to")]

use std::ptr::{self, NonNull};

/// `count` structures from `first` on, up to `end`.
pub(crate) struct Slab<T> {
    first: NonNull<T>,
    end: NonNull<T>,
    count: usize,
}

impl<T> Slab<T> {
    pub(crate) fn new(row: Box<[T]>) -> Self {
        let count = row.len();
        let first = NonNull::from(Box::leak(row)).cast();
        Self {
            first,
            // SAFETY: behind the last of the row.
            end: unsafe { first.add(count) },
            count,
        }
    }

    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The first structure, or the end of an empty row.
    #[inline]
    pub(crate) fn first(&self) -> NonNull<T> {
        self.first
    }

    /// Behind the last structure.
    #[inline]
    pub(crate) fn end(&self) -> NonNull<T> {
        self.end
    }

    /// Structures from `at`, which is one of the row or its end, to the end.
    #[inline]
    pub(crate) fn from(&self, at: NonNull<T>) -> usize {
        let bytes = self.end().addr().get() - at.addr().get();
        bytes / size_of::<T>()
    }

    /// The `index`th structure. It may be used for as long as the slab is there.
    #[inline]
    pub(crate) fn at(&self, index: usize) -> Option<NonNull<T>> {
        // SAFETY: an index below `count` stays in the row.
        (index < self.count).then(|| unsafe { self.first.add(index) })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = NonNull<T>> {
        (0..self.count).filter_map(|index| self.at(index))
    }
}

impl<T> Drop for Slab<T> {
    fn drop(&mut self) {
        let row = ptr::slice_from_raw_parts_mut(self.first.as_ptr(), self.count);
        // SAFETY: `new` took the row out of a box of this size, and it goes back into one only here.
        drop(unsafe { Box::from_raw(row) });
    }
}
