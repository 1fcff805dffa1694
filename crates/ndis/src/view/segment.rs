//! Shared memory segments of a frame, alone and beside their MDLs.

// UNSAFETY: reads what a walk along a promised chain has met.
#![allow(unsafe_code)]

use core::ops::Range;

use super::error::{ViewError, Wrong};
use super::mdl::{Mdl, Mdls};
use super::raw;
use super::walk::Walk;
use crate::basic::NDIS_HANDLE;
use crate::shared_memory::NET_BUFFER_SHARED_MEMORY;

/// One shared memory segment of a frame. `length` is room, not the length of a packet (B3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Names the block. NULL names memory that came from the HAL (M4).
    pub handle: NDIS_HANDLE,
    /// Bytes from the beginning of the block (B2).
    pub offset: u32,
    /// Bytes of room.
    pub length: u32,
    /// Reserved: to be carried along, never interpreted (B5).
    pub flags: u32,
}

impl Segment {
    /// The segment's bytes within a block of `block_length` bytes.
    ///
    /// # Errors
    /// `SharedMemoryOffset` and `SharedMemoryLength` together leave the block (B4).
    #[inline]
    pub fn range_in(&self, block_length: u64) -> Result<Range<u64>, ViewError> {
        let start = u64::from(self.offset);
        let end = start + u64::from(self.length);
        if start > block_length {
            Err(ViewError::beyond(
                "NET_BUFFER_SHARED_MEMORY.SharedMemoryOffset",
                start,
                block_length,
            ))
        } else if end > block_length {
            Err(ViewError::beyond(
                "NET_BUFFER_SHARED_MEMORY.SharedMemoryLength",
                end,
                block_length,
            ))
        } else {
            Ok(start..end)
        }
    }
}

/// The segments of a frame, in order. An error is the last item.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    walk: Walk<'a, NET_BUFFER_SHARED_MEMORY>,
    /// `SharedMemoryInfo` is NULL, and that has not been said yet.
    is_missing: bool,
}

impl Segments<'_> {
    /// The segments from `SharedMemoryInfo` on.
    ///
    /// # Safety
    /// As for [`Walk::new`].
    #[inline]
    pub(super) unsafe fn new(first: *mut NET_BUFFER_SHARED_MEMORY, limit: usize) -> Self {
        Self {
            // SAFETY: the caller's.
            walk: unsafe { Walk::new(first, "NET_BUFFER.SharedMemoryInfo", limit) },
            is_missing: first.is_null(),
        }
    }
}

impl Iterator for Segments<'_> {
    type Item = Result<Segment, ViewError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if core::mem::take(&mut self.is_missing) {
            return Some(Err(ViewError::null("NET_BUFFER.SharedMemoryInfo")));
        }
        Some(self.walk.step()?.map(|at| {
            // SAFETY: a walk meets live elements only.
            let segment = unsafe { raw::segment(at) };
            Segment {
                handle: segment.SharedMemoryHandle,
                offset: segment.SharedMemoryOffset,
                length: segment.SharedMemoryLength,
                flags: segment.SharedMemoryFlags,
            }
        }))
    }
}

/// A block of shared memory, as the side that allocated it knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it is mapped in system space; NULL where no address is known, which leaves addresses unchecked.
    pub base: *const u8,
    /// In bytes.
    pub length: u64,
}

/// An MDL and the segment that describes the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// By address.
    pub mdl: Mdl<'a>,
    /// By handle and offset.
    pub segment: Segment,
}

impl Piece<'_> {
    /// Holds the piece against its block (B4).
    ///
    /// # Errors
    /// The segment leaves the block, or the MDL's bytes lie elsewhere.
    pub fn check_in(&self, block: Block) -> Result<(), ViewError> {
        let range = self.segment.range_in(block.length)?;
        if block.base.is_null() {
            return Ok(());
        }
        let described = self.mdl.system_address()? as usize as u64;
        let there = (block.base as usize as u64).wrapping_add(range.start);
        if described == there {
            Ok(())
        } else {
            let wrong = Wrong::Disagrees {
                value: described,
                others: there,
            };
            Err(ViewError::new("MDL.MappedSystemVa", wrong))
        }
    }
}

/// The pieces of a frame: element i of the MDLs beside element i of the segments (B1, B4). An error is the last item.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    pub(super) mdls: Mdls<'a>,
    pub(super) segments: Segments<'a>,
    pub(super) is_over: bool,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<Piece<'a>, ViewError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = match (self.mdls.next(), self.segments.next()) {
            (None, None) => None,
            (Some(Err(error)), _) | (_, Some(Err(error))) => Some(Err(error)),
            (Some(_), None) => Some(Err(ViewError::null(
                "NET_BUFFER_SHARED_MEMORY.NextSharedMemorySegment",
            ))),
            (None, Some(_)) => Some(Err(ViewError::null("MDL.Next"))),
            (Some(Ok(mdl)), Some(Ok(segment))) => {
                let (bytes, room) = (mdl.byte_count(), segment.length);
                if bytes > room {
                    Some(Err(ViewError::beyond(
                        "MDL.ByteCount",
                        bytes.into(),
                        room.into(),
                    )))
                } else {
                    Some(Ok(Piece { mdl, segment }))
                }
            }
        };
        self.is_over = !matches!(item, Some(Ok(_)));
        item
    }
}
