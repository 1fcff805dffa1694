//! GUIDs: what management software calls the queries by.

use crate::basic::{UCHAR, ULONG, USHORT};

layout! {
    /// A globally unique identifier. Page: GUID.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct GUID [size 16 | 16, align 4 | 4] {
        /// First eight digits.
        [0 | 0] pub Data1: ULONG,
        /// Next four.
        [4 | 4] pub Data2: USHORT,
        /// Next four.
        [6 | 6] pub Data3: USHORT,
        /// The rest, byte by byte.
        [8 | 8] pub Data4: [UCHAR; 8],
    }
}

const fn receive_filter(last: ULONG) -> GUID {
    GUID {
        Data1: 0x3f2c_1400 | last,
        Data2: 0x83bc,
        Data3: 0x11dd,
        Data4: [0x94, 0xb8, 0x00, 0x1d, 0x09, 0x16, 0x2b, 0xc3],
    }
}

/// Query of the hardware's capabilities. NDIS 6.20. Page: OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES.
pub const GUID_NDIS_RECEIVE_FILTER_HARDWARE_CAPABILITIES: GUID = receive_filter(0x19);
/// Query of what is enabled. NDIS 6.20. Page: OID_RECEIVE_FILTER_GLOBAL_PARAMETERS.
pub const GUID_NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS: GUID = receive_filter(0x1a);
/// List of the queues. NDIS 6.20. Page: OID_RECEIVE_FILTER_ENUM_QUEUES.
pub const GUID_NDIS_RECEIVE_FILTER_ENUM_QUEUES: GUID = receive_filter(0x1b);
/// Query of a queue's parameters. NDIS 6.20. Page: OID_RECEIVE_FILTER_QUEUE_PARAMETERS.
pub const GUID_NDIS_RECEIVE_FILTER_QUEUE_PARAMETERS: GUID = receive_filter(0x1c);
/// List of a queue's filters. NDIS 6.20. Page: OID_RECEIVE_FILTER_ENUM_FILTERS.
pub const GUID_NDIS_RECEIVE_FILTER_ENUM_FILTERS: GUID = receive_filter(0x1d);
/// Query of a filter. NDIS 6.20. Page: OID_RECEIVE_FILTER_PARAMETERS.
pub const GUID_NDIS_RECEIVE_FILTER_PARAMETERS: GUID = receive_filter(0x1e);
/// Query of what of the hardware is enabled. NDIS 6.20. Page: OID_RECEIVE_FILTER_CURRENT_CAPABILITIES.
pub const GUID_RECEIVE_FILTER_CURRENT_CAPABILITIES: GUID = GUID {
    Data1: 0x4054_e80f,
    Data2: 0x2bc1,
    Data3: 0x4ccc,
    Data4: [0xb0, 0x33, 0x4a, 0xbc, 0x0c, 0x4a, 0x1e, 0x8c],
};
