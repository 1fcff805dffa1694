//! NET_BUFFER_LIST: a list of frames and the facts that travel beside them (checksum, tag, queue: the out-of-band
//! slots).
//!
//! The layout is that of NDIS 6.30 and 6.40. Newer versions append slots and so grow the structure; slots 0 to 17 never
//! move, and all that VMQ needs is among them. Never allocate a list by the size of one version and read it by that of
//! another.

use crate::basic::{LONG, MEMORY_ALLOCATION_ALIGNED, NDIS_HANDLE, PVOID, UCHAR, ULONG, USHORT};
use crate::net_buffer::NET_BUFFER;
use crate::oob::NDIS_NET_BUFFER_LIST_FILTERING_INFO;
use crate::slots::{MaxNetBufferListInfo, NetBufferListFilteringInfo, NDIS_NET_BUFFER_LIST_INFO};
use crate::status::NDIS_STATUS;
use core::ptr::null_mut;

layout! {
    /// A list of frames that share their out-of-band facts. NDIS 6.0, here as in 6.30. Page: NET_BUFFER_LIST.
    #[cfg_attr(target_pointer_width = "64", repr(C, align(16)))]
    #[cfg_attr(target_pointer_width = "32", repr(C, align(8)))]
    #[derive(Clone, Copy, Debug)]
    pub struct NET_BUFFER_LIST [size 336 | 168, align 16 | 8] {
        /// The next list of the chain, or NULL.
        [0 | 0] pub Next: *mut NET_BUFFER_LIST,
        /// The first frame of this list.
        [8 | 4] pub FirstNetBuffer: *mut NET_BUFFER,
        /// Room that drivers stack their private data in, or NULL.
        [16 | 8] pub Context: *mut NET_BUFFER_LIST_CONTEXT,
        /// The list that this one was cloned from, or NULL.
        [24 | 12] pub ParentNetBufferList: *mut NET_BUFFER_LIST,
        /// The pool that the structure came from.
        [32 | 16] pub NdisPoolHandle: NDIS_HANDLE,
        /// Belongs to NDIS.
        [48 | 24] pub NdisReserved: MEMORY_ALLOCATION_ALIGNED<[PVOID; 2]>,
        /// Belongs to the protocol driver that owns the list.
        [64 | 32] pub ProtocolReserved: [PVOID; 4],
        /// Belongs to the miniport driver that owns the list.
        [96 | 48] pub MiniportReserved: [PVOID; 2],
        /// Belongs to whichever driver has the list at the moment.
        [112 | 56] pub Scratch: PVOID,
        /// The adapter or binding that the list came from.
        [120 | 60] pub SourceHandle: NDIS_HANDLE,
        /// Public flags, `NDIS_NBL_FLAGS_*`.
        [128 | 64] pub NblFlags: ULONG,
        /// Clones not yet given back.
        [132 | 68] pub ChildRefCount: LONG,
        /// Private flags; `NBL_FLAGS_*` say which bits are whose.
        [136 | 72] pub Flags: ULONG,
        /// How sending ended. C also calls this word NdisReserved2.
        [140 | 76] pub Status: NDIS_STATUS,
        /// The out-of-band slots.
        [144 | 80] pub NetBufferListInfo: [PVOID; MaxNetBufferListInfo],
    }
}

impl NET_BUFFER_LIST {
    /// A list without frames, every slot empty.
    pub const fn zeroed() -> Self {
        Self {
            Next: null_mut(),
            FirstNetBuffer: null_mut(),
            Context: null_mut(),
            ParentNetBufferList: null_mut(),
            NdisPoolHandle: null_mut(),
            NdisReserved: MEMORY_ALLOCATION_ALIGNED([null_mut(); 2]),
            ProtocolReserved: [null_mut(); 4],
            MiniportReserved: [null_mut(); 2],
            Scratch: null_mut(),
            SourceHandle: null_mut(),
            NblFlags: 0,
            ChildRefCount: 0,
            Flags: 0,
            Status: 0,
            NetBufferListInfo: [null_mut(); MaxNetBufferListInfo],
        }
    }

