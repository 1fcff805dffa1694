//! Ports of several queue pairs: which ring a frame comes out of, and that flows keep their order.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use switch::MAX_PAIRS;
use testkit::frontend::{Message, RawFrontend, Script, Verdict};
use testkit::guest::{Guest, GuestOptions, Ram};
use vhost::VhostUserMemoryRegionInfo;
use vhost::vhost_user::VhostUserFrontend;
use vhost::vhost_user::message::FrontendReq;

use crate::bench::{Bench, Machine, PATIENCE};
use crate::lifecycle::introduce;
use crate::traffic::{A, B, BROADCAST, datagram, flow_and_which, frame};

fn with_pairs(pairs: usize) -> GuestOptions {
    GuestOptions {
        pairs,
        memory: 128 << 20,
        ..GuestOptions::default()
    }
}

/// The next `count` frames that arrive at any ring, each with its pair.
fn receive_anywhere(machine: &mut Machine, count: usize) -> Vec<(usize, Vec<u8>)> {
    let end = Instant::now() + PATIENCE;
    let mut frames = Vec::new();
    while frames.len() < count {
        for (pair, (_, to_guest)) in machine.guest.pairs_mut().enumerate() {
            let mut frame = Vec::new();
            while to_guest.receive(&mut frame).is_some() {
                frames.push((pair, std::mem::take(&mut frame)));
            }
        }
        machine.guest.flush();
        assert!(
            Instant::now() < end,
            "{} of {count} frames arrived",
            frames.len()
        );
        std::thread::yield_now();
    }
    frames
}

/// The pairs that each flow's frames came out of, in the order of the flow; every frame must be there once
/// and in order within each ring.
fn pairs_by_flow(
    arrived: &[(usize, Vec<u8>)],
    flows: u16,
    frames: u32,
) -> BTreeMap<u16, Vec<usize>> {
    let mut by_ring = BTreeMap::new();
    let mut by_flow: BTreeMap<u16, BTreeMap<u32, usize>> = BTreeMap::new();
    for (pair, frame) in arrived {
        let (flow, which) = flow_and_which(frame);
        let before = by_ring.insert((flow, *pair), which);
        assert!(
            before < Some(which),
            "flow {flow} overtook itself: {which} behind {before:?}"
        );
        let twice = by_flow.entry(flow).or_default().insert(which, *pair);
        assert_eq!(twice, None, "frame {which} of flow {flow} came twice");
    }
    assert_eq!(by_flow.len(), usize::from(flows));
    let complete = |(flow, frames_of): (u16, BTreeMap<u32, usize>)| {
        assert!(
            frames_of.keys().copied().eq(0..frames),
            "flow {flow} lost frames"
        );
        (flow, frames_of.into_values().collect())
    };
    by_flow.into_iter().map(complete).collect()
}

#[test]
fn flows_are_spread_over_a_guests_rings_and_each_stays_on_one() {
    const FLOWS: u16 = 64;
    for (workers, pairs) in [(1, 2), (2, 4), (2, MAX_PAIRS)] {
        let bench = Bench::new(workers, 2);
        let mut a = bench.attach(0, GuestOptions::default());
        let mut b = bench.attach(1, with_pairs(pairs));
        introduce(&bench, &mut a, &mut b);
        bench.wait_for(1, |port| port.pairs.len() == pairs);
        let frames: Vec<_> = (0..20)
            .flat_map(|which| (0..FLOWS).map(move |flow| datagram(B, A, flow, which)))
            .collect();
        let arrived = std::thread::scope(|scope| {
            scope.spawn(|| a.send_all(frames.iter().map(Vec::as_slice)));
            receive_anywhere(&mut b, frames.len())
        });
        let mut used = vec![0; pairs];
        for (flow, pairs) in pairs_by_flow(&arrived, FLOWS, 20) {
            let first = pairs[0];
            assert!(
                pairs.iter().all(|pair| *pair == first),
                "flow {flow} is torn apart"
            );
            used[first] += 1;
        }
        let busy = used.iter().filter(|flows| **flows > 0).count();
        assert!(
            busy * 4 >= pairs.min(8) * 3,
            "64 flows use the rings so: {used:?}"
        );
    }
}

