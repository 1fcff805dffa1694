//! Copies a frame into receive buffers: two chains of segments, side by side.
//!
//! Each segment is resolved and checked against its block when its turn comes (B4), and its bytes move once, from window to
//! window.

use std::fmt;

use shmem::{BlockError, BlockTable, Window};

use crate::nbl::Nbl;
use crate::queue::NblQueue;
use crate::receive::ReceiveChain;
use crate::segments::{ChainError, Segment, Segments};

/// Whose segments they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The frame's.
    Source,
    /// The receive buffers'.
    Destination,
}

/// Why a frame could not be copied. Some of its bytes may have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{side}: {error}")]
pub struct TransferError {
    /// Where the fault lies.
    pub side: Side,
    /// What it is.
    pub error: SegmentError,
}

/// What is wrong with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// Its chain is broken.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// It names no memory.
    #[error(transparent)]
    Block(#[from] BlockError),
}

/// Copies `frame` into `receive`, behind what is put in front of it, and says how many bytes of the frame that are: all, or
/// fewer if the receive buffers have less room.
///
/// The lookahead is copied from the very bytes that [`Nbl::lookahead`] showed.
///
/// # Errors
/// [`TransferError`].
#[inline]
pub fn transfer(
    blocks: &BlockTable,
    frame: Nbl<'_>,
    receive: ReceiveChain<'_>,
) -> Result<u32, TransferError> {
    let whole = receive
        .only()
        .and_then(|buffer| transfer_whole(blocks, frame, buffer, receive.front()));
    whole.map_or_else(|| transfer_pieces(blocks, frame, receive), Ok)
}

/// What came of [`transfer_all`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Frames that were copied.
    pub frames: usize,
    /// Bytes of those.
    pub bytes: u64,
    /// Frames among or behind them that have no receive buffers.
    pub without_buffers: usize,
    /// What ended the work early, at the frame behind those counted.
    pub error: Option<TransferError>,
}

/// Copies each of the first `count` frames into the receive buffers that are attached to it, as [`transfer`] does.
#[inline(never)]
pub fn transfer_all(blocks: &BlockTable, frames: &NblQueue<'_>, count: usize) -> Transferred {
    let (mut copied, mut bytes) = (0, 0);
    let (mut without_buffers, mut error) = (0, None);
    for frame in frames.first(count) {
        let whole = frame
            .only_receive()
            .and_then(|(buffer, front)| transfer_whole(blocks, frame, buffer, front));
        let whole = match whole {
            Some(len) => Ok(Some(len)),
            None => transfer_attached(blocks, frame),
        };
        match whole {
            Ok(Some(len)) => {
                copied += 1;
                bytes += u64::from(len);
            }
            Ok(None) => without_buffers += 1,
            Err(ended_by) => {
                error = Some(ended_by);
                break;
            }
        }
    }
    Transferred {
        frames: copied,
        bytes,
        without_buffers,
        error,
    }
}

/// The usual case: a frame in the lookahead and at most one piece behind it, into a single buffer that is large enough. `None`
/// if it is another, or the memory is none; some of the bytes may have been copied.
#[inline(always)]
fn transfer_whole(
    blocks: &BlockTable,
    frame: Nbl<'_>,
    buffer: Segment,
    front: usize,
) -> Option<u32> {
    let len = frame.data_len();
    let into = blocks.window(buffer.handle, buffer.offset, buffer.len);
    let into = into
        .ok()
        .filter(|into| into.len() >= front + len as usize)?;
    let seen = frame.lookahead_len();
    let written = into.write(frame.head(front, seen));
    if len > seen {
        let rest = frame.only_behind_lookahead()?;
        let rest = blocks.window(rest.handle, rest.offset, rest.len).ok()?;
        rest.copy_to(behind(into, written)?);
    }
    Some(len)
}

/// Copies a frame into the buffers that are attached to it; `None` if none are.
#[inline(never)]
fn transfer_attached(blocks: &BlockTable, frame: Nbl<'_>) -> Result<Option<u32>, TransferError> {
    let receive = frame.receive();
    receive
        .map(|receive| transfer_pieces(blocks, frame, receive))
        .transpose()
}

