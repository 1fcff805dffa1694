//! Sets of filters, whole: where they send frames is where a list searched from the front would send them.

use proptest::collection::vec;
use proptest::prelude::*;
use vmq::{
    Affinity, AllocateQueue, Binding, Capabilities, Criteria, Engine, Facts, Filter, FilterId,
    Learned, Mac, QueueId, Settings, Tick, VlanId, VlanTest,
};

use crate::asked::asked;
use crate::naive::{Asked, MACS, VLANS};

const BY: Binding = Binding(0);

/// An engine that takes whatever filters there are, and three complete queues.
fn engine(seed: u64) -> (Engine, [QueueId; 3]) {
    let capabilities = Capabilities {
        learned_per_queue: 600,
        filter_tests: u32::MAX,
        mac_fields: u32::MAX,
        ..Capabilities::new(3, 600)
    };
    let mut engine = Engine::new(capabilities, Settings::default(), seed);
    let parameters = AllocateQueue {
        processor_affinity: Affinity { group: 0, mask: 1 },
        ..AllocateQueue::default()
    };
    let queues = [0; 3].map(|_| engine.allocate_queue(BY, parameters.clone()).unwrap());
    engine.allocation_complete(BY, &queues, |_, _| Ok(()));
    (engine, queues)
}

/// All frames of a small world: 432 of them.
fn frames() -> impl Iterator<Item = Facts> {
    let addresses = VLANS
        .iter()
        .flat_map(|vlan| MACS.iter().map(move |mac| (*vlan, *mac)));
    let all = addresses.flat_map(|(vlan, to)| MACS[..3].iter().map(move |from| (vlan, to, *from)));
    let all = all.flat_map(|addresses| [0, 1, 7].map(|priority| (addresses, priority)));
    all.flat_map(|((vlan, destination, source), priority)| {
        [0x0800, 0x0806, 0x86dd].map(|protocol| Facts {
            destination,
            source,
            vlan,
            priority,
            protocol,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8192))]

    /// T1, T2, T4, T6: in all, some 3.5 million pairs of a set of filters and a frame.
    #[test]
    fn t1_t2_any_filters_forward_any_frame_like_a_list_searched_from_the_front(
        seed: u64,
        set in vec((0..4_usize, asked()), 0..24),
        learned in vec((0..3_usize, 0..3_usize, 0..3_usize), 0..6),
    ) {
        let (mut engine, queues) = engine(seed);
        let mut list: Vec<(Asked, QueueId, FilterId)> = Vec::new();
        for (queue, asked) in set {
            let queue = if queue == 3 { QueueId::DEFAULT } else { queues[queue] };
            let criteria = Criteria::new(asked.fields.clone(), asked.is_untagged_or_zero);
            if let Ok(id) = engine.set_filter(BY, queue, criteria) {
                list.push((asked, queue, id));
            }
        }
        let mut stations = Vec::new();
        for (queue, vlan, mac) in learned {
            let (vlan, mac) = (VLANS[vlan], MACS[mac]);
            if let Learned::New | Learned::Moved { .. } = engine.learn(queues[queue], vlan, mac, Tick(0)) {
                stations.retain(|(v, m, _)| (*v, *m) != (vlan, mac));
                stations.push((vlan, mac, queues[queue]));
            }
        }
        let table = engine.table();
        for frame in frames() {
            let set = list.iter().find(|(asked, ..)| asked.accepts(&frame));
            let set = set.map(|(_, queue, id)| (*queue, Some(*id)));
            let learned = stations.iter().find(|(vlan, mac, _)| (*vlan, *mac) == (frame.vlan, frame.destination));
            let expected = set.or(learned.map(|(.., queue)| (*queue, None)));
            let hit = table.classify(frame.vlan, frame.destination, || frame);
            prop_assert_eq!(hit.map(|hit| (hit.queue, hit.filter())), expected, "{:?}", frame);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// T1, T2, T6 with so many filters that their places in the table get crowded.
    #[test]
    fn many_filters_forward_like_a_list_searched_from_the_front(
        seed: u64,
        set in vec((0..3_usize, 0..40_u8, 0..12_u16), 0..300),
        seen in vec((0..3_usize, 0..40_u8, 0..11_u16), 0..300),
    ) {
        let (mut engine, queues) = engine(seed);
        let mac = |last| Mac([0x52, 0x54, 0, 0, 0, last]);
        let filter = |last, vlan| Filter {
            mac: mac(last),
            vlan: match vlan {
                0 => VlanTest::UntaggedOrZero,
                11 => VlanTest::Any,
                id => VlanTest::Id(VlanId(id)),
            },
        };
        let mut list = Vec::new();
        for (queue, last, vlan) in set {
            let id = engine.set_filter(BY, queues[queue], filter(last, vlan)).unwrap();
            list.push((filter(last, vlan), queues[queue], Some(id)));
        }
        for (queue, last, vlan) in seen {
            let queue = queues[queue];
            match engine.learn(queue, VlanId(vlan), mac(last), Tick(0)) {
                Learned::New => list.push((filter(last, vlan), queue, None)),
                Learned::Moved { from, .. } => {
                    let before = (filter(last, vlan), from, None);
                    list.iter_mut().filter(|listed| **listed == before).for_each(|listed| listed.1 = queue);
                }
                _ => {}
            }
        }
        let table = engine.table();
        for (last, vlan) in (0..41).flat_map(|last| (0..13).map(move |vlan| (last, VlanId(vlan)))) {
            let expected = list.iter().find(|(filter, ..)| filter.accepts(vlan, mac(last)));
            let hit = table.lookup(vlan, mac(last));
            prop_assert_eq!(hit.map(|hit| (hit.queue, hit.filter())), expected.map(|(_, queue, id)| (*queue, *id)));
        }
    }
}
