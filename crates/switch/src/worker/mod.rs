//! The worker: a plain thread, pinned, that turns over its rings and sleeps when they are quiet.
//!
//! A ring is polled while it has frames, and for a short while after; then its guest is asked to kick
//! and the ring leaves the poll. A ring that has nothing to do before a certain time leaves it too. A worker
//! without polled rings sleeps until the first of those times, or until it is kicked or told something; so an
//! idle switch makes no wake-ups, and a turn does not cost more for rings that are quiet.

mod mail;
mod sleep;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::sleep::TURNS_A_BELL;
use crate::Fault;
use crate::balance::Alarm;
use crate::clock;
use crate::doorbell::{Doorbell, Token};
use crate::line::Transit;
use crate::mailbox::Mailbox;
use crate::meter::Meter;
use crate::ring::Ring;
use crate::shares::{self, Shares};
use crate::snapshot::Snapshot;
use crate::timers::Timers;
use crate::turn::{self, Bench, Most, Outcome};

/// What a worker does when nothing moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Idle {
    /// It looks for a little longer, then asks the guests to kick and sleeps.
    #[default]
    Adapt,
    /// It looks for ever and keeps its core; no guest has to kick it.
    Spin,
}

/// Counters of one worker, written by it alone.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounters {
    turns: AtomicU64,
    empty_turns: AtomicU64,
    sleeps: AtomicU64,
    panics: AtomicU64,
    busy_ns: AtomicU64,
}

impl WorkerCounters {
    /// Rounds over the rings, rounds without a frame, sleeps, panics caught and nanoseconds of work.
    pub(crate) fn read(&self) -> [u64; 5] {
        [
            &self.turns,
            &self.empty_turns,
            &self.sleeps,
            &self.panics,
            &self.busy_ns,
        ]
        .map(|counter| counter.load(Relaxed))
    }
}

pub(crate) struct Worker {
    bench: Bench,
    snapshot: Arc<Snapshot>,
    mailbox: Arc<Mailbox>,
    doorbell: Box<dyn Doorbell>,
    idle: Idle,
    counters: Arc<WorkerCounters>,
    /// By token, which is this worker's own name of a ring.
    rings: Vec<Option<Box<Ring>>>,
    /// Tokens of the rings that are polled.
    polled: Vec<Token>,
    armed: usize,
    /// Rings that are not to be looked at before a time, unless they are kicked.
    timers: Timers,
    shares: Shares,
    meter: Meter,
    alarm: Arc<Alarm>,
    /// When the span began over which the load is judged, and the work until then.
    span: (Instant, Duration),
    turns_to_bell: u32,
    turns_to_tick: u32,
}

impl Worker {
    pub(crate) fn new(
        bench: Bench,
        snapshot: Arc<Snapshot>,
        mailbox: Arc<Mailbox>,
        doorbell: Box<dyn Doorbell>,
        idle: Idle,
        counters: Arc<WorkerCounters>,
        alarm: Arc<Alarm>,
    ) -> Self {
        let now = clock::now();
        Self {
            bench,
            snapshot,
            mailbox,
            doorbell,
            idle,
            counters,
            rings: Vec::new(),
            polled: Vec::new(),
            armed: 0,
            timers: Timers::default(),
            shares: Shares::default(),
            meter: Meter::new(now),
            alarm,
            span: (now, Duration::ZERO),
            turns_to_bell: TURNS_A_BELL,
            turns_to_tick: 1,
        }
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        while self.step() {}
    }

    /// One round over the polled rings, with what there is to be done before and after. False at the end.
    #[inline]
    fn step(&mut self) -> bool {
        if self.mailbox.has_mail() && !self.take_mail() {
            return false;
        }
        self.turns_to_tick -= 1;
        if self.turns_to_tick == 0 {
            self.look_at_clock();
        }
        if !self.timers.is_empty() {
            self.poll_due();
        }
        let turned = self.turn();
        self.pace(turned);
        true
    }

