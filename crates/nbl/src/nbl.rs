//! One frame of the burst at hand, seen through its NET_BUFFER_LIST.
//!
//! Which word of the structures holds what, beyond what NDIS says of it:
//!
//! | word | holds |
//! | --- | --- |
//! | `MiniportReserved[0]` | [`Nbl::token`]: how the sending port calls the buffers that the frame lies in |
//! | `SourceHandle` | [`Nbl::source_port`], one more than its number, so that NULL names no port |
//! | `Status` | [`Nbl::status`]: the verdict on the frame |
//! | `ProtocolReserved[0]`, `[1]` | [`Nbl::mark`]: what whoever judges the frame wants to find again |
//! | `Scratch`, `MiniportReserved[1]`, `ProtocolReserved[3]` | [`Nbl::receive`]: first and last segment, bytes and front |

#![allow(
    unsafe_code,
    reason = "UNSAFETY: reads and writes the pool's structures"
)]

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use ndis::{
    Ieee8021QNetBufferListInfo, NDIS_HASH_TYPE_MASK, NDIS_NET_BUFFER_LIST_8021Q_INFO,
    NDIS_NET_BUFFER_LIST_FILTERING_INFO, NDIS_NET_BUFFER_LIST_INFO, NDIS_STATUS,
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO, NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO,
    NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO, NET_BUFFER_LIST, NdisHashFunctionToeplitz,
    NetBufferListFilteringInfo, NetBufferListHashInfo, NetBufferListHashValue, PVOID,
    TcpIpChecksumNetBufferListInfo, TcpLargeSendNetBufferListInfo, UdpSegmentationOffloadInfo,
};

use crate::FRONT;
use crate::frame::{Frame, HAS_FACTS};
use crate::handle::from_ndis;
use crate::pool::Pool;
use crate::segments::{Mdls, Segment, Segments};
use crate::tag::MAX_HEAD;

/// A frame of the burst at hand. Copies name the same frame, as pointers do; it is one thread's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nbl<'p> {
    /// Inside its frame. What links lead to is what stands here, so following one takes a single load.
    list: NonNull<NET_BUFFER_LIST>,
    burst: Burst<'p>,
}

/// Notes that a frame has room for.
const MARKS: usize = 2;

/// Ties what a pool has handed out to the borrow of that pool.
///
/// Invariant in `'p`: a frame must never pass for one of a shorter burst. It could be linked there to a frame of another
/// pool, whose memory is gone when the first frame's own burst follows the link.
pub(crate) type Burst<'p> = PhantomData<Cell<&'p Pool>>;

impl<'p> Nbl<'p> {
    /// # Safety
    /// `frame` must be one of a pool that is borrowed for `'p`, and built in that time.
    #[inline]
    pub(crate) unsafe fn new(frame: NonNull<Frame>) -> Self {
        Self {
            // SAFETY: the list lies this far inside its frame.
            list: unsafe { frame.byte_add(Frame::NBL).cast() },
            burst: PhantomData,
        }
    }

    /// Bytes in the frame, without any virtio-net header.
    #[inline]
    pub fn data_len(self) -> u32 {
        // SAFETY: see `at`.
        unsafe { (*self.at()).nb.stDataLength as u32 }
    }

