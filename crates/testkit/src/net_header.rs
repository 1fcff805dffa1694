//! The 12 bytes in front of every frame in a ring (virtio 1.2, 5.1.6: `struct virtio_net_hdr`).
//!
//! The guest writes and reads them as values of its own; nothing is ever shared with the memory they lie in.

/// Bytes of the header with VIRTIO_F_VERSION_1.
pub const NET_HEADER: usize = 12;
/// Where `num_buffers` lies in it.
pub const NUM_BUFFERS_AT: usize = 10;

/// In `flags`: the checksum from `csum_start` on is still to be made.
pub const F_NEEDS_CSUM: u8 = 1;
/// In `flags`: the device has checked the checksum.
pub const F_DATA_VALID: u8 = 2;
/// In `gso_type`: a frame like any other.
pub const GSO_NONE: u8 = 0;
/// In `gso_type`: to be cut into TCP segments over IPv4.
pub const GSO_TCPV4: u8 = 1;
/// In `gso_type`: to be cut into TCP segments over IPv6.
pub const GSO_TCPV6: u8 = 4;
/// In `gso_type`: to be cut into UDP datagrams.
pub const GSO_UDP_L4: u8 = 5;

/// What guest and device tell each other about a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetHeader {
    /// [`F_NEEDS_CSUM`], [`F_DATA_VALID`].
    pub flags: u8,
    /// One of the `GSO_` constants.
    pub gso_type: u8,
    /// Length of the headers in front of the data to be cut.
    pub hdr_len: u16,
    /// Length of each piece after cutting.
    pub gso_size: u16,
    /// Where checksumming begins.
    pub csum_start: u16,
    /// Where the checksum is to be put, from `csum_start`.
    pub csum_offset: u16,
    /// To the guest: over how many receive buffers the frame goes.
    pub num_buffers: u16,
}

impl NetHeader {
    /// As it lies in memory.
    #[inline]
    pub fn to_bytes(self) -> [u8; NET_HEADER] {
        let mut bytes = [0; NET_HEADER];
        bytes[0] = self.flags;
        bytes[1] = self.gso_type;
        let words = [
            self.hdr_len,
            self.gso_size,
            self.csum_start,
            self.csum_offset,
            self.num_buffers,
        ];
        for (place, word) in bytes[2..].chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// From how it lies in memory.
    #[inline]
    pub fn from_bytes(bytes: [u8; NET_HEADER]) -> NetHeader {
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        NetHeader {
            flags: bytes[0],
            gso_type: bytes[1],
            hdr_len: word(2),
            gso_size: word(4),
            csum_start: word(6),
            csum_offset: word(8),
            num_buffers: word(NUM_BUFFERS_AT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_lies_where_the_specification_puts_it() {
        let header = NetHeader {
            flags: 1,
            gso_type: 2,
            hdr_len: 0x0403,
            gso_size: 0x0605,
            csum_start: 0x0807,
            csum_offset: 0x0a09,
            num_buffers: 0x0c0b,
        };
        assert_eq!(header.to_bytes(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        assert_eq!(NetHeader::from_bytes(header.to_bytes()), header);
    }
}
