//! Who is to have a frame to a group, as workers look it up.

use std::collections::BTreeMap;

use vmq::{Mac, VlanId};

use super::message::{Family, Kind};
use crate::PortId;

/// The groups of a network. Never changes.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: BTreeMap<(VlanId, Mac), Box<[PortId]>>,
    domains: BTreeMap<(VlanId, Family), Routers>,
    /// Ports that have everything, in order like all lists here.
    greedy: Box<[PortId]>,
}

#[derive(Debug, Default)]
struct Routers {
    /// Those that want every group.
    real: Box<[PortId]>,
    /// Those that want reports.
    all: Box<[PortId]>,
}

/// Who is to have a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience<'a> {
    /// Everybody.
    All,
    /// Whoever is in one of these lists.
    These([&'a [PortId]; 3]),
}

impl Audience<'_> {
    /// Whether a port is to have it.
    pub(crate) fn has(self, port: PortId) -> bool {
        match self {
            Self::All => true,
            Self::These(lists) => lists.iter().any(|list| list.binary_search(&port).is_ok()),
        }
    }
}

impl Groups {
    pub(super) fn new(greedy: impl Iterator<Item = PortId>) -> Self {
        Self {
            greedy: greedy.collect(),
            ..Self::default()
        }
    }

    /// Adds the ports that lead to routers, and whether each is a real one, in order.
    pub(super) fn add_domain(
        &mut self,
        vlan: VlanId,
        family: Family,
        routers: impl Iterator<Item = (PortId, bool)> + Clone,
    ) {
        let real = routers.clone().filter(|(_, is_real)| *is_real);
        let routers = Routers {
            real: real.map(|(port, _)| port).collect(),
            all: routers.map(|(port, _)| port).collect(),
        };
        self.domains.insert((vlan, family), routers);
    }

    /// Adds a group that goes to whoever asked for it, in order, and to routers.
    pub(super) fn add(&mut self, vlan: VlanId, group: Mac, members: impl Iterator<Item = PortId>) {
        self.groups.insert((vlan, group), members.collect());
    }

    /// Who is to have a frame to `destination`. Reports go to routers only, so that no host keeps quiet because another asked
    /// already (RFC 4541, 2.1.1).
    pub(crate) fn audience(&self, vlan: VlanId, destination: Mac, kind: Kind) -> Audience<'_> {
        let Some(family) = family(destination) else {
            return Audience::All;
        };
        let routers = self.domains.get(&(vlan, family));
        if kind == Kind::Report {
            return match routers {
                Some(routers) if !routers.all.is_empty() => {
                    Audience::These([&routers.all, &[], &[]])
                }
                _ => Audience::All,
            };
        }
        match self.groups.get(&(vlan, destination)) {
            Some(members) => {
                let routers = routers.map_or(&[][..], |routers| &routers.real);
                Audience::These([members, routers, &self.greedy])
            }
            None => Audience::All,
        }
    }
}

/// Groups that go to everybody, for nobody has to ask for them: 224.0.0.X and what has the same MAC addresses (RFC 4541, 2.1.2), and
/// all nodes of IPv6.
pub(super) fn is_for_everybody(group: Mac) -> bool {
    matches!(
        group.0,
        [0x01, 0x00, 0x5e, 0x00, 0x00, _] | [0x33, 0x33, 0, 0, 0, 1]
    )
}

/// Whether it is an address of a group of IP.
#[inline]
pub(crate) fn is_group(destination: Mac) -> bool {
    family(destination).is_some()
}

/// The version of IP whose groups have such addresses.
#[inline]
fn family(destination: Mac) -> Option<Family> {
    match destination.0 {
        [0x01, 0x00, 0x5e, 0..0x80, ..] => Some(Family::Igmp),
        [0x33, 0x33, ..] => Some(Family::Mld),
        _ => None,
    }
}
