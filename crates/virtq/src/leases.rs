//! Places in a used ring that several workers fill at once.
//!
//! A used ring is published by one index, so what lies before it must be whole. Workers that share a to-guest ring therefore
//! lease places in the order in which they took the buffers, fill the buffers outside the lock and complete their leases in
//! any order. The index moves over the longest prefix of complete leases.
//!
//! ```text
//!            published                          reserved
//!               v                                  v
//!   ... driver's | leased | complete | leased | complete | free ...
//!                  A        B          C        D
//!   A completes: the index moves over A and B, and stops at C.
//! ```
//!
//! Invariant: `published` never moves over a place whose lease is not complete. Because a place is marked and not a lease,
//! there is no table of leases to run full: the ring's size bounds the places, and the caller bounds the places by the chains
//! it took.
//!
//! No memory and no ring is known here, so the protocol can be tried by loom in every order of events.

use crate::MAX_SIZE;

/// A run of places in the used ring. `Copy`, so that it can lie in a worker's scratch while the frames are copied, even as a
/// plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    start: u16,
    count: u16,
}

impl Lease {
    /// The used index of its first place, not yet reduced to the ring's size.
    #[must_use]
    #[inline]
    pub fn start(self) -> u16 {
        self.start
    }

    /// Number of places.
    #[must_use]
    #[inline]
    pub fn count(self) -> u16 {
        self.count
    }
}

impl From<Lease> for u64 {
    #[inline]
    fn from(lease: Lease) -> u64 {
        u64::from(lease.start) << 16 | u64::from(lease.count)
    }
}

impl From<u64> for Lease {
    /// Of a number that [`u64::from`] made. Any other makes a lease that [`Leases::complete`] refuses or that is another
    /// worker's.
    #[inline]
    fn from(number: u64) -> Lease {
        Lease {
            start: (number >> 16) as u16,
            count: number as u16,
        }
    }
}

/// Which places of one used ring are leased and which of these are complete.
#[derive(Clone, Debug)]
pub struct Leases {
    /// One bit for each place between `published` and `reserved` that is complete; all others are clear.
    complete: [u64; WORDS],
    published: u16,
    reserved: u16,
}

const WORDS: usize = MAX_SIZE as usize / 64;

impl Leases {
    /// Nothing leased, at a used index.
    #[must_use]
    pub fn new(used_idx: u16) -> Self {
        Self {
            complete: [0; WORDS],
            published: used_idx,
            reserved: used_idx,
        }
    }

    /// The used index that the driver may see.
    #[must_use]
    #[inline]
    pub fn published(&self) -> u16 {
        self.published
    }

    /// Places leased and not published, complete or not.
    #[must_use]
    #[inline]
    pub fn outstanding(&self) -> u16 {
        self.reserved.wrapping_sub(self.published)
    }

    /// Leases the next `count` places; at most as many as keep [`Leases::outstanding`] within [`MAX_SIZE`].
    #[inline]
    pub fn lease(&mut self, count: u16) -> Lease {
        let count = count.min(MAX_SIZE - self.outstanding());
        let lease = Lease {
            start: self.reserved,
            count,
        };
        self.reserved = self.reserved.wrapping_add(count);
        lease
    }

    /// Completes a lease. Gives how many places can be published because of it, from the former
    /// [`Leases::published`] on, or `None` if this is no lease that is waiting to be completed.
    #[inline]
    pub fn complete(&mut self, lease: Lease) -> Option<u16> {
        if !self.is_waiting(lease) {
            return None;
        }
        if lease.start != self.published {
            self.mark(lease);
            return Some(0);
        }
        let before = self.published;
        self.published = lease.start.wrapping_add(lease.count);
        if self.published != self.reserved {
            self.pass_complete();
        }
        Some(self.published.wrapping_sub(before))
    }

    /// Whether all places of `lease` are leased and none is complete.
    #[inline]
    pub(crate) fn is_waiting(&self, lease: Lease) -> bool {
        let ahead = lease.start.wrapping_sub(self.published);
        let is_leased = u32::from(ahead) + u32::from(lease.count) <= u32::from(self.outstanding());
        // The first place stands for all: leases do not overlap.
        is_leased && (lease.count == 0 || !self.is_marked(lease.start))
    }

