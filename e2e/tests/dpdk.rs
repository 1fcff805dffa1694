//! DPDK's virtio-user driver as the guests: a second, independent driver implementation, polling and fast.

#![forbid(unsafe_code)]

use std::path::Path;
use std::thread;
use std::time::Duration;

use e2e::{PortConfig, PortStats, Scratch, Switch, Testpmd, VirtioUser, Watchdog, eventually};

const MACS: [&str; 2] = ["52:54:00:00:00:01", "52:54:00:00:00:02"];
const LIMIT: Duration = Duration::from_secs(240);

/// How a pair of ports is plugged in.
#[derive(Clone, Copy)]
struct Wiring {
    switch_connects: bool,
    queues: usize,
    features: &'static str,
}

const PLAIN: Wiring = Wiring {
    switch_connects: false,
    queues: 1,
    features: "",
};

#[test]
fn every_frame_arrives_and_both_sides_count_alike() {
    circulate(PLAIN);
}

#[test]
fn the_switch_connects_to_frontends_that_listen() {
    circulate(Wiring {
        switch_connects: true,
        ..PLAIN
    });
}

#[test]
fn guests_that_do_not_merge_receive_buffers_get_every_frame() {
    circulate(Wiring {
        features: ",mrg_rxbuf=0",
        ..PLAIN
    });
}

#[test]
fn flows_are_spread_over_several_queues_and_none_of_their_frames_is_lost() {
    for queues in [2, 4] {
        circulate(Wiring { queues, ..PLAIN });
    }
}

#[test]
fn packed_rings_lose_no_frame_either() {
    for features in [
        ",packed_vq=1",
        ",packed_vq=1,mrg_rxbuf=0",
        // In-order completion is not offered, and the vectorized path needs it: the driver must do without either.
        ",packed_vq=1,in_order=1,mrg_rxbuf=0,vectorized=1",
    ] {
        circulate(Wiring { features, ..PLAIN });
    }
}

#[test]
fn a_frontend_that_is_killed_comes_back_on_the_same_ports() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let mut switch = start_switch(&scratch, PLAIN);
    let mut first = start_testpmd(&scratch, "first", &switch, PLAIN);
    first.command("start tx_first 4");
    eventually("frames flow", Duration::from_secs(10), || {
        (delivered(&mut switch, "p0") > 10_000).then_some(())
    });
    first.kill();
    for port in ["p0", "p1"] {
        eventually("the port is down", Duration::from_secs(10), || {
            (switch.port(port)["is_up"] == false).then_some(())
        });
    }

    let before = [delivered(&mut switch, "p0"), delivered(&mut switch, "p1")];
    let mut second = start_testpmd(&scratch, "second", &switch, PLAIN);
    second.command("start tx_first 4");
    thread::sleep(Duration::from_secs(1));
    second.drain();
    let stats = second.stats();
    assert_lossless(&stats);
    for (number, port) in ["p0", "p1"].into_iter().enumerate() {
        assert_eq!(
            delivered(&mut switch, port) - before[number],
            stats[number].received,
            "{port}"
        );
    }
}

/// Frames go round and round between two ports: 128 each way at any time, less than a ring holds, so not one may be lost.
fn circulate(wiring: Wiring) {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let mut switch = start_switch(&scratch, wiring);
    let mut testpmd = start_testpmd(&scratch, "testpmd", &switch, wiring);
    testpmd.command("start tx_first 4");
    thread::sleep(Duration::from_secs(2));
    testpmd.drain();
    let stats = testpmd.stats();
    assert_lossless(&stats);
    for (number, port) in ["p0", "p1"].into_iter().enumerate() {
        let status = switch.port(port);
        let by_queue = testpmd.received_by_queue(number);
        assert_eq!(by_queue.len(), wiring.queues, "{by_queue:?}");
        let fair = stats[number].received / wiring.queues as u64;
        assert!(
            by_queue.iter().all(|frames| *frames > fair / 4),
            "{by_queue:?}"
        );
        assert_eq!(
            status["from_guest"]["frames"], stats[number].sent,
            "{port}: {status}"
        );
        assert_eq!(
            status["to_guest"]["frames"], stats[number].received,
            "{port}: {status}"
        );
        assert_eq!(
            status["from_guest"]["bytes"],
            60 * stats[number].sent,
            "{port}: {status}"
        );
        let drops = status["drops"].as_object().expect("drops by reason");
        assert!(drops.values().all(|count| *count == 0), "{port}: {drops:?}");
    }
}

fn assert_lossless(stats: &[PortStats]) {
    let [left, right] = stats else {
        panic!("two ports, not {stats:?}")
    };
    assert!(
        left.sent > 10_000 && right.sent > 10_000,
        "frames circulate: {stats:?}"
    );
    assert_eq!(
        (left.sent, right.sent),
        (right.received, left.received),
        "none is lost: {stats:?}"
    );
    assert_eq!((left.troubles, right.troubles), (0, 0), "{stats:?}");
}

fn start_switch(scratch: &Scratch, wiring: Wiring) -> Switch {
    let port = |name| PortConfig {
        connects: wiring.switch_connects,
        ..PortConfig::listening(name)
    };
    Switch::start(scratch, &[port("p0"), port("p1")])
}

fn start_testpmd(scratch: &Scratch, name: &str, switch: &Switch, wiring: Wiring) -> Testpmd {
    let sockets = [switch.socket("p0"), switch.socket("p1")];
    let port = |number: usize| VirtioUser {
        socket: &sockets[number],
        mac: MACS[number],
        peer: MACS[1 - number],
        listens: wiring.switch_connects,
        queues: wiring.queues,
        features: wiring.features,
    };
    let mut testpmd = Testpmd::spawn(scratch, name, &[port(0), port(1)]);
    testpmd.wait_ready();
    assert!(sockets.iter().all(|socket| Path::exists(socket)));
    testpmd
}

fn delivered(switch: &mut Switch, port: &str) -> u64 {
    switch.port(port)["to_guest"]["frames"]
        .as_u64()
        .expect("a count")
}
