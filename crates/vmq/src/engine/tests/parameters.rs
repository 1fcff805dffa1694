//! What queues are asked to be, at allocation and later (rules Q2, Q3, Q5, Q13, Q14, L3, L5).

use super::*;

#[test]
fn q2_flags_that_mean_nothing_at_allocation_are_dropped() {
    let mut engine = engine_620();
    let queue = engine
        .allocate_queue(
            ME,
            AllocateQueue {
                flags: 0xffff_ffff,
                ..queue_named("q")
            },
        )
        .unwrap();
    assert_eq!(engine.queue(queue).unwrap().parameters.flags, 0x3);
}

#[test]
fn q3_a_queue_needs_a_processor_that_exists() {
    for (group, mask) in [(0, 0), (2, 1), (u16::MAX, u64::MAX)] {
        let nowhere = Affinity { group, mask };
        let refused = engine().allocate_queue(
            ME,
            AllocateQueue {
                processor_affinity: nowhere,
                ..queue_named("q")
            },
        );
        assert_eq!(refused, Err(NdisStatus::INVALID_PARAMETER), "{nowhere:?}");
    }
}

#[test]
fn a_name_longer_than_a_counted_string_is_refused() {
    let mut engine = engine();
    assert!(
        engine
            .allocate_queue(ME, queue_named(&"é".repeat(256)))
            .is_ok()
    );
    // One character, two UTF-16 units.
    let refused = engine.allocate_queue(ME, queue_named(&"🦀".repeat(129)));
    assert_eq!(refused, Err(NdisStatus::INVALID_PARAMETER));
}

#[test]
fn q13_each_change_changes_what_it_names_and_nothing_else() {
    let elsewhere = Affinity {
        group: 1,
        mask: 0b100,
    };
    let learning = Learning {
        limit: Some(7),
        takes_moves: false,
    };
    let nothing = QueueChange::default;
    let before = AllocateQueue {
        id: Some(QueueId(1)),
        ..queue_named("q")
    };
    let changes = [
        (nothing(), before.clone()),
        (
            QueueChange {
                flags: Some(u32::MAX),
                lookahead: 99,
                ..nothing()
            },
            AllocateQueue {
                flags: 1,
                ..before.clone()
            },
        ),
        (
            QueueChange {
                lookahead: 99,
                ..nothing()
            },
            before.clone(),
        ),
        (
            QueueChange {
                processor_affinity: Some(elsewhere),
                ..nothing()
            },
            AllocateQueue {
                processor_affinity: elsewhere,
                ..before.clone()
            },
        ),
        (
            QueueChange {
                suggested_buffers: Some(64),
                ..nothing()
            },
            AllocateQueue {
                suggested_buffers: 64,
                ..before.clone()
            },
        ),
        (
            QueueChange {
                queue_name: Some("new".into()),
                ..nothing()
            },
            AllocateQueue {
                queue_name: "new".into(),
                ..before.clone()
            },
        ),
        (
            QueueChange {
                scheduler_queue: Some(0),
                ..nothing()
            },
            before.clone(),
        ),
        (
            QueueChange {
                learning: Some(learning),
                ..nothing()
            },
            AllocateQueue {
                learning,
                ..before.clone()
            },
        ),
    ];
    for (change, after) in changes {
        let mut engine = engine();
        let queue = engine.completed();
        assert_eq!(
            engine.change_queue(ME, queue, change.clone()),
            Ok(()),
            "{change:?}"
        );
        assert_eq!(
            *engine.queue(queue).unwrap().parameters,
            after,
            "{change:?}"
        );
    }
}

#[test]
fn q13_a_change_that_cannot_be_had_changes_nothing() {
    let mut engine = engine();
    let queue = engine.completed();
    let before = engine.queue(queue).unwrap().parameters.clone();
    let named = QueueChange {
        queue_name: Some("new".into()),
        ..QueueChange::default()
    };
    let affinity = |group, mask| QueueChange {
        processor_affinity: Some(Affinity { group, mask }),
        ..named.clone()
    };
    let endless = QueueChange {
        queue_name: Some("x".repeat(257)),
        ..QueueChange::default()
    };
    let scheduled = QueueChange {
        scheduler_queue: Some(1),
        ..named.clone()
    };
    let refusals = [
        (affinity(0, 0), NdisStatus::INVALID_PARAMETER),
        (affinity(2, 1), NdisStatus::INVALID_PARAMETER),
        (endless, NdisStatus::INVALID_PARAMETER),
        (scheduled, NdisStatus::NOT_SUPPORTED),
    ];
    for (change, status) in refusals {
        assert_eq!(
            engine.change_queue(ME, queue, change.clone()),
            Err(status),
            "{change:?}"
        );
        assert_eq!(*engine.queue(queue).unwrap().parameters, before);
    }
    engine.free_queue(ME, queue).unwrap();
    assert_eq!(
        engine.change_queue(ME, queue, QueueChange::default()),
        Err(NdisStatus::INVALID_PARAMETER)
    );
}