    #[inline]
    fn is_marked(&self, place: u16) -> bool {
        let (word, bit) = position(place);
        self.complete[word] >> bit & 1 != 0
    }

    fn mark(&mut self, lease: Lease) {
        let mut place = lease.start;
        let mut left = u32::from(lease.count);
        while left > 0 {
            let (word, bit) = position(place);
            let run = left.min(64 - bit);
            self.complete[word] |= ones(run) << bit;
            place = place.wrapping_add(run as u16);
            left -= run;
        }
    }

    /// Moves `published` over the complete places that follow it, and clears their marks.
    fn pass_complete(&mut self) {
        loop {
            let (word, bit) = position(self.published);
            let run = (self.complete[word] >> bit).trailing_ones();
            if run == 0 {
                return;
            }
            self.complete[word] &= !(ones(run) << bit);
            self.published = self.published.wrapping_add(run as u16);
        }
    }
}

/// Word and bit of a place. The number of bits divides 2^16, so the mapping holds through the index's wrap-around.
#[inline]
fn position(place: u16) -> (usize, u32) {
    (usize::from(place) / 64 % WORDS, u32::from(place) % 64)
}

/// `n` ones from the low end, `n` from 1 to 64.
#[inline]
fn ones(n: u32) -> u64 {
    u64::MAX >> (64 - n)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_lease_holds_nobody_up() {
        let mut leases = Leases::new(0);
        let empty = leases.lease(0);
        let lease = leases.lease(1);
        assert_eq!(leases.complete(lease), Some(1));
        assert_eq!(leases.complete(empty), None);
    }

    #[test]
    fn what_is_no_waiting_lease_is_refused() {
        let mut leases = Leases::new(0);
        let [first, second] = [leases.lease(1), leases.lease(2)];
        assert_eq!(leases.complete(second), Some(0));
        assert_eq!(leases.complete(second), None, "complete already");
        assert_eq!(
            leases.complete(Lease { start: 0, count: 4 }),
            None,
            "beyond what is leased"
        );
        assert_eq!(leases.complete(first), Some(3));
        assert_eq!(leases.complete(first), None, "published already");
        assert_eq!(leases.complete(Lease::from(u64::MAX)), None);
    }

    #[test]
    fn a_lease_never_overlaps_the_oldest_that_is_outstanding() {
        let mut leases = Leases::new(9);
        let whole = leases.lease(u16::MAX);
        assert_eq!(whole.count(), MAX_SIZE);
        assert_eq!(leases.lease(1).count(), 0);
        assert_eq!(leases.complete(whole), Some(MAX_SIZE));
        assert_eq!(
            leases.lease(1),
            Lease {
                start: 9 + MAX_SIZE,
                count: 1
            }
        );
    }

    proptest! {
        #[test]
        fn the_longest_complete_prefix_is_published(
            start in any::<u16>(),
            counts in vec(1_u16..200, 1..20),
            order in vec(any::<prop::sample::Index>(), 20),
        ) {
            let mut leases = Leases::new(start);
            // Twice, so that marks left over from the first time would be seen.
            for _ in 0..2 {
                let from = leases.published();
                let all: Vec<_> = counts.iter().map(|&count| leases.lease(count)).collect();
                let mut open = all.clone();
                for pick in &order[..counts.len()] {
                    let before = leases.published();
                    let gained = leases.complete(open.swap_remove(pick.index(open.len())));
                    let complete = all.iter().take_while(|lease| !open.contains(lease));
                    let prefix: u16 = complete.map(|lease| lease.count).sum();
                    prop_assert_eq!(leases.published(), from.wrapping_add(prefix));
                    prop_assert_eq!(gained, Some(prefix - before.wrapping_sub(from)));
                }
                prop_assert_eq!(leases.outstanding(), 0);
                prop_assert_eq!(leases.complete, [0; WORDS], "no mark outlives its lease");
            }
        }
    }
}
