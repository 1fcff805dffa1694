//! What an honest driver relies on, rule by rule.

use virtq::{Buf, Chains, Layout, Ring, Used};

use crate::guest::{Desc, FREE, GPA, Guest, INDIRECT, NEXT, WRITE, lease, take, untake};

/// A ring of 8 with one-byte chains 0 to 7, of which `added` are available.
fn guest_with(added: u16) -> Guest {
    let guest = Guest::new(8);
    for index in 0..8 {
        guest.describe(index, Desc::new(1, WRITE, 0));
    }
    for head in 0..added {
        guest.add(head);
    }
    guest
}

fn take_heads(ring: &mut Ring, guest: &Guest) -> Vec<u16> {
    std::iter::from_fn(|| take(ring, guest).unwrap().map(|(head, ..)| head)).collect()
}

fn used(head: u16) -> Used {
    Used {
        head,
        written: u32::from(head) + 100,
    }
}

/// Takes one chain and gives it back.
fn serve(ring: &mut Ring, guest: &Guest) {
    let (head, ..) = take(ring, guest).unwrap().expect("a chain was added");
    let lease = lease(ring, 1);
    ring.complete(lease, [used(head)].into_iter());
}

#[test]
fn readable_buffers_come_first_then_writable_ones() {
    let guest = Guest::new(8);
    guest.add_chain(&[
        Desc {
            gpa: 0xaaaa_bbbb_cccc_dddd,
            ..Desc::new(0xdead_beef, NEXT, 1)
        },
        Desc {
            gpa: 0x2000,
            ..Desc::new(20, NEXT | WRITE, 2)
        },
        Desc {
            gpa: 0x3000,
            ..Desc::new(30, WRITE, 9)
        },
    ]);
    let (head, readable, writable) = take(&mut guest.open(), &guest).unwrap().unwrap();
    assert_eq!(head, 0);
    assert_eq!(
        readable,
        [Buf {
            gpa: 0xaaaa_bbbb_cccc_dddd,
            len: 0xdead_beef
        }]
    );
    assert_eq!(
        writable,
        [
            Buf {
                gpa: 0x2000,
                len: 20
            },
            Buf {
                gpa: 0x3000,
                len: 30
            }
        ]
    );
}

// Virtio 1.2 section 2.7.5.3: the table may follow plain descriptors, be walked in any order, and lie at any address.
#[test]
fn an_indirect_table_is_walked_by_its_links() {
    let guest = Guest::new(8);
    let table = FREE + 2;
    guest.describe_at(
        table,
        0,
        Desc {
            gpa: 0x2000,
            ..Desc::new(2, NEXT, 2)
        },
    );
    guest.describe_at(
        table,
        1,
        Desc {
            gpa: 0x4000,
            ..Desc::new(4, WRITE, 0)
        },
    );
    guest.describe_at(
        table,
        2,
        Desc {
            gpa: 0x3000,
            ..Desc::new(3, NEXT | WRITE, 1)
        },
    );
    let pointer = Desc {
        gpa: GPA + table,
        ..Desc::new(48, INDIRECT | WRITE, 0)
    };
    guest.add_chain(&[
        Desc {
            gpa: 0x1000,
            ..Desc::new(1, NEXT, 1)
        },
        pointer,
    ]);
    let (_, readable, writable) = take(&mut guest.open(), &guest).unwrap().unwrap();
    assert_eq!(
        readable,
        [
            Buf {
                gpa: 0x1000,
                len: 1
            },
            Buf {
                gpa: 0x2000,
                len: 2
            }
        ]
    );
    assert_eq!(
        writable,
        [
            Buf {
                gpa: 0x3000,
                len: 3
            },
            Buf {
                gpa: 0x4000,
                len: 4
            }
        ]
    );
}

#[test]
fn the_avail_index_is_looked_at_again_only_when_its_promise_is_used_up() {
    let guest = guest_with(2);
    let mut ring = guest.open();
    assert!(take(&mut ring, &guest).unwrap().is_some());
    guest.set_avail_idx(0x7777);
    assert!(
        take(&mut ring, &guest).unwrap().is_some(),
        "the cached index still covers this one"
    );
    assert!(take(&mut ring, &guest).is_err());
}

