//! What a frontend has said of one virtqueue, and whether that is enough to run it.

use std::sync::Arc;

use shmem::GuestMemory;
use virtq::{Layout, Ring, RingError};

use super::eventfd::{Call, Kick};
use super::features::{EVENT_IDX, INDIRECT_DESC, PROTOCOL_FEATURES, RING_PACKED};

/// One virtqueue, as configured so far.
#[derive(Default)]
pub(super) struct Vring {
    pub(super) size: Option<u16>,
    pub(super) addresses: Option<Addresses>,
    /// Where the ring goes on (SET_VRING_BASE), kept while it is stopped.
    pub(super) base: u32,
    /// Set by SET_VRING_KICK, which starts the ring; taken by the ring while it runs.
    pub(super) kick: Option<Kick>,
    pub(super) call: Arc<Call>,
    pub(super) is_enabled: bool,
    pub(super) is_running: bool,
}

/// Where the three parts of a ring lie, in the frontend's own addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) descriptors: u64,
    pub(super) avail: u64,
    pub(super) used: u64,
}

impl Vring {
    /// True when everything that a ring needs is there. A ring is enabled by SET_VRING_ENABLE, or from
    /// the start if protocol features were not negotiated (vhost-user specification, "Ring states").
    pub(super) fn is_ready(&self, features: u64) -> bool {
        let is_enabled = self.is_enabled || features & PROTOCOL_FEATURES == 0;
        is_enabled && self.size.is_some() && self.addresses.is_some() && self.kick.is_some()
    }

    /// Opens the ring in `memory`. `None` while it is not ready.
    pub(super) fn open(
        &self,
        features: u64,
        memory: &GuestMemory,
    ) -> Option<Result<Ring, RingError>> {
        let (Some(size), Some(at)) = (self.size, self.addresses) else {
            return None;
        };
        let layout = Layout {
            size,
            desc_uva: at.descriptors,
            avail_uva: at.avail,
            used_uva: at.used,
            packed: features & RING_PACKED != 0,
            base: self.base,
            event_idx: features & EVENT_IDX != 0,
            indirect: features & INDIRECT_DESC != 0,
        };
        Some(Ring::open(&layout, memory))
    }
}
