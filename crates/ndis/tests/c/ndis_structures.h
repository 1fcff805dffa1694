/*
 * Structures that mingw-w64's headers do not declare, for the C side of the tests: unions, bit fields and reserved words
 * as Windows has them, so that a C compiler and not we decide where each member lies. NDIS_VERSION is 620, 630, 650, 680
 * or 682.
 */
#ifndef NDIS_STRUCTURES_H
#define NDIS_STRUCTURES_H

#include <stddef.h>
#include <stdint.h>

#ifndef NDIS_VERSION
#define NDIS_VERSION 630
#endif

typedef uint8_t UCHAR;
typedef uint16_t USHORT;
typedef int16_t CSHORT;
typedef int32_t LONG;
typedef uint32_t ULONG;
typedef size_t SIZE_T;
typedef void *PVOID;
typedef void *NDIS_HANDLE;
typedef int32_t NDIS_STATUS;
typedef int32_t NDIS_ENUMERATION;
typedef struct { _Alignas(8) int64_t QuadPart; } NDIS_PHYSICAL_ADDRESS;

#if UINTPTR_MAX > 0xFFFFFFFF
#define IS_64_BIT 1
#define ALLOCATION_ALIGNED _Alignas(16)
typedef struct { _Alignas(16) uint64_t Alignment; uint64_t Region; } SLIST_HEADER;
#else
#define IS_64_BIT 0
#define ALLOCATION_ALIGNED _Alignas(8)
typedef struct { _Alignas(8) uint64_t Alignment; } SLIST_HEADER;
#endif

typedef struct { UCHAR Type; UCHAR Revision; USHORT Size; } NDIS_OBJECT_HEADER;
typedef struct { uintptr_t Mask; USHORT Group; USHORT Reserved[3]; } GROUP_AFFINITY;
typedef struct { USHORT Length; USHORT String[257]; } NDIS_IF_COUNTED_STRING;

typedef struct { NDIS_PHYSICAL_ADDRESS Address; ULONG Length; uintptr_t Reserved; } SCATTER_GATHER_ELEMENT;
typedef struct { ULONG NumberOfElements; uintptr_t Reserved; SCATTER_GATHER_ELEMENT Elements[]; } SCATTER_GATHER_LIST;

typedef struct MDL {
    struct MDL *Next;
    CSHORT Size;
    CSHORT MdlFlags;
    PVOID Process;
    PVOID MappedSystemVa;
    PVOID StartVa;
    ULONG ByteCount;
    ULONG ByteOffset;
} MDL;

typedef struct NET_BUFFER_SHARED_MEMORY {
    struct NET_BUFFER_SHARED_MEMORY *NextSharedMemorySegment;
    ULONG SharedMemoryFlags;
    NDIS_HANDLE SharedMemoryHandle;
    ULONG SharedMemoryOffset;
    ULONG SharedMemoryLength;
} NET_BUFFER_SHARED_MEMORY;

typedef struct NET_BUFFER NET_BUFFER;
typedef struct NET_BUFFER_LIST NET_BUFFER_LIST;

typedef union { ULONG DataLength; SIZE_T stDataLength; } NET_BUFFER_DATA_LENGTH;

typedef struct {
    NET_BUFFER *Next;
    MDL *CurrentMdl;
    ULONG CurrentMdlOffset;
    NET_BUFFER_DATA_LENGTH NbDataLength;
    MDL *MdlChain;
    ULONG DataOffset;
} NET_BUFFER_DATA;

typedef union { NET_BUFFER_DATA NetBufferData; SLIST_HEADER Link; } NET_BUFFER_HEADER;

struct NET_BUFFER {
    union {
        struct {
            NET_BUFFER *Next;
            MDL *CurrentMdl;
            ULONG CurrentMdlOffset;
            union { ULONG DataLength; SIZE_T stDataLength; };
            MDL *MdlChain;
            ULONG DataOffset;
        };
        SLIST_HEADER Link;
        NET_BUFFER_HEADER NetBufferHeader;
    };
    USHORT ChecksumBias;
    USHORT Reserved;
    NDIS_HANDLE NdisPoolHandle;
    ALLOCATION_ALIGNED PVOID NdisReserved[2];
    ALLOCATION_ALIGNED PVOID ProtocolReserved[6];
    ALLOCATION_ALIGNED PVOID MiniportReserved[4];
    NDIS_PHYSICAL_ADDRESS DataPhysicalAddress;
    union { NET_BUFFER_SHARED_MEMORY *SharedMemoryInfo; SCATTER_GATHER_LIST *ScatterGatherList; };
};

typedef struct { NET_BUFFER_LIST *Next; NET_BUFFER *FirstNetBuffer; } NET_BUFFER_LIST_DATA;
typedef union { NET_BUFFER_LIST_DATA NetBufferListData; SLIST_HEADER Link; } NET_BUFFER_LIST_HEADER;

