//! The out-of-band slots of a NET_BUFFER_LIST by index.
//!
//! Slots 0 to 17 have the same index everywhere. Behind them, 64-bit and 32-bit Windows differ, and newer versions append.
//! All indices are named here; [`MaxNetBufferListInfo`] says which of them the chosen version's layout has.

/// Index of an out-of-band slot. NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_INFO.
pub type NDIS_NET_BUFFER_LIST_INFO = usize;

/// Checksum work to do or done; see
/// [`NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO`](crate::NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO). NDIS 6.0.
/// Page: NDIS_NET_BUFFER_LIST_INFO.
pub const TcpIpChecksumNetBufferListInfo: NDIS_NET_BUFFER_LIST_INFO = 0;
/// Bytes moved by a connection offload; same slot as the checksum. NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const TcpOffloadBytesTransferred: NDIS_NET_BUFFER_LIST_INFO = TcpIpChecksumNetBufferListInfo;
/// IPsec work, version 1. NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const IPsecOffloadV1NetBufferListInfo: NDIS_NET_BUFFER_LIST_INFO = 1;
/// IPsec work, version 2; same slot as version 1. NDIS 6.1. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const IPsecOffloadV2NetBufferListInfo: NDIS_NET_BUFFER_LIST_INFO =
    IPsecOffloadV1NetBufferListInfo;
/// Large send work; see
/// [`NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO`](crate::NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO).
/// NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const TcpLargeSendNetBufferListInfo: NDIS_NET_BUFFER_LIST_INFO = 2;
/// Push mode of an offloaded receive; same slot as large send. NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const TcpReceiveNoPush: NDIS_NET_BUFFER_LIST_INFO = TcpLargeSendNetBufferListInfo;
/// Reserved. NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const ClassificationHandleNetBufferListInfo: NDIS_NET_BUFFER_LIST_INFO = 3;
/// VLAN tag; see [`NDIS_NET_BUFFER_LIST_8021Q_INFO`](crate::NDIS_NET_BUFFER_LIST_8021Q_INFO). NDIS 6.0.
/// Page: NDIS_NET_BUFFER_LIST_INFO.
pub const Ieee8021QNetBufferListInfo: NDIS_NET_BUFFER_LIST_INFO = 4;
/// By what a pending send can be cancelled. NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const NetBufferListCancelId: NDIS_NET_BUFFER_LIST_INFO = 5;
/// What only one kind of medium knows. NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const MediaSpecificInformation: NDIS_NET_BUFFER_LIST_INFO = 6;
/// EtherType of the frames, in network order. NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const NetBufferListFrameType: NDIS_NET_BUFFER_LIST_INFO = 7;
/// Protocol that a send belongs to; same slot as the frame type. NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const NetBufferListProtocolId: NDIS_NET_BUFFER_LIST_INFO = NetBufferListFrameType;
/// Receive hash of the frames, 32 bits; see [`NET_BUFFER_LIST_GET_HASH_VALUE`](crate::NET_BUFFER_LIST_GET_HASH_VALUE).
/// NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const NetBufferListHashValue: NDIS_NET_BUFFER_LIST_INFO = 8;
/// What that hash was made over and how; see
/// [`NET_BUFFER_LIST_GET_HASH_TYPE`](crate::NET_BUFFER_LIST_GET_HASH_TYPE). NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const NetBufferListHashInfo: NDIS_NET_BUFFER_LIST_INFO = 9;
/// Belongs to the filtering platform. NDIS 6.0. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const WfpNetBufferListInfo: NDIS_NET_BUFFER_LIST_INFO = 10;
/// IPsec tunnel. NDIS 6.1. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const IPsecOffloadV2TunnelNetBufferListInfo: NDIS_NET_BUFFER_LIST_INFO = 11;
/// IPsec headers. NDIS 6.1. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const IPsecOffloadV2HeaderNetBufferListInfo: NDIS_NET_BUFFER_LIST_INFO = 12;
/// Ties a frame to what is logged of it. NDIS 6.20. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const NetBufferListCorrelationId: NDIS_NET_BUFFER_LIST_INFO = 13;
/// VM queue and filter; see [`NDIS_NET_BUFFER_LIST_FILTERING_INFO`](crate::NDIS_NET_BUFFER_LIST_FILTERING_INFO).
/// NDIS 6.20. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const NetBufferListFilteringInfo: NDIS_NET_BUFFER_LIST_INFO = 14;
/// What only one kind of medium knows, longer form. NDIS 6.20. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const MediaSpecificInformationEx: NDIS_NET_BUFFER_LIST_INFO = 15;
/// Interface that the frames first came in by. NDIS 6.20. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const NblOriginalInterfaceIfIndex: NDIS_NET_BUFFER_LIST_INFO = 16;
/// Belongs to the filtering platform; same slot. NDIS 6.20. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const NblReAuthWfpFlowContext: NDIS_NET_BUFFER_LIST_INFO = NblOriginalInterfaceIfIndex;
/// Bytes received by an offloaded connection. NDIS 6.20. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const TcpReceiveBytesTransferred: NDIS_NET_BUFFER_LIST_INFO = 17;
/// Name resolution; same slot. NDIS 6.20. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const NrtNameResolutionId: NDIS_NET_BUFFER_LIST_INFO = TcpReceiveBytesTransferred;
/// Coalesced UDP receive; same slot. NDIS 6.84. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const UdpRecvSegCoalesceOffloadInfo: NDIS_NET_BUFFER_LIST_INFO = TcpReceiveBytesTransferred;

