//! Copies of a port's frames at another port.

use switch::policy::{Direction, Mirror, PortPolicy, VlanMode};
use switch::{DropReason, Idle, PortError, PortId, PortSettings, PortSpec, PortStatus};
use testkit::guest::GuestOptions;
use vmq::{Filter, Mac, VlanId, VlanTest};

use crate::bench::{Bench, Machine};
use crate::traffic::{A, B, BROADCAST, frame};

fn mirrors_to(to: &str, direction: Direction) -> PortSettings {
    PortSettings {
        policy: PortPolicy {
            mirror: Some(Mirror {
                to: to.to_owned(),
                direction,
            }),
            ..PortPolicy::default()
        },
        ..PortSettings::default()
    }
}

fn knows(mac: [u8; 6], settings: PortSettings) -> PortSettings {
    let filter = Filter {
        mac: Mac(mac),
        vlan: VlanTest::Any,
    };
    PortSettings {
        filters: vec![filter],
        ..settings
    }
}

fn missed(port: &PortStatus) -> u64 {
    port.totals.drops[DropReason::MirrorNoBuffers as usize]
}

/// p0 with A and p1 with B talk, p2 listens to p0.
fn lab(direction: Direction, workers: usize) -> (Bench, [Machine; 3]) {
    let listened = knows(A, mirrors_to("p2", direction));
    let other = knows(B, PortSettings::default());
    let bench = Bench::with_ports(
        workers,
        Idle::Adapt,
        vec![listened, other, PortSettings::default()],
    );
    let machines = [0, 1, 2].map(|port| bench.attach(port, GuestOptions::default()));
    (bench, machines)
}

#[test]
fn each_direction_is_copied_once_and_as_the_guest_has_it() {
    for (direction, sent, received) in [
        (Direction::FromGuest, true, false),
        (Direction::ToGuest, false, true),
        (Direction::Both, true, true),
    ] {
        let (bench, [mut a, mut b, mut listener]) = lab(direction, 2);
        for (which, len) in [(1, 60), (2, 129), (3, 1514), (4, 9000)] {
            let frames = [frame(B, A, which, len), frame(A, B, which, len)];
            a.send_all([&frames[0][..]]);
            assert_eq!(b.receive(1), frames[..1]);
            if sent {
                assert_eq!(listener.receive(1), frames[..1]);
            }
            b.send_all([&frames[1][..]]);
            assert_eq!(a.receive(1), frames[1..]);
            if received {
                assert_eq!(listener.receive(1), frames[1..]);
            }
        }
        // What is dropped was sent all the same, and what is flooded is received.
        a.send_all([&frame(A, A, 5, 60)[..]]);
        if sent {
            assert_eq!(listener.receive(1), [frame(A, A, 5, 60)]);
        }
        b.send_all([&frame(BROADCAST, B, 6, 60)[..]]);
        assert_eq!(a.receive(1), [frame(BROADCAST, B, 6, 60)]);
        // Once to everybody, once as a copy.
        let copies = if received { 2 } else { 1 };
        assert_eq!(
            listener.receive(copies),
            vec![frame(BROADCAST, B, 6, 60); copies]
        );
        [a, b, listener]
            .iter_mut()
            .for_each(Machine::receives_nothing);
        assert_eq!(missed(&bench.status(2)), 0);
    }
}

#[test]
fn a_listener_without_buffers_holds_nobody_up() {
    const FRAMES: usize = 2000;
    let (bench, [mut a, mut b, listener]) = lab(Direction::Both, 1);
    let frames: Vec<_> = (0..FRAMES)
        .map(|which| frame(B, A, which as u32, 60))
        .collect();
    std::thread::scope(|scope| {
        scope.spawn(|| a.send_all(frames.iter().map(Vec::as_slice)));
        assert!(b.receive(FRAMES) == frames);
    });
    let status = bench.wait_for(2, |port| {
        missed(port) + port.totals.to_guest_frames == FRAMES as u64
    });
    assert!(missed(&status) > 0, "its buffers lasted for all copies");
    assert_eq!(bench.status(1).totals.drops, [0; DropReason::ALL.len()]);
    drop(listener);
    bench.wait_for(2, |port| !port.is_connected);
    a.send_all([&frames[0][..]]);
    assert_eq!(b.receive(1), frames[..1]);
}

#[test]
fn frames_that_wait_are_copied_once() {
    const FRAMES: usize = 3000;
    let listened = knows(A, mirrors_to("p2", Direction::Both));
    let also = knows(B, mirrors_to("p2", Direction::ToGuest));
    let slow = GuestOptions {
        ring_size: 32,
        ..GuestOptions::default()
    };
    let frames: Vec<_> = (0..FRAMES)
        .map(|which| frame(B, A, which as u32, 60))
        .collect();
    // Who of the two guests is the faster one is the machine's to say: another round where no frame had to wait.
    let has_held = (0..100).any(|_| {
        let settings = vec![listened.clone(), also.clone(), PortSettings::default()];
        let bench = Bench::with_ports(1, Idle::Adapt, settings);
        let mut a = bench.attach(0, GuestOptions::default());
        let mut b = bench.attach(1, slow);
        let mut listener = bench.attach(2, GuestOptions::default());
        std::thread::scope(|scope| {
            scope.spawn(|| a.send_all(frames.iter().map(Vec::as_slice)));
            assert!(b.receive(FRAMES) == frames);
        });
        // What the listener had no buffers for is counted, so together there are two copies of each.
        let status = bench.wait_for(2, |port| {
            missed(port) + port.totals.to_guest_frames == 2 * FRAMES as u64
        });
        let mut copies = vec![0; FRAMES];
        for frame in listener.receive(status.totals.to_guest_frames as usize) {
            let which = u32::from_be_bytes(*frame[14..].first_chunk().unwrap());
            copies[which as usize] += 1;
        }
        assert!(copies.iter().all(|copies| *copies <= 2));
        bench.status(0).totals.held > 0
    });
    assert!(has_held, "nothing was ever held");
}

