//! What each request about capabilities and queues does, in both widths.

use ndis::*;
use vmq::oid::*;
use vmq::{Event, NdisStatus, NdisVersion, OperationalState, QueueId, Settings, VlanId};

use crate::adapter::*;

const ALLOCATE: NDIS_OID = OID_RECEIVE_FILTER_ALLOCATE_QUEUE;
const PARAMETERS: NDIS_OID = OID_RECEIVE_FILTER_QUEUE_PARAMETERS;
const COMPLETE: NDIS_OID = OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE;
const FREE: NDIS_OID = OID_RECEIVE_FILTER_FREE_QUEUE;

impl Adapter {
    fn allocate(&mut self, asked: ReceiveQueueParameters) -> Answer {
        let asked = self.bytes(asked);
        self.method(ALLOCATE, ME, asked, 1100)
    }

    fn parameters(&mut self, queue: u32) -> ReceiveQueueParameters {
        let asked = self.bytes(ReceiveQueueParameters {
            queue_id: queue,
            ..Default::default()
        });
        let answer = self.method(PARAMETERS, OTHER, asked, 1100);
        assert_eq!(answer.status(), NdisStatus::SUCCESS);
        answer.read(self)
    }

    fn change(&mut self, asked: ReceiveQueueParameters) -> NdisStatus {
        let asked = self.bytes(asked);
        self.set(PARAMETERS, ME, asked).status()
    }

    fn free(&mut self, caller: Caller, queue: u32) -> NdisStatus {
        let asked = self.bytes(ReceiveQueueFreeParameters {
            flags: 0,
            queue_id: queue,
        });
        self.set(FREE, caller, asked).status()
    }
}

#[test]
fn c1_c2_capabilities_are_told_in_the_revision_of_the_version() {
    for (version, size) in [
        (NdisVersion::V6_20, 56),
        (NdisVersion::V6_30, 84),
        (NdisVersion::V6_50, 84),
    ] {
        for mut adapter in WIDTHS.map(|width| Adapter::new(width, version)) {
            let hardware = adapter.query(OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, ME, 100);
            assert_eq!(
                hardware.completion,
                Completion {
                    status: NdisStatus::SUCCESS,
                    bytes_read: 0,
                    bytes_written: size,
                    bytes_needed: 0
                }
            );
            assert!(
                hardware.buffer[size as usize..]
                    .iter()
                    .all(|byte| *byte == 0xee)
            );
            let told: ReceiveFilterCapabilities = hardware.read(&adapter);
            assert_eq!((told.num_queues, told.max_mac_header_filters), (3, 8));
            let split = if version == NdisVersion::V6_20 {
                (64, 128)
            } else {
                (0, 0)
            };
            assert_eq!(
                (told.min_lookahead_split_size, told.max_lookahead_split_size),
                split
            );
            let off = Settings {
                has_vmq: false,
                ..adapter.engine.settings()
            };
            adapter.engine.change_settings(off).unwrap();
            let current = adapter.query(
                OID_RECEIVE_FILTER_CURRENT_CAPABILITIES,
                Caller::UserMode,
                100,
            );
            assert_eq!(
                current.read::<ReceiveFilterCapabilities>(&adapter),
                Default::default()
            );
            assert_eq!(
                adapter.query(OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, ME, 100),
                hardware
            );
        }
    }
}

#[test]
fn c3_global_parameters_are_told() {
    for mut adapter in Adapter::both() {
        let answer = adapter.query(OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, Caller::UserMode, 16);
        let told: ReceiveFilterGlobalParameters = answer.read(&adapter);
        assert_eq!(
            (told.enabled_filter_types, told.enabled_queue_types),
            (1, 1)
        );
    }
}

#[test]
fn q2_a_queue_comes_back_with_its_id_and_its_interrupt() {
    for mut adapter in Adapter::both() {
        let asked = ReceiveQueueParameters {
            flags: 0xffff_0003,
            lookahead_size: 99,
            port_id: 7,
            ..queue_parameters()
        };
        let answer = adapter.allocate(asked);
        assert_eq!(answer.status(), NdisStatus::SUCCESS);
        let size = ReceiveQueueParameters::size(2, adapter.width) as u32;
        assert_eq!(
            (
                answer.completion.bytes_read,
                answer.completion.bytes_written
            ),
            (size, size)
        );
        let given: ReceiveQueueParameters = answer.read(&adapter);
        let expected = ReceiveQueueParameters {
            flags: 1,
            queue_id: 1,
            msix_table_entry: 1,
            port_id: 7,
            ..queue_parameters()
        };
        assert_eq!(
            given, expected,
            "its interrupt is that of its first processor"
        );
        assert_eq!(adapter.parameters(1), expected);
    }
}

