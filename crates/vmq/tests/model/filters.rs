//! Sets of filters, whole: where they send frames is where a list searched from the front would send them.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
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

/// What decided where a frame goes.
#[derive(Clone, Copy, Debug, Default)]
struct Decided {
    by_exact: u64,
    by_general: u64,
    by_learned: u64,
    by_none: u64,
}

/// T1, T2, T4, T6 over millions of pairs of a set of filters and a frame, counted: 10 000 sets, all frames for each.
#[test]
fn t1_t2_any_filters_forward_any_frame_like_a_list_searched_from_the_front() {
    let sets = 10_000;
    let config = ProptestConfig {
        cases: sets,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let world = (
        any::<u64>(),
        vec((0..4_usize, asked()), 0..24),
        vec((0..3_usize, 0..3_usize, 0..3_usize), 0..6),
    );
    let decided = Cell::new(Decided::default());
    let judged = TestRunner::new(config).run(&world, |(seed, set, learned)| {
        let so_far = forwards_like_a_list(seed, set, learned, decided.get())?;
        decided.set(so_far);
        Ok(())
    });
    if let Err(error) = judged {
        panic!("{error}");
    }
    let counts = decided.get();
    let Decided {
        by_exact,
        by_general,
        by_learned,
        by_none,
    } = counts;
    let pairs = by_exact + by_general + by_learned + by_none;
    assert_eq!(pairs, u64::from(sets) * frames().count() as u64);
    assert!(pairs >= 4_000_000, "{counts:?}");
    let least = by_exact.min(by_general).min(by_learned).min(by_none);
    assert!(least >= pairs / 50, "too few of a kind: {counts:?}");
}

/// Holds one set of filters against the list of them, frame by frame; counts on what decided.
fn forwards_like_a_list(
    seed: u64,
    set: Vec<(usize, Asked)>,
    learned: Vec<(usize, usize, usize)>,
    mut decided: Decided,
) -> Result<Decided, TestCaseError> {
    let (mut engine, queues) = engine(seed);
    let mut list: Vec<(Asked, QueueId, FilterId)> = Vec::new();
    for (queue, asked) in set {
        let queue = queues.get(queue).copied().unwrap_or(QueueId::DEFAULT);
        let criteria = Criteria::new(asked.fields.clone(), asked.is_untagged_or_zero);
        if let Ok(id) = engine.set_filter(BY, queue, criteria) {
            list.push((asked, queue, id));
        }
    }
    let mut stations = Vec::new();
    for (queue, vlan, mac) in learned {
        let (queue, vlan, mac) = (queues[queue], VLANS[vlan], MACS[mac]);
        if let Learned::New | Learned::Moved { .. } = engine.learn(queue, vlan, mac, Tick(0)) {
            stations.retain(|(v, m, _)| (*v, *m) != (vlan, mac));
            stations.push((vlan, mac, queue));
        }
    }
    let table = engine.table();
    for frame in frames() {
        let set = list.iter().find(|(asked, ..)| asked.accepts(&frame));
        let to_station = |vlan, mac| (vlan, mac) == (frame.vlan, frame.destination);
        let learned = stations
            .iter()
            .find(|(vlan, mac, _)| to_station(*vlan, *mac));
        let expected = match (set, learned) {
            (Some((_, queue, id)), _) => Some((*queue, Some(*id))),
            (None, Some((.., queue))) => Some((*queue, None)),
            (None, None) => None,
        };
        let hit = table.classify(frame.vlan, frame.destination, || frame);
        prop_assert_eq!(
            hit.map(|hit| (hit.queue, hit.filter())),
            expected,
            "{:?}",
            frame
        );
        *match (set, learned) {
            (Some((asked, ..)), _) if asked.exact().is_some() => &mut decided.by_exact,
            (Some(_), _) => &mut decided.by_general,
            (None, Some(_)) => &mut decided.by_learned,
            (None, None) => &mut decided.by_none,
        } += 1;
    }
    Ok(decided)
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
