//! Each rule that a driver or frontend can break, broken: the error names it, nothing of the chain is taken, nothing panics.

use virtq::{Area, Chains, Layout, Ring, RingError};

use crate::guest::{
    AVAIL, DESCRIPTORS, DEVICE_EVENT, DRIVER_EVENT, Desc, FREE, GPA, Guest, INDIRECT, LEN, NEXT,
    USED, UVA, WRAP, WRITE, take,
};

/// What the ring says of its first chain, twice, so that the error is seen to leave the ring as it was.
fn refusal(guest: &Guest, ring: &mut Ring) -> RingError {
    let before = (ring.base(), ring.in_flight());
    let mut chains = Chains::new(4, ring.size());
    let first = ring
        .take(&guest.memory, 4, &mut chains)
        .expect_err("the chain breaks a rule");
    assert!(chains.is_empty(), "nothing is left of a refused chain");
    assert_eq!((ring.base(), ring.in_flight()), before);
    assert!(ring.has_pending() && ring.arm(), "somebody must look");
    assert_eq!(ring.take(&guest.memory, 4, &mut chains), Err(first));
    first
}

fn refused(descs: &[Desc]) -> RingError {
    let guest = Guest::new(8);
    guest.add(descs);
    refusal(&guest, &mut guest.open())
}

fn refused_indirect(descs: &[Desc]) -> RingError {
    let guest = Guest::new(8);
    guest.add_indirect(descs);
    refusal(&guest, &mut guest.open())
}

fn refused_layout(layout: &Layout, guest: &Guest) -> Option<RingError> {
    Ring::open(layout, &guest.memory).err()
}

#[test]
fn a_ring_has_any_size_up_to_the_limit() {
    for size in [0, virtq::MAX_SIZE + 1, 8192, 32768, u16::MAX] {
        let guest = Guest::new(8);
        let layout = Layout {
            size,
            base: 0,
            ..guest.layout()
        };
        let error = RingError::Size { size };
        assert_eq!(refused_layout(&layout, &guest), Some(error));
    }
    for size in [1, 3, 255, virtq::MAX_SIZE] {
        assert_eq!(Guest::new(size).open().size(), size);
    }
}

// Bits 0 to 14 and 16 to 30 are places in the ring, at most the ring apart.
#[test]
fn a_base_that_is_no_place_in_the_ring_is_refused() {
    let guest = Guest::new(8);
    let refused = |base| {
        let layout = Layout {
            base,
            ..guest.layout()
        };
        refused_layout(&layout, &guest)
    };
    for base in [8, 8 | WRAP, 0x7fff, 8 << 16, 0x7fff << 16, u32::MAX] {
        assert_eq!(refused(base), Some(RingError::Base { base, size: 8 }));
    }
    for (avail, used) in [(0, 1), (3, 10), (8, 15), (15, 6)] {
        let base = guest.event(used) << 16 | guest.event(avail);
        assert_eq!(refused(base), Some(RingError::Base { base, size: 8 }));
    }
    for (avail, used) in [(0, 0), (0, 8), (7, 0), (12, 4), (3, 12)] {
        let base = guest.event(used) << 16 | guest.event(avail);
        assert_eq!(refused(base), None);
    }
}

// Virtio 1.2 section 2.8.10.1.
#[test]
fn an_area_that_is_not_aligned_or_not_in_shared_memory_is_refused() {
    let guest = Guest::new(8);
    let good = guest.layout();
    let desc = |desc_uva| Layout { desc_uva, ..good };
    let driver = |avail_uva| Layout { avail_uva, ..good };
    let device = |used_uva| Layout { used_uva, ..good };
    let misaligned = [
        (Area::DescriptorRing, UVA + DESCRIPTORS + 8),
        (Area::DriverEvent, UVA + DRIVER_EVENT + 2),
        (Area::DeviceEvent, UVA + DEVICE_EVENT + 1),
    ];
    let unmapped = [
        (Area::DescriptorRing, UVA + LEN - 16 * 7),
        (Area::DescriptorRing, 0),
        (Area::DriverEvent, UVA + LEN),
        (Area::DeviceEvent, u64::MAX - 3),
    ];
    let layout = |area, uva| match area {
        Area::DescriptorRing => desc(uva),
        Area::DriverEvent => driver(uva),
        _ => device(uva),
    };
    for (area, uva) in misaligned {
        let error = RingError::Misaligned { area, uva };
        assert_eq!(refused_layout(&layout(area, uva), &guest), Some(error));
    }
    for (area, uva) in unmapped {
        let error = RingError::Unmapped { area, uva };
        assert_eq!(refused_layout(&layout(area, uva), &guest), Some(error));
    }
}

