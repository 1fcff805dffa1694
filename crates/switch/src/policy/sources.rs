//! The MAC-spoofing guard: from which addresses a guest may send.

use vmq::{Filter, Mac, VlanId, VlanTest};

/// The addresses that a guest may send from.
#[derive(Debug, Default)]
pub(crate) enum Sources {
    /// Any.
    #[default]
    Any,
    /// Those that are configured for its port, each in the VLANs that it is configured for.
    Own {
        filters: Box<[Filter]>,
        /// In a hub too, which goes by no address.
        in_hubs: bool,
    },
}

impl Sources {
    /// `may_spoof` is what was said, if anything was.
    pub(crate) fn new(may_spoof: Option<bool>, filters: &[Filter]) -> Self {
        if may_spoof.unwrap_or(filters.is_empty()) {
            return Self::Any;
        }
        Self::Own {
            filters: filters.into(),
            in_hubs: may_spoof.is_some(),
        }
    }

    /// Whether a frame in `vlan` may come from `source`.
    #[inline]
    pub(crate) fn hold(&self, vlan: VlanId, source: Mac) -> bool {
        match self {
            Self::Any => true,
            Self::Own { filters, .. } => hold(filters, vlan, source),
        }
    }

    /// Whether a frame of no VLAN may come from `source`, as those for the next bridge.
    pub(crate) fn hold_anywhere(&self, source: Mac) -> bool {
        match self {
            Self::Any => true,
            Self::Own { filters, .. } => filters.iter().any(|filter| filter.mac == source),
        }
    }

    /// Whether a frame may come from `source` in a hub.
    pub(crate) fn hold_in_hub(&self, vlan: VlanId, source: Mac) -> bool {
        match self {
            Self::Own { in_hubs: true, .. } => self.hold(vlan, source),
            _ => true,
        }
    }
}

#[inline(never)]
fn hold(filters: &[Filter], vlan: VlanId, source: Mac) -> bool {
    filters.iter().any(|filter| {
        let is_there = match filter.vlan {
            VlanTest::Any => true,
            VlanTest::UntaggedOrZero => vlan == VlanId::UNTAGGED,
            VlanTest::Id(id) => vlan == id,
        };
        filter.mac == source && is_there
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const OTHER: Mac = Mac([2, 0, 0, 0, 0, 2]);

    fn filter(vlan: VlanTest) -> Filter {
        Filter { mac: OWN, vlan }
    }

    #[test]
    fn the_guard_is_on_where_an_address_is_configured_or_where_that_is_said() {
        for (may_spoof, has_address, is_on) in [
            (None, false, false),
            (None, true, true),
            (Some(true), true, false),
            (Some(false), true, true),
            (Some(false), false, true),
        ] {
            let filters: &[_] = if has_address {
                &[filter(VlanTest::Any)]
            } else {
                &[]
            };
            let sources = Sources::new(may_spoof, filters);
            assert_eq!(!sources.hold(VlanId(0), OTHER), is_on);
            assert_eq!(sources.hold(VlanId(0), OWN), !is_on || has_address);
            assert_eq!(!sources.hold_anywhere(OTHER), is_on);
            let is_said = is_on && may_spoof.is_some();
            assert_eq!(!sources.hold_in_hub(VlanId(0), OTHER), is_said);
        }
    }

    #[test]
    fn an_address_is_the_guests_in_the_vlans_that_it_is_configured_for() {
        for (test, untagged, ten, eleven) in [
            (VlanTest::Any, true, true, true),
            (VlanTest::UntaggedOrZero, true, false, false),
            (VlanTest::Id(VlanId(10)), false, true, false),
        ] {
            let sources = Sources::new(None, &[filter(test)]);
            let holds = [0, 10, 11].map(|vlan| sources.hold(VlanId(vlan), OWN));
            assert_eq!(holds, [untagged, ten, eleven]);
            assert!(sources.hold_anywhere(OWN));
        }
    }
}
