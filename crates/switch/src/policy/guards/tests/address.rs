//! Who may say that an address is whose.

use super::*;

#[test]
fn rfc6980_neighbour_discovery_in_fragments_does_not_pass() {
    let guard = address_guard(&["2001:db8::1"]);
    for (kind, mac) in [(135, 1), (136, 2)] {
        let message = neighbour(kind, OWN6, &[(mac, OWN)]);
        let of = |extensions: &[Extension]| frame6(&ipv6(OWN6, ALL6, extensions, ICMPV6, &message));
        assert_eq!(judge(&guard, &of(&[])), PASSES);
        for more in [false, true] {
            let fragment = Extension::Fragment { offset: 0, more };
            assert_eq!(judge(&guard, &of(&[fragment])), HIDDEN, "{kind} {more}");
        }
    }
}

#[test]
fn address_guard_judges_who_sends() {
    let guard = address_guard(&["10.0.0.1", "192.168.0.0/24", "2001:db8::1"]);
    let message = udp(1000, 2000, &[]);
    for (source, expected) in [
        (OWN4, PASSES),
        (Ipv4Addr::new(192, 168, 0, 77), PASSES),
        (OTHER4, ADDRESS),
        (NOBODY4, ADDRESS),
        (Ipv4Addr::BROADCAST, ADDRESS),
    ] {
        assert_eq!(
            judge(&guard, &over4(source, UDP, &message)),
            expected,
            "{source}"
        );
        for fragment in [0x2000, 0x2001] {
            let header = Ipv4 {
                fragment,
                ..Ipv4::new(source, OTHER4, UDP)
            };
            let frame = frame4(&header.packet(&message));
            assert_eq!(judge(&guard, &frame), expected, "{source} {fragment:x}");
        }
    }
    for (source, expected) in [
        (OWN6, PASSES),
        (LINK_LOCAL, PASSES),
        (OTHER6, ADDRESS),
        (NOBODY6, ADDRESS),
        (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), ADDRESS),
        (OWN4.to_ipv6_mapped(), ADDRESS),
    ] {
        assert_eq!(
            judge(&guard, &over6(source, UDP, &message)),
            expected,
            "{source}"
        );
        let later = Extension::Fragment {
            offset: 1,
            more: false,
        };
        let frame = frame6(&ipv6(source, ALL6, &[later], UDP, &message));
        assert_eq!(judge(&guard, &frame), expected, "{source}");
    }
    // Without any IPv6 address it has no link-local one either, and without any address nothing.
    let frame = over6(LINK_LOCAL, UDP, &message);
    assert_eq!(judge(&address_guard(&["10.0.0.1"]), &frame), ADDRESS);
    assert_eq!(
        judge(&address_guard(&[]), &over4(OWN4, UDP, &message)),
        ADDRESS
    );
    // What is neither IP nor ARP says no address.
    assert_eq!(
        judge(&guard, &ethernet(ALL, OWN, &[], 0x88cc, &[0; 46])),
        PASSES
    );
}

#[test]
fn a_guest_without_an_address_gets_one() {
    let guard = address_guard(&["10.0.0.1", "2001:db8::1"]);
    // DHCP, from nobody; the renewal comes from the address.
    let ask = |source| over4(source, UDP, &udp(68, 67, &dhcp(1)));
    assert_eq!(judge(&guard, &ask(NOBODY4)), PASSES);
    assert_eq!(judge(&guard, &ask(OWN4)), PASSES);
    assert_eq!(
        judge(&guard, &over4(NOBODY4, UDP, &udp(68, 69, &[]))),
        ADDRESS
    );
    let fragment = Ipv4 {
        fragment: 0x2000,
        ..Ipv4::new(NOBODY4, Ipv4Addr::BROADCAST, UDP)
    };
    let frame = frame4(&fragment.packet(&udp(68, 67, &dhcp(1))));
    assert_eq!(judge(&guard, &frame), ADDRESS);
    assert_eq!(judge(&guard, &over4(NOBODY4, 2, &[0x16, 0, 0, 0])), PASSES);
    // Looks for routers, joins groups, asks whether somebody has the address (RFC 4862), from nobody.
    let from_nobody = |message: &[u8]| judge(&guard, &over6(NOBODY6, ICMPV6, message));
    assert_eq!(from_nobody(&[133, 0, 0, 0, 0, 0, 0, 0]), PASSES);
    for kind in [131, 132, 143] {
        assert_eq!(from_nobody(&[kind, 0, 0, 0, 0, 0, 0, 0]), PASSES, "{kind}");
    }
    assert_eq!(from_nobody(&neighbour(135, OWN6, &[])), PASSES);
    // With the option of RFC 7527 too.
    let nonce = [&neighbour(135, OWN6, &[])[..], &[14, 1, 1, 2, 3, 4, 5, 6]].concat();
    assert_eq!(from_nobody(&nonce), PASSES);
    assert_eq!(from_nobody(&neighbour(135, LINK_LOCAL, &[])), PASSES);
    // Whoever asks so takes the address: not another's.
    assert_eq!(from_nobody(&neighbour(135, OTHER6, &[])), ADDRESS);
    assert_eq!(from_nobody(&[128, 0, 0, 0]), ADDRESS);
    let solicit = over6(LINK_LOCAL, UDP, &udp(546, 547, &[1, 0, 0, 0]));
    assert_eq!(judge(&guard, &solicit), PASSES);
}

