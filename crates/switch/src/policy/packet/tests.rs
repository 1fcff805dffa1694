//! Headers against what etherparse makes of them, and against themselves: a shorter look never tells something else.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use proptest::collection::vec;
use proptest::prelude::*;
use testkit::packets::{self, Extension, Ipv4, arp, ethernet, ipv6, neighbour, tcp, udp};

use super::*;

const A: [u8; 6] = [2, 0, 0, 0, 0, 1];
const B: [u8; 6] = [2, 0, 0, 0, 0, 2];
const A4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const A6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const B6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

fn ip(frame: &[u8]) -> Ip<'_> {
    match Packet::parse(frame).unwrap().content {
        Content::Ip(ip) => ip,
        other => panic!("{other:?}"),
    }
}

fn over4(fragment: u16, payload: &[u8]) -> Vec<u8> {
    let header = Ipv4 {
        fragment,
        ..Ipv4::new(A4, B4, packets::UDP)
    };
    ethernet(B, A, &[], packets::IPV4, &header.packet(payload))
}

fn over6(extensions: &[Extension], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let packet = ipv6(A6, B6, extensions, protocol, payload);
    ethernet(B, A, &[], packets::IPV6, &packet)
}

#[test]
fn a_fragment_behind_the_first_has_no_ports() {
    let datagram = udp(67, 68, &[0; 32]);
    let are = Ports::Are {
        source: 67,
        destination: 68,
    };
    // Don't fragment, more fragments, the second of them, the last of them.
    for (fragment, part, ports) in [
        (0x4000, Part::Whole, are),
        (0x2000, Part::First, are),
        (0x2001, Part::Later, Ports::InFirstFragment),
        (0x0001, Part::Later, Ports::InFirstFragment),
    ] {
        let frame = over4(fragment, &datagram);
        let ip = ip(&frame);
        assert_eq!((ip.part, ip.ports()), (part, ports), "{fragment:#x}");
    }
    for (offset, more, part, ports) in [
        (0, false, Part::First, are),
        (0, true, Part::First, are),
        (1, true, Part::Later, Ports::InFirstFragment),
        (1, false, Part::Later, Ports::InFirstFragment),
    ] {
        let frame = over6(
            &[Extension::Fragment { offset, more }],
            packets::UDP,
            &datagram,
        );
        let ip = ip(&frame);
        assert_eq!((ip.part, ip.ports()), (part, ports), "{offset} {more}");
    }
}

#[test]
fn a_later_fragment_of_an_extension_header_hides_its_protocol() {
    let fragment = Extension::Fragment {
        offset: 1,
        more: false,
    };
    let frame = over6(
        &[fragment, Extension::Plain(60, 0)],
        packets::UDP,
        &udp(1, 2, &[]),
    );
    let ip = ip(&frame);
    assert_eq!((ip.part, ip.protocol), (Part::Later, None));
    assert_eq!(ip.ports(), Ports::Hidden);
}

#[test]
fn every_extension_header_of_the_registry_is_stepped_over() {
    for kind in [0, 43, 60, 135, 139, 140, 253, 254] {
        for units in [0, 3] {
            let frame = over6(
                &[Extension::Plain(kind, units), Extension::Authentication(4)],
                packets::UDP,
                &udp(7, 9, &[]),
            );
            let ports = Ports::Are {
                source: 7,
                destination: 9,
            };
            assert_eq!(ip(&frame).ports(), ports, "{kind}");
        }
    }
    // Encrypted: nothing is to be seen behind it, and it is what the packet carries.
    let frame = over6(&[], 50, &[0; 40]);
    assert_eq!(
        (ip(&frame).protocol, ip(&frame).ports()),
        (Some(50), Ports::None)
    );
}

#[test]
fn a_chain_that_goes_beyond_what_is_seen_hides_what_follows() {
    let frame = over6(
        &[Extension::Plain(0, 8), Extension::Plain(60, 0)],
        packets::UDP,
        &udp(67, 68, &[]),
    );
    assert_eq!(ip(&frame).protocol, Some(packets::UDP));
    // The second header's first byte is the 127th.
    assert_eq!(ip(&frame[..128]).protocol, None);
    assert_eq!(ip(&frame[..128]).is_from_dhcp_server(), None);
    assert_eq!(ip(&frame[..128]).is_from_router(), None);
    // What follows is known, but not what it says.
    let frame = over6(&[Extension::Plain(0, 9)], packets::ICMPV6, &[134, 0, 0, 0]);
    let ip = ip(&frame[..128]);
    assert_eq!(ip.protocol, Some(packets::ICMPV6));
    assert_eq!((ip.is_from_router(), ip.neighbour()), (None, Err(NotSeen)));
}

