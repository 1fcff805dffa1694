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

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::capabilities::Offer;
use crate::id::{Binding, FilterId, Ids, QueueId, VlanId};
use crate::learn::Station;
use crate::mac::Mac;
use crate::status::NdisStatus;
use crate::tick::Tick;
use crate::version::NdisVersion;

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
    /// How often a learned filter has moved in a row, see [`Learned::Moved`](crate::Learned::Moved).
    pub moves: u32,
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

    /// Whether it accepts any frame, and can be had: tests of VLAN ids may be switched off (T8), and NDIS 6.20 has no filter
    /// that leaves the VLAN open (T6).
    pub(crate) fn check(&self, offer: &Offer) -> Result<(), NdisStatus> {
        let is_offered = match self.vlan {
            VlanTest::Id(id) => {
                id.is_valid() && id != VlanId::UNTAGGED && offer.settings.has_vlan_filtering
            }
            VlanTest::UntaggedOrZero => true,
            VlanTest::Any => offer.has_version(NdisVersion::V6_30),
        };
        if is_offered && !self.mac.is_multicast() {
            Ok(())
        } else {
            Err(NdisStatus::INVALID_PARAMETER)
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

/// What a filter tests, in one word: the VLAN id in the upper 16 bits, the MAC in the lower 48 as it lies in memory, first
/// octet lowest, so that making a key out of a frame costs a shift and two ORs. Filters are for single stations only, so
/// the group bit says nothing; it is set in every key, which makes zero fit to mark an empty slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    const GROUP_BIT: u64 = 1;
    /// No frame has this VLAN id, which is wider than a tag's 12 bits.
    const ANY_VLAN: VlanId = VlanId(u16::MAX);

    #[inline]
    pub(crate) const fn exact(vlan: VlanId, mac: Mac) -> Key {
        let [a, b, c, d, e, f] = mac.0;
        let station = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
        Key((vlan.0 as u64) << 48 | station | Key::GROUP_BIT)
    }

    #[inline]
    pub(crate) const fn any_vlan(mac: Mac) -> Key {
        Key::exact(Key::ANY_VLAN, mac)
    }

    /// The key of the filter that accepts this key's MAC on any VLAN.
    pub(crate) const fn with_any_vlan(self) -> Key {
        Key::any_vlan(self.mac())
    }

    pub(crate) const fn is_any_vlan(self) -> bool {
        self.vlan().0 == Key::ANY_VLAN.0
    }

    pub(crate) const fn mac(self) -> Mac {
        let [a, b, c, d, e, f, _, _] = (self.0 & !Key::GROUP_BIT).to_le_bytes();
        Mac([a, b, c, d, e, f])
    }

    /// The tests that the key stands for.
    pub(crate) const fn filter(self) -> Filter {
        let vlan = match self.vlan() {
            Key::ANY_VLAN => VlanTest::Any,
            VlanId::UNTAGGED => VlanTest::UntaggedOrZero,
            id => VlanTest::Id(id),
        };
        Filter {
            mac: self.mac(),
            vlan,
        }
    }

    /// The station that a learned filter with this key, on `queue`, stands for.
    pub(crate) const fn station(self, queue: QueueId) -> Station {
        Station {
            vlan: self.vlan(),
            mac: self.mac(),
            queue,
        }
    }

    #[inline]
    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    const fn vlan(self) -> VlanId {
        VlanId((self.0 >> 48) as u16)
    }
}

/// By VLAN, then by address as it is read.
impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        let readable = |key: &Key| (key.0 >> 48, (key.0 << 16).swap_bytes());
        readable(self).cmp(&readable(other))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The static filters of all queues.
#[derive(Debug)]
pub(crate) struct StaticFilters {
    ids: Ids,
    by_id: BTreeMap<FilterId, StaticFilter>,
    by_key: BTreeSet<(Key, FilterId)>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StaticFilter {
    /// Who set it, and alone may clear it (T9).
    pub(crate) owner: Binding,
    pub(crate) queue: QueueId,
    pub(crate) filter: Filter,
}

impl StaticFilter {
    pub(crate) fn info(self, id: FilterId) -> FilterInfo {
        FilterInfo {
            id: Some(id),
            queue: self.queue,
            filter: self.filter,
            last_seen: None,
            moves: 0,
        }
    }
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

    /// Whether no id beyond `limit` is in use.
    pub(crate) fn fit(&self, limit: u16) -> bool {
        self.ids.fit(limit)
    }

    /// Moves the limit to one that they [`fit`](StaticFilters::fit).
    pub(crate) fn set_limit(&mut self, limit: u16) {
        self.ids.set_limit(limit);
    }

    pub(crate) fn insert(&mut self, set: StaticFilter) -> Option<FilterId> {
        let id = FilterId(self.ids.take()?);
        self.by_id.insert(id, set);
        self.by_key.insert((set.filter.key(), id));
        Some(id)
    }

    pub(crate) fn remove(&mut self, id: FilterId) {
        if let Some(set) = self.by_id.remove(&id) {
            self.by_key.remove(&(set.filter.key(), id));
            self.ids.give_back(id.0);
        }
    }

    pub(crate) fn find(&self, id: FilterId) -> Option<StaticFilter> {
        self.by_id.get(&id).copied()
    }

    /// The queue whose filter accepts frames of this exact key: the lowest filter id wins (T2).
    pub(crate) fn owner(&self, key: Key) -> Option<QueueId> {
        let first = |key| {
            let mut ids = self
                .by_key
                .range((key, FilterId(0))..=(key, FilterId(u16::MAX)));
            ids.next().map(|(_, id)| *id)
        };
        let id = first(key)
            .into_iter()
            .chain(first(key.with_any_vlan()))
            .min()?;
        self.by_id.get(&id).map(|set| set.queue)
    }

    /// All of them, lowest id first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (FilterId, StaticFilter)> {
        self.by_id.iter().map(|(id, set)| (*id, *set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILTERS: [Filter; 4] = [
        Filter {
            mac: Mac([0, 0, 0, 0, 0, 0]),
            vlan: VlanTest::UntaggedOrZero,
        },
        Filter {
            mac: Mac([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff]),
            vlan: VlanTest::Id(VlanId(1)),
        },
        Filter {
            mac: Mac([0x52, 0x54, 0, 1, 2, 3]),
            vlan: VlanTest::Id(VlanId(4095)),
        },
        Filter {
            mac: Mac([0x52, 0x54, 0, 1, 2, 3]),
            vlan: VlanTest::Any,
        },
    ];

    #[test]
    fn a_key_says_all_that_its_filter_tests() {
        for filter in FILTERS {
            assert_eq!(filter.key().filter(), filter);
            assert_ne!(filter.key().word(), 0, "zero marks an empty slot");
            assert_eq!(filter.key().is_any_vlan(), filter.vlan == VlanTest::Any);
            assert_eq!(
                filter.key().with_any_vlan(),
                Filter {
                    vlan: VlanTest::Any,
                    ..filter
                }
                .key()
            );
        }
    }

    /// T6, row by row.
    #[test]
    fn the_vlan_test_accepts_as_documented() {
        let accepts = |vlan| {
            let filter = Filter {
                mac: Mac::default(),
                vlan,
            };
            [0, 7, 8].map(|vlan| filter.accepts(VlanId(vlan), Mac::default()))
        };
        assert_eq!(accepts(VlanTest::UntaggedOrZero), [true, false, false]);
        assert_eq!(accepts(VlanTest::Id(VlanId(7))), [false, true, false]);
        assert_eq!(accepts(VlanTest::Id(VlanId(0))), [false, false, false]);
        assert_eq!(accepts(VlanTest::Any), [true, true, true]);
        assert!(!FILTERS[0].accepts(VlanId::UNTAGGED, Mac([0, 0, 0, 0, 0, 1])));
    }

    /// T2: of the filters that accept, the lowest id owns the address, whatever they test.
    #[test]
    fn the_owner_of_an_address_is_the_lowest_filter() {
        let mut filters = StaticFilters::up_to(9);
        let mac = Mac([0x52, 0, 0, 0, 0, 1]);
        let exact = Filter {
            mac,
            vlan: VlanTest::Id(VlanId(7)),
        };
        let any = Filter {
            mac,
            vlan: VlanTest::Any,
        };
        let mut set = |queue, filter| {
            let (owner, queue) = (Binding(0), QueueId(queue));
            let set = StaticFilter {
                owner,
                queue,
                filter,
            };
            filters.insert(set).unwrap()
        };
        let first = set(1, exact);
        set(2, any);
        set(3, exact);
        let owner = |filters: &StaticFilters, vlan| filters.owner(Key::exact(VlanId(vlan), mac));
        assert_eq!(
            [owner(&filters, 7), owner(&filters, 8)],
            [Some(QueueId(1)), Some(QueueId(2))]
        );
        filters.remove(first);
        assert_eq!(owner(&filters, 7), Some(QueueId(2)));
        assert_eq!(filters.owner(Key::exact(VlanId(7), Mac::default())), None);
    }
}
