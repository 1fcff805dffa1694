//! Entry points that a driver gives to NDIS, as pointers to functions. Calling one is unsafe, for only the other side
//! knows what it needs; naming the type is not.

use crate::allocation::NDIS_SHARED_MEMORY_PARAMETERS;
use crate::basic::{NDIS_HANDLE, PVOID};
use crate::scatter_gather::SCATTER_GATHER_LIST;
use crate::status::NDIS_STATUS;

/// A shared memory provider's allocation: its ProviderContext, the parameters in and out, and where it puts the handle by
/// which the block is freed. NDIS 6.20. Page: ALLOCATE_SHARED_MEMORY_HANDLER.
pub type ALLOCATE_SHARED_MEMORY_HANDLER = Option<
    unsafe extern "system" fn(
        ProviderContext: NDIS_HANDLE,
        SharedMemoryParameters: *mut NDIS_SHARED_MEMORY_PARAMETERS,
        pAllocationHandle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS,
>;

/// A shared memory provider's free: its ProviderContext and the handle that the allocation gave. NDIS 6.20.
/// Page: FREE_SHARED_MEMORY_HANDLER.
pub type FREE_SHARED_MEMORY_HANDLER =
    Option<unsafe extern "system" fn(ProviderContext: NDIS_HANDLE, AllocationHandle: NDIS_HANDLE)>;

/// Takes a finished scatter-gather list: the device object, a reserved word, the list, and the Context of the request.
/// NDIS 6.0. Page: MINIPORT_PROCESS_SG_LIST.
pub type NDIS_SG_LIST_HANDLER = Option<
    unsafe extern "system" fn(
        pDO: PVOID,
        Reserved: PVOID,
        pSGL: *mut SCATTER_GATHER_LIST,
        Context: PVOID,
    ),
>;
