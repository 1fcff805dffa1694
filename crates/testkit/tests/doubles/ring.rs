//! The driver ring of either format against the naive device (virtio 1.2, 2.7 and 2.8).

use std::collections::HashMap;

use proptest::prelude::*;
use testkit::guest::{Guest, GuestOptions, Ram};
use testkit::ring::split::INDIRECT_CAPACITY;
use testkit::ring::{Buf, DriverRing, RingOptions, Used};

use crate::naive_device::{Chain, NaiveRing};

/// Packed, indirect, event index.
fn every_way() -> impl Iterator<Item = [bool; 3]> {
    (0..8).map(|bits| [bits & 1 != 0, bits & 2 != 0, bits & 4 != 0])
}

/// A ring of its own in the unused memory of a guest.
fn pair(size: u16, [packed, indirect, event_idx]: [bool; 3]) -> (DriverRing, NaiveRing) {
    let guest = Guest::new(GuestOptions {
        ring_size: 2,
        ..GuestOptions::default()
    })
    .expect("a guest");
    let options = RingOptions {
        size,
        packed,
        indirect,
        event_idx,
    };
    let gpa = Ram::GPA + (32 << 20);
    let ring = DriverRing::new(guest.ram().memory(), gpa, options);
    let device = NaiveRing::of(guest.ram(), &ring, event_idx);
    (ring, device)
}

fn bufs(count: usize, seed: u64) -> Vec<Buf> {
    (0..count as u64)
        .map(|n| Buf {
            gpa: Ram::GPA + 4096 * (seed % 1000) + 64 * n,
            len: 1 + (seed % 60) as u32,
        })
        .collect()
}

fn next(device: &mut NaiveRing) -> Option<Chain> {
    device.next().expect("the driver keeps the rules")
}

#[derive(Clone, Debug)]
enum Step {
    Add {
        readable: usize,
        writable: usize,
        seed: u64,
    },
    Publish,
    Take,
    /// Which of the chains that the device holds, and how much of it is written.
    Use {
        which: usize,
        part: u32,
    },
    Poll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6usize, 0..6usize, any::<u64>()).prop_map(|(readable, writable, seed)| Step::Add { readable, writable, seed }),
        2 => Just(Step::Publish),
        4 => Just(Step::Take),
        3 => (any::<usize>(), 0..=4u32).prop_map(|(which, part)| Step::Use { which, part }),
        4 => Just(Step::Poll),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_chains_come_through_as_they_were_added_and_come_back_once(
        bits in 1..7u32,
        way in any::<[bool; 3]>(),
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let size = 1u16 << bits;
        let (mut ring, mut device) = pair(size, way);
        let [_, indirect, _] = way;
        // What the model knows of each token: its buffers, in the order of adding.
        let mut added: Vec<(u16, Vec<Buf>, Vec<Buf>)> = vec![];
        let mut published = 0;
        let mut taken = 0;
        let mut held: Vec<Chain> = vec![];
        let mut used: Vec<Used> = vec![];
        let mut polled = 0;
        let mut cost: HashMap<u16, u16> = HashMap::new();
        for step in steps {
            match step {
                Step::Add { readable, writable, seed } => {
                    let count = readable + writable;
                    if count == 0 || count > usize::from(size) {
                        continue;
                    }
                    let needed = if indirect && count > 1 { 1 } else { count as u16 };
                    let free = size - cost.values().sum::<u16>();
                    prop_assert_eq!(ring.free(), free);
                    let (readable, writable) = (bufs(readable, seed), bufs(writable, seed / 7));
                    match ring.add_chain(&readable, &writable) {
                        Some(token) => {
                            prop_assert!(needed <= free);
                            prop_assert_eq!(cost.insert(token, needed), None, "a token in flight was given out again");
                            added.push((token, readable, writable));
                        }
                        None => prop_assert!(needed > free),
                    }
                }
                Step::Publish => {
                    prop_assert_eq!(usize::from(ring.unpublished()), added.len() - published);
                    ring.publish();
                    published = added.len();
                }
                Step::Take => match next(&mut device) {
                    Some(chain) => {
                        prop_assert!(taken < published, "the device saw what was not published");
                        let (token, readable, writable) = &added[taken];
                        prop_assert_eq!((&chain.head, &chain.readable, &chain.writable), (token, readable, writable));
                        prop_assert_eq!(chain.is_indirect, indirect && readable.len() + writable.len() > 1);
                        taken += 1;
                        held.push(chain);
                    }
                    None => prop_assert_eq!(taken, published, "the device did not see what was published"),
                },
                Step::Use { which, part } => {
                    if held.is_empty() {
                        continue;
                    }
                    let chain = held.swap_remove(which % held.len());
                    let written = chain.room() * part / 4;
                    device.complete(&[(chain.head.into(), written)]);
                    used.push(Used { token: chain.head, written });
                }
                Step::Poll => {
                    prop_assert_eq!(usize::from(ring.used()), used.len() - polled);
                    let expected = used.get(polled).copied();
                    prop_assert_eq!(ring.poll_used(), expected);
                    if let Some(used) = expected {
                        polled += 1;
                        cost.remove(&used.token);
                    }
                    prop_assert_eq!(usize::from(ring.in_flight()), cost.len());
                }
            }
        }
    }

    #[test]
    fn a_kick_is_wanted_exactly_when_the_device_asked_for_one_in_what_was_published(
        (packed, event_idx) in any::<(bool, bool)>(),
        rounds in prop::collection::vec((1..8u16, any::<bool>()), 1..200),
    ) {
        let (mut ring, mut device) = pair(8, [packed, false, event_idx]);
        let mut armed = true;
        for (count, arm) in rounds {
            for _ in 0..count {
                ring.add_chain(&bufs(1, 5), &[]).expect("room for all of a round");
            }
            ring.publish();
            prop_assert_eq!(ring.needs_kick(), armed);
            prop_assert!(!ring.needs_kick(), "asked again with nothing new");
            while let Some(chain) = next(&mut device) {
                device.complete(&[(chain.head.into(), 0)]);
                ring.poll_used().expect("just used");
            }
            if arm { device.arm() } else { device.disarm() }
            armed = arm;
        }
    }

    #[test]
    fn a_call_is_wanted_exactly_when_the_driver_armed_and_nothing_was_there(
        (packed, event_idx) in any::<(bool, bool)>(),
        rounds in prop::collection::vec((1..8u16, any::<bool>()), 1..200),
    ) {
        let (mut ring, mut device) = pair(8, [packed, false, event_idx]);
        for (count, arm) in rounds {
            for _ in 0..count {
                ring.add_chain(&[], &bufs(1, 5)).expect("room for all of a round");
            }
            ring.publish();
            if arm {
                prop_assert!(!ring.arm_call(), "nothing is used yet");
            } else {
                ring.disarm_call();
            }
            while let Some(chain) = next(&mut device) {
                device.complete(&[(chain.head.into(), 1)]);
            }
            prop_assert_eq!(device.needs_call(), arm);
            prop_assert!(ring.arm_call(), "something is used, and no call is to be waited for");
            while ring.poll_used().is_some() {}
        }
    }
}