typedef struct NET_BUFFER_LIST_CONTEXT {
    struct NET_BUFFER_LIST_CONTEXT *Next;
    USHORT Size;
    USHORT Offset;
    ALLOCATION_ALIGNED UCHAR ContextData[];
} NET_BUFFER_LIST_CONTEXT;

/* The slots' names decide how many there are, as on Windows. */
typedef enum {
    TcpIpChecksumNetBufferListInfo,
    IPsecOffloadV1NetBufferListInfo,
    TcpLargeSendNetBufferListInfo,
    ClassificationHandleNetBufferListInfo,
    Ieee8021QNetBufferListInfo,
    NetBufferListCancelId,
    MediaSpecificInformation,
    NetBufferListFrameType,
    NetBufferListHashValue,
    NetBufferListHashInfo,
    WfpNetBufferListInfo,
    IPsecOffloadV2TunnelNetBufferListInfo,
    IPsecOffloadV2HeaderNetBufferListInfo,
    NetBufferListCorrelationId,
    NetBufferListFilteringInfo,
    MediaSpecificInformationEx,
    NblOriginalInterfaceIfIndex,
    TcpReceiveBytesTransferred,
#if NDIS_VERSION >= 630
#if IS_64_BIT
    SwitchForwardingReserved,
    SwitchForwardingDetail,
    VirtualSubnetInfo,
#endif
    IMReserved,
    TcpRecvSegCoalesceInfo,
    RscTcpTimestampDelta,
#endif
#if NDIS_VERSION >= 650 && IS_64_BIT
    GftOffloadInformation,
    GftFlowEntryId,
#endif
#if NDIS_VERSION >= 680
    NetBufferListInfoReserved3,
#if !IS_64_BIT
    NetBufferListInfoReserved4,
#endif
#endif
#if NDIS_VERSION >= 682 && !IS_64_BIT
    SwitchForwardingReserved,
    SwitchForwardingDetail_b0_to_b31,
    SwitchForwardingDetail_b32_to_b63,
    VirtualSubnetInfo,
#endif
    MaxNetBufferListInfo
} NDIS_NET_BUFFER_LIST_INFO;

struct NET_BUFFER_LIST {
    union {
        struct { NET_BUFFER_LIST *Next; NET_BUFFER *FirstNetBuffer; };
        SLIST_HEADER Link;
        NET_BUFFER_LIST_HEADER NetBufferListHeader;
    };
    NET_BUFFER_LIST_CONTEXT *Context;
    NET_BUFFER_LIST *ParentNetBufferList;
    NDIS_HANDLE NdisPoolHandle;
    ALLOCATION_ALIGNED PVOID NdisReserved[2];
    ALLOCATION_ALIGNED PVOID ProtocolReserved[4];
    ALLOCATION_ALIGNED PVOID MiniportReserved[2];
    PVOID Scratch;
    NDIS_HANDLE SourceHandle;
    ULONG NblFlags;
    LONG ChildRefCount;
    ULONG Flags;
    union { NDIS_STATUS Status; ULONG NdisReserved2; };
    PVOID NetBufferListInfo[MaxNetBufferListInfo];
};

typedef struct {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    ULONG QueueId;
    NDIS_HANDLE SharedMemoryHandle;
    ULONG PreferredNode;
    NDIS_ENUMERATION Usage;
    ULONG Length;
    PVOID VirtualAddress;
    ULONG SGListBufferLength;
    SCATTER_GATHER_LIST *SGListBuffer;
#if NDIS_VERSION >= 630
    ULONG VPortId;
#endif
} NDIS_SHARED_MEMORY_PARAMETERS;

typedef struct {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_HANDLE ProviderContext;
    NDIS_STATUS (*AllocateSharedMemoryHandler)(NDIS_HANDLE, NDIS_SHARED_MEMORY_PARAMETERS *, NDIS_HANDLE *);
    void (*FreeSharedMemoryHandler)(NDIS_HANDLE, NDIS_HANDLE);
} NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS;

typedef struct {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    ULONG QueueId;
    NDIS_ENUMERATION SharedMemoryUsage;
    MDL *Mdl;
    PVOID CurrentVa;
    ULONG Length;
    void (*ProcessSGListHandler)(PVOID, PVOID, SCATTER_GATHER_LIST *, PVOID);
    PVOID Context;
    SCATTER_GATHER_LIST *ScatterGatherListBuffer;
    ULONG ScatterGatherListBufferSize;
    ULONG ScatterGatherListBufferSizeNeeded;
} NDIS_SCATTER_GATHER_LIST_PARAMETERS;

typedef struct {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_ENUMERATION QueueType;
    ULONG QueueId;
    ULONG QueueGroupId;
    GROUP_AFFINITY ProcessorAffinity;
    ULONG NumSuggestedReceiveBuffers;
    ULONG MSIXTableEntry;
    ULONG LookaheadSize;
    NDIS_IF_COUNTED_STRING VmName;
    NDIS_IF_COUNTED_STRING QueueName;
#if NDIS_VERSION >= 630
    ULONG PortId;
    ULONG InterruptCoalescingDomainId;
#endif
#if NDIS_VERSION >= 650
    ULONG QosSqId;
#endif
} NDIS_RECEIVE_QUEUE_PARAMETERS;

