//! The lookup table that workers hold: filters compiled to one open-addressing hash table.
//!
//! ```text
//!   (VLAN, MAC) ──► key ──hash──► line: | key u64 | entry u32, queue u16, flags u16 |   slot 0, 16 bytes
//!                                       |   ..    |              ..                 |   slots 1, 2
//!                                       |   ..    |              ..                 |   slot 3: one cache line
//!                 spilled and not here: the next line
//! ```
//!
//! Filters that test more are few or none. They stand beside the hash table in the order of their ids, and are tried only for
//! frames for which a lower id could still be found.
//!
//! A table never changes, so a lookup needs no lock and sees every filter on exactly one queue. At most half of the
//! slots are in use, and the four slots of a line are compared without a branch: a lookup costs one hash, one cache line
//! and hardly ever a mispredicted branch, with two filters or with a hundred thousand.

use std::fmt;
use std::hint::select_unpredictable;

use crate::criteria::Criteria;
use crate::field::Facts;
use crate::hash::SeededHash;
use crate::hit::{Entry, Hit};
use crate::id::{FilterId, QueueId, VlanId};
use crate::key::Key;
use crate::learn::{self, Marks};
use crate::mac::Mac;
use crate::tick::Tick;

/// Where frames go, as of one moment.
pub struct Table {
    lines: Box<[Line]>,
    hash: SeededHash,
    /// Whether any filter takes all VLANs: without one, the second probe is not made.
    has_any_vlan: bool,
    /// Filters that are not exact, lowest id first.
    general: Box<[General]>,
    /// Whether tags move to the 802.1Q slot (T7).
    moves_tags: bool,
    members: Box<[QueueId]>,
    marks: Marks,
}

/// A filter that is not exact.
struct General {
    id: FilterId,
    hit: Hit,
    criteria: Criteria,
}

impl Table {
    /// The filter that accepts a frame to `destination` on `vlan`, which has these `facts`: of the static filters that do
    /// the one with the lowest id (T2), else a learned one. `facts` are only asked for if a filter looks at them.
    #[inline]
    pub fn classify(
        &self,
        vlan: VlanId,
        destination: Mac,
        facts: impl FnOnce() -> Facts,
    ) -> Option<Hit> {
        let exact = self.lookup(vlan, destination);
        if self.has_general_filters() {
            self.lowest(exact, &facts())
        } else {
            exact
        }
    }

    /// Whether there are filters that look at more than a frame's destination and VLAN: then frames that agree in these
    /// can go to different queues.
    #[inline]
    pub fn has_general_filters(&self) -> bool {
        !self.general.is_empty()
    }

    /// Whether the tag of a frame on `vlan` that passed this filter goes from its data to its 802.1Q slot, if it has one: from
    /// NDIS 6.30 on where its id is not 0 (T7), and where the filter asks nothing of the VLAN (T6).
    pub fn moves_tag(&self, hit: Hit, vlan: VlanId) -> bool {
        self.moves_tags && (vlan != VlanId::UNTAGGED || hit.leaves_vlan_open())
    }

    /// The queue that an id means which somebody has kept, in a frame's slot 14 for instance: the default queue, if there is
    /// no such queue any more (F7, X2).
    pub fn queue_of(&self, id: QueueId) -> QueueId {
        let is_member = self.members.binary_search(&id).is_ok();
        if is_member { id } else { QueueId::DEFAULT }
    }

    /// The exact filter that accepts a frame to `mac` on `vlan`. Group addresses are nobody's: they go to
    /// [`Table::members`].
    #[inline]
    pub fn lookup(&self, vlan: VlanId, mac: Mac) -> Option<Hit> {
        if mac.is_multicast() {
            return None;
        }
        match self.probe(Key::exact(vlan, mac)) {
            None if self.has_any_vlan => self.lookup_any_vlan(mac),
            found => found,
        }
    }

