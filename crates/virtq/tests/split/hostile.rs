//! Each rule that a driver or frontend can break, broken: the error names it, nothing is taken, nothing panics.

use shmem::{GuestMemory, Mapping, Region};
use virtq::{Area, Chains, Layout, Ring, RingError};

use crate::guest::{
    AVAIL, Desc, FREE, GPA, Guest, INDIRECT, LEN, NEXT, TABLE, USED, UVA, WRITE, take,
};

/// What the ring says of its first chain, twice, so that the error is seen to leave the ring as it was.
fn refusal(guest: &Guest, ring: &mut Ring) -> RingError {
    let mut chains = Chains::new(2, guest.size);
    let first = ring
        .take(&guest.memory, 2, &mut chains)
        .expect_err("the chain breaks a rule");
    assert!(chains.is_empty(), "nothing is left of a refused chain");
    assert_eq!(
        (ring.base(), ring.in_flight()),
        (0, 0),
        "a refused chain is not taken"
    );
    assert_eq!(ring.take(&guest.memory, 1, &mut chains), Err(first));
    first
}

fn refused(descs: &[Desc]) -> RingError {
    let guest = Guest::new(8);
    guest.add_chain(descs);
    refusal(&guest, &mut guest.open())
}

fn refused_indirect(descs: &[Desc]) -> RingError {
    let guest = Guest::new(8);
    guest.add_indirect(descs);
    refusal(&guest, &mut guest.open())
}

#[test]
fn a_ring_size_is_a_power_of_two_up_to_the_limit() {
    for size in [0, 3, 100, 255, 8192, 32768, u16::MAX] {
        let guest = Guest::new(8);
        let layout = Layout {
            size,
            ..guest.layout()
        };
        assert_eq!(
            Ring::open(&layout, &guest.memory).err(),
            Some(RingError::Size { size })
        );
    }
    for size in [1, 2, 256, virtq::MAX_SIZE] {
        assert_eq!(Guest::new(size).open().size(), size);
    }
}

// Virtio 1.2 section 2.7.
#[test]
fn an_area_that_is_not_aligned_is_refused() {
    let guest = Guest::new(8);
    let good = guest.layout();
    let bad = [
        (
            Area::DescriptorTable,
            UVA + TABLE + 8,
            Layout {
                desc_uva: UVA + TABLE + 8,
                ..good
            },
        ),
        (
            Area::Avail,
            UVA + AVAIL + 1,
            Layout {
                avail_uva: UVA + AVAIL + 1,
                ..good
            },
        ),
        (
            Area::Used,
            UVA + USED + 2,
            Layout {
                used_uva: UVA + USED + 2,
                ..good
            },
        ),
    ];
    for (area, uva, layout) in bad {
        assert_eq!(
            Ring::open(&layout, &guest.memory).err(),
            Some(RingError::Misaligned { area, uva })
        );
    }
}

#[test]
fn an_area_that_only_the_frontend_thinks_aligned_is_refused() {
    let mapping = Mapping::anonymous(LEN as usize).unwrap();
    // The frontend's addresses run two bytes ahead of the host's.
    let region = Region {
        gpa: GPA,
        uva: UVA + 2,
        len: LEN - 2,
        mapping,
        mapping_offset: 0,
        handles: Vec::new(),
    };
    let memory = GuestMemory::new(vec![region]).unwrap();
    let layout = Layout {
        desc_uva: UVA + 16,
        ..Guest::new(8).layout()
    };
    let refused = RingError::Misaligned {
        area: Area::DescriptorTable,
        uva: UVA + 16,
    };
    assert_eq!(Ring::open(&layout, &memory).err(), Some(refused));
}

