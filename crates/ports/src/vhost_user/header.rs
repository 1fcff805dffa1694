//! The virtio-net header (virtio 1.2 5.1.6) in front of every frame.

/// Its length with VIRTIO_F_VERSION_1, whether or not buffers are mergeable.
pub(super) const LEN: usize = 12;

/// A header for a frame without offloads that is spread over `buffers` receive buffers.
#[inline]
pub(super) fn plain(buffers: u16) -> [u8; LEN] {
    let mut header = [0; LEN];
    header[10..].copy_from_slice(&buffers.to_le_bytes());
    header
}

/// True when `header` asks for nothing: no checksum to fill in, no segmentation. All else must have
/// been negotiated (virtio 1.2 5.1.6.2), and is not offered.
#[inline]
pub(super) fn is_plain(header: &[u8; LEN]) -> bool {
    let [flags, gso_type, ..] = *header;
    flags & NEEDS_CSUM == 0 && gso_type & !GSO_ECN == GSO_NONE
}

const NEEDS_CSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_ECN: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_header_names_its_buffers_in_little_endian() {
        assert_eq!(plain(0x0102)[10..], [2, 1]);
        assert!(is_plain(&plain(3)));
    }

    #[test]
    fn a_header_that_asks_for_an_offload_is_not_plain() {
        let mut checksum = plain(0);
        checksum[0] = NEEDS_CSUM;
        assert!(!is_plain(&checksum));
        let mut segmentation = plain(0);
        segmentation[1] = 1;
        assert!(!is_plain(&segmentation));
    }
}
