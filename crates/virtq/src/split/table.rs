//! The descriptor table, and the walk over a chain of its descriptors (virtio 1.2 section 2.7.5).
//!
//! ```text
//! avail entry ──> [0] ─next─> [7] ─next─> [3 INDIRECT] ──> table elsewhere: [0] ─next─> [1] ─next─> [2]
//! ```
//!
//! Invariant: a walk reads each descriptor once, takes at most as many steps as the ring has descriptors, and ends in a whole
//! chain or in the rule that was broken.

use shmem::{Cyclic, GuestMemory, Window};

use super::descriptor::{self, Descriptor};
use crate::{Buf, Chains, RingError};

/// The table of one ring.
#[derive(Debug)]
pub(super) struct Table {
    words: Cyclic<u64, 2>,
    size: u16,
    /// Indirect tables were negotiated.
    indirect: bool,
}

impl Table {
    /// `words` are the `size` descriptors.
    pub(super) fn new(words: Cyclic<u64, 2>, size: u16, indirect: bool) -> Self {
        Self {
            words,
            size,
            indirect,
        }
    }

    /// The descriptor that a chain begins with; `None` if `head` is outside the table.
    #[inline]
    pub(super) fn first(&self, head: u16) -> Option<Descriptor> {
        (head < self.size).then(|| self.descriptor(head))
    }

    /// Starts to bring the descriptor there into the cache.
    #[inline]
    pub(super) fn prefetch(&self, head: u16) {
        self.words.prefetch(head.into());
    }

    /// Reads the chain that starts at `head` into `chains`, which has room for it. After an error, nothing of it is there.
    pub(super) fn read(
        &self,
        head: u16,
        memory: &GuestMemory,
        chains: &mut Chains,
    ) -> Result<(), RingError> {
        let size = self.size;
        let first = self
            .first(head)
            .ok_or(RingError::HeadOutOfRange { head, size })?;
        let walked = self.walk(head, first, memory, chains);
        if walked.is_err() {
            chains.abandon();
        }
        walked
    }

    fn walk(
        &self,
        head: u16,
        first: Descriptor,
        memory: &GuestMemory,
        chains: &mut Chains,
    ) -> Result<(), RingError> {
        let size = self.size;
        chains.begin(head);
        let mut descriptor = first;
        for walked in 0..size {
            if descriptor.is_indirect() {
                self.walk_indirect(head, descriptor, size - walked, memory, chains)?;
                return chains.finish();
            }
            chains.push(descriptor.buf(), descriptor.is_writable())?;
            let Some(next) = descriptor.next() else {
                return chains.finish();
            };
            if next >= size {
                let entries = u32::from(size);
                return Err(RingError::NextOutOfRange {
                    head,
                    next,
                    entries,
                });
            }
            // The last turn's descriptor is not looked at: its chain has more than all of them.
            if walked + 1 < size {
                descriptor = self.descriptor(next);
            }
        }
        Err(RingError::Loop { head })
    }

    /// Goes on in the indirect table that `pointer` names, for at most `room` descriptors. The pointer's write flag means
    /// nothing (virtio 1.2 section 2.7.5.3.2).
    fn walk_indirect(
        &self,
        head: u16,
        pointer: Descriptor,
        room: u16,
        memory: &GuestMemory,
        chains: &mut Chains,
    ) -> Result<(), RingError> {
        let Buf { gpa, len } = pointer.buf();
        if !self.indirect {
            return Err(RingError::IndirectNotNegotiated { head });
        }
        if pointer.next().is_some() {
            return Err(RingError::IndirectWithNext { head });
        }
        if len == 0 || !len.is_multiple_of(descriptor::BYTES as u32) {
            return Err(RingError::IndirectLength { head, len });
        }
        let unmapped = RingError::IndirectUnmapped { gpa };
        let table = memory.window(gpa, len).map_err(|_| unmapped)?;
        let entries = len / descriptor::BYTES as u32;
        let steps = entries.min(u32::from(room));
        let mut index = 0;
        for _ in 0..steps {
            let descriptor = indirect_descriptor(table, index).ok_or(unmapped)?;
            if descriptor.is_indirect() {
                return Err(RingError::NestedIndirect { head });
            }
            chains.push(descriptor.buf(), descriptor.is_writable())?;
            let Some(next) = descriptor.next() else {
                return Ok(());
            };
            if u32::from(next) >= entries {
                return Err(RingError::NextOutOfRange {
                    head,
                    next,
                    entries,
                });
            }
            index = next;
        }
        if steps == entries {
            Err(RingError::Loop { head })
        } else {
            Err(RingError::TooLong {
                head,
                size: self.size,
            })
        }
    }

    #[inline]
    fn descriptor(&self, index: u16) -> Descriptor {
        Descriptor::from_words(self.words.read(index.into()))
    }
}

/// One copy out of guest memory for the whole descriptor.
#[inline]
fn indirect_descriptor(table: Window<'_>, index: u16) -> Option<Descriptor> {
    let entry = table.narrow(usize::from(index) * descriptor::BYTES, descriptor::BYTES)?;
    let mut bytes = [0; descriptor::BYTES];
    let read = entry.read(&mut bytes);
    debug_assert_eq!(read, bytes.len());
    Some(Descriptor::from_bytes(bytes))
}
