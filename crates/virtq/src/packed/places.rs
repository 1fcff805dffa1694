//! Where the used descriptors of one lease go: one a chain, in the first of its slots (virtio 1.2 section 2.8.6).

use super::descriptor::Descriptor;
use super::position::Position;
use crate::Used;

pub(super) struct Places<'a> {
    /// How many slots each chain takes, by its buffer id; 0 once it is used.
    slots: &'a mut [u16],
    size: u16,
    index: u16,
    /// What is set in the words of this round.
    round: u64,
    /// Slots of the lease from `index` on.
    left: u16,
}

impl<'a> Places<'a> {
    /// Of a lease of `count` slots from `start` on, in a ring of `size`. `slots` says how many each chain takes.
    #[inline]
    pub(super) fn new(slots: &'a mut [u16], size: u16, start: Position, count: u16) -> Self {
        Self {
            slots,
            size,
            index: start.index,
            round: Descriptor::used_round(start.wrap),
            left: count,
        }
    }

    /// Place and word of the next chain; `None` of one that is none of the lease's.
    #[inline]
    pub(super) fn next(&mut self, used: Used) -> Option<(u16, u64)> {
        let slots = self.slots.get_mut(usize::from(used.head));
        let slots = slots.map_or(0, std::mem::take);
        // Of no chain the 0 is the largest number.
        let is_of_lease = slots.wrapping_sub(1) < self.left;
        debug_assert!(is_of_lease, "chain {} is none of the lease's", used.head);
        if !is_of_lease {
            return None;
        }
        let place = (self.index, Descriptor::used_word(used, self.round));
        self.left -= slots;
        self.index += slots;
        if self.index >= self.size {
            self.begin_round();
        }
        Some(place)
    }

    /// Whether the lease has places left.
    #[inline]
    pub(super) fn are_left(&self) -> bool {
        self.left > 0
    }

    /// Once in many chains: kept out of the loop.
    #[cold]
    fn begin_round(&mut self) {
        self.index -= self.size;
        self.round ^= Descriptor::used_round(true);
    }
}
