//! How a filter driver presents itself to NDIS.

use super::NDIS_PORT_NUMBER;
use crate::basic::{NDIS_HANDLE, NDIS_OBJECT_HEADER, PVOID, UCHAR, ULONG, USHORT, WCHAR};
use crate::layout::for_target;
use crate::net_buffer_list::NET_BUFFER_LIST;
use crate::status::NDIS_STATUS;

layout! {
    /// A counted string in UTF-16. Page: UNICODE_STRING.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct UNICODE_STRING [size 16 | 8, align 8 | 4] {
        /// Bytes of the string, without a terminating zero.
        [0 | 0] pub Length: USHORT,
        /// Bytes that there is room for.
        [2 | 2] pub MaximumLength: USHORT,
        /// The string.
        [8 | 4] pub Buffer: *mut WCHAR,
    }
}

/// NDIS's name for it. NDIS 6.0. Page: NDIS_STRING.
pub type NDIS_STRING = UNICODE_STRING;

/// An entry point that this crate has no type for; NULL where the driver has none.
pub type ENTRY_POINT = Option<unsafe extern "system" fn()>;
/// Attaches to an adapter: NDIS's handle of the module, the driver's context, parameters. NDIS 6.0. Page: FILTER_ATTACH.
pub type FILTER_ATTACH_HANDLER = Option<
    unsafe extern "system" fn(
        NdisFilterHandle: NDIS_HANDLE,
        FilterDriverContext: NDIS_HANDLE,
        AttachParameters: PVOID,
    ) -> NDIS_STATUS,
>;
/// Detaches from an adapter. NDIS 6.0. Page: FILTER_DETACH.
pub type FILTER_DETACH_HANDLER =
    Option<unsafe extern "system" fn(FilterModuleContext: NDIS_HANDLE)>;
/// Starts, or goes on. NDIS 6.0. Page: FILTER_RESTART.
pub type FILTER_RESTART_HANDLER = Option<
    unsafe extern "system" fn(
        FilterModuleContext: NDIS_HANDLE,
        RestartParameters: PVOID,
    ) -> NDIS_STATUS,
>;
/// Stops. NDIS 6.0. Page: FILTER_PAUSE.
pub type FILTER_PAUSE_HANDLER = Option<
    unsafe extern "system" fn(
        FilterModuleContext: NDIS_HANDLE,
        PauseParameters: PVOID,
    ) -> NDIS_STATUS,
>;
/// Takes received lists from below. NDIS 6.0. Page: FILTER_RECEIVE_NET_BUFFER_LISTS.
pub type FILTER_RECEIVE_NET_BUFFER_LISTS_HANDLER = Option<
    unsafe extern "system" fn(
        FilterModuleContext: NDIS_HANDLE,
        NetBufferLists: *mut NET_BUFFER_LIST,
        PortNumber: NDIS_PORT_NUMBER,
        NumberOfNetBufferLists: ULONG,
        ReceiveFlags: ULONG,
    ),
>;
/// Takes returned lists from above. NDIS 6.0. Page: FILTER_RETURN_NET_BUFFER_LISTS.
pub type FILTER_RETURN_NET_BUFFER_LISTS_HANDLER = Option<
    unsafe extern "system" fn(
        FilterModuleContext: NDIS_HANDLE,
        NetBufferLists: *mut NET_BUFFER_LIST,
        ReturnFlags: ULONG,
    ),
>;

