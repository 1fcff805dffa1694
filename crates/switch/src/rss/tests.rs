//! The hash against Microsoft's verification suite, and against Toeplitz bit by bit.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::policy::protocol::{DESTINATION, HOP_BY_HOP, ROUTING};

/// The Toeplitz hash as its definition has it: the key moves to the left bit by bit.
fn naive(input: &[u8]) -> u32 {
    let mut key = KEY.to_vec();
    let mut sum = 0;
    for byte in input {
        for bit in (0..8).rev() {
            if byte >> bit & 1 == 1 {
                sum ^= u32::from_be_bytes(*key.first_chunk().unwrap());
            }
            let mut carry = 0;
            for part in key.iter_mut().rev() {
                (*part, carry) = (*part << 1 | carry, *part >> 7);
            }
        }
    }
    sum
}

fn ethernet(ether_type: u16, tags: usize, packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    for tag in 0..tags {
        frame.extend([[0x88, 0xa8], [0x81, 0]][tag % 2]);
        frame.extend([0x20, 7 + tag as u8]);
    }
    frame.extend(ether_type.to_be_bytes());
    frame.extend(packet);
    frame
}

fn ports_of(from: u16, to: u16) -> Vec<u8> {
    [from.to_be_bytes(), to.to_be_bytes(), [0; 2], [0; 2]].concat()
}

/// An IPv4 packet with `options` words of options.
fn v4(from: [u8; 4], to: [u8; 4], protocol: u8, fragment: u16, options: u8) -> Vec<u8> {
    let mut packet = vec![0x45 + options, 0, 0, 60, 0, 0];
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    packet.extend(from);
    packet.extend(to);
    packet.extend(vec![1; 4 * usize::from(options)]);
    packet
}

fn v6(from: [u8; 16], to: [u8; 16], next: u8) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 20, next, 64];
    packet.extend(from);
    packet.extend(to);
    packet
}

#[test]
fn it_is_what_microsoft_verifies_ipv4_with() {
    for (from, from_port, to, to_port, over_addresses, over_ports) in [
        (
            "66.9.149.187",
            2794,
            "161.142.100.80",
            1766,
            0x323e_8fc2,
            0x51cc_c178,
        ),
        (
            "199.92.111.2",
            14230,
            "65.69.140.83",
            4739,
            0xd718_262a,
            0xc626_b0ea,
        ),
        (
            "24.19.198.95",
            12898,
            "12.22.207.184",
            38024,
            0xd2d0_a5de,
            0x5c2b_394a,
        ),
        (
            "38.27.205.30",
            48228,
            "209.142.163.6",
            2217,
            0x8298_9176,
            0xafc7_327f,
        ),
        (
            "153.39.163.191",
            44251,
            "202.188.127.2",
            1303,
            0x5d18_09c5,
            0x10e8_28a2,
        ),
    ] {
        let [from, to] = [from, to].map(|text| text.parse::<Ipv4Addr>().unwrap().octets());
        for (protocol, value, kind) in [
            (1, over_addresses, NDIS_HASH_IPV4),
            (TCP, over_ports, NDIS_HASH_TCP_IPV4),
            (UDP, over_ports, NDIS_HASH_UDP_IPV4),
        ] {
            let mut packet = v4(from, to, protocol, 0, 0);
            packet.extend(ports_of(from_port, to_port));
            assert_eq!(
                hash(&ethernet(0x0800, 0, &packet)),
                Some(Hash { value, kind })
            );
        }
    }
}

#[test]
fn it_is_what_microsoft_verifies_ipv6_with() {
    for (from, from_port, to, to_port, over_addresses, over_ports) in [
        (
            "3ffe:2501:200:1fff::7",
            2794,
            "3ffe:2501:200:3::1",
            1766,
            0x2cc1_8cd5,
            0x4020_7d3d,
        ),
        (
            "3ffe:501:8::260:97ff:fe40:efab",
            14230,
            "ff02::1",
            4739,
            0x0f0c_461c,
            0xdde5_1bbf,
        ),
        (
            "3ffe:1900:4545:3:200:f8ff:fe21:67cf",
            44251,
            "fe80::200:f8ff:fe21:67cf",
            38024,
            0x4b61_e985,
            0x02d1_feef,
        ),
    ] {
        let [from, to] = [from, to].map(|text| text.parse::<Ipv6Addr>().unwrap().octets());
        for (protocol, value, kind) in [
            (58, over_addresses, NDIS_HASH_IPV6),
            (TCP, over_ports, NDIS_HASH_TCP_IPV6),
            (UDP, over_ports, NDIS_HASH_UDP_IPV6),
        ] {
            let mut packet = v6(from, to, protocol);
            packet.extend(ports_of(from_port, to_port));
            assert_eq!(
                hash(&ethernet(0x86dd, 0, &packet)),
                Some(Hash { value, kind })
            );
        }
    }
}

