//! An engine as a driver sees it: by buffers alone.

use ndis::*;
use vmq::oid::*;
use vmq::{
    Binding, Capabilities, Engine, Lookahead, Mac, NdisStatus, NdisVersion, QueueId, Settings,
};

pub(crate) const ME: Caller = Caller::Driver(Binding(1));
pub(crate) const OTHER: Caller = Caller::Driver(Binding(2));
pub(crate) const WIDTHS: [PointerWidth; 2] = [PointerWidth::Bits32, PointerWidth::Bits64];

/// An engine, and the way to ask it.
pub(crate) struct Adapter {
    pub(crate) engine: Engine,
    pub(crate) width: PointerWidth,
    pub(crate) version: NdisVersion,
    /// Queues for which there is no memory.
    pub(crate) poor: Vec<QueueId>,
}

/// An answer with its buffer.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) completion: Completion,
    pub(crate) buffer: Vec<u8>,
}

impl Answer {
    pub(crate) fn status(&self) -> NdisStatus {
        self.completion.status
    }

    /// What was written, as a structure.
    pub(crate) fn read<S: Structure>(&self, adapter: &Adapter) -> S {
        let written = &self.buffer[..self.completion.bytes_written as usize];
        S::read(written, adapter.width, adapter.version).unwrap().0
    }
}

pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    learned_per_queue: 8,
    processors: 128,
    filter_tests: u32::MAX,
    mac_fields: u32::MAX,
    lookahead: Some(Lookahead { min: 64, max: 128 }),
    ..Capabilities::new(3, 8)
};

impl Adapter {
    pub(crate) fn new(width: PointerWidth, version: NdisVersion) -> Adapter {
        let settings = Settings {
            version,
            ..Settings::default()
        };
        Adapter {
            engine: Engine::new(CAPABILITIES, settings, 0x5eed),
            width,
            version,
            poor: Vec::new(),
        }
    }

    /// One of each width, in the mode of NDIS 6.30.
    pub(crate) fn both() -> [Adapter; 2] {
        WIDTHS.map(|width| Adapter::new(width, NdisVersion::V6_30))
    }

    pub(crate) fn ask(
        &mut self,
        oid: NDIS_OID,
        caller: Caller,
        information: Information<'_>,
    ) -> Completion {
        let poor = self.poor.clone();
        let memory = |_: &mut Engine, queue: QueueId| match poor.contains(&queue) {
            true => Err(NdisStatus::RESOURCES),
            false => Ok(()),
        };
        self.engine
            .request(oid, caller, self.width, information, memory)
    }

    pub(crate) fn query(&mut self, oid: NDIS_OID, caller: Caller, room: usize) -> Answer {
        let mut buffer = vec![0xee; room];
        let completion = self.ask(oid, caller, Information::Query(&mut buffer));
        Answer { completion, buffer }
    }

    pub(crate) fn set(&mut self, oid: NDIS_OID, caller: Caller, buffer: Vec<u8>) -> Answer {
        let completion = self.ask(oid, caller, Information::Set(&buffer));
        Answer { completion, buffer }
    }

    /// A method whose answer may be as long as `room`.
    pub(crate) fn method(
        &mut self,
        oid: NDIS_OID,
        caller: Caller,
        mut buffer: Vec<u8>,
        room: usize,
    ) -> Answer {
        let input = buffer.len();
        buffer.resize(input.max(room), 0xee);
        let information = Information::method(&mut buffer, input, room);
        let completion = self.ask(oid, caller, information);
        Answer { completion, buffer }
    }

    pub(crate) fn bytes<S: Structure>(&self, structure: S) -> Vec<u8> {
        structure.to_bytes(S::newest(self.version), self.width)
    }

    /// Allocates a queue; its id.
    pub(crate) fn allocated(&mut self) -> u32 {
        let asked = self.bytes(queue_parameters());
        let room = asked.len();
        let answer = self.method(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, ME, asked, room);
        assert_eq!(answer.status(), NdisStatus::SUCCESS);
        answer.read::<ReceiveQueueParameters>(self).queue_id
    }

