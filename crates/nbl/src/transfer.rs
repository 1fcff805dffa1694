//! Copies a frame into receive buffers: two chains of segments, side by side.

use shmem::{BlockError, BlockTable, Window};

use crate::frame::Nbl;
use crate::receive::ReceiveChain;
use crate::segments::Segments;

/// Whose segment it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The frame's.
    Source,
    /// The receive buffers'.
    Destination,
}

/// Why a frame could not be copied whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct TransferError {
    /// Whose segment is at fault.
    pub side: Side,
    /// What is wrong with it.
    pub error: BlockError,
}

/// Copies `frame` into `receive`. Returns the bytes copied: the frame's length, or less if the receive
/// buffers have less room.
///
/// # Errors
/// [`TransferError`]: a segment names no memory; bytes before it are copied.
#[inline]
pub fn transfer(
    blocks: &BlockTable,
    frame: Nbl<'_>,
    receive: ReceiveChain<'_>,
) -> Result<u32, TransferError> {
    let mut from = Walk {
        segments: frame.segments(),
        side: Side::Source,
    };
    let mut to = Walk {
        segments: receive.segments(),
        side: Side::Destination,
    };
    let mut left = frame.data_len();
    let mut copied = 0;
    let (mut source, mut destination) = (from.next(blocks)?, to.next(blocks)?);
    while let (Some(src), Some(dst)) = (source, destination) {
        let n = src.len().min(dst.len()).min(left as usize);
        shmem::copy(src, dst, n);
        copied += n as u32;
        left -= n as u32;
        if left == 0 {
            break;
        }
        source = if n == src.len() {
            from.next(blocks)?
        } else {
            src.narrow(n, src.len() - n)
        };
        destination = if n == dst.len() {
            to.next(blocks)?
        } else {
            dst.narrow(n, dst.len() - n)
        };
    }
    Ok(copied)
}

struct Walk<'p> {
    segments: Segments<'p>,
    side: Side,
}

impl Walk<'_> {
    /// The next segment's memory; empty segments are passed over.
    #[inline]
    fn next<'b>(&mut self, blocks: &'b BlockTable) -> Result<Option<Window<'b>>, TransferError> {
        for segment in self.segments.by_ref() {
            let window = segment
                .map_err(|_| BlockError::OutOfRange)
                .and_then(|segment| segment.window(blocks));
            let window = window.map_err(|error| TransferError {
                side: self.side,
                error,
            })?;
            if window.len() > 0 {
                return Ok(Some(window));
            }
        }
        Ok(None)
    }
}
