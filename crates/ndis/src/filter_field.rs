//! One field test of a receive filter: which field of which header, how it is compared, and with what.
//!
//! Three of its words are unions in C. Here each is a structure with one member, and the union's other names are methods.
//! Beware of the byte order of a number in `FieldValue`: the documentation wants network order, yet drivers are known that
//! compare `FieldShortValue` of a VLAN test as the host's own number. The methods here read and write the host's order,
//! as C's members do; what network order asks for is the caller's `to_be`. A MAC address is bytes and has no such doubt.

use crate::basic::{NDIS_OBJECT_HEADER, UCHAR, ULONG, ULONG64, USHORT};
use crate::filter::{
    NDIS_ARP_HEADER_FIELD, NDIS_FRAME_HEADER, NDIS_IPV4_HEADER_FIELD, NDIS_IPV6_HEADER_FIELD,
    NDIS_MAC_HEADER_FIELD, NDIS_RECEIVE_FILTER_TEST, NDIS_UDP_HEADER_FIELD,
};

layout! {
    /// One test of a filter. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_FILTER_FIELD_PARAMETERS [size 56 | 56, align 8 | 8] {
        /// Type DEFAULT, revision and size of `NDIS_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_*`.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// [`NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO`](crate::NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO)
        /// or 0.
        [4 | 4] pub Flags: ULONG,
        /// The header.
        [8 | 8] pub FrameHeader: NDIS_FRAME_HEADER,
        /// The comparison.
        [12 | 12] pub ReceiveFilterTest: NDIS_RECEIVE_FILTER_TEST,
        /// The field of that header.
        [16 | 16] pub HeaderField: NDIS_RECEIVE_FILTER_HEADER_FIELD,
        /// What the field is compared with; under MaskEqual the mask.
        [24 | 24] pub FieldValue: NDIS_RECEIVE_FILTER_FIELD_VALUE,
        /// Under MaskEqual what the masked field is compared with.
        [40 | 40] pub ResultValue: NDIS_RECEIVE_FILTER_RESULT_VALUE,
    }
}

/// Revision 1. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_1: UCHAR = 1;
/// Revision 2: fields of ARP, IPv4, IPv6 and UDP. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
pub const NDIS_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_2: UCHAR = 2;
/// Bytes through ResultValue. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
pub const NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_1: USHORT = 56;
/// Bytes through ResultValue. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
pub const NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_2: USHORT = 56;

layout! {
    /// C's union `HeaderField`, which has no name of its own on Windows. NDIS 6.20.
    /// Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_FILTER_HEADER_FIELD [size 4 | 4, align 4 | 4] {
        /// The field, if the header is Ethernet's.
        [0 | 0] pub MacHeaderField: NDIS_MAC_HEADER_FIELD,
    }
}

