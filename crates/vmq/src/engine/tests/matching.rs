//! Which frames pass which filter, and which of several it is (rules T1, T2, T4, T6, T7).

use super::*;

/// An engine that offers all tests of all fields.
fn engine_with_all_tests(version: NdisVersion) -> Engine {
    let capabilities = Capabilities {
        filter_tests: u32::MAX,
        mac_fields: u32::MAX,
        ..CAPABILITIES
    };
    let settings = Settings {
        version,
        ..Settings::default()
    };
    Engine::new(capabilities, settings, 0)
}

fn equal(field: Field, number: u64) -> FieldTest {
    let test = Test::Equal(number);
    FieldTest { field, test }
}

/// A frame to station `last`, from station 99.
fn frame(last: u8, vlan: u16, protocol: u16) -> Facts {
    Facts {
        destination: mac(last),
        source: mac(99),
        vlan: VlanId(vlan),
        priority: 0,
        protocol,
    }
}

impl Engine {
    fn classified(&mut self, frame: Facts) -> Option<QueueId> {
        let hit = self
            .table()
            .classify(frame.vlan, frame.destination, || frame);
        hit.map(|hit| hit.queue)
    }
}

const IP: u16 = 0x0800;
const ARP: u16 = 0x0806;

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
fn t1_all_tests_of_a_filter_must_pass_and_one_filter_is_enough() {
    let mut engine = engine_with_all_tests(NdisVersion::V6_30);
    let queue = engine.completed();
    let to = |last| equal(Field::Destination, mac(last).number());
    let both = [to(1), equal(Field::Protocol, IP.into())];
    engine
        .set_filter(ME, queue, Criteria::new(both.into(), false))
        .unwrap();
    let passed = [
        frame(1, 0, IP),
        frame(1, 0, ARP),
        frame(2, 0, IP),
        frame(1, 7, IP),
    ];
    let passed = passed.map(|frame| engine.classified(frame));
    assert_eq!(
        passed,
        [Some(queue), None, None, Some(queue)],
        "fields without a test are ignored"
    );
    engine.set_filter(ME, queue, untagged(2)).unwrap();
    assert_eq!(engine.classified(frame(2, 0, ARP)), Some(queue));
}

#[test]
fn t2_the_lowest_filter_id_wins_among_filters_of_both_kinds() {
    let mut engine = engine_with_all_tests(NdisVersion::V6_30);
    let [first, second] = [engine.completed(), engine.completed()];
    let any_ip = || Criteria::new(vec![equal(Field::Protocol, IP.into())], false);
    let set = [
        (second, Criteria::from(untagged(1))),
        (first, any_ip()),
        (second, any_ip()),
        (second, untagged(2).into()),
    ];
    let ids = set.map(|(queue, criteria)| engine.set_filter(ME, queue, criteria).unwrap());
    let owners = |engine: &mut Engine| {
        [(1, IP), (2, IP), (2, ARP), (3, IP), (3, ARP)]
            .map(|(last, protocol)| engine.classified(frame(last, 0, protocol)))
    };
    assert_eq!(
        owners(&mut engine),
        [Some(second), Some(first), Some(second), Some(first), None]
    );
    engine.clear_filter(ME, second, ids[0]).unwrap();
    assert_eq!(engine.classified(frame(1, 0, IP)), Some(first));
    engine.clear_filter(ME, first, ids[1]).unwrap();
    assert_eq!(
        owners(&mut engine),
        [Some(second), Some(second), Some(second), Some(second), None]
    );
}

/// A learned filter is weaker than any that somebody has set, and is not lost by one that accepts some of its frames.
#[test]
fn t2_a_static_filter_of_either_kind_wins_over_a_learned_one() {
    let mut engine = engine_with_all_tests(NdisVersion::V6_30);
    let [guest, owner] = [engine.completed(), engine.completed()];
    engine.learn(guest, UNTAGGED, mac(1), NOW);
    let ip = Criteria::new(vec![equal(Field::Protocol, IP.into())], false);
    engine.set_filter(ME, owner, ip).unwrap();
    assert_eq!(engine.classified(frame(1, 0, IP)), Some(owner));
    assert_eq!(engine.classified(frame(1, 0, ARP)), Some(guest));
}

#[test]
fn facts_are_asked_for_only_if_a_filter_looks_at_them() {
    let mut engine = engine_with_all_tests(NdisVersion::V6_30);
    let queue = engine.completed();
    engine.set_filter(ME, queue, untagged(1)).unwrap();
    let table = engine.table();
    assert!(!table.has_general_filters());
    let hit = table.classify(UNTAGGED, mac(1), || panic!("nobody looks at them"));
    assert_eq!(hit.map(|hit| hit.queue), Some(queue));
}

