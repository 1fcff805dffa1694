//! Each attack is what its name says and nothing else, judged by the naive device and the naive backend.

use std::time::Duration;

use testkit::frontend::{RawFrontend, Script, Verdict};
use testkit::guest::{Guest, GuestOptions};
use testkit::hostile::{Breaks, PROTOCOL_ATTACKS, RING_ATTACKS, truncate_memory};

use crate::naive_backend::NaiveBackend;
use crate::naive_device::NaiveRing;

/// What the judge says of each attack through the rings.
const JUDGEMENTS: &[(&str, &str)] = &[
    ("descriptor_outside_memory", "lies outside memory"),
    ("descriptor_across_the_end_of_memory", "lies outside memory"),
    ("descriptor_that_wraps", "lies outside memory"),
    (
        "writable_descriptor_from_guest",
        "a buffer from the guest is writable",
    ),
    ("indirect_that_continues", "a table is "),
    ("indirect_of_odd_length", "a table has 17 bytes"),
    ("indirect_of_no_length", "a table has 0 bytes"),
    ("indirect_outside_memory", "a table lies outside memory"),
    (
        "read_only_descriptor_to_guest",
        "a buffer to the guest is read-only",
    ),
    ("outside_memory_to_guest", "lies outside memory"),
    ("chain_too_short_for_the_header", "too short for the header"),
    ("chain_without_a_frame", "a frame of 0 bytes is none"),
    (
        "chain_longer_than_any_frame",
        "a frame of 131072 bytes is none",
    ),
    ("chain_that_loops", "the chain loops"),
    ("next_out_of_range", "next 64 is out of range"),
    ("head_out_of_range", "head 64 is out of range"),
    (
        "available_index_jumps",
        "65 chains are available in a ring of 64",
    ),
    ("indirect_inside_indirect", "a table lies inside a table"),
    ("indirect_that_loops", "the chain loops"),
    ("head_out_of_range_to_guest", "head 64 is out of range"),
    ("chain_that_loops_to_guest", "the chain loops"),
    (
        "available_index_jumps_to_guest",
        "chains are available in a ring of 64",
    ),
    ("buffer_id_out_of_range", "buffer id 64 is out of range"),
    ("chain_longer_than_the_ring", "goes over all 64 descriptors"),
    ("chain_that_goes_on_unavailable", "which is not available"),
    ("indirect_in_a_chain", "a table is in a chain"),
    (
        "buffer_id_out_of_range_to_guest",
        "buffer id 64 is out of range",
    ),
    (
        "chain_longer_than_the_ring_to_guest",
        "goes over all 64 descriptors",
    ),
];

#[test]
fn each_ring_attack_breaks_the_rule_of_its_name() {
    let named: Vec<&str> = RING_ATTACKS.iter().map(|attack| attack.name).collect();
    assert_eq!(
        named,
        JUDGEMENTS.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    );
    for (attack, (_, judgement)) in RING_ATTACKS.iter().zip(JUDGEMENTS) {
        for bits in 0..16 {
            let options = GuestOptions {
                ring_size: 64,
                packed: bits & 8 != 0,
                mergeable: bits & 1 != 0,
                indirect: bits & 2 != 0,
                event_idx: bits & 4 != 0,
                ..GuestOptions::default()
            };
            if !attack.suits(&options) {
                continue;
            }
            let mut guest = Guest::new(options).expect("a guest");
            let mut from = NaiveRing::of(guest.ram(), guest.from_guest.ring(), options.event_idx);
            let mut to = NaiveRing::of(guest.ram(), guest.to_guest.ring(), options.event_idx);
            // In the middle of ordinary traffic, not only on a fresh ring.
            for _ in 0..100 {
                assert!(guest.send(&[0xaa; 60]));
                guest.flush();
                assert!(from.take_frame().expect("proper so far").is_some());
                assert_eq!(to.give_frame(&[0xbb; 60], options.mergeable), Ok(true));
                assert!(guest.receive(&mut vec![]));
            }
            assert!(guest.from_guest.wait_until_used(Duration::ZERO));
            guest.from_guest.events().take_kicks();
            guest.to_guest.events().take_kicks();
            (attack.strike)(&mut guest);
            let (found, kicks, other) = match attack.breaks {
                Breaks::ToGuest => (
                    to.give_frame(&[0xcc; 60], options.mergeable).map(|_| ()),
                    guest.to_guest.events().take_kicks(),
                    from.take_frame().map(|_| ()),
                ),
                Breaks::FromGuest | Breaks::Frame => (
                    from.take_frame().map(|_| ()),
                    guest.from_guest.events().take_kicks(),
                    to.give_frame(&[0xcc; 60], options.mergeable).map(|_| ()),
                ),
            };
            let found = found.expect_err(attack.name);
            assert!(
                found.contains(judgement),
                "{} {options:?}: {found}",
                attack.name
            );
            assert_eq!(kicks, 1, "{}", attack.name);
            assert_eq!(other, Ok(()), "{} harms the other ring too", attack.name);
        }
    }
}

#[test]
fn an_unspoilt_script_is_accepted_and_each_spoilt_one_is_not() {
    let timeout = Duration::from_secs(5);
    let play = |spoil: &dyn Fn(&mut Script)| {
        let guest = Guest::new(GuestOptions::default()).expect("a guest");
        let (backend, stream) = NaiveBackend::start();
        let raw = RawFrontend::from_stream(stream, timeout).expect("a socket");
        let mut script = Script::attach(&guest).expect("a script");
        spoil(&mut script);
        let verdict = script.play(&raw).expect("the socket works");
        drop(raw);
        (verdict, backend.end())
    };
    assert_eq!(play(&|_| {}).0, Verdict::Accepted);
    for attack in PROTOCOL_ATTACKS {
        let (verdict, why) = play(&attack.spoil);
        assert!(
            matches!(verdict, Verdict::Refused { .. } | Verdict::Closed { .. }),
            "{}: {verdict:?} {why:?}",
            attack.name
        );
    }
}

#[test]
fn a_truncated_memory_is_gone_for_everybody() {
    let guest = Guest::new(GuestOptions::default()).expect("a guest");
    assert!(
        rustix::fs::fstat(guest.ram().file())
            .expect("a file")
            .st_size
            > 0
    );
    truncate_memory(&guest);
    assert_eq!(
        rustix::fs::fstat(guest.ram().file())
            .expect("a file")
            .st_size,
        0
    );
}
