//! What a rule decided so far, one lane a worker, as a port's counters are kept: no worker waits for another's cache line.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Way;
use crate::counters::add;

/// Frames and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Count {
    /// How many.
    pub frames: u64,
    /// How many bytes those have, without virtio-net headers.
    pub bytes: u64,
}

/// What a rule decided of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleTotals {
    /// Frames that the guest sent.
    pub from_guest: Count,
    /// Frames that the guest was to have.
    pub to_guest: Count,
}

#[derive(Debug)]
pub(super) struct Tally(Box<[Lane]>);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Lane {
    from_guest: Cell,
    to_guest: Cell,
}

#[derive(Debug, Default)]
struct Cell {
    frames: AtomicU64,
    bytes: AtomicU64,
}

impl Tally {
    pub(super) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Lane::default()).collect())
    }

    #[inline]
    pub(super) fn count(&self, worker: usize, way: Way, bytes: u32) {
        let lane = &self.0[worker];
        let cell = match way {
            Way::FromGuest => &lane.from_guest,
            Way::ToGuest => &lane.to_guest,
        };
        add(&cell.frames, 1);
        add(&cell.bytes, bytes.into());
    }

    pub(super) fn totals(&self) -> RuleTotals {
        let mut sum = RuleTotals::default();
        for lane in &self.0 {
            lane.from_guest.add_to(&mut sum.from_guest);
            lane.to_guest.add_to(&mut sum.to_guest);
        }
        sum
    }
}

impl Cell {
    fn add_to(&self, sum: &mut Count) {
        sum.frames += self.frames.load(Relaxed);
        sum.bytes += self.bytes.load(Relaxed);
    }
}
