//! Frontends come, change things and go, any number of times.

use std::time::{Duration, Instant};

use ports::vhost_user::{Mode, Port};
use switch::{DropReason, PortSpec};
use testkit::frontend::{FROM_GUEST, Frontend, RawFrontend, Script, TO_GUEST, Verdict};
use testkit::guest::{Guest, GuestOptions};
use vhost::vhost_user::message::{FrontendReq, VhostUserHeaderFlag};
use vmq::{Filter, Mac, VlanTest};

use crate::bench::{Bench, Machine, PATIENCE};
use crate::traffic::{A, B, BROADCAST, frame};

/// Lets the switch learn where both guests are.
pub(crate) fn introduce(bench: &Bench, a: &mut Machine, b: &mut Machine) {
    a.send_all([&frame(BROADCAST, A, 0, 60)[..]]);
    b.receive(1);
    // Only once the first is known does the answer go to it alone.
    bench.wait_for(0, |port| !port.queue.filters.is_empty());
    b.send_all([&frame(A, B, 0, 60)[..]]);
    a.receive(1);
    bench.wait_for(1, |port| !port.queue.filters.is_empty());
}

#[test]
fn a_guest_that_goes_away_and_comes_back_is_served_again_any_number_of_times() {
    let bench = Bench::new(2, 2);
    let mut a = bench.attach(0, GuestOptions::default());
    for round in 0..20 {
        let packed = round % 4 < 2;
        let options = GuestOptions {
            packed,
            ..GuestOptions::default()
        };
        let mut b = bench.attach(1, options);
        b.send_all([&frame(BROADCAST, B, round, 60)[..]]);
        assert_eq!(a.receive(1), [frame(BROADCAST, B, round, 60)]);
        bench.wait_for(1, |port| !port.queue.filters.is_empty());
        a.send_all([&frame(B, A, round, 60)[..]]);
        assert_eq!(b.receive(1), [frame(B, A, round, 60)]);
        if round % 2 == 0 {
            // Orderly: GET_VRING_BASE says where each ring stands.
            let bases = b.frontend.stop().unwrap();
            let one = if packed { 0x8001_8001 } else { 1 };
            assert_eq!([bases[FROM_GUEST], bases[TO_GUEST]], [one; 2]);
        } else {
            // Killed.
            drop(b);
        }
        let status = bench.wait_for(1, |port| !port.is_connected);
        assert_eq!(status.last_fault, None);
        assert!(
            status.queue.filters.is_empty(),
            "what was learnt is forgotten with the machine"
        );
    }
}

#[test]
fn f1_a_configured_address_outlives_the_machine() {
    let filter = Filter {
        mac: Mac(B),
        vlan: VlanTest::UntaggedOrZero,
    };
    let bench = Bench::with_filters(1, &[vec![], vec![filter], vec![]]);
    let [mut a, mut c] = [0, 2].map(|port| bench.attach(port, GuestOptions::default()));
    for round in 0..3 {
        let mut b = bench.attach(1, GuestOptions::default());
        bench.wait_for(1, |port| port.queue.state == "Running");
        a.send_all([&frame(B, A, round, 60)[..]]);
        assert_eq!(
            b.receive(1),
            [frame(B, A, round, 60)],
            "its address is known before it speaks"
        );
        c.receives_nothing();
        drop(b);
        let status = bench.wait_for(1, |port| !port.is_connected);
        assert_eq!(status.queue.filters.len(), 1);
        assert_eq!(status.queue.state, "Paused");
    }
}

#[test]
fn rings_may_be_enabled_before_features_are_set_as_qemu_does() {
    let bench = Bench::new(1, 1);
    let guest = Guest::new(GuestOptions::default()).unwrap();
    let mut script = Script::attach(&guest).unwrap();
    let enable = u32::from(FrontendReq::SET_VRING_ENABLE);
    let (mut early, rest): (Vec<_>, Vec<_>) = script
        .messages
        .drain(..)
        .partition(|message| message.request == enable);
    // No answer is asked for, since QEMU does not wait for one here.
    early
        .iter_mut()
        .for_each(|message| message.flags &= !VhostUserHeaderFlag::NEED_REPLY.bits());
    let features = u32::from(FrontendReq::SET_FEATURES);
    let at = rest
        .iter()
        .position(|message| message.request == features)
        .unwrap();
    script.messages.extend(rest);
    script.messages.splice(at..at, early);
    let raw = RawFrontend::connect(bench.socket(0), PATIENCE).unwrap();
    assert_eq!(script.play(&raw).unwrap(), Verdict::Accepted);
    bench.wait_for(0, |port| port.is_up);
}

#[test]
fn a_second_vmm_at_the_same_socket_is_sent_away() {
    let bench = Bench::new(1, 2);
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    let guest = Guest::new(GuestOptions::default()).unwrap();
    let second =
        Frontend::connect(bench.socket(0), PATIENCE).and_then(|mut second| second.attach(&guest));
    assert!(second.is_err());
    introduce(&bench, &mut a, &mut b);
}

