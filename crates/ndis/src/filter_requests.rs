//! The structures of the requests for receive filters: capabilities, set, clear, move, list.

use crate::basic::{
    NDIS_NIC_SWITCH_VPORT_ID, NDIS_OBJECT_HEADER, NDIS_RECEIVE_FILTER_ID, NDIS_RECEIVE_QUEUE_ID,
    UCHAR, ULONG, USHORT,
};
use crate::filter::NDIS_RECEIVE_FILTER_TYPE;

layout! {
    /// A filter as it is set and read; the buffer of OID_RECEIVE_FILTER_SET_FILTER and OID_RECEIVE_FILTER_PARAMETERS.
    /// NDIS_RECEIVE_FILTER_FIELD_PARAMETERS elements follow; all of their tests must pass. They need 8-byte alignment, which
    /// the size of this structure does not give: begin them at a multiple of 8. NDIS 6.20.
    /// Page: NDIS_RECEIVE_FILTER_PARAMETERS.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_FILTER_PARAMETERS [size 36 | 36 ("ndis630" 44 | 44), align 4 | 4] {
        /// Type DEFAULT, revision and size of `NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_*`.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// `NDIS_RECEIVE_FILTER_*` filter flags.
        [4 | 4] pub Flags: ULONG,
        /// What the filter is for.
        [8 | 8] pub FilterType: NDIS_RECEIVE_FILTER_TYPE,
        /// The queue that matching frames go to.
        [12 | 12] pub QueueId: NDIS_RECEIVE_QUEUE_ID,
        /// In and out: NDIS writes it before the miniport sees the request.
        [16 | 16] pub FilterId: NDIS_RECEIVE_FILTER_ID,
        /// Bytes from the beginning of this structure to the first field test.
        [20 | 20] pub FieldParametersArrayOffset: ULONG,
        /// Field tests.
        [24 | 24] pub FieldParametersArrayNumElements: ULONG,
        /// Bytes from one field test to the next.
        [28 | 28] pub FieldParametersArrayElementSize: ULONG,
        /// Bits of the filter's id that are wanted beside each frame; 0 under VMQ.
        [32 | 32] pub RequestedFilterIdBitCount: ULONG,
        /// Milliseconds that a matching frame may be held back; 0 under VMQ. NDIS 6.30.
        [36 | 36, "ndis630"] pub MaxCoalescingDelay: ULONG,
        /// The virtual port that matching frames go to; 0 under VMQ. NDIS 6.30.
        [40 | 40, "ndis630"] pub VPortId: NDIS_NIC_SWITCH_VPORT_ID,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_1: UCHAR = 1;
/// Revision 2: MaxCoalescingDelay, VPortId. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2: UCHAR = 2;
/// Bytes through RequestedFilterIdBitCount. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_PARAMETERS.
pub const NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_1: USHORT = 36;
/// Bytes through VPortId. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_PARAMETERS.
pub const NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2: USHORT = 44;

layout! {
    /// Which filter to clear; the buffer of OID_RECEIVE_FILTER_CLEAR_FILTER. NDIS 6.20.
    /// Page: NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS [size 16 | 16, align 4 | 4] {
        /// Type DEFAULT, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// Reserved.
        [4 | 4] pub Flags: ULONG,
        /// The queue that the filter is on.
        [8 | 8] pub QueueId: NDIS_RECEIVE_QUEUE_ID,
        /// The filter.
        [12 | 12] pub FilterId: NDIS_RECEIVE_FILTER_ID,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1: UCHAR = 1;
/// Bytes through FilterId. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS.
pub const NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1: USHORT = 16;

layout! {
    /// A filter as OID_RECEIVE_FILTER_ENUM_FILTERS lists it. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_INFO.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_FILTER_INFO [size 16 | 16, align 4 | 4] {
        /// Type DEFAULT, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// Reserved.
        [4 | 4] pub Flags: ULONG,
        /// What the filter is for.
        [8 | 8] pub FilterType: NDIS_RECEIVE_FILTER_TYPE,
        /// The filter.
        [12 | 12] pub FilterId: NDIS_RECEIVE_FILTER_ID,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_INFO.
pub const NDIS_RECEIVE_FILTER_INFO_REVISION_1: UCHAR = 1;
/// Bytes through FilterId. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_INFO.
pub const NDIS_SIZEOF_RECEIVE_FILTER_INFO_REVISION_1: USHORT = 16;

layout! {
    /// Whose filters to list, and the head of the list; NDIS_RECEIVE_FILTER_INFO elements follow. NDIS 6.20.
    /// Page: NDIS_RECEIVE_FILTER_INFO_ARRAY.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_FILTER_INFO_ARRAY [size 20 | 20 ("ndis630" 28 | 28), align 4 | 4] {
        /// Type DEFAULT, revision and size of `NDIS_RECEIVE_FILTER_INFO_ARRAY_REVISION_*`.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// In: the queue.
        [4 | 4] pub QueueId: NDIS_RECEIVE_QUEUE_ID,
        /// Out: bytes from the beginning of this structure to the first element.
        [8 | 8] pub FirstElementOffset: ULONG,
        /// Out: elements.
        [12 | 12] pub NumElements: ULONG,
        /// Out: bytes from one element to the next.
        [16 | 16] pub ElementSize: ULONG,
        /// In: [`NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED`](crate::NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED)
        /// or 0. NDIS 6.30.
        [20 | 20, "ndis630"] pub Flags: ULONG,
        /// In: the virtual port, where the flag says so. NDIS 6.30.
        [24 | 24, "ndis630"] pub VPortId: NDIS_NIC_SWITCH_VPORT_ID,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_INFO_ARRAY.
pub const NDIS_RECEIVE_FILTER_INFO_ARRAY_REVISION_1: UCHAR = 1;
/// Revision 2: Flags, VPortId. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_INFO_ARRAY.
pub const NDIS_RECEIVE_FILTER_INFO_ARRAY_REVISION_2: UCHAR = 2;
/// Bytes through ElementSize. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_INFO_ARRAY.
pub const NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_1: USHORT = 20;
/// Bytes through VPortId. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_INFO_ARRAY.
pub const NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_2: USHORT = 28;

layout! {
    /// Moves a filter from one virtual port to another; the buffer of OID_RECEIVE_FILTER_MOVE_FILTER. NDIS 6.30.
    /// Page: NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS [size 24 | 24, align 4 | 4] {
        /// Type DEFAULT, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// The filter.
        [4 | 4] pub FilterId: NDIS_RECEIVE_FILTER_ID,
        /// The queue that it is on: 0.
        [8 | 8] pub SourceQueueId: NDIS_RECEIVE_QUEUE_ID,
        /// The virtual port that it is on.
        [12 | 12] pub SourceVPortId: NDIS_NIC_SWITCH_VPORT_ID,
        /// The queue that it goes to: 0.
        [16 | 16] pub DestQueueId: NDIS_RECEIVE_QUEUE_ID,
        /// The virtual port that it goes to.
        [20 | 20] pub DestVPortId: NDIS_NIC_SWITCH_VPORT_ID,
    }
}

/// Revision 1. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1: UCHAR = 1;
/// Bytes through DestVPortId. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS.
pub const NDIS_SIZEOF_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1: USHORT = 24;

layout! {
    /// What is enabled; the buffer of OID_RECEIVE_FILTER_GLOBAL_PARAMETERS. NDIS 6.20.
    /// Page: NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS [size 16 | 16, align 4 | 4] {
        /// Type DEFAULT, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// Reserved.
        [4 | 4] pub Flags: ULONG,
        /// `NDIS_RECEIVE_FILTER_*_FILTERS_ENABLED`.
        [8 | 8] pub EnabledFilterTypes: ULONG,
        /// [`NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED`](crate::NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED) or 0.
        [12 | 12] pub EnabledQueueTypes: ULONG,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS_REVISION_1: UCHAR = 1;
/// Bytes through EnabledQueueTypes. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS.
pub const NDIS_SIZEOF_RECEIVE_FILTER_GLOBAL_PARAMETERS_REVISION_1: USHORT = 16;

layout! {
    /// What an adapter can filter and queue; the buffer of OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES and
    /// OID_RECEIVE_FILTER_CURRENT_CAPABILITIES. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_FILTER_CAPABILITIES [size 56 | 56 ("ndis630" 84 | 84), align 4 | 4] {
        /// Type DEFAULT, revision and size of `NDIS_RECEIVE_FILTER_CAPABILITIES_REVISION_*`.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// Reserved.
        [4 | 4] pub Flags: ULONG,
        /// `NDIS_RECEIVE_FILTER_*_FILTERS_ENABLED`.
        [8 | 8] pub EnabledFilterTypes: ULONG,
        /// [`NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED`](crate::NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED) or 0.
        [12 | 12] pub EnabledQueueTypes: ULONG,
        /// Receive queues, without the default queue.
        [16 | 16] pub NumQueues: ULONG,
        /// What its queues can do, see [`NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED`](crate::NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED)
        /// and its neighbours.
        [20 | 20] pub SupportedQueueProperties: ULONG,
        /// `NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_*_SUPPORTED`.
        [24 | 24] pub SupportedFilterTests: ULONG,
        /// `NDIS_RECEIVE_FILTER_*_HEADER_SUPPORTED`.
        [28 | 28] pub SupportedHeaders: ULONG,
        /// `NDIS_RECEIVE_FILTER_MAC_HEADER_*_SUPPORTED`.
        [32 | 32] pub SupportedMacHeaderFields: ULONG,
        /// MAC filters, at least as many as queues.
        [36 | 36] pub MaxMacHeaderFilters: ULONG,
        /// Queue groups.
        [40 | 40] pub MaxQueueGroups: ULONG,
        /// Queues in a group.
        [44 | 44] pub MaxQueuesPerQueueGroup: ULONG,
        /// Least bytes of lookahead; 0 from 6.30.
        [48 | 48] pub MinLookaheadSplitSize: ULONG,
        /// Most bytes of lookahead; 0 from 6.30.
        [52 | 52] pub MaxLookaheadSplitSize: ULONG,
        /// ARP fields that packet coalescing can test. NDIS 6.30.
        [56 | 56, "ndis630"] pub SupportedARPHeaderFields: ULONG,
        /// IPv4 fields that packet coalescing can test. NDIS 6.30.
        [60 | 60, "ndis630"] pub SupportedIPv4HeaderFields: ULONG,
        /// IPv6 fields that packet coalescing can test. NDIS 6.30.
        [64 | 64, "ndis630"] pub SupportedIPv6HeaderFields: ULONG,
        /// UDP fields that packet coalescing can test. NDIS 6.30.
        [68 | 68, "ndis630"] pub SupportedUdpHeaderFields: ULONG,
        /// Field tests in a packet coalescing filter. NDIS 6.30.
        [72 | 72, "ndis630"] pub MaxFieldTestsPerPacketCoalescingFilter: ULONG,
        /// Packet coalescing filters. NDIS 6.30.
        [76 | 76, "ndis630"] pub MaxPacketCoalescingFilters: ULONG,
        /// Belongs to NDIS. NDIS 6.30.
        [80 | 80, "ndis630"] pub NdisReserved: ULONG,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_CAPABILITIES_REVISION_1: UCHAR = 1;
/// Revision 2: SupportedARPHeaderFields to NdisReserved. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_CAPABILITIES_REVISION_2: UCHAR = 2;
/// Bytes through MaxLookaheadSplitSize. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_1: USHORT = 56;
/// Bytes through NdisReserved. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_2: USHORT = 84;
