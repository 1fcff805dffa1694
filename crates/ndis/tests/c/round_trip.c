/*
 * Chains across the language boundary: C builds them, Rust walks and edits them, C checks what came of it. Every structure
 * and every segment is an allocation of its own and exactly as large as C thinks it is, so that a sanitizer sees a Rust side
 * that thinks otherwise.
 *
 * Without arguments everything is tested, and the last line counts it. With "overrun" Rust is told of more segments than
 * there are, in one block: where a sanitizer is on, it must end the program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ndis_structures.h"

#define VALID 0x1000u /* NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID */

typedef struct {
    uint64_t lists, frames, mdls, segments, bytes, offsets, lengths, without_handle;
    uint32_t error; /* 0 none, 1 cyclic, 2 anything else */
} Seen;

/* The Rust side. */
extern void rust_walk(NET_BUFFER_LIST *chain, ULONG receive_flags, Seen *seen);
extern void rust_edit(NET_BUFFER_LIST *nbl, NET_BUFFER *nb, NET_BUFFER_SHARED_MEMORY *segment, MDL *mdl);
extern uint64_t rust_field(unsigned field, uintptr_t word);
extern uintptr_t rust_with_field(unsigned field, uint64_t value);
extern unsigned rust_fields(void);
extern uint64_t rust_read_past(const NET_BUFFER_SHARED_MEMORY *segments, size_t how_many);
extern size_t rust_size_of_a_list(void);

static unsigned passed, failed;

static void expect(int holds, const char *what, uint64_t seen, uint64_t wanted)
{
    if (holds) {
        passed++;
    } else {
        failed++;
        printf("FAILED: %s: %llu, not %llu\n", what, (unsigned long long)seen, (unsigned long long)wanted);
    }
}
#define EQUAL(seen, wanted, what) expect((uint64_t)(seen) == (uint64_t)(wanted), what, (uint64_t)(seen), (uint64_t)(wanted))

/* Windows aligns these structures to 16 or 8 bytes; the allocator of 64-bit systems gives 16. */
static void *zeroed(size_t bytes)
{
    void *block = calloc(1, bytes);
    if (!block) abort();
    return block;
}

typedef struct {
    NET_BUFFER_LIST *nbl;
    NET_BUFFER *nb;
    MDL **mdls;
    UCHAR **blocks;
    NET_BUFFER_SHARED_MEMORY **segments;
    unsigned count;
} Chain;

/* One list, one frame, `count` MDLs of 8 bytes and `count` segments beside them. */
static Chain build(unsigned count, NDIS_HANDLE handle)
{
    Chain chain = { zeroed(sizeof(NET_BUFFER_LIST)), zeroed(sizeof(NET_BUFFER)), 0, 0, 0, count };
    chain.mdls = zeroed((count + 1) * sizeof(void *));
    chain.blocks = zeroed((count + 1) * sizeof(void *));
    chain.segments = zeroed((count + 1) * sizeof(void *));
    for (unsigned i = 0; i < count; i++) {
        chain.mdls[i] = zeroed(sizeof(MDL));
        chain.blocks[i] = zeroed(8);
        chain.segments[i] = zeroed(sizeof(NET_BUFFER_SHARED_MEMORY));
        memset(chain.blocks[i], (int)(i & 0x7F), 8);
        chain.mdls[i]->MdlFlags = 0x0004; /* MDL_SOURCE_IS_NONPAGED_POOL */
        chain.mdls[i]->MappedSystemVa = chain.blocks[i];
        chain.mdls[i]->StartVa = chain.blocks[i];
        chain.mdls[i]->ByteCount = 8;
        chain.segments[i]->SharedMemoryHandle = handle;
        chain.segments[i]->SharedMemoryOffset = 8 * i;
        chain.segments[i]->SharedMemoryLength = 8;
        if (i) {
            chain.mdls[i - 1]->Next = chain.mdls[i];
            chain.segments[i - 1]->NextSharedMemorySegment = chain.segments[i];
        }
    }
    chain.nb->MdlChain = chain.nb->CurrentMdl = count ? chain.mdls[0] : NULL;
    chain.nb->stDataLength = 8 * (SIZE_T)count;
    chain.nb->SharedMemoryInfo = count ? chain.segments[0] : NULL;
    chain.nbl->FirstNetBuffer = chain.nb;
    return chain;
}

