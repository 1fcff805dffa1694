//! The naive device of a split ring (virtio 1.2, 2.7).

use std::sync::Arc;

use shmem::{Array, GuestMemory};
use testkit::ring::{Areas, Buf};

use crate::naive_device::{Chain, bytes};

pub(crate) struct NaiveSplit {
    memory: Arc<GuestMemory>,
    areas: Areas,
    avail: Array<u16>,
    used: Array<u16>,
    size: u16,
    event_idx: bool,
    next_avail: u16,
    next_used: u16,
    announced: u16,
}

impl NaiveSplit {
    pub(crate) fn new(
        memory: &Arc<GuestMemory>,
        areas: Areas,
        size: u16,
        event_idx: bool,
    ) -> NaiveSplit {
        let words = |gpa, count| {
            memory
                .array_at_gpa(gpa, count)
                .expect("the ring is in memory")
        };
        NaiveSplit {
            memory: Arc::clone(memory),
            areas,
            avail: words(areas.driver, 3 + usize::from(size)),
            used: words(areas.device, 3 + 4 * usize::from(size)),
            size,
            event_idx,
            next_avail: 0,
            next_used: 0,
            announced: 0,
        }
    }

    /// Takes the next chain, or says which rule it breaks.
    pub(crate) fn next(&mut self) -> Result<Option<Chain>, String> {
        let idx = self.avail.load_acquire(1);
        let pending = idx.wrapping_sub(self.next_avail);
        if pending > self.size {
            return Err(format!(
                "{pending} chains are available in a ring of {}",
                self.size
            ));
        }
        if pending == 0 {
            return Ok(None);
        }
        let head = self
            .avail
            .read(2 + usize::from(self.next_avail % self.size));
        if head >= self.size {
            return Err(format!("head {head} is out of range"));
        }
        let mut chain = Chain {
            head,
            readable: vec![],
            writable: vec![],
            is_indirect: false,
        };
        self.walk(head, &mut chain)?;
        self.next_avail = self.next_avail.wrapping_add(1);
        Ok(Some(chain))
    }

    /// Whether something is there to be taken.
    pub(crate) fn has_pending(&self) -> bool {
        self.avail.load_acquire(1) != self.next_avail
    }

    pub(crate) fn base(&self) -> u32 {
        self.next_avail.into()
    }

    pub(crate) fn resume(&mut self, base: u32) {
        let base = base as u16;
        (self.next_avail, self.next_used, self.announced) = (base, base, base);
    }

    /// Gives back the last chains taken.
    pub(crate) fn untake(&mut self, chains: &[Chain]) {
        self.next_avail = self.next_avail.wrapping_sub(chains.len() as u16);
    }

    fn walk(&self, head: u16, chain: &mut Chain) -> Result<(), String> {
        let (mut table, mut count, mut at) = (self.areas.descriptors, self.size, head);
        let mut steps = 0;
        loop {
            if at >= count {
                return Err(format!("next {at} is out of range"));
            }
            if steps == count {
                return Err("the chain loops".to_string());
            }
            steps += 1;
            let bytes = bytes(
                &self.memory,
                Buf {
                    gpa: table + 16 * u64::from(at),
                    len: 16,
                },
            )?;
            let gpa = u64::from_le_bytes(bytes[..8].try_into().expect("eight"));
            let len = u32::from_le_bytes(bytes[8..12].try_into().expect("four"));
            let flags = u16::from_le_bytes(bytes[12..14].try_into().expect("two"));
            let next = u16::from_le_bytes(bytes[14..].try_into().expect("two"));
            let buf = Buf { gpa, len };
            if flags & 4 != 0 {
                if chain.is_indirect {
                    return Err("a table lies inside a table".to_string());
                }
                if flags & 1 != 0 {
                    return Err("a table is not the end of its chain".to_string());
                }
                if len == 0 || len % 16 != 0 {
                    return Err(format!("a table has {len} bytes"));
                }
                chain.is_indirect = true;
                let room =
                    u16::try_from(len / 16).map_err(|_| format!("a table has {len} bytes"))?;
                (table, count, at, steps) = (gpa, room, 0, 0);
                continue;
            }
            if self.memory.window(gpa, len).is_err() {
                return Err(format!(
                    "a buffer at {gpa:#x} of {len} bytes lies outside memory"
                ));
            }
            if flags & 2 != 0 {
                chain.writable.push(buf);
            } else if chain.writable.is_empty() {
                chain.readable.push(buf);
            } else {
                return Err("a readable buffer follows a writable one".to_string());
            }
            if flags & 1 == 0 {
                return Ok(());
            }
            at = next;
        }
    }

    /// Uses chains and publishes them together.
    pub(crate) fn complete(&mut self, entries: &[(u32, u32)]) {
        for (head, written) in entries {
            let at = 2 + 4 * usize::from(self.next_used % self.size);
            for (place, word) in [
                *head as u16,
                (*head >> 16) as u16,
                *written as u16,
                (*written >> 16) as u16,
            ]
            .into_iter()
            .enumerate()
            {
                self.used.write(at + place, word);
            }
            self.next_used = self.next_used.wrapping_add(1);
        }
        self.used.store_release(1, self.next_used);
    }

    /// Whether the guest wants a call for what was completed since this was last asked.
    pub(crate) fn needs_call(&mut self) -> bool {
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        let old = std::mem::replace(&mut self.announced, self.next_used);
        if old == self.next_used {
            return false;
        }
        if !self.event_idx {
            return self.avail.read(0) & 1 == 0;
        }
        // Counted out one by one, so as not to repeat the formula that is being tested.
        let event = self.avail.read(2 + usize::from(self.size));
        let mut idx = old;
        while idx != self.next_used {
            if idx == event {
                return true;
            }
            idx = idx.wrapping_add(1);
        }
        false
    }

    /// Asks for a kick at the next chain.
    pub(crate) fn arm(&mut self) {
        if self.event_idx {
            self.used
                .write(2 + 4 * usize::from(self.size), self.next_avail);
        } else {
            self.used.write(0, 0);
        }
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    }

    /// Asks for no kicks.
    pub(crate) fn disarm(&mut self) {
        if self.event_idx {
            self.used.write(
                2 + 4 * usize::from(self.size),
                self.next_avail.wrapping_sub(1),
            );
        } else {
            self.used.write(0, 1);
        }
    }
}
