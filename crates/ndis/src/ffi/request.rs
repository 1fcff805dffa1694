//! Requests to a miniport, and the statuses that it reports.
//!
//! The data of a request is a union in C. Its longest form is the structure here, and the words that the other forms have at the
//! same places are methods, as everywhere in this crate.

use super::NDIS_PORT_NUMBER;
use crate::basic::{NDIS_HANDLE, NDIS_OBJECT_HEADER, PVOID, UCHAR, ULONG, USHORT};
use crate::guid::GUID;
use crate::layout::for_target;
use crate::status::NDIS_STATUS;

/// What is done with an OID. NDIS 6.0. Page: NDIS_OID_REQUEST.
pub type NDIS_REQUEST_TYPE = i32;
/// Query. NDIS 6.0. Page: NDIS_OID_REQUEST.
pub const NdisRequestQueryInformation: NDIS_REQUEST_TYPE = 0;
/// Set. NDIS 6.0. Page: NDIS_OID_REQUEST.
pub const NdisRequestSetInformation: NDIS_REQUEST_TYPE = 1;
/// Method: what is in the buffer is read, and replaced by the answer. NDIS 6.0. Page: NDIS_OID_REQUEST.
pub const NdisRequestMethod: NDIS_REQUEST_TYPE = 12;

layout! {
    /// The data of a method request. NDIS 6.0. Page: NDIS_OID_REQUEST.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct NDIS_OID_REQUEST_DATA [size 40 | 32, align 8 | 4] {
        /// Which OID.
        [0 | 0] pub Oid: ULONG,
        /// Its structure.
        [8 | 4] pub InformationBuffer: PVOID,
        /// Method: bytes to be read.
        [16 | 8] pub InputBufferLength: ULONG,
        /// Method: bytes of room for the answer.
        [20 | 12] pub OutputBufferLength: ULONG,
        /// Method: which one.
        [24 | 16] pub MethodId: ULONG,
        /// Method: bytes of the answer.
        [28 | 20] pub BytesWritten: ULONG,
        /// Method: bytes that were read.
        [32 | 24] pub BytesRead: ULONG,
        /// Method: bytes that would be needed.
        [36 | 28] pub BytesNeeded: ULONG,
    }
}

impl NDIS_OID_REQUEST_DATA {
    /// Query and set: bytes of the buffer. NDIS 6.0. Page: NDIS_OID_REQUEST.
    #[inline]
    pub const fn InformationBufferLength(&self) -> ULONG {
        self.InputBufferLength
    }

    /// Set: says how many bytes were read. NDIS 6.0. Page: NDIS_OID_REQUEST.
    #[inline]
    pub fn SetSetBytesRead(&mut self, bytes: ULONG) {
        self.OutputBufferLength = bytes;
    }

    /// Query and set: says how many bytes would be needed. NDIS 6.0. Page: NDIS_OID_REQUEST.
    #[inline]
    pub fn SetSetBytesNeeded(&mut self, bytes: ULONG) {
        self.MethodId = bytes;
    }
}

layout! {
    /// A request. NDIS 6.0. Page: NDIS_OID_REQUEST.
    #[repr(C)]
    #[derive(Clone, Copy, Debug)]
    pub struct NDIS_OID_REQUEST [size 240 | 140, align 8 | 4] {
        /// Type OID_REQUEST, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// What is done with the OID.
        [4 | 4] pub RequestType: NDIS_REQUEST_TYPE,
        /// The port, or 0.
        [8 | 8] pub PortNumber: NDIS_PORT_NUMBER,
        /// In seconds.
        [12 | 12] pub Timeout: ULONG,
        /// By what the request can be cancelled.
        [16 | 16] pub RequestId: PVOID,
        /// Whose request it is.
        [24 | 20] pub RequestHandle: NDIS_HANDLE,
        /// The OID and its buffer.
        [32 | 24] pub DATA: NDIS_OID_REQUEST_DATA,
        /// Belongs to NDIS.
        [72 | 56] pub NdisReserved: [PVOID; 16],
        /// Belongs to the miniport.
        [200 | 120] pub MiniportReserved: [PVOID; 2],
        /// Belongs to whoever made the request.
        [216 | 128] pub SourceReserved: [PVOID; 2],
        /// Out: revision of the structure in the buffer that the miniport knows.
        [232 | 136] pub SupportedRevision: UCHAR,
        /// Reserved.
        [233 | 137] pub Reserved1: UCHAR,
        /// Reserved.
        [234 | 138] pub Reserved2: USHORT,
    }
}

/// Revision 1. NDIS 6.0. Page: NDIS_OID_REQUEST.
pub const NDIS_OID_REQUEST_REVISION_1: UCHAR = 1;
/// Bytes through Reserved2. NDIS 6.0. Page: NDIS_OID_REQUEST.
pub const NDIS_SIZEOF_OID_REQUEST_REVISION_1: USHORT = for_target(236, 140) as USHORT;

layout! {
    /// A status that a miniport reports. NDIS 6.0. Page: NDIS_STATUS_INDICATION.
    #[repr(C)]
    #[derive(Clone, Copy, Debug)]
    pub struct NDIS_STATUS_INDICATION [size 112 | 68, align 8 | 4] {
        /// Type STATUS_INDICATION, revision 1.
        [0 | 0] pub Header: NDIS_OBJECT_HEADER,
        /// The adapter's handle.
        [8 | 4] pub SourceHandle: NDIS_HANDLE,
        /// The port, or 0.
        [16 | 8] pub PortNumber: NDIS_PORT_NUMBER,
        /// Which status.
        [20 | 12] pub StatusCode: NDIS_STATUS,
        /// Flags of some statuses.
        [24 | 16] pub Flags: ULONG,
        /// To whom, or NULL for all drivers above.
        [32 | 20] pub DestinationHandle: NDIS_HANDLE,
        /// The request that it belongs to, or NULL.
        [40 | 24] pub RequestId: PVOID,
        /// The status's structure.
        [48 | 28] pub StatusBuffer: PVOID,
        /// Its bytes.
        [56 | 32] pub StatusBufferSize: ULONG,
        /// Of statuses that one kind of medium knows.
        [60 | 36] pub Guid: GUID,
        /// Belongs to NDIS.
        [80 | 52] pub NdisReserved: [PVOID; 4],
    }
}

/// Revision 1. NDIS 6.0. Page: NDIS_STATUS_INDICATION.
pub const NDIS_STATUS_INDICATION_REVISION_1: UCHAR = 1;
/// Bytes through NdisReserved. NDIS 6.0. Page: NDIS_STATUS_INDICATION.
pub const NDIS_SIZEOF_STATUS_INDICATION_REVISION_1: USHORT = for_target(112, 68) as USHORT;
