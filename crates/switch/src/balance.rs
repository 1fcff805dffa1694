//! Which worker owns which from-guest ring, and when that changes.
//!
//! A ring starts on the worker with the fewest. Once a second, while some worker is busy, the balancer
//! looks at how long each worker worked and which rings its work came from; a ring moves when that takes a
//! good part of the load off the busiest worker. It sleeps until a worker says that it is busy, so it
//! costs an idle switch nothing.
//!
//! ```text
//!  worker 0   ██████████ a  ██████ b      1.0 busy        worker 0   ██████████ a            0.6
//!  worker 1   ██ c                        0.1        ──▶  worker 1   ██ c  ██████ b          0.5
//! ```
//!
//! Rings do not wander: a move must bring the higher of both loads down by [`GAIN`], twice in a row, and a ring
//! that moved stays for [`REST`] seconds. A ring that is all of a worker's load stays where it is, for it
//! would only take its load along.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::PortId;
use crate::control::Handset;
use crate::state::{Sender, State};

/// The part of its time that a busy worker works.
pub(crate) const BUSY: f64 = 0.7;

/// By how much a move must bring down the load of the busier of both workers.
const GAIN: f64 = 0.15;

/// Looks at the load between two moves of the same ring, which is about as many seconds.
const REST: u32 = 10;

/// Between two looks at the load.
const PERIOD: Duration = Duration::from_secs(1);

/// How workers wake the balancer.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    is_raised: AtomicBool,
    is_over: AtomicBool,
    balancer: OnceLock<Thread>,
}

impl Alarm {
    /// A worker is busy. A system call only if the balancer does not know yet.
    #[cold]
    pub(crate) fn raise(&self) {
        if !self.is_raised.swap(true, SeqCst) {
            self.wake();
        }
    }

    /// Ends the balancer.
    pub(crate) fn end(&self) {
        self.is_over.store(true, SeqCst);
        self.wake();
    }

    fn wake(&self) {
        if let Some(balancer) = self.balancer.get() {
            balancer.unpark();
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(SeqCst)
    }
}

/// The balancer's thread.
pub(crate) fn run(state: &Mutex<State>, workers: &[Handset], alarm: &Alarm) {
    // Nobody else sets it.
    let _ = alarm.balancer.set(thread::current());
    let mut watch = Watch::default();
    while !alarm.is_over() {
        if !alarm.is_raised.swap(false, SeqCst) {
            watch = Watch::default();
            thread::park();
            continue;
        }
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        watch.look(&mut state, workers);
        drop(state);
        let next = Instant::now() + PERIOD;
        while !alarm.is_over() && Instant::now() < next {
            thread::park_timeout(next.saturating_duration_since(Instant::now()));
        }
    }
}

/// Moves a ring from its worker to another; back when that has it, with nothing lost on the way.
pub(crate) fn move_ring(
    state: &mut State,
    workers: &[Handset],
    port: PortId,
    pair: usize,
    to: usize,
) -> io::Result<()> {
    let gone = || io::Error::from(io::ErrorKind::NotFound);
    let sender = state.sender(port, pair).ok_or_else(gone)?;
    let target = workers.get(to).ok_or_else(gone)?;
    if sender.worker == to {
        return Ok(());
    }
    let ring = workers[sender.worker].detach(port, pair).ok_or_else(gone)?;
    match target.attach(ring) {
        Ok(()) => sender.worker = to,
        Err((ring, error)) => {
            // It could be waited for there until a moment ago. If not even that is so any more, the ring is over.
            if workers[sender.worker].attach(ring).is_err() {
                state.set_sender(port, pair, None);
            }
            return Err(error);
        }
    }
    Ok(())
}

/// A from-guest ring and how much work it was.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Share {
    port: PortId,
    pair: usize,
    worker: usize,
    work: u64,
    /// Looks at the load until it may move.
    rest: u32,
}

/// Where a ring ought to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Move {
    port: PortId,
    pair: usize,
    to: usize,
}

/// What the balancer remembers of its last look.
#[derive(Default)]
struct Watch {
    at: Option<Instant>,
    busy: Vec<Duration>,
    /// The rings, `work` being all so far.
    rings: Vec<Share>,
    wished: Option<Move>,
}

