//! Hostile guests and broken VMMs against a running `vmq run`.
//!
//! What every one of them must lead to: its own port is closed with a reason that `vmq status` and the log tell; two
//! bystanders on the same switch lose not one frame; the process lives, and the port takes the next, proper guest.

#![forbid(unsafe_code)]

use std::time::Duration;

use e2e::{Bystanders, PortConfig, Scratch, Switch, Watchdog, eventually};
use serde_json::Value;
use testkit::frames::{BROADCAST, Builder, check, station};
use testkit::frontend::{Frontend, RawFrontend, Script, Verdict};
use testkit::guest::{Guest, GuestOptions};
use testkit::hostile::{Breaks, PROTOCOL_ATTACKS, RING_ATTACKS, truncate_memory};

const LIMIT: Duration = Duration::from_secs(180);
const PATIENCE: Duration = Duration::from_secs(10);
const OPTIONS: GuestOptions = GuestOptions {
    memory: 16 << 20,
    ring_size: 256,
    packed: false,
    buffer_size: 2048,
    mergeable: true,
    indirect: true,
    event_idx: true,
    pairs: 1,
    offloads: 0,
};

/// A switch with two bystanders, a guest that sends to everybody when asked, and a port for the attacker.
struct Scene {
    switch: Switch,
    bystanders: Bystanders,
    caller: Guest,
    _caller_frontend: Frontend,
    calls: u64,
}

/// What an administrator must be able to read after each attack.
const REASONS: &[(&str, &str)] = &[
    ("chain_that_loops", "loops"),
    ("descriptor_outside_memory", "not in the guest's memory"),
    (
        "descriptor_across_the_end_of_memory",
        "not in the guest's memory",
    ),
    ("descriptor_that_wraps", "not in the guest's memory"),
    (
        "next_out_of_range",
        "goes on at descriptor 256 of a table of 256",
    ),
    (
        "head_out_of_range",
        "names descriptor 256 of a table of 256",
    ),
    ("available_index_jumps", "avail index"),
    ("writable_descriptor_from_guest", "device-writable"),
    ("indirect_inside_indirect", "indirect table within"),
    ("indirect_that_continues", "indirect table"),
    ("indirect_of_odd_length", "17 bytes"),
    ("indirect_of_no_length", "0 bytes"),
    ("indirect_outside_memory", "indirect table at"),
    ("indirect_that_loops", "loops"),
    ("read_only_descriptor_to_guest", "device-readable"),
    ("outside_memory_to_guest", "not in the guest's memory"),
    (
        "head_out_of_range_to_guest",
        "names descriptor 256 of a table of 256",
    ),
    ("chain_that_loops_to_guest", "loops"),
    ("available_index_jumps_to_guest", "avail index"),
    ("buffer_id_out_of_range", "buffer id 256 in a ring of 256"),
    (
        "chain_longer_than_the_ring",
        "more descriptors than the ring's 256",
    ),
    ("chain_that_goes_on_unavailable", "which is not available"),
    ("indirect_in_a_chain", "indirect table among"),
    (
        "buffer_id_out_of_range_to_guest",
        "buffer id 256 in a ring of 256",
    ),
    (
        "chain_longer_than_the_ring_to_guest",
        "more descriptors than the ring's 256",
    ),
    ("chain_too_short_for_the_header", "header"),
    ("chain_longer_than_any_frame", "possible"),
    ("ring_outside_memory", "does not lie in"),
    ("ring_across_the_end_of_memory", "does not lie in"),
    ("ring_misaligned", "malformed"),
    ("ring_size_not_a_power_of_two", "power of two"),
    ("ring_size_of_zero", "power of two"),
    ("ring_size_beyond_any_limit", "at most"),
    ("ring_without_memory", "memory that is shared"),
    ("kick_is_dev_null", "not an eventfd"),
    ("kick_is_a_pipe", "not an eventfd"),
    ("kick_is_a_regular_file", "not an eventfd"),
    ("message_smaller_than_its_request", "malformed"),
    ("message_larger_than_the_protocol", "malformed"),
    ("message_of_an_unknown_request", "malformed"),
    ("region_in_a_file_too_small", "the file has 0x1000 bytes"),
    ("region_not_shared", "shared"),
    ("region_not_a_file", "shared"),
    ("region_of_no_length", "malformed"),
    ("region_that_wraps", "malformed"),
    ("regions_that_overlap", "overlap"),
    ("too_many_regions", "malformed"),
    ("region_without_a_file", "malformed"),
    ("truncate_memory", "memory"),
];

#[test]
fn a_guest_that_breaks_a_rule_of_the_rings_closes_its_own_port_only() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let mut scene = Scene::set(&scratch);
    let formats = [false, true].map(|packed| GuestOptions { packed, ..OPTIONS });
    let attacks = formats.iter().flat_map(|options| {
        let suits = RING_ATTACKS.iter().filter(|attack| attack.suits(options));
        suits.map(|attack| (attack, *options))
    });
    let mut runts = 0;
    for (attack, options) in attacks {
        let mut guest = Guest::new(options).expect("a guest");
        let frontend = scene.attach(&guest);
        (attack.strike)(&mut guest);
        if attack.breaks == Breaks::ToGuest {
            scene.call_everybody();
        }
        if attack.name == "chain_without_a_frame" {
            // The ring's rules are kept: this is a runt, dropped and counted, and the port stays up.
            runts += 1;
            eventually("the runt is counted", PATIENCE, || {
                (scene.port()["drops"]["runt"] == runts).then_some(())
            });
            assert_eq!(scene.port()["is_up"], true);
            continue;
        }
        let is_closed = frontend.wait_closed(PATIENCE);
        assert!(is_closed, "{}: the port stays open", attack.name);
        scene.expect_reason(attack.name);
        scene.bystanders.assert_going_on();
    }
    scene.end();
}

