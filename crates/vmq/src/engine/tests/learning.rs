//! Learned filters: coming, moving, giving way, ageing.

use super::*;
use crate::learn::MOVES_WITHIN;

#[test]
fn a_static_filter_takes_learned_ones_off_its_addresses() {
    let mut engine = engine();
    let [guest, owner] = [engine.completed(), engine.completed()];
    engine.learn(guest, UNTAGGED, mac(1), NOW);
    engine.learn(guest, VlanId(5), mac(1), NOW);
    engine.set_filter(ME, owner, untagged(1)).unwrap();
    assert_eq!(
        [engine.owner(UNTAGGED, 1), engine.owner(VlanId(5), 1)],
        [Some(owner), Some(guest)]
    );
    engine.set_filter(ME, owner, any_vlan(1)).unwrap();
    assert_eq!(engine.owner(VlanId(5), 1), Some(owner));
    assert_eq!(engine.queue(guest).unwrap().learned, 0);
    assert_eq!(engine.state(guest), OperationalState::Paused);
}

#[test]
fn learning_answers_what_became_of_the_address() {
    let mut engine = engine();
    let [first, second] = [engine.completed(), engine.completed()];
    assert_eq!(engine.learn(first, UNTAGGED, mac(1), NOW), Learned::New);
    assert_eq!(engine.state(first), OperationalState::Running);
    assert_eq!(engine.learn(first, UNTAGGED, mac(1), NOW), Learned::Known);
    assert_eq!(
        engine.learn(second, UNTAGGED, mac(1), NOW),
        Learned::Moved {
            from: first,
            moves: 1
        }
    );
    assert_eq!(engine.owner(UNTAGGED, 1), Some(second));
    assert_eq!(
        [engine.state(first), engine.state(second)],
        [OperationalState::Paused, OperationalState::Running]
    );
    assert_eq!(
        engine.learn(first, VlanId(7), mac(1), NOW),
        Learned::New,
        "another VLAN is another station"
    );
}

#[test]
fn learning_says_why_not() {
    let mut engine = engine();
    let [owner, guest] = [engine.completed(), engine.completed()];
    engine.set_filter(ME, owner, any_vlan(9)).unwrap();
    let mut learn = |queue, vlan, mac| match engine.learn(queue, vlan, mac, NOW) {
        Learned::Refused(reason) => Some(reason),
        _ => None,
    };
    assert_eq!(
        learn(guest, UNTAGGED, Mac([1, 0, 0x5e, 0, 0, 1])),
        Some(Reason::Multicast)
    );
    assert_eq!(
        learn(guest, VlanId(u16::MAX), mac(1)),
        Some(Reason::InvalidVlan)
    );
    assert_eq!(
        learn(guest, VlanId(5), mac(9)),
        Some(Reason::StaticElsewhere)
    );
    assert_eq!(
        learn(owner, VlanId(5), mac(9)),
        None,
        "its own static filter"
    );
    assert_eq!(
        learn(QueueId(9), UNTAGGED, mac(1)),
        Some(Reason::QueueNotRunning)
    );
    for last in 1..=3 {
        assert_eq!(learn(guest, UNTAGGED, mac(last)), None);
    }
    assert_eq!(learn(guest, UNTAGGED, mac(4)), Some(Reason::PerQueueLimit));
    for last in 4..=6 {
        assert_eq!(learn(owner, UNTAGGED, mac(last)), None);
    }
    assert_eq!(learn(QueueId::DEFAULT, UNTAGGED, mac(7)), None);
    assert_eq!(
        learn(QueueId::DEFAULT, UNTAGGED, mac(8)),
        Some(Reason::TableFull)
    );
    assert_eq!(
        learn(QueueId::DEFAULT, UNTAGGED, mac(1)),
        None,
        "a move takes no room"
    );
    let unready = engine.allocated();
    assert_eq!(
        engine.learn(unready, UNTAGGED, mac(1), NOW),
        Learned::Refused(Reason::QueueNotRunning)
    );
}

