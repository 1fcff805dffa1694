//! How one frame's structures lie in memory.
//!
//! A burst writes a few words in each structure of each frame. In the order below they are in four cache lines a frame, where
//! one structure behind the other would need six: a first-level cache has more left for the guests' bytes.
//!
//! ```text
//! line  0   MDL (all of it: Next, ByteCount) | NET_BUFFER_LIST.Next, FirstNetBuffer
//!       1   nothing that changes
//!       2   MiniportReserved, Scratch, Flags; with out-of-band facts SourceHandle, Status
//!       3   with out-of-band facts slots 0 to 7: checksum, large send, 802.1Q tag
//!       4   slot 14: queue id; with out-of-band facts slots 8 and 9: flow hash
//!       5   nothing that changes
//!       6   segment (all of it) | NET_BUFFER.Next, CurrentMdl, DataLength
//!     7-9   nothing that changes
//!      10   left out: an odd number of lines from frame to frame spreads equal lines over all sets of a cache
//! ```
//!
//! Only raw pointers lead to a [`Frame`] or a [`Piece`] once its pool is made; nobody makes a reference to one.

use std::mem::offset_of;

use ndis::{MDL, NET_BUFFER, NET_BUFFER_LIST, NET_BUFFER_SHARED_MEMORY};

/// A frame: its list, its buffer, and the MDL and segment of its lookahead.
#[repr(C, align(64))]
pub(crate) struct Frame {
    pub(crate) mdl: MDL,
    pub(crate) nbl: NET_BUFFER_LIST,
    pub(crate) segment: NET_BUFFER_SHARED_MEMORY,
    pub(crate) nb: NET_BUFFER,
    _spread: [u8; 112],
}

impl Frame {
    /// From the frame to its NET_BUFFER_LIST, which is what chains of frames are linked by.
    pub(crate) const NBL: usize = offset_of!(Frame, nbl);

    pub(crate) const fn zeroed() -> Self {
        Self {
            mdl: MDL::zeroed(),
            nbl: NET_BUFFER_LIST::zeroed(),
            segment: NET_BUFFER_SHARED_MEMORY::zeroed(),
            nb: NET_BUFFER::zeroed(),
            _spread: [0; 112],
        }
    }
}

/// A segment and the MDL beside it: one piece of the bytes after the lookahead.
#[repr(C)]
pub(crate) struct Piece {
    pub(crate) segment: NET_BUFFER_SHARED_MEMORY,
    pub(crate) mdl: MDL,
}

impl Piece {
    pub(crate) const fn zeroed() -> Self {
        Self {
            segment: NET_BUFFER_SHARED_MEMORY::zeroed(),
            mdl: MDL::zeroed(),
        }
    }
}

/// In `NET_BUFFER_LIST.Flags`, which NDIS leaves to a list's owner: some out-of-band fact was noted with the frame, so that the
/// next one in its place has to start without it. Most frames have none, and so nothing to clear.
pub(crate) const HAS_FACTS: u32 = 1;

const LINE: usize = 64;
const _: () = assert!(size_of::<Frame>() / LINE % 2 == 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_written_for_every_frame_lie_in_four_cache_lines() {
        let slot =
            |slot: usize| offset_of!(Frame, nbl.NetBufferListInfo) + slot * size_of::<usize>();
        let mut lines = vec![
            offset_of!(Frame, nbl.Next),
            offset_of!(Frame, mdl.Next),
            offset_of!(Frame, mdl.ByteCount),
            offset_of!(Frame, nbl.MiniportReserved),
            offset_of!(Frame, nbl.Scratch),
            offset_of!(Frame, nbl.ProtocolReserved) + 3 * size_of::<usize>(),
            offset_of!(Frame, nbl.Flags),
            slot(ndis::NetBufferListFilteringInfo),
            offset_of!(Frame, segment.NextSharedMemorySegment),
            offset_of!(Frame, nb.stDataLength),
        ];
        lines.iter_mut().for_each(|offset| *offset /= LINE);
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines, [0, 2, 4, 6]);
    }
}
