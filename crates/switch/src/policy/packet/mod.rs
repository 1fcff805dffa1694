//! What the first bytes of a frame say of it: its headers, walked through once.
//!
//! ```text
//! addresses │ tags, SNAP │ EtherType │ ARP
//!                                    │ IPv4, options           │ TCP, UDP, SCTP: ports
//!                                    │ IPv6, extension headers │ ICMP: type; neighbour discovery: who has which address
//!                                                              │ DHCP: whether a server speaks
//! ```
//!
//! Only the host's copy of the first bytes is there to be read, and a guest chooses what stands in them. So a fact is one of
//! three: it is so, it is not so, or it is *not to be seen*: behind the end of the copy, in another fragment, or denied by a
//! header that contradicts itself. Invariant: whoever sees less of a frame knows less of it, and never something else.

mod arp;
mod dhcp;
mod ip;
mod neighbour;

#[cfg(test)]
pub(super) mod tests;

use vmq::Mac;

pub use self::arp::Arp;
pub(crate) use self::ip::chain;
pub use self::ip::{Ip, Part, Ports, protocol};
pub use self::neighbour::{LinkAddresses, Neighbour, NotSeen};
use crate::ethernet;

/// A frame, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Where it goes.
    pub destination: Mac,
    /// Where it says that it comes from.
    pub source: Mac,
    /// What it carries, behind all tags.
    pub content: Content<'a>,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// Not to be seen: it ends among its tags or inside a header, or that header contradicts itself.
    Hidden,
    /// Address resolution, forward or reverse.
    Arp(Arp),
    /// IPv4 or IPv6.
    Ip(Ip<'a>),
    /// Neither; its EtherType, or what stands in place of one.
    Other(u16),
}

impl<'a> Packet<'a> {
    /// Reads the first bytes of a frame; `None` if they are no Ethernet header.
    #[inline]
    #[must_use]
    pub fn parse(lookahead: &'a [u8]) -> Option<Self> {
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, ..] =
            *lookahead.first_chunk::<{ ethernet::HEADER }>()?;
        Some(Self {
            destination: Mac([d0, d1, d2, d3, d4, d5]),
            source: Mac([s0, s1, s2, s3, s4, s5]),
            content: Content::parse(lookahead),
        })
    }
}

impl<'a> Content<'a> {
    #[inline]
    fn parse(lookahead: &'a [u8]) -> Self {
        let Some((ether_type, packet)) = ethernet::content(lookahead) else {
            return Self::Hidden;
        };
        let content = match ether_type {
            ethernet::IPV4 => Ip::v4(packet).map(Self::Ip),
            ethernet::IPV6 => Ip::v6(packet).map(Self::Ip),
            ethernet::ARP | ethernet::RARP => Arp::parse(packet).map(Self::Arp),
            other => return Self::Other(other),
        };
        content.unwrap_or(Self::Hidden)
    }
}
