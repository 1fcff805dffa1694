//! Work left undone: passed on to guests that take it, finished for those that do not, refused where it makes no sense.

use std::time::{Duration, Instant};

use switch::policy::{Impairment, PortPolicy, VlanMode};
use switch::{DropReason, Idle, PortId, PortSettings};
use testkit::golden::{self, Golden};
use testkit::guest::GuestOptions;
use testkit::guest::features::{OFFLOADS, TO_GUEST_OFFLOADS};
use testkit::net_header::{F_NEEDS_CSUM, GSO_TCPV4, NetHeader};
use vmq::{Filter, Mac, VlanId, VlanTest};

use crate::bench::{Bench, Machine, PATIENCE};

/// As `golden/record.py` has them.
const SENDER: [u8; 6] = [2, 0, 0, 0, 0, 1];
const RECEIVER: [u8; 6] = [2, 0, 0, 0, 0, 2];

fn takes(offloads: u64) -> GuestOptions {
    GuestOptions {
        offloads,
        ..GuestOptions::default()
    }
}

fn good() -> Vec<Golden> {
    let mut cases = golden::all();
    cases.retain(|case| !case.finished.is_empty());
    cases
}

/// A switch that knows where the two are; port 2 and others only hear what is flooded.
fn bench(workers: usize, ports: usize) -> Bench {
    let filter = |mac| Filter {
        mac: Mac(mac),
        vlan: VlanTest::Any,
    };
    let mut filters = vec![vec![]; ports];
    filters[0].push(filter(SENDER));
    filters[1].push(filter(RECEIVER));
    Bench::with_filters(workers, &filters)
}

fn send(machine: &mut Machine, header: NetHeader, frame: &[u8]) {
    let end = Instant::now() + PATIENCE;
    while !machine.guest.from_guest.send(&header, frame) {
        machine.guest.flush();
        machine.guest.from_guest.reclaim();
        assert!(Instant::now() < end, "the switch takes no frames");
    }
}

fn send_case(machine: &mut Machine, case: &Golden) {
    send(machine, NetHeader::from_bytes(case.header), &case.frame);
}

/// The next frame and its header.
fn receive(machine: &mut Machine) -> (NetHeader, Vec<u8>) {
    let end = Instant::now() + PATIENCE;
    let mut frame = Vec::new();
    loop {
        if let Some(header) = machine.guest.to_guest.receive(&mut frame) {
            return (header, frame);
        }
        assert!(Instant::now() < end, "no frame arrives");
        machine.guest.wait(Duration::from_millis(10));
    }
}

/// Asserts that the frames arrive as Linux would have them, in order, with nothing left to do.
fn receive_finished(machine: &mut Machine, cases: &[Golden]) {
    for case in cases {
        for finished in &case.finished {
            let (header, frame) = receive(machine);
            assert!(frame == *finished, "{} is not as Linux has it", case.name);
            let plain = NetHeader {
                num_buffers: header.num_buffers,
                ..NetHeader::default()
            };
            assert_eq!(header, plain, "{}", case.name);
        }
    }
}

/// Asserts that the frames arrive as they were sent.
fn receive_undone(machine: &mut Machine, cases: &[Golden]) {
    for case in cases {
        let (header, frame) = receive(machine);
        assert!(frame == case.frame, "{} was altered", case.name);
        let mut sent = NetHeader::from_bytes(case.header);
        if case.name.ends_with("-fits") {
            // Not large, whatever its sender says.
            (sent.gso_type, sent.hdr_len, sent.gso_size) = (0, 0, 0);
        }
        sent.num_buffers = (case.frame.len() as u16 + 12).div_ceil(2048);
        assert_eq!(header, sent, "{}", case.name);
    }
}

#[test]
fn work_passes_through_between_guests_that_take_it() {
    let bench = bench(1, 2);
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, takes(OFFLOADS)));
    let cases = good();
    cases.iter().for_each(|case| send_case(&mut a, case));
    a.guest.flush();
    receive_undone(&mut b, &cases);
    b.receives_nothing();
    let totals = bench.status(1).totals;
    assert_eq!((totals.segmented, totals.checksummed), (0, 0));
}

