//! Shared memory as it is asked for and given: what a block is for, the parameters of an allocation, who provides it, and
//! the scatter-gather list of a block.
//!
//! An allocation has two handles that must not be mixed: `SharedMemoryHandle` goes into
//! [`NET_BUFFER_SHARED_MEMORY`](crate::NET_BUFFER_SHARED_MEMORY), the other one to NdisFreeSharedMemory.

use crate::basic::{
    NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_RECEIVE_QUEUE_ID, NODE_REQUIREMENT, PVOID, UCHAR, ULONG,
    USHORT,
};
use crate::handlers::{
    ALLOCATE_SHARED_MEMORY_HANDLER, FREE_SHARED_MEMORY_HANDLER, NDIS_SG_LIST_HANDLER,
};
use crate::layout::for_target;
use crate::mdl::MDL;
use crate::scatter_gather::SCATTER_GATHER_LIST;
use core::fmt;

/// The `SharedMemoryHandle` of memory that came from the HAL: NULL. So "no segment" is a NULL `SharedMemoryInfo`, not a
/// NULL handle. NDIS 6.20. Page: NDIS_SHARED_MEMORY_PARAMETERS.
pub const NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED: NDIS_HANDLE = core::ptr::null_mut();

/// Allocation flag: the block must be physically contiguous. NDIS 6.20. Page: NDIS_SHARED_MEMORY_PARAMETERS.
pub const NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS: ULONG = 0x0000_0001;
/// The same flag under the misspelt name that the documentation uses. NDIS 6.20. Page: NDIS_SHARED_MEMORY_PARAMETERS.
pub const NDIS_SHARED_MEM_PARAMETERS_CONTIGOUS: ULONG = NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS;
/// Provider flag: it also serves virtual ports of the physical function. NDIS 6.30.
/// Page: NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS.
pub const NDIS_SHARED_MEMORY_PROVIDER_CHAR_SUPPORTS_PF_VPORTS: ULONG = 0x0000_0001;

/// What a block of shared memory is for; the provider chooses by it where the block comes from. NDIS 6.20.
/// Page: NDIS_SHARED_MEMORY_USAGE.
pub type NDIS_SHARED_MEMORY_USAGE = i32;
/// No usage. NDIS 6.20. Page: NDIS_SHARED_MEMORY_USAGE.
pub const NdisSharedMemoryUsageUndefined: NDIS_SHARED_MEMORY_USAGE = 0;
/// Whole frames to transmit. NDIS 6.20. Page: NDIS_SHARED_MEMORY_USAGE.
pub const NdisSharedMemoryUsageXmit: NDIS_SHARED_MEMORY_USAGE = 1;
/// Headers of frames to transmit. NDIS 6.20. Page: NDIS_SHARED_MEMORY_USAGE.
pub const NdisSharedMemoryUsageXmitHeader: NDIS_SHARED_MEMORY_USAGE = 2;
/// Payload of frames to transmit. NDIS 6.20. Page: NDIS_SHARED_MEMORY_USAGE.
pub const NdisSharedMemoryUsageXmitData: NDIS_SHARED_MEMORY_USAGE = 3;
/// Whole received frames. NDIS 6.20. Page: NDIS_SHARED_MEMORY_USAGE.
pub const NdisSharedMemoryUsageReceive: NDIS_SHARED_MEMORY_USAGE = 4;
/// First bytes of received frames under the lookahead split: host memory, out of a guest's reach. NDIS 6.20.
/// Page: NDIS_SHARED_MEMORY_USAGE.
pub const NdisSharedMemoryUsageReceiveLookahead: NDIS_SHARED_MEMORY_USAGE = 5;
/// The rest of received frames under the lookahead split: may be a guest's memory. NDIS 6.20.
/// Page: NDIS_SHARED_MEMORY_USAGE.
pub const NdisSharedMemoryUsageReceivePostLookahead: NDIS_SHARED_MEMORY_USAGE = 6;
/// Headers of received frames under header-data split. NDIS 6.20. Page: NDIS_SHARED_MEMORY_USAGE.
pub const NdisSharedMemoryUsageReceiveHeader: NDIS_SHARED_MEMORY_USAGE = 7;
/// Payload of received frames under header-data split. NDIS 6.20. Page: NDIS_SHARED_MEMORY_USAGE.
pub const NdisSharedMemoryUsageReceiveData: NDIS_SHARED_MEMORY_USAGE = 8;
/// Anything else, rings for instance. NDIS 6.20. Page: NDIS_SHARED_MEMORY_USAGE.
pub const NdisSharedMemoryUsageOther: NDIS_SHARED_MEMORY_USAGE = 9;
/// Bound of the enumeration. NDIS 6.20. Page: NDIS_SHARED_MEMORY_USAGE.
pub const NdisSharedMemoryUsageMax: NDIS_SHARED_MEMORY_USAGE = 10;

