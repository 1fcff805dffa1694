//! What is offered, switched on and off, and told (rules C1..).

use ndis::*;

use super::*;

fn with(settings: Settings) -> Engine {
    Engine::new(CAPABILITIES, settings, 0)
}

const LEAST: u32 = NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED | NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED;
const LEAST_FROM_630: u32 = LEAST
    | NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_SUPPORTED
    | NDIS_RECEIVE_FILTER_INTERRUPT_VECTOR_COALESCING_SUPPORTED;

#[test]
fn c1_an_adapter_with_queues_has_the_least_that_each_version_asks_for() {
    let plain = Capabilities::new(3, 8);
    for (version, properties) in [
        (NdisVersion::V6_20, LEAST),
        (NdisVersion::V6_30, LEAST_FROM_630),
        (NdisVersion::V6_50, LEAST_FROM_630),
    ] {
        let engine = Engine::new(
            plain,
            Settings {
                version,
                ..Settings::default()
            },
            0,
        );
        let told = engine.hardware_capabilities();
        assert_eq!(told.queue_properties, properties, "{version}");
        assert_eq!(
            told.filter_tests,
            NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED
        );
        assert_eq!(told.headers, NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED);
        let fields = NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED
            | NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED;
        assert_eq!(told.mac_fields, fields);
        assert_eq!((told.num_queues, told.max_mac_filters), (3, 8));
    }
}

#[test]
fn c1_hardware_is_told_whole_whatever_is_switched_off() {
    let everything = engine().hardware_capabilities();
    let off = Settings {
        has_vmq: false,
        has_vlan_filtering: false,
        has_lookahead_split: false,
        ..Settings::default()
    };
    assert_eq!(with(off).hardware_capabilities(), everything);
    assert_eq!(engine().current_capabilities(), everything);
}

#[test]
fn c2_without_vmq_nothing_is_current_and_nothing_can_be_had() {
    let mut engine = with(Settings {
        has_vmq: false,
        ..Settings::default()
    });
    assert_eq!(engine.current_capabilities(), FilterCapabilities::default());
    assert_eq!(engine.global_parameters(), GlobalParameters::default());
    assert_eq!(
        engine.allocate_queue(ME, queue_named("q")),
        Err(NdisStatus::NOT_SUPPORTED)
    );
    assert_eq!(
        engine.set_filter(ME, QueueId::DEFAULT, untagged(1)),
        Err(NdisStatus::NOT_SUPPORTED)
    );
}

#[test]
fn c2_without_vlan_filtering_that_field_is_not_current() {
    let engine = with(Settings {
        has_vlan_filtering: false,
        ..Settings::default()
    });
    assert_eq!(
        engine.current_capabilities().mac_fields,
        NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED
    );
}

#[test]
fn c3_global_parameters_say_what_is_enabled() {
    let told = engine().global_parameters();
    assert_eq!(
        told.enabled_filter_types,
        NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED
    );
    assert_eq!(
        told.enabled_queue_types,
        NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED
    );
}

#[test]
fn c7_before_620_there_is_nothing() {
    let mut engine = with(Settings {
        version: NdisVersion::V6_1,
        ..Settings::default()
    });
    assert_eq!(
        engine.hardware_capabilities(),
        FilterCapabilities::default()
    );
    assert_eq!(
        engine.allocate_queue(ME, queue_named("q")),
        Err(NdisStatus::NOT_SUPPORTED)
    );
    assert_eq!(
        engine.set_filter(ME, QueueId::DEFAULT, untagged(1)),
        Err(NdisStatus::NOT_SUPPORTED)
    );
}

#[test]
fn l5_lookahead_split_is_told_in_the_mode_of_620_alone() {
    let sizes = |told: FilterCapabilities| {
        (
            told.queue_properties & NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED,
            told.min_lookahead,
            told.max_lookahead,
        )
    };
    assert_eq!(sizes(engine_620().current_capabilities()), (4, 64, 128));
    assert_eq!(sizes(engine().hardware_capabilities()), (0, 0, 0));
    let without = Settings {
        version: NdisVersion::V6_20,
        has_lookahead_split: false,
        ..Settings::default()
    };
    let mut without = with(without);
    assert_eq!(sizes(without.current_capabilities()), (0, 0, 0));
    assert_eq!(sizes(without.hardware_capabilities()), (4, 64, 128));
    let split = AllocateQueue {
        flags: 2,
        ..queue_named("q")
    };
    assert_eq!(
        without.allocate_queue(ME, split),
        Err(NdisStatus::NOT_SUPPORTED)
    );
}

