//! One frame of a pool: its NET_BUFFER_LIST and everything that hangs from it.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr::NonNull;

use ndis::{
    Ieee8021QNetBufferListInfo, NDIS_NET_BUFFER_LIST_8021Q_INFO,
    NDIS_NET_BUFFER_LIST_FILTERING_INFO, NET_BUFFER_LIST, NetBufferListFilteringInfo,
};

use crate::LOOKAHEAD;
use crate::pool::{Frame, LONGEST_CHAIN, Piece, Pool, Receive};
use crate::receive::ReceiveChain;
use crate::segments::{Mdls, Segments};

/// A frame of the burst at hand. Copies name the same frame, as pointers do; it is one thread's.
#[derive(Clone, Copy, Debug)]
pub struct Nbl<'p> {
    frame: NonNull<Frame>,
    /// Not `Send`, for a pool is not `Sync`.
    pool: PhantomData<&'p Pool>,
}

impl<'p> Nbl<'p> {
    /// # Safety
    /// `frame` is one of a pool that is borrowed for `'p`.
    #[inline]
    pub(crate) unsafe fn new(frame: NonNull<Frame>) -> Self {
        Self {
            frame,
            pool: PhantomData,
        }
    }

    /// The frame's length in bytes, without any virtio-net header.
    #[inline]
    #[must_use]
    pub fn data_len(self) -> u32 {
        self.read(|frame| frame.nb.DataLength())
    }

    /// The host's copy of the frame's first bytes: all of them, or the first [`LOOKAHEAD`].
    #[inline]
    #[must_use]
    pub fn lookahead(self) -> &'p [u8] {
        let len = self.read(|frame| frame.lookahead.segment.SharedMemoryLength as usize);
        let at = self.read(|frame| frame.lookahead_at);
        // SAFETY: the lookahead buffer is private host memory of the pool, written only while the frame is
        // built, which is over when an `Nbl` exists; it stays mapped and unchanged while the pool is borrowed.
        unsafe { std::slice::from_raw_parts(at.as_ptr(), len.min(LOOKAHEAD)) }
    }

    /// Where the frame's bytes lie.
    #[inline]
    #[must_use]
    pub fn segments(self) -> Segments<'p> {
        Segments::new(self.read(|frame| frame.nb.SharedMemoryInfo), LONGEST_CHAIN)
    }

    /// The MDLs, element by element beside [`Nbl::segments`].
    #[inline]
    #[must_use]
    pub fn mdls(self) -> Mdls<'p> {
        Mdls::new(self.read(|frame| frame.nb.MdlChain), LONGEST_CHAIN)
    }

    /// The receive queue that the frame goes to (out-of-band slot 14).
    #[inline]
    #[must_use]
    pub fn queue_id(self) -> u16 {
        self.read(|frame| ndis::NET_BUFFER_LIST_RECEIVE_QUEUE_ID(&frame.nbl))
    }

    /// Sets the receive queue; the filter id is 0, as VMQ has it (R1, T9).
    #[inline]
    pub fn set_queue_id(self, queue: u16) {
        let mut info = NDIS_NET_BUFFER_LIST_FILTERING_INFO::zeroed();
        info.SetQueueId(queue);
        self.write(|frame| {
            frame.nbl.NetBufferListInfo[NetBufferListFilteringInfo] = info.to_slot()
        });
    }

    /// The 802.1Q tag that was taken out of the frame (slot 4); zero if none was (T7).
    #[inline]
    #[must_use]
    pub fn vlan(self) -> NDIS_NET_BUFFER_LIST_8021Q_INFO {
        self.read(|frame| {
            NDIS_NET_BUFFER_LIST_8021Q_INFO::from_slot(
                frame.nbl.NetBufferListInfo[Ieee8021QNetBufferListInfo],
            )
        })
    }

    /// The port's own name of the buffers that the frame lies in.
    #[inline]
    #[must_use]
    pub fn token(self) -> u64 {
        self.read(|frame| frame.nbl.MiniportReserved[0].addr() as u64)
    }

    /// Notes the port's own name of the buffers that the frame lies in, in the miniport's reserved words.
    #[inline]
    pub fn set_token(self, token: u64) {
        self.write(|frame| {
            frame.nbl.MiniportReserved[0] = std::ptr::without_provenance_mut(token as usize)
        });
    }

    /// The receive buffers that the frame is to be copied to.
    #[inline]
    #[must_use]
    pub fn receive(self) -> Option<ReceiveChain<'p>> {
        let receive = self.read(|frame| frame.receive);
        (!receive.first.is_null()).then(|| ReceiveChain::from_parts(receive))
    }

    /// Attaches receive buffers, or none.
    #[inline]
    pub fn set_receive(self, receive: Option<ReceiveChain<'p>>) {
        let receive = receive.map_or(Receive::NONE, ReceiveChain::into_parts);
        self.write(|frame| frame.receive = receive);
    }

    /// The structure itself, for observers.
    #[must_use]
    pub fn as_ptr(self) -> *const NET_BUFFER_LIST {
        // SAFETY: the frame is the pool's, which is borrowed; no reference is made.
        unsafe { &raw const (*self.frame.as_ptr()).nbl }
    }

    /// The lookahead's piece, to which the post-lookahead is linked while the frame is built.
    #[inline]
    pub(crate) fn lookahead_piece(self) -> *mut Piece {
        // SAFETY: the frame is the pool's, which is borrowed; no reference is made.
        unsafe { &raw mut (*self.frame.as_ptr()).lookahead }
    }

    #[inline]
    pub(crate) fn read<T>(self, read: impl FnOnce(&Frame) -> T) -> T {
        // SAFETY: the frame is the pool's, which is borrowed for `'p`. An `Nbl` is one thread's (not `Send`),
        // and no reference to a frame lives longer than such a closure, which calls no other of them.
        read(unsafe { self.frame.as_ref() })
    }

    #[inline]
    pub(crate) fn write<T>(self, write: impl FnOnce(&mut Frame) -> T) -> T {
        let mut frame = self.frame;
        // SAFETY: as in `read`.
        write(unsafe { frame.as_mut() })
    }
}

impl PartialEq for Nbl<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.frame == other.frame
    }
}

impl Eq for Nbl<'_> {}
