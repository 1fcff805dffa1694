//! The engine against a naive model of the same rules: any sequence of requests gives the same answers, the same lists,
//! and tables that send every frame to the same queue.

mod naive;

use std::sync::Arc;

use naive::{LISTED, MACS, Model, Owner, VLANS};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use vmq::{
    Affinity, AllocateQueue, Binding, Capabilities, Engine, Event, Filter, FilterId, Learned,
    Learning, Mac, NdisStatus, OperationalState, QueueChange, QueueId, Settings, Span, Tick,
    VlanId, VlanTest,
};

/// Small, so that every limit is met often.
const CAPABILITIES: Capabilities = Capabilities {
    learned_per_queue: 3,
    ..Capabilities::new(3, 7)
};

const MAX_AGE: Span = Span(10);

/// Who makes requests.
const BINDINGS: [Binding; 2] = [Binding(1), Binding(2)];

fn engine(capabilities: Capabilities, seed: u64) -> Engine {
    let settings = Settings {
        max_age: MAX_AGE,
        ..Settings::default()
    };
    Engine::new(capabilities, settings, seed)
}

fn model() -> Model {
    Model::new(CAPABILITIES, MAX_AGE)
}

#[derive(Clone, Debug)]
enum Request {
    Allocate(Binding, AllocateQueue),
    Change(Binding, QueueId, Learning),
    SetFilter(Binding, QueueId, Filter),
    ClearFilter(Binding, QueueId, FilterId),
    /// With the queues for which there is no memory.
    Complete(Binding, Vec<QueueId>, Vec<QueueId>),
    Free(Binding, QueueId),
    DmaStopped(QueueId),
    ResourcesFreed(QueueId),
    Learn(QueueId, VlanId, Mac),
    See(VlanId, Mac),
    Age {
        after: i8,
    },
}

fn queue() -> impl Strategy<Value = QueueId> {
    (0..=LISTED).prop_map(QueueId)
}

fn vlan() -> impl Strategy<Value = VlanId> {
    select(VLANS.as_slice())
}

fn mac() -> impl Strategy<Value = Mac> {
    select(MACS.as_slice())
}

fn filter() -> impl Strategy<Value = Filter> {
    let test = prop_oneof![
        Just(VlanTest::UntaggedOrZero),
        vlan().prop_map(VlanTest::Id),
        Just(VlanTest::Any),
    ];
    (mac(), test).prop_map(|(mac, vlan)| Filter { mac, vlan })
}

/// Mostly the same one, so that most requests get somewhere.
fn by() -> impl Strategy<Value = Binding> {
    prop_oneof![5 => Just(BINDINGS[0]), 1 => Just(BINDINGS[1])]
}

fn learning() -> impl Strategy<Value = Learning> {
    let limit = prop_oneof![Just(None), (0..5_u32).prop_map(Some)];
    (limit, prop::bool::weighted(0.8))
        .prop_map(|(limit, takes_moves)| Learning { limit, takes_moves })
}

fn allocation() -> impl Strategy<Value = AllocateQueue> {
    let id = prop_oneof![3 => Just(None), 1 => queue().prop_map(Some)];
    (id, 0..4_u64, learning()).prop_map(|(id, mask, learning)| AllocateQueue {
        id,
        learning,
        ..parameters(mask)
    })
}

fn request() -> impl Strategy<Value = Request> {
    let filter_id = || (0..9_u16).prop_map(FilterId);
    prop_oneof![
        3 => (by(), allocation()).prop_map(|(by, asked)| Request::Allocate(by, asked)),
        1 => (by(), queue(), learning()).prop_map(|(by, queue, learning)| Request::Change(by, queue, learning)),
        5 => (by(), queue(), filter()).prop_map(|(by, queue, filter)| Request::SetFilter(by, queue, filter)),
        5 => (by(), queue(), filter_id()).prop_map(|(by, queue, id)| Request::ClearFilter(by, queue, id)),
        4 => (by(), vec(queue(), 0..4), vec(queue(), 0..2))
            .prop_map(|(by, queues, poor)| Request::Complete(by, queues, poor)),
        2 => (by(), queue()).prop_map(|(by, queue)| Request::Free(by, queue)),
        3 => queue().prop_map(Request::DmaStopped),
        3 => queue().prop_map(Request::ResourcesFreed),
        8 => (queue(), vlan(), mac()).prop_map(|(queue, vlan, mac)| Request::Learn(queue, vlan, mac)),
        3 => (vlan(), mac()).prop_map(|(vlan, mac)| Request::See(vlan, mac)),
        3 => (-2..8_i8).prop_map(|after| Request::Age { after }),
    ]
}

