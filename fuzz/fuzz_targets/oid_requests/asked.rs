//! What is asked, and the buffers of sound requests, before anything is rewritten in them.

use arbitrary::Arbitrary;
use ndis::*;
use vmq::oid::*;

use crate::World;

#[derive(Arbitrary, Debug)]
pub(crate) struct Input {
    pub(crate) is_wide: bool,
    pub(crate) is_native: bool,
    pub(crate) version: u8,
    pub(crate) steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
pub(crate) struct Step {
    pub(crate) request: Request,
    pub(crate) kind: Kind,
    /// 0 is user mode.
    pub(crate) caller: u8,
    /// Bytes in front of the buffer, and how much of it is cut off.
    pub(crate) skip: u8,
    pub(crate) cut: u8,
    pub(crate) room: u16,
    pub(crate) rewritten: Vec<(u16, u8)>,
    pub(crate) poor: u8,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// The one that the request has.
    Its,
    Query,
    Set,
    Method,
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Request {
    Capabilities(bool),
    GlobalParameters,
    Allocate {
        flags: u32,
        lookahead: u8,
        mask: u64,
        group: u8,
        name: String,
    },
    ReadQueue(u8),
    ChangeQueue {
        queue: u8,
        flags: u32,
        mask: u64,
        name: String,
    },
    Complete {
        queues: Vec<u8>,
        slack: u8,
    },
    Free(u8),
    Freed(u8),
    EnumQueues,
    SetFilter {
        queue: u8,
        id: u8,
        fields: Vec<(u8, u8, u8, [u8; 6])>,
        slack: u8,
    },
    ReadFilter(u8),
    EnumFilters(u8),
    Clear {
        queue: u8,
        filter: u8,
    },
    Move(u8),
    Any {
        oid: u32,
        bytes: Vec<u8>,
    },
}

impl World {
    /// The request as it would be without rewriting.
    pub(crate) fn sound(&self, request: &Request) -> (NDIS_OID, Kind, Vec<u8>) {
        let parameters = |flags, queue: u8, mask, name: &str| ReceiveQueueParameters {
            flags,
            queue_type: NdisReceiveQueueTypeVMQueue,
            queue_id: queue.into(),
            processor_affinity: GroupAffinity {
                mask: PointerSized(mask),
                ..Default::default()
            },
            queue_name: CountedString::new(name),
            ..Default::default()
        };
        match request {
            Request::Capabilities(true) => (
                OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES,
                Kind::Query,
                vec![],
            ),
            Request::Capabilities(false) => {
                (OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, Kind::Query, vec![])
            }
            Request::GlobalParameters => {
                (OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, Kind::Query, vec![])
            }
            Request::Allocate {
                flags,
                lookahead,
                mask,
                group,
                name,
            } => {
                let mut asked = parameters(*flags, 0, *mask, name);
                (asked.lookahead_size, asked.processor_affinity.group) =
                    ((*lookahead).into(), (*group % 3).into());
                (
                    OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
                    Kind::Method,
                    self.bytes(asked),
                )
            }
            Request::ReadQueue(queue) => {
                let asked = self.bytes(parameters(0, queue % 8, 0, ""));
                (OID_RECEIVE_FILTER_QUEUE_PARAMETERS, Kind::Method, asked)
            }
            Request::ChangeQueue {
                queue,
                flags,
                mask,
                name,
            } => {
                let asked = self.bytes(parameters(*flags, queue % 8, *mask, name));
                (OID_RECEIVE_FILTER_QUEUE_PARAMETERS, Kind::Set, asked)
            }
            Request::Complete { queues, slack } => {
                let stride = 16 + usize::from(slack % 9);
                let queues = &queues[..queues.len().min(20)];
                let mut asked = self.bytes(AllocationCompleteArray {
                    flags: 0,
                    first_element_offset: 20,
                    num_elements: queues.len() as u32,
                    element_size: stride as u32,
                });
                for queue in queues {
                    let queue_id = (queue % 8).into();
                    let mut element = self.bytes(AllocationCompleteParameters {
                        queue_id,
                        ..Default::default()
                    });
                    element.resize(stride, 0xaa);
                    asked.extend(element);
                }
                (
                    OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
                    Kind::Method,
                    asked,
                )
            }
            Request::Free(queue) | Request::Freed(queue) => {
                let queue_id = (queue % 8).into();
                let asked = self.bytes(ReceiveQueueFreeParameters { flags: 0, queue_id });
                (OID_RECEIVE_FILTER_FREE_QUEUE, Kind::Set, asked)
            }
            Request::EnumQueues => (OID_RECEIVE_FILTER_ENUM_QUEUES, Kind::Query, vec![]),
            Request::SetFilter {
                queue,
                id,
                fields,
                slack,
            } => {
                let fields = &fields[..fields.len().min(20)];
                let stride = 56 + usize::from(slack % 9);
                let head = ReceiveFilterParameters::size(
                    ReceiveFilterParameters::newest(self.version).max(1),
                    self.width,
                );
                let mut asked = self.bytes(ReceiveFilterParameters {
                    filter_type: NdisReceiveFilterTypeVMQueue,
                    queue_id: (queue % 8).into(),
                    filter_id: if id % 3 == 0 { (id / 3 % 16).into() } else { 0 },
                    field_parameters_array_offset: head as u32,
                    field_parameters_array_num_elements: fields.len() as u32,
                    field_parameters_array_element_size: stride as u32,
                    ..Default::default()
                });
                for (field, test, flags, value) in fields {
                    let mut union = UnionValue::default();
                    union.0[..6].copy_from_slice(value);
                    let mut element = self.bytes(ReceiveFilterFieldParameters {
                        flags: u32::from(flags % 8 == 0),
                        frame_header: NdisFrameHeaderMac,
                        receive_filter_test: (test % 4).into(),
                        header_field: (field % 8).into(),
                        field_value: union,
                        result_value: UnionValue([0; 16]),
                    });
                    element.resize(stride, 0xaa);
                    asked.extend(element);
                }
                (OID_RECEIVE_FILTER_SET_FILTER, Kind::Method, asked)
            }
            Request::ReadFilter(filter) => {
                let asked = self.bytes(ReceiveFilterParameters {
                    filter_id: (filter % 16).into(),
                    ..Default::default()
                });
                (OID_RECEIVE_FILTER_PARAMETERS, Kind::Method, asked)
            }
            Request::EnumFilters(queue) => {
                let asked = self.bytes(ReceiveFilterInfoArray {
                    queue_id: (queue % 8).into(),
                    ..Default::default()
                });
                (OID_RECEIVE_FILTER_ENUM_FILTERS, Kind::Method, asked)
            }
            Request::Clear { queue, filter } => {
                let (queue_id, filter_id) = ((queue % 8).into(), (filter % 16).into());
                let asked = self.bytes(ReceiveFilterClearParameters {
                    flags: 0,
                    queue_id,
                    filter_id,
                });
                (OID_RECEIVE_FILTER_CLEAR_FILTER, Kind::Set, asked)
            }
            Request::Move(filter) => {
                let asked = ReceiveFilterMoveFilterParameters {
                    filter_id: (filter % 16).into(),
                    ..Default::default()
                };
                (
                    OID_RECEIVE_FILTER_MOVE_FILTER,
                    Kind::Set,
                    asked.to_bytes(1, self.width),
                )
            }
            Request::Any { oid, bytes } => (0x0001_0221 + oid % 16, Kind::Method, bytes.clone()),
        }
    }
}
