//! Receive filters: types, tests, the header fields they look at, and what an adapter can test.

use crate::basic::{NDIS_RECEIVE_FILTER_ID, ULONG};

/// No filter: filters are counted from 1. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_PARAMETERS.
pub const NDIS_DEFAULT_RECEIVE_FILTER_ID: NDIS_RECEIVE_FILTER_ID = 0;

/// What a filter is for. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_TYPE.
pub type NDIS_RECEIVE_FILTER_TYPE = i32;
/// Nothing. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_TYPE.
pub const NdisReceiveFilterTypeUndefined: NDIS_RECEIVE_FILTER_TYPE = 0;
/// Chooses a VM queue. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_TYPE.
pub const NdisReceiveFilterTypeVMQueue: NDIS_RECEIVE_FILTER_TYPE = 1;
/// Chooses frames to hold back. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_TYPE.
pub const NdisReceiveFilterTypePacketCoalescing: NDIS_RECEIVE_FILTER_TYPE = 2;
/// Bound of the enumeration. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_TYPE.
pub const NdisReceiveFilterTypeMaximum: NDIS_RECEIVE_FILTER_TYPE = 3;

/// Filter flag: reserved. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_FLAGS_RESERVED: ULONG = 0x0000_0001;
/// Filter flag: look at the inner frame of an encapsulated one. NDIS 6.50. Page: NDIS_RECEIVE_FILTER_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION: ULONG = 0x0000_0002;
/// The same flag under its first name. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION_GRE: ULONG =
    NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION;

/// Field flag, of a MAC test: accept only frames without tag or with VLAN 0. NDIS 6.20.
/// Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO: ULONG = 0x0000_0001;

/// Array flag: list the filters of a virtual port. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_INFO_ARRAY.
pub const NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED: ULONG = 0x0000_0001;

/// Filter types enabled: VM queues. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED: ULONG = 0x0000_0001;
/// Filter types enabled: packet coalescing. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_PACKET_COALESCING_FILTERS_ENABLED: ULONG = 0x0000_0002;

/// How a field is compared. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_TEST.
pub type NDIS_RECEIVE_FILTER_TEST = i32;
/// Not at all. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_TEST.
pub const NdisReceiveFilterTestUndefined: NDIS_RECEIVE_FILTER_TEST = 0;
/// The field equals FieldValue. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_TEST.
pub const NdisReceiveFilterTestEqual: NDIS_RECEIVE_FILTER_TEST = 1;
/// The field masked by FieldValue equals ResultValue. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_TEST.
pub const NdisReceiveFilterTestMaskEqual: NDIS_RECEIVE_FILTER_TEST = 2;
/// The field differs from FieldValue. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_TEST.
pub const NdisReceiveFilterTestNotEqual: NDIS_RECEIVE_FILTER_TEST = 3;
/// Bound of the enumeration. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_TEST.
pub const NdisReceiveFilterTestMaximum: NDIS_RECEIVE_FILTER_TEST = 4;

/// The header that a field is in. NDIS 6.20. Page: NDIS_FRAME_HEADER.
pub type NDIS_FRAME_HEADER = i32;
/// None. NDIS 6.20. Page: NDIS_FRAME_HEADER.
pub const NdisFrameHeaderUndefined: NDIS_FRAME_HEADER = 0;
/// Ethernet, tag included; the only one for VM queues. NDIS 6.20. Page: NDIS_FRAME_HEADER.
pub const NdisFrameHeaderMac: NDIS_FRAME_HEADER = 1;
/// ARP. NDIS 6.30. Page: NDIS_FRAME_HEADER.
pub const NdisFrameHeaderArp: NDIS_FRAME_HEADER = 2;
/// IPv4. NDIS 6.30. Page: NDIS_FRAME_HEADER.
pub const NdisFrameHeaderIPv4: NDIS_FRAME_HEADER = 3;
/// IPv6. NDIS 6.30. Page: NDIS_FRAME_HEADER.
pub const NdisFrameHeaderIPv6: NDIS_FRAME_HEADER = 4;
/// UDP. NDIS 6.30. Page: NDIS_FRAME_HEADER.
pub const NdisFrameHeaderUdp: NDIS_FRAME_HEADER = 5;
/// Bound of the enumeration. NDIS 6.20. Page: NDIS_FRAME_HEADER.
pub const NdisFrameHeaderMaximum: NDIS_FRAME_HEADER = 6;