/// Whatever frame and buffers there are.
fn transfer_pieces(
    blocks: &BlockTable,
    frame: Nbl<'_>,
    receive: ReceiveChain<'_>,
) -> Result<u32, TransferError> {
    let (head, front) = (
        frame.head(receive.front(), frame.lookahead_len()),
        receive.front(),
    );
    let mut from = Walk {
        chain: frame.segments_behind_lookahead(),
        blocks,
        side: Side::Source,
    };
    let mut to = Walk {
        chain: receive.segments(),
        blocks,
        side: Side::Destination,
    };
    let Some(mut into) = to.next()? else {
        return Ok(0);
    };
    if into.len() < front + frame.data_len() as usize {
        let written = side_by_side(
            head,
            from,
            Room {
                rest: Some(into),
                buffers: to,
                written: 0,
            },
        )?;
        return Ok(written.saturating_sub(front as u32));
    }
    let mut written = into.write(head);
    while let Some(rest) = behind(into, written)
        && let Some(bytes) = from.next()?
    {
        into = rest;
        written = bytes.copy_to(into);
    }
    Ok(frame.data_len())
}

/// Copies the bytes of `frame` to the host, all or as many as `into` has room for, and says how many those are.
///
/// # Errors
/// [`TransferError`], of [`Side::Source`].
pub fn read(blocks: &BlockTable, frame: Nbl<'_>, into: &mut [u8]) -> Result<usize, TransferError> {
    let lookahead = frame.lookahead();
    let seen = lookahead.len().min(into.len());
    into[..seen].copy_from_slice(&lookahead[..seen]);
    Ok(seen + read_behind(blocks, frame, &mut into[seen..])?)
}

/// As [`read`], of the bytes behind the lookahead.
pub(crate) fn read_behind(
    blocks: &BlockTable,
    frame: Nbl<'_>,
    into: &mut [u8],
) -> Result<usize, TransferError> {
    let mut done = 0;
    let mut from = Walk {
        chain: frame.segments_behind_lookahead(),
        blocks,
        side: Side::Source,
    };
    while let Some(bytes) = from.next()? {
        done += bytes.read(&mut into[done..]);
    }
    Ok(done)
}

/// Copies into several receive buffers.
#[inline]
fn side_by_side(
    mut head: &[u8],
    mut from: Walk<'_, '_>,
    mut room: Room<'_, '_>,
) -> Result<u32, TransferError> {
    while !head.is_empty()
        && let Some(into) = room.next()?
    {
        let now = into.write(head);
        room.fill(now);
        head = &head[now..];
    }
    while let Some(bytes) = from.next()? {
        let mut left = Some(bytes);
        while let Some(bytes) = left {
            let Some(into) = room.next()? else {
                return Ok(room.written);
            };
            let now = bytes.copy_to(into);
            room.fill(now);
            left = behind(bytes, now);
        }
    }
    Ok(room.written)
}

/// What of the receive buffers is not written yet.
struct Room<'a, 'p> {
    /// Of the buffer that is being filled.
    rest: Option<Window<'a>>,
    buffers: Walk<'a, 'p>,
    /// In bytes.
    written: u32,
}

impl<'a> Room<'a, '_> {
    /// Where the next bytes go; `None` when the buffers are full.
    #[inline]
    fn next(&mut self) -> Result<Option<Window<'a>>, TransferError> {
        if self.rest.is_none() {
            self.rest = self.buffers.next()?;
        }
        Ok(self.rest)
    }

    #[inline]
    fn fill(&mut self, bytes: usize) {
        self.rest = self.rest.and_then(|rest| behind(rest, bytes));
        self.written += bytes as u32;
    }
}

/// One of the two chains.
struct Walk<'a, 'p> {
    chain: Segments<'p>,
    blocks: &'a BlockTable,
    side: Side,
}

impl<'a> Walk<'a, '_> {
    /// The next segment's memory.
    #[inline]
    fn next(&mut self) -> Result<Option<Window<'a>>, TransferError> {
        let Some(segment) = self.chain.next() else {
            return Ok(None);
        };
        let window = segment.map_err(SegmentError::from).and_then(|segment| {
            Ok(self
                .blocks
                .window(segment.handle, segment.offset, segment.len)?)
        });
        window.map(Some).map_err(|error| TransferError {
            side: self.side,
            error,
        })
    }
}

/// What of a window lies behind its first `done` bytes, if anything does.
#[inline]
fn behind(window: Window<'_>, done: usize) -> Option<Window<'_>> {
    if done < window.len() {
        window.narrow(done, window.len() - done)
    } else {
        None
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "the frame's memory",
            Self::Destination => "the receive buffers' memory",
        })
    }
}