#[test]
fn q3_q4_what_cannot_be_allocated_is_refused() {
    let named = |name: CountedString| ReceiveQueueParameters {
        queue_name: name,
        ..queue_parameters()
    };
    let with_id = |id| ReceiveQueueParameters {
        queue_id: id,
        ..queue_parameters()
    };
    let [mut odd, mut long, mut broken] = [CountedString::new("name"); 3];
    (odd.length, long.length, broken.units[1]) = (3, 514, 0xd800);
    let refused = [
        ReceiveQueueParameters {
            queue_type: 0,
            ..queue_parameters()
        },
        ReceiveQueueParameters {
            processor_affinity: GroupAffinity::default(),
            ..queue_parameters()
        },
        named(odd),
        named(long),
        named(broken),
        with_id(4),
        with_id(0x1_0001),
    ];
    for mut adapter in Adapter::both() {
        for asked in &refused {
            assert_eq!(
                adapter.allocate(asked.clone()).status(),
                NdisStatus::INVALID_PARAMETER,
                "{asked:?}"
            );
        }
        assert_eq!(
            adapter
                .allocate(with_id(2))
                .read::<ReceiveQueueParameters>(&adapter)
                .queue_id,
            2
        );
        assert_eq!(
            adapter.allocate(with_id(2)).status(),
            NdisStatus::INVALID_PARAMETER
        );
        assert_eq!([adapter.allocated(), adapter.allocated()], [1, 3]);
        assert_eq!(
            adapter.allocate(queue_parameters()).status(),
            NdisStatus::RESOURCES
        );
    }
}

#[test]
fn q13_each_change_bit_changes_its_member_and_nothing_else() {
    use ndis::{
        NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED as FLAGS,
        NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED as NAME,
        NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED as AFFINITY,
        NDIS_RECEIVE_QUEUE_PARAMETERS_QOS_SQ_ID_CHANGED as SCHEDULER,
        NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED as BUFFERS,
    };
    let elsewhere = GroupAffinity {
        mask: PointerSized(0b1000),
        group: 1,
        reserved: [0; 3],
    };
    for mut adapter in WIDTHS.map(|width| Adapter::new(width, NdisVersion::V6_50)) {
        let queue = adapter.completed();
        let asked = |flags| ReceiveQueueParameters {
            flags,
            queue_id: queue,
            processor_affinity: elsewhere,
            num_suggested_receive_buffers: 5,
            vm_name: CountedString::new("other vm"),
            queue_name: CountedString::new("other queue"),
            port_id: 9,
            ..queue_parameters()
        };
        let mut expected = adapter.parameters(queue);
        assert_eq!(adapter.change(asked(1)), NdisStatus::SUCCESS);
        assert_eq!(
            adapter.parameters(queue),
            expected,
            "no change bit, no change"
        );
        assert_eq!(adapter.change(asked(FLAGS | 1)), NdisStatus::SUCCESS);
        expected.flags = 1;
        assert_eq!(adapter.parameters(queue), expected);
        assert_eq!(adapter.change(asked(AFFINITY)), NdisStatus::SUCCESS);
        (expected.processor_affinity, expected.msix_table_entry) = (elsewhere, 67);
        assert_eq!(adapter.parameters(queue), expected);
        assert_eq!(adapter.change(asked(BUFFERS)), NdisStatus::SUCCESS);
        expected.num_suggested_receive_buffers = 5;
        assert_eq!(adapter.parameters(queue), expected);
        assert_eq!(adapter.change(asked(NAME | SCHEDULER)), NdisStatus::SUCCESS);
        expected.queue_name = CountedString::new("other queue");
        assert_eq!(adapter.parameters(queue), expected);
    }
}

