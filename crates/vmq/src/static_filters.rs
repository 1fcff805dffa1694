//! The filters that somebody set: by id, and the exact ones by what they test.

use std::collections::{BTreeMap, BTreeSet};

use crate::criteria::Criteria;
use crate::filter::FilterInfo;
use crate::id::{Binding, FilterId, Ids, QueueId};
use crate::key::Key;

/// The static filters of all queues.
#[derive(Debug)]
pub(crate) struct StaticFilters {
    ids: Ids,
    by_id: BTreeMap<FilterId, StaticFilter>,
    /// The exact ones.
    by_key: BTreeSet<(Key, FilterId)>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct StaticFilter {
    /// Who set it, and alone may clear it (T9).
    pub(crate) owner: Binding,
    pub(crate) queue: QueueId,
    pub(crate) criteria: Criteria,
}

impl StaticFilter {
    pub(crate) fn info(&self, id: FilterId) -> FilterInfo {
        FilterInfo {
            id: Some(id),
            owner: Some(self.owner),
            queue: self.queue,
            criteria: self.criteria.clone(),
            last_seen: None,
            moves: 0,
        }
    }
}

impl StaticFilters {
    pub(crate) fn up_to(limit: u16) -> StaticFilters {
        StaticFilters {
            ids: Ids::up_to(limit),
            by_id: BTreeMap::new(),
            by_key: BTreeSet::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether no id beyond `limit` is in use.
    pub(crate) fn fit(&self, limit: u16) -> bool {
        self.ids.fit(limit)
    }

    /// Moves the limit to one that they [`fit`](StaticFilters::fit).
    pub(crate) fn set_limit(&mut self, limit: u16) {
        self.ids.set_limit(limit);
    }

    /// Adds a filter under the lowest free id.
    pub(crate) fn insert(&mut self, set: StaticFilter) -> Option<FilterId> {
        let id = FilterId(self.ids.take()?);
        self.place(id, set);
        Some(id)
    }

    /// Adds a filter under an id that somebody else has chosen; `false` if that is not free.
    pub(crate) fn insert_as(&mut self, id: FilterId, set: StaticFilter) -> bool {
        let is_free = self.ids.take_this(id.0);
        if is_free {
            self.place(id, set);
        }
        is_free
    }

    pub(crate) fn remove(&mut self, id: FilterId) {
        if let Some(set) = self.by_id.remove(&id) {
            if let Some(filter) = set.criteria.exact() {
                self.by_key.remove(&(filter.key(), id));
            }
            self.ids.give_back(id.0);
        }
    }

    /// Puts a filter on another queue.
    pub(crate) fn move_to(&mut self, id: FilterId, queue: QueueId) {
        if let Some(set) = self.by_id.get_mut(&id) {
            set.queue = queue;
        }
    }

    pub(crate) fn find(&self, id: FilterId) -> Option<&StaticFilter> {
        self.by_id.get(&id)
    }

    /// The queue whose exact filter accepts frames of this key: the lowest filter id wins (T2).
    pub(crate) fn owner(&self, key: Key) -> Option<QueueId> {
        let first = |key| {
            let mut ids = self
                .by_key
                .range((key, FilterId(0))..=(key, FilterId(u16::MAX)));
            ids.next().map(|(_, id)| *id)
        };
        let id = first(key)
            .into_iter()
            .chain(first(key.with_any_vlan()))
            .min()?;
        self.by_id.get(&id).map(|set| set.queue)
    }

    /// All of them, lowest id first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (FilterId, &StaticFilter)> {
        self.by_id.iter().map(|(id, set)| (*id, set))
    }

    fn place(&mut self, id: FilterId, set: StaticFilter) {
        if let Some(filter) = set.criteria.exact() {
            self.by_key.insert((filter.key(), id));
        }
        self.by_id.insert(id, set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{Filter, VlanTest};
    use crate::id::VlanId;
    use crate::mac::Mac;

    /// T2: of the filters that accept, the lowest id owns the address, whatever they test.
    #[test]
    fn the_owner_of_an_address_is_the_lowest_filter() {
        let mut filters = StaticFilters::up_to(9);
        let mac = Mac([0x52, 0, 0, 0, 0, 1]);
        let mut set = |queue, vlan| {
            let set = StaticFilter {
                owner: Binding(0),
                queue: QueueId(queue),
                criteria: Filter { mac, vlan }.into(),
            };
            filters.insert(set).unwrap()
        };
        let first = set(1, VlanTest::Id(VlanId(7)));
        set(2, VlanTest::Any);
        set(3, VlanTest::Id(VlanId(7)));
        let owner = |filters: &StaticFilters, vlan| filters.owner(Key::exact(VlanId(vlan), mac));
        assert_eq!(
            [owner(&filters, 7), owner(&filters, 8)],
            [Some(QueueId(1)), Some(QueueId(2))]
        );
        filters.remove(first);
        assert_eq!(owner(&filters, 7), Some(QueueId(2)));
        assert_eq!(filters.owner(Key::exact(VlanId(7), Mac::default())), None);
    }
}