typedef struct {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    ULONG QueueId;
    NDIS_ENUMERATION QueueState;
} NDIS_RECEIVE_QUEUE_STATE;

typedef struct { NDIS_OBJECT_HEADER Header; ULONG QueueId; } NDIS_RECEIVE_FILTER_QUEUE_STATE_CHANGE;

/* mingw-w64 has this one from NDIS 6.30 on. */
typedef struct {
    NDIS_OBJECT_HEADER Header;
    ULONG FilterId;
    ULONG SourceQueueId;
    ULONG SourceVPortId;
    ULONG DestQueueId;
    ULONG DestVPortId;
} NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS;

typedef union {
    struct {
        ULONG IsIPv4 : 1;
        ULONG IsIPv6 : 1;
        ULONG TcpChecksum : 1;
        ULONG UdpChecksum : 1;
        ULONG IpHeaderChecksum : 1;
        ULONG Reserved : 11;
        ULONG TcpHeaderOffset : 10;
    } Transmit;
    struct {
        ULONG TcpChecksumFailed : 1;
        ULONG UdpChecksumFailed : 1;
        ULONG IpChecksumFailed : 1;
        ULONG TcpChecksumSucceeded : 1;
        ULONG UdpChecksumSucceeded : 1;
        ULONG IpChecksumSucceeded : 1;
        ULONG Loopback : 1;
        ULONG TcpChecksumValueInvalid : 1;
        ULONG IpChecksumValueInvalid : 1;
    } Receive;
    PVOID Value;
} NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO;

typedef union {
    struct { ULONG Unused : 30; ULONG Type : 1; ULONG Reserved2 : 1; } Transmit;
    struct { ULONG MSS : 20; ULONG TcpHeaderOffset : 10; ULONG Type : 1; ULONG Reserved2 : 1; } LsoV1Transmit;
    struct { ULONG TcpPayload : 30; ULONG Type : 1; ULONG Reserved2 : 1; } LsoV1TransmitComplete;
    struct { ULONG MSS : 20; ULONG TcpHeaderOffset : 10; ULONG Type : 1; ULONG IPVersion : 1; } LsoV2Transmit;
    struct { ULONG Reserved : 30; ULONG Type : 1; ULONG Reserved2 : 1; } LsoV2TransmitComplete;
    PVOID Value;
} NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO;

typedef union {
    struct { ULONG MSS : 20; ULONG UdpHeaderOffset : 10; ULONG Reserved : 1; ULONG IPVersion : 1; } Transmit;
    PVOID Value;
} NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO;

typedef struct {
    union {
        struct { ULONG UserPriority : 3; ULONG CanonicalFormatId : 1; ULONG VlanId : 12; ULONG Reserved : 16; } TagHeader;
        PVOID Value;
    };
} NDIS_NET_BUFFER_LIST_8021Q_INFO;

typedef union {
    struct { USHORT FilterId; union { USHORT QueueId; USHORT VPortId; } QueueVPortInfo; } FilteringInfo;
    PVOID Value;
} NDIS_NET_BUFFER_LIST_FILTERING_INFO;

typedef union {
    struct { USHORT CoalescedSegCount; USHORT DupAckCount; } Info;
    PVOID Value;
} NDIS_RSC_NBL_INFO;

typedef struct {
    union { struct { USHORT SegCount; USHORT SegSize; } Receive; PVOID Value; };
} NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO;

typedef struct {
    union { struct { ULONG VirtualSubnetId : 24; ULONG ReservedVsidBits : 8; }; PVOID Value; };
} NDIS_NET_BUFFER_LIST_VIRTUAL_SUBNET_INFO;

typedef struct {
    union {
        struct {
            ULONG IsEncapsulatedPacket : 1;
            ULONG EncapsulatedPacketOffsetsValid : 1;
            ULONG InnerFrameOffset : 8;
            ULONG TransportIpHeaderRelativeOffset : 6;
            ULONG TcpHeaderRelativeOffset : 10;
            ULONG IsInnerIPv6 : 1;
            ULONG TcpOptionsPresent : 1;
            ULONG Reserved : 4;
        } EncapsulatedPacketOffsets;
        PVOID Value;
    };
} NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO;

typedef union {
    _Alignas(8) uint64_t AsUINT64;
    struct {
        ULONG NumAvailableDestinations : 16;
        ULONG SourcePortId : 16;
        ULONG SourceNicIndex : 8;
        ULONG NativeForwardingRequired : 1;
        ULONG Reserved1 : 1;
        ULONG IsPacketDataSafe : 1;
        ULONG SafePacketDataSize : 12;
        ULONG IsPacketDataUncached : 1;
        ULONG IsSafePacketDataUncached : 1;
        ULONG Reserved2 : 7;
    };
} NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO;

#endif
