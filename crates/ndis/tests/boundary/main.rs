//! The fake of NDIS's boundary: it lets a driver that keeps the rules through, and catches each rule that is broken.

// UNSAFETY: plays drivers, who deal in pointers.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
#![allow(non_snake_case)]

#[path = "../../examples/vmq_miniport/buffers.rs"]
mod buffers;
#[path = "../../examples/fake_ndis/mod.rs"]
mod fake_ndis;
#[path = "../../examples/vmq_miniport/miniport.rs"]
mod miniport;

mod life;
mod rules;
