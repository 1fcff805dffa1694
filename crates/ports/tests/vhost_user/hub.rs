//! Hubs and wires, and what a switch keeps from passing that they do not.

use switch::policy::{NetworkMode, NetworkPolicy, PortPolicy, VlanMode};
use switch::{DropReason, Idle, NetworkId, PortId, PortSettings};
use testkit::guest::GuestOptions;
use vmq::{Filter, Mac, VlanTest};

use crate::bench::{Bench, Machine};
use crate::traffic::{A, B, BROADCAST, frame};

/// STP, LACP, LLDP: to bridges, by their last octet.
const LINK_LOCAL: [u8; 3] = [0x00, 0x02, 0x0e];

fn to_bridges(last: u8, which: u32) -> Vec<u8> {
    frame([0x01, 0x80, 0xc2, 0, 0, last], A, which, 60)
}

fn hub() -> NetworkPolicy {
    NetworkPolicy {
        mode: NetworkMode::Hub,
        ..NetworkPolicy::default()
    }
}

/// Frames that a switch would not pass, or not so: to bridges, from a group, to the sender itself, with all kinds of tags.
fn odd_frames() -> Vec<Vec<u8>> {
    let mut frames: Vec<_> = LINK_LOCAL.iter().map(|last| to_bridges(*last, 0)).collect();
    frames.push(frame(B, BROADCAST, 0, 60));
    frames.push(frame(A, A, 0, 60));
    for kind in [[0x81, 0x00], [0x88, 0xa8], [0x91, 0x00]] {
        let mut tagged = frame(B, A, 0, 1514);
        tagged.splice(12..12, [kind[0], kind[1], 0xef, 0xff, 0x81, 0, 0, 5]);
        frames.push(tagged.clone());
        frames.push(tagged[..16].to_vec());
    }
    frames
}

fn send_all(from: &mut Machine, frames: &[Vec<u8>]) {
    from.send_all(frames.iter().map(Vec::as_slice));
}

#[test]
fn everything_passes_a_hub_to_everybody_else_untouched() {
    let bench = Bench::new(2, 3);
    bench.switch.set_network(NetworkId::DEFAULT, hub()).unwrap();
    let mut machines = [0, 1, 2].map(|port| bench.attach(port, GuestOptions::default()));
    let frames = odd_frames();
    for from in 0..3 {
        send_all(&mut machines[from], &frames);
        for other in (0..3).filter(|other| *other != from) {
            assert_eq!(machines[other].receive(frames.len()), frames);
        }
    }
    machines.iter_mut().for_each(Machine::receives_nothing);
    assert_eq!(
        bench.switch.status().networks[0].filters,
        0,
        "nothing is learnt"
    );
}

#[test]
fn a_hub_of_two_is_a_wire_that_holds_its_sender_back_and_loses_nothing() {
    const FRAMES: usize = 5000;
    let mut bench = Bench::new(1, 0);
    let wire = bench
        .switch
        .add_network(switch::NetworkSpec {
            name: "wire".to_owned(),
            policy: hub(),
        })
        .unwrap();
    for _ in 0..2 {
        bench.add_port(wire, PortSettings::default());
    }
    let small = GuestOptions {
        ring_size: 32,
        ..GuestOptions::default()
    };
    let mut a = bench.attach(0, GuestOptions::default());
    let mut b = bench.attach(1, small);
    // More at a time than there are buffers.
    let frames: Vec<_> = (0..FRAMES)
        .map(|which| to_bridges(which as u8 & 15, which as u32))
        .collect();
    // Who of the two guests is the faster one is the machine's to say: again where no frame had to wait.
    let has_held = (0..100).any(|_| {
        std::thread::scope(|scope| {
            scope.spawn(|| send_all(&mut a, &frames));
            assert!(b.receive(FRAMES) == frames);
        });
        bench.status(0).totals.held > 0
    });
    assert!(has_held, "nothing was ever held");
    assert_eq!(bench.status(1).totals.drops, [0; DropReason::ALL.len()]);
    send_all(&mut b, &odd_frames());
    assert_eq!(a.receive(odd_frames().len()), odd_frames());
}

#[test]
fn a_network_becomes_a_hub_and_a_switch_again_while_it_runs() {
    let bench = Bench::new(1, 3);
    let [mut a, mut b, mut c] = [0, 1, 2].map(|port| bench.attach(port, GuestOptions::default()));
    crate::lifecycle::introduce(&bench, &mut a, &mut b);
    c.receive(1);
    let mut expected = Vec::new();
    for round in 0..10 {
        let policy = if round % 2 == 0 {
            hub()
        } else {
            NetworkPolicy::default()
        };
        bench
            .switch
            .set_network(NetworkId::DEFAULT, policy)
            .unwrap();
        a.send_all([&frame(B, A, round, 60)[..]]);
        assert_eq!(b.receive(1), [frame(B, A, round, 60)]);
        if round % 2 == 0 {
            expected.push(frame(B, A, round, 60));
        }
    }
    assert_eq!(c.receive(expected.len()), expected);
    c.receives_nothing();
}

