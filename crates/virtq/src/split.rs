//! The split virtqueue (virtio 1.2 section 2.7), device side.
//!
//! ```text
//! descriptor table   avail: flags idx ring[size] used_event   used: flags idx {id len}[size] avail_event
//!                    the driver writes                        the device writes
//! ```
//!
//! Two cursors of ours walk two indices of theirs, all of them free-running in 16 bits:
//!
//! ```text
//! published <= next_avail - in_flight,   next_avail <= avail_idx (cached avail.idx) <= next_avail - in_flight + size
//! ```
//!
//! Invariants: everything that must be remembered lives here and not in the rings, which the driver can spoil; avail.idx is
//! believed only after the second line was checked, and looked at again only when what it promised is used up. The two
//! places where each side writes one word and then reads the other's (publish and look for a wish for calls; ask for kicks
//! and look for work) have a full fence between the two, as the driver has: without it both could miss the other.

mod descriptor;
mod table;

use std::sync::atomic::{Ordering, fence};

use shmem::{Array, Cyclic, GuestMemory};

use self::table::Table;
use crate::chain::Entry;
use crate::place::Place;
use crate::{Area, Chains, Layout, Lease, Leases, MAX_SIZE, RingError, Used};

/// The device side of one split virtqueue.
#[derive(Debug)]
pub struct Ring {
    table: Table,
    /// Flags, idx, ring and, with VIRTIO_F_EVENT_IDX, used_event.
    avail: Array<u16>,
    /// The ring in it.
    heads: Cyclic<u16, 1>,
    /// Flags and idx of the used ring.
    used: Array<u16>,
    /// Two words an element, for only four bytes of alignment are promised.
    elements: Cyclic<u32, 2>,
    /// With VIRTIO_F_EVENT_IDX; then flags mean nothing.
    avail_event: Option<Array<u16>>,
    size: u16,
    next_avail: u16,
    avail_idx: u16,
    /// Of the chain taken last, if it was a single one.
    last_head: u16,
    in_flight: u16,
    leases: Leases,
    /// Published since the last call was judged necessary or not.
    unannounced: u32,
    /// What used.flags says.
    used_flags: u16,
}

/// Places in `avail` and `used`.
const FLAGS: usize = 0;
const IDX: usize = 1;
const RING: usize = 2;

/// Bytes of flags and idx, before the ring itself.
const RING_AT: u64 = 4;

/// In avail.flags: the driver wants no calls.
const NO_INTERRUPT: u16 = 1;
/// In used.flags: the device wants no kicks.
const NO_NOTIFY: u16 = 1;

/// More than any distance of 16-bit indices: no used_event can tell what lies between.
const OVERDUE: u32 = 0x1_0000;

impl Ring {
    /// As [`crate::Ring::open`].
    pub(crate) fn open(layout: &Layout, memory: &GuestMemory) -> Result<Ring, RingError> {
        let &Layout {
            size,
            base,
            event_idx,
            ..
        } = layout;
        if !size.is_power_of_two() || size > MAX_SIZE {
            return Err(RingError::Size { size });
        }
        let next_avail = u16::try_from(base).map_err(|_| RingError::Base { base, size })?;
        let count = usize::from(size);
        let [table, avail, used] = [
            (Area::DescriptorTable, layout.desc_uva),
            (Area::Avail, layout.avail_uva),
            (Area::Used, layout.used_uva),
        ]
        .map(|(area, uva)| Place { memory, area, uva });
        let table: Array<u64> = table.array(0, 2 * count)?;
        let avail: Array<u16> = avail.array(0, RING + count + usize::from(event_idx))?;
        let elements: Array<u32> = used.array(RING_AT, 2 * count)?;
        let (Some(table), Some(heads), Some(elements)) = (
            table.cyclic(0, count),
            avail.cyclic(RING, count),
            elements.cyclic(0, count),
        ) else {
            return Err(RingError::Size { size });
        };
        let avail_event = event_idx
            .then(|| used.array(RING_AT + 8 * u64::from(size), 1))
            .transpose()?;
        let used: Array<u16> = used.array(0, RING)?;
        let used_idx = u16::from_le(used.read(IDX));
        let ring = Ring {
            table: Table::new(table, size, layout.indirect),
            avail,
            heads,
            used,
            elements,
            avail_event,
            size,
            next_avail,
            avail_idx: next_avail,
            last_head: 0,
            in_flight: 0,
            leases: Leases::new(used_idx),
            unannounced: OVERDUE,
            used_flags: 0,
        };
        ring.used.write(FLAGS, 0);
        ring.ask_for_kicks();
        Ok(ring)
    }

