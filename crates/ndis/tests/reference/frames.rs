//! What frames are made of, as the reference has it.
//!
//! `NAME [size 64 | 32, align 64 | 32] { member [offset 64 | 32], ... }`: the figures of 64-bit Windows and of 32-bit x86. A
//! member that only later NDIS versions have names their feature, and so does the size that the structure has with it.

use crate::facts::Structure;

structures! {
    LARGE_INTEGER [size 8 | 8, align 8 | 8] {
        QuadPart [0 | 0],
    }
    SLIST_HEADER [size 16 | 8, align 16 | 8] {
        Alignment [0 | 0],
    }
    NDIS_OBJECT_HEADER [size 4 | 4, align 2 | 2] {
        Type [0 | 0],
        Revision [1 | 1],
        Size [2 | 2],
    }
    GROUP_AFFINITY [size 16 | 12, align 8 | 4] {
        Mask [0 | 0],
        Group [8 | 4],
        Reserved [10 | 6],
    }
    NDIS_IF_COUNTED_STRING [size 516 | 516, align 2 | 2] {
        Length [0 | 0],
        String [2 | 2],
    }
    GUID [size 16 | 16, align 4 | 4] {
        Data1 [0 | 0],
        Data2 [4 | 4],
        Data3 [6 | 6],
        Data4 [8 | 8],
    }
    NET_BUFFER_SHARED_MEMORY [size 32 | 20, align 8 | 4] {
        NextSharedMemorySegment [0 | 0],
        SharedMemoryFlags [8 | 4],
        SharedMemoryHandle [16 | 8],
        SharedMemoryOffset [24 | 12],
        SharedMemoryLength [28 | 16],
    }
    MDL [size 48 | 28, align 8 | 4] {
        Next [0 | 0],
        Size [8 | 4],
        MdlFlags [10 | 6],
        Process [16 | 8],
        MappedSystemVa [24 | 12],
        StartVa [32 | 16],
        ByteCount [40 | 20],
        ByteOffset [44 | 24],
    }
    SCATTER_GATHER_ELEMENT [size 24 | 16, align 8 | 8] {
        Address [0 | 0],
        Length [8 | 8],
        Reserved [16 | 12],
    }
    SCATTER_GATHER_LIST [size 16 | 8, align 8 | 8] {
        NumberOfElements [0 | 0],
        Reserved [8 | 4],
        Elements [16 | 8],
    }
    NET_BUFFER [size 176 | 96, align 16 | 8] {
        Next [0 | 0],
        CurrentMdl [8 | 4],
        CurrentMdlOffset [16 | 8],
        stDataLength [24 | 12],
        MdlChain [32 | 16],
        DataOffset [40 | 20],
        ChecksumBias [48 | 24],
        Reserved [50 | 26],
        NdisPoolHandle [56 | 28],
        NdisReserved [64 | 32],
        ProtocolReserved [80 | 40],
        MiniportReserved [128 | 64],
        DataPhysicalAddress [160 | 80],
        SharedMemoryInfo [168 | 88],
    }
    NET_BUFFER_DATA_LENGTH [size 8 | 4, align 8 | 4] {
        stDataLength [0 | 0],
    }
    NET_BUFFER_DATA [size 48 | 24, align 8 | 4] {
        Next [0 | 0],
        CurrentMdl [8 | 4],
        CurrentMdlOffset [16 | 8],
        NbDataLength [24 | 12],
        MdlChain [32 | 16],
        DataOffset [40 | 20],
    }
    NET_BUFFER_HEADER [size 48 | 24, align 16 | 8] {
        NetBufferData [0 | 0],
    }
    NET_BUFFER_LIST [size 288 | 152 ("ndis630" 336 | 168) ("ndis650" 352 | 168) ("ndis680" 368 | 176) ("ndis682" 368 | 192), align 16 | 8] {
        Next [0 | 0],
        FirstNetBuffer [8 | 4],
        Context [16 | 8],
        ParentNetBufferList [24 | 12],
        NdisPoolHandle [32 | 16],
        NdisReserved [48 | 24],
        ProtocolReserved [64 | 32],
        MiniportReserved [96 | 48],
        Scratch [112 | 56],
        SourceHandle [120 | 60],
        NblFlags [128 | 64],
        ChildRefCount [132 | 68],
        Flags [136 | 72],
        Status [140 | 76],
        NetBufferListInfo [144 | 80],
    }
    NET_BUFFER_LIST_DATA [size 16 | 8, align 8 | 4] {
        Next [0 | 0],
        FirstNetBuffer [8 | 4],
    }
    NET_BUFFER_LIST_HEADER [size 16 | 8, align 16 | 8] {
        NetBufferListData [0 | 0],
    }
    NET_BUFFER_LIST_CONTEXT [size 16 | 8, align 16 | 8] {
        Next [0 | 0],
        Size [8 | 4],
        Offset [10 | 6],
        ContextData [16 | 8],
    }
    NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO [size 8 | 8, align 8 | 8] {
        AsUINT64 [0 | 0],
    }
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO [size 8 | 4, align 8 | 4] {
        Value [0 | 0],
    }
    NDIS_RSC_NBL_INFO [size 8 | 4, align 8 | 4] {
        Value [0 | 0],
    }
    NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO [size 8 | 4, align 8 | 4] {
        Value [0 | 0],
    }
    NDIS_NET_BUFFER_LIST_FILTERING_INFO [size 8 | 4, align 8 | 4] {
        Value [0 | 0],
    }
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO [size 8 | 4, align 8 | 4] {
        Value [0 | 0],
    }
    NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO [size 8 | 4, align 8 | 4] {
        Value [0 | 0],
    }
    NDIS_NET_BUFFER_LIST_VIRTUAL_SUBNET_INFO [size 8 | 4, align 8 | 4] {
        Value [0 | 0],
    }
    NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO [size 8 | 4, align 8 | 4] {
        Value [0 | 0],
    }
    NDIS_NET_BUFFER_LIST_8021Q_INFO [size 8 | 4, align 8 | 4] {
        Value [0 | 0],
    }
}
