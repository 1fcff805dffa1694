//! A walk along a chain ends, whatever was done to the chain.
#![allow(unsafe_code, reason = "UNSAFETY: breaks chains on purpose, by pointer")]

use std::ptr;

use nbl::{ChainError, Nbl, Pool, RawChain, ReceiveChain, SegmentError, Side, transfer};
use ndis::{MDL, NET_BUFFER_SHARED_MEMORY};
use proptest::prelude::*;

use crate::guest::{Guest, HEADER, pattern};

/// Pointers to the elements of a frame's two chains.
struct Elements {
    segments: Vec<*mut NET_BUFFER_SHARED_MEMORY>,
    mdls: Vec<*mut MDL>,
}

impl Elements {
    fn of(nbl: Nbl<'_>) -> Self {
        let mut elements = Self {
            segments: Vec::new(),
            mdls: Vec::new(),
        };
        // SAFETY: the frame was just built, so its links are good; nobody writes meanwhile.
        unsafe {
            let nb = (*nbl.as_ptr()).FirstNetBuffer;
            let (mut segment, mut mdl) = ((*nb).SharedMemoryInfo, (*nb).MdlChain);
            while !segment.is_null() && !mdl.is_null() {
                elements.segments.push(segment);
                elements.mdls.push(mdl);
                (segment, mdl) = ((*segment).NextSharedMemorySegment, (*mdl).Next);
            }
        }
        elements
    }

    /// Makes element `to` the one after element `from`, in both chains.
    fn link(&self, from: usize, to: Option<usize>) {
        let (segment, mdl) = (self.segments[from], self.mdls[from]);
        // SAFETY: all are structures of the borrowed pool, and nobody looks at them meanwhile.
        unsafe {
            (*segment).NextSharedMemorySegment = to.map_or(ptr::null_mut(), |to| self.segments[to]);
            (*mdl).Next = to.map_or(ptr::null_mut(), |to| self.mdls[to]);
        }
    }

    /// Gives the element room for `len` bytes, in both chains.
    fn set_room(&self, at: usize, len: u32) {
        let (segment, mdl) = (self.segments[at], self.mdls[at]);
        // SAFETY: as for `link`.
        unsafe {
            (*segment).SharedMemoryLength = len;
            (*mdl).ByteCount = len;
        }
    }
}

/// A frame of 1000 bytes: 128 of lookahead, then 272 and twice 300.
fn frame<'p>(guest: &Guest, pool: &'p Pool) -> (Nbl<'p>, Elements) {
    let nbl = guest.build(pool, &pattern(1000), &[HEADER + 400, 300, 300]);
    let elements = Elements::of(nbl);
    assert_eq!(elements.segments.len(), 4);
    (nbl, elements)
}

/// How both walks end, and after how many good elements.
fn ends(nbl: Nbl<'_>) -> (usize, Option<ChainError>) {
    let segments: Vec<_> = nbl.segments().collect();
    let mdls: Vec<_> = nbl.mdls().collect();
    let good = segments.iter().filter(|item| item.is_ok()).count();
    let error = segments.last().and_then(|item| item.err());
    assert_eq!(mdls.iter().filter(|item| item.is_ok()).count(), good);
    assert_eq!(mdls.last().and_then(|item| item.err()), error);
    assert_eq!(
        segments.len(),
        good + usize::from(error.is_some()),
        "an error is the last item"
    );
    (good, error)
}

#[test]
fn a_chain_that_loops_ends_with_an_error() {
    let (guest, pool) = Guest::with_pool(1, 8);
    let (nbl, elements) = frame(&guest, &pool);
    assert_eq!(ends(nbl), (4, None));
    elements.link(3, Some(0));
    assert_eq!(
        ends(nbl),
        (4, Some(ChainError::TooLong)),
        "back to the first element"
    );
    elements.link(1, Some(1));
    // 128 bytes, 272, 272, 272, and what is left of 1000.
    assert_eq!(ends(nbl), (5, Some(ChainError::TooLong)), "back to itself");
}

#[test]
fn a_chain_that_ends_early_says_how_much_is_missing() {
    let (guest, pool) = Guest::with_pool(1, 8);
    let (nbl, elements) = frame(&guest, &pool);
    elements.link(2, None);
    assert_eq!(ends(nbl), (3, Some(ChainError::TooShort { missing: 300 })));
    elements.link(0, None);
    assert_eq!(ends(nbl), (1, Some(ChainError::TooShort { missing: 872 })));
}

