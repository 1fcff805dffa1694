//! The macros by which C reaches into a NET_BUFFER, under their names.
//!
//! C assigns through most of them; that is the second function of each pair.

use crate::basic::{NDIS_PHYSICAL_ADDRESS, PVOID, ULONG, USHORT};
use crate::mdl::MDL;
use crate::net_buffer::NET_BUFFER;
use crate::scatter_gather::SCATTER_GATHER_LIST;
use crate::shared_memory::NET_BUFFER_SHARED_MEMORY;

accessors! {
    NET_BUFFER:
    /// The next frame of the list, or NULL. NDIS 6.0. Page: NET_BUFFER_NEXT_NB.
    NET_BUFFER_NEXT_NB, NET_BUFFER_SET_NEXT_NB: Next: *mut NET_BUFFER;
    /// The first MDL of the frame. NDIS 6.0. Page: NET_BUFFER_FIRST_MDL.
    NET_BUFFER_FIRST_MDL, NET_BUFFER_SET_FIRST_MDL: MdlChain: *mut MDL;
    /// Bytes from the beginning of the MDL chain to the data. NDIS 6.0. Page: NET_BUFFER_DATA_OFFSET.
    NET_BUFFER_DATA_OFFSET, NET_BUFFER_SET_DATA_OFFSET: DataOffset: ULONG;
    /// The MDL in which the data begins. NDIS 6.0. Page: NET_BUFFER_CURRENT_MDL.
    NET_BUFFER_CURRENT_MDL, NET_BUFFER_SET_CURRENT_MDL: CurrentMdl: *mut MDL;
    /// Bytes from the beginning of that MDL's buffer to the data. NDIS 6.0. Page: NET_BUFFER_CURRENT_MDL_OFFSET.
    NET_BUFFER_CURRENT_MDL_OFFSET, NET_BUFFER_SET_CURRENT_MDL_OFFSET: CurrentMdlOffset: ULONG;
    /// What to subtract from the checksum. NDIS 6.0. Page: NET_BUFFER_CHECKSUM_BIAS.
    NET_BUFFER_CHECKSUM_BIAS, NET_BUFFER_SET_CHECKSUM_BIAS: ChecksumBias: USHORT;
    /// Physical address of the data. NDIS 6.1. Page: NET_BUFFER.
    NET_BUFFER_DATA_PHYSICAL_ADDRESS, NET_BUFFER_SET_DATA_PHYSICAL_ADDRESS:
        DataPhysicalAddress: NDIS_PHYSICAL_ADDRESS;
    /// The first segment of the frame, or NULL. NDIS 6.20. Page: NET_BUFFER_FIRST_SHARED_MEM_INFO.
    NET_BUFFER_FIRST_SHARED_MEM_INFO, NET_BUFFER_SET_FIRST_SHARED_MEM_INFO:
        SharedMemoryInfo: *mut NET_BUFFER_SHARED_MEMORY;
}

/// Bytes of data. NDIS 6.0. Page: NET_BUFFER_DATA_LENGTH.
///
/// In Rust the structure of this name and the macro of this name live side by side, as they do in C.
#[inline]
pub const fn NET_BUFFER_DATA_LENGTH(nb: &NET_BUFFER) -> ULONG {
    nb.DataLength()
}

/// Assigns through [`fn@NET_BUFFER_DATA_LENGTH`]; the upper half of `stDataLength` is left alone, as in C.
#[inline]
pub fn NET_BUFFER_SET_DATA_LENGTH(nb: &mut NET_BUFFER, bytes: ULONG) {
    nb.SetDataLength(bytes);
}

/// The protocol driver's words. NDIS 6.0. Page: NET_BUFFER_PROTOCOL_RESERVED.
#[inline]
pub const fn NET_BUFFER_PROTOCOL_RESERVED(nb: &NET_BUFFER) -> &[PVOID; 6] {
    &nb.ProtocolReserved
}

/// The protocol driver's words, to write. NDIS 6.0. Page: NET_BUFFER_PROTOCOL_RESERVED.
#[inline]
pub fn NET_BUFFER_PROTOCOL_RESERVED_MUT(nb: &mut NET_BUFFER) -> &mut [PVOID; 6] {
    &mut nb.ProtocolReserved
}

/// The miniport driver's words. NDIS 6.0. Page: NET_BUFFER_MINIPORT_RESERVED.
#[inline]
pub const fn NET_BUFFER_MINIPORT_RESERVED(nb: &NET_BUFFER) -> &[PVOID; 4] {
    &nb.MiniportReserved
}

/// The miniport driver's words, to write. NDIS 6.0. Page: NET_BUFFER_MINIPORT_RESERVED.
#[inline]
pub fn NET_BUFFER_MINIPORT_RESERVED_MUT(nb: &mut NET_BUFFER) -> &mut [PVOID; 4] {
    &mut nb.MiniportReserved
}

/// The word of the first segment as a scatter-gather list. NDIS 6.20. Page: NET_BUFFER_SCATTER_GATHER_LIST.
#[inline]
pub const fn NET_BUFFER_SCATTER_GATHER_LIST(nb: &NET_BUFFER) -> *mut SCATTER_GATHER_LIST {
    nb.ScatterGatherList()
}