#[test]
fn a_guest_sends_from_every_ring_and_what_is_not_ip_arrives_at_the_first() {
    let bench = Bench::new(2, 2);
    let mut a = bench.attach(0, with_pairs(4));
    let mut b = bench.attach(1, with_pairs(4));
    introduce(&bench, &mut a, &mut b);
    for (pair, (from_guest, _)) in a.guest.pairs_mut().enumerate() {
        assert!(from_guest.send(&Default::default(), &frame(B, A, pair as u32, 60)));
        from_guest.flush();
    }
    let mut arrived = receive_anywhere(&mut b, 4);
    arrived.sort();
    let sent: Vec<_> = (0..4).map(|pair| (0, frame(B, A, pair, 60))).collect();
    assert_eq!(arrived, sent);
    let workers: Vec<_> = bench
        .status(0)
        .pairs
        .iter()
        .map(|pair| pair.worker)
        .collect();
    let on_first = workers.iter().filter(|worker| **worker == Some(0)).count();
    assert_eq!(
        on_first, 2,
        "the rings are spread over the workers: {workers:?}"
    );
}

#[test]
fn a_flooded_frame_comes_once_at_the_ring_of_its_flow() {
    let bench = Bench::new(1, 3);
    let mut a = bench.attach(0, GuestOptions::default());
    let mut b = bench.attach(1, with_pairs(4));
    let mut c = bench.attach(2, GuestOptions::default());
    let frames: Vec<_> = (0..2)
        .flat_map(|which| (0..32).map(move |flow| datagram(BROADCAST, A, flow, which)))
        .collect();
    a.send_all(frames.iter().map(Vec::as_slice));
    let at_b = receive_anywhere(&mut b, frames.len());
    let by_flow = pairs_by_flow(&at_b, 32, 2);
    assert!(by_flow.values().all(|pairs| pairs[0] == pairs[1]));
    assert!(by_flow.values().any(|pairs| pairs[0] != 0));
    // Who has one ring sees all of them in the order in which they were sent.
    assert_eq!(c.receive(frames.len()), frames);
    b.receives_nothing();
}

