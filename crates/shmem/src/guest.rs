//! One frontend's memory: which guest address lies where.
//!
//! Rings and descriptors name memory by guest address (`gpa`); vhost-user messages name ring areas by the address that the
//! frontend itself uses (`uva`). Both are looked up here, in regions that never change: each memory message builds a new
//! [`GuestMemory`].
//!
//! Invariant: regions overlap in neither address space, and each lies inside its mapping.

#![allow(
    unsafe_code,
    reason = "UNSAFETY: a region's base pointer becomes a window"
)]

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::array::{Array, ArrayError, Word};
use crate::block::{Handle, MAX_BLOCK};
use crate::mapping::Mapping;
use crate::window::Window;

/// A range of guest memory and where it is mapped. Addresses and lengths are in bytes.
#[derive(Clone, Debug)]
pub struct Region {
    /// The guest's address of its first byte.
    pub gpa: u64,
    /// The frontend's address of its first byte.
    pub uva: u64,
    /// Its length.
    pub len: u64,
    /// What it is mapped by.
    pub mapping: Arc<Mapping>,
    /// Where it starts in the mapping.
    pub mapping_offset: u64,
    /// Its blocks, as [`BlockRegistry::register`](crate::BlockRegistry::register) gave them for exactly this part of the
    /// mapping. With none, the region can be read and written but frames cannot lie in it.
    pub handles: Vec<Handle>,
}

/// Why regions do not make a memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegionError {
    /// A region has no bytes.
    #[error("the memory region at guest address {gpa:#x} has no bytes")]
    Empty {
        /// Its guest address.
        gpa: u64,
    },
    /// A region reaches beyond the end of an address space.
    #[error(
        "the memory region at guest address {gpa:#x} reaches beyond the end of the address space"
    )]
    Overflow {
        /// Its guest address.
        gpa: u64,
    },
    /// Two regions share guest addresses.
    #[error("the memory regions at guest addresses {first:#x} and {second:#x} overlap")]
    Overlap {
        /// Guest address of the lower one.
        first: u64,
        /// Guest address of the other one.
        second: u64,
    },
    /// Two regions share addresses of the frontend's.
    #[error("the memory regions at frontend addresses {first:#x} and {second:#x} overlap")]
    FrontendOverlap {
        /// Frontend's address of the lower one.
        first: u64,
        /// Frontend's address of the other one.
        second: u64,
    },
    /// A region is larger than what is mapped for it.
    #[error("the memory region at guest address {gpa:#x} does not lie inside its mapping")]
    OutsideMapping {
        /// Its guest address.
        gpa: u64,
    },
    /// The handles cannot be those of the region's blocks.
    #[error("the memory region at guest address {gpa:#x} has {given} handles for {blocks} blocks")]
    Handles {
        /// Its guest address.
        gpa: u64,
        /// How many it came with.
        given: usize,
        /// How many blocks of [`MAX_BLOCK`] it takes.
        blocks: u64,
    },
}

/// A range that is not the guest's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes at guest address {gpa:#x} are not in the guest's memory")]
pub struct OutOfMemory {
    /// The guest address.
    pub gpa: u64,
    /// In bytes.
    pub len: u32,
}

/// A part of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The block.
    pub handle: Handle,
    /// Into the block, in bytes.
    pub offset: u32,
    /// In bytes.
    pub len: u32,
}

/// All regions of one frontend.
///
/// # How an address is looked up
///
/// A single region is looked at. Among several, by binary search among the first addresses, which lie together in one cache line for up to eight regions. Its steps are
/// conditional moves, so a guest whose buffers are spread over its regions costs no mispredicted branches. A scan is faster
/// with a single region only, and a remembered region only while the guest stays in it; both take more than twice as long
/// when buffers alternate between two.
pub struct GuestMemory {
    /// First guest address of each region, ascending.
    starts: Box<[u64]>,
    /// Of the same regions, in the same order.
    spans: Box<[Span]>,
    /// Of all spans, one behind the other.
    handles: Box<[Handle]>,
    /// By guest address.
    regions: Box<[Region]>,
    block_shift: u32,
}

