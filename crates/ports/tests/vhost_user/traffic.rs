//! Frames between guests: learning, flooding, order, size.

use testkit::guest::GuestOptions;

use crate::bench::Bench;

pub(crate) const A: [u8; 6] = [2, 0, 0, 0, 0, 0xa];
pub(crate) const B: [u8; 6] = [2, 0, 0, 0, 0, 0xb];
pub(crate) const BROADCAST: [u8; 6] = [0xff; 6];

/// A frame of `len` bytes that says who, to whom and which.
pub(crate) fn frame(to: [u8; 6], from: [u8; 6], which: u32, len: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(len);
    frame.extend(to);
    frame.extend(from);
    frame.extend([0x88, 0xb5]);
    frame.extend(which.to_be_bytes());
    frame.extend((frame.len()..len).map(|at| (at as u32 ^ which) as u8));
    frame
}

/// A UDP datagram of `flow`, its source port, that says which of the flow it is.
pub(crate) fn datagram(to: [u8; 6], from: [u8; 6], flow: u16, which: u32) -> Vec<u8> {
    let mut frame = Vec::with_capacity(60);
    frame.extend(to);
    frame.extend(from);
    frame.extend([8, 0, 0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0]);
    frame.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend(flow.to_be_bytes());
    frame.extend([0, 9, 0, 26, 0, 0]);
    frame.extend(which.to_be_bytes());
    frame.resize(60, flow as u8);
    frame
}

/// What [`datagram`] was told.
pub(crate) fn flow_and_which(frame: &[u8]) -> (u16, u32) {
    let flow = u16::from_be_bytes([frame[34], frame[35]]);
    let which = u32::from_be_bytes(*frame[42..].first_chunk().unwrap());
    (flow, which)
}

#[test]
fn an_unknown_destination_is_flooded_and_a_learnt_one_is_not() {
    let bench = Bench::new(1, 3);
    let [mut a, mut b, mut c] = [0, 1, 2].map(|port| bench.attach(port, GuestOptions::default()));
    let first = frame(B, A, 1, 60);
    a.send_all([&first[..]]);
    assert_eq!(b.receive(1), std::slice::from_ref(&first));
    assert_eq!(c.receive(1), [first]);
    bench.wait_for(0, |port| !port.queue.filters.is_empty());
    let answer = frame(A, B, 2, 60);
    b.send_all([&answer[..]]);
    assert_eq!(a.receive(1), [answer]);
    c.receives_nothing();
    b.receives_nothing();
}

#[test]
fn frames_of_every_size_arrive_whole_and_in_order() {
    for (packed, indirect, event_idx) in [
        (false, true, true),
        (false, false, false),
        (false, false, true),
        (true, true, true),
        (true, false, false),
        (true, false, true),
    ] {
        let bench = Bench::new(1, 2);
        let options = GuestOptions {
            packed,
            indirect,
            event_idx,
            ..GuestOptions::default()
        };
        let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, options));
        let sizes = [
            14,
            59,
            60,
            127,
            128,
            129,
            1514,
            2035,
            2036,
            2037,
            9014,
            65_535,
            testkit::frames::MAX_FRAME,
        ];
        let frames: Vec<_> = sizes
            .iter()
            .enumerate()
            .map(|(at, &len)| frame(BROADCAST, A, at as u32, len.max(18)))
            .collect();
        for frame in &frames {
            a.send_all([&frame[..]]);
            assert!(
                b.receive(1) == [frame.clone()],
                "a frame of {} bytes was altered",
                frame.len()
            );
        }
        assert_eq!(bench.status(1).totals.to_guest_frames, frames.len() as u64);
    }
}

#[test]
fn what_a_worker_did_is_counted() {
    let bench = Bench::new(1, 2);
    let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, GuestOptions::default()));
    for which in 0..10 {
        a.send_all([&frame(BROADCAST, A, which, 200)[..]]);
        b.receive(1);
    }
    // The worker's clock is read again when it goes to sleep.
    std::thread::sleep(std::time::Duration::from_millis(5));
    let worker = bench.switch.status().workers.swap_remove(0);
    assert_eq!((worker.frames, worker.rings), (10, 2));
    assert_eq!(worker.bytes_copied, 10 * (128 + 200));
    // One for each frame on either side, and whatever is not sent is spared.
    assert_eq!(worker.calls + worker.calls_suppressed, 20);
    assert!(worker.calls > 0 && worker.busy_ns > 0, "{worker:?}");
}

/// Whoever has frames for a guest looks for its buffers. With event indices one kick comes all the same: there is no index
/// that means never.
#[test]
fn a_guest_that_posts_its_buffers_again_is_not_asked_to_kick() {
    for (packed, event_idx) in [(false, false), (false, true), (true, false), (true, true)] {
        let bench = Bench::new(1, 2);
        let options = GuestOptions {
            packed,
            event_idx,
            ..GuestOptions::default()
        };
        let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, options));
        b.guest.to_guest.events().take_kicks();
        for which in 0..600 {
            a.send_all([&frame(BROADCAST, A, which, 60)[..]]);
            b.receive(1);
            b.guest.flush();
        }
        let kicks = b.guest.to_guest.events().take_kicks();
        assert!(kicks <= u64::from(event_idx), "{kicks} kicks, {options:?}");
    }
}

#[test]
fn a_stream_between_two_guests_loses_nothing() {
    for (workers, packed) in [(1, false), (2, false), (1, true), (2, true)] {
        let bench = Bench::new(workers, 2);
        let options = GuestOptions {
            packed,
            ..GuestOptions::default()
        };
        let [mut a, mut b] = [0, 1].map(|port| bench.attach(port, options));
        b.send_all([&frame(BROADCAST, B, 0, 60)[..]]);
        a.receive(1);
        bench.wait_for(1, |port| !port.queue.filters.is_empty());
        let frames: Vec<_> = (0..5000)
            .map(|which| frame(B, A, which, 60 + which as usize % 1400))
            .collect();
        let (sent, arrived) = std::thread::scope(|scope| {
            let sender = scope.spawn(|| a.send_all(frames.iter().map(Vec::as_slice)));
            let receiver = scope.spawn(|| b.receive(frames.len()));
            (sender.join(), receiver.join())
        });
        sent.unwrap();
        let arrived = arrived.unwrap();
        for (at, (sent, arrived)) in frames.iter().zip(&arrived).enumerate() {
            assert!(sent == arrived, "frame {at} is not what was sent");
        }
        let drops = bench
            .status(0)
            .totals
            .drops
            .iter()
            .chain(&bench.status(1).totals.drops)
            .sum::<u64>();
        assert_eq!(drops, 0);
    }
}
