//! Multicast snooping: who wants which group, overheard from what hosts and routers say to each other (RFC 4541).
//!
//! ```text
//!  worker: a frame to a group ── Groups ──▶ who is to have it
//!           └ IGMP, MLD, PIM: a copy of its first bytes ──▶ control: Snooper ──▶ new Groups
//! ```
//!
//! The state machine has no clock and no socket. For each VLAN and version of IP it knows memberships, the ports towards routers
//! and the querier, each until a time.
//!
//! Invariant: in doubt there is more to be had, never less. While nobody asks who wants what, nobody answers, so what is known
//! grows stale: without a querier every frame goes to everybody. A group that nobody asked for does too. A port whose reports
//! were not all understood has everything for as long as a membership holds.

mod groups;
mod listener;
mod message;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, btree_map};

use vmq::{Mac, Span, Tick, VlanId};

pub(crate) use self::groups::{Audience, Groups, is_group};
pub(crate) use self::listener::{Listener, Overheard, channel, run};
pub(crate) use self::message::Kind;
use self::message::{Asks, Change, Family, Message, Says, Timers};
use super::packet::Packet;
use crate::{GroupStatus, GroupsStatus, PortId};

/// What one port may be remembered for, in all VLANs: memberships, and where it leads to routers. One that says more has
/// everything.
const REMEMBERED: u32 = 256;

/// What is known of a network's groups.
#[derive(Debug, Default)]
pub(crate) struct Snooper {
    domains: BTreeMap<(VlanId, Family), Domain>,
    /// Ports that have everything.
    greedy: BTreeMap<PortId, Tick>,
    /// For how much each port is remembered.
    shares: BTreeMap<PortId, u32>,
}

/// One VLAN and version of IP.
#[derive(Debug, Default)]
struct Domain {
    querier: Option<Querier>,
    groups: BTreeMap<Mac, BTreeMap<PortId, Tick>>,
    routers: BTreeMap<PortId, Router>,
}

#[derive(Clone, Copy, Debug)]
struct Querier {
    timers: Timers,
    until: Tick,
    /// When every host has had the time to answer for the first time; `None` from then on.
    answered: Option<Tick>,
}

#[derive(Clone, Copy, Debug)]
struct Router {
    until: Tick,
    /// It wants every group; else it is a switch that asks in a router's place, and wants reports only.
    is_real: bool,
}

impl Snooper {
    /// Takes note of a message that `port` sent in `vlan`; `is_trusted` says whether it may be a router. No message at all is
    /// what is left of too many. True if the groups are others now.
    pub(crate) fn hear(
        &mut self,
        port: PortId,
        vlan: VlanId,
        is_trusted: bool,
        lookahead: &[u8],
        now: Tick,
    ) -> bool {
        if lookahead.is_empty() {
            let usual = Timers::default();
            return self.become_greedy(port, now.after(usual.membership()));
        }
        let Some(message) = Packet::parse(lookahead).and_then(|packet| Message::read(&packet))
        else {
            return false;
        };
        let place = (vlan, message.family);
        let timers = self.domains.get(&place).and_then(|domain| domain.querier);
        let timers = timers.map_or_else(Timers::default, |querier| querier.timers);
        let holds = now.after(timers.membership());
        match message.says {
            Says::Unclear => self.become_greedy(port, holds),
            Says::Report(changes) => {
                let mut has_changed = false;
                for change in changes {
                    // Who leaves is asked for again by the querier; others may be behind the same port.
                    if let Change::Join(group) = change {
                        has_changed |= self.join(port, place, group, holds);
                    }
                }
                has_changed
            }
            Says::Router | Says::Query { .. } if !is_trusted => false,
            Says::Router => self.route(port, place, true, now.after(timers.querier())),
            Says::Query { is_router, asks } => {
                let has_changed = self.ask(place, asks, now);
                has_changed | self.route(port, place, is_router, now.after(timers.querier()))
            }
        }
    }

    /// Forgets what is over by now. True if the groups are others now.
    pub(crate) fn age(&mut self, now: Tick) -> bool {
        let mut has_changed = false;
        let Self {
            domains,
            greedy,
            shares,
        } = self;
        domains.retain(|_, domain| {
            has_changed |= domain.age(shares, now);
            !domain.is_empty()
        });
        greedy.retain(|_, until| {
            let stays = *until > now;
            has_changed |= !stays;
            stays
        });
        has_changed
    }

    /// When [`Snooper::age`] has something to do next.
    pub(crate) fn next_change(&self) -> Option<Tick> {
        let domains = self.domains.values().filter_map(Domain::next_change);
        domains.chain(self.greedy.values().copied()).min()
    }

    /// A port is gone. True if the groups are others now.
    pub(crate) fn forget(&mut self, port: PortId) -> bool {
        let mut has_changed = self.greedy.remove(&port).is_some();
        has_changed |= self.shares.remove(&port).is_some();
        for domain in self.domains.values_mut() {
            domain.routers.remove(&port);
            domain.groups.retain(|_, members| {
                members.remove(&port);
                !members.is_empty()
            });
        }
        self.domains.retain(|_, domain| !domain.is_empty());
        has_changed
    }

    /// What workers are to know.
    pub(crate) fn groups(&self) -> Groups {
        let mut groups = Groups::new(self.greedy.keys().copied());
        for (&(vlan, family), domain) in &self.domains {
            let routers = domain.routers.iter();
            let routers = routers.map(|(port, router)| (*port, router.is_real));
            groups.add_domain(vlan, family, routers);
            if !domain.is_filtering() {
                continue;
            }
            for (group, members) in &domain.groups {
                groups.add(vlan, *group, members.keys().copied());
            }
        }
        groups
    }