#[test]
fn a_header_that_contradicts_itself_hides_everything() {
    let whole = over4(0, &udp(1, 2, &[]));
    for (at, byte) in [(14, 0x65), (14, 0x44), (17, 19)] {
        let mut frame = whole.clone();
        frame[at] = byte;
        let content = Packet::parse(&frame).unwrap().content;
        assert_eq!(content, Content::Hidden, "{at}");
    }
    let mut frame = over6(&[], packets::UDP, &udp(1, 2, &[]));
    frame[14] = 0x40;
    assert_eq!(Packet::parse(&frame).unwrap().content, Content::Hidden);
    let mut message = arp(1, (A, A4), (B, B4));
    message[5] = 16;
    let frame = ethernet(B, A, &[], packets::ARP, &message);
    assert_eq!(Packet::parse(&frame).unwrap().content, Content::Hidden);
}

#[test]
fn what_lies_behind_the_packets_end_is_not_part_of_it() {
    let mut frame = over4(0, &udp(1, 2, &[]));
    frame[17] = 22;
    assert_eq!(ip(&frame).ports(), Ports::Hidden);
    let message = neighbour(136, A6, &[]);
    let mut frame = over6(&[], packets::ICMPV6, &message);
    // An option that no receiver reads.
    frame.extend([2, 1, 9, 9, 9, 9, 9, 9]);
    let Ok(Some(Neighbour::Advertisement { target, options })) = ip(&frame).neighbour() else {
        panic!("{frame:02x?}");
    };
    assert_eq!(target, A6);
    assert_eq!(options.are_all(Mac(A)), Ok(true));
}

#[test]
fn a_message_of_unknown_end_is_not_believed_to_end_where_the_look_does() {
    let message = neighbour(136, A6, &[(2, A)]);
    let mut frame = over6(&[], packets::ICMPV6, &message);
    frame[18..20].fill(0);
    assert_eq!(ip(&frame).neighbour(), Err(NotSeen));
}

#[test]
fn arp_says_who_has_which_address() {
    for (ether_type, operation, asks) in [
        (packets::ARP, 1, true),
        (packets::ARP, 2, false),
        (0x8035, 3, true),
    ] {
        let frame = ethernet(
            [0xff; 6],
            A,
            &[(0x8100, 0)],
            ether_type,
            &arp(operation, (A, A4), (B, B4)),
        );
        let Content::Arp(arp) = Packet::parse(&frame).unwrap().content else {
            panic!("{frame:02x?}");
        };
        assert_eq!((arp.sender_mac, arp.sender, arp.target), (Mac(A), A4, B4));
        assert_eq!(arp.is_request(), asks);
    }
}

#[test]
fn options_without_length_or_beyond_the_message_are_not_taken() {
    let over = |options: &[u8]| {
        let message = [neighbour(135, B6, &[]), options.to_vec()].concat();
        over6(&[], packets::ICMPV6, &message)
    };
    for options in [
        &[1, 0, 2, 0, 0, 0, 0, 1][..],
        &[1, 2, 2, 0, 0, 0, 0, 1],
        &[1],
    ] {
        let frame = over(options);
        let Ok(Some(Neighbour::Solicitation { options, .. })) = ip(&frame).neighbour() else {
            panic!("{frame:02x?}");
        };
        assert_eq!(options.are_all(Mac(A)), Err(NotSeen));
    }
}

