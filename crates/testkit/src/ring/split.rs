//! The driver side of the split virtqueue (virtio 1.2, 2.7).
//!
//! ```text
//! descriptor table   avail: flags idx ring[size] used_event   used: flags idx {id len}[size] avail_event   indirect tables
//! 16 * size          2 + 2 + 2 * size + 2                     2 + 2 + 8 * size + 2                         16 * CAPACITY * size
//! ```
//!
//! Invariant: everything the driver must remember lives in the host (free list, chains in flight, both indices). The ring in
//! guest memory is only written, save for the three words that are the device's: used index, used elements and its wish for
//! kicks. So a ring that somebody has spoilt on purpose cannot mislead the double.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use shmem::{Array, GuestMemory};

use super::{Areas, Buf, MAX_SIZE, RingOptions, Used};

/// The buffer continues in `next` (virtio 1.2, 2.7.5).
pub const F_NEXT: u16 = 1;
/// The device writes the buffer.
pub const F_WRITE: u16 = 2;
/// The buffer is a table of descriptors.
pub const F_INDIRECT: u16 = 4;
/// Descriptors in each indirect table: room for a 64 KiB frame in pieces of 2 KiB and then some.
pub const INDIRECT_CAPACITY: usize = 64;

/// In avail.flags: the driver wants no calls (VIRTQ_AVAIL_F_NO_INTERRUPT).
const NO_CALL: u16 = 1;
/// In used.flags: the device wants no kicks (VIRTQ_USED_F_NO_NOTIFY).
const NO_KICK: u16 = 1;

const FLAGS: usize = 0;
const IDX: usize = 1;
const RING: usize = 2;

/// One descriptor, as it lies in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Guest physical address.
    pub gpa: u64,
    /// Length in bytes.
    pub len: u32,
    /// [`F_NEXT`], [`F_WRITE`], [`F_INDIRECT`].
    pub flags: u16,
    /// The descriptor that goes on, with [`F_NEXT`].
    pub next: u16,
}

impl Descriptor {
    /// As it lies in memory.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.gpa.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.len.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.flags.to_le_bytes());
        bytes[14..].copy_from_slice(&self.next.to_le_bytes());
        bytes
    }
}

/// The driver side of one split virtqueue.
pub struct DriverRing {
    table: Array<u64>,
    avail: Array<u16>,
    used: Array<u16>,
    used_elements: Array<u32>,
    indirect: Option<Array<u64>>,
    areas: Areas,
    indirect_gpa: u64,
    size: u16,
    event_idx: bool,

    /// Chain of free descriptors through `links`, and of each chain in flight.
    links: Box<[u16]>,
    /// By head: the chain that is in flight there.
    chains: Box<[Chain]>,

    // Full words, although 16 bits would do: what is stored as half a word and read back as a whole one, as compilers like to
    // do, waits for the store to leave the processor's buffer. That doubled the cost of a frame.
    first_free: u32,
    free: u32,
    /// Chains ever added, published, published when a kick was last thought of, and taken back. The ring's indices are their
    /// lower halves.
    added: u32,
    published: u32,
    kicked: u32,
    taken: u32,
}

#[derive(Clone, Copy, Default)]
struct Chain {
    /// 0: this head is not in flight.
    descriptors: u16,
    last: u16,
    writable_bytes: u32,
}

impl DriverRing {
    /// Bytes of guest memory for a ring and its indirect tables.
    pub fn bytes(options: RingOptions) -> u64 {
        let size = u64::from(options.size);
        let plan = Plan::new(0, size);
        plan.indirect
            + if options.indirect {
                size * TABLE_BYTES
            } else {
                0
            }
    }

