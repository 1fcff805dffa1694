//! The engine: control requests in, results and a lookup table out.
//!
//! Every request is checked against the queue's state before anything changes, so a refused request leaves no trace. No
//! input makes the engine panic, and the same requests always give the same answers and the same tables.

use std::sync::Arc;

use crate::filter::{Filter, FilterInfo, Key, StaticFilters};
use crate::hash::SeededHash;
use crate::hit::MAX_FILTERS;
use crate::id::{FilterId, Ids, QueueId, VlanId};
use crate::learn::{Learned, LearnedFilters, Reason};
use crate::mac::Mac;
use crate::queue::{
    AllocateQueue, Event, FilterKind, OperationalState, Queue, QueueChange, QueueInfo,
};
use crate::state::{Request, State};
use crate::status::NdisStatus;
use crate::table::{Compiler, Table};
use crate::tick::{Span, Tick};

/// How much an engine may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Queues besides the default queue.
    pub num_queues: u16,
    /// Filters, static and learned together; at most 65 535 of them can be static, for that many ids there are.
    pub max_filters: u32,
    /// Learned filters of one queue.
    pub learned_per_queue: u32,
    /// How long a learned filter lives after its address was last seen.
    pub max_age: Span,
}

/// Queues, filters and what was learned.
#[derive(Debug)]
pub struct Engine {
    capabilities: Capabilities,
    hash: SeededHash,
    queue_ids: Ids,
    /// Indexed by queue id; queue 0 is always there.
    queues: Vec<Option<Queue>>,
    filters: StaticFilters,
    learned: LearnedFilters,
    /// `None` after a change.
    compiled: Option<Arc<Table>>,
}

impl Engine {
    /// An engine with the default queue alone. Guests must not know `hash_seed`; with it they could prepare addresses
    /// that make lookups slow.
    pub fn new(capabilities: Capabilities, hash_seed: u64) -> Engine {
        let max_filters = capabilities.max_filters.min(MAX_FILTERS);
        Engine {
            capabilities: Capabilities {
                max_filters,
                ..capabilities
            },
            hash: SeededHash::new(hash_seed),
            queue_ids: Ids::up_to(capabilities.num_queues),
            queues: vec![Some(Queue::default_queue())],
            filters: StaticFilters::up_to(u16::try_from(max_filters).unwrap_or(u16::MAX)),
            learned: LearnedFilters::new(),
            compiled: None,
        }
    }

    /// How much the engine may hold.
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// Keeps learned filters for another time than before, those that are there too.
    pub fn set_max_age(&mut self, max_age: Span) {
        self.capabilities.max_age = max_age;
    }

    /// `OID_RECEIVE_FILTER_ALLOCATE_QUEUE`: a queue with the lowest free id.
    ///
    /// Refused with INVALID_PARAMETER if no processor is named (Q3) or a name is too long, with RESOURCES if no queue is
    /// left. An id in use or still being freed is never handed out again (Q4).
    pub fn allocate_queue(&mut self, parameters: AllocateQueue) -> Result<QueueId, NdisStatus> {
        parameters.check()?;
        let id = QueueId(self.queue_ids.take().ok_or(NdisStatus::RESOURCES)?);
        let mut queue = Queue::undefined(id, parameters);
        queue.apply(Request::Allocate)?;
        if self.queues.len() <= id.index() {
            self.queues.resize_with(id.index() + 1, || None);
        }
        self.queues[id.index()] = Some(queue);
        Ok(id)
    }

    /// `OID_RECEIVE_FILTER_QUEUE_PARAMETERS` (set): changes what `change` names and leaves the rest (Q13). No frame is lost
    /// by it (Q14). Refused with INVALID_PARAMETER under the same conditions as at allocation, and for the default queue,
    /// unknown queues and queues being freed.
    pub fn change_queue(&mut self, queue: QueueId, change: QueueChange) -> Result<(), NdisStatus> {
        self.find_mut(queue)?.change(change)
    }

    /// `OID_RECEIVE_FILTER_SET_FILTER`: frames that pass `filter` go to `queue` once it runs. Learned filters that accept
    /// such frames are cleared; when the engine is full, the learned filter that was silent for longest gives way.
    ///
    /// Refused with INVALID_PARAMETER if the queue does not exist or is being freed (T10) or the filter accepts no frame,
    /// with RESOURCES if no filter id is left.
    pub fn set_filter(&mut self, queue: QueueId, filter: Filter) -> Result<FilterId, NdisStatus> {
        filter.check()?;
        self.find(queue)?.accepts(Request::SetFilter)?;
        let id = self
            .filters
            .insert(queue, filter)
            .ok_or(NdisStatus::RESOURCES)?;
        self.find_mut(queue)?.add_filter(FilterKind::Static)?;
        self.give_way_to(filter.key());
        self.compiled = None;
        Ok(id)
    }