#[test]
fn a_buffer_id_that_the_ring_does_not_have_is_refused() {
    for id in [8, 0x1234, u16::MAX] {
        let (head, size) = (0, 8);
        let error = RingError::IdOutOfRange { head, id, size };
        assert_eq!(refused(&[Desc::new(1, 0, id)]), error);
        assert_eq!(
            refused(&[Desc::new(1, NEXT, 0), Desc::new(1, 0, id)]),
            error
        );
    }
}

#[test]
fn a_buffer_id_in_flight_is_refused_and_what_came_before_it_is_taken() {
    for slots in [1, 2] {
        let guest = Guest::new(8);
        let mut ring = guest.open();
        guest.add_list(3, 1);
        guest.add_list(5, slots);
        guest.add_list(3, slots);
        let mut chains = Chains::new(8, 8);
        let (head, id) = (1 + slots, 3);
        let error = RingError::IdInFlight { head, id };
        assert_eq!(ring.take(&guest.memory, 8, &mut chains), Err(error));
        assert_eq!(chains.heads(0).collect::<Vec<_>>(), [3, 5]);
        assert_eq!(refusal(&guest, &mut ring), error);
        assert_eq!(ring.in_flight(), 2);
    }
}

// Virtio 1.2 section 2.8.14: the driver changes no descriptor before it was used.
#[test]
fn slots_made_available_again_while_in_flight_are_refused() {
    let guest = Guest::new(4);
    let mut ring = guest.open();
    (0..4).for_each(|id| guest.add_list(id, 1));
    assert_eq!(take(&mut ring, &guest, 8).unwrap().len(), 4);
    assert!(!ring.has_pending());
    guest.add_list(0, 1);
    let error = RingError::SlotInFlight { slot: 0 };
    assert_eq!(refusal(&guest, &mut ring), error);

    // A list that begins where it may and goes on where it may not.
    let guest = Guest::new(4);
    let mut ring = guest.open();
    guest.add_list(0, 1);
    guest.add_list(1, 2);
    assert_eq!(take(&mut ring, &guest, 8).unwrap().len(), 2);
    guest.add_list(2, 2);
    let error = RingError::SlotInFlight { slot: 0 };
    assert_eq!(refusal(&guest, &mut ring), error);
}

// Virtio 1.2 section 2.8.17.
#[test]
fn a_list_is_no_longer_than_the_ring() {
    let guest = Guest::new(8);
    guest.add_list(0, 8);
    assert_eq!(take(&mut guest.open(), &guest, 1).unwrap()[0].2.len(), 8);

    let endless: Vec<_> = (0..8).map(|_| Desc::new(1, NEXT, 0)).collect();
    let error = RingError::TooLong { head: 0, size: 8 };
    assert_eq!(refused(&endless), error);
    let endless: Vec<_> = (0..8).map(|_| Desc::new(0, NEXT, 0)).collect();
    assert_eq!(refused(&endless), error, "and if there are no bytes in it");
}

