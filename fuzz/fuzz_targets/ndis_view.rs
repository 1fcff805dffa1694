//! Arbitrary links, offsets and lengths inside an arena of NDIS structures, through all of `ndis::view`, against walks that
//! remember where they were.
//!
//! A link is NULL, leads to any element of its kind, or to an address where none can lie. All structures live, as callers
//! promise; nothing else about them is sound.

#![no_main]
// UNSAFETY: links structures of an arena that outlives what is made over it, all on one thread.
#![allow(unsafe_code)]

#[path = "../../crates/ndis/tests/view/arena.rs"]
mod arena;

use arbitrary::Arbitrary;
use arena::Arena;
use libfuzzer_sys::fuzz_target;
use ndis::view::{Block, Chain, NblQueue, NetBuffer, Wrong, elements};
use ndis::{MDL, NET_BUFFER_LIST, NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID};

const COUNT: usize = 8;
const BYTES: usize = 512;

#[derive(Arbitrary, Debug)]
struct Input {
    flags: u32,
    limit: u8,
    lists: [(u8, u8, u8); COUNT],
    frames: [Frame; COUNT],
    pieces: [Piece; COUNT],
    skip: u8,
    room: u8,
    moves: Vec<(bool, u16)>,
    array: (Vec<u8>, [u32; 3], u8),
}

#[derive(Arbitrary, Debug)]
struct Frame {
    next: u8,
    chain: u8,
    current: u8,
    current_offset: u8,
    offset: u16,
    length: u16,
    is_upper_half_set: bool,
    segments: u8,
}

#[derive(Arbitrary, Debug)]
struct Piece {
    next: u8,
    start: u8,
    count: u8,
    is_unmapped: bool,
    next_segment: u8,
    handle: u8,
    segment_offset: u32,
    segment_length: u32,
}

fn link<T>(value: u8, element: impl Fn(usize) -> *mut T) -> *mut T {
    match usize::from(value) {
        at if at < COUNT => element(at),
        255 => element(0).cast::<u8>().wrapping_add(1).cast(),
        _ => std::ptr::null_mut(),
    }
}

fn build(input: &Input) -> Arena {
    let arena = Arena::new(COUNT, COUNT, COUNT, BYTES);
    for at in 0..COUNT {
        let (list, frame, piece) = (&input.lists[at], &input.frames[at], &input.pieces[at]);
        arena.describe(at, piece.start.into(), piece.count.into());
        unsafe {
            let nbl = &mut *arena.list(at);
            nbl.Next = link(list.0, |at| arena.list(at));
            nbl.FirstNetBuffer = link(list.1, |at| arena.frame(at));
            NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(nbl, (list.2 % 4).into());
            let nb = &mut *arena.frame(at);
            nb.Next = link(frame.next, |at| arena.frame(at));
            nb.MdlChain = link(frame.chain, |at| arena.mdl(at));
            nb.CurrentMdl = link(frame.current, |at| arena.mdl(at));
            nb.CurrentMdlOffset = frame.current_offset.into();
            nb.DataOffset = frame.offset.into();
            nb.stDataLength = frame.length.into();
            nb.stDataLength |= usize::from(frame.is_upper_half_set) << 40;
            nb.SharedMemoryInfo = link(frame.segments, |at| arena.segment(at));
            let mdl = &mut *arena.mdl(at);
            mdl.Next = link(piece.next, |at| arena.mdl(at));
            if piece.is_unmapped {
                mdl.MdlFlags = 0;
            }
            let segment = &mut *arena.segment(at);
            segment.NextSharedMemorySegment = link(piece.next_segment, |at| arena.segment(at));
            segment.SharedMemoryHandle = usize::from(piece.handle) as *mut _;
            segment.SharedMemoryOffset = piece.segment_offset;
            segment.SharedMemoryLength = piece.segment_length;
        }
    }
    arena
}

/// Elements of a chain by a list of the visited, and whether NULL ended it.
fn naive<T>(first: *mut T, next: impl Fn(*mut T) -> *mut T) -> (Vec<*mut T>, bool) {
    let mut met = Vec::new();
    let mut at = first;
    while !at.is_null() {
        if at as usize % 8 != 0 || met.contains(&at) {
            return (met, false);
        }
        met.push(at);
        at = next(at);
    }
    (met, true)
}

fn mdls_from(first: *mut MDL) -> (Vec<*mut MDL>, bool) {
    naive(first, |at| unsafe { (*at).Next })
}

/// The frame's bytes, if all of them are there; `None` if not.
fn naive_data(frame: NetBuffer<'_>) -> Option<Vec<u8>> {
    let nb = unsafe { *frame.as_ptr() };
    let length = u32::try_from(nb.stDataLength).ok()? as usize;
    let mut offset = nb.CurrentMdlOffset as usize;
    let mut data = Vec::new();
    for mdl in mdls_from(nb.CurrentMdl).0 {
        if data.len() >= length {
            break;
        }
        let mdl = unsafe { *mdl };
        if offset > mdl.ByteCount as usize {
            return None;
        }
        let take = (mdl.ByteCount as usize - offset).min(length - data.len());
        if take > 0 && mdl.MdlFlags == 0 {
            return None;
        }
        let start = mdl.MappedSystemVa.cast::<u8>();
        data.extend((offset..offset + take).map(|at| unsafe { *start.add(at) }));
        offset = 0;
    }
    (data.len() == length).then_some(data)
}