    /// Notes that a frame *from* the address of learned filter `entry` was seen. A static filter needs no such note and
    /// ignores it.
    #[inline]
    pub fn mark_seen(&self, entry: Entry, tick: Tick) {
        if let Some(slot) = self.marks.get(entry.mark()) {
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
        let slots = self.lines.iter().flat_map(|line| &line.0);
        slots.filter(|slot| slot.key != 0).count() + self.general.len()
    }

    /// Whether the table holds no filter.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The exact filter that was found, unless a static one with a lower id accepts the frame.
    #[inline(never)]
    fn lowest(&self, exact: Option<Hit>, frame: &Facts) -> Option<Hit> {
        let bound = exact.and_then(Hit::filter);
        let lower = self
            .general
            .iter()
            .take_while(|general| bound.is_none_or(|bound| general.id < bound));
        let mut accepting = lower.filter(|general| general.criteria.accepts(frame));
        accepting.next().map(|general| general.hit).or(exact)
    }

    /// Not inlined: the first probe alone is small enough to be part of its callers.
    #[inline(never)]
    fn lookup_any_vlan(&self, mac: Mac) -> Option<Hit> {
        self.probe(Key::any_vlan(mac))
    }

    #[inline]
    fn probe(&self, key: Key) -> Option<Hit> {
        for index in self.walk(key) {
            let line = &self.lines[index];
            let mut value = 0;
            for slot in &line.0 {
                value = select_unpredictable(slot.key == key.word(), slot.value, value);
            }
            let found = Hit::from_word(value);
            if found.is_some() || !line.has_spilled() {
                return found;
            }
        }
        None
    }

    /// The lines where `key` may be, the likeliest first.
    #[inline]
    fn walk(&self, key: Key) -> impl Iterator<Item = usize> + use<> {
        let mask = self.lines.len() - 1;
        let home = self.hash.of(key.word()) as usize;
        (0..self.lines.len()).map(move |step| home.wrapping_add(step) & mask)
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

/// One cache line. Its slots are taken from the first on; a filter that finds no room goes to the next line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([Slot; SLOTS_PER_LINE]);

#[derive(Clone, Copy)]
struct Slot {
    /// The key's word, 0 if the slot is empty.
    key: u64,
    /// The hit's word and, in the bits that it leaves free, flags. One word, so that choosing between slots is choosing
    /// between registers.
    value: u64,
}

const SLOTS_PER_LINE: usize = 4;

const _: () = assert!(size_of::<Slot>() == 16 && size_of::<Line>() == 64);

/// Flag, in the last slot of a line: filters that belong here are in the next line.
const SPILLED: u64 = 1 << 48;

impl Line {
    const EMPTY: Line = Line([Slot { key: 0, value: 0 }; SLOTS_PER_LINE]);

    #[inline]
    const fn has_spilled(&self) -> bool {
        self.0[SLOTS_PER_LINE - 1].value & SPILLED != 0
    }
}

/// A table being compiled. Filters are added strongest first: one that an earlier one hides is left out.
pub(crate) struct Compiler {
    table: Table,
    general: Vec<General>,
}

impl Compiler {
    /// Room for `filters` exact filters: half of the slots, at least, stay empty.
    pub(crate) fn new(
        filters: usize,
        hash: SeededHash,
        moves_tags: bool,
        members: Box<[QueueId]>,
        marks: Marks,
    ) -> Compiler {
        let lines = (filters * 2).div_ceil(SLOTS_PER_LINE).next_power_of_two();
        let lines = vec![Line::EMPTY; lines].into_boxed_slice();
        Compiler {
            table: Table {
                lines,
                hash,
                has_any_vlan: false,
                general: Box::new([]),
                moves_tags,
                members,
                marks,
            },
            general: Vec::new(),
        }
    }

    pub(crate) fn add_static(&mut self, id: FilterId, queue: QueueId, criteria: &Criteria) {
        let entry = Entry::of_static(id, criteria.leaves_vlan_open());
        let hit = Hit { queue, entry };
        let Some(key) = criteria.exact().map(|filter| filter.key()) else {
            let criteria = criteria.clone();
            self.general.push(General { id, hit, criteria });
            return;
        };
        let is_hidden = self.table.has_any_vlan && self.table.probe(key.with_any_vlan()).is_some();
        if !is_hidden {
            self.table.has_any_vlan |= key.is_any_vlan();
            self.add(key, hit);
        }
    }

    pub(crate) fn add_learned(&mut self, key: Key, queue: QueueId, mark: u32) {
        self.add(
            key,
            Hit {
                queue,
                entry: Entry::of_learned(mark),
            },
        );
    }

    pub(crate) fn finish(self) -> Table {
        Table {
            general: self.general.into(),
            ..self.table
        }
    }

    fn add(&mut self, key: Key, hit: Hit) {
        let value = hit.to_word();
        for index in self.table.walk(key) {
            let slots = &mut self.table.lines[index].0;
            let place = slots
                .iter_mut()
                .find(|slot| slot.key == 0 || slot.key == key.word());
            match place {
                Some(slot) if slot.key == 0 => {
                    *slot = Slot {
                        key: key.word(),
                        value,
                    };
                    return;
                }
                Some(_) => return,
                None => slots[SLOTS_PER_LINE - 1].value |= SPILLED,
            }
        }
        debug_assert!(false, "more filters than there is room for");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn table_of(keys: impl ExactSizeIterator<Item = Key>, seed: u64) -> Table {
        let mut compiler = Compiler::new(
            keys.len(),
            SeededHash::new(seed),
            false,
            Box::new([]),
            Arc::new([]),
        );
        for (number, key) in keys.enumerate() {
            compiler.add_learned(key, QueueId(number as u16), number as u32);
        }
        compiler.finish()
    }

    fn station(number: u64) -> (VlanId, Mac) {
        let [.., a, b, c, d] = number.to_be_bytes();
        (VlanId(number as u16 % 16), Mac([0x52, 0x54, a, b, c, d]))
    }

    /// Lines that a lookup for `key` reads.
    fn lines_read(table: &Table, key: Key) -> usize {
        let goes_on =
            |line: &Line| line.has_spilled() && line.0.iter().all(|slot| slot.key != key.word());
        1 + table
            .walk(key)
            .take_while(|index| goes_on(&table.lines[*index]))
            .count()
    }

    #[test]
    fn every_filter_is_found_and_nothing_else() {
        for count in [0, 1, 2, 3, 4, 5, 63, 64, 65, 1000] {
            let keys = (0..count)
                .map(station)
                .map(|(vlan, mac)| Key::exact(vlan, mac))
                .collect::<Vec<_>>();
            let table = table_of(keys.into_iter(), count);
            assert_eq!(table.len(), count as usize);
            for number in 0..count {
                let (vlan, mac) = station(number);
                let expected = Hit {
                    queue: QueueId(number as u16),
                    entry: Entry::of_learned(number as u32),
                };
                assert_eq!(
                    table.lookup(vlan, mac),
                    Some(expected),
                    "{number} of {count}"
                );
                assert_eq!(table.lookup(VlanId(vlan.0 + 16), mac), None);
            }
            assert!(
                (count..2 * count + 9)
                    .map(station)
                    .all(|(vlan, mac)| table.lookup(vlan, mac).is_none())
            );
        }
    }

    #[test]
    fn group_addresses_are_never_looked_up() {
        let mac = Mac([0x52, 0, 0, 0, 0, 1]);
        let group = Mac([0x53, 0, 0, 0, 0, 1]);
        let table = table_of([Key::exact(VlanId(0), mac)].into_iter(), 0);
        assert!(table.lookup(VlanId(0), mac).is_some());
        assert_eq!(table.lookup(VlanId(0), group), None);
        assert_eq!(table.lookup(VlanId(0), Mac::BROADCAST), None);
    }

    /// Addresses counted up, as pools hand them out; 2^10 and 2^16 filters fill exactly half of the slots.
    #[test]
    fn a_lookup_reads_few_lines_however_many_filters_there_are() {
        let exact = |number| {
            let (vlan, mac) = station(number);
            Key::exact(vlan, mac)
        };
        for (seed, count) in
            (0..4).flat_map(|seed| [1 << 10, 1 << 16, 100_000].map(|count| (seed, count)))
        {
            let table = table_of((0..count).map(exact).collect::<Vec<_>>().into_iter(), seed);
            for (asked, name) in [(0..count, "known"), (count..2 * count, "unknown")] {
                let read: Vec<_> = asked
                    .map(|number| lines_read(&table, exact(number)))
                    .collect();
                let average = read.iter().sum::<usize>() as f64 / count as f64;
                let longest = read.iter().max().copied().unwrap_or(0);
                assert!(
                    average < 1.15,
                    "{average} lines on average, {count} filters, {name}, seed {seed}"
                );
                assert!(
                    longest <= 12,
                    "{longest} lines at worst, {count} filters, {name}, seed {seed}"
                );
            }
        }
    }

    #[test]
    fn filters_that_share_a_home_spill_to_the_next_lines_and_around_the_end() {
        let hash = SeededHash::new(3);
        let last_of_16 = |key: &Key| hash.of(key.word()) & 15 == 15;
        let exact = |number| {
            let (vlan, mac) = station(number);
            Key::exact(vlan, mac)
        };
        let crowd: Vec<_> = (0..).map(exact).filter(last_of_16).take(32).collect();
        let table = table_of(crowd.iter().copied(), 3);
        assert_eq!(table.lines.len(), 16);
        assert_eq!(lines_read(&table, crowd[31]), 8);
        for (number, key) in crowd.iter().enumerate() {
            assert_eq!(
                table.probe(*key).map(|hit| hit.entry),
                Some(Entry::of_learned(number as u32))
            );
        }
    }
}
