//! Frames of one buffer each, built as a row: the same frames as those built one by one, and a chain of them.

use nbl::{BuildError, Nbl, NblQueue, Pool};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::guest::{Guest, HEADER, MAX, RANGES, bytes_of, pattern, segments_of};

/// What is to be seen of a frame from outside.
fn seen(guest: &Guest, nbl: Nbl<'_>) -> (Vec<u8>, Vec<u8>, usize, usize, Option<u16>, u64) {
    (
        bytes_of(&guest.blocks, nbl),
        nbl.front::<HEADER>().to_vec(),
        segments_of(nbl).len(),
        nbl.mdls().map(Result::unwrap).count(),
        nbl.source_port(),
        nbl.token(),
    )
}

/// Writes frames of these lengths behind headers, and says where each lies.
fn put(guest: &Guest, lens: &[usize]) -> Vec<(u64, u32)> {
    let mut gpa = RANGES[1].0;
    let buffers = lens.iter().map(|len| {
        let bytes = pattern(HEADER + len);
        let [buffer] = guest.put(gpa, &bytes);
        gpa += bytes.len() as u64;
        buffer
    });
    buffers.collect()
}

proptest! {
    #[test]
    fn a_row_is_the_chain_of_what_is_built_one_by_one(
        frames in vec((prop_oneof![14..200_usize, 200..1600_usize], prop::bool::weighted(0.2)), 0..20),
    ) {
        let (guest, mut pool) = Guest::with_pool(20, 40);
        let lens: Vec<_> = frames.iter().map(|(len, _)| *len).collect();
        let buffers = put(&guest, &lens);
        let mut expected = Vec::new();
        for ((gpa, len), (_, is_left_out)) in buffers.iter().zip(&frames) {
            let nbl = pool.build(&guest.memory, [(*gpa, *len)], HEADER, MAX).unwrap();
            // What the next frame in this place must not know.
            nbl.set_token(7);
            nbl.set_source_port(3);
            if !is_left_out {
                let mut seen = seen(&guest, nbl);
                (seen.4, seen.5) = (None, 0);
                expected.push(seen);
            }
        }
        let left = (pool.frames_left(), pool.segments_left());
        pool.reset();

        let mut row = pool.row();
        let mut chain = NblQueue::new();
        for ((gpa, len), (_, is_left_out)) in buffers.iter().zip(&frames) {
            let extent = guest.memory.extent(*gpa, *len).unwrap();
            row.build(extent, HEADER, MAX).unwrap();
            if *is_left_out {
                let mut before;
                (before, row) = row.end_before_last();
                chain.append(&mut before);
            }
        }
        chain.append(&mut row.end());
        prop_assert_eq!(chain.len(), expected.len());
        let found: Vec<_> = chain.iter().map(|nbl| seen(&guest, nbl)).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!((pool.frames_left(), pool.segments_left()), left);
    }
}

#[test]
fn a_pool_has_no_other_frames_while_a_row_grows() {
    let (guest, mut pool) = Guest::with_pool(3, 3);
    let buffer = put(&guest, &[60])[0];
    let extent = guest.memory.extent(buffer.0, buffer.1).unwrap();
    let other = |pool: &Pool| pool.build(&guest.memory, [buffer], HEADER, MAX).is_ok();
    let mut row = pool.row();
    row.build(extent, HEADER, MAX).unwrap();
    assert!(!other(&pool), "it would be built in the row's next place");
    assert_eq!(row.end().len(), 1);
    assert!(other(&pool));
    {
        let mut row = pool.row();
        row.build(extent, HEADER, MAX).unwrap();
        let full = row.build(extent, HEADER, MAX);
        assert_eq!(full, Err(BuildError::PoolExhausted));
    }
    assert!(!other(&pool), "a row that was not ended has taken them all");
    pool.reset();
    assert!(other(&pool));
}

#[test]
fn what_is_no_frame_takes_nothing_and_the_row_goes_on() {
    let (guest, pool) = Guest::with_pool(2, 0);
    let buffers = put(&guest, &[60, 13, 500, 60]);
    let mut row = pool.row();
    let results: Vec<_> = buffers
        .iter()
        .map(|(gpa, len)| {
            let extent = guest.memory.extent(*gpa, *len).unwrap();
            row.build(extent, HEADER, 400).err()
        })
        .collect();
    let expected = [
        None,
        Some(BuildError::RuntFrame { len: 13 }),
        Some(BuildError::TooLong { len: 500, max: 400 }),
        None,
    ];
    assert_eq!(results, expected);
    assert_eq!(row.end().len(), 2);
}

#[test]
fn a_frame_without_segments_left_for_it_is_not_in_the_row() {
    let (guest, pool) = Guest::with_pool(3, 1);
    let buffers = put(&guest, &[500, 500, 60]);
    let extents = [0, 1, 2].map(|at: usize| {
        let (gpa, len) = buffers[at];
        guest.memory.extent(gpa, len).unwrap()
    });
    let mut row = pool.row();
    assert!(row.build(extents[0], HEADER, MAX).is_ok());
    let second = row.build(extents[1], HEADER, MAX);
    assert_eq!(second, Err(BuildError::PoolExhausted));
    assert!(row.build(extents[2], HEADER, MAX).is_ok());
    let lens: Vec<_> = row.end().iter().map(Nbl::data_len).collect();
    assert_eq!(lens, [500, 60]);
}