/// Assigns through [`NET_BUFFER_SCATTER_GATHER_LIST`].
#[inline]
pub fn NET_BUFFER_SET_SCATTER_GATHER_LIST(nb: &mut NET_BUFFER, list: *mut SCATTER_GATHER_LIST) {
    nb.SetScatterGatherList(list);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_accessor_macro_reads_its_own_member() {
        let (mut first, mut current) = (MDL::zeroed(), MDL::zeroed());
        let mut next = NET_BUFFER::zeroed();
        let nb = NET_BUFFER {
            Next: &mut next,
            CurrentMdl: &mut current,
            CurrentMdlOffset: 1,
            stDataLength: 2,
            MdlChain: &mut first,
            DataOffset: 3,
            ChecksumBias: 4,
            ProtocolReserved: [5 as PVOID; 6],
            MiniportReserved: [6 as PVOID; 4],
            DataPhysicalAddress: NDIS_PHYSICAL_ADDRESS { QuadPart: 7 },
            ..NET_BUFFER::zeroed()
        };
        assert!(core::ptr::eq(NET_BUFFER_NEXT_NB(&nb), &next));
        assert!(core::ptr::eq(NET_BUFFER_CURRENT_MDL(&nb), &current));
        assert!(core::ptr::eq(NET_BUFFER_FIRST_MDL(&nb), &first));
        assert_eq!(NET_BUFFER_CURRENT_MDL_OFFSET(&nb), 1);
        assert_eq!(NET_BUFFER_DATA_LENGTH(&nb), 2);
        assert_eq!(NET_BUFFER_DATA_OFFSET(&nb), 3);
        assert_eq!(NET_BUFFER_CHECKSUM_BIAS(&nb), 4);
        assert_eq!(NET_BUFFER_PROTOCOL_RESERVED(&nb)[5] as usize, 5);
        assert_eq!(NET_BUFFER_MINIPORT_RESERVED(&nb)[3] as usize, 6);
        assert_eq!(NET_BUFFER_DATA_PHYSICAL_ADDRESS(&nb).QuadPart, 7);
    }

    #[test]
    fn each_setter_writes_what_its_reader_reads() {
        let mut mdl = MDL::zeroed();
        let mut segment = NET_BUFFER_SHARED_MEMORY::zeroed();
        let mut next = NET_BUFFER::zeroed();
        let mut nb = NET_BUFFER::zeroed();
        NET_BUFFER_SET_NEXT_NB(&mut nb, &mut next);
        NET_BUFFER_SET_FIRST_MDL(&mut nb, &mut mdl);
        NET_BUFFER_SET_DATA_OFFSET(&mut nb, 1);
        NET_BUFFER_SET_CURRENT_MDL(&mut nb, &mut mdl);
        NET_BUFFER_SET_CURRENT_MDL_OFFSET(&mut nb, 2);
        NET_BUFFER_SET_CHECKSUM_BIAS(&mut nb, 3);
        NET_BUFFER_SET_DATA_PHYSICAL_ADDRESS(&mut nb, NDIS_PHYSICAL_ADDRESS { QuadPart: 4 });
        NET_BUFFER_SET_FIRST_SHARED_MEM_INFO(&mut nb, &mut segment);
        NET_BUFFER_SET_DATA_LENGTH(&mut nb, 5);
        NET_BUFFER_PROTOCOL_RESERVED_MUT(&mut nb)[5] = 6 as PVOID;
        NET_BUFFER_MINIPORT_RESERVED_MUT(&mut nb)[3] = 7 as PVOID;
        assert!(core::ptr::eq(NET_BUFFER_NEXT_NB(&nb), &next));
        assert!(core::ptr::eq(NET_BUFFER_FIRST_MDL(&nb), &mdl));
        assert!(core::ptr::eq(NET_BUFFER_CURRENT_MDL(&nb), &mdl));
        assert!(core::ptr::eq(
            NET_BUFFER_FIRST_SHARED_MEM_INFO(&nb),
            &segment
        ));
        assert_eq!(NET_BUFFER_DATA_OFFSET(&nb), 1);
        assert_eq!(NET_BUFFER_CURRENT_MDL_OFFSET(&nb), 2);
        assert_eq!(NET_BUFFER_CHECKSUM_BIAS(&nb), 3);
        assert_eq!(NET_BUFFER_DATA_PHYSICAL_ADDRESS(&nb).QuadPart, 4);
        assert_eq!(NET_BUFFER_DATA_LENGTH(&nb), 5);
        assert_eq!(NET_BUFFER_PROTOCOL_RESERVED(&nb)[5] as usize, 6);
        assert_eq!(NET_BUFFER_MINIPORT_RESERVED(&nb)[3] as usize, 7);
        NET_BUFFER_SET_SCATTER_GATHER_LIST(&mut nb, core::ptr::null_mut());
        assert!(NET_BUFFER_SCATTER_GATHER_LIST(&nb).is_null());
    }
}
