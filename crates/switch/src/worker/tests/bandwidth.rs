//! What a guest sends and is given in which time, as its bandwidth allows.

use super::*;
use crate::DropReason;
use crate::policy::{Bandwidth, Rate};

fn rate(maximum: u64) -> Rate {
    Rate {
        maximum: Some(maximum),
        burst: None,
    }
}

fn may_send(maximum: u64) -> PortPolicy {
    PortPolicy {
        bandwidth: Bandwidth {
            from_guest: rate(maximum),
            ..Bandwidth::default()
        },
        ..PortPolicy::default()
    }
}

/// Numbered where its data begin.
fn numbered(from: usize, to: usize, number: u32) -> Vec<u8> {
    let mut frame = frame(from, mac(to), 60 + number as usize % 1400);
    frame[14..18].copy_from_slice(&number.to_be_bytes());
    frame
}

/// Bytes that come at `rate` in `time`, as a float.
fn bytes(rate: u64, time: Duration) -> f64 {
    rate as f64 / 8.0 * time.as_secs_f64()
}

#[track_caller]
fn within_two_percent(moved: u64, of: f64) {
    let part = moved as f64 / of;
    assert!((0.98..=1.02).contains(&part), "{part} of what was asked");
}

#[test]
fn a_guest_sends_at_its_rate_and_loses_nothing() {
    for (bits, len) in [
        (10_000_000, 60),
        (10_000_000, 1514),
        (10_000_000, 65_000),
        (1_000_000_000, 1514),
        (1_000_000_000, 65_000),
        (10_000_000_000, 1514),
        (10_000_000_000, 65_000),
    ] {
        let mut play = Play::new(1, &[may_send(bits), PortPolicy::default()]);
        play.takers[1].got().only_counts = true;
        play.floods(0, &frame(0, mac(1), len));
        // The burst, which is more than the rate at first, is not looked at.
        play.run(Duration::from_millis(200));
        let before = play.totals(1).to_guest_bytes;
        // Time for a hundred of the largest frames at least.
        let time = Duration::from_secs_f64(if bits == 10_000_000 { 5.3 } else { 0.2 });
        let rounds = play.run(time);
        let moved = play.totals(1).to_guest_bytes - before;
        within_two_percent(moved, bytes(bits, time));
        assert_eq!(play.drops(0) + play.drops(1), 0);
        // Between two bursts the worker was asleep.
        assert!(u128::from(rounds) < time.as_micros() / 4, "{rounds} rounds");
        assert!(play.totals(0).paced > 0);
    }
}

#[test]
fn frames_that_are_held_back_come_whole_and_in_order() {
    let mut play = Play::new(1, &[may_send(10_000_000), PortPolicy::default()]);
    let frames: Vec<_> = (0..3000).map(|number| numbered(0, 1, number)).collect();
    frames.iter().for_each(|frame| play.sent(0, 0).push(frame));
    let all: usize = frames.iter().map(Vec::len).sum();
    // What has to be waited for, when what may come at once has come.
    let rest = (all - crate::MAX_FRAME as usize) as f64 / bytes(10_000_000, Duration::from_secs(1));
    play.run(Duration::from_secs_f64(rest * 0.98));
    assert!(play.takers[1].got().frames.len() < 3000);
    play.run(Duration::from_secs_f64(rest * 0.04));
    assert!(play.takers[1].got().frames == frames);
    assert_eq!(play.drops(0) + play.drops(1), 0);
    play.run(Duration::from_millis(1));
    assert!(play.asleep(0).for_ever);
}

#[test]
fn rings_of_one_port_have_one_budget_whoever_serves_them() {
    let mut play = Play::new(3, &[may_send(1_000_000_000), PortPolicy::default()]);
    play.takers[1].got().only_counts = true;
    play.floods(0, &frame(0, mac(1), 1514));
    play.run(Duration::from_millis(50));
    let completed = |play: &Play| [0, 1, 2].map(|ring| play.sent(0, ring).completed);
    let before = completed(&play);
    let time = Duration::from_millis(500);
    play.run(time);
    let after = completed(&play);
    let each: Vec<_> = (0..3)
        .map(|ring| (after[ring] - before[ring]) as u64 * 1514)
        .collect();
    within_two_percent(each.iter().sum(), bytes(1_000_000_000, time));
    for ring in each {
        within_two_percent(ring, bytes(1_000_000_000, time) / 3.0);
    }
}

#[test]
fn a_worker_whose_rings_all_wait_for_a_time_sleeps_until_then() {
    let mut play = Play::new(1, &[may_send(10_000_000), PortPolicy::default()]);
    let large = frame(0, mac(1), 65_000);
    let start = clock::now();
    // The first empties what may come at once; the second is on credit.
    play.sent(0, 0).push(&large);
    play.sent(0, 0).push(&large);
    play.run(Duration::from_millis(1));
    let debt = 2 * 65_000 - u64::from(crate::MAX_FRAME);
    let paid = start + Duration::from_nanos(800 * debt);
    let until = play.asleep(0).until.unwrap();
    assert!(until >= paid && until < paid + Duration::from_millis(1));
    let rounds = play.run(until - clock::now());
    assert_eq!(rounds, 0);
    play.run(Duration::from_millis(1));
    assert!(play.asleep(0).for_ever, "nothing is left to wait for");
}

#[test]
fn a_bandwidth_that_is_changed_counts_at_once() {
    let mut play = Play::new(1, &[may_send(1_000), PortPolicy::default()]);
    let large = frame(0, mac(1), 65_000);
    (0..3).for_each(|_| play.sent(0, 0).push(&large));
    play.run(Duration::from_millis(1));
    assert_eq!(play.sent(0, 0).completed, 2);
    // Something else: the ring waits on.
    let other = PortPolicy {
        isolated: true,
        ..may_send(1_000)
    };
    play.set(0, other);
    play.run(Duration::from_millis(1));
    assert_eq!(play.sent(0, 0).completed, 2);
    play.set(0, PortPolicy::default());
    play.run(Duration::from_millis(1));
    assert_eq!(play.sent(0, 0).completed, 3);
}