fn parameters(mask: u64) -> AllocateQueue {
    AllocateQueue {
        queue_name: "queue".into(),
        vm_name: "vm".into(),
        processor_affinity: Affinity { group: 0, mask },
        ..AllocateQueue::default()
    }
}

/// Sends one request to both and compares the answers.
fn step(engine: &mut Engine, model: &mut Model, now: &mut Tick, request: Request) {
    match request {
        Request::Allocate(by, asked) => {
            assert_eq!(
                engine.allocate_queue(by, asked.clone()),
                model.allocate_queue(by, &asked)
            );
        }
        Request::Change(by, queue, learning) => {
            let change = QueueChange {
                learning: Some(learning),
                ..QueueChange::default()
            };
            assert_eq!(
                engine.change_queue(by, queue, change),
                model.change_learning(by, queue, learning)
            );
        }
        Request::SetFilter(by, queue, filter) => {
            assert_eq!(
                engine.set_filter(by, queue, filter),
                model.set_filter(by, queue, filter)
            );
        }
        Request::ClearFilter(by, queue, id) => {
            assert_eq!(
                engine.clear_filter(by, queue, id),
                model.clear_filter(by, queue, id)
            );
        }
        Request::Complete(by, queues, poor) => {
            let memory = |queue| match poor.contains(&queue) {
                true => Err(NdisStatus::RESOURCES),
                false => Ok(()),
            };
            let completed = engine.allocation_complete(by, &queues, |_, queue| memory(queue));
            let expected = queues
                .iter()
                .map(|queue| (*queue, model.complete(by, *queue, memory(*queue))));
            assert_eq!(completed, expected.collect::<Vec<_>>());
        }
        Request::Free(by, queue) => {
            assert_eq!(engine.free_queue(by, queue), model.free_queue(by, queue));
        }
        Request::DmaStopped(queue) => {
            let event = Event::QueueState {
                queue,
                state: OperationalState::DmaStopped,
            };
            assert_eq!(
                engine.dma_stopped(queue),
                model.dma_stopped(queue).map(|()| event)
            );
        }
        Request::ResourcesFreed(queue) => {
            assert_eq!(engine.resources_freed(queue), model.resources_freed(queue));
        }
        Request::Learn(queue, vlan, mac) => {
            assert_eq!(
                engine.learn(queue, vlan, mac, *now),
                model.learn(queue, vlan, mac, *now)
            );
        }
        Request::See(vlan, mac) => {
            let table = engine.table();
            if let Some(hit) = table.lookup(vlan, mac) {
                table.mark_seen(hit.entry, *now);
            }
            model.see(vlan, mac, *now);
        }
        Request::Age { after } => {
            *now = Tick(now.0.saturating_add_signed(after.into()));
            assert_eq!(engine.age(*now), model.age(*now));
            assert_eq!(
                engine.next_expiry(),
                model.next_expiry(),
                "exact right after ageing"
            );
        }
    }
}

