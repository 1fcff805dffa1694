//! Words of a ring in guest memory, read and written one by one, atomically.
//!
//! A ring's index words are shared with a driver that runs at the same moment, so each access is one atomic load or store
//! of the word's own size. Values are as they lie in memory: the byte order is the caller's business.
//!
//! Invariant: `count` aligned words from `base` on lie in `mapping`, which the array owns.

#![allow(unsafe_code, reason = "UNSAFETY: atomics over mapped memory")]

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64};

use crate::copy;
use crate::mapping::Mapping;

/// An unsigned word that rings are made of: `u16`, `u32` or `u64`.
pub trait Word: Copy + fmt::Debug + sealed::Atomic {}

/// Words in guest memory. Cloning it makes another view of the same words.
#[derive(Clone)]
pub struct Array<T: Word> {
    base: NonNull<T>,
    count: usize,
    mapping: Arc<Mapping>,
}

// SAFETY: the words are accessed by atomics only, and the mapping may be dropped on any thread.
unsafe impl<T: Word> Send for Array<T> {}
// SAFETY: as above.
unsafe impl<T: Word> Sync for Array<T> {}

/// Why words cannot be reached as an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// Not all of it lies in one region.
    #[error("{count} words of {word} bytes at {address:#x} do not lie in one memory region")]
    Outside {
        /// Of the first word, as asked for.
        address: u64,
        /// In words.
        count: usize,
        /// In bytes.
        word: usize,
    },
    /// The words would lie across their natural boundaries.
    #[error("words of {word} bytes at {address:#x} are not aligned to their size")]
    Misaligned {
        /// Of the first word, as asked for.
        address: u64,
        /// In bytes.
        word: usize,
    },
}

impl<T: Word> Array<T> {
    /// `count` words from the `offset`th byte of `mapping` on; `address` is how the caller calls that place.
    pub(crate) fn new(
        mapping: &Arc<Mapping>,
        offset: u64,
        count: usize,
        address: u64,
    ) -> Result<Self, ArrayError> {
        let word = size_of::<T>();
        let base = count
            .checked_mul(word)
            .and_then(|bytes| mapping.at(offset, bytes as u64))
            .ok_or(ArrayError::Outside {
                address,
                count,
                word,
            })?
            .cast::<T>();
        if !base.as_ptr().addr().is_multiple_of(word) {
            return Err(ArrayError::Misaligned { address, word });
        }
        Ok(Self {
            base,
            count,
            mapping: mapping.clone(),
        })
    }

    /// How many words it has.
    #[inline]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether the memory behind it was taken away; its words are zero then.
    #[inline]
    pub fn is_lost(&self) -> bool {
        self.mapping.is_lost()
    }

    /// The `index`th word, by a relaxed load. Callers see to it that `index` is less than [`count`](Self::count); a word
    /// that is not there reads as zero.
    #[inline]
    pub fn read(&self, index: usize) -> T {
        // SAFETY: `word` gives places inside the array only.
        self.word(index)
            .map_or(T::ZERO, |word| unsafe { T::load(word, Relaxed) })
    }

    /// As [`read`](Self::read), and what is read later is at least as new.
    #[inline]
    pub fn load_acquire(&self, index: usize) -> T {
        // SAFETY: `word` gives places inside the array only.
        self.word(index)
            .map_or(T::ZERO, |word| unsafe { T::load(word, Acquire) })
    }

    /// The `index`th word and the one behind it, that one first and as by [`load_acquire`](Self::load_acquire): if it says that
    /// the other was written, the other is as it was written. Callers see to it that both are there; words that are not read as
    /// zero.
    #[inline]
    pub fn load_pair(&self, index: usize) -> [T; 2] {
        debug_assert!(index + 1 < self.count, "pair {index} of {}", self.count);
        if index >= self.count.saturating_sub(1) {
            return [T::ZERO; 2];
        }
        // SAFETY: by the invariant, places with an index below `count` are inside the mapping.
        unsafe {
            let second = T::load(self.base.add(index + 1), Acquire);
            [T::load(self.base.add(index), Relaxed), second]
        }
    }

    /// Stores the `index`th word, relaxed. Callers see to it that `index` is less than [`count`](Self::count); a word that
    /// is not there is not written.
    #[inline]
    pub fn write(&self, index: usize, value: T) {
        if let Some(word) = self.word(index) {
            // SAFETY: `word` gives places inside the array only.
            unsafe { T::store(word, value, Relaxed) };
        }
    }

    /// As [`write`](Self::write), and whoever sees it sees also what was written before.
    #[inline]
    pub fn store_release(&self, index: usize, value: T) {
        if let Some(word) = self.word(index) {
            // SAFETY: `word` gives places inside the array only.
            unsafe { T::store(word, value, Release) };
        }
    }

    #[inline]
    pub(crate) fn base(&self) -> NonNull<T> {
        self.base
    }

    #[inline]
    pub(crate) fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    #[inline]
    fn word(&self, index: usize) -> Option<NonNull<T>> {
        debug_assert!(index < self.count, "word {index} of {}", self.count);
        self.inside(index)
    }

    #[inline]
    fn inside(&self, index: usize) -> Option<NonNull<T>> {
        // SAFETY: by the invariant, a place with an index below `count` is inside the mapping.
        (index < self.count).then(|| unsafe { self.base.add(index) })
    }
}

impl<T: Word> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Array({} words of {} bytes)", self.count, size_of::<T>())
    }
}

mod sealed {
    use std::ptr::NonNull;
    use std::sync::atomic::Ordering;