#[test]
fn indices_wrap_around_sixteen_bits() {
    for way in every_way() {
        let (mut ring, mut device) = pair(4, way);
        for round in 0..70_000u32 {
            let token = ring.add_chain(&bufs(1, 1), &bufs(1, 2)).expect("room");
            ring.publish();
            let chain = next(&mut device).expect("published");
            assert_eq!(chain.head, token);
            let written = round % (chain.room() + 1);
            device.complete(&[(chain.head.into(), written)]);
            assert_eq!(ring.poll_used(), Some(Used { token, written }));
        }
    }
}

#[test]
fn the_largest_ring_can_be_filled_and_emptied() {
    for packed in [false, true] {
        let (mut ring, mut device) = pair(4096, [packed, false, true]);
        let tokens: Vec<u16> = (0..4096)
            .map(|_| ring.add_chain(&bufs(1, 3), &[]).expect("room"))
            .collect();
        assert_eq!(ring.add_chain(&bufs(1, 3), &[]), None);
        ring.publish();
        let mut heads = vec![];
        while let Some(chain) = next(&mut device) {
            heads.push(chain.head);
        }
        assert_eq!(heads, tokens);
        let entries: Vec<_> = heads
            .iter()
            .rev()
            .map(|head| (u32::from(*head), 0))
            .collect();
        device.complete(&entries);
        let back: Vec<u16> = std::iter::from_fn(|| ring.poll_used())
            .map(|used| used.token)
            .collect();
        assert_eq!(back, tokens.into_iter().rev().collect::<Vec<_>>());
        assert_eq!((ring.free(), ring.in_flight()), (4096, 0));
    }
}

#[test]
fn a_chain_too_long_for_a_table_goes_through_the_ring_itself() {
    for packed in [false, true] {
        let (mut ring, mut device) = pair(256, [packed, true, false]);
        let long = bufs(INDIRECT_CAPACITY + 1, 1);
        ring.add_chain(&long, &[]).expect("room");
        assert_eq!(usize::from(ring.free()), 256 - long.len());
        ring.publish();
        let chain = next(&mut device).expect("published");
        assert_eq!((chain.readable, chain.is_indirect), (long, false));
    }
}