    /// The first two members as C's `NetBufferListHeader`. NDIS 6.0. Page: NET_BUFFER_LIST_HEADER.
    pub const fn NetBufferListHeader(&self) -> NET_BUFFER_LIST_HEADER {
        NET_BUFFER_LIST_HEADER {
            NetBufferListData: NET_BUFFER_LIST_DATA {
                Next: self.Next,
                FirstNetBuffer: self.FirstNetBuffer,
            },
        }
    }

    /// Sets the first two members. NDIS 6.0. Page: NET_BUFFER_LIST_HEADER.
    pub fn SetNetBufferListHeader(&mut self, header: NET_BUFFER_LIST_HEADER) {
        self.Next = header.NetBufferListData.Next;
        self.FirstNetBuffer = header.NetBufferListData.FirstNetBuffer;
    }
}

layout! {
    /// The links of a NET_BUFFER_LIST. NDIS 6.0. Page: NET_BUFFER_LIST_DATA.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NET_BUFFER_LIST_DATA [size 16 | 8, align 8 | 4] {
        /// See [`NET_BUFFER_LIST`].
        [0 | 0] pub Next: *mut NET_BUFFER_LIST,
        /// See [`NET_BUFFER_LIST`].
        [8 | 4] pub FirstNetBuffer: *mut NET_BUFFER,
    }
}

layout! {
    /// The beginning of a NET_BUFFER_LIST, as large and aligned as if it also held the list head that overlays it in C.
    /// NDIS 6.0. Page: NET_BUFFER_LIST_HEADER.
    #[cfg_attr(target_pointer_width = "64", repr(C, align(16)))]
    #[cfg_attr(target_pointer_width = "32", repr(C, align(8)))]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NET_BUFFER_LIST_HEADER [size 16 | 8, align 16 | 8] {
        /// The links.
        [0 | 0] pub NetBufferListData: NET_BUFFER_LIST_DATA,
    }
}

layout! {
    /// Head of a driver's private room in a NET_BUFFER_LIST; the room follows it. NDIS 6.0.
    /// Page: NET_BUFFER_LIST_CONTEXT.
    #[cfg_attr(target_pointer_width = "64", repr(C, align(16)))]
    #[cfg_attr(target_pointer_width = "32", repr(C, align(8)))]
    #[derive(Clone, Copy, Debug)]
    pub struct NET_BUFFER_LIST_CONTEXT [size 16 | 8, align 16 | 8] {
        /// The room of the driver that was there before, or NULL.
        [0 | 0] pub Next: *mut NET_BUFFER_LIST_CONTEXT,
        /// Bytes of room.
        [8 | 4] pub Size: USHORT,
        /// Bytes of the room not in use yet, from its beginning.
        [10 | 6] pub Offset: USHORT,
        /// Where the room begins.
        [16 | 8] pub ContextData: MEMORY_ALLOCATION_ALIGNED<[UCHAR; 0]>,
    }
}

/// The next list of the chain, or NULL. NDIS 6.0. Page: NET_BUFFER_LIST_NEXT_NBL.
#[inline]
pub const fn NET_BUFFER_LIST_NEXT_NBL(nbl: &NET_BUFFER_LIST) -> *mut NET_BUFFER_LIST {
    nbl.Next
}

/// The first frame of the list. NDIS 6.0. Page: NET_BUFFER_LIST_FIRST_NB.
#[inline]
pub const fn NET_BUFFER_LIST_FIRST_NB(nbl: &NET_BUFFER_LIST) -> *mut NET_BUFFER {
    nbl.FirstNetBuffer
}

/// The private flags. NDIS 6.0. Page: NET_BUFFER_LIST_FLAGS.
#[inline]
pub const fn NET_BUFFER_LIST_FLAGS(nbl: &NET_BUFFER_LIST) -> ULONG {
    nbl.Flags
}

/// The public flags. NDIS 6.0. Page: NET_BUFFER_LIST_NBL_FLAGS.
#[inline]
pub const fn NET_BUFFER_LIST_NBL_FLAGS(nbl: &NET_BUFFER_LIST) -> ULONG {
    nbl.NblFlags
}

