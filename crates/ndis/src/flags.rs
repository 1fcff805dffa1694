//! Flags: of a NET_BUFFER_LIST itself, and of the four calls that hand chains of them over.

use crate::basic::ULONG;
use crate::net_buffer_list::NET_BUFFER_LIST;

// `Flags` of a NET_BUFFER_LIST: which bits are whose.

/// Bits of `Flags` for protocol drivers. NDIS 6.30 (before: without the lowest two). Page: NET_BUFFER_LIST.
pub const NBL_FLAGS_PROTOCOL_RESERVED: ULONG = 0xFFF0_0000 | MOVED_IN_6_30;
/// Bits of `Flags` for miniport drivers. NDIS 6.0. Page: NET_BUFFER_LIST.
pub const NBL_FLAGS_MINIPORT_RESERVED: ULONG = 0x0000_F000;
/// Bits of `Flags` for whoever has the list at the moment. NDIS 6.0. Page: NET_BUFFER_LIST.
pub const NBL_FLAGS_SCRATCH: ULONG = 0x000F_0000;
/// Bits of `Flags` for NDIS. NDIS 6.30 (before: with the lowest two). Page: NET_BUFFER_LIST.
pub const NBL_FLAGS_NDIS_RESERVED: ULONG = 0x0000_0FFF ^ MOVED_IN_6_30;

/// The lowest two bits went from NDIS to the protocol drivers.
const MOVED_IN_6_30: ULONG = if cfg!(feature = "ndis630") { 3 } else { 0 };

const _: () = assert!(
    NBL_FLAGS_PROTOCOL_RESERVED
        ^ NBL_FLAGS_MINIPORT_RESERVED
        ^ NBL_FLAGS_SCRATCH
        ^ NBL_FLAGS_NDIS_RESERVED
        == ULONG::MAX,
    "every bit has one owner"
);

// `NblFlags` of a NET_BUFFER_LIST. Bits 0x4 to 0x80 belong to NDIS.

/// The data to send must not be changed. NDIS 6.0. Page: NET_BUFFER_LIST.
pub const NDIS_NBL_FLAGS_SEND_READ_ONLY: ULONG = 0x0000_0001;
/// The received data must not be changed. NDIS 6.0. Page: NET_BUFFER_LIST.
pub const NDIS_NBL_FLAGS_RECV_READ_ONLY: ULONG = 0x0000_0002;
/// Headers and data are in different buffers. NDIS 6.1. Page: NET_BUFFER_LIST.
pub const NDIS_NBL_FLAGS_HD_SPLIT: ULONG = 0x0000_0100;
/// The frames are IPv4. NDIS 6.1. Page: NET_BUFFER_LIST.
pub const NDIS_NBL_FLAGS_IS_IPV4: ULONG = 0x0000_0200;
/// The frames are IPv6. NDIS 6.1. Page: NET_BUFFER_LIST.
pub const NDIS_NBL_FLAGS_IS_IPV6: ULONG = 0x0000_0400;
/// The frames are TCP. NDIS 6.1. Page: NET_BUFFER_LIST.
pub const NDIS_NBL_FLAGS_IS_TCP: ULONG = 0x0000_0800;
/// The frames are UDP. NDIS 6.1. Page: NET_BUFFER_LIST.
pub const NDIS_NBL_FLAGS_IS_UDP: ULONG = 0x0000_1000;
/// The split is where the TCP or UDP header begins. NDIS 6.1. Page: NET_BUFFER_LIST.
pub const NDIS_NBL_FLAGS_SPLIT_AT_UPPER_LAYER_PROTOCOL_HEADER: ULONG = 0x0000_2000;
/// The split is where the TCP or UDP payload begins. NDIS 6.1. Page: NET_BUFFER_LIST.
pub const NDIS_NBL_FLAGS_SPLIT_AT_UPPER_LAYER_PROTOCOL_PAYLOAD: ULONG = 0x0000_4000;
/// The frames come back to the machine that sent them. NDIS 6.20. Page: NET_BUFFER_LIST.
pub const NDIS_NBL_FLAGS_IS_LOOPBACK_PACKET: ULONG = 0x0000_8000;
/// A time stamp is wanted when the frame leaves. NDIS 6.82. Page: NET_BUFFER_LIST.
pub const NDIS_NBL_FLAGS_CAPTURE_TIMESTAMP_ON_TRANSMIT: ULONG = 0x0001_0000;