#[test]
fn a_vmm_that_breaks_the_protocol_closes_its_own_port_only() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let mut scene = Scene::set(&scratch);
    for attack in PROTOCOL_ATTACKS {
        let guest = Guest::new(OPTIONS).expect("a guest");
        let mut script = Script::attach(&guest).expect("files can be duplicated");
        (attack.spoil)(&mut script);
        let socket = scene.switch.socket("attacker");
        let raw = RawFrontend::connect(socket, PATIENCE).expect("the port listens");
        let verdict = script.play(&raw).expect("the socket works");
        if attack.name == "ring_without_memory" {
            // Memory may still come; what was wrong is known when the VMM has given up.
            assert_eq!(verdict, Verdict::Accepted);
            drop(raw);
        } else {
            let is_refused = matches!(verdict, Verdict::Refused { .. } | Verdict::Closed { .. });
            assert!(is_refused, "{}: {verdict:?}", attack.name);
            assert!(
                raw.wait_closed(PATIENCE),
                "{}: the port stays open",
                attack.name
            );
        }
        scene.expect_reason(attack.name);
        scene.bystanders.assert_going_on();
    }
    scene.end();
}

#[test]
fn memory_that_vanishes_during_traffic_closes_its_own_port_only() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let mut scene = Scene::set(&scratch);
    let mut guest = Guest::new(OPTIONS).expect("a guest");
    let frontend = scene.attach(&guest);
    let frame = Builder::new(BROADCAST, station(66)).stream(66).len(1514);
    for sequence in 0..200 {
        guest.send(&frame.build(sequence));
        if sequence % 10 == 0 {
            guest.flush();
        }
    }
    truncate_memory(&guest);
    guest.from_guest.events().kick();
    scene.call_everybody();
    assert!(frontend.wait_closed(PATIENCE), "the port stays open");
    scene.expect_reason("truncate_memory");
    scene.end();
}

impl Scene {
    fn set(scratch: &Scratch) -> Self {
        let names = ["left", "right", "caller", "attacker"];
        let switch = Switch::start(scratch, &names.map(PortConfig::listening));
        let bystanders = Bystanders::start(&switch, "left", "right");
        let caller = Guest::new(OPTIONS).expect("a guest");
        let mut frontend =
            Frontend::connect(switch.socket("caller"), PATIENCE).expect("the port listens");
        frontend
            .attach(&caller)
            .expect("a proper guest is attached");
        bystanders.assert_going_on();
        Self {
            switch,
            bystanders,
            caller,
            _caller_frontend: frontend,
            calls: 0,
        }
    }

    /// Plugs a guest into the attacker's port, in the proper way.
    fn attach(&mut self, guest: &Guest) -> Frontend {
        let mut frontend = Frontend::connect(self.switch.socket("attacker"), PATIENCE)
            .expect("the port listens again");
        frontend
            .attach(guest)
            .unwrap_or_else(|error| panic!("the port takes a new guest: {error}"));
        eventually("the port is up", PATIENCE, || {
            (self.port()["is_up"] == true).then_some(())
        });
        frontend
    }

    /// One frame to every port, the attacker's included.
    fn call_everybody(&mut self) {
        let frame = Builder::new(BROADCAST, station(3))
            .stream(3)
            .build(self.calls);
        self.calls += 1;
        assert!(self.caller.send(&frame), "the caller's ring has room");
        self.caller.flush();
    }

    /// The attacker's port in the status.
    fn port(&mut self) -> Value {
        self.switch.port("attacker")
    }

    /// The same sentence in the status and in the log, and it names what was done.
    fn expect_reason(&mut self, attack: &str) {
        let expected = REASONS.iter().find(|(name, _)| *name == attack);
        let (_, words) =
            expected.unwrap_or_else(|| panic!("say in REASONS what comes of {attack}"));
        let what = format!("{attack}: the status says {words:?}");
        let reason = eventually(&what, PATIENCE, || {
            let port = self.port();
            let reason = port["last_close"]
                .as_str()
                .filter(|reason| reason.contains(words));
            reason.filter(|_| port["is_up"] == false).map(str::to_owned)
        });
        let log = self.switch.log();
        let is_logged = log
            .lines()
            .any(|line| line.contains("attacker") && line.contains(&reason));
        assert!(is_logged, "{attack}: the log does not say {reason:?}");
    }

    /// The attacker's port takes a proper guest, its frames arrive, and nobody else has lost anything.
    fn end(mut self) {
        let mut guest = Guest::new(OPTIONS).expect("a guest");
        let _frontend = self.attach(&guest);
        let frame = Builder::new(station(3), station(4)).stream(4).build(0);
        // The caller's address is known: the frame goes to it alone.
        self.call_everybody();
        eventually("the caller's frame arrives", PATIENCE, || {
            guest.receive(&mut Vec::new()).then_some(())
        });
        assert!(guest.send(&frame));
        guest.flush();
        let mut arrived = Vec::new();
        eventually("the new guest's frame arrives", PATIENCE, || {
            // Behind whatever the attacker had to say to everybody.
            while self.caller.receive(&mut arrived) {
                if check(&arrived).is_ok_and(|facts| facts.stream == 4) {
                    return Some(());
                }
            }
            None
        });
        let status = self.switch.status();
        let workers = status["workers"].as_array().expect("workers");
        assert!(
            workers.iter().all(|worker| worker["panics"] == 0),
            "{status}"
        );
        self.bystanders.assert_unharmed();
        assert!(self.switch.stop().success(), "the switch ends in peace");
    }
}
