//! Sequences of requests in their binary form, of which any byte may be anything, beside an engine that is asked by calls.
//!
//! A request begins as a sound one and is then rewritten in places, so that most get past their headers. Whatever it is: what
//! succeeds does what the structures in it say, what is refused leaves no trace, nothing is written but the answer, and what
//! is answered parses back to what the engine has.

#![no_main]
#![forbid(unsafe_code)]

#[path = "oid_requests/asked.rs"]
mod asked;

use asked::{Input, Kind, Request, Step};
use libfuzzer_sys::fuzz_target;
use ndis::*;
use vmq::oid::*;
use vmq::{
    AllocateQueue, Binding, Capabilities, Criteria, Engine, Field, FieldOrder, FieldTest, FilterId,
    Lookahead, NdisStatus, NdisVersion, QueueChange, QueueId, Settings, Test,
};

const CAPABILITIES: Capabilities = Capabilities {
    processors: 128,
    filter_tests: u32::MAX,
    mac_fields: u32::MAX,
    lookahead: Some(Lookahead { min: 64, max: 128 }),
    ..Capabilities::new(5, 9)
};

struct World {
    engine: Engine,
    typed: Engine,
    width: PointerWidth,
    version: NdisVersion,
    order: FieldOrder,
}

impl World {
    fn bytes<S: Structure>(&self, structure: S) -> Vec<u8> {
        structure.to_bytes(S::newest(self.version).max(1), self.width)
    }

    fn read<S: Structure>(&self, bytes: &[u8]) -> (S, u8) {
        S::read(bytes, self.width, self.version).expect("a request that succeeded, or an answer")
    }

    fn step(&mut self, step: &Step) {
        if let Request::Freed(queue) = step.request {
            let queue = QueueId((queue % 8).into());
            for engine in [&mut self.engine, &mut self.typed] {
                if engine.dma_stopped(queue).is_ok() {
                    assert_eq!(engine.resources_freed(queue), Ok(()));
                }
            }
            return;
        }
        let (oid, its, mut input) = self.sound(&step.request);
        for (at, byte) in &step.rewritten {
            let length = input.len().max(1);
            if let Some(place) = input.get_mut(usize::from(*at) % length) {
                *place = *byte;
            }
        }
        input.truncate(input.len().saturating_sub((step.cut / 16).into()));
        let skip = usize::from(step.skip % 8);
        let room = usize::from(step.room);
        let mut buffer = vec![0xee; skip + input.len().max(room)];
        buffer[skip..skip + input.len()].copy_from_slice(&input);
        let kind = if let Kind::Its = step.kind {
            its
        } else {
            step.kind
        };
        let caller = match step.caller % 8 {
            0 => Caller::UserMode,
            1 => Caller::Driver(Binding(2)),
            _ => Caller::Driver(Binding(1)),
        };
        let poor = QueueId((step.poor % 32).into());
        let memory = |_: &mut Engine, queue| {
            if queue == poor {
                Err(NdisStatus::RESOURCES)
            } else {
                Ok(())
            }
        };
        let at = &mut buffer[skip..];
        let (information, before) = match kind {
            Kind::Query => {
                let before = at[..room].to_vec();
                (Information::Query(&mut at[..room]), before)
            }
            Kind::Set => (Information::Set(&at[..input.len()]), input.clone()),
            Kind::Its | Kind::Method => {
                let before = at.to_vec();
                (Information::method(at, input.len(), room), before)
            }
        };
        let said = self
            .engine
            .request(oid, caller, self.width, information, memory);
        let after = &buffer[skip..skip + before.len()];
        let written = said.bytes_written as usize;
        assert!(written <= room && said.bytes_read as usize <= input.len());
        assert_eq!(
            after[written.min(after.len())..],
            before[written.min(before.len())..]
        );
        if !said.status.is_success() {
            assert_eq!((said.bytes_read, written), (0, 0));
            assert_eq!(
                said.bytes_needed > 0,
                said.status == NdisStatus::INVALID_LENGTH
            );
            return;
        }
        let answer = after[..written].to_vec();
        self.same(oid, kind, caller, &input, &answer, poor);
    }