#[test]
fn an_area_outside_shared_memory_is_refused() {
    let guest = Guest::new(8);
    let good = guest.layout();
    let end = UVA + LEN;
    let last_word_missing = [
        (
            Area::DescriptorTable,
            end - 16 * 7,
            Layout {
                desc_uva: end - 16 * 7,
                ..good
            },
        ),
        (
            Area::Avail,
            end - 18,
            Layout {
                avail_uva: end - 18,
                ..good
            },
        ),
        (
            Area::Used,
            end - 64,
            Layout {
                used_uva: end - 64,
                ..good
            },
        ),
        (
            Area::Used,
            0,
            Layout {
                used_uva: 0,
                ..good
            },
        ),
        (
            Area::Used,
            u64::MAX - 3,
            Layout {
                used_uva: u64::MAX - 3,
                ..good
            },
        ),
    ];
    for (area, uva, layout) in last_word_missing {
        assert_eq!(
            Ring::open(&layout, &guest.memory).err(),
            Some(RingError::Unmapped { area, uva })
        );
    }
}

// Virtio 1.2 sections 2.7.6 and 2.7.8: used_event and avail_event are there only with VIRTIO_F_EVENT_IDX.
#[test]
fn room_for_the_event_words_is_asked_only_if_they_were_negotiated() {
    let guest = Guest::new(8);
    let end = UVA + LEN;
    let avail = Layout {
        avail_uva: end - 20,
        ..guest.layout()
    };
    let used = Layout {
        used_uva: end - 68,
        ..guest.layout()
    };
    for (area, uva, layout) in [(Area::Avail, end - 20, avail), (Area::Used, end - 68, used)] {
        assert!(Ring::open(&layout, &guest.memory).is_ok());
        let with_event = Layout {
            event_idx: true,
            ..layout
        };
        assert_eq!(
            Ring::open(&with_event, &guest.memory).err(),
            Some(RingError::Unmapped { area, uva })
        );
    }
}

#[test]
fn an_avail_index_that_jumps_ahead_is_refused() {
    let guest = Guest::new(8);
    let mut ring = guest.open();
    for avail_idx in [9, 0x8000, u16::MAX] {
        guest.set_avail_idx(avail_idx);
        let error = RingError::TooManyInFlight {
            avail_idx,
            next_avail: 0,
            in_flight: 0,
            size: 8,
        };
        assert_eq!(refusal(&guest, &mut ring), error);
        assert!(ring.has_pending(), "for the taking to find out");
        assert!(ring.arm(), "somebody must look");
    }
}

#[test]
fn a_guest_that_adds_heads_in_flight_is_refused() {
    let guest = Guest::new(4);
    guest.describe(0, Desc::new(1, 0, 0));
    let mut ring = guest.open();
    for _ in 0..4 {
        guest.add(0);
    }
    for _ in 0..4 {
        assert!(take(&mut ring, &guest).unwrap().is_some());
    }
    assert_eq!(take(&mut ring, &guest), Ok(None));
    guest.add(0);
    let error = RingError::TooManyInFlight {
        avail_idx: 5,
        next_avail: 4,
        in_flight: 4,
        size: 4,
    };
    assert_eq!(take(&mut ring, &guest), Err(error));
    assert_eq!(ring.in_flight(), 4);
}

#[test]
fn an_avail_index_that_runs_backwards_is_refused_once_its_promise_is_used_up() {
    let guest = Guest::new(8);
    guest.describe(0, Desc::new(1, 0, 0));
    let mut ring = guest.open();
    guest.set_avail_idx(2);
    assert!(take(&mut ring, &guest).unwrap().is_some());
    guest.set_avail_idx(0);
    assert!(
        take(&mut ring, &guest).unwrap().is_some(),
        "promised before"
    );
    assert!(matches!(
        take(&mut ring, &guest),
        Err(RingError::TooManyInFlight { avail_idx: 0, .. })
    ));
}

#[test]
fn a_head_outside_the_table_is_refused() {
    for head in [8, u16::MAX] {
        let guest = Guest::new(8);
        guest.add(head);
        let mut ring = guest.open();
        assert_eq!(
            refusal(&guest, &mut ring),
            RingError::HeadOutOfRange { head, size: 8 }
        );
    }
}

#[test]
fn a_next_outside_the_table_is_refused() {
    let refused = refused(&[Desc::new(1, NEXT, 1), Desc::new(1, NEXT, 8)]);
    assert_eq!(
        refused,
        RingError::NextOutOfRange {
            head: 0,
            next: 8,
            entries: 8
        }
    );
}

