//! The binary form is the typed requests in another spelling: any sequence of them, sent to one engine by buffers and to
//! another by calls, gives the same answers and the same engines.

use ndis::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use vmq::oid::*;
use vmq::{
    AllocateQueue, Binding, Criteria, Engine, Field, FieldOrder, FieldTest, FilterId, NdisStatus,
    NdisVersion, QueueChange, QueueId, Settings, Test,
};

use crate::adapter::*;

#[derive(Clone, Debug)]
enum Request {
    Allocate(Binding, AllocateQueue),
    Change(Binding, QueueId, QueueChange),
    Complete(Binding, Vec<QueueId>, usize),
    Free(Binding, QueueId),
    Freed(QueueId),
    Set(
        Binding,
        QueueId,
        Option<FilterId>,
        Vec<FieldTest>,
        bool,
        usize,
    ),
    Clear(Binding, QueueId, FilterId),
}

fn by() -> impl Strategy<Value = Binding> {
    prop_oneof![6 => Just(Binding(1)), 1 => Just(Binding(2))]
}

fn queue() -> impl Strategy<Value = QueueId> {
    (0..5_u16).prop_map(QueueId)
}

fn filter_id() -> impl Strategy<Value = FilterId> {
    (1..10_u16).prop_map(FilterId)
}

fn affinity() -> impl Strategy<Value = vmq::Affinity> {
    (0..3_u16, 0..8_u64).prop_map(|(group, mask)| vmq::Affinity { group, mask })
}

fn allocation() -> impl Strategy<Value = AllocateQueue> {
    let id = prop_oneof![3 => Just(None), 1 => (1..5_u16).prop_map(|id| Some(QueueId(id)))];
    (
        id,
        "\\PC{0,20}",
        0..8_u32,
        0..140_u32,
        affinity(),
        0..100_u32,
    )
        .prop_map(
            |(id, name, flags, lookahead, processor_affinity, suggested_buffers)| AllocateQueue {
                id,
                vm_name: name.to_uppercase(),
                queue_name: name,
                flags,
                lookahead,
                processor_affinity,
                suggested_buffers,
                port: 7,
                ..AllocateQueue::default()
            },
        )
}

fn change() -> impl Strategy<Value = QueueChange> {
    let flags = prop::option::of(0..4_u32);
    (
        flags,
        0..140_u32,
        prop::option::of(affinity()),
        prop::option::of(0..9_u32),
        prop::option::of("[a-z]{0,9}"),
    )
        .prop_map(
            |(flags, lookahead, processor_affinity, suggested_buffers, queue_name)| QueueChange {
                flags,
                lookahead,
                processor_affinity,
                suggested_buffers,
                queue_name,
                ..QueueChange::default()
            },
        )
}

fn field_test() -> impl Strategy<Value = FieldTest> {
    let numbers = |field: Field| {
        let whole = 1_u64 << field.bits().next_multiple_of(8);
        prop_oneof![Just(1), Just(0x5254_0000_0001 % whole), Just(5), 0..whole]
    };
    select(Field::ALL.as_slice()).prop_flat_map(move |field| {
        let test = prop_oneof![
            numbers(field).prop_map(Test::Equal),
            numbers(field).prop_map(Test::NotEqual),
            (numbers(field), numbers(field)).prop_map(|(mask, result)| Test::MaskEqual {
                mask,
                result: result & mask
            }),
        ];
        test.prop_map(move |test| FieldTest { field, test })
    })
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        3 => (by(), allocation()).prop_map(|(by, asked)| Request::Allocate(by, asked)),
        2 => (by(), queue(), change()).prop_map(|(by, queue, change)| Request::Change(by, queue, change)),
        3 => (by(), vec(queue(), 0..4), 16..40_usize).prop_map(|(by, queues, stride)| Request::Complete(by, queues, stride)),
        1 => (by(), queue()).prop_map(|(by, queue)| Request::Free(by, queue)),
        1 => queue().prop_map(Request::Freed),
        4 => (by(), queue(), prop::option::weighted(0.2, filter_id()), vec(field_test(), 0..3), any::<bool>(), 56..80_usize)
            .prop_map(|(by, queue, id, fields, flag, stride)| Request::Set(by, queue, id, fields, flag, stride)),
        3 => (by(), queue(), filter_id()).prop_map(|(by, queue, id)| Request::Clear(by, queue, id)),
    ]
}

