//! How long a worker works, told without a look at the clock in any turn that finds work.
//!
//! A worker's time is sleep, turns in vain and work. Sleep is measured: there is a system call in it
//! anyway. Turns in vain are measured where many follow each other, which also tells what one takes;
//! between turns that work they are counted and reckoned by that. What remains is work.
//!
//! ```text
//!  turns   ....................WWWWWWWWWW.WWWWWWW...WWWW................................   sleep
//!  clock   ^         ^         ^ one a tick            ^         ^         ^         ^           ^
//!           in vain   in vain    work, less 4 + 10 turns  in vain  in vain
//! ```

use std::time::{Duration, Instant};

/// Turns in vain, one after the other, between two looks at the clock.
const VAIN_A_LOOK: u32 = 32;

pub(crate) struct Meter {
    /// The last look at the clock. Everything before it is accounted for.
    mark: Instant,
    /// Turns since.
    turns: u32,
    /// Those of them in vain.
    vain: u32,
    /// Those at the end that were in vain one after the other.
    streak: u32,
    /// What a turn in vain takes, in nanoseconds.
    vain_ns: u64,
    busy: Duration,
}

impl Meter {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            mark: now,
            turns: 0,
            vain: 0,
            streak: 0,
            vain_ns: 0,
            busy: Duration::ZERO,
        }
    }

    #[inline]
    pub(crate) fn worked(&mut self) {
        self.turns += 1;
        self.streak = 0;
    }

    /// Notes a turn in vain. True when the clock is to be looked at.
    #[inline]
    pub(crate) fn looked_in_vain(&mut self) -> bool {
        self.turns += 1;
        self.vain += 1;
        self.streak += 1;
        self.streak == VAIN_A_LOOK
    }

    /// Accounts for the turns since the last look.
    pub(crate) fn look(&mut self, now: Instant) {
        let passed = now - self.mark;
        if self.vain == self.turns {
            self.calibrate(passed);
        } else {
            let in_vain = Duration::from_nanos(self.vain_ns * u64::from(self.vain));
            self.busy += passed.saturating_sub(in_vain);
        }
        self.begin(now);
    }

    /// Leaves out what passed since the last look: the worker slept.
    pub(crate) fn slept(&mut self, now: Instant) {
        self.begin(now);
    }

    /// The work so far, up to the last look.
    pub(crate) fn busy(&self) -> Duration {
        self.busy
    }

    fn begin(&mut self, now: Instant) {
        self.mark = now;
        (self.turns, self.vain, self.streak) = (0, 0, 0);
    }

    /// A thread that was put off its CPU meanwhile is no measure, so one sample changes little.
    fn calibrate(&mut self, passed: Duration) {
        if self.vain == 0 {
            return;
        }
        let sample = (passed.as_nanos() / u128::from(self.vain)) as u64;
        self.vain_ns = match self.vain_ns {
            0 => sample,
            known => (known * 7 + sample.min(known * 4)) / 8,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays turns on a clock of its own: a worker that looks when it is told to.
    struct Play {
        meter: Meter,
        now: Instant,
        worked: Duration,
    }

    impl Play {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                meter: Meter::new(now),
                now,
                worked: Duration::ZERO,
            }
        }

        fn work(&mut self, turns: u32, ns: u64) {
            for _ in 0..turns {
                self.now += Duration::from_nanos(ns);
                self.worked += Duration::from_nanos(ns);
                self.meter.worked();
            }
        }

        fn look_in_vain(&mut self, turns: u32) {
            for _ in 0..turns {
                self.now += Duration::from_nanos(20);
                if self.meter.looked_in_vain() {
                    self.meter.look(self.now);
                }
            }
        }

        fn busy(&mut self) -> Duration {
            self.meter.look(self.now);
            self.meter.busy()
        }
    }

    #[test]
    fn turns_that_work_are_all_work() {
        let mut play = Play::new();
        play.work(1000, 2000);
        assert_eq!(play.busy(), Duration::from_millis(2));
    }

    #[test]
    fn turns_in_vain_and_sleep_are_no_work() {
        let mut play = Play::new();
        play.look_in_vain(1000);
        play.meter.look(play.now);
        play.now += Duration::from_secs(1);
        play.meter.slept(play.now);
        play.look_in_vain(1000);
        assert_eq!(play.busy(), Duration::ZERO);
    }

    #[test]
    fn work_between_turns_in_vain_is_told_from_them() {
        let mut play = Play::new();
        play.look_in_vain(64);
        for gap in 0..100 {
            play.work(1, 300);
            play.look_in_vain(gap);
        }
        let (busy, worked) = (play.busy(), play.worked);
        assert!(
            busy.abs_diff(worked) < worked / 50,
            "{busy:?}, but {worked:?} were work"
        );
    }

    #[test]
    fn time_away_from_the_cpu_makes_no_turn_in_vain_seem_long() {
        let mut play = Play::new();
        play.look_in_vain(320);
        play.now += Duration::from_millis(10);
        play.look_in_vain(320);
        play.work(1000, 300);
        play.look_in_vain(31);
        let (busy, worked) = (play.busy(), play.worked);
        assert!(
            busy.abs_diff(worked) < worked / 50,
            "{busy:?}, but {worked:?} were work"
        );
    }
}
