//! What requests for queues, filters and shared memory are made of, as the reference has it.
//!
//! `NAME [size 64 | 32, align 64 | 32] { member [offset 64 | 32], ... }`: the figures of 64-bit Windows and of 32-bit x86. A
//! member that only later NDIS versions have names their feature, and so does the size that the structure has with it.

use crate::facts::Structure;

structures! {
    NDIS_SHARED_MEMORY_PARAMETERS [size 64 | 40 ("ndis630" 72 | 44), align 8 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        QueueId [8 | 8],
        SharedMemoryHandle [16 | 12],
        PreferredNode [24 | 16],
        Usage [28 | 20],
        Length [32 | 24],
        VirtualAddress [40 | 28],
        SGListBufferLength [48 | 32],
        SGListBuffer [56 | 36],
        VPortId [64 | 40, "ndis630"],
    }
    NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS [size 32 | 20, align 8 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        ProviderContext [8 | 8],
        AllocateSharedMemoryHandler [16 | 12],
        FreeSharedMemoryHandler [24 | 16],
    }
    NDIS_SCATTER_GATHER_LIST_PARAMETERS [size 72 | 48, align 8 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        QueueId [8 | 8],
        SharedMemoryUsage [12 | 12],
        Mdl [16 | 16],
        CurrentVa [24 | 20],
        Length [32 | 24],
        ProcessSGListHandler [40 | 28],
        Context [48 | 32],
        ScatterGatherListBuffer [56 | 36],
        ScatterGatherListBufferSize [64 | 40],
        ScatterGatherListBufferSizeNeeded [68 | 44],
    }
    NDIS_RECEIVE_QUEUE_PARAMETERS [size 1088 | 1076 ("ndis630" 1096 | 1084) ("ndis650" 1096 | 1088), align 8 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        QueueType [8 | 8],
        QueueId [12 | 12],
        QueueGroupId [16 | 16],
        ProcessorAffinity [24 | 20],
        NumSuggestedReceiveBuffers [40 | 32],
        MSIXTableEntry [44 | 36],
        LookaheadSize [48 | 40],
        VmName [52 | 44],
        QueueName [568 | 560],
        PortId [1084 | 1076, "ndis630"],
        InterruptCoalescingDomainId [1088 | 1080, "ndis630"],
        QosSqId [1092 | 1084, "ndis650"],
    }
    NDIS_RECEIVE_QUEUE_INFO [size 1088 | 1080 ("ndis630" 1096 | 1088), align 8 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        QueueType [8 | 8],
        QueueId [12 | 12],
        QueueGroupId [16 | 16],
        QueueState [20 | 20],
        ProcessorAffinity [24 | 24],
        NumSuggestedReceiveBuffers [40 | 36],
        MSIXTableEntry [44 | 40],
        LookaheadSize [48 | 44],
        VmName [52 | 48],
        QueueName [568 | 564],
        NumFilters [1084 | 1080, "ndis630"],
        InterruptCoalescingDomainId [1088 | 1084, "ndis630"],
    }
    NDIS_RECEIVE_QUEUE_INFO_ARRAY [size 16 | 16, align 4 | 4] {
        Header [0 | 0],
        FirstElementOffset [4 | 4],
        NumElements [8 | 8],
        ElementSize [12 | 12],
    }
    NDIS_RECEIVE_QUEUE_FREE_PARAMETERS [size 12 | 12, align 4 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        QueueId [8 | 8],
    }
    NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY [size 20 | 20, align 4 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        FirstElementOffset [8 | 8],
        NumElements [12 | 12],
        ElementSize [16 | 16],
    }
    NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS [size 16 | 16, align 4 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        QueueId [8 | 8],
        CompletionStatus [12 | 12],
    }
    NDIS_RECEIVE_QUEUE_STATE [size 16 | 16, align 4 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        QueueId [8 | 8],
        QueueState [12 | 12],
    }
    NDIS_RECEIVE_FILTER_QUEUE_STATE_CHANGE [size 8 | 8, align 4 | 4] {
        Header [0 | 0],
        QueueId [4 | 4],
    }
    NDIS_RECEIVE_FILTER_PARAMETERS [size 36 | 36 ("ndis630" 44 | 44), align 4 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        FilterType [8 | 8],
        QueueId [12 | 12],
        FilterId [16 | 16],
        FieldParametersArrayOffset [20 | 20],
        FieldParametersArrayNumElements [24 | 24],
        FieldParametersArrayElementSize [28 | 28],
        RequestedFilterIdBitCount [32 | 32],
        MaxCoalescingDelay [36 | 36, "ndis630"],
        VPortId [40 | 40, "ndis630"],
    }
    NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS [size 16 | 16, align 4 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        QueueId [8 | 8],
        FilterId [12 | 12],
    }
    NDIS_RECEIVE_FILTER_INFO [size 16 | 16, align 4 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        FilterType [8 | 8],
        FilterId [12 | 12],
    }
    NDIS_RECEIVE_FILTER_INFO_ARRAY [size 20 | 20 ("ndis630" 28 | 28), align 4 | 4] {
        Header [0 | 0],
        QueueId [4 | 4],
        FirstElementOffset [8 | 8],
        NumElements [12 | 12],
        ElementSize [16 | 16],
        Flags [20 | 20, "ndis630"],
        VPortId [24 | 24, "ndis630"],
    }
    NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS [size 24 | 24, align 4 | 4] {
        Header [0 | 0],
        FilterId [4 | 4],
        SourceQueueId [8 | 8],
        SourceVPortId [12 | 12],
        DestQueueId [16 | 16],
        DestVPortId [20 | 20],
    }
    NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS [size 16 | 16, align 4 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        EnabledFilterTypes [8 | 8],
        EnabledQueueTypes [12 | 12],
    }
    NDIS_RECEIVE_FILTER_CAPABILITIES [size 56 | 56 ("ndis630" 84 | 84), align 4 | 4] {
        Header [0 | 0],
        Flags [4 | 4],
        EnabledFilterTypes [8 | 8],
        EnabledQueueTypes [12 | 12],
        NumQueues [16 | 16],
        SupportedQueueProperties [20 | 20],
        SupportedFilterTests [24 | 24],
        SupportedHeaders [28 | 28],
        SupportedMacHeaderFields [32 | 32],
        MaxMacHeaderFilters [36 | 36],
        MaxQueueGroups [40 | 40],
        MaxQueuesPerQueueGroup [44 | 44],
        MinLookaheadSplitSize [48 | 48],
        MaxLookaheadSplitSize [52 | 52],
        SupportedARPHeaderFields [56 | 56, "ndis630"],
        SupportedIPv4HeaderFields [60 | 60, "ndis630"],
        SupportedIPv6HeaderFields [64 | 64, "ndis630"],
        SupportedUdpHeaderFields [68 | 68, "ndis630"],
        MaxFieldTestsPerPacketCoalescingFilter [72 | 72, "ndis630"],
        MaxPacketCoalescingFilters [76 | 76, "ndis630"],
        NdisReserved [80 | 80, "ndis630"],
    }
    NDIS_RECEIVE_FILTER_FIELD_PARAMETERS [size 56 | 56, align 8 | 8] {
        Header [0 | 0],
        Flags [4 | 4],
        FrameHeader [8 | 8],
        ReceiveFilterTest [12 | 12],
        HeaderField [16 | 16],
        FieldValue [24 | 24],
        ResultValue [40 | 40],
    }
    NDIS_RECEIVE_FILTER_HEADER_FIELD [size 4 | 4, align 4 | 4] {
        MacHeaderField [0 | 0],
    }
    NDIS_RECEIVE_FILTER_FIELD_VALUE [size 16 | 16, align 8 | 8] {
        FieldByteArrayValue [0 | 0],
    }
    NDIS_RECEIVE_FILTER_RESULT_VALUE [size 16 | 16, align 8 | 8] {
        ResultByteArrayValue [0 | 0],
    }
}
