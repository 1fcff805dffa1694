//! What a lookup finds, small enough to be returned in two registers.
//!
//! An entry is never zero, so "nothing found" needs no word of its own: an `Option<Hit>` is as wide as a [`Hit`].

use std::num::NonZeroU32;

use crate::id::{FilterId, QueueId};

/// The filter that a frame passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The queue it assigns the frame to.
    pub queue: QueueId,
    /// Which filter it is.
    pub entry: Entry,
}

/// A filter as workers name it. Names of learned filters are used again, so they mean something in one table only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(NonZeroU32);

const _: () = assert!(size_of::<Option<Hit>>() == 8);

/// In an entry: the filter is static and the low bits are its id. Else the number of its mark, counted from 1.
const STATIC: NonZeroU32 = NonZeroU32::new(1 << 31).unwrap();

/// In the entry of a static filter: it asks nothing of the VLAN.
const VLAN_OPEN: u32 = 1 << 30;

/// Bound on the number of filters that entries can number and tables can index.
pub(crate) const MAX_FILTERS: u32 = 1 << 30;

impl Hit {
    /// Whether the filter was learned. If not, nothing that a guest sends can move or age it.
    #[inline]
    pub const fn is_learned(self) -> bool {
        self.entry.0.get() & STATIC.get() == 0
    }

    /// The id of the filter, if it is a static one.
    pub const fn filter(self) -> Option<FilterId> {
        if self.is_learned() {
            None
        } else {
            Some(FilterId(self.entry.0.get() as u16))
        }
    }

    /// Whether the filter asks nothing of the VLAN.
    pub(crate) const fn leaves_vlan_open(self) -> bool {
        let both = STATIC.get() | VLAN_OPEN;
        self.entry.0.get() & both == both
    }

    /// Both in the lower 48 bits of a word that is not zero.
    pub(crate) fn to_word(self) -> u64 {
        u64::from(self.queue.0) << 32 | u64::from(self.entry.0.get())
    }

    /// From the lower 48 bits; zero is none.
    #[inline]
    pub(crate) fn from_word(word: u64) -> Option<Hit> {
        let entry = NonZeroU32::new(word as u32).map(Entry);
        entry.map(|entry| Hit {
            queue: QueueId((word >> 32) as u16),
            entry,
        })
    }
}

impl Entry {
    pub(crate) fn of_static(id: FilterId, leaves_vlan_open: bool) -> Entry {
        let open = if leaves_vlan_open { VLAN_OPEN } else { 0 };
        Entry(STATIC | open | u32::from(id.0))
    }

    pub(crate) fn of_learned(mark: u32) -> Entry {
        Entry(NonZeroU32::MIN.saturating_add(mark))
    }

    /// Index of its mark; a static filter's is beyond all marks.
    #[inline]
    pub(crate) fn mark(self) -> usize {
        (self.0.get() - 1) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_survives_its_word() {
        for entry in [0, 1, MAX_FILTERS - 1].map(Entry::of_learned) {
            let hit = Hit {
                queue: QueueId(u16::MAX),
                entry,
            };
            assert_eq!(Hit::from_word(hit.to_word()), Some(hit));
            assert_eq!(Hit::from_word(hit.to_word() | 0xffff << 48), Some(hit));
            assert!(hit.is_learned() && hit.filter().is_none() && !hit.leaves_vlan_open());
        }
        for (id, is_open) in [(1, true), (u16::MAX, false)] {
            let id = FilterId(id);
            let hit = Hit {
                queue: QueueId::DEFAULT,
                entry: Entry::of_static(id, is_open),
            };
            assert_eq!(Hit::from_word(hit.to_word()), Some(hit));
            assert_eq!((hit.is_learned(), hit.filter()), (false, Some(id)));
            assert_eq!(hit.leaves_vlan_open(), is_open);
        }
        assert_eq!(Hit::from_word(0), None);
    }

    #[test]
    fn marks_of_static_filters_are_beyond_all_marks() {
        assert_eq!([0, 7].map(|mark| Entry::of_learned(mark).mark()), [0, 7]);
        assert!(Entry::of_static(FilterId(1), false).mark() >= MAX_FILTERS as usize);
    }
}
