//! What an honest driver relies on, rule by rule.

use virtq::{Buf, Layout, Ring, Used};

use crate::guest::{
    AVAIL, DESC, DISABLE, Desc, ENABLE, FREE, GPA, Guest, INDIRECT, NEXT, USED, WRAP, WRITE, take,
};

/// A ring of 8 in which buffers 0 to `added` are available, one slot each.
fn guest_with(added: u16) -> Guest {
    let guest = Guest::new(8);
    (0..added).for_each(|id| guest.add_list(id, 1));
    guest
}

fn take_heads(ring: &mut Ring, guest: &Guest) -> Vec<u16> {
    let taken = take(ring, guest, 64).unwrap();
    taken.into_iter().map(|(head, ..)| head).collect()
}

fn used(head: u16) -> Used {
    Used {
        head,
        written: u32::from(head) + 100,
    }
}

fn hand_back(ring: &mut Ring, heads: &[u16]) {
    let lease = ring.lease(heads.iter().copied());
    ring.complete(lease, heads.iter().copied().map(used));
}

/// What the driver finds from the `number`th slot on, by buffers of these numbers of slots.
fn found(guest: &Guest, mut number: u32, slots: &[(u16, u32)]) -> Vec<u16> {
    let mut found = Vec::new();
    while let Some((id, written)) = guest.used(number) {
        assert_eq!(written, used(id).written);
        number += slots
            .iter()
            .find_map(|&(of, slots)| (of == id).then_some(slots))
            .unwrap_or(1);
        found.push(id);
    }
    found
}

#[test]
fn readable_buffers_come_first_then_writable_ones_and_the_id_is_the_last_descriptors() {
    let guest = Guest::new(8);
    let buf = |gpa, len| Buf { gpa, len };
    let desc = |buf: Buf, flags, id| Desc {
        gpa: buf.gpa,
        ..Desc::new(buf.len, flags, id)
    };
    let bufs = [
        buf(0xaaaa_bbbb_cccc_dddd, 0xdead_beef),
        buf(0x2000, 20),
        buf(0x3000, 30),
    ];
    guest.add(&[
        desc(bufs[0], NEXT, 0xffff),
        desc(bufs[1], NEXT | WRITE, 0xffff),
        desc(bufs[2], WRITE, 5),
    ]);
    let taken = take(&mut guest.open(), &guest, 1).unwrap();
    assert_eq!(taken, [(5, bufs[..1].to_vec(), bufs[1..].to_vec())]);
}

// Virtio 1.2 section 2.8.7: in order, whole, and of the flags only the write flag.
#[test]
fn an_indirect_table_is_all_of_its_descriptors_in_order() {
    let guest = Guest::new(8);
    let table = FREE + 2;
    for (index, flags) in [(0, 0), (1, NEXT | INDIRECT | AVAIL), (2, WRITE | USED)] {
        let len = u32::from(index) + 1;
        guest.describe_at(table, index, Desc::new(len, flags, 77));
    }
    guest.add(&[Desc {
        gpa: GPA + table,
        ..Desc::new(48, INDIRECT | WRITE, 3)
    }]);
    let buf = |len| Buf { gpa: 0x1000, len };
    let taken = take(&mut guest.open(), &guest, 1).unwrap();
    assert_eq!(taken, [(3, vec![buf(1), buf(2)], vec![buf(3)])]);
}

// Virtio 1.2 section 2.8.1.
#[test]
fn a_descriptor_is_available_if_its_flags_are_those_of_the_round() {
    for (number, available) in [(0, AVAIL), (8, USED)] {
        for flags in [0, AVAIL, USED, AVAIL | USED] {
            let guest = Guest::new(8);
            guest.describe(0, Desc::new(1, flags, 0));
            let layout = Layout {
                base: guest.base(number),
                ..guest.layout()
            };
            let mut ring = Ring::open(&layout, &guest.memory).unwrap();
            assert_eq!(ring.has_pending(), flags == available);
            let taken = take(&mut ring, &guest, 1).unwrap();
            assert_eq!(taken.len(), usize::from(flags == available));
        }
    }
}

