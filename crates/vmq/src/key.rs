//! What an exact filter tests, in one word.

use std::cmp::Ordering;

use crate::filter::{Filter, VlanTest};
use crate::id::{QueueId, VlanId};
use crate::learn::Station;
use crate::mac::Mac;

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
            let any = Filter {
                vlan: VlanTest::Any,
                ..filter
            };
            assert_eq!(filter.key().with_any_vlan(), any.key());
        }
    }
}
