//! Results of control requests, in NDIS' own words.

use std::error::Error;
use std::fmt;

/// An `NDIS_STATUS`, the one error type of the engine's requests.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NdisStatus(i32);

macro_rules! statuses {
    ($($name:ident = $code:literal, $windows:literal, $meaning:literal;)*) => {
        impl NdisStatus {
            $(#[doc = $meaning] pub const $name: NdisStatus = NdisStatus($code as i32);)*

            /// The name that Windows headers give the value, if the engine uses it.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(NdisStatus::$name => Some($windows),)*
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    SUCCESS = 0u32, "NDIS_STATUS_SUCCESS", "Done.";
    PENDING = 0x103u32, "NDIS_STATUS_PENDING", "Begun; completes later.";
    INVALID_PARAMETER = 0xc000_000du32, "NDIS_STATUS_INVALID_PARAMETER", "No such queue, or the request does not fit its state or ours.";
    RESOURCES = 0xc000_009au32, "NDIS_STATUS_RESOURCES", "No queue or filter is left.";
    NOT_SUPPORTED = 0xc000_00bbu32, "NDIS_STATUS_NOT_SUPPORTED", "Not offered.";
    INVALID_STATE = 0xc000_0184u32, "NDIS_STATUS_INVALID_STATE", "The queue still has filters (F4).";
    FILE_NOT_FOUND = 0xc001_001bu32, "NDIS_STATUS_FILE_NOT_FOUND", "No such filter (T11).";
}

impl NdisStatus {
    /// The value on the wire.
    pub const fn code(self) -> i32 {
        self.0
    }

    /// Whether the request was done or will be.
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }
}

impl fmt::Display for NdisStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "NDIS_STATUS {:#010x}", self.0),
        }
    }
}

impl fmt::Debug for NdisStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for NdisStatus {}