    /// Allocates and completes a queue; its id.
    pub(crate) fn completed(&mut self) -> u32 {
        let queue = self.allocated();
        let asked = self.complete(&[queue], 16);
        let room = asked.len();
        let answer = self.method(
            OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
            ME,
            asked,
            room,
        );
        assert_eq!(answer.status(), NdisStatus::SUCCESS);
        queue
    }

    /// A request to complete queues, in elements of `stride` bytes.
    pub(crate) fn complete(&self, queues: &[u32], stride: usize) -> Vec<u8> {
        let head = AllocationCompleteArray {
            flags: 0,
            first_element_offset: 20,
            num_elements: queues.len() as u32,
            element_size: stride as u32,
        };
        let mut bytes = self.bytes(head);
        for queue in queues {
            let element = AllocationCompleteParameters {
                queue_id: *queue,
                completion_status: -1,
                ..Default::default()
            };
            let mut element = self.bytes(element);
            element.resize(stride, 0xcc);
            bytes.extend(element);
        }
        bytes
    }

    /// A request to set a filter of these field tests, in elements of `stride` bytes.
    pub(crate) fn filter(
        &self,
        queue: u32,
        fields: &[ReceiveFilterFieldParameters],
        stride: usize,
    ) -> Vec<u8> {
        let first = ReceiveFilterParameters::size(
            ReceiveFilterParameters::newest(self.version),
            self.width,
        )
        .next_multiple_of(8);
        let head = ReceiveFilterParameters {
            filter_type: NdisReceiveFilterTypeVMQueue,
            queue_id: queue,
            field_parameters_array_offset: first as u32,
            field_parameters_array_num_elements: fields.len() as u32,
            field_parameters_array_element_size: stride as u32,
            ..Default::default()
        };
        let mut bytes = self.bytes(head);
        bytes.resize(first, 0xcc);
        for field in fields {
            let mut field = self.bytes(field.clone());
            field.resize(stride, 0xcc);
            bytes.extend(field);
        }
        bytes
    }

    /// Sets a filter on a station's address; its id.
    pub(crate) fn filtered(&mut self, queue: u32, last: u8) -> u32 {
        let asked = self.filter(queue, &[to(last)], 56);
        let answer = self.method(OID_RECEIVE_FILTER_SET_FILTER, ME, asked, 44);
        assert_eq!(answer.status(), NdisStatus::SUCCESS);
        answer.read::<ReceiveFilterParameters>(self).filter_id
    }

    pub(crate) fn clear(&mut self, caller: Caller, queue: u32, filter: u32) -> NdisStatus {
        let asked = self.bytes(ReceiveFilterClearParameters {
            flags: 0,
            queue_id: queue,
            filter_id: filter,
        });
        self.set(OID_RECEIVE_FILTER_CLEAR_FILTER, caller, asked)
            .status()
    }
}

/// What a driver asks for that allocates a queue.
pub(crate) fn queue_parameters() -> ReceiveQueueParameters {
    ReceiveQueueParameters {
        queue_type: NdisReceiveQueueTypeVMQueue,
        processor_affinity: GroupAffinity {
            mask: PointerSized(0b110),
            ..Default::default()
        },
        vm_name: CountedString::new("vm"),
        queue_name: CountedString::new("queue"),
        ..Default::default()
    }
}

pub(crate) fn mac(last: u8) -> Mac {
    Mac([0x52, 0x54, 0, 0, 0, last])
}

/// Equal on a destination address, without a tag.
pub(crate) fn to(last: u8) -> ReceiveFilterFieldParameters {
    ReceiveFilterFieldParameters {
        flags: NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO,
        ..equal(NdisMacHeaderFieldDestinationAddress, &mac(last).0)
    }
}

/// Equal on a field, whose value begins with these bytes.
pub(crate) fn equal(field: NDIS_MAC_HEADER_FIELD, bytes: &[u8]) -> ReceiveFilterFieldParameters {
    let mut value = UnionValue::default();
    value.0[..bytes.len()].copy_from_slice(bytes);
    ReceiveFilterFieldParameters {
        frame_header: NdisFrameHeaderMac,
        receive_filter_test: NdisReceiveFilterTestEqual,
        header_field: field,
        field_value: value,
        ..Default::default()
    }
}
