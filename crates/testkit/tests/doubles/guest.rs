//! The guest double against the naive device.

use std::thread;
use std::time::{Duration, Instant};

use testkit::alloc::measure;
use testkit::frames::{Arrivals, Builder, MAX_FRAME, check, station};
use testkit::guest::{Drained, Guest, GuestError, GuestOptions};
use testkit::net_header::{F_NEEDS_CSUM, GSO_TCPV4, NET_HEADER, NetHeader};

use crate::naive_device::NaiveRing;

const SOON: Duration = Duration::from_secs(5);

fn every_kind() -> Vec<GuestOptions> {
    let mut kinds = vec![];
    for bits in 0..16 {
        kinds.push(GuestOptions {
            ring_size: 64,
            packed: bits & 8 != 0,
            mergeable: bits & 1 != 0,
            indirect: bits & 2 != 0,
            event_idx: bits & 4 != 0,
            ..GuestOptions::default()
        });
    }
    kinds
}

/// A guest and the device's ends of its from-guest and to-guest ring.
fn plugged(options: GuestOptions) -> (Guest, NaiveRing, NaiveRing) {
    let guest = Guest::new(options).expect("a guest");
    let from = NaiveRing::of(guest.ram(), guest.from_guest.ring(), options.event_idx);
    let to = NaiveRing::of(guest.ram(), guest.to_guest.ring(), options.event_idx);
    (guest, from, to)
}

fn frame(len: usize, sequence: u64) -> Vec<u8> {
    Builder::new(station(2), station(1))
        .len(len)
        .build(sequence)
}

#[test]
fn the_device_finds_the_frame_that_was_sent_behind_an_empty_header() {
    for options in every_kind() {
        let (mut guest, mut from, _) = plugged(options);
        for (sequence, len) in [60, 61, 1514, 2036, 2037, 9014, MAX_FRAME]
            .into_iter()
            .enumerate()
        {
            let frame = frame(len, sequence as u64);
            assert!(guest.send(&frame));
            assert_eq!(from.take_frame(), Ok(None), "not flushed yet");
            guest.flush();
            assert_eq!(from.take_frame(), Ok(Some((NetHeader::default(), frame))));
        }
    }
}

#[test]
fn a_header_with_offloads_reaches_the_device() {
    let (mut guest, mut from, _) = plugged(GuestOptions::default());
    let header = NetHeader {
        flags: F_NEEDS_CSUM,
        gso_type: GSO_TCPV4,
        hdr_len: 54,
        gso_size: 1448,
        csum_start: 34,
        csum_offset: 16,
        num_buffers: 0,
    };
    assert!(guest.from_guest.send(&header, &frame(9000, 1)));
    guest.flush();
    assert_eq!(from.take_frame(), Ok(Some((header, frame(9000, 1)))));
}

#[test]
fn a_frame_in_pieces_arrives_whole_wherever_it_is_cut() {
    for options in every_kind() {
        let (mut guest, mut from, _) = plugged(options);
        let frame = frame(1514, 7);
        let cuts: [&[usize]; 6] = [
            &[12],
            &[1],
            &[11, 13],
            &[12, 26, 60],
            &[6, 12, 18, 500, 501, 502, 1525],
            &[1525],
        ];
        for points in cuts {
            assert!(guest.send_chain(&frame, points));
            guest.flush();
            let chain = from.next().expect("the rules are kept").expect("a chain");
            let gaps = chain
                .readable
                .windows(2)
                .all(|pair| pair[0].gpa + u64::from(pair[0].len) != pair[1].gpa);
            assert_eq!((chain.readable.len(), gaps), (points.len() + 1, true));
            let bytes: Vec<u8> = chain
                .readable
                .iter()
                .flat_map(|buf| from.bytes(*buf).expect("in memory"))
                .collect();
            assert_eq!(bytes[..NET_HEADER], [0; NET_HEADER]);
            assert_eq!(bytes[NET_HEADER..], frame);
            from.complete(&[(chain.head.into(), 0)]);
        }
        let large = self::frame(MAX_FRAME, 8);
        assert!(guest.send_chain(&large, &[12, 30_000, 60_000]));
        guest.flush();
        assert_eq!(
            from.take_frame().map(|taken| taken.map(|(_, frame)| frame)),
            Ok(Some(large))
        );
    }
}