#[test]
fn work_is_the_same_over_a_delayed_line() {
    for takes_it in [true, false] {
        let bench = bench(1, 2);
        let policy = PortPolicy {
            impairment: Impairment {
                delay_ms: 1.0,
                ..Impairment::default()
            },
            ..PortPolicy::default()
        };
        let late = PortSettings {
            policy,
            ..PortSettings::default()
        };
        bench.switch.set_port(PortId(0), late).unwrap();
        let mut a = bench.attach(0, takes(OFFLOADS));
        let mut b = bench.attach(1, takes(if takes_it { OFFLOADS } else { 0 }));
        let cases = good();
        cases.iter().for_each(|case| send_case(&mut a, case));
        a.guest.flush();
        if takes_it {
            receive_undone(&mut b, &cases);
        } else {
            receive_finished(&mut b, &cases);
        }
        b.receives_nothing();
    }
}

#[test]
fn a_guest_that_takes_none_gets_what_linux_would_make() {
    let bench = bench(1, 2);
    let mut a = bench.attach(0, takes(OFFLOADS));
    let mut b = bench.attach(1, GuestOptions::default());
    let cases = good();
    cases.iter().for_each(|case| send_case(&mut a, case));
    a.guest.flush();
    receive_finished(&mut b, &cases);
    b.receives_nothing();
    let large = cases.iter().filter(|case| case.finished.len() > 1).count() as u64;
    let totals = bench.status(1).totals;
    assert_eq!(totals.segmented, large);
    assert_eq!(totals.checksummed, cases.len() as u64 - large);
    assert_eq!(bench.status(0).totals.from_guest_frames, cases.len() as u64);
}

#[test]
fn each_offload_that_a_guest_lacks_is_made_up_for() {
    for lacking in TO_GUEST_OFFLOADS {
        let bench = bench(1, 2);
        let mut a = bench.attach(0, takes(OFFLOADS));
        let mut b = bench.attach(1, takes(OFFLOADS & !lacking));
        for case in good() {
            send_case(&mut a, &case);
            a.guest.flush();
            let large = case.finished.len() > 1;
            let kinds = [("tcp4", 7), ("tcp6", 8), ("udp4", 54), ("udp6", 55)];
            let lacks_kind =
                |&(start, bit): &(&str, u32)| lacking == 1 << bit && case.name.starts_with(start);
            let lacks_ecn = lacking == 1 << 9 && case.name.ends_with("-flags");
            if lacking == 1 << 1 || large && (kinds.iter().any(lacks_kind) || lacks_ecn) {
                receive_finished(&mut b, &[case]);
            } else {
                receive_undone(&mut b, &[case]);
            }
        }
    }
}

#[test]
fn every_member_of_a_flood_gets_what_it_takes() {
    let bench = Bench::new(2, 4);
    let mut a = bench.attach(0, takes(OFFLOADS));
    let mut undone = bench.attach(1, takes(OFFLOADS));
    let mut finished = bench.attach(2, GuestOptions::default());
    let mut mixed = bench.attach(3, takes(1 << 1 | 1 << 7));
    let mut cases = good();
    cases.retain(|case| case.name == "tcp4" || case.name == "tcp6" || case.name == "udp4-checksum");
    for _ in 0..20 {
        cases.iter().for_each(|case| send_case(&mut a, case));
        a.guest.flush();
        receive_undone(&mut undone, &cases);
        receive_finished(&mut finished, &cases);
        receive_undone(&mut mixed, &cases[..1]);
        receive_finished(&mut mixed, &cases[1..2]);
        receive_undone(&mut mixed, &cases[2..]);
    }
}

#[test]
fn what_makes_no_sense_is_dropped_and_counted() {
    let bench = bench(1, 2);
    let mut a = bench.attach(0, takes(OFFLOADS));
    let mut b = bench.attach(1, GuestOptions::default());
    let cases = golden::all();
    let (bad, good): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|case| case.finished.is_empty());
    assert!(bad.len() > 3);
    bad.iter().for_each(|case| send_case(&mut a, case));
    send_case(&mut a, &good[0]);
    a.guest.flush();
    receive_finished(&mut b, &good[..1]);
    let status = bench.status(0);
    assert_eq!(
        status.totals.drops[DropReason::BadOffload as usize],
        bad.len() as u64
    );
    assert!(status.last_fault.is_none());
}

