//! Reads and writes of single members through the pointers that the constructors were promised.
//!
//! All dereferences of structures are here. A member is read by its own address, so that no reference to a whole structure
//! exists: others may hold pointers to it, and a NET_BUFFER_LIST may be shorter than this build declares it.

// UNSAFETY: follows pointers that `Chain::from_raw` and `NblQueue::from_raw` were promised to be sound.
#![allow(unsafe_code)]

use core::ptr::{addr_of, addr_of_mut};

use crate::basic::PVOID;
use crate::mdl::MDL;
use crate::net_buffer::NET_BUFFER;
use crate::net_buffer_list::NET_BUFFER_LIST;
use crate::oob::NDIS_NET_BUFFER_LIST_FILTERING_INFO;
use crate::shared_memory::NET_BUFFER_SHARED_MEMORY;
use crate::slots::NetBufferListFilteringInfo;

/// `read!(pointer, member)`: the value of one member.
macro_rules! read {
    ($pointer:expr, $member:ident) => {
        addr_of!((*$pointer).$member).read()
    };
}

/// `write!(pointer, member, value)`: sets one member.
macro_rules! write {
    ($pointer:expr, $member:ident, $value:expr) => {
        addr_of_mut!((*$pointer).$member).write($value)
    };
}

/// An element of a chain that NULL ends. To be one is a promise too: `next` reads a member of `at`.
pub(super) trait Link {
    /// The linking member.
    const NEXT: &'static str;

    /// # Safety
    /// `at` must lead to a live structure.
    unsafe fn next(at: *const Self) -> *mut Self;
}

impl Link for NET_BUFFER_LIST {
    const NEXT: &'static str = "NET_BUFFER_LIST.Next";

    #[inline]
    unsafe fn next(at: *const Self) -> *mut Self {
        // SAFETY: the caller's.
        unsafe { read!(at, Next) }
    }
}

impl Link for NET_BUFFER {
    const NEXT: &'static str = "NET_BUFFER.Next";

    #[inline]
    unsafe fn next(at: *const Self) -> *mut Self {
        // SAFETY: the caller's.
        unsafe { read!(at, Next) }
    }
}

impl Link for MDL {
    const NEXT: &'static str = "MDL.Next";

    #[inline]
    unsafe fn next(at: *const Self) -> *mut Self {
        // SAFETY: the caller's.
        unsafe { read!(at, Next) }
    }
}

impl Link for NET_BUFFER_SHARED_MEMORY {
    const NEXT: &'static str = "NET_BUFFER_SHARED_MEMORY.NextSharedMemorySegment";

    #[inline]
    unsafe fn next(at: *const Self) -> *mut Self {
        // SAFETY: the caller's.
        unsafe { read!(at, NextSharedMemorySegment) }
    }
}

/// # Safety
/// `at` must lead to a live list, which nobody else uses.
#[inline]
pub(super) unsafe fn set_next(at: *mut NET_BUFFER_LIST, next: *mut NET_BUFFER_LIST) {
    // SAFETY: the caller's.
    unsafe { write!(at, Next, next) }
}

/// # Safety
/// `at` must lead to a live list.
#[inline]
pub(super) unsafe fn first_net_buffer(at: *const NET_BUFFER_LIST) -> *mut NET_BUFFER {
    // SAFETY: the caller's.
    unsafe { read!(at, FirstNetBuffer) }
}

/// # Safety
/// `at` must lead to a live list.
#[inline]
pub(super) unsafe fn filtering_info(
    at: *const NET_BUFFER_LIST,
) -> NDIS_NET_BUFFER_LIST_FILTERING_INFO {
    // SAFETY: the caller's. Every list since NDIS 6.20 has slot 14, at this place.
    let slot = unsafe {
        addr_of!((*at).NetBufferListInfo)
            .cast::<PVOID>()
            .add(NetBufferListFilteringInfo)
            .read()
    };
    NDIS_NET_BUFFER_LIST_FILTERING_INFO::from_slot(slot)
}

/// # Safety
/// `at` must lead to a live list, which nobody else uses.
#[inline]
pub(super) unsafe fn set_filtering_info(
    at: *mut NET_BUFFER_LIST,
    info: NDIS_NET_BUFFER_LIST_FILTERING_INFO,
) {
    // SAFETY: as for `filtering_info`.
    unsafe {
        addr_of_mut!((*at).NetBufferListInfo)
            .cast::<PVOID>()
            .add(NetBufferListFilteringInfo)
            .write(info.to_slot());
    }
}

/// The members of a NET_BUFFER that say where its data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) chain: *mut MDL,
    pub(super) current: *mut MDL,
    pub(super) current_offset: u32,
    pub(super) offset: u32,
    pub(super) length: usize,
}

/// # Safety
/// `at` must lead to a live frame.
#[inline]
pub(super) unsafe fn position(at: *const NET_BUFFER) -> Position {
    // SAFETY: the caller's.
    unsafe {
        Position {
            chain: read!(at, MdlChain),
            current: read!(at, CurrentMdl),
            current_offset: read!(at, CurrentMdlOffset),
            offset: read!(at, DataOffset),
            length: read!(at, stDataLength),
        }
    }
}

/// # Safety
/// `at` must lead to a live frame, which nobody else uses.
#[inline]
pub(super) unsafe fn set_position(at: *mut NET_BUFFER, position: Position) {
    // SAFETY: the caller's.
    unsafe {
        write!(at, CurrentMdl, position.current);
        write!(at, CurrentMdlOffset, position.current_offset);
        write!(at, DataOffset, position.offset);
        write!(at, stDataLength, position.length);
    }
}

/// # Safety
/// `at` must lead to a live frame.
#[inline]
pub(super) unsafe fn shared_memory_info(at: *const NET_BUFFER) -> *mut NET_BUFFER_SHARED_MEMORY {
    // SAFETY: the caller's.
    unsafe { read!(at, SharedMemoryInfo) }
}

/// # Safety
/// `at` must lead to a live MDL.
#[inline]
pub(super) unsafe fn mdl(at: *const MDL) -> MDL {
    // SAFETY: the caller's. An MDL's head has one size everywhere.
    unsafe { at.read() }
}

/// # Safety
/// `at` must lead to a live segment.
#[inline]
pub(super) unsafe fn segment(at: *const NET_BUFFER_SHARED_MEMORY) -> NET_BUFFER_SHARED_MEMORY {
    // SAFETY: the caller's. A segment has one size everywhere.
    unsafe { at.read() }
}

/// Copies bytes that others may be writing: each is read once, by a load that the compiler neither repeats nor leaves out.
///
/// # Safety
/// `from` must lead to as many readable bytes as `into` has.
pub(super) unsafe fn copy_shared(mut from: *const u8, into: &mut [u8]) {
    const WORD: usize = core::mem::size_of::<usize>();
    let mut to = into.as_mut_ptr();
    let mut left = into.len();
    // SAFETY: `left` counts what is before both ends; a word is read where it is aligned, and written by bytes.
    unsafe {
        while left > 0 {
            if left >= WORD && from as usize % WORD == 0 {
                to.cast::<usize>()
                    .write_unaligned(from.cast::<usize>().read_volatile());
                from = from.add(WORD);
                to = to.add(WORD);
                left -= WORD;
            } else {
                to.write(from.read_volatile());
                from = from.add(1);
                to = to.add(1);
                left -= 1;
            }
        }
    }
}
