//! The requests about filters in their binary form.

use ndis::{
    NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO as UNTAGGED_OR_ZERO,
    NDIS_RECEIVE_FILTER_FLAGS_RESERVED as RESERVED,
    NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED as VPORT_ID_SPECIFIED,
    NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION as ENCAPSULATION, NdisFrameHeaderMac,
    NdisReceiveFilterTestEqual as EQUAL, NdisReceiveFilterTestMaskEqual as MASK_EQUAL,
    NdisReceiveFilterTestNotEqual as NOT_EQUAL, NdisReceiveFilterTypeVMQueue,
};

use super::completion::{Done, MethodBuffer};
use super::members::{PointerWidth, UnionValue};
use super::narrow;
use super::structure::{Array, Refusal, Structure};
use super::structures::*;
use crate::capabilities::FieldOrder;
use crate::criteria::{Criteria, MAX_TESTS};
use crate::engine::Engine;
use crate::field::{Field, FieldTest, Test};
use crate::filter::FilterInfo;
use crate::id::{Binding, FilterId, QueueId};
use crate::status::NdisStatus;

impl Engine {
    /// SET_FILTER: the parameters come back with the id of the filter.
    pub(super) fn set_filter_from(
        &mut self,
        by: Binding,
        width: PointerWidth,
        mut buffer: MethodBuffer<'_>,
    ) -> Result<Done, Refusal> {
        let input = buffer.input();
        let (mut asked, revision) = self.read::<ReceiveFilterParameters>(input, width)?;
        let size = ReceiveFilterParameters::size(revision, width);
        asked.check()?;
        let criteria = self.criteria(&asked, size, input, width)?;
        let end = asked.array().end().unwrap_or(size);
        buffer.room(size)?;
        let queue = QueueId(narrow(asked.queue_id)?);
        let id = match FilterId(narrow(asked.filter_id)?) {
            FilterId(0) => self.set_filter(by, queue, criteria)?,
            id => {
                self.set_filter_as(by, queue, id, criteria)?;
                id
            }
        };
        asked.filter_id = id.0.into();
        asked.write(buffer.room(size)?, revision, width);
        Ok(Done::reading(end).writing(size))
    }

    /// CLEAR_FILTER.
    pub(super) fn clear_filter_from(
        &mut self,
        by: Binding,
        width: PointerWidth,
        from: &[u8],
    ) -> Result<Done, Refusal> {
        let (asked, revision) = self.read::<ReceiveFilterClearParameters>(from, width)?;
        let ids = narrow(asked.queue_id).and_then(|queue| Ok((queue, narrow(asked.filter_id)?)));
        let (queue, filter) = ids.map_err(|_| NdisStatus::FILE_NOT_FOUND)?;
        self.clear_filter(by, QueueId(queue), FilterId(filter))?;
        let size = ReceiveFilterClearParameters::size(revision, width);
        Ok(Done::reading(size))
    }

    /// MOVE_FILTER: between virtual ports, of which there are none here. What is wrong besides is said first (T12).
    pub(super) fn move_filter_from(
        &self,
        width: PointerWidth,
        from: &[u8],
    ) -> Result<Done, Refusal> {
        if ReceiveFilterMoveFilterParameters::newest(self.settings().version) == 0 {
            return Err(NdisStatus::NOT_SUPPORTED.into());
        }
        let (asked, _) = self.read::<ReceiveFilterMoveFilterParameters>(from, width)?;
        if (asked.source_queue_id, asked.dest_queue_id) != (0, 0) {
            return Err(NdisStatus::INVALID_PARAMETER.into());
        }
        self.filter(FilterId(narrow(asked.filter_id)?))?;
        Err(NdisStatus::NOT_SUPPORTED.into())
    }

