//! The driver side of the packed virtqueue (virtio 1.2, 2.8).
//!
//! ```text
//! descriptor ring              driver area: off flags   device area: off flags   indirect tables
//! {gpa len id flags}[size]     4                        4                        16 * CAPACITY * size
//!          ^ next_used      ^ next_avail
//! ```
//!
//! Invariant: as in the split ring, everything the driver must remember lives in the host: which buffer ids are in flight and
//! over how many descriptors, and where it writes and reads next. Of what it adds, the first descriptor's flags are kept back
//! until [`DriverRing::publish`], so the device sees nothing of it before and everything after (virtio 1.2, 2.8.6).

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use shmem::{Array, GuestMemory};

use super::split::{F_INDIRECT, F_NEXT, F_WRITE, INDIRECT_CAPACITY, directed};
use super::{Areas, Buf, MAX_SIZE, RingOptions, Used};

/// Available, if it equals the driver's wrap counter and [`F_USED`] does not (virtio 1.2, 2.8.1).
pub const F_AVAIL: u16 = 1 << 7;
/// Used, if both it and [`F_AVAIL`] equal the device's wrap counter.
pub const F_USED: u16 = 1 << 15;

/// In the flags of an event suppression structure (virtio 1.2, 2.8.10).
const ENABLE: u32 = 0;
const DISABLE: u32 = 1;
const DESC: u32 = 2;

/// One descriptor, as it lies in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Guest physical address.
    pub gpa: u64,
    /// Length in bytes.
    pub len: u32,
    /// Of the buffer, in a chain's last descriptor.
    pub id: u16,
    /// [`F_NEXT`], [`F_WRITE`], [`F_INDIRECT`], [`F_AVAIL`], [`F_USED`].
    pub flags: u16,
}

impl Descriptor {
    fn words(self) -> [u64; 2] {
        let tail = u64::from(self.len) | u64::from(self.id) << 32 | u64::from(self.flags) << 48;
        [self.gpa.to_le(), tail.to_le()]
    }

    fn from_words(words: [u64; 2]) -> Descriptor {
        let [gpa, tail] = words.map(u64::from_le);
        Descriptor {
            gpa,
            len: tail as u32,
            id: (tail >> 32) as u16,
            flags: (tail >> 48) as u16,
        }
    }
}

/// A place in the ring and how often the ring was gone round, in one bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    index: u16,
    wrap: bool,
}

impl Position {
    #[inline]
    fn after(self, descriptors: u16, size: u16) -> Position {
        let index = self.index + descriptors;
        if index < size {
            return Position { index, ..self };
        }
        Position {
            index: index - size,
            wrap: !self.wrap,
        }
    }

    /// Off and wrap of an event suppression structure, and half of what SET_VRING_BASE carries.
    #[inline]
    fn word(self) -> u16 {
        self.index | u16::from(self.wrap) << 15
    }

    /// How many descriptors `self` is ahead of `other`, which is at most two rounds.
    fn since(self, other: Position, size: u16) -> u32 {
        let size = u32::from(size);
        let number = |at: Position| u32::from(at.index) + if at.wrap { 0 } else { size };
        (2 * size + number(self) - number(other)) % (2 * size)
    }

    #[inline]
    fn avail_flags(self) -> u16 {
        if self.wrap { F_AVAIL } else { F_USED }
    }

    #[inline]
    fn used_flags(self) -> u16 {
        if self.wrap { F_AVAIL | F_USED } else { 0 }
    }
}

/// The driver side of one packed virtqueue.
pub struct DriverRing {
    descriptors: Array<u64>,
    driver_event: Array<u32>,
    device_event: Array<u32>,
    indirect: Option<Array<u64>>,
    areas: Areas,
    indirect_gpa: u64,
    size: u16,
    event_idx: bool,

    /// By buffer id: the chain that is in flight under it.
    chains: Box<[Chain]>,
    free_ids: Vec<u16>,
    free: u16,
    next_avail: Position,
    next_used: Position,
    /// The first descriptor that the device does not see yet: where, and its second word.
    kept_back: Option<(usize, u64)>,

    /// Chains ever added, published and taken back.
    added: u32,
    published: u32,
    taken: u32,
    /// Descriptors published since a kick was last thought of.
    unkicked: u32,
    /// Descriptors added and not published.
    unpublished: u32,
}

