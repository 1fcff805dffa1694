//! Slots `NetBufferListHashValue` and `NetBufferListHashInfo`: the receive hash of the frames, and what it was made over.
//!
//! Windows has no structure for these two, only accessors of the list; so have we.

use crate::basic::{PVOID, ULONG, ULONG_PTR};
use crate::net_buffer_list::NET_BUFFER_LIST;
use crate::slots::{NetBufferListHashInfo, NetBufferListHashValue};

/// The Toeplitz hash. NDIS 6.0. Page: NDIS_RECEIVE_SCALE_PARAMETERS.
pub const NdisHashFunctionToeplitz: ULONG = 0x0000_0001;
/// Reserved. NDIS 6.0. Page: NDIS_RECEIVE_SCALE_PARAMETERS.
pub const NdisHashFunctionReserved1: ULONG = 0x0000_0002;
/// Reserved. NDIS 6.0. Page: NDIS_RECEIVE_SCALE_PARAMETERS.
pub const NdisHashFunctionReserved2: ULONG = 0x0000_0004;
/// Reserved. NDIS 6.0. Page: NDIS_RECEIVE_SCALE_PARAMETERS.
pub const NdisHashFunctionReserved3: ULONG = 0x0000_0008;

/// Bits of the hash info that name the function. NDIS 6.0. Page: NDIS_RECEIVE_SCALE_PARAMETERS.
pub const NDIS_HASH_FUNCTION_MASK: ULONG = 0x0000_00FF;
/// Bits of the hash info that name what was hashed. NDIS 6.0. Page: NDIS_RECEIVE_SCALE_PARAMETERS.
pub const NDIS_HASH_TYPE_MASK: ULONG = 0x00FF_FF00;

/// IPv4 addresses. NDIS 6.0. Page: RSS Hashing Types.
pub const NDIS_HASH_IPV4: ULONG = 0x0000_0100;
/// IPv4 addresses and TCP ports. NDIS 6.0. Page: RSS Hashing Types.
pub const NDIS_HASH_TCP_IPV4: ULONG = 0x0000_0200;
/// IPv6 addresses. NDIS 6.0. Page: RSS Hashing Types.
pub const NDIS_HASH_IPV6: ULONG = 0x0000_0400;
/// IPv6 addresses, those of extension headers first. NDIS 6.0. Page: RSS Hashing Types.
pub const NDIS_HASH_IPV6_EX: ULONG = 0x0000_0800;
/// IPv6 addresses and TCP ports. NDIS 6.0. Page: RSS Hashing Types.
pub const NDIS_HASH_TCP_IPV6: ULONG = 0x0000_1000;
/// IPv6 addresses, those of extension headers first, and TCP ports. NDIS 6.0. Page: RSS Hashing Types.
pub const NDIS_HASH_TCP_IPV6_EX: ULONG = 0x0000_2000;
/// IPv4 addresses and UDP ports. NDIS 6.80. Page: RSS Hashing Types.
pub const NDIS_HASH_UDP_IPV4: ULONG = 0x0000_4000;
/// IPv6 addresses and UDP ports. NDIS 6.80. Page: RSS Hashing Types.
pub const NDIS_HASH_UDP_IPV6: ULONG = 0x0000_8000;
/// IPv6 addresses, those of extension headers first, and UDP ports. NDIS 6.80. Page: RSS Hashing Types.
pub const NDIS_HASH_UDP_IPV6_EX: ULONG = 0x0001_0000;

/// The hash, 32 bits. NDIS 6.0. Page: NET_BUFFER_LIST_GET_HASH_VALUE.
#[inline]
pub fn NET_BUFFER_LIST_GET_HASH_VALUE(nbl: &NET_BUFFER_LIST) -> ULONG {
    nbl.NetBufferListInfo[NetBufferListHashValue] as ULONG_PTR as ULONG
}

/// What was hashed, one of `NDIS_HASH_*`; 0 when there is no hash. NDIS 6.0. Page: NET_BUFFER_LIST_GET_HASH_TYPE.
#[inline]
pub fn NET_BUFFER_LIST_GET_HASH_TYPE(nbl: &NET_BUFFER_LIST) -> ULONG {
    hash_info(nbl) & NDIS_HASH_TYPE_MASK
}

/// How it was hashed, one of `NdisHashFunction*`. NDIS 6.0. Page: NET_BUFFER_LIST_GET_HASH_FUNCTION.
#[inline]
pub fn NET_BUFFER_LIST_GET_HASH_FUNCTION(nbl: &NET_BUFFER_LIST) -> ULONG {
    hash_info(nbl) & NDIS_HASH_FUNCTION_MASK
}

/// Sets the hash. NDIS 6.0. Page: NET_BUFFER_LIST_SET_HASH_VALUE.
#[inline]
pub fn NET_BUFFER_LIST_SET_HASH_VALUE(nbl: &mut NET_BUFFER_LIST, value: ULONG) {
    nbl.NetBufferListInfo[NetBufferListHashValue] = value as ULONG_PTR as PVOID;
}

/// Sets what was hashed, leaving the function. NDIS 6.0. Page: NET_BUFFER_LIST_SET_HASH_TYPE.
#[inline]
pub fn NET_BUFFER_LIST_SET_HASH_TYPE(nbl: &mut NET_BUFFER_LIST, kind: ULONG) {
    set_hash_info(nbl, NDIS_HASH_TYPE_MASK, kind);
}

/// Sets how it was hashed, leaving the type. NDIS 6.0. Page: NET_BUFFER_LIST_SET_HASH_FUNCTION.
#[inline]
pub fn NET_BUFFER_LIST_SET_HASH_FUNCTION(nbl: &mut NET_BUFFER_LIST, function: ULONG) {
    set_hash_info(nbl, NDIS_HASH_FUNCTION_MASK, function);
}

fn hash_info(nbl: &NET_BUFFER_LIST) -> ULONG {
    nbl.NetBufferListInfo[NetBufferListHashInfo] as ULONG_PTR as ULONG
}

fn set_hash_info(nbl: &mut NET_BUFFER_LIST, mask: ULONG, value: ULONG) {
    let info = (hash_info(nbl) & !mask) | (value & mask);
    nbl.NetBufferListInfo[NetBufferListHashInfo] = info as ULONG_PTR as PVOID;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_value_type_and_function_are_kept_apart() {
        let mut nbl = NET_BUFFER_LIST::zeroed();
        NET_BUFFER_LIST_SET_HASH_VALUE(&mut nbl, 0xFFFF_FFFF);
        NET_BUFFER_LIST_SET_HASH_TYPE(&mut nbl, NDIS_HASH_UDP_IPV6_EX);
        NET_BUFFER_LIST_SET_HASH_FUNCTION(&mut nbl, NdisHashFunctionToeplitz);
        assert_eq!(NET_BUFFER_LIST_GET_HASH_VALUE(&nbl), 0xFFFF_FFFF);
        assert_eq!(NET_BUFFER_LIST_GET_HASH_TYPE(&nbl), NDIS_HASH_UDP_IPV6_EX);
        assert_eq!(
            NET_BUFFER_LIST_GET_HASH_FUNCTION(&nbl),
            NdisHashFunctionToeplitz
        );

        NET_BUFFER_LIST_SET_HASH_TYPE(&mut nbl, NDIS_HASH_FUNCTION_MASK);
        assert_eq!(
            NET_BUFFER_LIST_GET_HASH_TYPE(&nbl),
            0,
            "what is no type is not stored as one"
        );
        assert_eq!(
            NET_BUFFER_LIST_GET_HASH_FUNCTION(&nbl),
            NdisHashFunctionToeplitz
        );
    }
}
