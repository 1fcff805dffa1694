//! CPUs, and whether they are where they should be.
//!
//! On a virtual machine, and on a large processor, two CPUs may be near each other (a cache line is handed over within some
//! 30 ns) or far (200 ns and more), and a hypervisor moves them between the two at will. Rates differ by 1.5 to 4. So each
//! window is measured between two probes, and only windows with near CPUs count. Contestants take turns, so that slow drift
//! falls on all of them alike.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Result;

/// A hand-over that takes longer than this is between far CPUs.
const NEAR_NS: f64 = 120.0;
/// Windows tried for each that is wanted.
const TRIES: usize = 4;

/// Where guests and switch run.
#[derive(Clone, Copy, Debug)]
pub struct Cpus {
    /// The doubles.
    pub guests: usize,
    /// The switch's worker.
    pub switch: usize,
}

impl Cpus {
    /// The first and the last CPU that this process may use, where none are named. The calling thread is pinned to the
    /// guests'.
    pub fn pinned(guests: Option<usize>, switch: Option<usize>) -> Result<Cpus> {
        let allowed = sched_getaffinity(None)?;
        let mut usable = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let first = usable.next().unwrap_or_default();
        let cpus = Cpus {
            guests: guests.unwrap_or(first),
            switch: switch.or(usable.next_back()).unwrap_or(first),
        };
        if cpus.guests == cpus.switch {
            return Err("guests and switch need a CPU each: name two different ones".into());
        }
        pin(cpus.guests)?;
        Ok(cpus)
    }

    /// Nanoseconds in which a cache line goes from one CPU to the other, now. Other threads on the switch's CPU only
    /// interrupt the probe: of many short rounds, a fast one counts.
    pub fn handover_ns(&self) -> Result<f64> {
        const ROUNDS: usize = 200;
        const EXCHANGES: u64 = 100;
        let line = AtomicU64::new(0);
        let switch = self.switch;
        let mut rounds = std::thread::scope(|scope| -> Result<Vec<Duration>> {
            let other = scope.spawn(|| {
                let pinned = pin(switch);
                let mut expected = 1;
                while expected < 2 * EXCHANGES * ROUNDS as u64 {
                    // Odd values are ours to answer.
                    if line.load(Ordering::Acquire) == expected {
                        line.store(expected + 1, Ordering::Release);
                        expected += 2;
                    }
                    std::hint::spin_loop();
                }
                pinned.is_ok()
            });
            let mut rounds = Vec::with_capacity(ROUNDS);
            let mut value = 0;
            for _ in 0..ROUNDS {
                let start = Instant::now();
                for _ in 0..EXCHANGES {
                    line.store(value + 1, Ordering::Release);
                    value += 2;
                    while line.load(Ordering::Acquire) != value {
                        std::hint::spin_loop();
                    }
                }
                rounds.push(start.elapsed());
            }
            match other.join() {
                Ok(true) => Ok(rounds),
                _ => Err(format!("cannot run on CPU {switch}").into()),
            }
        })?;
        rounds.sort_unstable();
        Ok(rounds[ROUNDS / 5].as_secs_f64() * 1e9 / (2 * EXCHANGES) as f64)
    }

    /// Whether the two CPUs are near each other now.
    pub fn is_near(&self) -> Result<bool> {
        Ok(self.handover_ns()? < NEAR_NS)
    }

    /// Lets contestants take turns until each has `windows` windows with near CPUs, and gives those. Where there were
    /// none, gives all, and says so.
    pub fn interleave<T>(
        &self,
        windows: usize,
        contestants: &mut [&mut dyn FnMut() -> Result<T>],
    ) -> Result<Windows<T>> {
        let mut near: Vec<Vec<T>> = contestants.iter().map(|_| Vec::new()).collect();
        let mut far: Vec<Vec<T>> = contestants.iter().map(|_| Vec::new()).collect();
        let mut before = self.handover_ns()?;
        let mut handovers = vec![before];
        for _ in 0..TRIES * windows {
            for (at, contestant) in contestants.iter_mut().enumerate() {
                if near[at].len() >= windows {
                    continue;
                }
                let result = contestant()?;
                let after = self.handover_ns()?;
                handovers.push(after);
                if before.max(after) < NEAR_NS {
                    near[at].push(result);
                } else {
                    far[at].push(result);
                }
                before = after;
            }
        }
        let is_near = near.iter().all(|windows| !windows.is_empty());
        handovers.sort_by(f64::total_cmp);
        Ok(Windows {
            of: if is_near { near } else { far },
            is_near,
            handover_ns: handovers[handovers.len() / 2],
        })
    }
}

/// Windows of each contestant.
pub struct Windows<T> {
    /// By contestant.
    pub of: Vec<Vec<T>>,
    /// Whether these are windows with near CPUs.
    pub is_near: bool,
    /// The median of all probes.
    pub handover_ns: f64,
}

impl<T> Windows<T> {
    /// The median of a figure of one contestant.
    pub fn median(&self, contestant: usize, figure: impl Fn(&T) -> f64) -> f64 {
        median(self.of[contestant].iter().map(figure))
    }

    /// What to say below the table.
    pub fn note(&self) -> String {
        let place = if self.is_near {
            "near"
        } else {
            "FAR, so the figures mean little"
        };
        format!(
            "CPUs were {place}: {:.0} ns for a cache line from one to the other; medians of {} windows",
            self.handover_ns,
            self.of.iter().map(Vec::len).min().unwrap_or_default()
        )
    }
}

/// The middle one.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Runs the calling thread on `cpu` only.
pub fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set)
        .map_err(|error| format!("cannot run on CPU {cpu}: {error}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_value_whatever_the_order() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([5.0]), 5.0);
        assert!(median([]).is_nan());
    }
}
