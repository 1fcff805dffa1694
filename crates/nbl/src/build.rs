//! From a guest's chain of buffers to a frame: the function that runs once for every frame there is.
//!
//! ```text
//! chain     [ header | first bytes of the frame ][ more ... ][ more ... ]
//!               │            │                    └─── located: one segment and MDL each, not read
//!               ▼            ▼
//!          [  front  |   lookahead   ]   the frame's buffer in the host's memory
//! ```
//!
//! The header and the lookahead are read through a window, each byte once; usually both lie in the first buffer and one
//! copy does. What is behind them is checked against the guest's memory and described where it lies (L3). Nothing is
//! taken from the pool before all of the chain was judged.

#![allow(unsafe_code, reason = "UNSAFETY: fills the pool's structures")]

use std::mem::offset_of;
use std::ptr::{self, NonNull};

use ndis::{
    Ieee8021QNetBufferListInfo, MDL, NDIS_STATUS_SUCCESS, NET_BUFFER_LIST,
    NET_BUFFER_SHARED_MEMORY, NetBufferListFilteringInfo, NetBufferListHashInfo,
    NetBufferListHashValue, PVOID,
};
use shmem::{GuestMemory, OutOfMemory, Piece};

use crate::frame::Frame;
use crate::handle::to_ndis;
use crate::nbl::Nbl;
use crate::pool::Pool;
use crate::{FRONT, LOOKAHEAD};

/// The shortest frame: an Ethernet header.
pub(crate) const SHORTEST_FRAME: u64 = 14;

/// Why a chain of buffers is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// It ends inside the header in front of the frame.
    #[error("it has {len} bytes, fewer than the {header} of its header")]
    TooShort {
        /// Of the chain, in bytes.
        len: u64,
        /// Of the header, in bytes.
        header: usize,
    },
    /// The frame is shorter than an Ethernet header.
    #[error("a frame of {len} bytes is shorter than an Ethernet header")]
    RuntFrame {
        /// Of the frame, in bytes.
        len: u32,
    },
    /// The frame is longer than any may be.
    #[error("a frame of {len} bytes is longer than the {max} that are possible")]
    TooLong {
        /// Of the frame, in bytes.
        len: u64,
        /// In bytes.
        max: u32,
    },
    /// A buffer does not lie in the guest's memory.
    #[error(transparent)]
    OutsideMemory(#[from] OutOfMemory),
    /// The frame is in so many pieces that even the whole pool has not enough segments.
    #[error("a frame in more than {segments} pieces; use fewer and larger buffers")]
    TooScattered {
        /// Segments in the pool.
        segments: usize,
    },
    /// The pool has no frame, or too few segments, left in this burst. The chain can become a frame in the next one.
    #[error("the pool has no frame or not enough segments left in this burst")]
    PoolExhausted,
}

impl Pool {
    /// Describes the frame that lies in `chain`, buffers of (guest address, bytes), behind a header of `front` bytes, at most
    /// [`FRONT`]; see [`Nbl::front`]. Buffers of no bytes are passed over.
    ///
    /// Memory that was taken away reads as zeros; who pulls a burst asks [`GuestMemory::is_lost`] once at its end.
    ///
    /// # Errors
    /// [`BuildError`], with nothing taken from the pool.
    #[inline]
    pub fn build(
        &self,
        memory: &GuestMemory,
        chain: impl IntoIterator<Item = (u64, u32)>,
        front: usize,
        max_frame: u32,
    ) -> Result<Nbl<'_>, BuildError> {
        debug_assert!(front <= FRONT, "a header of {front} bytes");
        let front = front.min(FRONT);
        let frame = self.next_frame().ok_or(BuildError::PoolExhausted)?;
        let head = &mut head_of(frame)[FRONT - front..];
        let mut tail = Tail::of(self, frame);
        let longest = front as u64 + u64::from(max_frame);
        let (mut bytes, mut read) = (0, 0);
        let mut chain = chain.into_iter();
        while let Some((gpa, len)) = chain.next() {
            bytes += u64::from(len);
            if bytes > longest {
                let all = chain.fold(bytes, |all, (_, len)| all + u64::from(len));
                return Err(BuildError::TooLong {
                    len: all - front as u64,
                    max: max_frame,
                });
            }
            let now = len.min((head.len() - read) as u32);
            if now > 0 {
                read_head(memory, gpa, &mut head[read..][..now as usize])?;
                read += now as usize;
            }
            if now < len {
                tail.describe(memory, gpa + u64::from(now), len - now)?;
            }
        }
        if bytes < front as u64 + SHORTEST_FRAME {
            return Err(too_short(bytes, front));
        }
        tail.end();
        start_over(frame, (bytes - front as u64) as u32, ptr::null_mut());
        self.take_frame(frame);
        self.pieces_taken.set(tail.pieces);
        // SAFETY: built just now, in a pool that is borrowed.
        Ok(unsafe { Nbl::new(frame) })
    }
}