#[test]
fn c4_what_changes_is_told_from_630_on() {
    let mut engine = engine();
    let off = Settings {
        has_vlan_filtering: false,
        ..engine.settings()
    };
    let events = engine.change_settings(off).unwrap();
    assert_eq!(
        events,
        [Event::CurrentCapabilities(engine.current_capabilities())]
    );
    assert_eq!(
        engine.change_settings(off),
        Ok(vec![]),
        "nothing has changed"
    );
    let more = Capabilities {
        num_queues: 9,
        ..engine.capabilities()
    };
    let events = engine.change_capabilities(more).unwrap();
    let told = [
        Event::HardwareCapabilities(engine.hardware_capabilities()),
        Event::CurrentCapabilities(engine.current_capabilities()),
    ];
    assert_eq!(events, told);
    let mut silent = engine_620();
    assert_eq!(
        silent.change_settings(Settings {
            has_vlan_filtering: false,
            ..silent.settings()
        }),
        Ok(vec![])
    );
    assert_eq!(
        silent.change_capabilities(Capabilities {
            num_queues: 9,
            ..silent.capabilities()
        }),
        Ok(vec![])
    );
}

#[test]
fn c4_of_a_queue_the_interrupt_it_shares_is_told_and_nothing_else() {
    let mut engine = engine();
    let queue = engine.completed();
    let told = Event::QueueParameters {
        queue,
        coalescing_domain: 7,
    };
    assert_eq!(engine.set_coalescing_domain(queue, 7), Ok(Some(told)));
    assert_eq!(
        engine.set_coalescing_domain(queue, 7),
        Ok(None),
        "nothing has changed"
    );
    assert_eq!(engine.queue(queue).unwrap().coalescing_domain, 7);
    assert_eq!(
        engine.set_coalescing_domain(QueueId(9), 7),
        Err(NdisStatus::INVALID_PARAMETER)
    );
    let mut silent = engine_620();
    assert_eq!(silent.set_coalescing_domain(QueueId::DEFAULT, 7), Ok(None));
}

#[test]
fn what_is_in_use_cannot_be_switched_off() {
    let mut engine = engine();
    let queue = engine.completed();
    let before = engine.settings();
    let no_vmq = Settings {
        has_vmq: false,
        ..before
    };
    let older = Settings {
        version: NdisVersion::V6_20,
        ..before
    };
    let no_vlans = Settings {
        has_vlan_filtering: false,
        ..before
    };
    for refused in [no_vmq, older] {
        assert_eq!(
            engine.change_settings(refused),
            Err(NdisStatus::INVALID_STATE)
        );
    }
    let filter = engine.set_filter(ME, queue, on_vlan(1, 5)).unwrap();
    assert_eq!(
        engine.change_settings(no_vlans),
        Err(NdisStatus::INVALID_STATE)
    );
    engine.clear_filter(ME, queue, filter).unwrap();
    assert!(engine.change_settings(no_vlans).is_ok());
    engine.free_at_once(queue);
    assert!(engine.change_settings(older).is_ok());
    assert!(engine.change_settings(no_vmq).is_ok());
}

#[test]
fn capabilities_shrink_as_far_as_nothing_is_in_use() {
    let mut engine = engine();
    let queues = [engine.completed(), engine.completed()];
    engine.free_at_once(queues[0]);
    engine.set_filter(ME, queues[1], untagged(1)).unwrap();
    let before = engine.capabilities();
    let refused = [
        Capabilities {
            num_queues: 1,
            ..before
        },
        Capabilities {
            max_filters: 0,
            ..before
        },
        Capabilities {
            processors: 0,
            ..before
        },
    ];
    for capabilities in refused {
        assert_eq!(
            engine.change_capabilities(capabilities),
            Err(NdisStatus::INVALID_STATE),
            "{capabilities:?}"
        );
        assert_eq!(engine.capabilities(), before);
    }
    for last in 10..13 {
        assert_eq!(
            engine.learn(queues[1], UNTAGGED, mac(last), Tick(u32::from(last))),
            Learned::New
        );
    }
    let less = Capabilities {
        num_queues: 2,
        max_filters: 3,
        learned_per_queue: 1,
        processors: 1,
        ..before
    };
    assert!(engine.change_capabilities(less).is_ok());
    let owners = [10, 11, 12].map(|last| engine.owner(UNTAGGED, last));
    assert_eq!(
        owners,
        [None, None, Some(queues[1])],
        "learned filters give way"
    );
    assert_eq!(engine.allocated(), QueueId(1));
    assert_eq!(
        engine.allocate_queue(ME, queue_named("q")),
        Err(NdisStatus::RESOURCES)
    );
}
