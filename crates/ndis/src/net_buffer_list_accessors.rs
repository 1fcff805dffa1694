//! The macros and inline functions by which C reaches into a NET_BUFFER_LIST, under their names; those of the receive hash
//! and of the public flags are with their constants.
//!
//! C assigns through most of them; that is the second function of each pair.

use crate::basic::{NDIS_HANDLE, PUCHAR, PVOID, UCHAR, ULONG, ULONG64, USHORT};
use crate::net_buffer::NET_BUFFER;
use crate::net_buffer_list::{NET_BUFFER_LIST, NET_BUFFER_LIST_CONTEXT};
use crate::oob::*;
use crate::slots::*;
use crate::status::NDIS_STATUS;
use core::ptr::null_mut;

accessors! {
    NET_BUFFER_LIST:
    /// The next list of the chain, or NULL. NDIS 6.0. Page: NET_BUFFER_LIST_NEXT_NBL.
    NET_BUFFER_LIST_NEXT_NBL, NET_BUFFER_LIST_SET_NEXT_NBL: Next: *mut NET_BUFFER_LIST;
    /// The first frame of the list. NDIS 6.0. Page: NET_BUFFER_LIST_FIRST_NB.
    NET_BUFFER_LIST_FIRST_NB, NET_BUFFER_LIST_SET_FIRST_NB: FirstNetBuffer: *mut NET_BUFFER;
    /// The private flags. NDIS 6.0. Page: NET_BUFFER_LIST_FLAGS.
    NET_BUFFER_LIST_FLAGS, NET_BUFFER_LIST_SET_FLAGS: Flags: ULONG;
    /// The public flags. NDIS 6.0. Page: NET_BUFFER_LIST_NBL_FLAGS.
    NET_BUFFER_LIST_NBL_FLAGS, NET_BUFFER_LIST_SET_NBL_FLAGS: NblFlags: ULONG;
    /// How sending ended. NDIS 6.0. Page: NET_BUFFER_LIST_STATUS.
    NET_BUFFER_LIST_STATUS, NET_BUFFER_LIST_SET_STATUS: Status: NDIS_STATUS;
}

/// The protocol driver's words. NDIS 6.0. Page: NET_BUFFER_LIST_PROTOCOL_RESERVED.
#[inline]
pub const fn NET_BUFFER_LIST_PROTOCOL_RESERVED(nbl: &NET_BUFFER_LIST) -> &[PVOID; 4] {
    &nbl.ProtocolReserved
}

/// The protocol driver's words, to write. NDIS 6.0. Page: NET_BUFFER_LIST_PROTOCOL_RESERVED.
#[inline]
pub fn NET_BUFFER_LIST_PROTOCOL_RESERVED_MUT(nbl: &mut NET_BUFFER_LIST) -> &mut [PVOID; 4] {
    &mut nbl.ProtocolReserved
}

/// The miniport driver's words. NDIS 6.0. Page: NET_BUFFER_LIST_MINIPORT_RESERVED.
#[inline]
pub const fn NET_BUFFER_LIST_MINIPORT_RESERVED(nbl: &NET_BUFFER_LIST) -> &[PVOID; 2] {
    &nbl.MiniportReserved
}

/// The miniport driver's words, to write. NDIS 6.0. Page: NET_BUFFER_LIST_MINIPORT_RESERVED.
#[inline]
pub fn NET_BUFFER_LIST_MINIPORT_RESERVED_MUT(nbl: &mut NET_BUFFER_LIST) -> &mut [PVOID; 2] {
    &mut nbl.MiniportReserved
}

/// Where the used part of a list's context begins. NDIS 6.0. Page: NET_BUFFER_LIST_CONTEXT_DATA_START.
///
/// C takes the list and follows its `Context`; here the caller does that, since this crate follows no pointer.
#[inline]
pub const fn NET_BUFFER_LIST_CONTEXT_DATA_START(context: &NET_BUFFER_LIST_CONTEXT) -> PUCHAR {
    let beginning = context as *const NET_BUFFER_LIST_CONTEXT as PUCHAR;
    beginning
        .wrapping_add(core::mem::size_of::<NET_BUFFER_LIST_CONTEXT>() + context.Offset as usize)
}