/// Fills `head`, which is not empty, from guest address `gpa` on.
#[inline]
fn read_head(memory: &GuestMemory, gpa: u64, head: &mut [u8]) -> Result<(), OutOfMemory> {
    let Ok(window) = memory.window(gpa, head.len() as u32) else {
        return read_head_across(memory, gpa, head);
    };
    window.read(head);
    Ok(())
}

/// As [`read_head`], of bytes that lie in several regions, or nowhere.
#[cold]
fn read_head_across(memory: &GuestMemory, gpa: u64, head: &mut [u8]) -> Result<(), OutOfMemory> {
    let mut done = 0;
    while done < head.len() {
        let gpa = gpa.wrapping_add(done as u64);
        let piece = memory.locate(gpa, (head.len() - done) as u32)?;
        done += memory.window(gpa, piece.len)?.read(&mut head[done..]);
    }
    Ok(())
}

/// The chains of a frame that is being built, behind the lookahead.
pub(crate) struct Tail<'p> {
    pool: &'p Pool,
    /// The pool's `pieces_taken` if this becomes a frame.
    pub(crate) pieces: usize,
    /// Where the next segment and the next MDL are to be linked.
    next_segment: *mut *mut NET_BUFFER_SHARED_MEMORY,
    next_mdl: *mut *mut MDL,
}

impl<'p> Tail<'p> {
    #[inline]
    pub(crate) fn of(pool: &'p Pool, frame: NonNull<Frame>) -> Self {
        let frame = frame.as_ptr();
        Self {
            pool,
            pieces: pool.pieces_taken.get(),
            // SAFETY: the frame is the pool's; these only compute addresses.
            next_segment: unsafe { &raw mut (*frame).segment.NextSharedMemorySegment },
            // SAFETY: as above.
            next_mdl: unsafe { &raw mut (*frame).mdl.Next },
        }
    }