/// A region as it is looked up.
#[derive(Clone, Copy)]
struct Span {
    gpa: u64,
    len: u64,
    base: NonNull<u8>,
    /// Of its first block, which is the only one of most; `None`: it has none.
    handle: Option<Handle>,
    /// Bytes of that block.
    first_block: u64,
    /// Where the handles of all its blocks begin.
    first_handle: usize,
}

/// How a loop over a burst looks addresses up.
pub trait Lookup<'a>: Copy {
    /// The `len` bytes at guest address `gpa`, if they all lie in one region.
    fn extent(self, gpa: u64, len: u32) -> Option<Extent<'a>>;
}

/// In a memory of a single region, which is at hand.
#[derive(Clone, Copy)]
pub struct Single<'a> {
    memory: &'a GuestMemory,
    span: Span,
}

impl<'a> Lookup<'a> for Single<'a> {
    #[inline]
    fn extent(self, gpa: u64, len: u32) -> Option<Extent<'a>> {
        self.memory.extent_in(&self.span, gpa, len)
    }
}

/// In a memory of any number of regions.
impl<'a> Lookup<'a> for &'a GuestMemory {
    #[inline]
    fn extent(self, gpa: u64, len: u32) -> Option<Extent<'a>> {
        self.extent_in(self.span(gpa)?, gpa, len)
    }
}

/// A range that lies in one region of a guest's memory, looked up once: its bytes, and where they are in their block.
#[derive(Clone, Copy)]
pub struct Extent<'a> {
    memory: &'a GuestMemory,
    window: Window<'a>,
    gpa: u64,
    /// Into the region, in bytes.
    at: u64,
    /// Of the region's first block, and the bytes of that.
    handle: Option<Handle>,
    first_block: u64,
}

// SAFETY: spans are never changed, and their pointers only become windows, which any thread may use.
unsafe impl Send for GuestMemory {}
// SAFETY: as above.
unsafe impl Sync for GuestMemory {}

impl GuestMemory {
    /// Takes the regions, in any order.
    ///
    /// # Errors
    /// See [`RegionError`].
    pub fn new(regions: Vec<Region>) -> Result<GuestMemory, RegionError> {
        Self::with_block_shift(regions, MAX_BLOCK.trailing_zeros())
    }

    /// One whose regions were registered in blocks of two to the `block_shift` bytes.
    pub(crate) fn with_block_shift(
        mut regions: Vec<Region>,
        block_shift: u32,
    ) -> Result<GuestMemory, RegionError> {
        regions.sort_by_key(|region| region.gpa);
        let mut spans = Vec::with_capacity(regions.len());
        let mut handles = Vec::new();
        for region in &regions {
            spans.push(Span {
                gpa: region.gpa,
                len: region.len,
                base: judge(region, block_shift)?,
                handle: region.handles.first().copied(),
                first_block: region.len.min(1 << block_shift),
                first_handle: handles.len(),
            });
            handles.extend_from_slice(&region.handles);
        }
        refuse_overlap(&regions)?;
        Ok(GuestMemory {
            starts: regions.iter().map(|region| region.gpa).collect(),
            spans: spans.into(),
            handles: handles.into(),
            regions: regions.into(),
            block_shift,
        })
    }

    /// Where the first of `len` bytes at guest address `gpa` are, and how many of them lie there: fewer than asked for if
    /// the range goes on in another block or region (or nowhere; the caller who asks for the rest is told).
    ///
    /// # Errors
    /// If the first byte is in no region that has blocks, or the range reaches beyond the address space.
    #[inline]
    pub fn locate(&self, gpa: u64, len: u32) -> Result<Piece, OutOfMemory> {
        self.find(gpa, len).map(|(piece, _)| piece)
    }