#[derive(Clone, Copy, Default)]
struct Chain {
    /// 0: this id is not in flight.
    descriptors: u16,
    writable_bytes: u32,
}

impl DriverRing {
    /// Bytes of guest memory for a ring and its indirect tables.
    pub fn bytes(options: RingOptions) -> u64 {
        let size = u64::from(options.size);
        let tables = if options.indirect {
            size * TABLE_BYTES
        } else {
            0
        };
        Plan::new(0, size).indirect + tables
    }

    /// Lays the ring out at `gpa`, empty.
    ///
    /// # Panics
    ///
    /// If the size is not from 1 to [`MAX_SIZE`], `gpa` is not a multiple of 16 or the memory is too small.
    pub fn new(memory: &Arc<GuestMemory>, gpa: u64, options: RingOptions) -> DriverRing {
        let RingOptions {
            size,
            indirect,
            event_idx,
            ..
        } = options;
        assert!(
            (1..=MAX_SIZE).contains(&size),
            "a packed ring has 1 to {MAX_SIZE} descriptors, not {size}"
        );
        assert!(
            gpa.is_multiple_of(16),
            "the descriptor ring must be aligned to 16 bytes, not lie at {gpa:#x}"
        );
        let plan = Plan::new(gpa, size.into());
        let count = usize::from(size);
        let words = |gpa, count| {
            memory
                .array_at_gpa(gpa, count)
                .expect("the ring lies in guest memory")
        };
        let event = |gpa| {
            let event: Array<u32> = memory
                .array_at_gpa(gpa, 1)
                .expect("the ring lies in guest memory");
            event.write(0, 0);
            event
        };
        let start = Position {
            index: 0,
            wrap: true,
        };
        let ring = DriverRing {
            descriptors: words(gpa, 2 * count),
            driver_event: event(plan.areas.driver),
            device_event: event(plan.areas.device),
            indirect: indirect.then(|| words(plan.indirect, 2 * INDIRECT_CAPACITY * count)),
            areas: plan.areas,
            indirect_gpa: plan.indirect,
            size,
            event_idx,
            chains: vec![Chain::default(); count].into(),
            free_ids: (0..size).rev().collect(),
            free: size,
            next_avail: start,
            next_used: start,
            kept_back: None,
            added: 0,
            published: 0,
            taken: 0,
            unkicked: 0,
            unpublished: 0,
        };
        (0..2 * count).for_each(|word| ring.descriptors.write(word, 0));
        ring
    }

    /// See [`super::DriverRing::add_chain`].
    #[inline]
    pub fn add_chain(&mut self, readable: &[Buf], writable: &[Buf]) -> Option<u16> {
        let count = readable.len() + writable.len();
        assert!(
            count > 0 && count <= usize::from(self.size),
            "a chain has at least one buffer and at most as many as the ring has descriptors, not {count}"
        );
        let indirect = self.indirect.is_some() && (2..=INDIRECT_CAPACITY).contains(&count);
        let descriptors = if indirect { 1 } else { count as u16 };
        if self.free < descriptors {
            return None;
        }
        let id = self.free_ids.pop()?;
        if indirect {
            self.fill_indirect(id, readable, writable);
        } else {
            self.fill(id, readable, writable);
        }
        self.free -= descriptors;
        self.unpublished += u32::from(descriptors);
        self.chains[usize::from(id)] = Chain {
            descriptors,
            writable_bytes: writable.iter().map(|buf| buf.len).sum(),
        };
        self.added = self.added.wrapping_add(1);
        Some(id)
    }

    /// See [`super::DriverRing::publish`].
    #[inline]
    pub fn publish(&mut self) {
        if let Some((word, tail)) = self.kept_back.take() {
            // Release: the device that sees these flags sees all descriptors behind them (virtio 1.2, 2.8.6).
            self.descriptors.store_release(word, tail);
            self.published = self.added;
            self.unkicked = self.unkicked.saturating_add(self.unpublished);
            self.unpublished = 0;
        }
    }

    /// See [`super::DriverRing::unpublished`].
    #[inline]
    pub fn unpublished(&self) -> u16 {
        self.added.wrapping_sub(self.published) as u16
    }