#[test]
fn q13_changes_that_cannot_be_had_are_refused() {
    use ndis::{
        NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED as DOMAIN,
        NDIS_RECEIVE_QUEUE_PARAMETERS_QOS_SQ_ID_CHANGED as SCHEDULER,
    };
    for width in WIDTHS {
        let mut adapter = Adapter::new(width, NdisVersion::V6_50);
        let queue = adapter.completed();
        let asked = |flags, qos_sq_id| ReceiveQueueParameters {
            flags,
            queue_id: queue,
            qos_sq_id,
            ..queue_parameters()
        };
        assert_eq!(
            adapter.change(asked(DOMAIN, 0)),
            NdisStatus::INVALID_PARAMETER,
            "the adapter's own"
        );
        assert_eq!(
            adapter.change(asked(0x0040_0000, 0)),
            NdisStatus::INVALID_PARAMETER,
            "nobody's"
        );
        assert_eq!(
            adapter.change(asked(SCHEDULER, 1)),
            NdisStatus::NOT_SUPPORTED
        );
        assert_eq!(
            adapter
                .allocate(ReceiveQueueParameters {
                    qos_sq_id: 1,
                    ..queue_parameters()
                })
                .status(),
            NdisStatus::NOT_SUPPORTED
        );
        let mut older = Adapter::new(width, NdisVersion::V6_30);
        let queue = older.completed();
        let asked = ReceiveQueueParameters {
            flags: SCHEDULER,
            queue_id: queue,
            ..queue_parameters()
        };
        assert_eq!(
            older.change(asked),
            NdisStatus::INVALID_PARAMETER,
            "a member that revision 2 has not"
        );
        let default = ReceiveQueueParameters {
            queue_id: 0,
            ..queue_parameters()
        };
        assert_eq!(older.change(default), NdisStatus::INVALID_PARAMETER);
        let far = ReceiveQueueParameters {
            queue_id: 0x1_0000 | queue,
            ..queue_parameters()
        };
        assert_eq!(
            older.change(far),
            NdisStatus::INVALID_PARAMETER,
            "ids have 16 bits"
        );
    }
}

#[test]
fn q12_each_element_gets_its_own_status_whatever_its_size() {
    for mut adapter in Adapter::both() {
        for stride in [16, 20, 33] {
            let [first, poor] = [adapter.allocated(), adapter.allocated()];
            adapter.poor = vec![QueueId(poor as u16)];
            let mut asked = adapter.complete(&[first, 9, poor, 0x1_0000 | first, first], stride);
            // The header of the second element says nothing that is known.
            asked[20 + stride] = 0;
            let length = asked.len();
            let answer = adapter.method(COMPLETE, ME, asked.clone(), length);
            assert_eq!(
                answer.completion,
                Completion {
                    status: NdisStatus::SUCCESS,
                    bytes_read: length as u32,
                    bytes_written: length as u32,
                    bytes_needed: 0
                }
            );
            let status = |at: usize| &answer.buffer[20 + at * stride + 12..][..4];
            let expected = [
                NdisStatus::SUCCESS,
                NdisStatus::INVALID_PARAMETER,
                NdisStatus::RESOURCES,
                NdisStatus::INVALID_PARAMETER,
                NdisStatus::INVALID_PARAMETER,
            ];
            for (at, expected) in expected.into_iter().enumerate() {
                assert_eq!(status(at), expected.0.to_le_bytes(), "{at}");
                asked[20 + at * stride + 12..][..4].copy_from_slice(status(at));
            }
            assert_eq!(answer.buffer, asked, "nothing else is written");
            adapter.poor.clear();
            let again = adapter.complete(&[poor], stride);
            let length = again.len();
            let answer = adapter.method(COMPLETE, ME, again, length);
            assert_eq!(
                answer.buffer[20 + 12..][..4],
                [0; 4],
                "it stayed completable"
            );
            for queue in [first, poor] {
                adapter.free(ME, queue);
                let queue = QueueId(queue as u16);
                adapter.engine.dma_stopped(queue).unwrap();
                adapter.engine.resources_freed(queue).unwrap();
            }
        }
        let none = adapter.complete(&[], 0);
        assert_eq!(
            adapter.method(COMPLETE, ME, none, 20).status(),
            NdisStatus::SUCCESS
        );
    }
}

#[test]
fn f2_f4_a_queue_is_freed_without_filters_and_pends() {
    for mut adapter in Adapter::both() {
        let queue = adapter.completed();
        let filter = adapter.filtered(queue, 1);
        assert_eq!(adapter.free(ME, queue), NdisStatus::INVALID_STATE);
        assert_eq!(adapter.clear(ME, queue, filter), NdisStatus::SUCCESS);
        for unknown in [0, 9, 0x1_0000 | queue] {
            assert_eq!(adapter.free(ME, unknown), NdisStatus::INVALID_PARAMETER);
        }
        assert_eq!(adapter.free(OTHER, queue), NdisStatus::INVALID_PARAMETER);
        assert_eq!(adapter.free(ME, queue), NdisStatus::PENDING);
        assert_eq!(adapter.free(ME, queue), NdisStatus::INVALID_PARAMETER);
        let queue = QueueId(queue as u16);
        let stopped = adapter.engine.dma_stopped(queue).unwrap();
        let told = adapter.engine.indication(&stopped, adapter.width);
        assert_eq!(told.code.0, NDIS_STATUS_RECEIVE_QUEUE_STATE);
        let (state, _) =
            ReceiveQueueState::read(&told.buffer, adapter.width, adapter.version).unwrap();
        assert_eq!(
            (state.queue_id, state.queue_state),
            (1, NdisReceiveQueueOperationalStateDmaStopped)
        );
        assert_eq!(adapter.engine.resources_freed(queue), Ok(()));
    }
}