impl Watch {
    fn look(&mut self, state: &mut State, workers: &[Handset]) {
        let now = Instant::now();
        let busy: Vec<_> = workers.iter().map(Handset::busy).collect();
        let rings: Vec<_> = state
            .senders()
            .map(|(port, pair, sender)| self.share(port, pair, sender))
            .collect();
        let wish = self.at.and_then(|at| {
            let passed = (now - at).as_secs_f64();
            let load = |(now, then): (&Duration, &Duration)| {
                now.saturating_sub(*then).as_secs_f64() / passed
            };
            let loads: Vec<_> = busy.iter().zip(&self.busy).map(load).collect();
            let may = |worker, port| state.may_serve(worker, port);
            choose(&loads, &self.since(&rings), &may)
        });
        let to = |wish: Option<Move>| wish.map(|wish| wish.to);
        let is_sure = to(wish) == to(self.wished);
        (self.at, self.busy, self.rings, self.wished) = (Some(now), busy, rings, wish);
        if let Some(Move { port, pair, to }) = wish.filter(|_| is_sure) {
            self.wished = None;
            match move_ring(state, workers, port, pair, to) {
                Ok(()) => self.rest(port, pair),
                Err(error) => {
                    tracing::warn!(
                        "a ring cannot move to worker {to}, which has less to do: {error}"
                    );
                }
            }
        }
    }

    /// A ring as it is now.
    fn share(&self, port: PortId, pair: usize, sender: &Sender) -> Share {
        let known = self.find(port, pair);
        Share {
            port,
            pair,
            worker: sender.worker,
            work: sender.load.read(),
            rest: known.map_or(0, |known| known.rest.saturating_sub(1)),
        }
    }

    /// The rings with the work since the last look. One that was not there then has done nothing yet.
    fn since(&self, rings: &[Share]) -> Vec<Share> {
        let work = |ring: &Share| {
            let then = self.find(ring.port, ring.pair)?;
            Some(ring.work.wrapping_sub(then.work))
        };
        let since = |ring: &Share| Share {
            work: work(ring).unwrap_or(0),
            ..*ring
        };
        rings.iter().map(since).collect()
    }

    fn find(&self, port: PortId, pair: usize) -> Option<&Share> {
        self.rings
            .binary_search_by_key(&(port, pair), |ring| (ring.port, ring.pair))
            .ok()
            .map(|at| &self.rings[at])
    }

    fn rest(&mut self, port: PortId, pair: usize) {
        let is_it = |ring: &&mut Share| (ring.port, ring.pair) == (port, pair);
        if let Some(ring) = self.rings.iter_mut().find(is_it) {
            ring.rest = REST;
        }
    }
}

/// Whether a worker may serve a port.
type May<'a> = dyn Fn(usize, PortId) -> bool + 'a;

/// The move that lightens a busy worker most, if one does by [`GAIN`]; the busiest worker is asked first.
/// `loads` is the part of the time that each worker worked, and each ring's part of that is its part of the
/// work.
fn choose(loads: &[f64], rings: &[Share], may: &May<'_>) -> Option<Move> {
    let by_load = |a: &usize, b: &usize| loads[*a].total_cmp(&loads[*b]);
    let mut busy: Vec<_> = (0..loads.len()).filter(|at| loads[*at] >= BUSY).collect();
    busy.sort_by(|a, b| by_load(b, a));
    busy.into_iter()
        .find_map(|from| lighten(from, loads, rings, may))
}

