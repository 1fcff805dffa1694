//! Storms, and ports that compete for their worker's time.

use super::*;
use crate::DropReason;
use crate::policy::{Bandwidth, StormLimits};

#[test]
fn a_storm_passes_as_far_as_it_may_whatever_ring_it_comes_from() {
    let calm = PortPolicy {
        storm: StormLimits {
            broadcast: Some(1000),
            multicast: Some(100),
            unknown_unicast: Some(10),
        },
        ..PortPolicy::default()
    };
    for (to, limit, reason) in [
        ([0xff; 6], 1000, DropReason::BroadcastStorm),
        ([1, 0, 0x5e, 0, 0, 9], 100, DropReason::MulticastStorm),
        (mac(99), 10, DropReason::UnknownUnicastStorm),
    ] {
        let mut play = Play::new(2, &[calm.clone(), PortPolicy::default()]);
        play.takers[1].got().only_counts = true;
        play.floods(0, &frame(0, to, 60));
        play.run(Duration::from_millis(50));
        let totals = play.totals(0);
        let passed = play.totals(1).to_guest_frames;
        // What comes in a second may come at once.
        assert!(passed.abs_diff(limit + limit / 20) <= 1, "{passed}");
        assert_eq!(
            totals.from_guest_frames,
            passed + totals.drops[reason as usize]
        );
        // What it sends to one is nobody's business.
        play.floods(0, &frame(0, mac(1), 60));
        play.run(Duration::from_millis(1));
        assert_eq!(play.drops(0), totals.drops[reason as usize]);
    }
}

fn weighs(weight: u8) -> PortPolicy {
    PortPolicy {
        bandwidth: Bandwidth {
            minimum_weight: Some(weight),
            ..Bandwidth::default()
        },
        ..PortPolicy::default()
    }
}

/// How much work each port had done, of all.
fn parts(play: &mut Play, ports: usize) -> Vec<f64> {
    let work = |play: &Play| -> Vec<f64> {
        let totals = (0..ports).map(|port| play.totals(port));
        totals
            .map(|port| port.from_guest_frames as f64 + port.from_guest_bytes as f64 / 1024.0)
            .collect()
    };
    let before = work(play);
    play.run(Duration::from_millis(20));
    let done: Vec<_> = work(play)
        .iter()
        .zip(before)
        .map(|(now, then)| now - then)
        .collect();
    let all: f64 = done.iter().sum();
    done.iter().map(|work| work / all).collect()
}

#[test]
fn ports_that_compete_share_a_worker_by_their_weights() {
    for (weights, sizes) in [
        (&[1, 3][..], &[60, 60][..]),
        (&[100, 1], &[60, 60]),
        (&[100, 1], &[60, 65_000]),
        (&[1, 100], &[60, 65_000]),
        (&[5, 3, 2], &[1514, 60, 9000]),
        (&[2, 1, 1], &[1514, 60, 65_000]),
    ] {
        let mut policies: Vec<_> = weights.iter().map(|weight| weighs(*weight)).collect();
        policies.push(PortPolicy::default());
        let mut play = Play::new(1, &policies);
        let to = weights.len();
        play.takers[to].got().only_counts = true;
        for (port, len) in sizes.iter().enumerate() {
            play.floods(port, &frame(port, mac(to), *len));
        }
        let all: u32 = weights.iter().map(|weight| u32::from(*weight)).sum();
        for (part, weight) in parts(&mut play, to).iter().zip(weights) {
            let due = f64::from(*weight) / f64::from(all);
            assert!(
                (part / due - 1.0).abs() < 0.05,
                "{part}, not {due}: {weights:?}, {sizes:?}"
            );
        }
    }
}

#[test]
fn a_port_of_little_weight_has_what_the_others_leave() {
    let mut play = Play::new(1, &[weighs(100), weighs(1), PortPolicy::default()]);
    play.takers[2].got().only_counts = true;
    play.floods(1, &frame(1, mac(2), 60));
    let rounds = play.run(Duration::from_millis(10));
    assert_eq!(play.totals(1).from_guest_frames, rounds * nbl::BURST as u64);
    // One that sends a frame now and then holds nobody up either, and does not wait.
    for _ in 0..100 {
        play.sent(0, 0).push(&frame(0, mac(2), 60));
        let before = play.totals(1).from_guest_frames;
        play.run(3 * ROUND);
        assert_eq!(
            play.sent(0, 0).completed,
            play.totals(0).from_guest_frames as usize
        );
        assert!(play.totals(1).from_guest_frames - before >= 2 * nbl::BURST as u64);
    }
    assert_eq!(play.totals(0).from_guest_frames, 100);
}

#[test]
fn a_ports_weight_is_shared_by_its_rings() {
    // Two rings of port 0 on the one worker, and one of port 1.
    let mut play = Play::new(1, &[weighs(2), weighs(4), PortPolicy::default()]);
    play.takers[2].got().only_counts = true;
    let (sender, second) = Sender::new(&mut play.state, PortId(0));
    let snapshot = play.state.publish(&[]);
    play.workers[0].act_on(snapshot);
    let ring = Box::new(Ring::new(PortId(0), 1, Box::new(sender)));
    assert!(play.workers[0].attach(ring).is_ok());
    second.lock().unwrap().endless = Some(frame(0, mac(2), 60));
    play.floods(0, &frame(0, mac(2), 60));
    play.floods(1, &frame(1, mac(2), 60));
    let parts = parts(&mut play, 2);
    assert!((parts[0] - 1.0 / 3.0).abs() < 0.02, "{parts:?}");
}
