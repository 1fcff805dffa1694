//! Static filters: what they accept and who may clear them (rules T1..).

use super::*;

#[test]
fn t2_the_lowest_filter_id_wins() {
    let mut engine = engine();
    let [first, second] = [engine.completed(), engine.completed()];
    engine.set_filter(ME, second, on_vlan(1, 5)).unwrap();
    let winner = engine.set_filter(ME, second, any_vlan(2)).unwrap();
    engine.set_filter(ME, first, any_vlan(1)).unwrap();
    engine.set_filter(ME, first, on_vlan(2, 5)).unwrap();
    let owners =
        [(5, 1), (6, 1), (5, 2), (6, 2)].map(|(vlan, last)| engine.owner(VlanId(vlan), last));
    assert_eq!(
        owners,
        [Some(second), Some(first), Some(second), Some(second)]
    );
    engine.clear_filter(ME, second, winner).unwrap();
    assert_eq!(engine.owner(VlanId(5), 2), Some(first));
}

#[test]
fn t6_the_vlan_test_decides() {
    let mut engine = engine();
    let queue = engine.completed();
    for filter in [untagged(1), on_vlan(2, 5), any_vlan(3)] {
        engine.set_filter(ME, queue, filter).unwrap();
    }
    let accepted = |engine: &mut Engine, last| {
        [0, 5, 6].map(|vlan| engine.owner(VlanId(vlan), last).is_some())
    };
    assert_eq!(
        accepted(&mut engine, 1),
        [true, false, false],
        "untagged or zero"
    );
    assert_eq!(accepted(&mut engine, 2), [false, true, false], "VLAN 5");
    assert_eq!(
        accepted(&mut engine, 3),
        [true, true, true],
        "MAC only, as from 6.30"
    );
}

#[test]
fn t6_a_filter_that_can_accept_nothing_is_refused() {
    let mut engine = engine();
    let queue = engine.completed();
    let group = Filter {
        mac: Mac::BROADCAST,
        vlan: VlanTest::Any,
    };
    for filter in [on_vlan(1, 0), on_vlan(1, 4096), on_vlan(1, u16::MAX), group] {
        assert_eq!(
            engine.set_filter(ME, queue, filter),
            Err(NdisStatus::INVALID_PARAMETER),
            "{filter:?}"
        );
    }
    assert!(engine.set_filter(ME, queue, on_vlan(1, 4095)).is_ok());
}

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
            queue,
            filter: any_vlan(9),
            last_seen: None,
            moves: 0,
        },
        FilterInfo {
            id: None,
            queue,
            filter: on_vlan(1, 5),
            last_seen: Some(NOW),
            moves: 0,
        },
    ];
    assert_eq!(listed, expected);
    assert_eq!(engine.filter(set), Ok(expected[0]));
    assert!(engine.filters(QueueId(9)).is_err());
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
fn t6_in_the_mode_of_620_a_filter_says_something_of_the_vlan() {
    let mut engine = engine_620();
    let queue = engine.completed();
    assert_eq!(
        engine.set_filter(ME, queue, any_vlan(1)),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    assert!(engine.set_filter(ME, queue, untagged(1)).is_ok());
    assert!(engine.set_filter(ME, queue, on_vlan(1, 5)).is_ok());
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
