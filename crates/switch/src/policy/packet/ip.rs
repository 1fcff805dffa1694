//! IPv4 and IPv6: addresses, fragments, and what carries the data.
//!
//! What lies behind an IP packet's own end is not part of it, though the frame goes on: receivers do not read it either.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::offload::Sum;

/// IP protocol numbers (IANA).
pub mod protocol {
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// Group management for IPv4.
    pub const IGMP: u8 = 2;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// Multicast routing.
    pub const PIM: u8 = 103;
    /// SCTP.
    pub const SCTP: u8 = 132;

    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const AUTHENTICATION: u8 = 51;
    pub(crate) const DESTINATION: u8 = 60;
    pub(crate) const MOBILITY: u8 = 135;
    pub(crate) const HOST_IDENTITY: u8 = 139;
    pub(crate) const SHIM6: u8 = 140;
    pub(crate) const EXPERIMENT_1: u8 = 253;
    pub(crate) const EXPERIMENT_2: u8 = 254;
}

/// An IP packet, or a piece of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip<'a> {
    /// Whose address it says it comes from.
    pub source: IpAddr,
    /// Where it goes.
    pub destination: IpAddr,
    /// What it carries, behind all extension headers; `None` if that is not to be seen.
    pub protocol: Option<u8>,
    /// Whether it is a piece.
    pub part: Part,
    /// What the protocol's header begins, as far as that is to be seen.
    pub(super) body: &'a [u8],
    /// Whether there is no more of the packet than that.
    pub(super) is_all: bool,
}

/// Which piece of an IP packet a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// The first piece; also one that is said to be a fragment and is all there is (RFC 6946).
    First,
    /// Another piece: it has no header but IP's.
    Later,
}

/// The ports of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Its protocol has none.
    None,
    /// The first fragment has them.
    InFirstFragment,
    /// Not to be seen.
    Hidden,
    /// These.
    Are {
        /// Where it says that it comes from.
        source: u16,
        /// Where it goes.
        destination: u16,
    },
}

/// What the extension headers of an IPv6 packet come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// What follows them; `None` if that is not to be seen.
    pub(crate) protocol: Option<u8>,
    /// Where it begins, which may be behind what is to be seen.
    pub(crate) at: usize,
    pub(crate) part: Part,
}

const IPV4: usize = 20;
const IPV6: usize = 40;

impl<'a> Ip<'a> {
    /// `None` if the header is cut off or contradicts itself.
    #[inline]
    pub(super) fn v4(packet: &'a [u8]) -> Option<Self> {
        let header: &[u8; IPV4] = packet.first_chunk()?;
        let len = usize::from(header[0] & 0xf) * 4;
        if header[0] >> 4 != 4 || len < IPV4 {
            return None;
        }
        let total = u16::from_be_bytes([header[2], header[3]]);
        // 0 is what some senders of frames that are yet to be cut write.
        let end = (total != 0).then_some(usize::from(total));
        if end.is_some_and(|end| end < len) {
            return None;
        }
        let fragment = u16::from_be_bytes([header[6], header[7]]);
        let part = match (fragment & 0x1fff, fragment & 0x2000) {
            (0, 0) => Part::Whole,
            (0, _) => Part::First,
            _ => Part::Later,
        };
        let [source, destination] =
            [12, 16].map(|at| -> [u8; 4] { std::array::from_fn(|nth| header[at + nth]) });
        let (body, is_all) = body(packet, len, end);
        Some(Self {
            source: Ipv4Addr::from(source).into(),
            destination: Ipv4Addr::from(destination).into(),
            protocol: Some(header[9]),
            part,
            body,
            is_all,
        })
    }

    /// As [`Ip::v4`].
    #[inline]
    pub(super) fn v6(packet: &'a [u8]) -> Option<Self> {
        let header: &[u8; IPV6] = packet.first_chunk()?;
        if header[0] >> 4 != 6 {
            return None;
        }
        let payload = u16::from_be_bytes([header[4], header[5]]);
        // 0 is a jumbogram, or as above.
        let end = (payload != 0).then_some(IPV6 + usize::from(payload));
        let seen = &packet[..packet.len().min(end.unwrap_or(usize::MAX))];
        let chain = chain(header[6], seen);
        let [source, destination] =
            [8, 24].map(|at| -> [u8; 16] { std::array::from_fn(|nth| header[at + nth]) });
        let (body, is_all) = body(packet, chain.at, end);
        Some(Self {
            source: Ipv6Addr::from(source).into(),
            destination: Ipv6Addr::from(destination).into(),
            protocol: chain.protocol,
            part: chain.part,
            body,
            is_all,
        })
    }