#[test]
fn a_full_ring_says_so_and_has_room_again_when_the_device_is_done() {
    let (mut guest, mut from, _) = plugged(GuestOptions {
        ring_size: 8,
        ..GuestOptions::default()
    });
    for sequence in 0..8 {
        assert!(guest.send(&frame(60, sequence)));
    }
    assert!(!guest.send(&frame(60, 8)));
    assert!(!guest.from_guest.wait_for_room(Duration::from_millis(1)));
    for sequence in 0..3 {
        let (_, taken) = from
            .take_frame()
            .expect("the rules are kept")
            .expect("a frame");
        assert_eq!(check(&taken).expect("intact").sequence, sequence);
    }
    assert!((8..11).all(|sequence| guest.send(&frame(60, sequence))));
    assert!(!guest.send(&frame(60, 11)));
    guest.flush();
    let rest = std::iter::from_fn(|| from.take_frame().expect("the rules are kept"));
    let sequences: Vec<u64> = rest
        .map(|(_, frame)| check(&frame).expect("intact").sequence)
        .collect();
    assert_eq!(sequences, (3..11).collect::<Vec<_>>());
    assert!(guest.from_guest.wait_until_used(SOON));
}

#[test]
fn a_received_frame_is_the_one_the_device_wrote() {
    for options in every_kind() {
        let (mut guest, _, mut to) = plugged(options);
        let mut received = vec![];
        assert!(!guest.receive(&mut received));
        // Several rounds of the ring, with frames of one and of many buffers.
        for sequence in 0..500 {
            let len = match sequence % 5 {
                4 if options.mergeable => 9014,
                3 if options.mergeable => 2037,
                0 => 60,
                _ => 2036,
            };
            assert_eq!(
                to.give_frame(&frame(len, sequence), options.mergeable),
                Ok(true)
            );
            assert!(guest.receive(&mut received));
            assert_eq!(received, frame(len, sequence));
        }
        assert!(!guest.receive(&mut received));
        assert!(guest.to_guest.guards_are_intact());
    }
}

#[test]
fn every_buffer_is_posted_and_reposted() {
    for options in every_kind() {
        let (mut guest, _, mut to) = plugged(options);
        let descriptors = if options.mergeable || options.indirect {
            1
        } else {
            2
        };
        let buffers = 64 / descriptors;
        assert_eq!(guest.to_guest.buffers(), buffers);
        for _ in 0..5 {
            for sequence in 0..u64::from(buffers) {
                assert_eq!(
                    to.give_frame(&frame(100, sequence), options.mergeable),
                    Ok(true)
                );
            }
            assert_eq!(
                to.give_frame(&frame(100, 99), options.mergeable),
                Ok(false),
                "all buffers are used"
            );
            let mut arrivals = Arrivals::default();
            let mut received = vec![];
            while guest.receive(&mut received) {
                arrivals.saw(check(&received).expect("intact").sequence);
            }
            assert!(arrivals.are_complete(buffers.into()));
        }
    }
}

#[test]
fn a_guest_that_does_not_merge_posts_the_header_by_itself() {
    let (_guest, _, mut to) = plugged(GuestOptions {
        mergeable: false,
        ..GuestOptions::default()
    });
    let chain = to.next().expect("the rules are kept").expect("a buffer");
    let lengths: Vec<u32> = chain.writable.iter().map(|buf| buf.len).collect();
    assert_eq!(lengths, [12, 2036]);
}

