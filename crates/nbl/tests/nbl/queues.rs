//! Frames keep their order, in a queue and behind a classifier, and no mistake of a caller makes a walk endless.
#![allow(
    unsafe_code,
    reason = "UNSAFETY: looks at a link as an observer does, by pointer"
)]

use std::collections::VecDeque;

use nbl::{BURST, Classifier, Full, Nbl, NblQueue, Pool};
use ndis::NET_BUFFER_LIST;
use proptest::prelude::*;

use crate::guest::{Guest, HEADER, pattern};

/// A burst of frames whose tokens are 0, 1, ...
fn burst<'p>(guest: &Guest, pool: &'p Pool, frames: usize) -> Vec<Nbl<'p>> {
    let frame = |token| {
        let nbl = guest.build(pool, &pattern(60), &[HEADER + 60]);
        nbl.set_token(token as u64);
        nbl
    };
    (0..frames).map(frame).collect()
}

fn tokens(queue: &NblQueue<'_>) -> Vec<u64> {
    queue.iter().map(Nbl::token).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Push(usize),
    PopFront(usize),
    Append(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3_usize).prop_map(Step::Push),
        1 => (0..3_usize).prop_map(Step::PopFront),
        1 => (0..3_usize, 0..3_usize).prop_map(|(to, from)| Step::Append(to, from)),
    ]
}

fn put<'p>(classes: &mut Classifier<'p>, key: u32, nbl: Nbl<'p>) -> Result<(), Full> {
    let mut run = NblQueue::new();
    run.push(nbl);
    let put = classes.append(key, &mut run);
    assert_eq!(run.is_empty(), put.is_ok(), "nothing is lost");
    put
}

