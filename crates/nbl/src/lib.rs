//! NET_BUFFER_LIST pools and chains over shared memory: build, iterate, classify, lookahead split.
//!
//! A frame that a guest sent is described where it lies. One chain says it in MDLs, the other, element
//! by element beside it, in shared memory segments:
//!
//! ```text
//!  NET_BUFFER_LIST ─FirstNetBuffer─▶ NET_BUFFER
//!   slot 14: queue id                 ├─MdlChain─────────▶ MDL(lookahead) ─▶ MDL(post-lookahead) ─▶ …
//!   slot  4: 802.1Q tag               └─SharedMemoryInfo─▶ segment ────────▶ segment ─────────────▶ …
//!                                                          host block        the guest's own blocks
//! ```
//!
//! The lookahead is the host's copy of the frame's first bytes, which no guest can rewrite after it was
//! judged; the same copy is what is delivered (NDIS rule L1).
//!
//! Invariants
//! * Everything is allocated by [`Pool::new`]; a burst takes from the pool, [`Pool::reset`] gives all of it back.
//!   `reset` borrows the pool mutably, so no [`Nbl`] outlives its burst.
//! * A pool and its frames belong to one thread at a time.
//! * No pointer into guest memory leaves `shmem`: MDLs of guest bytes carry lengths, no addresses.

mod build;
mod classify;
mod frame;
mod handle;
mod pool;
mod queue;
mod receive;
mod segments;
mod transfer;

pub use build::BuildError;
pub use classify::Classifier;
pub use frame::Nbl;
pub use pool::Pool;
pub use queue::NblQueue;
pub use receive::ReceiveChain;
pub use segments::{ChainError, Mdls, Segment, Segments};
pub use transfer::{Side, TransferError, transfer};

/// Bytes of a frame that are copied to the host before they are judged.
pub const LOOKAHEAD: usize = 128;

/// The most frames of one burst.
pub const BURST: usize = 64;
