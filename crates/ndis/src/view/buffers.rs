//! Receive buffers, cut from blocks of shared memory once and never moved (B1, B3, B6, B8).
//!
//! ```text
//!  without split    block 0   [ data                ][ data                ] ...        one segment a buffer
//!
//!  with split       block 0   [ lookahead ][ lookahead ] ...                            two segments a buffer, in this
//!                   block 1   [ backfill | data     ][ backfill | data     ] ...        order; the backfill is in neither
//! ```
//!
//! The backfill is as long as the lookahead, which can be copied there: then the whole frame lies in one piece in block 1.

use super::segment::Segment;
use crate::basic::{NDIS_HANDLE, ULONG};

/// How the receive buffers of a queue lie in their blocks.
///
/// ```
/// use ndis::view::ReceiveBuffers;
///
/// let buffers = ReceiveBuffers::new(2000, 64, 128).unwrap();
/// assert_eq!((buffers.bytes(0, 8), buffers.bytes(1, 8)), (8 * 64, 8 * 2048));
/// let blocks = [1 as ndis::NDIS_HANDLE, 2 as ndis::NDIS_HANDLE];
/// let (lookahead, rest) = buffers.segments(3, blocks).unwrap();
/// assert_eq!((lookahead.handle, lookahead.offset, lookahead.length), (blocks[0], 3 * 64, 64));
/// let rest = rest.unwrap();
/// assert_eq!((rest.handle, rest.offset, rest.length), (blocks[1], 3 * 2048 + 64, 2048 - 64));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveBuffers {
    /// Bytes from one buffer to the next, where the data lies.
    entry: ULONG,
    /// Bytes; 0 without split.
    lookahead: ULONG,
}

impl ReceiveBuffers {
    /// Buffers of `size` bytes each, rounded up to a multiple of `alignment`. With lookahead split `lookahead` is not 0, and that many
    /// bytes of each are the backfill.
    ///
    /// `None` if nothing would be left of a buffer, it would have more bytes than a ULONG tells, or `alignment` is 0.
    pub const fn new(size: ULONG, lookahead: ULONG, alignment: ULONG) -> Option<Self> {
        let over = match size.checked_rem(alignment) {
            Some(over) => over,
            None => return None,
        };
        let missing = match over {
            0 => 0,
            // The remainder is less than what it was divided by.
            _ => alignment.wrapping_sub(over),
        };
        match size.checked_add(missing) {
            Some(entry) if entry > lookahead => Some(Self { entry, lookahead }),
            _ => None,
        }
    }

    /// Bytes of the lookahead, and of the backfill; 0 without split.
    pub const fn lookahead(&self) -> ULONG {
        self.lookahead
    }

    /// Segments of a buffer, and blocks of a queue: 1 without split, 2 with it (B1).
    pub const fn segment_count(&self) -> usize {
        if self.lookahead == 0 {
            1
        } else {
            2
        }
    }

    /// The bytes that block `block` needs for `count` buffers; 0 if there is no such block.
    pub const fn bytes(&self, block: usize, count: ULONG) -> u64 {
        let entry = match (block, self.lookahead) {
            (0, 0) | (1, 1..) => self.entry,
            (0, lookahead) => lookahead,
            _ => 0,
        };
        // 32 bits times 32 bits: no overflow.
        (entry as u64).wrapping_mul(count as u64)
    }

    /// The segments of buffer `at`, of which the first lies in the first of `blocks` (B2). What they say holds for every frame
    /// that the buffer will have (B3).
    ///
    /// `None` if an offset or an end is more than a ULONG tells.
    pub fn segments(
        &self,
        at: ULONG,
        blocks: [NDIS_HANDLE; 2],
    ) -> Option<(Segment, Option<Segment>)> {
        let [first, second] = blocks;
        if self.lookahead == 0 {
            return Some((cut(first, at, self.entry, 0)?, None));
        }
        let lookahead = cut(first, at, self.lookahead, 0)?;
        let rest = cut(second, at, self.entry, self.lookahead)?;
        Some((lookahead, Some(rest)))
    }
}

/// Entry `at` of a row of entries, without the bytes at its beginning that are left free.
fn cut(handle: NDIS_HANDLE, at: ULONG, entry: ULONG, free: ULONG) -> Option<Segment> {
    let start = at.checked_mul(entry)?;
    start.checked_add(entry)?;
    Some(Segment {
        handle,
        offset: start.checked_add(free)?,
        length: entry.checked_sub(free)?,
        flags: 0,
    })
}
