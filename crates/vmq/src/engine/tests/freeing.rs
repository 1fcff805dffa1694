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
