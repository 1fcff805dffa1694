//! A queue that is freed while a worker is in the middle of a turn, and under traffic.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nbl::NblQueue;
use switch::{Event, Fault, FromGuest, PortSpec, Pull};
use testkit::guest::{Guest, GuestOptions, Ram};
use testkit::net_header::NetHeader;
use testkit::ring::DriverRing;
use vmq::{Filter, Mac, VlanTest};

use crate::bench::{Bench, Machine, PATIENCE};
use crate::traffic::{A, B, BROADCAST, frame};

/// A sending half whose turns last until they are let go on, or nobody is left who could.
struct Lasting {
    begun: Sender<()>,
    go_on: Receiver<()>,
}

impl FromGuest for Lasting {
    fn pull<'p>(&mut self, _pull: Pull<'_, 'p>) -> Result<NblQueue<'p>, Fault> {
        let _ = self.begun.send(());
        let _ = self.go_on.recv();
        Ok(NblQueue::new())
    }

    fn complete(&mut self, _done: &NblQueue<'_>) -> Result<bool, Fault> {
        Ok(false)
    }

    fn hold(&mut self, _waiting: &NblQueue<'_>) {}
}

/// A turn that began under a table with the queue may still write its memory.
#[test]
fn f2_f3_dma_has_stopped_once_and_not_before_the_turn_that_may_write_is_over() {
    let bench = Bench::new(1, 0);
    let [leaving, lasting] = ["leaving", "lasting"].map(|name| {
        let spec = PortSpec {
            name: name.into(),
            ..PortSpec::default()
        };
        let port = bench.switch.add_port(spec).unwrap();
        bench.switch.connect(port, Box::new(|_| {}));
        port
    });
    let (begun, has_begun) = channel();
    let (let_go_on, go_on) = channel();
    let ring = Box::new(Lasting { begun, go_on });
    bench.switch.start_from_guest(lasting, 0, ring).unwrap();
    has_begun.recv_timeout(PATIENCE).unwrap();
    let mut events = bench.switch.events();
    events.take(usize::MAX);
    thread::scope(|scope| {
        let (start, is_started) = channel();
        let switch = &bench.switch;
        scope.spawn(move || {
            start.send(()).unwrap();
            switch.disconnect(leaving, None);
        });
        is_started.recv_timeout(PATIENCE).unwrap();
        let early = events.wait(1, Duration::from_millis(100));
        drop(let_go_on);
        assert!(early.is_empty(), "the turn was not over: {early:?}");
    });
    let told = events.take(usize::MAX).events.into_iter();
    let port = "leaving".to_owned();
    let expected = [
        Event::QueueState {
            network: "default".into(),
            port: port.clone(),
            queue: 1,
            state: "DmaStopped".into(),
        },
        Event::PortClosed { port, reason: None },
    ];
    assert!(told.map(|told| told.event).eq(expected));
}

/// What the machine that has left writes over its memory.
const PATTERN: u8 = 0x5a;

const PAGE: u32 = 64 << 10;

/// Writes the pattern over everything but the rings: whoever still believed them would find buffers there.
fn fill(guest: &Guest) {
    let rings = [guest.from_guest.ring(), guest.to_guest.ring()].map(DriverRing::areas);
    let areas = rings.map(|ring| ring.descriptors.max(ring.driver).max(ring.device));
    // No area of a ring of 4096 is longer.
    let behind = (areas[0].max(areas[1]) + u64::from(PAGE)).next_multiple_of(PAGE.into());
    let page = vec![PATTERN; PAGE as usize];
    let end = Ram::GPA + guest.ram().bytes();
    for at in (behind..end).step_by(PAGE as usize) {
        guest.ram().window(at, PAGE).write(&page);
    }
}

/// All of the machine's memory.
fn memory(guest: &Guest) -> Vec<u8> {
    let ram = guest.ram();
    let mut bytes = vec![0; ram.bytes() as usize];
    ram.window(Ram::GPA, ram.bytes() as u32).read(&mut bytes);
    bytes
}

/// Frames that come while a machine leaves, and again when it has left: both take fewer buffers than it has.
const FRAMES: u64 = 400;

/// Frames of all sizes to the machine that comes and goes and to everybody, as many as there may be.
#[derive(Default)]
struct Sending {
    may: AtomicU64,
    through: AtomicU64,
    is_over: AtomicBool,
}

impl Sending {
    fn run(&self, machine: &mut Machine) {
        let frame = |which| {
            let to = if which % 4 == 3 { BROADCAST } else { B };
            frame(to, A, which, [60, 1514, 200, 4000][which as usize % 4])
        };
        let frames = [0, 1, 2, 3, 4, 5, 6, 7].map(frame);
        let (mut sent, end) = (0, Instant::now() + 6 * PATIENCE);
        let from_guest = &mut machine.guest.from_guest;
        while !self.is_over.load(Relaxed) {
            assert!(Instant::now() < end, "nobody says that it is over");
            from_guest.reclaim();
            let through = sent - u64::from(from_guest.in_flight());
            self.through.store(through, Relaxed);
            let may = self.may.load(Relaxed);
            while sent < may && from_guest.send(&NetHeader::default(), &frames[sent as usize % 8]) {
                sent += 1;
            }
            from_guest.flush();
            thread::yield_now();
        }
    }

    fn more(&self) {
        self.may.fetch_add(FRAMES, Relaxed);
    }

    /// Waits until the switch is done with all.
    fn ends(&self) {
        let (may, end) = (self.may.load(Relaxed), Instant::now() + PATIENCE);
        while self.through.load(Relaxed) < may {
            assert!(Instant::now() < end, "the sender does not get to {may}");
            thread::yield_now();
        }
    }
}

/// A machine that leaves while frames come in for it: once it is gone, its memory is its own.
#[test]
fn f3_not_a_byte_of_a_queues_memory_changes_after_its_free_has_completed() {
    let filters = [A, B].map(|mac| {
        vec![Filter {
            mac: Mac(mac),
            vlan: VlanTest::Any,
        }]
    });
    let bench = Bench::with_filters(2, &filters);
    let mut a = bench.attach(0, GuestOptions::default());
    let sending = Sending::default();
    thread::scope(|scope| {
        scope.spawn(|| sending.run(&mut a));
        for round in 0..24 {
            let options = GuestOptions {
                memory: 20 << 20,
                ring_size: 2048,
                packed: round % 2 == 0,
                ..GuestOptions::default()
            };
            let mut events = bench.switch.events();
            let mut b = bench.attach(1, options);
            sending.more();
            b.receive(1);
            let Machine { guest, frontend } = b;
            if round % 4 < 2 {
                // Orderly: when it is told where its rings stand they are its own again.
                frontend.stop().unwrap();
            } else {
                // Killed: when it is told to be gone.
                drop(frontend);
                let port = "p1".to_owned();
                let gone = Event::PortClosed { port, reason: None };
                loop {
                    let news = events.wait(usize::MAX, PATIENCE);
                    assert!(!news.is_empty(), "nothing says that the machine is gone");
                    if news.events.iter().any(|told| told.event == gone) {
                        break;
                    }
                }
            }
            fill(&guest);
            let before = memory(&guest);
            sending.more();
            sending.ends();
            let changed = before
                .iter()
                .zip(&memory(&guest))
                .position(|(was, is)| was != is);
            assert_eq!(changed, None, "round {round}");
            bench.wait_for(1, |port| !port.is_connected);
        }
        sending.is_over.store(true, Relaxed);
    });
}
