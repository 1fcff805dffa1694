//! The Rust side of `round_trip.c`: walks with `ndis::view`, writes through the accessors.

#![deny(unsafe_op_in_unsafe_fn)]

use ndis::view::{Chain, ViewError, Wrong};
use ndis::*;

/// What a walk met. C has the same structure.
#[repr(C)]
pub struct Seen {
    lists: u64,
    frames: u64,
    mdls: u64,
    segments: u64,
    bytes: u64,
    offsets: u64,
    lengths: u64,
    without_handle: u64,
    error: u32,
}

/// # Safety
/// `chain` is a sound chain or one in a circle, and `seen` can be written.
#[no_mangle]
pub unsafe extern "C" fn rust_walk(
    chain: *mut NET_BUFFER_LIST,
    receive_flags: ULONG,
    seen: *mut Seen,
) {
    let mut met = Seen {
        lists: 0,
        frames: 0,
        mdls: 0,
        segments: 0,
        bytes: 0,
        offsets: 0,
        lengths: 0,
        without_handle: 0,
        error: 0,
    };
    // SAFETY: the caller's chain, for the time of this call.
    let chain = unsafe { Chain::from_raw(chain, receive_flags) };
    met.error = match walk(chain, &mut met) {
        Ok(()) => 0,
        Err(error) if error.wrong == Wrong::Cyclic => 1,
        Err(_) => 2,
    };
    // SAFETY: the caller can write it.
    unsafe { seen.write(met) };
}

fn walk(chain: Chain<'_>, met: &mut Seen) -> Result<(), ViewError> {
    for nbl in chain {
        met.lists += 1;
        for frame in nbl?.frames() {
            let frame = frame?;
            met.frames += 1;
            for mdl in frame.mdls() {
                mdl?;
                met.mdls += 1;
            }
            let mut data = vec![0; frame.data_length() as usize];
            frame.copy_to(0, &mut data)?;
            met.bytes += data.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            for segment in frame.shared_memory().into_iter().flatten() {
                let segment = segment?;
                met.segments += 1;
                met.offsets += u64::from(segment.offset);
                met.lengths += u64::from(segment.length);
                met.without_handle += u64::from(segment.handle.is_null());
            }
        }
    }
    Ok(())
}

/// # Safety
/// All four can be read and written.
#[no_mangle]
pub unsafe extern "C" fn rust_edit(
    nbl: *mut NET_BUFFER_LIST,
    nb: *mut NET_BUFFER,
    segment: *mut NET_BUFFER_SHARED_MEMORY,
    mdl: *mut MDL,
) {
    {
        // SAFETY: the caller's, and nothing else looks at it meanwhile.
        let to = unsafe { &mut *segment };
        NET_BUFFER_SHARED_MEM_SET_NEXT_SEGMENT(to, segment);
        NET_BUFFER_SHARED_MEM_SET_FLAGS(to, 0xA1);
        NET_BUFFER_SHARED_MEM_SET_HANDLE(to, 0xA2 as NDIS_HANDLE);
        NET_BUFFER_SHARED_MEM_SET_OFFSET(to, 0xA3);
        NET_BUFFER_SHARED_MEM_SET_LENGTH(to, 0xA4);
    }
    {
        // SAFETY: the caller's, and nothing else looks at it meanwhile.
        let to = unsafe { &mut *nb };
        NET_BUFFER_SET_NEXT_NB(to, nb);
        NET_BUFFER_SET_CURRENT_MDL(to, mdl);
        NET_BUFFER_SET_CURRENT_MDL_OFFSET(to, 0xB1);
        NET_BUFFER_SET_DATA_LENGTH(to, 0xB2);
        NET_BUFFER_SET_FIRST_MDL(to, mdl);
        NET_BUFFER_SET_DATA_OFFSET(to, 0xB3);
        NET_BUFFER_SET_CHECKSUM_BIAS(to, 0xB4);
        NET_BUFFER_PROTOCOL_RESERVED_MUT(to)[5] = 0xB5 as PVOID;
        NET_BUFFER_MINIPORT_RESERVED_MUT(to)[3] = 0xB6 as PVOID;
        NET_BUFFER_SET_DATA_PHYSICAL_ADDRESS(to, NDIS_PHYSICAL_ADDRESS { QuadPart: 0xB7 });
        NET_BUFFER_SET_FIRST_SHARED_MEM_INFO(to, segment);
    }
    // SAFETY: the caller's, and nothing else looks at it meanwhile.
    let to = unsafe { &mut *nbl };
    NET_BUFFER_LIST_SET_NEXT_NBL(to, nbl);
    NET_BUFFER_LIST_SET_FIRST_NB(to, nb);
    NET_BUFFER_LIST_SET_FLAGS(to, 0xC1);
    NET_BUFFER_LIST_SET_NBL_FLAGS(to, 0xC2);
    NET_BUFFER_LIST_SET_STATUS(to, 0xC3);
    NET_BUFFER_LIST_PROTOCOL_RESERVED_MUT(to)[3] = 0xC4 as PVOID;
    NET_BUFFER_LIST_MINIPORT_RESERVED_MUT(to)[1] = 0xC5 as PVOID;
    NET_BUFFER_LIST_SET_RECEIVE_QUEUE_ID(to, 0xC6);
    NET_BUFFER_LIST_SET_RECEIVE_FILTER_ID(to, 0xC7);
    NDIS_SET_NET_BUFFER_LIST_VLAN_ID(to, 0xC8);
    NET_BUFFER_LIST_SET_HASH_VALUE(to, 0xC9);
    NET_BUFFER_LIST_SET_HASH_TYPE(to, NDIS_HASH_UDP_IPV4);
    NET_BUFFER_LIST_SET_HASH_FUNCTION(to, NdisHashFunctionToeplitz);
    NDIS_SET_NET_BUFFER_LIST_CANCEL_ID(to, 0xCA as PVOID);
    NET_BUFFER_LIST_SET_INFO(to, MaxNetBufferListInfo - 1, 0xCB as PVOID);
}

