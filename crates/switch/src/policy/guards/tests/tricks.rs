//! What guests can try so that a guard does not see what they say.

use super::*;

#[test]
fn tricks_with_tags_do_not_help() {
    for tag in [(0x8100, 0), (0x8100, 0xe000), (0x88a8, 5), (0x9100, 5)] {
        for depth in 0..=28 {
            let frame = ethernet(ALL, OWN, &vec![tag; depth], IPV4, &offer());
            // Ports end 24 bytes behind the tags, the type of an ICMP message 41.
            let expected = if depth <= 22 { GUARD } else { HIDDEN };
            assert_eq!(judge(&dhcp_guard(), &frame), expected, "{depth} {tag:x?}");
            let advertisement = ipv6(LINK_LOCAL, ALL6, &[], ICMPV6, &router_advertisement());
            let frame = ethernet(ALL, OWN, &vec![tag; depth], IPV6, &advertisement);
            let expected = if depth <= 18 { ROUTER } else { HIDDEN };
            assert_eq!(judge(&router_guard(), &frame), expected, "{depth} {tag:x?}");
        }
    }
}

#[test]
fn tricks_with_snap_do_not_help() {
    for oui in [0, 0xf8] {
        let behind = |ether_type: u16, packet: &[u8]| {
            let mut snap = vec![0xaa, 0xaa, 3, 0, 0, oui];
            snap.extend(ether_type.to_be_bytes());
            snap.extend(packet);
            ethernet(ALL, OWN, &[(0x8100, 0)], snap.len() as u16, &snap)
        };
        assert_eq!(judge(&dhcp_guard(), &behind(IPV4, &offer())), GUARD);
        let advertisement = ipv6(LINK_LOCAL, ALL6, &[], ICMPV6, &router_advertisement());
        assert_eq!(
            judge(&router_guard(), &behind(IPV6, &advertisement)),
            ROUTER
        );
        let claim = arp(2, (OWN, OTHER4), (ALL, OTHER4));
        assert_eq!(
            judge(&address_guard(&["10.0.0.1"]), &behind(ARP, &claim)),
            ADDRESS
        );
    }
}

#[test]
fn tricks_with_ipv4_options_do_not_help() {
    for options in 0..=10 {
        let header = Ipv4 {
            options,
            ..Ipv4::new(OWN4, OTHER4, UDP)
        };
        let frame = frame4(&header.packet(&udp(67, 68, &dhcp(2))));
        assert_eq!(judge(&dhcp_guard(), &frame), GUARD, "{options}");
        let header = Ipv4 {
            options,
            ..Ipv4::new(OWN4, OTHER4, ICMP)
        };
        let frame = frame4(&header.packet(&[5, 1, 0, 0]));
        assert_eq!(judge(&router_guard(), &frame), ROUTER, "{options}");
    }
}

#[test]
fn tricks_with_ipv4_fragments_do_not_help() {
    let piece = |fragment, payload: &[u8]| {
        let header = Ipv4 {
            fragment,
            ..Ipv4::new(OWN4, OTHER4, UDP)
        };
        judge(&dhcp_guard(), &frame4(&header.packet(payload)))
    };
    let message = udp(67, 68, &dhcp(2));
    // The smallest first piece there is has the ports; without it the others are nothing.
    assert_eq!(piece(0x2000, &message[..8]), GUARD);
    assert_eq!(piece(0x2001, &message[8..16]), PASSES);
    // Where the ports do not say enough, the rest is asked for.
    let to_relay = udp(67, 67, &dhcp(2));
    assert_eq!(piece(0x2000, &to_relay[..8]), HIDDEN);
    assert_eq!(piece(0x2000, &to_relay[..16]), GUARD);
    assert_eq!(piece(0x2000, &message[..3]), HIDDEN);
}

#[test]
fn rfc6105_tricks_with_extension_headers_do_not_help() {
    let advertisement = router_advertisement();
    let server = udp(547, 546, &[2, 0, 0, 0]);
    for kind in [0, 43, 60, 135, 139, 140, 253, 254] {
        for extensions in [
            vec![Extension::Plain(kind, 0)],
            vec![Extension::Plain(kind, 1), Extension::Plain(60, 2)],
            vec![Extension::Plain(60, 0); 7],
            vec![Extension::Authentication(4), Extension::Plain(kind, 0)],
        ] {
            let frame = frame6(&ipv6(LINK_LOCAL, ALL6, &extensions, ICMPV6, &advertisement));
            assert_eq!(judge(&router_guard(), &frame), ROUTER, "{extensions:?}");
            let frame = frame6(&ipv6(LINK_LOCAL, ALL6, &extensions, UDP, &server));
            assert_eq!(judge(&dhcp_guard(), &frame), GUARD, "{extensions:?}");
        }
    }
}

