//! NET_BUFFER: one frame, as a chain of MDLs and, beside it, a chain of shared memory segments.
//!
//! ```text
//! NET_BUFFER --MdlChain---------> MDL -----Next---> MDL -----> NULL      element i of one chain
//!            --SharedMemoryInfo-> segment --Next--> segment -> NULL      is element i of the other
//! ```
//!
//! C gives some words of the structure two names by a union. A union cannot be read without `unsafe`, so each such word
//! is one member here and its other name a method: `stDataLength` / `DataLength()`, `SharedMemoryInfo` /
//! `ScatterGatherList()`, the first six members / `NetBufferHeader()`.

use crate::basic::{
    NDIS_HANDLE, NDIS_PHYSICAL_ADDRESS, PVOID, SIZE_T, SLIST_HEADER, ULONG, USHORT,
};
use crate::mdl::MDL;
use crate::scatter_gather::SCATTER_GATHER_LIST;
use crate::shared_memory::NET_BUFFER_SHARED_MEMORY;

layout! {
    /// One frame. NDIS 6.0; `SharedMemoryInfo` since 6.20. Page: NET_BUFFER.
    #[cfg_attr(target_pointer_width = "64", repr(C, align(16)))]
    #[cfg_attr(target_pointer_width = "32", repr(C, align(8)))]
    #[derive(Clone, Copy, Debug)]
    pub struct NET_BUFFER [size 176 | 96, align 16 | 8] {
        /// The next frame of the same NET_BUFFER_LIST, or NULL.
        [0 | 0] pub Next: *mut NET_BUFFER,
        /// The MDL in which the frame's data begins.
        [8 | 4] pub CurrentMdl: *mut MDL,
        /// Bytes from the beginning of that MDL's buffer to the data.
        [16 | 8] pub CurrentMdlOffset: ULONG,
        /// Bytes of data, as wide as a pointer; its low 32 bits are [`NET_BUFFER::DataLength`].
        [24 | 12] pub stDataLength: SIZE_T,
        /// The first MDL of the frame.
        [32 | 16] pub MdlChain: *mut MDL,
        /// Bytes from the beginning of the MDL chain to the data.
        [40 | 20] pub DataOffset: ULONG,
        /// Not a member on Windows and without size: here ends C's union of the members above with a list head, whose
        /// alignment pads it.
        [48 | 24] pub HeaderEnd: [SLIST_HEADER; 0],
        /// Subtracted from the checksum when the data was copied with it.
        [48 | 24] pub ChecksumBias: USHORT,
        /// Reserved.
        [50 | 26] pub Reserved: USHORT,
        /// The pool that the structure came from.
        [56 | 28] pub NdisPoolHandle: NDIS_HANDLE,
        /// Belongs to NDIS.
        [64 | 32] pub NdisReserved: [PVOID; 2],
        /// Belongs to the protocol driver that owns the frame.
        [80 | 40] pub ProtocolReserved: [PVOID; 6],
        /// Belongs to the miniport driver that owns the frame.
        [128 | 64] pub MiniportReserved: [PVOID; 4],
        /// Physical address of the data, 0 if not given. NDIS 6.1 (before: NdisReserved1).
        [160 | 80] pub DataPhysicalAddress: NDIS_PHYSICAL_ADDRESS,
        /// The first segment of the frame, or NULL. It counts only under
        /// [`NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID`](crate::NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID), and
        /// shares its storage with [`NET_BUFFER::ScatterGatherList`]. NDIS 6.20.
        [168 | 88] pub SharedMemoryInfo: *mut NET_BUFFER_SHARED_MEMORY,
    }
}

impl NET_BUFFER {
    /// Bytes of data: the low half of `stDataLength`. NDIS 6.0. Page: NET_BUFFER_DATA_LENGTH.
    #[inline]
    pub const fn DataLength(&self) -> ULONG {
        low_half(self.stDataLength)
    }

