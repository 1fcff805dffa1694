//! The worker: a plain thread, pinned, that turns over its rings and sleeps when they are quiet.
//!
//! A ring is polled while it has frames, and for a short while after; then its guest is asked to kick
//! and the ring leaves the poll. A worker without polled rings sleeps until it is kicked or told
//! something, so an idle switch makes no wake-ups, and a turn does not cost more for rings that are quiet.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use vmq::Tick;

use crate::doorbell::{Doorbell, Token};
use crate::mailbox::{Command, Mailbox};
use crate::meter::Meter;
use crate::ring::Ring;
use crate::snapshot::Snapshot;
use crate::turn::{self, Bench, Outcome};
use crate::{Fault, MAX_PORTS};

/// Turns between two looks at the bell while some rings are polled and others wait for a kick.
const TURNS_A_BELL: u32 = 64;

/// Turns between two looks at the clock, which ages learnt addresses by the second.
const TURNS_A_TICK: u32 = 4096;

/// How long to sleep between attempts while every polled ring waits for a receiver's buffers.
const HOLD_NAP: Duration = Duration::from_micros(100);

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
    counters: Arc<WorkerCounters>,
    /// By token.
    rings: Vec<Option<Ring>>,
    /// Tokens of the rings that are polled.
    polled: Vec<Token>,
    armed: usize,
    meter: Meter,
    turns_to_bell: u32,
    turns_to_tick: u32,
}

impl Worker {
    pub(crate) fn new(
        bench: Bench,
        snapshot: Arc<Snapshot>,
        mailbox: Arc<Mailbox>,
        doorbell: Box<dyn Doorbell>,
        counters: Arc<WorkerCounters>,
    ) -> Self {
        Self {
            bench,
            snapshot,
            mailbox,
            doorbell,
            counters,
            rings: std::iter::repeat_with(|| None).take(MAX_PORTS).collect(),
            polled: Vec::with_capacity(MAX_PORTS),
            armed: 0,
            meter: Meter::new(Instant::now()),
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
        bump(&self.counters.turns);
        if sum.done > 0 {
            self.meter.worked();
        } else {
            bump(&self.counters.empty_turns);
            if self.meter.looked_in_vain() {
                self.meter.look(Instant::now());
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
        if ring.is_stuck(snapshot, bench.start) {
            ring.pace.looked_in_vain();
            return Some(Outcome {
                done: 0,
                held: ring.held,
            });
        }
        match catch_unwind(AssertUnwindSafe(|| turn::run(bench, snapshot, port, ring))) {
            Ok(Ok(outcome)) => {
                if outcome.done > 0 {
                    ring.pace.worked();
                } else if ring.pace.looked_in_vain() && outcome.held == 0 {
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
                ring.pace.worked();
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
                .is_some_and(|ring| ring.held > 0 && ring.pace.is_quiet)
        })
    }

    fn look_at_clock(&mut self) {
        self.turns_to_tick = TURNS_A_TICK;
        let now = Instant::now();
        self.meter.look(now);
        let busy = self.meter.busy().as_nanos() as u64;
        self.counters.busy_ns.store(busy, Relaxed);
        self.bench.tick = Tick((now - self.bench.start).as_secs() as u32);
    }

    /// Takes what control has sent. False at the end.
    #[cold]
    fn take_mail(&mut self) -> bool {
        for command in self.mailbox.take() {
            match command {
                Command::Snapshot(snapshot, done) => {
                    if !Arc::ptr_eq(&self.snapshot.table, &snapshot.table) {
                        self.bench.learner.forget();
                    }
                    self.snapshot = snapshot;
                    // Control may have given up waiting; the snapshot is in force either way.
                    let _ = done.send(());
                }
                Command::Attach(token, ring, done) => {
                    let _ = done.send(self.attach(token, ring));
                }
                Command::Detach(token, reply) => {
                    let _ = reply.send(self.detach(token));
                }
                Command::Stop => return false,
            }
        }
        true
    }

    fn attach(&mut self, token: Token, mut ring: Ring) -> std::io::Result<()> {
        if let Some(kick) = ring.from_guest.kick() {
            self.doorbell.watch(token, kick)?;
        }
        ring.from_guest.disarm();
        self.rings[token.0 as usize] = Some(ring);
        self.polled.push(token);
        Ok(())
    }

    fn detach(&mut self, token: Token) -> Option<Box<dyn crate::FromGuest>> {
        let ring = self.rings.get_mut(token.0 as usize)?.take()?;
        if ring.pace.is_armed {
            self.armed -= 1;
        }
        self.polled.retain(|&polled| polled != token);
        if let Some(kick) = ring.from_guest.kick() {
            self.doorbell.unwatch(kick);
        }
        Some(ring.from_guest)
    }
}

/// Gives a receiver back the buffers that a panic left reserved: later ones could not be published
/// before them.
#[cold]
fn publish_abandoned(bench: &mut Bench, snapshot: &Snapshot) {
    let Some(receiver) = bench
        .reservation
        .abandon()
        .and_then(|queue| snapshot.queue(queue))
    else {
        return;
    };
    let Some(to_guest) = &receiver.to_guest else {
        return;
    };
    let published = catch_unwind(AssertUnwindSafe(|| to_guest.publish(&bench.reservation)));
    if !matches!(published, Ok(Ok(()))) {
        receiver.gate.fail(&Fault::new(
            "the switch failed on this port's buffers (internal error, please report it)",
        ));
    }
}

fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}
