//! Receive queues: ids, types, states, the flags of their parameters, and what an adapter can do with them.
//!
//! Enumerations are integers with named values, not Rust enums: they come from outside, and a value that this crate does
//! not know must stay representable.

use crate::basic::{
    NDIS_NIC_SWITCH_VPORT_ID, NDIS_RECEIVE_QUEUE_GROUP_ID, NDIS_RECEIVE_QUEUE_ID, ULONG,
};

/// The queue that takes what no other queue's filters match. It is always there: never allocated, never freed.
/// NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_DEFAULT_RECEIVE_QUEUE_ID: NDIS_RECEIVE_QUEUE_ID = 0;
/// The group of the default queue. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_DEFAULT_RECEIVE_QUEUE_GROUP_ID: NDIS_RECEIVE_QUEUE_GROUP_ID = 0;
/// The virtual port of the physical function. NDIS 6.30. Page: NDIS_NIC_SWITCH_VPORT_PARAMETERS.
pub const NDIS_DEFAULT_VPORT_ID: NDIS_NIC_SWITCH_VPORT_ID = 0;

/// Kind of receive queue. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_TYPE.
pub type NDIS_RECEIVE_QUEUE_TYPE = i32;
/// No kind given. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_TYPE.
pub const NdisReceiveQueueTypeUnspecified: NDIS_RECEIVE_QUEUE_TYPE = 0;
/// A virtual machine's queue. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_TYPE.
pub const NdisReceiveQueueTypeVMQueue: NDIS_RECEIVE_QUEUE_TYPE = 1;
/// Bound of the enumeration. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_TYPE.
pub const NdisReceiveQueueTypeMaximum: NDIS_RECEIVE_QUEUE_TYPE = 2;

/// State of a receive queue as it is reported; the engine inside has finer ones. NDIS 6.20.
/// Page: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.
pub type NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE = i32;
/// Not allocated. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.
pub const NdisReceiveQueueOperationalStateUndefined: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE = 0;
/// Allocation complete and at least one filter set: frames flow. NDIS 6.20.
/// Page: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.
pub const NdisReceiveQueueOperationalStateRunning: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE = 1;
/// Allocated, but without filter or not complete: no frames. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.
pub const NdisReceiveQueueOperationalStatePaused: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE = 2;
/// Being freed, and not a byte of its memory will be written any more. NDIS 6.20.
/// Page: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.
pub const NdisReceiveQueueOperationalStateDmaStopped: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE = 3;
/// Bound of the enumeration. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE.
pub const NdisReceiveQueueOperationalStateMaximum: NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE = 4;

// Flags of a queue's parameters: two say how the queue works ...

/// Never indicate this queue's frames in one call with another's. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION: ULONG = 0x0000_0001;
/// Split every frame at or behind the lookahead size. NDIS 6.20 only; to be ignored from 6.30.
/// Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED: ULONG = 0x0000_0002;

// ... and the upper half says which members a change request changes.

/// The flags change. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED: ULONG = 0x0001_0000;
/// The processor affinity changes. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED: ULONG = 0x0002_0000;
/// The suggested number of receive buffers changes. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED: ULONG = 0x0004_0000;
/// The queue's name changes. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED: ULONG = 0x0008_0000;
/// The interrupt coalescing domain changes. NDIS 6.30. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED: ULONG = 0x0010_0000;
/// The scheduler queue changes. NDIS 6.50. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_QOS_SQ_ID_CHANGED: ULONG = 0x0020_0000;
/// Where change bits may stand. NDIS 6.20. Page: NDIS_RECEIVE_QUEUE_PARAMETERS.
pub const NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK: ULONG = 0xFFFF_0000;

// What is switched on.

/// Queue types enabled: VM queues. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED: ULONG = 0x0000_0001;

// `SupportedQueueProperties` of the capabilities.

/// One interrupt vector a queue. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED: ULONG = 0x0000_0001;
/// VM queues. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED: ULONG = 0x0000_0002;
/// Lookahead split. NDIS 6.20 only; not to be set from 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED: ULONG = 0x0000_0004;
/// A queue can move to another processor while frames flow. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_SUPPORTED: ULONG = 0x0000_0008;
/// Queues of one processor share an interrupt. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_INTERRUPT_VECTOR_COALESCING_SUPPORTED: ULONG = 0x0000_0010;
/// A filter can accept any VLAN; deprecated. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_ANY_VLAN_SUPPORTED: ULONG = 0x0000_0020;
/// Of a team: its members have the same queues. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_IMPLAT_MIN_OF_QUEUES_MODE: ULONG = 0x0000_0040;
/// Of a miniport, the same bit: its default queue too can move to another processor. NDIS 6.80.
/// Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_FOR_DEFAULT_QUEUE_SUPPORTED: ULONG =
    0x0000_0040;
/// Of a team: its members' queues add up. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_IMPLAT_SUM_OF_QUEUES_MODE: ULONG = 0x0000_0080;
/// The default queue can hold frames back to save interrupts. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_PACKET_COALESCING_SUPPORTED_ON_DEFAULT_QUEUE: ULONG = 0x0000_0100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_bits_and_working_flags_do_not_mix() {
        let changes = NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED
            | NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED
            | NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED
            | NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED
            | NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED
            | NDIS_RECEIVE_QUEUE_PARAMETERS_QOS_SQ_ID_CHANGED;
        let working = NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION
            | NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED;
        assert_eq!(changes & NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK, changes);
        assert_eq!(changes.count_ones(), 6, "six bits, none twice");
        assert_eq!(working & NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK, 0);
    }
}
