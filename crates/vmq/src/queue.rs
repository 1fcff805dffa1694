//! Queues and the states they go through.
//!
//! ```text
//!             SET_FILTER               COMPLETE                CLEAR last
//!  Allocated ───────────► Set ───────────────────► Running ◄────────────────► Paused
//!      │ ◄─────────────── CLEAR last                         SET_FILTER         ▲ │
//!      └──────────────────────────── COMPLETE ──────────────────────────────────┘ │
//!      └── FREE ──► StopDma ── DMA stopped ──► Freeing ── resources freed ──► gone│
//!                      ▲                                                          │
//!                      └───────────────────────── FREE ───────────────────────────┘
//! ```
//!
//! [`State::after`] is the table of NDIS' seven documented states, cell by cell. Every request goes through it; an empty
//! cell is an invalid combination and changes nothing.

use crate::id::QueueId;
use crate::status::NdisStatus;

/// What a new queue is asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocateQueue {
    /// Name of the queue, for people; at most 256 UTF-16 units.
    pub queue_name: String,
    /// Name of the virtual machine, for people; at most 256 UTF-16 units.
    pub vm_name: String,
    /// Per-queue receive indication (0x1) and lookahead split (0x2); other bits mean nothing here and are dropped (Q2).
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

/// A queue's state as it is reported outside, which is coarser than the one kept (Q11).
///
/// Where NDIS leaves open what is reported, the engine answers so: a queue is `Paused` until frames can reach it, that
/// is, in Allocated and in Set as well; and it stays `Paused` after the free request until its DMA has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationalState {
    /// There is no such queue.
    Undefined,
    /// Frames that pass a filter of the queue go to it.
    Running,
    /// The queue exists, and no frame goes to it.
    Paused,
    /// No byte of the queue's memory changes any more; it waits for its resources to be freed.
    DmaStopped,
}

/// What the engine tells without being asked.
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

/// A row of the state table: what happens to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    ReadParameters,
    SetFilter,
    ClearFilter,
    ClearLastFilter,
    EnumFilters,
    ReadFilter,
    Complete,
    Receive,
    Free,
    DmaStopped,
    ResourcesFreed,
}

/// A column of the state table. Undefined is a queue that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Allocated,
    Set,
    Running,
    Paused,
    StopDma,
    Freeing,
    Undefined,
}

impl State {
    /// The state after `request`; `None` is an empty cell.
    pub(crate) const fn after(self, request: Request) -> Option<State> {
        use State::*;
        Some(match (request, self) {
            (
                Request::ReadParameters | Request::EnumFilters,
                Allocated | Set | Running | Paused,
            ) => self,
            (Request::SetFilter, Allocated | Set) => Set,
            (Request::SetFilter, Running | Paused) => Running,
            (Request::ClearLastFilter, Set) => Allocated,
            (Request::ClearLastFilter, Running) => Paused,
            (Request::ClearFilter | Request::ReadFilter, Set | Running) => self,
            (Request::Complete, Allocated) => Paused,
            (Request::Complete, Set) => Running,
            (Request::Receive, Running) => Running,
            (Request::Free, Allocated | Paused) => StopDma,
            (Request::DmaStopped, StopDma) => Freeing,
            (Request::ResourcesFreed, Freeing) => Undefined,
            _ => return None,
        })
    }

    /// Why `request` is refused in a state that has no cell for it.
    const fn refusal(self, request: Request) -> NdisStatus {
        match (request, self) {
            // F4 leaves the status open: this one tells "filters are still set" from "no such queue".
            (Request::Free, State::Set | State::Running) => NdisStatus::INVALID_STATE,
            (Request::ClearFilter | Request::ClearLastFilter, _) => NdisStatus::FILE_NOT_FOUND,
            _ => NdisStatus::INVALID_PARAMETER,
        }
    }

    const fn reported(self) -> OperationalState {
        match self {
            State::Running => OperationalState::Running,
            State::Allocated | State::Set | State::Paused | State::StopDma => {
                OperationalState::Paused
            }
            State::Freeing => OperationalState::DmaStopped,
            State::Undefined => OperationalState::Undefined,
        }
    }
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

/// Flags that mean something when a queue is allocated (Q2).
const ALLOCATION_FLAGS: u32 = 0x1 | 0x2;

/// IF_MAX_STRING_SIZE, in UTF-16 units.
const MAX_NAME: usize = 256;

impl Queue {
    /// Checks what is asked; the queue gets its id afterwards, so that a refused request uses none up.
    pub(crate) fn check(parameters: &AllocateQueue) -> Result<(), NdisStatus> {
        let fits = |name: &str| name.encode_utf16().count() <= MAX_NAME;
        let is_sound = parameters.processor_affinity.mask != 0
            && fits(&parameters.queue_name)
            && fits(&parameters.vm_name);
        if is_sound {
            Ok(())
        } else {
            Err(NdisStatus::INVALID_PARAMETER)
        }
    }

    pub(crate) fn allocated(id: QueueId, parameters: AllocateQueue) -> Queue {
        let parameters = AllocateQueue {
            flags: parameters.flags & ALLOCATION_FLAGS,
            ..parameters
        };
        Queue {
            id,
            parameters,
            state: State::Allocated,
            filters: 0,
            learned: 0,
        }
    }

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

    pub(crate) fn accepts(&self, request: Request) -> Result<State, NdisStatus> {
        self.state.after(request).ok_or(self.state.refusal(request))
    }

    pub(crate) fn apply(&mut self, request: Request) -> Result<State, NdisStatus> {
        self.state = self.accepts(request)?;
        Ok(self.state)
    }

    /// Counts a filter in and takes the SET_FILTER step.
    pub(crate) fn add_filter(&mut self, kind: FilterKind) -> Result<(), NdisStatus> {
        self.apply(Request::SetFilter)?;
        *self.count(kind) += 1;
        Ok(())
    }

    /// Counts a filter out and takes the CLEAR_FILTER step.
    pub(crate) fn remove_filter(&mut self, kind: FilterKind) -> Result<(), NdisStatus> {
        let is_last = self.filters + self.learned == 1 && !self.id.is_default();
        self.apply(if is_last {
            Request::ClearLastFilter
        } else {
            Request::ClearFilter
        })?;
        *self.count(kind) = self.count(kind).saturating_sub(1);
        Ok(())
    }

    pub(crate) fn static_count(&self) -> u32 {
        self.filters
    }

    pub(crate) fn learned_count(&self) -> u32 {
        self.learned
    }

    /// Whether frames that pass a filter of the queue go to it.
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

/// Who set a filter: an administrator or a VMM, or the engine itself from what a guest sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilterKind {
    Static,
    Learned,
}