#[test]
fn learned_addresses_do_not_keep_static_filters_out() {
    let mut engine = engine();
    let queues = [engine.completed(), engine.completed(), engine.completed()];
    for last in 0..8 {
        let learned = engine.learn(
            queues[usize::from(last) % 3],
            UNTAGGED,
            mac(last),
            Tick(u32::from(last)),
        );
        assert_eq!(learned, Learned::New);
    }
    engine.table().mark_seen(
        engine.table().lookup(UNTAGGED, mac(0)).unwrap().entry,
        Tick(9),
    );
    engine.set_filter(ME, queues[0], untagged(100)).unwrap();
    assert_eq!(
        engine.owner(UNTAGGED, 1),
        None,
        "the one that was silent for longest"
    );
    assert!(engine.owner(UNTAGGED, 0).is_some() && engine.owner(UNTAGGED, 100).is_some());
    for last in 101..=107 {
        engine.set_filter(ME, queues[0], untagged(last)).unwrap();
    }
    assert_eq!(
        engine.set_filter(ME, queues[0], untagged(108)),
        Err(NdisStatus::RESOURCES)
    );
    assert_eq!(engine.table().len(), 8);
}

#[test]
fn an_address_that_falls_silent_is_forgotten() {
    let mut engine = engine();
    let queue = engine.completed();
    assert_eq!(engine.next_expiry(), None);
    engine.learn(queue, UNTAGGED, mac(1), Tick(10));
    engine.learn(queue, UNTAGGED, mac(2), Tick(20));
    assert_eq!(engine.next_expiry(), Some(Tick(310)));
    let table = engine.table();
    table.mark_seen(table.lookup(UNTAGGED, mac(1)).unwrap().entry, Tick(100));
    assert_eq!(engine.age(Tick(310)).len(), 0, "it was seen since");
    assert_eq!(engine.next_expiry(), Some(Tick(320)));
    assert_eq!(engine.age(Tick(319)).len(), 0);
    assert_eq!(engine.age(Tick(320)).len(), 1);
    assert_eq!(
        [engine.owner(UNTAGGED, 1), engine.owner(UNTAGGED, 2)],
        [Some(queue), None]
    );
    assert_eq!(engine.age(Tick(400)).len(), 1);
    assert_eq!(
        (engine.next_expiry(), engine.state(queue)),
        (None, OperationalState::Paused)
    );
}

#[test]
fn static_filters_do_not_age_and_ignore_marks() {
    let mut engine = engine();
    let queue = engine.completed();
    let filter = engine.set_filter(ME, queue, untagged(1)).unwrap();
    let table = engine.table();
    let hit = table.lookup(UNTAGGED, mac(1)).unwrap();
    assert_eq!((hit.is_learned(), hit.filter()), (false, Some(filter)));
    table.mark_seen(hit.entry, NOW);
    assert_eq!(
        (engine.age(Tick(u32::MAX)).len(), engine.next_expiry()),
        (0, None)
    );
    assert_eq!(engine.owner(UNTAGGED, 1), Some(queue));
}

#[test]
fn marks_through_an_older_table_count() {
    let mut engine = engine();
    let queue = engine.completed();
    engine.learn(queue, UNTAGGED, mac(1), Tick(0));
    let older = engine.table();
    engine.learn(queue, UNTAGGED, mac(2), Tick(0));
    let newer = engine.table();
    older.mark_seen(older.lookup(UNTAGGED, mac(1)).unwrap().entry, Tick(200));
    assert_eq!(engine.age(Tick(300)).len(), 1);
    assert!(
        newer.lookup(UNTAGGED, mac(2)).is_some(),
        "a table never changes"
    );
    assert_eq!(
        [engine.owner(UNTAGGED, 1), engine.owner(UNTAGGED, 2)],
        [Some(queue), None]
    );
}

