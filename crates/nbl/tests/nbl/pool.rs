//! What a pool gives out in a burst comes back with the next, and nothing before.

use nbl::{BuildError, LOOKAHEAD, Pool, ReceiveChain, Segment};
use shmem::MapError;

use crate::guest::{Guest, HEADER, MAX, bytes_of, pattern};

#[test]
fn a_pool_of_no_frames_or_of_too_many_is_refused() {
    assert!(matches!(Pool::new(0, 8), Err(MapError::Empty)));
    // One more than 4 GiB of lookahead buffers, whose offsets are ULONGs.
    let frames = (1 << 32) / (64 + LOOKAHEAD) + 1;
    assert!(matches!(
        Pool::new(frames, 8),
        Err(MapError::TooLarge { .. })
    ));
    assert!(matches!(
        Pool::new(usize::MAX, 8),
        Err(MapError::TooLarge { .. })
    ));
}

#[test]
fn segments_of_receive_buffers_are_given_back_alone() {
    let (mut guest, mut pool) = Guest::with_pool(4, 2);
    let (handle, _mapping) = guest.receive_block(4096);
    let left = |pool: &Pool| {
        (
            pool.frames_left(),
            pool.segments_left(),
            pool.receive_segments_left(),
        )
    };
    guest.build(&pool, &pattern(1514), &[HEADER + 700, 814]);
    assert_eq!(left(&pool), (3, 0, 2));
    let mut chain = ReceiveChain::new();
    assert!(chain.push(&pool, handle, 0, 100));
    assert!(chain.push(&pool, handle, 100, 100));
    assert!(
        !chain.push(&pool, handle, 200, 100),
        "there is no segment left"
    );
    assert_eq!(
        (chain.len_bytes(), chain.segments().count()),
        (200, 2),
        "and the chain is as it was"
    );
    pool.rewind_receive();
    assert_eq!(left(&pool), (3, 0, 2));
    assert!(ReceiveChain::new().push(&pool, handle, 0, 100));
    pool.reset();
    assert_eq!(left(&pool), (4, 2, 2));
}

#[test]
fn receive_buffers_never_take_a_frames_segments() {
    let (mut guest, pool) = Guest::with_pool(3, 16);
    let (handle, _mapping) = guest.receive_block(4096);
    let push = |count: u32| {
        let mut chain = ReceiveChain::new();
        (0..count).for_each(|at| assert!(chain.push(&pool, handle, at * 8, 8)));
    };
    push(3);
    let early = guest.build(&pool, &pattern(1514), &[HEADER + 1000, 514]);
    pool.rewind_receive();
    push(5);
    let late = guest.build(&pool, &pattern(1514), &[HEADER + 700, 814]);
    pool.rewind_receive();
    push(pool.receive_segments_left() as u32);
    assert_eq!(bytes_of(&guest.blocks, early), pattern(1514));
    assert_eq!(bytes_of(&guest.blocks, late), pattern(1514));
}

#[test]
fn frames_never_take_the_segments_of_receive_buffers() {
    let (mut guest, pool) = Guest::with_pool(2, 2);
    let (handle, _mapping) = guest.receive_block(4096);
    let mut chain = ReceiveChain::new();
    assert!(chain.push(&pool, handle, 0, 100) && chain.push(&pool, handle, 100, 100));
    let scattered = [(0x1000, 200), (0x1100, 100), (0x1200, 100)];
    let error = pool
        .build(&guest.memory, scattered, HEADER, MAX)
        .unwrap_err();
    assert_eq!(error, BuildError::TooScattered { segments: 2 });
    guest.build(&pool, &pattern(200), &[HEADER + 200]);
    assert_eq!(
        chain
            .segments()
            .map(|segment| segment.unwrap().offset)
            .collect::<Vec<_>>(),
        [0, 100]
    );
}

#[test]
fn a_receive_chain_knows_nothing_of_the_one_that_had_its_segments() {
    let (mut guest, pool) = Guest::with_pool(1, 2);
    let (handle, _mapping) = guest.receive_block(4096);
    let mut chain = ReceiveChain::new();
    assert!(chain.push(&pool, handle, 0, 100) && chain.push(&pool, handle, 100, 100));
    pool.rewind_receive();
    let mut chain = ReceiveChain::new();
    assert!(chain.push(&pool, handle, 700, 10));
    let segments: Vec<_> = chain.segments().collect();
    assert_eq!(
        segments,
        [Ok(Segment {
            handle,
            offset: 700,
            len: 10
        })]
    );
}

#[test]
fn no_bytes_take_no_segment_and_4_gib_are_too_many() {
    let (mut guest, pool) = Guest::with_pool(1, 2);
    let (handle, _mapping) = guest.receive_block(4096);
    let mut chain = ReceiveChain::new();
    assert!(chain.push(&pool, handle, 0, 0));
    assert_eq!(
        (pool.receive_segments_left(), chain.segments().count()),
        (2, 0)
    );
    assert!(chain.push(&pool, handle, 0, u32::MAX));
    assert!(!chain.push(&pool, handle, 0, 1));
    assert_eq!(
        (pool.receive_segments_left(), chain.len_bytes()),
        (1, u32::MAX)
    );
}

#[test]
fn a_pool_can_go_to_another_thread_and_finds_its_links_there() {
    let (guest, pool) = Guest::with_pool(2, 8);
    let elsewhere = std::thread::spawn(move || {
        let mut pool = Box::new(pool);
        pool.reset();
        bytes_of(
            &guest.blocks,
            guest.build(&pool, &pattern(1514), &[HEADER + 1514]),
        )
    });
    assert_eq!(elsewhere.join().unwrap(), pattern(1514));
}
