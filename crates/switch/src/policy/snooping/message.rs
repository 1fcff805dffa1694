//! What hosts and multicast routers say to each other of groups: IGMP (RFC 1112, 2236, 3376), MLD (RFC 2710, 3810), and by
//! what else a router shows itself (RFC 4286, RFC 7761).
//!
//! A message is believed if it is whole and its checksums are right (RFC 4541, 2.1.1). Which sources of a group a host wants
//! is not looked at: whoever wants a group from somebody gets all of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vmq::{Mac, Span};

use super::groups::is_for_everybody;
use crate::policy::packet::{Content, Ip, Packet, Part, protocol};

/// Which protocol a message is of, and so which groups it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// IPv4's groups.
    Igmp,
    /// IPv6's groups.
    Mld,
}

/// A message about groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) family: Family,
    pub(crate) says: Says,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// A host wants these groups, or no longer wants them.
    Report(Vec<Change>),
    /// A host says more than is to be seen, or says it damaged: it may want anything.
    Unclear,
    /// A querier asks. Where it has no address of its own it is a switch in a router's place (RFC 4541, 2.1.1).
    Query { is_router: bool, asks: Asks },
    /// There is a multicast router.
    Router,
}

/// What a querier asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// Who wants any group.
    Any(Timers),
    /// Who still wants this group; whoever does says so within `wait`.
    Group { group: Mac, wait: Span },
    /// Something that changes nothing here: about some sources of a group, or to be left alone by timers.
    Else,
}

/// A host and a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Join(Mac),
    Leave(Mac),
}

/// The numbers that a querier works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timers {
    pub(crate) robustness: u32,
    pub(crate) interval: Span,
    pub(crate) response: Span,
}

impl Default for Timers {
    /// RFC 3376, section 8.
    fn default() -> Self {
        Self {
            robustness: 2,
            interval: Span(125),
            response: Span(10),
        }
    }
}

impl Timers {
    /// How long a membership holds without another report.
    pub(crate) fn membership(self) -> Span {
        Span(self.robustness * self.interval.0 + self.response.0)
    }

    /// How long a querier is believed in without another query.
    pub(crate) fn querier(self) -> Span {
        Span(self.robustness * self.interval.0 + self.response.0.div_ceil(2))
    }
}

const QUERY_V4: u8 = 0x11;
const REPORT_V1: u8 = 0x12;
const REPORT_V2: u8 = 0x16;
const LEAVE: u8 = 0x17;
const REPORT_V3: u8 = 0x22;
const ROUTER_V4: u8 = 0x30;

const QUERY_V6: u8 = 130;
const LISTENER_V1: u8 = 131;
const DONE: u8 = 132;
const LISTENER_V2: u8 = 143;
const ROUTER_V6: u8 = 151;

/// A PIM hello: version 2, type 0.
const PIM_HELLO: u8 = 0x20;

/// What a frame is to whoever snoops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing special.
    Data,
    /// A host says what it wants: for routers only.
    Report,
    /// Something else that is to be heard.
    Other,
}

impl Kind {
    /// Looks whether a frame is to be heard.
    pub(crate) fn of(packet: &Packet<'_>) -> Self {
        let Content::Ip(ip) = packet.content else {
            return Self::Data;
        };
        match (ip.source, ip.protocol) {
            (IpAddr::V4(_), Some(protocol::IGMP)) => match ip.body().first() {
                Some(&(REPORT_V1 | REPORT_V2 | LEAVE | REPORT_V3)) => Self::Report,
                Some(_) => Self::Other,
                None => Self::Data,
            },
            (IpAddr::V6(_), Some(protocol::ICMPV6)) => match ip.body().first() {
                Some(&(LISTENER_V1 | DONE | LISTENER_V2)) => Self::Report,
                Some(&(QUERY_V6 | ROUTER_V6)) => Self::Other,
                _ => Self::Data,
            },
            (_, Some(protocol::PIM)) => Self::Other,
            _ => Self::Data,
        }
    }
}

