//! Bandwidth and storm limits with guests on real rings. How exactly a rate is kept is shown on a clock of the tests' own, in
//! `switch`; here no CPU can be relied on, so only what may not be exceeded is looked at.

use std::time::{Duration, Instant};

use switch::policy::{Bandwidth, Impairment, PortPolicy, Rate, StormLimits};
use switch::{DropReason, Idle, PortId, PortSettings, PortStatus};
use testkit::guest::GuestOptions;

use crate::bench::{Bench, PATIENCE};
use crate::lifecycle::introduce;
use crate::traffic::{A, B, BROADCAST, frame};

fn rate(maximum: u64, burst: u64) -> Rate {
    Rate {
        maximum: Some(maximum),
        burst: Some(burst),
    }
}

fn may_send(maximum: u64, burst: u64) -> PortSettings {
    with(PortPolicy {
        bandwidth: Bandwidth {
            from_guest: rate(maximum, burst),
            ..Bandwidth::default()
        },
        ..PortPolicy::default()
    })
}

fn with(policy: PortPolicy) -> PortSettings {
    PortSettings {
        policy,
        ..PortSettings::default()
    }
}

fn dropped(port: &PortStatus) -> u64 {
    port.totals.drops.iter().sum()
}

/// Waits until no worker turns any more.
fn wait_until_asleep(bench: &Bench) {
    let turns = || -> u64 {
        let workers = bench.switch.status().workers;
        workers.iter().map(|worker| worker.turns).sum()
    };
    let end = Instant::now() + PATIENCE;
    loop {
        let before = turns();
        std::thread::sleep(Duration::from_millis(100));
        if turns() == before {
            return;
        }
        assert!(Instant::now() < end, "the workers never sleep");
    }
}

#[test]
fn a_guest_that_sends_too_fast_is_held_back_and_loses_nothing() {
    for packed in [false, true] {
        let specs = vec![may_send(16_000_000, 100_000), PortSettings::default()];
        let bench = Bench::with_ports(1, Idle::Adapt, specs);
        let options = GuestOptions {
            packed,
            ..GuestOptions::default()
        };
        let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, options));
        introduce(&bench, &mut a, &mut b);
        let frames: Vec<_> = (0..400)
            .map(|which| frame(B, A, which, if which % 50 == 7 { 9000 } else { 1500 }))
            .collect();
        let bytes: usize = frames.iter().map(Vec::len).sum();
        let start = Instant::now();
        let arrived = std::thread::scope(|scope| {
            scope.spawn(|| a.send_all(frames.iter().map(Vec::as_slice)));
            b.receive(frames.len())
        });
        // All but what may come at once, the last frame, which is on credit, and what of the burst was left by the introduction.
        let least = Duration::from_nanos(500 * (bytes - 100_000 - 9000) as u64);
        assert!(start.elapsed() >= least, "{:?}", start.elapsed());
        assert!(arrived == frames);
        assert_eq!(dropped(&bench.status(0)) + dropped(&bench.status(1)), 0);
        assert!(bench.status(0).totals.paced > 0);
        wait_until_asleep(&bench);
    }
}

#[test]
fn rings_on_several_workers_send_no_more_than_one_would() {
    let specs = vec![may_send(16_000_000, 100_000), PortSettings::default()];
    let bench = Bench::with_ports(3, Idle::Adapt, specs);
    let options = GuestOptions {
        pairs: 3,
        memory: 128 << 20,
        ..GuestOptions::default()
    };
    let mut a = bench.attach(0, options);
    let mut b = bench.attach(1, GuestOptions::default());
    introduce(&bench, &mut a, &mut b);
    const FRAMES: u32 = 100;
    let start = Instant::now();
    for (pair, (from_guest, _)) in a.guest.pairs_mut().enumerate() {
        for which in 0..FRAMES {
            let frame = frame(B, A, pair as u32 * FRAMES + which, 1500);
            assert!(from_guest.send(&Default::default(), &frame));
        }
        from_guest.flush();
    }
    let arrived = b.receive(3 * FRAMES as usize);
    // Each ring may have one frame and what is sent at a time on credit.
    let credit = 3 * (1500 + 500);
    let least = Duration::from_nanos(500 * (3 * u64::from(FRAMES) * 1500 - 100_000 - credit));
    assert!(start.elapsed() >= least, "{:?}", start.elapsed());
    let which = |frame: &Vec<u8>| u32::from_be_bytes(*frame[14..].first_chunk().unwrap());
    let mut by_ring = [0, 1, 2].map(|ring| ring * FRAMES);
    for which in arrived.iter().map(which) {
        let next = &mut by_ring[(which / FRAMES) as usize];
        assert_eq!(which, *next, "a ring's frames are out of order");
        *next += 1;
    }
    assert_eq!(dropped(&bench.status(0)) + dropped(&bench.status(1)), 0);
}

