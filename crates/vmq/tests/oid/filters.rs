//! What each request about filters does, in both widths.

use ndis::*;
use vmq::oid::*;
use vmq::{Facts, FieldOrder, FilterId, NdisStatus, NdisVersion, QueueId, Settings, VlanId};

use crate::adapter::*;

const SET: NDIS_OID = OID_RECEIVE_FILTER_SET_FILTER;

impl Adapter {
    fn set_filter(&mut self, queue: u32, fields: &[ReceiveFilterFieldParameters]) -> NdisStatus {
        let asked = self.filter(queue, fields, 56);
        self.method(SET, ME, asked, 44).status()
    }

    /// A filter's parameters with one member changed.
    fn set_filter_with(
        &mut self,
        queue: u32,
        change: impl FnOnce(&mut ReceiveFilterParameters),
    ) -> Answer {
        let mut asked = self.filter(queue, &[to(1)], 56);
        let (mut head, revision) =
            ReceiveFilterParameters::read(&asked, self.width, self.version).unwrap();
        change(&mut head);
        head.write(&mut asked, revision, self.width);
        self.method(SET, ME, asked, 44)
    }

    fn owner(&mut self, last: u8) -> Option<u32> {
        let hit = self.engine.table().lookup(VlanId(0), mac(last));
        hit.map(|hit| hit.queue.0.into())
    }
}

#[test]
fn t5_numbers_of_field_tests_are_in_the_order_that_the_settings_say() {
    for (order, bytes) in [
        (FieldOrder::Network, [0x0a, 0xbc]),
        (FieldOrder::Native, [0xbc, 0x0a]),
    ] {
        for mut adapter in Adapter::both() {
            let settings = Settings {
                field_order: order,
                ..adapter.engine.settings()
            };
            adapter.engine.change_settings(settings).unwrap();
            let queue = adapter.completed();
            let to = equal(NdisMacHeaderFieldDestinationAddress, &mac(1).0);
            let vlan = equal(NdisMacHeaderFieldVlanId, &bytes);
            assert_eq!(adapter.set_filter(queue, &[to, vlan]), NdisStatus::SUCCESS);
            let table = adapter.engine.table();
            assert!(table.lookup(VlanId(0x0abc), mac(1)).is_some(), "{order:?}");
            let protocol = ReceiveFilterFieldParameters {
                ..equal(NdisMacHeaderFieldProtocol, &bytes)
            };
            assert_eq!(adapter.set_filter(queue, &[protocol]), NdisStatus::SUCCESS);
            let frame = Facts {
                destination: mac(5),
                source: mac(6),
                vlan: VlanId(0),
                priority: 0,
                protocol: 0x0abc,
            };
            let hit = adapter
                .engine
                .table()
                .classify(frame.vlan, frame.destination, || frame);
            assert!(hit.is_some(), "{order:?}");
        }
    }
}

#[test]
fn t4_t6_field_tests_are_those_of_ndis() {
    for mut adapter in Adapter::both() {
        let queue = adapter.completed();
        let address = || equal(NdisMacHeaderFieldDestinationAddress, &mac(1).0);
        let flagged = |field| ReceiveFilterFieldParameters { flags: 1, ..field };
        let vlan = || equal(NdisMacHeaderFieldVlanId, &[0, 5]);
        let tested = |test| ReceiveFilterFieldParameters {
            receive_filter_test: test,
            ..address()
        };
        let masked = ReceiveFilterFieldParameters {
            result_value: address().field_value,
            ..tested(NdisReceiveFilterTestMaskEqual)
        };
        let accepted = [
            vec![to(1)],
            vec![vlan(), address()],
            vec![masked],
            vec![tested(NdisReceiveFilterTestNotEqual)],
            vec![
                equal(NdisMacHeaderFieldPriority, &[5]),
                flagged(equal(NdisMacHeaderFieldSourceAddress, &mac(2).0)),
            ],
            vec![equal(NdisMacHeaderFieldPacketType, &[3])],
        ];
        for fields in &accepted {
            assert_eq!(
                adapter.set_filter(queue, fields),
                NdisStatus::SUCCESS,
                "{fields:?}"
            );
        }
        let refused = [
            vec![],
            vec![flagged(vlan()), address()],
            vec![vlan(), flagged(address())],
            vec![address(), flagged(equal(NdisMacHeaderFieldPriority, &[5]))],
            vec![ReceiveFilterFieldParameters {
                flags: 2,
                ..address()
            }],
            vec![ReceiveFilterFieldParameters {
                frame_header: NdisFrameHeaderIPv4,
                ..address()
            }],
            vec![ReceiveFilterFieldParameters {
                header_field: NdisMacHeaderFieldMaximum,
                ..address()
            }],
            vec![ReceiveFilterFieldParameters {
                header_field: NdisMacHeaderFieldUndefined,
                ..address()
            }],
            vec![tested(NdisReceiveFilterTestMaximum)],
            vec![tested(NdisReceiveFilterTestUndefined)],
            vec![equal(NdisMacHeaderFieldVlanId, &[0x10, 5]), address()],
            vec![equal(NdisMacHeaderFieldPriority, &[8])],
            vec![address(); 17],
        ];
        for fields in &refused {
            assert_eq!(
                adapter.set_filter(queue, fields),
                NdisStatus::INVALID_PARAMETER,
                "{fields:?}"
            );
        }
    }
}