impl Message {
    /// Reads the message in a frame; `None` if there is none, or none to be believed.
    pub(crate) fn read(packet: &Packet<'_>) -> Option<Self> {
        let Content::Ip(ip) = packet.content else {
            return None;
        };
        let family = match ip.source {
            IpAddr::V4(_) => Family::Igmp,
            IpAddr::V6(_) => Family::Mld,
        };
        let kind = *ip.body().first()?;
        let is_right = ip.part == Part::Whole && ip.has_right_checksum();
        let says = match (family, ip.protocol?, kind) {
            (_, protocol::PIM, PIM_HELLO) => is_right.then_some(Says::Router)?,
            (Family::Igmp, protocol::IGMP, kind) => igmp(&ip, kind, is_right)?,
            (Family::Mld, protocol::ICMPV6, kind) => mld(&ip, kind, is_right)?,
            _ => return None,
        };
        let is_asked = match &says {
            Says::Query { asks, .. } => asks.come_to(packet.destination),
            _ => true,
        };
        is_asked.then_some(Self { family, says })
    }
}

impl Asks {
    /// Whether those who are asked get to hear it: a question that they cannot answer would make all be forgotten.
    fn come_to(self, destination: Mac) -> bool {
        match self {
            Self::Else => true,
            Self::Group { group, .. } if group == destination => true,
            Self::Any(_) | Self::Group { .. } => is_for_everybody(destination),
        }
    }
}

fn igmp(ip: &Ip<'_>, kind: u8, is_right: bool) -> Option<Says> {
    let is_report = matches!(kind, REPORT_V1 | REPORT_V2 | LEAVE | REPORT_V3);
    if !is_right {
        return is_report.then_some(Says::Unclear);
    }
    let is_router = !ip.source.is_unspecified();
    let group = |at: usize| {
        let octets: [u8; 4] = *ip.body().get(at..)?.first_chunk()?;
        Some(Ipv4Addr::from(octets))
    };
    let changes = |change: fn(Mac) -> Change| {
        let group = group(4)?;
        let change = group.is_multicast().then(|| change(mac_of_v4(group)));
        Some(Says::Report(change.into_iter().collect()))
    };
    match kind {
        REPORT_V1 | REPORT_V2 => changes(Change::Join),
        LEAVE => changes(Change::Leave),
        REPORT_V3 => Some(records(ip.body(), 4, |octets: &[u8]| {
            let octets: [u8; 4] = *octets.first_chunk()?;
            let group = Ipv4Addr::from(octets);
            group.is_multicast().then(|| mac_of_v4(group))
        })),
        QUERY_V4 => {
            // In tenths of a second; version 1 has none and means ten seconds.
            let tenths = match (ip.body().get(1)?, ip.body().len()) {
                (0, _) => 100,
                (&code, 8) => code.into(),
                (&code, _) => short_float(code),
            };
            let group = group(4)?;
            let group = (!group.is_unspecified()).then(|| mac_of_v4(group));
            Some(query(ip.body().get(8..)?, group, is_router, tenths, 10))
        }
        ROUTER_V4 => Some(Says::Router),
        _ => None,
    }
}

fn mld(ip: &Ip<'_>, kind: u8, is_right: bool) -> Option<Says> {
    let is_report = matches!(kind, LISTENER_V1 | DONE | LISTENER_V2);
    if !is_right {
        return is_report.then_some(Says::Unclear);
    }
    let group = || {
        let octets: [u8; 16] = *ip.body().get(8..)?.first_chunk()?;
        Some(Ipv6Addr::from(octets))
    };
    let changes = |change: fn(Mac) -> Change| {
        let group = group()?;
        let change = group.is_multicast().then(|| change(mac_of_v6(group)));
        Some(Says::Report(change.into_iter().collect()))
    };
    let IpAddr::V6(source) = ip.source else {
        return None;
    };
    match kind {
        LISTENER_V1 => changes(Change::Join),
        DONE => changes(Change::Leave),
        LISTENER_V2 => Some(records(ip.body(), 16, |octets: &[u8]| {
            let octets: [u8; 16] = *octets.first_chunk()?;
            let group = Ipv6Addr::from(octets);
            group.is_multicast().then(|| mac_of_v6(group))
        })),
        // From elsewhere than the link it is none (RFC 3810, 5.1.14).
        QUERY_V6 if source.is_unicast_link_local() => {
            let code = u16::from_be_bytes([*ip.body().get(4)?, *ip.body().get(5)?]);
            let thousandths = match ip.body().len() {
                24 => code.into(),
                _ => long_float(code),
            };
            let group = group()?;
            let group = (!group.is_unspecified()).then(|| mac_of_v6(group));
            Some(query(ip.body().get(24..)?, group, true, thousandths, 1000))
        }
        ROUTER_V6 => Some(Says::Router),
        _ => None,
    }
}