    /// ENUM_FILTERS: learned filters have no id and are not among them.
    pub(super) fn filters_to(
        &self,
        width: PointerWidth,
        mut buffer: MethodBuffer<'_>,
    ) -> Result<Done, Refusal> {
        let (asked, revision) = self.read::<ReceiveFilterInfoArray>(buffer.input(), width)?;
        if asked.flags & VPORT_ID_SPECIFIED != 0 && asked.vport_id != ndis::NDIS_DEFAULT_VPORT_ID {
            return Err(NdisStatus::INVALID_PARAMETER.into());
        }
        let ids = self.filters(QueueId(narrow(asked.queue_id)?))?;
        let ids: Vec<_> = ids.filter_map(|filter| filter.id).collect();
        let first = ReceiveFilterInfoArray::stride(revision, width);
        let stride = ReceiveFilterInfo::stride(1, width);
        let needed = first + ids.len() * stride;
        let to = buffer.room(needed)?;
        let head = ReceiveFilterInfoArray {
            first_element_offset: first as u32,
            num_elements: ids.len() as u32,
            element_size: stride as u32,
            ..asked
        };
        head.write(to, revision, width);
        for (id, to) in ids.iter().zip(to[first..].chunks_exact_mut(stride)) {
            let info = ReceiveFilterInfo {
                flags: 0,
                filter_type: NdisReceiveFilterTypeVMQueue,
                filter_id: id.0.into(),
            };
            info.write(to, 1, width);
        }
        let read = ReceiveFilterInfoArray::size(revision, width);
        Ok(Done::reading(read).writing(needed))
    }

    /// PARAMETERS: of what comes in, only the id of the filter counts.
    pub(super) fn filter_to(
        &self,
        width: PointerWidth,
        mut buffer: MethodBuffer<'_>,
    ) -> Result<Done, Refusal> {
        let (asked, revision) = self.read::<ReceiveFilterParameters>(buffer.input(), width)?;
        let filter = self.filter(FilterId(narrow(asked.filter_id)?))?;
        let order = self.settings().field_order;
        let fields = fields_of(&filter.criteria, order);
        let size = ReceiveFilterParameters::size(revision, width);
        // The array needs an alignment that the structure in front of it does not give.
        let first = size.next_multiple_of(FIELD_ALIGN);
        let field_revision = revision.min(ReceiveFilterFieldParameters::REVISIONS.len() as u8);
        let stride = ReceiveFilterFieldParameters::stride(field_revision, width);
        let needed = first + fields.len() * stride;
        let to = buffer.room(needed)?;
        to.fill(0);
        let parameters = ReceiveFilterParameters {
            field_parameters_array_offset: first as u32,
            field_parameters_array_num_elements: fields.len() as u32,
            field_parameters_array_element_size: stride as u32,
            ..ReceiveFilterParameters::from(&filter)
        };
        parameters.write(to, revision, width);
        for (field, to) in fields.into_iter().zip(to[first..].chunks_exact_mut(stride)) {
            field.write(to, field_revision, width);
        }
        Ok(Done::reading(size).writing(needed))
    }

    /// The field tests behind the parameters of a filter.
    fn criteria(
        &self,
        asked: &ReceiveFilterParameters,
        head: usize,
        input: &[u8],
        width: PointerWidth,
    ) -> Result<Criteria, Refusal> {
        let array = asked.array();
        if array.count as usize > MAX_TESTS {
            return Err(NdisStatus::INVALID_PARAMETER.into());
        }
        let least = ReceiveFilterFieldParameters::size(1, width);
        let mut fields = Vec::new();
        let mut is_untagged_or_zero = false;
        for element in array.elements(input, head, least)? {
            let (field, _) = self.read::<ReceiveFilterFieldParameters>(element, width)?;
            let (test, is_flagged) = field.test(self.settings().field_order)?;
            is_untagged_or_zero |= is_flagged;
            fields.push(test);
        }
        Ok(Criteria::new(fields, is_untagged_or_zero))
    }
}

/// What an array of field tests is aligned to.
const FIELD_ALIGN: usize = align_of::<ndis::NDIS_RECEIVE_FILTER_FIELD_PARAMETERS>();

impl ReceiveFilterParameters {
    /// Whether they are those of a filter of virtual machine queues: of its type, without virtual port and ids beside frames
    /// (T9), and looking at outer frames (T13).
    fn check(&self) -> Result<(), NdisStatus> {
        if self.flags & ENCAPSULATION != 0 {
            return Err(NdisStatus::NOT_SUPPORTED);
        }
        let is_sound = self.flags & !RESERVED == 0
            && self.filter_type == NdisReceiveFilterTypeVMQueue
            && self.requested_filter_id_bit_count == 0
            && self.vport_id == ndis::NDIS_DEFAULT_VPORT_ID;
        if is_sound {
            Ok(())
        } else {
            Err(NdisStatus::INVALID_PARAMETER)
        }
    }