#[test]
fn t9_t10_t13_parameters_of_a_filter_are_those_of_vm_queues() {
    for mut adapter in Adapter::both() {
        let queue = adapter.completed();
        let mut status = |change: fn(&mut ReceiveFilterParameters)| {
            adapter.set_filter_with(queue, change).status()
        };
        let refused: [fn(&mut ReceiveFilterParameters); 9] = [
            |filter| filter.filter_type = NdisReceiveFilterTypePacketCoalescing,
            |filter| filter.filter_type = NdisReceiveFilterTypeUndefined,
            |filter| filter.requested_filter_id_bit_count = 1,
            |filter| filter.vport_id = 1,
            |filter| filter.flags = 4,
            |filter| filter.queue_id = 9,
            |filter| filter.queue_id = 0x1_0000,
            |filter| filter.filter_id = 9,
            |filter| filter.filter_id = 0x1_0001,
        ];
        for change in refused {
            assert_eq!(status(change), NdisStatus::INVALID_PARAMETER);
        }
        assert_eq!(
            status(|filter| filter.flags = NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION),
            NdisStatus::NOT_SUPPORTED
        );
        let taken =
            adapter.set_filter_with(queue, |filter| (filter.flags, filter.filter_id) = (1, 5));
        assert_eq!(taken.status(), NdisStatus::SUCCESS);
        assert_eq!(taken.read::<ReceiveFilterParameters>(&adapter).filter_id, 5);
        assert_eq!(
            adapter
                .set_filter_with(queue, |filter| filter.filter_id = 5)
                .status(),
            NdisStatus::INVALID_PARAMETER
        );
        let asked = adapter.filter(queue, &[to(1)], 56);
        assert_eq!(
            adapter.method(SET, OTHER, asked, 44).status(),
            NdisStatus::INVALID_PARAMETER
        );
        assert_eq!(adapter.filtered(queue, 2), 1);
    }
}

/// The array of field tests may begin anywhere behind its head, and its elements may be longer than ours.
#[test]
fn field_tests_are_walked_by_the_callers_element_size() {
    for mut adapter in Adapter::both() {
        let queue = adapter.completed();
        let to = equal(NdisMacHeaderFieldDestinationAddress, &mac(1).0);
        let vlan = equal(NdisMacHeaderFieldVlanId, &[0, 7]);
        let asked = adapter.filter(queue, &[to, vlan], 71);
        let answer = adapter.method(SET, ME, asked.clone(), 44);
        assert_eq!(answer.status(), NdisStatus::SUCCESS);
        assert_eq!(
            (
                answer.completion.bytes_read as usize,
                answer.completion.bytes_written
            ),
            (asked.len(), 44)
        );
        assert!(adapter.engine.table().lookup(VlanId(7), mac(1)).is_some());
        assert!(adapter.engine.table().lookup(VlanId(0), mac(1)).is_none());
    }
}

#[test]
fn t11_a_filter_is_cleared_and_read_by_its_id() {
    for mut adapter in Adapter::both() {
        let queue = adapter.completed();
        let filter = adapter.filtered(queue, 1);
        assert_eq!(adapter.owner(1), Some(queue));
        for (queue, filter) in [
            (queue, 0),
            (queue, 9),
            (9, filter),
            (queue, 0x1_0000 | filter),
            (0x1_0000 | queue, filter),
        ] {
            assert_eq!(adapter.clear(ME, queue, filter), NdisStatus::FILE_NOT_FOUND);
            let asked = adapter.bytes(ReceiveFilterParameters {
                filter_id: if filter == 1 { 0 } else { filter },
                ..Default::default()
            });
            let read = adapter
                .method(OID_RECEIVE_FILTER_PARAMETERS, ME, asked, 500)
                .status();
            assert_eq!(read, NdisStatus::INVALID_PARAMETER);
        }
        assert_eq!(
            adapter.clear(OTHER, queue, filter),
            NdisStatus::FILE_NOT_FOUND
        );
        assert_eq!(adapter.clear(ME, queue, filter), NdisStatus::SUCCESS);
        assert_eq!(adapter.owner(1), None);
    }
}

