//! A receiver's posted buffers, described as a chain of segments like the frames themselves, and attached to these.

#![allow(unsafe_code, reason = "UNSAFETY: links segments to one another")]

use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use ndis::NET_BUFFER_SHARED_MEMORY;
use shmem::{Handle, Piece};

use crate::FRONT;
use crate::handle::{from_ndis, to_ndis};
use crate::nbl::{Burst, Nbl};
use crate::pool::Pool;
use crate::segments::{Segment, Segments};

/// The receive buffers of one frame, in the order in which they are filled. Copies share their segments: to push to two of
/// them leaves the older one too long, which its walk reports.
#[derive(Clone, Copy, Debug)]
pub struct ReceiveChain<'p> {
    ends: Option<(
        NonNull<NET_BUFFER_SHARED_MEMORY>,
        NonNull<NET_BUFFER_SHARED_MEMORY>,
    )>,
    bytes: u32,
    /// How many of them are for what is put in front of the frame.
    front: u32,
    burst: Burst<'p>,
}

impl<'p> ReceiveChain<'p> {
    /// A chain of no buffers.
    #[inline]
    pub fn new() -> Self {
        Self {
            ends: None,
            bytes: 0,
            front: 0,
            burst: PhantomData,
        }
    }

    /// A chain of one buffer, which is not empty, in a segment of `pool`; `None` when the pool has none left.
    #[inline]
    pub(crate) fn one(pool: &'p Pool, piece: Piece) -> Option<Self> {
        let segment = pool.take_receive_segment()?;
        write(segment, piece);
        Some(Self {
            ends: Some((segment, segment)),
            bytes: piece.len,
            front: 0,
            burst: PhantomData,
        })
    }

    /// Adds `len` bytes of a block from `offset` on, in a segment of `pool`. `false`, and the chain is as it was, when the
    /// pool has no segment left or the chain would have more than 4 GiB. Nothing is added for no bytes.
    #[inline]
    pub fn push(&mut self, pool: &'p Pool, handle: Handle, offset: u32, len: u32) -> bool {
        if len == 0 {
            return true;
        }
        let Some(bytes) = self.bytes.checked_add(len) else {
            return false;
        };
        let Some(segment) = pool.take_receive_segment() else {
            return false;
        };
        write(
            segment,
            Piece {
                handle,
                offset,
                len,
            },
        );
        let first = match self.ends {
            Some((first, last)) => {
                // SAFETY: both segments belong to the burst `'p`, so they are there, and no reference to them exists.
                unsafe { (*last.as_ptr()).NextSharedMemorySegment = segment.as_ptr() };
                first
            }
            None => segment,
        };
        self.ends = Some((first, segment));
        self.bytes = bytes;
        true
    }

    /// The same buffers, of which the first `front` bytes are not the frame's.
    #[inline]
    pub(crate) fn behind(self, front: usize) -> Self {
        Self {
            front: front as u32,
            ..self
        }
    }

    #[inline]
    pub(crate) fn front(&self) -> usize {
        self.front as usize
    }

    /// Room in bytes, for the frame and what is put in front of it.
    #[inline]
    pub fn len_bytes(&self) -> u32 {
        self.bytes
    }

    /// The buffers, in order.
    #[inline]
    pub fn segments(&self) -> Segments<'p> {
        let first = self
            .ends
            .map_or(ptr::null_mut(), |(first, _)| first.as_ptr());
        // SAFETY: linked here, of segments of the burst `'p`.
        unsafe { Segments::new(first, self.bytes) }
    }

    /// Its only segment; `None` if it has none or several, or one that names no block (M4).
    #[inline]
    pub(crate) fn only(&self) -> Option<Segment> {
        let (first, last) = self.ends?;
        if first != last {
            return None;
        }
        // SAFETY: a segment of the burst `'p`, to which no reference exists.
        let segment = unsafe { *first.as_ptr() };
        Some(Segment {
            handle: from_ndis(segment.SharedMemoryHandle)?,
            offset: segment.SharedMemoryOffset,
            len: segment.SharedMemoryLength,
        })
    }

    /// Its first and last segment, and its two lengths in one word.
    #[inline]
    pub(crate) fn parts(
        self,
    ) -> Option<(
        NonNull<NET_BUFFER_SHARED_MEMORY>,
        NonNull<NET_BUFFER_SHARED_MEMORY>,
        u64,
    )> {
        let lens = u64::from(self.front) << 32 | u64::from(self.bytes);
        self.ends.map(|(first, last)| (first, last, lens))
    }

    /// # Safety
    /// They must be what `parts` gave in the burst `'p`.
    #[inline]
    pub(crate) unsafe fn from_parts(
        first: NonNull<NET_BUFFER_SHARED_MEMORY>,
        last: NonNull<NET_BUFFER_SHARED_MEMORY>,
        lens: u64,
    ) -> Self {
        Self {
            ends: Some((first, last)),
            bytes: lens as u32,
            front: (lens >> 32) as u32,
            burst: PhantomData,
        }
    }
}