/// Sends one request to both; the statuses must be the same.
fn step(adapter: &mut Adapter, typed: &mut Engine, request: Request) {
    let order = typed.settings().field_order;
    let outcome = |result: Result<(), NdisStatus>| result.err().unwrap_or(NdisStatus::SUCCESS);
    match request {
        Request::Allocate(by, asked) => {
            let binary = adapter.bytes(ReceiveQueueParameters {
                queue_id: asked.id.map_or(0, |id| id.0.into()),
                flags: asked.flags,
                lookahead_size: asked.lookahead,
                processor_affinity: asked.processor_affinity.into(),
                num_suggested_receive_buffers: asked.suggested_buffers,
                vm_name: CountedString::new(&asked.vm_name),
                queue_name: CountedString::new(&asked.queue_name),
                port_id: asked.port,
                ..queue_parameters()
            });
            let answer = adapter.method(
                OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
                Caller::Driver(by),
                binary,
                1100,
            );
            // The port came with 6.30.
            let port = if adapter.version < NdisVersion::V6_30 {
                0
            } else {
                asked.port
            };
            let allocated = typed.allocate_queue(by, AllocateQueue { port, ..asked });
            assert_eq!(answer.status(), outcome(allocated.map(|_| ())));
            if let Ok(id) = allocated {
                assert_eq!(
                    answer.read::<ReceiveQueueParameters>(adapter).queue_id,
                    u32::from(id.0)
                );
            }
        }
        Request::Change(by, queue, change) => {
            let mut flags = change.flags.unwrap_or(0);
            let mut bit = |is_set: bool, bit: u32| flags |= if is_set { bit } else { 0 };
            bit(
                change.flags.is_some(),
                NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED,
            );
            bit(
                change.processor_affinity.is_some(),
                NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED,
            );
            bit(
                change.suggested_buffers.is_some(),
                NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED,
            );
            bit(
                change.queue_name.is_some(),
                NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED,
            );
            let binary = adapter.bytes(ReceiveQueueParameters {
                flags,
                queue_id: queue.0.into(),
                lookahead_size: change.lookahead,
                processor_affinity: change.processor_affinity.unwrap_or_default().into(),
                num_suggested_receive_buffers: change.suggested_buffers.unwrap_or(0),
                queue_name: CountedString::new(change.queue_name.as_deref().unwrap_or("")),
                ..queue_parameters()
            });
            let answer = adapter.set(
                OID_RECEIVE_FILTER_QUEUE_PARAMETERS,
                Caller::Driver(by),
                binary,
            );
            assert_eq!(
                answer.status(),
                outcome(typed.change_queue(by, queue, change))
            );
        }
        Request::Complete(by, queues, stride) => {
            let ids: Vec<_> = queues.iter().map(|queue| queue.0.into()).collect();
            let binary = adapter.complete(&ids, stride);
            let room = binary.len();
            let answer = adapter.method(
                OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
                Caller::Driver(by),
                binary,
                room,
            );
            assert_eq!(answer.status(), NdisStatus::SUCCESS);
            let completed = typed.allocation_complete(by, &queues, |_, _| Ok(()));
            for (at, (_, status)) in completed.into_iter().enumerate() {
                assert_eq!(
                    answer.buffer[20 + at * stride + 12..][..4],
                    status.0.to_le_bytes()
                );
            }
        }
        Request::Free(by, queue) => {
            let binary = adapter.bytes(ReceiveQueueFreeParameters {
                flags: 0,
                queue_id: queue.0.into(),
            });
            let answer = adapter.set(OID_RECEIVE_FILTER_FREE_QUEUE, Caller::Driver(by), binary);
            let freed = typed.free_queue(by, queue);
            assert_eq!(answer.status(), freed.err().unwrap_or(NdisStatus::PENDING));
        }
        Request::Freed(queue) => {
            for engine in [&mut adapter.engine, typed] {
                if engine.dma_stopped(queue).is_ok() {
                    assert_eq!(engine.resources_freed(queue), Ok(()));
                }
            }
        }
        Request::Set(by, queue, id, fields, is_flagged, stride) => {
            let is_address = |field| matches!(field, Field::Destination | Field::Source);
            let flag_at = fields
                .iter()
                .position(|test| is_flagged && is_address(test.field));
            let binary = fields.iter().enumerate().map(|(at, test)| {
                let (comparison, value, result) = match test.test {
                    Test::Equal(number) => (NdisReceiveFilterTestEqual, number, 0),
                    Test::MaskEqual { mask, result } => {
                        (NdisReceiveFilterTestMaskEqual, mask, result)
                    }
                    Test::NotEqual(number) => (NdisReceiveFilterTestNotEqual, number, 0),
                };
                ReceiveFilterFieldParameters {
                    flags: (flag_at == Some(at)).into(),
                    frame_header: NdisFrameHeaderMac,
                    receive_filter_test: comparison,
                    header_field: test.field as i32,
                    field_value: UnionValue::new(test.field, value, order),
                    result_value: UnionValue::new(test.field, result, order),
                }
            });
            let mut binary = adapter.filter(queue.0.into(), &binary.collect::<Vec<_>>(), stride);
            binary[16..20].copy_from_slice(&id.map_or(0, |id| u32::from(id.0)).to_le_bytes());
            let answer = adapter.method(
                OID_RECEIVE_FILTER_SET_FILTER,
                Caller::Driver(by),
                binary,
                44,
            );
            let criteria = Criteria::new(fields, flag_at.is_some());
            let set = match id {
                Some(id) => typed.set_filter_as(by, queue, id, criteria).map(|()| id),
                None => typed.set_filter(by, queue, criteria),
            };
            assert_eq!(answer.status(), outcome(set.map(|_| ())));
            if let Ok(id) = set {
                assert_eq!(
                    answer.read::<ReceiveFilterParameters>(adapter).filter_id,
                    u32::from(id.0)
                );
            }
        }
        Request::Clear(by, queue, filter) => {
            let binary = adapter.bytes(ReceiveFilterClearParameters {
                flags: 0,
                queue_id: queue.0.into(),
                filter_id: filter.0.into(),
            });
            let answer = adapter.set(OID_RECEIVE_FILTER_CLEAR_FILTER, Caller::Driver(by), binary);
            assert_eq!(
                answer.status(),
                outcome(typed.clear_filter(by, queue, filter))
            );
        }
    }
}

