//! Slot `TcpIpChecksumNetBufferListInfo`: which checksums to fill in on the way out, which were found right or wrong on
//! the way in.
//!
//! The two directions give the same bits different names; which one holds, only the direction of the frame says.

slot_info! {
    /// Checksum work to do (`Transmit`) or done (`Receive`). NDIS 6.0.
    /// Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
    pub struct NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO {
        /// The frame is IPv4. NDIS 6.0. Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Transmit_IsIPv4, SetTransmit_IsIPv4: flag 0;
        /// The frame is IPv6. NDIS 6.0. Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Transmit_IsIPv6, SetTransmit_IsIPv6: flag 1;
        /// Fill in the TCP checksum. NDIS 6.0. Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Transmit_TcpChecksum, SetTransmit_TcpChecksum: flag 2;
        /// Fill in the UDP checksum. NDIS 6.0. Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Transmit_UdpChecksum, SetTransmit_UdpChecksum: flag 3;
        /// Fill in the IPv4 header checksum. NDIS 6.0. Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Transmit_IpHeaderChecksum, SetTransmit_IpHeaderChecksum: flag 4;
        /// Bytes from the beginning of the frame to its TCP (or UDP) header, at most 1023. NDIS 6.0.
        /// Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Transmit_TcpHeaderOffset, SetTransmit_TcpHeaderOffset: bits 16..26;

        /// The TCP checksum was wrong. NDIS 6.0. Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Receive_TcpChecksumFailed, SetReceive_TcpChecksumFailed: flag 0;
        /// The UDP checksum was wrong. NDIS 6.0. Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Receive_UdpChecksumFailed, SetReceive_UdpChecksumFailed: flag 1;
        /// The IPv4 header checksum was wrong. NDIS 6.0. Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Receive_IpChecksumFailed, SetReceive_IpChecksumFailed: flag 2;
        /// The TCP checksum was right. NDIS 6.0. Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Receive_TcpChecksumSucceeded, SetReceive_TcpChecksumSucceeded: flag 3;
        /// The UDP checksum was right. NDIS 6.0. Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Receive_UdpChecksumSucceeded, SetReceive_UdpChecksumSucceeded: flag 4;
        /// The IPv4 header checksum was right. NDIS 6.0. Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Receive_IpChecksumSucceeded, SetReceive_IpChecksumSucceeded: flag 5;
        /// The frame came back to the machine that sent it, its checksums never made. NDIS 6.0.
        /// Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Receive_Loopback, SetReceive_Loopback: flag 6;
        /// The segments were right, but the TCP checksum in the coalesced frame is not that of the frame. NDIS 6.30.
        /// Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Receive_TcpChecksumValueInvalid, SetReceive_TcpChecksumValueInvalid: flag 7;
        /// The same of the IPv4 header checksum. NDIS 6.30. Page: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.
        Receive_IpChecksumValueInvalid, SetReceive_IpChecksumValueInvalid: flag 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tcp_offset_lies_above_the_reserved_bits_and_takes_ten() {
        let mut info = NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO::zeroed();
        info.SetTransmit_IsIPv4(true);
        info.SetTransmit_TcpChecksum(true);
        info.SetTransmit_TcpHeaderOffset(34);
        assert_eq!(info.Value, 34 << 16 | 0b101);
        info.SetTransmit_TcpHeaderOffset(1 << 10);
        assert_eq!(
            info.Value, 0b101,
            "an offset of 1024 does not fit and must not reach other bits"
        );
    }

    #[test]
    fn transmit_and_receive_are_two_readings_of_the_same_bits() {
        let mut info = NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO::zeroed();
        info.SetReceive_TcpChecksumSucceeded(true);
        info.SetReceive_IpChecksumSucceeded(true);
        assert_eq!(info.Value, 0b10_1000);
        assert!(
            info.Transmit_UdpChecksum(),
            "bit 3, read in the wrong direction"
        );
        info.SetReceive_IpChecksumValueInvalid(true);
        info.SetReceive_TcpChecksumSucceeded(false);
        assert_eq!(info.Value, 0b1_0010_0000);
    }
}
