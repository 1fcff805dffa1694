//! Learned filters: what the switch finds out from the frames that guests send.
//!
//! A guest that sends from an address gets the frames to that address. The engine sets such a filter itself and is its
//! setter in the sense of T9, so it may also clear it: when the station moves, falls silent, or a static filter comes.
//!
//! Invariants: a learned filter never accepts a frame that a static filter accepts; an address on a VLAN is learned on at
//! most one queue. A learned filter tests a MAC and one VLAN and has no filter id: ids name what somebody may clear.
//!
//! Each filter has a *mark*, the moment its address was last seen. Workers write marks through any table they hold, old
//! or new, since all tables share one array.

use std::collections::BTreeMap;
use std::iter::repeat_n;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::filter::FilterInfo;
use crate::id::{QueueId, VlanId};
use crate::key::Key;
use crate::mac::Mac;
use crate::tick::{Span, Tick};

/// What became of an address that a guest was seen to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Frames to it now go to this queue; before, no filter accepted them.
    New,
    /// Frames to it now go to this queue instead of the one it was learned on.
    Moved {
        /// Where it was before.
        from: QueueId,
        /// How often it has moved, each time within [`MOVES_WITHIN`] of the time before; 1 for a move after a quiet while. A
        /// machine that is migrated moves once, an address that two machines use comes and goes.
        moves: u32,
    },
    /// Frames to it go to this queue already.
    Known,
    /// Nothing changed.
    Refused(Reason),
}

/// Why an address was not learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A group address cannot be anybody's source.
    #[error("a group address is nobody's source address")]
    Multicast,
    /// The VLAN id does not fit a tag.
    #[error("a VLAN id is at most 4095")]
    InvalidVlan,
    /// A static filter gives the address to another queue, and static filters win.
    #[error("a static filter gives the address to another queue")]
    StaticElsewhere,
    /// It was learned on another queue, and addresses do not move to this one.
    #[error("the address was learned on another queue and may not move to this one")]
    NoMoves,
    /// The queue has as many learned filters as a queue may have.
    #[error("the queue has learned as many addresses as one queue may")]
    PerQueueLimit,
    /// There are as many filters as there may be.
    #[error("there are as many filters as the engine may hold")]
    TableFull,
    /// No such queue, or its allocation is not complete, or it is being freed.
    #[error("the queue does not exist, is not complete yet, or is being freed")]
    QueueNotRunning,
}

/// An address on a VLAN, and the queue that it was learned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Station {
    /// Its VLAN.
    pub vlan: VlanId,
    /// Its address.
    pub mac: Mac,
    /// Where it was.
    pub queue: QueueId,
}

/// Moves of an address that are no further apart are counted together.
pub const MOVES_WITHIN: Span = Span(60);

/// The moments at which addresses were last seen, shared by the engine and every table.
pub(crate) type Marks = Arc<[AtomicU32]>;

/// Notes that the address of a mark was seen. Marks never go back, whichever thread's idea of time is the latest.
#[inline]
pub(crate) fn mark(slot: &AtomicU32, tick: Tick) {
    // A plain load first: a busy address costs its cache line one write a tick, not one a frame.
    if slot.load(Ordering::Relaxed) < tick.0 {
        slot.store(tick.0, Ordering::Relaxed);
    }
}