#[test]
fn a_byte_beyond_a_buffer_is_found_in_its_guard() {
    for mergeable in [false, true] {
        let (guest, _, mut to) = plugged(GuestOptions {
            mergeable,
            ..GuestOptions::default()
        });
        let chain = to.next().expect("the rules are kept").expect("a buffer");
        for buf in chain.writable {
            assert!(guest.to_guest.guards_are_intact());
            let beyond = guest.ram().window(buf.gpa + u64::from(buf.len), 1);
            let mut was = [0];
            beyond.read(&mut was);
            beyond.write(&[!was[0]]);
            assert!(!guest.to_guest.guards_are_intact());
            beyond.write(&was);
        }
    }
}

#[test]
fn the_device_is_kicked_only_when_it_wants_to_be() {
    for event_idx in [false, true] {
        let (mut guest, mut from, _) = plugged(GuestOptions {
            event_idx,
            ..GuestOptions::default()
        });
        let kicks = |guest: &mut Guest, count: u64| {
            (0..count).for_each(|sequence| assert!(guest.send(&frame(60, sequence))));
            guest.flush();
            guest.from_guest.events().take_kicks()
        };
        assert_eq!(kicks(&mut guest, 5), 1);
        while from.take_frame().expect("the rules are kept").is_some() {}
        from.disarm();
        assert_eq!(kicks(&mut guest, 5), 0);
        while from.take_frame().expect("the rules are kept").is_some() {}
        from.arm();
        assert_eq!(kicks(&mut guest, 1), 1);
        assert_eq!(kicks(&mut guest, 0), 0);
    }
}

#[test]
fn a_device_that_waits_for_buffers_is_kicked_when_they_are_back() {
    let (mut guest, _, mut to) = plugged(GuestOptions {
        ring_size: 4,
        ..GuestOptions::default()
    });
    guest.flush();
    guest.to_guest.events().take_kicks();
    for sequence in 0..4 {
        assert_eq!(to.give_frame(&frame(60, sequence), true), Ok(true));
    }
    to.arm();
    let mut received = vec![];
    while guest.receive(&mut received) {}
    assert_eq!(guest.to_guest.events().take_kicks(), 1);
}

#[test]
fn waiting_ends_with_the_call_or_with_the_time() {
    for event_idx in [false, true] {
        let options = GuestOptions {
            event_idx,
            ..GuestOptions::default()
        };
        let (mut guest, _, mut to) = plugged(options);
        let began = Instant::now();
        assert!(!guest.wait(Duration::from_millis(20)));
        assert!(began.elapsed() >= Duration::from_millis(20));
        let call = guest
            .to_guest
            .events()
            .call_fd()
            .try_clone_to_owned()
            .expect("a duplicate");
        let device = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            assert_eq!(to.give_frame(&frame(60, 1), true), Ok(true));
            if to.needs_call() {
                rustix::io::write(&call, &1u64.to_ne_bytes()).expect("an eventfd");
            }
            to
        });
        assert!(guest.wait(SOON));
        let mut to = device.join().expect("the device does not panic");
        assert!(guest.receive(&mut vec![]));
        assert_eq!(to.give_frame(&frame(60, 2), true), Ok(true));
        assert!(!to.needs_call(), "an awake guest wants no calls");
        assert!(
            guest.wait(Duration::ZERO),
            "what is there already needs no call"
        );
    }
}

#[test]
fn prepared_frames_go_out_in_their_order_and_again_from_the_first() {
    let (mut guest, mut from, _) = plugged(GuestOptions {
        ring_size: 16,
        ..GuestOptions::default()
    });
    let frames = [frame(60, 0), frame(1514, 1), frame(128, 2), frame(61, 3)];
    let borrowed: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    guest.from_guest.prepare(&borrowed);
    let mut next = 0;
    for _ in 0..20 {
        assert_eq!(guest.from_guest.send_prepared(12), 12);
        guest.flush();
        while let Some((_, taken)) = from.take_frame().expect("the rules are kept") {
            assert_eq!(taken, frames[next % 4]);
            next += 1;
        }
    }
    assert_eq!(next, 240);
    assert_eq!(
        guest.from_guest.send_prepared(100),
        16,
        "no more than the ring takes"
    );
}

