//! Queues on their way out (rules F1..).

use super::*;

#[test]
fn f1_f2_dma_stops_exactly_once_and_before_the_free_completes() {
    let mut engine = engine();
    let queue = engine.completed();
    assert_eq!(
        engine.dma_stopped(queue),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    engine.free_queue(ME, queue).unwrap();
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
    engine.free_queue(ME, queue).unwrap();
    let table = engine.table();
    assert!(table.members().is_empty() && table.is_empty());
}

#[test]
fn f4_static_filters_must_be_cleared_before_the_queue_is_freed() {
    let mut engine = engine();
    let queue = engine.allocated();
    let filter = engine.set_filter(ME, queue, untagged(1)).unwrap();
    assert_eq!(engine.free_queue(ME, queue), Err(NdisStatus::INVALID_STATE));
    engine.complete_all(&[queue]);
    engine.learn(queue, UNTAGGED, mac(2), NOW);
    assert_eq!(engine.free_queue(ME, queue), Err(NdisStatus::INVALID_STATE));
    assert_eq!(
        engine.queue(queue).unwrap().learned,
        1,
        "a refused request leaves no trace"
    );
    engine.clear_filter(ME, queue, filter).unwrap();
    assert_eq!(engine.free_queue(ME, queue), Ok(()));
    assert_eq!(
        engine.free_queue(ME, queue),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    assert_eq!(
        engine.free_queue(ME, QueueId(77)),
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
fn f7_x2_an_id_that_is_gone_means_the_default_queue() {
    let mut engine = engine();
    let [staying, going] = [engine.completed(), engine.completed()];
    let before = engine.table();
    assert_eq!(before.queue_of(going), going);
    engine.free_queue(ME, going).unwrap();
    let table = engine.table();
    for late in [going, QueueId(3), QueueId(u16::MAX), QueueId::DEFAULT] {
        assert_eq!(table.queue_of(late), QueueId::DEFAULT);
    }
    assert_eq!(table.queue_of(staying), staying);
}

/// F8: what is decided by a table without the queue is not for it, whatever was meant before.
#[test]
fn f8_nothing_is_assigned_to_a_queue_that_is_being_freed() {
    let mut engine = engine();
    let queue = engine.completed();
    let filter = engine.set_filter(ME, queue, untagged(1)).unwrap();
    engine.learn(queue, UNTAGGED, mac(2), NOW);
    engine.clear_filter(ME, queue, filter).unwrap();
    engine.free_queue(ME, queue).unwrap();
    let refused = engine.learn(queue, UNTAGGED, mac(3), NOW);
    assert_eq!(refused, Learned::Refused(Reason::QueueNotRunning));
    let table = engine.table();
    assert!((1..=3).all(|last| table.lookup(UNTAGGED, mac(last)).is_none()));
    assert!(table.members().is_empty());
}

#[test]
fn f5_filters_on_the_default_queue_are_their_setters_to_clear() {
    let mut engine = engine();
    let filter = engine
        .set_filter(OTHER, QueueId::DEFAULT, untagged(1))
        .unwrap();
    let mine = engine.completed();
    engine.free_at_once(mine);
    let left: Vec<_> = engine.filters(QueueId::DEFAULT).unwrap().collect();
    assert_eq!(
        left.iter()
            .map(|info| (info.id, info.owner))
            .collect::<Vec<_>>(),
        [(Some(filter), Some(OTHER))]
    );
    assert_eq!(engine.clear_filter(OTHER, QueueId::DEFAULT, filter), Ok(()));
}
