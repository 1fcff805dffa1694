//! One frontend's memory.
#![allow(unsafe_code)]
use std::ptr::NonNull;
use std::sync::Arc;

use crate::{Array, Handle, MAX_BLOCK, Mapping, Window, Word};

/// A region.
#[derive(Clone, Debug)]
pub struct Region {
    /// Guest physical address.
    pub gpa: u64,
    /// Frontend address.
    pub uva: u64,
    /// Bytes.
    pub len: u64,
    /// Mapping.
    pub mapping: Arc<Mapping>,
    /// Where in it.
    pub mapping_offset: u64,
    /// Blocks.
    pub handles: Vec<Handle>,
}

/// Why regions are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// Bad.
    #[error("memory region at guest address {gpa:#x} of {len:#x} bytes is empty, wraps or does not fit its mapping")]
    Bad {
        /// Where.
        gpa: u64,
        /// Length.
        len: u64,
    },
    /// Overlap.
    #[error("memory regions at guest addresses {first:#x} and {second:#x} overlap")]
    Overlap {
        /// One.
        first: u64,
        /// Other.
        second: u64,
    },
}

/// Outside memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("guest address {gpa:#x} ({len} bytes) is not in the guest's memory")]
pub struct OutOfMemory {
    /// Where.
    pub gpa: u64,
    /// Length.
    pub len: u32,
}

/// Why an array is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// Outside.
    #[error("address {address:#x} ({bytes} bytes) is not in the guest's memory")]
    Outside {
        /// Where.
        address: u64,
        /// Length.
        bytes: u64,
    },
    /// Misaligned.
    #[error("address {address:#x} is not a multiple of {align}")]
    Misaligned {
        /// Where.
        address: u64,
        /// Alignment.
        align: u64,
    },
}

/// The first piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Block.
    pub handle: Handle,
    /// Offset.
    pub offset: u32,
    /// Bytes.
    pub len: u32,
}

/// Regions.
#[derive(Debug)]
pub struct GuestMemory {
    regions: Vec<Region>,
}

impl GuestMemory {
    /// Checks and keeps regions.
    pub fn new(mut regions: Vec<Region>) -> Result<Self, RegionError> {
        for r in &regions {
            let fits = r.len > 0
                && r.gpa.checked_add(r.len).is_some()
                && r.uva.checked_add(r.len).is_some()
                && r.mapping_offset.checked_add(r.len).is_some_and(|end| end <= r.mapping.len());
            if !fits {
                return Err(RegionError::Bad { gpa: r.gpa, len: r.len });
            }
        }
        regions.sort_by_key(|r| r.uva);
        for pair in regions.windows(2) {
            if pair[0].uva + pair[0].len > pair[1].uva {
                return Err(RegionError::Overlap { first: pair[0].gpa, second: pair[1].gpa });
            }
        }
        regions.sort_by_key(|r| r.gpa);
        for pair in regions.windows(2) {
            if pair[0].gpa + pair[0].len > pair[1].gpa {
                return Err(RegionError::Overlap { first: pair[0].gpa, second: pair[1].gpa });
            }
        }
        Ok(Self { regions })
    }
    #[inline]
    fn at_gpa(&self, gpa: u64) -> Option<(&Region, u64)> {
        self.regions.iter().find(|r| gpa.wrapping_sub(r.gpa) < r.len).map(|r| (r, gpa - r.gpa))
    }
    /// First piece.
    #[inline]
    pub fn locate(&self, gpa: u64, len: u32) -> Result<Piece, OutOfMemory> {
        let (region, at) = self.at_gpa(gpa).ok_or(OutOfMemory { gpa, len })?;
        let left_in_region = region.len - at;
        let left_in_block = MAX_BLOCK - at % MAX_BLOCK;
        let piece = u64::from(len).min(left_in_region).min(left_in_block) as u32;
        let handle = *region.handles.get((at / MAX_BLOCK) as usize).ok_or(OutOfMemory { gpa, len })?;
        Ok(Piece { handle, offset: (at % MAX_BLOCK) as u32, len: piece })
    }
    /// Whole range in one region.
    #[inline]
    pub fn window(&self, gpa: u64, len: u32) -> Result<Window<'_>, OutOfMemory> {
        let (region, at) = self.at_gpa(gpa).ok_or(OutOfMemory { gpa, len })?;
        if u64::from(len) > region.len - at {
            return Err(OutOfMemory { gpa, len });
        }
        // SAFETY: within the mapping, which the region keeps.
        Ok(unsafe { Window::new(region.mapping.base().add((region.mapping_offset + at) as usize), len as usize) })
    }
    fn array<T: Word>(found: Option<(&Region, u64)>, address: u64, count: usize) -> Result<Array<T>, ArrayError> {
        let size = size_of::<T>();
        let bytes = (count as u64).saturating_mul(size as u64);
        let (region, at) = found.filter(|(r, at)| bytes <= r.len - at).ok_or(ArrayError::Outside { address, bytes })?;
        // SAFETY: within the mapping.
        let base: NonNull<u8> = unsafe { region.mapping.base().add((region.mapping_offset + at) as usize) };
        if !(base.as_ptr() as usize).is_multiple_of(size) {
            return Err(ArrayError::Misaligned { address, align: size as u64 });
        }
        // SAFETY: aligned and within.
        Ok(unsafe { Array::new(base, count, region.mapping.clone()) })
    }
    /// Array by frontend address.
    pub fn array_at_uva<T: Word>(&self, uva: u64, count: usize) -> Result<Array<T>, ArrayError> {
        let found = self.regions.iter().find(|r| uva.wrapping_sub(r.uva) < r.len).map(|r| (r, uva - r.uva));
        Self::array(found, uva, count)
    }
    /// Array by guest address.
    pub fn array_at_gpa<T: Word>(&self, gpa: u64, count: usize) -> Result<Array<T>, ArrayError> {
        Self::array(self.at_gpa(gpa), gpa, count)
    }
    /// Any mapping truncated.
    #[inline]
    pub fn is_lost(&self) -> bool {
        self.regions.iter().any(|r| r.mapping.is_lost())
    }
    /// The regions.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter()
    }
}
