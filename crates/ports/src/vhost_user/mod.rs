//! The vhost-user port: a VMM attaches its virtio-net device by a unix socket.
//!
//! ```text
//!  VMM ── unix socket ──▶ connection   accepts or connects, again and again
//!                            └ session  the protocol's state: memory, rings, features
//!                                ├ memory      regions -> mappings, blocks, guest addresses
//!                                ├ vring       what a ring needs to run
//!                                ├ from_guest  transmit queue -> frames   (owned by a worker)
//!                                └ to_guest    frames -> receive queue    (shared by workers)
//!                                   └ buffers   loops over the usual buffers
//! ```
//!
//! Each port has a thread of its own for the protocol, so a VMM that sends half a message keeps nobody
//! else waiting. Frames never pass through it.

mod ahead;
mod buffers;
mod connection;
mod eventfd;
mod features;
mod from_guest;
mod header;
mod memory;
mod session;
mod to_guest;
mod vring;

pub use connection::{Mode, Port};