#[test]
fn a_limit_that_is_lifted_holds_nobody_back_any_more() {
    // At a kilobit a second, the second frame would be on its way for minutes.
    let specs = vec![may_send(1000, 9000), PortSettings::default()];
    let bench = Bench::with_ports(1, Idle::Adapt, specs);
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    let large = |which| frame(BROADCAST, A, which, 30_000);
    a.send_all([&large(0)[..], &large(1)]);
    assert_eq!(b.receive(1), [large(0)]);
    bench.wait_for(0, |port| port.totals.paced > 0);
    b.receives_nothing();
    bench
        .switch
        .set_port(PortId(0), PortSettings::default())
        .unwrap();
    assert_eq!(b.receive(1), [large(1)]);
}

#[test]
fn a_guest_that_may_be_given_little_loses_the_rest_and_its_neighbour_nothing() {
    let slow = with(PortPolicy {
        bandwidth: Bandwidth {
            to_guest: rate(8_000, 10_000),
            ..Bandwidth::default()
        },
        ..PortPolicy::default()
    });
    let bench = Bench::with_ports(
        1,
        Idle::Adapt,
        vec![PortSettings::default(), slow, PortSettings::default()],
    );
    let [mut a, mut b, mut c] = [0, 1, 2].map(|port| bench.attach(port, GuestOptions::default()));
    let start = Instant::now();
    let frames: Vec<_> = (0..100)
        .map(|which| frame(BROADCAST, A, which, 1000))
        .collect();
    a.send_all(frames.iter().map(Vec::as_slice));
    assert_eq!(c.receive(100), frames);
    let exceeded = |port: &PortStatus| port.totals.drops[DropReason::BandwidthExceeded as usize];
    let status = bench.wait_for(1, |port| {
        port.totals.to_guest_frames + exceeded(port) == 100
    });
    // Ten at once, one a second, and perhaps one on credit.
    let most = 10 + start.elapsed().as_secs() + 1;
    let given = status.totals.to_guest_frames;
    assert!((10..=most).contains(&given), "{given} frames");
    assert_eq!(b.receive(10), frames[..10]);
    assert_eq!(bench.status(0).totals.held, 0);
}

#[test]
fn a_storm_is_cut_down_and_what_goes_to_one_is_not() {
    let calm = with(PortPolicy {
        storm: StormLimits {
            broadcast: Some(5),
            ..StormLimits::default()
        },
        ..PortPolicy::default()
    });
    let bench = Bench::with_ports(1, Idle::Adapt, vec![calm, PortSettings::default()]);
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    b.send_all([&frame(BROADCAST, B, 0, 60)[..]]);
    a.receive(1);
    bench.wait_for(1, |port| !port.queue.filters.is_empty());
    let start = Instant::now();
    let mixed = |which| frame(if which % 2 == 0 { BROADCAST } else { B }, A, which, 60);
    let frames: Vec<_> = (0..200).map(mixed).collect();
    a.send_all(frames.iter().map(Vec::as_slice));
    let storm = |port: &PortStatus| port.totals.drops[DropReason::BroadcastStorm as usize];
    let sender = bench.wait_for(0, |port| port.totals.from_guest_frames == 200);
    let passed = 100 - storm(&sender);
    let most = 5 + 5 * (start.elapsed().as_secs() + 1);
    assert!((5..=most).contains(&passed), "{passed} broadcasts");
    let arrived = b.receive(100 + passed as usize);
    let to_one = |frame: &&Vec<u8>| frame[..6] == B;
    assert_eq!(arrived.iter().filter(to_one).count(), 100);
}

