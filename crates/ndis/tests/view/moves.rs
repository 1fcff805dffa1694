//! Advance and retreat against a model that knows nothing but where the data begins and ends.

use crate::arena::Arena;
use ndis::view::OwnedNbl;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Move {
    Advance(u32),
    Retreat(u32),
}

fn a_move() -> impl Strategy<Value = Move> {
    let bytes = prop_oneof![0_u32..50, Just(u32::MAX)];
    (any::<bool>(), bytes).prop_map(|(is_advance, bytes)| {
        if is_advance {
            Move::Advance(bytes)
        } else {
            Move::Retreat(bytes)
        }
    })
}

#[test]
fn a_frame_that_is_not_sound_is_not_moved() {
    let arena = Arena::frame_over(&[20, 20], 10, 31);
    let before = unsafe { *arena.frame(0) };
    let mut nbl = unsafe { OwnedNbl::from_raw(arena.list(0), 0) }.unwrap();
    let mut list = nbl.borrow_mut();
    let mut frame = list.frames_mut().next().unwrap().unwrap();
    assert_eq!(
        frame.advance(1).unwrap_err().member,
        "NET_BUFFER.DataLength"
    );
    assert_eq!(
        frame.retreat(1).unwrap_err().member,
        "NET_BUFFER.DataLength"
    );
    let after = unsafe { *arena.frame(0) };
    assert_eq!(before.NetBufferHeader(), after.NetBufferHeader());
}

#[test]
fn a_frame_is_not_moved_in_mdls_that_lead_back_into_themselves() {
    // Data in front of the cycle, and data that goes around in it.
    for (start, length) in [(0, 40), (40, 30)] {
        let arena = Arena::frame_over(&[20, 20, 20], start, 20);
        unsafe {
            (*arena.mdl(2)).Next = arena.mdl(1);
            (*arena.frame(0)).stDataLength = length;
        }
        let before = unsafe { *arena.frame(0) };
        let mut nbl = unsafe { OwnedNbl::from_raw(arena.list(0), 0) }.unwrap();
        let mut list = nbl.borrow_mut();
        let mut frame = list.frames_mut().next().unwrap().unwrap();
        for moved in [frame.advance(20), frame.retreat(20), frame.advance(0)] {
            assert_eq!(moved.unwrap_err().member, "MDL.Next");
        }
        let after = unsafe { *arena.frame(0) };
        assert_eq!(before.NetBufferHeader(), after.NetBufferHeader());
    }
}

#[test]
fn an_advance_over_all_data_ends_behind_the_last_byte_and_a_retreat_finds_it_again() {
    let arena = Arena::frame_over(&[20, 20], 0, 40);
    let mut nbl = unsafe { OwnedNbl::from_raw(arena.list(0), 0) }.unwrap();
    let mut list = nbl.borrow_mut();
    let mut frame = list.frames_mut().next().unwrap().unwrap();
    frame.advance(40).unwrap();
    let at_end = unsafe { *arena.frame(0) };
    assert_eq!(
        (at_end.CurrentMdl, at_end.CurrentMdlOffset),
        (arena.mdl(1), 20)
    );
    assert_eq!(frame.view().data_length(), 0);
    frame.retreat(20).unwrap();
    let at_seam = unsafe { *arena.frame(0) };
    assert_eq!(
        (at_seam.CurrentMdl, at_seam.CurrentMdlOffset),
        (arena.mdl(1), 0)
    );
    assert_eq!(frame.view().data_length(), 20);
}

proptest! {
    #[test]
    fn moves_are_additions_and_subtractions(
        sizes in proptest::collection::vec(0_u32..30, 0..6),
        cut in (0_u32..150, 0_u32..150),
        moves in proptest::collection::vec(a_move(), 0..20),
    ) {
        let total: u32 = sizes.iter().sum();
        let mut start = cut.0.min(total);
        let end = start + cut.1.min(total - start);
        let arena = Arena::frame_over(&sizes, start, end - start);
        let mut nbl = unsafe { OwnedNbl::from_raw(arena.list(0), 0) }.unwrap();
        let mut list = nbl.borrow_mut();
        let mut frame = list.frames_mut().next().unwrap().unwrap();
        for one in moves {
            let (moved, wanted, member) = match one {
                Move::Advance(bytes) => {
                    let wanted = start.checked_add(bytes).filter(|start| *start <= end);
                    (frame.advance(bytes), wanted, "NET_BUFFER.DataLength")
                }
                Move::Retreat(bytes) => {
                    (frame.retreat(bytes), start.checked_sub(bytes), "NET_BUFFER.DataOffset")
                }
            };
            prop_assert_eq!(moved.is_ok(), wanted.is_some());
            if let Err(error) = moved {
                prop_assert_eq!(error.member, member);
            }
            start = wanted.unwrap_or(start);
            let view = frame.view();
            prop_assert_eq!(view.check(), Ok(()));
            prop_assert_eq!((view.data_offset(), view.data_length()), (start, end - start));
            let mut bytes = vec![0; (end - start) as usize];
            prop_assert_eq!(view.copy_to(0, &mut bytes), Ok(bytes.len()));
            prop_assert!(bytes.iter().zip(start..).all(|(byte, at)| u32::from(*byte) == at % 251));
        }
    }
}
