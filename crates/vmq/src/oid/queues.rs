//! The requests about queues in their binary form.

use ndis::{
    NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK as CHANGE_MASK,
    NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED as FLAGS,
    NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED as NAME,
    NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED as AFFINITY,
    NDIS_RECEIVE_QUEUE_PARAMETERS_QOS_SQ_ID_CHANGED as SCHEDULER_QUEUE,
    NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED as BUFFERS,
    NdisReceiveQueueTypeVMQueue,
};

use super::completion::{Done, MethodBuffer, room};
use super::members::{PointerSized, PointerWidth};
use super::structure::{Array, Refusal, Structure};
use super::structures::*;
use super::{Caller, narrow};
use crate::affinity::Affinity;
use crate::engine::Engine;
use crate::id::{Binding, QueueId};
use crate::queue::{AllocateQueue, QueueChange, QueueInfo};
use crate::status::NdisStatus;

impl Engine {
    /// ALLOCATE_QUEUE: the parameters come back as they are in force.
    pub(super) fn allocate_queue_from(
        &mut self,
        by: Binding,
        width: PointerWidth,
        mut buffer: MethodBuffer<'_>,
    ) -> Result<Done, Refusal> {
        let (asked, revision) = self.read::<ReceiveQueueParameters>(buffer.input(), width)?;
        let size = ReceiveQueueParameters::size(revision, width);
        buffer.room(size)?;
        let queue = self.allocate_queue(by, asked.allocation()?)?;
        let in_force = ReceiveQueueParameters::from(&self.queue(queue)?);
        in_force.write(buffer.room(size)?, revision, width);
        Ok(Done::reading(size).writing(size))
    }

    /// QUEUE_PARAMETERS, read: of what comes in, only the id of the queue counts.
    pub(super) fn queue_parameters_to(
        &self,
        width: PointerWidth,
        mut buffer: MethodBuffer<'_>,
    ) -> Result<Done, Refusal> {
        let (asked, revision) = self.read::<ReceiveQueueParameters>(buffer.input(), width)?;
        let queue = self.queue(QueueId(narrow(asked.queue_id)?))?;
        let size = ReceiveQueueParameters::size(revision, width);
        let in_force = ReceiveQueueParameters::from(&queue);
        in_force.write(buffer.room(size)?, revision, width);
        Ok(Done::reading(size).writing(size))
    }

    /// QUEUE_PARAMETERS, set.
    pub(super) fn change_queue_from(
        &mut self,
        by: Binding,
        width: PointerWidth,
        from: &[u8],
    ) -> Result<Done, Refusal> {
        let (asked, revision) = self.read::<ReceiveQueueParameters>(from, width)?;
        let queue = QueueId(narrow(asked.queue_id)?);
        self.change_queue(by, queue, asked.change(revision)?)?;
        Ok(Done::reading(ReceiveQueueParameters::size(revision, width)))
    }

    /// FREE_QUEUE, which pends (F2).
    pub(super) fn free_queue_from(
        &mut self,
        by: Binding,
        width: PointerWidth,
        from: &[u8],
    ) -> Result<Done, Refusal> {
        let (asked, revision) = self.read::<ReceiveQueueFreeParameters>(from, width)?;
        self.free_queue(by, QueueId(narrow(asked.queue_id)?))?;
        Ok(Done {
            status: NdisStatus::PENDING,
            ..Done::reading(ReceiveQueueFreeParameters::size(revision, width))
        })
    }

    /// QUEUE_ALLOCATION_COMPLETE: each element gets its own status (Q12), also one whose header is wrong.
    pub(super) fn allocation_complete_from(
        &mut self,
        by: Binding,
        width: PointerWidth,
        mut buffer: MethodBuffer<'_>,
        mut allocate: impl FnMut(&mut Engine, QueueId) -> Result<(), NdisStatus>,
    ) -> Result<Done, Refusal> {
        let input = buffer.input();
        let (head, revision) = self.read::<AllocationCompleteArray>(input, width)?;
        let array = Array {
            offset: head.first_element_offset,
            count: head.num_elements,
            size: head.element_size,
        };
        let head = AllocationCompleteArray::size(revision, width);
        let least = AllocationCompleteParameters::size(1, width);
        let asked = array.elements(input, head, least)?.map(|element| {
            let (asked, _) = self.read::<AllocationCompleteParameters>(element, width)?;
            Ok(QueueId(narrow(asked.queue_id)?))
        });
        let asked: Vec<Result<QueueId, Refusal>> = asked.collect();
        let end = if asked.is_empty() {
            head
        } else {
            array.end().unwrap_or(head)
        };
        buffer.room(end)?;
        for (nth, queue) in asked.into_iter().enumerate() {
            let completed = queue.map_err(|_| NdisStatus::INVALID_PARAMETER);
            let status = match completed {
                Ok(queue) => self.allocation_complete(by, &[queue], &mut allocate)[0].1,
                Err(status) => status,
            };
            let element = array.offset as usize + nth * array.size as usize;
            let place = element + least - size_of::<ndis::NDIS_STATUS>();
            buffer.room(end)?[place..element + least].copy_from_slice(&status.0.to_le_bytes());
        }
        Ok(Done::reading(end).writing(end))
    }