macro_rules! other_header {
    ($($(#[$attribute:meta])* $read:ident, $write:ident: $type:ty;)+) => {
        impl NDIS_RECEIVE_FILTER_HEADER_FIELD {
            $(
                $(#[$attribute])*
                #[inline]
                pub const fn $read(self) -> $type {
                    self.MacHeaderField
                }

                #[doc = concat!("Sets [`Self::", stringify!($read), "`].")]
                #[inline]
                pub fn $write(&mut self, field: $type) {
                    self.MacHeaderField = field;
                }
            )+
        }
    };
}

other_header! {
    /// The field, if the header is ARP's. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    ArpHeaderField, SetArpHeaderField: NDIS_ARP_HEADER_FIELD;
    /// The field, if the header is IPv4's. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    IPv4HeaderField, SetIPv4HeaderField: NDIS_IPV4_HEADER_FIELD;
    /// The field, if the header is IPv6's. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    IPv6HeaderField, SetIPv6HeaderField: NDIS_IPV6_HEADER_FIELD;
    /// The field, if the header is UDP's. NDIS 6.30. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    UdpHeaderField, SetUdpHeaderField: NDIS_UDP_HEADER_FIELD;
}

layout! {
    /// C's union `FieldValue`, which has no name of its own on Windows. NDIS 6.20.
    /// Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    #[repr(C, align(8))]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_FILTER_FIELD_VALUE [size 16 | 16, align 8 | 8] {
        /// The value as bytes; a MAC address is the first six.
        [0 | 0] pub FieldByteArrayValue: [UCHAR; 16],
    }
}

layout! {
    /// C's union `ResultValue`, which has no name of its own on Windows. NDIS 6.20.
    /// Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    #[repr(C, align(8))]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_RECEIVE_FILTER_RESULT_VALUE [size 16 | 16, align 8 | 8] {
        /// The value as bytes.
        [0 | 0] pub ResultByteArrayValue: [UCHAR; 16],
    }
}

macro_rules! numbers_at_the_beginning {
    ($name:ident.$bytes:ident: $($(#[$attribute:meta])* $read:ident, $write:ident: $type:ty;)+) => {
        impl $name {
            $(
                $(#[$attribute])*
                #[inline]
                pub fn $read(&self) -> $type {
                    let mut number = [0; core::mem::size_of::<$type>()];
                    number.iter_mut().zip(&self.$bytes).for_each(|(to, from)| *to = *from);
                    <$type>::from_ne_bytes(number)
                }

                #[doc = concat!("Sets [`Self::", stringify!($read), "`], leaving the bytes behind it.")]
                #[inline]
                pub fn $write(&mut self, value: $type) {
                    self.$bytes.iter_mut().zip(value.to_ne_bytes()).for_each(|(to, from)| *to = from);
                }
            )+
        }
    };
}

numbers_at_the_beginning! {
    NDIS_RECEIVE_FILTER_FIELD_VALUE.FieldByteArrayValue:
    /// The value of a field of 8 bits. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    FieldByteValue, SetFieldByteValue: UCHAR;
    /// The value of a field of 16 bits. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    FieldShortValue, SetFieldShortValue: USHORT;
    /// The value of a field of 32 bits. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    FieldLongValue, SetFieldLongValue: ULONG;
    /// The value of a field of 64 bits. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    FieldLong64Value, SetFieldLong64Value: ULONG64;
}

numbers_at_the_beginning! {
    NDIS_RECEIVE_FILTER_RESULT_VALUE.ResultByteArrayValue:
    /// The value of a field of 8 bits. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    ResultByteValue, SetResultByteValue: UCHAR;
    /// The value of a field of 16 bits. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    ResultShortValue, SetResultShortValue: USHORT;
    /// The value of a field of 32 bits. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    ResultLongValue, SetResultLongValue: ULONG;
    /// The value of a field of 64 bits. NDIS 6.20. Page: NDIS_RECEIVE_FILTER_FIELD_PARAMETERS.
    ResultLong64Value, SetResultLong64Value: ULONG64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_lies_at_the_beginning_of_the_value_in_the_hosts_order() {
        let mut value = NDIS_RECEIVE_FILTER_FIELD_VALUE {
            FieldByteArrayValue: [0xEE; 16],
        };
        value.SetFieldShortValue(0x0102);
        assert_eq!(value.FieldByteArrayValue[..2], 0x0102_u16.to_ne_bytes());
        assert_eq!(value.FieldByteArrayValue[2..], [0xEE; 14]);
        value.SetFieldLong64Value(ULONG64::MAX - 1);
        assert_eq!(value.FieldLong64Value(), ULONG64::MAX - 1);
        assert_eq!(
            value.FieldLongValue(),
            if cfg!(target_endian = "little") {
                ULONG::MAX - 1
            } else {
                ULONG::MAX
            }
        );

        let mut result = NDIS_RECEIVE_FILTER_RESULT_VALUE::zeroed();
        result.SetResultByteValue(7);
        assert_eq!(result.ResultByteArrayValue[0], 7);
    }

    #[test]
    fn the_fields_of_all_headers_share_one_word() {
        let mut field = NDIS_RECEIVE_FILTER_HEADER_FIELD::zeroed();
        field.SetUdpHeaderField(1);
        assert_eq!(
            (
                field.MacHeaderField,
                field.ArpHeaderField(),
                field.IPv4HeaderField(),
                field.IPv6HeaderField()
            ),
            (1, 1, 1, 1)
        );
    }
}