/// Is any of `flags` set in `NblFlags`? NDIS 6.0. Page: NdisTestNblFlag.
#[inline]
pub const fn NdisTestNblFlag(nbl: &NET_BUFFER_LIST, flags: ULONG) -> bool {
    nbl.NblFlags & flags != 0
}

/// Are all of `flags` set in `NblFlags`? NDIS 6.0. Page: NdisTestNblFlags.
#[inline]
pub const fn NdisTestNblFlags(nbl: &NET_BUFFER_LIST, flags: ULONG) -> bool {
    nbl.NblFlags & flags == flags
}

/// Sets `flags` in `NblFlags`. NDIS 6.0. Page: NdisSetNblFlag.
#[inline]
pub fn NdisSetNblFlag(nbl: &mut NET_BUFFER_LIST, flags: ULONG) {
    nbl.NblFlags |= flags;
}

/// Clears `flags` in `NblFlags`. NDIS 6.0. Page: NdisClearNblFlag.
#[inline]
pub fn NdisClearNblFlag(nbl: &mut NET_BUFFER_LIST, flags: ULONG) {
    nbl.NblFlags &= !flags;
}

// Receive indication.

/// The caller runs at dispatch level. NDIS 6.0. Page: NdisMIndicateReceiveNetBufferLists.
pub const NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL: ULONG = 0x0000_0001;
/// The receiver must copy: ownership goes back when the call returns, and nothing is to be returned. NDIS 6.0.
/// Page: NdisMIndicateReceiveNetBufferLists.
pub const NDIS_RECEIVE_FLAGS_RESOURCES: ULONG = 0x0000_0002;
/// All frames have one EtherType. NDIS 6.0. Page: NdisMIndicateReceiveNetBufferLists.
pub const NDIS_RECEIVE_FLAGS_SINGLE_ETHER_TYPE: ULONG = 0x0000_0100;
/// All frames have one VLAN. NDIS 6.0. Page: NdisMIndicateReceiveNetBufferLists.
pub const NDIS_RECEIVE_FLAGS_SINGLE_VLAN: ULONG = 0x0000_0200;
/// All frames pass the adapter's packet filter. NDIS 6.0. Page: NdisMIndicateReceiveNetBufferLists.
pub const NDIS_RECEIVE_FLAGS_PERFECT_FILTERED: ULONG = 0x0000_0400;
/// All frames are of one VM queue. NDIS 6.20. Page: NdisMIndicateReceiveNetBufferLists.
pub const NDIS_RECEIVE_FLAGS_SINGLE_QUEUE: ULONG = 0x0000_0800;
/// `SharedMemoryInfo` is valid in all frames; without this flag it is to be ignored in all. NDIS 6.20.
/// Page: NdisMIndicateReceiveNetBufferLists.
pub const NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID: ULONG = 0x0000_1000;
/// Reserved. NDIS 6.20. Page: NdisMIndicateReceiveNetBufferLists.
pub const NDIS_RECEIVE_FLAGS_MORE_NBLS: ULONG = 0x0000_2000;
/// All frames have the same destinations inside the extensible switch. NDIS 6.30.
/// Page: NdisFIndicateReceiveNetBufferLists.
pub const NDIS_RECEIVE_FLAGS_SWITCH_DESTINATION_GROUP: ULONG = 0x0000_4000;
/// All frames have one source inside the extensible switch. NDIS 6.30. Page: NdisFIndicateReceiveNetBufferLists.
pub const NDIS_RECEIVE_FLAGS_SWITCH_SINGLE_SOURCE: ULONG = 0x0000_8000;

