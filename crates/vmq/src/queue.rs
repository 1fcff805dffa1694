//! Queues: what they are asked to be, how they are listed, and the filters they count.
//!
//! Invariant: a queue's state changes only by a step of the state table, and its counts say how many filters it has, so
//! "the last filter" of the table is never a guess.

use crate::affinity::Affinity;
use crate::capabilities::Offer;
use crate::id::{Binding, QueueId};
use crate::state::{Request, State};
use crate::status::NdisStatus;
use crate::version::NdisVersion;

/// What a queue is asked to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllocateQueue {
    /// The id that somebody above has chosen for it, as NDIS does for a miniport; `None`: the engine chooses.
    pub id: Option<QueueId>,
    /// Name of the queue, for people; at most 256 UTF-16 units.
    pub queue_name: String,
    /// Name of the virtual machine, for people; at most 256 UTF-16 units.
    pub vm_name: String,
    /// `NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION` and `.._LOOKAHEAD_SPLIT_REQUIRED`; other bits mean
    /// nothing here and are dropped (Q2).
    pub flags: u32,
    /// The lookahead size in bytes; 0 without lookahead split (L3).
    pub lookahead: u32,
    /// The processors that may serve the queue; at least one (Q3).
    pub processor_affinity: Affinity,
    /// How many receive buffers the queue might have: advice, which whoever allocates them may halve or double (Q5).
    pub suggested_buffers: u32,
    /// The port of the extensible switch that the queue is for; kept for who asks.
    pub port: u32,
    /// What the engine learns behind the queue.
    pub learning: Learning,
}

/// What the engine learns behind a queue. NDIS has no such thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learning {
    /// The most learned filters of the queue; `None`: as many as the engine's capabilities say.
    pub limit: Option<u32>,
    /// Whether an address that was learned on another queue may move to this one.
    pub takes_moves: bool,
}

impl Default for Learning {
    /// As much as the engine allows, moves included.
    fn default() -> Learning {
        Learning {
            limit: None,
            takes_moves: true,
        }
    }
}

/// What to change about a queue; `None` stays as it is, like a member without its change bit (Q13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueChange {
    /// New flags, as at allocation.
    pub flags: Option<u32>,
    /// The lookahead size that goes with new flags; without new flags it says nothing.
    pub lookahead: u32,
    /// Other processors (Q14): the queue stays in service.
    pub processor_affinity: Option<Affinity>,
    /// Another number of receive buffers.
    pub suggested_buffers: Option<u32>,
    /// A new name.
    pub queue_name: Option<String>,
    /// Another scheduler queue; there is none but 0.
    pub scheduler_queue: Option<u32>,
    /// Other rules for learning. Where the new limit is below what was learned, those silent for longest go.
    pub learning: Option<Learning>,
}

/// A queue's state as it is reported outside, which is coarser than the one kept (Q11).
///
/// Where NDIS leaves open what is reported, the engine answers so: a queue is `Paused` until frames can reach it, that
/// is, in Allocated and in Set as well; and it stays `Paused` after the free request until its DMA has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum OperationalState {
    /// There is no such queue.
    Undefined = ndis::NdisReceiveQueueOperationalStateUndefined,
    /// Frames that pass a filter of the queue go to it.
    Running = ndis::NdisReceiveQueueOperationalStateRunning,
    /// The queue exists, and no frame that a filter could choose goes to it.
    Paused = ndis::NdisReceiveQueueOperationalStatePaused,
    /// No byte of the queue's memory changes any more; it waits for its resources to be freed.
    DmaStopped = ndis::NdisReceiveQueueOperationalStateDmaStopped,
}

/// One queue as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueInfo<'a> {
    /// Its id.
    pub id: QueueId,
    /// Who allocated it; `None` for the default queue.
    pub owner: Option<Binding>,
    /// Its state as NDIS reports it.
    pub state: OperationalState,
    /// What it was asked to be, changes included.
    pub parameters: &'a AllocateQueue,
    /// Queues with the same number share an interrupt.
    pub coalescing_domain: u32,
    /// How many static filters it has.
    pub filters: u32,
    /// How many learned filters it has.
    pub learned: u32,
}