    /// Lays the ring out at `gpa`, empty.
    ///
    /// # Panics
    ///
    /// If the size is not a power of two up to [`MAX_SIZE`], `gpa` is not a multiple of 16 or the memory is too small.
    pub fn new(memory: &Arc<GuestMemory>, gpa: u64, options: RingOptions) -> DriverRing {
        let RingOptions {
            size,
            indirect,
            event_idx,
            ..
        } = options;
        assert!(
            size.is_power_of_two() && size <= MAX_SIZE,
            "ring size {size} is not a power of two up to {MAX_SIZE}"
        );
        assert!(
            gpa.is_multiple_of(16),
            "the descriptor table must be aligned to 16 bytes, not lie at {gpa:#x}"
        );
        let plan = Plan::new(gpa, u64::from(size));
        let count = usize::from(size);
        let words = |gpa, count| {
            memory
                .array_at_gpa::<u16>(gpa, count)
                .expect("the ring lies in guest memory")
        };
        let ring = DriverRing {
            table: memory
                .array_at_gpa(gpa, 2 * count)
                .expect("the table lies in guest memory"),
            avail: words(plan.areas.driver, RING + count + 1),
            used: words(plan.areas.device, RING + 4 * count + 1),
            used_elements: memory
                .array_at_gpa(plan.areas.device + 4, 2 * count)
                .expect("as the whole used ring does"),
            indirect: indirect.then(|| {
                let words = 2 * INDIRECT_CAPACITY * count;
                memory
                    .array_at_gpa(plan.indirect, words)
                    .expect("the indirect tables lie in guest memory")
            }),
            areas: plan.areas,
            indirect_gpa: plan.indirect,
            size,
            event_idx,
            links: (1..=size).collect(),
            chains: vec![Chain::default(); count].into(),
            first_free: 0,
            free: size.into(),
            added: 0,
            published: 0,
            kicked: 0,
            taken: 0,
        };
        for index in 0..ring.avail.count() {
            ring.avail.write(index, 0);
        }
        for index in 0..ring.used.count() {
            ring.used.write(index, 0);
        }
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
        let needed = if indirect { 1 } else { count as u16 };
        if self.free < u32::from(needed) {
            return None;
        }
        let head = self.first_free as u16;
        let last = if indirect {
            self.fill_indirect(head, readable, writable)
        } else {
            self.fill(readable, writable)
        };
        self.first_free = self.links[usize::from(last)].into();
        self.free -= u32::from(needed);
        self.chains[usize::from(head)] = Chain {
            descriptors: needed,
            last,
            writable_bytes: writable.iter().map(|buf| buf.len).sum(),
        };
        self.avail.write(RING + self.slot(self.added), head.to_le());
        self.added = self.added.wrapping_add(1);
        Some(head)
    }