proptest! {
    #[test]
    fn queues_are_fifos(steps in prop::collection::vec(step(), 0..100)) {
        let (guest, pool) = Guest::with_pool(100, 1);
        let mut fresh = burst(&guest, &pool, 100).into_iter();
        let mut queues = [const { NblQueue::new() }; 3];
        let mut model: [VecDeque<u64>; 3] = Default::default();
        for step in steps {
            match step {
                Step::Push(at) => {
                    let nbl = fresh.next().unwrap();
                    queues[at].push(nbl);
                    model[at].push_back(nbl.token());
                }
                Step::PopFront(at) => {
                    prop_assert_eq!(queues[at].front().map(Nbl::token), model[at].front().copied());
                    let popped = queues[at].pop_front().map(Nbl::token);
                    prop_assert_eq!(popped, model[at].pop_front());
                }
                Step::Append(to, from) if to != from => {
                    let mut taken = std::mem::take(&mut queues[from]);
                    queues[to].append(&mut taken);
                    prop_assert!(taken.is_empty());
                    let mut taken = std::mem::take(&mut model[from]);
                    model[to].append(&mut taken);
                }
                Step::Append(..) => {}
            }
            for (queue, model) in queues.iter().zip(&model) {
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.is_empty(), model.is_empty());
                prop_assert_eq!(tokens(queue), model.iter().copied().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn l4_each_class_has_its_frames_in_the_order_in_which_they_came(
        keys in prop::collection::vec(prop_oneof![0..4_u32, any::<u32>(), Just(u32::MAX)], 0..=BURST),
    ) {
        let (guest, pool) = Guest::with_pool(BURST, 1);
        let mut classes = Classifier::new();
        let mut model: Vec<(u32, Vec<u64>)> = Vec::new();
        for (nbl, key) in burst(&guest, &pool, keys.len()).into_iter().zip(&keys) {
            prop_assert!(put(&mut classes, *key, nbl).is_ok());
            match model.iter_mut().find(|(known, _)| known == key) {
                Some((_, tokens)) => tokens.push(nbl.token()),
                None => model.push((*key, vec![nbl.token()])),
            }
        }
        prop_assert_eq!(classes.is_empty(), keys.is_empty());
        let classified: Vec<_> = classes.drain().map(|(key, queue)| (key, tokens(&queue))).collect();
        prop_assert_eq!(classified, model);
        prop_assert!(classes.is_empty());
    }
}

#[test]
fn a_frame_of_one_key_too_many_is_given_back() {
    let (guest, pool) = Guest::with_pool(BURST + 2, 1);
    let frames = burst(&guest, &pool, BURST + 2);
    let mut classes = Classifier::new();
    for (key, nbl) in frames[..BURST].iter().enumerate() {
        assert!(put(&mut classes, key as u32, *nbl).is_ok());
    }
    assert_eq!(put(&mut classes, 1000, frames[BURST]), Err(Full));
    assert!(
        put(&mut classes, 5, frames[BURST]).is_ok(),
        "a known key has room"
    );
    assert_eq!(classes.drain().count(), BURST);
    assert!(
        put(&mut classes, 1000, frames[BURST + 1]).is_ok(),
        "and so has an emptied classifier"
    );
}

#[test]
fn a_classifier_is_empty_after_a_drain_that_nobody_finished() {
    let (guest, pool) = Guest::with_pool(3, 1);
    let frames = burst(&guest, &pool, 3);
    let mut classes = Classifier::new();
    assert!(put(&mut classes, 1, frames[0]).is_ok() && put(&mut classes, 2, frames[1]).is_ok());
    assert_eq!(classes.drain().next().map(|(key, _)| key), Some(1));
    assert!(classes.is_empty());
    // The last key that was pushed has no class any more.
    assert!(put(&mut classes, 2, frames[2]).is_ok());
    let left: Vec<_> = classes
        .drain()
        .map(|(key, queue)| (key, tokens(&queue)))
        .collect();
    assert_eq!(left, [(2, vec![2])]);
}

#[test]
fn a_frame_that_is_pushed_leads_nowhere_even_if_it_did() {
    let (guest, pool) = Guest::with_pool(2, 1);
    let frames = burst(&guest, &pool, 2);
    let (mut one, mut other) = (NblQueue::new(), NblQueue::new());
    one.push(frames[0]);
    one.push(frames[1]);
    assert_eq!(next(frames[0]), frames[1].as_ptr());
    one.pop_front();
    other.push(frames[0]);
    assert!(next(frames[0]).is_null());
}

/// What an observer takes for the next list of the chain.
fn next(nbl: Nbl<'_>) -> *const NET_BUFFER_LIST {
    // SAFETY: the pool is borrowed, and nobody writes now.
    unsafe { (*nbl.as_ptr()).Next }
}

#[test]
fn a_frame_in_two_queues_makes_no_walk_endless() {
    let (guest, pool) = Guest::with_pool(3, 1);
    let frames = burst(&guest, &pool, 3);
    let (mut one, mut other) = (NblQueue::new(), NblQueue::new());
    for frame in &frames {
        one.push(*frame);
    }
    other.push(frames[2]);
    other.push(frames[0]);
    one.push(frames[0]);
    assert!(one.iter().count() <= one.len() && other.iter().count() <= other.len());
    for queue in [&mut one, &mut other] {
        let len = queue.len();
        let popped = std::iter::from_fn(|| queue.pop_front()).count();
        assert!(popped <= len);
        assert!(queue.is_empty());
    }
}

proptest! {
    #[test]
    fn a_queue_split_behind_a_frame_is_two_queues_in_order(len in 1..20_usize, at in any::<prop::sample::Index>()) {
        let (guest, pool) = Guest::with_pool(20, 1);
        let frames = burst(&guest, &pool, len);
        let mut queue = NblQueue::new();
        frames.iter().for_each(|frame| queue.push(*frame));
        let count = at.index(len) + 1;
        let front = queue.split_behind(frames[count - 1], count);
        prop_assert_eq!(front.iter().collect::<Vec<_>>(), &frames[..count]);
        prop_assert_eq!(queue.iter().collect::<Vec<_>>(), &frames[count..]);
        prop_assert_eq!((front.len(), queue.len()), (count, len - count));
    }
}
