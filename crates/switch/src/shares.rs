//! Shares of a worker's time, for ports of unequal weight.
//!
//! Each round a ring earns work in proportion to its port's weight, and a ring that has none left is passed by until it has
//! earned some. What is earned follows from the ring that a burst a round brings least for its weight: it gets just that, so
//! that every ring can have its share within one burst a round, and nobody waits for long. Only rings that had more than was
//! taken of them compete; while there are none, nobody is held up. A worker whose ports have all the same weight knows
//! nothing of this.

use crate::doorbell::Token;
use crate::port::Entry;
use crate::ring::Ring;
use crate::snapshot::Snapshot;
use crate::turn::{self, BURST_BYTES, Bench, Most, Outcome};
use crate::{Fault, MAX_PORTS};

/// A ring may take as much as soon as it has earned anything, and pays afterwards: a frame now and then does not wait.
const LEAST: i64 = 16 * UNIT;

/// The work of a frame. That of a byte is one, see [`Load`](crate::ring::Load).
const UNIT: i64 = 1024;

/// The work of the largest burst.
const MOST: i64 = (nbl::BURST as i64 + BURST_BYTES as i64 / 1024) * UNIT;

/// What one ring has earned and not used.
#[derive(Debug)]
pub(crate) struct Share {
    credit: i64,
    /// What a whole burst takes, of such frames as were sent last.
    burst: i64,
    is_backlogged: bool,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            credit: MOST,
            burst: MOST,
            is_backlogged: false,
        }
    }
}

impl Share {
    /// Whether it is the ring's turn.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        self.credit > 0
    }

    /// How much it may take, of `most`.
    fn limit(&self, most: Most) -> Most {
        let work = self.credit.max(LEAST) / UNIT;
        Most {
            frames: most.frames.min(work as usize),
            bytes: most.bytes.min(work as u32 * 1024),
        }
    }

    /// Notes what was taken, and whether there was more.
    fn took(&mut self, outcome: &Outcome, has_more: bool) {
        let work = outcome.done as i64 * UNIT + outcome.bytes as i64;
        self.credit -= work;
        self.is_backlogged = has_more && outcome.held == 0;
        if outcome.done > 0 {
            let all = work / outcome.done as i64 * nbl::BURST as i64;
            self.burst = all.min(MOST);
        }
    }

    fn earn(&mut self, work: i64) {
        self.credit = self.credit.saturating_add(work).min(self.burst.max(LEAST));
    }
}

/// Runs one burst of `ring`, of what it may take.
///
/// # Errors
/// As [`turn::run`].
#[inline(never)]
pub(crate) fn run(
    bench: &mut Bench,
    snapshot: &Snapshot,
    port: &Entry,
    ring: &mut Ring,
    most: Most,
) -> Result<Outcome, Fault> {
    let most = ring.share.limit(most);
    let outcome = turn::run(bench, snapshot, port, ring, most)?;
    ring.share.took(&outcome, ring.has_more());
    Ok(outcome)
}

/// What a worker remembers for its rounds.
pub(crate) struct Shares {
    /// By port: how many of its rings compete on this worker, among which its weight is divided.
    competing: Box<[u16]>,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            competing: vec![0; MAX_PORTS].into(),
        }
    }
}

impl Shares {
    /// Gives every ring what it earns.
    pub(crate) fn begin_round(
        &mut self,
        snapshot: &Snapshot,
        rings: &mut [Option<Box<Ring>>],
        polled: &[Token],
    ) {
        for token in polled {
            if let Some(ring) = &rings[token.0 as usize] {
                self.competing[usize::from(ring.port.0)] = 0;
            }
        }
        let backlogged = |ring: &&Ring| ring.share.is_backlogged;
        let of = |token: &Token| rings[token.0 as usize].as_deref();
        for ring in polled.iter().filter_map(of).filter(backlogged) {
            self.competing[usize::from(ring.port.0)] += 1;
        }
        let weight = |ring: &Ring| {
            let port = snapshot.port(ring.port);
            i64::from(port.map_or(1, |port| port.policy.weight))
        };
        let rings_of = |ring: &Ring| i64::from(self.competing[usize::from(ring.port.0)].max(1));
        let least = polled
            .iter()
            .filter_map(of)
            .filter(backlogged)
            .map(|ring| ring.share.burst * rings_of(ring) / weight(ring))
            .min();
        for token in polled {
            let Some(ring) = &mut rings[token.0 as usize] else {
                continue;
            };
            let earns = least.map_or(MOST, |least| least * weight(ring) / rings_of(ring));
            ring.share.earn(earns);
        }
    }
}