    /// Asks the other engine by calls for what the structures of a request say, and holds its answers against the binary ones.
    fn same(
        &mut self,
        oid: NDIS_OID,
        kind: Kind,
        caller: Caller,
        input: &[u8],
        answer: &[u8],
        poor: QueueId,
    ) {
        let by = match caller {
            Caller::Driver(by) => by,
            Caller::UserMode => Binding(u32::MAX),
        };
        let id = |id: u32| u16::try_from(id).expect("ids have 16 bits");
        match (oid, kind) {
            (OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, _) => {
                let told = ReceiveFilterCapabilities::from(self.typed.hardware_capabilities());
                assert_eq!(self.read::<ReceiveFilterCapabilities>(answer).0, told);
            }
            (OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, _) => {
                let told = ReceiveFilterCapabilities::from(self.typed.current_capabilities());
                assert_eq!(self.read::<ReceiveFilterCapabilities>(answer).0, told);
            }
            (OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, _) => {
                let (told, _) = self.read::<ReceiveFilterGlobalParameters>(answer);
                assert_eq!(
                    told.enabled_queue_types,
                    self.typed.global_parameters().enabled_queue_types
                );
            }
            (OID_RECEIVE_FILTER_ALLOCATE_QUEUE, _) => {
                let (asked, _) = self.read::<ReceiveQueueParameters>(input);
                assert_eq!(
                    (asked.queue_type, asked.qos_sq_id),
                    (NdisReceiveQueueTypeVMQueue, 0)
                );
                let parameters = AllocateQueue {
                    id: (asked.queue_id != 0).then(|| QueueId(id(asked.queue_id))),
                    queue_name: asked.queue_name.text().expect("a name"),
                    vm_name: asked.vm_name.text().expect("a name"),
                    flags: asked.flags,
                    lookahead: asked.lookahead_size,
                    processor_affinity: asked.processor_affinity.into(),
                    suggested_buffers: asked.num_suggested_receive_buffers,
                    port: asked.port_id,
                    ..AllocateQueue::default()
                };
                let queue = self
                    .typed
                    .allocate_queue(by, parameters)
                    .expect("as by buffers");
                self.same_queue(queue, answer);
            }
            (OID_RECEIVE_FILTER_QUEUE_PARAMETERS, Kind::Set) => {
                let (asked, _) = self.read::<ReceiveQueueParameters>(input);
                let has = |bit: u32| asked.flags & bit != 0;
                let change = QueueChange {
                    flags: has(NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED)
                        .then_some(asked.flags & 0xffff),
                    lookahead: asked.lookahead_size,
                    processor_affinity: has(
                        NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED,
                    )
                    .then(|| asked.processor_affinity.into()),
                    suggested_buffers: has(
                        NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED,
                    )
                    .then_some(asked.num_suggested_receive_buffers),
                    queue_name: has(NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED)
                        .then(|| asked.queue_name.text().expect("a name")),
                    ..QueueChange::default()
                };
                let changed = self
                    .typed
                    .change_queue(by, QueueId(id(asked.queue_id)), change);
                assert_eq!(changed, Ok(()));
            }
            (OID_RECEIVE_FILTER_QUEUE_PARAMETERS, _) => {
                let (asked, _) = self.read::<ReceiveQueueParameters>(input);
                self.same_queue(QueueId(id(asked.queue_id)), answer);
            }
            (OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, _) => {
                let (head, _) = self.read::<AllocationCompleteArray>(input);
                for nth in 0..head.num_elements as usize {
                    let at = head.first_element_offset as usize + nth * head.element_size as usize;
                    let element = AllocationCompleteParameters::read(
                        &input[at..at + head.element_size as usize],
                        self.width,
                        self.version,
                    );
                    let queue = element
                        .ok()
                        .and_then(|(element, _)| u16::try_from(element.queue_id).ok());
                    let expected = match queue.map(QueueId) {
                        Some(queue) => {
                            let memory = |_: &mut Engine, _| {
                                if queue == poor {
                                    Err(NdisStatus::RESOURCES)
                                } else {
                                    Ok(())
                                }
                            };
                            self.typed.allocation_complete(by, &[queue], memory)[0].1
                        }
                        None => NdisStatus::INVALID_PARAMETER,
                    };
                    assert_eq!(answer[at + 12..at + 16], expected.0.to_le_bytes());
                }
            }
            (OID_RECEIVE_FILTER_FREE_QUEUE, _) => {
                let (asked, _) = self.read::<ReceiveQueueFreeParameters>(input);
                assert_eq!(
                    self.typed.free_queue(by, QueueId(id(asked.queue_id))),
                    Ok(())
                );
            }
            (OID_RECEIVE_FILTER_ENUM_QUEUES, _) => {
                let (head, _) = self.read::<ReceiveQueueInfoArray>(answer);
                let shown = self
                    .typed
                    .queues()
                    .filter(|queue| caller == Caller::UserMode || queue.owner == Some(by));
                let shown: Vec<_> = shown.collect();
                assert_eq!(head.num_elements as usize, shown.len());
                let elements =
                    answer[head.first_element_offset as usize..].chunks(head.element_size as usize);
                for (element, queue) in elements.zip(shown) {
                    let (info, _) = self.read::<ReceiveQueueInfo>(element);
                    assert_eq!(
                        (info.queue_id, info.queue_state),
                        (queue.id.0.into(), queue.state as i32)
                    );
                    assert_eq!(
                        info.queue_name.text().as_deref(),
                        Some(queue.parameters.queue_name.as_str())
                    );
                }
            }
            (OID_RECEIVE_FILTER_SET_FILTER, _) => {
                let (asked, _) = self.read::<ReceiveFilterParameters>(input);
                let criteria = self.criteria(&asked, input);
                let queue = QueueId(id(asked.queue_id));
                let set = match id(asked.filter_id) {
                    0 => self
                        .typed
                        .set_filter(by, queue, criteria)
                        .expect("as by buffers"),
                    chosen => {
                        assert_eq!(
                            self.typed
                                .set_filter_as(by, queue, FilterId(chosen), criteria),
                            Ok(())
                        );
                        FilterId(chosen)
                    }
                };
                let (answered, _) = self.read::<ReceiveFilterParameters>(answer);
                assert_eq!(
                    answered,
                    ReceiveFilterParameters {
                        filter_id: set.0.into(),
                        ..asked
                    }
                );
            }
            (OID_RECEIVE_FILTER_PARAMETERS, _) => {
                let (told, _) = self.read::<ReceiveFilterParameters>(answer);
                let filter = self
                    .typed
                    .filter(FilterId(id(told.filter_id)))
                    .expect("as by buffers");
                assert_eq!(self.criteria(&told, answer), filter.criteria);
                assert_eq!(told.queue_id, u32::from(filter.queue.0));
            }
            (OID_RECEIVE_FILTER_ENUM_FILTERS, _) => {
                let (head, _) = self.read::<ReceiveFilterInfoArray>(answer);
                let listed = self
                    .typed
                    .filters(QueueId(id(head.queue_id)))
                    .expect("as by buffers");
                let elements =
                    answer[head.first_element_offset as usize..].chunks(head.element_size as usize);
                let ids =
                    elements.map(|element| self.read::<ReceiveFilterInfo>(element).0.filter_id);
                assert!(ids.eq(listed.map(|filter| filter.id.map_or(0, |id| id.0.into()))));
            }
            (OID_RECEIVE_FILTER_CLEAR_FILTER, _) => {
                let (asked, _) = self.read::<ReceiveFilterClearParameters>(input);
                let (queue, filter) = (QueueId(id(asked.queue_id)), FilterId(id(asked.filter_id)));
                assert_eq!(self.typed.clear_filter(by, queue, filter), Ok(()));
            }
            _ => panic!("{oid:#x} succeeded, which nothing here does"),
        }
    }