    fn array(&self) -> Array {
        Array {
            offset: self.field_parameters_array_offset,
            count: self.field_parameters_array_num_elements,
            size: self.field_parameters_array_element_size,
        }
    }
}

impl From<&FilterInfo> for ReceiveFilterParameters {
    fn from(filter: &FilterInfo) -> ReceiveFilterParameters {
        ReceiveFilterParameters {
            filter_type: NdisReceiveFilterTypeVMQueue,
            queue_id: filter.queue.0.into(),
            filter_id: filter.id.map_or(0, |id| id.0.into()),
            ..ReceiveFilterParameters::default()
        }
    }
}

impl ReceiveFilterFieldParameters {
    /// The test, and whether it has the flag UNTAGGED_OR_ZERO, which only a test of an address can have (T6). Only the
    /// Ethernet header has fields for virtual machine queues (T8).
    fn test(&self, order: FieldOrder) -> Result<(FieldTest, bool), NdisStatus> {
        let fields = Field::ALL.into_iter();
        let field = fields
            .filter(|_| self.frame_header == NdisFrameHeaderMac)
            .find(|field| *field as i32 == self.header_field)
            .ok_or(NdisStatus::INVALID_PARAMETER)?;
        let value = self.field_value.number(field, order);
        let test = match self.receive_filter_test {
            EQUAL => Test::Equal(value),
            MASK_EQUAL => Test::MaskEqual {
                mask: value,
                result: self.result_value.number(field, order),
            },
            NOT_EQUAL => Test::NotEqual(value),
            _ => return Err(NdisStatus::INVALID_PARAMETER),
        };
        match self.flags {
            0 => Ok((FieldTest { field, test }, false)),
            UNTAGGED_OR_ZERO if field.is_address() => Ok((FieldTest { field, test }, true)),
            _ => Err(NdisStatus::INVALID_PARAMETER),
        }
    }

    fn of(test: FieldTest, order: FieldOrder) -> ReceiveFilterFieldParameters {
        let FieldTest { field, test } = test;
        let (receive_filter_test, value, result) = match test {
            Test::Equal(number) => (EQUAL, number, 0),
            Test::MaskEqual { mask, result } => (MASK_EQUAL, mask, result),
            Test::NotEqual(number) => (NOT_EQUAL, number, 0),
        };
        ReceiveFilterFieldParameters {
            flags: 0,
            frame_header: NdisFrameHeaderMac,
            receive_filter_test,
            header_field: field as i32,
            field_value: UnionValue::new(field, value, order),
            result_value: UnionValue::new(field, result, order),
        }
    }
}

/// The field tests of a filter, as they were set; the flag stands at the first address.
fn fields_of(criteria: &Criteria, order: FieldOrder) -> Vec<ReceiveFilterFieldParameters> {
    let mut is_left = criteria.is_untagged_or_zero();
    let one = |test: FieldTest| {
        let mut field = ReceiveFilterFieldParameters::of(test, order);
        if test.field.is_address() && std::mem::take(&mut is_left) {
            field.flags = UNTAGGED_OR_ZERO;
        }
        field
    };
    criteria.fields().map(one).collect()
}

impl UnionValue {
    /// A field's number as it stands in `FieldValue` or `ResultValue`: an address by its bytes, numbers of 16 bits in the
    /// order that the caller keeps to (T5), smaller ones in the first byte.
    pub fn new(field: Field, number: u64, order: FieldOrder) -> UnionValue {
        let mut value = UnionValue::default();
        let (number, bytes) = (number.to_be_bytes(), field.bits().div_ceil(8) as usize);
        let to = &mut value.0[..bytes];
        to.copy_from_slice(&number[number.len() - bytes..]);
        if !field.is_address() && order == FieldOrder::Native {
            to.reverse();
        }
        value
    }

    /// The number that [`UnionValue::new`] put there.
    pub fn number(self, field: Field, order: FieldOrder) -> u64 {
        let bytes = &self.0[..field.bits().div_ceil(8) as usize];
        let push = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if !field.is_address() && order == FieldOrder::Native {
            bytes.iter().rev().fold(0, push)
        } else {
            bytes.iter().fold(0, push)
        }
    }
}