static void discard(Chain chain)
{
    for (unsigned i = 0; i < chain.count; i++) {
        free(chain.mdls[i]);
        free(chain.blocks[i]);
        free(chain.segments[i]);
    }
    free(chain.mdls);
    free(chain.blocks);
    free(chain.segments);
    free(chain.nb);
    free(chain.nbl);
}

static Seen walk(const Chain *chain, ULONG flags)
{
    Seen seen;
    memset(&seen, 0xEE, sizeof seen);
    rust_walk(chain->nbl, flags, &seen);
    return seen;
}

static void lengths(void)
{
    static const unsigned COUNTS[] = { 0, 1, 2, 1000 };
    for (unsigned i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
        uint64_t n = COUNTS[i], bytes = 0;
        Chain chain = build(COUNTS[i], (NDIS_HANDLE)0x5000);
        for (unsigned k = 0; k < n; k++) bytes += 8 * (k & 0x7F);
        Seen seen = walk(&chain, VALID);
        EQUAL(seen.lists, 1, "lists");
        EQUAL(seen.frames, 1, "frames");
        EQUAL(seen.mdls, n, "MDLs");
        EQUAL(seen.bytes, bytes, "sum of the data's bytes");
        EQUAL(seen.segments, n, "segments");
        EQUAL(seen.offsets, n ? 8 * (n * (n - 1) / 2) : 0, "sum of offsets");
        EQUAL(seen.lengths, 8 * n, "sum of lengths");
        EQUAL(seen.without_handle, 0, "segments without handle");
        /* No segment where the flags promise one is an error of the chain; a frame without data is none. */
        EQUAL(seen.error, n ? 0 : 2, "error");
        seen = walk(&chain, 0);
        EQUAL(seen.segments, 0, "segments that the flags do not vouch for");
        EQUAL(seen.mdls, n, "MDLs, with or without the flag");
        EQUAL(seen.error, 0, "error without the flag");
        discard(chain);
    }
}

static void memory_of_the_hal(void)
{
    Chain chain = build(2, NULL);
    Seen seen = walk(&chain, VALID);
    EQUAL(seen.segments, 2, "segments of the HAL's memory");
    EQUAL(seen.without_handle, 2, "their NULL handles");
    EQUAL(seen.error, 0, "a NULL handle is legal");
    discard(chain);
}

static void cycles(void)
{
    Chain chain = build(3, (NDIS_HANDLE)1);
    chain.segments[2]->NextSharedMemorySegment = chain.segments[0];
    EQUAL(walk(&chain, VALID).error, 1, "segments in a circle");
    EQUAL(walk(&chain, 0).error, 0, "a circle that nobody vouches for is not walked");
    chain.segments[2]->NextSharedMemorySegment = chain.segments[2];
    EQUAL(walk(&chain, VALID).error, 1, "a segment behind itself");
    chain.segments[2]->NextSharedMemorySegment = NULL;
    chain.nb->Next = chain.nb;
    EQUAL(walk(&chain, VALID).error, 1, "a frame behind itself");
    chain.nb->Next = NULL;
    chain.nbl->Next = chain.nbl;
    EQUAL(walk(&chain, VALID).error, 1, "a list behind itself");
    chain.nbl->Next = NULL;
    EQUAL(walk(&chain, VALID).error, 0, "mended");
    discard(chain);
}

