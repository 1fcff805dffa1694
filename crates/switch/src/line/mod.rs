//! A bad line, for labs: what a guest sends goes on its way later, in another order, twice or not at all.
//!
//! ```text
//!  from-guest ring ─ taken in ─▶ Fate, drawn from the seed ──▶ lost: dropped and counted
//!  (has its buffers back)          │
//!                                  ▼ copied, for the guest may rewrite its memory
//!                                Store, the port's: pieces of bounded memory, what finds no room is dropped
//!                                  │ when it is due
//!                                  ▼
//!                                pulled in a burst, as from a ring
//! ```
//!
//! Frames keep their order, except those that overtake: these are a line of their own, without the delay.

mod fate;
mod store;
mod transit;

#[cfg(test)]
mod tests;

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use self::fate::Chances;
pub(crate) use self::store::{SIZE, Store};
pub(crate) use self::transit::Transit;
use crate::policy::Impairment;

/// A port's line, which its rings share.
#[derive(Debug)]
pub(crate) struct Line {
    asked: Impairment,
    chances: Chances,
    /// Bits a second.
    rate: Option<NonZeroU64>,
    /// Until when a frame before is on the wire.
    busy: Mutex<Option<Instant>>,
    store: Arc<Store>,
}

impl Line {
    /// What `asked` comes to; `None` if that is a good line. One that was asked the same before goes on as it is.
    pub(crate) fn new(
        asked: Impairment,
        before: Option<&Arc<Self>>,
        store: Option<&Arc<Store>>,
    ) -> Option<Arc<Self>> {
        let store = store.filter(|_| !asked.is_none())?;
        if let Some(same) = before.filter(|before| before.asked == asked) {
            return Some(same.clone());
        }
        Some(Arc::new(Self {
            asked,
            chances: Chances::new(&asked),
            rate: asked.rate.and_then(NonZeroU64::new),
            busy: Mutex::default(),
            store: store.clone(),
        }))
    }

    /// When a frame of so many bytes that is sent now has left.
    fn leaves(&self, now: Instant, bytes: u32) -> Instant {
        let Some(rate) = self.rate else { return now };
        let ns = (u128::from(bytes) * 8_000_000_000).div_ceil(rate.get().into());
        let takes = Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX));
        // A time is whole whatever panicked.
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let left = busy.map_or(now, |busy| busy.max(now)) + takes;
        *busy = Some(left);
        left
    }
}
