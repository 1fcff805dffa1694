//! The areas of a ring, looked up in the frontend's memory once, when the ring is opened.

use shmem::{Array, ArrayError, GuestMemory, Word};

use crate::{Area, RingError};

/// Where an area of the ring lies, until it is found.
pub(crate) struct Place<'a> {
    pub(crate) memory: &'a GuestMemory,
    pub(crate) area: Area,
    pub(crate) uva: u64,
}

impl Place<'_> {
    /// `count` words from the `at`th byte of the area on.
    pub(crate) fn array<T: Word>(&self, at: u64, count: usize) -> Result<Array<T>, RingError> {
        let &Place { memory, area, uva } = self;
        let misaligned = RingError::Misaligned { area, uva };
        if !uva.is_multiple_of(area.alignment()) {
            return Err(misaligned);
        }
        let unmapped = RingError::Unmapped { area, uva };
        let at = uva.checked_add(at).ok_or(unmapped)?;
        memory.array_at_uva(at, count).map_err(|error| match error {
            ArrayError::Misaligned { .. } => misaligned,
            _ => unmapped,
        })
    }
}
