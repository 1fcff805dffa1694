//! Learned filters: coming, moving, ageing, making room.

use super::Engine;
use crate::id::{QueueId, VlanId};
use crate::key::Key;
use crate::learn::{Learned, Reason, Station};
use crate::mac::Mac;
use crate::queue::FilterKind;
use crate::tick::Tick;

impl Engine {
    /// A guest behind `queue` sent a frame from `mac` on `vlan`: frames to that address go to `queue` from now on.
    pub fn learn(&mut self, queue: QueueId, vlan: VlanId, mac: Mac, now: Tick) -> Learned {
        if mac.is_multicast() {
            return Learned::Refused(Reason::Multicast);
        }
        if !vlan.is_valid() {
            return Learned::Refused(Reason::InvalidVlan);
        }
        let (has_room, takes_moves) = match self.find(queue) {
            Ok(found) if found.is_complete() => (
                found.learned() < found.learning_limit(&self.offer),
                found.takes_moves(),
            ),
            _ => return Learned::Refused(Reason::QueueNotRunning),
        };
        let key = Key::exact(vlan, mac);
        if let Some(owner) = self.filters.owner(key) {
            return if owner == queue {
                Learned::Known
            } else {
                Learned::Refused(Reason::StaticElsewhere)
            };
        }
        let before = self.learned.queue_of(key);
        if before == Some(queue) {
            self.learned.renew(key, now);
            return Learned::Known;
        }
        if before.is_some() && !takes_moves {
            return Learned::Refused(Reason::NoMoves);
        }
        if !has_room {
            return Learned::Refused(Reason::PerQueueLimit);
        }
        if before.is_none() && self.filter_count() >= self.offer.capabilities.max_filters as usize {
            return Learned::Refused(Reason::TableFull);
        }
        self.count_in(queue);
        self.compiled = None;
        match before {
            Some(from) => {
                let moves = self.learned.move_to(key, queue, now);
                self.count_out(from);
                Learned::Moved { from, moves }
            }
            None => {
                self.learned.insert(key, queue, now);
                Learned::New
            }
        }
    }

    /// Clears the learned filters whose address was not seen for the maximum age; answers which, by VLAN and address.
    pub fn age(&mut self, now: Tick) -> Vec<Station> {
        let expired = self.learned.expire(now, self.offer.settings.max_age);
        self.forgotten(&expired);
        expired
    }

    /// Clears the learned filters of `queue`; answers which, by VLAN and address.
    pub fn forget(&mut self, queue: QueueId) -> Vec<Station> {
        let gone = self.learned.remove_where(|_, owner, _| owner == queue);
        self.forgotten(&gone);
        gone
    }

    /// When [`Engine::age`] should be called next: nothing expires before. `None` if nothing can expire.
    pub fn next_expiry(&self) -> Option<Tick> {
        self.learned.next_expiry(self.offer.settings.max_age)
    }

    /// Clears the learned filters that are more than the engine may hold, those silent for longest first.
    pub(super) fn make_room(&mut self) {
        let limit = self.offer.capabilities.max_filters as usize;
        let beyond = self.filter_count().saturating_sub(limit);
        let gone = self.learned.remove_most_silent(beyond, |_| true);
        self.forgotten(&gone);
    }

    /// Clears the learned filters that are more than `queue` may have, those silent for longest first.
    pub(super) fn make_room_on(&mut self, queue: QueueId) {
        let Ok(found) = self.find(queue) else { return };
        let beyond = found
            .learned()
            .saturating_sub(found.learning_limit(&self.offer));
        let gone = self
            .learned
            .remove_most_silent(beyond as usize, |owner| owner == queue);
        self.forgotten(&gone);
    }

    fn count_in(&mut self, queue: QueueId) {
        let counted = self
            .find_mut(queue)
            .and_then(|queue| queue.add_filter(FilterKind::Learned));
        debug_assert!(counted.is_ok(), "queue {queue} takes no filter");
    }

    /// Learned filters are gone: their queues have so many less.
    pub(super) fn forgotten(&mut self, gone: &[Station]) {
        for station in gone {
            self.count_out(station.queue);
            self.compiled = None;
        }
    }

    fn count_out(&mut self, queue: QueueId) {
        let counted = self
            .find_mut(queue)
            .and_then(|queue| queue.remove_filter(FilterKind::Learned));
        debug_assert!(counted.is_ok(), "queue {queue} had no filter");
    }
}