    /// As [`GuestMemory::locate`], with the window of that piece.
    ///
    /// # Errors
    /// As [`GuestMemory::locate`].
    #[inline]
    pub fn find(&self, gpa: u64, len: u32) -> Result<(Piece, Window<'_>), OutOfMemory> {
        let outside = OutOfMemory { gpa, len };
        let span = self.span(gpa).ok_or(outside)?;
        gpa.checked_add(u64::from(len)).ok_or(outside)?;
        let inside = u64::from(len).min(span.len - (gpa - span.gpa)) as u32;
        let extent = self.extent_in(span, gpa, inside).ok_or(outside)?;
        let piece = extent.piece(0).ok_or(outside)?;
        Ok((piece, extent.window().first(piece.len as usize)))
    }

    /// The `len` bytes at guest address `gpa`, which all lie in one region.
    ///
    /// # Errors
    /// If they do not.
    #[inline]
    pub fn extent(&self, gpa: u64, len: u32) -> Result<Extent<'_>, OutOfMemory> {
        Lookup::extent(self, gpa, len).ok_or(OutOfMemory { gpa, len })
    }

    /// As [`GuestMemory::extent`], its bytes alone.
    ///
    /// # Errors
    /// As [`GuestMemory::extent`].
    #[inline]
    pub fn window(&self, gpa: u64, len: u32) -> Result<Window<'_>, OutOfMemory> {
        self.extent(gpa, len).map(Extent::window)
    }

    /// The memory as one that has a single region, if it is one: for loops that are worth being there twice.
    #[inline]
    pub fn single(&self) -> Option<Single<'_>> {
        match &*self.spans {
            [only] => Some(Single {
                memory: self,
                span: *only,
            }),
            _ => None,
        }
    }

    /// `count` words at the frontend's address `uva`.
    ///
    /// # Errors
    /// If they are not in one region or not aligned to their size.
    pub fn array_at_uva<T: Word>(&self, uva: u64, count: usize) -> Result<Array<T>, ArrayError> {
        self.array(uva, count, |region| region.uva)
    }

    /// `count` words at guest address `gpa`.
    ///
    /// # Errors
    /// If they are not in one region or not aligned to their size.
    pub fn array_at_gpa<T: Word>(&self, gpa: u64, count: usize) -> Result<Array<T>, ArrayError> {
        self.array(gpa, count, |region| region.gpa)
    }

    /// Whether any of the memory was taken away.
    #[inline]
    pub fn is_lost(&self) -> bool {
        self.regions.iter().any(|region| region.mapping.is_lost())
    }

    /// The regions by guest address.
    pub fn regions(&self) -> impl ExactSizeIterator<Item = &Region> {
        self.regions.iter()
    }

    /// The first of `len` bytes at `gpa`, in a region that has several blocks.
    #[cold]
    fn piece_behind(&self, gpa: u64, len: u32) -> Option<Piece> {
        let span = self.span(gpa)?;
        span.handle?;
        let at = gpa - span.gpa;
        let block = at >> self.block_shift;
        let block_end = (block + 1) << self.block_shift;
        let handle = self.handles.get(span.first_handle + block as usize)?;
        Some(Piece {
            handle: *handle,
            offset: (at - (block << self.block_shift)) as u32,
            len: u64::from(len).min(block_end - at) as u32,
        })
    }

    fn array<T: Word>(
        &self,
        address: u64,
        count: usize,
        start: impl Fn(&Region) -> u64,
    ) -> Result<Array<T>, ArrayError> {
        let word = size_of::<T>();
        let outside = ArrayError::Outside {
            address,
            count,
            word,
        };
        let offset_in = |region: &Region| {
            address
                .checked_sub(start(region))
                .filter(|at| *at < region.len)
        };
        let (region, at) = self
            .regions
            .iter()
            .find_map(|region| Some((region, offset_in(region)?)))
            .ok_or(outside)?;
        let bytes = (count as u64).checked_mul(word as u64).ok_or(outside)?;
        if bytes > region.len - at {
            return Err(outside);
        }
        Array::new(&region.mapping, region.mapping_offset + at, count, address)
    }

    /// The `len` bytes at `gpa`, if all of them lie in `span`.
    #[inline]
    fn extent_in(&self, span: &Span, gpa: u64, len: u32) -> Option<Extent<'_>> {
        let at = gpa.wrapping_sub(span.gpa);
        if at >= span.len || u64::from(len) > span.len - at {
            return None;
        }
        Some(Extent {
            memory: self,
            // SAFETY: the range lies inside the region, which lies inside a mapping that we own.
            window: unsafe { Window::new(span.base.add(at as usize), len as usize) },
            gpa,
            at,
            handle: span.handle,
            first_block: span.first_block,
        })
    }

    /// The region that `gpa` is in.
    #[inline]
    fn span(&self, gpa: u64) -> Option<&Span> {
        let span = match &*self.spans {
            [only] => only,
            spans => {
                let above = self.starts.partition_point(|start| *start <= gpa);
                spans.get(above.checked_sub(1)?)?
            }
        };
        (gpa.wrapping_sub(span.gpa) < span.len).then_some(span)
    }
}