#[test]
fn a_hub_knows_no_vlans() {
    let access = PortSettings {
        policy: PortPolicy {
            vlan: VlanMode::Untagged,
            ..PortPolicy::default()
        },
        ..PortSettings::default()
    };
    let bench = Bench::with_ports(1, Idle::Adapt, vec![access; 2]);
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    bench.switch.set_network(NetworkId::DEFAULT, hub()).unwrap();
    send_all(&mut a, &odd_frames());
    assert_eq!(b.receive(odd_frames().len()), odd_frames());
}

#[test]
fn isolated_ports_of_a_hub_hear_the_others_only() {
    let isolated = PortSettings {
        policy: PortPolicy {
            isolated: true,
            ..PortPolicy::default()
        },
        ..PortSettings::default()
    };
    let ports = vec![isolated.clone(), isolated, PortSettings::default()];
    let bench = Bench::with_ports(1, Idle::Adapt, ports);
    bench.switch.set_network(NetworkId::DEFAULT, hub()).unwrap();
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    // Alone with another isolated one: on a wire to nobody.
    a.send_all([&frame(B, A, 0, 60)[..]]);
    bench.wait_for(0, |port| {
        port.totals.drops[DropReason::Isolated as usize] == 1
    });
    let mut c = bench.attach(2, GuestOptions::default());
    a.send_all([&frame(B, A, 1, 60)[..]]);
    assert_eq!(c.receive(1), [frame(B, A, 1, 60)]);
    c.send_all([&frame(B, A, 2, 60)[..]]);
    assert_eq!(a.receive(1), [frame(B, A, 2, 60)]);
    assert_eq!(b.receive(1), [frame(B, A, 2, 60)]);
    b.receives_nothing();
}

#[test]
fn a_switch_keeps_frames_for_bridges_unless_it_is_told_to_let_them_pass() {
    let with = |link_local| PortSettings {
        policy: PortPolicy {
            link_local,
            ..PortPolicy::default()
        },
        ..PortSettings::default()
    };
    let ports = [None, None, Some(false)].map(with).to_vec();
    let bench = Bench::with_ports(1, Idle::Adapt, ports);
    let [mut a, mut b, mut c] = [0, 1, 2].map(|port| bench.attach(port, GuestOptions::default()));
    let frames: Vec<_> = (0..16).map(|last| to_bridges(last, last.into())).collect();
    let dropped = |port: usize| bench.status(port).totals.drops[DropReason::LinkLocal as usize];
    send_all(&mut a, &frames);
    bench.wait_for(0, |port| port.totals.from_guest_frames == 16);
    assert_eq!(dropped(0), 16);
    assert!(bench.status(0).queue.filters.is_empty());
    // All of the network, but for the port that says otherwise.
    let policy = NetworkPolicy {
        link_local: true,
        ..NetworkPolicy::default()
    };
    bench
        .switch
        .set_network(NetworkId::DEFAULT, policy)
        .unwrap();
    send_all(&mut a, &frames);
    send_all(&mut c, &frames);
    assert_eq!(b.receive(16), frames);
    bench.wait_for(2, |port| port.totals.from_guest_frames == 16);
    assert_eq!((dropped(0), dropped(2)), (16, 16));
    // Two ports of a switch that is not told.
    bench
        .switch
        .set_network(NetworkId::DEFAULT, NetworkPolicy::default())
        .unwrap();
    for port in [1, 2].map(PortId) {
        bench.switch.set_port(port, with(Some(true))).unwrap();
    }
    send_all(&mut c, &frames);
    assert_eq!(b.receive(16), frames);
    [a, b, c].iter_mut().for_each(Machine::receives_nothing);
}

#[test]
fn a_group_address_beside_the_link_local_ones_is_flooded_as_ever() {
    let bench = Bench::with_filters(
        1,
        &[
            vec![],
            vec![Filter {
                mac: Mac(B),
                vlan: VlanTest::Any,
            }],
        ],
    );
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    a.send_all([&to_bridges(0x10, 1)[..], &to_bridges(0x21, 2)[..]]);
    assert_eq!(b.receive(2), [to_bridges(0x10, 1), to_bridges(0x21, 2)]);
}