    #[inline]
    pub(crate) fn size(&self) -> u16 {
        self.size
    }

    #[inline]
    pub(crate) fn base(&self) -> u32 {
        self.next_avail.into()
    }

    #[inline]
    pub(crate) fn in_flight(&self) -> u16 {
        self.in_flight
    }

    #[inline]
    pub(crate) fn has_pending(&self) -> bool {
        let has_pending = self.look() != Ok(self.next_avail);
        if has_pending {
            // They are read soon, one after the other, and another processor has just written them. Which descriptor it is
            // cannot be known, but drivers go through them in order or use the same one again.
            self.heads.prefetch(self.next_avail.into());
            self.table.prefetch(self.last_head.wrapping_add(1));
        }
        has_pending
    }

    #[inline]
    pub(crate) fn posted(&self) -> u16 {
        u16::from_le(self.avail.read(IDX))
    }

    #[inline]
    pub(crate) fn seen(&self) -> u16 {
        self.avail_idx
    }

    #[inline]
    pub(crate) fn take(
        &mut self,
        memory: &GuestMemory,
        max: usize,
        chains: &mut Chains,
    ) -> Result<usize, RingError> {
        let promised = self.avail_idx.wrapping_sub(self.next_avail);
        if usize::from(promised) < max {
            self.avail_idx = self.look()?;
        }
        let available = self.avail_idx.wrapping_sub(self.next_avail);
        let max = max.min(usize::from(available));
        let singles = self.take_singles(max, chains);
        if singles == max {
            return Ok(singles);
        }
        self.take_others(memory, max - singles, chains)
            .map(|others| singles + others)
    }

    /// The usual case, in a tight loop: chains of one buffer, at most `max`. It ends before the first of another kind, and
    /// forgets what it saw of that. Says how many they are.
    #[inline]
    fn take_singles(&mut self, max: usize, chains: &mut Chains) -> usize {
        let next = usize::from(self.next_avail);
        let mut taken = 0;
        for entry in chains.vacant(max) {
            let head = self.head(next + taken);
            match self.table.first(head) {
                Some(first) if first.is_single() => {
                    *entry = Entry::single(head, first.buf(), first.is_writable());
                }
                _ => break,
            }
            self.last_head = head;
            taken += 1;
        }
        // Where they will be handed back is in a line of the driver's, which takes a while to take over.
        let behind = self.leases.published().wrapping_add(self.in_flight);
        self.elements.prefetch_write(behind.into(), taken);
        chains.filled_in(taken);
        self.taken(taken);
        taken
    }

    /// Chains of whatever kind, at most `max`, which are there.
    #[inline(never)]
    fn take_others(
        &mut self,
        memory: &GuestMemory,
        max: usize,
        chains: &mut Chains,
    ) -> Result<usize, RingError> {
        let mut taken = 0;
        while taken < max && chains.has_room() {
            let head = self.head(self.next_avail.into());
            self.table.read(head, memory, chains)?;
            self.taken(1);
            taken += 1 + self.take_singles(max - taken - 1, chains);
        }
        Ok(taken)
    }

    #[inline]
    fn taken(&mut self, chains: usize) {
        self.next_avail = self.next_avail.wrapping_add(chains as u16);
        self.in_flight += chains as u16;
    }

    /// What stands in the avail ring at `index`, which runs free.
    #[inline]
    fn head(&self, index: usize) -> u16 {
        let [head] = self.heads.read(index);
        u16::from_le(head)
    }

