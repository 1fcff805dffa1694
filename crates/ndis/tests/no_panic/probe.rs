//! Links only if no panic can be reached: the panic handler calls a function that does not exist.
//!
//! A program whose functions call everything of `ndis::view` with values that the optimiser cannot know. `cargo xtask test`
//! builds it optimised and with undefined symbols refused; built with `--cfg deliberate_panic` it must not link, which shows that the
//! first result means something. It has no `std`, no allocator and no panic machinery of its own, like a driver.

#![no_std]
#![no_main]
// UNSAFETY: takes chains by pointer, as a driver's entry points do.
#![deny(unsafe_op_in_unsafe_fn)]
#![allow(unsafe_code)]

use core::panic::PanicInfo;

use ndis::view::{check_header, elements, Block, Chain, Nbl, NblQueue, OwnedNbl, ReceiveBuffers};
use ndis::{NDIS_OBJECT_HEADER, NET_BUFFER_LIST};

extern "C" {
    fn a_panic_can_be_reached() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: it does not exist, so this is never called.
    unsafe { a_panic_can_be_reached() }
}

/// What the linker starts from: all probes are reachable, and nothing else is.
#[no_mangle]
pub static ENTRY: (
    unsafe fn(*mut NET_BUFFER_LIST, u32, usize, Block, u32, &mut [u8; 1514], usize) -> u64,
    unsafe fn(*mut NET_BUFFER_LIST, *mut NET_BUFFER_LIST, u32, u32, usize) -> *mut NET_BUFFER_LIST,
    unsafe fn(&NDIS_OBJECT_HEADER, *const u8, usize, [u32; 3], usize) -> usize,
) = (chain, queue, request);

/// Walks everything there is to walk, and sums something of all of it.
///
/// # Safety
/// As for [`Chain::from_raw`].
unsafe fn chain(
    first: *mut NET_BUFFER_LIST,
    flags: u32,
    limit: usize,
    block: Block,
    skip: u32,
    into: &mut [u8; 1514],
    room: usize,
) -> u64 {
    // SAFETY: the caller's.
    let chain = unsafe { Chain::from_raw(first, flags) }.with_limit(limit);
    let into = match into.get_mut(..room) {
        Some(into) => into,
        None => return 0,
    };
    let mut sum = 0_u64;
    for nbl in chain.into_iter().flatten() {
        sum = sum.wrapping_add(u64::from(nbl.queue_id()) + u64::from(nbl.filter_id()));
        sum = sum.wrapping_add(frames(nbl, block, skip, into));
    }
    for run in chain.runs(|nbl| nbl.queue_id()).flatten() {
        sum = sum.wrapping_add(u64::from(run.key) ^ run.count as u64);
    }
    sum
}

fn frames(nbl: Nbl<'_>, block: Block, skip: u32, into: &mut [u8]) -> u64 {
    let mut sum = 0_u64;
    for frame in nbl.frames().flatten() {
        sum = sum.wrapping_add(u64::from(frame.data_length()) + u64::from(frame.data_offset()));
        sum = sum.wrapping_add(u64::from(frame.check().is_ok()));
        sum = sum.wrapping_add(frame.copy_to(skip, into).unwrap_or(1) as u64);
        sum = sum.wrapping_add(frame.mdls().flatten().count() as u64);
        for span in frame.data().flatten() {
            let address = span.address().map_or(0, |address| address as usize);
            sum = sum.wrapping_add(address as u64 ^ u64::from(span.len()) ^ u64::from(span.offset()));
        }
        for segment in frame.shared_memory().into_iter().flatten().flatten() {
            sum = sum.wrapping_add(segment.range_in(block.length).map_or(0, |range| range.end));
        }
        for piece in frame.pieces().into_iter().flatten().flatten() {
            sum = sum.wrapping_add(u64::from(piece.check_in(block).is_ok()));
        }
        let checked = frame.check_shared_memory(|handle| Some(block).filter(|_| !handle.is_null()));
        sum = sum.wrapping_add(u64::from(checked.is_ok()));
    }
    sum
}

/// Does everything that can be done to a queue.
///
/// # Safety
/// As for [`NblQueue::from_raw`], for both chains.
unsafe fn queue(
    first: *mut NET_BUFFER_LIST,
    second: *mut NET_BUFFER_LIST,
    flags: u32,
    bytes: u32,
    at: usize,
) -> *mut NET_BUFFER_LIST {
    // SAFETY: the caller's.
    let (queue, single) = unsafe {
        (
            NblQueue::from_raw(first, flags),
            OwnedNbl::from_raw(second, flags),
        )
    };
    let (mut queue, mut single) = match (queue, single) {
        (Ok(queue), Ok(single)) => (queue, single),
        _ => return first,
    };
    single.borrow_mut().set_queue_id(bytes as u16);
    single.borrow_mut().set_filter_id(at as u16);
    queue.push(single);
    for mut nbl in queue.iter_mut() {
        for mut frame in nbl.frames_mut().flatten() {
            if frame.advance(bytes).is_err() && frame.retreat(bytes).is_err() {
                break;
            }
        }
    }
    let mut cursor = queue.cursor();
    while cursor.peek().map_or(false, |nbl| usize::from(nbl.queue_id()) < at) {
        cursor.step();
    }
    let mut front = cursor.split();
    if let Some(nbl) = queue.pop_front() {
        front.push(nbl);
    }
    if let Some((key, run)) = queue.pop_run(|nbl| nbl.queue_id()) {
        if usize::from(key) < run.len() && run.is_shared_memory_valid() {
            front.append(run);
        } else {
            queue.append(run);
        }
    }
    if queue.iter().any(|nbl| nbl.queue_id() == 0) || queue.is_empty() {
        front.append(queue);
        return front.into_raw();
    }
    queue.append(front);
    queue.into_raw()
}

/// Reads a request's buffer.
///
/// # Safety
/// `buffer` leads to `length` bytes.
unsafe fn request(
    header: &NDIS_OBJECT_HEADER,
    buffer: *const u8,
    length: usize,
    array: [u32; 3],
    least: usize,
) -> usize {
    // SAFETY: the caller's.
    let buffer = unsafe { core::slice::from_raw_parts(buffer, length) };
    let revision = check_header(header, 0x80, &[(1, 36), (2, 44)], length);
    let buffers = ReceiveBuffers::new(array[0], array[1], array[2]);
    let cut = buffers.map_or(0, |buffers| {
        let first = buffers.segments(array[0], [core::ptr::null_mut(); 2]);
        first.map_or(0, |(first, _)| first.offset as usize) ^ buffers.bytes(least, array[1]) as usize
    });
    let array = elements(buffer, array[0], array[1], array[2], least);
    let bytes = array.map_or(0, |array| array.map(|element| element.len()).sum());
    bytes ^ cut ^ usize::from(revision.unwrap_or(0))
}

/// Shows that the check can fail: an index that nobody checked.
#[cfg(deliberate_panic)]
#[no_mangle]
pub static DELIBERATE: fn(&[u8; 4], usize) -> u8 = |bytes, at| bytes[at];
