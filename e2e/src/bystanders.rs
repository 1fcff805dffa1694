//! Two well-behaved guests that talk to each other while a test does something bad elsewhere.
//!
//! Each direction is a stream of numbered frames of several sizes whose every byte is checked. Never more of them are under
//! way than fit into the receiver's ring, so there is no excuse for losing one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use testkit::frames::{Arrivals, Builder, TEST_ETHERTYPE, check, station};
use testkit::frontend::Frontend;
use testkit::guest::{Guest, GuestOptions};

use crate::command_line::Switch;
use crate::patience::eventually;

/// A jumbo frame takes five receive buffers; with this many frames under way they fit into a ring of 256.
const WINDOW: u64 = 32;
const SIZES: [usize; 4] = [60, 1514, 9014, 333];
const PATIENCE: Duration = Duration::from_secs(10);

/// A conversation in a thread of its own.
#[derive(Debug)]
pub struct Bystanders {
    stop: Arc<AtomicBool>,
    arrived: Arc<AtomicU64>,
    thread: JoinHandle<[Direction; 2]>,
}

/// One direction of it.
#[derive(Clone, Copy, Debug, Default)]
struct Direction {
    sent: u64,
    arrivals: Arrivals,
}

impl Bystanders {
    /// Attaches a guest to each of the two ports and lets them talk until told to stop.
    ///
    /// # Panics
    ///
    /// If one cannot be attached.
    pub fn start(switch: &Switch, left: &str, right: &str) -> Self {
        let ends = [left, right].map(|port| {
            let guest = Guest::new(GuestOptions::default()).expect("a guest of the usual kind");
            let mut frontend =
                Frontend::connect(switch.socket(port), PATIENCE).expect("the port listens");
            frontend
                .attach(&guest)
                .unwrap_or_else(|error| panic!("{port}: {error}"));
            (guest, frontend)
        });
        let stop = Arc::new(AtomicBool::new(false));
        let arrived = Arc::new(AtomicU64::new(0));
        let thread = {
            let (stop, arrived) = (Arc::clone(&stop), Arc::clone(&arrived));
            thread::spawn(move || talk(ends, &stop, &arrived))
        };
        Self {
            stop,
            arrived,
            thread,
        }
    }

    /// Waits until a full window more has arrived: the conversation goes on now, whatever has just happened.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn assert_going_on(&self) {
        let before = self.arrived.load(Ordering::Relaxed);
        eventually("the bystanders go on talking", PATIENCE, || {
            (self.arrived.load(Ordering::Relaxed) > before + WINDOW).then_some(())
        });
    }

    /// Ends the conversation. Every frame sent has to have arrived once, in order and unaltered.
    ///
    /// # Panics
    ///
    /// If one has not.
    pub fn assert_unharmed(self) {
        self.stop.store(true, Ordering::Relaxed);
        let directions = self.thread.join().expect("the conversation ends in peace");
        for Direction { sent, arrivals } in directions {
            assert!(
                sent > 0 && arrivals.are_complete(sent),
                "{sent} frames sent, {arrivals:?}"
            );
        }
    }
}

fn talk(
    mut ends: [(Guest, Frontend); 2],
    stop: &AtomicBool,
    arrived: &AtomicU64,
) -> [Direction; 2] {
    let mut directions = [Direction::default(); 2];
    let mut frame = Vec::new();
    let mut last_arrival = Instant::now();
    loop {
        let stopping = stop.load(Ordering::Relaxed);
        for (from, (guest, _)) in ends.iter_mut().enumerate() {
            let direction = &mut directions[from];
            while !stopping && direction.sent - direction.arrivals.frames < WINDOW {
                let len = SIZES[(direction.sent % SIZES.len() as u64) as usize];
                let builder = Builder::new(station(2 - from as u32), station(1 + from as u32));
                builder
                    .stream(from as u32)
                    .len(len)
                    .write(direction.sent, &mut frame);
                if !guest.send(&frame) {
                    break;
                }
                direction.sent += 1;
            }
            guest.flush();
        }
        for (from, direction) in directions.iter_mut().enumerate() {
            let (receiver, _) = &mut ends[1 - from];
            // Whatever others send to everybody is not part of the conversation.
            while receiver.receive(&mut frame) {
                if frame.get(12..14) != Some(&TEST_ETHERTYPE.to_be_bytes()) {
                    continue;
                }
                let facts = check(&frame).expect("a frame arrives unaltered");
                if facts.stream == from as u32 {
                    direction.arrivals.saw(facts.sequence);
                    arrived.fetch_add(1, Ordering::Relaxed);
                    last_arrival = Instant::now();
                }
            }
        }
        let is_complete = directions
            .iter()
            .all(|direction| direction.arrivals.frames == direction.sent);
        if (stopping && is_complete) || last_arrival.elapsed() > PATIENCE {
            return directions;
        }
        ends[0].0.wait(Duration::from_millis(1));
    }
}
