//! A worker's store of frames and segments: allocated and linked once, used anew by every burst.
//!
//! Four rows: frames, copies of them ([`Pool::retagged`]), pieces of what lies behind their lookahead, segments of receive
//! buffers. Each is taken from the first on; those of receive buffers can be given back alone while the burst's frames stay.
//!
//! A frame's lookahead buffer begins a cache line, with room in front of it; that of a copy begins a tag earlier, so that
//! there is room for one more:
//!
//! ```text
//! 0            48 front  64 lookahead                  192, the next frame's
//! | not used   |........|...............................|
//! ```
//!
//! Invariant: everything before `next_frame`, below `pieces_taken` and below `receive_taken` may be in use; the rest is not. A
//! mark goes back only in [`Pool::reset`], which nothing that was taken survives, in [`Pool::rewind_receive`], which says what
//! becomes of it, and when a [`Row`](crate::Row), which takes all frames, gives back those that it has not built.

#![allow(unsafe_code, reason = "UNSAFETY: links the structures to one another")]

use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use ndis::{CSHORT, MDL, MDL_MAPPED_TO_SYSTEM_VA, NET_BUFFER_SHARED_MEMORY};
use shmem::{Handle, MapError, Mapping};

use crate::frame::{Frame, Piece};
use crate::handle::to_ndis;
use crate::slab::Slab;
use crate::tag::Tag;
use crate::{FRONT, LOOKAHEAD};

/// Frames and segments for one worker's bursts.
///
/// The lookahead mapping is to be registered as a block, so that frames can be copied from it. Nobody but the pool may
/// write to it: [`Nbl::lookahead`](crate::Nbl::lookahead) lends it out as a slice.
pub struct Pool {
    frames: Slab<Frame>,
    copies: Slab<Frame>,
    pieces: Slab<Piece>,
    receive: Slab<NET_BUFFER_SHARED_MEMORY>,
    lookahead: Arc<Mapping>,
    /// In the row or at its end.
    next_frame: Cell<NonNull<Frame>>,
    copies_taken: Cell<usize>,
    pub(crate) pieces_taken: Cell<usize>,
    receive_taken: Cell<usize>,
}

// SAFETY: every pointer in the structures leads into the pool's own slabs or its own mapping, which stay where they are
// when the pool moves. It is not `Sync`, and what borrows it is not `Send`, so one thread at a time follows them.
unsafe impl Send for Pool {}

impl Pool {
    /// A pool of `frames` frames, each with a lookahead buffer of its own, with `segments` segments for what of them lies
    /// behind the lookahead, and as many for receive buffers.
    ///
    /// # Errors
    /// [`MapError`], if there is no memory for the lookahead buffers, none is wanted or all together exceed 4 GiB.
    pub fn new(frames: usize, segments: usize) -> Result<Self, MapError> {
        Self::with_copies(frames, 0, segments)
    }

    /// As [`Pool::new`], with `copies` frames more for [`Pool::retagged`].
    ///
    /// # Errors
    /// As [`Pool::new`].
    pub fn with_copies(frames: usize, copies: usize, segments: usize) -> Result<Self, MapError> {
        let lookahead = Mapping::anonymous(lookahead_bytes(frames.saturating_add(copies))?)?;
        let row = |count| Slab::new((0..count).map(|_| Frame::zeroed()).collect());
        let frames = row(frames);
        let pool = Self {
            next_frame: Cell::new(frames.first()),
            frames,
            copies: row(copies),
            pieces: Slab::new((0..segments).map(|_| Piece::zeroed()).collect()),
            receive: Slab::new(vec![NET_BUFFER_SHARED_MEMORY::zeroed(); segments].into()),
            lookahead,
            copies_taken: Cell::new(0),
            pieces_taken: Cell::new(0),
            receive_taken: Cell::new(0),
        };
        pool.set_what_stays();
        Ok(pool)
    }

    /// The memory of the lookahead buffers.
    pub fn lookahead(&self) -> &Arc<Mapping> {
        &self.lookahead
    }

    /// Names the block that [`Pool::lookahead`] was registered as, in every frame's first segment. Until then they have
    /// no handle, and their frames cannot be copied (M4).
    pub fn set_lookahead_handle(&mut self, handle: Handle) {
        for frame in self.frames.iter().chain(self.copies.iter()) {
            // SAFETY: the slab's, and `&mut self` says that nobody else looks at it.
            unsafe { (*frame.as_ptr()).segment.SharedMemoryHandle = to_ndis(handle) };
        }
    }

    /// Starts a burst: every frame and every segment is back. Nothing of the last burst is left, for it would borrow the
    /// pool.
    #[inline]
    pub fn reset(&mut self) {
        self.next_frame.set(self.frames.first());
        self.copies_taken.set(0);
        self.pieces_taken.set(0);
        self.receive_taken.set(0);
    }

    /// Gives the segments of all receive buffers back. Chains that are still attached to frames
    /// ([`Nbl::set_receive`](crate::Nbl::set_receive)) have no meaning from here on: walking one is harmless, and finds an
    /// error or the buffers of another chain.
    #[inline]
    pub fn rewind_receive(&self) {
        self.receive_taken.set(0);
    }

    /// Frames left in this burst.
    #[inline]
    pub fn frames_left(&self) -> usize {
        self.frames.from(self.next_frame.get())
    }

    /// Segments left for frames in this burst.
    #[inline]
    pub fn segments_left(&self) -> usize {
        self.pieces.count() - self.pieces_taken.get()
    }