layout! {
    /// A block of shared memory, asked for and described. NDIS 6.20. Page: NDIS_SHARED_MEMORY_PARAMETERS.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_SHARED_MEMORY_PARAMETERS [size 64 | 40 ("ndis630" 72 | 44), align 8 | 4] {
        /// In: type DEFAULT, revision and size of `NDIS_SHARED_MEMORY_PARAMETERS_REVISION_*`.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// In: [`NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS`] or 0.
        [4 | 4] pub Flags: ULONG,
        /// In: the queue that the block is for; 0 is the default queue.
        [8 | 8] pub QueueId: NDIS_RECEIVE_QUEUE_ID,
        /// Out: the handle for segments. Not the one that frees the block.
        [16 | 12] pub SharedMemoryHandle: NDIS_HANDLE,
        /// In: the NUMA node, or [`MM_ANY_NODE_OK`](crate::MM_ANY_NODE_OK).
        [24 | 16] pub PreferredNode: NODE_REQUIREMENT,
        /// In: what the block is for.
        [28 | 20] pub Usage: NDIS_SHARED_MEMORY_USAGE,
        /// In: bytes of the block.
        [32 | 24] pub Length: ULONG,
        /// Out: where the block is mapped.
        [40 | 28] pub VirtualAddress: PVOID,
        /// In: bytes of room in `SGListBuffer`.
        [48 | 32] pub SGListBufferLength: ULONG,
        /// In: room for the block's scatter-gather list, which is written there.
        [56 | 36] pub SGListBuffer: *mut SCATTER_GATHER_LIST,
        /// In: the virtual port, 0 under VMQ. NDIS 6.30.
        [64 | 40, "ndis630"] pub VPortId: crate::basic::NDIS_NIC_SWITCH_VPORT_ID,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_SHARED_MEMORY_PARAMETERS.
pub const NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1: UCHAR = 1;
/// Revision 2: VPortId. NDIS 6.30. Page: NDIS_SHARED_MEMORY_PARAMETERS.
pub const NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2: UCHAR = 2;
/// Bytes through SGListBuffer. NDIS 6.20. Page: NDIS_SHARED_MEMORY_PARAMETERS.
pub const NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1: USHORT = for_target(64, 40) as USHORT;
/// Bytes through VPortId. NDIS 6.30. Page: NDIS_SHARED_MEMORY_PARAMETERS.
pub const NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2: USHORT = for_target(68, 44) as USHORT;

layout! {
    /// What a shared memory provider registers with NdisSetOptionalHandlers. NDIS 6.20.
    /// Page: NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS.
    #[repr(C)]
    #[derive(Clone, Copy)]
    pub struct NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS [size 32 | 20, align 8 | 4] {
        /// Type SHARED_MEMORY_PROVIDER_CHARACTERISTICS, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// [`NDIS_SHARED_MEMORY_PROVIDER_CHAR_SUPPORTS_PF_VPORTS`] or 0.
        [4 | 4] pub Flags: ULONG,
        /// Given back to both handlers.
        [8 | 8] pub ProviderContext: NDIS_HANDLE,
        /// Allocates a block.
        [16 | 12] pub AllocateSharedMemoryHandler: ALLOCATE_SHARED_MEMORY_HANDLER,
        /// Frees a block.
        [24 | 16] pub FreeSharedMemoryHandler: FREE_SHARED_MEMORY_HANDLER,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS.
pub const NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS_REVISION_1: UCHAR = 1;
/// Bytes through FreeSharedMemoryHandler. NDIS 6.20. Page: NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS.
pub const NDIS_SIZEOF_SHARED_MEMORY_PROVIDER_CHARACTERISTICS_REVISION_1: USHORT =
    for_target(32, 20) as USHORT;

layout! {
    /// A scatter-gather list for a queue's buffer, asked for and given. NDIS 6.20.
    /// Page: NDIS_SCATTER_GATHER_LIST_PARAMETERS.
    #[repr(C)]
    #[derive(Clone, Copy)]
    pub struct NDIS_SCATTER_GATHER_LIST_PARAMETERS [size 72 | 48, align 8 | 4] {
        /// Type DEFAULT, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// `NDIS_SG_LIST_*` flags of the direction.
        [4 | 4] pub Flags: ULONG,
        /// The queue that the buffer is for.
        [8 | 8] pub QueueId: NDIS_RECEIVE_QUEUE_ID,
        /// What the buffer is for.
        [12 | 12] pub SharedMemoryUsage: NDIS_SHARED_MEMORY_USAGE,
        /// The MDL chain that describes the buffer.
        [16 | 16] pub Mdl: *mut MDL,
        /// Where in the first MDL the buffer begins.
        [24 | 20] pub CurrentVa: PVOID,
        /// Bytes of the buffer.
        [32 | 24] pub Length: ULONG,
        /// Called with the list.
        [40 | 28] pub ProcessSGListHandler: NDIS_SG_LIST_HANDLER,
        /// Given back to that handler.
        [48 | 32] pub Context: PVOID,
        /// Room for the list, or NULL for NDIS to find some.
        [56 | 36] pub ScatterGatherListBuffer: *mut SCATTER_GATHER_LIST,
        /// Bytes of that room.
        [64 | 40] pub ScatterGatherListBufferSize: ULONG,
        /// Out: bytes of room that the list needs.
        [68 | 44] pub ScatterGatherListBufferSizeNeeded: ULONG,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_SCATTER_GATHER_LIST_PARAMETERS.
pub const NDIS_SCATTER_GATHER_LIST_PARAMETERS_REVISION_1: UCHAR = 1;
/// Bytes through ScatterGatherListBufferSizeNeeded. NDIS 6.20. Page: NDIS_SCATTER_GATHER_LIST_PARAMETERS.
pub const NDIS_SIZEOF_SCATTER_GATHER_LIST_PARAMETERS_REVISION_1: USHORT =
    for_target(72, 48) as USHORT;

// Compilers before 1.70 cannot show a pointer to a function of Windows' calling convention.

impl fmt::Debug for NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS")
            .field("Header", &self.Header)
            .field("Flags", &self.Flags)
            .field("ProviderContext", &self.ProviderContext)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for NDIS_SCATTER_GATHER_LIST_PARAMETERS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NDIS_SCATTER_GATHER_LIST_PARAMETERS")
            .field("Header", &self.Header)
            .field("Flags", &self.Flags)
            .field("QueueId", &self.QueueId)
            .field("SharedMemoryUsage", &self.SharedMemoryUsage)
            .field("Mdl", &self.Mdl)
            .field("CurrentVa", &self.CurrentVa)
            .field("Length", &self.Length)
            .field("ScatterGatherListBuffer", &self.ScatterGatherListBuffer)
            .finish_non_exhaustive()
    }
}
