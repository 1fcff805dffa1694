//! Every member stands where Windows has it: compared with `ndis` for this processor, and with the figures of the Windows
//! headers for 32 bits and for all revisions.

use std::mem::offset_of;

use ndis::*;
use proptest::prelude::*;
use vmq::NdisVersion;
use vmq::oid::*;

const WIDTHS: [PointerWidth; 2] = [PointerWidth::Bits32, PointerWidth::Bits64];

/// A member with a value of its own, and the bytes that it has to have.
trait Mark {
    fn mark(&mut self, number: u8) -> Vec<u8>;
}

impl Mark for u32 {
    fn mark(&mut self, number: u8) -> Vec<u8> {
        *self = u32::from_le_bytes([number, 0xb1, 0xc2, 0xd3]);
        self.to_le_bytes().into()
    }
}

impl Mark for i32 {
    fn mark(&mut self, number: u8) -> Vec<u8> {
        *self = i32::from_le_bytes([number, 0xb4, 0xc5, 0xd6]);
        self.to_le_bytes().into()
    }
}

impl Mark for PointerSized {
    fn mark(&mut self, number: u8) -> Vec<u8> {
        self.0 = u64::from(number) | 0x8877_6655_4433_2200;
        self.0.to_le_bytes()[..PointerWidth::NATIVE.bytes()].into()
    }
}

impl Mark for UnionValue {
    fn mark(&mut self, number: u8) -> Vec<u8> {
        self.0 = std::array::from_fn(|at| number ^ (at as u8 + 1));
        self.0.into()
    }
}

impl Mark for GroupAffinity {
    fn mark(&mut self, number: u8) -> Vec<u8> {
        let mask = u64::from(number) | 0x8877_6655_4433_2200;
        (self.mask, self.group) = (PointerSized(mask), 0x0a0b);
        let mask = &mask.to_le_bytes()[..PointerWidth::NATIVE.bytes()];
        [mask, &self.group.to_le_bytes(), &[0; 6]].concat()
    }
}

impl Mark for CountedString {
    fn mark(&mut self, number: u8) -> Vec<u8> {
        *self = CountedString::new(&format!("name {number}"));
        let units = self.units.iter().flat_map(|unit| unit.to_le_bytes());
        self.length.to_le_bytes().into_iter().chain(units).collect()
    }
}

/// `same! { OURS is WINDOWS' in a revision { our member: its member, ... } }`: a test that writes one and looks at the offsets
/// of the other.
macro_rules! same {
    ($($test:ident: $ours:ident is $windows:ident in $revision:literal, $size:expr, {
        $($member:ident: $of_windows:ident,)+
    })+) => { $(
        #[test]
        fn $test() {
            let mut structure = $ours::default();
            let mut number = 0;
            let mut expected = Vec::new();
            $(
                number += 1;
                let bytes = structure.$member.mark(number);
                expected.push((offset_of!($windows, $of_windows), bytes, stringify!($member)));
            )+
            let mut written = structure.clone().to_bytes($revision, PointerWidth::NATIVE);
            assert_eq!(written.len(), usize::from($size), "the size that the header says");
            assert_eq!(written[..2], [$ours::OBJECT_TYPE, $revision]);
            assert_eq!(written[2..4], $size.to_le_bytes());
            assert_eq!($ours::stride($revision, PointerWidth::NATIVE), size_of::<$windows>());
            let read = $ours::read(&written, PointerWidth::NATIVE, NdisVersion::V6_30);
            assert_eq!(read, Ok((structure, $revision)));
            for (offset, bytes, member) in expected {
                let place = &mut written[offset..offset + bytes.len()];
                assert_eq!(place, bytes, "{member}");
                place.fill(0);
            }
            assert!(written[4..].iter().all(|byte| *byte == 0), "and nothing else");
        }
    )+ };
}