static void edits(void)
{
    Chain chain = build(1, (NDIS_HANDLE)1);
    NET_BUFFER_LIST *nbl = chain.nbl;
    NET_BUFFER *nb = chain.nb;
    NET_BUFFER_SHARED_MEMORY *segment = chain.segments[0];
    memset(nbl, 0, sizeof *nbl);
    memset(nb, 0, sizeof *nb);
    rust_edit(nbl, nb, segment, chain.mdls[0]);
    EQUAL((uintptr_t)segment->NextSharedMemorySegment, (uintptr_t)segment, "NextSharedMemorySegment");
    EQUAL(segment->SharedMemoryFlags, 0xA1, "SharedMemoryFlags");
    EQUAL((uintptr_t)segment->SharedMemoryHandle, 0xA2, "SharedMemoryHandle");
    EQUAL(segment->SharedMemoryOffset, 0xA3, "SharedMemoryOffset");
    EQUAL(segment->SharedMemoryLength, 0xA4, "SharedMemoryLength");
    EQUAL((uintptr_t)nb->Next, (uintptr_t)nb, "NET_BUFFER.Next");
    EQUAL((uintptr_t)nb->CurrentMdl, (uintptr_t)chain.mdls[0], "CurrentMdl");
    EQUAL(nb->CurrentMdlOffset, 0xB1, "CurrentMdlOffset");
    EQUAL(nb->DataLength, 0xB2, "DataLength");
    EQUAL(nb->stDataLength, 0xB2, "stDataLength");
    EQUAL((uintptr_t)nb->MdlChain, (uintptr_t)chain.mdls[0], "MdlChain");
    EQUAL(nb->DataOffset, 0xB3, "DataOffset");
    EQUAL(nb->ChecksumBias, 0xB4, "ChecksumBias");
    EQUAL((uintptr_t)nb->ProtocolReserved[5], 0xB5, "NET_BUFFER.ProtocolReserved[5]");
    EQUAL((uintptr_t)nb->MiniportReserved[3], 0xB6, "NET_BUFFER.MiniportReserved[3]");
    EQUAL(nb->DataPhysicalAddress.QuadPart, 0xB7, "DataPhysicalAddress");
    EQUAL((uintptr_t)nb->SharedMemoryInfo, (uintptr_t)segment, "SharedMemoryInfo");
    EQUAL((uintptr_t)nb->ScatterGatherList, (uintptr_t)segment, "ScatterGatherList, the same word");
    EQUAL((uintptr_t)nbl->Next, (uintptr_t)nbl, "NET_BUFFER_LIST.Next");
    EQUAL((uintptr_t)nbl->FirstNetBuffer, (uintptr_t)nb, "FirstNetBuffer");
    EQUAL(nbl->Flags, 0xC1, "Flags");
    EQUAL(nbl->NblFlags, 0xC2, "NblFlags");
    EQUAL(nbl->Status, 0xC3, "Status");
    EQUAL((uintptr_t)nbl->ProtocolReserved[3], 0xC4, "ProtocolReserved[3]");
    EQUAL((uintptr_t)nbl->MiniportReserved[1], 0xC5, "MiniportReserved[1]");
    NDIS_NET_BUFFER_LIST_FILTERING_INFO filtering = { .Value = nbl->NetBufferListInfo[NetBufferListFilteringInfo] };
    EQUAL(filtering.FilteringInfo.QueueVPortInfo.QueueId, 0xC6, "QueueId");
    EQUAL(filtering.FilteringInfo.FilterId, 0xC7, "FilterId");
    NDIS_NET_BUFFER_LIST_8021Q_INFO tag = { .Value = nbl->NetBufferListInfo[Ieee8021QNetBufferListInfo] };
    EQUAL(tag.TagHeader.VlanId, 0xC8, "VlanId");
    EQUAL((uintptr_t)nbl->NetBufferListInfo[NetBufferListHashValue], 0xC9, "hash value");
    EQUAL((uintptr_t)nbl->NetBufferListInfo[NetBufferListHashInfo], 0x4001, "hash type and function");
    EQUAL((uintptr_t)nbl->NetBufferListInfo[NetBufferListCancelId], 0xCA, "cancel id");
    EQUAL((uintptr_t)nbl->NetBufferListInfo[MaxNetBufferListInfo - 1], 0xCB, "the last slot");
    nbl->Next = NULL;
    discard(chain);
}

