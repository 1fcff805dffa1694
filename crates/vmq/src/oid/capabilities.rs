//! Capabilities and global parameters in their binary form.

use super::completion::{Done, room};
use super::members::PointerWidth;
use super::structure::{Refusal, Structure};
use super::structures::{ReceiveFilterCapabilities, ReceiveFilterGlobalParameters};
use crate::capabilities::FilterCapabilities;
use crate::engine::Engine;

impl Engine {
    pub(super) fn capabilities_to(
        &self,
        told: FilterCapabilities,
        width: PointerWidth,
        to: &mut [u8],
    ) -> Result<Done, Refusal> {
        self.answer(ReceiveFilterCapabilities::from(told), width, to)
    }

    pub(super) fn global_parameters_to(
        &self,
        width: PointerWidth,
        to: &mut [u8],
    ) -> Result<Done, Refusal> {
        let told = self.global_parameters();
        let parameters = ReceiveFilterGlobalParameters {
            flags: 0,
            enabled_filter_types: told.enabled_filter_types,
            enabled_queue_types: told.enabled_queue_types,
        };
        self.answer(parameters, width, to)
    }

    /// Writes a structure in the revision that the engine's version has.
    fn answer<S: Structure>(
        &self,
        answer: S,
        width: PointerWidth,
        to: &mut [u8],
    ) -> Result<Done, Refusal> {
        let revision = S::newest(self.settings().version);
        let size = S::size(revision, width);
        answer.write(room(to, size)?, revision, width);
        Ok(Done::reading(0).writing(size))
    }
}

impl From<FilterCapabilities> for ReceiveFilterCapabilities {
    fn from(told: FilterCapabilities) -> ReceiveFilterCapabilities {
        ReceiveFilterCapabilities {
            enabled_filter_types: told.enabled_filter_types,
            enabled_queue_types: told.enabled_queue_types,
            num_queues: told.num_queues,
            supported_queue_properties: told.queue_properties,
            supported_filter_tests: told.filter_tests,
            supported_headers: told.headers,
            supported_mac_header_fields: told.mac_fields,
            max_mac_header_filters: told.max_mac_filters,
            min_lookahead_split_size: told.min_lookahead,
            max_lookahead_split_size: told.max_lookahead,
            ..ReceiveFilterCapabilities::default()
        }
    }
}