#[test]
fn what_was_not_negotiated_is_dropped_and_counted() {
    let bench = bench(1, 2);
    let mut a = bench.attach(0, takes(1));
    let mut b = bench.attach(1, takes(OFFLOADS));
    let large = good().into_iter().filter(|case| case.finished.len() > 1);
    let large: Vec<_> = large.collect();
    large.iter().for_each(|case| send_case(&mut a, case));
    let plain = good().into_iter().find(|case| case.name == "tcp4-checksum");
    let plain = plain.unwrap();
    send_case(&mut a, &plain);
    a.guest.flush();
    receive_undone(&mut b, &[plain]);
    assert_eq!(
        bench.status(0).totals.drops[DropReason::OffloadNotNegotiated as usize],
        large.len() as u64
    );
}

#[test]
fn no_header_and_no_frame_harms_the_port() {
    let bench = bench(1, 3);
    let mut a = bench.attach(0, takes(OFFLOADS));
    let mut b = bench.attach(1, GuestOptions::default());
    let mut c = bench.attach(2, takes(OFFLOADS));
    let cases = golden::all();
    let mut random = 1u64;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut arrived = Vec::new();
    for round in 0..20_000 {
        let case = &cases[next(cases.len() as u64) as usize];
        let mut header = case.header;
        let mut frame = case.frame.clone();
        for _ in 0..next(4) {
            header[next(12) as usize] = next(256) as u8;
        }
        for _ in 0..next(3) {
            let at = next(90.min(frame.len() as u64)) as usize;
            frame[at] = next(256) as u8;
        }
        if next(3) == 0 {
            frame.truncate(14 + next(frame.len() as u64 - 14) as usize);
        }
        // To one, or to both.
        frame[..6].copy_from_slice(&if next(4) == 0 { [0xff; 6] } else { RECEIVER });
        frame[6..12].copy_from_slice(&SENDER);
        send(&mut a, NetHeader::from_bytes(header), &frame);
        if round % 16 == 0 {
            a.guest.flush();
        }
        while b.guest.receive(&mut arrived) || c.guest.receive(&mut arrived) {}
    }
    a.guest.flush();
    // Whatever of it is still on its way comes before this.
    let last = &good()[0];
    send_case(&mut a, last);
    a.guest.flush();
    let end = Instant::now() + PATIENCE;
    while arrived != last.finished[2] {
        if !b.guest.receive(&mut arrived) {
            b.guest.wait(Duration::from_millis(1));
        }
        c.guest.receive(&mut Vec::new());
        assert!(Instant::now() < end, "the last frame does not arrive");
    }
    for port in 0..3 {
        let fault = bench.status(port).last_fault;
        assert!(fault.is_none(), "port {port}: {fault:?}");
    }
    assert_eq!(bench.switch.status().workers[0].panics, 0);
}

/// A TCP frame of 64 KiB over IPv4, with the sum of its pseudo-header, and the header that it is sent with.
fn largest() -> (NetHeader, Vec<u8>) {
    let case = golden::all().swap_remove(0);
    let mut frame = case.frame[..54].to_vec();
    frame.extend((54..14 + 65_535).map(|at: u32| (at.wrapping_mul(at) >> 7) as u8));
    let mut sum = 6 + 65_515;
    for pair in frame[26..34].chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    frame[16..18].copy_from_slice(&65_535u16.to_be_bytes());
    frame[50..52].copy_from_slice(&(sum as u16).to_be_bytes());
    let header = NetHeader {
        flags: F_NEEDS_CSUM,
        gso_type: GSO_TCPV4,
        hdr_len: 54,
        gso_size: 1448,
        csum_start: 34,
        csum_offset: 16,
        num_buffers: 0,
    };
    (header, frame)
}

