//! A token bucket that is told the time.
//!
//! ```text
//!  depth ─┬──╮                 ╭────       what may be taken at once
//!         │   ╲      ╱╲       ╱            fills at `rate` a second
//!      0 ─┼────╲────╱──╲─────╱─────
//!         │     ╲  ╱    ╲   ╱              a debt: nothing is to be taken until it is paid
//!         │      ╲╱      ╲ ╱
//! ```
//!
//! Whoever takes pays afterwards. How much a burst of frames is, is known when it has been taken; and a frame that is larger
//! than the bucket passes too, at the price of a longer wait.
//!
//! Counted is in billionths of what is limited, of which a rate of so much a second makes exactly as many in a nanosecond. So
//! nothing is ever rounded, and a bucket is right at any rate and after any time.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// A rate, and how much of what was not used is kept.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    /// A second.
    rate: NonZeroU64,
    /// In billionths, as the level is.
    depth: i128,
    level: i128,
    /// Until when it has been filled.
    at: Instant,
}

const BILLION: i128 = 1_000_000_000;

impl Bucket {
    /// A full one.
    pub(crate) fn new(rate: NonZeroU64, depth: u64, now: Instant) -> Self {
        let depth = i128::from(depth) * BILLION;
        Self {
            rate,
            depth,
            level: depth,
            at: now,
        }
    }

    /// How much may be taken now: none while there is a debt.
    pub(crate) fn left(&mut self, now: Instant) -> u64 {
        self.fill(now);
        u64::try_from(self.level / BILLION).unwrap_or(0)
    }

    /// Takes, on credit if there is not as much.
    pub(crate) fn take(&mut self, now: Instant, amount: u64) {
        self.fill(now);
        self.level -= i128::from(amount) * BILLION;
    }

    /// When there is as much, or the bucket is full, if nobody takes anything until then.
    pub(crate) fn has_at(&self, amount: u64) -> Instant {
        let missing = (i128::from(amount) * BILLION).min(self.depth) - self.level;
        let Ok(missing) = u128::try_from(missing) else {
            return self.at;
        };
        let ns = missing.div_ceil(u128::from(self.rate.get()));
        self.at + Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
    }

    /// Clocks of two workers may differ by a little; what one has filled, the other does not fill again.
    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        self.at += passed;
        // At most 2^64 ns at 2^64 a second.
        let came = passed.as_nanos().saturating_mul(self.rate.get().into());
        let came = i128::try_from(came).unwrap_or(i128::MAX);
        self.level = self.level.saturating_add(came).min(self.depth);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(of: u64) -> NonZeroU64 {
        NonZeroU64::new(of).unwrap()
    }

    fn ns(of: u64) -> Duration {
        Duration::from_nanos(of)
    }

    #[test]
    fn a_full_bucket_gives_its_depth_at_once_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(rate(1000), 50, start);
        assert_eq!(bucket.left(start), 50);
        bucket.take(start, 50);
        assert_eq!(bucket.left(start), 0);
        assert_eq!(bucket.left(start + ns(1_000_000)), 1);
        assert_eq!(bucket.left(start + ns(20_000_000)), 20);
        assert_eq!(bucket.left(start + Duration::from_secs(3600)), 50);
    }

    #[test]
    fn what_is_more_than_there_is_has_to_be_waited_for() {
        let start = Instant::now();
        let mut bucket = Bucket::new(rate(3), 1, start);
        bucket.take(start, 2);
        assert_eq!(bucket.left(start), 0);
        // A third of a second, and not a nanosecond less.
        assert_eq!(bucket.has_at(0), start + ns(333_333_334));
        bucket.take(start + ns(333_333_333), 0);
        assert_eq!(bucket.has_at(0), start + ns(333_333_334));
        // It will never have more than its depth.
        assert_eq!(bucket.has_at(100), start + ns(666_666_667));
    }

    #[test]
    fn a_clock_that_is_behind_fills_nothing_twice() {
        let start = Instant::now();
        let mut bucket = Bucket::new(rate(1_000_000_000), 100, start);
        bucket.take(start, 100);
        assert_eq!(bucket.left(start + ns(10)), 10);
        assert_eq!(bucket.left(start + ns(5)), 10);
        assert_eq!(bucket.left(start + ns(20)), 20);
    }

    #[test]
    fn the_largest_values_are_no_trouble() {
        let start = Instant::now();
        let mut bucket = Bucket::new(NonZeroU64::MAX, u64::MAX, start);
        bucket.take(start, u64::MAX);
        bucket.take(start, u64::MAX);
        assert_eq!(
            bucket.left(start + Duration::from_secs(u32::MAX.into())),
            u64::MAX
        );
        let mut slow = Bucket::new(NonZeroU64::MIN, 0, start);
        slow.take(start, u64::MAX);
        assert!(slow.has_at(0) > start + Duration::from_secs(1 << 33));
    }

    proptest! {
        /// One who waits as told gets, over any time, the depth and the rate and what the last one took on credit, and
        /// nothing less than the rate: to the last unit, however odd the rate is and however often it was asked.
        #[test]
        fn a_taker_who_always_wants_more_gets_exactly_the_rate(
            per_second in 1..20_000_000_000u64,
            // At least what comes in a nanosecond: a shallower bucket runs over while one waits for the next whole one.
            depth in 20..100_000u64,
            amounts in prop::collection::vec(1..70_000u64, 1..400),
        ) {
            let start = Instant::now();
            let mut bucket = Bucket::new(rate(per_second), depth, start);
            let (mut now, mut taken) = (start, 0);
            for amount in amounts {
                bucket.take(now, amount);
                taken += u128::from(amount);
                now = bucket.has_at(0);
                let passed = (now - start).as_nanos();
                let came = passed * u128::from(per_second);
                let paid = taken.saturating_sub(depth.into()) * 1_000_000_000;
                prop_assert!(came >= paid, "it may go on too early");
                prop_assert!(
                    passed == 0 || came - paid < u128::from(per_second),
                    "it may go on a nanosecond earlier"
                );
            }
        }

        /// Against the sum of all that came and went, with no other bound than the depth.
        #[test]
        fn it_is_what_a_naive_one_is(
            per_second in 1..10_000_000_000u64,
            depth in 0..1_000_000u64,
            steps in prop::collection::vec((0..2_000_000u64, 0..100_000u64), 1..200),
        ) {
            let start = Instant::now();
            let mut bucket = Bucket::new(rate(per_second), depth, start);
            let full = i128::from(depth) * 1_000_000_000;
            let (mut now, mut level) = (start, full);
            for (pause, amount) in steps {
                for _ in 0..pause.min(3) {
                    now += ns(pause / 3);
                    bucket.left(now);
                    level = (level + i128::from(pause / 3) * i128::from(per_second)).min(full);
                }
                bucket.take(now, amount);
                level -= i128::from(amount) * 1_000_000_000;
                prop_assert_eq!(i128::from(bucket.left(now)), level.max(0) / 1_000_000_000);
            }
        }
    }
}
