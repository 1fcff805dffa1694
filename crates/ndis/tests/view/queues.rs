//! Owned queues against a list of numbers.

use crate::arena::Arena;
use ndis::view::{NblQueue, OwnedNbl, Wrong};
use ndis::*;
use proptest::prelude::*;
use std::collections::VecDeque;

const VALID: ULONG = NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID;

fn single(arena: &Arena, at: usize, flags: ULONG) -> OwnedNbl {
    unsafe { OwnedNbl::from_raw(arena.list(at), flags) }.unwrap()
}

#[test]
fn a_chain_is_taken_over_whole_or_not_at_all() {
    let arena = Arena::new(3, 0, 0, 0);
    arena.link_lists(3);
    let queue = unsafe { NblQueue::from_raw(arena.list(0), 0) }.unwrap();
    assert_eq!((queue.len(), queue.into_raw()), (3, arena.list(0)));
    let none = unsafe { NblQueue::from_raw(std::ptr::null_mut(), VALID) }.unwrap();
    assert!(none.is_empty() && none.into_raw().is_null());

    unsafe { (*arena.list(2)).Next = arena.list(1) };
    let error = unsafe { NblQueue::from_raw(arena.list(0), 0) }.unwrap_err();
    assert_eq!(
        (error.member, error.wrong),
        ("NET_BUFFER_LIST.Next", Wrong::Cyclic)
    );
    let error = unsafe { OwnedNbl::from_raw(arena.list(0), 0) }.unwrap_err();
    assert_eq!(error.member, "NET_BUFFER_LIST.Next");
    let error = unsafe { OwnedNbl::from_raw(std::ptr::null_mut(), 0) }.unwrap_err();
    assert_eq!(
        (error.member, error.wrong),
        ("NET_BUFFER_LIST", Wrong::Null)
    );
}

#[test]
fn r2_a_queue_says_shared_memory_info_valid_only_if_each_part_did() {
    let arena = Arena::new(4, 0, 0, 0);
    let mut queue = NblQueue::new();
    queue.push(single(&arena, 0, VALID));
    queue.push(single(&arena, 1, VALID));
    assert!(queue.is_shared_memory_valid());
    queue.push(single(&arena, 2, 0));
    assert!(!queue.is_shared_memory_valid());
    queue.push(single(&arena, 3, VALID));
    assert!(!queue.is_shared_memory_valid());
    assert_eq!(queue.len(), 4);
    let _ = queue.into_raw();
}

#[test]
fn ids_are_set_one_list_at_a_time() {
    let arena = Arena::new(2, 0, 0, 0);
    arena.link_lists(2);
    let mut queue = unsafe { NblQueue::from_raw(arena.list(0), 0) }.unwrap();
    for (nbl, id) in queue.iter_mut().zip(5..) {
        let mut nbl = nbl;
        nbl.set_queue_id(id);
        nbl.set_filter_id(100 + id);
    }
    let ids: Vec<_> = queue
        .iter()
        .map(|nbl| (nbl.queue_id(), nbl.filter_id()))
        .collect();
    assert_eq!(ids, [(5, 105), (6, 106)]);
    let _ = queue.into_raw();
}

#[test]
fn a_queue_may_be_handed_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<NblQueue>();
    is_send::<OwnedNbl>();
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    Pop(usize),
    PopRun(usize),
    Split(usize, usize),
    Append,
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_usize..2).prop_map(Step::Push),
        1 => (0_usize..2).prop_map(Step::Pop),
        1 => (0_usize..2).prop_map(Step::PopRun),
        1 => ((0_usize..2), 0_usize..12).prop_map(|(queue, at)| Step::Split(queue, at)),
        1 => Just(Step::Append),
    ]
}

proptest! {
    /// L4: whatever is done, lists keep their order within a queue.
    #[test]
    fn l4_queues_do_what_lists_of_numbers_do(steps in proptest::collection::vec(a_step(), 0..80)) {
        let arena = Arena::new(80, 0, 0, 0);
        let index = |nbl: *mut NET_BUFFER_LIST| (0..80).find(|at| arena.list(*at) == nbl).unwrap();
        let key = |at: usize| (at / 3 % 3) as u16;
        let mut queues = [NblQueue::new(), NblQueue::new()];
        let mut model = [VecDeque::new(), VecDeque::new()];
        for (fresh, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push(into) => {
                    let mut nbl = single(&arena, fresh, 0);
                    nbl.borrow_mut().set_queue_id(key(fresh));
                    queues[into].push(nbl);
                    model[into].push_back(fresh);
                }
                Step::Pop(from) => {
                    let popped = queues[from].pop_front().map(|nbl| index(nbl.into_raw()));
                    prop_assert_eq!(popped, model[from].pop_front());
                }
                Step::PopRun(from) => {
                    let run = queues[from].pop_run(|nbl| nbl.queue_id());
                    let first = model[from].front().map(|at| key(*at));
                    prop_assert_eq!(run.as_ref().map(|(key, _)| *key), first);
                    let mut met: Vec<_> = Vec::new();
                    while model[from].front().map_or(false, |at| Some(key(*at)) == first) {
                        met.extend(model[from].pop_front());
                    }
                    let lists = run.map_or_else(NblQueue::new, |(_, lists)| lists);
                    prop_assert_eq!(lists.iter().map(|nbl| index(nbl.as_ptr())).collect::<Vec<_>>(), met);
                    let _ = lists.into_raw();
                }
                Step::Split(queue, at) => {
                    let mut cursor = queues[queue].cursor();
                    for _ in 0..at {
                        cursor.step();
                    }
                    let front = cursor.split();
                    let rest = model[queue].split_off(at.min(model[queue].len()));
                    let wanted = std::mem::replace(&mut model[queue], rest);
                    let met: Vec<_> = front.iter().map(|nbl| index(nbl.as_ptr())).collect();
                    prop_assert_eq!(met.len(), front.len());
                    prop_assert!(wanted.iter().eq(&met));
                    queues[1 - queue].append(front);
                    model[1 - queue].extend(wanted);
                }
                Step::Append => {
                    let [first, second] = &mut queues;
                    first.append(std::mem::take(second));
                    let moved = std::mem::take(&mut model[1]);
                    model[0].extend(moved);
                }
            }
            for (queue, model) in queues.iter().zip(&model) {
                let met: Vec<_> = queue.iter().map(|nbl| index(nbl.as_ptr())).collect();
                prop_assert!(model.iter().eq(&met));
                prop_assert_eq!((queue.len(), queue.is_empty()), (model.len(), model.is_empty()));
            }
        }
        let chain = std::mem::take(&mut queues[0]).into_raw();
        let again = unsafe { NblQueue::from_raw(chain, 0) }.unwrap();
        prop_assert_eq!(again.len(), model[0].len());
        let _ = again.into_raw();
        let _ = std::mem::take(&mut queues[1]).into_raw();
    }
}
