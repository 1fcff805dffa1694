//! Filters as the switch itself uses them: a destination address, and what is asked of the VLAN. See [`Criteria`] for
//! filters in general.
//!
//! Which tests of the VLAN there are is table T6 of the NDIS reference; the combination it calls invalid cannot be written
//! down here:
//!
//! | VLAN test of T6 | here | frames accepted |
//! | --- | --- | --- |
//! | none, UNTAGGED_OR_ZERO set | [`VlanTest::UntaggedOrZero`] | MAC equal, no tag or VLAN id 0 |
//! | id n, flag clear | [`VlanTest::Id`] | MAC equal, VLAN id n; `Id(0)` would accept nothing and is refused |
//! | id n, flag set | - | invalid in NDIS |
//! | none, flag clear | [`VlanTest::Any`] | MAC equal, whatever the VLAN: the rule of NDIS 6.30, 6.20 has no such filter |

use crate::criteria::Criteria;
use crate::id::{Binding, FilterId, QueueId, VlanId};
use crate::key::Key;
use crate::mac::Mac;
use crate::tick::Tick;

/// An exact filter: a frame must pass both tests. It is found by its hash, however many others there are.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterInfo {
    /// Its id; a learned filter has none.
    pub id: Option<FilterId>,
    /// Who set it; a learned filter is the engine's own.
    pub owner: Option<Binding>,
    /// The queue it assigns frames to.
    pub queue: QueueId,
    /// What it tests.
    pub criteria: Criteria,
    /// When a frame from this address was last seen; only learned filters keep it.
    pub last_seen: Option<Tick>,
    /// How often a learned filter has moved in a row, see [`Learned::Moved`](crate::Learned::Moved).
    pub moves: u32,
}

impl Filter {
    /// Whether a frame to `mac` on `vlan` passes.
    pub fn accepts(&self, vlan: VlanId, mac: Mac) -> bool {
        self.vlan.accepts(vlan) && mac == self.mac
    }

    pub(crate) const fn key(&self) -> Key {
        match self.vlan {
            VlanTest::UntaggedOrZero => Key::exact(VlanId::UNTAGGED, self.mac),
            VlanTest::Id(id) => Key::exact(id, self.mac),
            VlanTest::Any => Key::any_vlan(self.mac),
        }
    }
}

impl VlanTest {
    fn accepts(self, vlan: VlanId) -> bool {
        match self {
            VlanTest::UntaggedOrZero => vlan == VlanId::UNTAGGED,
            VlanTest::Id(id) => vlan == id && vlan != VlanId::UNTAGGED,
            VlanTest::Any => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let nobody = Filter {
            mac: Mac::default(),
            vlan: VlanTest::Any,
        };
        assert!(!nobody.accepts(VlanId::UNTAGGED, Mac([0, 0, 0, 0, 0, 1])));
    }
}
