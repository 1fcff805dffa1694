//! Shared memory segments: when they count, and whether they lie where they say.

use crate::arena::Arena;
use ndis::view::{Block, Chain, NetBuffer, Wrong};
use ndis::*;

const VALID: ULONG = NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID;

fn first_frame(arena: &Arena, flags: ULONG) -> NetBuffer<'_> {
    let chain = unsafe { Chain::from_raw(arena.list(0), flags) };
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

/// What is wrong with the first frame's segments in a block of `length` bytes.
fn member(arena: &Arena, length: u64) -> Option<&'static str> {
    let base = arena.bytes();
    let checked = first_frame(arena, VALID).check_shared_memory(|_| Some(Block { base, length }));
    checked.err().map(|error| error.member)
}

#[test]
fn r2_segments_count_only_under_the_flag() {
    let arena = Arena::frame_over(&[64, 1450], 0, 1514);
    for flags in [0, NDIS_RECEIVE_FLAGS_SINGLE_QUEUE, !VALID] {
        let frame = first_frame(&arena, flags);
        assert!(frame.shared_memory().is_none());
        assert!(frame.pieces().is_none());
        assert_eq!(frame.check_shared_memory(|_| None), Ok(()));
    }
    let segments = first_frame(&arena, VALID).shared_memory().unwrap();
    assert_eq!(
        segments
            .map(|segment| segment.unwrap().length)
            .collect::<Vec<_>>(),
        [64, 1450]
    );
}

#[test]
fn r2_without_the_flag_the_pointer_is_not_followed() {
    let arena = Arena::frame_over(&[64], 0, 64);
    unsafe { (*arena.frame(0)).SharedMemoryInfo = 8 as *mut NET_BUFFER_SHARED_MEMORY };
    assert!(first_frame(&arena, 0).shared_memory().is_none());
}

#[test]
fn r2_under_the_flag_every_frame_has_segments() {
    let arena = Arena::frame_over(&[64], 0, 64);
    unsafe { (*arena.frame(0)).SharedMemoryInfo = std::ptr::null_mut() };
    let mut segments = first_frame(&arena, VALID).shared_memory().unwrap();
    let error = segments.next().unwrap().unwrap_err();
    assert_eq!(
        (error.member, error.wrong),
        ("NET_BUFFER.SharedMemoryInfo", Wrong::Null)
    );
    assert!(segments.next().is_none());
}

#[test]
fn segments_of_0_1_2_and_1000_are_walked_and_a_cycle_is_an_error() {
    for count in [1, 2, 1000] {
        let arena = Arena::frame_over(&vec![1; count], 0, count as u32);
        let segments = first_frame(&arena, VALID).shared_memory().unwrap();
        assert_eq!(segments.filter(Result::is_ok).count(), count);
        assert_eq!(
            first_frame(&arena, VALID)
                .pieces()
                .unwrap()
                .filter(Result::is_ok)
                .count(),
            count
        );
        unsafe { (*arena.segment(count - 1)).NextSharedMemorySegment = arena.segment(count / 2) };
        let last = first_frame(&arena, VALID)
            .shared_memory()
            .unwrap()
            .last()
            .unwrap();
        let error = last.unwrap_err();
        assert_eq!(
            error.member,
            "NET_BUFFER_SHARED_MEMORY.NextSharedMemorySegment"
        );
        assert_eq!(error.wrong, Wrong::Cyclic);
    }
}

#[test]
fn m4_a_null_handle_is_a_handle() {
    let arena = Arena::frame_over(&[64], 0, 64);
    let segment = first_frame(&arena, VALID)
        .shared_memory()
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(segment.handle, NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED);
    let unknown = first_frame(&arena, VALID)
        .check_shared_memory(|_| None)
        .unwrap_err();
    assert_eq!(
        unknown.member,
        "NET_BUFFER_SHARED_MEMORY.SharedMemoryHandle"
    );
}

#[test]
fn b1_one_segment_beside_each_mdl() {
    let arena = Arena::frame_over(&[64, 100], 0, 164);
    assert_eq!(member(&arena, 164), None);
    unsafe { (*arena.segment(0)).NextSharedMemorySegment = std::ptr::null_mut() };
    assert_eq!(
        member(&arena, 164),
        Some("NET_BUFFER_SHARED_MEMORY.NextSharedMemorySegment")
    );
    let arena = Arena::frame_over(&[64, 100], 0, 164);
    unsafe { (*arena.mdl(0)).Next = std::ptr::null_mut() };
    assert_eq!(member(&arena, 164), Some("MDL.Next"));
}

#[test]
fn b4_a_segment_lies_in_its_block() {
    let arena = Arena::frame_over(&[64, 100], 0, 164);
    assert_eq!(
        member(&arena, 163),
        Some("NET_BUFFER_SHARED_MEMORY.SharedMemoryLength")
    );
    assert_eq!(
        member(&arena, 63),
        Some("NET_BUFFER_SHARED_MEMORY.SharedMemoryLength")
    );
    unsafe {
        (*arena.segment(0)).SharedMemoryOffset = u32::MAX;
        (*arena.segment(0)).SharedMemoryLength = u32::MAX;
    }
    assert_eq!(
        member(&arena, 164),
        Some("NET_BUFFER_SHARED_MEMORY.SharedMemoryOffset")
    );
    assert_eq!(
        member(&arena, u64::from(u32::MAX)),
        Some("NET_BUFFER_SHARED_MEMORY.SharedMemoryLength")
    );
}

#[test]
fn b4_an_mdl_has_no_more_bytes_than_its_segment_and_lies_at_its_address() {
    let arena = Arena::frame_over(&[64, 100], 0, 164);
    unsafe { (*arena.segment(1)).SharedMemoryLength = 99 };
    assert_eq!(member(&arena, 164), Some("MDL.ByteCount"));
    let arena = Arena::frame_over(&[64, 100], 0, 164);
    unsafe { (*arena.segment(1)).SharedMemoryOffset = 63 };
    assert_eq!(member(&arena, 164), Some("MDL.MappedSystemVa"));
}

#[test]
fn b5_flags_are_carried_and_change_nothing() {
    let arena = Arena::frame_over(&[64], 0, 64);
    unsafe { (*arena.segment(0)).SharedMemoryFlags = 0xFFFF_FFFF };
    assert_eq!(member(&arena, 64), None);
    let segment = first_frame(&arena, VALID)
        .shared_memory()
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(segment.flags, 0xFFFF_FFFF);
}