/// Reads one segment after the other, as many as it is told.
///
/// # Safety
/// There are as many.
#[no_mangle]
pub unsafe extern "C" fn rust_read_past(
    segments: *const NET_BUFFER_SHARED_MEMORY,
    how_many: usize,
) -> u64 {
    (0..how_many)
        // SAFETY: the caller says that there are as many.
        .map(|at| u64::from(unsafe { (*segments.add(at)).SharedMemoryLength }))
        .sum()
}

/// Bytes of a list here.
#[no_mangle]
pub extern "C" fn rust_size_of_a_list() -> usize {
    core::mem::size_of::<NET_BUFFER_LIST>()
}

macro_rules! fields {
    ($( $info:ident.$word:ident { $( $read:ident $write:ident, )+ } )+) => {
        /// Fields in the order in which C goes through them.
        const FIELDS: &[(fn(usize) -> u64, fn(u64) -> usize)] = &[ $( $(
            (
                |word| {
                    let mut info = $info::zeroed();
                    info.$word = word as _;
                    number(info.$read())
                },
                |value| {
                    let mut info = $info::zeroed();
                    info.$write(Field::from_number(value));
                    info.$word as usize
                },
            ),
        )+ )+ ];
    };
}

/// A field's value: a flag or a number.
trait Field {
    fn from_number(number: u64) -> Self;
    fn number(self) -> u64;
}

macro_rules! field {
    ($($kind:ty, $from:expr;)+) => { $(
        impl Field for $kind {
            fn from_number(number: u64) -> Self {
                $from(number)
            }
            fn number(self) -> u64 {
                self as u64
            }
        }
    )+ };
}

field! {
    bool, |number| number != 0;
    USHORT, |number| number as USHORT;
    ULONG, |number| number as ULONG;
}

fn number(field: impl Field) -> u64 {
    field.number()
}