    /// `OID_RECEIVE_FILTER_CLEAR_FILTER`. Refused with FILE_NOT_FOUND if `queue` has no such filter (T11).
    pub fn clear_filter(&mut self, queue: QueueId, filter: FilterId) -> Result<(), NdisStatus> {
        match self.filters.find(filter) {
            Some((owner, _)) if owner == queue => {}
            _ => return Err(NdisStatus::FILE_NOT_FOUND),
        }
        self.find_mut(queue)?.remove_filter(FilterKind::Static)?;
        self.filters.remove(filter);
        self.compiled = None;
        Ok(())
    }

    /// `OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE`: the rings of these queues are ready to be written to. Each queue
    /// gets its own status, a bad one does not stop the others (Q12): INVALID_PARAMETER if it does not exist, is complete
    /// already, or is being freed.
    pub fn allocation_complete(&mut self, queues: &[QueueId]) -> Vec<(QueueId, NdisStatus)> {
        queues
            .iter()
            .map(|queue| (*queue, self.complete(*queue)))
            .collect()
    }

    /// `OID_RECEIVE_FILTER_FREE_QUEUE`, which pends: `Ok` means that the queue is out of the next table and its DMA is to
    /// be stopped (F1). When no worker can touch the queue's memory any more, say so with [`Engine::dma_stopped`].
    ///
    /// Static filters must have been cleared by who set them (F4); learned ones are cleared here, as the engine set them.
    /// Refused with INVALID_STATE if static filters are left, with INVALID_PARAMETER if the queue is the default queue,
    /// does not exist or is being freed already.
    pub fn free_queue(&mut self, queue: QueueId) -> Result<(), NdisStatus> {
        if queue.is_default() {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        let found = self.find(queue)?;
        if !found.has_static_filters() && found.learned() > 0 {
            let owners = self.learned.remove_where(|_, owner, _| owner == queue);
            self.count_out(owners);
        }
        self.find_mut(queue)?.apply(Request::Free)?;
        self.compiled = None;
        Ok(())
    }

    /// The last write to the queue's memory is over. The event is the DMA Stopped indication, which is given exactly once
    /// and before the free completes (F2). Refused with INVALID_PARAMETER unless the queue is waiting for this.
    pub fn dma_stopped(&mut self, queue: QueueId) -> Result<Event, NdisStatus> {
        self.find_mut(queue)?.apply(Request::DmaStopped)?;
        Ok(Event::QueueState {
            queue,
            state: OperationalState::DmaStopped,
        })
    }

    /// All buffers of the queue are back and its memory is freed: the free request completes with SUCCESS and the id may
    /// be allocated again. Refused with INVALID_PARAMETER before [`Engine::dma_stopped`].
    pub fn resources_freed(&mut self, queue: QueueId) -> Result<(), NdisStatus> {
        if self.find_mut(queue)?.apply(Request::ResourcesFreed)? == State::Undefined {
            self.queues[queue.index()] = None;
            self.queue_ids.give_back(queue.0);
        }
        Ok(())
    }

    /// A guest behind `queue` sent a frame from `mac` on `vlan`: frames to that address go to `queue` from now on.
    pub fn learn(&mut self, queue: QueueId, vlan: VlanId, mac: Mac, now: Tick) -> Learned {
        if mac.is_multicast() {
            return Learned::Refused(Reason::Multicast);
        }
        if !vlan.is_valid() {
            return Learned::Refused(Reason::InvalidVlan);
        }
        let learned_here = match self.find(queue) {
            Ok(found) if found.is_complete() => found.learned(),
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
            self.learned.renew(key, queue, now);
            return Learned::Known;
        }
        if learned_here >= self.capabilities.learned_per_queue {
            return Learned::Refused(Reason::PerQueueLimit);
        }
        if before.is_none() && self.filter_count() >= self.capabilities.max_filters as usize {
            return Learned::Refused(Reason::TableFull);
        }
        self.count_in(queue);
        self.compiled = None;
        match before {
            Some(from) => {
                self.learned.renew(key, queue, now);
                self.count_out([from]);
                Learned::Moved { from }
            }
            None => {
                self.learned.insert(key, queue, now);
                Learned::New
            }
        }
    }

    /// Clears the learned filters whose address was not seen for the maximum age; answers how many.
    pub fn age(&mut self, now: Tick) -> usize {
        let owners = self.learned.expire(now, self.capabilities.max_age);
        let expired = owners.len();
        self.count_out(owners);
        if expired > 0 {
            self.compiled = None;
        }
        expired
    }

    /// When [`Engine::age`] should be called next: nothing expires before. `None` if nothing can expire.
    pub fn next_expiry(&self) -> Option<Tick> {
        self.learned.next_expiry(self.capabilities.max_age)
    }

    /// The table of the filters as they are now. Compiled at most once for any number of changes.
    pub fn table(&mut self) -> Arc<Table> {
        if let Some(table) = &self.compiled {
            return Arc::clone(table);
        }
        let table = Arc::new(self.compile());
        self.compiled = Some(Arc::clone(&table));
        table
    }

    /// All queues, the default queue first, those being freed included.
    pub fn queues(&self) -> impl Iterator<Item = QueueInfo<'_>> {
        self.queues.iter().flatten().map(Queue::info)
    }