#[test]
fn a_burst_takes_at_most_as_many_as_asked_for() {
    let guest = guest_with(5);
    let mut ring = guest.open();
    assert_eq!(take(&mut ring, &guest, 3).unwrap().len(), 3);
    assert_eq!(take(&mut ring, &guest, 3).unwrap().len(), 2);
    assert!(!ring.has_pending());
}

// Virtio 1.2 section 2.8.6.
#[test]
fn a_chain_is_handed_back_in_one_descriptor_and_its_others_are_skipped() {
    let guest = Guest::new(8);
    for (id, slots) in [(4, 1), (2, 3), (7, 2)] {
        guest.add_list(id, slots);
    }
    let mut ring = guest.open();
    assert_eq!(take_heads(&mut ring, &guest), [4, 2, 7]);
    for head in [7, 4, 2] {
        hand_back(&mut ring, &[head]);
    }
    let used = [0, 2, 3].map(|slot| guest.used(slot).map(|(id, _)| id));
    assert_eq!(used, [Some(7), Some(4), Some(2)]);
    assert_eq!(ring.base(), guest.base(6));
}

#[test]
fn chains_given_back_are_taken_again_in_the_same_order() {
    let guest = Guest::new(8);
    let mut ring = guest.open();
    // The first of them goes round the ring's end.
    for (id, slots) in [(0, 6), (1, 3), (2, 1), (3, 2)] {
        guest.add_list(id, slots);
        if id == 0 {
            assert_eq!(take_heads(&mut ring, &guest), [0]);
            hand_back(&mut ring, &[0]);
        }
    }
    assert_eq!(take_heads(&mut ring, &guest), [1, 2, 3]);
    ring.untake([1, 2, 3].into_iter());
    assert_eq!((ring.base(), ring.in_flight()), (guest.base(6), 0));
    assert_eq!(take_heads(&mut ring, &guest), [1, 2, 3]);
    ring.untake([3].into_iter());
    hand_back(&mut ring, &[2, 1]);
    assert_eq!(take_heads(&mut ring, &guest), [3]);
    assert_eq!(found(&guest, 6, &[(1, 3)]), [2, 1]);
}

#[test]
fn what_was_posted_differs_from_what_was_seen_as_soon_as_there_is_more() {
    let guest = guest_with(3);
    let mut ring = guest.open();
    assert_ne!(ring.posted(), ring.seen());
    assert_eq!(take_heads(&mut ring, &guest), [0, 1, 2]);
    assert_eq!(ring.posted(), ring.seen());
    let seen = ring.seen();
    ring.untake([1, 2].into_iter());
    assert_eq!((ring.posted(), ring.seen()), (seen, seen));
    guest.add_list(3, 1);
    assert_ne!(ring.posted(), seen);
}

#[test]
fn nothing_is_seen_before_all_earlier_leases_are_complete() {
    let guest = Guest::new(8);
    for (id, slots) in [(0, 1), (1, 2), (2, 1), (3, 2), (4, 1)] {
        guest.add_list(id, slots);
    }
    let mut ring = guest.open();
    assert_eq!(take_heads(&mut ring, &guest).len(), 5);
    let heads: [&[u16]; 3] = [&[0], &[1, 2], &[3, 4]];
    let leases = heads.map(|heads| ring.lease(heads.iter().copied()));
    let slots = [(1, 2), (3, 2)];
    for (lease, seen, base) in [(2, vec![], 0), (0, vec![0], 1), (1, vec![0, 1, 2, 3, 4], 7)] {
        ring.complete(leases[lease], heads[lease].iter().copied().map(used));
        assert_eq!(found(&guest, 0, &slots), seen);
        assert_eq!(ring.base() >> 16, guest.event(base));
    }
    assert_eq!((ring.base(), ring.in_flight()), (guest.base(7), 0));
}

/// In release builds a lease that is completed wrongly stays open; in debug builds the caller hears of it.
#[test]
#[cfg_attr(
    debug_assertions,
    should_panic(expected = "a lease is completed whole")
)]
fn a_place_is_never_published_unwritten() {
    let guest = guest_with(2);
    let mut ring = guest.open();
    take_heads(&mut ring, &guest);
    let lease = ring.lease([0, 1].into_iter());
    ring.complete(lease, [used(0)].into_iter());
    assert_eq!((found(&guest, 0, &[]), ring.in_flight()), (vec![], 2));
}