fn read_frame(input: &Input, arena: &Arena, frame: NetBuffer<'_>) {
    let data = naive_data(frame);
    let mut into = vec![0; input.room.into()];
    match (frame.copy_to(input.skip.into(), &mut into), &data) {
        (Ok(copied), Some(data)) => {
            let wanted = data.get(usize::from(input.skip)..).unwrap_or(&[]);
            assert_eq!(copied, wanted.len().min(into.len()));
            assert_eq!(into[..copied], wanted[..copied]);
        }
        (Err(_), Some(data)) => panic!("{} bytes that are there were refused", data.len()),
        // What is asked for may be there though not all is; never more than the frame says.
        (Ok(copied), None) => assert!(copied <= frame.data_length() as usize),
        (Err(_), None) => {}
    }
    let nb = unsafe { *frame.as_ptr() };
    let (mdls, is_whole) = mdls_from(nb.MdlChain);
    let walked: Vec<_> = frame.mdls().collect();
    assert_eq!(walked.last().is_none_or(|last| last.is_ok()), is_whole);
    assert!(
        walked
            .iter()
            .flatten()
            .zip(&mdls)
            .all(|(walked, mdl)| walked.as_ptr() == *mdl)
    );

    let base = arena.bytes();
    let block = |handle: ndis::NDIS_HANDLE| {
        (handle as usize % 3 != 0).then_some(Block {
            base,
            length: BYTES as u64,
        })
    };
    let is_vouched = input.flags & ndis::NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID != 0;
    assert_eq!(frame.shared_memory().is_some(), is_vouched);
    if frame.check_shared_memory(block).is_ok() && is_vouched {
        let segments: Vec<_> = frame.shared_memory().into_iter().flatten().collect();
        assert_eq!(segments.len(), mdls.len());
        for (segment, mdl) in segments.into_iter().zip(mdls) {
            let (segment, mdl) = (segment.expect("checked"), unsafe { *mdl });
            assert!(u64::from(segment.offset) + u64::from(segment.length) <= BYTES as u64);
            assert!(mdl.ByteCount <= segment.length);
            assert_eq!(mdl.MappedSystemVa.cast(), unsafe {
                base.add(segment.offset as usize)
            });
        }
    }
}

fn walk(input: &Input, arena: &Arena) {
    let chain = unsafe { Chain::from_raw(arena.list(0), input.flags) };
    let (lists, is_whole) = naive(arena.list(0), |at| unsafe { (*at).Next });
    let walked: Vec<_> = chain.iter().collect();
    assert_eq!(walked.last().is_none_or(|last| last.is_ok()), is_whole);
    for (nbl, list) in walked.iter().flatten().zip(&lists) {
        assert_eq!(nbl.as_ptr(), *list);
        for frame in nbl.frames().flatten() {
            read_frame(input, arena, frame);
        }
    }
    let in_runs: usize = chain
        .runs(|nbl| nbl.queue_id())
        .flatten()
        .map(|run| run.count)
        .sum();
    assert_eq!(in_runs, walked.iter().flatten().count());
    let limit = usize::from(input.limit);
    let limited: Vec<_> = chain.with_limit(limit).iter().collect();
    assert!(limited.iter().flatten().count() <= limit);
}

fn own(input: &Input, arena: &Arena) {
    let (lists, is_whole) = naive(arena.list(0), |at| unsafe { (*at).Next });
    let mut queue = match unsafe { NblQueue::from_raw(arena.list(0), input.flags) } {
        Ok(queue) => queue,
        Err(error) => {
            assert!(!is_whole && matches!(error.wrong, Wrong::Cyclic | Wrong::Misaligned));
            return;
        }
    };
    assert!(is_whole && queue.len() == lists.len());
    for mut nbl in queue.iter_mut() {
        for mut frame in nbl.frames_mut().flatten() {
            for &(is_advance, bytes) in &input.moves {
                let before = unsafe { *frame.view().as_ptr() }.NetBufferHeader();
                let data = naive_data(frame.view());
                let moved = if is_advance {
                    frame.advance(bytes.into())
                } else {
                    frame.retreat(bytes.into())
                };
                let after = unsafe { *frame.view().as_ptr() }.NetBufferHeader();
                if moved.is_err() {
                    assert_eq!(before, after);
                    continue;
                }
                assert_eq!(frame.view().check(), Ok(()));
                assert_eq!(before.NetBufferData.MdlChain, after.NetBufferData.MdlChain);
                if let (Some(before), Some(after)) = (data, naive_data(frame.view())) {
                    let bytes = usize::from(bytes);
                    assert!(if is_advance {
                        after == before[bytes..]
                    } else {
                        after[bytes..] == before
                    });
                }
            }
        }
    }
    let mut other = NblQueue::new();
    while let Some((key, run)) = queue.pop_run(|nbl| nbl.queue_id()) {
        assert!(run.iter().all(|nbl| nbl.queue_id() == key));
        other.append(run);
    }
    let order: Vec<*mut NET_BUFFER_LIST> = other.iter().map(|nbl| nbl.as_ptr()).collect();
    assert_eq!((order, other.len()), (lists, other.iter().count()));
    assert_eq!(other.into_raw(), arena.list(0));
}

fuzz_target!(|input: Input| {
    let arena = build(&input);
    walk(&input, &arena);
    own(&input, &arena);
    let (buffer, [first, count, size], least) = &input.array;
    if let Ok(array) = elements(buffer, *first, *count, *size, (*least).into()) {
        let met: Vec<_> = array.take(buffer.len() + 1).collect();
        assert!(met.iter().all(|element| element.len() == *size as usize));
        assert!(*count == 0 || met.len() == (*count as usize).min(buffer.len() + 1));
    }
});
