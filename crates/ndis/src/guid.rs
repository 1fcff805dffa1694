//! GUIDs: what management software calls the queries by.

use crate::basic::{UCHAR, ULONG, USHORT};

layout! {
    /// A globally unique identifier. Page: GUID.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct GUID [size 16 | 16, align 4 | 4] {
        /// First eight digits.
        [0 | 0] pub Data1: ULONG,
        /// Next four.
        [4 | 4] pub Data2: USHORT,
        /// Next four.
        [6 | 6] pub Data3: USHORT,
        /// The rest, byte by byte.
        [8 | 8] pub Data4: [UCHAR; 8],
    }
}

impl GUID {
    /// The GUID whose digits, read as one number, are `digits`.
    ///
    /// ```
    /// let guid = ndis::GUID::from_u128(0x4054e80f_2bc1_4ccc_b033_4abc0c4a1e8c);
    /// assert_eq!(guid, ndis::GUID_RECEIVE_FILTER_CURRENT_CAPABILITIES);
    /// ```
    pub const fn from_u128(digits: u128) -> Self {
        Self {
            Data1: (digits >> 96) as ULONG,
            Data2: (digits >> 80) as USHORT,
            Data3: (digits >> 64) as USHORT,
            Data4: (digits as u64).to_be_bytes(),
        }
    }

    /// All digits as one number.
    pub const fn to_u128(self) -> u128 {
        (self.Data1 as u128) << 96
            | (self.Data2 as u128) << 80
            | (self.Data3 as u128) << 64
            | u64::from_be_bytes(self.Data4) as u128
    }
}

const fn receive_filter(last: ULONG) -> GUID {
    GUID {
        Data1: 0x3f2c_1400 | last,
        Data2: 0x83bc,
        Data3: 0x11dd,
        Data4: [0x94, 0xb8, 0x00, 0x1d, 0x09, 0x16, 0x2b, 0xc3],
    }
}

/// Query of the hardware's capabilities. NDIS 6.20. Page: OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES.
pub const GUID_NDIS_RECEIVE_FILTER_HARDWARE_CAPABILITIES: GUID = receive_filter(0x19);
/// Query of what is enabled. NDIS 6.20. Page: OID_RECEIVE_FILTER_GLOBAL_PARAMETERS.
pub const GUID_NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS: GUID = receive_filter(0x1a);
/// List of the queues. NDIS 6.20. Page: OID_RECEIVE_FILTER_ENUM_QUEUES.
pub const GUID_NDIS_RECEIVE_FILTER_ENUM_QUEUES: GUID = receive_filter(0x1b);
/// Query of a queue's parameters. NDIS 6.20. Page: OID_RECEIVE_FILTER_QUEUE_PARAMETERS.
pub const GUID_NDIS_RECEIVE_FILTER_QUEUE_PARAMETERS: GUID = receive_filter(0x1c);
/// List of a queue's filters. NDIS 6.20. Page: OID_RECEIVE_FILTER_ENUM_FILTERS.
pub const GUID_NDIS_RECEIVE_FILTER_ENUM_FILTERS: GUID = receive_filter(0x1d);
/// Query of a filter. NDIS 6.20. Page: OID_RECEIVE_FILTER_PARAMETERS.
pub const GUID_NDIS_RECEIVE_FILTER_PARAMETERS: GUID = receive_filter(0x1e);
/// Query of what of the hardware is enabled. NDIS 6.20. Page: OID_RECEIVE_FILTER_CURRENT_CAPABILITIES.
pub const GUID_RECEIVE_FILTER_CURRENT_CAPABILITIES: GUID = GUID {
    Data1: 0x4054_e80f,
    Data2: 0x2bc1,
    Data3: 0x4ccc,
    Data4: [0xb0, 0x33, 0x4a, 0xbc, 0x0c, 0x4a, 0x1e, 0x8c],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_survives_being_one_number() {
        let digits = 0x0123_4567_89AB_CDEF_FEDC_BA98_7654_3210;
        assert_eq!(GUID::from_u128(digits).to_u128(), digits);
        assert_eq!(GUID::from_u128(digits).Data4[0], 0xFE);
    }
}
