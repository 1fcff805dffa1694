//! Arbitrary links inside an arena: every walk ends, meets what a walk with a list of visited elements meets, and says the same.

use crate::arena::Arena;
use ndis::view::{Chain, Wrong};
use proptest::prelude::*;

const COUNT: usize = 12;

/// The elements from `first` on by a table of links, and whether they come back to one of them.
fn naive(first: usize, links: &[Option<usize>]) -> (Vec<usize>, bool) {
    let mut met = vec![first];
    while let Some(next) = links[met[met.len() - 1]] {
        if met.contains(&next) {
            return (met, true);
        }
        met.push(next);
    }
    (met, false)
}

proptest! {
    #[test]
    fn a_walk_meets_what_a_naive_walk_meets(
        links in proptest::collection::vec(proptest::option::weighted(0.9, 0..COUNT), COUNT),
        frames in proptest::collection::vec(proptest::option::weighted(0.9, 0..COUNT), COUNT),
    ) {
        let arena = Arena::new(COUNT, COUNT, 0, 0);
        for at in 0..COUNT {
            unsafe {
                if let Some(next) = links[at] {
                    (*arena.list(at)).Next = arena.list(next);
                    (*arena.frame(at)).Next = arena.frame(next);
                }
                if let Some(first) = frames[at] {
                    (*arena.list(at)).FirstNetBuffer = arena.frame(first);
                }
            }
        }
        let (wanted, is_cyclic) = naive(0, &links);
        let mut met = Vec::new();
        let mut ended = None;
        for nbl in unsafe { Chain::from_raw(arena.list(0), 0) } {
            let nbl = match nbl {
                Ok(nbl) => nbl,
                Err(error) => {
                    ended = Some(error);
                    continue;
                }
            };
            let at = (0..COUNT).find(|at| arena.list(*at) == nbl.as_ptr()).unwrap();
            met.push(at);
            let met_frames: Vec<_> = nbl.frames().collect();
            match frames[at] {
                None => prop_assert_eq!(met_frames[0].unwrap_err().wrong, Wrong::Null),
                Some(first) => {
                    let (wanted, is_cyclic) = naive(first, &links);
                    let last = met_frames[met_frames.len() - 1];
                    prop_assert_eq!(last.is_err(), is_cyclic);
                    for (frame, wanted) in met_frames.iter().zip(wanted) {
                        prop_assert_eq!(frame.unwrap().as_ptr(), arena.frame(wanted));
                    }
                }
            }
        }
        prop_assert_eq!(ended.map(|error| error.wrong), is_cyclic.then_some(Wrong::Cyclic));
        prop_assert_eq!(&met[..wanted.len()], &wanted[..]);
        prop_assert!(is_cyclic || met.len() == wanted.len());
    }
}
