//! A frame out of what is said of it. Lengths are right, checksums are left zero: nobody who judges frames looks at them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nbl::Tag;
use vmq::{Mac, VlanId};

use crate::ethernet;
use crate::policy::protocol;

/// What a frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Neither of the others: its EtherType.
    Other(u16),
    Arp {
        operation: u16,
        sender: Ipv4Addr,
        target: Ipv4Addr,
    },
    Ip(Ip),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ip {
    /// Both addresses are of one version.
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) ports: (u16, u16),
    /// Type of an ICMP message.
    pub(super) kind: u8,
    /// Whom a message of neighbour discovery is about.
    pub(super) target: Option<Ipv6Addr>,
    pub(super) fragment: Option<Fragment>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fragment {
    First,
    Later,
}

impl Default for Content {
    /// The EtherType for experiments (IEEE 802).
    fn default() -> Self {
        Self::Other(0x88b5)
    }
}

/// The shortest frame of an Ethernet, without its check sequence.
const SHORTEST: usize = 60;

/// The frame, of `length` bytes if that is enough.
pub(super) fn compose(
    to: Mac,
    from: Mac,
    vlans: &[VlanId],
    content: &Content,
    payload: &[u8],
    length: Option<usize>,
) -> Vec<u8> {
    let mut frame = [to.0, from.0].concat();
    for vlan in vlans {
        frame.extend(Tag::CUSTOMER.to_be_bytes());
        frame.extend(vlan.0.to_be_bytes());
    }
    match content {
        Content::Other(ether_type) => {
            frame.extend(ether_type.to_be_bytes());
            frame.extend(payload);
        }
        Content::Arp {
            operation,
            sender,
            target,
        } => {
            frame.extend(ethernet::ARP.to_be_bytes());
            frame.extend([0, 1, 8, 0, 6, 4]);
            frame.extend(operation.to_be_bytes());
            frame.extend(from.0);
            frame.extend(sender.octets());
            frame.extend([0; 6]);
            frame.extend(target.octets());
            frame.extend(payload);
        }
        Content::Ip(ip) => {
            let body = ip.body(from, payload);
            let room = length.map(|length| length.saturating_sub(frame.len() + 2));
            frame.extend(ip.packet(body, room.unwrap_or(0)));
        }
    }
    frame.resize(frame.len().max(length.unwrap_or(SHORTEST)), 0);
    frame
}

impl Ip {
    /// EtherType and packet, of at least `len` bytes.
    fn packet(&self, mut body: Vec<u8>, len: usize) -> Vec<u8> {
        match (self.source, self.destination) {
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                body.resize(body.len().max(len.saturating_sub(40)), 0);
                let next = self.fragment.map_or(self.protocol, |_| protocol::FRAGMENT);
                let [high, low] = word(body.len());
                let header = [0x60, 0, 0, 0, high, low, next, 255];
                let addresses = [source.octets(), destination.octets()].concat();
                [
                    &ethernet::IPV6.to_be_bytes()[..],
                    &header,
                    &addresses,
                    &body,
                ]
                .concat()
            }
            (source, destination) => {
                body.resize(body.len().max(len.saturating_sub(20)), 0);
                let [high, low] = word(20 + body.len());
                let fragment = match self.fragment {
                    None => [0, 0],
                    Some(Fragment::First) => [0x20, 0],
                    Some(Fragment::Later) => [0, 1],
                };
                let mut header = vec![0x45, 0, high, low, 0, 0];
                header.extend(fragment);
                header.extend([64, self.protocol, 0, 0]);
                for address in [source, destination] {
                    if let IpAddr::V4(address) = address {
                        header.extend(address.octets());
                    }
                }
                [&ethernet::IPV4.to_be_bytes()[..], &header, &body].concat()
            }
        }
    }

    /// What is behind the addresses: in a later fragment the payload alone.
    fn body(&self, from: Mac, payload: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        if let (IpAddr::V6(_), Some(fragment)) = (self.source, self.fragment) {
            let offset = match fragment {
                Fragment::First => [0, 1],
                Fragment::Later => [0, 8],
            };
            body.extend([self.protocol, 0]);
            body.extend(offset);
            body.extend([0; 4]);
        }
        if self.fragment != Some(Fragment::Later) {
            self.transport(&mut body, from, payload.len());
        }
        body.extend(payload);
        body
    }

    fn transport(&self, body: &mut Vec<u8>, from: Mac, payload: usize) {
        let (source, destination) = self.ports;
        match self.protocol {
            protocol::TCP => {
                body.extend(source.to_be_bytes());
                body.extend(destination.to_be_bytes());
                // Numbers, a header without options, ACK, the rest.
                body.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0]);
            }
            protocol::UDP => {
                body.extend(source.to_be_bytes());
                body.extend(destination.to_be_bytes());
                body.extend(word(8 + payload));
                body.extend([0, 0]);
            }
            protocol::SCTP => {
                body.extend(source.to_be_bytes());
                body.extend(destination.to_be_bytes());
                body.extend([0; 8]);
            }
            protocol::ICMP | protocol::ICMPV6 => {
                body.extend([self.kind, 0, 0, 0, 0, 0, 0, 0]);
                if let Some(target) = self.target {
                    body.extend(target.octets());
                    // Who asks says its own address, who answers the target's.
                    body.extend([if self.kind == 135 { 1 } else { 2 }, 1]);
                    body.extend(from.0);
                }
            }
            _ => {}
        }
    }
}

/// A length; 0 for one that does not fit, as senders of the largest frames have it.
fn word(len: usize) -> [u8; 2] {
    u16::try_from(len).unwrap_or(0).to_be_bytes()
}