impl<'a> Extent<'a> {
    /// Its bytes.
    #[inline]
    pub fn window(self) -> Window<'a> {
        self.window
    }

    /// The bytes from the `from`th on as a part of their block: all, or those that lie in the first block. `None` if the region
    /// has no blocks, or the range not so many bytes.
    #[inline]
    pub fn piece(self, from: u32) -> Option<Piece> {
        let len = (self.window.len() as u32).checked_sub(from)?;
        let at = self.at + u64::from(from);
        if at + u64::from(len) > self.first_block {
            return self.memory.piece_behind(self.gpa + u64::from(from), len);
        }
        Some(Piece {
            handle: self.handle?,
            offset: at as u32,
            len,
        })
    }

    /// All of its bytes as a part of their block, if they lie in one.
    #[inline]
    pub fn whole(self) -> Option<Piece> {
        self.piece(0)
            .filter(|piece| piece.len as usize == self.window.len())
    }

    /// Where it lies.
    #[inline]
    pub fn memory(self) -> &'a GuestMemory {
        self.memory
    }

    /// The guest's address of its first byte.
    #[inline]
    pub fn gpa(self) -> u64 {
        self.gpa
    }
}

impl fmt::Debug for Single<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.memory.fmt(f)
    }
}

impl fmt::Debug for Extent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extent({} bytes)", self.window.len())
    }
}

impl fmt::Debug for GuestMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.regions.iter()).finish()
    }
}

/// Where the region's first byte is, if the region makes sense by itself.
fn judge(region: &Region, block_shift: u32) -> Result<NonNull<u8>, RegionError> {
    let &Region { gpa, uva, len, .. } = region;
    if len == 0 {
        return Err(RegionError::Empty { gpa });
    }
    if gpa.checked_add(len).is_none() || uva.checked_add(len).is_none() {
        return Err(RegionError::Overflow { gpa });
    }
    let blocks = len.div_ceil(1 << block_shift);
    let given = region.handles.len();
    if given != 0 && given as u64 != blocks {
        return Err(RegionError::Handles { gpa, given, blocks });
    }
    region
        .mapping
        .at(region.mapping_offset, len)
        .ok_or(RegionError::OutsideMapping { gpa })
}

/// Regions come sorted by guest address.
fn refuse_overlap(regions: &[Region]) -> Result<(), RegionError> {
    for pair in regions.windows(2) {
        if pair[1].gpa - pair[0].gpa < pair[0].len {
            return Err(RegionError::Overlap {
                first: pair[0].gpa,
                second: pair[1].gpa,
            });
        }
    }
    let mut by_uva: Vec<_> = regions
        .iter()
        .map(|region| (region.uva, region.len))
        .collect();
    by_uva.sort_unstable();
    for pair in by_uva.windows(2) {
        if pair[1].0 - pair[0].0 < pair[0].1 {
            return Err(RegionError::FrontendOverlap {
                first: pair[0].0,
                second: pair[1].0,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
