//! Everything about other queues changes while frames flow through two of them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use switch::policy::{NetworkPolicy, PortPolicy, Rate, VlanMode};
use switch::{Idle, NetworkId, NetworkSpec, PortId, PortSettings, PortSpec, WhenFull};
use testkit::guest::GuestOptions;
use vmq::{Affinity, Filter, Mac, VlanId, VlanTest};

use crate::bench::{Bench, Machine};
use crate::traffic::datagram;

/// Times that everything is changed.
const ROUNDS: u32 = 40;

/// Frames that must get through a stream before the next change.
const BETWEEN: u32 = 64;

/// Frames that are under way at most: fewer than the receiver has buffers, so that none is ever without one, however long
/// the receiver gets no CPU.
const WINDOW: u32 = 128;

/// How long all of it may take.
const LONG: Duration = Duration::from_secs(60);

/// The machines: two that send, two that receive, and one that is changed.
const FROM: [usize; 2] = [0, 2];
const TO: [usize; 2] = [1, 3];
const CHANGED: usize = 4;
/// It comes and goes.
const GUEST: usize = 5;

fn mac(port: usize) -> [u8; 6] {
    [2, 0, 0, 0, 0, 1 + port as u8]
}

fn settings(port: usize) -> PortSettings {
    PortSettings {
        filters: vec![Filter {
            mac: Mac(mac(port)),
            vlan: VlanTest::Any,
        }],
        ..PortSettings::default()
    }
}

/// How far a stream of numbered frames is.
#[derive(Default)]
struct Stream {
    arrived: AtomicU32,
    sent: AtomicU32,
    /// No more are sent.
    is_over: AtomicBool,
}

impl Stream {
    fn send(
        &self,
        machine: &mut Machine,
        from: usize,
        to: usize,
        until: &AtomicBool,
        end: Instant,
    ) {
        let mut which = 0;
        while !until.load(Relaxed) {
            assert!(Instant::now() < end, "{from} has sent {which}");
            machine.guest.from_guest.reclaim();
            let may = self.arrived.load(Relaxed) + WINDOW;
            let before = which;
            while which < may && machine.guest.send(&datagram(mac(to), mac(from), 7, which)) {
                which += 1;
            }
            machine.guest.from_guest.flush();
            self.sent.store(which, Relaxed);
            if which == before {
                thread::yield_now();
            }
        }
        self.is_over.store(true, Relaxed);
    }

    /// Takes every frame that was sent, each once, in order, and no other.
    fn receive(&self, machine: &mut Machine, from: usize, to: usize, end: Instant) {
        let (mut which, mut frame) = (0, Vec::new());
        loop {
            let was_over = self.is_over.load(Relaxed);
            while machine.guest.receive(&mut frame) {
                assert_eq!(frame, datagram(mac(to), mac(from), 7, which), "at {to}");
                which += 1;
                if which.is_multiple_of(16) {
                    machine.guest.to_guest.flush();
                    self.arrived.store(which, Relaxed);
                }
            }
            // Whoever finds no frame has posted its buffers again.
            self.arrived.store(which, Relaxed);
            if was_over && which == self.sent.load(Relaxed) {
                return;
            }
            assert!(Instant::now() < end, "{to} has got {which}");
            machine.guest.wait(Duration::from_millis(10));
        }
    }

    /// Waits until more frames have arrived.
    fn flows(&self, end: Instant) {
        let before = self.arrived.load(Relaxed);
        while self.arrived.load(Relaxed) < before + BETWEEN {
            assert!(Instant::now() < end, "the stream has stopped at {before}");
            thread::yield_now();
        }
    }
}

/// A bench whose workers are pinned, as far as there are CPUs, and those CPUs.
fn bench() -> (Bench, Vec<usize>) {
    let allowed = rustix::thread::sched_getaffinity(None).unwrap();
    let cpus: Vec<_> = (0..64).filter(|cpu| allowed.is_set(*cpu)).take(2).collect();
    let mut ports: Vec<_> = (0..=GUEST).map(settings).collect();
    ports[CHANGED].filters.clear();
    (Bench::pinned(&cpus, Idle::Adapt, ports), cpus)
}