fn lighten(from: usize, loads: &[f64], rings: &[Share], may: &May<'_>) -> Option<Move> {
    let here = || rings.iter().filter(|ring| ring.worker == from);
    let work: u64 = here().map(|ring| ring.work).sum();
    let best = here().filter(|ring| ring.rest == 0).filter_map(|ring| {
        let allowed = (0..loads.len()).filter(|to| may(*to, ring.port));
        let to = allowed.min_by(|a, b| loads[*a].total_cmp(&loads[*b]))?;
        let part = loads[from] * ring.work as f64 / work.max(1) as f64;
        Some((ring, to, (loads[from] - part).max(loads[to] + part)))
    });
    let (&Share { port, pair, .. }, to, peak) = best.min_by(|(.., a), (.., b)| a.total_cmp(b))?;
    (peak <= loads[from] - GAIN).then_some(Move { port, pair, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: &May<'_> = &|_, _| true;

    /// Rings of pair 0, by port: (worker, work).
    fn rings(of: &[(usize, u64)]) -> Vec<Share> {
        let share = |(port, &(worker, work)): (u16, &(usize, u64))| Share {
            port: PortId(port),
            pair: 0,
            worker,
            work,
            rest: 0,
        };
        (0..).zip(of).map(share).collect()
    }

    fn to(port: u16, to: usize) -> Option<Move> {
        Some(Move {
            port: PortId(port),
            pair: 0,
            to,
        })
    }

    #[test]
    fn the_ring_moves_that_evens_the_load_out_best() {
        let rings = rings(&[(0, 50), (0, 30), (0, 20), (1, 10)]);
        assert_eq!(choose(&[1.0, 0.1], &rings, ANY), to(0, 1));
        assert_eq!(choose(&[1.0, 0.6], &rings, ANY), to(2, 1));
        assert_eq!(choose(&[0.1, 1.0], &rings, ANY), None);
    }

    #[test]
    fn a_ring_that_is_all_of_the_load_stays() {
        assert_eq!(choose(&[1.0, 0.0], &rings(&[(0, 100), (0, 0)]), ANY), None);
    }

    #[test]
    fn a_worker_that_cannot_be_helped_keeps_no_other_from_it() {
        let rings = rings(&[(0, 100), (1, 40), (1, 40), (2, 0)]);
        assert_eq!(choose(&[1.0, 0.9, 0.1], &rings, ANY), to(1, 2));
    }

    #[test]
    fn q14_a_ring_goes_only_to_workers_that_may_serve_its_port() {
        let rings = rings(&[(0, 50), (0, 30), (0, 20)]);
        let loads = [1.0, 0.3, 0.1];
        assert_eq!(choose(&loads, &rings, ANY), to(0, 2));
        assert_eq!(choose(&loads, &rings, &|worker, _| worker < 2), to(1, 1));
        let pinned = |worker, port| worker == 0 || port != PortId(0);
        assert_eq!(choose(&loads, &rings, &pinned), to(1, 2));
        assert_eq!(choose(&loads, &rings, &|worker, _| worker == 0), None);
    }

    #[test]
    fn a_load_that_is_even_or_low_is_left_alone() {
        let rings = rings(&[(0, 50), (0, 50), (1, 50), (1, 50)]);
        assert_eq!(choose(&[1.0, 0.9], &rings, ANY), None);
        assert_eq!(choose(&[0.6, 0.0], &rings, ANY), None);
        assert_eq!(choose(&[1.0], &rings, ANY), None);
    }

    #[test]
    fn a_ring_that_moved_a_moment_ago_stays() {
        let mut rings = rings(&[(0, 50), (0, 50)]);
        rings[0].rest = 1;
        assert_eq!(choose(&[1.0, 0.0], &rings, ANY), to(1, 1));
    }

    proptest::proptest! {
        /// Played to its end with steady loads, it comes to rest, and no worker is busier than the busiest was.
        #[test]
        fn a_steady_load_comes_to_rest(
            of in proptest::collection::vec((0..4usize, 0..100u64), 1..24), scale in 0.2..2.0f64,
        ) {
            let mut rings = rings(&of);
            let all: u64 = rings.iter().map(|ring| ring.work).sum::<u64>().max(1);
            let loads = |rings: &[Share]| {
                let mut loads = [0.0; 4];
                for ring in rings {
                    loads[ring.worker] += scale * 2.0 * ring.work as f64 / all as f64;
                }
                loads
            };
            let mut peak = f64::MAX;
            for moves in 0.. {
                let loads = loads(&rings);
                let now = loads.iter().copied().fold(0.0, f64::max);
                proptest::prop_assert!(now <= peak + 1e-9, "a move made the busiest worker busier");
                peak = now;
                let Some(Move { port, to, .. }) = choose(&loads, &rings, ANY) else { break };
                proptest::prop_assert!(moves < 100, "rings wander");
                rings[usize::from(port.0)].worker = to;
            }
        }
    }
}