#[test]
fn address_guard_judges_what_arp_says() {
    let guard = address_guard(&["10.0.0.1"]);
    let say = |operation, mac, address| {
        let message = arp(operation, (mac, address), (ALL, OTHER4));
        judge(&guard, &ethernet(ALL, OWN, &[], ARP, &message))
    };
    assert_eq!(say(1, OWN, OWN4), PASSES);
    assert_eq!(say(2, OWN, OWN4), PASSES);
    // A probe (RFC 5227) says no address; an answer that says none is none.
    assert_eq!(say(1, OWN, NOBODY4), PASSES);
    assert_eq!(say(2, OWN, NOBODY4), ADDRESS);
    for operation in 1..=4 {
        assert_eq!(say(operation, OWN, OTHER4), ADDRESS, "{operation}");
        // Another's MAC address in the message than in the frame.
        assert_eq!(say(operation, OTHER, OWN4), ADDRESS, "{operation}");
    }
    // What QEMU says after a migration.
    let announce = arp(3, (OWN, NOBODY4), (OWN, NOBODY4));
    assert_eq!(
        judge(&guard, &ethernet(ALL, OWN, &[], 0x8035, &announce)),
        PASSES
    );
    // The number of the hardware does not matter to receivers, the sizes do.
    let mut message = arp(2, (OWN, OTHER4), (ALL, OTHER4));
    message[1] = 6;
    assert_eq!(
        judge(&guard, &ethernet(ALL, OWN, &[], ARP, &message)),
        ADDRESS
    );
    message[5] = 16;
    assert_eq!(
        judge(&guard, &ethernet(ALL, OWN, &[], ARP, &message)),
        HIDDEN
    );
}

#[test]
fn address_guard_judges_what_neighbour_discovery_says() {
    let guard = address_guard(&["2001:db8::1"]);
    let say = |message: &[u8]| judge(&guard, &over6(OWN6, ICMPV6, message));
    // Who asks may ask for anybody, and says its own MAC address.
    assert_eq!(say(&neighbour(135, OTHER6, &[])), PASSES);
    assert_eq!(say(&neighbour(135, OTHER6, &[(1, OWN)])), PASSES);
    assert_eq!(say(&neighbour(135, OTHER6, &[(1, OTHER)])), ADDRESS);
    // Who answers says its own addresses.
    assert_eq!(say(&neighbour(136, OWN6, &[(2, OWN)])), PASSES);
    assert_eq!(say(&neighbour(136, LINK_LOCAL, &[])), PASSES);
    assert_eq!(say(&neighbour(136, OTHER6, &[(2, OWN)])), ADDRESS);
    assert_eq!(say(&neighbour(136, OWN6, &[(2, OTHER)])), ADDRESS);
    // A second option, or one behind another, is judged too.
    assert_eq!(say(&neighbour(136, OWN6, &[(2, OWN), (2, OTHER)])), ADDRESS);
    assert_eq!(
        say(&neighbour(136, OWN6, &[(14, OTHER), (2, OTHER)])),
        ADDRESS
    );
    let option = |kind, mac: [u8; 6]| [&[kind, 1][..], &mac].concat();
    let with = |mut message: Vec<u8>, option: Vec<u8>| {
        message.extend(option);
        message
    };
    let solicitation = || vec![133, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(say(&with(solicitation(), option(1, OWN))), PASSES);
    assert_eq!(say(&with(solicitation(), option(1, OTHER))), ADDRESS);
    assert_eq!(say(&with(router_advertisement(), option(1, OWN))), PASSES);
    assert_eq!(
        say(&with(router_advertisement(), option(1, OTHER))),
        ADDRESS
    );
    // Options that go beyond what is looked at, or nowhere.
    let long = with(neighbour(136, OWN6, &[(2, OWN)]), vec![14, 8]);
    assert_eq!(say(&[long, vec![0; 62]].concat()), HIDDEN);
    assert_eq!(
        say(&with(
            neighbour(136, OWN6, &[]),
            vec![2, 0, 0, 0, 0, 0, 0, 0]
        )),
        HIDDEN
    );
    assert_eq!(
        say(&with(
            neighbour(136, OWN6, &[]),
            vec![2, 2, 0, 0, 0, 0, 0, 0]
        )),
        HIDDEN
    );
    // A length left to others.
    let mut frame = over6(OWN6, ICMPV6, &neighbour(136, OWN6, &[(2, OWN)]));
    frame[18..20].fill(0);
    assert_eq!(judge(&guard, &frame), HIDDEN);
    // A router that is one may say whose address is whose.
    assert_eq!(say(&[137; 40]), PASSES);
}
