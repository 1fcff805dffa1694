//! NET_BUFFERs: one frame each.

// UNSAFETY: reads what a walk along a promised chain has met.
#![allow(unsafe_code)]

use core::marker::PhantomData;

use super::bytes::Data;
use super::error::{ViewError, Wrong};
use super::list::Bounds;
use super::mdl::Mdls;
use super::raw::{self, Position};
use super::segment::{Block, Pieces, Segments};
use super::walk::Walk;
use crate::basic::NDIS_HANDLE;
use crate::net_buffer::NET_BUFFER;

/// One frame, lent.
#[derive(Clone, Copy, Debug)]
pub struct NetBuffer<'a> {
    at: *mut NET_BUFFER,
    bounds: Bounds,
    owner: PhantomData<&'a NET_BUFFER>,
}

impl<'a> NetBuffer<'a> {
    /// # Safety
    /// `at` must lead to a frame that is live for the lifetime chosen here, and so must all that it links to.
    #[inline]
    pub(super) unsafe fn new(at: *mut NET_BUFFER, bounds: Bounds) -> Self {
        Self {
            at,
            bounds,
            owner: PhantomData,
        }
    }

    /// The structure.
    #[inline]
    pub fn as_ptr(self) -> *mut NET_BUFFER {
        self.at
    }

    /// Bytes of data, as the frame says; [`NetBuffer::data`] finds out whether they are there.
    #[inline]
    pub fn data_length(self) -> u32 {
        self.position().length as u32
    }

    /// Bytes from the beginning of the MDL chain to the data: how far it can be retreated.
    #[inline]
    pub fn data_offset(self) -> u32 {
        self.position().offset
    }

