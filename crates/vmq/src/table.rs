//! The lookup table that workers hold: filters compiled to one open-addressing hash table.
//!
//! ```text
//!   (VLAN, MAC) ──► key ──hash──► slots: | key u64 | entry u32 | queue u16 |  16 bytes, never across a cache line
//! ```
//!
//! A table never changes, so a lookup needs no lock and sees every filter on exactly one queue. At most half of the slots
//! are in use: a lookup costs one hash and about one cache line, with two filters or with a hundred thousand.

use std::fmt;

use crate::filter::Key;
use crate::hash::SeededHash;
use crate::id::{FilterId, QueueId, VlanId};
use crate::learn::{self, Marks};
use crate::mac::Mac;
use crate::tick::Tick;

/// Where frames go, as of one moment.
pub struct Table {
    slots: Box<[Slot]>,
    hash: SeededHash,
    /// Whether any filter takes all VLANs: without one, the second probe is not made.
    has_any_vlan: bool,
    members: Box<[QueueId]>,
    marks: Marks,
}

/// The filter that a frame passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The queue it assigns the frame to.
    pub queue: QueueId,
    /// Which filter it is; see [`Table::mark_seen`].
    pub entry: u32,
}

impl Hit {
    /// Whether the filter was learned.
    #[inline]
    pub const fn is_learned(self) -> bool {
        self.entry & STATIC == 0
    }

    /// The id of the filter, if it is a static one.
    pub const fn filter(self) -> Option<FilterId> {
        if self.is_learned() {
            None
        } else {
            Some(FilterId(self.entry as u16))
        }
    }
}

/// In an entry: the filter is static and the low bits are its id. Learned filters' marks are fewer than this.
const STATIC: u32 = 1 << 31;

/// Bound on the number of filters that entries can number and tables can index.
pub(crate) const MAX_FILTERS: u32 = 1 << 30;

impl Table {
    /// The filter that accepts a frame to `mac` on `vlan`. Group addresses are nobody's: they go to [`Table::members`].
    #[inline]
    pub fn lookup(&self, vlan: VlanId, mac: Mac) -> Option<Hit> {
        if mac.is_multicast() {
            return None;
        }
        match self.probe(Key::exact(vlan, mac)) {
            None if self.has_any_vlan => self.probe(Key::any_vlan(mac)),
            found => found,
        }
    }

    /// Notes that a frame *from* the address of learned filter `entry` was seen. A static filter needs no such note and
    /// ignores it.
    #[inline]
    pub fn mark_seen(&self, entry: u32, tick: Tick) {
        if let Some(slot) = self.marks.get(entry as usize) {
            learn::mark(slot, tick);
        }
    }

    /// The flood group behind the default queue: queues whose allocation is complete and that are not being freed, lowest
    /// id first. The default queue itself is not among them.
    #[inline]
    pub fn members(&self) -> &[QueueId] {
        &self.members
    }

    /// How many filters the table holds.
    pub fn len(&self) -> usize {
        self.slots.iter().filter(|slot| slot.key != 0).count()
    }

    /// Whether the table holds no filter.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn probe(&self, key: Key) -> Option<Hit> {
        let mask = self.slots.len() - 1;
        let mut index = self.hash.of(key.word()) as usize & mask;
        loop {
            let slot = self.slots[index];
            if slot.key == key.word() {
                return Some(Hit {
                    queue: slot.queue,
                    entry: slot.entry,
                });
            }
            // At least half of the slots are empty, so the walk ends.
            if slot.key == 0 {
                return None;
            }
            index = (index + 1) & mask;
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("filters", &self.len())
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Slot {
    /// The key's word, 0 if the slot is empty.
    key: u64,
    entry: u32,
    queue: QueueId,
}

const _: () = assert!(size_of::<Slot>() == 16);

const EMPTY: Slot = Slot {
    key: 0,
    entry: 0,
    queue: QueueId::DEFAULT,
};

/// A table being compiled. Filters are added strongest first; a later one that an earlier one hides is left out.
pub(crate) struct Compiler {
    table: Table,
    room: usize,
}

impl Compiler {
    /// Room for `filters` filters.
    pub(crate) fn new(
        filters: usize,
        hash: SeededHash,
        members: Box<[QueueId]>,
        marks: Marks,
    ) -> Compiler {
        let slots = vec![EMPTY; (filters * 2).next_power_of_two()].into_boxed_slice();
        Compiler {
            table: Table {
                slots,
                hash,
                has_any_vlan: false,
                members,
                marks,
            },
            room: filters,
        }
    }

    pub(crate) fn add_static(&mut self, key: Key, queue: QueueId, id: FilterId) {
        if self.table.has_any_vlan && self.table.probe(key.with_any_vlan()).is_some() {
            return;
        }
        self.table.has_any_vlan |= key.is_any_vlan();
        self.insert(Slot {
            key: key.word(),
            entry: STATIC | u32::from(id.0),
            queue,
        });
    }

    pub(crate) fn add_learned(&mut self, key: Key, queue: QueueId, entry: u32) {
        self.insert(Slot {
            key: key.word(),
            entry,
            queue,
        });
    }

    pub(crate) fn finish(self) -> Table {
        self.table
    }

    fn insert(&mut self, slot: Slot) {
        let Some(room) = self.room.checked_sub(1) else {
            debug_assert!(false, "more filters than were announced");
            return;
        };
        let mask = self.table.slots.len() - 1;
        let mut index = self.table.hash.of(slot.key) as usize & mask;
        while self.table.slots[index].key != 0 {
            if self.table.slots[index].key == slot.key {
                return;
            }
            index = (index + 1) & mask;
        }
        self.table.slots[index] = slot;
        self.room = room;
    }
}
