//! Static filters: the tests that assign frames to queues.
//!
//! A filter tests the destination MAC and the VLAN for equality (T1, T4: other tests are not offered). Which VLAN tests
//! exist is table T6 of the NDIS reference; the combinations it calls invalid cannot be written down here:
//!
//! | VLAN test of T6 | here | frames accepted |
//! | --- | --- | --- |
//! | none, UNTAGGED_OR_ZERO set | [`VlanTest::UntaggedOrZero`] | MAC equal, no tag or VLAN id 0 |
//! | id n, flag clear | [`VlanTest::Id`] | MAC equal, VLAN id n; `Id(0)` would accept nothing and is refused |
//! | id n, flag set | - | invalid in NDIS |
//! | none, flag clear | [`VlanTest::Any`] | MAC equal, whatever the VLAN: the rule of NDIS 6.30, 6.20 has no such filter |
//!
//! When filters of several queues accept a frame, the one with the lowest id wins (T2).

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{FilterId, Ids, QueueId, VlanId};
use crate::mac::Mac;
use crate::status::NdisStatus;
use crate::tick::Tick;

/// A static filter's tests; a frame must pass both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Filter {
    /// The destination address must equal this one.
    pub mac: Mac,
    /// The VLAN must pass this test.
    pub vlan: VlanTest,
}

/// The VLAN side of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VlanTest {
    /// No tag, or a tag with VLAN id 0.
    UntaggedOrZero,
    /// A tag with this VLAN id, which is not 0.
    Id(VlanId),
    /// Any VLAN and none.
    Any,
}

/// One filter as it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterInfo {
    /// Its id; a learned filter has none.
    pub id: Option<FilterId>,
    /// The queue it assigns frames to.
    pub queue: QueueId,
    /// What it tests.
    pub filter: Filter,
    /// When a frame from this address was last seen; only learned filters keep it.
    pub last_seen: Option<Tick>,
}

impl Filter {
    /// Whether a frame to `mac` on `vlan` passes.
    pub fn accepts(&self, vlan: VlanId, mac: Mac) -> bool {
        let vlan_passes = match self.vlan {
            VlanTest::UntaggedOrZero => vlan == VlanId::UNTAGGED,
            VlanTest::Id(id) => vlan == id && vlan != VlanId::UNTAGGED,
            VlanTest::Any => true,
        };
        vlan_passes && mac == self.mac
    }

    pub(crate) fn check(&self) -> Result<(), NdisStatus> {
        let accepts_nothing =
            self.mac.is_multicast() || self.vlan == VlanTest::Id(VlanId::UNTAGGED);
        if accepts_nothing {
            Err(NdisStatus::INVALID_PARAMETER)
        } else {
            Ok(())
        }
    }

    pub(crate) const fn key(&self) -> Key {
        match self.vlan {
            VlanTest::UntaggedOrZero => Key::exact(VlanId::UNTAGGED, self.mac),
            VlanTest::Id(id) => Key::exact(id, self.mac),
            VlanTest::Any => Key::any_vlan(self.mac),
        }
    }
}

/// What a filter tests, in one word: the MAC in bits 0 to 47, the VLAN id in 48 to 59, "any VLAN" in 60. Bit 63 is always
/// set, so no key is zero and zero can mark an empty slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64);

impl Key {
    const PRESENT: u64 = 1 << 63;
    const ANY_VLAN: u64 = 1 << 60;

    #[inline]
    pub(crate) const fn exact(vlan: VlanId, mac: Mac) -> Key {
        let [a, b, c, d, e, f] = mac.octets();
        Key(Key::PRESENT
            | (vlan.value() as u64) << 48
            | u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    #[inline]
    pub(crate) const fn any_vlan(mac: Mac) -> Key {
        Key(Key::exact(VlanId::UNTAGGED, mac).0 | Key::ANY_VLAN)
    }

    /// The key of the filter that accepts this key's MAC on any VLAN.
    pub(crate) const fn with_any_vlan(self) -> Key {
        Key::any_vlan(self.mac())
    }

    pub(crate) const fn is_any_vlan(self) -> bool {
        self.0 & Key::ANY_VLAN != 0
    }

    pub(crate) const fn mac(self) -> Mac {
        let [_, _, a, b, c, d, e, f] = self.0.to_be_bytes();
        Mac::new([a, b, c, d, e, f])
    }

    /// The tests of an exact key.
    pub(crate) const fn filter(self) -> Filter {
        let vlan = VlanId::from_tci((self.0 >> 48) as u16);
        let test = match vlan {
            _ if self.is_any_vlan() => VlanTest::Any,
            VlanId::UNTAGGED => VlanTest::UntaggedOrZero,
            id => VlanTest::Id(id),
        };
        Filter {
            mac: self.mac(),
            vlan: test,
        }
    }

    #[inline]
    pub(crate) const fn word(self) -> u64 {
        self.0
    }
}

/// The static filters of all queues.
#[derive(Debug)]
pub(crate) struct StaticFilters {
    ids: Ids,
    by_id: BTreeMap<FilterId, (QueueId, Filter)>,
    by_key: BTreeSet<(Key, FilterId)>,
}

impl StaticFilters {
    pub(crate) fn up_to(limit: u16) -> StaticFilters {
        StaticFilters {
            ids: Ids::up_to(limit),
            by_id: BTreeMap::new(),
            by_key: BTreeSet::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn insert(&mut self, queue: QueueId, filter: Filter) -> Option<FilterId> {
        let id = FilterId::new(self.ids.take()?);
        self.by_id.insert(id, (queue, filter));
        self.by_key.insert((filter.key(), id));
        Some(id)
    }

    pub(crate) fn remove(&mut self, id: FilterId) {
        if let Some((_, filter)) = self.by_id.remove(&id) {
            self.by_key.remove(&(filter.key(), id));
            self.ids.give_back(id.value());
        }
    }

    pub(crate) fn find(&self, id: FilterId) -> Option<(QueueId, Filter)> {
        self.by_id.get(&id).copied()
    }

    /// The queue whose filter accepts frames of this exact key: the lowest filter id wins (T2).
    pub(crate) fn owner(&self, key: Key) -> Option<QueueId> {
        let first = |key| {
            let mut ids = self
                .by_key
                .range((key, FilterId::new(0))..=(key, FilterId::new(u16::MAX)));
            ids.next().map(|(_, id)| *id)
        };
        let id = first(key)
            .into_iter()
            .chain(first(key.with_any_vlan()))
            .min()?;
        self.by_id.get(&id).map(|(queue, _)| *queue)
    }

    /// All of them, lowest id first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (FilterId, QueueId, Filter)> {
        self.by_id
            .iter()
            .map(|(id, (queue, filter))| (*id, *queue, *filter))
    }
}
