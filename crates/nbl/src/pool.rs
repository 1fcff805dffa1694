//! A worker's store of frames and segments, linked once and reused by every burst.
#![allow(unsafe_code)]

use std::cell::{Cell, UnsafeCell};
use std::ptr::NonNull;
use std::sync::Arc;

use ndis::{MDL, NDIS_HANDLE, NET_BUFFER, NET_BUFFER_LIST, NET_BUFFER_SHARED_MEMORY};
use shmem::{Handle, MapError, Mapping};

use crate::LOOKAHEAD;
use crate::frame::Nbl;
use crate::handle::to_ndis;

/// The most segments that a chain can have: those of the largest pool and a lookahead.
pub(crate) const LONGEST_CHAIN: usize = MOST_SEGMENTS + 1;

const MOST_SEGMENTS: usize = 16 * 1024;

/// Frames and segments for one worker's bursts.
#[derive(Debug)]
pub struct Pool {
    frames: Box<[UnsafeCell<Frame>]>,
    pieces: Box<[UnsafeCell<Piece>]>,
    lookahead: Arc<Mapping>,
    frames_taken: Cell<usize>,
    pieces_taken: Cell<usize>,
    /// Pieces below this describe the burst's frames; those above, receive buffers.
    end_of_frames: Cell<usize>,
}

/// One frame's structures, side by side. What does not change from frame to frame is set once (B3).
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Frame {
    pub(crate) nbl: NET_BUFFER_LIST,
    pub(crate) nb: NET_BUFFER,
    pub(crate) lookahead: Piece,
    pub(crate) receive: Receive,
    /// The host's copy of the frame's first bytes.
    pub(crate) lookahead_at: NonNull<u8>,
}

/// An MDL and the segment beside it, which describe the same bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Piece {
    pub(crate) segment: NET_BUFFER_SHARED_MEMORY,
    pub(crate) mdl: MDL,
}

/// The receive buffers that a frame is about to be copied into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receive {
    pub(crate) first: *mut Piece,
    pub(crate) last: *mut Piece,
    pub(crate) pieces: u32,
    pub(crate) bytes: u32,
}

impl Receive {
    pub(crate) const NONE: Self = Self {
        first: std::ptr::null_mut(),
        last: std::ptr::null_mut(),
        pieces: 0,
        bytes: 0,
    };
}

// SAFETY: every pointer in a pool's structures leads into its own boxes or its own mapping, which move
// with it; a pool is not `Sync`, so it has one thread at a time.
unsafe impl Send for Pool {}

impl Pool {
    /// A pool of `frames` frames, each with its lookahead buffer, and `segments` further segments (of more
    /// than 16 Ki, those).
    ///
    /// # Errors
    /// The operating system has no memory for the lookahead buffers.
    pub fn new(frames: usize, segments: usize) -> Result<Self, MapError> {
        let lookahead = Mapping::anonymous(frames * LOOKAHEAD)?;
        let piece = Piece {
            segment: NET_BUFFER_SHARED_MEMORY::zeroed(),
            mdl: MDL::zeroed(),
        };
        let mut pool = Self {
            frames: (0..frames)
                .map(|at| {
                    UnsafeCell::new(Frame {
                        nbl: NET_BUFFER_LIST::zeroed(),
                        nb: NET_BUFFER::zeroed(),
                        lookahead: piece,
                        receive: Receive::NONE,
                        // SAFETY: `at` < `frames`, and the mapping has LOOKAHEAD bytes for each.
                        lookahead_at: unsafe { lookahead.as_ptr().add(at * LOOKAHEAD) },
                    })
                })
                .collect(),
            pieces: (0..segments.min(MOST_SEGMENTS))
                .map(|_| UnsafeCell::new(piece))
                .collect(),
            lookahead,
            frames_taken: Cell::new(0),
            pieces_taken: Cell::new(0),
            end_of_frames: Cell::new(0),
        };
        pool.link();
        Ok(pool)
    }

