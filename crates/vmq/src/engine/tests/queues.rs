//! Queues: their life and their states (rules Q1..).

use super::*;

#[test]
fn q1_the_default_queue_runs_from_the_start_and_cannot_be_freed() {
    let mut engine = engine();
    assert_eq!(engine.state(QueueId::DEFAULT), OperationalState::Running);
    assert_eq!(
        engine.free_queue(ME, QueueId::DEFAULT),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    let again = engine.complete_all(&[QueueId::DEFAULT]);
    assert_eq!(again, [(QueueId::DEFAULT, NdisStatus::INVALID_PARAMETER)]);
}

#[test]
fn q1_t3_the_default_queue_runs_on_when_its_last_filter_is_cleared() {
    let mut engine = engine();
    let filter = engine
        .set_filter(ME, QueueId::DEFAULT, untagged(1))
        .unwrap();
    assert_eq!(engine.owner(UNTAGGED, 1), Some(QueueId::DEFAULT));
    engine.clear_filter(ME, QueueId::DEFAULT, filter).unwrap();
    assert_eq!(engine.state(QueueId::DEFAULT), OperationalState::Running);
    assert_eq!(
        engine.learn(QueueId::DEFAULT, UNTAGGED, mac(1), NOW),
        Learned::New
    );
}

#[test]
fn q4_an_id_is_not_given_out_again_while_its_queue_is_being_freed() {
    let mut engine = engine();
    let [first, second] = [engine.allocated(), engine.allocated()];
    assert_eq!([first, second], [QueueId(1), QueueId(2)]);
    engine.free_queue(ME, first).unwrap();
    engine.dma_stopped(first).unwrap();
    assert_eq!(engine.allocated(), QueueId(3));
    assert_eq!(
        engine.allocate_queue(ME, queue_named("q")),
        Err(NdisStatus::RESOURCES)
    );
    engine.resources_freed(first).unwrap();
    assert_eq!(engine.allocated(), first);
}

#[test]
fn q6_a_queue_runs_once_it_has_a_filter_and_is_complete_in_either_order() {
    let mut engine = engine();
    let [filter_first, complete_first] = [engine.allocated(), engine.allocated()];
    engine.set_filter(ME, filter_first, untagged(1)).unwrap();
    assert_eq!(engine.state(filter_first), OperationalState::Paused);
    engine.complete_all(&[filter_first, complete_first]);
    assert_eq!(engine.state(filter_first), OperationalState::Running);
    assert_eq!(engine.state(complete_first), OperationalState::Paused);
    engine.set_filter(ME, complete_first, untagged(2)).unwrap();
    assert_eq!(engine.state(complete_first), OperationalState::Running);
}

#[test]
fn q7_frames_of_a_queue_that_does_not_run_match_the_next_queue() {
    let mut engine = engine();
    let [first, second] = [engine.allocated(), engine.completed()];
    engine.set_filter(ME, first, untagged(1)).unwrap();
    engine.set_filter(ME, second, untagged(1)).unwrap();
    assert_eq!(engine.owner(UNTAGGED, 1), Some(second));
    engine.complete_all(&[first]);
    assert_eq!(engine.owner(UNTAGGED, 1), Some(first));
}

#[test]
fn q9_q10_a_queue_without_filters_gets_no_frames_and_is_paused_not_stopped() {
    let mut engine = engine();
    let queue = engine.completed();
    let filter = engine.set_filter(ME, queue, untagged(1)).unwrap();
    engine.clear_filter(ME, queue, filter).unwrap();
    assert_eq!(engine.owner(UNTAGGED, 1), None);
    assert_eq!(engine.state(queue), OperationalState::Paused);
}

#[test]
fn q12_each_queue_completes_for_itself() {
    let mut engine = engine();
    let [done, new, freed] = [engine.completed(), engine.allocated(), engine.allocated()];
    engine.free_queue(ME, freed).unwrap();
    let statuses = engine.complete_all(&[QueueId(9), done, freed, new, new]);
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
fn q12_a_queue_whose_memory_is_refused_stays_completable() {
    let mut engine = engine();
    let [poor, rich] = [engine.allocated(), engine.allocated()];
    let mut asked = Vec::new();
    let statuses = engine.allocation_complete(ME, &[poor, QueueId(9), rich], |_, queue| {
        asked.push(queue);
        if queue == poor {
            Err(NdisStatus::RESOURCES)
        } else {
            Ok(())
        }
    });
    let expected = [
        NdisStatus::RESOURCES,
        NdisStatus::INVALID_PARAMETER,
        NdisStatus::SUCCESS,
    ];
    assert!(statuses.iter().map(|(_, status)| *status).eq(expected));
    assert_eq!(
        asked,
        [poor, rich],
        "nothing is allocated for a queue that cannot complete"
    );
    assert_eq!(engine.table().members(), [rich]);
    assert_eq!(engine.complete_all(&[poor]), [(poor, NdisStatus::SUCCESS)]);
}

#[test]
fn q12_a_queue_that_is_freed_while_its_memory_is_allocated_does_not_complete() {
    let mut engine = engine();
    let [queue, other] = [engine.allocated(), engine.allocated()];
    let statuses = engine.allocation_complete(ME, &[queue, other], |engine, queue| {
        engine.free_queue(ME, queue)
    });
    assert!(
        statuses
            .iter()
            .all(|(_, status)| *status == NdisStatus::INVALID_PARAMETER)
    );
    assert!(engine.table().members().is_empty());
}

#[test]
fn q4_an_id_that_somebody_chose_must_be_free() {
    let mut engine = engine();
    let with_id = |id| AllocateQueue {
        id: Some(QueueId(id)),
        ..queue_named("q")
    };
    assert_eq!(engine.allocate_queue(ME, with_id(2)), Ok(QueueId(2)));
    for taken in [2, 0, 4] {
        assert_eq!(
            engine.allocate_queue(ME, with_id(taken)),
            Err(NdisStatus::INVALID_PARAMETER),
            "{taken}"
        );
    }
    engine.free_queue(ME, QueueId(2)).unwrap();
    engine.dma_stopped(QueueId(2)).unwrap();
    assert_eq!(
        engine.allocate_queue(ME, with_id(2)),
        Err(NdisStatus::INVALID_PARAMETER),
        "still being freed"
    );
    assert_eq!(engine.allocated(), QueueId(1));
    engine.resources_freed(QueueId(2)).unwrap();
    assert_eq!(engine.allocate_queue(ME, with_id(2)), Ok(QueueId(2)));
}

#[test]
fn nothing_is_compiled_when_nothing_changed() {
    let mut engine = engine();
    let queue = engine.completed();
    engine.learn(queue, UNTAGGED, mac(1), NOW);
    let table = engine.table();
    assert_eq!(engine.learn(queue, UNTAGGED, mac(1), NOW), Learned::Known);
    assert_eq!(engine.age(NOW).len(), 0);
    assert_eq!(
        engine.complete_all(&[queue])[0].1,
        NdisStatus::INVALID_PARAMETER
    );
    assert!(
        engine.clear_filter(ME, queue, FilterId(1)).is_err()
            && engine.free_queue(ME, QueueId(9)).is_err()
    );
    assert!(Arc::ptr_eq(&table, &engine.table()));
    engine.learn(queue, UNTAGGED, mac(2), NOW);
    assert!(!Arc::ptr_eq(&table, &engine.table()));
}

#[test]
fn members_are_complete_queues_in_id_order_with_or_without_filters() {
    let mut engine = engine();
    let [first, second, third] = [engine.allocated(), engine.allocated(), engine.allocated()];
    engine.complete_all(&[third, first]);
    assert_eq!(engine.table().members(), [first, third]);
    engine.free_queue(ME, first).unwrap();
    engine.complete_all(&[second]);
    assert_eq!(engine.table().members(), [second, third]);
}
