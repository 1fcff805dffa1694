//! Guest memory: mappings, blocks with generation-checked handles, bounded windows, and the copy.
//!
//! Every pointer into a virtual machine's memory lives in this crate. What the other rooms hold are checked values:
//!
//! ```text
//!   Mapping        one mmapped range of a frontend's file, unmapped when its last owner lets go
//!     ├ BlockRegistry ──snapshot──► BlockTable        (handle, offset, length) ──► Window
//!     ├ GuestMemory    one frontend's regions         guest address ──► Piece, Window or Array
//!     └ Mapping::window
//!   Window         base and length, copied from, copied to or narrowed; never a slice
//!   Array, Cyclic  words of a ring, read and written one by one, atomically
//! ```
//!
//! # Why this is sound
//!
//! * **A pointer lies in a mapping.** Windows and arrays are made only here, each after a check in full-width arithmetic
//!   against the length of its mapping, and a narrower one is made only from a wider one.
//! * **The mapping is mapped.** A range is unmapped in one place, when the last `Arc<Mapping>` is dropped. A [`Window`]
//!   borrows from something that owns one (a [`BlockTable`], a [`GuestMemory`] or the mapping itself), so it cannot outlive
//!   it; an [`Array`] owns one.
//! * **No reference into it exists.** The guest, its VMM and other workers write these bytes at any time, so neither `&T`
//!   nor `&[u8]` may point to them. Words are read and written by atomics, everything else by the copy in [`copy()`], which
//!   the compiler cannot look into.
//! * **It can be taken away, and nothing breaks.** A frontend may truncate the file behind a mapping. The next access then
//!   raises SIGBUS, whose handler puts zero pages there, marks the mapping lost and lets the access go on.
//! * **All of it may cross threads.** A mapping's bytes are outside the Rust program's own memory: no type here gives a
//!   thread anything that another could invalidate, except by the rules above.

mod array;
mod block;
mod copy;
mod cyclic;
mod guest;
mod mapping;
mod sigbus;
mod window;

pub use array::{Array, ArrayError, Word};
pub use block::{BlockError, BlockRegistry, BlockTable, Handle, MAX_BLOCK};
pub use copy::copy;
pub use cyclic::Cyclic;
pub use guest::{Extent, GuestMemory, Lookup, OutOfMemory, Piece, Region, RegionError, Single};
pub use mapping::{MapError, Mapping, memfd};
pub use window::Window;