/// Who set a filter: somebody by request, or the engine itself from what a guest sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilterKind {
    Static,
    Learned,
}

/// One queue as the engine keeps it.
#[derive(Debug)]
pub(crate) struct Queue {
    id: QueueId,
    owner: Option<Binding>,
    parameters: AllocateQueue,
    coalescing_domain: u32,
    state: State,
    filters: u32,
    learned: u32,
}

impl Queue {
    /// Queue 0, which is there from the start and behaves as completed (Q1). It runs without filters too: it takes what
    /// nobody else wants. It belongs to nobody (T3).
    pub(crate) fn default_queue() -> Queue {
        let parameters = AllocateQueue {
            queue_name: String::from("default"),
            ..AllocateQueue::default()
        };
        Queue {
            state: State::Running,
            ..Queue::undefined(QueueId::DEFAULT, None, parameters)
        }
    }

    /// A place for queue `id`, undefined until its allocation is [applied](Queue::apply).
    pub(crate) fn undefined(
        id: QueueId,
        owner: Option<Binding>,
        parameters: AllocateQueue,
    ) -> Queue {
        Queue {
            id,
            owner,
            parameters: AllocateQueue {
                id: Some(id),
                ..parameters
            },
            coalescing_domain: 0,
            state: State::Undefined,
            filters: 0,
            learned: 0,
        }
    }

    /// Whether `request` fits the state.
    pub(crate) fn accepts(&self, request: Request) -> Result<State, NdisStatus> {
        self.state.after(request).ok_or(self.state.refusal(request))
    }

    /// Takes the step of `request`; answers the state it leads to.
    pub(crate) fn apply(&mut self, request: Request) -> Result<State, NdisStatus> {
        self.state = self.accepts(request)?;
        Ok(self.state)
    }

    /// Takes the SET_FILTER step and counts the filter in.
    pub(crate) fn add_filter(&mut self, kind: FilterKind) -> Result<(), NdisStatus> {
        self.apply(Request::SetFilter)?;
        *self.count(kind) += 1;
        Ok(())
    }

    /// Takes the CLEAR_FILTER step and counts the filter out. The default queue goes on without filters.
    pub(crate) fn remove_filter(&mut self, kind: FilterKind) -> Result<(), NdisStatus> {
        let rest = self
            .count(kind)
            .checked_sub(1)
            .ok_or(NdisStatus::FILE_NOT_FOUND)?;
        let is_last = self.filters + self.learned == 1 && !self.id.is_default();
        self.apply(if is_last {
            Request::ClearLastFilter
        } else {
            Request::ClearFilter
        })?;
        *self.count(kind) = rest;
        Ok(())
    }

    /// Takes the QUEUE_PARAMETERS step, whole or not at all.
    pub(crate) fn change(&mut self, change: QueueChange, offer: &Offer) -> Result<(), NdisStatus> {
        self.accepts(Request::SetParameters)?;
        let changed = self.changed(change, offer)?;
        self.apply(Request::SetParameters)?;
        self.parameters = changed;
        Ok(())
    }

    /// Whether this binding may change the queue. Nobody allocated the default queue, so nobody may.
    pub(crate) fn is_owned_by(&self, by: Binding) -> bool {
        self.owner == Some(by)
    }

    /// Whether this binding may set filters on the queue: its owner, and on the default queue anybody (T3, T9).
    pub(crate) fn takes_filters_of(&self, by: Binding) -> bool {
        self.id.is_default() || self.is_owned_by(by)
    }

    pub(crate) fn has_static_filters(&self) -> bool {
        self.filters > 0
    }

    pub(crate) fn learned(&self) -> u32 {
        self.learned
    }

    /// The most learned filters it may have.
    pub(crate) fn learning_limit(&self, offer: &Offer) -> u32 {
        let of_all = offer.capabilities.learned_per_queue;
        self.parameters.learning.limit.unwrap_or(of_all)
    }

