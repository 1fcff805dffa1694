//! What an administrator can set: how large frames are, whether they wait, what an idle worker does.

use std::time::Duration;

use switch::{DropReason, Idle, PortSettings, WhenFull};
use testkit::frontend::{Answer, Message, RawFrontend};
use testkit::guest::GuestOptions;
use vhost::vhost_user::message::FrontendReq;

use crate::bench::{Bench, Machine, PATIENCE};
use crate::lifecycle::introduce;
use crate::traffic::{A, B, BROADCAST, frame};

#[test]
fn a_receiver_not_to_be_waited_for_loses_frames_at_once_and_they_are_counted() {
    let impatient = PortSettings {
        when_full: WhenFull::Drop,
        ..PortSettings::default()
    };
    let bench = Bench::with_ports(1, Idle::Adapt, vec![PortSettings::default(), impatient]);
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
    let bench = Bench::with_ports(1, Idle::Spin, vec![PortSettings::default(); 2]);
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

#[test]
fn frames_larger_than_the_mtu_are_dropped_at_the_port_whose_mtu_it_is() {
    let mtu = |mtu| PortSettings {
        mtu,
        ..PortSettings::default()
    };
    let bench = Bench::with_ports(1, Idle::Adapt, [None, Some(1500), None].map(mtu).into());
    let [mut a, mut b, mut c] = [0, 1, 2].map(|port| bench.attach(port, GuestOptions::default()));
    introduce(&bench, &mut a, &mut b);
    c.receive(1);
    let too_large = |port: usize| bench.status(port).totals.drops[DropReason::MtuExceeded as usize];
    let tagged = |to, from, which, len: usize| {
        let mut tagged = frame(to, from, which, len - 4);
        tagged.splice(12..12, [0x81, 0, 0, 5]);
        tagged
    };
    // To the port, by its address: 1500 bytes behind the header and the tag.
    let sent = [
        frame(B, A, 1, 1515),
        frame(B, A, 2, 1514),
        frame(B, A, 3, 9014),
        tagged(BROADCAST, A, 4, 1518),
        tagged(BROADCAST, A, 5, 1519),
        frame(B, A, 6, 60),
    ];
    a.send_all(sent.iter().map(Vec::as_slice));
    assert_eq!(b.receive(3), [1, 3, 5].map(|at: usize| sent[at].clone()));
    assert_eq!(c.receive(2), [3, 4].map(|at: usize| sent[at].clone()));
    assert_eq!((too_large(0), too_large(1)), (0, 3));
    // From it.
    let answers = [frame(A, B, 7, 1515), frame(A, B, 8, 1514)];
    b.send_all(answers.iter().map(Vec::as_slice));
    assert_eq!(a.receive(1), answers[1..]);
    assert_eq!((too_large(0), too_large(1), too_large(2)), (0, 4, 0));
}

#[test]
fn the_mtu_that_a_frontend_tells_counts_until_it_goes() {
    let spec = PortSettings {
        mtu: Some(9000),
        ..PortSettings::default()
    };
    let bench = Bench::with_ports(1, Idle::Adapt, vec![PortSettings::default(), spec]);
    let mut a = bench.attach(0, GuestOptions::default());
    for (told, counts) in [(1400, 1400), (65_535, 9000)] {
        let mut b = bench.attach(1, GuestOptions::default());
        assert_eq!(bench.status(1).mtu, Some(9000));
        assert_eq!(set_mtu(&mut b, told), Answered::Done);
        assert_eq!(bench.status(1).mtu, Some(counts));
        let largest = usize::from(counts) + 14;
        let sent = [
            frame(BROADCAST, A, 1, largest + 1),
            frame(BROADCAST, A, 2, largest),
        ];
        a.send_all(sent.iter().map(Vec::as_slice));
        assert_eq!(b.receive(1), sent[1..]);
        drop(b);
        bench.wait_for(1, |port| !port.is_connected);
    }
}

#[test]
fn an_mtu_is_offered_where_one_is_configured() {
    const MTU: u64 = 1 << 3;
    let spec = PortSettings {
        mtu: Some(1500),
        ..PortSettings::default()
    };
    let bench = Bench::with_ports(1, Idle::Adapt, vec![spec, PortSettings::default()]);
    for (port, offered) in [(0, MTU), (1, 0)] {
        let raw = RawFrontend::connect(bench.socket(port), PATIENCE).unwrap();
        let Answer::Reply(features) = raw
            .call(&Message::new(FrontendReq::GET_FEATURES.into()))
            .unwrap()
        else {
            panic!("no features");
        };
        assert_eq!(features.to_u64().unwrap() & MTU, offered);
    }
}

#[test]
fn an_mtu_that_cannot_be_is_refused_with_a_reason() {
    for told in [0, 67, 65_536, u64::MAX] {
        let bench = Bench::new(1, 1);
        let mut a = bench.attach(0, GuestOptions::default());
        assert_eq!(set_mtu(&mut a, told), Answered::Refused);
        let port = bench.wait_for(0, |port| !port.is_connected);
        let reason = port.last_fault.unwrap();
        assert_eq!(
            reason,
            format!("it sets an MTU of {told}: 68 to 65535 are possible")
        );
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Answered {
    Done,
    Refused,
}

fn set_mtu(machine: &mut Machine, mtu: u64) -> Answered {
    let message = Message::new(FrontendReq::NET_SET_MTU.into())
        .with_u64(mtu)
        .need_reply();
    match machine.frontend.raw().call(&message).unwrap() {
        Answer::Reply(reply) if reply.to_u64() == Some(0) => Answered::Done,
        Answer::Reply(reply) if reply.to_u64() == Some(1) => Answered::Refused,
        answer => panic!("{answer:?}"),
    }
}
