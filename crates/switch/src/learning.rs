//! Source addresses on their way from the workers to the engine, which makes them dynamic filters.
//!
//! A worker only asks; control answers with a new table. Asking is bounded three ways, because a guest
//! chooses its source addresses: a few a burst, the same one once a second, and a channel of fixed
//! length that drops what does not fit (the next frame asks again).

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use vmq::{Mac, QueueId, Tick, VlanId};

/// A source address that the table does not know behind `queue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) queue: QueueId,
    pub(crate) vlan: VlanId,
    pub(crate) mac: Mac,
}

/// Sightings that wait for control.
const BACKLOG: usize = 1024;

/// Sightings a worker may report in one burst.
const A_BURST: u32 = 8;

/// Sightings a worker remembers having reported.
const REMEMBERED: usize = 256;

pub(crate) fn channel() -> (SyncSender<Sighting>, Receiver<Sighting>) {
    sync_channel(BACKLOG)
}

/// A worker's end.
pub(crate) struct Learner {
    to_control: SyncSender<Sighting>,
    asked: Box<[Option<(Sighting, Tick)>; REMEMBERED]>,
    left_in_burst: u32,
    now: Tick,
}

impl Learner {
    pub(crate) fn new(to_control: SyncSender<Sighting>) -> Self {
        Self {
            to_control,
            asked: Box::new([None; REMEMBERED]),
            left_in_burst: 0,
            now: Tick(0),
        }
    }

    #[inline]
    pub(crate) fn start_burst(&mut self, now: Tick) {
        self.left_in_burst = A_BURST;
        self.now = now;
    }

    /// The table has changed: what was asked for before may be unknown again.
    pub(crate) fn forget(&mut self) {
        self.asked.fill(None);
    }

    #[cold]
    pub(crate) fn ask(&mut self, queue: QueueId, vlan: VlanId, mac: Mac) {
        if self.left_in_burst == 0 {
            return;
        }
        let sighting = Sighting { queue, vlan, mac };
        let asked = &mut self.asked[place(sighting)];
        if *asked == Some((sighting, self.now)) {
            return;
        }
        self.left_in_burst -= 1;
        if self.to_control.try_send(sighting).is_ok() {
            *asked = Some((sighting, self.now));
        }
    }
}

fn place(sighting: Sighting) -> usize {
    let [_, _, a, b, c, d] = sighting.mac.0;
    let low = u32::from_be_bytes([a, b, c, d])
        ^ u32::from(sighting.vlan.0) << 16
        ^ u32::from(sighting.queue.0);
    (low.wrapping_mul(0x9e37_79b1) >> 24) as usize % REMEMBERED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(last: u8) -> Mac {
        Mac([2, 0, 0, 0, 0, last])
    }

    #[test]
    fn the_same_source_is_asked_for_once_a_tick() {
        let (sender, receiver) = channel();
        let mut learner = Learner::new(sender);
        for tick in [1, 1, 2] {
            learner.start_burst(Tick(tick));
            learner.ask(QueueId(1), VlanId(0), mac(1));
        }
        assert_eq!(receiver.try_iter().count(), 2);
    }

    #[test]
    fn a_source_is_asked_for_again_after_the_table_has_changed() {
        let (sender, receiver) = channel();
        let mut learner = Learner::new(sender);
        for _ in 0..2 {
            learner.start_burst(Tick(1));
            learner.ask(QueueId(1), VlanId(0), mac(1));
            learner.forget();
        }
        assert_eq!(receiver.try_iter().count(), 2);
    }

    #[test]
    fn a_burst_of_new_sources_asks_for_a_few() {
        let (sender, receiver) = channel();
        let mut learner = Learner::new(sender);
        learner.start_burst(Tick(1));
        for last in 0..64 {
            learner.ask(QueueId(1), VlanId(0), mac(last));
        }
        assert_eq!(receiver.try_iter().count(), A_BURST as usize);
    }
}