layout! {
    /// A filter driver's names and entry points, as of NDIS 6.1. NULL handlers are bypassed. NDIS 6.0.
    /// Page: NDIS_FILTER_DRIVER_CHARACTERISTICS.
    #[repr(C)]
    #[derive(Clone, Copy)]
    pub struct NDIS_FILTER_DRIVER_CHARACTERISTICS [size 224 | 116, align 8 | 4] {
        /// Type FILTER_DRIVER_CHARACTERISTICS, revision 2.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// The NDIS version that the driver was made for.
        [4 | 4] pub MajorNdisVersion: UCHAR,
        /// Its second half.
        [5 | 5] pub MinorNdisVersion: UCHAR,
        /// The driver's own version.
        [6 | 6] pub MajorDriverVersion: UCHAR,
        /// Its second half.
        [7 | 7] pub MinorDriverVersion: UCHAR,
        /// Reserved, 0.
        [8 | 8] pub Flags: ULONG,
        /// What the driver is called in front of people.
        [16 | 12] pub FriendlyName: NDIS_STRING,
        /// Its GUID as a string, as in its INF.
        [32 | 20] pub UniqueName: NDIS_STRING,
        /// Its service, as in its INF.
        [48 | 28] pub ServiceName: NDIS_STRING,
        /// See the page.
        [64 | 36] pub SetOptionsHandler: ENTRY_POINT,
        /// See the page.
        [72 | 40] pub SetFilterModuleOptionsHandler: ENTRY_POINT,
        /// Must be there.
        [80 | 44] pub AttachHandler: FILTER_ATTACH_HANDLER,
        /// Must be there.
        [88 | 48] pub DetachHandler: FILTER_DETACH_HANDLER,
        /// Must be there.
        [96 | 52] pub RestartHandler: FILTER_RESTART_HANDLER,
        /// Must be there.
        [104 | 56] pub PauseHandler: FILTER_PAUSE_HANDLER,
        /// See the page.
        [112 | 60] pub SendNetBufferListsHandler: ENTRY_POINT,
        /// See the page.
        [120 | 64] pub SendNetBufferListsCompleteHandler: ENTRY_POINT,
        /// See the page.
        [128 | 68] pub CancelSendNetBufferListsHandler: ENTRY_POINT,
        /// Takes received lists from below.
        [136 | 72] pub ReceiveNetBufferListsHandler: FILTER_RECEIVE_NET_BUFFER_LISTS_HANDLER,
        /// Takes returned lists from above.
        [144 | 76] pub ReturnNetBufferListsHandler: FILTER_RETURN_NET_BUFFER_LISTS_HANDLER,
        /// See the page.
        [152 | 80] pub OidRequestHandler: ENTRY_POINT,
        /// See the page.
        [160 | 84] pub OidRequestCompleteHandler: ENTRY_POINT,
        /// See the page.
        [168 | 88] pub CancelOidRequestHandler: ENTRY_POINT,
        /// See the page.
        [176 | 92] pub DevicePnPEventNotifyHandler: ENTRY_POINT,
        /// See the page.
        [184 | 96] pub NetPnPEventHandler: ENTRY_POINT,
        /// See the page.
        [192 | 100] pub StatusHandler: ENTRY_POINT,
        /// See the page. NDIS 6.1.
        [200 | 104] pub DirectOidRequestHandler: ENTRY_POINT,
        /// See the page. NDIS 6.1.
        [208 | 108] pub DirectOidRequestCompleteHandler: ENTRY_POINT,
        /// See the page. NDIS 6.1.
        [216 | 112] pub CancelDirectOidRequestHandler: ENTRY_POINT,
    }
}

/// Header type of those characteristics. NDIS 6.0. Page: NDIS_FILTER_DRIVER_CHARACTERISTICS.
pub const NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS: UCHAR = 0x8B;
/// Revision 2: direct requests. NDIS 6.1. Page: NDIS_FILTER_DRIVER_CHARACTERISTICS.
pub const NDIS_FILTER_CHARACTERISTICS_REVISION_2: UCHAR = 2;
/// Bytes through CancelDirectOidRequestHandler. NDIS 6.1. Page: NDIS_FILTER_DRIVER_CHARACTERISTICS.
pub const NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_2: USHORT =
    for_target(224, 116) as USHORT;

layout! {
    /// What a filter says of a module while it attaches. NDIS 6.0. Page: NDIS_FILTER_ATTRIBUTES.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_FILTER_ATTRIBUTES [size 8 | 8, align 4 | 4] {
        /// Type FILTER_ATTRIBUTES, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// Reserved, 0.
        [4 | 4] pub Flags: ULONG,
    }
}

/// Header type of those attributes. NDIS 6.0. Page: NDIS_FILTER_ATTRIBUTES.
pub const NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES: UCHAR = 0x8D;
/// Revision 1. NDIS 6.0. Page: NDIS_FILTER_ATTRIBUTES.
pub const NDIS_FILTER_ATTRIBUTES_REVISION_1: UCHAR = 1;
/// Bytes through Flags. NDIS 6.0. Page: NDIS_FILTER_ATTRIBUTES.
pub const NDIS_SIZEOF_FILTER_ATTRIBUTES_REVISION_1: USHORT = 8;
