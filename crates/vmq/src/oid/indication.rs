//! Status indications in their binary form.

use ndis::{
    NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED as DOMAIN_CHANGED,
    NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
    NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS,
    NDIS_STATUS_RECEIVE_QUEUE_STATE,
};

use super::members::PointerWidth;
use super::structure::Structure;
use super::structures::{ReceiveFilterCapabilities, ReceiveQueueParameters, ReceiveQueueState};
use crate::engine::Engine;
use crate::event::Event;
use crate::status::NdisStatus;

/// A status indication: `StatusCode`, and what `StatusBuffer` points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indication {
    /// Which status.
    pub code: NdisStatus,
    /// Its structure.
    pub buffer: Vec<u8>,
}

impl Engine {
    /// An event as NDIS is told of it. `NDIS_STATUS_RECEIVE_FILTER_QUEUE_STATE_CHANGE` is never one: what it means is
    /// described nowhere.
    pub fn indication(&self, event: &Event, width: PointerWidth) -> Indication {
        let (code, buffer) = match *event {
            Event::QueueState { queue, state } => {
                let state = ReceiveQueueState {
                    flags: 0,
                    queue_id: queue.0.into(),
                    queue_state: state as i32,
                };
                let buffer = state.to_bytes(1, width);
                (NDIS_STATUS_RECEIVE_QUEUE_STATE, buffer)
            }
            Event::CurrentCapabilities(told) => {
                let buffer = ReceiveFilterCapabilities::from(told).to_bytes(2, width);
                (NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES, buffer)
            }
            Event::HardwareCapabilities(told) => {
                let buffer = ReceiveFilterCapabilities::from(told).to_bytes(2, width);
                (NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES, buffer)
            }
            Event::QueueParameters {
                queue,
                coalescing_domain,
            } => {
                let in_force = self.queue(queue);
                let mut parameters = in_force.map_or_else(
                    |_| ReceiveQueueParameters::default(),
                    |queue| ReceiveQueueParameters::from(&queue),
                );
                parameters.queue_id = queue.0.into();
                parameters.flags |= DOMAIN_CHANGED;
                parameters.interrupt_coalescing_domain_id = coalescing_domain;
                let buffer = parameters.to_bytes(2, width);
                (NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS, buffer)
            }
        };
        Indication {
            code: NdisStatus(code),
            buffer,
        }
    }
}