/// Frames that are mostly such as mean something, with a few bytes overwritten.
pub(crate) fn frames() -> impl Strategy<Value = Vec<u8>> {
    let tag = (
        prop_oneof![Just(0x8100u16), Just(0x88a8), Just(0x9100)],
        any::<u16>(),
    );
    let tags = prop_oneof![3 => Just(vec![]), 1 => vec(tag, 0..4)];
    let payload = prop_oneof![
        (any::<u16>(), any::<u16>()).prop_map(|(from, to)| udp(from, to, &[1; 20])),
        Just(udp(67, 68, &packets::dhcp(2))),
        Just(udp(546, 547, &[1; 9])),
        (any::<u16>(), any::<u16>()).prop_map(|(from, to)| tcp(from, to)),
        Just(packets::router_advertisement()),
        Just(neighbour(135, B6, &[(1, A)])),
        Just(neighbour(136, A6, &[(2, A), (14, B)])),
        vec(any::<u8>(), 0..60),
    ];
    let protocol = prop_oneof![
        Just(6u8),
        Just(17),
        Just(132),
        Just(1),
        Just(58),
        any::<u8>()
    ];
    let extension = prop_oneof![
        (
            prop_oneof![Just(0u8), Just(43), Just(60), Just(140)],
            0..4u8
        )
            .prop_map(|(kind, units)| Extension::Plain(kind, units)),
        (0..3u16, any::<bool>()).prop_map(|(offset, more)| Extension::Fragment { offset, more }),
        (1..5u8).prop_map(Extension::Authentication),
    ];
    let fragment = prop_oneof![3 => Just(0u16), 1 => Just(0x2000), 1 => Just(0x2003)];
    let v4 = (fragment, 0..11u8, protocol.clone(), payload.clone()).prop_map(
        |(fragment, options, protocol, payload)| {
            let header = Ipv4 {
                options,
                fragment,
                ..Ipv4::new(A4, B4, protocol)
            };
            (packets::IPV4, header.packet(&payload))
        },
    );
    let v6 =
        (vec(extension, 0..4), protocol, payload).prop_map(|(extensions, protocol, payload)| {
            (packets::IPV6, ipv6(A6, B6, &extensions, protocol, &payload))
        });
    let resolution =
        (0..4u16).prop_map(|operation| (packets::ARP, arp(operation, (A, A4), (B, B4))));
    let other = (any::<u16>(), vec(any::<u8>(), 0..80));
    let content = prop_oneof![4 => v4, 4 => v6, 1 => resolution, 1 => other];
    let snap = prop_oneof![4 => Just(None), 1 => Just(Some(0u8)), 1 => Just(Some(0xf8))];
    let written = vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (tags, snap, content, written).prop_map(|(tags, snap, (ether_type, packet), written)| {
        let mut frame = match snap {
            None => ethernet(B, A, &tags, ether_type, &packet),
            Some(oui) => {
                let mut behind = vec![0xaa, 0xaa, 3, 0, 0, oui];
                behind.extend(ether_type.to_be_bytes());
                behind.extend(packet);
                ethernet(B, A, &tags, behind.len().min(1500) as u16, &behind)
            }
        };
        for (at, byte) in written {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        frame
    })
}

/// Whether `less` says nothing that `more` does not say as well.
fn is_less(less: &Packet<'_>, more: &Packet<'_>) -> bool {
    let (less, more) = match (less.content, more.content) {
        (Content::Hidden, _) => return true,
        (Content::Ip(less), Content::Ip(more)) => (less, more),
        (less, more) => return less == more,
    };
    let one = |less: Option<bool>, more: Option<bool>| less.is_none() || less == more;
    (less.source, less.destination) == (more.source, more.destination)
        && (less.protocol.is_none() || (less.protocol, less.part) == (more.protocol, more.part))
        && (less.ports() == Ports::Hidden || less.ports() == more.ports())
        && one(less.is_from_dhcp_server(), more.is_from_dhcp_server())
        && one(less.is_from_router(), more.is_from_router())
        && less.is_from_dhcp_client() <= more.is_from_dhcp_client()
        && less.is_listener_report() <= more.is_listener_report()
        && (less.neighbour().is_err() || less.neighbour() == more.neighbour())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_shorter_look_tells_less_and_nothing_else(frame in frames()) {
        let whole = Packet::parse(&frame).unwrap();
        for seen in 14..frame.len() {
            let part = Packet::parse(&frame[..seen]).unwrap();
            prop_assert!(is_less(&part, &whole), "{} of {} bytes: {:?} {:?}", seen, frame.len(), part, whole);
        }
        prop_assert!(Packet::parse(&frame[..13]).is_none());
    }

    #[test]
    fn headers_say_what_etherparse_finds_in_them(frame in frames()) {
        let Content::Ip(ip) = Packet::parse(&frame).unwrap().content else { return Ok(()) };
        let Ok(sliced) = LaxSlicedPacket::from_ethernet(&frame) else { return Ok(()) };
        // It does not look behind SNAP, and behind three tags at most.
        let (source, destination, payload) = match &sliced.net {
            Some(LaxNetSlice::Ipv4(v4)) => {
                let header = v4.header();
                // Authentication is an extension there; here it is what an IPv4 packet carries.
                prop_assume!(ip.protocol != Some(protocol::AUTHENTICATION));
                (header.source_addr().into(), header.destination_addr().into(), v4.payload().clone())
            }
            Some(LaxNetSlice::Ipv6(v6)) => {
                let header = v6.header();
                (header.source_addr().into(), header.destination_addr().into(), v6.payload().clone())
            }
            _ => return Ok(()),
        };
        prop_assert_eq!((ip.source, ip.destination), (source, destination));
        if let Some(protocol) = ip.protocol
            && ip.part != Part::Later
            && sliced.stop_err.is_none()
            // It knows fewer extension headers.
            && !matches!(payload.ip_number.0, 135 | 139 | 140 | 253 | 254)
        {
            prop_assert_eq!(protocol, payload.ip_number.0);
            let is_cut = ip.body.len() < payload.payload.len();
            prop_assert!(!is_cut, "{} of {} bytes", ip.body.len(), payload.payload.len());
        }
        let ports = match &sliced.transport {
            Some(TransportSlice::Udp(udp)) => (udp.source_port(), udp.destination_port()),
            Some(TransportSlice::Tcp(tcp)) => (tcp.source_port(), tcp.destination_port()),
            _ => return Ok(()),
        };
        let ports = Ports::Are { source: ports.0, destination: ports.1 };
        prop_assert_eq!(ip.ports(), ports);
    }
}