#[test]
fn t4_tests_that_are_not_advertised_are_refused() {
    let not = |number| Test::NotEqual(number);
    let masked = |mask, result| Test::MaskEqual { mask, result };
    let of = |field, test| Criteria::new(vec![FieldTest { field, test }], false);
    let filters = [
        of(Field::Destination, not(1)),
        of(Field::Destination, masked(1, 1)),
        of(Field::Source, Test::Equal(2)),
        of(Field::Protocol, Test::Equal(0x0800)),
        of(Field::Priority, Test::Equal(5)),
        of(Field::PacketType, Test::Equal(PacketType::Broadcast as u64)),
    ];
    let mut plain = engine();
    let mut full = engine_with_all_tests(NdisVersion::V6_30);
    let queues = [plain.completed(), full.completed()];
    for criteria in filters {
        let refused = plain.set_filter(ME, queues[0], criteria.clone());
        assert_eq!(refused, Err(NdisStatus::INVALID_PARAMETER), "{criteria:?}");
        assert!(
            full.set_filter(ME, queues[1], criteria.clone()).is_ok(),
            "{criteria:?}"
        );
    }
    let told = full.current_capabilities();
    assert_eq!((told.filter_tests, told.mac_fields), (7, 0x3f));
    let told = engine_with_all_tests(NdisVersion::V6_20).hardware_capabilities();
    assert_eq!(
        (told.filter_tests, told.mac_fields),
        (3, 0x1f),
        "NotEqual and packet type came with 6.30"
    );
}

#[test]
fn t4_group_frames_pass_tests_that_do_not_ask_for_one_station() {
    let mut engine = engine_with_all_tests(NdisVersion::V6_30);
    let queue = engine.completed();
    let broadcast = equal(Field::PacketType, PacketType::Broadcast as u64);
    engine
        .set_filter(ME, queue, Criteria::new(vec![broadcast], false))
        .unwrap();
    let to = |destination| Facts {
        destination,
        ..frame(1, 0, ARP)
    };
    assert_eq!(engine.classified(to(Mac::BROADCAST)), Some(queue));
    assert_eq!(engine.classified(to(Mac([1, 0, 0x5e, 0, 0, 1]))), None);
    let group = Criteria::new(
        vec![equal(Field::Destination, Mac::BROADCAST.number())],
        false,
    );
    assert_eq!(
        engine.set_filter(ME, queue, group),
        Err(NdisStatus::INVALID_PARAMETER)
    );
}

#[test]
fn t6_the_flag_stands_at_an_address_and_not_beside_a_test_of_the_vlan() {
    let mut engine = engine_with_all_tests(NdisVersion::V6_30);
    let queue = engine.completed();
    let to = || equal(Field::Destination, mac(1).number());
    let vlan = || equal(Field::Vlan, 5);
    let from = || equal(Field::Source, mac(2).number());
    let refused = [
        vec![to(), vlan()],
        vec![vlan()],
        vec![equal(Field::Protocol, 1)],
        vec![],
    ];
    for fields in refused {
        let criteria = Criteria::new(fields, true);
        assert_eq!(
            engine.set_filter(ME, queue, criteria.clone()),
            Err(NdisStatus::INVALID_PARAMETER),
            "{criteria:?}"
        );
    }
    for fields in [vec![to()], vec![from()], vec![to(), from()]] {
        assert!(
            engine
                .set_filter(ME, queue, Criteria::new(fields, true))
                .is_ok()
        );
    }
    assert_eq!(
        engine.set_filter(ME, queue, Criteria::new(vec![], false)),
        Err(NdisStatus::INVALID_PARAMETER),
        "nothing is tested"
    );
    let endless = Criteria::new(vec![from(); 17], false);
    assert_eq!(
        engine.set_filter(ME, queue, endless),
        Err(NdisStatus::INVALID_PARAMETER)
    );
}

#[test]
fn t6_t7_from_630_on_tags_move_to_the_slot() {
    for (version, moves) in [(NdisVersion::V6_20, false), (NdisVersion::V6_30, true)] {
        let mut engine = engine_with_all_tests(version);
        let queue = engine.completed();
        engine.set_filter(ME, queue, untagged(1)).unwrap();
        engine.set_filter(ME, queue, on_vlan(2, 5)).unwrap();
        let masked = FieldTest {
            field: Field::Vlan,
            test: Test::MaskEqual {
                mask: 0xff0,
                result: 0,
            },
        };
        let from = equal(Field::Source, mac(99).number());
        engine
            .set_filter(ME, queue, Criteria::new(vec![from, masked], false))
            .unwrap();
        engine.learn(queue, VlanId(7), mac(8), NOW);
        let moved = |engine: &mut Engine, frame: Facts| {
            let table = engine.table();
            let hit = table
                .classify(frame.vlan, frame.destination, || frame)
                .unwrap();
            table.moves_tag(hit, frame.vlan)
        };
        assert!(
            !moved(&mut engine, frame(1, 0, IP)),
            "no tag, or a tag with VLAN id 0"
        );
        assert_eq!(moved(&mut engine, frame(2, 5, IP)), moves);
        assert_eq!(
            moved(&mut engine, frame(8, 7, IP)),
            moves,
            "a learned filter tests the VLAN too"
        );
        assert!(
            !moved(&mut engine, frame(3, 0, IP)),
            "another test that VLAN 0 passed"
        );
        assert_eq!(moved(&mut engine, frame(3, 9, IP)), moves);
        if moves {
            engine.set_filter(ME, queue, any_vlan(4)).unwrap();
            assert!(
                moved(
                    &mut engine,
                    Facts {
                        source: mac(98),
                        ..frame(4, 0, IP)
                    }
                ),
                "a tag with a priority alone"
            );
        }
    }
}
