//! Counters of a port, one lane a worker.
//!
//! A lane has one writer, so a count is a plain load and store (no locked instruction on the hot
//! path); a reader adds the lanes up and may be a burst behind.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::DropReason;

/// The counters of one port.
#[derive(Debug)]
pub struct Counters {
    lanes: Box<[Lane]>,
}

/// One worker's share of a port's counters. Only that worker writes it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Lane {
    from_guest_frames: AtomicU64,
    from_guest_bytes: AtomicU64,
    to_guest_frames: AtomicU64,
    to_guest_bytes: AtomicU64,
    bytes_copied: AtomicU64,
    flooded: AtomicU64,
    held: AtomicU64,
    paced: AtomicU64,
    segmented: AtomicU64,
    checksummed: AtomicU64,
    calls: AtomicU64,
    calls_suppressed: AtomicU64,
    drops: [AtomicU64; DropReason::ALL.len()],
}

/// What a port's counters stood at, all lanes added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames the guest sent that the switch took.
    pub from_guest_frames: u64,
    /// Bytes of those frames, without virtio-net headers.
    pub from_guest_bytes: u64,
    /// Frames written into the guest's receive buffers.
    pub to_guest_frames: u64,
    /// Bytes of those frames.
    pub to_guest_bytes: u64,
    /// Bytes moved to make those deliveries: lookahead copies and the copy into the receive buffer.
    pub bytes_copied: u64,
    /// Frames of this port that went to the flood group.
    pub flooded: u64,
    /// Times that a frame of this port had to wait for a receiver's buffers.
    pub held: u64,
    /// Times that a ring of this port had to wait until its bandwidth allowed more.
    pub paced: u64,
    /// Large frames to this port that were cut in software, for its guest does not take them whole.
    pub segmented: u64,
    /// Other frames to this port whose checksum was made in software.
    pub checksummed: u64,
    /// Notifications sent to the guest.
    pub calls: u64,
    /// Notifications spared because the guest did not want one.
    pub calls_suppressed: u64,
    /// Drops by [`DropReason`], counted at the port that sent the frame, or at the receiver where the
    /// receiver is the cause.
    pub drops: [u64; DropReason::ALL.len()],
}

impl Counters {
    /// Counters for a switch of `workers` workers, at zero.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self {
            lanes: (0..workers).map(|_| Lane::default()).collect(),
        }
    }

    /// The lane that worker `worker` writes.
    #[inline]
    #[must_use]
    pub fn lane(&self, worker: usize) -> &Lane {
        &self.lanes[worker]
    }

    pub(crate) fn workers(&self) -> usize {
        self.lanes.len()
    }

    pub(crate) fn totals(&self) -> Totals {
        let mut sum = Totals::default();
        for lane in &self.lanes {
            sum.add(lane);
        }
        sum
    }
}

impl Totals {
    /// Adds what one lane stands at.
    pub(crate) fn add(&mut self, lane: &Lane) {
        self.from_guest_frames += lane.from_guest_frames.load(Relaxed);
        self.from_guest_bytes += lane.from_guest_bytes.load(Relaxed);
        self.to_guest_frames += lane.to_guest_frames.load(Relaxed);
        self.to_guest_bytes += lane.to_guest_bytes.load(Relaxed);
        self.bytes_copied += lane.bytes_copied.load(Relaxed);
        self.flooded += lane.flooded.load(Relaxed);
        self.held += lane.held.load(Relaxed);
        self.paced += lane.paced.load(Relaxed);
        self.segmented += lane.segmented.load(Relaxed);
        self.checksummed += lane.checksummed.load(Relaxed);
        self.calls += lane.calls.load(Relaxed);
        self.calls_suppressed += lane.calls_suppressed.load(Relaxed);
        for (total, count) in self.drops.iter_mut().zip(&lane.drops) {
            *total += count.load(Relaxed);
        }
    }
}

impl Lane {
    /// Counts `frames` frames that were not delivered because of `reason`.
    #[inline]
    pub fn dropped(&self, reason: DropReason, frames: u64) {
        add(&self.drops[reason as usize], frames);
    }

    #[inline]
    pub(crate) fn taken(&self, frames: u64, bytes: u64, lookahead_bytes: u64) {
        add(&self.from_guest_frames, frames);
        add(&self.from_guest_bytes, bytes);
        add(&self.bytes_copied, lookahead_bytes);
    }

    #[inline]
    pub(crate) fn delivered(&self, frames: u64, bytes: u64) {
        add(&self.to_guest_frames, frames);
        add(&self.to_guest_bytes, bytes);
        add(&self.bytes_copied, bytes);
    }

    /// Counts a notification that was sent, or spared because the guest did not want one.
    #[inline]
    pub(crate) fn called(&self, was_sent: bool) {
        let counter = if was_sent {
            &self.calls
        } else {
            &self.calls_suppressed
        };
        add(counter, 1);
    }

    #[inline]
    pub(crate) fn flooded(&self, frames: u64) {
        add(&self.flooded, frames);
    }

    /// Counts a frame that was finished in software.
    pub(crate) fn finished(&self, was_large: bool) {
        let counter = if was_large {
            &self.segmented
        } else {
            &self.checksummed
        };
        add(counter, 1);
    }

    /// Counts bytes that were copied on the way.
    pub(crate) fn copied(&self, bytes: u64) {
        add(&self.bytes_copied, bytes);
    }

    #[inline]
    pub(crate) fn held(&self, frames: u64) {
        add(&self.held, frames);
    }

    pub(crate) fn paced(&self) {
        add(&self.paced, 1);
    }
}

/// A single writer needs no read-modify-write.
#[inline]
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_the_sum_of_the_lanes() {
        let counters = Counters::new(2);
        counters.lane(0).taken(3, 180, 180);
        counters.lane(1).taken(1, 60, 60);
        counters.lane(1).dropped(DropReason::Runt, 2);
        counters.lane(0).delivered(4, 240);
        let totals = counters.totals();
        assert_eq!(
            (totals.from_guest_frames, totals.from_guest_bytes),
            (4, 240)
        );
        assert_eq!((totals.to_guest_frames, totals.bytes_copied), (4, 480));
        assert_eq!(totals.drops[DropReason::Runt as usize], 2);
    }
}