// Virtio 1.2 section 2.8.6: all flags are right in all descriptors of a list.
#[test]
fn a_list_that_goes_on_in_what_is_not_available_is_refused() {
    for (number, flags) in [(0, 0), (0, USED), (0, AVAIL | USED), (8, 0), (8, AVAIL)] {
        let guest = Guest::new(8);
        guest.added.set(number);
        let layout = Layout {
            base: guest.base(number),
            ..guest.layout()
        };
        guest.add(&[Desc::new(1, NEXT, 0)]);
        guest.describe(1, Desc::new(1, flags, 0));
        let mut ring = Ring::open(&layout, &guest.memory).unwrap();
        let error = RingError::ListBroken { head: 0, slot: 1 };
        assert_eq!(refusal(&guest, &mut ring), error);
    }
}

// Virtio 1.2 section 2.8.17.
#[test]
fn a_readable_buffer_after_a_writable_one_is_refused() {
    let descs = [Desc::new(1, NEXT | WRITE, 0), Desc::new(1, 0, 0)];
    let error = RingError::ReadableAfterWritable { head: 0 };
    assert_eq!(refused(&descs), error);
    assert_eq!(refused_indirect(&descs), error);
}

#[test]
fn a_chain_without_bytes_is_refused_but_an_empty_buffer_is_passed_over() {
    let error = RingError::Empty { head: 0 };
    assert_eq!(refused(&[Desc::new(0, 0, 0)]), error);
    assert_eq!(refused(&[Desc::new(0, NEXT, 0), Desc::new(0, 0, 0)]), error);
    assert_eq!(refused_indirect(&[Desc::new(0, WRITE, 0)]), error);

    let guest = Guest::new(8);
    guest.add(&[Desc::new(0, NEXT | WRITE, 0), Desc::new(7, 0, 0)]);
    let taken = take(&mut guest.open(), &guest, 1).unwrap();
    assert_eq!((taken[0].1.len(), taken[0].2.len()), (1, 0));
}

#[test]
fn a_chain_of_more_than_four_gigabytes_is_refused() {
    let half = Desc::new(1 << 31, NEXT, 0);
    let error = RingError::TooManyBytes { head: 0 };
    assert_eq!(refused(&[half, half, Desc::new(1, 0, 0)]), error);
}

#[test]
fn an_indirect_table_that_was_not_negotiated_is_refused() {
    let guest = Guest::new(8);
    guest.add_indirect(&[Desc::new(1, 0, 0)]);
    let layout = Layout {
        indirect: false,
        ..guest.layout()
    };
    let mut ring = Ring::open(&layout, &guest.memory).unwrap();
    let error = RingError::IndirectNotNegotiated { head: 0 };
    assert_eq!(refusal(&guest, &mut ring), error);
}

// Virtio 1.2 section 2.8.19.
#[test]
fn a_list_is_of_descriptors_or_of_one_table() {
    let table = |flags| Desc {
        gpa: GPA + FREE,
        ..Desc::new(16, INDIRECT | flags, 0)
    };
    let error = RingError::IndirectInList { head: 0 };
    assert_eq!(refused(&[table(NEXT), Desc::new(1, 0, 0)]), error);
    assert_eq!(refused(&[Desc::new(1, NEXT, 0), table(0)]), error);
}

#[test]
fn an_indirect_table_is_whole_inside_memory_and_no_longer_than_the_ring() {
    let table = |gpa, len| Desc {
        gpa,
        ..Desc::new(len, INDIRECT, 0)
    };
    for len in [0, 1, 15, 17, u32::MAX] {
        let error = RingError::IndirectLength { head: 0, len };
        assert_eq!(refused(&[table(GPA + FREE, len)]), error);
    }
    for gpa in [0, GPA - 16, GPA + LEN - 16, GPA + LEN, u64::MAX - 15] {
        let error = RingError::IndirectUnmapped { gpa };
        assert_eq!(refused(&[table(gpa, 32)]), error);
    }
    for len in [9 * 16, u32::MAX - 15] {
        let error = RingError::TooLong { head: 0, size: 8 };
        assert_eq!(refused(&[table(GPA + FREE, len)]), error);
    }
    let guest = Guest::new(8);
    guest.add_indirect(&[Desc::new(1, 0, 0); 8]);
    assert_eq!(take(&mut guest.open(), &guest, 1).unwrap()[0].1.len(), 8);
}
