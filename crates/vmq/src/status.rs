//! Results of control requests, in NDIS' own words.

use std::error::Error;
use std::fmt;

/// An [`ndis::NDIS_STATUS`], the one error type of the engine's requests.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NdisStatus(pub ndis::NDIS_STATUS);

impl NdisStatus {
    /// Done.
    pub const SUCCESS: NdisStatus = NdisStatus(ndis::NDIS_STATUS_SUCCESS);
    /// Begun; it completes later.
    pub const PENDING: NdisStatus = NdisStatus(ndis::NDIS_STATUS_PENDING);
    /// There is no such queue, or the request does not fit its state, or what is asked makes no sense.
    pub const INVALID_PARAMETER: NdisStatus = NdisStatus(ndis::NDIS_STATUS_INVALID_PARAMETER);
    /// What there is stands in the way: filters that somebody set (F4), queues in use.
    pub const INVALID_STATE: NdisStatus = NdisStatus(ndis::NDIS_STATUS_INVALID_STATE);
    /// Failed, without a better word.
    pub const FAILURE: NdisStatus = NdisStatus(ndis::NDIS_STATUS_FAILURE);
    /// No queue, no filter id or no memory is left.
    pub const RESOURCES: NdisStatus = NdisStatus(ndis::NDIS_STATUS_RESOURCES);
    /// A buffer is too short for what it says, or for the answer (C6).
    pub const INVALID_LENGTH: NdisStatus = NdisStatus(ndis::NDIS_STATUS_INVALID_LENGTH);
    /// There is no such revision of a structure.
    pub const UNSUPPORTED_REVISION: NdisStatus = NdisStatus(ndis::NDIS_STATUS_UNSUPPORTED_REVISION);
    /// There is no such thing here, or not in this version (C7), or it is switched off.
    pub const NOT_SUPPORTED: NdisStatus = NdisStatus(ndis::NDIS_STATUS_NOT_SUPPORTED);
    /// The queue has no such filter (T11).
    pub const FILE_NOT_FOUND: NdisStatus = NdisStatus(ndis::NDIS_STATUS_FILE_NOT_FOUND);

    /// Whether the request was done, or is begun and will be.
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }
}

/// The name that Windows headers give the status.
impl fmt::Display for NdisStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ndis::status_name(self.0) {
            ndis::UNKNOWN_STATUS_NAME => write!(f, "NDIS_STATUS {:#010x}", self.0),
            name => f.write_str(name),
        }
    }
}

impl fmt::Debug for NdisStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for NdisStatus {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_shown_by_its_windows_name() {
        assert_eq!(
            NdisStatus::FILE_NOT_FOUND.to_string(),
            "NDIS_STATUS_FILE_NOT_FOUND"
        );
        assert_eq!(
            NdisStatus(0xc0de_0001_u32 as i32).to_string(),
            "NDIS_STATUS 0xc0de0001"
        );
    }

    #[test]
    fn pending_is_no_failure() {
        assert!(NdisStatus::SUCCESS.is_success() && NdisStatus::PENDING.is_success());
        assert!(!NdisStatus::INVALID_STATE.is_success());
    }
}