#[test]
fn chains_given_back_are_taken_again_in_the_same_order() {
    let guest = guest_with(5);
    let mut ring = guest.open();
    assert_eq!(take_heads(&mut ring, &guest), [0, 1, 2, 3, 4]);
    untake(&mut ring, 3);
    assert_eq!(
        (ring.base(), ring.in_flight(), ring.has_pending()),
        (2, 2, true)
    );
    assert_eq!(take_heads(&mut ring, &guest), [2, 3, 4]);
}

#[test]
fn nothing_is_published_before_all_earlier_leases_are_complete() {
    let guest = guest_with(6);
    let mut ring = guest.open();
    assert_eq!(take_heads(&mut ring, &guest).len(), 6);
    let leases = [1, 2, 3].map(|count| lease(&mut ring, count));
    ring.complete(leases[2], [used(3), used(4), used(5)].into_iter());
    assert_eq!((guest.used_idx(), ring.in_flight()), (0, 6));
    ring.complete(leases[0], [used(0)].into_iter());
    assert_eq!((guest.used_idx(), ring.in_flight()), (1, 5));
    ring.complete(leases[1], [used(2), used(1)].into_iter());
    assert_eq!((guest.used_idx(), ring.in_flight()), (6, 0));
    let published: Vec<_> = (0..6).map(|index| guest.used(index)).collect();
    assert_eq!(
        published,
        [(0, 100), (2, 102), (1, 101), (3, 103), (4, 104), (5, 105)]
    );
}

#[test]
fn chains_complete_in_any_order_of_heads() {
    let guest = guest_with(3);
    let mut ring = guest.open();
    take_heads(&mut ring, &guest);
    for head in [2, 0, 1] {
        let lease = lease(&mut ring, 1);
        ring.complete(lease, [used(head)].into_iter());
    }
    assert_eq!([0, 1, 2].map(|index| guest.used(index).0), [2, 0, 1]);
}

#[test]
fn a_lease_is_still_itself_after_a_trip_as_a_number() {
    let guest = guest_with(3);
    let mut ring = guest.open();
    take_heads(&mut ring, &guest);
    lease(&mut ring, 1);
    let lease = lease(&mut ring, 2);
    assert_eq!(virtq::Lease::from(u64::from(lease)), lease);
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
    let lease = lease(&mut ring, 2);
    ring.complete(lease, [used(0)].into_iter());
    assert_eq!((guest.used_idx(), ring.in_flight()), (0, 2));
    ring.complete(lease, [used(0), used(1)].into_iter());
    assert_eq!((guest.used_idx(), ring.in_flight()), (2, 0));
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
    let lease = lease(&mut ring, 1);
    ring.complete(lease, [used(0)].into_iter());
    ring.complete(lease, [used(1)].into_iter());
    assert_eq!(
        (guest.used_idx(), ring.in_flight(), guest.used(0).0),
        (1, 1, 0)
    );
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
    lease(&mut ring, 1);
    untake(&mut ring, 2);
    assert_eq!((ring.base(), ring.in_flight()), (1, 1));
}

#[test]
#[cfg_attr(
    debug_assertions,
    should_panic(expected = "2 places leased for 1 chains")
)]
fn a_lease_covers_only_chains_that_were_taken() {
    let guest = guest_with(1);
    let mut ring = guest.open();
    take_heads(&mut ring, &guest);
    assert_eq!(lease(&mut ring, 2).count(), 1);
}

// Virtio 1.2 section 2.7.7: both indices run free in 16 bits.
#[test]
fn the_indices_wrap_around() {
    let guest = guest_with(0);
    guest.set_avail_idx(0xffff);
    guest.set_used_idx(0xffff);
    let mut ring = Ring::open(
        &Layout {
            base: 0xffff,
            ..guest.layout()
        },
        &guest.memory,
    )
    .unwrap();
    for index in 0..70_000_u32 {
        guest.add((index % 8) as u16);
        serve(&mut ring, &guest);
        assert_eq!(guest.used_idx(), guest.avail_idx());
    }
    assert_eq!(ring.base(), (70_000 + 0xffff) & 0xffff);
}