#[test]
#[cfg_attr(
    debug_assertions,
    should_panic(expected = "is not waiting to be completed")
)]
fn a_lease_is_completed_once() {
    let guest = guest_with(2);
    let mut ring = guest.open();
    take_heads(&mut ring, &guest);
    let lease = ring.lease([0].into_iter());
    ring.complete(lease, [used(0)].into_iter());
    ring.complete(lease, [used(1)].into_iter());
    assert_eq!((found(&guest, 0, &[]), ring.in_flight()), (vec![0], 1));
}

#[test]
#[cfg_attr(
    debug_assertions,
    should_panic(expected = "neither leased nor complete")
)]
fn leased_chains_are_not_given_back() {
    let guest = guest_with(2);
    let mut ring = guest.open();
    take_heads(&mut ring, &guest);
    ring.lease([0].into_iter());
    ring.untake([1, 0].into_iter());
    assert_eq!(ring.in_flight(), 1);
}

#[test]
#[cfg_attr(
    debug_assertions,
    should_panic(expected = "places leased for 2 chains of 1")
)]
fn a_lease_covers_only_chains_that_were_taken() {
    let guest = guest_with(1);
    let mut ring = guest.open();
    take_heads(&mut ring, &guest);
    assert_eq!(ring.lease([0, 1].into_iter()).count(), 1);
}

// Virtio 1.2 section 2.8.10.1: any size.
#[test]
fn rings_of_any_size_go_round_and_round() {
    for size in [1, 2, 3, 7, 8, 100] {
        let guest = Guest::new(size);
        let mut ring = guest.open();
        let mut number = 0;
        for round in 0..70_000_u32 {
            let slots = 1 + (round % u32::from(size.min(3))) as u16;
            guest.add_list(0, slots);
            assert_eq!(take_heads(&mut ring, &guest), [0]);
            hand_back(&mut ring, &[0]);
            assert_eq!(guest.used(number), Some((0, 100)));
            number += u32::from(slots);
            assert_eq!(ring.base(), guest.base(number));
        }
    }
}

/// GET_VRING_BASE and back.
#[test]
fn a_ring_opened_again_goes_on_where_it_stood() {
    let guest = guest_with(5);
    let mut ring = guest.open();
    assert_eq!(take(&mut ring, &guest, 2).unwrap().len(), 2);
    hand_back(&mut ring, &[1, 0]);
    let base = ring.base();
    let again = Layout {
        base,
        ..guest.layout()
    };
    let mut ring = Ring::open(&again, &guest.memory).unwrap();
    assert_eq!(take_heads(&mut ring, &guest), [2, 3, 4]);
    hand_back(&mut ring, &[2, 3, 4]);
    assert_eq!(found(&guest, 0, &[]), [1, 0, 2, 3, 4]);
}

/// DPDK's virtio-user says where the next available descriptor is, and nothing else.
#[test]
fn a_base_without_an_upper_half_is_that_of_a_ring_with_nothing_in_flight() {
    let guest = guest_with(1);
    let layout = Layout {
        base: WRAP,
        ..guest.layout()
    };
    let mut ring = Ring::open(&layout, &guest.memory).unwrap();
    assert_eq!(ring.base(), guest.base(0));
    assert_eq!(take_heads(&mut ring, &guest), [0]);
    hand_back(&mut ring, &[0]);
    assert_eq!(found(&guest, 0, &[]), [0]);
}

#[test]
fn what_a_predecessor_took_and_never_handed_back_stays_in_flight() {
    let guest = guest_with(5);
    let layout = Layout {
        base: guest.event(0) << 16 | guest.event(3),
        ..guest.layout()
    };
    let mut ring = Ring::open(&layout, &guest.memory).unwrap();
    assert_eq!(take_heads(&mut ring, &guest), [3, 4]);
    hand_back(&mut ring, &[4, 3]);
    assert_eq!(found(&guest, 0, &[]), [4, 3]);
    assert_eq!(ring.base(), guest.event(2) << 16 | guest.event(5));
}