/// Where a 32-bit index lies behind the 64-bit one is of no system; so both are written down.
const fn slot(on_64: usize, on_32: usize) -> NDIS_NET_BUFFER_LIST_INFO {
    crate::layout::for_target(on_64, on_32)
}

/// Belongs to the extensible switch. NDIS 6.30 on 64-bit, 6.82 on 32-bit. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const SwitchForwardingReserved: NDIS_NET_BUFFER_LIST_INFO = slot(18, 23);
/// Source and destinations inside the extensible switch. NDIS 6.30. Page: NDIS_NET_BUFFER_LIST_INFO.
#[cfg(target_pointer_width = "64")]
pub const SwitchForwardingDetail: NDIS_NET_BUFFER_LIST_INFO = 19;
/// Source and destinations inside the extensible switch, low half. NDIS 6.82, 32-bit only.
/// Page: NDIS_NET_BUFFER_LIST_INFO.
#[cfg(target_pointer_width = "32")]
pub const SwitchForwardingDetail_b0_to_b31: NDIS_NET_BUFFER_LIST_INFO = 24;
/// Source and destinations inside the extensible switch, high half. NDIS 6.82, 32-bit only.
/// Page: NDIS_NET_BUFFER_LIST_INFO.
#[cfg(target_pointer_width = "32")]
pub const SwitchForwardingDetail_b32_to_b63: NDIS_NET_BUFFER_LIST_INFO = 25;
/// Virtual subnet of an encapsulated frame. NDIS 6.30 on 64-bit, 6.82 on 32-bit. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const VirtualSubnetInfo: NDIS_NET_BUFFER_LIST_INFO = slot(20, 26);
/// Belongs to intermediate drivers. NDIS 6.30. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const IMReserved: NDIS_NET_BUFFER_LIST_INFO = slot(21, 18);
/// Coalesced TCP receive. NDIS 6.30. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const TcpRecvSegCoalesceInfo: NDIS_NET_BUFFER_LIST_INFO = slot(22, 19);
/// UDP segmentation work; same slot; see
/// [`NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO`](crate::NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO).
/// NDIS 6.83. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const UdpSegmentationOffloadInfo: NDIS_NET_BUFFER_LIST_INFO = TcpRecvSegCoalesceInfo;
/// Time stamps of coalesced TCP segments. NDIS 6.30. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const RscTcpTimestampDelta: NDIS_NET_BUFFER_LIST_INFO = slot(23, 20);
/// Send offloads of an encapsulated frame; same slot. NDIS 6.30. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const TcpSendOffloadsSupplementalNetBufferListInfo: NDIS_NET_BUFFER_LIST_INFO =
    RscTcpTimestampDelta;
/// Flow table offload. NDIS 6.50, 64-bit only. Page: NDIS_NET_BUFFER_LIST_INFO.
#[cfg(target_pointer_width = "64")]
pub const GftOffloadInformation: NDIS_NET_BUFFER_LIST_INFO = 24;
/// Entry of that flow table. NDIS 6.50, 64-bit only. Page: NDIS_NET_BUFFER_LIST_INFO.
#[cfg(target_pointer_width = "64")]
pub const GftFlowEntryId: NDIS_NET_BUFFER_LIST_INFO = 25;
/// Reserved. NDIS 6.80. Page: NDIS_NET_BUFFER_LIST_INFO.
pub const NetBufferListInfoReserved3: NDIS_NET_BUFFER_LIST_INFO = slot(26, 21);
/// Reserved. NDIS 6.80, 32-bit only. Page: NDIS_NET_BUFFER_LIST_INFO.
#[cfg(target_pointer_width = "32")]
pub const NetBufferListInfoReserved4: NDIS_NET_BUFFER_LIST_INFO = 22;

/// Slots that a list has in the NDIS version of the layout: 18 in 6.20, 24 | 21 in 6.30, 26 | 21 in 6.50, 27 | 23 in
/// 6.80, 27 from 6.82 (64-bit | 32-bit). Page: NDIS_NET_BUFFER_LIST_INFO.
pub const MaxNetBufferListInfo: NDIS_NET_BUFFER_LIST_INFO = if cfg!(feature = "ndis682") {
    27
} else if cfg!(feature = "ndis680") {
    slot(27, 23)
} else if cfg!(feature = "ndis650") {
    slot(26, 21)
} else if cfg!(feature = "ndis630") {
    slot(24, 21)
} else {
    18
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_the_slots_it_names_and_no_later_ones() {
        let newest = if cfg!(feature = "ndis682") {
            slot(NetBufferListInfoReserved3, VirtualSubnetInfo)
        } else if cfg!(feature = "ndis680") {
            slot(26, 22)
        } else if cfg!(feature = "ndis650") {
            slot(25, RscTcpTimestampDelta)
        } else if cfg!(feature = "ndis630") {
            RscTcpTimestampDelta
        } else {
            TcpReceiveBytesTransferred
        };
        assert_eq!(newest + 1, MaxNetBufferListInfo);
    }
}
