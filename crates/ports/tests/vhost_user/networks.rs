//! Several networks in one switch; ports and networks that are added, changed and removed while it runs.

use std::time::Duration;

use switch::policy::{NetworkPolicy, PortPolicy};
use switch::{
    DropReason, Event, Events, NetworkError, NetworkId, NetworkSpec, PortError, PortId,
    PortSettings, PortSpec, WhenFull,
};
use testkit::guest::GuestOptions;
use vmq::{Affinity, Filter, Mac, NdisStatus, VlanId, VlanTest};

use crate::bench::{Bench, PATIENCE};
use crate::lifecycle::introduce;
use crate::traffic::{A, B, BROADCAST, frame};

fn named(name: &str) -> NetworkSpec {
    NetworkSpec {
        name: name.to_owned(),
        policy: NetworkPolicy::default(),
    }
}

fn with_filters(filters: &[Filter]) -> PortSettings {
    PortSettings {
        filters: filters.to_vec(),
        ..PortSettings::default()
    }
}

const fn filter(mac: [u8; 6]) -> Filter {
    Filter {
        mac: Mac(mac),
        vlan: VlanTest::Any,
    }
}

/// Everything that has happened, once `last` has.
fn until(events: &mut Events, last: &Event) -> Vec<Event> {
    let mut all = Vec::new();
    while !all.contains(last) {
        let news = events.wait(64, PATIENCE);
        assert!(!news.is_empty(), "{last:?} did not come after {all:#?}");
        all.extend(news.events.into_iter().map(|event| event.event));
    }
    all
}

#[test]
fn networks_know_nothing_of_each_other() {
    let mut bench = Bench::new(2, 2);
    let other = bench.switch.add_network(named("other")).unwrap();
    for _ in 0..2 {
        bench.add_port(other, PortSettings::default());
    }
    let mut machines = [0, 1, 2, 3].map(|port| bench.attach(port, GuestOptions::default()));
    // The same addresses in both: each network learns its own.
    let [a, b, c, d] = &mut machines;
    introduce(&bench, a, b);
    c.send_all([&frame(BROADCAST, A, 0, 60)[..]]);
    assert_eq!(d.receive(1), [frame(BROADCAST, A, 0, 60)]);
    bench.wait_for(2, |port| !port.queue.filters.is_empty());
    for which in 0..100 {
        b.send_all([&frame(A, B, which, 60)[..]]);
        d.send_all([&frame(A, [2; 6], which, 60)[..]]);
        assert_eq!(a.receive(1), [frame(A, B, which, 60)]);
        assert_eq!(c.receive(1), [frame(A, [2; 6], which, 60)]);
    }
    // What is known in one is unknown in the other.
    c.send_all([&frame(B, A, 7, 60)[..]]);
    assert_eq!(d.receive(1), [frame(B, A, 7, 60)]);
    machines
        .iter_mut()
        .for_each(|machine| machine.receives_nothing());
    let status = bench.switch.status();
    let of = |port: usize| (&*status.ports[port].network, status.ports[port].queue.id);
    assert_eq!([of(0), of(1)], [("default", 1), ("default", 2)]);
    assert_eq!([of(2), of(3)], [("other", 1), ("other", 2)]);
    let networks: Vec<_> = status
        .networks
        .iter()
        .map(|network| (&*network.name, network.ports, network.filters))
        .collect();
    assert_eq!(networks, [("default", 2, 2), ("other", 2, 2)]);
}

