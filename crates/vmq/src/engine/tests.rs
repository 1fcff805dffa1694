//! The rules of the engine, one by one, and the little world they are tried in.

mod filters;
mod learning;
mod queues;

use super::*;
use crate::filter::VlanTest;
use crate::queue::Affinity;

const CAPABILITIES: Capabilities = Capabilities {
    num_queues: 3,
    max_filters: 8,
    learned_per_queue: 3,
    max_age: Span(300),
};
const NOW: Tick = Tick(1000);
const UNTAGGED: VlanId = VlanId::UNTAGGED;

fn engine() -> Engine {
    Engine::new(CAPABILITIES, 0x5eed)
}

fn queue_named(name: &str) -> AllocateQueue {
    AllocateQueue {
        queue_name: name.into(),
        vm_name: "vm".into(),
        flags: 0,
        processor_affinity: Affinity { group: 0, mask: 1 },
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
    fn allocated(&mut self) -> QueueId {
        self.allocate_queue(queue_named("q")).unwrap()
    }

    fn completed(&mut self) -> QueueId {
        let queue = self.allocated();
        assert_eq!(
            self.allocation_complete(&[queue]),
            [(queue, NdisStatus::SUCCESS)]
        );
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
        self.free_queue(queue).unwrap();
        self.dma_stopped(queue).unwrap();
        self.resources_freed(queue).unwrap();
    }
}
