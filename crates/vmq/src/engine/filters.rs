//! Filters that somebody sets: SET_FILTER, CLEAR_FILTER, and what lists them.

use super::Engine;
use crate::filter::{Filter, FilterInfo, Key, StaticFilter};
use crate::id::{Binding, FilterId, QueueId};
use crate::queue::FilterKind;
use crate::state::Request;
use crate::status::NdisStatus;

impl Engine {
    /// `OID_RECEIVE_FILTER_SET_FILTER`: frames that pass `filter` go to `queue` once it runs. Learned filters that accept
    /// such frames are cleared; when the engine is full, the learned filter that was silent for longest gives way.
    ///
    /// Refused with INVALID_PARAMETER if the queue does not exist, is somebody else's (T9) or is being freed (T10), or the
    /// filter accepts no frame or tests what is not offered (T4, T6, T8); with NOT_SUPPORTED if there are no filters (C2,
    /// C7); with RESOURCES if no filter id is left.
    pub fn set_filter(
        &mut self,
        by: Binding,
        queue: QueueId,
        filter: Filter,
    ) -> Result<FilterId, NdisStatus> {
        self.offer.check_vmq()?;
        filter.check(&self.offer)?;
        let found = self.find(queue)?;
        if !found.takes_filters_of(by) {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        found.accepts(Request::SetFilter)?;
        let set = StaticFilter {
            owner: by,
            queue,
            filter,
        };
        let id = self.filters.insert(set).ok_or(NdisStatus::RESOURCES)?;
        self.find_mut(queue)?.add_filter(FilterKind::Static)?;
        self.give_way_to(filter.key());
        self.compiled = None;
        Ok(id)
    }

    /// `OID_RECEIVE_FILTER_CLEAR_FILTER`. Refused with FILE_NOT_FOUND if `queue` has no such filter (T11), or somebody else
    /// has set it (T9).
    pub fn clear_filter(
        &mut self,
        by: Binding,
        queue: QueueId,
        filter: FilterId,
    ) -> Result<(), NdisStatus> {
        match self.filters.find(filter) {
            Some(set) if (set.owner, set.queue) == (by, queue) => {}
            _ => return Err(NdisStatus::FILE_NOT_FOUND),
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

    /// Clears learned filters so that a static filter with `key` finds its place.
    fn give_way_to(&mut self, key: Key) {
        let gone = if key.is_any_vlan() {
            self.learned
                .remove_where(|learned, _, _| learned.mac() == key.mac())
        } else {
            self.learned.remove(key).into_iter().collect()
        };
        self.forgotten(&gone);
        self.make_room();
    }
}
