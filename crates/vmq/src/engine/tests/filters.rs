//! Static filters: what they accept and who may clear them (rules T1..).

use super::*;

#[test]
fn t2_the_lowest_filter_id_wins() {
    let mut engine = engine();
    let [first, second] = [engine.completed(), engine.completed()];
    engine.set_filter(second, on_vlan(1, 5)).unwrap();
    let winner = engine.set_filter(second, any_vlan(2)).unwrap();
    engine.set_filter(first, any_vlan(1)).unwrap();
    engine.set_filter(first, on_vlan(2, 5)).unwrap();
    let owners =
        [(5, 1), (6, 1), (5, 2), (6, 2)].map(|(vlan, last)| engine.owner(VlanId(vlan), last));
    assert_eq!(
        owners,
        [Some(second), Some(first), Some(second), Some(second)]
    );
    engine.clear_filter(second, winner).unwrap();
    assert_eq!(engine.owner(VlanId(5), 2), Some(first));
}

#[test]
fn t6_the_vlan_test_decides() {
    let mut engine = engine();
    let queue = engine.completed();
    for filter in [untagged(1), on_vlan(2, 5), any_vlan(3)] {
        engine.set_filter(queue, filter).unwrap();
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
            engine.set_filter(queue, filter),
            Err(NdisStatus::INVALID_PARAMETER),
            "{filter:?}"
        );
    }
    assert!(engine.set_filter(queue, on_vlan(1, 4095)).is_ok());
}

#[test]
fn t10_a_filter_needs_a_live_queue() {
    let mut engine = engine();
    let queue = engine.completed();
    assert_eq!(
        engine.set_filter(QueueId(9), untagged(1)),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    engine.free_queue(queue).unwrap();
    assert_eq!(
        engine.set_filter(queue, untagged(1)),
        Err(NdisStatus::INVALID_PARAMETER)
    );
}

#[test]
fn t11_a_filter_is_cleared_once_and_through_its_own_queue() {
    let mut engine = engine();
    let [owner, other] = [engine.completed(), engine.completed()];
    let filter = engine.set_filter(owner, untagged(1)).unwrap();
    for (queue, filter) in [
        (other, filter),
        (QueueId(9), filter),
        (owner, FilterId(0)),
        (owner, FilterId(99)),
    ] {
        assert_eq!(
            engine.clear_filter(queue, filter),
            Err(NdisStatus::FILE_NOT_FOUND)
        );
    }
    assert_eq!(engine.clear_filter(owner, filter), Ok(()));
    assert_eq!(
        engine.clear_filter(owner, filter),
        Err(NdisStatus::FILE_NOT_FOUND)
    );
    assert_eq!(engine.filter(filter), Err(NdisStatus::INVALID_PARAMETER));
}

#[test]
fn t14_filters_are_listed_by_queue() {
    let mut engine = engine();
    let [queue, other] = [engine.completed(), engine.completed()];
    let set = engine.set_filter(queue, any_vlan(9)).unwrap();
    engine.set_filter(other, untagged(8)).unwrap();
    engine.learn(queue, VlanId(5), mac(1), NOW);
    let listed: Vec<_> = engine.filters(queue).unwrap().collect();
    let expected = [
        FilterInfo {
            id: Some(set),
            queue,
            filter: any_vlan(9),
            last_seen: None,
        },
        FilterInfo {
            id: None,
            queue,
            filter: on_vlan(1, 5),
            last_seen: Some(NOW),
        },
    ];
    assert_eq!(listed, expected);
    assert_eq!(engine.filter(set), Ok(expected[0]));
    assert!(engine.filters(QueueId(9)).is_err());
}