#[test]
fn a_port_alone_in_its_network_is_heard_by_nobody() {
    let mut bench = Bench::new(1, 2);
    let lonely = bench.switch.add_network(named("lonely")).unwrap();
    bench.add_port(lonely, PortSettings::default());
    let [mut a, mut b, mut c] = [0, 1, 2].map(|port| bench.attach(port, GuestOptions::default()));
    c.send_all([&frame(BROADCAST, A, 0, 60)[..]]);
    bench.wait_for(2, |port| {
        port.totals.drops[DropReason::NoReceiver as usize] == 1
    });
    a.receives_nothing();
    b.receives_nothing();
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let bench = Bench::with_filters(1, &[vec![], vec![filter(B)]]);
    let switch = &bench.switch;
    let other = switch.add_network(named("other")).unwrap();
    assert_eq!(
        switch.add_network(named("other")),
        Err(NetworkError::NameTaken("other".to_owned()))
    );
    let gone = NetworkId(9);
    assert_eq!(
        switch.remove_network(NetworkId::DEFAULT),
        Err(NetworkError::IsDefault)
    );
    assert_eq!(
        switch.remove_network(gone),
        Err(NetworkError::Unknown(gone))
    );
    assert_eq!(
        switch.set_network(gone, NetworkPolicy::default()),
        Err(NetworkError::Unknown(gone))
    );
    let port = |name: &str, network, settings| {
        switch.add_port(PortSpec {
            name: name.to_owned(),
            network,
            settings,
        })
    };
    let plain = PortSettings::default;
    assert_eq!(
        port("p0", other, plain()),
        Err(PortError::NameTaken("p0".to_owned()))
    );
    assert_eq!(
        port("x", gone, plain()),
        Err(PortError::UnknownNetwork(gone))
    );
    let x = port("x", other, plain()).unwrap();
    assert_eq!(
        switch.remove_network(other),
        Err(NetworkError::HasPorts {
            name: "other".to_owned(),
            ports: 1
        })
    );
    // The second of the new addresses is a group's: neither is set, and the old one stays.
    let bad = with_filters(&[filter(A), filter(BROADCAST)]);
    let error = switch.set_port(PortId(1), bad.clone()).unwrap_err();
    assert!(
        matches!(&error, PortError::Refused { status, .. } if *status == NdisStatus::INVALID_PARAMETER),
        "{error}"
    );
    let macs: Vec<_> = bench.status(1).queue.filters;
    assert_eq!(macs.len(), 1);
    assert_eq!(macs[0].mac, Mac(B).to_string());
    assert!(port("y", other, bad).is_err());
    let nowhere = PortSettings {
        affinity: Some(Affinity { group: 0, mask: 1 }),
        ..plain()
    };
    assert_eq!(
        switch.set_port(x, nowhere).unwrap_err().to_string(),
        "no worker runs on the processors of port \"x\": name one of CPUs [], or start the switch with others"
    );
    let unknown = PortId(99);
    assert_eq!(
        switch.set_port(unknown, plain()),
        Err(PortError::Unknown(unknown))
    );
    switch.remove_port(unknown);
    switch.remove_port(x);
    switch.remove_network(other).unwrap();
    assert_eq!(switch.status().networks.len(), 1);
}

#[test]
fn a_place_that_was_left_is_taken_again() {
    let bench = Bench::new(1, 1);
    let switch = &bench.switch;
    let other = switch.add_network(named("other")).unwrap();
    switch.remove_network(other).unwrap();
    let other = switch.add_network(named("again")).unwrap();
    let add = |name: &str| {
        let spec = PortSpec {
            name: name.to_owned(),
            network: other,
            ..PortSpec::default()
        };
        switch.add_port(spec).unwrap()
    };
    let [x, y] = ["x", "y"].map(add);
    switch.remove_port(x);
    assert_eq!(add("z"), x);
    let status = switch.status();
    let names: Vec<_> = status
        .ports
        .iter()
        .map(|port| (port.id, &*port.name, port.queue.id))
        .collect();
    assert_eq!(names, [(PortId(0), "p0", 1), (x, "z", 1), (y, "y", 2)]);
}

#[test]
fn a_switch_has_as_many_networks_and_ports_as_it_says() {
    let bench = Bench::new(1, 0);
    let networks: Vec<_> = (1..switch::MAX_NETWORKS)
        .map(|number| {
            bench
                .switch
                .add_network(named(&format!("n{number}")))
                .unwrap()
        })
        .collect();
    let more = bench.switch.add_network(named("more"));
    assert_eq!(more, Err(NetworkError::TooMany));
    let add = |number: usize| {
        let spec = PortSpec {
            name: format!("p{number}"),
            network: networks[number % networks.len()],
            ..PortSpec::default()
        };
        bench.switch.add_port(spec)
    };
    for number in 0..switch::MAX_PORTS {
        add(number).unwrap();
    }
    assert_eq!(add(switch::MAX_PORTS), Err(PortError::TooMany));
}

