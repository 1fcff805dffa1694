//! Port policies: what an administrator asks of a port, and what that means for a frame.
//!
//! ```text
//!  settings + values      what is asked: plain data, the same in the file, the API and here
//!        │ compiled by control, once a change
//!        ▼
//!  Policy                 what workers act on, part of a port's entry in the snapshot
//!        │
//!  judge                  one frame, on the host's lookahead copy ──▶ Verdict
//!    ├ vlan               which VLAN it is in, and who may have it in which form
//! ```
//!
//! A network in which no port has a policy that depends on anything but addresses and the tag in the frame is *plain*; its
//! frames take the short way through all of this.

mod bucket;
mod budget;
mod check;
mod guards;
mod judge;
mod packet;
mod rules;
mod settings;
pub(crate) mod snooping;
mod sources;
mod storm;
mod terms;
mod values;
mod vlan;
mod witness;

use std::sync::Arc;
use std::time::Instant;

use vmq::Filter;

pub(crate) use self::budget::Budget;
pub use self::check::{Misfit, check, check_rule, filter_in};
pub use self::guards::{Guard, Guards, Objection};
pub(crate) use self::judge::{Judgement, Verdict, admit, judge, screen};
pub(crate) use self::packet::chain;
pub use self::packet::{
    Arp, Content, Ip, LinkAddresses, Neighbour, NotSeen, Packet, Part, Ports, protocol,
};
pub(crate) use self::rules::Mark;
pub use self::rules::{Count, RuleTotals, Rules, Ruling, Way};
pub use self::settings::{
    Action, Bandwidth, Direction, Impairment, Learning, Mirror, NetworkMode, NetworkPolicy,
    PortPolicy, PrivateRole, Rate, Rule, StormLimits, VlanMode,
};
pub(crate) use self::snooping::{
    Audience, Groups, Kind as GroupKind, Listener, Overheard, Snooper,
};
use self::sources::Sources;
pub(crate) use self::storm::{Crowd, Storm};
pub(crate) use self::terms::Terms;
pub use self::values::{IpPrefix, PortRange, ValueError, VlanSet};
pub(crate) use self::vlan::{Class, Form, Vlans};
pub(crate) use self::witness::{Senses, Witness};
use crate::line::{Line, Store};
use crate::turn::BURST_BYTES;

/// A port's policy as the workers act on it.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Whether what becomes of a frame that the guest sends can depend on more than both addresses and the outer tag: then each
    /// frame is looked into.
    pub(crate) is_deep: bool,
    /// Which VLANs it is in.
    pub(crate) vlans: Vlans,
    /// Whether it exchanges frames only with ports that are not.
    pub(crate) is_isolated: bool,
    /// Whether link-local frames pass; unset: as the network says.
    pub(crate) link_local: Option<bool>,
    /// From which addresses the guest may send.
    pub(crate) sources: Sources,
    /// What the guest may not say.
    pub(crate) guards: Guards,
    /// What may pass, either way.
    pub(crate) rules: Rules,
    /// What the guest may send, in all.
    pub(crate) from_guest: Option<Arc<Budget>>,
    /// The most bytes that are taken of one of its rings at a time.
    pub(crate) burst_bytes: u32,
    /// What the guest may be given, in all.
    pub(crate) to_guest: Option<Arc<Budget>>,
    /// What the guest may send to many.
    pub(crate) storm: Option<Arc<Storm>>,
    /// What it sends over, if that is a bad line.
    pub(crate) line: Option<Arc<Line>>,
    /// Its share of a worker's time, in relation to those of others; at least 1.
    pub(crate) weight: u8,
}

impl Policy {
    /// Compiles what is asked of a port with such addresses, for a switch of `workers` workers. What it has used up of its
    /// budgets so far counts, as far as they are the same, and so do its rules.
    /// `store` is for what is on its line.
    pub(crate) fn new(
        asked: &PortPolicy,
        filters: &[Filter],
        workers: usize,
        before: Option<&Self>,
        store: Option<&Arc<Store>>,
        now: Instant,
    ) -> Self {
        let Bandwidth {
            from_guest,
            to_guest,
            minimum_weight,
        } = &asked.bandwidth;
        let from_guest = Budget::new(
            *from_guest,
            before.and_then(|before| before.from_guest.as_ref()),
            now,
        );
        let burst_bytes = from_guest
            .as_ref()
            .map_or(BURST_BYTES, |budget| budget.grain().min(BURST_BYTES));
        let guards = Guards::new(asked, filters.iter().map(|filter| filter.mac));
        let none = Rules::default();
        let rules = Rules::new(
            &asked.rules,
            before.map_or(&none, |before| &before.rules),
            workers,
        );
        Self {
            is_deep: guards.are_on() || rules.are_for(Way::FromGuest),
            vlans: Vlans::new(&asked.vlan),
            is_isolated: asked.isolated,
            link_local: asked.link_local,
            sources: Sources::new(asked.mac_spoofing, filters),
            guards,
            rules,
            from_guest,
            burst_bytes,
            to_guest: Budget::new(
                *to_guest,
                before.and_then(|before| before.to_guest.as_ref()),
                now,
            ),
            storm: Storm::new(
                asked.storm,
                before.and_then(|before| before.storm.as_ref()),
                now,
            ),
            line: Line::new(
                asked.impairment,
                before.and_then(|before| before.line.as_ref()),
                store,
            ),
            weight: minimum_weight.unwrap_or(1).max(1),
        }
    }

    /// Whether the port's frames need no more than a look at addresses and tag.
    pub(crate) fn is_plain(&self) -> bool {
        self.vlans == Vlans::Transparent && !self.is_isolated && self.link_local.is_none()
    }
}