// Return of received lists.

/// The caller runs at dispatch level. NDIS 6.0. Page: NdisReturnNetBufferLists.
pub const NDIS_RETURN_FLAGS_DISPATCH_LEVEL: ULONG = 0x0000_0001;
/// All frames are of one VM queue. NDIS 6.20. Page: NdisReturnNetBufferLists.
pub const NDIS_RETURN_FLAGS_SINGLE_QUEUE: ULONG = 0x0000_0002;
/// All frames have one source inside the extensible switch. NDIS 6.30. Page: NdisReturnNetBufferLists.
pub const NDIS_RETURN_FLAGS_SWITCH_SINGLE_SOURCE: ULONG = 0x0000_0004;

// Send.

/// The caller runs at dispatch level. NDIS 6.0. Page: NdisSendNetBufferLists.
pub const NDIS_SEND_FLAGS_DISPATCH_LEVEL: ULONG = 0x0000_0001;
/// Frames to ourselves are to be looped back. NDIS 6.0. Page: NdisSendNetBufferLists.
pub const NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK: ULONG = 0x0000_0002;
/// All frames are for one transmit queue. NDIS 6.20. Page: NdisSendNetBufferLists.
pub const NDIS_SEND_FLAGS_SINGLE_QUEUE: ULONG = 0x0000_0004;
/// All frames have the same destinations inside the extensible switch. NDIS 6.30. Page: NdisFSendNetBufferLists.
pub const NDIS_SEND_FLAGS_SWITCH_DESTINATION_GROUP: ULONG = 0x0000_0010;
/// All frames have one source inside the extensible switch. NDIS 6.30. Page: NdisFSendNetBufferLists.
pub const NDIS_SEND_FLAGS_SWITCH_SINGLE_SOURCE: ULONG = 0x0000_0020;

// Completion of sends.

/// The caller runs at dispatch level. NDIS 6.0. Page: NdisMSendNetBufferListsComplete.
pub const NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL: ULONG = 0x0000_0001;
/// All frames are of one transmit queue. NDIS 6.20. Page: NdisMSendNetBufferListsComplete.
pub const NDIS_SEND_COMPLETE_FLAGS_SINGLE_QUEUE: ULONG = 0x0000_0002;
/// All frames have one source inside the extensible switch. NDIS 6.30. Page: NdisFSendNetBufferListsComplete.
pub const NDIS_SEND_COMPLETE_FLAGS_SWITCH_SINGLE_SOURCE: ULONG = 0x0000_0004;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_flag_is_set_tested_and_cleared_alone() {
        let mut nbl = NET_BUFFER_LIST::zeroed();
        let both = NDIS_NBL_FLAGS_IS_IPV4 | NDIS_NBL_FLAGS_IS_TCP;
        NdisSetNblFlag(&mut nbl, both);
        assert!(NdisTestNblFlags(&nbl, both));
        NdisClearNblFlag(&mut nbl, NDIS_NBL_FLAGS_IS_TCP);
        assert!(NdisTestNblFlag(&nbl, both), "one of the two is left");
        assert!(!NdisTestNblFlags(&nbl, both));
        assert_eq!((nbl.NblFlags, nbl.Flags), (NDIS_NBL_FLAGS_IS_IPV4, 0));
    }

    #[test]
    fn single_queue_is_another_bit_in_each_direction() {
        // Receive, return and send each have their own word; mixing them up would pass unnoticed by types.
        assert_ne!(
            NDIS_RECEIVE_FLAGS_SINGLE_QUEUE,
            NDIS_RETURN_FLAGS_SINGLE_QUEUE
        );
        assert_ne!(NDIS_RETURN_FLAGS_SINGLE_QUEUE, NDIS_SEND_FLAGS_SINGLE_QUEUE);
    }
}
