//! A device that does nothing fast and believes nothing: every rule it knows is an error with a sentence.
//!
//! It is the judge of the driver: whatever a well-behaved guest does must pass, whatever an attack does must not.

use std::sync::Arc;

use shmem::{Array, GuestMemory};
use testkit::frames::MAX_FRAME;
use testkit::guest::Ram;
use testkit::net_header::{NET_HEADER, NetHeader};
use testkit::ring::{Areas, Buf, DriverRing};

/// The device side of one split ring.
pub(crate) struct NaiveRing {
    memory: Arc<GuestMemory>,
    areas: Areas,
    avail: Array<u16>,
    used: Array<u16>,
    size: u16,
    event_idx: bool,
    pub(crate) next_avail: u16,
    pub(crate) next_used: u16,
    announced: u16,
}

/// A chain as the device found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) head: u16,
    pub(crate) readable: Vec<Buf>,
    pub(crate) writable: Vec<Buf>,
    pub(crate) is_indirect: bool,
}

impl Chain {
    pub(crate) fn room(&self) -> u32 {
        self.writable.iter().map(|buf| buf.len).sum()
    }
}

impl NaiveRing {
    /// The device of a ring whose guest is in this process.
    pub(crate) fn of(ram: &Ram, ring: &DriverRing, event_idx: bool) -> NaiveRing {
        NaiveRing::new(ram.memory(), ring.areas(), ring.size(), event_idx)
    }

    pub(crate) fn new(
        memory: &Arc<GuestMemory>,
        areas: Areas,
        size: u16,
        event_idx: bool,
    ) -> NaiveRing {
        let words = |gpa, count| {
            memory
                .array_at_gpa(gpa, count)
                .expect("the ring is in memory")
        };
        NaiveRing {
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

    /// Goes on where a device before this one stopped.
    pub(crate) fn resume(&mut self, base: u16) {
        (self.next_avail, self.next_used, self.announced) = (base, base, base);
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
            let bytes = self.bytes(Buf {
                gpa: table + 16 * u64::from(at),
                len: 16,
            })?;
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

    /// The bytes of a buffer.
    pub(crate) fn bytes(&self, buf: Buf) -> Result<Vec<u8>, String> {
        let window = self
            .memory
            .window(buf.gpa, buf.len)
            .map_err(|_| "a table lies outside memory".to_string())?;
        let mut bytes = vec![0; buf.len as usize];
        assert_eq!(window.read(&mut bytes), bytes.len());
        Ok(bytes)
    }

    /// Writes the beginning of the chain's writable buffers.
    pub(crate) fn scatter(&self, chain: &Chain, mut bytes: &[u8]) {
        assert!(bytes.len() <= chain.room() as usize);
        for buf in &chain.writable {
            let (now, later) = bytes.split_at(bytes.len().min(buf.len as usize));
            assert_eq!(
                self.memory
                    .window(buf.gpa, buf.len)
                    .expect("judged before")
                    .write(now),
                now.len()
            );
            bytes = later;
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

    /// Takes a frame from a from-guest ring and uses its chain.
    pub(crate) fn take_frame(&mut self) -> Result<Option<(NetHeader, Vec<u8>)>, String> {
        let Some(chain) = self.next()? else {
            return Ok(None);
        };
        if !chain.writable.is_empty() {
            return Err("a buffer from the guest is writable".to_string());
        }
        let mut bytes = vec![];
        for buf in &chain.readable {
            bytes.extend(self.bytes(*buf)?);
        }
        self.complete(&[(u32::from(chain.head), 0)]);
        if bytes.len() < NET_HEADER {
            return Err(format!(
                "a chain of {} bytes is too short for the header",
                bytes.len()
            ));
        }
        let frame = bytes.split_off(NET_HEADER);
        if frame.is_empty() || frame.len() > MAX_FRAME {
            return Err(format!("a frame of {} bytes is none", frame.len()));
        }
        Ok(Some((
            NetHeader::from_bytes(bytes.try_into().expect("twelve")),
            frame,
        )))
    }

    /// Puts a frame into a to-guest ring: into one chain, or into as many as it takes. False: not enough chains.
    pub(crate) fn give_frame(&mut self, frame: &[u8], mergeable: bool) -> Result<bool, String> {
        let mut bytes = vec![0; NET_HEADER];
        bytes.extend_from_slice(frame);
        let before = self.next_avail;
        let mut chains = vec![];
        let mut room = 0;
        while room < bytes.len() {
            let Some(chain) = self.next()? else {
                self.next_avail = before;
                return Ok(false);
            };
            if !chain.readable.is_empty() {
                return Err("a buffer to the guest is read-only".to_string());
            }
            room += chain.room() as usize;
            chains.push(chain);
        }
        assert!(
            mergeable || chains.len() == 1,
            "the test's frame does not fit the guest's buffers"
        );
        bytes[10..12].copy_from_slice(&(chains.len() as u16).to_le_bytes());
        let mut rest = &bytes[..];
        let mut entries = vec![];
        for chain in &chains {
            let (now, later) = rest.split_at(rest.len().min(chain.room() as usize));
            self.scatter(chain, now);
            entries.push((u32::from(chain.head), now.len() as u32));
            rest = later;
        }
        self.complete(&entries);
        Ok(true)
    }
}