    fn same_queue(&self, queue: QueueId, answer: &[u8]) {
        let queue = self.typed.queue(queue).expect("as by buffers");
        let (told, _) = self.read::<ReceiveQueueParameters>(answer);
        let expected = ReceiveQueueParameters::from(&queue);
        assert_eq!(
            (told.queue_id, told.flags),
            (expected.queue_id, expected.flags)
        );
        assert_eq!(
            (told.queue_name, told.lookahead_size),
            (expected.queue_name, expected.lookahead_size)
        );
        assert_eq!(told.msix_table_entry, expected.msix_table_entry);
    }

    fn criteria(&self, head: &ReceiveFilterParameters, bytes: &[u8]) -> Criteria {
        let mut fields = Vec::new();
        let mut is_flagged = false;
        for nth in 0..head.field_parameters_array_num_elements as usize {
            let size = head.field_parameters_array_element_size as usize;
            let at = head.field_parameters_array_offset as usize + nth * size;
            let (asked, _) = self.read::<ReceiveFilterFieldParameters>(&bytes[at..at + size]);
            let field = Field::ALL[asked.header_field as usize - 1];
            let value = asked.field_value.number(field, self.order);
            let test = match asked.receive_filter_test {
                1 => Test::Equal(value),
                2 => Test::MaskEqual {
                    mask: value,
                    result: asked.result_value.number(field, self.order),
                },
                _ => Test::NotEqual(value),
            };
            is_flagged |= asked.flags != 0;
            fields.push(FieldTest { field, test });
        }
        Criteria::new(fields, is_flagged)
    }
}

fuzz_target!(|input: Input| {
    let versions = [
        NdisVersion::V6_1,
        NdisVersion::V6_20,
        NdisVersion::V6_30,
        NdisVersion::V6_50,
    ];
    let version = versions[usize::from(input.version % 16).min(3)];
    let order = if input.is_native {
        FieldOrder::Native
    } else {
        FieldOrder::Network
    };
    let settings = Settings {
        version,
        field_order: order,
        ..Settings::default()
    };
    let mut world = World {
        engine: Engine::new(CAPABILITIES, settings, 1),
        typed: Engine::new(CAPABILITIES, settings, 2),
        width: if input.is_wide {
            PointerWidth::Bits64
        } else {
            PointerWidth::Bits32
        },
        version,
        order,
    };
    for step in input.steps.iter().take(64) {
        world.step(step);
    }
    assert!(world.engine.queues().eq(world.typed.queues()));
    for filter in (0..16).map(FilterId) {
        assert_eq!(world.engine.filter(filter), world.typed.filter(filter));
    }
});
