//! Receive side scaling: which of a port's receive queues a frame goes to, by the hash of its flow.
//!
//! The hash is NDIS's Toeplitz hash over what NDIS has a hash type for, with the key that Microsoft
//! verifies it with:
//!
//! | frame | hashed | hash type |
//! | --- | --- | --- |
//! | TCP, UDP over IPv4 or IPv6, not a fragment | both addresses and both ports | `TCP_IPV4`, `UDP_IPV4`, `TCP_IPV6`, `UDP_IPV6` |
//! | other IPv4 or IPv6, fragments | both addresses | `IPV4`, `IPV6` |
//! | everything else | nothing: receive queue 0, as NDIS has it for a frame without a hash | none |
//!
//! VLAN tags, IPv4 options and the IPv6 headers in front of TCP and UDP are stepped over as far as the lookahead reaches.
//! All fragments of a datagram are hashed alike, so they keep their order.
//!
//! The hash is a sum (XOR) of one word of the key's for each bit that is set, so it is looked up a byte at a time:
//! 36 tables of 256 words, of which IPv4 needs a third. Half bytes need 4.5 KiB instead of 36, and twice the
//! lookups: 8 ns instead of 5 for IPv4, and still 10 instead of 7 when the first-level cache has neither.

use nbl::Nbl;
use ndis::{
    NDIS_HASH_IPV4, NDIS_HASH_IPV6, NDIS_HASH_TCP_IPV4, NDIS_HASH_TCP_IPV6, NDIS_HASH_UDP_IPV4,
    NDIS_HASH_UDP_IPV6,
};

use crate::ethernet;
use crate::policy::protocol::{TCP, UDP};
use crate::policy::{Part, chain};

/// The longest input: two IPv6 addresses and two ports.
const MAX_INPUT: usize = 36;

const KEY: [u8; MAX_INPUT + 4] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];

/// By byte of the input, then by its value.
static TABLES: [[u32; 256]; MAX_INPUT] = tables();

/// A frame's hash, and what it was made of: one of `NDIS_HASH_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hash {
    pub(crate) value: u32,
    pub(crate) kind: u32,
}

/// Entries of an indirection table: the hash's low seven bits.
const ENTRIES: usize = 128;

/// Which receive queue a hash leads to.
#[derive(Clone, Debug)]
pub(crate) struct IndirectionTable([u8; ENTRIES]);

impl IndirectionTable {
    /// Spreads flows evenly over `queues` receive queues.
    pub(crate) fn even(queues: usize) -> Self {
        Self(std::array::from_fn(|entry| (entry % queues.max(1)) as u8))
    }

    #[inline]
    pub(crate) fn queue(&self, hash: Hash) -> u8 {
        self.0[hash.value as usize % ENTRIES]
    }
}

/// The hash of a frame, which stays with it in slots 8 and 9.
#[inline]
pub(crate) fn of(frame: Nbl<'_>) -> Option<Hash> {
    if let Some((value, kind)) = frame.hash() {
        return Some(Hash { value, kind });
    }
    let hash = hash(frame.lookahead())?;
    frame.set_hash(hash.value, hash.kind);
    Some(hash)
}

/// The hash of the frame that begins with `lookahead`; `None` if NDIS has no hash type for it.
#[inline]
fn hash(lookahead: &[u8]) -> Option<Hash> {
    let (ether_type, packet) = ethernet::payload(lookahead)?;
    match ether_type {
        ethernet::IPV4 => ipv4(packet),
        ethernet::IPV6 => ipv6(packet),
        _ => None,
    }
}

#[inline]
fn ipv4(packet: &[u8]) -> Option<Hash> {
    let header = packet.first_chunk::<20>()?;
    if header[0] >> 4 != 4 {
        return None;
    }
    let addresses = toeplitz(0, &packet[12..20]);
    let is_fragment = (header[6] & 0x3f) | header[7] != 0;
    let kind = match header[9] {
        _ if is_fragment => NDIS_HASH_IPV4,
        TCP => NDIS_HASH_TCP_IPV4,
        UDP => NDIS_HASH_UDP_IPV4,
        _ => NDIS_HASH_IPV4,
    };
    let ports = packet.get(usize::from(header[0] & 0xf).max(5) * 4..);
    Some(with_ports(addresses, 8, kind, NDIS_HASH_IPV4, ports))
}

#[inline]
fn ipv6(packet: &[u8]) -> Option<Hash> {
    let header = packet.first_chunk::<40>()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    let addresses = toeplitz(0, &packet[8..40]);
    let (protocol, rest) = match header[6] {
        protocol @ (TCP | UDP) => (Some(protocol), packet.get(40..)),
        first => behind_extensions(first, packet),
    };
    let kind = match protocol {
        Some(TCP) => NDIS_HASH_TCP_IPV6,
        Some(UDP) => NDIS_HASH_UDP_IPV6,
        _ => NDIS_HASH_IPV6,
    };
    Some(with_ports(addresses, 32, kind, NDIS_HASH_IPV6, rest))
}

/// What follows the extension headers, if that can be seen and is not a fragment.
fn behind_extensions(first: u8, packet: &[u8]) -> (Option<u8>, Option<&[u8]>) {
    let chain = chain(first, packet);
    let protocol = chain.protocol.filter(|_| chain.part == Part::Whole);
    (protocol, packet.get(chain.at..))
}

/// Adds the ports to a hash over `at` bytes of addresses. A frame whose ports cannot be seen keeps the
/// hash over its addresses, whose type is `without`.
#[inline]
fn with_ports(addresses: u32, at: usize, kind: u32, without: u32, rest: Option<&[u8]>) -> Hash {
    match rest.and_then(<[u8]>::first_chunk::<4>) {
        Some(ports) if kind != without => Hash {
            value: addresses ^ toeplitz(at, ports),
            kind,
        },
        _ => Hash {
            value: addresses,
            kind: without,
        },
    }
}

/// The part of the hash that bytes from the `at`th of the input make up.
#[inline]
fn toeplitz(at: usize, bytes: &[u8]) -> u32 {
    let tables = &TABLES[at..];
    let look_up = |(&byte, table): (&u8, &[u32; 256])| table[usize::from(byte)];
    let words = bytes.iter().zip(tables).map(look_up);
    words.fold(0, |sum, word| sum ^ word)
}

const fn tables() -> [[u32; 256]; MAX_INPUT] {
    let mut tables = [[0; 256]; MAX_INPUT];
    let mut byte = 0;
    while byte < MAX_INPUT {
        let mut bit = 0;
        while bit < 8 {
            // What this bit adds to every value below it, which are there already.
            let word = key_at(8 * byte + 7 - bit);
            let mut below = 0;
            while below < 1 << bit {
                tables[byte][below | 1 << bit] = tables[byte][below] ^ word;
                below += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    tables
}

/// The 32 bits of the key from bit `at` on.
const fn key_at(at: usize) -> u32 {
    let mut word = 0;
    let mut bit = 0;
    while bit < 32 {
        let place = at + bit;
        word = word << 1 | (KEY[place / 8] >> (7 - place % 8) & 1) as u32;
        bit += 1;
    }
    word
}

#[cfg(test)]
mod tests;