    /// ENUM_QUEUES: a driver is shown its own (T14).
    pub(super) fn queues_to(
        &self,
        caller: Caller,
        width: PointerWidth,
        to: &mut [u8],
    ) -> Result<Done, Refusal> {
        let is_shown = |queue: &QueueInfo<'_>| match caller {
            Caller::Driver(binding) => queue.owner == Some(binding),
            Caller::UserMode => true,
        };
        let queues: Vec<_> = self.queues().filter(is_shown).collect();
        let revision = ReceiveQueueInfo::newest(self.settings().version);
        let stride = ReceiveQueueInfo::stride(revision, width);
        let first = ReceiveQueueInfoArray::stride(1, width).next_multiple_of(width.bytes());
        let needed = first + queues.len() * stride;
        let to = room(to, needed)?;
        to.fill(0);
        let head = ReceiveQueueInfoArray {
            first_element_offset: first as u32,
            num_elements: queues.len() as u32,
            element_size: stride as u32,
        };
        head.write(to, 1, width);
        for (queue, to) in queues.iter().zip(to[first..].chunks_exact_mut(stride)) {
            ReceiveQueueInfo::from(queue).write(to, revision, width);
        }
        Ok(Done::reading(0).writing(needed))
    }

    /// A structure of the caller's, as far as this engine's version knows it.
    pub(super) fn read<S: Structure>(
        &self,
        from: &[u8],
        width: PointerWidth,
    ) -> Result<(S, u8), Refusal> {
        S::read(from, width, self.settings().version)
    }
}

impl ReceiveQueueParameters {
    /// What they ask for at allocation. An id of 0 asks for one.
    fn allocation(&self) -> Result<AllocateQueue, NdisStatus> {
        if self.queue_type != NdisReceiveQueueTypeVMQueue {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        if self.qos_sq_id != 0 {
            return Err(NdisStatus::NOT_SUPPORTED);
        }
        let id = QueueId(narrow(self.queue_id)?);
        Ok(AllocateQueue {
            id: (!id.is_default()).then_some(id),
            queue_name: text(&self.queue_name)?,
            vm_name: text(&self.vm_name)?,
            flags: self.flags,
            lookahead: self.lookahead_size,
            processor_affinity: self.processor_affinity.into(),
            suggested_buffers: self.num_suggested_receive_buffers,
            port: self.port_id,
            ..AllocateQueue::default()
        })
    }

    /// What they ask to change. A bit that stands for no member, for one of a later revision, or for one that is the adapter's
    /// own is refused.
    fn change(&self, revision: u8) -> Result<QueueChange, NdisStatus> {
        let mut known = FLAGS | AFFINITY | BUFFERS | NAME;
        if revision >= 3 {
            known |= SCHEDULER_QUEUE;
        }
        if self.flags & CHANGE_MASK & !known != 0 {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        let has = |bit| self.flags & bit != 0;
        let name = has(NAME).then(|| text(&self.queue_name)).transpose()?;
        Ok(QueueChange {
            flags: has(FLAGS).then_some(self.flags & !CHANGE_MASK),
            lookahead: self.lookahead_size,
            processor_affinity: has(AFFINITY).then(|| self.processor_affinity.into()),
            suggested_buffers: has(BUFFERS).then_some(self.num_suggested_receive_buffers),
            queue_name: name,
            scheduler_queue: has(SCHEDULER_QUEUE).then_some(self.qos_sq_id),
            learning: None,
        })
    }
}

impl From<&QueueInfo<'_>> for ReceiveQueueParameters {
    fn from(queue: &QueueInfo<'_>) -> ReceiveQueueParameters {
        let parameters = queue.parameters;
        ReceiveQueueParameters {
            flags: parameters.flags,
            queue_type: NdisReceiveQueueTypeVMQueue,
            queue_id: queue.id.0.into(),
            queue_group_id: ndis::NDIS_DEFAULT_RECEIVE_QUEUE_GROUP_ID,
            processor_affinity: parameters.processor_affinity.into(),
            num_suggested_receive_buffers: parameters.suggested_buffers,
            msix_table_entry: msix_table_entry(parameters),
            lookahead_size: parameters.lookahead,
            vm_name: CountedString::new(&parameters.vm_name),
            queue_name: CountedString::new(&parameters.queue_name),
            port_id: parameters.port,
            interrupt_coalescing_domain_id: queue.coalescing_domain,
            qos_sq_id: 0,
        }
    }
}

impl From<&QueueInfo<'_>> for ReceiveQueueInfo {
    fn from(queue: &QueueInfo<'_>) -> ReceiveQueueInfo {
        let parameters = queue.parameters;
        ReceiveQueueInfo {
            flags: 0,
            queue_type: NdisReceiveQueueTypeVMQueue,
            queue_id: queue.id.0.into(),
            queue_group_id: ndis::NDIS_DEFAULT_RECEIVE_QUEUE_GROUP_ID,
            queue_state: queue.state as i32,
            processor_affinity: parameters.processor_affinity.into(),
            num_suggested_receive_buffers: parameters.suggested_buffers,
            msix_table_entry: msix_table_entry(parameters),
            lookahead_size: parameters.lookahead,
            vm_name: CountedString::new(&parameters.vm_name),
            queue_name: CountedString::new(&parameters.queue_name),
            num_filters: queue.filters,
            interrupt_coalescing_domain_id: queue.coalescing_domain,
        }
    }
}

impl From<GroupAffinity> for Affinity {
    fn from(affinity: GroupAffinity) -> Affinity {
        Affinity {
            group: affinity.group,
            mask: affinity.mask.0,
        }
    }
}

impl From<Affinity> for GroupAffinity {
    fn from(affinity: Affinity) -> GroupAffinity {
        GroupAffinity {
            mask: PointerSized(affinity.mask),
            group: affinity.group,
            reserved: [0; 3],
        }
    }
}

/// Queues of one processor share an interrupt; there are no others here.
fn msix_table_entry(parameters: &AllocateQueue) -> u32 {
    parameters.processor_affinity.first_processor().unwrap_or(0)
}

fn text(name: &CountedString) -> Result<String, NdisStatus> {
    name.text().ok_or(NdisStatus::INVALID_PARAMETER)
}
