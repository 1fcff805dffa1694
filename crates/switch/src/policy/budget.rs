//! How much one direction of a port may move. Every ring of the port draws on the same budget, on whatever worker it is, so
//! it is locked; but only once a burst, for as long as a sum takes, and never over a copy.
//!
//! A sender is held back in its own ring: after a burst that has used the budget up, its ring is left alone until there is
//! some again, and nothing is lost. Each ring waits until what was taken before it, by others too, is paid; so they take
//! turns, and none has to fight for what comes in.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::bucket::Bucket;
use super::settings::Rate;
use crate::MAX_FRAME;

/// What comes in this time may come at once, if nothing else is asked.
const USUAL_BURST: Duration = Duration::from_millis(10);

/// What comes in this time is sent at a time. Shorter, and a worker would be woken for every frame; longer, and a line would
/// look like one that is slow and fast in turns.
const GRAIN: Duration = Duration::from_micros(250);

#[derive(Debug)]
pub(crate) struct Budget {
    /// In bits.
    bucket: Mutex<Bucket>,
    /// Bytes that come in [`GRAIN`], at least one.
    grain: u32,
    asked: Rate,
}

impl Budget {
    /// What `asked` comes to; `None` without a maximum. One that was asked the same before goes on as it stands, so that no
    /// change of something else gives a port a new burst.
    pub(crate) fn new(asked: Rate, before: Option<&Arc<Self>>, now: Instant) -> Option<Arc<Self>> {
        let maximum = asked.maximum?;
        if let Some(same) = before.filter(|before| before.asked == asked) {
            return Some(same.clone());
        }
        let rate = NonZeroU64::new(maximum).unwrap_or(NonZeroU64::MIN);
        let usual = || bytes_in(rate, USUAL_BURST).max(MAX_FRAME.into());
        let burst = asked.burst.unwrap_or_else(usual);
        Some(Arc::new(Self {
            bucket: Mutex::new(Bucket::new(rate, burst.saturating_mul(8), now)),
            grain: u32::try_from(bytes_in(rate, GRAIN))
                .unwrap_or(u32::MAX)
                .max(1),
            asked,
        }))
    }

    /// The most bytes to take of a ring at a time, as far as the budget is concerned.
    pub(crate) fn grain(&self) -> u32 {
        self.grain
    }

    /// Bytes that may be moved now.
    pub(crate) fn left(&self, now: Instant) -> u64 {
        self.lock().left(now) / 8
    }

    /// Pays for `bytes` that were moved. If that was more than there was: until when nothing more is to be.
    pub(crate) fn pay(&self, now: Instant, bytes: u64) -> Option<Instant> {
        let mut bucket = self.lock();
        bucket.take(now, bytes.saturating_mul(8));
        (bucket.left(now) == 0).then(|| bucket.has_at(u64::from(self.grain) * 8))
    }

    /// A bucket is whole whatever panicked.
    fn lock(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bytes_in(rate: NonZeroU64, time: Duration) -> u64 {
    let bits = u128::from(rate.get()) * time.as_nanos() / 1_000_000_000;
    u64::try_from(bits / 8).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(maximum: u64, burst: Option<u64>, now: Instant) -> Arc<Budget> {
        let asked = Rate {
            maximum: Some(maximum),
            burst,
        };
        Budget::new(asked, None, now).unwrap()
    }

    #[test]
    fn ten_milliseconds_or_one_largest_frame_may_come_at_once_unless_said_otherwise() {
        let now = Instant::now();
        assert_eq!(budget(1_000_000_000, None, now).left(now), 1_250_000);
        assert_eq!(
            budget(10_000_000, None, now).left(now),
            u64::from(MAX_FRAME)
        );
        assert_eq!(budget(10_000_000, Some(3000), now).left(now), 3000);
        assert!(Budget::new(Rate::default(), None, now).is_none());
    }

    #[test]
    fn a_change_of_something_else_gives_no_new_burst() {
        let now = Instant::now();
        let before = budget(1_000_000, None, now);
        before.pay(now, before.left(now));
        let same = Budget::new(before.asked, Some(&before), now).unwrap();
        assert_eq!(same.left(now), 0);
        let other = Rate {
            maximum: Some(2_000_000),
            ..before.asked
        };
        assert!(Budget::new(other, Some(&before), now).unwrap().left(now) > 0);
        assert!(Budget::new(Rate::default(), Some(&before), now).is_none());
    }

    proptest! {
        /// Rings that want more than there is, each for itself: played on a clock of their own, they get the rate together,
        /// and each the same part of it, whoever looks first and however large each one's frames are.
        #[test]
        fn rings_of_one_port_share_its_rate_evenly(
            mbits in 1..20_000u64,
            frames in prop::collection::vec(60..9000u64, 1..6),
        ) {
            let start = Instant::now();
            let budget = budget(mbits * 1_000_000, None, start);
            budget.pay(start, budget.left(start));
            let mut sent = vec![0u64; frames.len()];
            let mut due = vec![start; frames.len()];
            // Long enough that what the last one took on credit makes no difference.
            let end = start + Duration::from_nanos(8_000_000_000 / (mbits * 1000) * 8000 + 200_000_000);
            let mut now = start;
            while now < end {
                let next = (0..due.len()).min_by_key(|&ring| due[ring]).unwrap();
                now = now.max(due[next]);
                let count = u64::from(budget.grain()).div_ceil(frames[next]);
                let bytes = count * frames[next];
                sent[next] += bytes;
                due[next] = budget.pay(now, bytes).unwrap_or(now);
            }
            let all: u64 = sent.iter().sum();
            let rate = all as f64 * 8.0 / (now - start).as_secs_f64() / (mbits as f64 * 1e6);
            prop_assert!((0.98..1.02).contains(&rate), "{rate} of the rate");
            // To a grain and a frame in each round, of which larger frames make more.
            let each = |ring: usize| {
                let count = u64::from(budget.grain()).div_ceil(frames[ring]);
                sent[ring] as f64 / (count * frames[ring]) as f64
            };
            let rounds: Vec<_> = (0..frames.len()).map(each).collect();
            let (least, most) = rounds.iter().fold((f64::MAX, 0f64), |(least, most), rounds| {
                (least.min(*rounds), most.max(*rounds))
            });
            prop_assert!(most - least <= 2.0, "rings take unequal turns: {rounds:?}");
        }
    }
}
