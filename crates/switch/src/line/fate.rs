//! What becomes of each frame on a bad line. It is drawn from a seed: the same seed, and the frame of the same number comes
//! to the same.

use std::time::Duration;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

use crate::policy::Impairment;

/// The longest delay, eleven days: so that sums of some have room.
const MOST_MS: f64 = 1e9;

/// What becomes of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) is_lost: bool,
    pub(super) is_sent_twice: bool,
    /// Whether it does not wait behind those that are delayed.
    pub(super) overtakes: bool,
    /// If it does not.
    pub(super) delay: Duration,
}

/// How likely what is.
#[derive(Debug)]
pub(super) struct Chances {
    /// Of 2^64, as the others.
    loss: u128,
    duplicate: u128,
    reorder: u128,
    delay_ns: u64,
    jitter_ns: u64,
}

impl Chances {
    pub(super) fn new(asked: &Impairment) -> Self {
        Self {
            loss: of_percent(asked.loss_percent),
            duplicate: of_percent(asked.duplicate_percent),
            reorder: of_percent(asked.reorder_percent),
            delay_ns: ns_of_ms(asked.delay_ms),
            jitter_ns: ns_of_ms(asked.jitter_ms.min(asked.delay_ms)),
        }
    }

    /// The fate of the next frame.
    pub(super) fn draw(&self, from: &mut Pcg64) -> Fate {
        // Always as many, so that a frame's fate hangs on its number, not on what became of others.
        let [loss, duplicate, reorder, jitter] =
            std::array::from_fn(|_| u128::from(from.next_u64()));
        let width = 2 * u128::from(self.jitter_ns) + 1;
        let more = ((jitter * width) >> 64) as u64;
        Fate {
            is_lost: loss < self.loss,
            is_sent_twice: duplicate < self.duplicate,
            overtakes: reorder < self.reorder,
            delay: Duration::from_nanos(self.delay_ns - self.jitter_ns + more),
        }
    }
}

/// The source of a ring's fates: each ring of a port has its own, so that it does not matter which of them is served first.
pub(super) fn source(seed: u64, pair: usize) -> Pcg64 {
    Pcg64::new(seed.into(), pair as u128)
}

/// What is no number is 0.
fn of_percent(percent: f64) -> u128 {
    (percent.clamp(0.0, 100.0) / 100.0 * (u64::MAX as f64 + 1.0)) as u128
}

fn ns_of_ms(ms: f64) -> u64 {
    (ms.clamp(0.0, MOST_MS) * 1e6).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(asked: &Impairment, pair: usize, count: usize) -> Vec<Fate> {
        let chances = Chances::new(asked);
        let mut source = source(asked.seed, pair);
        (0..count).map(|_| chances.draw(&mut source)).collect()
    }

    fn bad() -> Impairment {
        Impairment {
            delay_ms: 10.0,
            jitter_ms: 2.5,
            loss_percent: 10.0,
            duplicate_percent: 1.0,
            reorder_percent: 25.0,
            seed: 7,
            ..Impairment::default()
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_fates_and_another_one_others() {
        let first = fates(&bad(), 0, 1000);
        assert_eq!(fates(&bad(), 0, 1000), first);
        let other = Impairment { seed: 8, ..bad() };
        assert_ne!(fates(&other, 0, 1000), first);
        assert_ne!(fates(&bad(), 1, 1000), first);
    }

    #[test]
    fn each_chance_leaves_the_others_as_they_are() {
        let losing = Impairment {
            loss_percent: 90.0,
            ..bad()
        };
        let without_loss = |fate: Fate| Fate {
            is_lost: false,
            ..fate
        };
        let fates = [bad(), losing].map(|asked| fates(&asked, 0, 1000));
        let [few, many] = fates.map(|fates| fates.into_iter().map(without_loss));
        assert!(few.eq(many));
    }

    #[test]
    fn things_happen_as_often_as_was_asked() {
        let fates = fates(&bad(), 0, 100_000);
        let count = |is_so: fn(&Fate) -> bool| fates.iter().filter(|fate| is_so(fate)).count();
        // Five standard deviations.
        assert!(count(|fate| fate.is_lost).abs_diff(10_000) < 475);
        assert!(count(|fate| fate.is_sent_twice).abs_diff(1_000) < 158);
        assert!(count(|fate| fate.overtakes).abs_diff(25_000) < 685);
        let ms = |fate: &Fate| fate.delay.as_secs_f64() * 1e3;
        assert!(fates.iter().all(|fate| (7.5..=12.5).contains(&ms(fate))));
        let mean = fates.iter().map(ms).sum::<f64>() / fates.len() as f64;
        assert!((mean - 10.0).abs() < 0.025, "{mean}");
    }

    #[test]
    fn never_and_always_are_meant() {
        let always = Impairment {
            loss_percent: 100.0,
            ..Impairment::default()
        };
        assert!(fates(&always, 0, 1000).iter().all(|fate| fate.is_lost));
        let never = fates(&Impairment::default(), 0, 1000);
        let nothing = Fate {
            is_lost: false,
            is_sent_twice: false,
            overtakes: false,
            delay: Duration::ZERO,
        };
        assert!(never.iter().all(|fate| *fate == nothing));
        assert_eq!(Chances::new(&always).loss, 1 << 64);
        assert_eq!(of_percent(f64::NAN), 0);
        assert_eq!(ns_of_ms(f64::NAN), 0);
        let endless = Impairment {
            delay_ms: f64::INFINITY,
            jitter_ms: f64::INFINITY,
            ..Impairment::default()
        };
        let most = Duration::from_secs(2_000_000);
        assert!(
            fates(&endless, 0, 1000)
                .iter()
                .all(|fate| fate.delay <= most)
        );
    }
}
