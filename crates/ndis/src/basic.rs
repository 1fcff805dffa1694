//! The words that every other declaration is made of: Windows' integer and handle types and the few small structures
//! that several families share.
//!
//! `ULONG` is 32 bits on every Windows, so it is `u32` here and never C's `long`. What Windows aligns harder than Linux
//! does (64-bit integers on 32-bit x86, lookaside list headers everywhere) says so in its type, so that the layouts
//! hold on any host.

use crate::layout::Zeroed;
use core::ffi::c_void;

/// Unsigned 8-bit integer. Page: Windows data types.
pub type UCHAR = u8;
/// Unsigned 16-bit integer. Page: Windows data types.
pub type USHORT = u16;
/// Signed 16-bit integer. Page: Windows data types.
pub type CSHORT = i16;
/// Signed 32-bit integer. Page: Windows data types.
pub type LONG = i32;
/// Unsigned 32-bit integer, on 64-bit Windows too. Page: Windows data types.
pub type ULONG = u32;
/// Unsigned integer as wide as a pointer. Page: Windows data types.
pub type ULONG_PTR = usize;
/// A count of bytes, as wide as a pointer. Page: Windows data types.
pub type SIZE_T = usize;
/// Unsigned 64-bit integer. Page: Windows data types.
pub type ULONG64 = u64;
/// Pointer to bytes. Page: Windows data types.
pub type PUCHAR = *mut UCHAR;
/// UTF-16 code unit. Page: Windows data types.
pub type WCHAR = u16;
/// Pointer to anything. Page: Windows data types.
pub type PVOID = *mut c_void;
/// Set of processors of one group, one bit each. Page: GROUP_AFFINITY.
pub type KAFFINITY = ULONG_PTR;

/// Names an object to NDIS; only NDIS knows what lies behind it. NDIS 6.0. Page: NDIS data types.
pub type NDIS_HANDLE = PVOID;
/// Names a receive queue of an adapter; 0 is the default queue. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub type NDIS_RECEIVE_QUEUE_ID = ULONG;
/// Names a group of receive queues; reserved for NDIS. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub type NDIS_RECEIVE_QUEUE_GROUP_ID = ULONG;
/// Names a receive filter, unique on its adapter; 0 names none. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_PARAMETERS.
pub type NDIS_RECEIVE_FILTER_ID = ULONG;
/// Names a virtual port of a NIC switch. NDIS 6.30. Page: NDIS_NIC_SWITCH_VPORT_PARAMETERS.
pub type NDIS_NIC_SWITCH_VPORT_ID = ULONG;

/// Names a scheduler queue of quality of service; 0 names none. NDIS 6.50. Page: NDIS_QOS_SQ_PARAMETERS.
pub type NDIS_QOS_SQ_ID = ULONG;
/// A NUMA node that memory is wanted from. Page: MmAllocateContiguousNodeMemory.
pub type NODE_REQUIREMENT = ULONG;

/// No NUMA node is preferred. Page: MmAllocateContiguousNodeMemory.
pub const MM_ANY_NODE_OK: NODE_REQUIREMENT = 0x8000_0000;

/// The alignment, in bytes, of what Windows' pools hand out: 16 on 64-bit, 8 on 32-bit. Page: SLIST_HEADER.
pub const MEMORY_ALLOCATION_ALIGNMENT: usize = crate::layout::for_target(16, 8);

/// Gives a member the alignment [`MEMORY_ALLOCATION_ALIGNMENT`], as C headers do with an alignment attribute.
/// Not a Windows type.
#[cfg_attr(target_pointer_width = "64", repr(C, align(16)))]
#[cfg_attr(target_pointer_width = "32", repr(C, align(8)))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MEMORY_ALLOCATION_ALIGNED<T>(pub T);

impl<T: Zeroed> Zeroed for MEMORY_ALLOCATION_ALIGNED<T> {
    const ZEROED: Self = Self(T::ZEROED);
}

const _: () = assert!(
    core::mem::align_of::<MEMORY_ALLOCATION_ALIGNED<UCHAR>>() == MEMORY_ALLOCATION_ALIGNMENT
);

layout! {
    /// A 64-bit integer, 8-byte aligned on every Windows (i686 Linux would align a bare `i64` to 4).
    /// Page: LARGE_INTEGER.
    #[repr(C, align(8))]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct LARGE_INTEGER [size 8 | 8, align 8 | 8] {
        /// The value as one number.
        [0 | 0] pub QuadPart: i64,
    }
}

impl From<i64> for LARGE_INTEGER {
    fn from(QuadPart: i64) -> Self {
        Self { QuadPart }
    }
}

impl From<LARGE_INTEGER> for i64 {
    fn from(number: LARGE_INTEGER) -> Self {
        number.QuadPart
    }
}

/// A physical (bus) address. NDIS 6.0. Page: NDIS_PHYSICAL_ADDRESS.
pub type NDIS_PHYSICAL_ADDRESS = LARGE_INTEGER;

