//! Guest memory: mappings, blocks with generation-checked handles, bounded windows, and the copy.
mod array;
mod block;
mod copy;
mod guest;
mod mapping;
mod sigbus;
mod window;

pub use array::{Array, Word};
pub use block::{BlockError, BlockRegistry, BlockTable, Handle, MAX_BLOCK};
pub use copy::copy;
pub use guest::{ArrayError, GuestMemory, OutOfMemory, Piece, Region, RegionError};
pub use mapping::{MapError, Mapping, memfd};
pub use window::Window;