    /// One round over the polled rings.
    fn turn(&mut self) -> Outcome {
        let mut sum = Outcome::default();
        if self.snapshot.has_shares {
            self.shares
                .begin_round(&self.snapshot, &mut self.rings, &self.polled);
        }
        let mut at = 0;
        while let Some(&token) = self.polled.get(at) {
            if self.burst(token, &mut sum) {
                at += 1;
            } else {
                self.polled.swap_remove(at);
            }
        }
        if sum.held > 0 {
            // Who came first while buffers were short comes last in the next round.
            self.polled.rotate_left(1);
        }
        bump(&self.counters.turns);
        if sum.done > 0 {
            self.meter.worked();
        } else {
            bump(&self.counters.empty_turns);
            if self.meter.looked_in_vain() {
                self.look_at_clock();
            }
        }
        sum
    }

    /// One burst of one ring. False when the ring is to be polled no more.
    fn burst(&mut self, token: Token, sum: &mut Outcome) -> bool {
        let Some(Some(ring)) = self.rings.get_mut(token.0 as usize) else {
            return false;
        };
        let Some(port) = self.snapshot.port(ring.port) else {
            return false;
        };
        if !port.gate.is_open() {
            return false;
        }
        let (bench, snapshot) = (&mut self.bench, &self.snapshot);
        if ring.is_stuck(snapshot, bench.start) || ring.rests(snapshot) {
            ring.pace.looked_in_vain();
            sum.held += ring.held.max(1);
            return true;
        }
        if snapshot.has_shares && !ring.share.is_due() {
            return true;
        }
        let run = || {
            if ring.held == 0 && !ring.has_more() {
                // Most looks find nothing, and the next ring's frame waits until this one's is over.
                return Ok(Outcome::default());
            }
            let most = Most {
                frames: nbl::BURST,
                bytes: port.policy.burst_bytes,
            };
            if snapshot.has_shares {
                return shares::run(bench, snapshot, port, ring, most);
            }
            turn::run(bench, snapshot, port, ring, most)
        };
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(outcome)) => {
                sum.done += outcome.done;
                sum.held += outcome.held;
                if outcome.done > 0 {
                    ring.load.add(outcome.done, outcome.bytes);
                    ring.pace.worked();
                    if let Some(budget) = &port.policy.from_guest
                        && let Some(until) = budget.pay(clock::now(), outcome.bytes)
                    {
                        port.counters.lane(bench.worker).paced();
                        self.timers.set(token, until);
                        return false;
                    }
                } else if self.idle == Idle::Adapt
                    && ring.pace.looked_in_vain()
                    && outcome.held == 0
                {
                    if !ring.from_guest.arm() {
                        ring.pace.is_armed = true;
                        self.armed += 1;
                        let due = |transit: &Transit| transit.next_due();
                        if let Some(due) = ring.transit.as_deref().and_then(due) {
                            self.timers.set(token, due);
                        }
                        return false;
                    }
                    ring.from_guest.disarm();
                    ring.pace.worked();
                }
                true
            }
            Ok(Err(fault)) => {
                port.gate.fail(&fault);
                false
            }
            Err(_) => {
                bump(&self.counters.panics);
                publish_abandoned(bench, snapshot);
                port.gate.fail(&Fault::new(
                    "the switch failed on this port's frames (internal error, please report it)",
                ));
                false
            }
        }
    }
}

/// Gives a receiver back the buffers that a panic left reserved: later ones could not be published
/// before them.
#[cold]
fn publish_abandoned(bench: &mut Bench, snapshot: &Snapshot) {
    let Some((port, ring)) = bench.reservation.abandon() else {
        return;
    };
    let Some(receiver) = snapshot.port(port) else {
        return;
    };
    let Some(to) = receiver.receiver(ring) else {
        return;
    };
    let published = catch_unwind(AssertUnwindSafe(|| to.ring.publish(&bench.reservation)));
    if !matches!(published, Ok(Ok(_))) {
        receiver.gate.fail(&Fault::new(
            "the switch failed on this port's buffers (internal error, please report it)",
        ));
    }
}

fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}