    /// Describes `len` bytes where they lie.
    #[inline]
    pub(crate) fn describe(
        &mut self,
        memory: &GuestMemory,
        mut gpa: u64,
        mut len: u32,
    ) -> Result<(), BuildError> {
        while len > 0 {
            let place = memory.locate(gpa, len)?;
            self.link(place)?;
            len -= place.len;
            gpa += u64::from(place.len);
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn link(&mut self, place: Piece) -> Result<(), BuildError> {
        let Some(piece) = self.pool.next_piece(self.pieces) else {
            return Err(no_segment(self.pool));
        };
        let piece = piece.as_ptr();
        // SAFETY: the piece is the pool's and not in use, the links are those of the frame or of its last piece, and no
        // reference to any of them exists.
        unsafe {
            (*piece).segment.SharedMemoryHandle = to_ndis(place.handle);
            (*piece).segment.SharedMemoryOffset = place.offset;
            (*piece).segment.SharedMemoryLength = place.len;
            (*piece).mdl.ByteCount = place.len;
            *self.next_segment = &raw mut (*piece).segment;
            *self.next_mdl = &raw mut (*piece).mdl;
            self.next_segment = &raw mut (*piece).segment.NextSharedMemorySegment;
            self.next_mdl = &raw mut (*piece).mdl.Next;
        }
        self.pieces += 1;
        Ok(())
    }

    #[inline]
    pub(crate) fn end(&self) {
        // SAFETY: the links are those of the frame or of its last piece, and no reference to them exists.
        unsafe {
            *self.next_segment = ptr::null_mut();
            *self.next_mdl = ptr::null_mut();
        }
    }
}

/// The buffer that front and lookahead are copied to.
#[inline]
pub(crate) fn head_of<'p>(frame: NonNull<Frame>) -> &'p mut [u8; FRONT + LOOKAHEAD] {
    // SAFETY: the MDL describes LOOKAHEAD bytes of host memory that are this frame's alone, as are the FRONT bytes before
    // them, and while it is being built nobody has an `Nbl` to look at them with.
    unsafe {
        let lookahead = (*frame.as_ptr()).mdl.MappedSystemVa.cast::<u8>();
        &mut *lookahead.sub(FRONT).cast()
    }
}

/// Writes the words that are a frame's own: it has `len` bytes, nothing else is said of it, and its chain goes on at `next`.
#[inline]
pub(crate) fn start_over(frame: NonNull<Frame>, len: u32, next: *mut NET_BUFFER_LIST) {
    let frame = frame.as_ptr();
    // SAFETY: the frame is the pool's and not in use, and no reference to it exists.
    unsafe {
        (*frame).mdl.ByteCount = len.min(LOOKAHEAD as u32);
        (*frame).nb.stDataLength = len as usize;
        (*frame).nbl.Next = next;
        (*frame).nbl.Scratch = ptr::null_mut();
        (*frame).nbl.MiniportReserved[0] = ptr::null_mut();
        (*frame).nbl.NetBufferListInfo[NetBufferListFilteringInfo] = ptr::null_mut();
        if (*frame).nbl.Flags != 0 {
            forget_facts(&raw mut (*frame).nbl);
        }
    }
}

/// Clears the out-of-band facts that were noted with the frame before this one: from SourceHandle over flags and Status to the
/// slot of the 802.1Q tag, and the slots of the hash.
///
/// # Safety
/// The list is the pool's and not in use, and no reference to it exists.
#[cold]
unsafe fn forget_facts(nbl: *mut NET_BUFFER_LIST) {
    const FIRST: usize = offset_of!(NET_BUFFER_LIST, SourceHandle);
    const END: usize = offset_of!(NET_BUFFER_LIST, NetBufferListInfo)
        + (Ieee8021QNetBufferListInfo + 1) * size_of::<PVOID>();
    // SAFETY: the caller's; all bits zero are a value of every word that is cleared.
    unsafe {
        nbl.cast::<u8>().add(FIRST).write_bytes(0, END - FIRST);
        (*nbl).NetBufferListInfo[NetBufferListHashValue] = ptr::null_mut();
        (*nbl).NetBufferListInfo[NetBufferListHashInfo] = ptr::null_mut();
    }
}

const _: () = assert!(NDIS_STATUS_SUCCESS == 0);

/// Why `bytes` bytes in one buffer are no frame.
#[cold]
pub(crate) fn no_frame(bytes: usize, header: usize, max: u32) -> BuildError {
    let len = bytes as u64;
    match len.checked_sub(header as u64) {
        Some(len) if len > u64::from(max) => BuildError::TooLong { len, max },
        _ => too_short(len, header),
    }
}

#[cold]
fn too_short(len: u64, header: usize) -> BuildError {
    match len.checked_sub(header as u64) {
        Some(frame) => BuildError::RuntFrame { len: frame as u32 },
        None => BuildError::TooShort { len, header },
    }
}

#[cold]
fn no_segment(pool: &Pool) -> BuildError {
    if pool.has_all_segments() {
        BuildError::TooScattered {
            segments: pool.segments_left(),
        }
    } else {
        BuildError::PoolExhausted
    }
}