    /// See [`super::DriverRing::publish`].
    #[inline]
    pub fn publish(&mut self) {
        if self.published != self.added {
            // Release: the device that sees the index sees the chains (virtio 1.2, 2.7.13.3).
            self.avail.store_release(IDX, (self.added as u16).to_le());
            self.published = self.added;
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
        if self.used() == 0 {
            return None;
        }
        let slot = 2 * self.slot(self.taken);
        let id = u32::from_le(self.used_elements.read(slot));
        let written = u32::from_le(self.used_elements.read(slot + 1));
        let chain = usize::try_from(id)
            .ok()
            .and_then(|id| self.chains.get_mut(id));
        let Some(chain) = chain.filter(|chain| chain.descriptors > 0) else {
            panic!("the device used head {id}, which is not in flight (virtio 1.2, 2.7.8)");
        };
        let Chain {
            descriptors,
            last,
            writable_bytes,
        } = std::mem::take(chain);
        assert!(
            written <= writable_bytes,
            "the device says it wrote {written} bytes into chain {id}, which has room for {writable_bytes} (virtio 1.2, 2.7.8.2)"
        );
        let head = id as u16;
        self.links[usize::from(last)] = self.first_free as u16;
        self.first_free = head.into();
        self.free += u32::from(descriptors);
        self.taken = self.taken.wrapping_add(1);
        Some(Used {
            token: head,
            written,
        })
    }

    /// See [`super::DriverRing::used`].
    #[inline]
    pub fn used(&self) -> u16 {
        // Acquire: who sees the index sees the elements and what was written into the buffers.
        let waiting = self.used_idx().wrapping_sub(self.taken as u16);
        let seen = self.published.wrapping_sub(self.taken);
        assert!(
            u32::from(waiting) <= seen,
            "the device used {waiting} chains, but only {seen} are available (virtio 1.2, 2.7.8)"
        );
        waiting
    }

    /// See [`super::DriverRing::needs_kick`].
    #[inline]
    pub fn needs_kick(&mut self) -> bool {
        let old = std::mem::replace(&mut self.kicked, self.published);
        let fresh = self.published.wrapping_sub(old);
        if fresh == 0 {
            return false;
        }
        // Our index must be out before we look for the device's wish, or both sides may go to sleep (virtio 1.2, 2.7.13.4.1).
        fence(Ordering::SeqCst);
        if self.event_idx {
            let event = u16::from_le(self.used.read(RING + 4 * usize::from(self.size)));
            let since = (self.published as u16).wrapping_sub(event).wrapping_sub(1);
            u32::from(since) < fresh
        } else {
            u16::from_le(self.used.read(FLAGS)) & NO_KICK == 0
        }
    }

    /// See [`super::DriverRing::arm_call`].
    #[inline]
    pub fn arm_call(&mut self) -> bool {
        if self.event_idx {
            self.write_used_event(self.taken as u16);
        } else {
            self.avail.write(FLAGS, 0);
        }
        fence(Ordering::SeqCst);
        self.used() > 0
    }

    /// See [`super::DriverRing::disarm_call`].
    #[inline]
    pub fn disarm_call(&mut self) {
        if self.event_idx {
            // Just behind us: as far in the future as an index can say.
            self.write_used_event(self.taken.wrapping_sub(1) as u16);
        } else {
            self.avail.write(FLAGS, NO_CALL.to_le());
        }
    }

    /// See [`super::DriverRing::in_flight`].
    #[inline]
    pub fn in_flight(&self) -> u16 {
        self.added.wrapping_sub(self.taken) as u16
    }

    /// See [`super::DriverRing::free`].
    #[inline]
    pub fn free(&self) -> u16 {
        self.free as u16
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

    /// The used index as the device last left it.
    #[inline]
    pub fn used_idx(&self) -> u16 {
        u16::from_le(self.used.load_acquire(IDX))
    }

    /// Where the indirect table of head `head` lies, for those who want to spoil it.
    pub fn indirect_table(&self, head: u16) -> Option<u64> {
        self.indirect
            .as_ref()
            .map(|_| self.indirect_gpa + u64::from(head) * TABLE_BYTES)
    }

    /// Writes a descriptor behind the driver's back.
    pub fn forge_descriptor(&self, index: u16, descriptor: Descriptor) {
        write_descriptor(&self.table, usize::from(index), descriptor);
    }

    /// Makes `head` available behind the driver's back, `ahead` places after what is already there.
    pub fn forge_available(&self, ahead: u16, head: u16) {
        let slot = self.slot(self.added.wrapping_add(ahead.into()));
        self.avail.write(RING + slot, head.to_le());
    }

    /// Publishes an available index that is `ahead` of the true one.
    pub fn forge_available_idx(&self, ahead: u16) {
        self.avail
            .store_release(IDX, (self.added as u16).wrapping_add(ahead).to_le());
    }

    /// Writes the chain into free descriptors of the table, first to last in the order of the free list. Gives the last.
    #[inline]
    fn fill(&mut self, readable: &[Buf], writable: &[Buf]) -> u16 {
        let count = readable.len() + writable.len();
        let mut at = self.first_free as u16;
        let mut last = at;
        for (position, (buf, write)) in directed(readable, writable).enumerate() {
            let next = self.links[usize::from(at)];
            let (flags, link) = if position + 1 < count {
                (write | F_NEXT, next)
            } else {
                (write, 0)
            };
            let descriptor = Descriptor {
                gpa: buf.gpa,
                len: buf.len,
                flags,
                next: link,
            };
            write_descriptor(&self.table, usize::from(at), descriptor);
            last = at;
            at = next;
        }
        last
    }

    /// Writes the chain into the head's own table and the table into the head. Gives the head: it is also the last.
    fn fill_indirect(&self, head: u16, readable: &[Buf], writable: &[Buf]) -> u16 {
        let table = self
            .indirect
            .as_ref()
            .expect("asked for by add_chain only if there are tables");
        let count = readable.len() + writable.len();
        let base = usize::from(head) * INDIRECT_CAPACITY;
        for (position, (buf, write)) in directed(readable, writable).enumerate() {
            let (flags, next) = if position + 1 < count {
                (write | F_NEXT, position as u16 + 1)
            } else {
                (write, 0)
            };
            write_descriptor(
                table,
                base + position,
                Descriptor {
                    gpa: buf.gpa,
                    len: buf.len,
                    flags,
                    next,
                },
            );
        }
        let gpa = self.indirect_gpa + u64::from(head) * TABLE_BYTES;
        let whole = Descriptor {
            gpa,
            len: 16 * count as u32,
            flags: F_INDIRECT,
            next: 0,
        };
        write_descriptor(&self.table, usize::from(head), whole);
        head
    }

    /// Where in a ring the chain with this number has its place.
    #[inline]
    fn slot(&self, number: u32) -> usize {
        number as usize & (usize::from(self.size) - 1)
    }

    #[inline]
    fn write_used_event(&self, value: u16) {
        self.avail
            .write(RING + usize::from(self.size), value.to_le());
    }
}

const TABLE_BYTES: u64 = 16 * INDIRECT_CAPACITY as u64;

struct Plan {
    areas: Areas,
    indirect: u64,
}

impl Plan {
    fn new(gpa: u64, size: u64) -> Plan {
        let driver = gpa + 16 * size;
        // Each side's words on cache lines of their own, as every real driver lays them out.
        let device = (driver + 2 * (RING as u64 + size + 1)).next_multiple_of(64);
        let indirect = (device + 2 * (RING as u64 + 4 * size + 1)).next_multiple_of(64);
        Plan {
            areas: Areas {
                descriptors: gpa,
                driver,
                device,
            },
            indirect,
        }
    }
}

/// The buffers of a chain with [`F_WRITE`] or nothing.
#[inline]
pub(super) fn directed<'a>(
    readable: &'a [Buf],
    writable: &'a [Buf],
) -> impl Iterator<Item = (Buf, u16)> + 'a {
    let readable = readable.iter().map(|buf| (*buf, 0));
    readable.chain(writable.iter().map(|buf| (*buf, F_WRITE)))
}

#[inline]
fn write_descriptor(table: &Array<u64>, index: usize, descriptor: Descriptor) {
    let Descriptor {
        gpa,
        len,
        flags,
        next,
    } = descriptor;
    let tail = u64::from(len) | u64::from(flags) << 32 | u64::from(next) << 48;
    table.write(2 * index, gpa.to_le());
    table.write(2 * index + 1, tail.to_le());
}