    /// What its protocol says, as far as that is to be seen.
    pub(crate) fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Whether all of it is to be seen and its protocol's checksum adds up. For protocols whose messages begin with type, code
    /// and checksum over everything.
    pub(crate) fn has_right_checksum(&self) -> bool {
        let sum = Sum::of(self.body);
        let sum = match (self.source, self.destination) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => sum
                .bytes(&source.octets())
                .bytes(&destination.octets())
                .length(self.body.len() as u32)
                .word(self.protocol.unwrap_or_default().into()),
            _ => sum,
        };
        self.is_all && sum.checksum() == 0
    }

    /// Its ports.
    #[inline]
    #[must_use]
    pub fn ports(&self) -> Ports {
        match (self.protocol, self.part) {
            (None, _) => Ports::Hidden,
            (Some(protocol::TCP | protocol::UDP | protocol::SCTP), Part::Later) => {
                Ports::InFirstFragment
            }
            (Some(protocol::TCP | protocol::UDP | protocol::SCTP), _) => {
                match self.body.first_chunk() {
                    Some(&[s0, s1, d0, d1]) => Ports::Are {
                        source: u16::from_be_bytes([s0, s1]),
                        destination: u16::from_be_bytes([d0, d1]),
                    },
                    None => Ports::Hidden,
                }
            }
            _ => Ports::None,
        }
    }

    /// Whether it is a message that routers send and hosts believe: an advertisement or a redirect, of IPv4 (RFC 1256, RFC
    /// 792) or IPv6 (RFC 4861). `None` if that is not to be seen.
    #[must_use]
    pub fn is_from_router(&self) -> Option<bool> {
        if self.part == Part::Later {
            return Some(false);
        }
        let kinds = match (self.source, self.protocol?) {
            (IpAddr::V4(_), protocol::ICMP) => [9, 5],
            (IpAddr::V6(_), protocol::ICMPV6) => [134, 137],
            _ => return Some(false),
        };
        self.body.first().map(|kind| kinds.contains(kind))
    }
}

/// Walks through the extension headers at the front of an IPv6 packet of which `seen` is to be seen, the first of which
/// is of type `next`. Each is at least eight bytes long, so the walk ends.
pub(crate) fn chain(mut next: u8, seen: &[u8]) -> Chain {
    let (mut at, mut part) = (IPV6, Part::Whole);
    let protocol = loop {
        if !is_extension(next) {
            break Some(next);
        }
        let Some(&[following, len, o0, o1]) = seen.get(at..).and_then(<[u8]>::first_chunk) else {
            break None;
        };
        let mut size = (usize::from(len) + 1) * 8;
        if next == protocol::FRAGMENT {
            size = 8;
            if u16::from_be_bytes([o0, o1]) >> 3 != 0 {
                (part, at) = (Part::Later, at + size);
                // An extension header that is continued here began elsewhere.
                break (!is_extension(following)).then_some(following);
            }
            part = Part::First;
        } else if next == protocol::AUTHENTICATION {
            size = (usize::from(len) + 2) * 4;
        }
        (next, at) = (following, at + size);
    };
    Chain { protocol, at, part }
}

/// IANA's list of IPv6 extension headers, without the one that encrypts what follows. All but two have the layout of RFC 6564.
#[inline]
fn is_extension(next: u8) -> bool {
    use protocol::*;
    matches!(
        next,
        HOP_BY_HOP
            | ROUTING
            | FRAGMENT
            | AUTHENTICATION
            | DESTINATION
            | MOBILITY
            | HOST_IDENTITY
            | SHIM6
            | EXPERIMENT_1
            | EXPERIMENT_2
    )
}

/// What is to be seen of a packet from `at` on, and whether that is all up to its `end`.
#[inline]
fn body(packet: &[u8], at: usize, end: Option<usize>) -> (&[u8], bool) {
    let seen = packet.len().min(end.unwrap_or(usize::MAX));
    let body = packet.get(at..seen).unwrap_or_default();
    (body, at <= seen && end == Some(seen))
}
