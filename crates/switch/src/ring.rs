//! A from-guest ring in its worker's hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use nbl::{NblQueue, Pool};
use shmem::BlockTable;

use crate::line::{Line, Transit};
use crate::port::{FromGuest, Receiver};
use crate::shares::Share;
use crate::snapshot::Snapshot;
use crate::turn::Last;
use crate::{Fault, Lane, PortId, Pull, clock};

/// How long a ring is polled after its last frame before the guest is asked to kick: about what being woken costs.
const LONGEST_SPIN: Duration = Duration::from_micros(25);

/// The same while frames come so far apart that polling for the next one is in vain.
const SHORTEST_SPIN: Duration = Duration::from_micros(2);

/// Empty looks between two looks at the clock.
const LOOKS_A_CLOCK: u32 = 32;

pub(crate) struct Ring {
    pub(crate) port: PortId,
    /// Which of the port's queue pairs it belongs to.
    pub(crate) pair: usize,
    pub(crate) load: Arc<Load>,
    pub(crate) from_guest: Box<dyn FromGuest>,
    pub(crate) pace: Pace,
    /// Frames that wait for a receiver's buffers.
    pub(crate) held: usize,
    /// Whose buffers, if it is one receiver's.
    pub(crate) wait: Option<Wait>,
    /// Since when and on account of whom it rests: its last burst was dropped whole, for want of buffers.
    pub(crate) rest: Option<(Wait, Instant)>,
    /// What was judged last.
    pub(crate) last: Last,
    /// Until when it is not to be looked at, while no worker has it.
    pub(crate) until: Option<Instant>,
    pub(crate) share: Share,
    /// What lies between the guest's ring and the switch, if its line is a bad one.
    pub(crate) transit: Option<Box<Transit>>,
}

/// How long a ring rests whose frames all go to a receiver that nobody waits for any more. What is sent to nobody shall not
/// take the time of those who are heard.
const REST: Duration = Duration::from_micros(250);

/// How much work a ring was so far. Its worker counts, control reads.
#[derive(Debug, Default)]
pub(crate) struct Load(AtomicU64);

impl Load {
    /// A kilobyte to copy takes about as long as a frame to switch.
    #[inline]
    pub(crate) fn add(&self, frames: usize, bytes: u64) {
        let work = frames as u64 + bytes / 1024;
        self.0
            .store(self.0.load(Relaxed).wrapping_add(work), Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What frames wait for: that a guest posts more buffers in one of its rings than it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) port: PortId,
    pub(crate) ring: u8,
    pub(crate) posted: u16,
}

impl Wait {
    /// Whether looking again is in vain: no buffer came, and the time to wait is not over.
    fn goes_on(self, snapshot: &Snapshot, start: Instant) -> bool {
        self.is_in_vain(snapshot)
            && snapshot
                .port(self.port)
                .is_some_and(|receiver| receiver.patience(self.ring).is_tried(start))
    }

    /// Whether no buffer came.
    fn is_in_vain(self, snapshot: &Snapshot) -> bool {
        let Some(receiver) = snapshot.port(self.port) else {
            return false;
        };
        let has_no_more = |to: &Receiver| to.ring.posted() == self.posted;
        receiver.gate.is_open() && receiver.receiver(self.ring).is_none_or(has_no_more)
    }
}

impl Ring {
    pub(crate) fn new(port: PortId, pair: usize, from_guest: Box<dyn FromGuest>) -> Self {
        Self {
            port,
            pair,
            load: Arc::default(),
            from_guest,
            pace: Pace::default(),
            held: 0,
            wait: None,
            rest: None,
            last: Last::default(),
            until: None,
            share: Share::default(),
            transit: None,
        }
    }

    /// Its port's line is this one now, or a good one: true if it was another one.
    pub(crate) fn follow(&mut self, line: Option<&Arc<Line>>) -> bool {
        if let Some(transit) = &mut self.transit {
            return transit.follow(line);
        }
        let transit = line.map(|line| Transit::new(line, self.pair, self.held > 0));
        self.transit = transit.map(Box::new);
        self.transit.is_some()
    }

    /// Takes what the guest has sent in on its line, if that is a bad one.
    ///
    /// # Errors
    /// The guest's fault.
    #[inline]
    pub(crate) fn take_in(
        &mut self,
        pool: &mut Pool,
        blocks: &BlockTable,
        lane: &Lane,
    ) -> Result<(), Fault> {
        let Some(transit) = &mut self.transit else {
            return Ok(());
        };
        if transit.is_over() {
            self.transit = None;
            return Ok(());
        }
        transit.take_in(&mut *self.from_guest, pool, blocks, lane)?;
        pool.reset();
        Ok(())
    }

    /// [`FromGuest::pull`], of the guest's ring or of what has come over its line.
    #[inline]
    pub(crate) fn pull<'p>(&mut self, pull: Pull<'_, 'p>) -> Result<NblQueue<'p>, Fault> {
        match &mut self.transit {
            None => self.from_guest.pull(pull),
            Some(transit) => Ok(transit.pull(pull)),
        }
    }

