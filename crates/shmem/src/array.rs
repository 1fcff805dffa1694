//! Owned arrays of words in guest memory, for rings.
#![allow(unsafe_code)]
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

use crate::Mapping;

/// A word.
pub trait Word: Copy + Default + private::Atomic {}
mod private {
    use std::sync::atomic::Ordering;
    pub trait Atomic: Sized {
        /// # Safety
        /// `at` is aligned and mapped.
        unsafe fn load(at: *const Self, order: Ordering) -> Self;
        /// # Safety
        /// As load.
        unsafe fn store(at: *mut Self, value: Self, order: Ordering);
    }
}
macro_rules! word {
    ($t:ty, $a:ty) => {
        impl Word for $t {}
        impl private::Atomic for $t {
            #[inline]
            unsafe fn load(at: *const Self, order: Ordering) -> Self {
                // SAFETY: the caller's.
                unsafe { <$a>::from_ptr(at.cast_mut()) }.load(order)
            }
            #[inline]
            unsafe fn store(at: *mut Self, value: Self, order: Ordering) {
                // SAFETY: the caller's.
                unsafe { <$a>::from_ptr(at) }.store(value, order);
            }
        }
    };
}
word!(u16, AtomicU16);
word!(u32, AtomicU32);
word!(u64, AtomicU64);

/// An array.
#[derive(Debug)]
pub struct Array<T> {
    base: NonNull<T>,
    count: usize,
    _mapping: Arc<Mapping>,
    word: PhantomData<T>,
}
// SAFETY: atomics only.
unsafe impl<T: Word> Send for Array<T> {}
// SAFETY: atomics only.
unsafe impl<T: Word> Sync for Array<T> {}

impl<T: Word> Array<T> {
    /// # Safety
    /// `base` is aligned, and `count` words of `mapping` from there on are mapped.
    pub(crate) unsafe fn new(base: NonNull<u8>, count: usize, mapping: Arc<Mapping>) -> Self {
        Self { base: base.cast(), count, _mapping: mapping, word: PhantomData }
    }
    /// Words.
    #[inline]
    pub fn count(&self) -> usize {
        self.count
    }
    #[inline]
    fn load(&self, i: usize, order: Ordering) -> T {
        debug_assert!(i < self.count);
        if i >= self.count {
            return T::default();
        }
        // SAFETY: within.
        unsafe { T::load(self.base.add(i).as_ptr(), order) }
    }
    #[inline]
    fn store(&self, i: usize, value: T, order: Ordering) {
        debug_assert!(i < self.count);
        if i < self.count {
            // SAFETY: within.
            unsafe { T::store(self.base.add(i).as_ptr(), value, order) };
        }
    }
    /// Relaxed read.
    #[inline]
    pub fn read(&self, i: usize) -> T {
        self.load(i, Ordering::Relaxed)
    }
    /// Relaxed write.
    #[inline]
    pub fn write(&self, i: usize, value: T) {
        self.store(i, value, Ordering::Relaxed);
    }
    /// Acquire.
    #[inline]
    pub fn load_acquire(&self, i: usize) -> T {
        self.load(i, Ordering::Acquire)
    }
    /// Release.
    #[inline]
    pub fn store_release(&self, i: usize, value: T) {
        self.store(i, value, Ordering::Release);
    }
}