    /// All MDLs of the frame, from `MdlChain` on.
    #[inline]
    pub fn mdls(self) -> Mdls<'a> {
        // SAFETY: `new` was promised that what the frame links to is live.
        Mdls(unsafe {
            Walk::new(
                self.position().chain,
                "NET_BUFFER.MdlChain",
                self.bounds.limit,
            )
        })
    }

    /// The frame's bytes, across MDLs.
    pub fn data(self) -> Data<'a> {
        let position = self.position();
        // SAFETY: as for `mdls`.
        let mdls = Mdls(unsafe {
            Walk::new(position.current, "NET_BUFFER.CurrentMdl", self.bounds.limit)
        });
        let length = position.data_length();
        Data {
            mdls,
            refused: length.err(),
            offset: position.current_offset,
            left: length.unwrap_or(0),
            length: length.unwrap_or(0),
            is_first: true,
        }
    }

    /// The frame's segments. `None` unless the receive flags of the chain have SHARED_MEMORY_INFO_VALID (R2): without it the
    /// word may be anything, a scatter-gather list for instance.
    #[inline]
    pub fn shared_memory(self) -> Option<Segments<'a>> {
        if !self.bounds.shared_memory {
            return None;
        }
        // SAFETY: as for `mdls`; the flags vouch for the pointer.
        Some(unsafe { Segments::new(raw::shared_memory_info(self.at), self.bounds.limit) })
    }

    /// MDLs and segments side by side. `None` as for [`NetBuffer::shared_memory`].
    #[inline]
    pub fn pieces(self) -> Option<Pieces<'a>> {
        Some(Pieces {
            mdls: self.mdls(),
            segments: self.shared_memory()?,
            is_over: false,
        })
    }

    /// Copies bytes of the frame out, from `skip` on, until `into` is full or the frame is over, and says how many. Each byte is
    /// read once, so it does not matter that a virtual machine writes them meanwhile.
    ///
    /// # Errors
    /// The frame is not sound as far as it was read, or is not mapped. `into` may have been written.
    pub fn copy_to(self, mut skip: u32, into: &mut [u8]) -> Result<usize, ViewError> {
        let mut copied = 0;
        let mut spans = self.data();
        while let Some(rest) = into.get_mut(copied..).filter(|rest| !rest.is_empty()) {
            let span = match spans.next() {
                Some(span) => span?,
                None => break,
            };
            if skip < span.len() {
                copied = copied.saturating_add(span.copy_to(skip, rest)?);
                skip = 0;
            } else {
                skip -= span.len();
            }
        }
        Ok(copied)
    }

    /// Whether the frame's members agree: its MDLs come to an end, its data lies within them, and begins at `DataOffset`.
    ///
    /// # Errors
    /// The first member that disagrees.
    pub fn check(self) -> Result<(), ViewError> {
        for span in self.data() {
            span?;
        }
        self.check_start(&self.position())
    }

    /// Whether the data begins at `DataOffset`. Walks all MDLs: where they lead back into themselves, a place in them has more than
    /// one offset.
    fn check_start(self, position: &Position) -> Result<(), ViewError> {
        let (mut before, mut start) = (0_u64, None);
        for mdl in self.mdls() {
            let mdl = mdl?;
            let bytes = u64::from(mdl.byte_count());
            if mdl.as_ptr() == position.current {
                start = Some((before, bytes));
            }
            before = before.saturating_add(bytes);
        }
        if let Some((before, bytes)) = start {
            let into = u64::from(position.current_offset);
            if into > bytes {
                let member = "NET_BUFFER.CurrentMdlOffset";
                return Err(ViewError::beyond(member, into, bytes));
            }
            position.check_offset(before.saturating_add(into))
        } else if !position.current.is_null() {
            let value = position.current as usize as u64;
            let wrong = Wrong::Unknown { value };
            Err(ViewError::new("NET_BUFFER.CurrentMdl", wrong))
        } else if !position.chain.is_null() {
            Err(ViewError::null("NET_BUFFER.CurrentMdl"))
        } else {
            position.check_offset(0)
        }
    }

    /// Holds the frame's segments against the blocks they name: as many as MDLs, each within its block and at its MDL's address
    /// (B1, B4). There is nothing to hold where the receive flags do not vouch for segments.
    ///
    /// # Errors
    /// The first member that is wrong; a handle that `block` does not know is one.
    pub fn check_shared_memory(
        self,
        mut block: impl FnMut(NDIS_HANDLE) -> Option<Block>,
    ) -> Result<(), ViewError> {
        for piece in self.pieces().into_iter().flatten() {
            let piece = piece?;
            let handle = piece.segment.handle;
            match block(handle) {
                Some(block) => piece.check_in(block)?,
                None => {
                    let value = handle as usize as u64;
                    return Err(ViewError::new(
                        "NET_BUFFER_SHARED_MEMORY.SharedMemoryHandle",
                        Wrong::Unknown { value },
                    ));
                }
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn position(self) -> Position {
        // SAFETY: `new` was promised that the frame is live.
        unsafe { raw::position(self.at) }
    }
}

impl Position {
    /// Whether `DataOffset` says what the other members do.
    fn check_offset(&self, others: u64) -> Result<(), ViewError> {
        let value = u64::from(self.offset);
        if value == others {
            return Ok(());
        }
        let wrong = Wrong::Disagrees { value, others };
        Err(ViewError::new("NET_BUFFER.DataOffset", wrong))
    }

    /// The length that both of its widths agree on.
    #[inline]
    pub(super) fn data_length(&self) -> Result<u32, ViewError> {
        let value = self.length as u64;
        if value > u64::from(u32::MAX) {
            let limit = u32::MAX.into();
            return Err(ViewError::beyond("NET_BUFFER.stDataLength", value, limit));
        }
        Ok(self.length as u32)
    }
}

/// The frames of a list, in order. An error is the last item.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    walk: Walk<'a, NET_BUFFER>,
    is_missing: bool,
    bounds: Bounds,
}

impl Frames<'_> {
    /// # Safety
    /// As for [`Walk::new`].
    #[inline]
    pub(super) unsafe fn new(first: *mut NET_BUFFER, bounds: Bounds) -> Self {
        Self {
            // SAFETY: the caller's.
            walk: unsafe { Walk::new(first, "NET_BUFFER_LIST.FirstNetBuffer", bounds.limit) },
            is_missing: first.is_null(),
            bounds,
        }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<NetBuffer<'a>, ViewError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if core::mem::take(&mut self.is_missing) {
            return Some(Err(ViewError::null("NET_BUFFER_LIST.FirstNetBuffer")));
        }
        let bounds = self.bounds;
        // SAFETY: a walk meets live elements only.
        Some(
            self.walk
                .step()?
                .map(|at| unsafe { NetBuffer::new(at, bounds) }),
        )
    }
}