    /// Sets the low half of `stDataLength` and, as in C, leaves the upper half alone; it must be zero.
    /// NDIS 6.0. Page: NET_BUFFER_DATA_LENGTH.
    #[inline]
    pub fn SetDataLength(&mut self, bytes: ULONG) {
        self.stDataLength = with_low_half(self.stDataLength, bytes);
    }

    /// The word of `SharedMemoryInfo` read as a scatter-gather list. Which of the two it is, is not written in the
    /// NET_BUFFER: see `SharedMemoryInfo`. NDIS 6.20. Page: NET_BUFFER.
    #[inline]
    pub const fn ScatterGatherList(&self) -> *mut SCATTER_GATHER_LIST {
        self.SharedMemoryInfo.cast()
    }

    /// Sets the word of `SharedMemoryInfo` to a scatter-gather list. NDIS 6.20. Page: NET_BUFFER.
    #[inline]
    pub fn SetScatterGatherList(&mut self, list: *mut SCATTER_GATHER_LIST) {
        self.SharedMemoryInfo = list.cast();
    }

    /// The first six members as C's `NetBufferHeader`. NDIS 6.0. Page: NET_BUFFER_HEADER.
    pub const fn NetBufferHeader(&self) -> NET_BUFFER_HEADER {
        NET_BUFFER_HEADER {
            NetBufferData: NET_BUFFER_DATA {
                Next: self.Next,
                CurrentMdl: self.CurrentMdl,
                CurrentMdlOffset: self.CurrentMdlOffset,
                NbDataLength: NET_BUFFER_DATA_LENGTH {
                    stDataLength: self.stDataLength,
                },
                MdlChain: self.MdlChain,
                DataOffset: self.DataOffset,
            },
        }
    }

    /// Sets the first six members. NDIS 6.0. Page: NET_BUFFER_HEADER.
    pub fn SetNetBufferHeader(&mut self, header: NET_BUFFER_HEADER) {
        let data = header.NetBufferData;
        self.Next = data.Next;
        self.CurrentMdl = data.CurrentMdl;
        self.CurrentMdlOffset = data.CurrentMdlOffset;
        self.stDataLength = data.NbDataLength.stDataLength;
        self.MdlChain = data.MdlChain;
        self.DataOffset = data.DataOffset;
    }
}

layout! {
    /// A frame's length in bytes, in two widths. NDIS 6.0. Page: NET_BUFFER_DATA_LENGTH.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NET_BUFFER_DATA_LENGTH [size 8 | 4, align 8 | 4] {
        /// The length as wide as a pointer; at most 0xFFFF_FFFF.
        [0 | 0] pub stDataLength: SIZE_T,
    }
}

impl NET_BUFFER_DATA_LENGTH {
    /// The low half of `stDataLength`. NDIS 6.0. Page: NET_BUFFER_DATA_LENGTH.
    #[inline]
    pub const fn DataLength(self) -> ULONG {
        low_half(self.stDataLength)
    }

    /// Sets the low half of `stDataLength`, leaving the upper. NDIS 6.0. Page: NET_BUFFER_DATA_LENGTH.
    #[inline]
    pub fn SetDataLength(&mut self, bytes: ULONG) {
        self.stDataLength = with_low_half(self.stDataLength, bytes);
    }
}

layout! {
    /// What of a NET_BUFFER says where the data is. NDIS 6.0. Page: NET_BUFFER_DATA.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NET_BUFFER_DATA [size 48 | 24, align 8 | 4] {
        /// See [`NET_BUFFER`].
        [0 | 0] pub Next: *mut NET_BUFFER,
        /// See [`NET_BUFFER`].
        [8 | 4] pub CurrentMdl: *mut MDL,
        /// Bytes; see [`NET_BUFFER`].
        [16 | 8] pub CurrentMdlOffset: ULONG,
        /// Bytes of data. The member has this name in C++ and none in C.
        [24 | 12] pub NbDataLength: NET_BUFFER_DATA_LENGTH,
        /// See [`NET_BUFFER`].
        [32 | 16] pub MdlChain: *mut MDL,
        /// Bytes; see [`NET_BUFFER`].
        [40 | 20] pub DataOffset: ULONG,
    }
}

