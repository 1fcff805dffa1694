//! A line in play, on a clock of the tests' own, against a naive one.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nbl::{NblQueue, Pool};
use proptest::prelude::*;
use vmq::Usage;

use super::fate::{Chances, source};
use super::*;
use crate::clock::tests::{pass, stop};
use crate::doubles::{Sender, Sent};
use crate::policy::PortPolicy;
use crate::snapshot::Snapshot;
use crate::spec::{NetworkId, PortSettings, PortSpec};
use crate::state::State;
use crate::{Counters, DropReason, MAX_FRAME, Pull, Totals, clock};

/// A guest's ring and the line behind it.
struct Lab {
    sender: Sender,
    sent: Arc<Mutex<Sent>>,
    line: Arc<Line>,
    transit: Transit,
    pool: Pool,
    snapshot: Arc<Snapshot>,
    counters: Counters,
}

impl Lab {
    fn new(asked: Impairment) -> Self {
        stop();
        let mut state = State::new(vec![None], Arc::default());
        let policy = PortPolicy {
            impairment: asked,
            ..PortPolicy::default()
        };
        let spec = PortSpec {
            name: "bad".into(),
            network: NetworkId::DEFAULT,
            settings: PortSettings {
                policy,
                ..PortSettings::default()
            },
        };
        let port = state.add_port(spec).unwrap();
        state.connect(port, Box::new(|fault| panic!("{fault}")));
        let (sender, sent) = Sender::new(&mut state, port);
        let mut pool = Pool::new(nbl::BURST, 2048).unwrap();
        let lookahead = state.register_host(Usage::ReceiveLookahead, pool.lookahead());
        pool.set_lookahead_handle(lookahead.unwrap());
        let snapshot = state.publish(&[]);
        let line = snapshot.port(port).unwrap().policy.line.clone().unwrap();
        Self {
            sender,
            sent,
            transit: Transit::new(&line, 0, false),
            line,
            pool,
            snapshot,
            counters: Counters::new(1),
        }
    }

    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap()
    }

    fn take_in(&mut self) {
        let lane = self.counters.lane(0);
        self.pool.reset();
        let blocks = &self.snapshot.blocks;
        self.transit
            .take_in(&mut self.sender, &self.pool, blocks, lane)
            .unwrap();
    }

    /// Pulls at most `most` frames, of which those that are wanted by number are over and the others held.
    fn pull(&mut self, most: usize, is_over: impl Fn(u32) -> bool) -> Vec<u32> {
        self.pool.reset();
        let pull = Pull {
            pool: &self.pool,
            lane: self.counters.lane(0),
            frames: most,
            bytes: u32::MAX,
            offloads: &std::cell::Cell::new(false),
        };
        let mut frames = self.transit.pull(pull);
        let (mut over, mut held) = (NblQueue::new(), NblQueue::new());
        let mut numbers = Vec::new();
        while let Some(frame) = frames.pop_front() {
            let mut bytes = vec![0; MAX_FRAME as usize];
            let len = nbl::read(&self.snapshot.blocks, frame, &mut bytes).unwrap();
            let number = number(&bytes[..len]);
            numbers.push(number);
            if is_over(number) {
                over.push(frame);
            } else {
                held.push(frame);
            }
        }
        if !over.is_empty() {
            self.transit.complete(&over);
        }
        if !held.is_empty() {
            self.transit.hold(&held);
        }
        numbers
    }

    fn totals(&self) -> Totals {
        self.counters.totals()
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.totals().drops[reason as usize]
    }

    fn free(&self) -> String {
        format!("{:?}", self.line.store)
    }
}

const ALL_FREE: &str = "Store(4096 of 4096 pieces free)";

fn frame(number: u32, len: usize) -> Vec<u8> {
    let mut frame = vec![number as u8; len];
    frame[..4].copy_from_slice(&number.to_be_bytes());
    frame
}

/// Of a frame that is as it was sent.
fn number(bytes: &[u8]) -> u32 {
    let number = u32::from_be_bytes(*bytes.first_chunk().unwrap());
    assert!(bytes == frame(number, bytes.len()));
    number
}

fn delayed(delay_ms: f64) -> Impairment {
    Impairment {
        delay_ms,
        ..Impairment::default()
    }
}

