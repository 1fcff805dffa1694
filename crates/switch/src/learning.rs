//! Source addresses on their way from the workers to the engine, which makes them dynamic filters.
//!
//! A worker only asks; control answers with a new table. Asking is bounded three ways, because a guest
//! chooses its source addresses: a few a burst, the same one once a second, and a channel of fixed
//! length that drops what does not fit (the next frame asks again).

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vmq::{Mac, Tick, VlanId};

use crate::PortId;
use crate::control::Handset;
use crate::state::State;

/// A source address that the table does not know behind `port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) port: PortId,
    pub(crate) vlan: VlanId,
    pub(crate) mac: Mac,
}

/// Sightings that wait for control.
const BACKLOG: usize = 1024;

/// Sightings a worker may report in one burst.
const A_BURST: u32 = 8;

/// Sightings a worker remembers having reported.
const REMEMBERED: usize = 256;

/// The shortest time between two tables compiled for addresses learnt, so that guests that change
/// theirs all the time cannot keep control busy.
const PAUSE: Duration = Duration::from_millis(1);

/// What the learning thread is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// A worker has seen an address.
    Seen(Sighting),
    /// A network keeps its addresses for another time than before.
    OtherAges,
}

impl Note {
    fn sighting(self) -> Option<Sighting> {
        match self {
            Self::Seen(sighting) => Some(sighting),
            Self::OtherAges => None,
        }
    }
}

pub(crate) fn channel() -> (SyncSender<Note>, Receiver<Note>) {
    sync_channel(BACKLOG)
}

/// The learning thread: turns sightings into dynamic filters, forgets those not seen for long. It
/// sleeps until something is seen or the next address may expire, and ends with the switch.
pub(crate) fn run(
    state: &Mutex<State>,
    workers: &[Handset],
    notes: &Receiver<Note>,
    start: Instant,
) {
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let now = || Tick(start.elapsed().as_secs() as u32);
    loop {
        let expiry = lock()
            .next_expiry()
            .map(|expiry| Duration::from_secs(u64::from(expiry.0) + 1));
        let first = match expiry {
            None => notes.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(expiry) => notes.recv_timeout(expiry.saturating_sub(start.elapsed())),
        };
        match first {
            Ok(first) => {
                {
                    let mut state = lock();
                    let all = std::iter::once(first).chain(notes.try_iter());
                    if state.learn(all.filter_map(Note::sighting), now()) {
                        state.publish(workers);
                    }
                }
                std::thread::sleep(PAUSE);
            }
            Err(RecvTimeoutError::Timeout) => {
                let mut state = lock();
                if state.age(now()) {
                    state.publish(workers);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// A worker's end.
pub(crate) struct Learner {
    to_control: SyncSender<Note>,
    asked: Box<[Option<(Sighting, Tick)>; REMEMBERED]>,
    left_in_burst: u32,
    now: Tick,
}

impl Learner {
    pub(crate) fn new(to_control: SyncSender<Note>) -> Self {
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
    pub(crate) fn ask(&mut self, port: PortId, vlan: VlanId, mac: Mac) {
        if self.left_in_burst == 0 {
            return;
        }
        let sighting = Sighting { port, vlan, mac };
        let asked = &mut self.asked[place(sighting)];
        if *asked == Some((sighting, self.now)) {
            return;
        }
        self.left_in_burst -= 1;
        if self.to_control.try_send(Note::Seen(sighting)).is_ok() {
            *asked = Some((sighting, self.now));
        }
    }
}

fn place(sighting: Sighting) -> usize {
    let [_, _, a, b, c, d] = sighting.mac.0;
    let low = u32::from_be_bytes([a, b, c, d])
        ^ u32::from(sighting.vlan.0) << 16
        ^ u32::from(sighting.port.0);
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
            learner.ask(PortId(1), VlanId(0), mac(1));
        }
        assert_eq!(receiver.try_iter().count(), 2);
    }

    #[test]
    fn a_source_is_asked_for_again_after_the_table_has_changed() {
        let (sender, receiver) = channel();
        let mut learner = Learner::new(sender);
        for _ in 0..2 {
            learner.start_burst(Tick(1));
            learner.ask(PortId(1), VlanId(0), mac(1));
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
            learner.ask(PortId(1), VlanId(0), mac(last));
        }
        assert_eq!(receiver.try_iter().count(), A_BURST as usize);
    }
}
