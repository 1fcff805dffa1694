//! When a worker looks at the bell and at the clock, and when and for how long it sleeps.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use vmq::Tick;

use super::{Idle, Worker, bump};
use crate::doorbell::Token;
use crate::turn::Outcome;
use crate::{balance, clock};

/// Turns between two looks at the bell while some rings are polled and others wait for a kick.
pub(super) const TURNS_A_BELL: u32 = 64;

/// Turns between two looks at the clock, which ages learnt addresses by the second and judges the load; some
/// turns take long.
const TURNS_A_TICK: u32 = 256;

/// How long a worker's load is watched before it is called busy or not.
const SPAN: Duration = Duration::from_millis(100);

/// How long to sleep between attempts while every polled ring waits for a receiver's buffers, of which no kick tells.
const HOLD_NAP: Duration = Duration::from_micros(100);

/// A time that is nearer than this is waited for awake: to be woken takes about as long.
const SHORTEST_SLEEP: Duration = Duration::from_micros(25);

impl Worker {
    /// Polls rings again whose time has come.
    pub(super) fn poll_due(&mut self) {
        let now = clock::now();
        while let Some(token) = self.timers.pop(now) {
            self.poll(token);
        }
    }

    /// Polls a ring again that waited for a time, and perhaps for a kick too.
    pub(super) fn poll(&mut self, token: Token) {
        let ring = self
            .rings
            .get_mut(token.0 as usize)
            .and_then(Option::as_mut);
        let Some(ring) = ring else { return };
        if std::mem::take(&mut ring.pace.is_armed) {
            self.armed -= 1;
            ring.from_guest.disarm();
            ring.pace.worked();
        }
        self.polled.push(token);
    }

    /// Looks at the bell when it is due, and sleeps when there is nothing else to do.
    pub(super) fn pace(&mut self, turned: Outcome) {
        if self.idle == Idle::Spin {
            if turned.done == 0 {
                std::hint::spin_loop();
            }
            return;
        }
        let timeout = self.spare(turned);
        let sleeps = timeout != Some(Duration::ZERO);
        if !sleeps {
            if turned.done == 0 {
                std::hint::spin_loop();
            }
            self.turns_to_bell -= 1;
            if self.turns_to_bell > 0 || self.armed == 0 {
                self.turns_to_bell = self.turns_to_bell.max(1);
                return;
            }
        }
        self.turns_to_bell = TURNS_A_BELL;
        if sleeps {
            bump(&self.counters.sleeps);
            self.look_at_clock();
        }
        let Self {
            doorbell,
            rings,
            polled,
            armed,
            timers,
            ..
        } = self;
        doorbell.wait(timeout, &mut |token| {
            let Some(ring) = rings.get_mut(token.0 as usize).and_then(Option::as_mut) else {
                return;
            };
            if std::mem::take(&mut ring.pace.is_armed) {
                *armed -= 1;
                ring.from_guest.disarm();
                ring.pace.woke(clock::now());
                timers.clear(token);
                polled.push(token);
            }
        });
        if sleeps {
            self.meter.slept(clock::now());
            self.look_at_clock();
        }
    }

    /// For how long there is nothing to do. `None`: until somebody kicks.
    #[inline]
    fn spare(&mut self, turned: Outcome) -> Option<Duration> {
        let nap = if self.polled.is_empty() {
            None
        } else if turned.done == 0 && turned.held > 0 && self.all_hold() {
            Some(HOLD_NAP)
        } else {
            return Some(Duration::ZERO);
        };
        let Some(due) = self.timers.next() else {
            return nap;
        };
        let left = due.saturating_duration_since(clock::now());
        let left = if left < SHORTEST_SLEEP {
            Duration::ZERO
        } else {
            left
        };
        Some(nap.map_or(left, |nap| nap.min(left)))
    }

    fn all_hold(&self) -> bool {
        self.polled.iter().all(|token| {
            self.rings[token.0 as usize]
                .as_ref()
                .is_some_and(|ring| (ring.held > 0 || ring.rest.is_some()) && ring.pace.is_quiet)
        })
    }

    pub(super) fn look_at_clock(&mut self) {
        self.turns_to_tick = TURNS_A_TICK;
        let now = clock::now();
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
}
