//! What each guard lets pass and what it does not, trick by trick.

mod address;
mod tricks;

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use testkit::packets::{
    ARP, Extension, ICMP, ICMPV6, IPV4, IPV6, Ipv4, TCP, UDP, arp, dhcp, ethernet, ipv6, neighbour,
    router_advertisement, tcp, udp,
};

use super::*;
use crate::policy::packet::tests::frames;

const OWN: [u8; 6] = [0x52, 0x54, 0, 0, 0, 1];
const OTHER: [u8; 6] = [0x52, 0x54, 0, 0, 0, 2];
const ALL: [u8; 6] = [0xff; 6];

const OWN4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const OTHER4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const NOBODY4: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

const OWN6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const OTHER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
/// What the station makes of its own address.
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x5054, 0xff, 0xfe00, 1);
const NOBODY6: Ipv6Addr = Ipv6Addr::UNSPECIFIED;
const ALL6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

fn dhcp_guard() -> Guards {
    let asked = PortPolicy {
        dhcp_guard: true,
        ..PortPolicy::default()
    };
    Guards::new(&asked, [])
}

fn router_guard() -> Guards {
    let asked = PortPolicy {
        router_guard: true,
        ..PortPolicy::default()
    };
    Guards::new(&asked, [])
}

fn address_guard(allowed: &[&str]) -> Guards {
    let allowed = allowed.iter().map(|text| text.parse().unwrap());
    let asked = PortPolicy {
        allowed_addresses: Some(allowed.collect()),
        ..PortPolicy::default()
    };
    Guards::new(&asked, [Mac(OWN)])
}

/// Judged as the switch does it, on the first 128 bytes.
fn judge(guards: &Guards, frame: &[u8]) -> Result<(), DropReason> {
    let packet = Packet::parse(&frame[..frame.len().min(128)]).unwrap();
    guards
        .judge(&packet)
        .map_or(Ok(()), |objection| Err(objection.reason()))
}

fn frame4(packet: &[u8]) -> Vec<u8> {
    ethernet(ALL, OWN, &[], IPV4, packet)
}

fn frame6(packet: &[u8]) -> Vec<u8> {
    ethernet(ALL, OWN, &[], IPV6, packet)
}

fn over4(source: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    frame4(&Ipv4::new(source, OTHER4, protocol).packet(payload))
}

fn over6(source: Ipv6Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    frame6(&ipv6(source, ALL6, &[], protocol, payload))
}

fn offer() -> Vec<u8> {
    Ipv4::new(OWN4, Ipv4Addr::BROADCAST, UDP).packet(&udp(67, 68, &dhcp(2)))
}

const GUARD: Result<(), DropReason> = Err(DropReason::DhcpGuard);
const ROUTER: Result<(), DropReason> = Err(DropReason::RouterGuard);
const ADDRESS: Result<(), DropReason> = Err(DropReason::AddressGuard);
const HIDDEN: Result<(), DropReason> = Err(DropReason::HiddenHeaders);
const PASSES: Result<(), DropReason> = Ok(());

#[test]
fn a_port_without_guards_lets_everything_pass() {
    let none = Guards::new(&PortPolicy::default(), [Mac(OWN)]);
    assert!(!none.are_on());
    for frame in [
        frame4(&offer()),
        over6(OTHER6, ICMPV6, &router_advertisement()),
        frame4(&[0x45]),
    ] {
        assert_eq!(judge(&none, &frame), PASSES);
    }
}

#[test]
fn dhcp_guard_drops_servers_and_lets_clients_pass() {
    let guard = dhcp_guard();
    let v4 = |from, to, operation| over4(OWN4, UDP, &udp(from, to, &dhcp(operation)));
    assert_eq!(judge(&guard, &v4(67, 68, 2)), GUARD);
    // Clients listen at their port whatever the other one is, and whatever the message says.
    assert_eq!(judge(&guard, &v4(1024, 68, 2)), GUARD);
    assert_eq!(judge(&guard, &v4(67, 68, 1)), GUARD);
    // A server's answer to a relay, also to one at a port of its own (RFC 8357).
    assert_eq!(judge(&guard, &v4(67, 67, 2)), GUARD);
    assert_eq!(judge(&guard, &v4(67, 5000, 2)), GUARD);
    // Clients, and a relay's question.
    assert_eq!(judge(&guard, &v4(68, 67, 1)), PASSES);
    assert_eq!(judge(&guard, &v4(67, 67, 1)), PASSES);
    assert_eq!(judge(&guard, &v4(53, 5000, 2)), PASSES);

    let v6 = |from, to, kind| over6(LINK_LOCAL, UDP, &udp(from, to, &[kind, 1, 2, 3]));
    for kind in [2, 7, 10, 13] {
        assert_eq!(judge(&guard, &v6(547, 546, kind)), GUARD, "{kind}");
        assert_eq!(judge(&guard, &v6(547, 547, kind)), GUARD, "{kind}");
        assert_eq!(judge(&guard, &v6(1024, 546, kind)), GUARD, "{kind}");
    }
    for kind in [1, 3, 5, 6, 8, 11, 12] {
        assert_eq!(judge(&guard, &v6(546, 547, kind)), PASSES, "{kind}");
    }
    // Neither version listens at the other's ports.
    assert_eq!(judge(&guard, &v4(547, 546, 2)), PASSES);
    assert_eq!(judge(&guard, &v6(67, 68, 2)), PASSES);
    // What is not UDP, and what is not IP.
    assert_eq!(judge(&guard, &over4(OWN4, TCP, &tcp(67, 68))), PASSES);
    assert_eq!(
        judge(&guard, &ethernet(ALL, OWN, &[], 0x88cc, &[0; 46])),
        PASSES
    );
}

