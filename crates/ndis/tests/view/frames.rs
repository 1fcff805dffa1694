//! The bytes of a frame, and members that disagree about them.

use crate::arena::Arena;
use ndis::view::{Chain, NetBuffer, Wrong};
use ndis::*;
use proptest::prelude::*;

fn first_frame(arena: &Arena) -> NetBuffer<'_> {
    let chain = unsafe { Chain::from_raw(arena.list(0), 0) };
    chain
        .iter()
        .next()
        .unwrap()
        .unwrap()
        .frames()
        .next()
        .unwrap()
        .unwrap()
}

/// What is wrong with the frame, by its walk over the data or, where that is sound, by its check.
fn member(arena: &Arena) -> &'static str {
    first_frame(arena).check().unwrap_err().member
}

#[test]
fn data_length_beyond_the_mdls_is_named() {
    let arena = Arena::frame_over(&[100, 50], 20, 130);
    assert_eq!(first_frame(&arena).check(), Ok(()));
    unsafe { (*arena.frame(0)).stDataLength = 131 };
    let error = first_frame(&arena).check().unwrap_err();
    assert_eq!(error.member, "NET_BUFFER.DataLength");
    assert_eq!(
        error.wrong,
        Wrong::Beyond {
            value: 131,
            limit: 130
        }
    );
    let mut all = [0; 200];
    assert_eq!(first_frame(&arena).copy_to(0, &mut all), Err(error));
    // What is asked for is there, and no more is looked at.
    assert_eq!(first_frame(&arena).copy_to(0, &mut all[..130]), Ok(130));
}

#[test]
fn a_length_whose_upper_half_is_not_zero_is_named() {
    if cfg!(target_pointer_width = "64") {
        let arena = Arena::frame_over(&[100], 0, 100);
        unsafe { (*arena.frame(0)).stDataLength |= 1_usize.rotate_right(8) };
        assert_eq!(member(&arena), "NET_BUFFER.stDataLength");
        assert_eq!(first_frame(&arena).data().count(), 1, "the error alone");
    }
}

#[test]
fn an_offset_beyond_its_mdl_is_named() {
    for length in [0, 1] {
        let arena = Arena::frame_over(&[100, 50], 0, length);
        unsafe { (*arena.frame(0)).CurrentMdlOffset = 101 };
        assert_eq!(member(&arena), "NET_BUFFER.CurrentMdlOffset");
    }
}

#[test]
fn a_data_offset_that_the_other_members_do_not_make_is_named() {
    let arena = Arena::frame_over(&[100, 50], 120, 30);
    unsafe { (*arena.frame(0)).DataOffset = 20 };
    let error = first_frame(&arena).check().unwrap_err();
    assert_eq!(error.member, "NET_BUFFER.DataOffset");
    assert_eq!(
        error.wrong,
        Wrong::Disagrees {
            value: 20,
            others: 120
        }
    );
    let empty = Arena::frame_over(&[], 1, 0);
    assert_eq!(member(&empty), "NET_BUFFER.DataOffset");
}

#[test]
fn a_null_where_data_is_promised_is_named() {
    let arena = Arena::frame_over(&[100], 0, 100);
    unsafe { (*arena.frame(0)).CurrentMdl = std::ptr::null_mut() };
    assert_eq!(member(&arena), "NET_BUFFER.CurrentMdl");
    unsafe { (*arena.frame(0)).stDataLength = 0 };
    assert_eq!(member(&arena), "NET_BUFFER.CurrentMdl");

    let arena = Arena::frame_over(&[100], 0, 100);
    unsafe { (*arena.mdl(0)).MappedSystemVa = std::ptr::null_mut() };
    let error = first_frame(&arena).copy_to(0, &mut [0; 8]).unwrap_err();
    assert_eq!(
        (error.member, error.wrong),
        ("MDL.MappedSystemVa", Wrong::Null)
    );
    unsafe { (*arena.mdl(0)).MdlFlags = 0 };
    let error = first_frame(&arena).copy_to(0, &mut [0; 8]).unwrap_err();
    assert_eq!(
        (error.member, error.wrong),
        ("MDL.MdlFlags", Wrong::NotMapped)
    );
}

#[test]
fn a_current_mdl_that_is_none_of_the_chain_is_named() {
    let arena = Arena::frame_over(&[10, 10], 0, 10);
    unsafe {
        (*arena.mdl(0)).Next = std::ptr::null_mut();
        (*arena.frame(0)).CurrentMdl = arena.mdl(1);
    }
    let error = first_frame(&arena).check().unwrap_err();
    assert_eq!(error.member, "NET_BUFFER.CurrentMdl");
    assert!(matches!(error.wrong, Wrong::Unknown { .. }));
}

#[test]
fn a_cycle_of_mdls_ends_each_walk() {
    let arena = Arena::frame_over(&[10, 0, 0, 0], 0, 10);
    unsafe {
        (*arena.mdl(3)).Next = arena.mdl(1);
        (*arena.frame(0)).stDataLength = 11;
    }
    assert_eq!(member(&arena), "MDL.Next");
    let last = first_frame(&arena).mdls().last().unwrap();
    assert_eq!(last.unwrap_err().wrong, Wrong::Cyclic);
    assert_eq!(
        first_frame(&arena)
            .data()
            .last()
            .unwrap()
            .unwrap_err()
            .wrong,
        Wrong::Cyclic
    );
}

#[test]
fn b7_data_length_bounds_the_data_and_what_mdls_say_behind_it_does_not_matter() {
    let arena = Arena::frame_over(&[64, 1450], 0, 60);
    let spans: Vec<_> = first_frame(&arena).data().map(Result::unwrap).collect();
    assert_eq!(spans.len(), 1);
    assert_eq!((spans[0].offset(), spans[0].len()), (0, 60));
    unsafe { (*arena.mdl(0)).Next = 1 as *mut MDL };
    assert_eq!(first_frame(&arena).copy_to(0, &mut [0; 100]), Ok(60));
}

proptest! {
    #[test]
    fn bytes_are_copied_from_where_they_lie(
        sizes in proptest::collection::vec(0_u32..40, 0..8),
        cut in (0_u32..300, 0_u32..300),
        skip in 0_u32..300,
        room in 0_usize..300,
    ) {
        let total: u32 = sizes.iter().sum();
        let offset = cut.0.min(total);
        let length = cut.1.min(total - offset);
        let arena = Arena::frame_over(&sizes, offset, length);
        let frame = first_frame(&arena);
        prop_assert_eq!(frame.check(), Ok(()));
        let spans: u32 = frame.data().map(|span| span.unwrap().len()).sum();
        prop_assert_eq!(spans, length);

        let data: Vec<u8> = (offset..offset + length).map(|at| (at % 251) as u8).collect();
        let wanted = data.get(skip as usize..).unwrap_or(&[]);
        let wanted = &wanted[..wanted.len().min(room)];
        let mut into = vec![0xFF; room];
        prop_assert_eq!(frame.copy_to(skip, &mut into), Ok(wanted.len()));
        prop_assert_eq!(&into[..wanted.len()], wanted);
        prop_assert!(into[wanted.len()..].iter().all(|byte| *byte == 0xFF));
    }
}
