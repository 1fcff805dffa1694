//! Slots `VirtualSubnetInfo`, `TcpSendOffloadsSupplementalNetBufferListInfo` and `SwitchForwardingDetail`: what network
//! virtualization and the extensible switch say of a frame.

use crate::basic::{ULONG, ULONG64, USHORT};

slot_info! {
    /// The virtual subnet that a frame belongs to. NDIS 6.30. Page: NDIS_NET_BUFFER_LIST_VIRTUAL_SUBNET_INFO.
    pub struct NDIS_NET_BUFFER_LIST_VIRTUAL_SUBNET_INFO {
        /// The subnet, 24 bits. NDIS 6.30. Page: NDIS_NET_BUFFER_LIST_VIRTUAL_SUBNET_INFO.
        VirtualSubnetId, SetVirtualSubnetId: bits 0..24;
        /// Reserved. NDIS 6.30. Page: NDIS_NET_BUFFER_LIST_VIRTUAL_SUBNET_INFO.
        ReservedVsidBits, SetReservedVsidBits: bits 24..32;
    }
}

slot_info! {
    /// Where the headers of an encapsulated frame begin. NDIS 6.30.
    /// Page: NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO.
    pub struct NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO {
        /// The frame is encapsulated: these offsets hold, not those of checksum and large send. NDIS 6.30.
        /// Page: NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO.
        EncapsulatedPacketOffsets_IsEncapsulatedPacket, SetEncapsulatedPacketOffsets_IsEncapsulatedPacket: flag 0;
        /// The three offsets below have been filled in. NDIS 6.30.
        /// Page: NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO.
        EncapsulatedPacketOffsets_EncapsulatedPacketOffsetsValid,
            SetEncapsulatedPacketOffsets_EncapsulatedPacketOffsetsValid: flag 1;
        /// Bytes from the beginning of the frame to the inner Ethernet frame. NDIS 6.30.
        /// Page: NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO.
        EncapsulatedPacketOffsets_InnerFrameOffset, SetEncapsulatedPacketOffsets_InnerFrameOffset: bits 2..10;
        /// Bytes from there to the inner IP header. NDIS 6.30.
        /// Page: NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO.
        EncapsulatedPacketOffsets_TransportIpHeaderRelativeOffset,
            SetEncapsulatedPacketOffsets_TransportIpHeaderRelativeOffset: bits 10..16;
        /// Bytes from the inner IP header to the inner TCP header. NDIS 6.30.
        /// Page: NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO.
        EncapsulatedPacketOffsets_TcpHeaderRelativeOffset,
            SetEncapsulatedPacketOffsets_TcpHeaderRelativeOffset: bits 16..26;
        /// The inner frame is IPv6. NDIS 6.30. Page: NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO.
        EncapsulatedPacketOffsets_IsInnerIPv6, SetEncapsulatedPacketOffsets_IsInnerIPv6: flag 26;
        /// The inner TCP header has options. NDIS 6.30.
        /// Page: NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO.
        EncapsulatedPacketOffsets_TcpOptionsPresent, SetEncapsulatedPacketOffsets_TcpOptionsPresent: flag 27;
    }
}

layout! {
    /// Source and destinations of a frame inside the extensible switch: 64 bits, so one slot on 64-bit Windows and two on
    /// 32-bit. NDIS 6.30. Page: NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO.
    #[repr(C, align(8))]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO [size 8 | 8, align 8 | 8] {
        /// All of it as one number.
        [0 | 0] pub AsUINT64: ULONG64,
    }
}

macro_rules! detail {
    ($($(#[$attribute:meta])* $read:ident, $write:ident: $first:literal, $width:literal, $type:ty;)+) => {
        impl NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO {
            $(
                $(#[$attribute])*
                #[inline]
                pub const fn $read(self) -> $type {
                    (self.AsUINT64 >> $first & ((1 << $width) - 1)) as $type
                }

                #[doc = concat!("Sets [`Self::", stringify!($read), "`]; what does not fit is dropped.")]
                #[inline]
                pub fn $write(&mut self, value: $type) {
                    let mask: ULONG64 = ((1 << $width) - 1) << $first;
                    self.AsUINT64 = self.AsUINT64 & !mask | (ULONG64::from(value) << $first) & mask;
                }
            )+
        }
    };
}

detail! {
    /// Destinations that there is still room for. NDIS 6.30. Page: NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO.
    NumAvailableDestinations, SetNumAvailableDestinations: 0, 16, USHORT;
    /// The port that the frame came from. NDIS 6.30. Page: NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO.
    SourcePortId, SetSourcePortId: 16, 16, USHORT;
    /// Which of that port's adapters. NDIS 6.30. Page: NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO.
    SourceNicIndex, SetSourceNicIndex: 32, 8, ULONG;
    /// 1 if the switch itself must forward the frame. NDIS 6.40.
    /// Page: NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO.
    NativeForwardingRequired, SetNativeForwardingRequired: 40, 1, ULONG;
    /// 1 if all of the frame is in the host's own memory. NDIS 6.30.
    /// Page: NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO.
    IsPacketDataSafe, SetIsPacketDataSafe: 42, 1, ULONG;
    /// If it is not: bytes at its beginning that are. NDIS 6.30.
    /// Page: NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO.
    SafePacketDataSize, SetSafePacketDataSize: 43, 12, ULONG;
    /// 1 if some of the frame is not cached. NDIS 6.84. Page: NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO.
    IsPacketDataUncached, SetIsPacketDataUncached: 55, 1, ULONG;
    /// 1 if that is also true of the safe part. NDIS 6.84. Page: NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO.
    IsSafePacketDataUncached, SetIsSafePacketDataUncached: 56, 1, ULONG;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safe_part_of_a_frame_lies_across_the_second_half_of_the_word() {
        let mut detail = NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO::zeroed();
        detail.SetSourcePortId(0xFFFF);
        detail.SetSafePacketDataSize(128);
        detail.SetIsPacketDataUncached(1);
        assert_eq!(detail.AsUINT64, 1 << 55 | 128 << 43 | 0xFFFF_0000);
        detail.SetSafePacketDataSize(1 << 12);
        assert_eq!(
            detail.SafePacketDataSize(),
            0,
            "what does not fit is dropped"
        );
        assert_eq!(
            (detail.SourcePortId(), detail.IsPacketDataUncached()),
            (0xFFFF, 1)
        );
    }

    #[test]
    fn an_inner_tcp_offset_has_ten_bits_behind_the_inner_ip_offset() {
        let mut info = NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO::zeroed();
        info.SetEncapsulatedPacketOffsets_IsEncapsulatedPacket(true);
        info.SetEncapsulatedPacketOffsets_TransportIpHeaderRelativeOffset(14);
        info.SetEncapsulatedPacketOffsets_TcpHeaderRelativeOffset(20);
        assert_eq!(info.Value, 20 << 16 | 14 << 10 | 1);
    }
}
