//! The naive device of a packed ring (virtio 1.2, 2.8).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use shmem::{Array, GuestMemory};
use testkit::ring::{Areas, Buf};

use crate::naive_device::{Chain, bytes};

const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;
const AVAIL: u16 = 1 << 7;
const USED: u16 = 1 << 15;

pub(crate) struct NaivePacked {
    memory: Arc<GuestMemory>,
    ring: Array<u64>,
    driver_event: Array<u32>,
    device_event: Array<u32>,
    size: u16,
    event_idx: bool,
    avail: Place,
    used: Place,
    /// By id: how many descriptors.
    taken: HashMap<u16, u16>,
    /// Where the descriptors lie that were passed over since calls were last thought of.
    unannounced: Vec<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    index: u16,
    wrap: bool,
}

impl Place {
    fn step(&mut self, size: u16) {
        self.index += 1;
        if self.index == size {
            *self = Place {
                index: 0,
                wrap: !self.wrap,
            };
        }
    }

    fn word(self) -> u32 {
        u32::from(self.index) + if self.wrap { 0x8000 } else { 0 }
    }

    fn from_word(word: u32) -> Place {
        Place {
            index: (word & 0x7fff) as u16,
            wrap: word & 0x8000 != 0,
        }
    }
}

struct Descriptor {
    buf: Buf,
    id: u16,
    flags: u16,
}

impl NaivePacked {
    pub(crate) fn new(
        memory: &Arc<GuestMemory>,
        areas: Areas,
        size: u16,
        event_idx: bool,
    ) -> NaivePacked {
        let expected = "the ring is in memory";
        let event = |gpa| memory.array_at_gpa(gpa, 1).expect(expected);
        let start = Place {
            index: 0,
            wrap: true,
        };
        NaivePacked {
            memory: Arc::clone(memory),
            ring: memory
                .array_at_gpa(areas.descriptors, 2 * usize::from(size))
                .expect(expected),
            driver_event: event(areas.driver),
            device_event: event(areas.device),
            size,
            event_idx,
            avail: start,
            used: start,
            taken: HashMap::new(),
            unannounced: vec![],
        }
    }

    /// Takes the next chain, or says which rule it breaks.
    pub(crate) fn next(&mut self) -> Result<Option<Chain>, String> {
        if !self.has_pending() {
            return Ok(None);
        }
        let mut chain = Chain {
            head: 0,
            readable: vec![],
            writable: vec![],
            is_indirect: false,
        };
        let (mut at, mut slots) = (self.avail, 0);
        let id = loop {
            if slots == self.size {
                return Err(format!("a chain goes over all {} descriptors", self.size));
            }
            let Some(descriptor) = self.available(at) else {
                return Err(format!(
                    "the chain goes on at {at:?}, which is not available"
                ));
            };
            slots += 1;
            at.step(self.size);
            if descriptor.flags & INDIRECT == 0 {
                self.add(descriptor.buf, descriptor.flags, &mut chain)?;
            } else if slots > 1 || descriptor.flags & NEXT != 0 {
                return Err("a table is in a chain".to_string());
            } else {
                self.walk_table(descriptor.buf, &mut chain)?;
            }
            if descriptor.flags & NEXT == 0 {
                break descriptor.id;
            }
        };
        if id >= self.size {
            return Err(format!("buffer id {id} is out of range"));
        }
        if self.taken.insert(id, slots).is_some() {
            return Err(format!("buffer id {id} is in flight"));
        }
        chain.head = id;
        self.avail = at;
        Ok(Some(chain))
    }

    pub(crate) fn has_pending(&self) -> bool {
        self.available(self.avail).is_some()
    }

    pub(crate) fn base(&self) -> u32 {
        self.avail.word() | self.used.word() << 16
    }

    pub(crate) fn resume(&mut self, base: u32) {
        self.avail = Place::from_word(base);
        self.used = Place::from_word(base >> 16);
    }

