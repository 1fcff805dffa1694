//! Where a frame's data begins, moved: what NdisAdvanceNetBufferDataStart and NdisRetreatNetBufferDataStart do within the
//! MDLs that are there.
//!
//! Neither allocates nor frees an MDL. To advance is to call NDIS's function with `FreeMdl` FALSE; to retreat is to call it for no
//! more than the unused space, `DataOffset` bytes, where it needs no new MDL either. Beyond that, it is an error, and whoever
//! has MDLs calls NDIS.
//!
//! Invariant: a frame is moved only if its members agree, and they agree afterwards; an error leaves it as it was.

// UNSAFETY: writes frames of a chain that is owned.
#![allow(unsafe_code)]

use core::marker::PhantomData;

use super::error::ViewError;
use super::frame::{Frames, NetBuffer};
use super::raw::{self, Position};
use crate::net_buffer::NET_BUFFER;

/// One frame of a list that is owned.
#[derive(Debug)]
pub struct NetBufferMut<'a> {
    frame: NetBuffer<'a>,
    owner: PhantomData<&'a mut NET_BUFFER>,
}

impl NetBufferMut<'_> {
    /// The frame, to be read.
    #[inline]
    pub fn view(&self) -> NetBuffer<'_> {
        self.frame
    }

    /// Takes `bytes` off the front of the data: they become unused space before it.
    ///
    /// # Errors
    /// The frame has not so many, or is not sound. It is as it was then.
    pub fn advance(&mut self, bytes: u32) -> Result<(), ViewError> {
        self.frame.check()?;
        let position = self.frame.position();
        let length = position.data_length()?;
        let left = length.checked_sub(bytes).ok_or_else(|| {
            ViewError::beyond("NET_BUFFER.DataLength", bytes.into(), length.into())
        })?;
        let offset = position.offset.checked_add(bytes).ok_or_else(|| {
            let sum = u64::from(position.offset) + u64::from(bytes);
            ViewError::beyond("NET_BUFFER.DataOffset", sum, u32::MAX.into())
        })?;
        self.place(position, offset, left)
    }

    /// Puts `bytes` of the unused space before the data in front of it.
    ///
    /// # Errors
    /// There is not so much space, or the frame is not sound. It is as it was then.
    pub fn retreat(&mut self, bytes: u32) -> Result<(), ViewError> {
        self.frame.check()?;
        let position = self.frame.position();
        let length = position.data_length()?;
        let space = position.offset;
        let offset = space.checked_sub(bytes).ok_or_else(|| {
            ViewError::beyond("NET_BUFFER.DataOffset", bytes.into(), space.into())
        })?;
        let longer = length.checked_add(bytes).ok_or_else(|| {
            let sum = u64::from(length) + u64::from(bytes);
            ViewError::beyond("NET_BUFFER.DataLength", sum, u32::MAX.into())
        })?;
        self.place(position, offset, longer)
    }

    /// Lets the data begin `offset` bytes behind the beginning of the MDL chain.
    fn place(&mut self, position: Position, offset: u32, length: u32) -> Result<(), ViewError> {
        let (mut current, mut end, mut ahead) = (position.chain, 0_u64, offset);
        let mut mdls = self.frame.mdls();
        while let Some(mdl) = mdls.next() {
            let mdl = mdl?;
            current = mdl.as_ptr();
            let bytes = mdl.byte_count();
            end = end.saturating_add(bytes.into());
            // At the very end of the last MDL there is no next one to begin in.
            if ahead < bytes || mdls.is_over() {
                break;
            }
            ahead -= bytes;
        }
        if u64::from(offset) > end {
            let offset = offset.into();
            return Err(ViewError::beyond("NET_BUFFER.DataOffset", offset, end));
        }
        let moved = Position {
            current,
            current_offset: ahead,
            offset,
            length: length as usize,
            ..position
        };
        // SAFETY: the frame is live and owned while it is borrowed.
        unsafe { raw::set_position(self.frame.as_ptr(), moved) };
        Ok(())
    }
}

/// The frames of a list that is owned, in order. An error is the last item.
#[derive(Debug)]
pub struct FramesMut<'a> {
    frames: Frames<'a>,
    owner: PhantomData<&'a mut NET_BUFFER>,
}

impl<'a> FramesMut<'a> {
    /// # Safety
    /// The list of `frames` is borrowed exclusively from its owner.
    #[inline]
    pub(super) unsafe fn new(frames: Frames<'a>) -> Self {
        Self {
            frames,
            owner: PhantomData,
        }
    }
}

impl<'a> Iterator for FramesMut<'a> {
    type Item = Result<NetBufferMut<'a>, ViewError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some(self.frames.next()?.map(|frame| NetBufferMut {
            frame,
            owner: PhantomData,
        }))
    }
}