fields! {
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.Value {
        Transmit_IsIPv4 SetTransmit_IsIPv4,
        Transmit_IsIPv6 SetTransmit_IsIPv6,
        Transmit_TcpChecksum SetTransmit_TcpChecksum,
        Transmit_UdpChecksum SetTransmit_UdpChecksum,
        Transmit_IpHeaderChecksum SetTransmit_IpHeaderChecksum,
        Transmit_TcpHeaderOffset SetTransmit_TcpHeaderOffset,
        Receive_TcpChecksumFailed SetReceive_TcpChecksumFailed,
        Receive_UdpChecksumFailed SetReceive_UdpChecksumFailed,
        Receive_IpChecksumFailed SetReceive_IpChecksumFailed,
        Receive_TcpChecksumSucceeded SetReceive_TcpChecksumSucceeded,
        Receive_UdpChecksumSucceeded SetReceive_UdpChecksumSucceeded,
        Receive_IpChecksumSucceeded SetReceive_IpChecksumSucceeded,
        Receive_Loopback SetReceive_Loopback,
        Receive_TcpChecksumValueInvalid SetReceive_TcpChecksumValueInvalid,
        Receive_IpChecksumValueInvalid SetReceive_IpChecksumValueInvalid,
    }
    NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.Value {
        Transmit_Type SetTransmit_Type,
        LsoV1Transmit_MSS SetLsoV1Transmit_MSS,
        LsoV1Transmit_TcpHeaderOffset SetLsoV1Transmit_TcpHeaderOffset,
        LsoV1TransmitComplete_TcpPayload SetLsoV1TransmitComplete_TcpPayload,
        LsoV2Transmit_MSS SetLsoV2Transmit_MSS,
        LsoV2Transmit_TcpHeaderOffset SetLsoV2Transmit_TcpHeaderOffset,
        LsoV2Transmit_IPVersion SetLsoV2Transmit_IPVersion,
        LsoV2TransmitComplete_Reserved SetLsoV2TransmitComplete_Reserved,
    }
    NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO.Value {
        Transmit_MSS SetTransmit_MSS,
        Transmit_UdpHeaderOffset SetTransmit_UdpHeaderOffset,
        Transmit_IPVersion SetTransmit_IPVersion,
    }
    NDIS_NET_BUFFER_LIST_8021Q_INFO.Value {
        UserPriority SetUserPriority,
        CanonicalFormatId SetCanonicalFormatId,
        VlanId SetVlanId,
    }
    NDIS_NET_BUFFER_LIST_FILTERING_INFO.Value {
        FilterId SetFilterId,
        QueueId SetQueueId,
        VPortId SetVPortId,
    }
    NDIS_RSC_NBL_INFO.Value {
        Info_CoalescedSegCount SetInfo_CoalescedSegCount,
        Info_DupAckCount SetInfo_DupAckCount,
    }
    NDIS_UDP_RSC_OFFLOAD_NET_BUFFER_LIST_INFO.Value {
        Receive_SegCount SetReceive_SegCount,
        Receive_SegSize SetReceive_SegSize,
    }
    NDIS_NET_BUFFER_LIST_VIRTUAL_SUBNET_INFO.Value {
        VirtualSubnetId SetVirtualSubnetId,
        ReservedVsidBits SetReservedVsidBits,
    }
    NDIS_TCP_SEND_OFFLOADS_SUPPLEMENTAL_NET_BUFFER_LIST_INFO.Value {
        EncapsulatedPacketOffsets_IsEncapsulatedPacket SetEncapsulatedPacketOffsets_IsEncapsulatedPacket,
        EncapsulatedPacketOffsets_EncapsulatedPacketOffsetsValid
            SetEncapsulatedPacketOffsets_EncapsulatedPacketOffsetsValid,
        EncapsulatedPacketOffsets_InnerFrameOffset SetEncapsulatedPacketOffsets_InnerFrameOffset,
        EncapsulatedPacketOffsets_TransportIpHeaderRelativeOffset
            SetEncapsulatedPacketOffsets_TransportIpHeaderRelativeOffset,
        EncapsulatedPacketOffsets_TcpHeaderRelativeOffset SetEncapsulatedPacketOffsets_TcpHeaderRelativeOffset,
        EncapsulatedPacketOffsets_IsInnerIPv6 SetEncapsulatedPacketOffsets_IsInnerIPv6,
        EncapsulatedPacketOffsets_TcpOptionsPresent SetEncapsulatedPacketOffsets_TcpOptionsPresent,
    }
    NDIS_SWITCH_FORWARDING_DETAIL_NET_BUFFER_LIST_INFO.AsUINT64 {
        NumAvailableDestinations SetNumAvailableDestinations,
        SourcePortId SetSourcePortId,
        SourceNicIndex SetSourceNicIndex,
        NativeForwardingRequired SetNativeForwardingRequired,
        IsPacketDataSafe SetIsPacketDataSafe,
        SafePacketDataSize SetSafePacketDataSize,
        IsPacketDataUncached SetIsPacketDataUncached,
        IsSafePacketDataUncached SetIsSafePacketDataUncached,
    }
}

/// Field number `field` of a slot's word.
#[no_mangle]
pub extern "C" fn rust_field(field: u32, word: usize) -> u64 {
    FIELDS[field as usize].0(word)
}

/// A slot's word in which only field number `field` is set.
#[no_mangle]
pub extern "C" fn rust_with_field(field: u32, value: u64) -> usize {
    FIELDS[field as usize].1(value)
}

/// How many fields there are.
#[no_mangle]
pub extern "C" fn rust_fields() -> u32 {
    FIELDS.len() as u32
}