/// GET_VRING_BASE and back: the avail side goes on at the base, the used side at what memory says.
#[test]
fn a_ring_opened_again_goes_on_where_it_stood() {
    let guest = guest_with(5);
    let mut ring = guest.open();
    serve(&mut ring, &guest);
    serve(&mut ring, &guest);
    let base = ring.base();
    drop(ring);
    let mut ring = Ring::open(
        &Layout {
            base,
            ..guest.layout()
        },
        &guest.memory,
    )
    .unwrap();
    assert!(ring.has_pending());
    serve(&mut ring, &guest);
    assert_eq!((guest.used_idx(), guest.used(2)), (3, (2, 102)));
}

#[test]
fn a_ring_starts_armed_whatever_its_predecessor_left() {
    let guest = guest_with(0);
    let mut ring = guest.open();
    ring.disarm();
    assert_eq!(guest.used_flags(), 1);
    guest.open();
    assert_eq!(guest.used_flags(), 0);
    ring.disarm();
    guest.set_avail_idx(7);
    Ring::open(
        &Layout {
            base: 7,
            event_idx: true,
            ..guest.layout()
        },
        &guest.memory,
    )
    .unwrap();
    assert_eq!((guest.used_flags(), guest.avail_event()), (0, 7));
}

// Virtio 1.2 section 2.7.10.
#[test]
fn kicks_are_asked_for_by_flag_or_by_index_and_never_by_both() {
    let guest = guest_with(0);
    let mut ring = guest.open();
    ring.disarm();
    assert_eq!(guest.used_flags(), 1);
    assert!(!ring.arm());
    assert_eq!(guest.used_flags(), 0);

    let guest = guest_with(3);
    let mut ring = guest.open_event_idx();
    take_heads(&mut ring, &guest);
    ring.disarm();
    assert_eq!((guest.used_flags(), guest.avail_event()), (0, 0));
    assert!(!ring.arm());
    assert_eq!((guest.used_flags(), guest.avail_event()), (0, 3));
}

#[test]
fn arming_reports_chains_that_are_there_already() {
    for open in [Guest::open, Guest::open_event_idx] {
        let guest = guest_with(1);
        let mut ring = open(&guest);
        assert!(ring.arm());
        take_heads(&mut ring, &guest);
        assert!(!ring.arm());
        guest.add(1);
        assert!(ring.arm());
    }
}

// Virtio 1.2 section 2.7.7.2, without VIRTIO_F_EVENT_IDX.
#[test]
fn calls_are_suppressed_by_the_drivers_flag() {
    let guest = guest_with(8);
    let mut ring = guest.open();
    serve(&mut ring, &guest);
    assert!(ring.needs_call());
    guest.set_avail_flags(1);
    serve(&mut ring, &guest);
    assert!(!ring.needs_call());
    guest.set_avail_flags(0);
    assert!(
        !ring.needs_call(),
        "nothing was published since this was last asked"
    );
    serve(&mut ring, &guest);
    assert!(ring.needs_call());
}

// Virtio 1.2 section 2.7.7.2, with VIRTIO_F_EVENT_IDX: the flag means nothing.
#[test]
fn calls_are_suppressed_until_used_event_is_passed() {
    let guest = guest_with(8);
    let mut ring = guest.open_event_idx();
    guest.set_avail_flags(1);
    guest.set_used_event(3);
    serve(&mut ring, &guest);
    assert!(
        ring.needs_call(),
        "nobody knows what a predecessor left unsaid"
    );
    let calls: Vec<_> = std::iter::repeat_with(|| {
        serve(&mut ring, &guest);
        ring.needs_call()
    })
    .take(6)
    .collect();
    assert_eq!(calls, [false, false, true, false, false, false]);
}

#[test]
fn a_burst_that_passes_used_event_is_called_once() {
    let guest = guest_with(8);
    let mut ring = guest.open_event_idx();
    serve(&mut ring, &guest);
    ring.needs_call();
    guest.set_used_event(3);
    for _ in 0..6 {
        serve(&mut ring, &guest);
    }
    assert!(ring.needs_call());
    assert!(!ring.needs_call());
}

