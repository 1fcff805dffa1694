//! The structures of the requests for receive queues: allocate, complete, change, list, free; and the indication that a
//! queue's DMA has stopped.
//!
//! `Header.Size` is "through the last member of that revision", so it can be less than the size of the structure. A reader
//! of an array walks by the `ElementSize` it was given, not by its own.

use crate::basic::{
    GROUP_AFFINITY, NDIS_OBJECT_HEADER, NDIS_QUEUE_NAME, NDIS_RECEIVE_QUEUE_GROUP_ID,
    NDIS_RECEIVE_QUEUE_ID, NDIS_VM_NAME, UCHAR, ULONG, USHORT,
};
use crate::layout::for_target;
use crate::queue::{NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE, NDIS_RECEIVE_QUEUE_TYPE};
use crate::status::NDIS_STATUS;

layout! {
    /// A receive queue as it is asked for, changed and read; the buffer of OID_RECEIVE_FILTER_ALLOCATE_QUEUE and
    /// OID_RECEIVE_FILTER_QUEUE_PARAMETERS. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_QUEUE_PARAMETERS [
        size 1088 | 1076 ("ndis630" 1096 | 1084) ("ndis650" 1096 | 1088),
        align 8 | 4
    ] {
        /// In: type DEFAULT, revision and size of `NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_*`.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// In and out: how the queue works, and in the upper half which members a request changes:
        /// `NDIS_RECEIVE_QUEUE_PARAMETERS_*`.
        [4 | 4] pub Flags: ULONG,
        /// In: kind of queue.
        [8 | 8] pub QueueType: NDIS_RECEIVE_QUEUE_TYPE,
        /// In and out: NDIS writes it before the miniport sees an allocation.
        [12 | 12] pub QueueId: NDIS_RECEIVE_QUEUE_ID,
        /// In and out: reserved for NDIS.
        [16 | 16] pub QueueGroupId: NDIS_RECEIVE_QUEUE_GROUP_ID,
        /// In: processors that may run the queue's indications, at least one.
        [24 | 20] pub ProcessorAffinity: GROUP_AFFINITY,
        /// In: receive buffers the queue might have; advice.
        [40 | 32] pub NumSuggestedReceiveBuffers: ULONG,
        /// Out: the queue's entry in the table of interrupt messages.
        [44 | 36] pub MSIXTableEntry: ULONG,
        /// In: bytes of lookahead, 0 without lookahead split.
        [48 | 40] pub LookaheadSize: ULONG,
        /// In: name of the virtual machine.
        [52 | 44] pub VmName: NDIS_VM_NAME,
        /// In: name of the queue.
        [568 | 560] pub QueueName: NDIS_QUEUE_NAME,
        /// In: port of the extensible switch. NDIS 6.30.
        [1084 | 1076, "ndis630"] pub PortId: ULONG,
        /// Out: queues with the same number share an interrupt; reserved. NDIS 6.30.
        [1088 | 1080, "ndis630"] pub InterruptCoalescingDomainId: ULONG,
        /// In: scheduler queue, 0 for none. NDIS 6.50.
        [1092 | 1084, "ndis650"] pub QosSqId: crate::basic::NDIS_QOS_SQ_ID,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_1: UCHAR = 1;
/// Revision 2: PortId, InterruptCoalescingDomainId. NDIS 6.30. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_2: UCHAR = 2;
/// Revision 3: QosSqId. NDIS 6.50. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_3: UCHAR = 3;
/// Bytes through QueueName. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1: USHORT =
    for_target(1084, 1076) as USHORT;
/// Bytes through InterruptCoalescingDomainId. NDIS 6.30. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2: USHORT =
    for_target(1092, 1084) as USHORT;
/// Bytes through QosSqId. NDIS 6.50. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_3: USHORT =
    for_target(1096, 1088) as USHORT;

layout! {
    /// A receive queue as OID_RECEIVE_FILTER_ENUM_QUEUES lists it. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_INFO.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_QUEUE_INFO [size 1088 | 1080 ("ndis630" 1096 | 1088), align 8 | 4] {
        /// Type DEFAULT, revision and size of `NDIS_RECEIVE_QUEUE_INFO_REVISION_*`.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// Reserved.
        [4 | 4] pub Flags: ULONG,
        /// Kind of queue.
        [8 | 8] pub QueueType: NDIS_RECEIVE_QUEUE_TYPE,
        /// The queue.
        [12 | 12] pub QueueId: NDIS_RECEIVE_QUEUE_ID,
        /// Its group; reserved.
        [16 | 16] pub QueueGroupId: NDIS_RECEIVE_QUEUE_GROUP_ID,
        /// Its state.
        [20 | 20] pub QueueState: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE,
        /// Processors that may run its indications.
        [24 | 24] pub ProcessorAffinity: GROUP_AFFINITY,
        /// Receive buffers it might have; advice.
        [40 | 36] pub NumSuggestedReceiveBuffers: ULONG,
        /// Its entry in the table of interrupt messages.
        [44 | 40] pub MSIXTableEntry: ULONG,
        /// Bytes of lookahead, 0 without lookahead split.
        [48 | 44] pub LookaheadSize: ULONG,
        /// Name of the virtual machine.
        [52 | 48] pub VmName: NDIS_VM_NAME,
        /// Name of the queue.
        [568 | 564] pub QueueName: NDIS_QUEUE_NAME,
        /// Filters that are set on it. NDIS 6.30.
        [1084 | 1080, "ndis630"] pub NumFilters: ULONG,
        /// Queues with the same number share an interrupt. NDIS 6.30.
        [1088 | 1084, "ndis630"] pub InterruptCoalescingDomainId: ULONG,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_INFO.
pub const NDIS_RECEIVE_QUEUE_INFO_REVISION_1: UCHAR = 1;
/// Revision 2: NumFilters, InterruptCoalescingDomainId. NDIS 6.30. Page: NDIS_RECEIVE_QUEUE_INFO.
pub const NDIS_RECEIVE_QUEUE_INFO_REVISION_2: UCHAR = 2;
/// Bytes through QueueName. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_INFO.
pub const NDIS_SIZEOF_RECEIVE_QUEUE_INFO_REVISION_1: USHORT = for_target(1084, 1080) as USHORT;
/// Bytes through InterruptCoalescingDomainId. NDIS 6.30. Page: NDIS_RECEIVE_QUEUE_INFO.
pub const NDIS_SIZEOF_RECEIVE_QUEUE_INFO_REVISION_2: USHORT = for_target(1092, 1088) as USHORT;

layout! {
    /// Head of the list of queues; NDIS_RECEIVE_QUEUE_INFO elements follow. NDIS 6.20.
    /// Page: NDIS_RECEIVE_QUEUE_INFO_ARRAY.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_QUEUE_INFO_ARRAY [size 16 | 16, align 4 | 4] {
        /// Type DEFAULT, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// Bytes from the beginning of this structure to the first element.
        [4 | 4] pub FirstElementOffset: ULONG,
        /// Elements.
        [8 | 8] pub NumElements: ULONG,
        /// Bytes from one element to the next.
        [12 | 12] pub ElementSize: ULONG,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_INFO_ARRAY.
pub const NDIS_RECEIVE_QUEUE_INFO_ARRAY_REVISION_1: UCHAR = 1;
/// Bytes through ElementSize. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_INFO_ARRAY.
pub const NDIS_SIZEOF_RECEIVE_QUEUE_INFO_ARRAY_REVISION_1: USHORT = 16;

layout! {
    /// Which queue to free; the buffer of OID_RECEIVE_FILTER_FREE_QUEUE. NDIS 6.20.
    /// Page: NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_QUEUE_FREE_PARAMETERS [size 12 | 12, align 4 | 4] {
        /// Type DEFAULT, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// Reserved.
        [4 | 4] pub Flags: ULONG,
        /// The queue, 1 or more.
        [8 | 8] pub QueueId: NDIS_RECEIVE_QUEUE_ID,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1: UCHAR = 1;
/// Bytes through QueueId. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_FREE_PARAMETERS.
pub const NDIS_SIZEOF_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1: USHORT = 12;

layout! {
    /// Head of the list of queues whose allocation is complete; NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS
    /// elements follow; the buffer of OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE. NDIS 6.20.
    /// Page: NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY [size 20 | 20, align 4 | 4] {
        /// Type DEFAULT, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// Reserved.
        [4 | 4] pub Flags: ULONG,
        /// Bytes from the beginning of this structure to the first element.
        [8 | 8] pub FirstElementOffset: ULONG,
        /// Elements.
        [12 | 12] pub NumElements: ULONG,
        /// Bytes from one element to the next.
        [16 | 16] pub ElementSize: ULONG,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.
pub const NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1: UCHAR = 1;
/// Bytes through ElementSize. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY.
pub const NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1: USHORT = 20;

layout! {
    /// One queue of that list, and how its completion ended. NDIS 6.20.
    /// Page: NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS [size 16 | 16, align 4 | 4] {
        /// Type DEFAULT, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// Reserved.
        [4 | 4] pub Flags: ULONG,
        /// The queue.
        [8 | 8] pub QueueId: NDIS_RECEIVE_QUEUE_ID,
        /// Out: how it ended, for this queue alone.
        [12 | 12] pub CompletionStatus: NDIS_STATUS,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1: UCHAR = 1;
/// Bytes through CompletionStatus. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS.
pub const NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1: USHORT = 16;

layout! {
    /// A queue's new state; the buffer of NDIS_STATUS_RECEIVE_QUEUE_STATE. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_STATE.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_QUEUE_STATE [size 16 | 16, align 4 | 4] {
        /// Type DEFAULT, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// Reserved.
        [4 | 4] pub Flags: ULONG,
        /// The queue.
        [8 | 8] pub QueueId: NDIS_RECEIVE_QUEUE_ID,
        /// Its state: DmaStopped.
        [12 | 12] pub QueueState: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_STATE.
pub const NDIS_RECEIVE_QUEUE_STATE_REVISION_1: UCHAR = 1;
/// Bytes through QueueState. Windows spells this one constant with NDIS twice. NDIS 6.20.
/// Page: NDIS_RECEIVE_QUEUE_STATE.
pub const NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1: USHORT = 16;

layout! {
    /// The buffer of NDIS_STATUS_RECEIVE_FILTER_QUEUE_STATE_CHANGE. NDIS 6.30. Page: none (ntddndis.h).
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_FILTER_QUEUE_STATE_CHANGE [size 8 | 8, align 4 | 4] {
        /// Type DEFAULT, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// The queue.
        [4 | 4] pub QueueId: NDIS_RECEIVE_QUEUE_ID,
    }
}

/// Revision 1. NDIS 6.30. Page: none (ntddndis.h).
pub const NDIS_RECEIVE_FILTER_QUEUE_STATE_CHANGE_REVISION_1: UCHAR = 1;
/// Bytes through QueueId. NDIS 6.30. Page: none (ntddndis.h).
pub const NDIS_SIZEOF_RECEIVE_FILTER_QUEUE_STATE_CHANGE_REVISION_1: USHORT = 8;
