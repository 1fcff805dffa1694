//! A safe face on chains that somebody else linked: walk them, read them, move where their data begins, queue them.
//!
//! A driver is handed one raw pointer. Two constructors take it, [`Chain::from_raw`] for chains that are lent and
//! [`NblQueue::from_raw`] for chains that are owned; everything behind them is safe, and bounded by what is checked here:
//!
//! ```text
//!  *mut NET_BUFFER_LIST ── unsafe from_raw ──► Chain<'a>   lent: read only          NblQueue    owned: O(1) append, split
//!                                                │ iter, runs                          │ iter, iter_mut, pop_front, split
//!                                                ▼                                     ▼
//!                                              Nbl<'a>     queue id, filter id       NblMut<'q>  sets them
//!                                                │ frames                              │ frames
//!                                                ▼                                     ▼
//!                                              NetBuffer<'a>                         NetBufferMut<'q>   advance, retreat
//!                            data, copy_to ◄─────┤─────► shared_memory: None unless the receive flags vouch for it
//!                                                ▼
//!                                              pieces: MDL i beside segment i
//! ```
//!
//! ```
//! use ndis::view::Chain;
//! use ndis::{MDL, MDL_SOURCE_IS_NONPAGED_POOL, NET_BUFFER, NET_BUFFER_LIST};
//!
//! # let mut bytes = [1_u8, 2, 3, 4];
//! # let mut mdl = MDL::zeroed();
//! # (mdl.MdlFlags, mdl.MappedSystemVa, mdl.ByteCount) = (MDL_SOURCE_IS_NONPAGED_POOL, bytes.as_mut_ptr().cast(), 4);
//! # let mut nb = NET_BUFFER::zeroed();
//! # (nb.MdlChain, nb.CurrentMdlOffset, nb.DataOffset, nb.stDataLength) = (&mut mdl, 1, 1, 3);
//! # nb.CurrentMdl = nb.MdlChain;
//! # let mut nbl = NET_BUFFER_LIST::zeroed();
//! # nbl.FirstNetBuffer = &mut nb;
//! # let (from_ndis, receive_flags) = (&mut nbl as *mut NET_BUFFER_LIST, 0);
//! // SAFETY: NDIS lends the chain for the time of this call.
//! let chain = unsafe { Chain::from_raw(from_ndis, receive_flags) };
//! let mut first_bytes = [0; 64];
//! for nbl in chain.iter() {
//!     for frame in nbl?.frames() {
//!         let frame = frame?;
//!         let copied = frame.copy_to(0, &mut first_bytes)?;
//!         assert_eq!(first_bytes[..copied], [2, 3, 4]);
//!         assert!(frame.shared_memory().is_none(), "the flags do not vouch for it");
//!     }
//! }
//! # Ok::<(), ndis::view::ViewError>(())
//! ```
//!
//! # What the caller promises
//!
//! To the two constructors, and for as long as the view or the queue lives:
//!
//! * Each link (`Next`, `FirstNetBuffer`, `CurrentMdl`, `MdlChain`, `SharedMemoryInfo` where the flags vouch for it,
//!   `NextSharedMemorySegment`) is NULL or leads to a live structure of its type.
//! * Nobody else writes these structures meanwhile. That is what owning a chain means in NDIS.
//! * Where an MDL says that it is mapped (`MDL_MAPPED_TO_SYSTEM_VA` or `MDL_SOURCE_IS_NONPAGED_POOL`) and its address is
//!   not NULL, `ByteCount` bytes can be read there. Others may write *those bytes* at any time: a virtual machine does.
//!
//! # What is checked
//!
//! Everything else. A chain that comes back to itself or is longer than [`LONGEST`], a NULL where data is promised, a link that
//! no structure can lie at, lengths and offsets that disagree: each is a [`ViewError`] that names the member, and ends the
//! walk. Nothing panics, allocates or uses a floating-point register, so the same code runs in a kernel; that no panic is
//! reachable is shown by linking.
//!
//! A NET_BUFFER_LIST is read member by member, never as a whole: its size differs between Windows versions, and no reference to
//! one is made.

mod buffers;
mod bytes;
mod error;
mod frame;
mod header;
mod list;
mod mdl;
mod move_start;
mod queue;
mod raw;
mod runs;
mod segment;
mod walk;

pub use buffers::ReceiveBuffers;
pub use bytes::{Data, Span};
pub use error::{ViewError, Wrong};
pub use frame::{Frames, NetBuffer};
pub use header::{check_header, elements, Elements};
pub use list::{Chain, Nbl, Nbls};
pub use mdl::{Mdl, Mdls};
pub use move_start::{FramesMut, NetBufferMut};
pub use queue::{Cursor, NblMut, NblQueue, OwnedNbl, QueueIter, QueueIterMut};
pub use runs::{Run, Runs};
pub use segment::{Block, Piece, Pieces, Segment, Segments};

/// The most elements that a chain may have, unless [`Chain::with_limit`] says otherwise.
pub const LONGEST: usize = 65_536;