#[test]
fn q13_only_the_owner_changes_frees_or_completes_a_queue() {
    let mut engine = engine();
    let queue = engine.allocated();
    let nothing = QueueChange::default;
    assert_eq!(
        engine.change_queue(OTHER, queue, nothing()),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    assert_eq!(
        engine.free_queue(OTHER, queue),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    let completed = engine.allocation_complete(OTHER, &[queue], |_, _| Ok(()));
    assert_eq!(completed, [(queue, NdisStatus::INVALID_PARAMETER)]);
    assert_eq!(
        engine.change_queue(ME, QueueId::DEFAULT, nothing()),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    assert_eq!(engine.change_queue(ME, queue, nothing()), Ok(()));
}

#[test]
fn q14_a_queue_keeps_its_frames_while_it_goes_to_another_processor() {
    let mut engine = engine();
    let queue = engine.completed();
    engine.set_filter(ME, queue, untagged(1)).unwrap();
    let before = engine.table();
    let change = QueueChange {
        processor_affinity: Some(Affinity { group: 1, mask: 2 }),
        ..QueueChange::default()
    };
    engine.change_queue(ME, queue, change).unwrap();
    assert!(
        Arc::ptr_eq(&before, &engine.table()),
        "where frames go is the same table"
    );
    assert_eq!(engine.state(queue), OperationalState::Running);
}

#[test]
fn q14_in_the_mode_of_620_a_complete_queue_keeps_its_processors() {
    let mut engine = engine_620();
    let queue = engine.allocated();
    let change = || QueueChange {
        processor_affinity: Some(Affinity { group: 1, mask: 2 }),
        ..QueueChange::default()
    };
    assert_eq!(engine.change_queue(ME, queue, change()), Ok(()));
    engine.complete_all(&[queue]);
    assert_eq!(
        engine.change_queue(ME, queue, change()),
        Err(NdisStatus::INVALID_PARAMETER)
    );
}

#[test]
fn q5_the_number_of_buffers_is_kept_as_advice() {
    let mut engine = engine();
    let parameters = AllocateQueue {
        suggested_buffers: 48,
        ..queue_named("q")
    };
    let queue = engine.allocate_queue(ME, parameters).unwrap();
    assert_eq!(
        engine.queue(queue).unwrap().parameters.suggested_buffers,
        48
    );
}

#[test]
fn l3_a_lookahead_size_is_raised_to_the_least_and_refused_above_the_most() {
    let parameters = |flags, lookahead| AllocateQueue {
        flags,
        lookahead,
        ..queue_named("q")
    };
    let given = |flags, lookahead| {
        let mut engine = engine_620();
        let queue = engine.allocate_queue(ME, parameters(flags, lookahead))?;
        let given = engine.queue(queue)?.parameters.clone();
        Ok((given.flags, given.lookahead))
    };
    assert_eq!(given(2, 0), Ok((2, 64)));
    assert_eq!(given(3, 100), Ok((3, 100)));
    assert_eq!(given(2, 128), Ok((2, 128)));
    assert_eq!(given(2, 129), Err(NdisStatus::NOT_SUPPORTED));
    assert_eq!(given(0, 0), Ok((0, 0)));
    assert_eq!(
        given(1, 64),
        Err(NdisStatus::INVALID_PARAMETER),
        "a size without the split"
    );
}

#[test]
fn l5_from_630_on_the_split_is_ignored() {
    let mut engine = engine();
    let parameters = AllocateQueue {
        flags: 3,
        lookahead: 100,
        ..queue_named("q")
    };
    let queue = engine.allocate_queue(ME, parameters).unwrap();
    let given = engine.queue(queue).unwrap().parameters;
    assert_eq!((given.flags, given.lookahead), (1, 0));
}

#[test]
fn q13_a_complete_queue_without_the_split_does_not_come_by_one() {
    let mut engine = engine_620();
    let change = |flags| QueueChange {
        flags: Some(flags),
        lookahead: 64 * (flags >> 1),
        ..QueueChange::default()
    };
    let queue = engine.allocated();
    assert_eq!(
        engine.change_queue(ME, queue, change(2)),
        Ok(()),
        "not complete yet"
    );
    assert_eq!(engine.change_queue(ME, queue, change(0)), Ok(()));
    engine.complete_all(&[queue]);
    assert_eq!(
        engine.change_queue(ME, queue, change(3)),
        Err(NdisStatus::NOT_SUPPORTED)
    );
    assert_eq!(engine.change_queue(ME, queue, change(1)), Ok(()));
    assert_eq!(engine.queue(queue).unwrap().parameters.flags, 1);
}