    /// [`FromGuest::complete`], likewise: over a line, the guest was told before.
    #[inline]
    pub(crate) fn complete(&mut self, done: &NblQueue<'_>, lane: &Lane) -> Result<(), Fault> {
        match &mut self.transit {
            None => lane.called(self.from_guest.complete(done)?),
            Some(transit) => transit.complete(done),
        }
        Ok(())
    }

    /// [`FromGuest::hold`], likewise.
    pub(crate) fn hold(&mut self, waiting: &NblQueue<'_>) {
        match &mut self.transit {
            None => self.from_guest.hold(waiting),
            Some(transit) => transit.hold(waiting),
        }
    }

    /// Whether there is something to do for it, beside what it holds.
    #[inline]
    pub(crate) fn has_more(&self) -> bool {
        let has_come = |transit: &Transit| transit.has_more();
        self.from_guest.has_more() || self.transit.as_deref().is_some_and(has_come)
    }

    /// Whether it is to be left alone for a while longer: its receiver has no more buffers than before.
    #[inline]
    pub(crate) fn rests(&mut self, snapshot: &Snapshot) -> bool {
        let Some((wait, since)) = self.rest else {
            return false;
        };
        let goes_on = clock::now() - since < REST && wait.is_in_vain(snapshot);
        if !goes_on {
            self.rest = None;
        }
        goes_on
    }

    /// Whether a pull would read the same held frames again and get no further: they would only be copied
    /// to the lookahead once more.
    #[inline]
    pub(crate) fn is_stuck(&self, snapshot: &Snapshot, start: Instant) -> bool {
        self.held > 0
            && (self.held == nbl::BURST || !self.has_more())
            && self.wait.is_some_and(|wait| wait.goes_on(snapshot, start))
    }
}

/// Whether a ring is polled or waits for a kick.
#[derive(Debug)]
pub(crate) struct Pace {
    pub(crate) is_armed: bool,
    /// Quiet for long enough that nothing is lost by a nap.
    pub(crate) is_quiet: bool,
    empty_looks: u32,
    quiet_since: Option<Instant>,
    spin: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            is_armed: false,
            is_quiet: false,
            empty_looks: 0,
            quiet_since: None,
            spin: LONGEST_SPIN,
        }
    }
}

impl Pace {
    #[inline]
    pub(crate) fn worked(&mut self) {
        self.is_quiet = false;
        self.empty_looks = 0;
        self.quiet_since = None;
    }

    /// The guest has kicked. If it did so soon, polling would have been cheaper than being woken, and there is
    /// more of it from now on; else there is less.
    pub(crate) fn woke(&mut self, now: Instant) {
        let quiet = self.quiet_since.map_or(Duration::ZERO, |since| now - since);
        self.spin = if quiet < 2 * LONGEST_SPIN {
            LONGEST_SPIN
        } else {
            (self.spin / 2).max(SHORTEST_SPIN)
        };
        self.worked();
    }

    /// Notes an empty look. True when the ring has been quiet for long enough to wait for a kick.
    #[inline]
    pub(crate) fn looked_in_vain(&mut self) -> bool {
        self.look(clock::now)
    }

    #[inline]
    fn look(&mut self, clock: impl FnOnce() -> Instant) -> bool {
        self.empty_looks += 1;
        if self.empty_looks < LOOKS_A_CLOCK {
            return false;
        }
        self.empty_looks = 0;
        let now = clock();
        self.is_quiet = now - *self.quiet_since.get_or_insert(now) >= self.spin;
        self.is_quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Polls in vain, a look every 20 ns, until it is enough; how long that took.
    fn polls(pace: &mut Pace, now: &mut Instant) -> Duration {
        let start = *now;
        loop {
            *now += Duration::from_nanos(20);
            if pace.look(|| *now) {
                return *now - start;
            }
        }
    }

    #[test]
    fn a_ring_is_polled_less_while_frames_come_far_apart_and_more_once_they_do_not() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        let first = polls(&mut pace, &mut now);
        assert!(
            first >= LONGEST_SPIN && first < 2 * LONGEST_SPIN,
            "{first:?}"
        );
        for _ in 0..8 {
            now += Duration::from_millis(1);
            pace.woke(now);
            polls(&mut pace, &mut now);
        }
        now += Duration::from_millis(1);
        pace.woke(now);
        let seldom = polls(&mut pace, &mut now);
        assert!(
            seldom >= SHORTEST_SPIN && seldom < 2 * SHORTEST_SPIN,
            "{seldom:?}"
        );
        now += Duration::from_micros(10);
        pace.woke(now);
        assert_eq!(polls(&mut pace, &mut now), first);
    }

    #[test]
    fn work_starts_the_time_anew() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        let first = polls(&mut pace, &mut now);
        pace.worked();
        assert!(!pace.is_quiet);
        assert_eq!(polls(&mut pace, &mut now), first);
    }
}