same! {
    capabilities_stand_as_on_windows: ReceiveFilterCapabilities is NDIS_RECEIVE_FILTER_CAPABILITIES
        in 2, NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_2, {
        flags: Flags,
        enabled_filter_types: EnabledFilterTypes,
        enabled_queue_types: EnabledQueueTypes,
        num_queues: NumQueues,
        supported_queue_properties: SupportedQueueProperties,
        supported_filter_tests: SupportedFilterTests,
        supported_headers: SupportedHeaders,
        supported_mac_header_fields: SupportedMacHeaderFields,
        max_mac_header_filters: MaxMacHeaderFilters,
        max_queue_groups: MaxQueueGroups,
        max_queues_per_queue_group: MaxQueuesPerQueueGroup,
        min_lookahead_split_size: MinLookaheadSplitSize,
        max_lookahead_split_size: MaxLookaheadSplitSize,
        supported_arp_header_fields: SupportedARPHeaderFields,
        supported_ipv4_header_fields: SupportedIPv4HeaderFields,
        supported_ipv6_header_fields: SupportedIPv6HeaderFields,
        supported_udp_header_fields: SupportedUdpHeaderFields,
        max_field_tests_per_packet_coalescing_filter: MaxFieldTestsPerPacketCoalescingFilter,
        max_packet_coalescing_filters: MaxPacketCoalescingFilters,
        ndis_reserved: NdisReserved,
    }
    global_parameters_stand_as_on_windows: ReceiveFilterGlobalParameters is NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS
        in 1, NDIS_SIZEOF_RECEIVE_FILTER_GLOBAL_PARAMETERS_REVISION_1, {
        flags: Flags,
        enabled_filter_types: EnabledFilterTypes,
        enabled_queue_types: EnabledQueueTypes,
    }
    queue_parameters_stand_as_on_windows: ReceiveQueueParameters is NDIS_RECEIVE_QUEUE_PARAMETERS
        in 2, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2, {
        flags: Flags,
        queue_type: QueueType,
        queue_id: QueueId,
        queue_group_id: QueueGroupId,
        processor_affinity: ProcessorAffinity,
        num_suggested_receive_buffers: NumSuggestedReceiveBuffers,
        msix_table_entry: MSIXTableEntry,
        lookahead_size: LookaheadSize,
        vm_name: VmName,
        queue_name: QueueName,
        port_id: PortId,
        interrupt_coalescing_domain_id: InterruptCoalescingDomainId,
    }
    queue_info_stands_as_on_windows: ReceiveQueueInfo is NDIS_RECEIVE_QUEUE_INFO
        in 2, NDIS_SIZEOF_RECEIVE_QUEUE_INFO_REVISION_2, {
        flags: Flags,
        queue_type: QueueType,
        queue_id: QueueId,
        queue_group_id: QueueGroupId,
        queue_state: QueueState,
        processor_affinity: ProcessorAffinity,
        num_suggested_receive_buffers: NumSuggestedReceiveBuffers,
        msix_table_entry: MSIXTableEntry,
        lookahead_size: LookaheadSize,
        vm_name: VmName,
        queue_name: QueueName,
        num_filters: NumFilters,
        interrupt_coalescing_domain_id: InterruptCoalescingDomainId,
    }
    queue_info_array_stands_as_on_windows: ReceiveQueueInfoArray is NDIS_RECEIVE_QUEUE_INFO_ARRAY
        in 1, NDIS_SIZEOF_RECEIVE_QUEUE_INFO_ARRAY_REVISION_1, {
        first_element_offset: FirstElementOffset,
        num_elements: NumElements,
        element_size: ElementSize,
    }
    free_parameters_stand_as_on_windows: ReceiveQueueFreeParameters is NDIS_RECEIVE_QUEUE_FREE_PARAMETERS
        in 1, NDIS_SIZEOF_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1, {
        flags: Flags,
        queue_id: QueueId,
    }
    complete_array_stands_as_on_windows: AllocationCompleteArray is NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY
        in 1, NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1, {
        flags: Flags,
        first_element_offset: FirstElementOffset,
        num_elements: NumElements,
        element_size: ElementSize,
    }
    complete_parameters_stand_as_on_windows: AllocationCompleteParameters
        is NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS
        in 1, NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1, {
        flags: Flags,
        queue_id: QueueId,
        completion_status: CompletionStatus,
    }
    queue_state_stands_as_on_windows: ReceiveQueueState is NDIS_RECEIVE_QUEUE_STATE
        in 1, NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1, {
        flags: Flags,
        queue_id: QueueId,
        queue_state: QueueState,
    }
    filter_parameters_stand_as_on_windows: ReceiveFilterParameters is NDIS_RECEIVE_FILTER_PARAMETERS
        in 2, NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2, {
        flags: Flags,
        filter_type: FilterType,
        queue_id: QueueId,
        filter_id: FilterId,
        field_parameters_array_offset: FieldParametersArrayOffset,
        field_parameters_array_num_elements: FieldParametersArrayNumElements,
        field_parameters_array_element_size: FieldParametersArrayElementSize,
        requested_filter_id_bit_count: RequestedFilterIdBitCount,
        max_coalescing_delay: MaxCoalescingDelay,
        vport_id: VPortId,
    }
    field_parameters_stand_as_on_windows: ReceiveFilterFieldParameters is NDIS_RECEIVE_FILTER_FIELD_PARAMETERS
        in 2, NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_2, {
        flags: Flags,
        frame_header: FrameHeader,
        receive_filter_test: ReceiveFilterTest,
        header_field: HeaderField,
        field_value: FieldValue,
        result_value: ResultValue,
    }
    clear_parameters_stand_as_on_windows: ReceiveFilterClearParameters is NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS
        in 1, NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1, {
        flags: Flags,
        queue_id: QueueId,
        filter_id: FilterId,
    }
    move_parameters_stand_as_on_windows: ReceiveFilterMoveFilterParameters
        is NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS
        in 1, NDIS_SIZEOF_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1, {
        filter_id: FilterId,
        source_queue_id: SourceQueueId,
        source_vport_id: SourceVPortId,
        dest_queue_id: DestQueueId,
        dest_vport_id: DestVPortId,
    }
    filter_info_array_stands_as_on_windows: ReceiveFilterInfoArray is NDIS_RECEIVE_FILTER_INFO_ARRAY
        in 2, NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_2, {
        queue_id: QueueId,
        first_element_offset: FirstElementOffset,
        num_elements: NumElements,
        element_size: ElementSize,
        flags: Flags,
        vport_id: VPortId,
    }
    memory_parameters_stand_as_on_windows: SharedMemoryParameters is NDIS_SHARED_MEMORY_PARAMETERS
        in 2, NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2, {
        flags: Flags,
        queue_id: QueueId,
        shared_memory_handle: SharedMemoryHandle,
        preferred_node: PreferredNode,
        usage: Usage,
        length: Length,
        virtual_address: VirtualAddress,
        sg_list_buffer_length: SGListBufferLength,
        sg_list_buffer: SGListBuffer,
        vport_id: VPortId,
    }
    provider_characteristics_stand_as_on_windows: SharedMemoryProviderCharacteristics
        is NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS
        in 1, NDIS_SIZEOF_SHARED_MEMORY_PROVIDER_CHARACTERISTICS_REVISION_1, {
        flags: Flags,
        provider_context: ProviderContext,
        allocate_shared_memory_handler: AllocateSharedMemoryHandler,
        free_shared_memory_handler: FreeSharedMemoryHandler,
    }
    filter_info_stands_as_on_windows: ReceiveFilterInfo is NDIS_RECEIVE_FILTER_INFO
        in 1, NDIS_SIZEOF_RECEIVE_FILTER_INFO_REVISION_1, {
        flags: Flags,
        filter_type: FilterType,
        filter_id: FilterId,
    }
}