#[test]
#[should_panic(expected = "without prepare")]
fn a_slot_that_another_frame_went_through_is_not_prepared_any_more() {
    let (mut guest, mut from, _) = plugged(GuestOptions {
        ring_size: 4,
        ..GuestOptions::default()
    });
    guest.from_guest.prepare(&[&frame(60, 0)]);
    assert!(guest.send(&frame(60, 1)));
    guest.flush();
    assert!(from.take_frame().expect("the rules are kept").is_some());
    guest.from_guest.send_prepared(4);
}

#[test]
fn draining_counts_frames_and_bytes_and_reposts_the_buffers() {
    for mergeable in [false, true] {
        let (mut guest, _, mut to) = plugged(GuestOptions {
            mergeable,
            ..GuestOptions::default()
        });
        for round in 0..300 {
            let lens = [60, 1514, if mergeable { 9014 } else { 2036 }];
            for len in lens {
                assert_eq!(to.give_frame(&frame(len, round), mergeable), Ok(true));
            }
            let first = guest.to_guest.drain(1);
            assert_eq!(
                first,
                Drained {
                    frames: 1,
                    bytes: 60
                }
            );
            let bytes = (lens[1] + lens[2]) as u64;
            assert_eq!(guest.to_guest.drain(u64::MAX), Drained { frames: 2, bytes });
        }
    }
}

#[test]
fn sending_and_receiving_do_not_allocate() {
    for options in every_kind() {
        let (mut guest, mut from, mut to) = plugged(options);
        let frame = frame(1514, 1);
        let mut received = Vec::with_capacity(2048);
        guest.from_guest.prepare(&[&frame]);
        for _ in 0..100 {
            assert_eq!(to.give_frame(&frame, options.mergeable), Ok(true));
            assert_eq!(to.give_frame(&frame, options.mergeable), Ok(true));
            let count = measure(|| {
                assert_eq!(guest.from_guest.send_prepared(2), 2);
                assert!(guest.send(&frame));
                assert!(guest.send_chain(&frame, &[12, 100]));
                guest.flush();
                assert!(guest.receive(&mut received));
                assert_eq!(guest.to_guest.drain(9).frames, 1);
            });
            assert_eq!(count.allocations, 0);
            while from.take_frame().expect("the rules are kept").is_some() {}
            guest.from_guest.reclaim();
            guest.from_guest.prepare(&[&frame]);
        }
    }
}

