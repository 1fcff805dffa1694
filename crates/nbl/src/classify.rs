//! Sorts a burst into one chain a key, each in arrival order.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

use crate::BURST;
use crate::frame::Nbl;
use crate::queue::NblQueue;

/// The chains of one burst by key. A burst has at most [`BURST`] frames, so at most as many keys.
#[derive(Debug)]
pub struct Classifier<'p> {
    /// The first `count` are there. Not initialised beforehand: that would cost more than most bursts.
    classes: [MaybeUninit<(u32, NblQueue<'p>)>; BURST],
    count: usize,
    last: usize,
}

impl<'p> Classifier<'p> {
    /// No chain.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        Self {
            classes: [const { MaybeUninit::uninit() }; BURST],
            count: 0,
            last: 0,
        }
    }

    /// True if no frame is classified.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Puts a frame at the end of the chain of `key`. Gives it back if it has a key that has no chain and no
    /// room for one, which takes more frames than a burst has.
    #[inline]
    pub fn push(&mut self, key: u32, nbl: Nbl<'p>) -> Result<(), Nbl<'p>> {
        let last = self.last;
        let at = match self.classes().get(last) {
            Some((other, _)) if *other == key => last,
            _ => match self.classes().iter().position(|(other, _)| *other == key) {
                Some(at) => at,
                None if self.count == BURST => return Err(nbl),
                None => {
                    self.classes[self.count].write((key, NblQueue::new()));
                    self.count += 1;
                    self.count - 1
                }
            },
        };
        self.last = at;
        self.classes()[at].1.push(nbl);
        Ok(())
    }

    /// The chains, in the order in which their keys came first. The classifier is empty afterwards.
    #[inline]
    pub fn drain(&mut self) -> impl Iterator<Item = (u32, NblQueue<'p>)> {
        let count = std::mem::take(&mut self.count);
        self.last = 0;
        // SAFETY: the first `count` are initialised; each is read once, for `count` is 0 from here on.
        self.classes[..count]
            .iter()
            .map(|class| unsafe { class.assume_init_read() })
    }

    #[inline]
    fn classes(&mut self) -> &mut [(u32, NblQueue<'p>)] {
        let classes = &mut self.classes[..self.count];
        // SAFETY: the first `count` are initialised.
        unsafe { &mut *(std::ptr::from_mut(classes) as *mut [(u32, NblQueue<'p>)]) }
    }
}

impl Default for Classifier<'_> {
    fn default() -> Self {
        Self::new()
    }
}