#[test]
fn a_ring_that_moves_to_another_worker_waits_on_there() {
    let mut play = Play::new(2, &[may_send(1_000), PortPolicy::default()]);
    let large = frame(0, mac(1), 65_000);
    (0..3).for_each(|_| play.sent(0, 0).push(&large));
    play.run(Duration::from_millis(1));
    assert_eq!(play.sent(0, 0).completed, 2);
    let ring = play.workers[0].detach(PortId(0), 0).unwrap();
    assert!(play.workers[1].attach(ring).is_ok());
    play.wake();
    play.run(Duration::from_millis(1));
    assert_eq!(play.sent(0, 0).completed, 2);
    play.run(Duration::from_secs(2000));
    assert_eq!(play.sent(0, 0).completed, 3);
}

#[test]
fn a_sender_without_a_maximum_is_not_held_up_by_one_that_has_one() {
    let policies = [
        may_send(10_000_000),
        PortPolicy::default(),
        PortPolicy::default(),
    ];
    let mut play = Play::new(1, &policies);
    play.takers[2].got().only_counts = true;
    play.floods(0, &frame(0, mac(2), 1514));
    play.floods(1, &frame(1, mac(2), 1514));
    let rounds = play.run(Duration::from_millis(100));
    let completed = play.sent(1, 0).completed as u64;
    assert_eq!(completed, rounds * nbl::BURST as u64);
}

#[test]
fn what_a_guest_may_not_be_given_is_dropped_and_its_senders_others_get_all() {
    let slow = PortPolicy {
        bandwidth: Bandwidth {
            to_guest: rate(100_000_000),
            ..Bandwidth::default()
        },
        ..PortPolicy::default()
    };
    let policies = [may_send(1_000_000_000), slow, PortPolicy::default()];
    for len in [60, 1514, 65_000] {
        let mut play = Play::new(1, &policies);
        play.takers[1].got().only_counts = true;
        play.takers[2].got().only_counts = true;
        let time = Duration::from_millis(200);
        let (to_slow, to_fast) = (frame(0, mac(1), len), frame(0, mac(2), len));
        let (mut frames, mut start) = (0, None);
        for ms in 0..250 {
            // The guest's ring has enough for each millisecond.
            let ahead = 150_000 / len + 4;
            while frames < play.sent(0, 0).completed + ahead {
                play.sent(0, 0).push(&to_slow);
                play.sent(0, 0).push(&to_fast);
                frames += 2;
            }
            play.run(Duration::from_millis(1));
            if ms == 49 {
                start = Some((play.totals(1), play.totals(2), play.sent(0, 0).completed));
            }
        }
        let (slow, fast, completed) = start.unwrap();
        let moved = play.totals(1).to_guest_bytes - slow.to_guest_bytes;
        within_two_percent(moved, bytes(100_000_000, time));
        let half = (play.sent(0, 0).completed - completed) as u64 / 2;
        let given = play.totals(2).to_guest_frames - fast.to_guest_frames;
        assert!(given.abs_diff(half) <= 1, "{given} of {half}");
        let dropped = |totals: &Totals| totals.drops[DropReason::BandwidthExceeded as usize];
        let lost = dropped(&play.totals(1)) - dropped(&slow);
        let kept = play.totals(1).to_guest_frames - slow.to_guest_frames;
        assert!(
            (lost + kept).abs_diff(half) <= 1,
            "{lost} and {kept} of {half}"
        );
        assert_eq!(play.drops(2), 0);
    }
}

#[test]
fn a_guest_that_may_be_given_little_gets_no_more_of_a_flood() {
    let slow = PortPolicy {
        bandwidth: Bandwidth {
            to_guest: rate(10_000_000),
            ..Bandwidth::default()
        },
        ..PortPolicy::default()
    };
    let policies = [may_send(100_000_000), slow, PortPolicy::default()];
    let mut play = Play::new(1, &policies);
    play.takers[1].got().only_counts = true;
    play.takers[2].got().only_counts = true;
    play.floods(0, &frame(0, [0xff; 6], 1000));
    play.run(Duration::from_secs(1));
    let (slow, fast) = (play.totals(1), play.totals(2));
    let dropped = slow.drops[DropReason::BandwidthExceeded as usize];
    assert_eq!(slow.to_guest_frames + dropped, fast.to_guest_frames);
    let burst = f64::from(crate::MAX_FRAME);
    within_two_percent(
        slow.to_guest_bytes,
        bytes(10_000_000, Duration::from_secs(1)) + burst,
    );
}

#[test]
fn what_finds_no_buffers_costs_no_bandwidth() {
    let slow = PortPolicy {
        bandwidth: Bandwidth {
            to_guest: Rate {
                maximum: Some(8_000),
                burst: Some(10 * 1000),
            },
            ..Bandwidth::default()
        },
        ..PortPolicy::default()
    };
    let mut play = Play::new(1, &[PortPolicy::default(), slow]);
    play.takers[1].got().post(0);
    (0..10).for_each(|_| play.sent(0, 0).push(&frame(0, mac(1), 1000)));
    play.run(Duration::from_millis(10));
    assert!(play.totals(0).held > 0);
    play.takers[1].got().post(10);
    play.run(Duration::from_millis(10));
    assert_eq!(play.takers[1].got().frames.len(), 10);
    assert_eq!(play.drops(1), 0);
}