#[test]
fn all_fragments_of_a_datagram_are_hashed_alike() {
    let (from, to) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let alike = Some(Hash {
        value: naive(&[from, to].concat()),
        kind: NDIS_HASH_IPV4,
    });
    const MORE: u16 = 0x2000;
    for fragment in [MORE, MORE | 185, 370, 32] {
        let mut packet = v4(from, to, UDP, fragment, 0);
        packet.extend(ports_of(1, 2));
        assert_eq!(hash(&ethernet(0x0800, 0, &packet)), alike);
    }
    const DO_NOT_FRAGMENT: u16 = 0x4000;
    let mut whole = v4(from, to, UDP, DO_NOT_FRAGMENT, 0);
    whole.extend(ports_of(1, 2));
    assert_eq!(
        hash(&ethernet(0x0800, 0, &whole)).unwrap().kind,
        NDIS_HASH_UDP_IPV4
    );

    const FRAGMENT: u8 = 44;
    let mut packet = v6([1; 16], [2; 16], FRAGMENT);
    packet.extend([UDP, 0, 0, 1, 0, 0, 0, 9]);
    packet.extend(ports_of(1, 2));
    assert_eq!(
        hash(&ethernet(0x86dd, 0, &packet)).unwrap().kind,
        NDIS_HASH_IPV6
    );
}

#[test]
fn extension_headers_do_not_tear_a_flow_apart() {
    let mut plain = v6([1; 16], [2; 16], TCP);
    plain.extend(ports_of(5, 6));
    let mut extended = v6([1; 16], [2; 16], HOP_BY_HOP);
    extended.extend([DESTINATION, 0, 0, 0, 0, 0, 0, 0]);
    extended.extend([TCP, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    extended.extend(ports_of(5, 6));
    let [plain, extended] = [plain, extended].map(|packet| hash(&ethernet(0x86dd, 0, &packet)));
    assert_eq!(plain, extended);
    assert_eq!(plain.unwrap().kind, NDIS_HASH_TCP_IPV6);
}

#[test]
fn what_is_not_ip_has_no_hash() {
    for ether_type in [0x0806, 0x88b5, 0x88cc] {
        assert_eq!(hash(&ethernet(ether_type, 1, &[0x45; 60])), None);
    }
    assert_eq!(
        hash(&ethernet(0x0800, 0, &[0x60; 60])),
        None,
        "version 6 in an IPv4 frame"
    );
}

#[test]
fn even_tables_use_every_queue_alike() {
    for queues in 1..=16 {
        let table = IndirectionTable::even(queues);
        let mut uses = vec![0; queues];
        for value in 0..128 {
            uses[usize::from(table.queue(Hash { value, kind: 0 }))] += 1;
        }
        let (least, most) = (uses.iter().min().unwrap(), uses.iter().max().unwrap());
        assert!(most - least <= 1, "{uses:?}");
    }
}

proptest! {
    #[test]
    fn the_tables_say_what_toeplitz_says(input in proptest::collection::vec(any::<u8>(), 0..=36)) {
        prop_assert_eq!(toeplitz(0, &input), naive(&input));
    }

    #[test]
    fn a_flow_has_one_hash_whatever_is_in_front_of_it(
        from: [u8; 4], to: [u8; 4], ports: [u8; 4], is_tcp: bool, options in 0..=10u8, tags in 0..=2usize,
    ) {
        let mut packet = v4(from, to, if is_tcp { TCP } else { UDP }, 0, options);
        packet.extend(ports);
        let value = naive(&[from, to, ports].concat());
        let kind = if is_tcp { NDIS_HASH_TCP_IPV4 } else { NDIS_HASH_UDP_IPV4 };
        prop_assert_eq!(hash(&ethernet(0x0800, tags, &packet)), Some(Hash { value, kind }));
    }

    #[test]
    fn a_frame_cut_anywhere_is_hashed_over_what_is_seen(
        cut in 0..110usize, next in prop::sample::select(vec![TCP, UDP, HOP_BY_HOP, ROUTING, DESTINATION, 44, 58]),
        from: [u8; 16], to: [u8; 16], tags in 0..=3usize, noise in proptest::collection::vec(any::<u8>(), 64),
    ) {
        let mut packet = v6(from, to, next);
        packet.extend(noise);
        let mut frame = ethernet(0x86dd, tags, &packet);
        frame.truncate(cut);
        let has_addresses = cut >= 14 + 4 * tags + 40;
        prop_assert_eq!(hash(&frame).is_some(), has_addresses);
    }
}
