//! A frame's bytes arrive in the receive buffers, in order and complete, however either side is cut.

use nbl::{ChainError, Nbl, Pool, ReceiveChain, SegmentError, Side, transfer};
use proptest::prelude::*;
use shmem::{BlockError, BlockTable, Handle, Mapping};

use crate::guest::{Guest, HEADER, pattern, read};

const ROOM: usize = 16 * 1024;

/// Receive buffers of these lengths, with a gap behind each.
fn receive<'p>(pool: &'p Pool, handle: Handle, lengths: &[usize]) -> ReceiveChain<'p> {
    let mut chain = ReceiveChain::new();
    let mut offset = 0;
    for len in lengths {
        assert!(chain.push(pool, handle, offset as u32, *len as u32));
        offset += len + 3;
    }
    chain
}

/// What is in such buffers, and what is in the gaps.
fn received(mapping: &Mapping, lengths: &[usize]) -> (Vec<u8>, Vec<u8>) {
    let all = read(mapping.window(0, ROOM).unwrap());
    let (mut bytes, mut gaps, mut at) = (Vec::new(), Vec::new(), 0);
    for len in lengths {
        bytes.extend_from_slice(&all[at..at + len]);
        gaps.extend_from_slice(&all[at + len..at + len + 3]);
        at += len + 3;
    }
    gaps.extend_from_slice(&all[at..]);
    (bytes, gaps)
}

fn fault(blocks: &BlockTable, nbl: Nbl<'_>, chain: ReceiveChain<'_>) -> (Side, SegmentError) {
    let error = transfer(blocks, nbl, chain).unwrap_err();
    (error.side, error.error)
}

/// The lengths between cuts somewhere in `len`.
fn cut(len: usize, cuts: &[prop::sample::Index]) -> Vec<usize> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
    ends.extend([0, len]);
    ends.sort_unstable();
    ends.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

proptest! {
    #[test]
    fn what_arrives_is_what_a_naive_copy_would_have_brought(
        len in prop_oneof![14..300_usize, 300..8000_usize],
        room in prop_oneof![3 => Just(None), 1 => (0..8000_usize).prop_map(Some)],
        from in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        to in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        behind in any::<bool>(),
    ) {
        let (mut guest, pool) = Guest::with_pool(1, 64);
        let (handle, mapping) = guest.receive_block(ROOM as u64);
        let frame = pattern(len);
        let nbl = guest.build(&pool, &frame, &cut(HEADER + len, &from));
        let front = if behind { &b"twelve bytes"[..] } else { &[] };
        let expected = [front, &frame].concat();
        let room = room.unwrap_or(expected.len());
        let buffers = cut(room, &to);
        let chain = receive(&pool, handle, &buffers);
        prop_assert_eq!(chain.len_bytes() as usize, room);

        if behind {
            nbl.set_receive_behind(b"twelve bytes", chain);
        } else {
            nbl.set_receive(Some(chain));
        }
        let Some(chain) = nbl.receive() else {
            prop_assert_eq!(room, 0);
            return Ok(());
        };
        let copied = transfer(&guest.blocks, nbl, chain).unwrap() as usize;
        prop_assert_eq!(copied, len.min(room.saturating_sub(front.len())));
        let (bytes, gaps) = received(&mapping, &buffers);
        let filled = expected.len().min(room);
        prop_assert_eq!(&bytes[..filled], &expected[..filled]);
        prop_assert!(bytes[filled..].iter().chain(&gaps).all(|byte| *byte == 0), "nothing else is touched");
    }
}

#[test]
fn what_was_judged_is_what_is_delivered() {
    let (mut guest, pool) = Guest::with_pool(1, 8);
    let (handle, mapping) = guest.receive_block(ROOM as u64);
    let nbl = guest.build(&pool, &pattern(1514), &[HEADER + 1514]);
    let judged = nbl.lookahead().to_vec();
    // The guest rewrites its frame after it was judged.
    guest.write(crate::guest::RANGES[1].0, &[0xEE; HEADER + 1514]);
    let chain = receive(&pool, handle, &[1514]);
    transfer(&guest.blocks, nbl, chain).unwrap();
    assert_eq!(received(&mapping, &[128]).0, judged);
}

#[test]
fn a_frame_can_be_copied_to_many_receivers() {
    let (mut guest, pool) = Guest::with_pool(1, 16);
    let nbl = guest.build(&pool, &pattern(1514), &[HEADER + 1514]);
    for _ in 0..3 {
        pool.rewind_receive();
        let (handle, mapping) = guest.receive_block(ROOM as u64);
        nbl.set_receive(Some(receive(&pool, handle, &[1000, 514])));
        let chain = nbl.receive().unwrap();
        assert_eq!(transfer(&guest.blocks, nbl, chain), Ok(1514));
        assert_eq!(received(&mapping, &[1000, 514]).0, pattern(1514));
    }
}