#[test]
fn a_pair_is_switched_on_and_off_while_frames_flow() {
    const FLOWS: u16 = 16;
    const FRAMES: u32 = 3000;
    const CHANGES: usize = 40;
    let bench = Bench::new(2, 2);
    let mut a = bench.attach(0, with_pairs(2));
    let mut b = bench.attach(1, with_pairs(2));
    introduce(&bench, &mut a, &mut b);
    let Machine {
        mut guest,
        mut frontend,
    } = b;
    let over = AtomicBool::new(false);
    let arrived = std::thread::scope(|scope| {
        scope.spawn(|| {
            for which in 0..FRAMES {
                let frames: Vec<_> = (0..FLOWS).map(|flow| datagram(B, A, flow, which)).collect();
                a.send_all(frames.iter().map(Vec::as_slice));
            }
        });
        let over = &over;
        let changes = scope.spawn(move || {
            for change in 0..CHANGES {
                // As `ethtool -L` does it in a guest of QEMU: both rings of the second pair.
                for ring in [2, 3] {
                    frontend.enable(ring, change % 2 == 1).unwrap();
                }
                if over.load(Ordering::Relaxed) {
                    assert!(change > 4, "the frames went by too fast");
                    break;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            frontend
        });
        let end = Instant::now() + 3 * PATIENCE;
        let mut arrived = Vec::new();
        while arrived.len() < usize::from(FLOWS) * FRAMES as usize {
            for (pair, (_, to_guest)) in guest.pairs_mut().enumerate() {
                let mut frame = Vec::new();
                while to_guest.receive(&mut frame).is_some() {
                    arrived.push((pair, std::mem::take(&mut frame)));
                }
            }
            guest.flush();
            assert!(
                Instant::now() < end,
                "{} frames arrived; {:#?}",
                arrived.len(),
                bench.status(1)
            );
        }
        over.store(true, Ordering::Relaxed);
        drop(changes.join().unwrap());
        arrived
    });
    for (flow, pairs) in pairs_by_flow(&arrived, FLOWS, FRAMES) {
        let moves = pairs.windows(2).filter(|two| two[0] != two[1]).count();
        assert!(
            moves <= CHANGES,
            "flow {flow} went to and fro {moves} times"
        );
    }
}

#[test]
fn a_slow_ring_holds_its_own_flows_back_and_no_others() {
    let bench = Bench::new(1, 2);
    let mut a = bench.attach(0, GuestOptions::default());
    let mut b = bench.attach(
        1,
        GuestOptions {
            ring_size: 64,
            ..with_pairs(2)
        },
    );
    introduce(&bench, &mut a, &mut b);
    // Two flows, one for each ring.
    let probes: Vec<_> = (0..16).map(|flow| datagram(B, A, flow, 0)).collect();
    a.send_all(probes.iter().map(Vec::as_slice));
    let arrived = receive_anywhere(&mut b, 16);
    let flow_at = |pair| {
        let (_, frame) = arrived.iter().find(|(at, _)| *at == pair).unwrap();
        flow_and_which(frame).0
    };
    let [slow, quick] = [flow_at(1), flow_at(0)];
    let blocked: Vec<_> = (0..80).map(|which| datagram(B, A, slow, which)).collect();
    a.send_all(blocked.iter().map(Vec::as_slice));
    bench.wait_for(0, |port| port.totals.held > 0);
    let sent: Vec<_> = (0..200).map(|which| datagram(B, A, quick, which)).collect();
    for (which, frame) in sent.iter().enumerate() {
        a.send_all([&frame[..]]);
        assert!(b.receive(1)[0] == *frame, "frame {which}");
    }
}

#[test]
fn memory_that_is_added_for_each_pair_stays_until_it_is_removed_for_each() {
    let bench = Bench::new(1, 2);
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    introduce(&bench, &mut a, &mut b);
    // QEMU 7.2 does so: every pair's half of its device keeps the list of regions for itself.
    let region = VhostUserMemoryRegionInfo {
        guest_phys_addr: Ram::GPA,
        memory_size: b.guest.ram().bytes(),
        userspace_addr: Ram::UVA,
        mmap_offset: 0,
        mmap_handle: b.guest.ram().file().as_raw_fd(),
    };
    b.frontend.protocol().add_mem_region(&region).unwrap();
    b.frontend.protocol().remove_mem_region(&region).unwrap();
    a.send_all([&frame(B, A, 1, 60)[..]]);
    assert_eq!(b.receive(1), [frame(B, A, 1, 60)]);
    b.frontend.protocol().remove_mem_region(&region).unwrap();
    assert!(!bench.status(1).is_up, "without memory no ring runs");
    b.frontend.protocol().add_mem_region(&region).unwrap();
    bench.wait_for(1, |port| port.is_up);
}

#[test]
fn a_control_queue_that_is_set_up_like_the_others_harms_nothing() {
    let bench = Bench::new(1, 1);
    let guest = Guest::new(GuestOptions::default()).unwrap();
    let mut script = Script::attach(&guest).unwrap();
    let control = 2 * MAX_PAIRS as u64;
    let kick = Message::new(FrontendReq::SET_VRING_KICK.into())
        .with_u64(control)
        .with_fd(guest.from_guest.events().kick_fd())
        .unwrap();
    let enable = Message::new(FrontendReq::SET_VRING_ENABLE.into())
        .with_u32(control as u32)
        .with_u32(1);
    script
        .messages
        .extend([kick.need_reply(), enable.need_reply()]);
    let raw = RawFrontend::connect(bench.socket(0), PATIENCE).unwrap();
    assert_eq!(script.play(&raw).unwrap(), Verdict::Accepted);
    bench.wait_for(0, |port| port.is_up);
}
