//! Rules: what may pass between a guest and the others, by addresses, protocol and ports. The first rule that matches
//! decides; no frame is judged by another.
//!
//! Of a frame that hides what a rule asks for, the rule believes the worst: one that denies matches, one that allows does
//! not. A later fragment has no ports to be seen and does no harm without the first one, which has them: a rule that allows
//! takes it by what else it asks for, one that denies leaves it alone.

mod mark;
mod tally;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmq::Mac;

pub(crate) use self::mark::Mark;
use self::tally::Tally;
pub use self::tally::{Count, RuleTotals};
use super::packet::{Content, NotSeen, Packet, Ports};
use super::settings::{Action, Direction, Rule};
use super::values::{IpPrefix, PortRange};

/// The rules of a port, as workers act on them.
#[derive(Debug, Default)]
pub struct Rules {
    asked: Box<[Rule]>,
    from_guest: List,
    to_guest: List,
    /// By number of the rule.
    tallies: Box<[Arc<Tally>]>,
}

/// What a rule decides of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ruling {
    /// Which of the port's rules it is, from 0.
    pub rule: u32,
    /// What it decides.
    pub action: Action,
    /// It was not seen whether the frame is such as it denies.
    pub in_doubt: bool,
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The guest sends it.
    FromGuest,
    /// The guest is to have it.
    ToGuest,
}

/// The rules for one way.
#[derive(Debug, Default)]
struct List {
    tests: Box<[Test]>,
    /// Whether any of them looks at ports.
    has_ports: bool,
}

/// One rule for one way.
#[derive(Debug)]
struct Test {
    rule: u32,
    action: Action,
    local_mac: Option<Mac>,
    remote_mac: Option<Mac>,
    /// Whether it is for IP packets only.
    is_ip: bool,
    local: Option<IpPrefix>,
    remote: Option<IpPrefix>,
    protocol: Option<u8>,
    local_port: Option<PortRange>,
    remote_port: Option<PortRange>,
}

impl Rules {
    /// Compiles rules for a switch of `workers` workers. A rule that `before` had too goes on counting where it stood.
    #[must_use]
    pub fn new(asked: &[Rule], before: &Self, workers: usize) -> Self {
        let mut old: Vec<_> = before.asked.iter().zip(&before.tallies).collect();
        let tallies =
            asked.iter().map(
                |rule| match old.iter().position(|(before, _)| *before == rule) {
                    Some(at) => old.remove(at).1.clone(),
                    None => Arc::new(Tally::new(workers)),
                },
            );
        Self {
            tallies: tallies.collect(),
            from_guest: List::new(asked, Way::FromGuest),
            to_guest: List::new(asked, Way::ToGuest),
            asked: asked.into(),
        }
    }

    /// Whether any rule is for frames that go this way.
    #[inline]
    #[must_use]
    pub fn are_for(&self, way: Way) -> bool {
        !self.list(way).tests.is_empty()
    }

    /// What becomes of a frame; `None` if no rule matches, and it passes.
    #[inline]
    #[must_use]
    pub fn judge(&self, packet: &Packet<'_>, way: Way) -> Option<Ruling> {
        let list = self.list(way);
        let sides = Sides::of(packet, way, list.has_ports);
        let rulings = list.tests.iter();
        { rulings }.find_map(|test| test.judge(&sides))
    }

    /// Counts a frame that is over, at the rule that decided of it. Only the worker itself may say that it is `worker`.
    #[inline]
    pub(crate) fn count(&self, worker: usize, way: Way, mark: Mark, bytes: u32) {
        let rule = mark.rule().and_then(|rule| self.tallies.get(rule));
        if let Some(tally) = rule {
            tally.count(worker, way, bytes);
        }
    }

    /// The rules and what they decided so far, all workers added up.
    pub fn totals(&self) -> impl Iterator<Item = (&Rule, RuleTotals)> {
        let rules = self.asked.iter().zip(&self.tallies);
        rules.map(|(rule, tally)| (rule, tally.totals()))
    }

    #[inline]
    fn list(&self, way: Way) -> &List {
        match way {
            Way::FromGuest => &self.from_guest,
            Way::ToGuest => &self.to_guest,
        }
    }
}

