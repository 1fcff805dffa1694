//! The Ethernet header as the switch judges it: in the host's lookahead copy, never in guest memory.

use nbl::Tag;
use vmq::{Mac, VlanId};

/// Bytes of an untagged Ethernet header; a shorter frame is a runt.
pub(crate) const HEADER: usize = 14;

/// The outer tag as it was before 802.1ad.
const TPID_QINQ: u16 = 0x9100;

/// EtherTypes that somebody here looks behind.
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const RARP: u16 = 0x8035;
pub(crate) const IPV6: u16 = 0x86dd;

/// The lowest EtherType; a smaller number is the length of an LLC frame (IEEE 802.3, 3.2.6).
const LOWEST_TYPE: u16 = 0x0600;

/// What an LLC frame begins with that says its EtherType itself: SNAP, by RFC 1042 or, ending in 0xf8, by IEEE 802.1H.
const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];

/// What the switch needs of a frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) destination: Mac,
    pub(crate) source: Mac,
    /// The VLAN id of the outer tag; 0 when the frame is untagged or only priority-tagged (T6).
    pub(crate) vlan: VlanId,
}

/// The groups 01-80-C2-00-00-00 to 0F, without the last four bits (IEEE 802.1Q, table 8-1).
const LINK_LOCAL: [u8; 6] = [0x01, 0x80, 0xc2, 0, 0, 0];

impl Header {
    /// Whether the frame is for the next bridge and no other: STP, LACP, LLDP and the like.
    #[inline]
    pub(crate) fn is_link_local(&self) -> bool {
        let Mac([a, b, c, d, e, f]) = self.destination;
        [a, b, c, d, e, f & 0xf0] == LINK_LOCAL
    }

    /// Reads the header at the front of `lookahead`; `None` if it is shorter than one.
    #[inline]
    pub(crate) fn parse(lookahead: &[u8]) -> Option<Self> {
        let fixed: &[u8; HEADER] = lookahead.first_chunk()?;
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *fixed;
        let mut vlan = 0;
        if Tag::is_kind(u16::from_be_bytes([t0, t1]))
            && let Some(tci) = lookahead.get(HEADER..HEADER + 2)
        {
            vlan = u16::from_be_bytes([tci[0], tci[1]]) & 0x0fff;
        }
        Some(Self {
            destination: Mac([d0, d1, d2, d3, d4, d5]),
            source: Mac([s0, s1, s2, s3, s4, s5]),
            vlan: VlanId(vlan),
        })
    }
}

/// The ether type behind all VLAN tags and what follows it; `None` if the lookahead ends before.
#[inline]
pub(crate) fn payload(lookahead: &[u8]) -> Option<(u16, &[u8])> {
    behind_tags(lookahead.get(HEADER - 2..)?)
}

/// As [`payload`], and behind SNAP: some hosts take IP that comes so.
#[inline]
pub(crate) fn content(lookahead: &[u8]) -> Option<(u16, &[u8])> {
    let found = payload(lookahead)?;
    if found.0 >= LOWEST_TYPE {
        return Some(found);
    }
    behind_snap(found)
}

#[inline]
fn behind_tags(mut rest: &[u8]) -> Option<(u16, &[u8])> {
    loop {
        let (ether_type, behind) = rest.split_first_chunk()?;
        let ether_type = u16::from_be_bytes(*ether_type);
        if !Tag::is_kind(ether_type) && ether_type != TPID_QINQ {
            return Some((ether_type, behind));
        }
        rest = behind.get(2..)?;
    }
}