#[test]
fn rfc7113_a_header_chain_that_is_not_to_be_seen_does_not_pass() {
    let chains = [
        // Longer than what is looked at.
        vec![Extension::Plain(60, 9), Extension::Plain(60, 0)],
        vec![Extension::Plain(60, 200)],
        vec![Extension::Plain(60, 0); 10],
    ];
    for extensions in &chains {
        let frame = frame6(&ipv6(
            LINK_LOCAL,
            ALL6,
            extensions,
            ICMPV6,
            &router_advertisement(),
        ));
        assert_eq!(judge(&router_guard(), &frame), HIDDEN, "{extensions:?}");
        let guard = address_guard(&["fe80::/10"]);
        assert_eq!(judge(&guard, &frame), HIDDEN, "{extensions:?}");
        let server = udp(547, 546, &[2, 0, 0, 0]);
        let frame = frame6(&ipv6(LINK_LOCAL, ALL6, extensions, UDP, &server));
        assert_eq!(judge(&dhcp_guard(), &frame), HIDDEN, "{extensions:?}");
    }
    // In a first fragment that ends among them (RFC 7112): the rest is in the second.
    let first = Extension::Fragment {
        offset: 0,
        more: true,
    };
    let chain = [first, Extension::Plain(60, 1), Extension::Plain(60, 0)];
    let whole = ipv6(LINK_LOCAL, ALL6, &chain, ICMPV6, &router_advertisement());
    for len in [40 + 8, 40 + 8 + 8, 40 + 8 + 16, 40 + 8 + 24] {
        let mut cut = whole[..len].to_vec();
        cut[4..6].copy_from_slice(&(len as u16 - 40).to_be_bytes());
        assert_eq!(judge(&router_guard(), &frame6(&cut)), HIDDEN, "{len}");
    }
    assert_eq!(judge(&router_guard(), &frame6(&whole)), ROUTER);
}

#[test]
fn rfc7113_fragments_are_judged_by_the_first() {
    let piece = |offset, more, payload: &[u8]| {
        let fragment = Extension::Fragment { offset, more };
        frame6(&ipv6(LINK_LOCAL, ALL6, &[fragment], ICMPV6, payload))
    };
    let message = router_advertisement();
    for more in [false, true] {
        let first = piece(0, more, &message);
        assert_eq!(judge(&router_guard(), &first), ROUTER, "{more}");
        assert_eq!(
            judge(&router_guard(), &piece(1, more, &message[8..])),
            PASSES
        );
    }
    // One in another.
    let nested = [
        Extension::Fragment {
            offset: 0,
            more: false,
        },
        Extension::Fragment {
            offset: 0,
            more: true,
        },
    ];
    let frame = frame6(&ipv6(LINK_LOCAL, ALL6, &nested, ICMPV6, &message));
    assert_eq!(judge(&router_guard(), &frame), ROUTER);
}

#[test]
fn headers_that_are_cut_off_or_contradict_themselves_do_not_pass() {
    let whole = frame4(&offer());
    for len in [14, 20, 33, 34, 36, 37] {
        assert_eq!(judge(&dhcp_guard(), &whole[..len]), HIDDEN, "{len}");
    }
    // Another version, a header shorter than itself, a packet shorter than its header.
    for (at, byte) in [(14, 0x65), (14, 0x44), (17, 19)] {
        let mut frame = whole.clone();
        frame[16] = 0;
        frame[at] = byte;
        assert_eq!(judge(&dhcp_guard(), &frame), HIDDEN, "{at}");
    }
    // A packet that ends before its ports do.
    let mut frame = whole.clone();
    frame[16..18].copy_from_slice(&[0, 22]);
    assert_eq!(judge(&dhcp_guard(), &frame), HIDDEN);
    // One that leaves its length to others is seen as far as there is anything.
    frame[16..18].fill(0);
    assert_eq!(judge(&dhcp_guard(), &frame), GUARD);
    let advertisement = over6(LINK_LOCAL, ICMPV6, &router_advertisement());
    for len in [14, 53, 54] {
        assert_eq!(
            judge(&router_guard(), &advertisement[..len]),
            HIDDEN,
            "{len}"
        );
    }
    let claim = ethernet(ALL, OWN, &[], ARP, &arp(2, (OWN, OWN4), (OTHER, OTHER4)));
    for len in 14..claim.len() {
        assert_eq!(
            judge(&address_guard(&["10.0.0.1"]), &claim[..len]),
            HIDDEN,
            "{len}"
        );
    }
}

#[test]
fn what_is_tunnelled_or_encrypted_is_not_looked_into() {
    // IP in IP, GRE, ESP: who unpacks it has agreed to with its sender.
    for protocol in [4, 41, 47, 50] {
        for guard in [dhcp_guard(), router_guard()] {
            assert_eq!(judge(&guard, &over4(OWN4, protocol, &offer())), PASSES);
            assert_eq!(judge(&guard, &over6(OWN6, protocol, &offer())), PASSES);
        }
    }
}
