//! Queues: what they are asked to be, how they are listed, and the filters they count.
//!
//! Invariant: a queue's state changes only by a step of the state table, and its counts say how many filters it has, so
//! "the last filter" of the table is never a guess.

use crate::id::QueueId;
use crate::state::{Request, State};
use crate::status::NdisStatus;

/// What a new queue is asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocateQueue {
    /// Name of the queue, for people; at most 256 UTF-16 units.
    pub queue_name: String,
    /// Name of the virtual machine, for people; at most 256 UTF-16 units.
    pub vm_name: String,
    /// `NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION` and `.._LOOKAHEAD_SPLIT_REQUIRED`; other bits mean
    /// nothing here and are dropped (Q2).
    pub flags: u32,
    /// The processors that may serve the queue; at least one (Q3).
    pub processor_affinity: Affinity,
}

/// A set of processors of one group of 64, `GROUP_AFFINITY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Affinity {
    /// Which group of 64 processors.
    pub group: u16,
    /// Which processors of it.
    pub mask: u64,
}

/// What to change about a queue; `None` stays as it is, like a member without its change bit (Q13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueChange {
    /// A new name.
    pub queue_name: Option<String>,
    /// Other processors (Q14): the queue stays in service.
    pub processor_affinity: Option<Affinity>,
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

/// What the engine tells whoever listens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// `NDIS_STATUS_RECEIVE_QUEUE_STATE`: the queue has come to this state.
    QueueState {
        /// Which queue.
        queue: QueueId,
        /// The state it is in now.
        state: OperationalState,
    },
}

/// One queue as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueInfo<'a> {
    /// Its id.
    pub id: QueueId,
    /// Its name.
    pub queue_name: &'a str,
    /// The virtual machine it belongs to.
    pub vm_name: &'a str,
    /// Its state as NDIS reports it.
    pub state: OperationalState,
    /// The flags it was allocated with.
    pub flags: u32,
    /// The processors that may serve it.
    pub processor_affinity: Affinity,
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
    parameters: AllocateQueue,
    state: State,
    filters: u32,
    learned: u32,
}

impl Queue {
    /// Queue 0, which is there from the start and behaves as completed (Q1). It runs without filters too: it takes what
    /// nobody else wants.
    pub(crate) fn default_queue() -> Queue {
        let parameters = AllocateQueue {
            queue_name: String::from("default"),
            vm_name: String::new(),
            flags: 0,
            processor_affinity: Affinity::default(),
        };
        Queue {
            id: QueueId::DEFAULT,
            parameters,
            state: State::Running,
            filters: 0,
            learned: 0,
        }
    }

    /// A place for queue `id`, undefined until its allocation is [applied](Queue::apply).
    pub(crate) fn undefined(id: QueueId, parameters: AllocateQueue) -> Queue {
        let parameters = AllocateQueue {
            flags: parameters.flags & ALLOCATION_FLAGS,
            ..parameters
        };
        Queue {
            id,
            parameters,
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

    /// Takes the QUEUE_PARAMETERS step. Nobody allocated the default queue, so nobody may change it.
    pub(crate) fn change(&mut self, change: QueueChange) -> Result<(), NdisStatus> {
        self.accepts(Request::SetParameters)?;
        let name_fits = change.queue_name.as_deref().is_none_or(is_name);
        let has_processors = change
            .processor_affinity
            .is_none_or(Affinity::has_processors);
        if self.id.is_default() || !name_fits || !has_processors {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        self.apply(Request::SetParameters)?;
        if let Some(name) = change.queue_name {
            self.parameters.queue_name = name;
        }
        if let Some(affinity) = change.processor_affinity {
            self.parameters.processor_affinity = affinity;
        }
        Ok(())
    }

    pub(crate) fn has_static_filters(&self) -> bool {
        self.filters > 0
    }

    pub(crate) fn learned(&self) -> u32 {
        self.learned
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
            queue_name: &self.parameters.queue_name,
            vm_name: &self.parameters.vm_name,
            state: self.state.reported(),
            flags: self.parameters.flags,
            processor_affinity: self.parameters.processor_affinity,
            filters: self.filters,
            learned: self.learned,
        }
    }

    fn count(&mut self, kind: FilterKind) -> &mut u32 {
        match kind {
            FilterKind::Static => &mut self.filters,
            FilterKind::Learned => &mut self.learned,
        }
    }
}

impl AllocateQueue {
    /// Checked before the queue gets an id, so that a refused request uses none up.
    pub(crate) fn check(&self) -> Result<(), NdisStatus> {
        let is_sound = self.processor_affinity.has_processors()
            && is_name(&self.queue_name)
            && is_name(&self.vm_name);
        if is_sound {
            Ok(())
        } else {
            Err(NdisStatus::INVALID_PARAMETER)
        }
    }
}

impl Affinity {
    fn has_processors(self) -> bool {
        self.mask != 0
    }
}

/// Whether the text fits an NDIS counted string.
fn is_name(text: &str) -> bool {
    text.encode_utf16().count() <= IF_MAX_STRING_SIZE
}

/// UTF-16 units.
const IF_MAX_STRING_SIZE: usize = 256;

/// The flags that mean something when a queue is allocated.
const ALLOCATION_FLAGS: u32 = ndis::NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION
    | ndis::NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED;