/// The learned filters of all queues.
#[derive(Debug)]
pub(crate) struct LearnedFilters {
    by_key: BTreeMap<Key, LearnedFilter>,
    marks: Marks,
    free_marks: Vec<u32>,
    /// Nothing was last seen before this: exact when it was computed, since then a lower bound.
    oldest: Tick,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct LearnedFilter {
    pub(crate) queue: QueueId,
    /// Index of its mark.
    pub(crate) mark: u32,
    /// Moves in a row, and when the last one was.
    moves: u32,
    moved: Tick,
}

impl LearnedFilters {
    pub(crate) fn new() -> LearnedFilters {
        LearnedFilters {
            by_key: BTreeMap::new(),
            marks: Arc::new([]),
            free_marks: Vec::new(),
            oldest: Tick(0),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    pub(crate) fn queue_of(&self, key: Key) -> Option<QueueId> {
        self.by_key.get(&key).map(|learned| learned.queue)
    }

    /// `key` must not be there yet.
    pub(crate) fn insert(&mut self, key: Key, queue: QueueId, now: Tick) {
        let mark = self.take_mark();
        if self.by_key.is_empty() || now < self.oldest {
            self.oldest = now;
        }
        self.marks[mark as usize].store(now.0, Ordering::Relaxed);
        let learned = LearnedFilter {
            queue,
            mark,
            moves: 0,
            moved: now,
        };
        self.by_key.insert(key, learned);
    }

    /// Notes that `key` was seen.
    pub(crate) fn renew(&mut self, key: Key, now: Tick) {
        if let Some(learned) = self.by_key.get(&key) {
            mark(&self.marks[learned.mark as usize], now);
        }
    }

    /// Puts `key` on `queue`, where it was seen; answers how often it has moved in a row.
    pub(crate) fn move_to(&mut self, key: Key, queue: QueueId, now: Tick) -> u32 {
        self.renew(key, now);
        let Some(learned) = self.by_key.get_mut(&key) else {
            return 0;
        };
        if now.since(learned.moved) > MOVES_WITHIN {
            learned.moves = 0;
        }
        learned.moves = learned.moves.saturating_add(1);
        (learned.queue, learned.moved) = (queue, now);
        learned.moves
    }

    /// Removes `key`; answers what it was.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Station> {
        let learned = self.by_key.remove(&key)?;
        self.free_marks.push(learned.mark);
        Some(key.station(learned.queue))
    }

    /// Removes what `condemned` says; answers what that was, in key order.
    pub(crate) fn remove_where(
        &mut self,
        condemned: impl Fn(Key, QueueId, Tick) -> bool,
    ) -> Vec<Station> {
        let mut gone = Vec::new();
        let marks = &self.marks;
        let free_marks = &mut self.free_marks;
        self.by_key.retain(|key, learned| {
            let goes = condemned(*key, learned.queue, read(marks, learned.mark));
            if goes {
                gone.push(key.station(learned.queue));
                free_marks.push(learned.mark);
            }
            !goes
        });
        gone
    }

    /// Removes what was not seen for `max_age`; answers what that was.
    pub(crate) fn expire(&mut self, now: Tick, max_age: Span) -> Vec<Station> {
        let expired = self.remove_where(|_, _, seen| now.since(seen) >= max_age);
        self.oldest = self.iter_seen().map(|(seen, _)| seen).min().unwrap_or(now);
        expired
    }

    /// Removes so many of the filters on queues that `of` names, those silent for longest first, of these the lowest keys;
    /// answers what they were.
    pub(crate) fn remove_most_silent(
        &mut self,
        count: usize,
        of: impl Fn(QueueId) -> bool,
    ) -> Vec<Station> {
        if count == 0 {
            return Vec::new();
        }
        let candidates = self.iter().filter(|(_, learned)| of(learned.queue));
        let mut candidates: Vec<_> = candidates
            .map(|(key, learned)| (read(&self.marks, learned.mark), key))
            .collect();
        let count = count.min(candidates.len());
        if count < candidates.len() {
            candidates.select_nth_unstable(count);
        }
        let gone = candidates[..count].iter().map(|(_, key)| *key);
        gone.filter_map(|key| self.remove(key)).collect()
    }

    /// A moment before which nothing expires, if there is anything to expire.
    pub(crate) fn next_expiry(&self, max_age: Span) -> Option<Tick> {
        if self.by_key.is_empty() {
            None
        } else {
            Some(self.oldest.after(max_age))
        }
    }

    /// All of them, by VLAN and address.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, LearnedFilter)> {
        self.by_key.iter().map(|(key, learned)| (*key, *learned))
    }

    pub(crate) fn infos(&self, queue: QueueId) -> impl Iterator<Item = FilterInfo> {
        self.iter()
            .filter(move |(_, learned)| learned.queue == queue)
            .map(|(key, learned)| FilterInfo {
                id: None,
                owner: None,
                queue: learned.queue,
                criteria: key.filter().into(),
                last_seen: Some(read(&self.marks, learned.mark)),
                moves: learned.moves,
            })
    }

