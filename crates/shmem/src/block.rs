//! Blocks and handles.
#![allow(unsafe_code)]
use std::num::NonZeroU64;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::{Mapping, Window};

/// Largest block.
pub const MAX_BLOCK: u64 = 1 << 32;

/// Names a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle(NonZeroU64);

impl Handle {
    /// As bits.
    #[inline]
    pub fn to_bits(self) -> u64 {
        self.0.get()
    }
    /// From bits.
    #[inline]
    pub fn from_bits(bits: u64) -> Option<Self> {
        NonZeroU64::new(bits).map(Self)
    }
    fn new(slot: usize, generation: u32) -> Self {
        Self(NonZeroU64::new((slot as u64) << 32 | u64::from(generation)).expect("generations start at 1"))
    }
    fn slot(self) -> usize {
        (self.0.get() >> 32) as usize
    }
    fn generation(self) -> u32 {
        self.0.get() as u32
    }
}

/// Why a segment does not resolve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// No such block.
    #[error("the handle names no block, or one that is gone")]
    Stale,
    /// Outside the block.
    #[error("the segment reaches outside its block")]
    OutOfRange,
    /// Truncated.
    #[error("the block's file was truncated")]
    Lost,
}

#[derive(Clone, Debug)]
struct Block {
    base: NonNull<u8>,
    len: u64,
    mapping: Arc<Mapping>,
}

#[derive(Clone, Debug)]
struct Slot {
    generation: u32,
    block: Option<Block>,
}

/// Immutable snapshot.
#[derive(Debug)]
pub struct BlockTable {
    slots: Vec<Slot>,
}
// SAFETY: windows copy only.
unsafe impl Send for BlockTable {}
// SAFETY: as above.
unsafe impl Sync for BlockTable {}

impl BlockTable {
    /// Resolves a segment.
    #[inline]
    pub fn window(&self, handle: Handle, offset: u32, len: u32) -> Result<Window<'_>, BlockError> {
        let slot = self.slots.get(handle.slot()).filter(|s| s.generation == handle.generation()).ok_or(BlockError::Stale)?;
        let block = slot.block.as_ref().ok_or(BlockError::Stale)?;
        if u64::from(offset) + u64::from(len) > block.len {
            return Err(BlockError::OutOfRange);
        }
        if block.mapping.is_lost() {
            return Err(BlockError::Lost);
        }
        // SAFETY: within the mapping, which the table keeps.
        Ok(unsafe { Window::new(block.base.add(offset as usize), len as usize) })
    }
}

/// Control side.
#[derive(Debug, Default)]
pub struct BlockRegistry {
    slots: Vec<Slot>,
}
// SAFETY: as the table.
unsafe impl Send for BlockRegistry {}

impl BlockRegistry {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }
    /// Registers blocks.
    pub fn register(&mut self, mapping: &Arc<Mapping>, offset: u64, len: u64) -> Vec<Handle> {
        assert!(offset.checked_add(len).is_some_and(|end| end <= mapping.len()));
        let mut handles = Vec::new();
        let mut at = 0;
        while at < len {
            let piece = (len - at).min(MAX_BLOCK);
            // SAFETY: within the mapping.
            let base = unsafe { mapping.base().add((offset + at) as usize) };
            let block = Some(Block { base, len: piece, mapping: mapping.clone() });
            let slot = self.slots.iter().position(|s| s.block.is_none()).unwrap_or_else(|| {
                self.slots.push(Slot { generation: 1, block: None });
                self.slots.len() - 1
            });
            self.slots[slot].block = block;
            handles.push(Handle::new(slot, self.slots[slot].generation));
            at += piece;
        }
        handles
    }
    /// Removes a block.
    pub fn remove(&mut self, handle: Handle) -> bool {
        match self.slots.get_mut(handle.slot()) {
            Some(slot) if slot.generation == handle.generation() && slot.block.is_some() => {
                slot.block = None;
                slot.generation = slot.generation.wrapping_add(1).max(1);
                true
            }
            _ => false,
        }
    }
    /// Snapshot.
    pub fn snapshot(&self) -> Arc<BlockTable> {
        Arc::new(BlockTable { slots: self.slots.clone() })
    }
}