    /// Gives back the last chains taken.
    pub(crate) fn untake(&mut self, chains: &[Chain]) {
        for chain in chains {
            let slots = self.taken.remove(&chain.head).expect("taken");
            for _ in 0..2 * self.size - slots {
                self.avail.step(self.size);
            }
        }
    }

    /// Uses chains and publishes them together: the first last.
    pub(crate) fn complete(&mut self, entries: &[(u32, u32)]) {
        let mut words = vec![];
        for (head, written) in entries {
            let mut flags = if self.used.wrap { AVAIL | USED } else { 0 };
            if *written > 0 {
                flags |= WRITE;
            }
            let word =
                u64::from(flags) << 48 | u64::from(head & 0xffff) << 32 | u64::from(*written);
            words.push((2 * usize::from(self.used.index) + 1, word));
            // What is not in flight is a test's own fault, made to be noticed by the driver.
            for _ in 0..self.taken.remove(&(*head as u16)).unwrap_or(1) {
                self.unannounced.push(self.used);
                self.used.step(self.size);
            }
        }
        for (at, word) in words.into_iter().rev() {
            self.ring.store_release(at, word);
        }
    }

    /// Whether the guest wants a call for what was completed since this was last asked.
    pub(crate) fn needs_call(&mut self) -> bool {
        fence(Ordering::SeqCst);
        let passed = std::mem::take(&mut self.unannounced);
        let event = self.driver_event.read(0);
        match event >> 16 {
            0 => !passed.is_empty(),
            1 => false,
            2 if self.event_idx => passed.contains(&Place::from_word(event)),
            flags => panic!("the driver's event flags are {flags}"),
        }
    }

    /// Asks for a kick at the next chain.
    pub(crate) fn arm(&mut self) {
        let event = if self.event_idx {
            self.avail.word() | 2 << 16
        } else {
            0
        };
        self.device_event.write(0, event);
        fence(Ordering::SeqCst);
    }

    /// Asks for no kicks.
    pub(crate) fn disarm(&mut self) {
        self.device_event.write(0, 1 << 16);
    }

    fn available(&self, at: Place) -> Option<Descriptor> {
        let at_word = 2 * usize::from(at.index);
        let tail = self.ring.load_acquire(at_word + 1);
        let flags = (tail >> 48) as u16;
        let is_available = (flags & AVAIL != 0) == at.wrap && (flags & USED != 0) != at.wrap;
        is_available.then(|| Descriptor {
            buf: Buf {
                gpa: self.ring.read(at_word),
                len: tail as u32,
            },
            id: (tail >> 32) as u16,
            flags,
        })
    }

    fn walk_table(&self, table: Buf, chain: &mut Chain) -> Result<(), String> {
        if table.len == 0 || !table.len.is_multiple_of(16) {
            return Err(format!("a table has {} bytes", table.len));
        }
        chain.is_indirect = true;
        for entry in bytes(&self.memory, table)?.chunks(16) {
            let gpa = u64::from_le_bytes(entry[..8].try_into().expect("eight"));
            let len = u32::from_le_bytes(entry[8..12].try_into().expect("four"));
            let flags = u16::from_le_bytes(entry[14..].try_into().expect("two"));
            if flags & !WRITE != 0 {
                return Err(format!("a table has flags {flags:#x}"));
            }
            self.add(Buf { gpa, len }, flags, chain)?;
        }
        Ok(())
    }

    fn add(&self, buf: Buf, flags: u16, chain: &mut Chain) -> Result<(), String> {
        if self.memory.window(buf.gpa, buf.len).is_err() {
            return Err(format!(
                "a buffer at {:#x} of {} bytes lies outside memory",
                buf.gpa, buf.len
            ));
        }
        if flags & WRITE != 0 {
            chain.writable.push(buf);
        } else if chain.writable.is_empty() {
            chain.readable.push(buf);
        } else {
            return Err("a readable buffer follows a writable one".to_string());
        }
        Ok(())
    }
}
