//! Guards on what a guest sends: what passes arrives, what does not is counted at the sender by its reason, and nothing is learnt
//! from it.

use std::net::{Ipv4Addr, Ipv6Addr};

use switch::policy::{NetworkMode, NetworkPolicy, PortPolicy, VlanMode};
use switch::{DropReason, Idle, NetworkId, PortId, PortSettings};
use testkit::guest::GuestOptions;
use testkit::packets::{
    ARP, Extension, ICMPV6, IPV4, IPV6, Ipv4, UDP, arp, dhcp, ethernet, ipv6, neighbour,
    router_advertisement, udp,
};
use vmq::{Filter, Mac, VlanId, VlanTest};

use crate::bench::{Bench, Machine};
use crate::traffic::{A, B, BROADCAST, frame};

const A4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const A6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const B6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const ALL6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Two ports, of which the first keeps to `policy`, and their guests.
fn lab(settings: PortSettings) -> (Bench, Machine, Machine) {
    let ports = vec![settings, PortSettings::default()];
    let bench = Bench::with_ports(1, Idle::Adapt, ports);
    let [a, b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    (bench, a, b)
}

fn with(policy: PortPolicy) -> PortSettings {
    PortSettings {
        policy,
        ..PortSettings::default()
    }
}

fn filter(mac: [u8; 6], vlan: VlanTest) -> Filter {
    Filter {
        mac: Mac(mac),
        vlan,
    }
}

fn drops(bench: &Bench, reason: DropReason) -> u64 {
    bench.status(0).totals.drops[reason as usize]
}

fn datagram(source: Ipv4Addr, destination: Ipv4Addr, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let packet = Ipv4::new(source, destination, UDP).packet(&udp(ports.0, ports.1, payload));
    ethernet(BROADCAST, A, &[], IPV4, &packet)
}

fn over6(extensions: &[Extension], protocol: u8, payload: &[u8]) -> Vec<u8> {
    ethernet(
        BROADCAST,
        A,
        &[],
        IPV6,
        &ipv6(A6, ALL6, extensions, protocol, payload),
    )
}

/// What a guest says, and what becomes of it.
type Said = (Vec<u8>, Option<DropReason>);

/// Says all of it and looks what arrives and what is counted.
fn say(bench: &Bench, a: &mut Machine, b: &mut Machine, said: &[Said]) {
    a.send_all(said.iter().map(|(frame, _)| frame.as_slice()));
    let passing = said.iter().filter(|(_, dropped)| dropped.is_none());
    let passing: Vec<_> = passing.map(|(frame, _)| frame.clone()).collect();
    assert_eq!(b.receive(passing.len()), passing);
    bench.wait_for(0, |port| port.totals.from_guest_frames >= said.len() as u64);
    for reason in DropReason::ALL {
        let expected = said.iter().filter(|(_, dropped)| *dropped == Some(reason));
        assert_eq!(drops(bench, reason), expected.count() as u64, "{reason}");
    }
    b.receives_nothing();
}

#[test]
fn dhcp_guard_and_router_guard_stop_servers_and_routers_of_both_versions() {
    let (bench, mut a, mut b) = lab(with(PortPolicy {
        dhcp_guard: true,
        router_guard: true,
        ..PortPolicy::default()
    }));
    let dhcp_guard = Some(DropReason::DhcpGuard);
    let router_guard = Some(DropReason::RouterGuard);
    let hidden = Some(DropReason::HiddenHeaders);
    let first = Extension::Fragment {
        offset: 0,
        more: true,
    };
    say(
        &bench,
        &mut a,
        &mut b,
        &[
            (datagram(A4, Ipv4Addr::BROADCAST, (68, 67), &dhcp(1)), None),
            (
                datagram(A4, Ipv4Addr::BROADCAST, (67, 68), &dhcp(2)),
                dhcp_guard,
            ),
            (over6(&[], UDP, &udp(546, 547, &[1, 0, 0, 0])), None),
            (over6(&[], UDP, &udp(547, 546, &[2, 0, 0, 0])), dhcp_guard),
            (over6(&[], ICMPV6, &[133, 0, 0, 0, 0, 0, 0, 0]), None),
            (over6(&[], ICMPV6, &router_advertisement()), router_guard),
            (
                over6(&[first], ICMPV6, &router_advertisement()),
                router_guard,
            ),
            (
                over6(&[Extension::Plain(60, 30)], ICMPV6, &router_advertisement()),
                hidden,
            ),
            (frame(BROADCAST, A, 7, 60), None),
        ],
    );
}

#[test]
fn address_guard_stops_foreign_addresses_in_ip_arp_and_neighbour_discovery() {
    let (bench, mut a, mut b) = lab(PortSettings {
        filters: vec![filter(A, VlanTest::Any)],
        policy: PortPolicy {
            allowed_addresses: Some(vec![
                "10.0.0.1".parse().unwrap(),
                "fd00::1".parse().unwrap(),
            ]),
            ..PortPolicy::default()
        },
        ..PortSettings::default()
    });
    let guard = Some(DropReason::AddressGuard);
    let resolve = |operation, sender, target| {
        let message = arp(operation, (A, sender), (BROADCAST, target));
        ethernet(BROADCAST, A, &[], ARP, &message)
    };
    let advertise = |target| over6(&[], ICMPV6, &neighbour(136, target, &[(2, A)]));
    say(
        &bench,
        &mut a,
        &mut b,
        &[
            (
                datagram(
                    Ipv4Addr::UNSPECIFIED,
                    Ipv4Addr::BROADCAST,
                    (68, 67),
                    &dhcp(1),
                ),
                None,
            ),
            (resolve(1, Ipv4Addr::UNSPECIFIED, A4), None),
            (resolve(1, A4, B4), None),
            (resolve(2, B4, A4), guard),
            (datagram(A4, B4, (1000, 2000), &[]), None),
            (datagram(B4, A4, (1000, 2000), &[]), guard),
            (advertise(A6), None),
            (advertise(B6), guard),
            (advertise(A6), None),
        ],
    );
}

#[test]
fn a_configured_address_is_the_only_one_that_its_guest_sends_from() {
    let (bench, mut a, mut b) = lab(PortSettings {
        filters: vec![filter(A, VlanTest::Any)],
        ..PortSettings::default()
    });
    let other = [2, 0, 0, 0, 0, 0xc];
    let spoofed = Some(DropReason::MacSpoofing);
    let tagged = ethernet(BROADCAST, A, &[(0x8100, 7)], 0x88b5, &[1; 46]);
    say(
        &bench,
        &mut a,
        &mut b,
        &[
            (frame(BROADCAST, A, 1, 60), None),
            (frame(BROADCAST, other, 2, 60), spoofed),
            (frame(B, B, 3, 60), spoofed),
            (tagged, None),
        ],
    );
    // Nothing was learnt from what did not pass.
    let known: Vec<_> = { bench.status(0).queue.filters.into_iter() }
        .map(|filter| (filter.mac, filter.id.is_some()))
        .collect();
    assert_eq!(known, [(Mac(A).to_string(), true)]);
    // It may if that is said, and then no more.
    let may = |may| PortSettings {
        filters: vec![filter(A, VlanTest::Any)],
        ..with(PortPolicy {
            mac_spoofing: may,
            ..PortPolicy::default()
        })
    };
    bench.switch.set_port(PortId(0), may(Some(true))).unwrap();
    a.send_all([&frame(BROADCAST, other, 4, 60)[..]]);
    assert_eq!(b.receive(1), [frame(BROADCAST, other, 4, 60)]);
    bench.wait_for(0, |port| port.queue.filters.len() == 2);
    bench.switch.set_port(PortId(0), may(None)).unwrap();
    a.send_all([
        &frame(BROADCAST, other, 5, 60)[..],
        &frame(BROADCAST, A, 6, 60),
    ]);
    assert_eq!(b.receive(1), [frame(BROADCAST, A, 6, 60)]);
    assert_eq!(drops(&bench, DropReason::MacSpoofing), 3);
}

#[test]
fn an_address_that_is_configured_in_one_vlan_is_spoofed_in_another() {
    let trunk = || PortPolicy {
        vlan: VlanMode::Trunk {
            allowed: "10-11".parse().unwrap(),
            native: None,
        },
        ..PortPolicy::default()
    };
    let own = |vlan| PortSettings {
        filters: vec![filter(A, VlanTest::Id(VlanId(vlan)))],
        ..with(trunk())
    };
    let bench = Bench::with_ports(1, Idle::Adapt, vec![own(10), own(11)]);
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    let tagged = |vlan| ethernet(BROADCAST, A, &[(0x8100, vlan)], 0x88b5, &[vlan as u8; 46]);
    let spoofed = Some(DropReason::MacSpoofing);
    say(
        &bench,
        &mut a,
        &mut b,
        &[
            (tagged(11), spoofed),
            (tagged(10), None),
            (tagged(11), spoofed),
        ],
    );
}

#[test]
fn frames_for_the_next_bridge_come_from_a_configured_address_too() {
    let (bench, mut a, mut b) = lab(PortSettings {
        filters: vec![filter(A, VlanTest::Id(VlanId(10)))],
        ..PortSettings::default()
    });
    let policy = NetworkPolicy {
        link_local: true,
        ..NetworkPolicy::default()
    };
    bench
        .switch
        .set_network(NetworkId::DEFAULT, policy)
        .unwrap();
    let lldp = |from, which| frame([0x01, 0x80, 0xc2, 0, 0, 0x0e], from, which, 60);
    say(
        &bench,
        &mut a,
        &mut b,
        &[
            (lldp(B, 1), Some(DropReason::MacSpoofing)),
            (lldp(A, 2), None),
        ],
    );
}

#[test]
fn a_hub_asks_for_addresses_only_where_that_is_said() {
    let asked = |mac_spoofing| PortSettings {
        filters: vec![filter(A, VlanTest::Any)],
        ..with(PortPolicy {
            mac_spoofing,
            dhcp_guard: true,
            ..PortPolicy::default()
        })
    };
    let (bench, mut a, mut b) = lab(asked(None));
    let policy = NetworkPolicy {
        mode: NetworkMode::Hub,
        ..NetworkPolicy::default()
    };
    bench
        .switch
        .set_network(NetworkId::DEFAULT, policy)
        .unwrap();
    let offer = datagram(A4, Ipv4Addr::BROADCAST, (67, 68), &dhcp(2));
    a.send_all([
        &frame(BROADCAST, B, 1, 60)[..],
        &offer,
        &frame(BROADCAST, A, 2, 60),
    ]);
    assert_eq!(
        b.receive(2),
        [frame(BROADCAST, B, 1, 60), frame(BROADCAST, A, 2, 60)]
    );
    bench
        .switch
        .set_port(PortId(0), asked(Some(false)))
        .unwrap();
    a.send_all([&frame(BROADCAST, B, 3, 60)[..], &frame(BROADCAST, A, 4, 60)]);
    assert_eq!(b.receive(1), [frame(BROADCAST, A, 4, 60)]);
    assert_eq!(drops(&bench, DropReason::DhcpGuard), 1);
    assert_eq!(drops(&bench, DropReason::MacSpoofing), 1);
    b.receives_nothing();
}
