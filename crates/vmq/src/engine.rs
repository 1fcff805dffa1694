//! The engine: control requests in, results and a lookup table out.
//!
//! Every request is checked against the queue's state and its owner before anything changes, so a refused request leaves no
//! trace. No input makes the engine panic, and the same requests always give the same answers and the same tables.

use std::sync::Arc;

use crate::capabilities::{Capabilities, Offer, Settings};
use crate::event::Event;
use crate::hash::SeededHash;
use crate::hit::MAX_FILTERS;
use crate::id::{Binding, Ids, QueueId};
use crate::learn::LearnedFilters;
use crate::queue::{AllocateQueue, OperationalState, Queue, QueueChange, QueueInfo};
use crate::state::{Request, State};
use crate::static_filters::StaticFilters;
use crate::status::NdisStatus;
use crate::table::{Compiler, Table};
use crate::version::NdisVersion;

mod filters;
mod learning;
mod settings;

/// Queues, filters and what was learned.
#[derive(Debug)]
pub struct Engine {
    offer: Offer,
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
    pub fn new(capabilities: Capabilities, settings: Settings, hash_seed: u64) -> Engine {
        let capabilities = Capabilities {
            max_filters: capabilities.max_filters.min(MAX_FILTERS),
            ..capabilities
        };
        Engine {
            offer: Offer {
                capabilities,
                settings,
            },
            hash: SeededHash::new(hash_seed),
            queue_ids: Ids::up_to(capabilities.num_queues),
            queues: vec![Some(Queue::default_queue())],
            filters: StaticFilters::up_to(capabilities.static_filters()),
            learned: LearnedFilters::new(),
            compiled: None,
        }
    }

    /// `OID_RECEIVE_FILTER_ALLOCATE_QUEUE`: a queue with the lowest free id, or with the id that `parameters` bring.
    ///
    /// Refused with INVALID_PARAMETER if no processor is named or one that does not exist (Q3), a name is too long, a
    /// lookahead size is given without the split (L3), or the id is in use, still being freed or beyond the limit (Q4); with
    /// NOT_SUPPORTED if there are no queues (C2, C7) or the split cannot be had; with RESOURCES if no queue is left.
    pub fn allocate_queue(
        &mut self,
        by: Binding,
        parameters: AllocateQueue,
    ) -> Result<QueueId, NdisStatus> {
        self.offer.check_vmq()?;
        let parameters = parameters.judged(&self.offer)?;
        let id = match parameters.id {
            None => QueueId(self.queue_ids.take().ok_or(NdisStatus::RESOURCES)?),
            Some(id) if self.queue_ids.take_this(id.0) => id,
            Some(_) => return Err(NdisStatus::INVALID_PARAMETER),
        };
        let mut queue = Queue::undefined(id, Some(by), parameters);
        queue.apply(Request::Allocate)?;
        if self.queues.len() <= id.index() {
            self.queues.resize_with(id.index() + 1, || None);
        }
        self.queues[id.index()] = Some(queue);
        Ok(id)
    }

    /// `OID_RECEIVE_FILTER_QUEUE_PARAMETERS` (set): changes what `change` names and leaves the rest (Q13). No frame is lost
    /// by it (Q14).
    ///
    /// Refused under the same conditions as at allocation, and with INVALID_PARAMETER for the default queue, queues that do
    /// not exist, are being freed or are somebody else's, and in the modes of NDIS 6.20 for other processors once the queue
    /// is complete; with NOT_SUPPORTED for lookahead split once the queue is complete without it, and for any scheduler queue
    /// but 0.
    pub fn change_queue(
        &mut self,
        by: Binding,
        queue: QueueId,
        change: QueueChange,
    ) -> Result<(), NdisStatus> {
        self.offer.check_vmq()?;
        self.find_owned(by, queue)?;
        let offer = self.offer;
        self.find_mut(queue)?.change(change, &offer)?;
        self.make_room_on(queue);
        Ok(())
    }