    /// What is known, for people; `name` says what a port is called.
    pub(crate) fn status(&self, name: impl Fn(PortId) -> String) -> Vec<GroupsStatus> {
        let domains = self.domains.iter();
        let status = |((vlan, family), domain): (&(VlanId, Family), &Domain)| GroupsStatus {
            vlan: vlan.0,
            is_ipv6: *family == Family::Mld,
            is_filtering: domain.is_filtering(),
            routers: domain.routers.keys().copied().map(&name).collect(),
            groups: { domain.groups.iter() }
                .map(|(mac, members)| GroupStatus {
                    mac: *mac,
                    members: members.keys().copied().map(&name).collect(),
                })
                .collect(),
        };
        domains.map(status).collect()
    }

    fn join(&mut self, port: PortId, place: (VlanId, Family), group: Mac, until: Tick) -> bool {
        if groups::is_for_everybody(group) {
            return false;
        }
        let domain = self.domains.get_mut(&place);
        let member = domain.and_then(|domain| domain.groups.get_mut(&group)?.get_mut(&port));
        if let Some(known) = member {
            *known = until;
            return false;
        }
        if !self.take_share(port) {
            return self.become_greedy(port, until);
        }
        let domain = self.domains.entry(place).or_default();
        domain.groups.entry(group).or_default().insert(port, until);
        true
    }

    fn route(&mut self, port: PortId, place: (VlanId, Family), is_real: bool, until: Tick) -> bool {
        let domain = self.domains.get_mut(&place);
        if let Some(known) = domain.and_then(|domain| domain.routers.get_mut(&port)) {
            let has_changed = is_real && !known.is_real;
            *known = Router {
                until,
                is_real: is_real || known.is_real,
            };
            return has_changed;
        }
        if !self.take_share(port) {
            return self.become_greedy(port, until);
        }
        let domain = self.domains.entry(place).or_default();
        domain.routers.insert(port, Router { until, is_real });
        true
    }

    fn ask(&mut self, place: (VlanId, Family), asks: Asks, now: Tick) -> bool {
        match asks {
            Asks::Else => false,
            Asks::Group { group, wait } => {
                let domain = self.domains.get_mut(&place);
                let members = domain.and_then(|domain| domain.groups.get_mut(&group));
                // A second more, for time is counted in whole ones.
                let until = now.after(Span(wait.0 + 1));
                for known in members.into_iter().flat_map(BTreeMap::values_mut) {
                    *known = until.min(*known);
                }
                false
            }
            Asks::Any(timers) => {
                let domain = self.domains.entry(place).or_default();
                let first = Some(now.after(Span(timers.response.0 + 1)));
                domain.querier = Some(Querier {
                    timers,
                    until: now.after(timers.querier()),
                    answered: domain.querier.map_or(first, |known| known.answered),
                });
                false
            }
        }
    }

    /// Whether a port may be remembered for one thing more.
    fn take_share(&mut self, port: PortId) -> bool {
        let share = self.shares.entry(port).or_default();
        let has_room = *share < REMEMBERED;
        *share += u32::from(has_room);
        has_room
    }

    fn become_greedy(&mut self, port: PortId, until: Tick) -> bool {
        match self.greedy.entry(port) {
            btree_map::Entry::Vacant(place) => {
                place.insert(until);
                true
            }
            btree_map::Entry::Occupied(mut known) => {
                *known.get_mut() = until.max(*known.get());
                false
            }
        }
    }
}

impl Domain {
    fn is_filtering(&self) -> bool {
        self.querier
            .is_some_and(|querier| querier.answered.is_none())
    }

    fn is_empty(&self) -> bool {
        self.querier.is_none() && self.groups.is_empty() && self.routers.is_empty()
    }

    fn age(&mut self, shares: &mut BTreeMap<PortId, u32>, now: Tick) -> bool {
        let mut has_changed = false;
        let mut is_over = |port: &PortId, until: Tick| {
            let is_over = until <= now;
            if is_over {
                has_changed = true;
                give_back(shares, *port);
            }
            is_over
        };
        self.groups.retain(|_, members| {
            members.retain(|port, until| !is_over(port, *until));
            !members.is_empty()
        });
        self.routers
            .retain(|port, router| !is_over(port, router.until));
        match &mut self.querier {
            Some(querier) if querier.until <= now => {
                self.querier = None;
                has_changed = true;
            }
            Some(querier) if querier.answered.is_some_and(|answered| answered <= now) => {
                querier.answered = None;
                has_changed = true;
            }
            _ => {}
        }
        has_changed
    }

    fn next_change(&self) -> Option<Tick> {
        let members = self.groups.values().flat_map(BTreeMap::values).copied();
        let routers = self.routers.values().map(|router| router.until);
        let querier = self.querier.iter();
        let querier =
            querier.flat_map(|querier| querier.answered.into_iter().chain([querier.until]));
        members.chain(routers).chain(querier).min()
    }
}

fn give_back(shares: &mut BTreeMap<PortId, u32>, port: PortId) {
    if let btree_map::Entry::Occupied(mut share) = shares.entry(port) {
        *share.get_mut() -= 1;
        if *share.get() == 0 {
            share.remove();
        }
    }
}