#[test]
fn settings_change_under_the_connected_port() {
    let bench = Bench::new(1, 3);
    let small = GuestOptions {
        ring_size: 64,
        ..GuestOptions::default()
    };
    let [mut a, mut b, mut c] = [0, 1, 2].map(|port| bench.attach(port, small));
    introduce(&bench, &mut a, &mut b);
    c.receive(1);
    // An address moves to c by configuration, though b sends from it.
    let settings = with_filters(&[filter(B)]);
    bench.switch.set_port(PortId(2), settings).unwrap();
    a.send_all([&frame(B, A, 1, 60)[..]]);
    assert_eq!(c.receive(1), [frame(B, A, 1, 60)]);
    b.receives_nothing();
    bench
        .switch
        .set_port(PortId(2), PortSettings::default())
        .unwrap();
    // The MTU, both ways of it.
    let jumbo = frame(BROADCAST, A, 2, 1515);
    for (mtu, passes) in [(Some(1500), false), (None, true), (Some(1501), true)] {
        let settings = PortSettings {
            mtu,
            ..PortSettings::default()
        };
        bench.switch.set_port(PortId(1), settings).unwrap();
        assert_eq!(bench.status(1).mtu, mtu);
        a.send_all([&jumbo[..]]);
        assert_eq!(c.receive(1), [&jumbo[..]]);
        if passes {
            assert_eq!(b.receive(1), [&jumbo[..]]);
        }
    }
    // Whether it is waited for.
    let settings = PortSettings {
        when_full: WhenFull::Drop,
        filters: vec![filter(B)],
        ..PortSettings::default()
    };
    bench.switch.set_port(PortId(1), settings).unwrap();
    let before = bench.status(1).totals.to_guest_frames;
    let frames: Vec<_> = (0..100).map(|which| frame(B, A, which, 60)).collect();
    a.send_all(frames.iter().map(Vec::as_slice));
    // It has no more than 64 buffers.
    let status = bench.wait_for(1, |port| {
        let lost = port.totals.drops[DropReason::NoBuffers as usize];
        port.totals.to_guest_frames - before + lost == 100
    });
    let arrived = (status.totals.to_guest_frames - before) as usize;
    assert!(arrived <= 64, "{arrived}");
    assert_eq!(b.receive(arrived), frames[..arrived]);
    assert_eq!(bench.status(0).totals.held, 0);
}

#[test]
fn what_happens_is_told_in_order_and_once() {
    let mut bench = Bench::new(1, 0);
    let mut events = bench.switch.events();
    let other = bench.switch.add_network(named("other")).unwrap();
    let policy = PortPolicy {
        mac_spoofing: Some(true),
        ..PortPolicy::default()
    };
    let settings = PortSettings {
        policy,
        ..with_filters(&[filter(A)])
    };
    bench.add_port(other, settings);
    let mut a = bench.attach(0, GuestOptions::default());
    let [network, port] = ["other", "p0"].map(str::to_owned);
    a.send_all([&frame(BROADCAST, B, 0, 60)[..]]);
    let learned = Event::AddressLearned {
        network: network.clone(),
        port: port.clone(),
        vlan: 0,
        mac: Mac(B),
    };
    let told = until(&mut events, &learned);
    let expected = [
        Event::NetworkAdded {
            network: network.clone(),
        },
        Event::PortAdded {
            port: port.clone(),
            network: network.clone(),
        },
        Event::FilterSet {
            port: port.clone(),
            mac: Mac(A),
            filter: 1,
        },
        Event::PortConnected { port: port.clone() },
        Event::PortUp { port: port.clone() },
        learned,
    ];
    assert_eq!(told, expected);
    drop(a);
    let closed = Event::PortClosed {
        port: port.clone(),
        reason: None,
    };
    let told = until(&mut events, &closed);
    let stopped = Event::QueueState {
        network: network.clone(),
        port: port.clone(),
        queue: 1,
        state: "DmaStopped".to_owned(),
    };
    let down = Event::PortDown { port: port.clone() };
    assert_eq!(told, [down, stopped.clone(), closed]);
    let settings = with_filters(&[Filter {
        vlan: VlanTest::Id(VlanId(5)),
        ..filter(A)
    }]);
    bench.switch.set_port(PortId(0), settings.clone()).unwrap();
    bench.switch.set_port(PortId(0), settings).unwrap();
    bench.switch.remove_port(PortId(0));
    bench.switch.remove_network(other).unwrap();
    let removed = Event::NetworkRemoved {
        network: network.clone(),
    };
    let told = until(&mut events, &removed);
    let (set, cleared) = (2, 1);
    let expected = [
        Event::FilterSet {
            port: port.clone(),
            mac: Mac(A),
            filter: set,
        },
        Event::FilterCleared {
            port: port.clone(),
            mac: Mac(A),
            filter: cleared,
        },
        Event::PortChanged { port: port.clone() },
        stopped,
        Event::PortRemoved { port, network },
        removed,
    ];
    assert_eq!(told, expected);
    assert!(events.wait(1, Duration::ZERO).is_empty());
}