#[cfg(target_pointer_width = "64")]
layout! {
    /// Head of a lock-free list. It overlays the first words of a NET_BUFFER or NET_BUFFER_LIST while NDIS keeps the
    /// structure in a free list; its alignment is what makes those structures 16-byte aligned. Page: SLIST_HEADER.
    #[repr(C, align(16))]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SLIST_HEADER [size 16 | 16, align 16 | 16] {
        /// Depth and sequence of the list, opaque.
        [0 | 0] pub Alignment: u64,
        /// Address of the first entry, opaque.
        [8 | 8] pub Region: u64,
    }
}

#[cfg(target_pointer_width = "32")]
layout! {
    /// Head of a lock-free list. It overlays the first words of a NET_BUFFER or NET_BUFFER_LIST while NDIS keeps the
    /// structure in a free list; its alignment is what makes those structures 8-byte aligned. Page: SLIST_HEADER.
    #[repr(C, align(8))]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SLIST_HEADER [size 8 | 8, align 8 | 8] {
        /// First entry, depth and sequence of the list, opaque.
        [0 | 0] pub Alignment: u64,
    }
}

layout! {
    /// Opens most structures that drivers and NDIS exchange, so that the reader knows which revision it got.
    /// NDIS 6.0. Page: NDIS_OBJECT_HEADER.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_OBJECT_HEADER [size 4 | 4, align 2 | 2] {
        /// Kind of structure: one of the `NDIS_OBJECT_TYPE_*` values.
        [0 | 0] pub Type: UCHAR,
        /// Revision of that structure, counted from 1.
        [1 | 1] pub Revision: UCHAR,
        /// Bytes from the start of the structure through the last member of that revision; may be less than the size
        /// of the structure.
        [2 | 2] pub Size: USHORT,
    }
}

layout! {
    /// A set of processors inside one processor group. NDIS 6.20. Page: GROUP_AFFINITY.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct GROUP_AFFINITY [size 16 | 12, align 8 | 4] {
        /// One bit per processor of the group.
        [0 | 0] pub Mask: KAFFINITY,
        /// Number of the group.
        [8 | 4] pub Group: USHORT,
        /// Zero.
        [10 | 6] pub Reserved: [USHORT; 3],
    }
}

/// Longest interface name in UTF-16 code units, without a terminating zero. Page: NDIS_IF_COUNTED_STRING.
pub const IF_MAX_STRING_SIZE: usize = 256;

layout! {
    /// A name with its length. NDIS 6.0. Page: IF_COUNTED_STRING.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_IF_COUNTED_STRING [size 516 | 516, align 2 | 2] {
        /// Length of the name in **bytes**, two for each UTF-16 code unit.
        [0 | 0] pub Length: USHORT,
        /// The name in UTF-16, with room for a terminating zero.
        [2 | 2] pub String: [WCHAR; IF_MAX_STRING_SIZE + 1],
    }
}

/// Name of the virtual machine that a queue belongs to. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub type NDIS_VM_NAME = NDIS_IF_COUNTED_STRING;
/// Name of a queue. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub type NDIS_QUEUE_NAME = NDIS_IF_COUNTED_STRING;

/// Header type of structures that have none of their own. NDIS 6.0. Page: NDIS_OBJECT_HEADER.
pub const NDIS_OBJECT_TYPE_DEFAULT: UCHAR = 0x80;
/// Header type of NDIS_OID_REQUEST. NDIS 6.0. Page: NDIS_OID_REQUEST.
pub const NDIS_OBJECT_TYPE_OID_REQUEST: UCHAR = 0x96;
/// Header type of NDIS_STATUS_INDICATION. NDIS 6.0. Page: NDIS_STATUS_INDICATION.
pub const NDIS_OBJECT_TYPE_STATUS_INDICATION: UCHAR = 0x98;
/// Header type of the hardware-assist attributes, where a miniport puts its VMQ capabilities. NDIS 6.20.
/// Page: NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES.
pub const NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES: UCHAR = 0xAF;
/// Header type of a shared memory provider's characteristics. NDIS 6.20.
/// Page: NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS.
pub const NDIS_OBJECT_TYPE_SHARED_MEMORY_PROVIDER_CHARACTERISTICS: UCHAR = 0xB0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_wrapped_for_allocation_alignment_keeps_its_size_when_that_is_a_multiple() {
        use core::mem::size_of;
        assert_eq!(
            size_of::<MEMORY_ALLOCATION_ALIGNED<[PVOID; 2]>>(),
            2 * size_of::<PVOID>()
        );
        assert_eq!(size_of::<MEMORY_ALLOCATION_ALIGNED<[UCHAR; 0]>>(), 0);
    }

    #[test]
    fn a_counted_string_has_room_for_the_longest_name_and_its_terminator() {
        assert_eq!(NDIS_VM_NAME::zeroed().String.len(), 257);
        assert!(usize::from(USHORT::MAX) > 2 * IF_MAX_STRING_SIZE);
    }
}
