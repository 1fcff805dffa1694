//! NET_BUFFER_LIST pools and chains over shared memory: build, iterate, classify, transfer.
//!
//! A frame that a guest sends is described where it lies, in the structures that NDIS has for it. One chain says it in MDLs,
//! and beside it, element by element, one says it in shared memory segments:
//!
//! ```text
//!  NET_BUFFER_LIST          NET_BUFFER
//!   Next ─► next frame       DataLength
//!   FirstNetBuffer ────────► MdlChain ─────────► MDL ────────► MDL ────────► MDL ────────► NULL
//!   slot 14: queue id        SharedMemoryInfo ─► segment ────► segment ────► segment ────► NULL
//!   slot  4: 802.1Q tag                            │             │             │
//!   slots 0, 2: offloads                           ▼             ▼             ▼
//!                                               lookahead     (handle, offset, length)
//!                                               the host's    in blocks of the guest's
//!                                               own copy      own memory, not touched yet
//! ```
//!
//! The *lookahead* is the host's copy of the frame's first [`LOOKAHEAD`] bytes. The guest can rewrite its own memory at any
//! moment, so headers are judged in the lookahead only, and the same bytes are what is delivered (rules L1 and L3 of the
//! project's NDIS reference). The rest is copied once, by [`transfer`], into buffers that the receiver has posted; those are
//! a chain of segments too, a [`ReceiveChain`].
//!
//! # A burst
//!
//! ```
//! use nbl::{BURST, Classifier, NblQueue, Pool, ReceiveChain, transfer};
//! # use shmem::{BlockRegistry, GuestMemory, Mapping, Region};
//! # let mut registry = BlockRegistry::new();
//! # let mapping = Mapping::anonymous(8192)?;
//! # let handles = registry.register(&mapping, 0, 8192);
//! # let receiver = handles[0];
//! # let memory = GuestMemory::new(vec![Region { gpa: 0, uva: 0, len: 8192, mapping, mapping_offset: 0, handles }])?;
//! let mut pool = Pool::new(BURST, 1024)?;
//! let lookahead = registry.register(pool.lookahead(), 0, pool.lookahead().len());
//! pool.set_lookahead_handle(lookahead[0]);
//! let blocks = registry.snapshot();
//!
//! pool.reset();
//! let frame = pool.build(&memory, [(0, 12), (4096, 1514)], 12, 1514)?;
//! assert_eq!(frame.lookahead().len(), 128);
//!
//! let mut classes = Classifier::new();
//! frame.set_queue_id(3);
//! let mut run = NblQueue::new();
//! run.push(frame);
//! classes.append(3, &mut run)?;
//! for (_queue, frames) in classes.drain() {
//!     for frame in frames.iter() {
//!         let mut receive = ReceiveChain::new();
//!         receive.push(&pool, receiver, 2048, 1514);
//!         assert_eq!(transfer(&blocks, frame, receive)?, 1514);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A frame cannot outlive its burst:
//!
//! ```compile_fail
//! # fn burst(pool: &mut nbl::Pool, memory: &shmem::GuestMemory) -> Result<(), Box<dyn std::error::Error>> {
//! let frame = pool.build(memory, [(0, 1514)], 12, 1514)?;
//! pool.reset();
//! frame.data_len();
//! # Ok(())
//! # }
//! ```
//!
//! Nor can it pass for a frame of a shorter one, where it could be linked to a pool that ends earlier:
//!
//! ```compile_fail
//! fn shorten<'short, 'long: 'short>(frame: nbl::Nbl<'long>) -> nbl::Nbl<'short> {
//!     frame
//! }
//! ```
//!
//! # What holds
//!
//! * Everything is allocated and linked in [`Pool::new`]. A burst writes only what differs from frame to frame (B3).
//! * A pool, and what it has handed out, is one thread's at a time. [`Pool::reset`] takes everything back.
//! * A walk along a chain ends, whatever was done to the chain: at its end, or with a [`ChainError`].
//! * No pointer into guest memory leaves `shmem`: MDLs of guest bytes have a length and no address.
//!
//! # Where this differs from NDIS
//!
//! * A frame has as many segments as the guest's buffers make it, not exactly two (B1), and none behind the lookahead if the
//!   lookahead has all of it (B7).
//! * A NULL handle is legal in NDIS and names nothing here (M4).
//! * There is one NET_BUFFER in each NET_BUFFER_LIST.

mod build;
mod classify;
mod frame;
mod handle;
mod nbl;
mod pool;
mod queue;
mod receive;
mod row;
mod segments;
mod slab;
mod tag;
mod transfer;

pub use build::BuildError;
pub use classify::{Classifier, Full};
pub use nbl::Nbl;
pub use pool::Pool;
pub use queue::{Iter, NblQueue};
pub use receive::ReceiveChain;
pub use row::Row;
pub use segments::{ChainError, Link, Mdls, RawChain, Segment, Segments};
pub use tag::Tag;
pub use transfer::{SegmentError, Side, TransferError, Transferred, read, transfer, transfer_all};

/// Bytes of a frame that are copied to the host before they are judged.
pub const LOOKAHEAD: usize = 128;

/// Bytes of room in front of each lookahead, for what stands in front of a frame in a guest's buffers and is no part of it.
pub const FRONT: usize = 16;

/// The most frames of one burst.
pub const BURST: usize = 64;