#[test]
fn the_largest_frames_pass_over_buffers_of_any_size() {
    for (buffer_size, buffers) in [(2048, 33), (65_562, 1), (4096, 17)] {
        let bench = bench(1, 2);
        let mut a = bench.attach(0, takes(OFFLOADS));
        let mut b = bench.attach(
            1,
            GuestOptions {
                buffer_size,
                ..takes(OFFLOADS)
            },
        );
        let (sent, frame) = largest();
        for _ in 0..100 {
            send(&mut a, sent, &frame);
            a.guest.flush();
            let (header, arrived) = receive(&mut b);
            assert!(arrived == frame);
            let told = NetHeader {
                num_buffers: buffers,
                ..sent
            };
            assert_eq!(header, told);
        }
    }
}

#[test]
fn a_large_frame_goes_on_where_its_receiver_ran_out_of_buffers() {
    for ring_size in [2, 8, 256] {
        let bench = bench(1, 2);
        let mut a = bench.attach(0, takes(OFFLOADS));
        let mut b = bench.attach(
            1,
            GuestOptions {
                ring_size,
                ..GuestOptions::default()
            },
        );
        let (header, frame) = largest();
        for _ in 0..4 {
            send(&mut a, header, &frame);
        }
        a.guest.flush();
        if ring_size <= 8 {
            // One frame alone has more segments than that.
            bench.wait_for(0, |port| port.totals.held > 0);
        }
        for _ in 0..4 {
            let mut at = 54;
            while at < frame.len() {
                let (_, segment) = receive(&mut b);
                let data = &segment[54..];
                assert!(
                    data == &frame[at..at + data.len()],
                    "what comes at {at} is not what was sent there"
                );
                at += data.len();
            }
        }
        b.receives_nothing();
        assert_eq!(bench.status(1).totals.segmented, 4);
        assert_eq!(bench.status(1).totals.to_guest_frames, 4 * 46);
    }
}

/// The frame in VLAN 10, and its header: what is undone is undone four bytes further on.
fn in_vlan_10(case: &Golden) -> (NetHeader, Vec<u8>) {
    let mut frame = case.frame.clone();
    frame.splice(12..12, [0x81, 0, 0, 10]);
    let mut header = NetHeader::from_bytes(case.header);
    header.csum_start += 4;
    if header.gso_type != 0 {
        header.hdr_len += 4;
    }
    (header, frame)
}

#[test]
fn work_stays_right_when_a_tag_comes_or_goes() {
    let trunk = || VlanMode::Trunk {
        allowed: "10".parse().unwrap(),
        native: None,
    };
    let access = || VlanMode::Access(VlanId(10));
    let settings = |vlan| PortSettings {
        policy: PortPolicy {
            vlan,
            ..PortPolicy::default()
        },
        ..PortSettings::default()
    };
    let modes = [access(), trunk(), access(), trunk(), access(), trunk()];
    let bench = Bench::with_ports(1, Idle::Adapt, modes.map(settings).to_vec());
    let takes = |port| takes(if port < 4 { OFFLOADS } else { 0 });
    let mut machines: Vec<_> = (0..6).map(|port| bench.attach(port, takes(port))).collect();
    let is_untagged = |case: &Golden| case.frame[12] != 0x81 && case.frame[12] != 0x88;
    let cases: Vec<_> = good().into_iter().filter(is_untagged).collect();
    assert!(cases.len() > 20);
    for case in &cases {
        let (header, frame) = in_vlan_10(case);
        let tagged = Golden {
            header: header.to_bytes(),
            finished: case
                .finished
                .iter()
                .map(|frame| {
                    let mut tagged = frame.clone();
                    tagged.splice(12..12, [0x81, 0, 0, 10]);
                    tagged
                })
                .collect(),
            frame,
            ..case.clone()
        };
        for (from, sent) in [(0, case), (1, &tagged)] {
            send_case(&mut machines[from], sent);
            machines[from].guest.flush();
            for to in (0..6).filter(|to| *to != from) {
                let expected = if to % 2 == 0 { case } else { &tagged };
                let expected = std::slice::from_ref(expected);
                if to < 4 {
                    receive_undone(&mut machines[to], expected);
                } else {
                    receive_finished(&mut machines[to], expected);
                }
            }
        }
    }
    machines.iter_mut().for_each(Machine::receives_nothing);
}
