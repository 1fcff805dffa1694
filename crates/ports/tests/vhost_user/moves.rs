//! From-guest rings change their worker while they run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nbl::NblQueue;
use shmem::{GuestMemory, Mapping, Region};
use switch::{Fault, FromGuest, PortId, PortSpec, Pull};
use testkit::guest::GuestOptions;

use crate::bench::{Bench, PATIENCE};
use crate::lifecycle::introduce;
use crate::traffic::{A, B, datagram, flow_and_which};

#[test]
fn a_ring_that_moves_to_and_fro_loses_repeats_and_reorders_nothing() {
    const FRAMES: u32 = 30_000;
    let bench = Bench::new(2, 2);
    let mut a = bench.attach(0, GuestOptions::default());
    // A small ring that is read slowly, so that there are frames held back to move along.
    let mut b = bench.attach(
        1,
        GuestOptions {
            ring_size: 32,
            ..GuestOptions::default()
        },
    );
    introduce(&bench, &mut a, &mut b);
    let frames: Vec<_> = (0..FRAMES).map(|which| datagram(B, A, 7, which)).collect();
    let over = AtomicBool::new(false);
    let (arrived, moves) = std::thread::scope(|scope| {
        scope.spawn(|| a.send_all(frames.iter().map(Vec::as_slice)));
        let moves = scope.spawn(|| {
            let mut moves = 0;
            while !over.load(Ordering::Relaxed) {
                moves += 1;
                let to = moves % 2;
                bench.switch.move_from_guest(PortId(0), 0, to).unwrap();
                assert_eq!(bench.status(0).pairs[0].worker, Some(to));
                std::thread::sleep(Duration::from_micros(300));
            }
            moves
        });
        let arrived = b.receive(FRAMES as usize);
        over.store(true, Ordering::Relaxed);
        (arrived, moves.join().unwrap())
    });
    for (which, frame) in (0..).zip(&arrived) {
        assert_eq!(flow_and_which(frame), (7, which));
    }
    assert!(moves > 10, "only {moves} moves");
    let held = bench.status(0).totals.held;
    assert!(held > 0, "no frame was held while the ring moved");
    b.receives_nothing();
}

#[test]
fn a_ring_that_sleeps_is_woken_where_it_moved_to() {
    let bench = Bench::new(2, 2);
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    introduce(&bench, &mut a, &mut b);
    for which in 0..10 {
        // Long enough for the ring to fall asleep.
        std::thread::sleep(Duration::from_millis(5));
        bench
            .switch
            .move_from_guest(PortId(0), 0, which as usize % 2)
            .unwrap();
        std::thread::sleep(Duration::from_millis(5));
        a.send_all([&datagram(B, A, 1, which)[..]]);
        assert_eq!(b.receive(1), [datagram(B, A, 1, which)]);
    }
}

#[test]
fn there_is_no_move_of_a_ring_or_to_a_worker_that_does_not_exist() {
    let bench = Bench::new(2, 2);
    let _a = bench.attach(0, GuestOptions::default());
    for (port, pair, worker) in [(0, 0, 2), (0, 1, 1), (0, 99, 1), (1, 0, 1), (9, 0, 1)] {
        assert!(
            bench
                .switch
                .move_from_guest(PortId(port), pair, worker)
                .is_err()
        );
    }
}

/// A sending half that always has one frame, which takes a while to take.
struct Busy(GuestMemory);

impl Busy {
    fn new() -> Self {
        let region = Region {
            gpa: 0,
            uva: 0,
            len: 4096,
            mapping: Mapping::anonymous(4096).unwrap(),
            mapping_offset: 0,
            handles: Vec::new(),
        };
        Self(GuestMemory::new(vec![region]).unwrap())
    }
}

impl FromGuest for Busy {
    fn pull<'p>(&mut self, pull: Pull<'_, 'p>) -> Result<NblQueue<'p>, Fault> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(50) {
            std::hint::spin_loop();
        }
        let mut frames = NblQueue::new();
        frames.push(pull.pool.build(&self.0, [(0, 60)], 0, 60).unwrap());
        Ok(frames)
    }

    fn complete(&mut self, _done: &NblQueue<'_>) -> Result<bool, Fault> {
        Ok(false)
    }

    fn hold(&mut self, _waiting: &NblQueue<'_>) {}
}

#[test]
fn a_lopsided_load_is_evened_out_by_itself_and_then_left_alone() {
    let bench = Bench::new(2, 0);
    let ports: Vec<_> = (0..3)
        .map(|port| {
            let spec = PortSpec {
                name: format!("busy{port}"),
                ..PortSpec::default()
            };
            let port = bench.switch.add_port(spec).unwrap();
            bench.switch.connect(port, Box::new(|_| {}));
            bench
                .switch
                .start_from_guest(port, 0, Box::new(Busy::new()))
                .unwrap();
            bench.switch.move_from_guest(port, 0, 0).unwrap();
            port
        })
        .collect();
    let workers = || -> Vec<_> {
        let of = |port: &PortId| bench.status(usize::from(port.0)).pairs[0].worker;
        ports.iter().map(of).collect()
    };
    let on_second = || {
        workers()
            .iter()
            .filter(|worker| **worker == Some(1))
            .count()
    };
    let end = Instant::now() + PATIENCE;
    while on_second() == 0 {
        assert!(Instant::now() < end, "all rings are still on one worker");
        std::thread::sleep(Duration::from_millis(20));
    }
    let settled = workers();
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(
        workers(),
        settled,
        "a ring moved though both workers are busy"
    );
    let status = bench.switch.status();
    assert!(
        status
            .workers
            .iter()
            .all(|worker| worker.busy_ns > 1_000_000_000)
    );
    for port in ports {
        bench.switch.stop_from_guest(port, 0).unwrap();
    }
}