impl<'p> Nbl<'p> {
    /// The receive buffers that are attached to the frame.
    #[inline]
    pub fn receive(self) -> Option<ReceiveChain<'p>> {
        // SAFETY: see `at`. The words are what `set_receive` of this burst left there, or `first` is NULL.
        unsafe {
            let nbl = &raw const (*self.at()).nbl;
            let first = NonNull::new((*nbl).Scratch)?.cast();
            let last = NonNull::new((*nbl).MiniportReserved[1])?.cast();
            let lens = (*nbl).ProtocolReserved[3].addr() as u64;
            Some(ReceiveChain::from_parts(first, last, lens))
        }
    }

    /// The receive buffer that is attached to the frame, if it is a single one, and how many of its first bytes are not the
    /// frame's.
    #[inline]
    pub(crate) fn only_receive(self) -> Option<(Segment, usize)> {
        // SAFETY: see `at`. The words are what `set_receive` of this burst left there, or `first` is NULL.
        let (first, last, lens) = unsafe {
            let nbl = &raw const (*self.at()).nbl;
            let first = NonNull::new((*nbl).Scratch)?.cast();
            (
                first,
                (*nbl).MiniportReserved[1],
                (*nbl).ProtocolReserved[3].addr(),
            )
        };
        if first.as_ptr() != last.cast() {
            return None;
        }
        // SAFETY: what `set_receive` of this burst left there.
        let receive = unsafe { ReceiveChain::from_parts(first, first, lens as u64) };
        Some((receive.only()?, receive.front()))
    }

    /// Attaches the receive buffers that the frame is to be copied into, or none.
    #[inline]
    pub fn set_receive(self, receive: Option<ReceiveChain<'p>>) {
        let parts = receive.and_then(ReceiveChain::parts);
        // SAFETY: see `at`.
        unsafe {
            let nbl = &raw mut (*self.at()).nbl;
            (*nbl).Scratch = parts.map_or(ptr::null_mut(), |(first, ..)| first.as_ptr().cast());
            if let Some((_, last, lens)) = parts {
                (*nbl).MiniportReserved[1] = last.as_ptr().cast();
                (*nbl).ProtocolReserved[3] = ptr::without_provenance_mut(lens as usize);
            }
        }
    }

    /// Attaches a single receive buffer, into which `front` and then the frame are to be copied: `piece`, in a segment of `pool`.
    /// `false`, and nothing is attached, when the pool has no segment left.
    #[inline]
    pub fn receive_into<const N: usize>(
        self,
        pool: &'p Pool,
        front: &[u8; N],
        piece: Piece,
    ) -> bool {
        let Some(receive) = ReceiveChain::one(pool, piece) else {
            return false;
        };
        self.set_receive_behind(front, receive);
        true
    }

    /// Attaches the receive buffers that `front` and then the frame are to be copied into.
    #[inline]
    pub fn set_receive_behind<const N: usize>(self, front: &[u8; N], receive: ReceiveChain<'p>) {
        const { assert!(N <= FRONT) }
        // SAFETY: see `at`. FRONT bytes before the MDL's address are this frame's alone, and nothing refers to them.
        unsafe {
            let lookahead = (*self.at()).mdl.MappedSystemVa.cast::<u8>();
            lookahead.sub(N).cast::<[u8; N]>().write(*front);
        }
        self.set_receive(Some(receive.behind(N)));
    }
}

/// Describes a receive buffer, with none behind it (B5: no flags).
#[inline]
fn write(segment: NonNull<NET_BUFFER_SHARED_MEMORY>, piece: Piece) {
    // SAFETY: the segment was taken from its pool just now, so it is there, and no reference to it exists.
    unsafe {
        segment.write(NET_BUFFER_SHARED_MEMORY {
            NextSharedMemorySegment: ptr::null_mut(),
            SharedMemoryFlags: 0,
            SharedMemoryHandle: to_ndis(piece.handle),
            SharedMemoryOffset: piece.offset,
            SharedMemoryLength: piece.len,
        });
    }
}

impl Default for ReceiveChain<'_> {
    fn default() -> Self {
        Self::new()
    }
}
