//! Blocks and the handles that name them.
//!
//! A segment of a frame says (handle, offset, length), and its offset is an ULONG: so a block has at most 4 GiB, and a larger
//! range is registered as several. [`BlockRegistry`] is the control side; workers hold a [`BlockTable`], an immutable copy
//! that owns the mappings behind it.
//!
//! Invariant: a handle is given out once in the life of the process. It resolves only in tables taken while its block was
//! registered; a stale one or one of another registry resolves nowhere.

#![allow(
    unsafe_code,
    reason = "UNSAFETY: a block's base pointer becomes a window"
)]

use std::fmt;
use std::num::NonZeroU64;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::mapping::Mapping;
use crate::sigbus;
use crate::window::Window;

/// The most bytes that a block can have: what the offset of a segment can tell apart.
pub const MAX_BLOCK: u64 = 1 << 32;

/// Names a block: its slot in the registry, and a generation that no other block in this process ever has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle(NonZeroU64);

/// Bits of a handle that say the slot; the others are the generation.
const SLOT_BITS: u32 = 20;
const MAX_SLOTS: usize = 1 << SLOT_BITS;
const MAX_GENERATION: u64 = u64::MAX >> SLOT_BITS;

impl Handle {
    /// As an integer, never 0.
    #[inline]
    pub const fn to_bits(self) -> u64 {
        self.0.get()
    }

    /// The handle that had these bits, if any. Nobody has to trust them: what never was a handle names no block.
    #[inline]
    pub const fn from_bits(bits: u64) -> Option<Handle> {
        match NonZeroU64::new(bits) {
            Some(bits) => Some(Handle(bits)),
            None => None,
        }
    }

    /// Generations start at 1.
    fn new(slot: usize, generation: u64) -> Handle {
        Self::from_bits(generation << SLOT_BITS | slot as u64)
            .expect("a generation is not 0 and fits its bits")
    }

    #[inline]
    const fn slot(self) -> usize {
        self.to_bits() as usize & (MAX_SLOTS - 1)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Handle({} of generation {})",
            self.slot(),
            self.to_bits() >> SLOT_BITS
        )
    }
}

/// The control side: which blocks there are.
#[derive(Debug)]
pub struct BlockRegistry {
    slots: Vec<Option<Block>>,
    vacant: Vec<usize>,
    max_block: u64,
}

#[derive(Clone, Debug)]
struct Block {
    handle: Handle,
    mapping: Arc<Mapping>,
    /// Into the mapping, in bytes.
    offset: u64,
    /// In bytes.
    len: u64,
}

impl BlockRegistry {
    /// A registry without blocks.
    pub fn new() -> Self {
        Self::with_max_block(MAX_BLOCK)
    }

    /// One whose blocks have at most `max_block` bytes.
    pub(crate) fn with_max_block(max_block: u64) -> Self {
        Self {
            slots: Vec::new(),
            vacant: Vec::new(),
            max_block,
        }
    }

    /// Registers `len` bytes from `offset` of `mapping` on, in blocks of [`MAX_BLOCK`] bytes, of which the last may be
    /// shorter. Their handles are in the order of their bytes.
    ///
    /// Without handles comes back, and nothing is registered, a range that is empty or not inside the mapping; also if there
    /// were more than a million blocks.
    pub fn register(&mut self, mapping: &Arc<Mapping>, offset: u64, len: u64) -> Vec<Handle> {
        let count = len.div_ceil(self.max_block) as usize;
        let has_room = count <= MAX_SLOTS - (self.slots.len() - self.vacant.len());
        if mapping.at(offset, len).is_none() || !has_room {
            return Vec::new();
        }
        let Some(generations) = take_generations(count as u64) else {
            return Vec::new();
        };
        let mut handles = Vec::with_capacity(count);
        for (index, generation) in generations.enumerate() {
            let at = index as u64 * self.max_block;
            let slot = self.vacant.pop().unwrap_or_else(|| {
                self.slots.push(None);
                self.slots.len() - 1
            });
            let handle = Handle::new(slot, generation);
            self.slots[slot] = Some(Block {
                handle,
                mapping: mapping.clone(),
                offset: offset + at,
                len: self.max_block.min(len - at),
            });
            handles.push(handle);
        }
        handles
    }