#[test]
fn ports_that_mirror_each_other_go_round_in_no_circle() {
    let ports = vec![
        mirrors_to("p1", Direction::Both),
        mirrors_to("p0", Direction::Both),
        mirrors_to("p0", Direction::Both),
    ];
    let bench = Bench::with_ports(1, Idle::Adapt, ports);
    let [mut a, mut b, mut c] = [0, 1, 2].map(|port| bench.attach(port, GuestOptions::default()));
    c.send_all([&frame(BROADCAST, A, 1, 60)[..]]);
    // a: the frame, the copy of what c sent, that of what b was given.
    assert_eq!(a.receive(3), vec![frame(BROADCAST, A, 1, 60); 3]);
    // b: the frame, and the copy of what a was given.
    assert_eq!(b.receive(2), vec![frame(BROADCAST, A, 1, 60); 2]);
    [a, b, c].iter_mut().for_each(Machine::receives_nothing);
}

#[test]
fn a_copy_has_the_tag_that_the_guest_has_and_passes_by_the_vlans() {
    let in_vlan = |vlan, settings: PortSettings| PortSettings {
        policy: PortPolicy {
            vlan,
            ..settings.policy
        },
        ..settings
    };
    let trunk = || VlanMode::Trunk {
        allowed: "10".parse().unwrap(),
        native: None,
    };
    let ports = vec![
        in_vlan(trunk(), mirrors_to("p2", Direction::Both)),
        in_vlan(
            VlanMode::Access(VlanId(10)),
            mirrors_to("p3", Direction::Both),
        ),
        in_vlan(VlanMode::Access(VlanId(77)), PortSettings::default()),
        in_vlan(VlanMode::Access(VlanId(78)), PortSettings::default()),
    ];
    let bench = Bench::with_ports(1, Idle::Adapt, ports);
    let mut machines = [0, 1, 2, 3].map(|port| bench.attach(port, GuestOptions::default()));
    let bare = frame(BROADCAST, A, 1, 200);
    let mut tagged = bare.clone();
    tagged.splice(12..12, [0x81, 0, 0x60, 10]);
    machines[0].send_all([&tagged[..]]);
    assert_eq!(machines[1].receive(1), [&bare[..]]);
    assert_eq!(machines[2].receive(1), [&tagged[..]], "as it was sent");
    assert_eq!(machines[3].receive(1), [&bare[..]], "as it was received");
    // To one receiver, and dropped for its VLAN.
    bench.wait_for(0, |port| !port.queue.filters.is_empty());
    let answer = frame(A, B, 2, 200);
    machines[1].send_all([&answer[..]]);
    let mut answer_tagged = answer.clone();
    answer_tagged.splice(12..12, [0x81, 0, 0, 10]);
    assert_eq!(machines[0].receive(1), [&answer_tagged[..]]);
    assert_eq!(machines[2].receive(1), [&answer_tagged[..]]);
    assert_eq!(machines[3].receive(1), [&answer[..]]);
    machines[0].send_all([&bare[..]]);
    assert_eq!(machines[2].receive(1), [&bare[..]]);
    machines.iter_mut().for_each(Machine::receives_nothing);
}

#[test]
fn a_mirror_is_found_by_name_whenever_it_comes() {
    let bench = Bench::with_ports(
        1,
        Idle::Adapt,
        vec![mirrors_to("p2", Direction::Both), PortSettings::default()],
    );
    let itself = bench
        .switch
        .set_port(PortId(0), mirrors_to("p0", Direction::Both));
    assert!(
        matches!(itself, Err(PortError::Policy { .. })),
        "{itself:?}"
    );
    let mut bench = bench;
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    a.send_all([&frame(BROADCAST, A, 0, 60)[..]]);
    b.receive(1);
    let other = bench
        .switch
        .add_network(switch::NetworkSpec {
            name: "other".to_owned(),
            ..switch::NetworkSpec::default()
        })
        .unwrap();
    // Of another network, and so not the one that is meant.
    let stranger = PortSpec {
        name: "p2".to_owned(),
        network: other,
        ..PortSpec::default()
    };
    let stranger = bench.switch.add_port(stranger).unwrap();
    a.send_all([&frame(BROADCAST, A, 1, 60)[..]]);
    b.receive(1);
    bench.switch.remove_port(stranger);
    bench.add_port(switch::NetworkId::DEFAULT, PortSettings::default());
    let mut listener = bench.attach(2, GuestOptions::default());
    for which in 2..5 {
        a.send_all([&frame(BROADCAST, A, which, 60)[..]]);
        b.receive(1);
        assert_eq!(listener.receive(2), vec![frame(BROADCAST, A, which, 60); 2]);
    }
    bench
        .switch
        .set_port(PortId(0), PortSettings::default())
        .unwrap();
    a.send_all([&frame(BROADCAST, A, 5, 60)[..]]);
    assert_eq!(listener.receive(1), [frame(BROADCAST, A, 5, 60)]);
    listener.receives_nothing();
}