    /// See [`super::DriverRing::poll_used`].
    #[inline]
    pub fn poll_used(&mut self) -> Option<Used> {
        let (used, descriptors) = self.used_at(self.next_used)?;
        assert!(
            self.published != self.taken,
            "the device used buffer {}, but none is available (virtio 1.2, 2.8.1)",
            used.token
        );
        self.chains[usize::from(used.token)] = Chain::default();
        self.free_ids.push(used.token);
        self.free += descriptors;
        self.next_used = self.next_used.after(descriptors, self.size);
        self.taken = self.taken.wrapping_add(1);
        Some(used)
    }

    /// See [`super::DriverRing::used`].
    pub fn used(&self) -> u16 {
        self.walk_used().0
    }

    /// See [`super::DriverRing::needs_kick`].
    #[inline]
    pub fn needs_kick(&mut self) -> bool {
        let fresh = std::mem::take(&mut self.unkicked);
        if fresh == 0 {
            return false;
        }
        // Our flags must be out before we look for the device's wish, or both sides may go to sleep (virtio 1.2, 2.8.21.3).
        fence(Ordering::SeqCst);
        let event = u32::from_le(self.device_event.read(0));
        match event >> 16 {
            ENABLE => true,
            DISABLE => false,
            DESC if self.event_idx => {
                let wanted = Position {
                    index: event as u16 & 0x7fff,
                    wrap: event & 0x8000 != 0,
                };
                assert!(
                    wanted.index < self.size,
                    "the device waits for descriptor {} of a ring of {} (virtio 1.2, 2.8.10)",
                    wanted.index,
                    self.size
                );
                (1..=fresh).contains(&self.next_avail.since(wanted, self.size))
            }
            flags => panic!(
                "the device's event flags are {flags:#x}, with event index {} (virtio 1.2, 2.8.10)",
                self.event_idx
            ),
        }
    }

    /// See [`super::DriverRing::arm_call`].
    #[inline]
    pub fn arm_call(&mut self) -> bool {
        let event = if self.event_idx {
            u32::from(self.next_used.word()) | DESC << 16
        } else {
            ENABLE << 16
        };
        self.driver_event.write(0, event.to_le());
        fence(Ordering::SeqCst);
        self.used_at(self.next_used).is_some()
    }

    /// See [`super::DriverRing::disarm_call`].
    #[inline]
    pub fn disarm_call(&mut self) {
        self.driver_event.write(0, (DISABLE << 16).to_le());
    }

    /// See [`super::DriverRing::in_flight`].
    #[inline]
    pub fn in_flight(&self) -> u16 {
        self.added.wrapping_sub(self.taken) as u16
    }

    /// See [`super::DriverRing::free`].
    #[inline]
    pub fn free(&self) -> u16 {
        self.free
    }

    /// See [`super::DriverRing::size`].
    #[inline]
    pub fn size(&self) -> u16 {
        self.size
    }

    /// See [`super::DriverRing::areas`].
    pub fn areas(&self) -> Areas {
        self.areas
    }

    /// See [`super::DriverRing::base`]: bits 0 to 15 are the next available descriptor and its wrap counter, bits 16 to 31 the
    /// next used one and its wrap counter. A device that used chains in order goes on at the same place in both.
    pub fn base(&self) -> u32 {
        let next = u32::from(self.walk_used().1.word());
        next | next << 16
    }

    /// Writes a descriptor `ahead` places after the last added one, behind the driver's back; one that is not available has the
    /// flags of another round. Those of a chain are written from the last to the first.
    pub fn forge_descriptor(&self, ahead: u16, descriptor: Descriptor, is_available: bool) {
        let at = self.next_avail.after(ahead, self.size);
        let round = Position {
            wrap: at.wrap == is_available,
            ..at
        };
        let words = Descriptor {
            flags: descriptor.flags | round.avail_flags(),
            ..descriptor
        }
        .words();
        let word = 2 * usize::from(at.index);
        self.descriptors.write(word, words[0]);
        self.descriptors.store_release(word + 1, words[1]);
    }

    /// Changes the descriptor at `index`, whoever has it, behind the driver's back: all but whether it is available.
    pub fn forge_buffer(&self, index: u16, change: impl FnOnce(Descriptor) -> Descriptor) {
        let word = 2 * usize::from(index);
        let old = Descriptor::from_words([word, word + 1].map(|word| self.descriptors.read(word)));
        let new = change(old);
        let words = Descriptor {
            flags: new.flags & !(F_AVAIL | F_USED) | old.flags & (F_AVAIL | F_USED),
            ..new
        }
        .words();
        self.descriptors.write(word, words[0]);
        self.descriptors.store_release(word + 1, words[1]);
    }