fn impairment() -> impl Strategy<Value = Impairment> {
    let chance = || prop_oneof![Just(0.0), 0.0..100.0f64, Just(100.0)];
    let delay = (0.0..3.0f64).prop_flat_map(|delay| (Just(delay), 0.0..=delay));
    let rate = prop::option::of(1_000_000..1_000_000_000u64);
    let chances = (0.0..60.0f64, chance(), chance());
    let all = (delay, chances, rate, any::<u64>());
    all.prop_map(
        |(
            (delay_ms, jitter_ms),
            (loss_percent, duplicate_percent, reorder_percent),
            rate,
            seed,
        )| {
            Impairment {
                delay_ms: delay_ms + 0.001,
                jitter_ms,
                loss_percent,
                duplicate_percent,
                reorder_percent,
                rate,
                seed,
            }
        },
    )
}

/// What is on a line: each frame with the time at which it leaves, and whether it was delayed.
struct Naive {
    chances: Chances,
    fates: rand_pcg::Pcg64,
    rate: Option<u64>,
    wire: Instant,
    frames: Vec<(Instant, bool, u32)>,
    lost: u64,
}

impl Naive {
    fn send(&mut self, now: Instant, number: u32, len: usize) {
        let fate = self.chances.draw(&mut self.fates);
        if fate.is_lost {
            self.lost += 1;
            return;
        }
        for _ in 0..if fate.is_sent_twice { 2 } else { 1 } {
            if let Some(rate) = self.rate {
                let ns = (len as u64 * 8_000_000_000).div_ceil(rate);
                self.wire = self.wire.max(now) + Duration::from_nanos(ns);
            }
            let left = self.wire.max(now);
            let due = if fate.overtakes {
                left
            } else {
                left + fate.delay
            };
            let is_ahead = fate.overtakes;
            let before = self.frames.iter().filter(|frame| frame.1 == is_ahead);
            let due = before.map(|frame| frame.0).fold(due, Instant::max);
            self.frames.push((due, is_ahead, number));
        }
    }

    /// What has left by now, the earliest first.
    fn leave(&mut self, now: Instant) -> Vec<u32> {
        self.frames.sort_by_key(|frame| frame.0);
        let on_it = self.frames.partition_point(|frame| frame.0 <= now);
        let left = self.frames.drain(..on_it);
        left.map(|(_, _, number)| number).collect()
    }
}

proptest! {
    /// Whatever is asked and whenever frames are sent, pulled, held or not: each one leaves when a naive line lets it, or is
    /// lost there too, whole, and the memory is all back at the end.
    #[test]
    fn frames_leave_as_they_do_on_a_naive_line(
        asked in impairment(),
        steps in prop::collection::vec((0..400_000u64, 14..9000usize, 1..70usize), 1..80),
    ) {
        let mut lab = Lab::new(asked);
        let mut naive = Naive {
            chances: Chances::new(&asked),
            fates: source(asked.seed, 0),
            rate: asked.rate,
            wire: clock::now(),
            frames: Vec::new(),
            lost: 0,
        };
        for (which, (pause, len, most)) in steps.into_iter().enumerate() {
            lab.sent().push(&frame(which as u32, len));
            lab.take_in();
            prop_assert_eq!(lab.sent().completed, which + 1);
            naive.send(clock::now(), which as u32, len);
            pass(Duration::from_nanos(pause));
            let expected = naive.leave(clock::now());
            let mut left = Vec::new();
            while lab.transit.has_more() {
                let some = lab.pull(most, |_| true);
                prop_assert!(!some.is_empty());
                left.extend(some);
            }
            prop_assert_eq!(&left, &expected);
            let next = naive.frames.iter().map(|frame| frame.0).min();
            prop_assert_eq!(lab.transit.next_due(), next);
        }
        prop_assert_eq!(lab.dropped(DropReason::LineLoss), naive.lost);
        let on_it = naive.frames.len() as u64;
        lab.transit.lose(lab.counters.lane(0));
        prop_assert_eq!(lab.dropped(DropReason::LineLoss), naive.lost + on_it);
        prop_assert_eq!(lab.free(), ALL_FREE);
    }
}