#[test]
fn router_guard_drops_advertisements_and_redirects() {
    let guard = router_guard();
    for kind in 0..=255 {
        let message = [kind, 0, 0, 0, 0, 0, 0, 0];
        let v6 = if matches!(kind, 134 | 137) {
            ROUTER
        } else {
            PASSES
        };
        assert_eq!(
            judge(&guard, &over6(LINK_LOCAL, ICMPV6, &message)),
            v6,
            "{kind}"
        );
        let v4 = if matches!(kind, 5 | 9) {
            ROUTER
        } else {
            PASSES
        };
        assert_eq!(judge(&guard, &over4(OWN4, ICMP, &message)), v4, "{kind}");
    }
    // Hosts ignore such as did not start on the link; so nothing is lost with them, and nobody is trusted to ignore them.
    let mut from_afar = over6(OWN6, ICMPV6, &router_advertisement());
    from_afar[21] = 64;
    assert_eq!(judge(&guard, &from_afar), ROUTER);
    assert_eq!(
        judge(&guard, &over6(LINK_LOCAL, UDP, &udp(546, 547, &[1]))),
        PASSES
    );
}

/// Guards of every kind, by the bits of a number.
fn guards(which: u8) -> Guards {
    let allowed = ["10.0.0.1", "fd00::1", "::/0"];
    let asked = PortPolicy {
        dhcp_guard: which & 1 != 0,
        router_guard: which & 2 != 0,
        allowed_addresses: (which & 4 != 0).then(|| {
            let allowed = allowed.iter().take(usize::from(which >> 3) % 4);
            allowed.map(|text| text.parse().unwrap()).collect()
        }),
        ..PortPolicy::default()
    };
    Guards::new(&asked, [Mac([2, 0, 0, 0, 0, 1])])
}

/// A message that one of the guards is there for, hidden as well as can be.
fn rogue() -> impl Strategy<Value = (Guards, Vec<u8>)> {
    let tags = proptest::collection::vec((Just(0x8100u16), any::<u16>()), 0..30);
    let extension = prop_oneof![
        (prop_oneof![Just(0u8), Just(43), Just(60)], 0..12u8)
            .prop_map(|(kind, units)| Extension::Plain(kind, units)),
        any::<bool>().prop_map(|more| Extension::Fragment { offset: 0, more }),
        (1..9u8).prop_map(Extension::Authentication),
    ];
    let extensions = proptest::collection::vec(extension, 0..5);
    let cut = 0..400usize;
    (tags, extensions, 0..11u8, any::<bool>(), cut, 0..5u8).prop_map(
        |(tags, extensions, options, is_first, cut, which)| {
            let v4 = |protocol, payload: &[u8]| {
                let header = Ipv4 {
                    options,
                    fragment: if is_first { 0x2000 } else { 0 },
                    ..Ipv4::new(OWN4, OTHER4, protocol)
                };
                ethernet(ALL, OWN, &tags, IPV4, &header.packet(payload))
            };
            let v6 = |protocol, payload: &[u8]| {
                let packet = ipv6(OWN6, ALL6, &extensions, protocol, payload);
                ethernet(ALL, OWN, &tags, IPV6, &packet)
            };
            let (guards, mut frame) = match which {
                0 => (dhcp_guard(), v4(UDP, &udp(67, 68, &dhcp(2)))),
                1 => (dhcp_guard(), v6(UDP, &udp(547, 546, &[7, 0, 0, 0]))),
                2 => (router_guard(), v6(ICMPV6, &router_advertisement())),
                3 => (router_guard(), v4(ICMP, &[5, 1, 0, 0])),
                _ => {
                    let claim = neighbour(136, OTHER6, &[(2, OWN)]);
                    (address_guard(&["2001:db8::1"]), v6(ICMPV6, &claim))
                }
            };
            frame.truncate(cut.max(14));
            (guards, frame)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_passes_on_a_shorter_look_passes_on_a_longer_one(frame in frames(), which in any::<u8>()) {
        let guards = guards(which);
        let passes = |len: usize| {
            let packet = Packet::parse(&frame[..len]).unwrap();
            guards.judge(&packet).is_none()
        };
        for seen in 14..frame.len() {
            prop_assert!(passes(seen) <= passes(frame.len()), "{} of {} bytes: {:02x?}", seen, frame.len(), frame);
        }
    }

    #[test]
    fn no_rogue_passes_however_it_is_wrapped((guards, frame) in rogue()) {
        prop_assert!(judge(&guards, &frame).is_err(), "{:02x?}", frame);
    }
}