    #[inline]
    pub(crate) fn untake(&mut self, n: usize) {
        debug_assert!(
            n <= usize::from(self.unleased()),
            "{n} chains given back, {} are neither leased nor complete",
            self.unleased()
        );
        let n = n.min(usize::from(self.unleased())) as u16;
        self.next_avail = self.next_avail.wrapping_sub(n);
        self.in_flight -= n;
    }

    #[inline]
    pub(crate) fn lease(&mut self, count: usize) -> Lease {
        debug_assert!(
            count <= usize::from(self.unleased()),
            "{count} places leased for {} chains",
            self.unleased()
        );
        self.leases
            .lease(count.min(usize::from(self.unleased())) as u16)
    }

    #[inline]
    pub(crate) fn complete(&mut self, lease: Lease, entries: impl ExactSizeIterator<Item = Used>) {
        let is_waiting = self.leases.is_waiting(lease);
        debug_assert!(is_waiting, "{lease:?} is not waiting to be completed");
        if !is_waiting {
            return;
        }
        let start = usize::from(lease.start());
        let mut written = 0;
        for used in entries.take(usize::from(lease.count())) {
            let element = [u32::from(used.head), used.written].map(u32::to_le);
            self.elements.write(start + written, element);
            written += 1;
        }
        let is_whole = written == usize::from(lease.count());
        debug_assert!(is_whole, "a lease is completed whole");
        if !is_whole {
            return;
        }
        let published = self.leases.complete(lease).unwrap_or(0);
        if published > 0 {
            self.in_flight -= published;
            self.unannounced = self.unannounced.saturating_add(u32::from(published));
            // Release: the elements, and the buffers' contents of every lease published with this one, whose workers were
            // here before us, under the same lock.
            self.used
                .store_release(IDX, self.leases.published().to_le());
        }
    }

    /// Virtio 1.2 sections 2.7.7.2 and 2.7.10.
    #[inline]
    pub(crate) fn needs_call(&mut self) -> bool {
        let published = std::mem::take(&mut self.unannounced);
        if published == 0 {
            return false;
        }
        fence(Ordering::SeqCst);
        if self.avail_event.is_none() {
            return u16::from_le(self.avail.read(FLAGS)) & NO_INTERRUPT == 0;
        }
        let used_event = u16::from_le(self.avail.read(RING + usize::from(self.size)));
        // How many chains were published after the one whose publication the driver waits for.
        let since = self
            .leases
            .published()
            .wrapping_sub(used_event)
            .wrapping_sub(1);
        u32::from(since) < published
    }

    #[inline]
    pub(crate) fn arm(&mut self) -> bool {
        if self.avail_event.is_none() && self.used_flags != 0 {
            self.used_flags = 0;
            self.used.write(FLAGS, 0);
        }
        self.ask_for_kicks();
        fence(Ordering::SeqCst);
        self.has_pending()
    }

    #[inline]
    pub(crate) fn disarm(&mut self) {
        if self.avail_event.is_none() && self.used_flags != NO_NOTIFY {
            self.used_flags = NO_NOTIFY;
            self.used.write(FLAGS, NO_NOTIFY.to_le());
        }
    }

    /// Reads avail.idx, with all that the driver wrote before it, and judges it.
    #[inline]
    fn look(&self) -> Result<u16, RingError> {
        let avail_idx = u16::from_le(self.avail.load_acquire(IDX));
        let pending = avail_idx.wrapping_sub(self.next_avail);
        if pending > self.size - self.in_flight {
            let &Ring {
                next_avail,
                in_flight,
                size,
                ..
            } = self;
            return Err(RingError::TooManyInFlight {
                avail_idx,
                next_avail,
                in_flight,
                size,
            });
        }
        Ok(avail_idx)
    }

    /// Chains taken that no lease counts.
    #[inline]
    fn unleased(&self) -> u16 {
        self.in_flight - self.leases.outstanding()
    }

    #[inline]
    fn ask_for_kicks(&self) {
        if let Some(avail_event) = &self.avail_event {
            avail_event.write(0, self.next_avail.to_le());
        }
    }
}
