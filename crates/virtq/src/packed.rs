//! The packed virtqueue (virtio 1.2 section 2.8), device side.
//!
//! ```text
//! descriptor ring, both sides write it                            driver event     device event
//!      used             avail                                     {at flags}       {at flags}
//!        v                v                                       the driver's     ours
//! ... [id 4 ][ .. ][id 7][id 2 AVAIL][NEXT AVAIL][id 9 AVAIL] ... its wish for     our wish for
//!      leased ^ taken     not taken yet                           calls            kicks
//! ```
//!
//! Two positions walk the ring: `avail`, where the next chain is read, and `used`, where the next one is handed back. A chain
//! takes as many slots as it has descriptors, and is handed back by one word in the first of as many slots, whichever chain was
//! there: all slots between the two positions were read before and are ours.
//!
//! ```text
//! leases' places <= busy = avail - used <= size,     free-running slots: published <= reserved <= slots taken
//! ```
//!
//! Invariants: what must be remembered of a chain, its number of slots, lies here by its id and not in the ring, which the
//! driver can spoil; `busy` bounds what can be available, so no chain is read from slots in flight. Of a lease, the word that
//! the driver looks for is stored last. The two places where each side writes a word and then reads the other's (hand back
//! and look for a wish for calls; ask for kicks and look for work) have a full fence between the two.

mod descriptor;
mod list;
mod places;
mod position;

use std::sync::atomic::{Ordering, fence};

use shmem::{Array, GuestMemory};

use self::descriptor::Descriptor;
use self::list::List;
use self::places::Places;
use self::position::Position;
use crate::chain::Entry;
use crate::place::Place;
use crate::{Area, Chains, Layout, Lease, Leases, MAX_SIZE, RingError, Used};

/// The device side of one packed virtqueue.
#[derive(Debug)]
pub struct Ring {
    list: List,
    driver_event: Array<u32>,
    device_event: Array<u32>,
    event_idx: bool,
    size: u16,
    /// By buffer id: the slots of the chain that was taken under it and not completed; 0 if there is none.
    slots: Box<[u16]>,
    avail: Position,
    used: Position,
    /// Slots between the two.
    busy: u16,
    /// Slots from `avail` on that were seen available.
    seen: u16,
    /// Slots taken so far, in 16 bits.
    taken: u16,
    /// Chains taken and not completed, and how many of these no lease counts.
    in_flight: u16,
    unleased: u16,
    leases: Leases,
    /// Slots published since the last call was judged necessary or not.
    unannounced: u32,
    /// What `device_event` says.
    wish: u32,
}

/// In the upper half of an event suppression structure (virtio 1.2 section 2.8.10).
const ENABLE: u32 = 0;
const DISABLE: u32 = 1;
const DESC: u32 = 2;
/// The flags' own bits; the others are reserved.
const EVENT_FLAGS: u32 = 3;