#[test]
fn areas_are_aligned_as_the_specification_asks() {
    for (packed, driver) in [(false, 2), (true, 4)] {
        for size in [1, 2, 64, 4096] {
            let areas = pair(size, [packed, true, true]).0.areas();
            assert_eq!(
                (
                    areas.descriptors % 16,
                    areas.driver % driver,
                    areas.device % 4
                ),
                (0, 0, 0)
            );
        }
    }
}

fn with_one_in_flight() -> (DriverRing, NaiveRing, u32) {
    with_one_in_flight_of(false)
}

fn with_one_in_flight_of(packed: bool) -> (DriverRing, NaiveRing, u32) {
    let (mut ring, mut device) = pair(4, [packed, false, false]);
    ring.add_chain(&[], &bufs(1, 7)).expect("room");
    ring.publish();
    let head = next(&mut device).expect("published").head;
    (ring, device, head.into())
}

#[test]
#[should_panic(expected = "not in flight")]
fn a_head_that_was_never_available_is_noticed() {
    let (mut ring, mut device, head) = with_one_in_flight();
    device.complete(&[(head + 1, 0)]);
    ring.poll_used();
}

#[test]
#[should_panic(expected = "not in flight")]
fn a_head_outside_the_table_is_noticed() {
    let (mut ring, mut device, head) = with_one_in_flight();
    device.complete(&[(head + (1 << 16), 0)]);
    ring.poll_used();
}

#[test]
#[should_panic(expected = "not in flight")]
fn a_chain_used_twice_is_noticed() {
    let (mut ring, mut device, head) = with_one_in_flight();
    ring.add_chain(&[], &bufs(1, 7)).expect("room");
    ring.publish();
    device.complete(&[(head, 0), (head, 0)]);
    ring.poll_used();
    ring.poll_used();
}

#[test]
#[should_panic(expected = "room for")]
fn more_bytes_written_than_there_is_room_is_noticed() {
    let (mut ring, mut device, head) = with_one_in_flight();
    device.complete(&[(head, 100)]);
    ring.poll_used();
}

#[test]
#[should_panic(expected = "are available")]
fn a_used_index_beyond_what_is_available_is_noticed() {
    let (mut ring, mut device, head) = with_one_in_flight();
    device.complete(&[(head, 0), (head, 0)]);
    ring.poll_used();
}

#[test]
#[should_panic(expected = "at most as many")]
fn a_chain_that_no_ring_of_this_size_can_hold_is_refused() {
    let (mut ring, ..) = with_one_in_flight();
    ring.add_chain(&bufs(5, 1), &[]);
}

#[test]
#[should_panic(expected = "not in flight")]
fn a_buffer_id_that_was_never_available_is_noticed() {
    let (mut ring, mut device, id) = with_one_in_flight_of(true);
    device.complete(&[(id + 1, 0)]);
    ring.poll_used();
}

#[test]
#[should_panic(expected = "not in flight")]
fn a_buffer_id_used_twice_is_noticed() {
    let (mut ring, mut device, id) = with_one_in_flight_of(true);
    ring.add_chain(&[], &bufs(1, 7)).expect("room");
    ring.publish();
    device.complete(&[(id, 0), (id, 0)]);
    ring.poll_used();
    ring.poll_used();
}

#[test]
#[should_panic(expected = "none is available")]
fn a_buffer_used_before_it_was_published_is_noticed() {
    let (mut ring, mut device, id) = with_one_in_flight_of(true);
    device.complete(&[(id, 0)]);
    ring.poll_used();
    let id = ring.add_chain(&[], &bufs(1, 7)).expect("room");
    device.complete(&[(id.into(), 0)]);
    ring.poll_used();
}

#[test]
#[should_panic(expected = "room for")]
fn more_bytes_written_to_a_buffer_id_than_there_is_room_is_noticed() {
    let (mut ring, mut device, id) = with_one_in_flight_of(true);
    device.complete(&[(id, 100)]);
    ring.poll_used();
}

// Virtio 1.2, 2.8.10.1: any size.
#[test]
fn a_packed_ring_of_any_size_goes_round_and_round() {
    for size in [1, 3, 5, 100] {
        let (mut ring, mut device) = pair(size, [true, false, true]);
        for round in 0..10 * u32::from(size) {
            let count = 1 + round as usize % usize::from(size.min(3));
            let token = ring.add_chain(&[], &bufs(count, 3)).expect("room");
            ring.publish();
            let chain = next(&mut device).expect("published");
            assert_eq!((chain.head, chain.writable.len()), (token, count));
            device.complete(&[(token.into(), 1)]);
            assert_eq!(ring.poll_used(), Some(Used { token, written: 1 }));
        }
    }
}
