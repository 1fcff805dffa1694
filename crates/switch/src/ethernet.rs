//! The Ethernet header as the switch judges it: in the host's lookahead copy, never in guest memory.

use vmq::{Mac, VlanId};

/// Bytes of an untagged Ethernet header; a shorter frame is a runt.
pub(crate) const HEADER: usize = 14;

const TPID_8021Q: u16 = 0x8100;

/// What the switch needs of a frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) destination: Mac,
    pub(crate) source: Mac,
    /// The 802.1Q VLAN id; 0 when the frame is untagged or only priority-tagged (T6).
    pub(crate) vlan: VlanId,
}

impl Header {
    /// Reads the header at the front of `lookahead`; `None` if it is shorter than one.
    #[inline]
    pub(crate) fn parse(lookahead: &[u8]) -> Option<Self> {
        let fixed: &[u8; HEADER] = lookahead.first_chunk()?;
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *fixed;
        let mut vlan = 0;
        if u16::from_be_bytes([t0, t1]) == TPID_8021Q
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
    fn a_frame_shorter_than_its_header_has_none() {
        assert_eq!(Header::parse(&frame([8, 0], &[])[..13]), None);
    }
}