    pub(crate) fn takes_moves(&self) -> bool {
        self.parameters.learning.takes_moves
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn set_coalescing_domain(&mut self, domain: u32) {
        self.coalescing_domain = domain;
    }

    /// Whether frames that pass a filter of the queue go to it (Q7: none go to a queue without filters).
    pub(crate) fn receives(&self) -> bool {
        self.state.after(Request::Receive).is_some()
    }

    /// Whether its allocation is complete and it is not being freed: the guest's ring is there to be written to.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.state, State::Running | State::Paused)
    }

    pub(crate) fn info(&self) -> QueueInfo<'_> {
        QueueInfo {
            id: self.id,
            owner: self.owner,
            state: self.state.reported(),
            parameters: &self.parameters,
            coalescing_domain: self.coalescing_domain,
            filters: self.filters,
            learned: self.learned,
        }
    }

    /// What the queue would be after `change`.
    fn changed(&self, change: QueueChange, offer: &Offer) -> Result<AllocateQueue, NdisStatus> {
        let mut changed = self.parameters.clone();
        if let Some(flags) = change.flags {
            (changed.flags, changed.lookahead) = split(flags, change.lookahead, offer)?;
            // Its buffers are there, and are not laid out for a split.
            if self.is_complete() && changed.flags & SPLIT > self.parameters.flags & SPLIT {
                return Err(NdisStatus::NOT_SUPPORTED);
            }
        }
        if let Some(affinity) = change.processor_affinity {
            // From NDIS 6.30 on every adapter can do this, before none says that it can (Q14).
            if self.is_complete() && !offer.has_version(NdisVersion::V6_30) {
                return Err(NdisStatus::INVALID_PARAMETER);
            }
            changed.processor_affinity = affinity;
        }
        if change.scheduler_queue.is_some_and(|queue| queue != 0) {
            return Err(NdisStatus::NOT_SUPPORTED);
        }
        changed.suggested_buffers = change
            .suggested_buffers
            .unwrap_or(changed.suggested_buffers);
        changed.queue_name = change.queue_name.unwrap_or(changed.queue_name);
        changed.learning = change.learning.unwrap_or(changed.learning);
        changed.check(offer)?;
        Ok(changed)
    }

    fn count(&mut self, kind: FilterKind) -> &mut u32 {
        match kind {
            FilterKind::Static => &mut self.filters,
            FilterKind::Learned => &mut self.learned,
        }
    }
}

impl AllocateQueue {
    /// What a queue is allocated with: these parameters, if they are sound, without what means nothing.
    pub(crate) fn judged(mut self, offer: &Offer) -> Result<AllocateQueue, NdisStatus> {
        (self.flags, self.lookahead) = split(self.flags, self.lookahead, offer)?;
        self.check(offer)?;
        Ok(self)
    }

    /// Whether the queue's processors exist and its names fit.
    pub(crate) fn check(&self, offer: &Offer) -> Result<(), NdisStatus> {
        self.processor_affinity
            .check(offer.capabilities.processors)?;
        if is_name(&self.queue_name) && is_name(&self.vm_name) {
            Ok(())
        } else {
            Err(NdisStatus::INVALID_PARAMETER)
        }
    }
}

/// The flags that hold, and the lookahead size that holds (L3, L5).
fn split(flags: u32, lookahead: u32, offer: &Offer) -> Result<(u32, u32), NdisStatus> {
    let flags = flags & ALLOCATION_FLAGS;
    if offer.has_version(NdisVersion::V6_30) {
        return Ok((flags & !SPLIT, 0));
    }
    if flags & SPLIT == 0 {
        return match lookahead {
            0 => Ok((flags, 0)),
            _ => Err(NdisStatus::INVALID_PARAMETER),
        };
    }
    match offer.lookahead() {
        Some(sizes) if lookahead <= sizes.max => Ok((flags, lookahead.max(sizes.min))),
        _ => Err(NdisStatus::NOT_SUPPORTED),
    }
}

/// Whether the text fits an NDIS counted string.
fn is_name(text: &str) -> bool {
    text.encode_utf16().count() <= ndis::IF_MAX_STRING_SIZE
}

/// The flag that asks for lookahead split.
const SPLIT: u32 = ndis::NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED;

/// The flags that mean something when a queue is allocated.
const ALLOCATION_FLAGS: u32 =
    ndis::NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION | SPLIT;
