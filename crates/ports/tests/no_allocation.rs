//! A worker in traffic allocates nothing: rule 4 of the house, shown by a counting allocator.
//!
//! Allocations are counted by thread. A port that never has a frame is turned over by the same worker
//! as two real ones, and reads the worker's count each time.

use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nbl::NblQueue;
use ports::vhost_user::{Mode, Port};
use switch::{Fault, FromGuest, Options, PortSpec, Pull, Switch};
use testkit::alloc::{Counting, so_far};
use testkit::frontend::Frontend;
use testkit::golden;
use testkit::guest::{Guest, GuestOptions, features};
use testkit::net_header::NetHeader;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A sending half without frames, which keeps its worker awake.
struct Observer {
    allocations: Arc<AtomicU64>,
}

impl FromGuest for Observer {
    fn pull<'p>(&mut self, _pull: Pull<'_, 'p>) -> Result<NblQueue<'p>, Fault> {
        self.allocations
            .store(so_far().allocations, Ordering::Relaxed);
        Ok(NblQueue::new())
    }

    fn complete(&mut self, _done: &NblQueue<'_>) -> Result<bool, Fault> {
        Ok(false)
    }

    fn hold(&mut self, _waiting: &NblQueue<'_>) {}
}

#[test]
fn a_worker_in_traffic_allocates_nothing() {
    let dir = std::env::temp_dir().join(format!("vmq-no-allocation-{}", std::process::id()));
    std::fs::create_dir(&dir).unwrap();
    let workers = ports::workers(&[]).unwrap();
    let switch = Switch::start(Options {
        workers,
        idle: switch::Idle::Adapt,
    })
    .unwrap();
    let mut running = Vec::new();
    let mut guests: Vec<(Guest, Frontend)> = Vec::new();
    for name in ["a", "b"] {
        let path = dir.join(name);
        let listener = UnixListener::bind(&path).unwrap();
        let id = switch
            .add_port(PortSpec {
                name: name.into(),
                ..PortSpec::default()
            })
            .unwrap();
        running.push(Port::spawn(switch.clone(), id, name, Mode::Server(listener)).unwrap());
        // What `a` leaves undone is done by the switch, for `b` takes finished frames only.
        let offloads = if name == "a" { features::OFFLOADS } else { 0 };
        let guest = Guest::new(GuestOptions {
            offloads,
            ..GuestOptions::default()
        });
        let guest = guest.unwrap();
        let mut frontend = Frontend::connect(&path, Duration::from_secs(10)).unwrap();
        frontend.attach(&guest).unwrap();
        guests.push((guest, frontend));
    }
    let allocations = Arc::new(AtomicU64::new(0));
    let observer = switch
        .add_port(PortSpec {
            name: "observer".into(),
            ..PortSpec::default()
        })
        .unwrap();
    switch.connect(observer, Box::new(|_| {}));
    switch
        .start_from_guest(
            observer,
            0,
            Box::new(Observer {
                allocations: allocations.clone(),
            }),
        )
        .unwrap();

    // Unicast and flooded, small, large, unfinished and held back: everything a turn does, before and while it counts.
    let [(a, _), (b, _)] = &mut guests[..] else {
        unreachable!()
    };
    traffic(a, b, 200);
    std::thread::sleep(Duration::from_millis(20));
    let before = allocations.load(Ordering::Relaxed);
    assert!(before > 0, "the worker has not been counted");
    traffic(a, b, 20_000);
    assert_eq!(allocations.load(Ordering::Relaxed), before);

    drop(running);
    switch.stop();
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Sends `count` frames from `a` to `b` and reads them, slower than they come.
fn traffic(a: &mut Guest, b: &mut Guest, count: u32) {
    let end = Instant::now() + Duration::from_secs(30);
    let mut frame = Vec::with_capacity(65_536);
    let undone: Vec<_> = golden::all();
    for which in 0..count {
        let (to, len) = match which % 8 {
            0 => ([0xff; 6], 60),
            1 => ([2, 0, 0, 0, 0, 0xb], 9000),
            _ => ([2, 0, 0, 0, 0, 0xb], 60 + which as usize % 1400),
        };
        frame.clear();
        frame.extend(to);
        frame.extend([2, 0, 0, 0, 0, 0xa, 0x88, 0xb5]);
        frame.resize(len, which as u8);
        let mut header = NetHeader::default();
        if which % 8 == 2 {
            let case = &undone[which as usize / 8 % undone.len()];
            frame.truncate(12);
            frame.extend(&case.frame[12..]);
            header = NetHeader::from_bytes(case.header);
        }
        while !a.from_guest.send(&header, &frame) {
            a.flush();
            a.from_guest.reclaim();
            while b.receive(&mut frame) {}
            assert!(Instant::now() < end, "the traffic is stuck");
        }
        if which == 0 {
            // `b` is known before anything is sent to it.
            let mut hello = vec![0xff; 6];
            hello.extend([2, 0, 0, 0, 0, 0xb, 0x88, 0xb5]);
            hello.resize(60, 0);
            b.send(&hello);
            b.flush();
        }
    }
    a.flush();
    std::thread::sleep(Duration::from_millis(100));
    while b.receive(&mut frame) {}
}
