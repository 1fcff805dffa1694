//! What the engine has to tell: the status indications of section "virtual machine queues" of NDIS, as values.
//!
//! An event is the answer of the request that caused it, so none is lost and none piles up. That a queue's DMA stops quietly
//! when its last filter goes is not told to anyone (Q10).

use crate::capabilities::FilterCapabilities;
use crate::id::QueueId;
use crate::queue::OperationalState;

/// What the engine tells whoever listens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// `NDIS_STATUS_RECEIVE_QUEUE_STATE`: the queue has come to this state, which is always DMA Stopped.
    QueueState {
        /// Which queue.
        queue: QueueId,
        /// The state it is in now.
        state: OperationalState,
    },
    /// `NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES`: what is switched on has changed (C4).
    CurrentCapabilities(FilterCapabilities),
    /// `NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES`: what could be switched on has changed (C4).
    HardwareCapabilities(FilterCapabilities),
    /// `NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS`: the queue shares its interrupt with others than before. Nothing else
    /// may be told so (C4).
    QueueParameters {
        /// Which queue.
        queue: QueueId,
        /// Queues with the same number share an interrupt.
        coalescing_domain: u32,
    },
}