impl List {
    fn new(asked: &[Rule], way: Way) -> Self {
        let other = match way {
            Way::FromGuest => Direction::ToGuest,
            Way::ToGuest => Direction::FromGuest,
        };
        let tests = asked.iter().zip(0..);
        let tests = tests.filter(|(rule, _)| rule.direction != other);
        let tests: Box<[_]> = tests
            .map(|(rule, number)| Test::new(rule, number))
            .collect();
        Self {
            has_ports: tests.iter().any(Test::has_ports),
            tests,
        }
    }
}

/// A frame, seen from a guest.
struct Sides {
    way: Way,
    local_mac: Mac,
    remote_mac: Mac,
    ip: Result<Option<Network>, NotSeen>,
}

struct Network {
    local: IpAddr,
    remote: IpAddr,
    protocol: Option<u8>,
    ports: Ports,
}

impl Sides {
    #[inline]
    fn of(packet: &Packet<'_>, way: Way, needs_ports: bool) -> Self {
        let ip = match &packet.content {
            Content::Ip(ip) => {
                let (local, remote) = way.sides(ip.source, ip.destination);
                Ok(Some(Network {
                    local,
                    remote,
                    protocol: ip.protocol,
                    ports: if needs_ports { ip.ports() } else { Ports::None },
                }))
            }
            Content::Hidden => Err(NotSeen),
            Content::Arp(_) | Content::Other(_) => Ok(None),
        };
        let (local_mac, remote_mac) = way.sides(packet.source, packet.destination);
        Self {
            way,
            local_mac,
            remote_mac,
            ip,
        }
    }
}

impl Way {
    /// Local and remote.
    #[inline]
    fn sides<T>(self, source: T, destination: T) -> (T, T) {
        match self {
            Self::FromGuest => (source, destination),
            Self::ToGuest => (destination, source),
        }
    }
}

impl Test {
    fn new(rule: &Rule, number: u32) -> Self {
        let Rule {
            action,
            direction: _,
            local_mac,
            remote_mac,
            local_address,
            remote_address,
            protocol,
            local_port,
            remote_port,
        } = *rule;
        let has_port = local_port.is_some() || remote_port.is_some();
        Self {
            rule: number,
            action,
            local_mac,
            remote_mac,
            is_ip: has_port
                || protocol.is_some()
                || local_address.is_some()
                || remote_address.is_some(),
            local: local_address,
            remote: remote_address,
            protocol,
            local_port,
            remote_port,
        }
    }

    fn has_ports(&self) -> bool {
        self.local_port.is_some() || self.remote_port.is_some()
    }

    /// The first test that is seen to fail decides; of one that is not seen the action does.
    #[inline]
    fn judge(&self, frame: &Sides) -> Option<Ruling> {
        let mut in_doubt = false;
        let is_mac = self.local_mac.is_none_or(|mac| mac == frame.local_mac)
            && self.remote_mac.is_none_or(|mac| mac == frame.remote_mac);
        if !is_mac {
            return None;
        }
        if self.is_ip {
            match &frame.ip {
                Ok(Some(ip)) => in_doubt = !self.is_seen_to_match(ip, frame.way)?,
                Ok(None) => return None,
                Err(NotSeen) => in_doubt = true,
            }
        }
        if in_doubt && self.action == Action::Allow {
            return None;
        }
        Some(Ruling {
            rule: self.rule,
            action: self.action,
            in_doubt,
        })
    }

    /// Whether everything was seen that it asks for; `None` if a test is seen to fail.
    #[inline]
    fn is_seen_to_match(&self, ip: &Network, way: Way) -> Option<bool> {
        let mut is_seen = true;
        if let Some(asked) = self.protocol {
            match ip.protocol {
                Some(protocol) if protocol == asked => {}
                Some(_) => return None,
                None => is_seen = false,
            }
        }
        let is_address = self.local.is_none_or(|prefix| prefix.contains(ip.local))
            && self.remote.is_none_or(|prefix| prefix.contains(ip.remote));
        if !is_address {
            return None;
        }
        if self.has_ports() {
            match ip.ports {
                Ports::Are {
                    source,
                    destination,
                } => {
                    let (local, remote) = way.sides(source, destination);
                    let are_they = self.local_port.is_none_or(|range| range.contains(local))
                        && self.remote_port.is_none_or(|range| range.contains(remote));
                    if !are_they {
                        return None;
                    }
                }
                Ports::None => return None,
                Ports::InFirstFragment if self.action == Action::Deny => return None,
                Ports::InFirstFragment => {}
                Ports::Hidden => is_seen = false,
            }
        }
        Some(is_seen)
    }
}