/// What the headers of Windows say: the bytes of each revision, `64-bit | 32-bit`.
#[test]
fn each_revision_has_its_size_for_both_widths() {
    fn sizes<S: Structure>() -> Vec<(usize, usize)> {
        let of = |revision| (S::size(revision, WIDTHS[1]), S::size(revision, WIDTHS[0]));
        (1..=S::REVISIONS.len() as u8).map(of).collect()
    }
    let same = |sizes: &[usize]| sizes.iter().map(|size| (*size, *size)).collect::<Vec<_>>();
    assert_eq!(
        sizes::<ReceiveQueueParameters>(),
        [(1084, 1076), (1092, 1084), (1096, 1088)]
    );
    assert_eq!(sizes::<ReceiveQueueInfo>(), [(1084, 1080), (1092, 1088)]);
    assert_eq!(sizes::<ReceiveQueueInfoArray>(), same(&[16]));
    assert_eq!(sizes::<ReceiveQueueFreeParameters>(), same(&[12]));
    assert_eq!(sizes::<ReceiveQueueState>(), same(&[16]));
    assert_eq!(sizes::<AllocationCompleteParameters>(), same(&[16]));
    assert_eq!(sizes::<AllocationCompleteArray>(), same(&[20]));
    assert_eq!(sizes::<ReceiveFilterParameters>(), same(&[36, 44]));
    assert_eq!(sizes::<ReceiveFilterFieldParameters>(), same(&[56, 56]));
    assert_eq!(sizes::<ReceiveFilterClearParameters>(), same(&[16]));
    assert_eq!(sizes::<ReceiveFilterInfo>(), same(&[16]));
    assert_eq!(sizes::<ReceiveFilterGlobalParameters>(), same(&[16]));
    assert_eq!(sizes::<ReceiveFilterInfoArray>(), same(&[20, 28]));
    assert_eq!(sizes::<ReceiveFilterCapabilities>(), same(&[56, 84]));
    assert_eq!(sizes::<ReceiveFilterMoveFilterParameters>(), same(&[24]));
    assert_eq!(sizes::<SharedMemoryParameters>(), [(64, 40), (68, 44)]);
    assert_eq!(sizes::<SharedMemoryProviderCharacteristics>(), [(32, 20)]);
    let whole = WIDTHS.map(|width| {
        (1..=3)
            .map(|revision| ReceiveQueueParameters::stride(revision, width))
            .collect::<Vec<_>>()
    });
    assert_eq!(whole, [[1076, 1084, 1088], [1088, 1096, 1096]]);
    let whole =
        WIDTHS.map(|width| [1, 2].map(|revision| ReceiveQueueInfo::stride(revision, width)));
    assert_eq!(whole, [[1080, 1088], [1088, 1096]]);
}

