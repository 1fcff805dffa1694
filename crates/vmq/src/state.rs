//! The states of a queue: NDIS' own table, cell by cell.
//!
//! ```text
//!                     without filters                 with filters
//!
//!   not complete         Allocated ── SET_FILTER ───────► Set
//!                        │   │     ◄── CLEAR, last one ──  │
//!                        │   COMPLETE                      COMPLETE
//!                        │   ▼                             ▼
//!   complete             │  Paused ─── SET_FILTER ───────► Running
//!                        │   │     ◄── CLEAR, last one ──
//!                        FREE_QUEUE
//!                        ▼   ▼
//!   going               StopDma ── DMA stopped ──► Freeing ── resources freed ──► Undefined
//! ```
//!
//! Every request goes through [`State::after`]; `engine/tests/states.rs` has the table as it is printed. An empty cell is an
//! invalid combination: it is refused and changes nothing. To run, a queue needs both a completed allocation and a filter, in either order (Q6).

use crate::queue::OperationalState;
use crate::status::NdisStatus;

/// A row of the table: what happens to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Allocate,
    ReadParameters,
    SetParameters,
    SetFilter,
    ClearLastFilter,
    ClearFilter,
    EnumFilters,
    ReadFilter,
    Complete,
    Receive,
    Free,
    DmaStopped,
    ResourcesFreed,
}

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Undefined,
    Allocated,
    Set,
    Running,
    Paused,
    StopDma,
    Freeing,
}

impl State {
    /// The state after `request`; `None` is an empty cell.
    pub(crate) const fn after(self, request: Request) -> Option<State> {
        use State::*;
        Some(match (request, self) {
            (Request::Allocate, Undefined) => Allocated,
            (
                Request::ReadParameters | Request::SetParameters,
                Allocated | Set | Running | Paused,
            ) => self,
            (Request::SetFilter, Allocated | Set) => Set,
            (Request::SetFilter, Running | Paused) => Running,
            (Request::ClearLastFilter, Set) => Allocated,
            (Request::ClearLastFilter, Running) => Paused,
            (Request::ClearFilter | Request::ReadFilter, Set | Running) => self,
            (Request::EnumFilters, Allocated | Set | Running | Paused) => self,
            (Request::Complete, Allocated) => Paused,
            (Request::Complete, Set) => Running,
            (Request::Receive, Running) => Running,
            (Request::Free, Allocated | Paused) => StopDma,
            (Request::DmaStopped, StopDma) => Freeing,
            (Request::ResourcesFreed, Freeing) => Undefined,
            _ => return None,
        })
    }

    /// The status that refuses `request` when its cell is empty.
    pub(crate) const fn refusal(self, request: Request) -> NdisStatus {
        match (request, self) {
            // F4 leaves the status open. This one tells "filters are still set" from "no such queue".
            (Request::Free, State::Set | State::Running) => NdisStatus::INVALID_STATE,
            (Request::ClearFilter | Request::ClearLastFilter, _) => NdisStatus::FILE_NOT_FOUND,
            _ => NdisStatus::INVALID_PARAMETER,
        }
    }

    /// Whether memory can be allocated for the queue: as long as it is there and not being freed (M9, M12).
    pub(crate) const fn takes_memory(self) -> bool {
        matches!(
            self,
            State::Allocated | State::Set | State::Running | State::Paused
        )
    }

    /// The state as it is told outside (Q11).
    pub(crate) const fn reported(self) -> OperationalState {
        match self {
            State::Undefined => OperationalState::Undefined,
            State::Allocated | State::Set | State::Paused | State::StopDma => {
                OperationalState::Paused
            }
            State::Running => OperationalState::Running,
            State::Freeing => OperationalState::DmaStopped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F4, T11, Q12.
    #[test]
    fn an_empty_cell_is_refused_with_its_own_status() {
        assert_eq!(State::Set.refusal(Request::Free), NdisStatus::INVALID_STATE);
        assert_eq!(
            State::Running.refusal(Request::Free),
            NdisStatus::INVALID_STATE
        );
        assert_eq!(
            State::StopDma.refusal(Request::Free),
            NdisStatus::INVALID_PARAMETER
        );
        assert_eq!(
            State::Freeing.refusal(Request::SetFilter),
            NdisStatus::INVALID_PARAMETER
        );
        assert_eq!(
            State::Running.refusal(Request::Complete),
            NdisStatus::INVALID_PARAMETER
        );
        assert_eq!(
            State::Paused.refusal(Request::ClearLastFilter),
            NdisStatus::FILE_NOT_FOUND
        );
    }
}
