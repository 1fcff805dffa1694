//! Requests in their binary form: what a miniport's OID handler is given, and what it answers.
//!
//! [`Engine::request`] takes the buffer of any OID of virtual machine queues, whatever its pointer width, alignment and
//! revision, makes the typed request of it, and writes the answer where NDIS wants it. Nothing is judged here that the typed
//! requests judge: this is their spelling. What is judged is the spelling itself:
//!
//! | wrong | status |
//! | --- | --- |
//! | a buffer, or an array in it, that is too short for what it says, or for the answer | INVALID_LENGTH, and how long it would have to be (C6) |
//! | a revision that there is not | UNSUPPORTED_REVISION |
//! | another type of structure, elements shorter than theirs, an array that overlaps its head, a number that is no value of its enumeration | INVALID_PARAMETER |
//! | an OID that is not one of these, or not with this kind of request, or not for this caller; before NDIS 6.20 all of them (C7) | NOT_SUPPORTED |
//!
//! Where the public material contradicts itself or is silent, this was chosen: QUEUE_ALLOCATION_COMPLETE is a method, or its
//! answers would have no place; `MSIXTableEntry` is an answer, the queue's first processor; numbers in `FieldValue` are in the
//! order that [`Settings::field_order`](crate::Settings::field_order) says, and the values of one byte (priority, packet type) in
//! its first byte; queue and filter ids that are 0 ask for an id, others bring one, as NDIS does.
//!
//! ```
//! use ndis::{NdisReceiveQueueTypeVMQueue, OID_RECEIVE_FILTER_ALLOCATE_QUEUE, OID_RECEIVE_FILTER_CURRENT_CAPABILITIES};
//! use vmq::oid::{Caller, Information, PointerWidth, ReceiveQueueParameters, Structure};
//! use vmq::{Affinity, Binding, Capabilities, Engine, NdisStatus, NdisVersion, Settings};
//!
//! let mut engine = Engine::new(Capabilities::new(8, 64), Settings::default(), 0x5eed);
//! let (me, width) = (Caller::Driver(Binding(1)), PointerWidth::Bits64);
//! let asked = ReceiveQueueParameters {
//!     queue_type: NdisReceiveQueueTypeVMQueue,
//!     processor_affinity: Affinity { group: 0, mask: 0b1 }.into(),
//!     ..ReceiveQueueParameters::default()
//! };
//! let mut buffer = asked.to_bytes(2, width);
//! let length = buffer.len();
//! let both_ways = Information::method(&mut buffer, length, length);
//! let done = engine.request(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, me, width, both_ways, |_, _| Ok(()));
//! assert_eq!((done.status, done.bytes_written), (NdisStatus::SUCCESS, 1092));
//! let (in_force, _) = ReceiveQueueParameters::read(&buffer, width, NdisVersion::V6_30).unwrap();
//! assert_eq!(in_force.queue_id, 1);
//!
//! let short = Information::Query(&mut buffer[..16]);
//! let done = engine.request(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, me, width, short, |_, _| Ok(()));
//! assert_eq!((done.status, done.bytes_needed), (NdisStatus::INVALID_LENGTH, 84));
//! ```

mod capabilities;
mod completion;
mod filters;
mod indication;
mod members;
mod memory;
mod queues;
mod structure;
mod structures;

use ndis::*;

use self::completion::Done;
pub use self::completion::{Completion, Information};
pub use self::indication::Indication;
pub use self::members::{Member, Members, PointerSized, PointerWidth, UnionValue};
pub use self::structure::{Refusal, Structure};
pub use self::structures::*;
use crate::engine::Engine;
use crate::id::{Binding, QueueId};
use crate::status::NdisStatus;
use crate::version::NdisVersion;

/// Who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A driver, by its binding.
    Driver(Binding),
    /// A program, which may look at everything and change nothing.
    UserMode,
}

impl Caller {
    /// The binding that a change is made by.
    fn binding(self) -> Result<Binding, NdisStatus> {
        match self {
            Caller::Driver(binding) => Ok(binding),
            Caller::UserMode => Err(NdisStatus::NOT_SUPPORTED),
        }
    }
}

impl Engine {
    /// Any request of virtual machine queues, in its binary form.
    ///
    /// `allocate` makes the memory of queues whose allocation is completed, as in [`Engine::allocation_complete`]. A queue that
    /// is freed answers PENDING; the request is over when [`Engine::resources_freed`] says so.
    pub fn request(
        &mut self,
        oid: NDIS_OID,
        caller: Caller,
        width: PointerWidth,
        information: Information<'_>,
        allocate: impl FnMut(&mut Engine, QueueId) -> Result<(), NdisStatus>,
    ) -> Completion {
        let done = if self.settings().version < NdisVersion::V6_20 {
            Err(NdisStatus::NOT_SUPPORTED.into())
        } else {
            self.dispatch(oid, caller, width, information, allocate)
        };
        Completion::of(done)
    }

    fn dispatch(
        &mut self,
        oid: NDIS_OID,
        caller: Caller,
        width: PointerWidth,
        information: Information<'_>,
        allocate: impl FnMut(&mut Engine, QueueId) -> Result<(), NdisStatus>,
    ) -> Result<Done, Refusal> {
        use Information::{Method, Query, Set};
        match (oid, information) {
            (OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, Query(to)) => {
                self.capabilities_to(self.hardware_capabilities(), width, to)
            }
            (OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, Query(to)) => {
                self.capabilities_to(self.current_capabilities(), width, to)
            }
            (OID_RECEIVE_FILTER_GLOBAL_PARAMETERS, Query(to)) => {
                self.global_parameters_to(width, to)
            }
            (OID_RECEIVE_FILTER_ENUM_QUEUES, Query(to)) => self.queues_to(caller, width, to),
            (OID_RECEIVE_FILTER_QUEUE_PARAMETERS, Method(buffer)) => {
                self.queue_parameters_to(width, buffer)
            }
            (OID_RECEIVE_FILTER_ENUM_FILTERS, Method(buffer)) => self.filters_to(width, buffer),
            (OID_RECEIVE_FILTER_PARAMETERS, Method(buffer)) => self.filter_to(width, buffer),
            (OID_RECEIVE_FILTER_ALLOCATE_QUEUE, Method(buffer)) => {
                self.allocate_queue_from(caller.binding()?, width, buffer)
            }
            (OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, Method(buffer)) => {
                self.allocation_complete_from(caller.binding()?, width, buffer, allocate)
            }
            (OID_RECEIVE_FILTER_QUEUE_PARAMETERS, Set(from)) => {
                self.change_queue_from(caller.binding()?, width, from)
            }
            (OID_RECEIVE_FILTER_FREE_QUEUE, Set(from)) => {
                self.free_queue_from(caller.binding()?, width, from)
            }
            (OID_RECEIVE_FILTER_SET_FILTER, Method(buffer)) => {
                self.set_filter_from(caller.binding()?, width, buffer)
            }
            (OID_RECEIVE_FILTER_CLEAR_FILTER, Set(from)) => {
                self.clear_filter_from(caller.binding()?, width, from)
            }
            (OID_RECEIVE_FILTER_MOVE_FILTER, Set(from)) => {
                caller.binding()?;
                self.move_filter_from(width, from)
            }
            _ => Err(NdisStatus::NOT_SUPPORTED.into()),
        }
    }
}

/// An id that fits a frame's slot 14.
fn narrow(id: u32) -> Result<u16, NdisStatus> {
    u16::try_from(id).map_err(|_| NdisStatus::INVALID_PARAMETER)
}
