//! Slots `TcpRecvSegCoalesceInfo` and `UdpRecvSegCoalesceOffloadInfo`: frames that were joined from several on the way in.

slot_info! {
    /// A frame joined from TCP segments. NDIS 6.30. Page: NDIS_RSC_NBL_INFO.
    pub struct NDIS_RSC_NBL_INFO {
        /// Segments joined; 0 if this is an ordinary frame. NDIS 6.30. Page: NDIS_RSC_NBL_INFO.
        Info_CoalescedSegCount, SetInfo_CoalescedSegCount: short 0..16;
        /// Duplicate acknowledgements among them. NDIS 6.30. Page: NDIS_RSC_NBL_INFO.
        Info_DupAckCount, SetInfo_DupAckCount: short 16..32;
    }
}

slot_info! {
    /// A frame joined from UDP datagrams. NDIS 6.84. Page: NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO.
    pub struct NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO {
        /// Datagrams joined; 0 if this is an ordinary frame. NDIS 6.84.
        /// Page: NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO.
        Receive_SegCount, SetReceive_SegCount: short 0..16;
        /// Payload bytes of each datagram but the last. NDIS 6.84. Page: NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO.
        Receive_SegSize, SetReceive_SegSize: short 16..32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_segments_is_the_slots_first_short() {
        let mut tcp = NDIS_RSC_NBL_INFO::zeroed();
        tcp.SetInfo_CoalescedSegCount(0x0102);
        tcp.SetInfo_DupAckCount(0x0304);
        assert_eq!(tcp.Value, 0x0304_0102);
        let mut udp = NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO::zeroed();
        udp.SetReceive_SegCount(2);
        udp.SetReceive_SegSize(1200);
        assert_eq!((udp.Receive_SegCount(), udp.Receive_SegSize()), (2, 1200));
    }
}