    /// The host's copy of the frame's first bytes: of all of them, or of [`LOOKAHEAD`](crate::LOOKAHEAD), a tag more or less if
    /// it is [another's copy](Pool::retagged). No guest can change them, and they are what is delivered (L1).
    #[inline]
    pub fn lookahead(self) -> &'p [u8] {
        // SAFETY: see `at`. From the MDL's address on, the bytes in the lookahead are this frame's alone in the pool's mapping.
        // They are written while the frame is built, before there was an `Nbl`, and not again before all are gone.
        unsafe {
            let first = (*self.at()).mdl.MappedSystemVa.cast::<u8>();
            std::slice::from_raw_parts(first, self.lookahead_len() as usize)
        }
    }

    /// The last `N` bytes in front of the frame, at most [`FRONT`]: the header that it was sent behind, until
    /// [`Nbl::set_receive_behind`] puts another there.
    #[inline]
    pub fn front<const N: usize>(self) -> [u8; N] {
        const { assert!(N <= FRONT) }
        // SAFETY: see `at`. FRONT bytes before the MDL's address are this frame's alone, and were written when it was built.
        unsafe { *(*self.at()).mdl.MappedSystemVa.cast::<u8>().sub(N).cast() }
    }

    /// Bytes of the frame in the lookahead.
    #[inline]
    pub(crate) fn lookahead_len(self) -> u32 {
        // SAFETY: see `at`.
        unsafe { (*self.at()).mdl.ByteCount.min(MAX_HEAD as u32) }
    }

    /// The last `front` bytes in front of the frame, at most [`FRONT`], and its first `len` bytes or all of the lookahead: what is
    /// delivered first.
    #[inline]
    pub(crate) fn head(self, front: usize, len: u32) -> &'p [u8] {
        let front = front.min(FRONT);
        // SAFETY: as for `front` and `lookahead`. The front is written by `set_receive_behind` only, and never while this is in
        // use: that is within one `transfer`.
        unsafe {
            let first = (*self.at()).mdl.MappedSystemVa.cast::<u8>().sub(front);
            std::slice::from_raw_parts(first, front + (len as usize).min(MAX_HEAD))
        }
    }

    /// Where the frame's bytes lie, in order: the lookahead's, then the guest's own.
    #[inline]
    pub fn segments(self) -> Segments<'p> {
        // SAFETY: see `at`. The chain was linked when the frame was built, of segments of this pool.
        unsafe { Segments::new(&raw const (*self.at()).segment, self.data_len()) }
    }

    /// Where the bytes lie that are not in the lookahead.
    #[inline]
    pub(crate) fn segments_behind_lookahead(self) -> Segments<'p> {
        let bytes = self.data_len().saturating_sub(self.lookahead_len());
        // SAFETY: as for `segments`.
        unsafe { Segments::new((*self.at()).segment.NextSharedMemorySegment, bytes) }
    }

    /// Where the bytes lie that are not in the lookahead, if they are in one piece that names a block.
    #[inline]
    pub(crate) fn only_behind_lookahead(self) -> Option<Segment> {
        let bytes = self.data_len().checked_sub(self.lookahead_len())?;
        // SAFETY: as for `segments`: the link is NULL or leads to a segment of this pool, which is copied out.
        let segment = unsafe {
            let next = NonNull::new((*self.at()).segment.NextSharedMemorySegment)?;
            *next.as_ptr()
        };
        if !segment.NextSharedMemorySegment.is_null() || segment.SharedMemoryLength < bytes {
            return None;
        }
        Some(Segment {
            handle: from_ndis(segment.SharedMemoryHandle)?,
            offset: segment.SharedMemoryOffset,
            len: bytes,
        })
    }

    /// The MDLs, element by element beside [`Nbl::segments`].
    #[inline]
    pub fn mdls(self) -> Mdls<'p> {
        // SAFETY: as for `segments`.
        unsafe { Mdls::new(&raw const (*self.at()).mdl, self.data_len()) }
    }

    /// The queue that the frame goes to; 0 is the default queue (slot 14).
    #[inline]
    pub fn queue_id(self) -> u16 {
        NDIS_NET_BUFFER_LIST_FILTERING_INFO::from_slot(self.slot(NetBufferListFilteringInfo))
            .QueueId()
    }

    /// Sets the queue, and the filter to 0, as VMQ has it (R1).
    #[inline]
    pub fn set_queue_id(self, queue: u16) {
        let mut info = NDIS_NET_BUFFER_LIST_FILTERING_INFO::zeroed();
        info.SetQueueId(queue);
        // SAFETY: see `at`. Every frame starts with this word cleared, whatever was noted with it.
        unsafe { (*self.at()).nbl.NetBufferListInfo[NetBufferListFilteringInfo] = info.to_slot() };
    }

    /// The 802.1Q tag that travels beside the frame instead of in it; zero if none does (slot 4).
    #[inline]
    pub fn vlan(self) -> NDIS_NET_BUFFER_LIST_8021Q_INFO {
        NDIS_NET_BUFFER_LIST_8021Q_INFO::from_slot(self.slot(Ieee8021QNetBufferListInfo))
    }

    /// Sets the tag that travels beside the frame.
    #[inline]
    pub fn set_vlan(self, tag: NDIS_NET_BUFFER_LIST_8021Q_INFO) {
        self.set_slot(Ieee8021QNetBufferListInfo, tag.to_slot());
    }

    /// Which checksums are still to be made; zero if none is (slot 0).
    #[inline]
    pub fn checksum(self) -> NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO {
        NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO::from_slot(
            self.slot(TcpIpChecksumNetBufferListInfo),
        )
    }

    /// Sets which checksums are still to be made.
    #[inline]
    pub fn set_checksum(self, work: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO) {
        self.set_slot(TcpIpChecksumNetBufferListInfo, work.to_slot());
    }

    /// How the frame is to be cut; zero if it is not (slot 2).
    #[inline]
    pub fn large_send(self) -> NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO {
        NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO::from_slot(
            self.slot(TcpLargeSendNetBufferListInfo),
        )
    }

    /// Sets how the frame is to be cut.
    #[inline]
    pub fn set_large_send(self, work: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO) {
        self.set_slot(TcpLargeSendNetBufferListInfo, work.to_slot());
    }

    /// How the frame is to be cut, if it is UDP. Means something only while [`Nbl::checksum`] is not zero: no burst clears
    /// the slot, which lies in a line that nothing else touches.
    #[inline]
    pub fn udp_segmentation(self) -> NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO {
        NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO::from_slot(
            self.slot(UdpSegmentationOffloadInfo),
        )
    }

    /// Sets how the frame is to be cut, if it is UDP.
    #[inline]
    pub fn set_udp_segmentation(self, work: NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO) {
        self.set_slot(UdpSegmentationOffloadInfo, work.to_slot());
    }

    /// The Toeplitz hash of the frame's flow and what was hashed, one of `NDIS_HASH_*`; `None` until it is set (slots 8 and 9).
    #[inline]
    pub fn hash(self) -> Option<(u32, u32)> {
        let info = self.slot(NetBufferListHashInfo).addr() as u32;
        let value = self.slot(NetBufferListHashValue).addr() as u32;
        (info != 0).then_some((value, info & NDIS_HASH_TYPE_MASK))
    }

    /// Sets the Toeplitz hash of the frame's flow and what was hashed.
    #[inline]
    pub fn set_hash(self, value: u32, kind: u32) {
        let info = kind & NDIS_HASH_TYPE_MASK | NdisHashFunctionToeplitz;
        let word = |word: u32| ptr::without_provenance_mut(word as usize);
        self.set_slot(NetBufferListHashValue, word(value));
        self.set_slot(NetBufferListHashInfo, word(info));
    }

    /// The frame that this one is a copy of, with another tag or without one; `None` if it was built itself.
    #[inline]
    pub fn parent(self) -> Option<Self> {
        // SAFETY: see `at`. Frames that are built have no parent, and that of a copy was noted in the burst `'p`.
        unsafe {
            let parent = NonNull::new((*self.at()).nbl.ParentNetBufferList)?;
            Some(Self::from_link(parent))
        }
    }

    /// How the sending port calls the buffers that the frame lies in; 0 until it says.
    #[inline]
    pub fn token(self) -> u64 {
        // SAFETY: see `at`.
        unsafe { (*self.at()).nbl.MiniportReserved[0].addr() as u64 }
    }

    /// Notes how the sending port calls the buffers that the frame lies in.
    #[inline]
    pub fn set_token(self, token: u64) {
        // SAFETY: see `at`.
        unsafe {
            (*self.at()).nbl.MiniportReserved[0] = ptr::without_provenance_mut(token as usize)
        };
    }

    /// The port that sent the frame, if that was noted.
    #[inline]
    pub fn source_port(self) -> Option<u16> {
        // SAFETY: see `at`.
        let handle = unsafe { (*self.at()).nbl.SourceHandle };
        handle.addr().checked_sub(1).map(|port| port as u16)
    }

    /// Notes the port that sent the frame.
    #[inline]
    pub fn set_source_port(self, port: u16) {
        self.note_facts();
        // SAFETY: see `at`.
        unsafe {
            (*self.at()).nbl.SourceHandle = ptr::without_provenance_mut(usize::from(port) + 1)
        };
    }

    /// The verdict on the frame; NDIS_STATUS_SUCCESS until there is another.
    #[inline]
    pub fn status(self) -> NDIS_STATUS {
        // SAFETY: see `at`.
        unsafe { (*self.at()).nbl.Status }
    }

    /// Sets the verdict on the frame.
    #[inline]
    pub fn set_status(self, status: NDIS_STATUS) {
        self.note_facts();
        // SAFETY: see `at`.
        unsafe { (*self.at()).nbl.Status = status };
    }

    /// One of two notes that whoever judges the frame has left for later. It says something only where it was written in this
    /// burst: none clears it.
    #[inline]
    pub fn mark<const WHICH: usize>(self) -> u32 {
        const { assert!(WHICH < MARKS) }
        // SAFETY: see `at`.
        unsafe { (*self.at()).nbl.ProtocolReserved[WHICH].addr() as u32 }
    }

    /// Leaves a note; see [`Nbl::mark`].
    #[inline]
    pub fn set_mark<const WHICH: usize>(self, mark: u32) {
        const { assert!(WHICH < MARKS) }
        let word = ptr::without_provenance_mut(mark as usize);
        // SAFETY: see `at`.
        unsafe { (*self.at()).nbl.ProtocolReserved[WHICH] = word };
    }

    /// The structure itself, for observers. Good to read while the pool is borrowed and the frame is not changed.
    #[inline]
    pub fn as_ptr(self) -> *const NET_BUFFER_LIST {
        self.as_link()
    }

    #[inline]
    pub(crate) fn as_link(self) -> *mut NET_BUFFER_LIST {
        self.list.as_ptr()
    }

    /// # Safety
    /// `link` must be what `as_link` gave for a frame of the burst `'p`.
    #[inline]
    pub(crate) unsafe fn from_link(link: NonNull<NET_BUFFER_LIST>) -> Self {
        Self {
            list: link,
            burst: PhantomData,
        }
    }

    #[inline]
    fn slot(self, slot: NDIS_NET_BUFFER_LIST_INFO) -> PVOID {
        // SAFETY: see `at`.
        unsafe { (*self.at()).nbl.NetBufferListInfo[slot] }
    }

    /// Sets a slot that starts empty in every frame.
    #[inline]
    fn set_slot(self, slot: NDIS_NET_BUFFER_LIST_INFO, word: PVOID) {
        self.note_facts();
        // SAFETY: see `at`.
        unsafe { (*self.at()).nbl.NetBufferListInfo[slot] = word };
    }

    /// Says that the next frame in this one's place has something to clear.
    #[inline]
    fn note_facts(self) {
        // SAFETY: see `at`.
        unsafe { (*self.at()).nbl.Flags = HAS_FACTS };
    }

    /// The frame, which may be read and written word by word: the pool is borrowed, so it is there; it is not `Sync` and an
    /// `Nbl` not `Send`, so this is the only thread; and no reference to a frame is ever made.
    #[inline]
    pub(crate) fn at(self) -> *mut Frame {
        // SAFETY: the list lies this far inside its frame.
        unsafe { self.list.byte_sub(Frame::NBL).cast().as_ptr() }
    }
}

impl fmt::Debug for Nbl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Nbl({} bytes for queue {})",
            self.data_len(),
            self.queue_id()
        )
    }
}