#[test]
fn an_address_that_flaps_is_told_by_its_count_of_moves() {
    let mut engine = engine();
    let queues = [engine.completed(), engine.completed()];
    engine.learn(queues[0], UNTAGGED, mac(1), Tick(0));
    let within = MOVES_WITHIN.0;
    let mut moves = Vec::new();
    let mut times = vec![1, 2, 2 + within, 3 + 2 * within, 4 + 2 * within];
    for (nth, time) in times.drain(..).enumerate() {
        match engine.learn(queues[(nth + 1) % 2], UNTAGGED, mac(1), Tick(time)) {
            Learned::Moved { from, moves: count } => {
                assert_eq!(from, queues[nth % 2]);
                moves.push(count);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        moves,
        [1, 2, 3, 1, 2],
        "a quiet while starts the count anew"
    );
    let listed: Vec<_> = engine.filters(queues[1]).unwrap().collect();
    assert_eq!(listed[0].moves, 2);
}

#[test]
fn each_queue_learns_as_much_as_it_may() {
    let mut engine = engine();
    let learning = |limit| Learning {
        limit,
        ..Learning::default()
    };
    let parameters = |limit| AllocateQueue {
        learning: learning(limit),
        ..queue_named("q")
    };
    let none = engine.allocate_queue(ME, parameters(Some(0))).unwrap();
    let four = engine.allocate_queue(ME, parameters(Some(4))).unwrap();
    let default = engine.allocate_queue(ME, parameters(None)).unwrap();
    engine.complete_all(&[none, four, default]);
    let mut learned = |queue, base: u8| {
        (0..6)
            .take_while(|last| engine.learn(queue, UNTAGGED, mac(base + last), NOW) == Learned::New)
            .count()
    };
    assert_eq!(
        [learned(none, 0), learned(default, 10), learned(four, 20)],
        [0, 3, 4]
    );
}

#[test]
fn a_queue_that_takes_no_moves_learns_new_addresses_only() {
    let mut engine = engine();
    let open = engine.completed();
    let learning = Learning {
        takes_moves: false,
        ..Learning::default()
    };
    let closed = engine
        .allocate_queue(
            ME,
            AllocateQueue {
                learning,
                ..queue_named("q")
            },
        )
        .unwrap();
    engine.complete_all(&[closed]);
    engine.learn(open, UNTAGGED, mac(1), NOW);
    assert_eq!(
        engine.learn(closed, UNTAGGED, mac(1), NOW),
        Learned::Refused(Reason::NoMoves)
    );
    assert_eq!(engine.owner(UNTAGGED, 1), Some(open));
    assert_eq!(engine.learn(closed, UNTAGGED, mac(2), NOW), Learned::New);
    assert_eq!(
        engine.learn(open, UNTAGGED, mac(2), NOW),
        Learned::Moved {
            from: closed,
            moves: 1
        }
    );
}

#[test]
fn a_lower_limit_forgets_those_silent_for_longest() {
    let mut engine = engine();
    let queue = engine.completed();
    for last in 1..=3 {
        engine.learn(queue, UNTAGGED, mac(last), Tick(u32::from(10 - last)));
    }
    let limited = |limit| QueueChange {
        learning: Some(Learning {
            limit: Some(limit),
            ..Learning::default()
        }),
        ..QueueChange::default()
    };
    engine.change_queue(ME, queue, limited(1)).unwrap();
    let owners = [1, 2, 3].map(|last| engine.owner(UNTAGGED, last));
    assert_eq!(owners, [Some(queue), None, None]);
    engine.change_queue(ME, queue, limited(0)).unwrap();
    assert_eq!(engine.owner(UNTAGGED, 1), None);
    assert_eq!(engine.state(queue), OperationalState::Paused);
}

#[test]
fn the_maximum_age_changes_while_addresses_are_known() {
    let mut engine = engine();
    let queue = engine.completed();
    engine.learn(queue, UNTAGGED, mac(1), Tick(0));
    let settings = Settings {
        max_age: Span(10),
        ..engine.settings()
    };
    assert_eq!(
        engine.change_settings(settings),
        Ok(vec![]),
        "nobody is to be told"
    );
    assert_eq!(engine.next_expiry(), Some(Tick(10)));
    assert_eq!(
        (engine.age(Tick(9)).len(), engine.age(Tick(10)).len()),
        (0, 1)
    );
}