// Virtio 1.2 section 2.8.10.
#[test]
fn kicks_are_asked_for_by_flag_or_by_position() {
    let guest = guest_with(3);
    let mut ring = guest.open();
    assert_eq!(guest.device_event(), ENABLE);
    ring.disarm();
    assert_eq!(guest.device_event(), DISABLE);
    assert!(ring.arm(), "three are there already");
    assert_eq!(guest.device_event(), ENABLE);
    ring.disarm();
    guest.open();
    assert_eq!(
        guest.device_event(),
        ENABLE,
        "whatever its predecessor left"
    );

    let mut ring = guest.open_event_idx();
    assert_eq!(guest.device_event(), DESC | guest.event(0));
    ring.disarm();
    assert_eq!(guest.device_event(), DISABLE);
    assert_eq!(take_heads(&mut ring, &guest).len(), 3);
    assert!(!ring.arm());
    assert_eq!(guest.device_event(), DESC | guest.event(3));
    guest.add_list(3, 1);
    assert!(ring.arm());
}

#[test]
fn calls_are_suppressed_by_the_drivers_flags() {
    for open in [Guest::open, Guest::open_event_idx] {
        let guest = guest_with(8);
        let mut ring = open(&guest);
        take_heads(&mut ring, &guest);
        let mut needs_call = |head, event| {
            guest.set_driver_event(event);
            hand_back(&mut ring, &[head]);
            ring.needs_call()
        };
        assert!(needs_call(0, ENABLE));
        assert!(!needs_call(1, DISABLE));
        assert!(needs_call(2, ENABLE));
        let reserved = 3 << 16;
        assert!(needs_call(3, reserved), "nobody knows what it means");
        assert!(needs_call(4, ENABLE | 0xfffc_0000), "reserved bits");
        assert!(!ring.needs_call(), "nothing was handed back since");
    }
}

#[test]
fn a_wish_for_a_position_means_nothing_without_event_index() {
    let guest = guest_with(2);
    let mut ring = guest.open();
    take_heads(&mut ring, &guest);
    guest.set_driver_event(DESC | guest.event(7));
    for head in [0, 1] {
        hand_back(&mut ring, &[head]);
        assert!(ring.needs_call());
    }
}

#[test]
fn calls_are_suppressed_until_the_drivers_position_is_passed() {
    let guest = Guest::new(8);
    let mut ring = guest.open_event_idx();
    let mut serve = |wanted| {
        guest.set_driver_event(DESC | wanted);
        guest.add_list(0, 3);
        take_heads(&mut ring, &guest);
        hand_back(&mut ring, &[0]);
        ring.needs_call()
    };
    assert!(serve(0), "nobody knows what a predecessor left unsaid");
    // A list is handed back over slots 3 to 5, 6 to 8, 9 to 11, ...
    for (number, wanted) in [(3, 2), (6, 9), (9, 11), (12, 14), (15, 18), (18, 20)] {
        let is_passed = (number..number + 3).contains(&wanted);
        assert_eq!(serve(guest.event(wanted)), is_passed, "{wanted}");
    }
    // The same index in the other round is another place.
    assert!(serve(guest.event(21)));
    assert!(!serve(guest.event(24) ^ WRAP));
    assert!(serve(0x7fff), "a place that is none");
}

#[test]
fn a_burst_of_two_rounds_is_always_called() {
    let guest = Guest::new(8);
    let mut ring = guest.open_event_idx();
    let serve = |ring: &mut Ring| {
        guest.add_list(0, 1);
        take_heads(ring, &guest);
        hand_back(ring, &[0]);
    };
    serve(&mut ring);
    ring.needs_call();
    for slots in 2..18 {
        serve(&mut ring);
        // Just ahead: passed exactly two rounds ago, if at all.
        if slots == 17 {
            guest.set_driver_event(DESC | guest.event(slots));
        }
    }
    assert!(ring.needs_call());
    assert!(!ring.needs_call());
}

#[test]
fn chains_seen_late_are_called_by_whoever_made_them_seen() {
    let guest = guest_with(3);
    let mut ring = guest.open();
    take_heads(&mut ring, &guest);
    hand_back(&mut ring, &[0]);
    assert!(ring.needs_call());
    let [first, second] = [1, 2].map(|head| ring.lease([head].into_iter()));
    ring.complete(second, [used(2)].into_iter());
    assert!(!ring.needs_call(), "the driver can see nothing new");
    ring.complete(first, [used(1)].into_iter());
    assert!(ring.needs_call());
}
