//! Packets that say things: who has which address, who is a router, which port a datagram goes to. Built field by field, so
//! that each can also be built wrong.
//!
//! Checksums are left zero, for nobody who judges frames on their way looks at them; but for those of group management, at which
//! a snooping switch does.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::frames::Mac;

/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ARP: u16 = 0x0806;
/// EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;

/// IP protocol numbers.
pub const TCP: u8 = 6;
/// UDP.
pub const UDP: u8 = 17;
/// ICMP of IPv4.
pub const ICMP: u8 = 1;
/// ICMP of IPv6.
pub const ICMPV6: u8 = 58;

/// An Ethernet frame: `tags` are each the type and the control word of a VLAN tag, the outermost first.
pub fn ethernet(
    to: Mac,
    from: Mac,
    tags: &[(u16, u16)],
    ether_type: u16,
    payload: &[u8],
) -> Vec<u8> {
    let mut frame = [to, from].concat();
    for (kind, control) in tags {
        frame.extend(kind.to_be_bytes());
        frame.extend(control.to_be_bytes());
    }
    frame.extend(ether_type.to_be_bytes());
    frame.extend(payload);
    frame
}

/// An ARP message; `operation` is 1 for a request, 2 for a reply.
pub fn arp(operation: u16, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut message = vec![0, 1, 8, 0, 6, 4];
    message.extend(operation.to_be_bytes());
    for (mac, address) in [sender, target] {
        message.extend(mac);
        message.extend(address.octets());
    }
    message
}

/// What an IPv4 header says.
#[derive(Clone, Debug)]
pub struct Ipv4 {
    /// Where it comes from.
    pub source: Ipv4Addr,
    /// Where it goes.
    pub destination: Ipv4Addr,
    /// What it carries.
    pub protocol: u8,
    /// Words of options, all "no operation".
    pub options: u8,
    /// The whole field: flags and offset.
    pub fragment: u16,
}

impl Ipv4 {
    /// A whole packet without options.
    pub fn new(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8) -> Ipv4 {
        Ipv4 {
            source,
            destination,
            protocol,
            options: 0,
            fragment: 0,
        }
    }

    /// The packet.
    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let header = 20 + 4 * usize::from(self.options);
        let mut packet = vec![0x45 + self.options, 0];
        packet.extend(((header + payload.len()) as u16).to_be_bytes());
        packet.extend([0, 1]);
        packet.extend(self.fragment.to_be_bytes());
        packet.extend([64, self.protocol, 0, 0]);
        packet.extend(self.source.octets());
        packet.extend(self.destination.octets());
        packet.resize(header, 1);
        packet.extend(payload);
        packet
    }
}

/// An extension header of IPv6.
#[derive(Clone, Copy, Debug)]
pub enum Extension {
    /// Of this type, such as 0 (hop by hop), 43 (routing) or 60 (destination), with this many units of eight bytes behind the
    /// first.
    Plain(u8, u8),
    /// A piece of a packet.
    Fragment {
        /// In units of eight bytes.
        offset: u16,
        /// Whether other pieces follow.
        more: bool,
    },
    /// Authentication, with this many words behind the first two.
    Authentication(u8),
}

impl Extension {
    fn kind(self) -> u8 {
        match self {
            Extension::Plain(kind, _) => kind,
            Extension::Fragment { .. } => 44,
            Extension::Authentication(_) => 51,
        }
    }

    fn bytes(self, next: u8) -> Vec<u8> {
        let (second, len) = match self {
            Extension::Plain(_, units) => (units, 8 + 8 * usize::from(units)),
            Extension::Fragment { .. } => (0, 8),
            Extension::Authentication(words) => (words, 8 + 4 * usize::from(words)),
        };
        let mut bytes = vec![next, second];
        match self {
            Extension::Fragment { offset, more } => {
                bytes.extend((offset << 3 | u16::from(more)).to_be_bytes());
                bytes.extend([0, 0, 0, 7]);
            }
            // One option that fills the rest of the first eight bytes, and padding.
            _ => bytes.extend([1, 4, 0, 0, 0, 0]),
        }
        bytes.resize(len, 0);
        bytes
    }
}

