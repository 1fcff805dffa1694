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
//! # The model
//!
//! ```text
//!  NET_BUFFER_LIST ──Next──► NET_BUFFER_LIST ──► NULL      what one call hands over
//!   │ NetBufferListInfo[]    slot 0 checksum, 2 large send, 4 VLAN tag, 8 and 9 hash, 14 VM queue and filter
//!   │ FirstNetBuffer
//!   ▼
//!  NET_BUFFER ──Next──► NET_BUFFER ──► NULL                one frame each; they share the list's slots
//!   │ DataOffset, DataLength                               where in the MDLs the frame is
//!   │
//!   ├─ MdlChain ─────────► MDL ────Next────► MDL ────► NULL        bytes by virtual address
//!   │                       ║ the same bytes  ║
//!   └─ SharedMemoryInfo ─► segment ─Next─► segment ──► NULL        bytes by block, offset and length
//!                           │ SharedMemoryHandle                   (NET_BUFFER_SHARED_MEMORY)
//!                           ▼
//!                          block of shared memory: NDIS_SHARED_MEMORY_PARAMETERS asked for it
//! ```
//!
//! * Element *i* of the MDL chain and element *i* of the segment chain describe the same bytes. With lookahead split (NDIS 6.20)
//!   there are two of each, the frame's first bytes and the rest; without it one.
//! * `SharedMemoryLength` is the segment's room. How long the frame is, `DataLength` says.
//! * `SharedMemoryInfo` counts only if the call that brought the list says so,
//!   [`NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID`]; otherwise the word is to be ignored, or is a scatter-gather list.
//!   [`view`] asks for these flags before it shows a segment.
//! * What is in a slot is the fact itself, not a pointer to it: [`NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO`] and its kin go there
//!   and back by `to_slot` and `from_slot`.
//!
//! # What holds here
//!
//! * Names are spelt exactly as on Windows, so that its documentation can be searched for them. Each item says what it
//!   means, since which NDIS version it exists, and on which page of the Windows driver documentation to read more.
//! * A structure whose size, alignment or offsets are not Windows' does not compile, on 64-bit and on 32-bit targets. x86-64 and
//!   arm64 have the same layouts; those of 32-bit x86 hold wherever pointers have 32 bits. Values are in the host's byte order;
//!   Windows itself is little-endian throughout.
//! * Plain data: the structures and their accessors follow no pointer and resolve no handle. Only [`view`] follows
//!   pointers, from two `unsafe` constructors that say what the caller promises; behind them it is safe and bounded.
//! * Nothing allocates, panics or computes with floats, so it all runs in a kernel. No `std`, no dependencies, Rust 1.63.
//! * An enumeration is an integer with named values: it comes from outside, and a value that this crate does not know must
//!   stay representable. A word with two names (a C union) is a member and a method, see [`NET_BUFFER`].
//!
//! # Versions
//!
//! A feature chooses the NDIS version whose layouts hold. They add up, the highest wins, as with C's `NDIS_SUPPORT_*` macros; so
//! if two crates of one driver ask for different versions, both get the higher. Constants are there in every version; each
//! says since when NDIS knows it.
//!
//! | feature | Windows | what changes | slots, bytes of a NET_BUFFER_LIST (64-bit \| 32-bit) |
//! | --- | --- | --- | --- |
//! | `ndis620` | 7, Server 2008 R2 | VMQ, segments, lookahead split | 18, 288 \| 18, 152 |
//! | `ndis630` (default) | 8, Server 2012 | virtual ports, moving filters; no lookahead split any more | 24, 336 \| 21, 168 |
//! | `ndis650` | 10 | scheduler queue of a queue | 26, 352 \| 21, 168 |
//! | `ndis680` | 10 1709 | one or two reserved slots | 27, 368 \| 23, 176 |
//! | `ndis682` | 10 1809, Server 2019, and all later | the switch's slots on 32-bit | 27, 368 \| 27, 192 |
//!
//! NDIS has more slots than it shows to drivers, so a list's size is never a reason to believe that there is nothing behind it:
//! take lists from NDIS's pools, and rely on slots 0 to 17, which never move.
//!
//! # Beside wdk-sys and windows-sys
//!
//! `wdk-sys` and `windows-sys` have the rest of the kernel and the user-mode side, and no NDIS structures. What crosses between
//! them and this crate is numbers, pointers, GUIDs and physical addresses, so no conversion needs either crate, a feature, or a
//! transmutation:
//!
//! | theirs | ours | how |
//! | --- | --- | --- |
//! | `NTSTATUS` (`i32`) | [`NDIS_STATUS`] (`i32`) | the same type |
//! | `HANDLE`, `PVOID` (`*mut c_void`) | [`NDIS_HANDLE`], [`PVOID`] | the same type |
//! | `PMDL`, `*mut MDL` | `*mut` [`MDL`] | `pointer.cast()` |
//! | `PHYSICAL_ADDRESS`, `LARGE_INTEGER` | [`NDIS_PHYSICAL_ADDRESS`] | `i64` and back: `theirs.QuadPart`, [`From<i64>`](LARGE_INTEGER) |
//! | `GUID` | [`GUID`] | `u128` and back: [`GUID::to_u128`], [`GUID::from_u128`] |
//! | enumerations, flags, OIDs | integers | the same number; cast where theirs is unsigned |
//!
//! A feature for each of those crates would tie this one to their versions: a new major version of theirs would be one of ours,
//! their minimum compiler ours (both need a younger one than 1.63), and their entries would stand in every lock file that has
//! this crate, whether used or not.
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
//! # How the layouts were checked
//!
//! `tests/reference` has figures that do not come from this crate. rustc asserts them for 64-bit and 32-bit pointers, C compilers
//! for both kinds of Windows compare them with mingw-w64's headers and with C declarations, the tests measure addresses on
//! Linux and on Windows (under Wine), and C programs hand chains to Rust and back. It was not run in a Windows kernel.
//!
#![doc = include_str!("macros.md")]
#![no_std]
// Only `view` follows pointers, and only what its callers vouch for.
#![deny(unsafe_code, unsafe_op_in_unsafe_fn, clippy::float_arithmetic)]
// Windows' own spelling is the point of this crate.
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)]

#[cfg(not(any(target_pointer_width = "64", target_pointer_width = "32")))]
compile_error!("NDIS has layouts for 64-bit and for 32-bit processors only");

// Compiles and runs what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

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
