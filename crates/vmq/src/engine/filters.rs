//! Filters that somebody sets: set, moved, cleared, listed.

use super::Engine;
use crate::criteria::Criteria;
use crate::filter::FilterInfo;
use crate::id::{Binding, FilterId, QueueId};
use crate::key::Key;
use crate::queue::FilterKind;
use crate::state::Request;
use crate::static_filters::{StaticFilter, StaticFilters};
use crate::status::NdisStatus;

impl Engine {
    /// `OID_RECEIVE_FILTER_SET_FILTER`: frames that pass all tests go to `queue` once it runs. Where filters of several
    /// queues accept a frame, the lowest id wins (T2). Learned filters that accept the frames of an exact one are cleared;
    /// when the engine is full, the learned filter that was silent for longest gives way.
    ///
    /// Refused with INVALID_PARAMETER if the queue does not exist, is somebody else's (T9) or is being freed (T10), or a test
    /// makes no sense or is not offered (T4, T6, T8); with NOT_SUPPORTED if there are no filters (C2, C7); with RESOURCES if
    /// no filter id is left.
    pub fn set_filter(
        &mut self,
        by: Binding,
        queue: QueueId,
        criteria: impl Into<Criteria>,
    ) -> Result<FilterId, NdisStatus> {
        self.set(by, queue, criteria.into(), |filters, set| {
            filters.insert(set).ok_or(NdisStatus::RESOURCES)
        })
    }

    /// As [`Engine::set_filter`], under an id that somebody above has chosen, as NDIS does for a miniport. Refused with
    /// INVALID_PARAMETER if the id is in use or beyond the limit (T10).
    pub fn set_filter_as(
        &mut self,
        by: Binding,
        queue: QueueId,
        id: FilterId,
        criteria: impl Into<Criteria>,
    ) -> Result<(), NdisStatus> {
        self.set(by, queue, criteria.into(), |filters, set| {
            let is_set = filters.insert_as(id, set);
            is_set.then_some(id).ok_or(NdisStatus::INVALID_PARAMETER)
        })?;
        Ok(())
    }

    /// Puts a filter on another queue: in every table it is on exactly one of the two. NDIS has this for virtual ports
    /// (`OID_RECEIVE_FILTER_MOVE_FILTER`, T12), of which there are none here.
    ///
    /// Refused with INVALID_PARAMETER if `from` has no such filter of this binding, or it could not be set on `to`.
    pub fn move_filter(
        &mut self,
        by: Binding,
        filter: FilterId,
        from: QueueId,
        to: QueueId,
    ) -> Result<(), NdisStatus> {
        self.offer.check_vmq()?;
        if !self.is_set(by, from, filter) {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        self.find_for_filter(by, to)?;
        if from != to {
            self.find_mut(from)?.remove_filter(FilterKind::Static)?;
            self.find_mut(to)?.add_filter(FilterKind::Static)?;
            self.filters.move_to(filter, to);
            self.compiled = None;
        }
        Ok(())
    }

    /// `OID_RECEIVE_FILTER_CLEAR_FILTER`. Refused with FILE_NOT_FOUND if `queue` has no such filter (T11), or somebody else
    /// has set it (T9).
    pub fn clear_filter(
        &mut self,
        by: Binding,
        queue: QueueId,
        filter: FilterId,
    ) -> Result<(), NdisStatus> {
        if !self.is_set(by, queue, filter) {
            return Err(NdisStatus::FILE_NOT_FOUND);
        }
        self.find_mut(queue)?.remove_filter(FilterKind::Static)?;
        self.filters.remove(filter);
        self.compiled = None;
        Ok(())
    }

    /// `OID_RECEIVE_FILTER_ENUM_FILTERS`: the filters of one queue, static ones by id, then learned ones by VLAN and
    /// address. Refused with INVALID_PARAMETER if the queue does not exist or is being freed.
    pub fn filters(&self, queue: QueueId) -> Result<impl Iterator<Item = FilterInfo>, NdisStatus> {
        self.find(queue)?.accepts(Request::EnumFilters)?;
        let set = self
            .filters
            .iter()
            .filter(move |(_, set)| set.queue == queue);
        let set = set.map(|(id, set)| set.info(id));
        Ok(set.chain(self.learned.infos(queue)))
    }

    /// `OID_RECEIVE_FILTER_PARAMETERS`: one static filter. Refused with INVALID_PARAMETER if there is none (T11).
    pub fn filter(&self, filter: FilterId) -> Result<FilterInfo, NdisStatus> {
        let set = self.filters.find(filter);
        let set = set.ok_or(NdisStatus::INVALID_PARAMETER)?;
        self.find(set.queue)?.accepts(Request::ReadFilter)?;
        Ok(set.info(filter))
    }

    fn set(
        &mut self,
        by: Binding,
        queue: QueueId,
        criteria: Criteria,
        insert: impl FnOnce(&mut StaticFilters, StaticFilter) -> Result<FilterId, NdisStatus>,
    ) -> Result<FilterId, NdisStatus> {
        self.offer.check_vmq()?;
        criteria.check(&self.offer)?;
        self.find_for_filter(by, queue)?;
        let exact = criteria.exact();
        let set = StaticFilter {
            owner: by,
            queue,
            criteria,
        };
        let id = insert(&mut self.filters, set)?;
        self.find_mut(queue)?.add_filter(FilterKind::Static)?;
        if let Some(filter) = exact {
            self.give_way_to(filter.key());
        }
        self.make_room();
        self.compiled = None;
        Ok(id)
    }

    /// A queue that takes a filter of this binding (T3, T9) now (T10).
    fn find_for_filter(&self, by: Binding, queue: QueueId) -> Result<(), NdisStatus> {
        let found = self.find(queue)?;
        if !found.takes_filters_of(by) {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        found.accepts(Request::SetFilter)?;
        Ok(())
    }

    /// Whether this binding has set such a filter on `queue`.
    fn is_set(&self, by: Binding, queue: QueueId, filter: FilterId) -> bool {
        let set = self.filters.find(filter);
        set.is_some_and(|set| (set.owner, set.queue) == (by, queue))
    }

    /// Clears learned filters so that a static filter with `key` finds its place.
    fn give_way_to(&mut self, key: Key) {
        let gone = if key.is_any_vlan() {
            self.learned
                .remove_where(|learned, _, _| learned.mac() == key.mac())
        } else {
            self.learned.remove(key).into_iter().collect()
        };
        self.forgotten(&gone);
    }
}
