//! What the engine offers, and how that is changed while it runs.

use super::Engine;
use crate::capabilities::{Capabilities, FilterCapabilities, GlobalParameters, Offer, Settings};
use crate::event::Event;
use crate::hit::MAX_FILTERS;
use crate::id::QueueId;
use crate::queue::QueueInfo;
use crate::status::NdisStatus;
use crate::version::NdisVersion;

impl Engine {
    /// What the engine can do.
    pub fn capabilities(&self) -> Capabilities {
        self.offer.capabilities
    }

    /// What is switched on.
    pub fn settings(&self) -> Settings {
        self.offer.settings
    }

    /// `OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES`: all that could be switched on, whatever is (C1).
    pub fn hardware_capabilities(&self) -> FilterCapabilities {
        self.offer.hardware()
    }

    /// `OID_RECEIVE_FILTER_CURRENT_CAPABILITIES`: what is switched on (C2).
    pub fn current_capabilities(&self) -> FilterCapabilities {
        self.offer.current()
    }

    /// `OID_RECEIVE_FILTER_GLOBAL_PARAMETERS` (C3).
    pub fn global_parameters(&self) -> GlobalParameters {
        self.offer.global()
    }

    /// Switches things on and off, as the keywords of an adapter and a restart do. Answers what is to be told (C4).
    ///
    /// Refused with INVALID_STATE as long as something is in use that would be gone: queues and filters under another version
    /// or without VMQ, tests of VLAN ids without VLAN filtering, queues with lookahead split without it.
    pub fn change_settings(&mut self, settings: Settings) -> Result<Vec<Event>, NdisStatus> {
        self.change_offer(Offer {
            settings,
            ..self.offer
        })
    }

    /// Gives the engine more or less to work with. Answers what is to be told (C4).
    ///
    /// Refused with INVALID_STATE as long as something is in use that would be gone.
    pub fn change_capabilities(
        &mut self,
        capabilities: Capabilities,
    ) -> Result<Vec<Event>, NdisStatus> {
        let capabilities = Capabilities {
            max_filters: capabilities.max_filters.min(MAX_FILTERS),
            ..capabilities
        };
        self.change_offer(Offer {
            capabilities,
            ..self.offer
        })
    }

    /// The queue shares its interrupt with others than before. Answers what is to be told, which NDIS 6.20 has no word for
    /// (C4). Refused with INVALID_PARAMETER if the queue does not exist or is being freed.
    pub fn set_coalescing_domain(
        &mut self,
        queue: QueueId,
        domain: u32,
    ) -> Result<Option<Event>, NdisStatus> {
        let before = self.queue(queue)?.coalescing_domain;
        self.find_mut(queue)?.set_coalescing_domain(domain);
        let is_told = domain != before && self.offer.has_version(NdisVersion::V6_30);
        Ok(is_told.then_some(Event::QueueParameters {
            queue,
            coalescing_domain: domain,
        }))
    }

    fn change_offer(&mut self, offer: Offer) -> Result<Vec<Event>, NdisStatus> {
        let before = self.offer;
        if !self.fits(&offer) {
            return Err(NdisStatus::INVALID_STATE);
        }
        self.queue_ids.set_limit(offer.capabilities.num_queues);
        self.filters.set_limit(offer.capabilities.static_filters());
        self.offer = offer;
        self.make_room();
        for queue in (0..self.queues.len()).map(|index| QueueId(index as u16)) {
            self.make_room_on(queue);
        }
        let mut events = Vec::new();
        if offer.has_version(NdisVersion::V6_30) {
            if offer.hardware() != before.hardware() {
                events.push(Event::HardwareCapabilities(offer.hardware()));
            }
            if offer.current() != before.current() {
                events.push(Event::CurrentCapabilities(offer.current()));
            }
        }
        Ok(events)
    }

    /// Whether all queues and static filters that there are could be had under `offer`.
    fn fits(&self, offer: &Offer) -> bool {
        let capabilities = offer.capabilities;
        let mut queues = self
            .queues()
            .filter(|queue| !queue.id.is_default())
            .peekable();
        if queues.peek().is_none() && self.filters.len() == 0 {
            return true;
        }
        let is_sound = |queue: QueueInfo<'_>| {
            let judged = queue.parameters.clone().judged(offer);
            judged.as_ref() == Ok(queue.parameters)
        };
        offer.settings.version == self.offer.settings.version
            && offer.check_vmq().is_ok()
            && self.queue_ids.fit(capabilities.num_queues)
            && self.filters.fit(capabilities.static_filters())
            && queues.all(is_sound)
            && self
                .filters
                .iter()
                .all(|(_, set)| set.criteria.check(offer).is_ok())
    }
}
