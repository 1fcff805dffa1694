//! Elements of a ring in guest memory, under indices that run free.
//!
//! Rings whose size is a power of two have indices that only ever grow; their low bits say the element. So there is no index
//! outside, and none is compared with anything: what is left of an access is the masking and the access itself.
//!
//! Invariant: `mask + 1` elements of `N` aligned words each, from `base` on, lie in `mapping`, which the ring owns.

#![allow(unsafe_code, reason = "UNSAFETY: atomics over mapped memory")]

use std::array;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::array::{Array, Word};
use crate::copy::{LINE, prefetch_line, prefetch_line_for_write};
use crate::mapping::Mapping;

/// A ring of elements of `N` words each in guest memory. Values are as they lie in memory.
pub struct Cyclic<T: Word, const N: usize> {
    base: NonNull<T>,
    mask: usize,
    mapping: Arc<Mapping>,
}

// SAFETY: the words are accessed by atomics only, and the mapping may be dropped on any thread.
unsafe impl<T: Word, const N: usize> Send for Cyclic<T, N> {}
// SAFETY: as above.
unsafe impl<T: Word, const N: usize> Sync for Cyclic<T, N> {}

impl<T: Word> Array<T> {
    /// The words from the `from`th on as a ring of `count` elements of `N` words; `None` if there are fewer or `count` is no
    /// power of two.
    pub fn cyclic<const N: usize>(&self, from: usize, count: usize) -> Option<Cyclic<T, N>> {
        let end = count.checked_mul(N)?.checked_add(from)?;
        if !count.is_power_of_two() || end > self.count() {
            return None;
        }
        Some(Cyclic {
            // SAFETY: `from` is at most the number of words, all of which lie in the mapping.
            base: unsafe { self.base().add(from) },
            mask: count - 1,
            mapping: self.mapping().clone(),
        })
    }
}

impl<T: Word, const N: usize> Cyclic<T, N> {
    /// How many elements there are.
    #[inline]
    pub fn count(&self) -> usize {
        self.mask + 1
    }

    /// Whether the memory behind it was taken away; its words are zero then.
    #[inline]
    pub fn is_lost(&self) -> bool {
        self.mapping.is_lost()
    }

    /// The words of the `index`th element, each by a relaxed load, in order.
    #[inline]
    pub fn read(&self, index: usize) -> [T; N] {
        let element = self.element(index);
        // SAFETY: `element` gives places of `N` words inside the ring only.
        array::from_fn(|word| unsafe { T::load(element.add(word), Relaxed) })
    }

    /// Stores the words of the `index`th element, each relaxed, in order.
    #[inline]
    pub fn write(&self, index: usize, words: [T; N]) {
        let element = self.element(index);
        for (word, value) in words.into_iter().enumerate() {
            // SAFETY: `element` gives places of `N` words inside the ring only.
            unsafe { T::store(element.add(word), value, Relaxed) };
        }
    }

    /// Starts to bring the `index`th element into the cache, to be read soon. Never faults, waits for nothing.
    #[inline]
    pub fn prefetch(&self, index: usize) {
        prefetch_line(self.element(index).cast().as_ptr());
    }

    /// Starts to bring `count` elements, from the `index`th on, into the cache, to be written soon. Never faults, waits for
    /// nothing.
    #[inline]
    pub fn prefetch_write(&self, index: usize, count: usize) {
        const { assert!(size_of::<[T; N]>() <= LINE) }
        let prefetch = |ahead: usize| {
            let element = self.element(index.wrapping_add(ahead));
            prefetch_line_for_write(element.cast().as_ptr());
        };
        (0..count)
            .step_by(LINE / size_of::<[T; N]>())
            .for_each(prefetch);
        // The first may not begin its line, and then the last is in one more.
        if count > 1 {
            prefetch(count - 1);
        }
    }

    #[inline]
    fn element(&self, index: usize) -> NonNull<T> {
        // SAFETY: by the invariant, elements with an index of at most `mask` are inside the mapping.
        unsafe { self.base.add((index & self.mask) * N) }
    }
}

impl<T: Word, const N: usize> fmt::Debug for Cyclic<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = size_of::<T>();
        write!(f, "Cyclic({} of {N} words of {bytes} bytes)", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(words: usize) -> Array<u32> {
        let mapping = Mapping::anonymous(4 * words).unwrap();
        Array::new(&mapping, 0, words, 0).unwrap()
    }

    #[test]
    fn an_index_runs_free_and_its_low_bits_say_the_element() {
        let array = array(10);
        let ring = array.cyclic::<2>(1, 4).unwrap();
        for (index, words) in [(0, [1, 2]), (3, [7, 8])] {
            ring.write(index, words);
            for round in [0, 4, 1 << 16, usize::MAX - 3] {
                assert_eq!(ring.read(index.wrapping_add(round)), words);
            }
        }
        ring.write(usize::MAX, [5, 6]);
        let words: Vec<_> = (0..10).map(|at| array.read(at)).collect();
        assert_eq!(words, [0, 1, 2, 0, 0, 0, 0, 5, 6, 0]);
    }

    #[test]
    fn a_prefetch_is_a_hint_and_changes_nothing() {
        let array = array(32);
        let ring = array.cyclic::<2>(0, 16).unwrap();
        ring.write(3, [7, 8]);
        for (index, count) in [(3, 0), (3, 1), (15, 16), (usize::MAX, 40)] {
            ring.prefetch(index);
            ring.prefetch_write(index, count);
        }
        let words: Vec<_> = (0..32).map(|at| array.read(at)).collect();
        assert_eq!(words.iter().sum::<u32>(), 15);
        assert_eq!(ring.read(3), [7, 8]);
    }

    #[test]
    fn a_ring_lies_inside_its_array_and_has_a_power_of_two_of_elements() {
        let array = array(9);
        assert_eq!(array.cyclic::<2>(1, 4).unwrap().count(), 4);
        assert_eq!(array.cyclic::<1>(8, 1).unwrap().count(), 1);
        for (from, count) in [
            (2, 4),
            (0, 8),
            (0, 3),
            (0, 0),
            (9, 1),
            (usize::MAX, 1),
            (0, usize::MAX / 2 + 1),
        ] {
            assert!(
                array.cyclic::<2>(from, count).is_none(),
                "{count} from {from}"
            );
        }
    }
}
