//! Slots `TcpLargeSendNetBufferListInfo` and `UdpSegmentationOffloadInfo`: frames larger than the link takes, to be cut
//! by whoever puts them on it.
//!
//! TCP has two versions, told apart by the bit `Transmit_Type`. Version 1 reports on completion how many bytes of payload
//! went out; version 2 leaves zero.

use crate::basic::ULONG;

/// `Type` of version 1. NDIS 6.0. Page: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
pub const NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE: ULONG = 0;
/// `Type` of version 2. NDIS 6.0. Page: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
pub const NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE: ULONG = 1;
/// `IPVersion` of IPv4. NDIS 6.0. Page: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
pub const NDIS_TCP_LARGE_SEND_OFFLOAD_IPv4: ULONG = 0;
/// `IPVersion` of IPv6. NDIS 6.0. Page: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
pub const NDIS_TCP_LARGE_SEND_OFFLOAD_IPv6: ULONG = 1;
/// `IPVersion` of IPv4. NDIS 6.83. Page: NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO.
pub const NDIS_UDP_SEGMENTATION_OFFLOAD_IPV4: ULONG = 0;
/// `IPVersion` of IPv6. NDIS 6.83. Page: NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO.
pub const NDIS_UDP_SEGMENTATION_OFFLOAD_IPV6: ULONG = 1;

slot_info! {
    /// Cut this TCP frame. NDIS 6.0. Page: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
    pub struct NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO {
        /// Which version's view holds. NDIS 6.0. Page: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
        Transmit_Type, SetTransmit_Type: bits 30..31;

        /// Payload bytes a segment may have; 0 when nothing is to be cut. NDIS 6.0.
        /// Page: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
        LsoV1Transmit_MSS, SetLsoV1Transmit_MSS: bits 0..20;
        /// Bytes from the beginning of the frame to its TCP header. NDIS 6.0.
        /// Page: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
        LsoV1Transmit_TcpHeaderOffset, SetLsoV1Transmit_TcpHeaderOffset: bits 20..30;
        /// On completion: payload bytes sent. NDIS 6.0. Page: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
        LsoV1TransmitComplete_TcpPayload, SetLsoV1TransmitComplete_TcpPayload: bits 0..30;

        /// Payload bytes a segment may have; 0 when nothing is to be cut. NDIS 6.0.
        /// Page: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
        LsoV2Transmit_MSS, SetLsoV2Transmit_MSS: bits 0..20;
        /// Bytes from the beginning of the frame to its TCP header. NDIS 6.0.
        /// Page: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
        LsoV2Transmit_TcpHeaderOffset, SetLsoV2Transmit_TcpHeaderOffset: bits 20..30;
        /// IPv4 or IPv6. NDIS 6.0. Page: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
        LsoV2Transmit_IPVersion, SetLsoV2Transmit_IPVersion: bits 31..32;
        /// On completion: zero. NDIS 6.0. Page: NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.
        LsoV2TransmitComplete_Reserved, SetLsoV2TransmitComplete_Reserved: bits 0..30;
    }
}

slot_info! {
    /// Cut this UDP frame. NDIS 6.83. Page: NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO.
    pub struct NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO {
        /// Payload bytes a segment may have. NDIS 6.83. Page: NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO.
        Transmit_MSS, SetTransmit_MSS: bits 0..20;
        /// Bytes from the beginning of the frame to its UDP header. NDIS 6.83.
        /// Page: NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO.
        Transmit_UdpHeaderOffset, SetTransmit_UdpHeaderOffset: bits 20..30;
        /// IPv4 or IPv6. NDIS 6.83. Page: NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO.
        Transmit_IPVersion, SetTransmit_IPVersion: bits 31..32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_2_large_send_fills_the_slots_low_32_bits() {
        let mut info = NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO::zeroed();
        info.SetTransmit_Type(NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE);
        info.SetLsoV2Transmit_IPVersion(NDIS_TCP_LARGE_SEND_OFFLOAD_IPv6);
        info.SetLsoV2Transmit_TcpHeaderOffset(54);
        info.SetLsoV2Transmit_MSS(1440);
        assert_eq!(info.Value, 0b11 << 30 | 54 << 20 | 1440);
        assert_eq!(
            info.LsoV1Transmit_MSS(),
            1440,
            "the versions agree on where the MSS is"
        );

        info.SetLsoV2TransmitComplete_Reserved(0);
        assert_eq!(info.LsoV2Transmit_MSS(), 0);
        assert_eq!(
            info.Transmit_Type(),
            NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE,
            "completion keeps the type"
        );
    }

    #[test]
    fn a_version_1_completion_counts_payload_where_mss_and_offset_were() {
        let mut info = NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO::zeroed();
        info.SetLsoV1Transmit_MSS(1460);
        info.SetLsoV1Transmit_TcpHeaderOffset(34);
        info.SetLsoV1TransmitComplete_TcpPayload(64_000);
        assert_eq!(info.Value, 64_000);
        assert_eq!(info.Transmit_Type(), NDIS_TCP_LARGE_SEND_OFFLOAD_V1_TYPE);
    }

    #[test]
    fn a_udp_segmentation_has_no_type_bit() {
        let mut info = NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO::zeroed();
        info.SetTransmit_MSS(0xF_FFFF);
        info.SetTransmit_UdpHeaderOffset(0x3FF);
        info.SetTransmit_IPVersion(NDIS_UDP_SEGMENTATION_OFFLOAD_IPV6);
        assert_eq!(info.Value, 0xBFFF_FFFF);
    }
}