/* A field of a slot's word in C: all of its bits set, and how it reads back. */
#define FIELD(type, member)                                                      \
    do {                                                                         \
        type info;                                                               \
        memset(&info, 0, sizeof info);                                           \
        info.member = ~0u;                                                       \
        uint64_t wanted = info.member;                                           \
        uintptr_t word = (uintptr_t)info.Value;                                  \
        EQUAL(rust_field(field, word), wanted, "read by Rust: " #type "." #member); \
        EQUAL(rust_field(field, ~word), 0, "and nothing beside it: " #type "." #member); \
        EQUAL(rust_with_field(field, wanted), word, "set by Rust: " #type "." #member); \
        field++;                                                                 \
    } while (0)

static void bit_fields(void)
{
    unsigned field = 0;
#define CHECKSUM(member) FIELD(NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO, member)
    CHECKSUM(Transmit.IsIPv4);
    CHECKSUM(Transmit.IsIPv6);
    CHECKSUM(Transmit.TcpChecksum);
    CHECKSUM(Transmit.UdpChecksum);
    CHECKSUM(Transmit.IpHeaderChecksum);
    CHECKSUM(Transmit.TcpHeaderOffset);
    CHECKSUM(Receive.TcpChecksumFailed);
    CHECKSUM(Receive.UdpChecksumFailed);
    CHECKSUM(Receive.IpChecksumFailed);
    CHECKSUM(Receive.TcpChecksumSucceeded);
    CHECKSUM(Receive.UdpChecksumSucceeded);
    CHECKSUM(Receive.IpChecksumSucceeded);
    CHECKSUM(Receive.Loopback);
    CHECKSUM(Receive.TcpChecksumValueInvalid);
    CHECKSUM(Receive.IpChecksumValueInvalid);
#define LARGE_SEND(member) FIELD(NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO, member)
    LARGE_SEND(Transmit.Type);
    LARGE_SEND(LsoV1Transmit.MSS);
    LARGE_SEND(LsoV1Transmit.TcpHeaderOffset);
    LARGE_SEND(LsoV1TransmitComplete.TcpPayload);
    LARGE_SEND(LsoV2Transmit.MSS);
    LARGE_SEND(LsoV2Transmit.TcpHeaderOffset);
    LARGE_SEND(LsoV2Transmit.IPVersion);
    LARGE_SEND(LsoV2TransmitComplete.Reserved);
#define UDP(member) FIELD(NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO, member)
    UDP(Transmit.MSS);
    UDP(Transmit.UdpHeaderOffset);
    UDP(Transmit.IPVersion);
    FIELD(NDIS_NET_BUFFER_LIST_8021Q_INFO, TagHeader.UserPriority);
    FIELD(NDIS_NET_BUFFER_LIST_8021Q_INFO, TagHeader.CanonicalFormatId);
    FIELD(NDIS_NET_BUFFER_LIST_8021Q_INFO, TagHeader.VlanId);
    FIELD(NDIS_NET_BUFFER_LIST_FILTERING_INFO, FilteringInfo.FilterId);
    FIELD(NDIS_NET_BUFFER_LIST_FILTERING_INFO, FilteringInfo.QueueVPortInfo.QueueId);
    FIELD(NDIS_NET_BUFFER_LIST_FILTERING_INFO, FilteringInfo.QueueVPortInfo.VPortId);
    FIELD(NDIS_RSC_NBL_INFO, Info.CoalescedSegCount);
    FIELD(NDIS_RSC_NBL_INFO, Info.DupAckCount);
    FIELD(NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO, Receive.SegCount);
    FIELD(NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO, Receive.SegSize);
    FIELD(NDIS_NET_BUFFER_LIST_VIRTUAL_SUBNET_INFO, VirtualSubnetId);
    FIELD(NDIS_NET_BUFFER_LIST_VIRTUAL_SUBNET_INFO, ReservedVsidBits);
#define INNER(member) FIELD(NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO, EncapsulatedPacketOffsets.member)
    INNER(IsEncapsulatedPacket);
    INNER(EncapsulatedPacketOffsetsValid);
    INNER(InnerFrameOffset);
    INNER(TransportIpHeaderRelativeOffset);
    INNER(TcpHeaderRelativeOffset);
    INNER(IsInnerIPv6);
    INNER(TcpOptionsPresent);
#define Value AsUINT64
#define SWITCH(member) FIELD(NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO, member)
    SWITCH(NumAvailableDestinations);
    SWITCH(SourcePortId);
    SWITCH(SourceNicIndex);
    SWITCH(NativeForwardingRequired);
    SWITCH(IsPacketDataSafe);
    SWITCH(SafePacketDataSize);
    SWITCH(IsPacketDataUncached);
    SWITCH(IsSafePacketDataUncached);
#undef Value
    EQUAL(rust_fields(), field, "fields that Rust has");
}

int main(int count, char **arguments)
{
    if (count > 1 && !strcmp(arguments[1], "overrun")) {
        NET_BUFFER_SHARED_MEMORY *two = zeroed(2 * sizeof *two);
        printf("%llu\n", (unsigned long long)rust_read_past(two, 3));
        return 0;
    }
    EQUAL(rust_size_of_a_list(), sizeof(NET_BUFFER_LIST), "bytes of a NET_BUFFER_LIST");
    lengths();
    memory_of_the_hal();
    cycles();
    edits();
    bit_fields();
    /* In the words that test runners end with, so that these are counted too. */
    printf("test result: %s. %u passed; %u failed; 0 ignored\n", failed ? "FAILED" : "ok", passed, failed);
    return failed != 0;
}