#[test]
fn a_burst_of_a_whole_turn_of_the_index_is_always_called() {
    let guest = guest_with(0);
    let mut ring = guest.open_event_idx();
    guest.add(0);
    serve(&mut ring, &guest);
    ring.needs_call();
    for _ in 0..0x1_0000 {
        guest.add(0);
        serve(&mut ring, &guest);
    }
    guest.set_used_event(guest.used_idx());
    assert!(
        ring.needs_call(),
        "the index alone cannot tell a whole turn from nothing"
    );
}

#[test]
fn chains_published_late_are_called_by_whoever_published_them() {
    let guest = guest_with(2);
    let mut ring = guest.open();
    take_heads(&mut ring, &guest);
    let [first, second] = [lease(&mut ring, 1), lease(&mut ring, 1)];
    ring.complete(first, [used(0)].into_iter());
    assert!(ring.needs_call());
    ring.complete(second, [used(1)].into_iter());
    assert!(ring.needs_call());

    let guest = guest_with(3);
    let mut ring = guest.open();
    serve(&mut ring, &guest);
    ring.needs_call();
    take_heads(&mut ring, &guest);
    let [first, second] = [lease(&mut ring, 1), lease(&mut ring, 1)];
    ring.complete(second, [used(2)].into_iter());
    assert!(!ring.needs_call(), "the driver can see nothing new");
    ring.complete(first, [used(1)].into_iter());
    assert!(ring.needs_call());
}

#[test]
fn a_ring_of_one_descriptor_works() {
    let guest = Guest::new(1);
    guest.describe(0, Desc::new(1, 0, 0));
    let mut ring = guest.open_event_idx();
    for index in 0..20 {
        guest.add(0);
        serve(&mut ring, &guest);
        assert_eq!((guest.used_idx(), guest.used(index)), (index + 1, (0, 100)));
    }
}

#[test]
fn a_burst_is_what_there_is_or_what_there_is_room_for() {
    let guest = guest_with(5);
    let mut ring = guest.open();
    let mut chains = Chains::new(4, 8);
    assert_eq!(ring.take(&guest.memory, 3, &mut chains), Ok(3));
    assert_eq!(ring.take(&guest.memory, 8, &mut chains), Ok(1));
    assert_eq!(ring.take(&guest.memory, 8, &mut chains), Ok(0));
    assert_eq!(chains.heads(0).collect::<Vec<_>>(), [0, 1, 2, 3]);
    chains.clear();
    assert_eq!(ring.take(&guest.memory, 8, &mut chains), Ok(1));
    assert_eq!(chains.chain(0).head(), 4);
    assert_eq!(ring.take(&guest.memory, 8, &mut chains), Ok(0));
    untake(&mut ring, 1);
    assert_eq!(ring.posted(), ring.seen(), "what was given back is not new");
    guest.add(5);
    assert_ne!(ring.posted(), ring.seen());
}

/// A burst of chains as long as the ring: the scratch says when it has no room for the longest.
#[test]
fn a_burst_of_long_chains_ends_early() {
    let guest = Guest::new(1024);
    let entries: Vec<_> = (1..=1024)
        .map(|next| Desc::new(1, if next < 1024 { NEXT } else { 0 }, next))
        .collect();
    for (desc, index) in entries.iter().zip(0..) {
        guest.describe_at(FREE, index, *desc);
    }
    for head in 0..3 {
        guest.describe(
            head,
            Desc {
                gpa: GPA + FREE,
                ..Desc::new(16 * 1024, INDIRECT, 0)
            },
        );
        guest.add(head);
    }
    let mut ring = guest.open();
    let mut chains = Chains::new(64, 1024);
    assert_eq!(ring.take(&guest.memory, 64, &mut chains), Ok(2));
    chains.keep([1]);
    assert_eq!(ring.take(&guest.memory, 64, &mut chains), Ok(1));
    assert_eq!(chains.heads(0).collect::<Vec<_>>(), [1, 2]);
    assert!(chains.iter().all(|chain| chain.readable().len() == 1024));
}
