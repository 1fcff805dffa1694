//! Addresses: within a network, a frame has one port to go to.

use std::collections::HashMap;

use vmq::{Mac, VlanTest};

use super::{Judge, Kind, Mistake, Path};
use crate::config::address::AddressFilter;

/// The most addresses of one port.
const MAX_FILTERS: usize = 64;

/// An address, whose it is and where it stands.
#[derive(Clone)]
struct Seen {
    filter: AddressFilter,
    /// Which port.
    owner: usize,
    path: Path,
}

impl Judge<'_> {
    /// Two ports that accept the same frame would leave the choice to the order in which they were made.
    pub(super) fn addresses(&mut self) {
        let mut seen: HashMap<(&str, Mac), Vec<Seen>> = HashMap::new();
        for (at, port) in self.config.ports.iter().enumerate() {
            let filters = Path::default().key("port").index(at).key("filters");
            let count = port.filters.len();
            if count > MAX_FILTERS {
                let remedy = format!("give at most {MAX_FILTERS}, or let the switch learn them");
                self.object(filters, format!("{count} addresses are too many"), remedy);
                continue;
            }
            for (item, filter) in port.filters.iter().enumerate() {
                let path = filters.clone().index(item);
                let own = filter.within(&port.policy.vlan);
                let others = seen.entry((&port.network, filter.mac)).or_default();
                let clash = others.iter().find(|other| other.filter.overlaps(own));
                let Some(Seen {
                    filter: other,
                    owner,
                    path: first,
                }) = clash.cloned()
                else {
                    others.push(Seen {
                        filter: own,
                        owner: at,
                        path,
                    });
                    continue;
                };
                let whose = match &self.config.ports[owner].name {
                    name if owner != at => format!("an address of port `{name}`"),
                    _ => "in the list".to_owned(),
                };
                let remedy = match (filter.vlan, other.vlan) {
                    (VlanTest::Any, VlanTest::Any) => "an address belongs to one port of a VLAN",
                    _ => "an address belongs to one port of a VLAN, and without one to all VLANs",
                };
                self.note(Mistake {
                    other: Some(first),
                    ..Mistake::new(
                        path,
                        Kind::Taken,
                        format!("{other} is {whose} already"),
                        remedy,
                    )
                });
            }
        }
    }
}
