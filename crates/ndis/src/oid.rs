//! OIDs: the numbers of the control requests for receive queues and filters.

use crate::basic::ULONG;

/// Number of a control request. NDIS 6.0. Page: NDIS_OID_REQUEST.
pub type NDIS_OID = ULONG;

/// Query: all that the hardware could do. Answered by NDIS. NDIS 6.20. Page: OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES.
pub const OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES: NDIS_OID = 0x0001_0221;
/// Query: which filter and queue types are enabled. Answered by NDIS. NDIS 6.20.
/// Page: OID_RECEIVE_FILTER_GLOBAL_PARAMETERS.
pub const OID_RECEIVE_FILTER_GLOBAL_PARAMETERS: NDIS_OID = 0x0001_0222;
/// Method: allocate a queue; NDIS gives the id. NDIS 6.20. Page: OID_RECEIVE_FILTER_ALLOCATE_QUEUE.
pub const OID_RECEIVE_FILTER_ALLOCATE_QUEUE: NDIS_OID = 0x0001_0223;
/// Set: free a queue; ends when all its buffers are back. NDIS 6.20. Page: OID_RECEIVE_FILTER_FREE_QUEUE.
pub const OID_RECEIVE_FILTER_FREE_QUEUE: NDIS_OID = 0x0001_0224;
/// Query: list the queues. Answered by NDIS. NDIS 6.20. Page: OID_RECEIVE_FILTER_ENUM_QUEUES.
pub const OID_RECEIVE_FILTER_ENUM_QUEUES: NDIS_OID = 0x0001_0225;
/// Method: read a queue's parameters; set: change them. NDIS 6.20. Page: OID_RECEIVE_FILTER_QUEUE_PARAMETERS.
pub const OID_RECEIVE_FILTER_QUEUE_PARAMETERS: NDIS_OID = 0x0001_0226;
/// Method: set a filter; NDIS gives the id. NDIS 6.20. Page: OID_RECEIVE_FILTER_SET_FILTER.
pub const OID_RECEIVE_FILTER_SET_FILTER: NDIS_OID = 0x0001_0227;
/// Set: clear a filter. NDIS 6.20. Page: OID_RECEIVE_FILTER_CLEAR_FILTER.
pub const OID_RECEIVE_FILTER_CLEAR_FILTER: NDIS_OID = 0x0001_0228;
/// Method: list a queue's filters. Answered by NDIS. NDIS 6.20. Page: OID_RECEIVE_FILTER_ENUM_FILTERS.
pub const OID_RECEIVE_FILTER_ENUM_FILTERS: NDIS_OID = 0x0001_0229;
/// Method: read a filter. Answered by NDIS. NDIS 6.20. Page: OID_RECEIVE_FILTER_PARAMETERS.
pub const OID_RECEIVE_FILTER_PARAMETERS: NDIS_OID = 0x0001_022A;
/// Method: no more parameters will come for these queues; memory may be allocated. NDIS 6.20.
/// Page: OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE.
pub const OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE: NDIS_OID = 0x0001_022B;
/// Query: what of the hardware is enabled. Answered by NDIS. NDIS 6.20.
/// Page: OID_RECEIVE_FILTER_CURRENT_CAPABILITIES.
pub const OID_RECEIVE_FILTER_CURRENT_CAPABILITIES: NDIS_OID = 0x0001_022D;
/// Set: move a filter from one virtual port to another. NDIS 6.30. Page: OID_RECEIVE_FILTER_MOVE_FILTER.
pub const OID_RECEIVE_FILTER_MOVE_FILTER: NDIS_OID = 0x0001_0230;

// Neighbours that a virtual machine queue's driver meets.

/// Query: all that the adapter's switch could do. NDIS 6.30. Page: OID_NIC_SWITCH_HARDWARE_CAPABILITIES.
pub const OID_NIC_SWITCH_HARDWARE_CAPABILITIES: NDIS_OID = 0x0001_022E;
/// Query: what of the adapter's switch is enabled. NDIS 6.30. Page: OID_NIC_SWITCH_CURRENT_CAPABILITIES.
pub const OID_NIC_SWITCH_CURRENT_CAPABILITIES: NDIS_OID = 0x0001_022F;
/// Query: frames that matched packet coalescing filters. NDIS 6.30. Page: OID_PACKET_COALESCING_FILTER_MATCH_COUNT.
pub const OID_PACKET_COALESCING_FILTER_MATCH_COUNT: NDIS_OID = 0x0001_0235;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_are_numbered_in_order_with_the_known_gap() {
        let all = [
            OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
            OID_RECEIVE_FILTER_GLOBAL_PARAMETERS,
            OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
            OID_RECEIVE_FILTER_FREE_QUEUE,
            OID_RECEIVE_FILTER_ENUM_QUEUES,
            OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
            OID_RECEIVE_FILTER_SET_FILTER,
            OID_RECEIVE_FILTER_CLEAR_FILTER,
            OID_RECEIVE_FILTER_ENUM_FILTERS,
            OID_RECEIVE_FILTER_PARAMETERS,
            OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
        ];
        assert!(all.windows(2).all(|pair| pair[0] + 1 == pair[1]));
        // 0x0001_022C is in no header.
        assert_eq!(
            OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
            all[all.len() - 1] + 2
        );
    }
}
