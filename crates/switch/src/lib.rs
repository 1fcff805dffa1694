//! The switch: ports as the workers see them, the worker's turn, delivery, pacing, counters.
//!
//! It owns the workers and the control state that they act on, and knows no virtio, no socket and no
//! file: a port is a pair of trait objects ([`FromGuest`], [`ToGuest`]), called once a burst.
//!
//! ```text
//!  control thread of a port            switch control              worker (one a CPU)
//!  ────────────────────────            ──────────────              ──────────────────
//!  start_from_guest(ring)  ──────────▶ mailbox  ─────────────────▶ taken between turns, acknowledged
//!  start_to_guest(ring)    ──────────▶ engine ─▶ Snapshot ───────▶ taken between turns, acknowledged
//!  stop_*                  ◀────────── acknowledged by all ◀────── last copy is over
//!                                      learn ◀──────────────────── source address not yet known
//! ```
//!
//! Invariants
//! * A from-guest ring belongs to one worker; a to-guest ring may be filled by all of them.
//! * Everything ends inside the turn: no [`nbl::Nbl`] outlives it, so a port that every worker has
//!   acknowledged to be gone is quiescent (NDIS rule F3: after "DMA stopped" not a byte changes).
//! * Workers never take a lock of the control state.
#![forbid(unsafe_code)]

mod balance;
mod clock;
mod control;
mod counters;
mod deliver;
mod doorbell;
#[cfg(test)]
mod doubles;
mod drop_reason;
mod ethernet;
mod event;
pub mod explain;
mod learning;
mod line;
mod mailbox;
mod memory;
mod meter;
mod mtu;
pub mod offload;
mod patience;
pub mod policy;
mod port;
mod reservation;
mod ring;
mod rss;
mod shares;
mod snapshot;
mod spec;
mod state;
mod status;
mod timers;
mod turn;
mod worker;

pub use control::Switch;
pub use counters::{Counters, Lane, Totals};
pub use doorbell::{Doorbell, Token, Waker};
pub use drop_reason::DropReason;
pub use event::{Event, Events, News, Occurrence};
pub use memory::Block;
pub use port::{Fault, FaultSink, FromGuest, PortId, Pull, ToGuest, WhenFull};
pub use reservation::{Filled, Reservation};
pub use spec::{
    NetworkError, NetworkId, NetworkSpec, Options, PortError, PortSettings, PortSpec, StartError,
    WorkerOptions,
};
pub use status::{
    FilterStatus, GroupStatus, GroupsStatus, NetworkStatus, PairStatus, PortStatus, QueueStatus,
    RuleStatus, Status, WorkerStatus,
};
pub use worker::Idle;

/// The largest frame a port may hand over, in bytes: 64 KiB of Ethernet payload and its header.
pub const MAX_FRAME: u32 = 65_536 + 18;

/// The smallest MTU: what any host must be able to forward (RFC 791).
pub const MIN_MTU: u16 = 68;

/// The most queue pairs a port has.
pub const MAX_PAIRS: usize = 16;

/// The most ports a switch has: queue ids are 16 bits wide in an NBL, and every turn's tables are
/// sized at start.
pub const MAX_PORTS: usize = 1024;

/// The most networks a switch has.
pub const MAX_NETWORKS: usize = 256;