    /// Links each frame's structures to one another: they stay where they are for the pool's life.
    fn link(&mut self) {
        for (at, frame) in self.frames.iter().enumerate() {
            let frame = frame.get();
            // SAFETY: `&mut self`: nobody else has a pointer into the pool yet.
            unsafe {
                (*frame).nbl.FirstNetBuffer = &raw mut (*frame).nb;
                let mdl = &raw mut (*frame).lookahead.mdl;
                (*frame).nb.MdlChain = mdl;
                (*frame).nb.CurrentMdl = mdl;
                (*frame).nb.SharedMemoryInfo = &raw mut (*frame).lookahead.segment;
                (*mdl).StartVa = (*frame).lookahead_at.as_ptr().cast();
                (*mdl).MappedSystemVa = (*mdl).StartVa;
                (*mdl).MdlFlags = ndis::MDL_MAPPED_TO_SYSTEM_VA;
                (*frame).lookahead.segment.SharedMemoryOffset = (at * LOOKAHEAD) as u32;
            }
        }
    }

    /// The memory that the lookahead copies are made to, to be registered as a block.
    #[must_use]
    pub fn lookahead(&self) -> &Arc<Mapping> {
        &self.lookahead
    }

    /// Names the block that [`Pool::lookahead`] was registered as, in every lookahead segment.
    pub fn set_lookahead_handle(&mut self, handle: Handle) {
        for frame in &mut self.frames {
            frame.get_mut().lookahead.segment.SharedMemoryHandle = to_ndis(handle);
        }
    }

    /// Starts a burst: every frame and segment is back. No [`Nbl`] of the last burst is left, for it
    /// would borrow the pool.
    #[inline]
    pub fn reset(&mut self) {
        self.frames_taken.set(0);
        self.pieces_taken.set(0);
        self.end_of_frames.set(0);
    }

    /// Ends the burst's frames: segments taken from here on describe receive buffers.
    #[inline]
    pub fn end_of_pull(&self) {
        self.end_of_frames.set(self.pieces_taken.get());
    }

    /// Gives the segments of receive buffers back. Frames still name them until they are given others
    /// ([`Nbl::set_receive`]); reading such a chain is harmless and tells nothing.
    #[inline]
    pub fn rewind_receive(&self) {
        self.pieces_taken.set(self.end_of_frames.get());
    }

    /// Frames left in this burst.
    #[inline]
    #[must_use]
    pub fn frames_left(&self) -> usize {
        self.frames.len() - self.frames_taken.get()
    }

    /// Segments left in this burst.
    #[inline]
    #[must_use]
    pub fn segments_left(&self) -> usize {
        self.pieces.len() - self.pieces_taken.get()
    }

    #[inline]
    pub(crate) fn take_frame(&self) -> Option<Nbl<'_>> {
        let at = self.frames_taken.get();
        let frame = NonNull::new(self.frames.get(at)?.get())?;
        self.frames_taken.set(at + 1);
        // SAFETY: the frame is ours, and we are borrowed.
        Some(unsafe { Nbl::new(frame) })
    }

    /// Gives back the frame taken last and every segment taken since `pieces_taken`.
    pub(crate) fn untake_frame(&self, pieces_taken: usize) {
        self.frames_taken.set(self.frames_taken.get() - 1);
        self.pieces_taken.set(pieces_taken);
    }

    #[inline]
    pub(crate) fn pieces_taken(&self) -> usize {
        self.pieces_taken.get()
    }

    /// Takes a piece that describes `len` bytes of `block` from `offset`, and ends a chain.
    #[inline]
    pub(crate) fn take_piece(
        &self,
        block: NDIS_HANDLE,
        offset: u32,
        len: u32,
    ) -> Option<NonNull<Piece>> {
        let at = self.pieces_taken.get();
        let piece = NonNull::new(self.pieces.get(at)?.get())?;
        self.pieces_taken.set(at + 1);
        // SAFETY: the piece is the pool's, and no reference to it exists: chains hold raw pointers.
        unsafe {
            let segment = &raw mut (*piece.as_ptr()).segment;
            segment.write(NET_BUFFER_SHARED_MEMORY {
                NextSharedMemorySegment: std::ptr::null_mut(),
                SharedMemoryFlags: 0,
                SharedMemoryHandle: block,
                SharedMemoryOffset: offset,
                SharedMemoryLength: len,
            });
            (*piece.as_ptr()).mdl.Next = std::ptr::null_mut();
            (*piece.as_ptr()).mdl.ByteCount = len;
        }
        Some(piece)
    }
}