#[test]
fn two_threads_lose_and_disorder_nothing() {
    const FRAMES: u64 = 20_000;
    for options in every_kind().into_iter().filter(|options| options.indirect) {
        let (mut guest, mut from, mut to) = plugged(options);
        let (kick, call) = (
            guest.from_guest.events().kick_fd(),
            guest.to_guest.events().call_fd(),
        );
        let (kick, call) = (
            kick.try_clone_to_owned().expect("a fd"),
            call.try_clone_to_owned().expect("a fd"),
        );
        let done = guest
            .from_guest
            .events()
            .call_fd()
            .try_clone_to_owned()
            .expect("a fd");
        let ring = |fd: &std::os::fd::OwnedFd| {
            rustix::io::write(fd, &1u64.to_ne_bytes()).expect("an eventfd");
        };
        // Sends every frame back to the guest it came from, sleeping on kicks whenever there is nothing to do.
        let device = thread::spawn(move || {
            let mut echoed = 0;
            while echoed < FRAMES {
                let Some((_, frame)) = from.take_frame().expect("the rules are kept") else {
                    from.arm();
                    if from.has_pending() {
                        continue;
                    }
                    let mut fds = [rustix::event::PollFd::new(
                        &kick,
                        rustix::event::PollFlags::IN,
                    )];
                    let limit = rustix::event::Timespec {
                        tv_sec: 5,
                        tv_nsec: 0,
                    };
                    assert_eq!(
                        rustix::event::poll(&mut fds, Some(&limit)),
                        Ok(1),
                        "a kick was lost"
                    );
                    rustix::io::read(&kick, &mut [0; 8]).expect("an eventfd");
                    from.disarm();
                    continue;
                };
                if from.needs_call() {
                    ring(&done);
                }
                while !to
                    .give_frame(&frame, options.mergeable)
                    .expect("the rules are kept")
                {
                    thread::yield_now();
                }
                if to.needs_call() {
                    ring(&call);
                }
                echoed += 1;
            }
        });
        let mut arrivals = Arrivals::default();
        let (mut sequence, mut received, mut frame) = (0, vec![], vec![]);
        let builder = Builder::new(station(2), station(1)).len(300);
        while arrivals.frames < FRAMES {
            builder.write(sequence, &mut frame);
            let sent = sequence < FRAMES && guest.send(&frame);
            if sent {
                sequence += 1;
                if sequence.is_multiple_of(7) {
                    guest.flush();
                }
            } else {
                guest.flush();
                assert!(guest.wait(SOON), "a call was lost after {arrivals:?}");
            }
            while guest.receive(&mut received) {
                arrivals.saw(check(&received).expect("intact").sequence);
            }
        }
        device.join().expect("the device does not panic");
        assert!(arrivals.are_complete(FRAMES), "{arrivals:?}");
        assert!(guest.to_guest.guards_are_intact());
        assert!(guest.from_guest.wait_until_used(SOON));
    }
}

#[test]
fn impossible_guests_are_refused_with_the_reason() {
    let small = GuestOptions {
        memory: 1 << 20,
        ..GuestOptions::default()
    };
    assert!(
        matches!(Guest::new(small).err(), Some(GuestError::Memory { memory: 0x10_0000, needed }) if needed > 1 << 20)
    );
    for ring_size in [0, 1, 3, 255, 8192] {
        let odd = GuestOptions {
            ring_size,
            ..GuestOptions::default()
        };
        assert!(
            matches!(Guest::new(odd).err(), Some(GuestError::RingSize(size)) if size == ring_size)
        );
    }
    let flat = GuestOptions {
        buffer_size: 12,
        ..GuestOptions::default()
    };
    assert!(matches!(
        Guest::new(flat).err(),
        Some(GuestError::BufferSize(12))
    ));
    let largest = GuestOptions {
        ring_size: 4096,
        ..GuestOptions::default()
    };
    assert!(Guest::new(largest).is_ok());
}

fn after_used(written: u32, header: [u8; NET_HEADER], mergeable: bool) -> bool {
    let (mut guest, _, mut to) = plugged(GuestOptions {
        mergeable,
        ..GuestOptions::default()
    });
    let chain = to.next().expect("the rules are kept").expect("a buffer");
    to.scatter(&chain, &header);
    to.complete(&[(chain.head.into(), written)]);
    guest.receive(&mut vec![])
}

fn buffers(count: u16) -> [u8; NET_HEADER] {
    NetHeader {
        num_buffers: count,
        ..NetHeader::default()
    }
    .to_bytes()
}

#[test]
#[should_panic(expected = "less than a header")]
fn a_buffer_used_without_a_header_is_noticed() {
    after_used(11, buffers(1), true);
}

#[test]
#[should_panic(expected = "lies in 0 buffers")]
fn a_frame_in_no_buffers_is_noticed() {
    after_used(100, buffers(0), true);
}

#[test]
#[should_panic(expected = "lies in 2 buffers")]
fn a_frame_in_two_buffers_that_do_not_merge_is_noticed() {
    after_used(100, buffers(2), false);
}

#[test]
#[should_panic(expected = "had used only 1")]
fn a_frame_published_before_its_last_buffer_is_noticed() {
    after_used(2048, buffers(2), true);
}
