//! Pairs of guests that ping each other and move a TCP stream each way; the whole is measured by the
//! switch's own counters.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::DemoError;
use super::lab::{Attached, Lab, filter_for, mac_of};
use super::report::{Queue, Report, gbit_per_s};
use super::stack::Bell;
use super::station::{Answer, Order, Station, Streamed, peer_of};
use crate::control::StatusView;
use crate::output;

/// How long a station may take to answer, whatever it was asked.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `guests` guests for `seconds` seconds.
pub(super) fn run(guests: usize, seconds: u32) -> Result<Report, DemoError> {
    let filters = (0..guests)
        .map(|number| vec![filter_for(mac_of(number))])
        .collect();
    let (lab, attached) = Lab::set_up(filters)?;
    say(&format!(
        "{guests} guests attached, each by a vhost-user socket of its own"
    ));
    let mut stations = Stations::start(attached)?;

    let mut round_trips = Vec::with_capacity(guests);
    for number in 0..guests {
        round_trips.push(stations.ping(number)?);
    }
    say("every guest has resolved its peer's address and pinged it");

    let before = lab.status();
    let start = Instant::now();
    let until = start + Duration::from_secs(seconds.into());
    stations.order_all(Order::Stream { until });
    watch(&lab, &before, start, until);
    let streamed = stations.collect_streams()?;
    let elapsed = start.elapsed();
    let after = lab.status();

    let queues = after.ports.iter().zip(&before.ports).zip(&round_trips);
    let queues = queues
        .map(|((after, before), round_trip)| {
            Queue::between(before, after, Some(*round_trip), elapsed)
        })
        .collect();
    let of_pair = |number: usize| (streamed[peer_of(number)].sent, streamed[number]);
    let lost = (0..guests)
        .map(of_pair)
        .map(|(sent, here)| sent.saturating_sub(here.received))
        .sum();
    Ok(Report::new(
        queues,
        elapsed,
        lost,
        streamed.iter().map(|streamed| streamed.altered).sum(),
        streamed.iter().map(|streamed| streamed.received).sum(),
    ))
}

/// A thread for each guest.
struct Stations {
    desks: Vec<Desk>,
    answers: mpsc::Receiver<(usize, Answer)>,
}

struct Desk {
    orders: mpsc::Sender<Order>,
    bell: Arc<Bell>,
    thread: JoinHandle<()>,
}

impl Stations {
    fn start(attached: Vec<Attached>) -> Result<Self, DemoError> {
        let (to_us, answers) = mpsc::channel();
        let mut desks = Vec::with_capacity(attached.len());
        for (number, attached) in attached.into_iter().enumerate() {
            let failed = |error| DemoError::Thread { number, error };
            let (orders, inbox) = mpsc::channel();
            let bell = Arc::new(Bell::new().map_err(failed)?);
            let station = Station::new(number, attached, bell.clone(), inbox, to_us.clone());
            let thread = std::thread::Builder::new()
                .name(format!("guest {number}"))
                .spawn(|| station.run());
            desks.push(Desk {
                orders,
                bell,
                thread: thread.map_err(failed)?,
            });
        }
        Ok(Self { desks, answers })
    }

    fn order(&self, number: usize, order: Order) {
        let desk = &self.desks[number];
        // A station that has ended is found out when its answer does not come.
        let _ = desk.orders.send(order);
        desk.bell.ring();
    }

    fn order_all(&self, order: Order) {
        (0..self.desks.len()).for_each(|number| self.order(number, order));
    }

    /// The median round trip from guest `number` to its peer.
    fn ping(&mut self, number: usize) -> Result<Duration, DemoError> {
        self.order(number, Order::Ping);
        match self.next_answer()? {
            (_, Answer::Pinged(mut round_trips)) if !round_trips.is_empty() => {
                round_trips.sort_unstable();
                Ok(round_trips[round_trips.len() / 2])
            }
            _ => Err(DemoError::NoAnswer {
                from: number,
                to: peer_of(number),
            }),
        }
    }

    fn collect_streams(&mut self) -> Result<Vec<Streamed>, DemoError> {
        let mut streamed = vec![Streamed::default(); self.desks.len()];
        for _ in 0..self.desks.len() {
            if let (number, Answer::Streamed(of_one)) = self.next_answer()? {
                streamed[number] = of_one;
            }
        }
        Ok(streamed)
    }

    fn next_answer(&self) -> Result<(usize, Answer), DemoError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.answers.recv_timeout(Duration::from_millis(200)) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(_) => return Err(DemoError::Silent),
            }
            if let Some(stopped) = self.desks.iter().position(|desk| desk.thread.is_finished()) {
                return Err(DemoError::Stopped(stopped));
            }
        }
    }
}

impl Drop for Stations {
    /// Sends everybody home and waits, so that no guest outlives the switch.
    fn drop(&mut self) {
        for Desk {
            orders,
            bell,
            thread,
        } in self.desks.drain(..)
        {
            drop(orders);
            bell.ring();
            // A station that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// Shows how it goes, once a second.
fn watch(lab: &Lab, before: &StatusView, start: Instant, until: Instant) {
    let (mut last, mut last_at) = (delivered(before), start);
    loop {
        let next = (last_at + Duration::from_secs(1)).min(until);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        let (now, at) = (delivered(&lab.status()), Instant::now());
        let rate = gbit_per_s(now.1 - last.1, at - last_at);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let frames = (now.0 - last.0) as f64 / (at - last_at).as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate for people"
        )]
        let frames = output::grouped(frames as u64);
        say(&format!(
            "{:5.1} s  {rate:6.2} Gbit/s  {frames:>9} frames/s",
            (at - start).as_secs_f64()
        ));
        (last, last_at) = (now, at);
        if at >= until {
            return;
        }
    }
}

/// Frames and bytes to all guests.
fn delivered(status: &StatusView) -> (u64, u64) {
    status
        .ports
        .iter()
        .map(|port| port.counters.to_guest)
        .fold((0, 0), |(frames, bytes), to_guest| {
            (frames + to_guest.frames, bytes + to_guest.bytes)
        })
}

/// Progress goes to stderr, so that stdout has the result alone.
fn say(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}
