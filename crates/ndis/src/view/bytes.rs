//! The bytes of a frame across its MDLs.
//!
//! ```text
//!             CurrentMdl, CurrentMdlOffset
//!                       ▼
//!  MDL [ . . . . . . . .#######]  MDL [####################]  MDL [########. . . . .]
//!   ▲                    ◄────────────── DataLength ────────────────────►
//!   MdlChain ◄─DataOffset─►       spans: one for each MDL that has some of them
//! ```

// UNSAFETY: copies from where an MDL is promised to have readable bytes.
#![allow(unsafe_code)]

use super::error::ViewError;
use super::mdl::{Mdl, Mdls};
use super::raw;

/// Bytes of a frame that lie in one MDL.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    mdl: Mdl<'a>,
    offset: u32,
    length: u32,
}

impl<'a> Span<'a> {
    /// The MDL that they lie in.
    #[inline]
    pub fn mdl(&self) -> Mdl<'a> {
        self.mdl
    }

    /// Bytes from the beginning of that MDL's buffer.
    #[inline]
    pub fn offset(&self) -> u32 {
        self.offset
    }

    /// How many bytes; never 0.
    #[inline]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u32 {
        self.length
    }

    /// Where they are in system space. Others may write there at any time.
    ///
    /// # Errors
    /// The MDL is not mapped.
    #[inline]
    pub fn address(&self) -> Result<*mut u8, ViewError> {
        let base = self.mdl.system_address()?;
        Ok(base.wrapping_add(self.offset as usize))
    }

    /// Copies the first bytes out, from `skip` on, and says how many.
    ///
    /// # Errors
    /// The MDL is not mapped.
    pub fn copy_to(&self, skip: u32, into: &mut [u8]) -> Result<usize, ViewError> {
        let from = self.address()?.wrapping_add(skip as usize);
        let length = (self.length.saturating_sub(skip) as usize).min(into.len());
        if let Some(into) = into.get_mut(..length) {
            // SAFETY: the MDL is mapped, so its bytes are promised to be readable; `offset + skip + length` are no more than it has.
            unsafe { raw::copy_shared(from, into) };
        }
        Ok(length)
    }
}

/// The bytes of a frame as spans, in order; together they are `DataLength` bytes. An error is the last item.
#[derive(Clone, Debug)]
pub struct Data<'a> {
    pub(super) mdls: Mdls<'a>,
    /// An error that is known before the first step.
    pub(super) refused: Option<ViewError>,
    /// Where the data begins in the first MDL; 0 in the others.
    pub(super) offset: u32,
    pub(super) left: u32,
    pub(super) length: u32,
    pub(super) is_first: bool,
}

impl<'a> Data<'a> {
    /// What there is of the data in the next MDL, which may be nothing.
    fn step(&mut self) -> Result<Option<Span<'a>>, ViewError> {
        let mdl = match self.mdls.next() {
            Some(mdl) => mdl?,
            None if self.is_first => return Err(ViewError::null("NET_BUFFER.CurrentMdl")),
            None => {
                let found = self.length.saturating_sub(self.left);
                return Err(ViewError::beyond(
                    "NET_BUFFER.DataLength",
                    self.length.into(),
                    found.into(),
                ));
            }
        };
        self.is_first = false;
        let bytes = mdl.byte_count();
        let offset = core::mem::take(&mut self.offset);
        let room = bytes.checked_sub(offset).ok_or_else(|| {
            ViewError::beyond("NET_BUFFER.CurrentMdlOffset", offset.into(), bytes.into())
        })?;
        let length = room.min(self.left);
        self.left = self.left.saturating_sub(length);
        Ok((length > 0).then_some(Span {
            mdl,
            offset,
            length,
        }))
    }
}

impl<'a> Iterator for Data<'a> {
    type Item = Result<Span<'a>, ViewError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.refused.take() {
            self.left = 0;
            return Some(Err(error));
        }
        while self.left > 0 {
            match self.step() {
                Ok(None) => {}
                Ok(Some(span)) => return Some(Ok(span)),
                Err(error) => {
                    self.left = 0;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