    /// `OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE`: no more parameters will come for these queues, so `allocate` makes
    /// their receive buffers. It is called for each queue whose turn it is (M9); where it fails, that is the queue's status
    /// and the request can be repeated.
    ///
    /// Each queue gets its own status, a bad one does not stop the others (Q12): INVALID_PARAMETER if it does not exist, is
    /// somebody else's, is complete already, or is being freed.
    pub fn allocation_complete(
        &mut self,
        by: Binding,
        queues: &[QueueId],
        mut allocate: impl FnMut(&mut Engine, QueueId) -> Result<(), NdisStatus>,
    ) -> Vec<(QueueId, NdisStatus)> {
        let complete = |queue: &QueueId| (*queue, self.complete(by, *queue, &mut allocate));
        queues.iter().map(complete).collect()
    }

    /// `OID_RECEIVE_FILTER_FREE_QUEUE`, which pends: `Ok` means that the queue is out of the next table and its DMA is to
    /// be stopped (F1). When no worker can touch the queue's memory any more, say so with [`Engine::dma_stopped`].
    ///
    /// Static filters must have been cleared by who set them (F4); learned ones are cleared here, as the engine set them.
    /// Refused with INVALID_STATE if static filters are left, with INVALID_PARAMETER if the queue is the default queue,
    /// does not exist, is somebody else's or is being freed already.
    pub fn free_queue(&mut self, by: Binding, queue: QueueId) -> Result<(), NdisStatus> {
        let found = self.find_owned(by, queue)?;
        if !found.has_static_filters() && found.learned() > 0 {
            self.forget(queue);
        }
        self.find_mut(queue)?.apply(Request::Free)?;
        self.compiled = None;
        Ok(())
    }

    /// The last write to the queue's memory is over (F3). The event is the DMA Stopped indication, which is given exactly
    /// once and before the free completes (F2). Refused with INVALID_PARAMETER unless the queue is waiting for this.
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

    /// The table of the filters as they are now. Compiled at most once for any number of changes.
    pub fn table(&mut self) -> Arc<Table> {
        if let Some(table) = &self.compiled {
            return Arc::clone(table);
        }
        let table = Arc::new(self.compile());
        self.compiled = Some(Arc::clone(&table));
        table
    }

    /// `OID_RECEIVE_FILTER_ENUM_QUEUES`, as user mode sees it: all queues, the default queue first, those being freed
    /// included. A driver is shown those alone that are its own (T14).
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

    /// Refused with INVALID_PARAMETER if no memory can be allocated for the queue (M12).
    pub(crate) fn takes_memory(&self, queue: QueueId) -> Result<(), NdisStatus> {
        match self.find(queue)?.state().takes_memory() {
            true => Ok(()),
            false => Err(NdisStatus::INVALID_PARAMETER),
        }
    }

    fn compile(&self) -> Table {
        let queues = self.queues.iter().flatten();
        let members = queues
            .filter(|queue| queue.is_complete())
            .map(|queue| queue.info().id);
        let members = members.filter(|id| !id.is_default()).collect();
        let marks = Arc::clone(self.learned.marks());
        let moves_tags = self.offer.has_version(NdisVersion::V6_30);
        let filters = self.filter_count();
        let mut compiler = Compiler::new(filters, self.hash, moves_tags, members, marks);
        for (id, set) in self.filters.iter() {
            if self.find(set.queue).is_ok_and(Queue::receives) {
                compiler.add_static(id, set.queue, &set.criteria);
            }
        }
        for (key, learned) in self.learned.iter() {
            compiler.add_learned(key, learned.queue, learned.mark);
        }
        compiler.finish()
    }

    fn complete(
        &mut self,
        by: Binding,
        queue: QueueId,
        allocate: &mut impl FnMut(&mut Engine, QueueId) -> Result<(), NdisStatus>,
    ) -> NdisStatus {
        let mut complete = || {
            self.offer.check_vmq()?;
            self.find_owned(by, queue)?.accepts(Request::Complete)?;
            allocate(self, queue)?;
            self.find_mut(queue)?.apply(Request::Complete)?;
            self.compiled = None;
            Ok(())
        };
        complete().err().unwrap_or(NdisStatus::SUCCESS)
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

    /// A queue that this binding allocated. Somebody else's is none.
    fn find_owned(&self, by: Binding, queue: QueueId) -> Result<&Queue, NdisStatus> {
        let found = self.find(queue)?;
        if found.is_owned_by(by) {
            Ok(found)
        } else {
            Err(NdisStatus::INVALID_PARAMETER)
        }
    }
}

#[cfg(test)]
mod tests;