    /// Forgets a block: tables taken from now on do not have it. `false` if there is no such block.
    pub fn remove(&mut self, handle: Handle) -> bool {
        match self.slots.get_mut(handle.slot()) {
            Some(block) if block.as_ref().is_some_and(|block| block.handle == handle) => {
                *block = None;
                self.vacant.push(handle.slot());
                true
            }
            _ => false,
        }
    }

    /// The blocks as they are now.
    pub fn snapshot(&self) -> Arc<BlockTable> {
        let entries = self.slots.iter().map(Entry::of).collect();
        let blocks = self.slots.iter().flatten();
        let mappings = blocks.map(|block| block.mapping.clone()).collect();
        Arc::new(BlockTable { entries, mappings })
    }
}

impl Default for BlockRegistry {
    fn default() -> Self {
        Self::new()
    }
}

/// The blocks as of one moment. Whoever holds it may use every window it gives: it owns the mappings.
pub struct BlockTable {
    entries: Box<[Entry]>,
    /// Keeps mapped what the entries point to.
    mappings: Box<[Arc<Mapping>]>,
}

/// A block as windows are made from it; half a cache line.
struct Entry {
    /// `None`: the slot is vacant.
    handle: Option<Handle>,
    base: NonNull<u8>,
    len: u64,
    lost: &'static AtomicBool,
}

impl Entry {
    fn of(slot: &Option<Block>) -> Entry {
        static NEVER_LOST: AtomicBool = AtomicBool::new(false);
        let vacant = Entry {
            handle: None,
            base: NonNull::dangling(),
            len: 0,
            lost: &NEVER_LOST,
        };
        let Some(block) = slot else { return vacant };
        match block.mapping.at(block.offset, block.len) {
            Some(base) => Entry {
                handle: Some(block.handle),
                base,
                len: block.len,
                lost: block.mapping.lost(),
            },
            None => vacant,
        }
    }
}

// SAFETY: entries are never changed, and their pointers only become windows, which any thread may use.
unsafe impl Send for BlockTable {}
// SAFETY: as above.
unsafe impl Sync for BlockTable {}

/// Why a segment cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The block was removed, or the handle never was one of this registry's, or is newer than the table.
    #[error("the handle names no registered block")]
    Stale,
    /// The segment does not end inside its block.
    #[error("the segment does not lie inside its block")]
    OutOfRange,
    /// The memory behind the block was taken away.
    #[error("the memory of the block is gone: its file was cut short")]
    Lost,
}

impl BlockTable {
    /// The `len` bytes from the `offset`th byte of a block on.
    ///
    /// # Errors
    /// See [`BlockError`].
    #[inline]
    pub fn window(&self, handle: Handle, offset: u32, len: u32) -> Result<Window<'_>, BlockError> {
        let entry = self.entries.get(handle.slot()).ok_or(BlockError::Stale)?;
        if entry.handle != Some(handle) {
            return Err(BlockError::Stale);
        }
        if u64::from(offset) + u64::from(len) > entry.len {
            return Err(BlockError::OutOfRange);
        }
        if sigbus::is_lost(entry.lost) {
            return Err(BlockError::Lost);
        }
        // SAFETY: the sum says that the range lies inside the block, which lies inside a mapping that we own.
        Ok(unsafe { Window::new(entry.base.add(offset as usize), len as usize) })
    }
}

impl fmt::Debug for BlockTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockTable({} blocks)", self.mappings.len())
    }
}

/// That many generations which no block has had, if there are as many left.
fn take_generations(count: u64) -> Option<std::ops::Range<u64>> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let enough = |next: u64| {
        next.checked_add(count)
            .filter(|end| *end <= MAX_GENERATION + 1)
    };
    let first = NEXT.fetch_update(Relaxed, Relaxed, enough).ok()?;
    Some(first..first + count)
}

#[cfg(test)]
mod tests;