/// An IPv6 packet that carries `protocol` behind extension headers.
pub fn ipv6(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    extensions: &[Extension],
    protocol: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut body = Vec::new();
    for (at, extension) in extensions.iter().enumerate() {
        let next = extensions.get(at + 1);
        body.extend(extension.bytes(next.map_or(protocol, |next| next.kind())));
    }
    body.extend(payload);
    let first = extensions.first().map_or(protocol, |first| first.kind());
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((body.len() as u16).to_be_bytes());
    packet.extend([first, 255]);
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(body);
    packet
}

/// A UDP datagram.
pub fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    for word in [source, destination, 8 + payload.len() as u16, 0] {
        datagram.extend(word.to_be_bytes());
    }
    datagram.extend(payload);
    datagram
}

/// A TCP header, ACK.
pub fn tcp(source: u16, destination: u16) -> Vec<u8> {
    let mut header = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    header.resize(12, 0);
    header.extend([0x50, 0x10]);
    header.resize(20, 0);
    header
}

/// The beginning of a DHCPv4 message: `operation` is 1 from a client, 2 from a server.
pub fn dhcp(operation: u8) -> Vec<u8> {
    let mut message = vec![operation, 1, 6, 0];
    message.resize(240, 0);
    message
}

/// A router advertisement, without options.
pub fn router_advertisement() -> Vec<u8> {
    let mut message = vec![134, 0, 0, 0, 64, 0, 0x07, 0x08];
    message.resize(16, 0);
    message
}

/// A neighbour solicitation (135) or advertisement (136) of `target`; `options` are each a type and a MAC address.
pub fn neighbour(kind: u8, target: Ipv6Addr, options: &[(u8, Mac)]) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0, 0, 0, 0, 0];
    message.extend(target.octets());
    for (option, mac) in options {
        message.extend([*option, 1]);
        message.extend(mac);
    }
    message
}

/// A message of IGMP: an IPv4 packet for `destination`, which hosts mostly send to the group itself.
pub fn igmp(source: Ipv4Addr, destination: Ipv4Addr, message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let sum = checksum(&message);
    message[2..4].copy_from_slice(&sum);
    Ipv4::new(source, destination, 2).packet(&message)
}

/// A message of MLD, behind the hop-by-hop header that it has.
pub fn mld(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let mut summed = [source.octets(), destination.octets()].concat();
    summed.extend((message.len() as u32).to_be_bytes());
    summed.extend([0, 0, 0, ICMPV6]);
    summed.extend(&message);
    message[2..4].copy_from_slice(&checksum(&summed));
    ipv6(
        source,
        destination,
        &[Extension::Plain(0, 0)],
        ICMPV6,
        &message,
    )
}

/// A report or query that is about one group: type, code (MLD: the time to answer) and what version 3 (MLD: 2) adds to a query.
pub fn about_v4(kind: u8, code: u8, group: Ipv4Addr, rest: &[u8]) -> Vec<u8> {
    [&[kind, code, 0, 0], &group.octets()[..], rest].concat()
}

/// As [`about_v4`].
pub fn about_v6(kind: u8, code: u16, group: Ipv6Addr, rest: &[u8]) -> Vec<u8> {
    let [high, low] = code.to_be_bytes();
    [&[kind, 0, 0, 0, high, low, 0, 0], &group.octets()[..], rest].concat()
}

/// A report of IGMPv3 (0x22) or MLDv2 (143): records of a type, a group's bytes and as many sources of the same length.
pub fn records(kind: u8, records: &[(u8, &[u8], u16)]) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0, 0, 0];
    message.extend((records.len() as u16).to_be_bytes());
    for (record, group, sources) in records {
        message.extend([*record, 0]);
        message.extend(sources.to_be_bytes());
        for _ in 0..=*sources {
            message.extend(*group);
        }
    }
    message
}

/// The Internet checksum, word by word (RFC 1071).
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        _ => u32::from(pair[0]) << 8,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}
