//! What guests and VMMs do wrong closes their own port, with a reason, and costs nobody else a frame.

use std::cell::RefCell;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use shmem::memfd;
use testkit::frontend::{RawFrontend, Script, TableRegion, Verdict, memory_table};
use testkit::guest::{Guest, GuestOptions};
use testkit::hostile::{Breaks, PROTOCOL_ATTACKS, RING_ATTACKS};

use vhost::vhost_user::message::FrontendReq;

use crate::bench::{Bench, Machine, PATIENCE};
use crate::traffic::{A, B, BROADCAST, frame};

/// Two well-behaved guests beside the hostile one, which is at port 2.
struct Neighbours {
    a: Machine,
    b: Machine,
    sent: u32,
}

impl Neighbours {
    fn new(bench: &Bench) -> Self {
        let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
        a.send_all([&frame(BROADCAST, A, 0, 60)[..]]);
        b.receive(1);
        b.send_all([&frame(A, B, 0, 60)[..]]);
        a.receive(1);
        bench.wait_for(0, |port| !port.queue.filters.is_empty());
        bench.wait_for(1, |port| !port.queue.filters.is_empty());
        Self { a, b, sent: 0 }
    }

    /// Traffic between the two goes on, and not a frame of it is missing.
    fn are_unharmed(&mut self) {
        let frames: Vec<_> = (0..64).map(|at| frame(B, A, self.sent + at, 200)).collect();
        self.sent += 64;
        self.a.send_all(frames.iter().map(Vec::as_slice));
        assert!(
            self.b.receive(frames.len()) == frames,
            "the neighbours' frames were altered"
        );
    }
}

#[test]
fn every_violation_of_a_ring_closes_its_port_with_a_reason() {
    let bench = Bench::new(1, 3);
    let mut neighbours = Neighbours::new(&bench);
    let formats = [false, true].map(|packed| GuestOptions {
        memory: 16 << 20,
        packed,
        ..GuestOptions::default()
    });
    let attacks = formats.iter().flat_map(|options| {
        let suits = RING_ATTACKS.iter().filter(|attack| attack.suits(options));
        suits.map(|attack| (attack, *options))
    });
    for (attack, options) in attacks {
        let mut hostile = bench.attach(2, options);
        let before = bench.status(2);
        (attack.strike)(&mut hostile.guest);
        match attack.breaks {
            // It is found out when a frame is to be written there: a flood.
            Breaks::ToGuest => neighbours.a.send_all([&frame(BROADCAST, A, 0, 60)[..]]),
            Breaks::FromGuest | Breaks::Frame => {}
        }
        if attack.name == "chain_without_a_frame" {
            let drops = |status: &switch::PortStatus| {
                status.totals.drops[switch::DropReason::Runt as usize]
            };
            bench.wait_for(2, |status| drops(status) > drops(&before));
            assert!(
                bench.status(2).is_up,
                "{}: a runt frame is dropped, not a violation",
                attack.name
            );
        } else {
            let status = bench.wait_for(2, |status| !status.is_connected);
            let reason = status
                .last_fault
                .unwrap_or_else(|| panic!("{}: closed without a reason", attack.name));
            assert!(reason.contains("queue"), "{}: {reason}", attack.name);
            println!("{}: {reason}", attack.name);
        }
        if attack.breaks == Breaks::ToGuest {
            neighbours.b.receive(1);
        }
        neighbours.are_unharmed();
        drop(hostile);
        bench.wait_for(2, |status| !status.is_connected);
    }
    assert_eq!(bench.switch.status().workers[0].panics, 0);
}

#[test]
fn every_violation_of_the_protocol_closes_its_port_with_a_reason() {
    let bench = Bench::new(1, 3);
    let mut neighbours = Neighbours::new(&bench);
    for attack in PROTOCOL_ATTACKS {
        let guest = Guest::new(GuestOptions {
            memory: 16 << 20,
            ..GuestOptions::default()
        })
        .unwrap();
        let mut script = Script::attach(&guest).unwrap();
        (attack.spoil)(&mut script);
        let raw = RawFrontend::connect(bench.socket(2), PATIENCE).unwrap();
        let verdict = script.play(&raw).unwrap();
        if attack.name == "ring_without_memory" {
            // Nothing wrong was said yet: the ring waits for its memory.
            assert!(
                matches!(verdict, Verdict::Accepted),
                "{}: {verdict:?}",
                attack.name
            );
            assert!(!bench.status(2).is_up);
        } else {
            assert!(
                !matches!(verdict, Verdict::Accepted),
                "{} was accepted",
                attack.name
            );
            let status = bench.wait_for(2, |status| !status.is_connected);
            let reason = status
                .last_fault
                .unwrap_or_else(|| panic!("{}: closed without a reason", attack.name));
            println!("{}: {reason}", attack.name);
        }
        drop(raw);
        bench.wait_for(2, |status| !status.is_connected);
        neighbours.are_unharmed();
    }
    assert_eq!(bench.switch.status().workers[0].panics, 0);
}

