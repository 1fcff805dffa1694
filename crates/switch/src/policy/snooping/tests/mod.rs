//! What is known of groups after what was heard.

mod messages;
mod model;

use std::net::{Ipv4Addr, Ipv6Addr};

use testkit::packets::{self, IPV4, IPV6, about_v4, about_v6, ethernet, igmp, mld, records};

use super::*;

const HOST: [u8; 6] = [2, 0, 0, 0, 0, 1];
const HOST4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const HOST6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ALL4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
const ALL6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const GROUP4: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0x0102, 0x0304);
const MAC4: Mac = Mac([0x01, 0x00, 0x5e, 0x01, 0x02, 0x03]);
const MAC6: Mac = Mac([0x33, 0x33, 0x01, 0x02, 0x03, 0x04]);

const UNTAGGED: VlanId = VlanId(0);

fn mac4(group: Ipv4Addr) -> [u8; 6] {
    let [_, b, c, d] = group.octets();
    [0x01, 0x00, 0x5e, b & 0x7f, c, d]
}

fn mac6(group: Ipv6Addr) -> [u8; 6] {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

fn over4(destination: Ipv4Addr, message: &[u8]) -> Vec<u8> {
    let mut frame = ethernet(
        mac4(destination),
        HOST,
        &[],
        IPV4,
        &igmp(HOST4, destination, message),
    );
    // Ethernet's shortest.
    frame.resize(frame.len().max(60), 0);
    frame
}

fn over6(destination: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    ethernet(
        mac6(destination),
        HOST,
        &[],
        IPV6,
        &mld(HOST6, destination, message),
    )
}

fn ports(audience: Audience<'_>) -> Option<Vec<u16>> {
    let has = |port: &u16| audience.has(PortId(*port));
    (audience != Audience::All).then(|| (0..10).filter(has).collect())
}

fn to_group(snooper: &Snooper, kind: Kind) -> Option<Vec<u16>> {
    let groups = snooper.groups();
    ports(groups.audience(UNTAGGED, MAC4, kind))
}

/// As control does it: whatever is over is over before the next message is heard.
fn hear(snooper: &mut Snooper, port: u16, frame: &[u8], now: u32) {
    snooper.age(Tick(now));
    snooper.hear(PortId(port), UNTAGGED, true, frame, Tick(now));
}

fn general() -> Vec<u8> {
    over4(ALL4, &about_v4(0x11, 100, Ipv4Addr::UNSPECIFIED, &[]))
}

fn join(group: Ipv4Addr) -> Vec<u8> {
    over4(group, &about_v4(0x16, 0, group, &[]))
}

#[test]
fn without_a_querier_everybody_has_everything() {
    let mut snooper = Snooper::default();
    hear(&mut snooper, 1, &join(GROUP4), 0);
    assert_eq!(to_group(&snooper, Kind::Data), None);
    assert_eq!(to_group(&snooper, Kind::Report), None);
    hear(&mut snooper, 7, &general(), 10);
    // Hosts have ten seconds for their answers, and one is for rounding.
    snooper.age(Tick(20));
    assert_eq!(to_group(&snooper, Kind::Data), None);
    assert_eq!(snooper.next_change(), Some(Tick(21)));
    assert!(snooper.age(Tick(21)));
    assert_eq!(to_group(&snooper, Kind::Data), Some(vec![1, 7]));
    // It is not heard of again.
    snooper.age(Tick(10 + 255));
    assert_eq!(to_group(&snooper, Kind::Data), None);
}

#[test]
fn a_group_goes_to_members_and_routers_and_one_that_nobody_asked_for_to_everybody() {
    let mut snooper = Snooper::default();
    hear(&mut snooper, 7, &general(), 0);
    for port in [1, 2] {
        hear(&mut snooper, port, &join(GROUP4), 5);
    }
    snooper.age(Tick(11));
    assert_eq!(to_group(&snooper, Kind::Data), Some(vec![1, 2, 7]));
    assert_eq!(to_group(&snooper, Kind::Report), Some(vec![7]));
    let groups = snooper.groups();
    let audience = |vlan, mac| groups.audience(vlan, mac, Kind::Data);
    // Another group, another VLAN, what is link-local or no group of IPv4's.
    let other = Mac(mac4(Ipv4Addr::new(239, 9, 9, 9)));
    assert_eq!(audience(UNTAGGED, other), Audience::All);
    assert_eq!(audience(VlanId(5), MAC4), Audience::All);
    for mac in [
        mac4(ALL4),
        [0xff; 6],
        [0x01, 0x80, 0xc2, 0, 0, 0],
        mac6(ALL6),
    ] {
        assert_eq!(audience(UNTAGGED, Mac(mac)), Audience::All);
    }
    // What falls together with 224.0.0.X is not asked for by anybody.
    hear(&mut snooper, 1, &join(Ipv4Addr::new(225, 0, 0, 5)), 12);
    let groups = snooper.groups();
    let link_local = groups.audience(UNTAGGED, Mac(mac4(Ipv4Addr::new(224, 0, 0, 5))), Kind::Data);
    assert_eq!(link_local, Audience::All);
}

#[test]
fn a_membership_ends_when_nobody_renews_it_or_answers_for_it() {
    let mut snooper = Snooper::default();
    for now in [0, 125, 250] {
        hear(&mut snooper, 7, &general(), now);
        hear(&mut snooper, 1, &join(GROUP4), now + 5);
    }
    hear(&mut snooper, 2, &join(GROUP4), 5);
    // Port 2 has not answered since: it is out 260 seconds later.
    snooper.age(Tick(5 + 259));
    assert_eq!(to_group(&snooper, Kind::Data), Some(vec![1, 2, 7]));
    assert!(snooper.age(Tick(5 + 260)));
    assert_eq!(to_group(&snooper, Kind::Data), Some(vec![1, 7]));
    // Somebody leaves; the querier asks who is still there; only those who answer stay.
    hear(&mut snooper, 2, &join(GROUP4), 270);
    hear(
        &mut snooper,
        1,
        &over4(ALL4, &about_v4(0x17, 0, GROUP4, &[])),
        271,
    );
    assert_eq!(to_group(&snooper, Kind::Data), Some(vec![1, 2, 7]));
    hear(
        &mut snooper,
        7,
        &over4(GROUP4, &about_v4(0x11, 10, GROUP4, &[])),
        272,
    );
    hear(&mut snooper, 2, &join(GROUP4), 273);
    assert_eq!(snooper.next_change(), Some(Tick(275)));
    assert!(snooper.age(Tick(275)));
    assert_eq!(to_group(&snooper, Kind::Data), Some(vec![2, 7]));
}

#[test]
fn a_port_that_may_not_be_a_router_is_not_believed_to_be_one() {
    let mut snooper = Snooper::default();
    assert!(!snooper.hear(PortId(3), UNTAGGED, false, &general(), Tick(0)));
    snooper.age(Tick(11));
    hear(&mut snooper, 1, &join(GROUP4), 12);
    assert_eq!(to_group(&snooper, Kind::Data), None);
    assert_eq!(to_group(&snooper, Kind::Report), None);
}

#[test]
fn a_switch_in_a_routers_place_gets_reports_and_no_groups() {
    let mut snooper = Snooper::default();
    let query = igmp(
        Ipv4Addr::UNSPECIFIED,
        ALL4,
        &about_v4(0x11, 100, Ipv4Addr::UNSPECIFIED, &[]),
    );
    hear(
        &mut snooper,
        7,
        &ethernet(mac4(ALL4), HOST, &[], IPV4, &query),
        0,
    );
    hear(&mut snooper, 1, &join(GROUP4), 5);
    snooper.age(Tick(11));
    assert_eq!(to_group(&snooper, Kind::Data), Some(vec![1]));
    assert_eq!(to_group(&snooper, Kind::Report), Some(vec![7]));
}

#[test]
fn a_port_that_asks_for_too_much_has_everything_and_is_not_remembered_for_more() {
    let mut snooper = Snooper::default();
    hear(&mut snooper, 7, &general(), 0);
    hear(&mut snooper, 1, &join(GROUP4), 5);
    for group in 0..REMEMBERED + 50 {
        let [_, _, high, low] = group.to_be_bytes();
        hear(&mut snooper, 2, &join(Ipv4Addr::new(238, 7, high, low)), 6);
    }
    snooper.age(Tick(11));
    assert_eq!(to_group(&snooper, Kind::Data), Some(vec![1, 2, 7]));
    let known = |snooper: &Snooper| {
        let domains = snooper.domains.values();
        { domains }.map(|domain| domain.groups.len()).sum::<usize>()
    };
    assert_eq!(known(&snooper), REMEMBERED as usize + 1);
    assert!(snooper.forget(PortId(2)));
    assert_eq!(known(&snooper), 1);
    assert_eq!(to_group(&snooper, Kind::Data), Some(vec![1, 7]));
    // An unclear report does the same.
    let mut damaged = join(GROUP4);
    damaged[36] ^= 1;
    hear(&mut snooper, 3, &damaged, 20);
    assert_eq!(to_group(&snooper, Kind::Data), Some(vec![1, 3, 7]));
    snooper.forget(PortId(1));
    snooper.forget(PortId(3));
    snooper.forget(PortId(7));
    snooper.age(Tick(1000));
    assert!(snooper.domains.is_empty() && snooper.shares.is_empty() && snooper.greedy.is_empty());
}