/// How sending ended. NDIS 6.0. Page: NET_BUFFER_LIST_STATUS.
#[inline]
pub const fn NET_BUFFER_LIST_STATUS(nbl: &NET_BUFFER_LIST) -> NDIS_STATUS {
    nbl.Status
}

/// The protocol driver's words. NDIS 6.0. Page: NET_BUFFER_LIST_PROTOCOL_RESERVED.
#[inline]
pub const fn NET_BUFFER_LIST_PROTOCOL_RESERVED(nbl: &NET_BUFFER_LIST) -> &[PVOID; 4] {
    &nbl.ProtocolReserved
}

/// The miniport driver's words. NDIS 6.0. Page: NET_BUFFER_LIST_MINIPORT_RESERVED.
#[inline]
pub const fn NET_BUFFER_LIST_MINIPORT_RESERVED(nbl: &NET_BUFFER_LIST) -> &[PVOID; 2] {
    &nbl.MiniportReserved
}

/// The out-of-band slot `slot`. A slot that only newer versions have reads as one that nobody filled: NULL.
/// NDIS 6.0. Page: NET_BUFFER_LIST_INFO.
///
/// The macro is assignable in C; here assign to `nbl.NetBufferListInfo[slot]`.
#[inline]
pub const fn NET_BUFFER_LIST_INFO(nbl: &NET_BUFFER_LIST, slot: NDIS_NET_BUFFER_LIST_INFO) -> PVOID {
    if slot < MaxNetBufferListInfo {
        nbl.NetBufferListInfo[slot]
    } else {
        null_mut()
    }
}

/// The VM queue that the frames belong to; 0 is the default queue. NDIS 6.20. Page: NET_BUFFER_LIST_RECEIVE_QUEUE_ID.
#[inline]
pub fn NET_BUFFER_LIST_RECEIVE_QUEUE_ID(nbl: &NET_BUFFER_LIST) -> USHORT {
    filtering_info(nbl).QueueId()
}

/// Sets the VM queue, leaving the filter. NDIS 6.20. Page: NET_BUFFER_LIST_RECEIVE_QUEUE_ID.
#[inline]
pub fn NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(nbl: &mut NET_BUFFER_LIST, queue: USHORT) {
    let mut info = filtering_info(nbl);
    info.SetQueueId(queue);
    nbl.NetBufferListInfo[NetBufferListFilteringInfo] = info.to_slot();
}

/// The filter that the frames passed; 0 under VMQ. NDIS 6.20. Page: NET_BUFFER_LIST_RECEIVE_FILTER_ID.
#[inline]
pub fn NET_BUFFER_LIST_RECEIVE_FILTER_ID(nbl: &NET_BUFFER_LIST) -> USHORT {
    filtering_info(nbl).FilterId()
}

/// Sets the filter, leaving the VM queue. NDIS 6.20. Page: NET_BUFFER_LIST_RECEIVE_FILTER_ID.
#[inline]
pub fn NET_BUFFER_LIST_SET_RECEIVE_FILTER_ID(nbl: &mut NET_BUFFER_LIST, filter: USHORT) {
    let mut info = filtering_info(nbl);
    info.SetFilterId(filter);
    nbl.NetBufferListInfo[NetBufferListFilteringInfo] = info.to_slot();
}

/// The virtual port that the frames belong to, where virtual ports take the place of queues. NDIS 6.30.
/// Page: NET_BUFFER_LIST_RECEIVE_FILTER_VPORT_ID.
#[inline]
pub fn NET_BUFFER_LIST_RECEIVE_FILTER_VPORT_ID(nbl: &NET_BUFFER_LIST) -> USHORT {
    filtering_info(nbl).VPortId()
}