// Virtio 1.2 section 2.7.5.2.
#[test]
fn a_chain_that_loops_is_refused() {
    assert_eq!(
        refused(&[Desc::new(1, NEXT, 0)]),
        RingError::Loop { head: 0 }
    );
    assert_eq!(
        refused(&[Desc::new(1, NEXT, 1), Desc::new(1, NEXT, 0)]),
        RingError::Loop { head: 0 }
    );
    assert_eq!(
        refused(&[Desc::new(0, NEXT, 0)]),
        RingError::Loop { head: 0 },
        "and if there are no bytes in it"
    );
}

#[test]
fn a_chain_over_the_whole_table_is_taken() {
    let guest = Guest::new(8);
    let mut descs = [1, 2, 3, 4, 5, 6, 7]
        .map(|next| Desc::new(1, NEXT, next))
        .to_vec();
    descs.push(Desc::new(1, 0, 0));
    guest.add_chain(&descs);
    let (_, readable, _) = take(&mut guest.open(), &guest).unwrap().unwrap();
    assert_eq!(readable.len(), 8);
}

// Virtio 1.2 section 2.7.4.2.
#[test]
fn a_readable_buffer_after_a_writable_one_is_refused() {
    let refused = refused(&[Desc::new(1, NEXT | WRITE, 1), Desc::new(1, 0, 0)]);
    assert_eq!(refused, RingError::ReadableAfterWritable { head: 0 });
    let refused = refused_indirect(&[Desc::new(1, NEXT | WRITE, 1), Desc::new(1, 0, 0)]);
    assert_eq!(refused, RingError::ReadableAfterWritable { head: 0 });
}

#[test]
fn a_chain_without_bytes_is_refused_but_an_empty_buffer_is_passed_over() {
    assert_eq!(refused(&[Desc::new(0, 0, 0)]), RingError::Empty { head: 0 });
    assert_eq!(
        refused_indirect(&[Desc::new(0, NEXT, 1), Desc::new(0, WRITE, 0)]),
        RingError::Empty { head: 0 }
    );
    let guest = Guest::new(8);
    guest.add_chain(&[
        Desc::new(3, NEXT, 1),
        Desc::new(0, NEXT | WRITE, 2),
        Desc::new(4, 0, 0),
    ]);
    let (_, readable, writable) = take(&mut guest.open(), &guest).unwrap().unwrap();
    assert_eq!((readable.len(), writable.len()), (2, 0));
}

// Virtio 1.2 section 2.7.5.2: 2^32 bytes is the limit, and allowed.
#[test]
fn a_chain_of_more_than_4_gib_is_refused() {
    let refused = refused(&[Desc::new(u32::MAX, NEXT, 1), Desc::new(2, WRITE, 0)]);
    assert_eq!(refused, RingError::TooManyBytes { head: 0 });
    let guest = Guest::new(8);
    guest.add_chain(&[Desc::new(u32::MAX, NEXT, 1), Desc::new(1, WRITE, 0)]);
    assert!(take(&mut guest.open(), &guest).unwrap().is_some());
}

#[test]
fn an_indirect_table_is_refused_unless_negotiated() {
    let guest = Guest::new(8);
    guest.add_indirect(&[Desc::new(1, 0, 0)]);
    let mut ring = Ring::open(
        &Layout {
            indirect: false,
            ..guest.layout()
        },
        &guest.memory,
    )
    .unwrap();
    assert_eq!(
        refusal(&guest, &mut ring),
        RingError::IndirectNotNegotiated { head: 0 }
    );
}

// Virtio 1.2 section 2.7.5.3.1.
#[test]
fn a_chain_ends_with_its_indirect_table() {
    let pointer = Desc {
        gpa: GPA + FREE,
        ..Desc::new(16, INDIRECT | NEXT, 1)
    };
    assert_eq!(
        refused(&[pointer, Desc::new(1, 0, 0)]),
        RingError::IndirectWithNext { head: 0 }
    );
}

