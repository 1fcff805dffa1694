//! The worker: a plain thread, pinned, that turns over its rings and sleeps when they are quiet.
//!
//! A ring is polled while it has frames, and for a short while after; then its guest is asked to kick
//! and the ring leaves the poll. A worker without polled rings sleeps until it is kicked or told
//! something, so an idle switch makes no wake-ups, and a turn does not cost more for rings that are quiet.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmq::Tick;

use crate::balance::{self, Alarm};
use crate::doorbell::{Doorbell, Token};
use crate::mailbox::{Command, Mailbox};
use crate::meter::Meter;
use crate::ring::Ring;
use crate::snapshot::Snapshot;
use crate::turn::{self, Bench, Outcome};
use crate::{Fault, PortId};

/// Turns between two looks at the bell while some rings are polled and others wait for a kick.
const TURNS_A_BELL: u32 = 64;

/// Turns between two looks at the clock, which ages learnt addresses by the second and judges the load; some
/// turns take long.
const TURNS_A_TICK: u32 = 256;

/// How long a worker's load is watched before it is called busy or not.
const SPAN: Duration = Duration::from_millis(100);

/// How long to sleep between attempts while every polled ring waits for a receiver's buffers.
const HOLD_NAP: Duration = Duration::from_micros(100);

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
        let now = Instant::now();
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
            meter: Meter::new(now),
            alarm,
            span: (now, Duration::ZERO),
            turns_to_bell: TURNS_A_BELL,
            turns_to_tick: 1,
        }
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        loop {
            if self.mailbox.has_mail() && !self.take_mail() {
                return;
            }
            self.turns_to_tick -= 1;
            if self.turns_to_tick == 0 {
                self.look_at_clock();
            }
            let turned = self.turn();
            self.pace(turned);
        }
    }

    /// One round over the polled rings.
    fn turn(&mut self) -> Outcome {
        let mut sum = Outcome::default();
        let mut at = 0;
        while let Some(&token) = self.polled.get(at) {
            match self.burst(token) {
                Some(outcome) => {
                    sum.done += outcome.done;
                    sum.held += outcome.held;
                    at += 1;
                }
                None => {
                    self.polled.swap_remove(at);
                }
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

    /// One burst of one ring. `None` when the ring is to be polled no more.
    fn burst(&mut self, token: Token) -> Option<Outcome> {
        let ring = self.rings.get_mut(token.0 as usize)?.as_mut()?;
        let port = self.snapshot.port(ring.port)?;
        if !port.gate.is_open() {
            return None;
        }
        let (bench, snapshot) = (&mut self.bench, &self.snapshot);
        if ring.is_stuck(snapshot, bench.start) || ring.rests(snapshot) {
            ring.pace.looked_in_vain();
            return Some(Outcome {
                held: ring.held.max(1),
                ..Outcome::default()
            });
        }
        let run = || {
            if ring.held == 0 && !ring.from_guest.has_more() {
                // Most looks find nothing, and the next ring's frame waits until this one's is over.
                return Ok(Outcome::default());
            }
            turn::run(bench, snapshot, port, ring)
        };
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(outcome)) => {
                if outcome.done > 0 {
                    ring.load.add(outcome.done, outcome.bytes);
                    ring.pace.worked();
                } else if self.idle == Idle::Adapt
                    && ring.pace.looked_in_vain()
                    && outcome.held == 0
                {
                    if !ring.from_guest.arm() {
                        ring.pace.is_armed = true;
                        self.armed += 1;
                        return None;
                    }
                    ring.from_guest.disarm();
                    ring.pace.worked();
                }
                Some(outcome)
            }
            Ok(Err(fault)) => {
                port.gate.fail(&fault);
                None
            }
            Err(_) => {
                bump(&self.counters.panics);
                publish_abandoned(bench, snapshot);
                port.gate.fail(&Fault::new(
                    "the switch failed on this port's frames (internal error, please report it)",
                ));
                None
            }
        }
    }

    /// Looks at the bell when it is due, and sleeps when there is nothing else to do.
    fn pace(&mut self, turned: Outcome) {
        if self.idle == Idle::Spin {
            if turned.done == 0 {
                std::hint::spin_loop();
            }
            return;
        }
        let timeout = if self.polled.is_empty() {
            None
        } else if turned.done == 0 && turned.held > 0 && self.all_hold() {
            Some(HOLD_NAP)
        } else {
            if turned.done == 0 {
                std::hint::spin_loop();
            }
            self.turns_to_bell -= 1;
            if self.turns_to_bell > 0 || self.armed == 0 {
                self.turns_to_bell = self.turns_to_bell.max(1);
                return;
            }
            Some(Duration::ZERO)
        };
        self.turns_to_bell = TURNS_A_BELL;
        let sleeps = timeout != Some(Duration::ZERO);
        if sleeps {
            bump(&self.counters.sleeps);
            self.look_at_clock();
        }
        let Self {
            doorbell,
            rings,
            polled,
            armed,
            ..
        } = self;
        doorbell.wait(timeout, &mut |token| {
            let Some(ring) = rings.get_mut(token.0 as usize).and_then(Option::as_mut) else {
                return;
            };
            if std::mem::take(&mut ring.pace.is_armed) {
                *armed -= 1;
                ring.from_guest.disarm();
                ring.pace.woke(Instant::now());
                polled.push(token);
            }
        });
        if sleeps {
            self.meter.slept(Instant::now());
            self.look_at_clock();
        }
    }

    fn all_hold(&self) -> bool {
        self.polled.iter().all(|token| {
            self.rings[token.0 as usize]
                .as_ref()
                .is_some_and(|ring| (ring.held > 0 || ring.rest.is_some()) && ring.pace.is_quiet)
        })
    }

    fn look_at_clock(&mut self) {
        self.turns_to_tick = TURNS_A_TICK;
        let now = Instant::now();
        self.meter.look(now);
        let busy = self.meter.busy();
        self.counters.busy_ns.store(busy.as_nanos() as u64, Relaxed);
        let (since, busy_then) = self.span;
        if now - since >= SPAN {
            if (busy - busy_then).as_secs_f64() >= balance::BUSY * (now - since).as_secs_f64() {
                self.alarm.raise();
            }
            self.span = (now, busy);
        }
        self.bench.tick = Tick((now - self.bench.start).as_secs() as u32);
    }

    /// Takes what control has sent. False at the end.
    #[cold]
    fn take_mail(&mut self) -> bool {
        for command in self.mailbox.take() {
            match command {
                Command::Snapshot(snapshot, done) => {
                    if !snapshot.has_tables_of(&self.snapshot) {
                        self.bench.learner.forget();
                    }
                    self.snapshot = snapshot;
                    self.forget_waits();
                    // Control may have given up waiting; the snapshot is in force either way.
                    let _ = done.send(());
                }
                Command::Attach(ring, done) => {
                    let _ = done.send(self.attach(ring));
                }
                Command::Detach(port, pair, reply) => {
                    let _ = reply.send(self.detach(port, pair));
                }
                Command::Stop => return false,
            }
        }
        true
    }

    /// What a ring's frames wait for may have another name from now on.
    fn forget_waits(&mut self) {
        for token in &self.polled {
            if let Some(ring) = &mut self.rings[token.0 as usize] {
                ring.wait = None;
            }
        }
    }

    fn attach(&mut self, mut ring: Box<Ring>) -> Result<(), (Box<Ring>, io::Error)> {
        let free = self.rings.iter().position(Option::is_none);
        let at = free.unwrap_or(self.rings.len());
        let token = Token(at as u32);
        if let Some(kick) = ring.from_guest.kick()
            && let Err(error) = self.doorbell.watch(token, kick)
        {
            return Err((ring, error));
        }
        ring.from_guest.disarm();
        if free.is_none() {
            self.rings.push(None);
            // So that a turn never allocates.
            self.polled.reserve(self.rings.len() - self.polled.len());
        }
        self.rings[at] = Some(ring);
        self.polled.push(token);
        Ok(())
    }

    /// Lets go of a ring as it is: what it holds and waits for goes with it.
    fn detach(&mut self, port: PortId, pair: usize) -> Option<Box<Ring>> {
        let is_it = |ring: &Ring| (ring.port, ring.pair) == (port, pair);
        let at = self
            .rings
            .iter()
            .position(|ring| ring.as_deref().is_some_and(is_it))?;
        let mut ring = self.rings[at].take()?;
        if std::mem::take(&mut ring.pace.is_armed) {
            self.armed -= 1;
        }
        self.polled.retain(|polled| polled.0 as usize != at);
        if let Some(kick) = ring.from_guest.kick() {
            self.doorbell.unwatch(kick);
        }
        Some(ring)
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
