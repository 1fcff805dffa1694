//! How long frames wait for a receiver that has no buffers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::clock;

/// How long a frame waits for buffers of a receiver that has none.
const HOLD: Duration = Duration::from_millis(50);

/// The senders' patience with one receive ring. All of them share it: a receiver that has taken nothing
/// for [`HOLD`] is not waited for until it takes a frame again, so a slow receiver costs its senders one
/// hold, not one a burst.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// When a frame first found no buffers, in nanoseconds since the switch started; 0 since the last
    /// frame that did.
    waiting_since_ns: AtomicU64,
}

impl Patience {
    /// Whether a frame that found no buffers may wait for them.
    pub(crate) fn may_wait(&self, start: Instant) -> bool {
        let now = (clock::now() - start).as_nanos() as u64 | 1;
        match self.waiting_since_ns.load(Relaxed) {
            0 => {
                self.waiting_since_ns.store(now, Relaxed);
                true
            }
            since => Duration::from_nanos(now.saturating_sub(since)) < HOLD,
        }
    }

    /// Whether frames wait, and may go on to.
    pub(crate) fn is_tried(&self, start: Instant) -> bool {
        let since = self.waiting_since_ns.load(Relaxed);
        let now = (clock::now() - start).as_nanos() as u64;
        since != 0 && Duration::from_nanos(now.saturating_sub(since)) < HOLD
    }

    #[inline]
    pub(crate) fn buffers_came(&self) {
        if self.waiting_since_ns.load(Relaxed) != 0 {
            self.waiting_since_ns.store(0, Relaxed);
        }
    }
}
