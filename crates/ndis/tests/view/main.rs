//! The safe face on chains: rules of the reference by name, and everything against models too plain to be wrong.
//!
//! One argument serves for each unsafe block: structures lie in an arena that outlives what is made over it, links lead into that
//! arena unless a test says that they are not to be followed, and all of it is one thread's.

// UNSAFETY: links structures by pointer, as NDIS and its drivers do.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod arena;
mod buffers;
mod chains;
mod frames;
mod moves;
mod queues;
mod segments;
mod tangles;