    /// `OID_RECEIVE_FILTER_QUEUE_PARAMETERS` (read) of one queue. Refused with INVALID_PARAMETER if it does not exist or
    /// is being freed.
    pub fn queue(&self, queue: QueueId) -> Result<QueueInfo<'_>, NdisStatus> {
        let found = self.find(queue)?;
        found.accepts(Request::ReadParameters)?;
        Ok(found.info())
    }

    /// `OID_RECEIVE_FILTER_ENUM_FILTERS`: the filters of one queue, static ones by id, then learned ones by VLAN and
    /// address. Refused with INVALID_PARAMETER if the queue does not exist or is being freed.
    pub fn filters(&self, queue: QueueId) -> Result<impl Iterator<Item = FilterInfo>, NdisStatus> {
        self.find(queue)?.accepts(Request::EnumFilters)?;
        let set = self
            .filters
            .iter()
            .filter(move |(_, owner, _)| *owner == queue);
        let set = set.map(|(id, queue, filter)| FilterInfo {
            id: Some(id),
            queue,
            filter,
            last_seen: None,
        });
        Ok(set.chain(self.learned.infos(queue)))
    }

    /// `OID_RECEIVE_FILTER_PARAMETERS`: one static filter. Refused with INVALID_PARAMETER if there is none (T11).
    pub fn filter(&self, filter: FilterId) -> Result<FilterInfo, NdisStatus> {
        let (queue, tests) = self
            .filters
            .find(filter)
            .ok_or(NdisStatus::INVALID_PARAMETER)?;
        self.find(queue)?.accepts(Request::ReadFilter)?;
        Ok(FilterInfo {
            id: Some(filter),
            queue,
            filter: tests,
            last_seen: None,
        })
    }

    fn compile(&self) -> Table {
        let queues = self.queues.iter().flatten();
        let members = queues
            .filter(|queue| queue.is_complete())
            .map(|queue| queue.info().id);
        let members = members.filter(|id| !id.is_default()).collect();
        let marks = Arc::clone(self.learned.marks());
        let mut compiler = Compiler::new(self.filter_count(), self.hash, members, marks);
        for (id, queue, filter) in self.filters.iter() {
            if self.find(queue).is_ok_and(Queue::receives) {
                compiler.add_static(filter.key(), queue, id);
            }
        }
        for (key, learned) in self.learned.iter() {
            compiler.add_learned(key, learned.queue, learned.mark);
        }
        compiler.finish()
    }

    fn complete(&mut self, queue: QueueId) -> NdisStatus {
        match self
            .find_mut(queue)
            .and_then(|queue| queue.apply(Request::Complete))
        {
            Ok(_) => {
                self.compiled = None;
                NdisStatus::SUCCESS
            }
            Err(refused) => refused,
        }
    }

    /// Clears learned filters so that a static filter with `key` finds its place.
    fn give_way_to(&mut self, key: Key) {
        let owners = if key.is_any_vlan() {
            self.learned
                .remove_where(|learned, _, _| learned.mac() == key.mac())
        } else {
            self.learned.remove(key).into_iter().collect()
        };
        self.count_out(owners);
        if self.filter_count() > self.capabilities.max_filters as usize {
            let most_silent = self
                .learned
                .most_silent()
                .and_then(|key| self.learned.remove(key));
            self.count_out(most_silent);
        }
    }

    fn count_in(&mut self, queue: QueueId) {
        let counted = self
            .find_mut(queue)
            .and_then(|queue| queue.add_filter(FilterKind::Learned));
        debug_assert!(counted.is_ok(), "queue {queue} takes no filter");
    }

    fn count_out(&mut self, owners: impl IntoIterator<Item = QueueId>) {
        for queue in owners {
            let counted = self
                .find_mut(queue)
                .and_then(|queue| queue.remove_filter(FilterKind::Learned));
            debug_assert!(counted.is_ok(), "queue {queue} had no filter");
        }
    }

    fn filter_count(&self) -> usize {
        self.filters.len() + self.learned.len()
    }

    fn find(&self, queue: QueueId) -> Result<&Queue, NdisStatus> {
        self.queues
            .get(queue.index())
            .and_then(Option::as_ref)
            .ok_or(NdisStatus::INVALID_PARAMETER)
    }

    fn find_mut(&mut self, queue: QueueId) -> Result<&mut Queue, NdisStatus> {
        self.queues
            .get_mut(queue.index())
            .and_then(Option::as_mut)
            .ok_or(NdisStatus::INVALID_PARAMETER)
    }
}

#[cfg(test)]
mod tests;
