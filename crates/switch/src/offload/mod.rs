//! Offloads: what a sender leaves to be done, carried to receivers that take it like that, done here for those that do not.
//!
//! ```text
//! from-guest header ─ judged ─▶ Offload ─ noted ─▶ NDIS slots of the frame
//!                                                     │ receiver takes it: to-guest header
//!                                                     └ it does not: copied once more, cut, checksums made
//! ```
//!
//! The software path works on a copy of the host's, for the sender may rewrite its memory at any moment, and in storage
//! made at start.

mod checksum;
mod deliver;
mod finish;
mod headers;
mod segment;
mod work;

#[cfg(test)]
mod tests;

pub(crate) use checksum::Sum;
pub(crate) use finish::Finisher;
pub use segment::{Cut, MAX_HEAD, fill_checksum};
pub use work::{Checksum, Cutting, Kind, Offload, Offloads};

/// Why a frame's work cannot be done as its sender asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It has no IP header.
    #[error("it is not IP")]
    NotIp,
    /// It is neither TCP nor UDP, or an extension header hides what it is.
    #[error("it is neither TCP nor UDP")]
    NotTransport,
    /// It ends inside a header, or before the checksum.
    #[error("it ends inside a header")]
    CutOff,
    /// Its IP header says another version, or less than its own length.
    #[error("its IP header is damaged")]
    BadHeader,
    /// It is part of a packet.
    #[error("it is a fragment")]
    Fragment,
    /// Its headers are not those that the sender says.
    #[error("its headers are not what its sender says")]
    OtherHeaders,
    /// It is to be cut into pieces of no bytes.
    #[error("it is to be cut into pieces of no bytes")]
    NoSize,
    /// It would be cut into too many pieces.
    #[error("it would be cut into too many pieces")]
    TooManySegments,
}