fn compare(engine: &mut Engine, model: &Model) {
    let table = engine.table();
    assert_eq!(table.members(), model.members());
    for (vlan, mac) in VLANS
        .iter()
        .flat_map(|vlan| MACS.iter().map(move |mac| (*vlan, *mac)))
    {
        let hit = table.lookup(vlan, mac);
        assert_eq!(
            hit.map(|hit| hit.queue),
            model.owner(vlan, mac).map(Owner::queue),
            "{mac} on VLAN {vlan}"
        );
        assert_eq!(
            hit.and_then(|hit| hit.filter()),
            model.owner(vlan, mac).and_then(Owner::filter)
        );
    }
    for queue in (0..=LISTED).map(QueueId) {
        let state = engine
            .queues()
            .find(|info| info.id == queue)
            .map(|info| info.state);
        assert_eq!(
            state.unwrap_or(OperationalState::Undefined),
            model.state(queue),
            "queue {queue}"
        );
        let filters = engine
            .filters(queue)
            .map(|filters| filters.collect::<Vec<_>>());
        assert_eq!(filters, model.filters(queue), "queue {queue}");
        assert_eq!(engine.queue(queue).is_ok(), filters.is_ok());
        if let (Ok(info), Ok(filters)) = (engine.queue(queue), filters) {
            let learned = filters.iter().filter(|info| info.id.is_none()).count();
            assert_eq!(
                (info.learned, info.filters),
                (learned as u32, (filters.len() - learned) as u32)
            );
        }
    }
    let soonest = model.next_expiry();
    assert!(engine.next_expiry() <= soonest && engine.next_expiry().is_some() == soonest.is_some());
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
        let mut engine = engine(Capabilities { max_filters: 600, learned_per_queue: 600, ..CAPABILITIES }, seed);
        let queues = [0; 3].map(|_| engine.allocate_queue(BINDINGS[0], parameters(1)).unwrap());
        engine.allocation_complete(BINDINGS[0], &queues, |_, _| Ok(()));
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
            let id = engine.set_filter(BINDINGS[0], queues[queue], filter(last, vlan)).unwrap();
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

    #[test]
    fn the_engine_answers_and_forwards_like_the_model(seed: u64, requests in vec(request(), 1..300)) {
        let (mut engine, mut model, mut now) = (engine(CAPABILITIES, seed), model(), Tick(0));
        for request in requests {
            step(&mut engine, &mut model, &mut now, request);
            compare(&mut engine, &model);
        }
    }

    #[test]
    fn the_same_requests_give_the_same_engine_whatever_the_seed(seeds: [u64; 2], requests in vec(request(), 1..100)) {
        let mut engines = seeds.map(|seed| engine(CAPABILITIES, seed));
        for engine in &mut engines {
            let (mut model, mut now) = (model(), Tick(0));
            for request in requests.clone() {
                step(engine, &mut model, &mut now, request);
            }
        }
        let [left, right] = engines.map(|mut engine| {
            let table = engine.table();
            VLANS.map(|vlan| MACS.map(|mac| table.lookup(vlan, mac)))
        });
        prop_assert_eq!(left, right);
    }

    #[test]
    fn tables_already_handed_out_never_change(requests in vec(request(), 1..100)) {
        let (mut engine, mut model, mut now) = (engine(CAPABILITIES, 0), model(), Tick(0));
        let mut handed_out = Vec::new();
        for request in requests {
            step(&mut engine, &mut model, &mut now, request);
            let table = engine.table();
            let places = VLANS.map(|vlan| MACS.map(|mac| table.lookup(vlan, mac)));
            handed_out.push((Arc::clone(&table), places));
        }
        for (table, places) in handed_out {
            prop_assert_eq!(VLANS.map(|vlan| MACS.map(|mac| table.lookup(vlan, mac))), places);
        }
    }

    /// Workers may hold any old table and have any idea of the time: the worst they can do is keep an address for longer.
    #[test]
    fn a_mark_never_shortens_a_life(moves in vec((0..6_usize, mac(), 0..40_u32, any::<bool>()), 1..200)) {
        let mut engine = engine(CAPABILITIES, 1);
        let (mut tables, mut now) = (vec![engine.table()], Tick(0));
        let mut learned_at = Vec::new();
        for (pick, mac, time, is_learned) in moves {
            now = now.after(Span(time / 8));
            if is_learned && !mac.is_multicast() {
                engine.learn(QueueId::DEFAULT, VlanId(0), mac, now);
                tables.push(engine.table());
                learned_at.push((mac, now));
            }
            let table = &tables[pick % tables.len()];
            if let Some(hit) = table.lookup(VlanId(0), mac) {
                table.mark_seen(hit.entry, Tick(time));
            }
            engine.age(now);
            prop_assert!(engine.next_expiry().is_none_or(|expiry| expiry > now));
            let table = engine.table();
            for (mac, _) in learned_at.iter().filter(|(_, at)| now.since(*at) < MAX_AGE) {
                prop_assert!(table.lookup(VlanId(0), *mac).is_some(), "{} at {:?}", mac, now);
            }
        }
    }
}
