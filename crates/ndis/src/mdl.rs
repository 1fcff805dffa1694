//! MDL: describes bytes by virtual address, side by side with the segment that describes them by handle and offset.
//!
//! A real MDL is followed by its page frame numbers; `Size` counts those too. Here, as in C, the structure is the header
//! alone.

use crate::basic::{CSHORT, PVOID, ULONG};

layout! {
    /// Memory descriptor list: one piece of a buffer, and the next. NDIS 6.0. Page: MDL.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct MDL [size 48 | 28, align 8 | 4] {
        /// The next MDL of the chain, or NULL.
        [0 | 0] pub Next: *mut MDL,
        /// Bytes of this header and the page frame numbers behind it.
        [8 | 4] pub Size: CSHORT,
        /// The `MDL_*` flags.
        [10 | 6] pub MdlFlags: CSHORT,
        /// The process whose addresses these are; NULL for system addresses.
        [16 | 8] pub Process: PVOID,
        /// Where the buffer is mapped in system space, if [`MDL_MAPPED_TO_SYSTEM_VA`] is set.
        [24 | 12] pub MappedSystemVa: PVOID,
        /// The page in which the buffer begins.
        [32 | 16] pub StartVa: PVOID,
        /// Bytes in the buffer.
        [40 | 20] pub ByteCount: ULONG,
        /// Bytes from `StartVa` to the beginning of the buffer.
        [44 | 24] pub ByteOffset: ULONG,
    }
}

/// Bytes in the MDL's buffer. NDIS 6.0. Page: MmGetMdlByteCount.
#[inline]
pub const fn MmGetMdlByteCount(mdl: &MDL) -> ULONG {
    mdl.ByteCount
}

/// Bytes from the first page's beginning to the buffer. NDIS 6.0. Page: MmGetMdlByteOffset.
#[inline]
pub const fn MmGetMdlByteOffset(mdl: &MDL) -> ULONG {
    mdl.ByteOffset
}

/// Address of the buffer: page plus offset. NDIS 6.0. Page: MmGetMdlVirtualAddress.
#[inline]
pub const fn MmGetMdlVirtualAddress(mdl: &MDL) -> PVOID {
    mdl.StartVa
        .cast::<u8>()
        .wrapping_add(mdl.ByteOffset as usize)
        .cast()
}

/// The next MDL of the chain, or NULL. NDIS 6.0. Page: NDIS_MDL_LINKAGE.
#[inline]
pub const fn NDIS_MDL_LINKAGE(mdl: &MDL) -> *mut MDL {
    mdl.Next
}

/// `MappedSystemVa` is valid. Page: MDL.
pub const MDL_MAPPED_TO_SYSTEM_VA: CSHORT = 0x0001;
/// The pages are held in memory. Page: MDL.
pub const MDL_PAGES_LOCKED: CSHORT = 0x0002;
/// The buffer came from nonpaged pool. Page: MDL.
pub const MDL_SOURCE_IS_NONPAGED_POOL: CSHORT = 0x0004;
/// The MDL came from a list of MDLs of one size. Page: MDL.
pub const MDL_ALLOCATED_FIXED_SIZE: CSHORT = 0x0008;
/// The MDL describes a part of another MDL's buffer. Page: MDL.
pub const MDL_PARTIAL: CSHORT = 0x0010;
/// That part has been mapped by itself. Page: MDL.
pub const MDL_PARTIAL_HAS_BEEN_MAPPED: CSHORT = 0x0020;
/// The pages are being read in. Page: MDL.
pub const MDL_IO_PAGE_READ: CSHORT = 0x0040;
/// The buffer is the target of a write by the device. Page: MDL.
pub const MDL_WRITE_OPERATION: CSHORT = 0x0080;
/// The buffer holds network headers. Page: MDL.
pub const MDL_NETWORK_HEADER: CSHORT = 0x1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mdls_buffer_begins_at_its_page_plus_its_offset() {
        let mdl = MDL {
            StartVa: 0x7000 as PVOID,
            ByteOffset: 0x123,
            ByteCount: 60,
            ..MDL::zeroed()
        };
        assert_eq!(MmGetMdlVirtualAddress(&mdl) as usize, 0x7123);
        assert_eq!(MmGetMdlByteCount(&mdl), 60);
        assert_eq!(MmGetMdlByteOffset(&mdl), 0x123);
    }

    #[test]
    fn mdls_link_into_a_null_terminated_list() {
        let mut last = MDL::zeroed();
        assert!(NDIS_MDL_LINKAGE(&last).is_null());
        let first = MDL {
            Next: &mut last,
            ..MDL::zeroed()
        };
        assert!(core::ptr::eq(NDIS_MDL_LINKAGE(&first), &last));
    }
}