    fn iter_seen(&self) -> impl Iterator<Item = (Tick, Key)> {
        self.iter()
            .map(|(key, learned)| (read(&self.marks, learned.mark), key))
    }

    fn take_mark(&mut self) -> u32 {
        match self.free_marks.pop() {
            Some(mark) => mark,
            None => self.grow_marks(),
        }
    }

    /// Doubles the marks; answers the first new one. What workers mark through tables they still hold from before is
    /// lost: at most what they saw in one turn, and a station's next frame marks it again.
    fn grow_marks(&mut self) -> u32 {
        let used = self.marks.len();
        let size = (used * 2).max(FIRST_MARKS);
        let kept = self.marks.iter().map(|mark| mark.load(Ordering::Relaxed));
        self.marks = kept
            .chain(repeat_n(0, size - used))
            .map(AtomicU32::new)
            .collect();
        self.free_marks.extend((used as u32 + 1..size as u32).rev());
        used as u32
    }
}

/// Marks an engine starts with when it learns its first address.
const FIRST_MARKS: usize = 64;

fn read(marks: &Marks, mark: u32) -> Tick {
    Tick(marks[mark as usize].load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Key {
        let [high, low] = (number as u16).to_be_bytes();
        Key::exact(VlanId::UNTAGGED, Mac([2, 0, 0, 0, high, low]))
    }

    fn mark_of(learned: &LearnedFilters, key: Key) -> u32 {
        learned.by_key[&key].mark
    }

    #[test]
    fn marks_survive_the_growth_of_their_array() {
        let mut learned = LearnedFilters::new();
        for number in 0..FIRST_MARKS {
            learned.insert(key(number), QueueId(1), Tick(number as u32));
        }
        let smaller = Arc::clone(learned.marks());
        mark(&smaller[mark_of(&learned, key(7)) as usize], Tick(500));
        learned.insert(key(FIRST_MARKS), QueueId(1), Tick(600));
        assert!(!Arc::ptr_eq(&smaller, learned.marks()));
        let seen = |number| read(learned.marks(), mark_of(&learned, key(number)));
        assert_eq!(
            [seen(0), seen(7), seen(63), seen(64)],
            [Tick(0), Tick(500), Tick(63), Tick(600)]
        );
    }

    #[test]
    fn a_mark_belongs_to_one_filter_and_is_used_again() {
        let mut learned = LearnedFilters::new();
        for number in 0..1000 {
            learned.insert(key(number), QueueId(1), Tick(0));
        }
        let mut marks: Vec<_> = learned.iter().map(|(_, filter)| filter.mark).collect();
        marks.sort_unstable();
        marks.dedup();
        assert_eq!(marks.len(), 1000);
        let size = learned.marks().len();
        learned.remove_where(|key, _, _| key.mac().0[5] % 2 == 0);
        for number in 1000..1500 {
            learned.insert(key(number), QueueId(1), Tick(9));
        }
        assert_eq!((learned.len(), learned.marks().len()), (1000, size));
        let fresh = learned
            .iter_seen()
            .filter(|(seen, _)| *seen == Tick(9))
            .count();
        assert_eq!(
            fresh, 500,
            "a mark used again says when its new address was seen"
        );
    }

    #[test]
    fn marks_do_not_pile_up_while_addresses_come_and_go() {
        let mut learned = LearnedFilters::new();
        for number in 0..1000 {
            learned.insert(key(number), QueueId(1), Tick(number as u32));
            let station = |number| key(number).station(QueueId(1));
            assert_eq!(learned.remove(key(number)), Some(station(number)));
            learned.insert(key(number + 1), QueueId(1), Tick(number as u32));
            assert_eq!(
                learned.expire(Tick(number as u32 + 9), Span(9)),
                [station(number + 1)]
            );
        }
        assert_eq!((learned.len(), learned.marks().len()), (0, FIRST_MARKS));
    }

    #[test]
    fn a_mark_does_not_go_back() {
        let slot = AtomicU32::new(0);
        for (tick, expected) in [(5, 5), (3, 5), (5, 5), (6, 6)] {
            mark(&slot, Tick(tick));
            assert_eq!(slot.load(Ordering::Relaxed), expected);
        }
    }
}