#[test]
fn what_finds_no_room_is_dropped_and_what_is_on_it_stays() {
    let mut lab = Lab::new(delayed(10.0));
    for number in 0..300 {
        lab.sent().push(&frame(number, 65_000));
        lab.take_in();
    }
    // Sixteen pieces each.
    assert_eq!(lab.dropped(DropReason::LineFull), 300 - 4096 / 16);
    assert_eq!(lab.totals().from_guest_frames, 300 - 4096 / 16);
    assert_eq!(lab.sent().completed, 300);
    pass(Duration::from_millis(10));
    let mut left = Vec::new();
    while lab.transit.has_more() {
        left.extend(lab.pull(nbl::BURST, |_| true));
    }
    assert!(left.into_iter().eq(0..256));
    assert_eq!(lab.free(), ALL_FREE);
}

#[test]
fn frames_that_are_held_come_again_before_later_ones() {
    let mut lab = Lab::new(delayed(1.0));
    (0..10).for_each(|number| lab.sent().push(&frame(number, 60)));
    lab.take_in();
    assert!(lab.pull(64, |_| true).is_empty());
    pass(Duration::from_millis(1));
    assert!(lab.transit.has_more());
    assert_eq!(lab.pull(6, |number| number % 2 == 0), [0, 1, 2, 3, 4, 5]);
    assert_eq!(lab.pull(2, |number| number == 3), [1, 3]);
    assert!(
        lab.transit.has_more(),
        "one that was pulled before, and later ones"
    );
    assert_eq!(lab.pull(64, |number| number > 5), [1, 5, 6, 7, 8, 9]);
    assert!(!lab.transit.has_more(), "what is left is held");
    assert_eq!(lab.pull(64, |_| true), [1, 5]);
    assert_eq!(lab.free(), ALL_FREE);
}

#[test]
fn a_line_that_is_good_again_is_emptied_at_once_and_in_order() {
    let mut lab = Lab::new(delayed(1000.0));
    (0..100).for_each(|number| lab.sent().push(&frame(number, 60)));
    lab.take_in();
    lab.take_in();
    assert!(!lab.transit.has_more());
    assert!(lab.transit.follow(None));
    assert!(!lab.transit.follow(None), "no change any more");
    lab.sent().push(&frame(100, 60));
    lab.take_in();
    assert_eq!(
        lab.sent().completed,
        100,
        "what is sent now does not take the line"
    );
    let mut left = Vec::new();
    while !lab.transit.is_over() {
        assert!(lab.transit.has_more());
        left.extend(lab.pull(nbl::BURST, |_| true));
    }
    assert!(left.into_iter().eq(0..100));
}

#[test]
fn a_line_that_is_changed_keeps_the_order_and_starts_its_chances_anew() {
    let mut lab = Lab::new(delayed(100.0));
    lab.sent().push(&frame(0, 60));
    lab.take_in();
    let asked = Impairment {
        loss_percent: 50.0,
        ..delayed(1.0)
    };
    let line = Line::new(asked, Some(&lab.line), Some(&lab.line.store)).unwrap();
    assert!(lab.transit.follow(Some(&line)));
    assert!(!lab.transit.follow(Some(&line)));
    (1..64).for_each(|number| lab.sent().push(&frame(number, 60)));
    lab.take_in();
    pass(Duration::from_millis(50));
    assert!(!lab.transit.has_more(), "nothing overtakes what is slower");
    pass(Duration::from_millis(50));
    let mut fates = source(0, 0);
    let mut is_kept = |_: &u32| !line.chances.draw(&mut fates).is_lost;
    let kept: Vec<_> = (1..64).filter(|number| is_kept(number)).collect();
    assert_eq!(lab.pull(64, |_| true), [vec![0], kept].concat());
}

#[test]
fn a_ring_that_is_gone_leaves_no_memory_behind() {
    let mut lab = Lab::new(delayed(1.0));
    (0..20).for_each(|number| lab.sent().push(&frame(number, 6000)));
    lab.take_in();
    pass(Duration::from_millis(1));
    lab.pull(10, |number| number < 5);
    assert_ne!(lab.free(), ALL_FREE);
    lab.transit = Transit::new(&lab.line, 0, false);
    assert_eq!(lab.free(), ALL_FREE);
}