#[test]
fn a_chain_that_was_attached_can_be_taken_off_and_continued() {
    let (mut guest, pool) = Guest::with_pool(1, 8);
    let (handle, mapping) = guest.receive_block(ROOM as u64);
    let nbl = guest.build(&pool, &pattern(60), &[HEADER + 60]);
    nbl.set_receive(Some(receive(&pool, handle, &[40])));
    let mut chain = nbl.receive().unwrap();
    assert!(chain.push(&pool, handle, 43, 20));
    assert_eq!(transfer(&guest.blocks, nbl, chain), Ok(60));
    assert_eq!(received(&mapping, &[40, 20]).0, pattern(60));
    nbl.set_receive(None);
    assert!(nbl.receive().is_none());
    nbl.set_receive(Some(ReceiveChain::new()));
    assert!(nbl.receive().is_none(), "no buffers are none");
}

#[test]
fn each_sides_fault_is_said_to_be_its_own() {
    let (mut guest, pool) = Guest::with_pool(2, 16);
    let (handle, _mapping) = guest.receive_block(ROOM as u64);
    let nbl = guest.build(&pool, &pattern(1514), &[HEADER + 1514]);

    let beyond = |pool, lengths: &[usize]| {
        let mut chain = receive(pool, handle, lengths);
        assert!(chain.push(pool, handle, ROOM as u32 - 100, 1514));
        chain
    };
    let out_of_range = SegmentError::Block(BlockError::OutOfRange);
    assert_eq!(
        fault(&guest.blocks, nbl, beyond(&pool, &[])),
        (Side::Destination, out_of_range)
    );
    assert_eq!(
        fault(&guest.blocks, nbl, beyond(&pool, &[10])),
        (Side::Destination, out_of_range)
    );

    let chain = receive(&pool, handle, &[1514]);
    let stale = SegmentError::Block(BlockError::Stale);
    guest.registry.remove(handle);
    assert_eq!(
        fault(&guest.registry.snapshot(), nbl, chain),
        (Side::Destination, stale)
    );

    let (handle, _mapping) = guest.receive_block(ROOM as u64);
    for buffers in [&[1514][..], &[700, 814]] {
        let chain = receive(&pool, handle, buffers);
        let region = guest.memory.regions().nth(2).unwrap().handles[0];
        guest.registry.remove(region);
        assert_eq!(
            fault(&guest.registry.snapshot(), nbl, chain),
            (Side::Source, stale)
        );
    }
}

#[test]
fn b4_a_segment_may_end_where_its_block_does() {
    let (mut guest, pool) = Guest::with_pool(1, 8);
    let (handle, mapping) = guest.receive_block(ROOM as u64);
    let nbl = guest.build(&pool, &pattern(1514), &[HEADER + 1514]);
    let mut chain = ReceiveChain::new();
    assert!(chain.push(&pool, handle, ROOM as u32 - 1514, 1514));
    assert_eq!(transfer(&guest.blocks, nbl, chain), Ok(1514));
    assert_eq!(
        read(mapping.window(ROOM as u64 - 1514, 1514).unwrap()),
        pattern(1514)
    );
}

#[test]
fn receive_buffers_that_were_given_back_are_walked_without_harm() {
    let (mut guest, pool) = Guest::with_pool(1, 8);
    let (handle, _mapping) = guest.receive_block(ROOM as u64);
    let nbl = guest.build(&pool, &pattern(60), &[HEADER + 60]);
    let stale = receive(&pool, handle, &[40, 20]);
    pool.rewind_receive();
    receive(&pool, handle, &[10, 10, 10]);
    let walked: Vec<_> = stale.segments().collect();
    assert_eq!(
        walked.last(),
        Some(&Err(ChainError::TooShort { missing: 30 }))
    );
    let error = transfer(&guest.blocks, nbl, stale).unwrap_err();
    assert_eq!(error.side, Side::Destination);
}

#[test]
fn two_that_share_a_chain_find_it_too_long_or_whole() {
    let (mut guest, pool) = Guest::with_pool(1, 8);
    let (handle, _mapping) = guest.receive_block(ROOM as u64);
    let older = receive(&pool, handle, &[40]);
    let mut newer = older;
    assert!(newer.push(&pool, handle, 43, 20));
    assert_eq!(older.segments().last(), Some(Err(ChainError::TooLong)));
    assert!(newer.segments().all(|segment| segment.is_ok()));
}