/// Bytes of a list's context. NDIS 6.0. Page: NET_BUFFER_LIST_CONTEXT_DATA_SIZE.
#[inline]
pub const fn NET_BUFFER_LIST_CONTEXT_DATA_SIZE(context: &NET_BUFFER_LIST_CONTEXT) -> USHORT {
    context.Size
}

/// The out-of-band slot `slot`. A slot that only newer versions have reads as one that nobody filled: NULL.
/// NDIS 6.0. Page: NET_BUFFER_LIST_INFO.
#[inline]
pub const fn NET_BUFFER_LIST_INFO(nbl: &NET_BUFFER_LIST, slot: NDIS_NET_BUFFER_LIST_INFO) -> PVOID {
    if slot < MaxNetBufferListInfo {
        nbl.NetBufferListInfo[slot]
    } else {
        null_mut()
    }
}

/// Assigns through [`NET_BUFFER_LIST_INFO`]. A slot that only newer versions have is not there, and nothing is written.
#[inline]
pub fn NET_BUFFER_LIST_SET_INFO(
    nbl: &mut NET_BUFFER_LIST,
    slot: NDIS_NET_BUFFER_LIST_INFO,
    value: PVOID,
) {
    if let Some(word) = nbl.NetBufferListInfo.get_mut(slot) {
        *word = value;
    }
}

