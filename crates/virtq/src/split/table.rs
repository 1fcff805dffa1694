//! The descriptor table, and the walk over a chain of its descriptors (virtio 1.2 section 2.7.5).
//!
//! ```text
//! avail entry ──> [0] ─next─> [7] ─next─> [3 INDIRECT] ──> table elsewhere: [0] ─next─> [1] ─next─> [2]
//! ```
//!
//! Invariant: a walk reads each descriptor once, takes at most as many steps as the ring has descriptors, and ends in a whole
//! chain or in the rule that was broken.

use shmem::{Array, GuestMemory, Window};

use super::descriptor::{self, Descriptor};
use crate::{Buf, Chain, RingError};

/// The table of one ring.
#[derive(Debug)]
pub(super) struct Table {
    /// Two a descriptor.
    words: Array<u64>,
    size: u16,
    /// Indirect tables were negotiated.
    indirect: bool,
}

impl Table {
    /// `words` are two for each of `size` descriptors.
    pub(super) fn new(words: Array<u64>, size: u16, indirect: bool) -> Self {
        Self {
            words,
            size,
            indirect,
        }
    }

    /// Reads the chain that starts at `head`. After an error, `chain` holds what was read before it.
    #[inline]
    pub(super) fn walk(
        &self,
        head: u16,
        memory: &GuestMemory,
        chain: &mut Chain,
    ) -> Result<(), RingError> {
        let size = self.size;
        chain.begin(head);
        if head >= size {
            return Err(RingError::HeadOutOfRange { head, size });
        }
        let mut index = head;
        for walked in 0..size {
            let descriptor = self.descriptor(index);
            if descriptor.is_indirect() {
                self.walk_indirect(descriptor, size - walked, memory, chain)?;
                return chain.finish();
            }
            chain.push(descriptor.buf, descriptor.is_writable())?;
            let Some(next) = descriptor.next() else {
                return chain.finish();
            };
            if next >= size {
                let entries = u32::from(size);
                return Err(RingError::NextOutOfRange {
                    head,
                    next,
                    entries,
                });
            }
            index = next;
        }
        Err(RingError::Loop { head })
    }

    /// Goes on in the indirect table that `pointer` names, for at most `room` descriptors. The pointer's write flag means
    /// nothing (virtio 1.2 section 2.7.5.3.2).
    fn walk_indirect(
        &self,
        pointer: Descriptor,
        room: u16,
        memory: &GuestMemory,
        chain: &mut Chain,
    ) -> Result<(), RingError> {
        let head = chain.head();
        let Buf { gpa, len } = pointer.buf;
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
            chain.push(descriptor.buf, descriptor.is_writable())?;
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
        let at = 2 * usize::from(index);
        Descriptor::from_words([self.words.read(at), self.words.read(at + 1)])
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