// Virtio 1.2 section 2.7.5.3.1.
#[test]
fn an_indirect_table_within_an_indirect_table_is_refused() {
    let nested = Desc {
        gpa: GPA + FREE,
        ..Desc::new(16, INDIRECT, 0)
    };
    assert_eq!(
        refused_indirect(&[nested]),
        RingError::NestedIndirect { head: 0 }
    );
    assert_eq!(
        refused_indirect(&[Desc::new(1, NEXT, 1), nested]),
        RingError::NestedIndirect { head: 0 }
    );
}

#[test]
fn an_indirect_table_is_a_positive_number_of_whole_descriptors() {
    for len in [0, 1, 15, 17, u32::MAX] {
        let pointer = Desc {
            gpa: GPA + FREE,
            ..Desc::new(len, INDIRECT, 0)
        };
        assert_eq!(
            refused(&[pointer]),
            RingError::IndirectLength { head: 0, len }
        );
    }
}

#[test]
fn an_indirect_table_outside_memory_is_refused() {
    for gpa in [0, GPA - 16, GPA + LEN - 16, GPA + LEN, u64::MAX - 15] {
        let pointer = Desc {
            gpa,
            ..Desc::new(32, INDIRECT, 0)
        };
        assert_eq!(refused(&[pointer]), RingError::IndirectUnmapped { gpa });
    }
    let largest = Desc {
        gpa: GPA,
        ..Desc::new(u32::MAX - 15, INDIRECT, 0)
    };
    assert_eq!(
        refused(&[largest]),
        RingError::IndirectUnmapped { gpa: GPA }
    );
}

#[test]
fn a_next_outside_the_indirect_table_is_refused() {
    let refused = refused_indirect(&[Desc::new(1, NEXT, 2), Desc::new(1, 0, 0)]);
    assert_eq!(
        refused,
        RingError::NextOutOfRange {
            head: 0,
            next: 2,
            entries: 2
        }
    );
}

#[test]
fn an_indirect_chain_that_loops_is_refused() {
    let refused = refused_indirect(&[Desc::new(1, NEXT, 1), Desc::new(1, NEXT, 0)]);
    assert_eq!(refused, RingError::Loop { head: 0 });
}

// Virtio 1.2 section 2.7.5.3.1: the descriptors before the table count, the one that names it does not.
#[test]
fn a_chain_is_no_longer_than_the_ring_even_if_it_is_indirect() {
    let chain_of = |n: u16| {
        (1..=n)
            .map(|i| Desc::new(1, if i < n { NEXT } else { 0 }, i))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        refused_indirect(&chain_of(9)),
        RingError::TooLong { head: 0, size: 8 }
    );

    for (entries, fits) in [(7, true), (8, false)] {
        let guest = Guest::new(8);
        for (desc, index) in chain_of(entries).iter().zip(0..) {
            guest.describe_at(FREE, index, *desc);
        }
        let pointer = Desc {
            gpa: GPA + FREE,
            ..Desc::new(16 * u32::from(entries), INDIRECT, 0)
        };
        guest.add_chain(&[Desc::new(1, NEXT, 1), pointer]);
        assert_eq!(take(&mut guest.open(), &guest).is_ok(), fits);
    }
}

#[test]
fn the_chains_before_a_bad_one_are_taken() {
    let guest = Guest::new(8);
    guest.describe(0, Desc::new(1, 0, 0));
    guest.describe(1, Desc::new(2, NEXT, 1));
    guest.describe(2, Desc::new(3, NEXT, 3));
    guest.describe(3, Desc::new(4, WRITE, 0));
    for head in [2, 0, 1] {
        guest.add(head);
    }
    let mut ring = guest.open();
    let mut chains = Chains::new(8, 8);
    assert_eq!(
        ring.take(&guest.memory, 8, &mut chains),
        Err(RingError::Loop { head: 1 })
    );
    assert_eq!(chains.heads(0).collect::<Vec<_>>(), [2, 0]);
    assert_eq!((ring.base(), ring.in_flight()), (2, 2));
}