/// `in_slot! { slot, STRUCTURE: READ, WRITE: getter, setter: type; ... }`: a member of what a slot holds.
macro_rules! in_slot {
    ($( $(#[$attribute:meta])* $slot:ident, $info:ident:
        $read:ident, $write:ident: $get:ident, $set:ident: $type:ty; )+) => {
        $(
            $(#[$attribute])*
            #[inline]
            pub fn $read(nbl: &NET_BUFFER_LIST) -> $type {
                $info::from_slot(NET_BUFFER_LIST_INFO(nbl, $slot)).$get()
            }

            #[doc = concat!("Assigns through [`", stringify!($read), "`], leaving the rest of the slot.")]
            #[inline]
            pub fn $write(nbl: &mut NET_BUFFER_LIST, value: $type) {
                let mut info = $info::from_slot(NET_BUFFER_LIST_INFO(nbl, $slot));
                info.$set(value);
                NET_BUFFER_LIST_SET_INFO(nbl, $slot, info.to_slot());
            }
        )+
    };
}

in_slot! {
    /// The VM queue that the frames belong to; 0 is the default queue. NDIS 6.20. Page: NET_BUFFER_LIST_RECEIVE_QUEUE_ID.
    NetBufferListFilteringInfo, NDIS_NET_BUFFER_LIST_FILTERING_INFO:
        NET_BUFFER_LIST_RECEIVE_QUEUE_ID, NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID: QueueId, SetQueueId: USHORT;
    /// The filter that the frames passed; 0 under VMQ. NDIS 6.20. Page: NET_BUFFER_LIST_RECEIVE_FILTER_ID.
    NetBufferListFilteringInfo, NDIS_NET_BUFFER_LIST_FILTERING_INFO:
        NET_BUFFER_LIST_RECEIVE_FILTER_ID, NET_BUFFER_LIST_SET_RECEIVE_FILTER_ID: FilterId, SetFilterId: USHORT;
    /// The virtual port that the frames belong to, where virtual ports take the place of queues. NDIS 6.30.
    /// Page: NET_BUFFER_LIST_RECEIVE_FILTER_VPORT_ID.
    NetBufferListFilteringInfo, NDIS_NET_BUFFER_LIST_FILTERING_INFO:
        NET_BUFFER_LIST_RECEIVE_FILTER_VPORT_ID, NET_BUFFER_LIST_SET_RECEIVE_FILTER_VPORT_ID:
        VPortId, SetVPortId: USHORT;
    /// The VLAN of the frames' tag, 0 to 4095. NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_8021Q_INFO.
    Ieee8021QNetBufferListInfo, NDIS_NET_BUFFER_LIST_8021Q_INFO:
        NDIS_GET_NET_BUFFER_LIST_VLAN_ID, NDIS_SET_NET_BUFFER_LIST_VLAN_ID: VlanId, SetVlanId: ULONG;
    /// Segments in a coalesced TCP frame, 0 if it is none. NDIS 6.30. Page: NET_BUFFER_LIST_COALESCED_SEG_COUNT.
    TcpRecvSegCoalesceInfo, NDIS_RSC_NBL_INFO:
        NET_BUFFER_LIST_COALESCED_SEG_COUNT, NET_BUFFER_LIST_SET_COALESCED_SEG_COUNT:
        Info_CoalescedSegCount, SetInfo_CoalescedSegCount: USHORT;
    /// Duplicate acknowledgements in a coalesced TCP frame. NDIS 6.30. Page: NET_BUFFER_LIST_DUP_ACK_COUNT.
    TcpRecvSegCoalesceInfo, NDIS_RSC_NBL_INFO:
        NET_BUFFER_LIST_DUP_ACK_COUNT, NET_BUFFER_LIST_SET_DUP_ACK_COUNT:
        Info_DupAckCount, SetInfo_DupAckCount: USHORT;
    /// Datagrams in a coalesced UDP frame, 0 if it is none. NDIS 6.84. Page: NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO.
    UdpRecvSegCoalesceOffloadInfo, NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO:
        NET_BUFFER_LIST_UDP_COALESCED_SEG_COUNT, NET_BUFFER_LIST_SET_UDP_COALESCED_SEG_COUNT:
        Receive_SegCount, SetReceive_SegCount: USHORT;
    /// Payload bytes of each of those datagrams. NDIS 6.84. Page: NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO.
    UdpRecvSegCoalesceOffloadInfo, NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO:
        NET_BUFFER_LIST_UDP_COALESCED_SEG_SIZE, NET_BUFFER_LIST_SET_UDP_COALESCED_SEG_SIZE:
        Receive_SegSize, SetReceive_SegSize: USHORT;
    /// The virtual subnet of the frames. NDIS 6.30. Page: NDIS_NET_BUFFER_LIST_VIRTUAL_SUBNET_INFO.
    VirtualSubnetInfo, NDIS_NET_BUFFER_LIST_VIRTUAL_SUBNET_INFO:
        NDIS_GET_NET_BUFFER_LIST_VIRTUAL_SUBNET_ID, NDIS_SET_NET_BUFFER_LIST_VIRTUAL_SUBNET_ID:
        VirtualSubnetId, SetVirtualSubnetId: ULONG;
}

/// Source and destinations of the frames inside the extensible switch; zero where this version of NDIS has no slot for
/// them. NDIS 6.30 on 64-bit, 6.82 on 32-bit. Page: NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO.
///
/// C gives the slot's address. Here the value is read, and assigned by the second function.
#[inline]
pub fn NET_BUFFER_LIST_SWITCH_FORWARDING_DETAIL(
    nbl: &NET_BUFFER_LIST,
) -> NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO {
    let word = |slot| NET_BUFFER_LIST_INFO(nbl, slot) as usize as ULONG64;
    #[cfg(target_pointer_width = "64")]
    let AsUINT64 = word(SwitchForwardingDetail);
    #[cfg(target_pointer_width = "32")]
    let AsUINT64 =
        word(SwitchForwardingDetail_b0_to_b31) | word(SwitchForwardingDetail_b32_to_b63) << 32;
    NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO { AsUINT64 }
}

/// Assigns through [`NET_BUFFER_LIST_SWITCH_FORWARDING_DETAIL`].
#[inline]
pub fn NET_BUFFER_LIST_SET_SWITCH_FORWARDING_DETAIL(
    nbl: &mut NET_BUFFER_LIST,
    detail: NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO,
) {
    let word = |bits: ULONG64| bits as usize as PVOID;
    #[cfg(target_pointer_width = "64")]
    NET_BUFFER_LIST_SET_INFO(nbl, SwitchForwardingDetail, word(detail.AsUINT64));
    #[cfg(target_pointer_width = "32")]
    {
        let [low, high] = [detail.AsUINT64, detail.AsUINT64 >> 32];
        NET_BUFFER_LIST_SET_INFO(nbl, SwitchForwardingDetail_b0_to_b31, word(low));
        NET_BUFFER_LIST_SET_INFO(nbl, SwitchForwardingDetail_b32_to_b63, word(high));
    }
}

/// By what a pending send can be cancelled. NDIS 6.0. Page: NDIS_GET_NET_BUFFER_LIST_CANCEL_ID.
#[inline]
pub const fn NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(nbl: &NET_BUFFER_LIST) -> PVOID {
    NET_BUFFER_LIST_INFO(nbl, NetBufferListCancelId)
}

/// Sets by what a pending send can be cancelled. NDIS 6.0. Page: NDIS_SET_NET_BUFFER_LIST_CANCEL_ID.
#[inline]
pub fn NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(nbl: &mut NET_BUFFER_LIST, id: PVOID) {
    NET_BUFFER_LIST_SET_INFO(nbl, NetBufferListCancelId, id);
}

/// The intermediate driver's word. NDIS 6.30. Page: NDIS_NET_BUFFER_LIST_INFO.
#[inline]
pub const fn NDIS_GET_NET_BUFFER_LIST_IM_RESERVED(nbl: &NET_BUFFER_LIST) -> PVOID {
    NET_BUFFER_LIST_INFO(nbl, IMReserved)
}

/// Sets the intermediate driver's word. NDIS 6.30. Page: NDIS_NET_BUFFER_LIST_INFO.
#[inline]
pub fn NDIS_SET_NET_BUFFER_LIST_IM_RESERVED(nbl: &mut NET_BUFFER_LIST, value: PVOID) {
    NET_BUFFER_LIST_SET_INFO(nbl, IMReserved, value);
}

/// Sets which protocol a send belongs to, one of `NDIS_PROTOCOL_ID_*`: the slot's first byte alone. NDIS 6.0.
/// Page: NdisSetNetBufferListProtocolId.
#[inline]
pub fn NdisSetNetBufferListProtocolId(nbl: &mut NET_BUFFER_LIST, protocol: UCHAR) {
    let word = NET_BUFFER_LIST_INFO(nbl, NetBufferListProtocolId) as usize;
    let mut bytes = word.to_ne_bytes();
    bytes[0] = protocol;
    let word = usize::from_ne_bytes(bytes);
    NET_BUFFER_LIST_SET_INFO(nbl, NetBufferListProtocolId, word as NDIS_HANDLE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_and_filter_share_slot_14_without_disturbing_each_other() {
        let mut nbl = NET_BUFFER_LIST::zeroed();
        NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(&mut nbl, 0xFFFF);
        NET_BUFFER_LIST_SET_RECEIVE_FILTER_ID(&mut nbl, 0x1234);
        assert_eq!(NET_BUFFER_LIST_RECEIVE_QUEUE_ID(&nbl), 0xFFFF);
        assert_eq!(
            NET_BUFFER_LIST_RECEIVE_FILTER_VPORT_ID(&nbl),
            0xFFFF,
            "one place, named by what is in use"
        );
        assert_eq!(NET_BUFFER_LIST_RECEIVE_FILTER_ID(&nbl), 0x1234);
        assert_eq!(
            NET_BUFFER_LIST_INFO(&nbl, NetBufferListFilteringInfo) as usize,
            0xFFFF_1234
        );

        NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(&mut nbl, 3);
        assert_eq!(NET_BUFFER_LIST_RECEIVE_FILTER_ID(&nbl), 0x1234);
        assert!((0..MaxNetBufferListInfo)
            .filter(|slot| *slot != NetBufferListFilteringInfo)
            .all(|slot| nbl.NetBufferListInfo[slot].is_null()));
    }

    #[test]
    #[cfg(any(target_pointer_width = "64", feature = "ndis682"))]
    fn what_the_switch_says_of_a_frame_comes_back_whole() {
        let mut nbl = NET_BUFFER_LIST::zeroed();
        let mut detail = NET_BUFFER_LIST_SWITCH_FORWARDING_DETAIL(&nbl);
        assert_eq!(detail.AsUINT64, 0);
        detail.SetSourcePortId(0x1234);
        detail.SetSafePacketDataSize(0xFFF);
        NET_BUFFER_LIST_SET_SWITCH_FORWARDING_DETAIL(&mut nbl, detail);
        assert_eq!(NET_BUFFER_LIST_SWITCH_FORWARDING_DETAIL(&nbl), detail);
        assert_eq!(detail.AsUINT64, 0x1234_0000 | 0xFFF << 43);
    }

    #[test]
    fn a_list_is_of_the_default_queue_until_told_otherwise() {
        assert_eq!(
            NET_BUFFER_LIST_RECEIVE_QUEUE_ID(&NET_BUFFER_LIST::zeroed()),
            0
        );
    }

    #[test]
    fn each_accessor_macro_reads_its_own_member() {
        let mut next = NET_BUFFER_LIST::zeroed();
        let mut nb = NET_BUFFER::zeroed();
        let nbl = NET_BUFFER_LIST {
            Next: &mut next,
            FirstNetBuffer: &mut nb,
            NblFlags: 1,
            Flags: 2,
            Status: 3,
            ProtocolReserved: [4 as PVOID; 4],
            MiniportReserved: [5 as PVOID; 2],
            ..NET_BUFFER_LIST::zeroed()
        };
        assert!(core::ptr::eq(NET_BUFFER_LIST_NEXT_NBL(&nbl), &next));
        assert!(core::ptr::eq(NET_BUFFER_LIST_FIRST_NB(&nbl), &nb));
        assert_eq!(NET_BUFFER_LIST_NBL_FLAGS(&nbl), 1);
        assert_eq!(NET_BUFFER_LIST_FLAGS(&nbl), 2);
        assert_eq!(NET_BUFFER_LIST_STATUS(&nbl), 3);
        assert_eq!(NET_BUFFER_LIST_PROTOCOL_RESERVED(&nbl)[3] as usize, 4);
        assert_eq!(NET_BUFFER_LIST_MINIPORT_RESERVED(&nbl)[1] as usize, 5);

        let mut copy = NET_BUFFER_LIST::zeroed();
        copy.SetNetBufferListHeader(nbl.NetBufferListHeader());
        assert_eq!(copy.NetBufferListHeader(), nbl.NetBufferListHeader());
    }
    #[test]
    fn a_slot_of_a_newer_version_reads_as_empty_and_swallows_what_is_written() {
        let mut nbl = NET_BUFFER_LIST::zeroed();
        nbl.NetBufferListInfo = [1 as PVOID; MaxNetBufferListInfo];
        assert_eq!(
            NET_BUFFER_LIST_INFO(&nbl, Ieee8021QNetBufferListInfo) as usize,
            1
        );
        for absent in [MaxNetBufferListInfo, usize::MAX] {
            assert!(NET_BUFFER_LIST_INFO(&nbl, absent).is_null());
            NET_BUFFER_LIST_SET_INFO(&mut nbl, absent, 2 as PVOID);
        }
        assert!(nbl.NetBufferListInfo.iter().all(|word| *word as usize == 1));
    }

    #[test]
    fn each_setter_writes_what_its_reader_reads() {
        let mut nb = NET_BUFFER::zeroed();
        let mut next = NET_BUFFER_LIST::zeroed();
        let mut nbl = NET_BUFFER_LIST::zeroed();
        NET_BUFFER_LIST_SET_NEXT_NBL(&mut nbl, &mut next);
        NET_BUFFER_LIST_SET_FIRST_NB(&mut nbl, &mut nb);
        NET_BUFFER_LIST_SET_FLAGS(&mut nbl, 1);
        NET_BUFFER_LIST_SET_NBL_FLAGS(&mut nbl, 2);
        NET_BUFFER_LIST_SET_STATUS(&mut nbl, 3);
        NET_BUFFER_LIST_PROTOCOL_RESERVED_MUT(&mut nbl)[3] = 4 as PVOID;
        NET_BUFFER_LIST_MINIPORT_RESERVED_MUT(&mut nbl)[1] = 5 as PVOID;
        NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(&mut nbl, 6 as PVOID);
        assert!(core::ptr::eq(NET_BUFFER_LIST_NEXT_NBL(&nbl), &next));
        assert!(core::ptr::eq(NET_BUFFER_LIST_FIRST_NB(&nbl), &nb));
        assert_eq!(NET_BUFFER_LIST_FLAGS(&nbl), 1);
        assert_eq!(NET_BUFFER_LIST_NBL_FLAGS(&nbl), 2);
        assert_eq!(NET_BUFFER_LIST_STATUS(&nbl), 3);
        assert_eq!(NET_BUFFER_LIST_PROTOCOL_RESERVED(&nbl)[3] as usize, 4);
        assert_eq!(NET_BUFFER_LIST_MINIPORT_RESERVED(&nbl)[1] as usize, 5);
        assert_eq!(NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(&nbl) as usize, 6);
    }

    #[test]
    fn a_tag_is_reached_from_the_list() {
        let mut nbl = NET_BUFFER_LIST::zeroed();
        nbl.NetBufferListInfo[Ieee8021QNetBufferListInfo] = 0xF as PVOID;
        NDIS_SET_NET_BUFFER_LIST_VLAN_ID(&mut nbl, 0x123);
        assert_eq!(NDIS_GET_NET_BUFFER_LIST_VLAN_ID(&nbl), 0x123);
        assert_eq!(
            nbl.NetBufferListInfo[Ieee8021QNetBufferListInfo] as usize, 0x123F,
            "the priority stays"
        );
    }

    #[test]
    fn coalesced_datagrams_are_counted_in_slot_17() {
        let mut nbl = NET_BUFFER_LIST::zeroed();
        NET_BUFFER_LIST_SET_UDP_COALESCED_SEG_COUNT(&mut nbl, 3);
        NET_BUFFER_LIST_SET_UDP_COALESCED_SEG_SIZE(&mut nbl, 1200);
        assert_eq!(nbl.NetBufferListInfo[17] as usize, 1200 << 16 | 3);
        assert_eq!(NET_BUFFER_LIST_UDP_COALESCED_SEG_COUNT(&nbl), 3);
        assert_eq!(NET_BUFFER_LIST_UDP_COALESCED_SEG_SIZE(&nbl), 1200);
    }

    #[test]
    #[cfg(feature = "ndis630")]
    fn coalesced_segments_and_the_intermediate_drivers_word_have_slots_from_6_30() {
        let mut nbl = NET_BUFFER_LIST::zeroed();
        NET_BUFFER_LIST_SET_COALESCED_SEG_COUNT(&mut nbl, 7);
        NET_BUFFER_LIST_SET_DUP_ACK_COUNT(&mut nbl, 2);
        NDIS_SET_NET_BUFFER_LIST_IM_RESERVED(&mut nbl, 9 as PVOID);
        assert_eq!(
            nbl.NetBufferListInfo[TcpRecvSegCoalesceInfo] as usize,
            2 << 16 | 7
        );
        assert_eq!(NET_BUFFER_LIST_COALESCED_SEG_COUNT(&nbl), 7);
        assert_eq!(NET_BUFFER_LIST_DUP_ACK_COUNT(&nbl), 2);
        assert_eq!(NDIS_GET_NET_BUFFER_LIST_IM_RESERVED(&nbl) as usize, 9);
    }

    #[test]
    fn a_protocol_id_is_the_first_byte_of_its_slot() {
        let mut nbl = NET_BUFFER_LIST::zeroed();
        nbl.NetBufferListInfo[NetBufferListProtocolId] = usize::MAX as PVOID;
        NdisSetNetBufferListProtocolId(&mut nbl, 2);
        let bytes = (nbl.NetBufferListInfo[NetBufferListProtocolId] as usize).to_ne_bytes();
        assert_eq!(bytes[0], 2);
        assert!(bytes[1..].iter().all(|byte| *byte == 0xFF));
    }

    #[test]
    fn the_context_in_use_begins_behind_what_is_free() {
        let context = NET_BUFFER_LIST_CONTEXT {
            Size: 64,
            Offset: 48,
            ..NET_BUFFER_LIST_CONTEXT::zeroed()
        };
        let beginning = &context as *const _ as usize;
        let room = &context.ContextData as *const _ as usize;
        assert_eq!(
            NET_BUFFER_LIST_CONTEXT_DATA_START(&context) as usize,
            room + 48
        );
        assert!(room > beginning);
        assert_eq!(NET_BUFFER_LIST_CONTEXT_DATA_SIZE(&context), 64);
    }
}