#[test]
fn guests_of_unequal_weight_get_all_that_they_send() {
    let weighs = |weight: u8| {
        with(PortPolicy {
            bandwidth: Bandwidth {
                minimum_weight: Some(weight),
                ..Bandwidth::default()
            },
            ..PortPolicy::default()
        })
    };
    let specs = vec![weighs(100), weighs(1), PortSettings::default()];
    let bench = Bench::with_ports(1, Idle::Adapt, specs);
    let mut machines = [0, 1, 2].map(|port| bench.attach(port, GuestOptions::default()));
    let [heavy, light, to] = &mut machines;
    to.send_all([&frame(BROADCAST, B, 0, 60)[..]]);
    bench.wait_for(2, |port| !port.queue.filters.is_empty());
    let sources = [A, [2, 0, 0, 0, 0, 0xc]];
    let frames = sources.map(|from| (0..3000).map(|which| frame(B, from, which, 200)).collect());
    let [of_heavy, of_light]: [Vec<_>; 2] = frames;
    let arrived = std::thread::scope(|scope| {
        scope.spawn(|| heavy.send_all(of_heavy.iter().map(Vec::as_slice)));
        scope.spawn(|| light.send_all(of_light.iter().map(Vec::as_slice)));
        to.receive(6000)
    });
    for (from, frames) in sources.iter().zip([of_heavy, of_light]) {
        let its = arrived.iter().filter(|frame| frame[6..12] == *from);
        assert!(its.eq(&frames));
    }
}

fn delayed(delay_ms: f64) -> PortSettings {
    with(PortPolicy {
        impairment: Impairment {
            delay_ms,
            ..Impairment::default()
        },
        ..PortPolicy::default()
    })
}

#[test]
fn frames_on_a_line_come_late_whole_and_in_order_while_it_is_set_and_lifted() {
    for packed in [false, true] {
        let specs = vec![PortSettings::default(), PortSettings::default()];
        let bench = Bench::with_ports(2, Idle::Adapt, specs);
        let options = GuestOptions {
            packed,
            ..GuestOptions::default()
        };
        let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, options));
        introduce(&bench, &mut a, &mut b);
        let frames: Vec<_> = (0..2000)
            .map(|which| frame(B, A, which, if which % 50 == 7 { 60_000 } else { 1500 }))
            .collect();
        let arrived = std::thread::scope(|scope| {
            scope.spawn(|| a.send_all(frames.iter().map(Vec::as_slice)));
            scope.spawn(|| {
                for round in 0..40 {
                    let line = delayed([0.0, 0.2, 1.5][round % 3]);
                    bench.switch.set_port(PortId(0), line).unwrap();
                    let _ = bench.switch.move_from_guest(PortId(0), 0, round % 2);
                }
            });
            b.receive(frames.len())
        });
        assert!(arrived == frames);
        // On a line there is room for all of these.
        assert_eq!(dropped(&bench.status(0)) + dropped(&bench.status(1)), 0);
        bench.switch.set_port(PortId(0), delayed(50.0)).unwrap();
        let start = Instant::now();
        a.send_all([&frames[0][..]]);
        assert_eq!(b.receive(1), frames[..1]);
        assert!(start.elapsed() >= Duration::from_millis(50));
        wait_until_asleep(&bench);
    }
}

#[test]
fn a_guest_that_leaves_takes_what_is_on_its_line_with_it_and_comes_back() {
    let specs = vec![delayed(10_000.0), PortSettings::default()];
    let bench = Bench::with_ports(1, Idle::Adapt, specs);
    let mut b = bench.attach(1, GuestOptions::default());
    let mut a = bench.attach(0, GuestOptions::default());
    let frames: Vec<_> = (0..10)
        .map(|which| frame(BROADCAST, A, which, 60))
        .collect();
    a.send_all(frames.iter().map(Vec::as_slice));
    // They are on the line when they were copied to it, first bytes twice.
    bench.wait_for(0, |port| port.totals.bytes_copied == 2 * 10 * 60);
    drop(a);
    let status = bench.wait_for(0, |port| dropped(port) > 0);
    assert_eq!(status.totals.drops[DropReason::LineLoss as usize], 10);
    assert_eq!(status.totals.from_guest_frames, 10);
    let mut a = bench.attach(0, GuestOptions::default());
    bench
        .switch
        .set_port(PortId(0), PortSettings::default())
        .unwrap();
    a.send_all([&frames[3][..]]);
    assert_eq!(b.receive(1), frames[3..4]);
}