    /// Segments left for receive buffers.
    #[inline]
    pub fn receive_segments_left(&self) -> usize {
        self.receive.count() - self.receive_taken.get()
    }

    /// The frame that is taken next, if there is one.
    #[inline]
    pub(crate) fn next_frame(&self) -> Option<NonNull<Frame>> {
        let next = self.next_frame.get();
        (next != self.frames.end()).then_some(next)
    }

    /// Takes what [`Pool::next_frame`] gave.
    #[inline]
    pub(crate) fn take_frame(&self, frame: NonNull<Frame>) {
        // SAFETY: one of the row, so what is behind it is the next or the end.
        self.next_frame.set(unsafe { frame.add(1) });
    }

    /// Takes all that are left, of which the first is this one, or the end.
    #[inline]
    pub(crate) fn take_all_frames(&self) -> NonNull<Frame> {
        self.next_frame.replace(self.frames.end())
    }

    /// Gives back what [`Pool::take_all_frames`] took, from `frame` on, which is one of the row or its end.
    #[inline]
    pub(crate) fn take_frames_before(&self, frame: NonNull<Frame>) {
        self.next_frame.set(frame);
    }

    /// Whether that is behind the last frame.
    #[inline]
    pub(crate) fn is_end(&self, frame: NonNull<Frame>) -> bool {
        frame == self.frames.end()
    }

    /// Takes a frame to be filled after another's example.
    pub(crate) fn take_copy(&self) -> Option<NonNull<Frame>> {
        let copy = self.copies.at(self.copies_taken.get())?;
        self.copies_taken.set(self.copies_taken.get() + 1);
        Some(copy)
    }

    /// The piece that is taken next for a frame which has taken all from `pieces_taken` to `index`, if there is one.
    #[inline]
    pub(crate) fn next_piece(&self, index: usize) -> Option<NonNull<Piece>> {
        self.pieces.at(index)
    }

    /// Whether all segments are there for the next frame.
    pub(crate) fn has_all_segments(&self) -> bool {
        self.pieces_taken.get() == 0
    }

    /// Takes a segment for a receive buffer.
    #[inline]
    pub(crate) fn take_receive_segment(&self) -> Option<NonNull<NET_BUFFER_SHARED_MEMORY>> {
        let taken = self.receive_taken.get();
        let segment = self.receive.at(taken)?;
        self.receive_taken.set(taken + 1);
        Some(segment)
    }

    /// Writes what is the same for every frame that will ever be (B3).
    fn set_what_stays(&self) {
        let frames = self.frames.iter().map(|frame| (frame, AHEAD));
        let copies = self.copies.iter().map(|copy| (copy, AHEAD - Tag::LEN));
        for (index, (frame, ahead)) in frames.chain(copies).enumerate() {
            let frame = frame.as_ptr();
            let offset = index * STRIDE + ahead;
            // SAFETY: the mapping has a stride for each frame and each copy; the frame is the slab's, and nobody else knows
            // the pool yet.
            unsafe {
                let bytes = self.lookahead.as_ptr().add(offset).as_ptr();
                (*frame).mdl = mapped(bytes);
                (*frame).segment.SharedMemoryOffset = offset as u32;
                (*frame).segment.SharedMemoryLength = LOOKAHEAD as u32;
                (*frame).nb.MdlChain = &raw mut (*frame).mdl;
                (*frame).nb.CurrentMdl = &raw mut (*frame).mdl;
                (*frame).nb.SharedMemoryInfo = &raw mut (*frame).segment;
                (*frame).nbl.FirstNetBuffer = &raw mut (*frame).nb;
            }
        }
        for piece in self.pieces.iter() {
            // SAFETY: the slab's, and nobody else knows the pool yet.
            unsafe { (*piece.as_ptr()).mdl.Size = MDL_SIZE };
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("frames_left", &self.frames_left())
            .field("segments_left", &self.segments_left())
            .field("receive_segments_left", &self.receive_segments_left())
            .finish_non_exhaustive()
    }
}

/// From one lookahead buffer to the next.
const STRIDE: usize = AHEAD + LOOKAHEAD;

/// What lies in front of a lookahead: a cache line, of which the last [`FRONT`] bytes are in use.
const AHEAD: usize = 64;
const _: () = assert!(FRONT + Tag::LEN <= AHEAD);

/// No page frame numbers follow ours.
const MDL_SIZE: CSHORT = size_of::<MDL>() as CSHORT;

/// What [`MDL::StartVa`] is a multiple of.
const PAGE: usize = 4096;

/// Describes host memory from `bytes` on, of which none is in use yet.
fn mapped(bytes: *mut u8) -> MDL {
    let in_page = bytes.addr() % PAGE;
    MDL {
        Size: MDL_SIZE,
        MdlFlags: MDL_MAPPED_TO_SYSTEM_VA,
        MappedSystemVa: bytes.cast(),
        StartVa: bytes.wrapping_sub(in_page).cast(),
        ByteOffset: in_page as u32,
        ..MDL::zeroed()
    }
}

/// Offsets into the lookahead block are ULONGs (B2).
fn lookahead_bytes(frames: usize) -> Result<usize, MapError> {
    let len = (frames as u64).saturating_mul(STRIDE as u64);
    // The last frame's lookahead may be taken for that of a copy, which is longer.
    let len = len.saturating_add(len.min(Tag::LEN as u64));
    if len > shmem::MAX_BLOCK {
        return Err(MapError::TooLarge { offset: 0, len });
    }
    Ok(len as usize)
}