layout! {
    /// The beginning of a NET_BUFFER, as large and aligned as if it also held the list head that overlays it in C.
    /// NDIS 6.0. Page: NET_BUFFER_HEADER.
    #[cfg_attr(target_pointer_width = "64", repr(C, align(16)))]
    #[cfg_attr(target_pointer_width = "32", repr(C, align(8)))]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NET_BUFFER_HEADER [size 48 | 24, align 16 | 8] {
        /// Where the data is.
        [0 | 0] pub NetBufferData: NET_BUFFER_DATA,
    }
}

const fn low_half(word: SIZE_T) -> ULONG {
    word as ULONG
}

const fn with_low_half(word: SIZE_T, low: ULONG) -> SIZE_T {
    (word & !(ULONG::MAX as SIZE_T)) | low as SIZE_T
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net_buffer_accessors::*;

    #[test]
    fn shared_memory_info_and_scatter_gather_list_are_one_word() {
        let mut segment = NET_BUFFER_SHARED_MEMORY::zeroed();
        let mut nb = NET_BUFFER::zeroed();
        assert!(NET_BUFFER_FIRST_SHARED_MEM_INFO(&nb).is_null());

        nb.SharedMemoryInfo = &mut segment;
        assert_eq!(NET_BUFFER_FIRST_SHARED_MEM_INFO(&nb), nb.SharedMemoryInfo);
        assert_eq!(
            NET_BUFFER_SCATTER_GATHER_LIST(&nb).cast(),
            nb.SharedMemoryInfo
        );

        nb.SetScatterGatherList(core::ptr::null_mut());
        assert!(NET_BUFFER_FIRST_SHARED_MEM_INFO(&nb).is_null());
    }

    #[test]
    fn shared_memory_info_is_the_last_word_where_windows_has_it() {
        let nb = NET_BUFFER::zeroed();
        let measured = &nb.SharedMemoryInfo as *const _ as usize - &nb as *const _ as usize;
        assert_eq!(
            measured,
            if cfg!(target_pointer_width = "64") {
                168
            } else {
                88
            }
        );
    }

    #[test]
    fn data_length_is_the_low_half_of_st_data_length() {
        let mut nb = NET_BUFFER {
            stDataLength: usize::MAX,
            ..NET_BUFFER::zeroed()
        };
        assert_eq!(nb.DataLength(), ULONG::MAX);
        nb.SetDataLength(1514);
        assert_eq!(NET_BUFFER_DATA_LENGTH(&nb), 1514);
        assert_eq!(
            nb.stDataLength,
            (usize::MAX & !0xFFFF_FFFF) | 1514,
            "writing the low half leaves the upper"
        );
    }

    #[test]
    fn a_header_carries_the_first_six_members_there_and_back() {
        let mut mdl = MDL::zeroed();
        let mut other = NET_BUFFER::zeroed();
        let from = NET_BUFFER {
            Next: &mut other,
            CurrentMdl: &mut mdl,
            CurrentMdlOffset: 2,
            stDataLength: 60,
            MdlChain: &mut mdl,
            DataOffset: 14,
            ..NET_BUFFER::zeroed()
        };
        let mut to = NET_BUFFER {
            ChecksumBias: 7,
            ..NET_BUFFER::zeroed()
        };
        to.SetNetBufferHeader(from.NetBufferHeader());
        assert_eq!(to.NetBufferHeader(), from.NetBufferHeader());
        assert_eq!(
            to.ChecksumBias, 7,
            "the members after the header are not touched"
        );
        assert_eq!(
            from.NetBufferHeader()
                .NetBufferData
                .NbDataLength
                .DataLength(),
            60
        );
    }
}
