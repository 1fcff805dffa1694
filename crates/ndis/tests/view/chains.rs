//! Chains of lists and of frames.

use crate::arena::Arena;
use ndis::view::{Chain, ViewError, Wrong, LONGEST};
use ndis::*;
use proptest::prelude::*;

/// The walk of a chain: how many lists it met, and how it ended.
fn walked(chain: Chain<'_>) -> (usize, Option<ViewError>) {
    let mut count = 0;
    let mut error = None;
    for nbl in chain.iter() {
        match nbl {
            Ok(_) => count += 1,
            Err(wrong) => error = Some(wrong),
        }
    }
    (count, error)
}

fn wrong(member: &'static str, wrong: Wrong) -> ViewError {
    ViewError { member, wrong }
}

#[test]
fn a_chain_of_0_1_2_or_1000_lists_is_walked_to_its_end() {
    for count in [0, 1, 2, 1000] {
        let arena = Arena::new(count.max(1), 0, 0, 0);
        arena.link_lists(count);
        let first = if count == 0 {
            std::ptr::null_mut()
        } else {
            arena.list(0)
        };
        let chain = unsafe { Chain::from_raw(first, 0) };
        assert_eq!(walked(chain), (count, None));
        let met: Vec<_> = chain.iter().map(|nbl| nbl.unwrap().as_ptr()).collect();
        assert_eq!(met, (0..count).map(|at| arena.list(at)).collect::<Vec<_>>());
    }
}

#[test]
fn a_chain_that_comes_back_to_itself_is_an_error_soon() {
    for count in 1..40 {
        for back_to in 0..count {
            let arena = Arena::new(count, 0, 0, 0);
            arena.link_lists(count);
            unsafe { (*arena.list(count - 1)).Next = arena.list(back_to) };
            let (met, error) = walked(unsafe { Chain::from_raw(arena.list(0), 0) });
            assert_eq!(error, Some(wrong("NET_BUFFER_LIST.Next", Wrong::Cyclic)));
            assert!(met <= 4 * count, "{met} steps for {count} lists");
        }
    }
}

#[test]
fn a_chain_longer_than_the_limit_is_an_error() {
    let arena = Arena::new(LONGEST + 1, 0, 0, 0);
    arena.link_lists(LONGEST + 1);
    let too_long = |limit| Some(wrong("NET_BUFFER_LIST.Next", Wrong::TooLong { limit }));
    let chain = unsafe { Chain::from_raw(arena.list(0), 0) };
    assert_eq!(walked(chain), (LONGEST, too_long(LONGEST)));
    assert_eq!(walked(chain.with_limit(5)), (5, too_long(5)));
    unsafe { (*arena.list(4)).Next = std::ptr::null_mut() };
    assert_eq!(walked(chain.with_limit(5)), (5, None));
}

#[test]
fn a_link_that_no_structure_can_lie_at_is_an_error() {
    let arena = Arena::new(2, 0, 0, 0);
    unsafe { (*arena.list(0)).Next = arena.list(1).cast::<u8>().add(1).cast() };
    let (met, error) = walked(unsafe { Chain::from_raw(arena.list(0), 0) });
    let misaligned = wrong("NET_BUFFER_LIST.Next", Wrong::Misaligned);
    assert_eq!((met, error), (1, Some(misaligned)));
}

#[test]
fn a_list_without_a_frame_is_an_error_that_names_first_net_buffer() {
    let arena = Arena::new(1, 2, 0, 0);
    let chain = unsafe { Chain::from_raw(arena.list(0), 0) };
    let nbl = chain.iter().next().unwrap().unwrap();
    let met: Vec<_> = nbl.frames().map(|frame| frame.map(|_| ())).collect();
    assert_eq!(
        met,
        [Err(wrong("NET_BUFFER_LIST.FirstNetBuffer", Wrong::Null))]
    );

    unsafe {
        (*arena.list(0)).FirstNetBuffer = arena.frame(0);
        (*arena.frame(0)).Next = arena.frame(1);
    }
    assert_eq!(nbl.frames().filter(Result::is_ok).count(), 2);
    unsafe { (*arena.frame(1)).Next = arena.frame(0) };
    let last = nbl.frames().last().unwrap();
    assert_eq!(last.unwrap_err(), wrong("NET_BUFFER.Next", Wrong::Cyclic));
}

#[test]
fn r1_queue_and_filter_ids_are_those_of_slot_14() {
    let arena = Arena::new(1, 0, 0, 0);
    let nbl = unsafe { Chain::from_raw(arena.list(0), 0) }
        .iter()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!((nbl.queue_id(), nbl.filter_id()), (0, 0));
    unsafe {
        NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(&mut *arena.list(0), 0xFFFF);
        NET_BUFFER_LIST_SET_RECEIVE_FILTER_ID(&mut *arena.list(0), 7);
    }
    assert_eq!((nbl.queue_id(), nbl.filter_id()), (0xFFFF, 7));
}

#[test]
fn a_broken_chain_ends_its_last_run_and_then_says_why() {
    let arena = Arena::new(3, 0, 0, 0);
    arena.link_lists(3);
    unsafe { (*arena.list(2)).Next = arena.list(2) };
    let chain = unsafe { Chain::from_raw(arena.list(0), 0) }.with_limit(3);
    let runs: Vec<_> = chain
        .runs(|_| ())
        .map(|run| run.map(|run| run.count))
        .collect();
    let error = runs[1].unwrap_err();
    assert_eq!((runs[0], runs.len()), (Ok(3), 2));
    assert_eq!(error.member, "NET_BUFFER_LIST.Next");
}

proptest! {
    #[test]
    fn runs_are_what_a_list_of_keys_falls_into(keys in proptest::collection::vec(0_u16..4, 0..60)) {
        let arena = Arena::new(keys.len().max(1), 0, 0, 0);
        arena.link_lists(keys.len());
        for (at, key) in keys.iter().enumerate() {
            unsafe { NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(&mut *arena.list(at), *key) };
        }
        let first = if keys.is_empty() { std::ptr::null_mut() } else { arena.list(0) };
        let chain = unsafe { Chain::from_raw(first, 0) };
        let mut at = 0;
        for run in chain.runs(|nbl| nbl.queue_id()) {
            let run = run.unwrap();
            prop_assert_eq!(run.first.as_ptr(), arena.list(at));
            prop_assert!(at == 0 || keys[at - 1] != run.key);
            prop_assert!(keys[at..at + run.count].iter().all(|key| *key == run.key));
            at += run.count;
        }
        prop_assert_eq!(at, keys.len());
    }
}