/// A field of the Ethernet header. NDIS 6.20. Page: NDIS_MAC_HEADER_FIELD.
pub type NDIS_MAC_HEADER_FIELD = i32;
/// None. NDIS 6.20. Page: NDIS_MAC_HEADER_FIELD.
pub const NdisMacHeaderFieldUndefined: NDIS_MAC_HEADER_FIELD = 0;
/// Destination address, 6 bytes. NDIS 6.20. Page: NDIS_MAC_HEADER_FIELD.
pub const NdisMacHeaderFieldDestinationAddress: NDIS_MAC_HEADER_FIELD = 1;
/// Source address, 6 bytes. NDIS 6.20. Page: NDIS_MAC_HEADER_FIELD.
pub const NdisMacHeaderFieldSourceAddress: NDIS_MAC_HEADER_FIELD = 2;
/// EtherType, 16 bits. NDIS 6.20. Page: NDIS_MAC_HEADER_FIELD.
pub const NdisMacHeaderFieldProtocol: NDIS_MAC_HEADER_FIELD = 3;
/// VLAN, 12 bits. NDIS 6.20. Page: NDIS_MAC_HEADER_FIELD.
pub const NdisMacHeaderFieldVlanId: NDIS_MAC_HEADER_FIELD = 4;
/// Priority, 3 bits. NDIS 6.20. Page: NDIS_MAC_HEADER_FIELD.
pub const NdisMacHeaderFieldPriority: NDIS_MAC_HEADER_FIELD = 5;
/// Unicast, multicast or broadcast: an [`NDIS_MAC_PACKET_TYPE`]. NDIS 6.30. Page: NDIS_MAC_HEADER_FIELD.
pub const NdisMacHeaderFieldPacketType: NDIS_MAC_HEADER_FIELD = 6;
/// Bound of the enumeration. NDIS 6.20. Page: NDIS_MAC_HEADER_FIELD.
pub const NdisMacHeaderFieldMaximum: NDIS_MAC_HEADER_FIELD = 7;

/// How many a frame is addressed to. NDIS 6.30. Page: NDIS_MAC_PACKET_TYPE.
pub type NDIS_MAC_PACKET_TYPE = i32;
/// Not said. NDIS 6.30. Page: NDIS_MAC_PACKET_TYPE.
pub const NdisMacPacketTypeUndefined: NDIS_MAC_PACKET_TYPE = 0;
/// One. NDIS 6.30. Page: NDIS_MAC_PACKET_TYPE.
pub const NdisMacPacketTypeUnicast: NDIS_MAC_PACKET_TYPE = 1;
/// A group. NDIS 6.30. Page: NDIS_MAC_PACKET_TYPE.
pub const NdisMacPacketTypeMulticast: NDIS_MAC_PACKET_TYPE = 2;
/// All. NDIS 6.30. Page: NDIS_MAC_PACKET_TYPE.
pub const NdisMacPacketTypeBroadcast: NDIS_MAC_PACKET_TYPE = 3;

/// A field of the ARP header. NDIS 6.30. Page: NDIS_ARP_HEADER_FIELD.
pub type NDIS_ARP_HEADER_FIELD = i32;
/// None. NDIS 6.30. Page: NDIS_ARP_HEADER_FIELD.
pub const NdisARPHeaderFieldUndefined: NDIS_ARP_HEADER_FIELD = 0;
/// Request or answer. NDIS 6.30. Page: NDIS_ARP_HEADER_FIELD.
pub const NdisARPHeaderFieldOperation: NDIS_ARP_HEADER_FIELD = 1;
/// Sender's protocol address. NDIS 6.30. Page: NDIS_ARP_HEADER_FIELD.
pub const NdisARPHeaderFieldSPA: NDIS_ARP_HEADER_FIELD = 2;
/// Target's protocol address. NDIS 6.30. Page: NDIS_ARP_HEADER_FIELD.
pub const NdisARPHeaderFieldTPA: NDIS_ARP_HEADER_FIELD = 3;
/// Bound of the enumeration. NDIS 6.30. Page: NDIS_ARP_HEADER_FIELD.
pub const NdisARPHeaderFieldMaximum: NDIS_ARP_HEADER_FIELD = 4;

/// A field of the IPv4 header. NDIS 6.30. Page: NDIS_IPV4_HEADER_FIELD.
pub type NDIS_IPV4_HEADER_FIELD = i32;
/// None. NDIS 6.30. Page: NDIS_IPV4_HEADER_FIELD.
pub const NdisIPv4HeaderFieldUndefined: NDIS_IPV4_HEADER_FIELD = 0;
/// Protocol number. NDIS 6.30. Page: NDIS_IPV4_HEADER_FIELD.
pub const NdisIPv4HeaderFieldProtocol: NDIS_IPV4_HEADER_FIELD = 1;
/// Bound of the enumeration. NDIS 6.30. Page: NDIS_IPV4_HEADER_FIELD.
pub const NdisIPv4HeaderFieldMaximum: NDIS_IPV4_HEADER_FIELD = 2;

