//! Many senders, one receiver; and one receiver that is stuck.

use std::time::{Duration, Instant};

use switch::DropReason;
use testkit::guest::GuestOptions;

use crate::bench::{Bench, Machine, PATIENCE};
use crate::traffic::{A, B, BROADCAST, frame};

const SENDERS: usize = 8;

/// The address of a sender.
fn sender(number: usize) -> [u8; 6] {
    [2, 0, 0, 0, 1, number as u8]
}

#[test]
fn of_eight_senders_to_one_receiver_none_starves() {
    // One worker: what two get of a receiver is also a matter of the CPU time that each has.
    let bench = Bench::new(1, SENDERS + 1);
    let small = GuestOptions {
        memory: 8 << 20,
        ..GuestOptions::default()
    };
    let mut receiver = bench.attach(SENDERS, small);
    let mut senders: Vec<_> = (0..SENDERS).map(|port| bench.attach(port, small)).collect();
    receiver.send_all([&frame(BROADCAST, A, 0, 60)[..]]);
    bench.wait_for(SENDERS, |port| !port.queue.filters.is_empty());
    let frames: Vec<_> = (0..SENDERS)
        .map(|number| frame(A, sender(number), 0, 60))
        .collect();
    // Enough that a worker's being kept from its CPU for some milliseconds makes no difference.
    const FRAMES: u32 = 800_000;
    let mut arrived = [0_u32; SENDERS];
    let end = Instant::now() + PATIENCE;
    let mut received = Vec::new();
    while arrived.iter().sum::<u32>() < FRAMES {
        // Every ring is full whenever the switch looks, so what arrives is what it chose. The receiver takes frames all the
        // time: one that did not for as long as a hold would have its senders' frames dropped.
        for (machine, frame) in senders.iter_mut().zip(&frames) {
            fill(machine, frame);
            while receiver.guest.receive(&mut received) {
                arrived[usize::from(received[11])] += 1;
            }
        }
        assert!(Instant::now() < end, "the switch is stuck: {arrived:?}");
    }
    let mean = arrived.iter().sum::<u32>() / SENDERS as u32;
    let slowest = *arrived.iter().min().unwrap();
    assert!(
        slowest * 10 >= mean * 7,
        "the slowest got {slowest} of {mean}: {arrived:?}"
    );
}

#[test]
fn a_receiver_that_is_stuck_holds_up_its_own_senders_only() {
    let bench = Bench::new(1, 4);
    let small = GuestOptions {
        ring_size: 64,
        ..GuestOptions::default()
    };
    let [mut from, mut to] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    let [mut hopeless, mut stuck] = [2, 3].map(|port| bench.attach(port, small));
    to.send_all([&frame(BROADCAST, A, 0, 60)[..]]);
    stuck.send_all([&frame(BROADCAST, B, 0, 60)[..]]);
    for port in [1, 3] {
        bench.wait_for(port, |port| !port.queue.filters.is_empty());
    }
    from.receive(2);
    to.receive(1);
    // The stuck one takes nothing out of its 64 buffers, however much is sent to it.
    let lost = frame(B, sender(2), 0, 60);
    let frames: Vec<_> = (0..5000).map(|n| frame(A, sender(0), n, 60)).collect();
    let mut arrived = Vec::new();
    for burst in frames.chunks(100) {
        fill(&mut hopeless, &lost);
        from.send_all(burst.iter().map(Vec::as_slice));
        arrived.extend(to.receive(burst.len()));
    }
    assert!(arrived == frames);
    let dropped = |port: &switch::PortStatus| port.totals.drops[DropReason::NoBuffers as usize];
    let end = Instant::now() + PATIENCE;
    while dropped(&bench.status(3)) == 0 {
        assert!(Instant::now() < end, "nothing was sent to the stuck one");
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(
        bench.status(0).totals.held,
        0,
        "nobody waits for another's receiver"
    );
    assert_eq!(dropped(&bench.status(1)), 0);
}

/// As many frames as the ring takes.
fn fill(machine: &mut Machine, frame: &[u8]) {
    machine.guest.from_guest.reclaim();
    while machine.guest.send(frame) {}
    machine.guest.flush();
}
