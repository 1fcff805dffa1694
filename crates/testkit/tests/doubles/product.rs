//! Driver and device of a ring were written by different hands from the same specification: here they meet.

use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use testkit::guest::{Guest, GuestOptions, Ram};
use testkit::hostile::RING_ATTACKS;
use testkit::ring::{Buf, DriverRing, Used};
use virtq::{Chains, Layout, Ring};

const SOON: Duration = Duration::from_secs(5);

fn device_of(guest: &Guest, ring: &DriverRing, options: GuestOptions) -> Ring {
    let areas = ring.areas();
    let layout = Layout {
        size: ring.size(),
        desc_uva: Ram::uva(areas.descriptors),
        avail_uva: Ram::uva(areas.driver),
        used_uva: Ram::uva(areas.device),
        base: ring.base(),
        packed: options.packed,
        event_idx: options.event_idx,
        indirect: options.indirect,
    };
    Ring::open(&layout, guest.ram().memory()).expect("a proper ring")
}

fn as_ours(bufs: &[virtq::Buf]) -> Vec<Buf> {
    bufs.iter()
        .map(|buf| Buf {
            gpa: buf.gpa,
            len: buf.len,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_driver_adds_the_device_takes_and_what_it_completes_comes_back(
        (packed, indirect, event_idx) in any::<(bool, bool, bool)>(),
        rounds in prop::collection::vec((1..20usize, 1..20u16, any::<bool>()), 1..60),
    ) {
        let options = GuestOptions { ring_size: 64, packed, indirect, event_idx, ..GuestOptions::default() };
        let mut guest = Guest::new(options).expect("a guest");
        let mut device = device_of(&guest, guest.from_guest.ring(), options);
        let memory = guest.ram().memory().clone();
        let scratch = guest.scratch().gpa;
        let ring = guest.from_guest.ring_mut();
        let mut chains = Chains::new(64, device.size());
        let mut expected = std::collections::VecDeque::new();
        for (number, (add, take, late)) in rounds.into_iter().enumerate() {
            for piece in 0..add {
                let count = 1 + (number + piece) % 5;
                let bufs: Vec<Buf> = (0..count as u64).map(|n| Buf { gpa: scratch + 128 * n, len: 1 + piece as u32 }).collect();
                let (readable, writable) = bufs.split_at(count / 2);
                if let Some(token) = ring.add_chain(readable, writable) {
                    expected.push_back((token, readable.to_vec(), writable.to_vec()));
                }
            }
            ring.publish();
            prop_assert_eq!(device.has_pending(), !expected.is_empty());
            let mut taken = vec![];
            chains.clear();
            device.take(&memory, usize::from(take), &mut chains).expect("proper");
            for chain in chains.iter() {
                let (token, readable, writable) = expected.pop_front().expect("as many as pending");
                prop_assert_eq!(chain.head(), token);
                prop_assert_eq!(as_ours(chain.readable()), readable);
                prop_assert_eq!(as_ours(chain.writable()), &writable[..]);
                let written = writable.iter().map(|buf| buf.len).sum();
                taken.push(virtq::Used { head: token, written });
            }
            // Up to two leases, completed in either order: the driver sees them in the order of leasing.
            let mut parts: Vec<_> = taken
                .chunks(taken.len().div_ceil(2).max(1))
                .map(|part| (device.lease(part.iter().map(|used| used.head)), part))
                .collect();
            if late {
                parts.reverse();
            }
            for (lease, part) in parts {
                device.complete(lease, part.iter().copied());
            }
            for used in &taken {
                prop_assert_eq!(ring.poll_used(), Some(Used { token: used.head, written: used.written }));
            }
            prop_assert_eq!(ring.poll_used(), None);
            prop_assert_eq!(usize::from(ring.in_flight()), expected.len());
        }
    }
}

#[test]
fn no_wakeup_is_lost_between_a_driver_and_a_device_that_both_sleep() {
    const CHAINS: u32 = 30_000;
    for (packed, event_idx) in [(false, false), (false, true), (true, false), (true, true)] {
        let options = GuestOptions {
            ring_size: 16,
            packed,
            event_idx,
            ..GuestOptions::default()
        };
        let mut guest = Guest::new(options).expect("a guest");
        let mut device = device_of(&guest, guest.from_guest.ring(), options);
        let memory = guest.ram().memory().clone();
        let buf = Buf {
            len: 64,
            ..guest.scratch()
        };
        let (sender, ring_events) = (&mut guest.from_guest, guest.to_guest.events());
        // The to-guest ring's eventfds lie idle in this test; they carry the notifications between the two threads.
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut chains = Chains::new(1, device.size());
                let mut done = 0;
                while done < CHAINS {
                    while device.take(&memory, 1, &mut chains).expect("proper") > 0 {
                        let lease = device.lease(chains.heads(0));
                        let used = |head| virtq::Used { head, written: 0 };
                        device.complete(lease, chains.heads(0).map(used));
                        chains.clear();
                        done += 1;
                        if done.is_multiple_of(5) && device.needs_call() {
                            ring_events.call();
                        }
                    }
                    if device.needs_call() {
                        ring_events.call();
                    }
                    if done < CHAINS && !device.arm() {
                        assert!(
                            ring_events.wait_kick(Instant::now() + SOON),
                            "a kick was lost after {done} chains"
                        );
                        ring_events.take_kicks();
                        device.disarm();
                    }
                }
            });
            let ring = sender.ring_mut();
            let (mut added, mut back) = (0, 0);
            while back < CHAINS {
                while added < CHAINS && ring.add_chain(&[buf], &[]).is_some() {
                    added += 1;
                    if added.is_multiple_of(3) {
                        break;
                    }
                }
                ring.publish();
                if ring.needs_kick() {
                    ring_events.kick();
                }
                while ring.poll_used().is_some() {
                    back += 1;
                }
                if (ring.free() == 0 || added == CHAINS) && back < CHAINS && !ring.arm_call() {
                    assert!(
                        ring_events.wait_call(Instant::now() + SOON),
                        "a call was lost after {back} chains"
                    );
                    ring_events.take_calls();
                    ring.disarm_call();
                }
            }
        });
    }
}

#[test]
fn the_device_refuses_every_attack_on_the_ring_itself() {
    // What only the reader of a chain can see: where its buffers lie, what they are for and what is in them.
    let for_the_port = [
        "descriptor_outside_memory",
        "descriptor_across_the_end_of_memory",
        "descriptor_that_wraps",
        "writable_descriptor_from_guest",
        "read_only_descriptor_to_guest",
        "outside_memory_to_guest",
        "chain_too_short_for_the_header",
        "chain_without_a_frame",
        "chain_longer_than_any_frame",
    ];
    for attack in RING_ATTACKS {
        for bits in 0..8 {
            let (indirect, event_idx) = (bits & 1 != 0, bits & 2 != 0);
            let options = GuestOptions {
                packed: bits & 4 != 0,
                indirect,
                event_idx,
                ..GuestOptions::default()
            };
            if !attack.suits(&options) {
                continue;
            }
            let mut guest = Guest::new(options).expect("a guest");
            (attack.strike)(&mut guest);
            let memory = guest.ram().memory();
            let mut chains = Chains::new(64, 256);
            let refused = [guest.from_guest.ring(), guest.to_guest.ring()]
                .into_iter()
                .any(|ring| {
                    device_of(&guest, ring, options)
                        .take(memory, 64, &mut chains)
                        .is_err()
                });
            assert_eq!(
                refused,
                !for_the_port.contains(&attack.name),
                "{} {options:?}",
                attack.name
            );
        }
    }
}
