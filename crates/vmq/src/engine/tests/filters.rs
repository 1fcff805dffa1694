//! Static filters: who may set, move and clear them, and when (rules T3, T8..T14).

use super::*;

#[test]
fn t10_a_filter_needs_a_live_queue() {
    let mut engine = engine();
    let queue = engine.completed();
    assert_eq!(
        engine.set_filter(ME, QueueId(9), untagged(1)),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    engine.free_queue(ME, queue).unwrap();
    assert_eq!(
        engine.set_filter(ME, queue, untagged(1)),
        Err(NdisStatus::INVALID_PARAMETER)
    );
}

#[test]
fn t11_a_filter_is_cleared_once_and_through_its_own_queue() {
    let mut engine = engine();
    let [owner, other] = [engine.completed(), engine.completed()];
    let filter = engine.set_filter(ME, owner, untagged(1)).unwrap();
    for (queue, filter) in [
        (other, filter),
        (QueueId(9), filter),
        (owner, FilterId(0)),
        (owner, FilterId(99)),
    ] {
        assert_eq!(
            engine.clear_filter(ME, queue, filter),
            Err(NdisStatus::FILE_NOT_FOUND)
        );
    }
    assert_eq!(engine.clear_filter(ME, owner, filter), Ok(()));
    assert_eq!(
        engine.clear_filter(ME, owner, filter),
        Err(NdisStatus::FILE_NOT_FOUND)
    );
    assert_eq!(engine.filter(filter), Err(NdisStatus::INVALID_PARAMETER));
}

#[test]
fn t14_filters_are_listed_by_queue() {
    let mut engine = engine();
    let [queue, other] = [engine.completed(), engine.completed()];
    let set = engine.set_filter(ME, queue, any_vlan(9)).unwrap();
    engine.set_filter(ME, other, untagged(8)).unwrap();
    engine.learn(queue, VlanId(5), mac(1), NOW);
    let listed: Vec<_> = engine.filters(queue).unwrap().collect();
    let expected = [
        FilterInfo {
            id: Some(set),
            owner: Some(ME),
            queue,
            criteria: any_vlan(9).into(),
            last_seen: None,
            moves: 0,
        },
        FilterInfo {
            id: None,
            owner: None,
            queue,
            criteria: on_vlan(1, 5).into(),
            last_seen: Some(NOW),
            moves: 0,
        },
    ];
    assert_eq!(listed, expected);
    assert_eq!(engine.filter(set).as_ref(), Ok(&expected[0]));
    assert!(engine.filters(QueueId(9)).is_err());
}

#[test]
fn t14_the_number_of_filters_goes_up_on_set_and_down_on_clear() {
    let mut engine = engine();
    let [queue, other] = [engine.completed(), engine.completed()];
    let count = |engine: &Engine| engine.queue(queue).unwrap().filters;
    let mut set = Vec::new();
    for last in 1..=3 {
        set.push(engine.set_filter(ME, queue, untagged(last)).unwrap());
        assert_eq!(count(&engine), u32::from(last));
    }
    assert!(engine.set_filter(ME, queue, on_vlan(4, 4096)).is_err());
    assert!(engine.clear_filter(ME, other, set[0]).is_err());
    engine.learn(queue, UNTAGGED, mac(9), NOW);
    assert_eq!(count(&engine), 3, "learned filters are counted apart");
    for (left, filter) in [2, 1, 0].into_iter().zip(set) {
        engine.clear_filter(ME, queue, filter).unwrap();
        assert_eq!(count(&engine), left);
    }
}

#[test]
fn t9_only_the_setter_clears_a_filter() {
    let mut engine = engine();
    let queue = engine.completed();
    let filter = engine.set_filter(ME, queue, untagged(1)).unwrap();
    assert_eq!(
        engine.clear_filter(OTHER, queue, filter),
        Err(NdisStatus::FILE_NOT_FOUND)
    );
    assert_eq!(engine.owner(UNTAGGED, 1), Some(queue));
    assert_eq!(engine.clear_filter(ME, queue, filter), Ok(()));
}

#[test]
fn t9_only_the_driver_that_allocated_a_queue_sets_filters_on_it() {
    let mut engine = engine();
    let queue = engine.completed();
    assert_eq!(
        engine.set_filter(OTHER, queue, untagged(1)),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    assert_eq!(engine.queue(queue).unwrap().filters, 0);
}

#[test]
fn t3_any_driver_sets_filters_on_the_default_queue_and_clears_its_own() {
    let mut engine = engine();
    let mine = engine.set_filter(ME, QueueId::DEFAULT, untagged(1));
    let others = engine.set_filter(OTHER, QueueId::DEFAULT, untagged(2));
    let (mine, others) = (mine.unwrap(), others.unwrap());
    assert_eq!(
        engine.clear_filter(ME, QueueId::DEFAULT, others),
        Err(NdisStatus::FILE_NOT_FOUND)
    );
    assert_eq!(engine.clear_filter(ME, QueueId::DEFAULT, mine), Ok(()));
    assert_eq!(engine.clear_filter(OTHER, QueueId::DEFAULT, others), Ok(()));
}

#[test]
fn t8_vlan_ids_are_not_tested_where_that_is_off() {
    let settings = Settings {
        has_vlan_filtering: false,
        ..Settings::default()
    };
    let mut engine = Engine::new(CAPABILITIES, settings, 0);
    let queue = engine.completed();
    assert_eq!(
        engine.set_filter(ME, queue, on_vlan(1, 5)),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    assert!(engine.set_filter(ME, queue, untagged(1)).is_ok());
    assert!(engine.set_filter(ME, queue, any_vlan(2)).is_ok());
}

/// Q8: a frame that reached the queue by a filter could only do so after the request had succeeded.
#[test]
fn q8_no_table_has_a_filter_whose_request_failed() {
    let mut engine = engine();
    let queue = engine.completed();
    let before = engine.table();
    for refused in [on_vlan(1, 4096), on_vlan(1, 0)] {
        assert!(engine.set_filter(ME, queue, refused).is_err());
        assert!(Arc::ptr_eq(&before, &engine.table()));
    }
    engine.set_filter(ME, queue, untagged(1)).unwrap();
    assert!(before.lookup(UNTAGGED, mac(1)).is_none());
    assert_eq!(engine.owner(UNTAGGED, 1), Some(queue));
}

#[test]
fn t10_an_id_that_somebody_chose_must_be_free() {
    let mut engine = engine();
    let queue = engine.completed();
    let mut set = |id| engine.set_filter_as(ME, queue, FilterId(id), untagged(id as u8));
    assert_eq!(set(3), Ok(()));
    for refused in [3, 0, 9, u16::MAX] {
        assert_eq!(
            set(refused),
            Err(NdisStatus::INVALID_PARAMETER),
            "{refused}"
        );
    }
    assert_eq!(engine.set_filter(ME, queue, untagged(50)), Ok(FilterId(1)));
    assert_eq!(
        engine.filter(FilterId(3)).unwrap().criteria.exact(),
        Some(untagged(3))
    );
}

#[test]
fn t12_a_filter_moves_in_one_step() {
    let mut engine = engine();
    let [from, to, idle] = [engine.completed(), engine.completed(), engine.allocated()];
    let filter = engine.set_filter(ME, from, untagged(1)).unwrap();
    let before = engine.table();
    assert_eq!(engine.move_filter(ME, filter, from, to), Ok(()));
    let owner = |table: &Table| {
        table
            .lookup(UNTAGGED, mac(1))
            .map(|hit| (hit.queue, hit.filter()))
    };
    assert_eq!(owner(&before), Some((from, Some(filter))));
    assert_eq!(
        owner(&engine.table()),
        Some((to, Some(filter))),
        "there is no table between the two"
    );
    assert_eq!(
        [engine.state(from), engine.state(to)],
        [OperationalState::Paused, OperationalState::Running]
    );
    let infos = [from, to].map(|queue| engine.queue(queue).unwrap().filters);
    assert_eq!(infos, [0, 1]);
    assert_eq!(engine.filter(filter).unwrap().queue, to);
    assert_eq!(engine.move_filter(ME, filter, to, idle), Ok(()));
    assert_eq!(
        engine.owner(UNTAGGED, 1),
        None,
        "its queue does not run (Q7)"
    );
    assert_eq!(engine.move_filter(ME, filter, idle, idle), Ok(()));
    assert_eq!(engine.clear_filter(ME, idle, filter), Ok(()));
}

#[test]
fn t12_a_move_that_cannot_be_leaves_the_filter_where_it_is() {
    let mut engine = engine();
    let [from, to, gone] = [engine.completed(), engine.completed(), engine.completed()];
    let filter = engine.set_filter(ME, from, untagged(1)).unwrap();
    engine.free_queue(ME, gone).unwrap();
    let others = engine.allocate_queue(OTHER, queue_named("q"));
    assert_eq!(others, Err(NdisStatus::RESOURCES));
    engine.dma_stopped(gone).unwrap();
    engine.resources_freed(gone).unwrap();
    let others = engine.allocate_queue(OTHER, queue_named("q")).unwrap();
    let before = engine.table();
    for (by, filter, from, to) in [
        (ME, FilterId(9), from, to),
        (ME, FilterId(0), from, to),
        (ME, filter, to, from),
        (ME, filter, from, QueueId(9)),
        (ME, filter, from, others),
        (OTHER, filter, from, others),
    ] {
        assert_eq!(
            engine.move_filter(by, filter, from, to),
            Err(NdisStatus::INVALID_PARAMETER)
        );
        assert!(Arc::ptr_eq(&before, &engine.table()));
    }
    assert_eq!(
        engine.move_filter(ME, filter, from, QueueId::DEFAULT),
        Ok(()),
        "anybody may set filters there"
    );
}
