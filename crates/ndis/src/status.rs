//! NDIS_STATUS: how a request ended, and what an adapter reports.
//!
//! One list gives both the constants and their names, so that [`status_name`] cannot forget one.

/// Result of a request, or code of an indication. Negative values are errors. NDIS 6.0. Page: NDIS_STATUS values.
pub type NDIS_STATUS = i32;

/// What [`status_name`] says of a value that this crate does not name.
pub const UNKNOWN_STATUS_NAME: &str = "unknown NDIS_STATUS";

/// `statuses! { NAME = value; ... }`: the constants, and their names by value.
macro_rules! statuses {
    ( $( $(#[$attribute:meta])* $name:ident = $value:literal; )+ ) => {
        $( $(#[$attribute])* pub const $name: NDIS_STATUS = $value as u32 as NDIS_STATUS; )+

        /// The Windows name of a status, for messages and logs.
        ///
        /// ```
        /// assert_eq!(ndis::status_name(ndis::NDIS_STATUS_RESOURCES), "NDIS_STATUS_RESOURCES");
        /// assert_eq!(ndis::status_name(-1), ndis::UNKNOWN_STATUS_NAME);
        /// ```
        pub const fn status_name(status: NDIS_STATUS) -> &'static str {
            match status {
                $( $name => stringify!($name), )+
                _ => UNKNOWN_STATUS_NAME,
            }
        }

        #[cfg(test)]
        const ALL: &[(NDIS_STATUS, &str)] = &[ $( ($name, stringify!($name)), )+ ];
    };
}

statuses! {
    /// Done. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_SUCCESS = 0x0000_0000;
    /// Begun; the result will be reported later. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_PENDING = 0x0000_0103;
    /// Not taken, for instance during a reset. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_NOT_ACCEPTED = 0x0001_0003;
    /// The answer is longer than the buffer. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_BUFFER_OVERFLOW = 0x8000_0005;
    /// Failed, without a better word. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_FAILURE = 0xC000_0001;
    /// A value in the request is wrong. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_INVALID_PARAMETER = 0xC000_000D;
    /// Not enough memory, queues or the like. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_RESOURCES = 0xC000_009A;
    /// The adapter, or its NDIS version, cannot do this. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_NOT_SUPPORTED = 0xC000_00BB;
    /// Not possible in the state that the object is in. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_INVALID_STATE = 0xC000_0184;
    /// The version in the request is not served. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_BAD_VERSION = 0xC001_0004;
    /// Given up before it was done. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_REQUEST_ABORTED = 0xC001_000C;
    /// The adapter is being reset. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_RESET_IN_PROGRESS = 0xC001_000D;
    /// The adapter is not ready to send or receive. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_ADAPTER_NOT_READY = 0xC001_0011;
    /// The buffer has the wrong length. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_INVALID_LENGTH = 0xC001_0014;
    /// The buffer has wrong contents. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_INVALID_DATA = 0xC001_0015;
    /// The buffer is too short. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_BUFFER_TOO_SHORT = 0xC001_0016;
    /// There is no such request. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_INVALID_OID = 0xC001_0017;
    /// The adapter is gone. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_ADAPTER_REMOVED = 0xC001_0018;
    /// There is no such thing; the answer to clearing an unknown filter. NDIS 6.0. Page: OID_RECEIVE_FILTER_CLEAR_FILTER.
    NDIS_STATUS_FILE_NOT_FOUND = 0xC001_001B;
    /// The adapter is paused. NDIS 6.0. Page: NDIS_STATUS values.
    NDIS_STATUS_PAUSED = 0xC023_002A;
    /// The structure's revision is not served. NDIS 6.20. Page: NDIS_STATUS values.
    NDIS_STATUS_UNSUPPORTED_REVISION = 0xC023_002C;
    /// The adapter sleeps. NDIS 6.20. Page: NDIS_STATUS values.
    NDIS_STATUS_LOW_POWER_STATE = 0xC023_002F;

    /// Indication: a receive queue changed its state (to DmaStopped). Its buffer is an NDIS_RECEIVE_QUEUE_STATE.
    /// NDIS 6.20. Page: NDIS_STATUS_RECEIVE_QUEUE_STATE.
    NDIS_STATUS_RECEIVE_QUEUE_STATE = 0x4002_000D;
    /// Indication: what receive filtering is enabled changed. NDIS 6.30.
    /// Page: NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES.
    NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES = 0x4002_0010;
    /// Indication: what receive filtering the hardware can do changed. NDIS 6.30.
    /// Page: NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES.
    NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES = 0x4002_0020;
    /// Indication: a queue's parameters changed, those that the change bits name. NDIS 6.30.
    /// Page: NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS.
    NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS = 0x4002_0030;
    /// Indication: declared, but described nowhere. NDIS 6.30. Page: none (ntddndis.h).
    NDIS_STATUS_RECEIVE_FILTER_QUEUE_STATE_CHANGE = 0x4002_0070;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_own_value_and_its_own_name() {
        for (nth, (status, name)) in ALL.iter().enumerate() {
            assert_eq!(status_name(*status), *name);
            assert!(
                ALL[..nth].iter().all(|(earlier, _)| earlier != status),
                "{name} repeats a value"
            );
        }
    }

    #[test]
    fn a_value_without_a_name_says_so() {
        assert_eq!(status_name(0x1234_5678), UNKNOWN_STATUS_NAME);
    }
}
