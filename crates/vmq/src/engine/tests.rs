//! The rules of the engine, one by one, and the little world they are tried in.

mod filters;
mod freeing;
mod learning;
mod matching;
mod parameters;
mod queues;
mod settings;
mod states;

use super::*;
use crate::affinity::Affinity;
use crate::capabilities::{FilterCapabilities, GlobalParameters, Lookahead};
use crate::criteria::Criteria;
use crate::field::{Facts, Field, FieldTest, PacketType, Test};
use crate::filter::{Filter, FilterInfo, VlanTest};
use crate::id::{FilterId, VlanId};
use crate::learn::{Learned, Reason};
use crate::mac::Mac;
use crate::queue::Learning;
use crate::tick::{Span, Tick};
use crate::version::NdisVersion;

const CAPABILITIES: Capabilities = Capabilities {
    learned_per_queue: 3,
    processors: 128,
    lookahead: Some(Lookahead { min: 64, max: 128 }),
    ..Capabilities::new(3, 8)
};
/// The binding that makes the requests, and one that has no business here.
const ME: Binding = Binding(1);
const OTHER: Binding = Binding(2);
const NOW: Tick = Tick(1000);
const UNTAGGED: VlanId = VlanId::UNTAGGED;

fn engine() -> Engine {
    Engine::new(CAPABILITIES, Settings::default(), 0x5eed)
}

/// An engine in the mode of NDIS 6.20.
fn engine_620() -> Engine {
    let settings = Settings {
        version: NdisVersion::V6_20,
        ..Settings::default()
    };
    Engine::new(CAPABILITIES, settings, 0x5eed)
}

fn queue_named(name: &str) -> AllocateQueue {
    AllocateQueue {
        queue_name: name.into(),
        vm_name: "vm".into(),
        processor_affinity: Affinity { group: 0, mask: 1 },
        ..AllocateQueue::default()
    }
}

fn mac(last: u8) -> Mac {
    Mac([0x52, 0x54, 0, 0, 0, last])
}

fn untagged(last: u8) -> Filter {
    Filter {
        mac: mac(last),
        vlan: VlanTest::UntaggedOrZero,
    }
}

fn on_vlan(last: u8, vlan: u16) -> Filter {
    Filter {
        mac: mac(last),
        vlan: VlanTest::Id(VlanId(vlan)),
    }
}

fn any_vlan(last: u8) -> Filter {
    Filter {
        mac: mac(last),
        vlan: VlanTest::Any,
    }
}

impl Engine {
    /// Completes queues whose buffers need no allocation.
    fn complete_all(&mut self, queues: &[QueueId]) -> Vec<(QueueId, NdisStatus)> {
        self.allocation_complete(ME, queues, |_, _| Ok(()))
    }

    fn allocated(&mut self) -> QueueId {
        self.allocate_queue(ME, queue_named("q")).unwrap()
    }

    fn completed(&mut self) -> QueueId {
        let queue = self.allocated();
        assert_eq!(self.complete_all(&[queue]), [(queue, NdisStatus::SUCCESS)]);
        queue
    }

    fn state(&self, queue: QueueId) -> OperationalState {
        let listed = self.queues().find(|info| info.id == queue);
        listed.map_or(OperationalState::Undefined, |info| info.state)
    }

    fn owner(&mut self, vlan: VlanId, last: u8) -> Option<QueueId> {
        self.table().lookup(vlan, mac(last)).map(|hit| hit.queue)
    }

    fn free_at_once(&mut self, queue: QueueId) {
        self.free_queue(ME, queue).unwrap();
        self.dma_stopped(queue).unwrap();
        self.resources_freed(queue).unwrap();
    }
}