/// The two structures whose offsets hang on the width, `64-bit | 32-bit`, and the member that `ndis` has only from 6.50 on.
#[test]
fn members_behind_a_pointer_sized_one_stand_where_each_width_has_them() {
    for (
        width,
        [
            affinity,
            buffers,
            msix,
            lookahead,
            vm_name,
            queue_name,
            port,
            domain,
            scheduler,
        ],
    ) in [
        (WIDTHS[1], [24, 40, 44, 48, 52, 568, 1084, 1088, 1092]),
        (WIDTHS[0], [20, 32, 36, 40, 44, 560, 1076, 1080, 1084]),
    ] {
        let parameters = ReceiveQueueParameters {
            processor_affinity: GroupAffinity {
                mask: PointerSized(0xa1),
                ..GroupAffinity::default()
            },
            num_suggested_receive_buffers: 0xa2,
            msix_table_entry: 0xa3,
            lookahead_size: 0xa4,
            vm_name: CountedString::new("v"),
            queue_name: CountedString::new("qu"),
            port_id: 0xa5,
            interrupt_coalescing_domain_id: 0xa6,
            qos_sq_id: 0xa7,
            ..ReceiveQueueParameters::default()
        };
        let bytes = parameters.to_bytes(3, width);
        let at = [
            affinity, buffers, msix, lookahead, vm_name, queue_name, port, domain, scheduler,
        ];
        assert_eq!(
            at.map(|at| bytes[at]),
            [0xa1, 0xa2, 0xa3, 0xa4, 2, 4, 0xa5, 0xa6, 0xa7],
            "{width:?}"
        );
        assert_eq!(bytes[queue_name + 2..queue_name + 6], *b"q\0u\0");
    }
    for (
        width,
        [
            affinity,
            buffers,
            msix,
            lookahead,
            vm_name,
            queue_name,
            filters,
            domain,
        ],
    ) in [
        (WIDTHS[1], [24, 40, 44, 48, 52, 568, 1084, 1088]),
        (WIDTHS[0], [24, 36, 40, 44, 48, 564, 1080, 1084]),
    ] {
        let info = ReceiveQueueInfo {
            queue_state: 0xa0,
            processor_affinity: GroupAffinity {
                mask: PointerSized(0xa1),
                ..GroupAffinity::default()
            },
            num_suggested_receive_buffers: 0xa2,
            msix_table_entry: 0xa3,
            lookahead_size: 0xa4,
            vm_name: CountedString::new("v"),
            queue_name: CountedString::new("qu"),
            num_filters: 0xa5,
            interrupt_coalescing_domain_id: 0xa6,
            ..ReceiveQueueInfo::default()
        };
        let bytes = info.to_bytes(2, width);
        let at = [
            20, affinity, buffers, msix, lookahead, vm_name, queue_name, filters, domain,
        ];
        assert_eq!(
            at.map(|at| bytes[at]),
            [0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 2, 4, 0xa5, 0xa6],
            "{width:?}"
        );
    }
}

