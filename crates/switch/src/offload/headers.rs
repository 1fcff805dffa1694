//! Where a frame's headers lie, found in a copy of the host's. Every length is judged against the bytes that are there.
//!
//! ```text
//! addresses │ tags (802.1Q, 802.1ad) │ EtherType │ IPv4, options         │ TCP, options │ data
//!                                                │ IPv6, extension headers │ UDP        │
//!                                                ▲ network_at              ▲ transport_at
//! ```

use super::Unfit;
use crate::ethernet;
use crate::policy::protocol;

/// The version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ip {
    V4,
    V6,
}

/// What carries the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
}

/// Where the headers of a frame with TCP or UDP begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Headers {
    pub(super) ip: Ip,
    pub(super) network_at: usize,
    pub(super) transport: Transport,
    pub(super) transport_at: usize,
}

pub(super) const IPV4: usize = 20;
pub(super) const IPV6: usize = 40;
pub(super) const TCP: usize = 20;
pub(super) const UDP: usize = 8;

/// Tags one inside the other that are looked through; Linux does as many.
const MAX_TAGS: usize = 8;

const ADDRESSES: usize = 12;
const TPID_8021Q: u16 = 0x8100;
const TPID_8021AD: u16 = 0x88a8;

/// Everything of the fragment field but "don't fragment".
const FRAGMENT: u16 = 0x3fff;

impl Headers {
    /// Walks through the headers at the front of `frame`, which may end behind them.
    pub(super) fn parse(frame: &[u8]) -> Result<Self, Unfit> {
        let (ip, network_at) = network(frame).ok_or(Unfit::NotIp)?;
        let (protocol, transport_at) = match ip {
            Ip::V4 => over_ipv4(frame, network_at)?,
            Ip::V6 => over_ipv6(frame, network_at)?,
        };
        let transport = match protocol {
            protocol::TCP => Transport::Tcp,
            protocol::UDP => Transport::Udp,
            _ => return Err(Unfit::NotTransport),
        };
        Ok(Self {
            ip,
            network_at,
            transport,
            transport_at,
        })
    }
}

/// The version of IP and where its header begins, if `frame` has one.
pub(super) fn network(frame: &[u8]) -> Option<(Ip, usize)> {
    let mut at = ADDRESSES;
    for _ in 0..=MAX_TAGS {
        match word(frame, at)? {
            TPID_8021Q | TPID_8021AD => at += 4,
            ethernet::IPV4 => return Some((Ip::V4, at + 2)),
            ethernet::IPV6 => return Some((Ip::V6, at + 2)),
            _ => return None,
        }
    }
    None
}

/// The length of the TCP header at `at`, options included.
pub(super) fn tcp_header(frame: &[u8], at: usize) -> Option<usize> {
    let len = usize::from(frame.get(at + 12)? >> 4) * 4;
    (len >= TCP && frame.len() >= at + len).then_some(len)
}