    /// What the device has used at this place, and over how many descriptors the chain went.
    #[inline]
    fn used_at(&self, at: Position) -> Option<(Used, u16)> {
        // Acquire: who sees the flags sees what was written into the buffers.
        let tail = self.descriptors.load_acquire(2 * usize::from(at.index) + 1);
        let Descriptor { len, id, flags, .. } = Descriptor::from_words([0, tail]);
        if flags & (F_AVAIL | F_USED) != at.used_flags() {
            return None;
        }
        let chain = self.chains.get(usize::from(id));
        let Some(chain) = chain.filter(|chain| chain.descriptors > 0) else {
            panic!("the device used buffer {id}, which is not in flight (virtio 1.2, 2.8.1)");
        };
        let written = if flags & F_WRITE != 0 { len } else { 0 };
        let room = chain.writable_bytes;
        assert!(
            written <= room,
            "the device says it wrote {written} bytes into buffer {id}, which has room for {room} (virtio 1.2, 2.8.5)"
        );
        Some((Used { token: id, written }, chain.descriptors))
    }

    /// How many used chains wait to be taken, and where the device writes the next one.
    fn walk_used(&self) -> (u16, Position) {
        let (mut count, mut at) = (0, self.next_used);
        let most = self.published.wrapping_sub(self.taken) as u16;
        while count < most {
            let Some((_, descriptors)) = self.used_at(at) else {
                break;
            };
            at = at.after(descriptors, self.size);
            count += 1;
        }
        (count, at)
    }

    /// Writes the chain into the ring's next descriptors.
    #[inline]
    fn fill(&mut self, id: u16, readable: &[Buf], writable: &[Buf]) {
        let count = readable.len() + writable.len();
        for (number, (buf, write)) in directed(readable, writable).enumerate() {
            let next = if number + 1 < count { F_NEXT } else { 0 };
            self.append(Descriptor {
                gpa: buf.gpa,
                len: buf.len,
                id,
                flags: write | next,
            });
        }
    }

    /// Writes the chain into the id's own table and the table into the ring.
    #[inline]
    fn fill_indirect(&mut self, id: u16, readable: &[Buf], writable: &[Buf]) {
        let table = self
            .indirect
            .as_ref()
            .expect("asked for by add_chain only if there are tables");
        let base = 2 * INDIRECT_CAPACITY * usize::from(id);
        for (number, (buf, flags)) in directed(readable, writable).enumerate() {
            let words = Descriptor {
                gpa: buf.gpa,
                len: buf.len,
                id: 0,
                flags,
            }
            .words();
            table.write(base + 2 * number, words[0]);
            table.write(base + 2 * number + 1, words[1]);
        }
        self.append(Descriptor {
            gpa: self.indirect_gpa + u64::from(id) * TABLE_BYTES,
            len: 16 * (readable.len() + writable.len()) as u32,
            id,
            flags: F_INDIRECT,
        });
    }

    #[inline]
    fn append(&mut self, descriptor: Descriptor) {
        let at = self.next_avail;
        let flags = descriptor.flags | at.avail_flags();
        let words = Descriptor {
            flags,
            ..descriptor
        }
        .words();
        let word = 2 * usize::from(at.index);
        self.descriptors.write(word, words[0]);
        if self.kept_back.is_none() {
            self.kept_back = Some((word + 1, words[1]));
        } else {
            self.descriptors.write(word + 1, words[1]);
        }
        self.next_avail = at.after(1, self.size);
    }
}

const TABLE_BYTES: u64 = 16 * INDIRECT_CAPACITY as u64;

struct Plan {
    areas: Areas,
    indirect: u64,
}

impl Plan {
    fn new(gpa: u64, size: u64) -> Plan {
        // Each side's words on cache lines of their own.
        let driver = (gpa + 16 * size).next_multiple_of(64);
        let areas = Areas {
            descriptors: gpa,
            driver,
            device: driver + 64,
        };
        Plan {
            areas,
            indirect: driver + 128,
        }
    }
}