/// The same for shared memory, `64-bit | 32-bit`.
#[test]
fn memory_parameters_stand_where_each_width_has_them() {
    for (width, at) in [
        (WIDTHS[1], [8, 16, 24, 28, 32, 40, 48, 56, 64]),
        (WIDTHS[0], [8, 12, 16, 20, 24, 28, 32, 36, 40]),
    ] {
        let parameters = SharedMemoryParameters {
            flags: 0,
            queue_id: 0xa0,
            shared_memory_handle: PointerSized(0xa1),
            preferred_node: 0xa2,
            usage: 0xa3,
            length: 0xa4,
            virtual_address: PointerSized(0xa5),
            sg_list_buffer_length: 0xa6,
            sg_list_buffer: PointerSized(0xa7),
            vport_id: 0xa8,
        };
        let bytes = parameters.to_bytes(2, width);
        let expected = [0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8];
        assert_eq!(at.map(|at| bytes[at]), expected, "{width:?}");
    }
}

/// Reads what a buffer has, writes it, and reads that again, in every revision that its version has.
fn goes_round<S: Structure + Clone + PartialEq + std::fmt::Debug>(bytes: &[u8], skip: usize) {
    for width in WIDTHS {
        for revision in 1..=S::REVISIONS.len() as u8 {
            let version = S::REVISIONS[usize::from(revision) - 1];
            let size = S::size(revision, width);
            let mut unaligned = bytes[..skip + size].to_vec();
            let [low, high] = (size as u16).to_le_bytes();
            unaligned[skip..skip + 4].copy_from_slice(&[S::OBJECT_TYPE, revision, low, high]);
            let (read, of) = S::read(&unaligned[skip..], width, version).unwrap();
            assert_eq!(of, revision);
            let written = read.clone().to_bytes(revision, width);
            assert_eq!(S::read(&written, width, version), Ok((read, revision)));
        }
    }
}

proptest! {
    #[test]
    fn what_is_read_is_written_and_read_again(bytes in prop::collection::vec(any::<u8>(), 1200), skip in 0..8_usize) {
        goes_round::<ReceiveFilterCapabilities>(&bytes, skip);
        goes_round::<ReceiveFilterGlobalParameters>(&bytes, skip);
        goes_round::<ReceiveQueueParameters>(&bytes, skip);
        goes_round::<ReceiveQueueInfo>(&bytes, skip);
        goes_round::<ReceiveQueueInfoArray>(&bytes, skip);
        goes_round::<ReceiveQueueFreeParameters>(&bytes, skip);
        goes_round::<AllocationCompleteArray>(&bytes, skip);
        goes_round::<AllocationCompleteParameters>(&bytes, skip);
        goes_round::<ReceiveQueueState>(&bytes, skip);
        goes_round::<ReceiveFilterParameters>(&bytes, skip);
        goes_round::<ReceiveFilterFieldParameters>(&bytes, skip);
        goes_round::<ReceiveFilterClearParameters>(&bytes, skip);
        goes_round::<ReceiveFilterMoveFilterParameters>(&bytes, skip);
        goes_round::<ReceiveFilterInfoArray>(&bytes, skip);
        goes_round::<ReceiveFilterInfo>(&bytes, skip);
        goes_round::<SharedMemoryParameters>(&bytes, skip);
        goes_round::<SharedMemoryProviderCharacteristics>(&bytes, skip);
    }

    #[test]
    fn a_name_comes_back_as_it_was(text in "\\PC{0,300}") {
        let units = text.encode_utf16().count();
        let string = CountedString::new(&text);
        if units <= IF_MAX_STRING_SIZE {
            prop_assert_eq!(string.text(), Some(text));
        } else {
            prop_assert_eq!(usize::from(string.length), 2 * IF_MAX_STRING_SIZE);
        }
    }
}