#[test]
fn a_vmm_that_shares_no_memory_is_told_how_to() {
    let bench = Bench::new(1, 1);
    let guest = Guest::new(GuestOptions::default()).unwrap();
    let mut script = Script::attach(&guest).unwrap();
    // QEMU without share=on finds no file behind the guest's memory, and hangs up before it says SET_MEM_TABLE.
    script.messages.truncate(5);
    let raw = RawFrontend::connect(bench.socket(0), PATIENCE).unwrap();
    script.play(&raw).unwrap();
    drop(raw);
    let status = bench.wait_for(0, |status| status.last_fault.is_some());
    let reason = status.last_fault.unwrap();
    assert!(reason.contains("share=on"), "{reason}");
}

#[test]
fn a_guest_whose_memory_is_a_private_copy_is_told_so() {
    let bench = Bench::new(1, 1);
    let guest = Guest::new(GuestOptions::default()).unwrap();
    // What the guest of a QEMU with share=off writes lands in pages of its own: the file has zeros for us.
    let file = memfd("private", guest.ram().bytes()).unwrap();
    let mut script = Script::attach(&guest).unwrap();
    let region = TableRegion {
        file: file.as_fd(),
        ..TableRegion::of(guest.ram())
    };
    *script.message(FrontendReq::SET_MEM_TABLE, 0) = memory_table(&[region]).unwrap();
    let raw = RawFrontend::connect(bench.socket(0), PATIENCE).unwrap();
    assert_eq!(script.play(&raw).unwrap(), Verdict::Accepted);
    bench.wait_for(0, |port| port.is_up);
    std::thread::sleep(Duration::from_millis(20));
    assert!(
        bench.status(0).is_up,
        "a driver that has not sent anything yet is no offence"
    );
    guest.from_guest.events().kick();
    let status = bench.wait_for(0, |status| !status.is_connected);
    let reason = status.last_fault.expect("closed without a reason");
    assert!(reason.contains("share=on"), "{reason}");
}

#[test]
fn a_memory_file_truncated_under_traffic_closes_its_port_and_no_other() {
    for victim_sends in [true, false] {
        let bench = Bench::new(1, 3);
        let mut neighbours = Neighbours::new(&bench);
        let mut victim = bench.attach(2, GuestOptions::default());
        let own = [2, 0, 0, 0, 0, 0xc];
        victim.send_all([&frame(A, own, 0, 60)[..]]);
        neighbours.a.receive(1);
        bench.wait_for(2, |port| !port.queue.filters.is_empty());
        let file = victim.guest.ram().file().try_clone_to_owned().unwrap();
        std::thread::scope(|scope| {
            if victim_sends {
                // The switch reads from what is about to vanish.
                scope.spawn(|| {
                    // The guest dies of what its VMM did to it: its ring is zeros.
                    let _ = catch_unwind(AssertUnwindSafe(|| {
                        for which in 0..20_000 {
                            victim.guest.send(&frame(A, own, which, 1400));
                            victim.guest.flush();
                            victim.guest.from_guest.reclaim();
                        }
                    }));
                });
            } else {
                let (a, bench) = (&mut neighbours.a, &bench);
                scope.spawn(move || {
                    for which in 0..100_000 {
                        if which > 2000 && !bench.status(2).is_connected {
                            break;
                        }
                        a.guest.send(&frame(own, A, which, 1400));
                        a.guest.flush();
                        a.guest.from_guest.reclaim();
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(3));
            rustix::fs::ftruncate(&file, 0).unwrap();
        });
        // Whoever died first: a frame to everybody makes the switch touch what is gone.
        let a = RefCell::new(&mut neighbours.a.guest);
        let status = bench.wait_for(2, |status| {
            let mut a = a.borrow_mut();
            a.from_guest.reclaim();
            a.send(&frame(BROADCAST, A, 0, 60));
            a.flush();
            !status.is_connected
        });
        let reason = status.last_fault.expect("closed without a reason");
        assert!(reason.contains("gone"), "{reason}");
        println!("{reason}");
        // Frames to the victim's address go to everybody now, as those to an unknown one do.
        std::thread::sleep(Duration::from_millis(100));
        neighbours.a.guest.from_guest.reclaim();
        for neighbour in [&mut neighbours.a, &mut neighbours.b] {
            while neighbour.guest.receive(&mut Vec::new()) {}
        }
        neighbours.are_unharmed();
    }
}
