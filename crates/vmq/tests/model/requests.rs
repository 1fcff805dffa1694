//! Sequences of requests, step by step beside the model.

use std::sync::Arc;

use crate::asked::{asked, mac, vlan};
use crate::naive::{Asked, LISTED, MACS, Model, Owner, VLANS};
use proptest::collection::vec;
use proptest::prelude::*;
use vmq::{
    Affinity, AllocateQueue, Binding, Capabilities, Criteria, Engine, Event, Facts, FilterId, Hit,
    Learning, Mac, NdisStatus, OperationalState, QueueChange, QueueId, Settings, Span, Tick,
    VlanId,
};

/// Small, so that every limit is met often.
const CAPABILITIES: Capabilities = Capabilities {
    learned_per_queue: 3,
    filter_tests: u32::MAX,
    mac_fields: u32::MAX,
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
    SetFilter(Binding, QueueId, Option<FilterId>, Asked),
    MoveFilter(Binding, FilterId, QueueId, QueueId),
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
        5 => (by(), queue(), prop::option::weighted(0.2, filter_id()), asked())
            .prop_map(|(by, queue, id, asked)| Request::SetFilter(by, queue, id, asked)),
        2 => (by(), filter_id(), queue(), queue())
            .prop_map(|(by, id, from, to)| Request::MoveFilter(by, id, from, to)),
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
        Request::SetFilter(by, queue, id, asked) => {
            let criteria = Criteria::new(asked.fields.clone(), asked.is_untagged_or_zero);
            let set = match id {
                Some(id) => engine.set_filter_as(by, queue, id, criteria).map(|()| id),
                None => engine.set_filter(by, queue, criteria),
            };
            assert_eq!(set, model.set_filter(by, queue, id, asked));
        }
        Request::MoveFilter(by, id, from, to) => {
            assert_eq!(
                engine.move_filter(by, id, from, to),
                model.move_filter(by, id, from, to)
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

/// Frames that pass some tests and fail others.
fn frames() -> impl Iterator<Item = Facts> {
    let addresses = VLANS
        .iter()
        .flat_map(|vlan| MACS.iter().map(move |mac| (*vlan, *mac)));
    addresses.flat_map(|(vlan, destination)| {
        let rest = [(MACS[0], 0, 0x0800), (MACS[1], 5, 0x0806)];
        rest.map(|(source, priority, protocol)| Facts {
            destination,
            source,
            vlan,
            priority,
            protocol,
        })
    })
}

fn compare(engine: &mut Engine, model: &Model) {
    let table = engine.table();
    assert_eq!(table.members(), model.members());
    for frame in frames() {
        let check = |hit: Option<Hit>, owner: Option<Owner>| {
            let found = hit.map(|hit| (hit.queue, hit.filter()));
            assert_eq!(
                found,
                owner.map(|owner| (owner.queue(), owner.filter())),
                "{frame:?}"
            );
        };
        check(
            table.lookup(frame.vlan, frame.destination),
            model.exact_owner(&frame),
        );
        check(
            table.classify(frame.vlan, frame.destination, || frame),
            model.owner(&frame),
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
