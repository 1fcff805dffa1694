//! Sorts a burst into one chain for each key, so that what follows runs once a destination instead of once a frame.
//!
//! Invariant: of `classes`, the first `count` are there, as are the first `count` of `keys`, which are theirs.

#![allow(
    unsafe_code,
    reason = "UNSAFETY: storage that is not filled beforehand"
)]

use std::mem::MaybeUninit;

use crate::BURST;
use crate::queue::NblQueue;

/// There is no room for one more chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{BURST} chains are as many as a burst can have")]
pub struct Full;

/// The chains of one burst by key, each in the order in which its frames came (L4). A burst has at most [`BURST`] frames,
/// so at most as many keys.
pub struct Classifier<'p> {
    /// Like the classes not filled beforehand: that would cost more than classifying most bursts.
    keys: [MaybeUninit<u32>; BURST],
    classes: [MaybeUninit<NblQueue<'p>>; BURST],
    count: usize,
    /// Class and key of the frame before: the next one is of the same more often than not. No key is `NO_KEY`.
    last: (usize, u64),
}

const NO_KEY: u64 = u64::MAX;

impl<'p> Classifier<'p> {
    /// No chain.
    #[inline]
    pub fn new() -> Self {
        Self {
            keys: [const { MaybeUninit::uninit() }; BURST],
            classes: [const { MaybeUninit::uninit() }; BURST],
            count: 0,
            last: (0, NO_KEY),
        }
    }

    /// Whether no frame is classified.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Puts frames at the end of the chain of `key`, and leaves `frames` empty.
    ///
    /// # Errors
    /// Leaves them where they are if their key is new and there are [`BURST`] others.
    #[inline]
    pub fn append(&mut self, key: u32, frames: &mut NblQueue<'p>) -> Result<(), Full> {
        if self.last.1 != u64::from(key) {
            let known = self.known().position(|known| known == key);
            let class = match known {
                Some(class) => class,
                None if self.count == BURST => return Err(Full),
                None => self.open(key),
            };
            self.last = (class, u64::from(key));
        }
        // SAFETY: a class that was the last is less than `count`, and the first `count` are there.
        unsafe { self.classes[self.last.0].assume_init_mut() }.append(frames);
        Ok(())
    }

    /// The chains, in the order in which their keys came first. The classifier is empty from here on.
    #[inline]
    pub fn drain(&mut self) -> impl Iterator<Item = (u32, NblQueue<'p>)> {
        let count = std::mem::take(&mut self.count);
        self.last = (0, NO_KEY);
        let classes = self.keys[..count].iter().zip(&self.classes[..count]);
        // SAFETY: the first `count` were there, and are read once: `count` is 0 from here on.
        classes.map(|(key, class)| unsafe { (key.assume_init_read(), class.assume_init_read()) })
    }

    fn known(&self) -> impl Iterator<Item = u32> {
        let known = self.keys[..self.count].iter();
        // SAFETY: the first `count` are there.
        known.map(|key| unsafe { key.assume_init_read() })
    }

    fn open(&mut self, key: u32) -> usize {
        let class = self.count;
        self.keys[class].write(key);
        self.classes[class].write(NblQueue::new());
        self.count += 1;
        class
    }
}

impl Default for Classifier<'_> {
    fn default() -> Self {
        Self::new()
    }
}
