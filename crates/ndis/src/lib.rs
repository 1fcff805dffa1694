//! Windows' NDIS network buffers in Rust: the structures, constants and macros that virtual machine queues (VMQ) use,
//! byte for byte as Windows has them.
//!
//! The centre is [`NET_BUFFER_SHARED_MEMORY`]: a frame is a [`NET_BUFFER`] whose `SharedMemoryInfo` is the first of a
//! chain of such segments, and a [`NET_BUFFER_LIST`] carries the frame's out-of-band facts (checksum, large send, VLAN
//! tag, queue).
//!
//! ```
//! use ndis::*;
//!
//! let mut rest = NET_BUFFER_SHARED_MEMORY { SharedMemoryLength: 1386, ..NET_BUFFER_SHARED_MEMORY::zeroed() };
//! let mut lookahead = NET_BUFFER_SHARED_MEMORY::zeroed();
//! NET_BUFFER_SHARED_MEM_SET_LENGTH(&mut lookahead, 128);
//! NET_BUFFER_SHARED_MEM_SET_NEXT_SEGMENT(&mut lookahead, &mut rest);
//!
//! let mut frame = NET_BUFFER::zeroed();
//! frame.SharedMemoryInfo = &mut lookahead;
//! assert!(!NET_BUFFER_FIRST_SHARED_MEM_INFO(&frame).is_null());
//! assert_eq!(NET_BUFFER_SHARED_MEM_LENGTH(&lookahead), 128);
//! ```
//!
//! What holds here:
//!
//! * Names are spelt exactly as on Windows, so that its documentation can be searched for them. Each item says what it
//!   means, since which NDIS version it exists, and on which page of the Windows driver documentation to read more.
//! * Layouts are those of the NDIS version that the features choose, 6.30 by default. A structure whose size,
//!   alignment or offsets are not Windows' does not compile, on 64-bit and on 32-bit targets. Values are in the host's byte order; Windows itself is little-endian throughout.
//! * Plain data: the structures and their accessors follow no pointer and resolve no handle. Only [`view`] follows
//!   pointers, from two `unsafe` constructors that say what the caller promises; behind them it is safe and bounded.
//! * Nothing allocates, panics or computes with floats, so it all runs in a kernel. No `std`, no dependencies, Rust 1.63.
//!
//! A macro that C can assign through is two functions: `NET_BUFFER_SHARED_MEM_OFFSET` reads,
//! `NET_BUFFER_SHARED_MEM_SET_OFFSET` writes. A word with two names (a C union) is a member and a method, see [`NET_BUFFER`].
//!
//! # Modules
//!
//! One for each family; everything but [`view`] is exported at the root.
//!
//! | module | holds |
//! | --- | --- |
//! | `layout` | the notation of structures, and the proof of their offsets |
//! | `basic` | integer and handle types, small shared structures, object types |
//! | `shared_memory` | [`NET_BUFFER_SHARED_MEMORY`] and its accessors |
//! | `allocation`, `handlers` | what allocates shared memory, and the provider's entry points |
//! | `mdl`, `scatter_gather` | [`MDL`], [`SCATTER_GATHER_LIST`] |
//! | `net_buffer`, `net_buffer_list` | [`NET_BUFFER`], [`NET_BUFFER_LIST`] |
//! | `net_buffer_accessors`, `net_buffer_list_accessors` | the macros that reach into them |
//! | `slots`, `oob` | indices of the out-of-band slots, and what is in them |
//! | `flags` | flags of lists, and of receive, return, send and send-complete calls |
//! | `queue`, `filter`, `oid`, `status`, `guid` | constants of the control requests |
//! | `queue_requests`, `filter_requests`, `filter_field` | structures of the control requests |
//! | `ffi` | NDIS's own functions, to be linked with: feature `link` |
//! | [`view`] | walks along chains, copies, advance and retreat, owned queues: safe, checked |
//!
//! # Checking other compilers and targets
//!
//! The layouts are checked wherever the crate is compiled. The oldest compiler, and 32-bit targets, are reached with Debian 12's
//! packages (`rustc` is 1.63 there; its wasm32 has the pointer width and the alignments of 32-bit Windows):
//!
//! ```text
//! apt-get install rustc libstd-rust-dev-wasm32
//! /usr/bin/rustc --edition 2021 --crate-type rlib --crate-name ndis --target wasm32-unknown-unknown src/lib.rs
//! ```
#![no_std]
// Only `view` follows pointers, and only what its callers vouch for.
#![deny(unsafe_code, unsafe_op_in_unsafe_fn, clippy::float_arithmetic)]
// Windows' own spelling is the point of this crate.
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)]

#[cfg(not(any(target_pointer_width = "64", target_pointer_width = "32")))]
compile_error!("NDIS has layouts for 64-bit and for 32-bit processors only");

#[macro_use]
mod layout;

mod allocation;
mod basic;
#[cfg(feature = "link")]
pub mod ffi;
mod filter;
mod filter_field;
mod filter_requests;
mod flags;
mod guid;
mod handlers;
mod mdl;
mod net_buffer;
mod net_buffer_accessors;
mod net_buffer_list;
mod net_buffer_list_accessors;
mod oid;
mod oob;
mod queue;
mod queue_requests;
mod scatter_gather;
mod shared_memory;
mod slots;
mod status;
pub mod view;

pub use allocation::*;
pub use basic::*;
pub use filter::*;
pub use filter_field::*;
pub use filter_requests::*;
pub use flags::*;
pub use guid::*;
pub use handlers::*;
pub use mdl::*;
pub use net_buffer::*;
pub use net_buffer_accessors::*;
pub use net_buffer_list::*;
pub use net_buffer_list_accessors::*;
pub use oid::*;
pub use oob::*;
pub use queue::*;
pub use queue_requests::*;
pub use scatter_gather::*;
pub use shared_memory::*;
pub use slots::*;
pub use status::*;