/// The 16 bits at `at`.
pub(super) fn word(frame: &[u8], at: usize) -> Option<u16> {
    let bytes = frame.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

fn over_ipv4(frame: &[u8], at: usize) -> Result<(u8, usize), Unfit> {
    let header: &[u8; IPV4] = frame[at..].first_chunk().ok_or(Unfit::CutOff)?;
    let len = usize::from(header[0] & 0xf) * 4;
    if header[0] >> 4 != 4 || len < IPV4 {
        return Err(Unfit::BadHeader);
    }
    if u16::from_be_bytes([header[6], header[7]]) & FRAGMENT != 0 {
        return Err(Unfit::Fragment);
    }
    Ok((header[9], at + len))
}

fn over_ipv6(frame: &[u8], at: usize) -> Result<(u8, usize), Unfit> {
    let header: &[u8; IPV6] = frame[at..].first_chunk().ok_or(Unfit::CutOff)?;
    if header[0] >> 4 != 6 {
        return Err(Unfit::BadHeader);
    }
    let (mut next, mut at) = (header[6], at + IPV6);
    // Each extension is at least 8 bytes long, so the walk ends with the frame.
    while matches!(
        next,
        protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION
    ) {
        let extension: &[u8; 2] = frame
            .get(at..)
            .and_then(<[u8]>::first_chunk)
            .ok_or(Unfit::CutOff)?;
        next = extension[0];
        at += (usize::from(extension[1]) + 1) * 8;
    }
    Ok((next, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP4: [u8; 20] = [
        0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];

    fn frame(types: &[u16], rest: &[u8]) -> Vec<u8> {
        let mut frame = vec![2; 12];
        for (nth, ethertype) in types.iter().enumerate() {
            frame.extend(ethertype.to_be_bytes());
            if nth + 1 < types.len() {
                frame.extend([0, 5]);
            }
        }
        frame.extend(rest);
        frame
    }

    fn ipv6(next: u8, extensions: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, next, 64];
        packet.extend([0xfd; 32]);
        for extension in extensions {
            packet.extend(*extension);
        }
        packet
    }

    #[test]
    fn tags_are_looked_through() {
        for tags in 0..=MAX_TAGS {
            let mut types = vec![0x88a8; tags];
            types.push(0x0800);
            let headers = Headers::parse(&frame(&types, &TCP4)).unwrap();
            assert_eq!(headers.network_at, 14 + 4 * tags);
            assert_eq!(headers.transport_at, 34 + 4 * tags);
        }
        let too_many = [&[0x8100; MAX_TAGS + 1][..], &[0x0800]].concat();
        assert_eq!(Headers::parse(&frame(&too_many, &TCP4)), Err(Unfit::NotIp));
    }

    #[test]
    fn ipv4_options_move_the_transport() {
        let mut packet = TCP4.to_vec();
        packet[0] = 0x47;
        packet[9] = 17;
        let headers = Headers::parse(&frame(&[0x0800], &packet)).unwrap();
        assert_eq!(headers.transport_at, 14 + 28);
        assert_eq!(headers.transport, Transport::Udp);
    }

    #[test]
    fn extension_headers_are_walked_to_the_transport() {
        let packet = ipv6(
            0,
            &[
                &[43, 0, 1, 4, 0, 0, 0, 0],
                &[60, 2],
                &[0; 22],
                &[6, 0, 1, 4, 0, 0, 0, 0],
            ],
        );
        let headers = Headers::parse(&frame(&[0x86dd], &packet)).unwrap();
        assert_eq!(headers.transport_at, 14 + 40 + 8 + 24 + 8);
        assert_eq!((headers.ip, headers.transport), (Ip::V6, Transport::Tcp));
    }

    #[test]
    fn what_cannot_be_cut_is_told_apart() {
        let of = |packet: &[u8]| Headers::parse(&frame(&[0x0800], packet)).unwrap_err();
        assert_eq!(of(&TCP4[..19]), Unfit::CutOff);
        let with = |at: usize, byte: u8| {
            let mut packet = TCP4;
            packet[at] = byte;
            of(&packet)
        };
        assert_eq!(with(0, 0x44), Unfit::BadHeader);
        assert_eq!(with(0, 0x65), Unfit::BadHeader);
        assert_eq!(with(6, 0x20), Unfit::Fragment);
        assert_eq!(with(7, 1), Unfit::Fragment);
        assert_eq!(with(9, 1), Unfit::NotTransport);
        assert_eq!(Headers::parse(&frame(&[0x0806], &[])), Err(Unfit::NotIp));
        let fragment = ipv6(44, &[]);
        assert_eq!(
            Headers::parse(&frame(&[0x86dd], &fragment)),
            Err(Unfit::NotTransport)
        );
        let cut_off = ipv6(0, &[&[6]]);
        assert_eq!(
            Headers::parse(&frame(&[0x86dd], &cut_off)),
            Err(Unfit::CutOff)
        );
    }
}