/// A field of the IPv6 header. NDIS 6.30. Page: NDIS_IPV6_HEADER_FIELD.
pub type NDIS_IPV6_HEADER_FIELD = i32;
/// None. NDIS 6.30. Page: NDIS_IPV6_HEADER_FIELD.
pub const NdisIPv6HeaderFieldUndefined: NDIS_IPV6_HEADER_FIELD = 0;
/// Protocol number. NDIS 6.30. Page: NDIS_IPV6_HEADER_FIELD.
pub const NdisIPv6HeaderFieldProtocol: NDIS_IPV6_HEADER_FIELD = 1;
/// Bound of the enumeration. NDIS 6.30. Page: NDIS_IPV6_HEADER_FIELD.
pub const NdisIPv6HeaderFieldMaximum: NDIS_IPV6_HEADER_FIELD = 2;

/// A field of the UDP header. NDIS 6.30. Page: NDIS_UDP_HEADER_FIELD.
pub type NDIS_UDP_HEADER_FIELD = i32;
/// None. NDIS 6.30. Page: NDIS_UDP_HEADER_FIELD.
pub const NdisUdpHeaderFieldUndefined: NDIS_UDP_HEADER_FIELD = 0;
/// Destination port. NDIS 6.30. Page: NDIS_UDP_HEADER_FIELD.
pub const NdisUdpHeaderFieldDestinationPort: NDIS_UDP_HEADER_FIELD = 1;
/// Bound of the enumeration. NDIS 6.30. Page: NDIS_UDP_HEADER_FIELD.
pub const NdisUdpHeaderFieldMaximum: NDIS_UDP_HEADER_FIELD = 2;

// `SupportedFilterTests` of the capabilities.

/// Equal. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED: ULONG = 0x0000_0001;
/// Equal under a mask. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_MASK_EQUAL_SUPPORTED: ULONG = 0x0000_0002;
/// Not equal. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_NOT_EQUAL_SUPPORTED: ULONG = 0x0000_0004;

// `SupportedHeaders` of the capabilities.

/// Ethernet. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED: ULONG = 0x0000_0001;
/// IPv4. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_IPV4_HEADER_SUPPORTED: ULONG = 0x0000_0002;
/// IPv6. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_IPV6_HEADER_SUPPORTED: ULONG = 0x0000_0004;
/// ARP. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_ARP_HEADER_SUPPORTED: ULONG = 0x0000_0008;
/// UDP. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_UDP_HEADER_SUPPORTED: ULONG = 0x0000_0010;

// `SupportedMacHeaderFields` of the capabilities.

/// Destination address. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED: ULONG = 0x0000_0001;
/// Source address. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_SOURCE_ADDR_SUPPORTED: ULONG = 0x0000_0002;
/// EtherType. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_PROTOCOL_SUPPORTED: ULONG = 0x0000_0004;
/// VLAN. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED: ULONG = 0x0000_0008;
/// Priority. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_PRIORITY_SUPPORTED: ULONG = 0x0000_0010;
/// Unicast, multicast or broadcast. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_CAPABILITIES.
pub const NDIS_RECEIVE_FILTER_MAC_HEADER_PACKET_TYPE_SUPPORTED: ULONG = 0x0000_0020;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capability_bit_of_a_mac_field_is_the_one_of_its_number() {
        // One of the two lists can be checked against the other: field n has bit n - 1.
        for (field, supported) in [
            (
                NdisMacHeaderFieldDestinationAddress,
                NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED,
            ),
            (
                NdisMacHeaderFieldSourceAddress,
                NDIS_RECEIVE_FILTER_MAC_HEADER_SOURCE_ADDR_SUPPORTED,
            ),
            (
                NdisMacHeaderFieldProtocol,
                NDIS_RECEIVE_FILTER_MAC_HEADER_PROTOCOL_SUPPORTED,
            ),
            (
                NdisMacHeaderFieldVlanId,
                NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED,
            ),
            (
                NdisMacHeaderFieldPriority,
                NDIS_RECEIVE_FILTER_MAC_HEADER_PRIORITY_SUPPORTED,
            ),
            (
                NdisMacHeaderFieldPacketType,
                NDIS_RECEIVE_FILTER_MAC_HEADER_PACKET_TYPE_SUPPORTED,
            ),
        ] {
            assert_eq!(supported, 1 << (field - 1));
        }
    }

    #[test]
    fn the_capability_bit_of_a_test_is_the_one_of_its_number() {
        for (test, supported) in [
            (
                NdisReceiveFilterTestEqual,
                NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED,
            ),
            (
                NdisReceiveFilterTestMaskEqual,
                NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_MASK_EQUAL_SUPPORTED,
            ),
            (
                NdisReceiveFilterTestNotEqual,
                NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_NOT_EQUAL_SUPPORTED,
            ),
        ] {
            assert_eq!(supported, 1 << (test - 1));
        }
    }
}