    /// Access to a word somewhere in mapped memory.
    pub trait Atomic: Sized {
        const ZERO: Self;

        /// # Safety
        /// `word` must be aligned and mapped.
        unsafe fn load(word: NonNull<Self>, order: Ordering) -> Self;

        /// # Safety
        /// `word` must be aligned and mapped.
        unsafe fn store(word: NonNull<Self>, value: Self, order: Ordering);

        /// One that may lie anywhere.
        ///
        /// # Safety
        /// As many bytes as a word has must be mapped at `from`.
        unsafe fn load_loose(from: *const u8) -> Self;
    }
}

macro_rules! word {
    ($int:ty, $atomic:ident, $load_loose:path) => {
        impl Word for $int {}

        impl sealed::Atomic for $int {
            const ZERO: Self = 0;

            #[inline]
            unsafe fn load(word: NonNull<Self>, order: Ordering) -> Self {
                // SAFETY: aligned and mapped, says the caller; everybody else accesses it atomically or from outside.
                unsafe { $atomic::from_ptr(word.as_ptr()) }.load(order)
            }

            #[inline]
            unsafe fn store(word: NonNull<Self>, value: Self, order: Ordering) {
                // SAFETY: aligned and mapped, says the caller; everybody else accesses it atomically or from outside.
                unsafe { $atomic::from_ptr(word.as_ptr()) }.store(value, order);
            }

            #[inline]
            unsafe fn load_loose(from: *const u8) -> Self {
                // SAFETY: the caller's.
                unsafe { $load_loose(from) }
            }
        }
    };
}

word!(u16, AtomicU16, copy::load_16);
word!(u32, AtomicU32, copy::load_32);
word!(u64, AtomicU64, copy::load_64);

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_word_that_is_written_is_read_by_whoever_sees_the_same_memory() {
        let mapping = Mapping::anonymous(64).unwrap();
        let array = Array::<u32>::new(&mapping, 8, 4, 0).unwrap();
        let view = array.clone();
        array.write(0, 1);
        array.store_release(3, 0xdead_beef);
        assert_eq!((view.read(0), view.load_acquire(3)), (1, 0xdead_beef));
        let window = mapping.window(8, 16).unwrap();
        assert_eq!(window.read_word::<u32>(12), Some(0xdead_beef));
        assert_eq!(mapping.window(24, 4).unwrap().read_word::<u32>(0), Some(0));
    }

    #[test]
    fn a_pair_is_two_words_of_the_array() {
        let mapping = Mapping::anonymous(64).unwrap();
        let array = Array::<u32>::new(&mapping, 0, 4, 0).unwrap();
        (0..4).for_each(|at| array.write(at, at as u32));
        assert_eq!((array.load_pair(0), array.load_pair(2)), ([0, 1], [2, 3]));
        let beyond = catch_unwind(AssertUnwindSafe(|| array.load_pair(3)));
        assert!(beyond.map_or(cfg!(debug_assertions), |pair| pair == [0, 0]));
    }

    #[test]
    fn an_index_beyond_the_array_reaches_no_memory() {
        let mapping = Mapping::anonymous(64).unwrap();
        mapping.window(0, 64).unwrap().write(&[0xff; 64]);
        let array = Array::<u16>::new(&mapping, 0, 4, 0).unwrap();
        for index in [4, usize::MAX] {
            assert_eq!(array.inside(index), None);
            // The caller has broken its word: told in debug builds, harmless in others.
            let read = catch_unwind(AssertUnwindSafe(|| array.read(index)));
            let written = catch_unwind(AssertUnwindSafe(|| array.write(index, 1)));
            if cfg!(debug_assertions) {
                assert!(read.is_err() && written.is_err());
            } else {
                assert!(read.is_ok_and(|word| word == 0) && written.is_ok());
            }
        }
        assert_eq!(mapping.window(8, 8).unwrap().read_word(0), Some(u64::MAX));
    }

    #[test]
    fn an_array_lies_inside_its_mapping() {
        let mapping = Mapping::anonymous(64).unwrap();
        let place = |offset, count| Array::<u64>::new(&mapping, offset, count, 0x1000);
        assert_eq!(place(0, 8).unwrap().count(), 8);
        assert_eq!(place(64, 0).unwrap().count(), 0);
        for (offset, count) in [
            (0, 9),
            (8, 8),
            (64, 1),
            (u64::MAX - 7, 1),
            (0, usize::MAX),
            (0, usize::MAX / 8 + 1),
            (0, 1 << 61),
        ] {
            let outside = ArrayError::Outside {
                address: 0x1000,
                count,
                word: 8,
            };
            assert_eq!(place(offset, count).unwrap_err(), outside);
        }
    }

    #[test]
    fn words_lie_at_multiples_of_their_size() {
        let mapping = Mapping::anonymous(64).unwrap();
        assert!(Array::<u16>::new(&mapping, 6, 1, 0).is_ok());
        assert!(Array::<u32>::new(&mapping, 4, 1, 0).is_ok());
        let odd = ArrayError::Misaligned {
            address: 0x1004,
            word: 8,
        };
        assert_eq!(Array::<u64>::new(&mapping, 4, 1, 0x1004).unwrap_err(), odd);
        assert!(Array::<u16>::new(&mapping, 7, 1, 0).is_err());
    }

    #[test]
    fn an_array_keeps_its_memory_mapped() {
        let mapping = Mapping::anonymous(4096).unwrap();
        let array = Array::<u16>::new(&mapping, 0, 1, 0).unwrap();
        drop(mapping);
        array.write(0, 7);
        assert_eq!(array.read(0), 7);
    }
}
