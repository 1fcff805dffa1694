//! Memory for the frames that are on a port's line: so much and no more, in pieces, of which each frame takes as many as it
//! needs.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nbl::{Nbl, Pool, ReceiveChain};
use shmem::{GuestMemory, Handle, Mapping, Region};

use crate::MAX_FRAME;

/// Pieces of a store.
pub(super) const PIECES: usize = 4096;

/// Bytes of a piece: a page, so that a frame that fits in one uses no other.
const PIECE: u32 = 4096;

/// Bytes of a store.
pub(crate) const SIZE: usize = PIECES * PIECE as usize;

/// Pieces of the largest frame.
const MOST: usize = MAX_FRAME.div_ceil(PIECE) as usize;

/// The memory of one port's line.
pub(crate) struct Store {
    memory: GuestMemory,
    handle: Handle,
    free: Mutex<Vec<u16>>,
}

/// Where a frame lies. It has to be given back.
#[derive(Debug)]
pub(super) struct Place {
    pieces: [u16; MOST],
    len: u32,
}

impl Store {
    /// `mapping` is [`SIZE`] bytes, registered as the block `handle`.
    pub(crate) fn new(mapping: Arc<Mapping>, handle: Handle) -> Self {
        let region = Region {
            gpa: 0,
            uva: 0,
            len: mapping.len(),
            mapping,
            mapping_offset: 0,
            handles: vec![handle],
        };
        let Ok(memory) = GuestMemory::new(vec![region]) else {
            unreachable!("one region, mapped and registered just now, makes sense")
        };
        Self {
            memory,
            handle,
            free: Mutex::new((0..PIECES as u16).rev().collect()),
        }
    }

    /// Room for `len` bytes, if there is as much.
    pub(super) fn take(&self, len: u32) -> Option<Place> {
        let count = len.div_ceil(PIECE) as usize;
        let mut pieces = [0; MOST];
        let taken = pieces.get_mut(..count)?;
        let mut free = self.free();
        let left = free.len().checked_sub(count)?;
        taken.copy_from_slice(&free[left..]);
        free.truncate(left);
        Some(Place { pieces, len })
    }

    /// Takes back what [`Store::take`] gave.
    pub(super) fn give_back(&self, place: &Place) {
        let pieces = place.pieces();
        self.free().extend(pieces.map(|(piece, _)| piece));
    }

    /// The place as receive buffers, in segments of `pool`.
    pub(super) fn buffers<'p>(&self, place: &Place, pool: &'p Pool) -> ReceiveChain<'p> {
        let mut chain = ReceiveChain::new();
        for (piece, len) in place.pieces() {
            // A pool has more segments than the largest frame has pieces; if not, the copy says so.
            chain.push(pool, self.handle, u32::from(piece) * PIECE, len);
        }
        chain
    }

    /// The frame that lies there.
    pub(super) fn frame<'p>(&self, place: &Place, pool: &'p Pool) -> Option<Nbl<'p>> {
        let pieces = place.pieces();
        let chain = pieces.map(|(piece, len)| (u64::from(piece) * u64::from(PIECE), len));
        pool.build(&self.memory, chain, 0, MAX_FRAME).ok()
    }

    /// A list is whole whatever panicked.
    fn free(&self) -> MutexGuard<'_, Vec<u16>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Each piece, and how many bytes of it are the frame's.
    fn pieces(&self) -> impl Iterator<Item = (u16, u32)> {
        let starts = (0..self.len).step_by(PIECE as usize);
        let lens = starts.map(|start| (self.len - start).min(PIECE));
        self.pieces.iter().copied().zip(lens)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({} of {PIECES} pieces free)", self.free().len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shmem::BlockRegistry;

    use super::*;

    fn store() -> Store {
        let mapping = Mapping::anonymous(SIZE).unwrap();
        let mut blocks = BlockRegistry::new();
        let handle = blocks.register(&mapping, 0, SIZE as u64)[0];
        Store::new(mapping, handle)
    }

    #[test]
    fn it_is_full_when_every_piece_is_taken_and_no_piece_is_taken_twice() {
        let store = store();
        let lens = [60, PIECE, PIECE + 1, MAX_FRAME];
        let mut places: Vec<Place> = Vec::new();
        while let Some(place) = store.take(lens[places.len() % lens.len()]) {
            places.push(place);
        }
        assert!(store.free().len() < MOST);
        while let Some(place) = store.take(60) {
            places.push(place);
        }
        let pieces = || places.iter().flat_map(Place::pieces);
        let all: BTreeSet<_> = pieces().map(|(piece, _)| piece).collect();
        assert_eq!((all.len(), pieces().count()), (PIECES, PIECES));
        places.iter().for_each(|place| store.give_back(place));
        assert_eq!(store.free().len(), PIECES);
        assert_eq!(store.free().capacity(), PIECES);
    }

    #[test]
    fn a_place_has_the_bytes_that_were_asked_for() {
        let store = store();
        for len in [14, 60, PIECE - 1, PIECE, PIECE + 1, MAX_FRAME] {
            let place = store.take(len).unwrap();
            assert_eq!(place.pieces().map(|(_, len)| len).sum::<u32>(), len);
            let full = place.pieces().filter(|(_, len)| *len == PIECE).count();
            assert_eq!(full, (len / PIECE) as usize);
        }
        assert!(store.take(MAX_FRAME + PIECE).is_none());
    }
}