/// What the binary form tells of queues and filters is what the engine has.
fn compare(adapter: &mut Adapter, typed: &Engine) {
    let queues: Vec<_> = typed.queues().collect();
    assert_eq!(adapter.engine.queues().collect::<Vec<_>>(), queues);
    let stride = ReceiveQueueInfo::stride(ReceiveQueueInfo::newest(adapter.version), adapter.width);
    let listed = adapter.query(OID_RECEIVE_FILTER_ENUM_QUEUES, Caller::UserMode, 6000);
    let infos = listed.buffer[16..listed.completion.bytes_written as usize].chunks(stride);
    for (info, queue) in infos.zip(&queues) {
        let (info, _) = ReceiveQueueInfo::read(info, adapter.width, adapter.version).unwrap();
        assert_eq!(
            (info.queue_id, info.queue_state),
            (queue.id.0.into(), queue.state as i32)
        );
        assert_eq!(
            info.queue_name.text().as_deref(),
            Some(queue.parameters.queue_name.as_str())
        );
        assert_eq!(
            info.vm_name.text().as_deref(),
            Some(queue.parameters.vm_name.as_str())
        );
        assert_eq!(
            vmq::Affinity::from(info.processor_affinity),
            queue.parameters.processor_affinity
        );
        assert_eq!(
            (info.lookahead_size, info.num_suggested_receive_buffers),
            (
                queue.parameters.lookahead,
                queue.parameters.suggested_buffers
            )
        );
    }
    for filter in (1..9).map(FilterId) {
        assert_eq!(adapter.engine.filter(filter), typed.filter(filter));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn requests_by_buffers_are_requests_by_calls(
        width in select(WIDTHS.as_slice()),
        version in select(vec![NdisVersion::V6_20, NdisVersion::V6_30, NdisVersion::V6_50]),
        field_order in select(vec![FieldOrder::Network, FieldOrder::Native]),
        requests in vec(request(), 1..60),
    ) {
        let mut adapter = Adapter::new(width, version);
        let settings = Settings { field_order, ..adapter.engine.settings() };
        adapter.engine.change_settings(settings).unwrap();
        let mut typed = Engine::new(CAPABILITIES, settings, 1);
        for request in requests {
            step(&mut adapter, &mut typed, request);
            compare(&mut adapter, &typed);
        }
    }
}