#[test]
fn what_parameters_tells_of_a_filter_sets_the_same_filter_again() {
    for mut adapter in Adapter::both() {
        let queue = adapter.completed();
        let masked = ReceiveFilterFieldParameters {
            receive_filter_test: NdisReceiveFilterTestMaskEqual,
            result_value: UnionValue([0; 16]),
            ..equal(NdisMacHeaderFieldVlanId, &[0x0f, 0xf0])
        };
        let source = equal(NdisMacHeaderFieldSourceAddress, &mac(2).0);
        let flagged = ReceiveFilterFieldParameters { flags: 1, ..source };
        for fields in [
            vec![to(1)],
            vec![masked, equal(NdisMacHeaderFieldPriority, &[1])],
            vec![equal(NdisMacHeaderFieldProtocol, &[8, 6]), flagged],
        ] {
            assert_eq!(adapter.set_filter(queue, &fields), NdisStatus::SUCCESS);
            let asked = adapter.bytes(ReceiveFilterParameters {
                filter_id: 1,
                ..Default::default()
            });
            let told = adapter.method(OID_RECEIVE_FILTER_PARAMETERS, Caller::UserMode, asked, 500);
            let head: ReceiveFilterParameters = told.read(&adapter);
            assert_eq!(
                (
                    head.filter_id,
                    head.queue_id,
                    head.field_parameters_array_offset
                ),
                (1, queue, 48)
            );
            assert_eq!(
                told.completion.bytes_written as usize,
                48 + fields.len() * 56
            );
            let before = adapter.engine.filter(FilterId(1)).unwrap();
            assert_eq!(adapter.clear(ME, queue, 1), NdisStatus::SUCCESS);
            let again = told.buffer[..told.completion.bytes_written as usize].to_vec();
            assert_eq!(
                adapter.method(SET, ME, again, 44).status(),
                NdisStatus::SUCCESS
            );
            assert_eq!(adapter.engine.filter(FilterId(1)), Ok(before));
            assert_eq!(adapter.clear(ME, queue, 1), NdisStatus::SUCCESS);
        }
    }
}

#[test]
fn t14_filters_are_listed_by_the_queue_that_the_array_names() {
    for mut adapter in Adapter::both() {
        let queue = adapter.completed();
        let filters = [
            adapter.filtered(queue, 1),
            adapter.filtered(0, 2),
            adapter.filtered(queue, 3),
        ];
        adapter
            .engine
            .learn(QueueId(queue as u16), VlanId(7), mac(9), vmq::Tick(0));
        let listed = |adapter: &mut Adapter, asked: ReceiveFilterInfoArray| {
            let asked = adapter.bytes(asked);
            adapter.method(
                OID_RECEIVE_FILTER_ENUM_FILTERS,
                Caller::UserMode,
                asked,
                200,
            )
        };
        for (queue, expected) in [(queue, vec![filters[0], filters[2]]), (0, vec![filters[1]])] {
            let answer = listed(
                &mut adapter,
                ReceiveFilterInfoArray {
                    queue_id: queue,
                    ..Default::default()
                },
            );
            let head: ReceiveFilterInfoArray = answer.read(&adapter);
            assert_eq!(
                (head.queue_id, head.first_element_offset, head.element_size),
                (queue, 28, 16)
            );
            let written = answer.completion.bytes_written as usize;
            let infos = answer.buffer[28..written].chunks(16).map(|info| {
                ReceiveFilterInfo::read(info, adapter.width, adapter.version)
                    .unwrap()
                    .0
            });
            let infos: Vec<_> = infos
                .map(|info| (info.filter_type, info.filter_id))
                .collect();
            assert_eq!(
                infos,
                expected
                    .into_iter()
                    .map(|id| (NdisReceiveFilterTypeVMQueue, id))
                    .collect::<Vec<_>>()
            );
        }
        for refused in [
            ReceiveFilterInfoArray {
                queue_id: 9,
                ..Default::default()
            },
            ReceiveFilterInfoArray {
                queue_id: 0x1_0000,
                ..Default::default()
            },
            ReceiveFilterInfoArray {
                flags: 1,
                vport_id: 1,
                ..Default::default()
            },
        ] {
            assert_eq!(
                listed(&mut adapter, refused).status(),
                NdisStatus::INVALID_PARAMETER
            );
        }
    }
}

#[test]
fn t12_filters_do_not_move_between_virtual_ports() {
    for mut adapter in Adapter::both() {
        let queue = adapter.completed();
        let filter = adapter.filtered(queue, 1);
        let status = |adapter: &mut Adapter, asked: ReceiveFilterMoveFilterParameters| {
            let asked = asked.to_bytes(1, adapter.width);
            adapter
                .set(OID_RECEIVE_FILTER_MOVE_FILTER, ME, asked)
                .status()
        };
        let asked = ReceiveFilterMoveFilterParameters {
            filter_id: filter,
            dest_vport_id: 1,
            ..Default::default()
        };
        assert_eq!(
            status(&mut adapter, asked.clone()),
            NdisStatus::NOT_SUPPORTED
        );
        for wrong in [
            ReceiveFilterMoveFilterParameters {
                source_queue_id: queue,
                ..asked.clone()
            },
            ReceiveFilterMoveFilterParameters {
                dest_queue_id: queue,
                ..asked.clone()
            },
            ReceiveFilterMoveFilterParameters {
                filter_id: 9,
                ..asked.clone()
            },
            ReceiveFilterMoveFilterParameters {
                filter_id: 0x1_0001,
                ..asked.clone()
            },
        ] {
            assert_eq!(status(&mut adapter, wrong), NdisStatus::INVALID_PARAMETER);
        }
        assert_eq!(adapter.owner(1), Some(queue));
        let mut older = Adapter::new(adapter.width, NdisVersion::V6_20);
        assert_eq!(status(&mut older, asked), NdisStatus::NOT_SUPPORTED);
    }
}
