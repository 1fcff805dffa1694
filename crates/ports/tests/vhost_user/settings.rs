//! What an administrator can set: how long frames wait, what an idle worker does.

use std::time::Duration;

use switch::{DropReason, Idle, PortSpec, WhenFull};
use testkit::guest::GuestOptions;

use crate::bench::{Bench, PATIENCE};
use crate::lifecycle::introduce;
use crate::traffic::{A, B, frame};

#[test]
fn a_receiver_not_to_be_waited_for_loses_frames_at_once_and_they_are_counted() {
    let impatient = PortSpec {
        when_full: WhenFull::Drop,
        ..PortSpec::default()
    };
    let bench = Bench::with_ports(1, Idle::Adapt, vec![PortSpec::default(), impatient]);
    let small = GuestOptions {
        ring_size: 64,
        ..GuestOptions::default()
    };
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, small));
    introduce(&bench, &mut a, &mut b);
    // b takes no frame out of its 64 buffers.
    let frames: Vec<_> = (0..64 + 200).map(|which| frame(B, A, which, 60)).collect();
    a.send_all(frames.iter().map(Vec::as_slice));
    let dropped = |port: &switch::PortStatus| port.totals.drops[DropReason::NoBuffers as usize];
    bench.wait_for(1, |port| dropped(port) == 200);
    assert_eq!(bench.status(0).totals.held, 0);
    assert_eq!(b.receive(64), frames[..64]);
    // The other way the sender is held back as ever.
    let answers: Vec<_> = (0..64 + 32).map(|which| frame(A, B, which, 60)).collect();
    b.send_all(answers.iter().map(Vec::as_slice));
    bench.wait_for(1, |port| port.totals.held > 0);
}

#[test]
fn a_worker_told_to_spin_never_sleeps_and_needs_no_kick() {
    let bench = Bench::with_ports(1, Idle::Spin, vec![PortSpec::default(); 2]);
    let worker = || bench.switch.status().workers.swap_remove(0);
    for event_idx in [false, true] {
        let options = GuestOptions {
            event_idx,
            ..GuestOptions::default()
        };
        let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, options));
        introduce(&bench, &mut a, &mut b);
        let before = worker().turns;
        std::thread::sleep(Duration::from_millis(50));
        assert!(worker().turns > before, "it looks while nothing moves");
        for which in 0..100 {
            assert!(a.guest.send(&frame(B, A, which, 60)));
            assert!(!a.guest.from_guest.flush(), "the guest kicked");
            assert_eq!(b.receive(1), [frame(B, A, which, 60)]);
            assert!(a.guest.from_guest.wait_until_used(PATIENCE));
            a.guest.from_guest.reclaim();
        }
        assert_eq!(worker().sleeps, 0);
        drop((a, b));
        for port in [0, 1] {
            bench.wait_for(port, |port| !port.is_connected);
        }
    }
}