#[test]
fn a_port_in_client_mode_finds_its_vmm_whenever_that_listens() {
    let bench = Bench::new(1, 1);
    let mut a = bench.attach(0, GuestOptions::default());
    let path = bench.socket(9);
    let id = bench
        .switch
        .add_port(PortSpec {
            name: "client".into(),
            ..PortSpec::default()
        })
        .unwrap();
    let port = Port::spawn(
        bench.switch.clone(),
        id,
        "client",
        Mode::Client(path.clone()),
    )
    .unwrap();
    for round in 0..3 {
        let guest = Guest::new(GuestOptions::default()).unwrap();
        let mut frontend = Frontend::listen(&path, PATIENCE).unwrap();
        frontend.attach(&guest).unwrap();
        let mut b = Machine { guest, frontend };
        bench.wait_for(1, |port| port.is_up);
        b.send_all([&frame(BROADCAST, B, round, 60)[..]]);
        assert_eq!(a.receive(1), [frame(BROADCAST, B, round, 60)]);
        drop(b);
        bench.wait_for(1, |port| !port.is_connected);
    }
    drop(port);
}

#[test]
fn a_receiver_that_posts_no_buffers_holds_its_sender_back_for_a_while_and_then_loses_frames() {
    let bench = Bench::new(1, 3);
    let [mut a, mut b, mut c] = [0, 1, 2].map(|port| {
        bench.attach(
            port,
            GuestOptions {
                ring_size: 64,
                ..Default::default()
            },
        )
    });
    introduce(&bench, &mut a, &mut b);
    c.send_all([&frame(A, *b"\x02\0\0\0\0c", 0, 60)[..]]);
    a.receive(1);
    // b takes no frame out of its 64 buffers, one of which the introduction used and gave back.
    let frames: Vec<_> = (0..64 + 32).map(|which| frame(B, A, which, 60)).collect();
    let start = Instant::now();
    a.send_all(frames.iter().map(Vec::as_slice));
    let held = bench.wait_for(0, |port| port.totals.held > 0);
    assert_eq!(held.totals.drops[DropReason::NoBuffers as usize], 0);
    let dropped = bench.wait_for(1, |port| {
        port.totals.drops[DropReason::NoBuffers as usize] > 0
    });
    assert!(
        start.elapsed() >= Duration::from_millis(50),
        "frames were dropped before the hold was over"
    );
    assert_eq!(dropped.totals.drops[DropReason::NoBuffers as usize], 32);
    // While nothing changed, the waiting frames were not read over and over.
    let copied = bench.status(0).totals.bytes_copied;
    assert!(
        copied < 60 * 96 * 8,
        "{copied} bytes copied to hold 32 frames"
    );
    // Nobody waits for it any more, until it takes a frame again.
    c.send_all([&frame(A, *b"\x02\0\0\0\0c", 1, 60)[..]]);
    assert_eq!(a.receive(1), [frame(A, *b"\x02\0\0\0\0c", 1, 60)]);
    assert_eq!(b.receive(64), frames[..64]);
    a.send_all([&frame(B, A, 99, 60)[..]]);
    assert_eq!(b.receive(1), [frame(B, A, 99, 60)]);
}

#[test]
fn frames_that_had_to_wait_arrive_in_order_once_there_are_buffers() {
    let bench = Bench::new(1, 2);
    let [mut a, mut b] = [0, 1].map(|port| {
        bench.attach(
            port,
            GuestOptions {
                ring_size: 64,
                ..Default::default()
            },
        )
    });
    introduce(&bench, &mut a, &mut b);
    let frames: Vec<_> = (0..100).map(|which| frame(B, A, which, 60)).collect();
    a.send_all(frames[..90].iter().map(Vec::as_slice));
    bench.wait_for(0, |port| port.totals.held > 0);
    let mut arrived = b.receive(80);
    a.send_all(frames[90..].iter().map(Vec::as_slice));
    arrived.extend(b.receive(20));
    assert!(arrived == frames);
    assert_eq!(
        bench.status(1).totals.drops[DropReason::NoBuffers as usize],
        0
    );
}

#[test]
fn a_frame_too_large_for_unmerged_buffers_is_dropped_with_that_reason() {
    let bench = Bench::new(1, 2);
    let mut a = bench.attach(0, GuestOptions::default());
    let mut b = bench.attach(
        1,
        GuestOptions {
            mergeable: false,
            ..Default::default()
        },
    );
    introduce(&bench, &mut a, &mut b);
    a.send_all([&frame(B, A, 1, 9000)[..], &frame(B, A, 2, 1500)[..]]);
    assert_eq!(b.receive(1), [frame(B, A, 2, 1500)]);
    assert_eq!(
        bench.status(1).totals.drops[DropReason::BuffersTooSmall as usize],
        1
    );
}

#[test]
fn an_idle_switch_makes_no_wake_ups() {
    let bench = Bench::new(2, 4);
    let mut machines: Vec<_> = (0..4)
        .map(|port| {
            bench.attach(
                port,
                GuestOptions {
                    memory: 8 << 20,
                    ..Default::default()
                },
            )
        })
        .collect();
    machines[0].send_all([&frame(BROADCAST, A, 0, 60)[..]]);
    machines[1].receive(1);
    std::thread::sleep(Duration::from_millis(100));
    let turns = || {
        bench
            .switch
            .status()
            .workers
            .iter()
            .map(|worker| worker.turns)
            .sum::<u64>()
    };
    let before = turns();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(turns(), before);
    // And it wakes up when it is needed.
    machines[0].send_all([&frame(BROADCAST, A, 1, 60)[..]]);
    machines[2].receive(2);
}

#[test]
fn the_end_of_the_switch_ends_its_connections() {
    let bench = Bench::new(1, 2);
    let a = bench.attach(0, GuestOptions::default());
    drop(bench);
    assert!(a.frontend.wait_closed(PATIENCE));
}