/// The settings of the port that is changed, another each time.
fn changing(round: u32) -> PortSettings {
    let other = |last| Filter {
        mac: Mac([2, 0, 0, 0, 9, last]),
        vlan: VlanTest::Any,
    };
    let vlan = match round % 4 {
        0 => VlanMode::Transparent,
        1 => VlanMode::Access(VlanId(5)),
        2 => VlanMode::Untagged,
        _ => VlanMode::Trunk {
            allowed: "5-9".parse().unwrap(),
            native: None,
        },
    };
    PortSettings {
        filters: (0..round % 3).map(|last| other(last as u8)).collect(),
        when_full: [WhenFull::Hold, WhenFull::Drop][round as usize % 2],
        mtu: round.is_multiple_of(5).then_some(1500),
        policy: PortPolicy {
            vlan,
            isolated: round.is_multiple_of(3),
            bandwidth: switch::policy::Bandwidth {
                to_guest: Rate {
                    maximum: round.is_multiple_of(2).then_some(1_000_000),
                    burst: None,
                },
                ..Default::default()
            },
            ..PortPolicy::default()
        },
        ..PortSettings::default()
    }
}

/// One change of everything that does not concern what the two streams need, with frames in both before each step.
fn change_everything(bench: &Bench, cpus: &[usize], round: u32, flows: &dyn Fn()) {
    let switch = &bench.switch;
    flows();
    switch
        .set_port(PortId(CHANGED as u16), changing(round))
        .unwrap();
    flows();
    let policy = NetworkPolicy {
        max_age_seconds: 100 + round,
        ..NetworkPolicy::default()
    };
    switch.set_network(NetworkId::DEFAULT, policy).unwrap();
    flows();
    let name = "lab".to_owned();
    let policy = NetworkPolicy::default();
    let lab = switch.add_network(NetworkSpec { name, policy }).unwrap();
    let added = [NetworkId::DEFAULT, lab].map(|network| {
        switch
            .add_port(PortSpec {
                name: format!("in{}", network.0),
                network,
                settings: changing(2),
            })
            .unwrap()
    });
    flows();
    added.into_iter().for_each(|port| switch.remove_port(port));
    switch.remove_network(lab).unwrap();
    // A queue with memory behind it, allocated and freed; it sends, too.
    let options = GuestOptions {
        ring_size: 64,
        memory: 16 << 20,
        packed: round.is_multiple_of(2),
        ..GuestOptions::default()
    };
    let mut guest = bench.attach(GUEST, options);
    guest.send_all([&datagram(mac(FROM[0]), mac(GUEST), 1, round)[..]]);
    flows();
    drop(guest);
    bench.wait_for(GUEST, |port| !port.is_connected);
    flows();
    // Where the second sender's frames are served, by policy and by hand.
    let cpu = cpus[round as usize % cpus.len()];
    let affinity = Affinity {
        group: 0,
        mask: 1 << cpu,
    };
    let settings = PortSettings {
        affinity: Some(affinity),
        ..settings(FROM[1])
    };
    switch.set_port(PortId(FROM[1] as u16), settings).unwrap();
    let worker = bench.status(FROM[1]).pairs[0].worker;
    assert_eq!(worker.map(|worker| cpus[worker]), Some(cpu));
}

#[test]
fn no_change_of_filters_queues_or_affinity_costs_another_queue_a_frame() {
    let (bench, cpus) = bench();
    let mut senders = FROM.map(|port| bench.attach(port, GuestOptions::default()));
    let mut receivers = TO.map(|port| bench.attach(port, GuestOptions::default()));
    let mut changed = bench.attach(CHANGED, GuestOptions::default());
    let end = Instant::now() + LONG;
    let is_done = AtomicBool::new(false);
    let streams: [Stream; 2] = Default::default();
    thread::scope(|scope| {
        let ends = streams.iter().zip(FROM.into_iter().zip(TO));
        let machines = senders.iter_mut().zip(&mut receivers);
        for ((stream, (from, to)), (sender, receiver)) in ends.zip(machines) {
            let is_done = &is_done;
            scope.spawn(move || stream.send(sender, from, to, is_done, end));
            scope.spawn(move || stream.receive(receiver, from, to, end));
        }
        let flows = || streams.iter().for_each(|stream| stream.flows(end));
        (0..ROUNDS).for_each(|round| change_everything(&bench, &cpus, round, &flows));
        is_done.store(true, Relaxed);
    });
    for (at, stream) in streams.iter().enumerate() {
        let sent = u64::from(stream.sent.load(Relaxed));
        assert!(sent >= u64::from(ROUNDS * BETWEEN));
        bench.wait_for(FROM[at], |port| port.totals.from_guest_frames == sent);
        bench.wait_for(TO[at], |port| port.totals.to_guest_frames == sent);
        for port in [FROM[at], TO[at]] {
            let totals = bench.status(port).totals;
            assert!(
                totals.drops.iter().all(|drops| *drops == 0),
                "{port}: {totals:?}"
            );
            assert_eq!(totals.held, 0, "{port}");
        }
        assert!(receivers[at].guest.to_guest.guards_are_intact());
    }
    let mut frame = Vec::new();
    assert!(
        !changed.guest.receive(&mut frame),
        "{frame:02x?} is not for it"
    );
}