#[test]
fn an_element_of_no_bytes_ends_the_walk() {
    let (guest, pool) = Guest::with_pool(1, 8);
    let (nbl, elements) = frame(&guest, &pool);
    elements.set_room(2, 0);
    elements.link(2, Some(2));
    assert_eq!(ends(nbl), (2, Some(ChainError::Empty)));
}

#[test]
fn m4_a_segment_with_a_null_handle_names_no_block() {
    let (guest, pool) = Guest::with_pool(1, 8);
    let (nbl, elements) = frame(&guest, &pool);
    let third = elements.segments[2];
    // SAFETY: a structure of the borrowed pool, at which nobody looks meanwhile.
    unsafe { (*third).SharedMemoryHandle = ndis::NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED };
    let items: Vec<_> = nbl.segments().collect();
    assert_eq!(items.len(), 3);
    assert_eq!(items[2], Err(ChainError::NullHandle));
}

#[test]
fn b5_reserved_flags_are_ignored() {
    let (guest, pool) = Guest::with_pool(1, 8);
    let (nbl, elements) = frame(&guest, &pool);
    for segment in elements.segments {
        // SAFETY: a structure of the borrowed pool, at which nobody looks meanwhile.
        unsafe { (*segment).SharedMemoryFlags = u32::MAX };
    }
    assert_eq!(ends(nbl), (4, None));
}

#[test]
fn a_broken_chain_is_the_senders_fault_when_it_is_copied() {
    let (mut guest, pool) = Guest::with_pool(1, 8);
    let (to, _mapping) = guest.receive_block(4096);
    let (nbl, elements) = frame(&guest, &pool);
    let mut receive = ReceiveChain::new();
    assert!(receive.push(&pool, to, 0, 1000));
    elements.link(1, None);
    let error = transfer(&guest.blocks, nbl, receive).unwrap_err();
    assert_eq!(error.side, Side::Source);
    assert_eq!(
        error.error,
        SegmentError::Chain(ChainError::TooShort { missing: 600 })
    );
}

#[test]
fn an_observers_walk_takes_no_more_steps_than_it_was_allowed() {
    let mut first = NET_BUFFER_SHARED_MEMORY {
        SharedMemoryOffset: 1,
        ..NET_BUFFER_SHARED_MEMORY::zeroed()
    };
    let mut second = NET_BUFFER_SHARED_MEMORY {
        SharedMemoryOffset: 2,
        ..NET_BUFFER_SHARED_MEMORY::zeroed()
    };
    let (head, tail) = (&raw mut first, &raw mut second);
    let offsets = move |longest| {
        // SAFETY: the two elements outlive the walk, and nobody writes to them during it.
        let walk = unsafe { RawChain::new(head, longest) };
        walk.map(|item| item.map(|element| element.SharedMemoryOffset))
            .collect::<Vec<_>>()
    };
    // SAFETY: nobody else looks at the two elements meanwhile.
    unsafe { (*head).NextSharedMemorySegment = tail };
    assert_eq!(offsets(2), [Ok(1), Ok(2)]);
    assert_eq!(offsets(1), [Ok(1), Err(ChainError::TooLong)]);
    // SAFETY: as above.
    unsafe { (*tail).NextSharedMemorySegment = head };
    assert_eq!(offsets(3), [Ok(1), Ok(2), Ok(1), Err(ChainError::TooLong)]);
}

proptest! {
    #[test]
    fn a_walk_ends_however_the_links_are_mixed_up(
        links in prop::collection::vec(prop::option::of(0..4_usize), 4),
        lengths in prop::collection::vec(prop_oneof![Just(0), 1..2000_u32, Just(u32::MAX)], 4),
    ) {
        let (mut guest, pool) = Guest::with_pool(1, 8);
        let (to, _mapping) = guest.receive_block(4096);
        let (nbl, elements) = frame(&guest, &pool);
        for (from, (to, len)) in links.into_iter().zip(lengths).enumerate() {
            elements.link(from, to);
            elements.set_room(from, len);
        }
        let (good, error) = ends(nbl);
        prop_assert!(good <= 1000);
        let bytes: u32 = nbl.segments().flatten().map(|segment| segment.len).sum();
        prop_assert!(bytes <= 1000);
        prop_assert!(error.is_some() || bytes == 1000);

        let mut receive = ReceiveChain::new();
        prop_assert!(receive.push(&pool, to, 0, 600) && receive.push(&pool, to, 700, 600));
        if let Ok(copied) = transfer(&guest.blocks, nbl, receive) {
            prop_assert!(copied <= 1000);
        }
    }
}
