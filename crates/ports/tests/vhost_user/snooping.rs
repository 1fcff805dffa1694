//! Multicast snooping: groups go to those who asked for them, once there is somebody who asks who wants what.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use switch::policy::{NetworkPolicy, PortPolicy};
use switch::{Idle, NetworkId, NetworkStatus, PortSettings};
use testkit::guest::GuestOptions;
use testkit::packets::{IPV4, IPV6, about_v4, about_v6, ethernet, igmp, mld};

use crate::bench::{Bench, Machine, PATIENCE};
use crate::traffic::frame;

const ALL4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
const ALL6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const GROUP4: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0x0102, 0x0304);
const MAC4: [u8; 6] = [0x01, 0x00, 0x5e, 1, 2, 3];
const MAC6: [u8; 6] = [0x33, 0x33, 1, 2, 3, 4];

fn station(port: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, port]
}

/// A switch that listens to who wants which group, with a guest at each port.
fn lab<const N: usize>(policies: [PortPolicy; N]) -> (Bench, [Machine; N]) {
    let settings = policies.map(|policy| PortSettings {
        policy,
        ..PortSettings::default()
    });
    let bench = Bench::with_ports(2, Idle::Adapt, settings.into());
    let policy = NetworkPolicy {
        multicast_snooping: true,
        ..NetworkPolicy::default()
    };
    bench
        .switch
        .set_network(NetworkId::DEFAULT, policy)
        .unwrap();
    let machines = std::array::from_fn(|port| bench.attach(port, GuestOptions::default()));
    (bench, machines)
}

fn report4(port: u8) -> Vec<u8> {
    let message = about_v4(0x16, 0, GROUP4, &[]);
    let packet = igmp(Ipv4Addr::new(10, 0, 0, port), GROUP4, &message);
    ethernet(MAC4, station(port), &[], IPV4, &packet)
}

/// Answers within a tenth of a second are asked for.
fn query4(port: u8) -> Vec<u8> {
    let message = about_v4(0x11, 1, Ipv4Addr::UNSPECIFIED, &[]);
    let packet = igmp(Ipv4Addr::new(10, 0, 0, port), ALL4, &message);
    ethernet([0x01, 0, 0x5e, 0, 0, 1], station(port), &[], IPV4, &packet)
}

fn link_local(port: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, port.into())
}

fn report6(port: u8) -> Vec<u8> {
    let packet = mld(link_local(port), GROUP6, &about_v6(131, 0, GROUP6, &[]));
    ethernet(MAC6, station(port), &[], IPV6, &packet)
}

fn query6(port: u8) -> Vec<u8> {
    let message = about_v6(130, 100, Ipv6Addr::UNSPECIFIED, &[]);
    let packet = mld(link_local(port), ALL6, &message);
    ethernet([0x33, 0x33, 0, 0, 0, 1], station(port), &[], IPV6, &packet)
}

fn wait_for(bench: &Bench, is_so: impl Fn(&NetworkStatus) -> bool) {
    let end = Instant::now() + PATIENCE;
    loop {
        let network = bench.switch.status().networks.swap_remove(0);
        if is_so(&network) {
            return;
        }
        assert!(Instant::now() < end, "the network is still {network:#?}");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

fn filters(network: &NetworkStatus, is_ipv6: bool) -> bool {
    let mut known = network.groups.iter();
    known.any(|groups| groups.is_ipv6 == is_ipv6 && groups.is_filtering)
}

fn members(network: &NetworkStatus) -> usize {
    let groups = network.groups.iter().flat_map(|groups| &groups.groups);
    groups.map(|group| group.members.len()).sum()
}

/// Sends to `group`, and says who got it: a frame to everybody follows, behind which nothing comes.
fn who_gets<const N: usize>(machines: &mut [Machine; N], group: [u8; 6], which: u32) -> [bool; N] {
    let sent = [
        frame(group, station(0), which, 60),
        frame([0xff; 6], station(0), which, 60),
    ];
    machines[0].send_all(sent.iter().map(Vec::as_slice));
    std::array::from_fn(|port| {
        if port == 0 {
            return false;
        }
        let first = machines[port].receive(1);
        if first == sent[1..] {
            return false;
        }
        assert_eq!(first, sent[..1]);
        assert_eq!(machines[port].receive(1), sent[1..]);
        true
    })
}

#[test]
fn a_group_goes_to_members_and_routers_once_somebody_asks_for_members() {
    let (bench, mut machines) = lab([(); 4].map(|()| PortPolicy::default()));
    // Port 1 joins both groups, port 3 leads to routers.
    let reports = [report4(1), report6(1)];
    machines[1].send_all(reports.iter().map(Vec::as_slice));
    for port in [0, 2, 3] {
        assert_eq!(machines[port].receive(2), reports, "nobody is a router yet");
    }
    wait_for(&bench, |network| members(network) == 2);
    assert_eq!(who_gets(&mut machines, MAC4, 1), [false, true, true, true]);
    let queries = [query4(3), query6(3)];
    machines[3].send_all(queries.iter().map(Vec::as_slice));
    for machine in &mut machines[..3] {
        assert_eq!(machine.receive(2), queries);
    }
    for is_ipv6 in [false, true] {
        wait_for(&bench, |network| filters(network, is_ipv6));
    }
    assert_eq!(who_gets(&mut machines, MAC4, 2), [false, true, false, true]);
    assert_eq!(who_gets(&mut machines, MAC6, 3), [false, true, false, true]);
    // Nobody asked for this one, and for those nobody has to ask.
    for group in [
        [0x01, 0, 0x5e, 9, 9, 9],
        [0x01, 0, 0x5e, 0, 0, 5],
        [0x33, 0x33, 0, 0, 0, 1],
    ] {
        assert_eq!(who_gets(&mut machines, group, 4), [false, true, true, true]);
    }
    // Reports are for routers, so that nobody keeps quiet because another has asked.
    let report = [report4(2)];
    machines[2].send_all([&report[0][..]]);
    assert_eq!(machines[3].receive(1), report);
    wait_for(&bench, |network| members(network) == 3);
    assert_eq!(who_gets(&mut machines, MAC4, 5), [false, true, true, true]);
    // A machine that goes is no member any more.
    let [first, second, third, last] = machines;
    drop(second);
    bench.wait_for(1, |port| !port.is_connected);
    wait_for(&bench, |network| members(network) == 1);
    assert_eq!(
        who_gets(&mut [first, third, last], MAC4, 6),
        [false, true, true]
    );
    // Nobody listens any more.
    bench
        .switch
        .set_network(NetworkId::DEFAULT, NetworkPolicy::default())
        .unwrap();
    wait_for(&bench, |network| network.groups.is_empty());
}

#[test]
fn a_port_with_the_router_guard_is_not_taken_for_a_routers() {
    let guarded = PortPolicy {
        router_guard: true,
        ..PortPolicy::default()
    };
    let (bench, mut machines) = lab([PortPolicy::default(), guarded, PortPolicy::default()]);
    // It passes, for it does no harm; but nobody believes it.
    machines[1].send_all([&query4(1)[..], &report4(1)]);
    for port in [0, 2] {
        assert_eq!(machines[port].receive(2), [query4(1), report4(1)]);
    }
    wait_for(&bench, |network| members(network) == 1);
    wait_for(&bench, |network| {
        network
            .groups
            .iter()
            .all(|groups| groups.routers.is_empty())
    });
    assert_eq!(who_gets(&mut machines, MAC4, 1), [false, true, true]);
    assert!(!filters(&bench.switch.status().networks[0], false));
}