#[inline]
fn filtering_info(nbl: &NET_BUFFER_LIST) -> NDIS_NET_BUFFER_LIST_FILTERING_INFO {
    NDIS_NET_BUFFER_LIST_FILTERING_INFO::from_slot(
        nbl.NetBufferListInfo[NetBufferListFilteringInfo],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::{GftOffloadInformation, Ieee8021QNetBufferListInfo};

    #[test]
    fn the_out_of_band_slots_begin_where_windows_has_them() {
        let nbl = NET_BUFFER_LIST::zeroed();
        let measured = &nbl.NetBufferListInfo as *const _ as usize - &nbl as *const _ as usize;
        assert_eq!(
            measured,
            if cfg!(target_pointer_width = "64") {
                144
            } else {
                80
            }
        );
        let slot_14 = &nbl.NetBufferListInfo[NetBufferListFilteringInfo] as *const _ as usize;
        assert_eq!(
            slot_14 - &nbl as *const _ as usize,
            measured + 14 * core::mem::size_of::<PVOID>()
        );
    }

    #[test]
    fn queue_and_filter_share_slot_14_without_disturbing_each_other() {
        let mut nbl = NET_BUFFER_LIST::zeroed();
        NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(&mut nbl, 0xFFFF);
        NET_BUFFER_LIST_SET_RECEIVE_FILTER_ID(&mut nbl, 0x1234);
        assert_eq!(NET_BUFFER_LIST_RECEIVE_QUEUE_ID(&nbl), 0xFFFF);
        assert_eq!(
            NET_BUFFER_LIST_RECEIVE_FILTER_VPORT_ID(&nbl),
            0xFFFF,
            "one place, named by what is in use"
        );
        assert_eq!(NET_BUFFER_LIST_RECEIVE_FILTER_ID(&nbl), 0x1234);
        assert_eq!(
            NET_BUFFER_LIST_INFO(&nbl, NetBufferListFilteringInfo) as usize,
            0xFFFF_1234
        );

        NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(&mut nbl, 3);
        assert_eq!(NET_BUFFER_LIST_RECEIVE_FILTER_ID(&nbl), 0x1234);
        assert!((0..MaxNetBufferListInfo)
            .filter(|slot| *slot != NetBufferListFilteringInfo)
            .all(|slot| nbl.NetBufferListInfo[slot].is_null()));
    }

    #[test]
    fn a_list_is_of_the_default_queue_until_told_otherwise() {
        assert_eq!(
            NET_BUFFER_LIST_RECEIVE_QUEUE_ID(&NET_BUFFER_LIST::zeroed()),
            0
        );
    }

    #[test]
    fn a_slot_of_a_newer_version_reads_as_empty() {
        let mut nbl = NET_BUFFER_LIST::zeroed();
        nbl.NetBufferListInfo = [1 as PVOID; MaxNetBufferListInfo];
        assert_eq!(
            NET_BUFFER_LIST_INFO(&nbl, Ieee8021QNetBufferListInfo) as usize,
            1
        );
        assert!(NET_BUFFER_LIST_INFO(&nbl, GftOffloadInformation).is_null());
        assert!(NET_BUFFER_LIST_INFO(&nbl, usize::MAX).is_null());
    }

    #[test]
    fn each_accessor_macro_reads_its_own_member() {
        let mut next = NET_BUFFER_LIST::zeroed();
        let mut nb = NET_BUFFER::zeroed();
        let nbl = NET_BUFFER_LIST {
            Next: &mut next,
            FirstNetBuffer: &mut nb,
            NblFlags: 1,
            Flags: 2,
            Status: 3,
            ProtocolReserved: [4 as PVOID; 4],
            MiniportReserved: [5 as PVOID; 2],
            ..NET_BUFFER_LIST::zeroed()
        };
        assert!(core::ptr::eq(NET_BUFFER_LIST_NEXT_NBL(&nbl), &next));
        assert!(core::ptr::eq(NET_BUFFER_LIST_FIRST_NB(&nbl), &nb));
        assert_eq!(NET_BUFFER_LIST_NBL_FLAGS(&nbl), 1);
        assert_eq!(NET_BUFFER_LIST_FLAGS(&nbl), 2);
        assert_eq!(NET_BUFFER_LIST_STATUS(&nbl), 3);
        assert_eq!(NET_BUFFER_LIST_PROTOCOL_RESERVED(&nbl)[3] as usize, 4);
        assert_eq!(NET_BUFFER_LIST_MINIPORT_RESERVED(&nbl)[1] as usize, 5);

        let mut copy = NET_BUFFER_LIST::zeroed();
        copy.SetNetBufferListHeader(nbl.NetBufferListHeader());
        assert_eq!(copy.NetBufferListHeader(), nbl.NetBufferListHeader());
    }
}
