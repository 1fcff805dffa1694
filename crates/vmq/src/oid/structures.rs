//! The structures of the requests and indications of virtual machine queues, member by member.
//!
//! They are those of the `ndis` crate, whose documentation says what each member means. There each has the layout of the
//! processor and of the NDIS version that a driver is built for; here one description serves callers of either width and all
//! revisions, and the tests hold its offsets against `ndis`.

use super::members::{Member, Members, PointerSized, UnionValue};
use super::structure::Structure;
use crate::version::NdisVersion;

/// `structure! { NAME [versions that brought its revisions] { revision member: type, ... } }`, with its type between name and
/// versions if that is not DEFAULT.
macro_rules! structure {
    (
        $(#[$attribute:meta])*
        $name:ident $($object_type:ident)? [$($version:ident),+] {
            $($since:literal $member:ident: $type:ty,)+
        }
    ) => {
        $(#[$attribute])*
        #[allow(missing_docs, reason = "each member is documented where Windows spells it, in `ndis`")]
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $(pub $member: $type,)+
        }

        impl Structure for $name {
            $(const OBJECT_TYPE: u8 = ndis::$object_type;)?
            const REVISIONS: &'static [NdisVersion] = &[$(NdisVersion::$version),+];

            fn members(&mut self, revision: u8, members: &mut impl Members) {
                $(
                    if revision >= $since {
                        self.$member.pass(members);
                    }
                )+
            }
        }
    };
}

structure! {
    /// [`ndis::NDIS_RECEIVE_FILTER_CAPABILITIES`].
    ReceiveFilterCapabilities [V6_20, V6_30] {
        1 flags: u32,
        1 enabled_filter_types: u32,
        1 enabled_queue_types: u32,
        1 num_queues: u32,
        1 supported_queue_properties: u32,
        1 supported_filter_tests: u32,
        1 supported_headers: u32,
        1 supported_mac_header_fields: u32,
        1 max_mac_header_filters: u32,
        1 max_queue_groups: u32,
        1 max_queues_per_queue_group: u32,
        1 min_lookahead_split_size: u32,
        1 max_lookahead_split_size: u32,
        2 supported_arp_header_fields: u32,
        2 supported_ipv4_header_fields: u32,
        2 supported_ipv6_header_fields: u32,
        2 supported_udp_header_fields: u32,
        2 max_field_tests_per_packet_coalescing_filter: u32,
        2 max_packet_coalescing_filters: u32,
        2 ndis_reserved: u32,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS`].
    ReceiveFilterGlobalParameters [V6_20] {
        1 flags: u32,
        1 enabled_filter_types: u32,
        1 enabled_queue_types: u32,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_QUEUE_PARAMETERS`].
    ReceiveQueueParameters [V6_20, V6_30, V6_50] {
        1 flags: u32,
        1 queue_type: i32,
        1 queue_id: u32,
        1 queue_group_id: u32,
        1 processor_affinity: GroupAffinity,
        1 num_suggested_receive_buffers: u32,
        1 msix_table_entry: u32,
        1 lookahead_size: u32,
        1 vm_name: CountedString,
        1 queue_name: CountedString,
        2 port_id: u32,
        2 interrupt_coalescing_domain_id: u32,
        3 qos_sq_id: u32,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_QUEUE_INFO`].
    ReceiveQueueInfo [V6_20, V6_30] {
        1 flags: u32,
        1 queue_type: i32,
        1 queue_id: u32,
        1 queue_group_id: u32,
        1 queue_state: i32,
        1 processor_affinity: GroupAffinity,
        1 num_suggested_receive_buffers: u32,
        1 msix_table_entry: u32,
        1 lookahead_size: u32,
        1 vm_name: CountedString,
        1 queue_name: CountedString,
        2 num_filters: u32,
        2 interrupt_coalescing_domain_id: u32,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_QUEUE_INFO_ARRAY`].
    ReceiveQueueInfoArray [V6_20] {
        1 first_element_offset: u32,
        1 num_elements: u32,
        1 element_size: u32,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_QUEUE_FREE_PARAMETERS`].
    ReceiveQueueFreeParameters [V6_20] {
        1 flags: u32,
        1 queue_id: u32,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY`].
    AllocationCompleteArray [V6_20] {
        1 flags: u32,
        1 first_element_offset: u32,
        1 num_elements: u32,
        1 element_size: u32,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS`].
    AllocationCompleteParameters [V6_20] {
        1 flags: u32,
        1 queue_id: u32,
        1 completion_status: i32,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_QUEUE_STATE`].
    ReceiveQueueState [V6_20] {
        1 flags: u32,
        1 queue_id: u32,
        1 queue_state: i32,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_FILTER_PARAMETERS`].
    ReceiveFilterParameters [V6_20, V6_30] {
        1 flags: u32,
        1 filter_type: i32,
        1 queue_id: u32,
        1 filter_id: u32,
        1 field_parameters_array_offset: u32,
        1 field_parameters_array_num_elements: u32,
        1 field_parameters_array_element_size: u32,
        1 requested_filter_id_bit_count: u32,
        2 max_coalescing_delay: u32,
        2 vport_id: u32,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_FILTER_FIELD_PARAMETERS`].
    ReceiveFilterFieldParameters [V6_20, V6_30] {
        1 flags: u32,
        1 frame_header: i32,
        1 receive_filter_test: i32,
        1 header_field: i32,
        1 field_value: UnionValue,
        1 result_value: UnionValue,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS`].
    ReceiveFilterClearParameters [V6_20] {
        1 flags: u32,
        1 queue_id: u32,
        1 filter_id: u32,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS`].
    ReceiveFilterMoveFilterParameters [V6_30] {
        1 filter_id: u32,
        1 source_queue_id: u32,
        1 source_vport_id: u32,
        1 dest_queue_id: u32,
        1 dest_vport_id: u32,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_FILTER_INFO_ARRAY`].
    ReceiveFilterInfoArray [V6_20, V6_30] {
        1 queue_id: u32,
        1 first_element_offset: u32,
        1 num_elements: u32,
        1 element_size: u32,
        2 flags: u32,
        2 vport_id: u32,
    }
}

structure! {
    /// [`ndis::NDIS_RECEIVE_FILTER_INFO`].
    ReceiveFilterInfo [V6_20] {
        1 flags: u32,
        1 filter_type: i32,
        1 filter_id: u32,
    }
}

structure! {
    /// [`ndis::NDIS_SHARED_MEMORY_PARAMETERS`].
    SharedMemoryParameters [V6_20, V6_30] {
        1 flags: u32,
        1 queue_id: u32,
        1 shared_memory_handle: PointerSized,
        1 preferred_node: u32,
        1 usage: i32,
        1 length: u32,
        1 virtual_address: PointerSized,
        1 sg_list_buffer_length: u32,
        1 sg_list_buffer: PointerSized,
        2 vport_id: u32,
    }
}

structure! {
    /// [`ndis::NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS`].
    SharedMemoryProviderCharacteristics NDIS_OBJECT_TYPE_SHARED_MEMORY_PROVIDER_CHARACTERISTICS [V6_20] {
        1 flags: u32,
        1 provider_context: PointerSized,
        1 allocate_shared_memory_handler: PointerSized,
        1 free_shared_memory_handler: PointerSized,
    }
}

/// [`ndis::GROUP_AFFINITY`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupAffinity {
    /// Which processors of the group; a 32-bit caller knows the first 32.
    pub mask: PointerSized,
    /// Which group.
    pub group: u16,
    /// Zero.
    pub reserved: [u16; 3],
}

impl Member for GroupAffinity {
    fn pass(&mut self, members: &mut impl Members) {
        self.mask.pass(members);
        self.group.pass(members);
        self.reserved.iter_mut().for_each(|word| word.pass(members));
    }
}

/// [`ndis::NDIS_IF_COUNTED_STRING`]: a name of at most 256 UTF-16 units.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CountedString {
    /// Bytes of the name, two for each unit.
    pub length: u16,
    /// The name, and what is behind it.
    pub units: [u16; ndis::IF_MAX_STRING_SIZE + 1],
}

impl CountedString {
    /// A text of at most 256 units; of a longer one the beginning.
    pub fn new(text: &str) -> CountedString {
        let mut string = CountedString::default();
        let room = &mut string.units[..ndis::IF_MAX_STRING_SIZE];
        for (unit, of_text) in room.iter_mut().zip(text.encode_utf16()) {
            *unit = of_text;
            string.length += 2;
        }
        string
    }

    /// The text; `None` if its length leaves the structure or splits a unit, or the units are no UTF-16.
    pub fn text(&self) -> Option<String> {
        let units = self.units.get(..usize::from(self.length / 2))?;
        let is_whole = self.length.is_multiple_of(2) && units.len() <= ndis::IF_MAX_STRING_SIZE;
        String::from_utf16(units).ok().filter(|_| is_whole)
    }
}

impl Default for CountedString {
    fn default() -> CountedString {
        CountedString {
            length: 0,
            units: [0; ndis::IF_MAX_STRING_SIZE + 1],
        }
    }
}

impl std::fmt::Debug for CountedString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.text() {
            Some(text) => write!(f, "{text:?}"),
            None => write!(f, "CountedString({} bytes)", self.length),
        }
    }
}

impl Member for CountedString {
    fn pass(&mut self, members: &mut impl Members) {
        self.length.pass(members);
        self.units.iter_mut().for_each(|unit| unit.pass(members));
    }
}
