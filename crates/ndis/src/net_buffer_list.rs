//! NET_BUFFER_LIST: a list of frames and the facts that travel beside them (checksum, tag, queue: the out-of-band
//! slots).
//!
//! Newer NDIS versions append slots and so grow the structure; slots 0 to 17 never move, and all that VMQ needs is among
//! them. Never allocate a list by the size of one version and read it by that of another: NDIS itself has more slots
//! than it shows to drivers.

use crate::basic::{LONG, MEMORY_ALLOCATION_ALIGNED, NDIS_HANDLE, PVOID, UCHAR, ULONG, USHORT};
use crate::net_buffer::NET_BUFFER;
use crate::slots::MaxNetBufferListInfo;
use crate::status::NDIS_STATUS;

layout! {
    /// A list of frames that share their out-of-band facts. NDIS 6.0. Page: NET_BUFFER_LIST.
    #[cfg_attr(target_pointer_width = "64", repr(C, align(16)))]
    #[cfg_attr(target_pointer_width = "32", repr(C, align(8)))]
    #[derive(Clone, Copy, Debug)]
    pub struct NET_BUFFER_LIST [
        size 288 | 152 ("ndis630" 336 | 168) ("ndis650" 352 | 168) ("ndis680" 368 | 176) ("ndis682" 368 | 192),
        align 16 | 8
    ] {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::NetBufferListFilteringInfo;

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
}
