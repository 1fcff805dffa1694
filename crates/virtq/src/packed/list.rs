//! The descriptor ring, and the reading of lists of its descriptors (virtio 1.2 sections 2.8.5 to 2.8.7).
//!
//! ```text
//! direct     [3 NEXT] [4 NEXT] [5 id 9]                three slots, one buffer id, in the last
//! indirect   [3 INDIRECT id 9] ──> table elsewhere: [0] [1] [2], all of them, in order
//! ```
//!
//! Invariant: a list is read once, over at most as many slots as the driver can have made available, and ends in a whole chain
//! or in the rule that was broken. A chain is called by its first slot in errors, for it has no other name until its end.

use shmem::{Array, GuestMemory};

use super::descriptor::{self, Descriptor};
use super::position::Position;
use crate::{Buf, Chains, RingError};

/// The descriptors of one ring.
#[derive(Debug)]
pub(super) struct List {
    /// Two a descriptor.
    words: Array<u64>,
    size: u16,
    /// Indirect tables were negotiated.
    indirect: bool,
}

impl List {
    /// `words` are two for each of `size` descriptors.
    pub(super) fn new(words: Array<u64>, size: u16, indirect: bool) -> Self {
        Self {
            words,
            size,
            indirect,
        }
    }

    /// What lies in a slot, to be judged: a descriptor of the driver's, of ours, or one that is being written.
    #[inline]
    pub(super) fn descriptor(&self, index: u16) -> Descriptor {
        // Acquire: the descriptor, and those behind it that were made available together with it.
        Descriptor::from_words(self.words.load_pair(2 * usize::from(index)))
    }

    /// The descriptor there, if the driver made it available.
    #[inline]
    pub(super) fn available(&self, at: Position) -> Option<Descriptor> {
        Some(self.descriptor(at.index)).filter(|descriptor| descriptor.is_available(at.wrap))
    }

    #[inline]
    pub(super) fn is_available(&self, at: Position) -> bool {
        self.available(at).is_some()
    }

    /// Writes the second word of a used descriptor.
    #[inline]
    pub(super) fn write(&self, index: u16, word: u64) {
        self.words.write(2 * usize::from(index) + 1, word);
    }

    /// As [`List::write`], and who sees it sees all that was written before.
    #[inline]
    pub(super) fn publish(&self, index: u16, word: u64) {
        self.words.store_release(2 * usize::from(index) + 1, word);
    }

    /// Reads the list that begins with `first`, at `start`, into `chains`, which has room for it. `room` slots can be
    /// available. Gives how many slots it takes and its buffer id; after an error, nothing of it is in `chains`.
    pub(super) fn read(
        &self,
        start: Position,
        first: Descriptor,
        room: u16,
        memory: &GuestMemory,
        chains: &mut Chains,
    ) -> Result<(u16, u16), RingError> {
        chains.begin(start.index);
        let read = self.walk(start, first, room, memory, chains);
        match read {
            Ok((_, id)) => chains.rename_last(id),
            Err(_) => chains.abandon(),
        }
        read
    }

    fn walk(
        &self,
        start: Position,
        first: Descriptor,
        room: u16,
        memory: &GuestMemory,
        chains: &mut Chains,
    ) -> Result<(u16, u16), RingError> {
        let head = start.index;
        if first.is_indirect() {
            self.walk_indirect(head, first, memory, chains)?;
            chains.finish()?;
            return Ok((1, first.id()));
        }
        let (mut descriptor, mut at, mut slots) = (first, start, 1);
        loop {
            chains.push(descriptor.buf(), descriptor.is_writable())?;
            if !descriptor.goes_on() {
                chains.finish()?;
                return Ok((slots, descriptor.id()));
            }
            at = at.after(1, self.size);
            if slots == self.size {
                let size = self.size;
                return Err(RingError::TooLong { head, size });
            }
            let slot = at.index;
            if slots == room {
                return Err(RingError::SlotInFlight { slot });
            }
            let next = self.available(at);
            descriptor = next.ok_or(RingError::ListBroken { head, slot })?;
            if descriptor.is_indirect() {
                return Err(RingError::IndirectInList { head });
            }
            slots += 1;
        }
    }

    /// Reads the table that `pointer` names: all of it, and of its flags none but whether a buffer is writable (virtio 1.2
    /// section 2.8.7).
    fn walk_indirect(
        &self,
        head: u16,
        pointer: Descriptor,
        memory: &GuestMemory,
        chains: &mut Chains,
    ) -> Result<(), RingError> {
        let Buf { gpa, len } = pointer.buf();
        if !self.indirect {
            return Err(RingError::IndirectNotNegotiated { head });
        }
        if pointer.goes_on() {
            return Err(RingError::IndirectInList { head });
        }
        if len == 0 || !len.is_multiple_of(descriptor::BYTES as u32) {
            return Err(RingError::IndirectLength { head, len });
        }
        let size = self.size;
        if len / descriptor::BYTES as u32 > u32::from(size) {
            return Err(RingError::TooLong { head, size });
        }
        let unmapped = RingError::IndirectUnmapped { gpa };
        let table = memory.window(gpa, len).map_err(|_| unmapped)?;
        for at in (0..len as usize).step_by(descriptor::BYTES) {
            let entry = table.narrow(at, descriptor::BYTES).ok_or(unmapped)?;
            let mut bytes = [0; descriptor::BYTES];
            let read = entry.read(&mut bytes);
            debug_assert_eq!(read, bytes.len());
            let descriptor = Descriptor::from_bytes(bytes);
            chains.push(descriptor.buf(), descriptor.is_writable())?;
        }
        Ok(())
    }
}