#[test]
fn t14_queues_are_listed_to_their_owner_and_all_of_them_to_user_mode() {
    for mut adapter in Adapter::both() {
        let mine = adapter.completed();
        adapter.filtered(mine, 1);
        adapter
            .engine
            .learn(QueueId(mine as u16), VlanId(7), mac(9), vmq::Tick(0));
        adapter
            .engine
            .set_coalescing_domain(QueueId(mine as u16), 5)
            .unwrap();
        let asked = adapter.bytes(queue_parameters());
        adapter.method(ALLOCATE, OTHER, asked, 1100);
        let listed = |adapter: &mut Adapter, caller| {
            let answer = adapter.query(OID_RECEIVE_FILTER_ENUM_QUEUES, caller, 5000);
            let head: ReceiveQueueInfoArray = answer.read(adapter);
            let stride = ReceiveQueueInfo::stride(2, adapter.width);
            assert_eq!(
                (head.first_element_offset, head.element_size as usize),
                (16, stride)
            );
            let end = 16 + head.num_elements as usize * stride;
            assert_eq!(answer.completion.bytes_written as usize, end);
            let elements = answer.buffer[16..end].chunks(stride);
            elements
                .map(|info| {
                    ReceiveQueueInfo::read(info, adapter.width, adapter.version)
                        .unwrap()
                        .0
                })
                .collect::<Vec<_>>()
        };
        let ids = |listed: &[ReceiveQueueInfo]| {
            listed.iter().map(|info| info.queue_id).collect::<Vec<_>>()
        };
        assert_eq!(ids(&listed(&mut adapter, ME)), [1]);
        assert_eq!(ids(&listed(&mut adapter, OTHER)), [2]);
        let all = listed(&mut adapter, Caller::UserMode);
        assert_eq!(ids(&all), [0, 1, 2]);
        let states = all.iter().map(|info| info.queue_state).collect::<Vec<_>>();
        assert_eq!(states, [1, 1, 2], "running, running, paused");
        let expected = ReceiveQueueInfo {
            queue_type: NdisReceiveQueueTypeVMQueue,
            queue_id: 1,
            queue_state: OperationalState::Running as i32,
            processor_affinity: queue_parameters().processor_affinity,
            msix_table_entry: 1,
            vm_name: CountedString::new("vm"),
            queue_name: CountedString::new("queue"),
            num_filters: 1,
            interrupt_coalescing_domain_id: 5,
            ..Default::default()
        };
        assert_eq!(all[1], expected, "a learned filter is not counted");
    }
}

#[test]
fn c4_indications_carry_the_structures_of_ndis() {
    for adapter in Adapter::both() {
        let told = adapter.engine.current_capabilities();
        for (event, code) in [
            (
                Event::CurrentCapabilities(told),
                NDIS_STATUS_RECEIVE_FILTER_CURRENT_CAPABILITIES,
            ),
            (
                Event::HardwareCapabilities(told),
                NDIS_STATUS_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
            ),
        ] {
            let indication = adapter.engine.indication(&event, adapter.width);
            assert_eq!((indication.code.0, indication.buffer.len()), (code, 84));
            let (capabilities, revision) =
                ReceiveFilterCapabilities::read(&indication.buffer, adapter.width, adapter.version)
                    .unwrap();
            assert_eq!((capabilities.num_queues, revision), (3, 2));
        }
    }
    for mut adapter in Adapter::both() {
        let queue = QueueId(adapter.completed() as u16);
        let event = adapter
            .engine
            .set_coalescing_domain(queue, 9)
            .unwrap()
            .unwrap();
        let indication = adapter.engine.indication(&event, adapter.width);
        assert_eq!(
            indication.code.0,
            NDIS_STATUS_RECEIVE_FILTER_QUEUE_PARAMETERS
        );
        let (told, revision) =
            ReceiveQueueParameters::read(&indication.buffer, adapter.width, adapter.version)
                .unwrap();
        let change = NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED;
        assert_eq!(
            (
                told.flags,
                told.queue_id,
                told.interrupt_coalescing_domain_id,
                revision
            ),
            (change, 1, 9, 2)
        );
        assert_eq!(told.queue_name, CountedString::new("queue"));
    }
}