/// More than two rounds of any ring: no event's position can tell what lies between.
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
        if !(1..=MAX_SIZE).contains(&size) {
            return Err(RingError::Size { size });
        }
        let [list, driver_event, device_event] = [
            (Area::DescriptorRing, layout.desc_uva),
            (Area::DriverEvent, layout.avail_uva),
            (Area::DeviceEvent, layout.used_uva),
        ]
        .map(|(area, uva)| Place { memory, area, uva });
        let list = list.array(0, 2 * usize::from(size))?;
        let driver_event = driver_event.array(0, 1)?;
        let device_event = device_event.array(0, 1)?;
        let (avail, used) = positions(base, size).ok_or(RingError::Base { base, size })?;
        let mut ring = Ring {
            list: List::new(list, size, layout.indirect),
            driver_event,
            device_event,
            event_idx,
            size,
            slots: vec![0; usize::from(size)].into(),
            avail,
            used,
            // Chains that a predecessor took and never handed back stay lost.
            busy: avail.since(used, size) as u16,
            seen: 0,
            taken: 0,
            in_flight: 0,
            unleased: 0,
            leases: Leases::new(0),
            unannounced: OVERDUE,
            wish: DISABLE << 16,
        };
        ring.ask_for_kicks();
        Ok(ring)
    }

    #[inline]
    pub(crate) fn size(&self) -> u16 {
        self.size
    }

    #[inline]
    pub(crate) fn base(&self) -> u32 {
        self.avail.to_word() | self.used.to_word() << 16
    }

    #[inline]
    pub(crate) fn in_flight(&self) -> u16 {
        self.in_flight
    }

    #[inline]
    pub(crate) fn has_pending(&self) -> bool {
        self.list.is_available(self.avail)
    }

    #[inline]
    pub(crate) fn posted(&self) -> u16 {
        let known = self.busy + self.seen;
        let more = known < self.size
            && self
                .list
                .is_available(self.avail.after(self.seen, self.size));
        self.seen().wrapping_add(u16::from(more))
    }

    #[inline]
    pub(crate) fn seen(&self) -> u16 {
        self.taken.wrapping_add(self.seen)
    }

    #[inline]
    pub(crate) fn take(
        &mut self,
        memory: &GuestMemory,
        max: usize,
        chains: &mut Chains,
    ) -> Result<usize, RingError> {
        let mut count = 0;
        let mut at = self.avail;
        let mut room = self.size - self.busy;
        let mut end = Ok(());
        while count < max {
            let singles = self.take_singles(at, room.min((max - count).min(0xffff) as u16), chains);
            at = at.after(singles, self.size);
            room -= singles;
            count += usize::from(singles);
            if count == max || !chains.has_room() {
                break;
            }
            let Some(first) = self.list.available(at) else {
                self.seen = 0;
                break;
            };
            match self.take_one(at, first, room, memory, chains) {
                Ok(slots) => {
                    at = at.after(slots, self.size);
                    room -= slots;
                    count += 1;
                }
                Err(error) => {
                    end = Err(error);
                    break;
                }
            }
        }
        let slots = self.size - self.busy - room;
        self.avail = at;
        self.busy += slots;
        self.seen = self.seen.saturating_sub(slots);
        self.taken = self.taken.wrapping_add(slots);
        self.in_flight += count as u16;
        self.unleased += count as u16;
        end.map(|()| count)
    }

    #[inline]
    pub(crate) fn untake(&mut self, heads: impl ExactSizeIterator<Item = u16>) {
        debug_assert!(
            heads.len() <= usize::from(self.unleased),
            "{} chains given back, {} are neither leased nor complete",
            heads.len(),
            self.unleased
        );
        for head in heads.take(usize::from(self.unleased)) {
            let Some(slots) = self.slots.get_mut(usize::from(head)) else {
                continue;
            };
            let slots = std::mem::take(slots);
            self.avail = self.avail.before(slots, self.size);
            self.busy -= slots;
            self.seen += slots;
            self.taken = self.taken.wrapping_sub(slots);
            self.in_flight -= 1;
            self.unleased -= 1;
        }
    }

    #[inline]
    pub(crate) fn lease(&mut self, heads: impl ExactSizeIterator<Item = u16>) -> Lease {
        let count = heads.len();
        debug_assert!(
            count <= usize::from(self.unleased),
            "places leased for {count} chains of {}",
            self.unleased
        );
        let count = count.min(usize::from(self.unleased));
        let slots = if self.busy == self.in_flight {
            // A slot each.
            count as u16
        } else {
            let slots = |head| self.slots.get(usize::from(head)).copied().unwrap_or(0);
            heads.take(count).map(slots).sum()
        };
        self.unleased -= count as u16;
        self.leases
            .lease(slots.min(self.busy - self.leases.outstanding()))
    }

    #[inline]
    pub(crate) fn complete(&mut self, lease: Lease, entries: impl ExactSizeIterator<Item = Used>) {
        let is_waiting = self.leases.is_waiting(lease);
        debug_assert!(is_waiting, "{lease:?} is not waiting to be completed");
        let count = entries.len();
        if !is_waiting || count == 0 {
            return;
        }
        let ahead = lease.start().wrapping_sub(self.leases.published());
        let start = self.used.after(ahead, self.size);
        let mut places = Places::new(&mut self.slots, self.size, start, lease.count());
        let mut words = entries.map_while(|used| places.next(used));
        let Some((_, first)) = words.next() else {
            return;
        };
        for (index, word) in words {
            self.list.write(index, word);
        }
        debug_assert!(!places.are_left(), "a lease is completed whole");
        if places.are_left() {
            return;
        }
        // Release: the lease's other words, and the buffers' contents of every lease published with this one, whose workers
        // were here before us, under the same lock.
        self.list.publish(start.index, first);
        self.in_flight -= count as u16;
        let published = self.leases.complete(lease).unwrap_or(0);
        if published > 0 {
            self.used = self.used.after(published, self.size);
            self.busy -= published;
            self.unannounced = self.unannounced.saturating_add(u32::from(published));
        }
    }

    /// Virtio 1.2 section 2.8.10.
    #[inline]
    pub(crate) fn needs_call(&mut self) -> bool {
        let published = std::mem::take(&mut self.unannounced);
        if published == 0 {
            return false;
        }
        fence(Ordering::SeqCst);
        let event = u32::from_le(self.driver_event.read(0));
        match event >> 16 & EVENT_FLAGS {
            DISABLE => false,
            DESC if self.event_idx => {
                let wanted = Position::from_word(event);
                // A place that is none is a wish that nobody can know.
                wanted.index >= self.size
                    || published >= 2 * u32::from(self.size)
                    || (1..=published).contains(&self.used.since(wanted, self.size))
            }
            _ => true,
        }
    }

    #[inline]
    pub(crate) fn arm(&mut self) -> bool {
        self.ask_for_kicks();
        fence(Ordering::SeqCst);
        self.has_pending()
    }

    #[inline]
    pub(crate) fn disarm(&mut self) {
        self.wish_for(DISABLE << 16);
    }

    /// The usual case, in a tight loop: chains of one buffer, at most `max`, from `at` on. It ends at the ring's end, and before
    /// whatever is no such chain or breaks a rule. Says how many they are.
    fn take_singles(&mut self, at: Position, max: u16, chains: &mut Chains) -> u16 {
        let max = max.min(self.size - at.index);
        let slots = &mut *self.slots;
        let mut taken = 0;
        for (entry, index) in chains.vacant(max.into()).iter_mut().zip(at.index..) {
            let descriptor = self.list.descriptor(index);
            if !descriptor.is_available_single(at.wrap) {
                break;
            }
            let id = descriptor.id();
            match slots.get_mut(usize::from(id)) {
                Some(place) if *place == 0 => *place = 1,
                _ => break,
            }
            *entry = Entry::single(id, descriptor.buf(), descriptor.is_writable());
            taken += 1;
        }
        chains.filled_in(taken.into());
        taken
    }

    /// Takes the chain whose first descriptor is available at `at`, of whatever kind. Gives its slots.
    fn take_one(
        &mut self,
        at: Position,
        first: Descriptor,
        room: u16,
        memory: &GuestMemory,
        chains: &mut Chains,
    ) -> Result<u16, RingError> {
        if room == 0 {
            return Err(RingError::SlotInFlight { slot: at.index });
        }
        let (slots, id) = self.list.read(at, first, room, memory, chains)?;
        match self.free_id(at, id) {
            Ok(place) => {
                *place = slots;
                Ok(slots)
            }
            Err(error) => {
                chains.truncate(chains.len() - 1);
                Err(error)
            }
        }
    }

    /// Where the slots of the chain at `at` are to be noted.
    #[inline]
    fn free_id(&mut self, at: Position, id: u16) -> Result<&mut u16, RingError> {
        let (head, size) = (at.index, self.size);
        match self.slots.get_mut(usize::from(id)) {
            Some(place) if *place == 0 => Ok(place),
            Some(_) => Err(RingError::IdInFlight { head, id }),
            None => Err(RingError::IdOutOfRange { head, id, size }),
        }
    }

    #[inline]
    fn ask_for_kicks(&mut self) {
        self.wish_for(if self.event_idx {
            self.avail.to_word() | DESC << 16
        } else {
            ENABLE << 16
        });
    }

    #[inline]
    fn wish_for(&mut self, wish: u32) {
        if self.wish != wish {
            self.wish = wish;
            self.device_event.write(0, wish.to_le());
        }
    }
}

/// The next available and the next used slot that SET_VRING_BASE names, in its two halves. The upper half of zero is that of
/// frontends that name only one (DPDK's): then nothing is in flight.
fn positions(base: u32, size: u16) -> Option<(Position, Position)> {
    let avail = Position::from_word(base);
    let used = match base >> 16 {
        0 => avail,
        word => Position::from_word(word),
    };
    let is_sound = avail.index < size && used.index < size;
    (is_sound && avail.since(used, size) <= u32::from(size)).then_some((avail, used))
}
