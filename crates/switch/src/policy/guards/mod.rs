//! Guards: what a guest may not say, whoever asks it to. Each judges what the guest sends, on the host's copy of its first
//! bytes.
//!
//! A guest chooses its headers, so it may try to hide what it says: behind tags, options, extension headers, in fragments or
//! behind the end of what is looked at. The rule against all of them is one: a guard that needs a fact and cannot see it does
//! not let the frame pass. docs/policies.md has the tricks, and what becomes of each.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmq::Mac;

use super::packet::{Arp, Content, Ip, Neighbour, NotSeen, Packet, protocol};
use super::settings::PortPolicy;
use super::values::IpPrefix;
use crate::DropReason;

/// One of the guards of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Source addresses are the configured ones.
    MacSpoofing,
    /// No DHCP server speaks.
    Dhcp,
    /// No router speaks.
    Router,
    /// IP addresses are the allowed ones: in IP headers, ARP and neighbour discovery.
    Address,
}

/// Why a guard does not let a frame pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Objection {
    /// Which guard.
    pub guard: Guard,
    /// It could not see what it needs to know.
    pub is_hidden: bool,
}

/// The guards of a port that look behind the Ethernet header, as workers act on them.
#[derive(Debug, Default)]
pub struct Guards {
    dhcp: bool,
    router: bool,
    addresses: Option<Box<[IpPrefix]>>,
}

impl Objection {
    /// What the frame is counted as.
    #[must_use]
    pub fn reason(self) -> DropReason {
        match self {
            Self {
                is_hidden: true, ..
            } => DropReason::HiddenHeaders,
            Self { guard, .. } => match guard {
                Guard::MacSpoofing => DropReason::MacSpoofing,
                Guard::Dhcp => DropReason::DhcpGuard,
                Guard::Router => DropReason::RouterGuard,
                Guard::Address => DropReason::AddressGuard,
            },
        }
    }
}

impl Guards {
    /// The guards that are asked for; `macs` are the addresses that are configured for the port.
    ///
    /// A guest that may use some IPv6 address may use the link-local ones that its MAC addresses make as well (RFC 4291,
    /// appendix A): without one it could not find its neighbours.
    #[must_use]
    pub fn new(asked: &PortPolicy, macs: impl IntoIterator<Item = Mac>) -> Self {
        let addresses = asked.allowed_addresses.as_ref().map(|allowed| {
            let mut allowed = allowed.clone();
            if allowed.iter().any(|prefix| prefix.address.is_ipv6()) {
                allowed.extend(macs.into_iter().map(link_local));
            }
            allowed.into()
        });
        Self {
            dhcp: asked.dhcp_guard,
            router: asked.router_guard,
            addresses,
        }
    }

    /// Whether any of them is on.
    #[must_use]
    pub fn are_on(&self) -> bool {
        self.dhcp || self.router || self.addresses.is_some()
    }

    /// Judges a frame that the guest sends: the first guard that does not let it pass, if one does not.
    #[inline]
    #[must_use]
    pub fn judge(&self, packet: &Packet<'_>) -> Option<Objection> {
        let hidden = |guard| Objection {
            guard,
            is_hidden: true,
        };
        match &packet.content {
            Content::Other(_) => None,
            Content::Hidden if self.dhcp => Some(hidden(Guard::Dhcp)),
            Content::Hidden if self.router => Some(hidden(Guard::Router)),
            Content::Hidden => self.addresses.is_some().then_some(hidden(Guard::Address)),
            Content::Arp(arp) => self.judge_arp(packet.source, *arp),
            Content::Ip(ip) => self.judge_ip(packet.source, ip),
        }
    }

    fn judge_arp(&self, source: Mac, arp: Arp) -> Option<Objection> {
        let allowed = self.addresses.as_deref()?;
        let is_probe = arp.sender.is_unspecified() && arp.is_request();
        let may = arp.sender_mac == source && (is_probe || holds(allowed, arp.sender.into()));
        object(Guard::Address, Ok(may))
    }

    #[inline]
    fn judge_ip(&self, source: Mac, ip: &Ip<'_>) -> Option<Objection> {
        let unlike = |is_so: Option<bool>| is_so.map(|is_so| !is_so).ok_or(NotSeen);
        if self.dhcp
            && let Some(objection) = object(Guard::Dhcp, unlike(ip.is_from_dhcp_server()))
        {
            return Some(objection);
        }
        if self.router
            && let Some(objection) = object(Guard::Router, unlike(ip.is_from_router()))
        {
            return Some(objection);
        }
        let allowed = self.addresses.as_deref()?;
        object(Guard::Address, may_say(allowed, source, ip))
    }
}

/// Whether a guest may say what an IP packet says of whose addresses are whose.
#[inline]
fn may_say(allowed: &[IpPrefix], source: Mac, ip: &Ip<'_>) -> Result<bool, NotSeen> {
    let neighbour = ip.neighbour()?;
    let may_send = holds(allowed, ip.source)
        || ip.source.is_unspecified() && may_be_from_nobody(ip, neighbour.as_ref());
    if !may_send {
        return Ok(false);
    }
    match neighbour {
        None | Some(Neighbour::Redirect) => Ok(true),
        Some(Neighbour::RouterSolicitation(options) | Neighbour::RouterAdvertisement(options)) => {
            options.are_all(source)
        }
        Some(Neighbour::Solicitation { target, options }) => {
            // Who asks from nobody is about to take the address.
            let may_ask = !ip.source.is_unspecified() || holds(allowed, target.into());
            Ok(may_ask && options.are_all(source)?)
        }
        Some(Neighbour::Advertisement { target, options }) => {
            Ok(holds(allowed, target.into()) && options.are_all(source)?)
        }
    }
}

/// What a guest sends that has no address yet: it asks for one, asks whether somebody has it, looks for routers, joins groups.
fn may_be_from_nobody(ip: &Ip<'_>, neighbour: Option<&Neighbour<'_>>) -> bool {
    match ip.source {
        IpAddr::V4(_) => ip.is_from_dhcp_client() || ip.protocol == Some(protocol::IGMP),
        IpAddr::V6(_) => {
            let looks = matches!(
                neighbour,
                Some(Neighbour::Solicitation { .. } | Neighbour::RouterSolicitation(_))
            );
            looks || ip.is_listener_report()
        }
    }
}

#[inline]
fn holds(prefixes: &[IpPrefix], address: IpAddr) -> bool {
    prefixes.iter().any(|prefix| prefix.contains(address))
}

#[inline]
fn object(guard: Guard, may: Result<bool, NotSeen>) -> Option<Objection> {
    let is_hidden = match may {
        Ok(true) => return None,
        Ok(false) => false,
        Err(NotSeen) => true,
    };
    Some(Objection { guard, is_hidden })
}

/// The link-local address that a station makes of its MAC address.
fn link_local(Mac([a, b, c, d, e, f]): Mac) -> IpPrefix {
    let [ab, c_, de, f_] = [[a ^ 2, b], [c, 0xff], [0xfe, d], [e, f]].map(u16::from_be_bytes);
    IpPrefix {
        address: Ipv6Addr::new(0xfe80, 0, 0, 0, ab, c_, de, f_).into(),
        length: 128,
    }
}
