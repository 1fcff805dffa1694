//! Names of things as small numbers: bindings, queues, filters, VLANs.
//!
//! Queue and filter ids are ULONG in the OIDs but 16 bits wide in a frame's out-of-band slot 14, so 16 bits are all there
//! are. Ids are handed out lowest first: numbers stay small, tables indexed by them stay dense, and the filter order of
//! T2 follows from the sequence of requests alone.

use std::collections::BTreeSet;
use std::fmt;

/// Whoever makes requests: the binding of an overlying driver. What one has allocated or set, no other may change (T9, Q13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding(pub u32);

/// A receive queue. 0 is the default queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub u16);

impl QueueId {
    /// The default queue, which exists from the start and is never freed (Q1).
    pub const DEFAULT: QueueId = QueueId(ndis::NDIS_DEFAULT_RECEIVE_QUEUE_ID as u16);

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    /// Whether this is the default queue.
    pub const fn is_default(self) -> bool {
        self.0 == QueueId::DEFAULT.0
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A static filter. Ids start at 1 and are unique across queues; 0 never names a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilterId(pub u16);

impl fmt::Display for FilterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A VLAN id as a frame carries it, 0 to 4095: 0 means "no tag, or a tag with id 0" (a priority tag). A larger number
/// names no VLAN; no filter can test for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VlanId(pub u16);

impl VlanId {
    /// No tag, or a tag that names no VLAN.
    pub const UNTAGGED: VlanId = VlanId(0);

    /// The VLAN id inside a tag control information word, priority and DEI bits left out.
    #[inline]
    pub const fn from_tci(tci: u16) -> VlanId {
        VlanId(tci & 0xfff)
    }

    /// Whether the number fits the tag's 12 bits.
    pub const fn is_valid(self) -> bool {
        self.0 < 4096
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Ids from 1 to a limit, the lowest free one first.
#[derive(Debug)]
pub(crate) struct Ids {
    limit: u16,
    highest: u16,
    freed: BTreeSet<u16>,
}

impl Ids {
    pub(crate) const fn up_to(limit: u16) -> Ids {
        Ids {
            limit,
            highest: 0,
            freed: BTreeSet::new(),
        }
    }

    pub(crate) fn take(&mut self) -> Option<u16> {
        if let Some(id) = self.freed.pop_first() {
            return Some(id);
        }
        if self.highest == self.limit {
            return None;
        }
        self.highest += 1;
        Some(self.highest)
    }

    /// Whether [`take_this`](Ids::take_this) would give `id`.
    pub(crate) fn has(&self, id: u16) -> bool {
        (self.highest < id && id <= self.limit) || self.freed.contains(&id)
    }

    /// Takes one that somebody else has chosen; `false` if it is in use or beyond the limit.
    pub(crate) fn take_this(&mut self, id: u16) -> bool {
        if !self.has(id) {
            return false;
        }
        if id > self.highest {
            self.freed.extend(self.highest + 1..id);
            self.highest = id;
        } else {
            self.freed.remove(&id);
        }
        true
    }

    /// Whether no id beyond `limit` is in use.
    pub(crate) fn fit(&self, limit: u16) -> bool {
        let freed = self.freed.range(limit.saturating_add(1)..).count();
        self.highest <= limit || usize::from(self.highest - limit) == freed
    }

    /// Moves the limit to one that they [`fit`](Ids::fit).
    pub(crate) fn set_limit(&mut self, limit: u16) {
        debug_assert!(self.fit(limit), "ids beyond {limit} are in use");
        self.freed.retain(|id| *id <= limit);
        self.highest = self.highest.min(limit);
        self.limit = limit;
    }

    /// `id` came from [`take`](Ids::take) and is no longer in use.
    pub(crate) fn give_back(&mut self, id: u16) {
        let was_taken = id != 0 && id <= self.highest && self.freed.insert(id);
        debug_assert!(was_taken, "id {id} was not in use");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_id_comes_first() {
        let mut ids = Ids::up_to(3);
        assert_eq!(
            [ids.take(), ids.take(), ids.take(), ids.take()],
            [Some(1), Some(2), Some(3), None]
        );
        ids.give_back(3);
        ids.give_back(1);
        assert_eq!(
            [ids.take(), ids.take(), ids.take()],
            [Some(1), Some(3), None]
        );
    }

    #[test]
    fn an_id_that_somebody_chose_is_taken_once() {
        let mut ids = Ids::up_to(5);
        assert!(ids.take_this(3) && !ids.take_this(3));
        assert!(!ids.take_this(0) && !ids.take_this(6));
        assert_eq!(
            [ids.take(), ids.take(), ids.take()],
            [Some(1), Some(2), Some(4)]
        );
        ids.give_back(2);
        assert!(ids.take_this(2));
        assert_eq!([ids.take(), ids.take()], [Some(5), None]);
    }

    #[test]
    fn a_limit_moves_as_far_as_ids_are_free() {
        let mut ids = Ids::up_to(4);
        assert!(ids.take_this(2) && ids.take_this(4));
        assert!(ids.fit(4) && !ids.fit(3));
        ids.give_back(4);
        assert!(ids.fit(2) && !ids.fit(1));
        ids.set_limit(2);
        assert_eq!([ids.take(), ids.take()], [Some(1), None]);
        ids.set_limit(u16::MAX);
        assert_eq!(ids.take(), Some(3));
    }

    #[test]
    fn a_vlan_id_has_twelve_bits() {
        assert_eq!(VlanId::from_tci(0xf00a), VlanId(10));
        assert!(VlanId(4095).is_valid() && !VlanId(4096).is_valid());
    }
}
