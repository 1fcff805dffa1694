//! Queues: their life, their states, freeing (rules Q1.. and F1..).

use super::*;

#[test]
fn q1_the_default_queue_runs_from_the_start_and_cannot_be_freed() {
    let mut engine = engine();
    assert_eq!(engine.state(QueueId::DEFAULT), OperationalState::Running);
    assert_eq!(
        engine.free_queue(QueueId::DEFAULT),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    let again = engine.allocation_complete(&[QueueId::DEFAULT]);
    assert_eq!(again, [(QueueId::DEFAULT, NdisStatus::INVALID_PARAMETER)]);
}

#[test]
fn q1_t3_the_default_queue_runs_on_when_its_last_filter_is_cleared() {
    let mut engine = engine();
    let filter = engine.set_filter(QueueId::DEFAULT, untagged(1)).unwrap();
    assert_eq!(engine.owner(UNTAGGED, 1), Some(QueueId::DEFAULT));
    engine.clear_filter(QueueId::DEFAULT, filter).unwrap();
    assert_eq!(engine.state(QueueId::DEFAULT), OperationalState::Running);
    assert_eq!(
        engine.learn(QueueId::DEFAULT, UNTAGGED, mac(1), NOW),
        Learned::New
    );
}

#[test]
fn q2_flags_that_mean_nothing_at_allocation_are_dropped() {
    let mut engine = engine();
    let queue = engine
        .allocate_queue(AllocateQueue {
            flags: 0xffff_ffff,
            ..queue_named("q")
        })
        .unwrap();
    assert_eq!(engine.queue(queue).unwrap().flags, 0x3);
}

#[test]
fn q3_a_queue_needs_a_processor() {
    let nowhere = Affinity { group: 0, mask: 0 };
    let refused = engine().allocate_queue(AllocateQueue {
        processor_affinity: nowhere,
        ..queue_named("q")
    });
    assert_eq!(refused, Err(NdisStatus::INVALID_PARAMETER));
}

#[test]
fn a_name_longer_than_a_counted_string_is_refused() {
    let mut engine = engine();
    assert!(engine.allocate_queue(queue_named(&"é".repeat(256))).is_ok());
    // One character, two UTF-16 units.
    let refused = engine.allocate_queue(queue_named(&"🦀".repeat(129)));
    assert_eq!(refused, Err(NdisStatus::INVALID_PARAMETER));
}

#[test]
fn q4_an_id_is_not_given_out_again_while_its_queue_is_being_freed() {
    let mut engine = engine();
    let [first, second] = [engine.allocated(), engine.allocated()];
    assert_eq!([first, second], [QueueId(1), QueueId(2)]);
    engine.free_queue(first).unwrap();
    engine.dma_stopped(first).unwrap();
    assert_eq!(engine.allocated(), QueueId(3));
    assert_eq!(
        engine.allocate_queue(queue_named("q")),
        Err(NdisStatus::RESOURCES)
    );
    engine.resources_freed(first).unwrap();
    assert_eq!(engine.allocated(), first);
}

#[test]
fn q6_a_queue_runs_once_it_has_a_filter_and_is_complete_in_either_order() {
    let mut engine = engine();
    let [filter_first, complete_first] = [engine.allocated(), engine.allocated()];
    engine.set_filter(filter_first, untagged(1)).unwrap();
    assert_eq!(engine.state(filter_first), OperationalState::Paused);
    engine.allocation_complete(&[filter_first, complete_first]);
    assert_eq!(engine.state(filter_first), OperationalState::Running);
    assert_eq!(engine.state(complete_first), OperationalState::Paused);
    engine.set_filter(complete_first, untagged(2)).unwrap();
    assert_eq!(engine.state(complete_first), OperationalState::Running);
}

#[test]
fn q7_frames_of_a_queue_that_does_not_run_match_the_next_queue() {
    let mut engine = engine();
    let [first, second] = [engine.allocated(), engine.completed()];
    engine.set_filter(first, untagged(1)).unwrap();
    engine.set_filter(second, untagged(1)).unwrap();
    assert_eq!(engine.owner(UNTAGGED, 1), Some(second));
    engine.allocation_complete(&[first]);
    assert_eq!(engine.owner(UNTAGGED, 1), Some(first));
}

#[test]
fn q9_q10_a_queue_without_filters_gets_no_frames_and_is_paused_not_stopped() {
    let mut engine = engine();
    let queue = engine.completed();
    let filter = engine.set_filter(queue, untagged(1)).unwrap();
    engine.clear_filter(queue, filter).unwrap();
    assert_eq!(engine.owner(UNTAGGED, 1), None);
    assert_eq!(engine.state(queue), OperationalState::Paused);
}

#[test]
fn q12_each_queue_completes_for_itself() {
    let mut engine = engine();
    let [done, new, freed] = [engine.completed(), engine.allocated(), engine.allocated()];
    engine.free_queue(freed).unwrap();
    let statuses = engine.allocation_complete(&[QueueId(9), done, freed, new, new]);
    let expected = [NdisStatus::INVALID_PARAMETER; 3];
    assert_eq!(
        statuses
            .iter()
            .map(|(_, status)| *status)
            .take(3)
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(
        statuses[3..],
        [
            (new, NdisStatus::SUCCESS),
            (new, NdisStatus::INVALID_PARAMETER)
        ]
    );
}

#[test]
fn q13_q14_only_what_is_named_changes() {
    let mut engine = engine();
    let queue = engine.completed();
    let before = engine.queue(queue).unwrap().queue_name.to_owned();
    let elsewhere = Affinity {
        group: 1,
        mask: 0b100,
    };
    engine
        .change_queue(
            queue,
            QueueChange {
                processor_affinity: Some(elsewhere),
                ..QueueChange::default()
            },
        )
        .unwrap();
    let info = engine.queue(queue).unwrap();
    assert_eq!(
        (info.queue_name, info.processor_affinity),
        (before.as_str(), elsewhere)
    );
    engine
        .change_queue(
            queue,
            QueueChange {
                queue_name: Some("new".into()),
                ..QueueChange::default()
            },
        )
        .unwrap();
    let info = engine.queue(queue).unwrap();
    assert_eq!(
        (info.queue_name, info.processor_affinity),
        ("new", elsewhere)
    );
}

#[test]
fn q13_a_change_that_makes_no_sense_changes_nothing() {
    let mut engine = engine();
    let queue = engine.completed();
    let nowhere = QueueChange {
        queue_name: Some("new".into()),
        processor_affinity: Some(Affinity::default()),
    };
    let endless = QueueChange {
        queue_name: Some("x".repeat(257)),
        processor_affinity: Some(Affinity { group: 9, mask: 9 }),
    };
    for change in [nowhere, endless] {
        assert_eq!(
            engine.change_queue(queue, change),
            Err(NdisStatus::INVALID_PARAMETER)
        );
        let info = engine.queue(queue).unwrap();
        assert_eq!((info.queue_name, info.processor_affinity.group), ("q", 0));
    }
    let unchanged = QueueChange::default();
    assert_eq!(
        engine.change_queue(QueueId::DEFAULT, unchanged.clone()),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    engine.free_queue(queue).unwrap();
    assert_eq!(
        engine.change_queue(queue, unchanged),
        Err(NdisStatus::INVALID_PARAMETER)
    );
}

#[test]
fn f1_f2_dma_stops_exactly_once_and_before_the_free_completes() {
    let mut engine = engine();
    let queue = engine.completed();
    assert_eq!(
        engine.dma_stopped(queue),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    engine.free_queue(queue).unwrap();
    assert_eq!(engine.state(queue), OperationalState::Paused);
    assert_eq!(
        engine.resources_freed(queue),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    let stopped = Event::QueueState {
        queue,
        state: OperationalState::DmaStopped,
    };
    assert_eq!(engine.dma_stopped(queue), Ok(stopped));
    assert_eq!(engine.state(queue), OperationalState::DmaStopped);
    assert_eq!(
        engine.dma_stopped(queue),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    assert_eq!(engine.resources_freed(queue), Ok(()));
    assert_eq!(engine.state(queue), OperationalState::Undefined);
    assert_eq!(
        engine.resources_freed(queue),
        Err(NdisStatus::INVALID_PARAMETER)
    );
}

#[test]
fn f3_a_queue_being_freed_is_out_of_the_next_table() {
    let mut engine = engine();
    let queue = engine.completed();
    engine.learn(queue, UNTAGGED, mac(1), NOW);
    assert_eq!(engine.table().members(), [queue]);
    engine.free_queue(queue).unwrap();
    let table = engine.table();
    assert!(table.members().is_empty() && table.is_empty());
}

#[test]
fn f4_static_filters_must_be_cleared_before_the_queue_is_freed() {
    let mut engine = engine();
    let queue = engine.allocated();
    let filter = engine.set_filter(queue, untagged(1)).unwrap();
    assert_eq!(engine.free_queue(queue), Err(NdisStatus::INVALID_STATE));
    engine.allocation_complete(&[queue]);
    engine.learn(queue, UNTAGGED, mac(2), NOW);
    assert_eq!(engine.free_queue(queue), Err(NdisStatus::INVALID_STATE));
    assert_eq!(
        engine.queue(queue).unwrap().learned,
        1,
        "a refused request leaves no trace"
    );
    engine.clear_filter(queue, filter).unwrap();
    assert_eq!(engine.free_queue(queue), Ok(()));
    assert_eq!(engine.free_queue(queue), Err(NdisStatus::INVALID_PARAMETER));
    assert_eq!(
        engine.free_queue(QueueId(77)),
        Err(NdisStatus::INVALID_PARAMETER)
    );
}

#[test]
fn f4_learned_filters_go_with_their_queue_and_no_other() {
    let mut engine = engine();
    let [going, staying] = [engine.completed(), engine.completed()];
    engine.learn(going, UNTAGGED, mac(1), NOW);
    engine.learn(staying, UNTAGGED, mac(2), NOW);
    engine.free_at_once(going);
    assert_eq!(
        [engine.owner(UNTAGGED, 1), engine.owner(UNTAGGED, 2)],
        [None, Some(staying)]
    );
}

#[test]
fn nothing_is_compiled_when_nothing_changed() {
    let mut engine = engine();
    let queue = engine.completed();
    engine.learn(queue, UNTAGGED, mac(1), NOW);
    let table = engine.table();
    assert_eq!(engine.learn(queue, UNTAGGED, mac(1), NOW), Learned::Known);
    assert_eq!(engine.age(NOW), 0);
    assert_eq!(
        engine.allocation_complete(&[queue])[0].1,
        NdisStatus::INVALID_PARAMETER
    );
    assert!(
        engine.clear_filter(queue, FilterId(1)).is_err() && engine.free_queue(QueueId(9)).is_err()
    );
    assert!(Arc::ptr_eq(&table, &engine.table()));
    engine.learn(queue, UNTAGGED, mac(2), NOW);
    assert!(!Arc::ptr_eq(&table, &engine.table()));
}

#[test]
fn members_are_complete_queues_in_id_order_with_or_without_filters() {
    let mut engine = engine();
    let [first, second, third] = [engine.allocated(), engine.allocated(), engine.allocated()];
    engine.allocation_complete(&[third, first]);
    assert_eq!(engine.table().members(), [first, third]);
    engine.free_queue(first).unwrap();
    engine.allocation_complete(&[second]);
    assert_eq!(engine.table().members(), [second, third]);
}