#[cold]
fn behind_snap(mut found: (u16, &[u8])) -> Option<(u16, &[u8])> {
    while found.0 < LOWEST_TYPE {
        let is_snap = |(at, byte): (usize, &u8)| *byte == SNAP[at] || (at, *byte) == (5, 0xf8);
        let there = found.1.iter().take(SNAP.len()).enumerate();
        if !{ there }.all(is_snap) {
            break;
        }
        found = behind_tags(found.1.get(SNAP.len()..)?)?;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(ethertype: [u8; 2], rest: &[u8]) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        frame.extend(ethertype);
        frame.extend(rest);
        frame
    }

    #[test]
    fn an_untagged_frame_is_in_vlan_0() {
        let header = Header::parse(&frame([8, 0], &[0x45])).unwrap();
        assert_eq!(header.vlan, VlanId(0));
        assert_eq!(header.destination, Mac([2, 0, 0, 0, 0, 1]));
        assert_eq!(header.source, Mac([2, 0, 0, 0, 0, 2]));
    }

    #[test]
    fn the_outer_tag_decides() {
        let header = Header::parse(&frame([0x88, 0xa8], &[0, 7, 0x81, 0, 0, 5])).unwrap();
        assert_eq!(header.vlan, VlanId(7));
    }

    #[test]
    fn priority_bits_are_not_part_of_the_vlan_id() {
        let header = Header::parse(&frame([0x81, 0], &[0xe0 | 0x0f, 0xff, 8, 0])).unwrap();
        assert_eq!(header.vlan, VlanId(0x0fff));
    }

    #[test]
    fn a_tag_that_is_cut_off_is_no_tag() {
        let header = Header::parse(&frame([0x81, 0], &[0x00])).unwrap();
        assert_eq!(header.vlan, VlanId(0));
    }

    #[test]
    fn the_payload_is_behind_all_tags() {
        let tags = [0x12, 0x34, 0x81, 0, 0, 5, 0x86, 0xdd, 0x60];
        assert_eq!(
            payload(&frame([0x88, 0xa8], &tags)),
            Some((0x86dd, &[0x60][..]))
        );
        assert_eq!(payload(&frame([0x88, 0xa8], &tags[..7])), None);
        assert_eq!(
            payload(&frame([8, 0], &[0x45])),
            Some((0x0800, &[0x45][..]))
        );
    }

    #[test]
    fn what_comes_behind_snap_is_looked_for_there() {
        let snap = |oui: u8, rest: &[u8]| [&[0xaa, 0xaa, 3, 0, 0, oui], rest].concat();
        let of = |rest: &[u8]| {
            let frame = frame([0, 60], rest);
            content(&frame).map(|(ether_type, rest)| (ether_type, rest.to_vec()))
        };
        for oui in [0, 0xf8] {
            let ip = snap(oui, &[8, 0, 0x45]);
            assert_eq!(of(&ip), Some((IPV4, vec![0x45])));
            let tagged = snap(oui, &[0x81, 0, 0, 5, 0, 40]);
            assert_eq!(of(&[tagged, ip].concat()), Some((IPV4, vec![0x45])));
        }
        // Spanning tree, and a SNAP of somebody else.
        for other in [&[0x42, 0x42, 3, 0][..], &snap(1, &[8, 0, 0x45])] {
            assert_eq!(of(other), Some((60, other.to_vec())));
        }
        for cut in 0..8 {
            assert_eq!(of(&snap(0, &[8, 0])[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn link_local_groups_are_sixteen() {
        let is_so = |destination: [u8; 6]| {
            let mut frame = frame([8, 0], &[]);
            frame[..6].copy_from_slice(&destination);
            Header::parse(&frame).unwrap().is_link_local()
        };
        for last in 0..16 {
            assert!(is_so([0x01, 0x80, 0xc2, 0, 0, last]));
        }
        assert!(!is_so([0x01, 0x80, 0xc2, 0, 0, 0x10]));
        assert!(!is_so([0x01, 0x80, 0xc2, 0, 1, 0]));
        assert!(!is_so([0xff; 6]));
    }

    #[test]
    fn a_frame_shorter_than_its_header_has_none() {
        assert_eq!(Header::parse(&frame([8, 0], &[])[..13]), None);
    }
}
