//! NDIS's own functions, for drivers to link with, and the structures that those functions take. Feature `link`.
//!
//! Windows has them in `ndis.sys`; a driver links with `ndis.lib` of the driver kit, or with mingw's `libndis.a`:
//!
//! ```text
//! driver.rs ─► ndis::ffi::NdisAllocateSharedMemory ─┬─ Windows: imported from ndis.sys
//!                                                   └─ elsewhere: whatever defines the symbol; a fake, in this crate's examples
//! ```
//!
//! What is declared here is what the receive path of a VMQ miniport and a filter driver need: shared memory, indications, returns,
//! statuses, requests, registration. It is enough for `examples/vmq_miniport.rs` and `examples/filter_driver.rs`. The filter example is
//! linked to a `.sys` by `cargo xtask test`, with mingw's import libraries, and its imports are compared; it has **not** been
//! loaded by a Windows kernel.

mod filter_driver;
mod request;

pub use filter_driver::*;
pub use request::*;

use crate::allocation::NDIS_SHARED_MEMORY_PARAMETERS;
use crate::basic::{NDIS_HANDLE, PVOID, ULONG};
use crate::net_buffer_list::NET_BUFFER_LIST;
use crate::status::NDIS_STATUS;

/// Number of a port of an adapter; 0 is the default port. NDIS 6.0. Page: NDIS_PORT.
pub type NDIS_PORT_NUMBER = ULONG;
/// The default port. NDIS 6.0. Page: NdisMIndicateReceiveNetBufferLists.
pub const NDIS_DEFAULT_PORT_NUMBER: NDIS_PORT_NUMBER = 0;

#[cfg_attr(windows, link(name = "ndis"))]
extern "system" {
    /// Asks the shared memory provider for a block. Two handles come back: the one for segments in the parameters, the one that
    /// frees the block in `pAllocationHandle` (M3). PASSIVE_LEVEL. NDIS 6.20. Page: NdisAllocateSharedMemory.
    ///
    /// # Safety
    /// `NdisHandle` is the adapter's, the pointers lead to what they say, and `SGListBuffer` to `SGListBufferLength` bytes.
    pub fn NdisAllocateSharedMemory(
        NdisHandle: NDIS_HANDLE,
        SharedMemoryParameters: *mut NDIS_SHARED_MEMORY_PARAMETERS,
        pAllocationHandle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;

    /// Frees a block by the handle of its allocation, when no list that lies in it is outstanding (F1). PASSIVE_LEVEL. NDIS 6.20.
    /// Page: NdisFreeSharedMemory.
    ///
    /// # Safety
    /// `NdisHandle` is the one that the block was allocated with; nothing uses the block any more.
    pub fn NdisFreeSharedMemory(NdisHandle: NDIS_HANDLE, AllocationHandle: NDIS_HANDLE);

    /// Indicates received lists to the drivers above a miniport. They own them from here on, until they return them, unless the
    /// flags have RESOURCES (R4). NDIS 6.0. Page: NdisMIndicateReceiveNetBufferLists.
    ///
    /// # Safety
    /// The chain is sound, has so many lists, and is the caller's to give.
    pub fn NdisMIndicateReceiveNetBufferLists(
        MiniportAdapterHandle: NDIS_HANDLE,
        NetBufferLists: *mut NET_BUFFER_LIST,
        PortNumber: NDIS_PORT_NUMBER,
        NumberOfNetBufferLists: ULONG,
        ReceiveFlags: ULONG,
    );

    /// Gives sent lists back to the driver above. NDIS 6.0. Page: NdisMSendNetBufferListsComplete.
    ///
    /// # Safety
    /// The chain is sound, and came from the driver above.
    pub fn NdisMSendNetBufferListsComplete(
        MiniportAdapterHandle: NDIS_HANDLE,
        NetBufferList: *mut NET_BUFFER_LIST,
        SendCompleteFlags: ULONG,
    );

    /// Reports a status to the drivers above a miniport, DmaStopped of a queue for instance (F1). NDIS 6.0.
    /// Page: NdisMIndicateStatusEx.
    ///
    /// # Safety
    /// `StatusIndication` and its buffer are what their headers and sizes say.
    pub fn NdisMIndicateStatusEx(
        MiniportAdapterHandle: NDIS_HANDLE,
        StatusIndication: *mut NDIS_STATUS_INDICATION,
    );

    /// Completes a request that was answered with NDIS_STATUS_PENDING. NDIS 6.0. Page: NdisMOidRequestComplete.
    ///
    /// # Safety
    /// `OidRequest` is pending, and is not touched after.
    pub fn NdisMOidRequestComplete(
        MiniportAdapterHandle: NDIS_HANDLE,
        OidRequest: *mut NDIS_OID_REQUEST,
        Status: NDIS_STATUS,
    );

    /// Registers a filter driver. NDIS 6.0. Page: NdisFRegisterFilterDriver.
    ///
    /// # Safety
    /// `DriverObject` is what DriverEntry was given; the characteristics are sound, and their entry points stay.
    pub fn NdisFRegisterFilterDriver(
        DriverObject: PVOID,
        FilterDriverContext: NDIS_HANDLE,
        FilterDriverCharacteristics: *mut NDIS_FILTER_DRIVER_CHARACTERISTICS,
        NdisFilterDriverHandle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;

    /// Takes the registration back. NDIS 6.0. Page: NdisFDeregisterFilterDriver.
    ///
    /// # Safety
    /// The handle is that of the registration.
    pub fn NdisFDeregisterFilterDriver(NdisFilterDriverHandle: NDIS_HANDLE);

    /// Tells NDIS, while FilterAttach runs, what to call a module by. NDIS 6.0. Page: NdisFSetAttributes.
    ///
    /// # Safety
    /// The handle is FilterAttach's, and the attributes are sound.
    pub fn NdisFSetAttributes(
        NdisFilterHandle: NDIS_HANDLE,
        FilterModuleContext: NDIS_HANDLE,
        FilterAttributes: *mut NDIS_FILTER_ATTRIBUTES,
    ) -> NDIS_STATUS;

    /// Hands received lists on to the drivers above a filter. NDIS 6.0. Page: NdisFIndicateReceiveNetBufferLists.
    ///
    /// # Safety
    /// As for [`NdisMIndicateReceiveNetBufferLists`].
    pub fn NdisFIndicateReceiveNetBufferLists(
        NdisFilterHandle: NDIS_HANDLE,
        NetBufferLists: *mut NET_BUFFER_LIST,
        PortNumber: NDIS_PORT_NUMBER,
        NumberOfNetBufferLists: ULONG,
        ReceiveFlags: ULONG,
    );

    /// Returns received lists to the drivers below a filter. NDIS 6.0. Page: NdisFReturnNetBufferLists.
    ///
    /// # Safety
    /// The chain is sound, and came from below.
    pub fn NdisFReturnNetBufferLists(
        NdisFilterHandle: NDIS_HANDLE,
        NetBufferLists: *mut NET_BUFFER_LIST,
        ReturnFlags: ULONG,
    );
}