/// A query whose version 3 (or MLD's version 2) part is `rest`; the time to answer is `response` parts of which a second has
/// `a_second`.
fn query(rest: &[u8], group: Option<Mac>, is_router: bool, response: u32, a_second: u32) -> Says {
    let usual = Timers::default();
    let (is_suppressed, robustness, interval) = match rest {
        [flags, code, ..] => (
            flags & 0x8 != 0,
            // 0 is what does not fit.
            Some(u32::from(flags & 0x7)).filter(|&robustness| robustness != 0),
            Some(short_float(*code)).filter(|&interval| interval != 0),
        ),
        _ => (false, None, None),
    };
    let timers = Timers {
        robustness: robustness.unwrap_or(usual.robustness),
        interval: interval.map_or(usual.interval, Span),
        response: Span(response.div_ceil(a_second)),
    };
    let has_sources = matches!(rest, [_, _, a, b, ..] if (*a, *b) != (0, 0));
    let asks = match group {
        Some(_) if is_suppressed || has_sources => Asks::Else,
        Some(group) => Asks::Group {
            group,
            wait: Span((timers.robustness * response).div_ceil(a_second)),
        },
        None => Asks::Any(timers),
    };
    Says::Query { is_router, asks }
}

/// The records of a report of version 3 (MLD: 2), whose addresses are `width` bytes wide.
fn records(body: &[u8], width: usize, group: impl Fn(&[u8]) -> Option<Mac>) -> Says {
    let mut changes = Vec::new();
    let read = |changes: &mut Vec<Change>| -> Option<()> {
        let (head, mut rest) = body.split_first_chunk::<8>()?;
        for _ in 0..u16::from_be_bytes([head[6], head[7]]) {
            let (&[kind, auxiliary, s0, s1], behind) = rest.split_first_chunk()?;
            let sources = usize::from(u16::from_be_bytes([s0, s1]));
            let len = width * (1 + sources) + 4 * usize::from(auxiliary);
            let (record, behind) = behind.split_at_checked(len)?;
            rest = behind;
            let Some(group) = group(record) else { continue };
            match (kind, sources) {
                // Nothing but these, and there are none.
                (1 | 3, 0) => changes.push(Change::Leave(group)),
                // Nothing but some; all but some; some more.
                (1..=5, _) => changes.push(Change::Join(group)),
                // Fewer of them, or what nobody knows.
                _ => {}
            }
        }
        Some(())
    };
    match read(&mut changes) {
        Some(()) => Says::Report(changes),
        None => Says::Unclear,
    }
}

/// A number of eight bits, three of them its exponent where it is large (RFC 3376, 4.1.1).
fn short_float(code: u8) -> u32 {
    match code {
        0..128 => code.into(),
        _ => (u32::from(code & 0xf) | 0x10) << ((code >> 4 & 0x7) + 3),
    }
}

/// The same of 16 bits (RFC 3810, 5.1.3).
fn long_float(code: u16) -> u32 {
    match code {
        0..0x8000 => code.into(),
        _ => (u32::from(code & 0xfff) | 0x1000) << ((code >> 12 & 0x7) + 3),
    }
}

/// RFC 1112, 6.4.
fn mac_of_v4(group: Ipv4Addr) -> Mac {
    let [_, b, c, d] = group.octets();
    Mac([0x01, 0x00, 0x5e, b & 0x7f, c, d])
}

/// RFC 2464, 7.
fn mac_of_v6(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    Mac([0x33, 0x33, a, b, c, d])
}
