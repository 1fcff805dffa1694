//! The virtio-net header (virtio 1.2 5.1.6) in front of every frame.
//!
//! ```text
//! 0      1         2        4         6           8            10           12
//! | flags | gso_type | hdr_len | gso_size | csum_start | csum_offset | num_buffers |
//! ```

use nbl::Nbl;
use switch::DropReason;
use switch::offload::{Checksum, Cutting, Kind, Offload, Offloads};

/// Its length with VIRTIO_F_VERSION_1, whether or not buffers are mergeable.
pub(super) const LEN: usize = 12;

/// The header to a guest, for a frame that is spread over `buffers` receive buffers and that the guest takes as it is.
#[inline]
pub(super) fn to_guest(frame: Nbl<'_>, buffers: u16) -> [u8; LEN] {
    match Offload::of(frame) {
        None => plain(buffers),
        Some(offload) => undone(offload, frame.lookahead(), buffers),
    }
}

/// True when `header` asks for nothing: no checksum to fill in, no segmentation. Flags that are not known are to be
/// ignored (virtio 1.2 5.1.6.2.2).
#[inline]
pub(super) fn is_plain(header: &[u8; LEN]) -> bool {
    const ASKS: u16 = u16::from_le_bytes([NEEDS_CSUM, !GSO_ECN]);
    u16::from_le_bytes([header[0], header[1]]) & ASKS == 0
}

/// What a header that is not plain leaves undone in its frame of `len` bytes, judged. `hdr_len` is not looked at: where the
/// headers end, they say themselves.
///
/// # Errors
/// Why the frame is dropped: the guest asks for what it did not negotiate, or for what makes no sense.
pub(super) fn from_guest(
    header: &[u8; LEN],
    negotiated: Offloads,
    lookahead: &[u8],
    len: u32,
) -> Result<Offload, DropReason> {
    let [flags, gso_type, ..] = *header;
    let word = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let (kind, needs) = match gso_type & !GSO_ECN {
        GSO_NONE => (None, Offloads::CHECKSUM),
        GSO_TCPV4 => (Some(Kind::Tcp4), Offloads::TCP4),
        GSO_TCPV6 => (Some(Kind::Tcp6), Offloads::TCP6),
        GSO_UDP_L4 => (
            Some(Kind::udp(lookahead).ok_or(DropReason::BadOffload)?),
            Offloads::UDP4 | Offloads::UDP6,
        ),
        _ => return Err(DropReason::OffloadNotNegotiated),
    };
    let ecn = if kind.is_some() && gso_type & GSO_ECN != 0 {
        Offloads::ECN
    } else {
        Offloads::NONE
    };
    if !negotiated.has(needs | ecn | Offloads::CHECKSUM) {
        return Err(DropReason::OffloadNotNegotiated);
    }
    if flags & NEEDS_CSUM == 0 {
        return Err(DropReason::BadOffload);
    }
    let asked = Offload {
        checksum: Checksum {
            start: word(CSUM_START),
            offset: word(CSUM_OFFSET),
        },
        cutting: kind.map(|kind| Cutting {
            kind,
            mss: word(GSO_SIZE),
        }),
    };
    asked
        .judge(lookahead, len)
        .map_err(|_| DropReason::BadOffload)
}

/// A header for a frame without offloads.
#[inline]
pub(super) fn plain(buffers: u16) -> [u8; LEN] {
    let mut header = [0; LEN];
    header[NUM_BUFFERS..].copy_from_slice(&buffers.to_le_bytes());
    header
}

/// A header that leaves the work to the receiver (virtio 1.2 5.1.6.4.1).
fn undone(offload: Offload, lookahead: &[u8], buffers: u16) -> [u8; LEN] {
    let mut header = plain(buffers);
    let mut put = |at: usize, word: u16| header[at..at + 2].copy_from_slice(&word.to_le_bytes());
    put(CSUM_START, offload.checksum.start);
    put(CSUM_OFFSET, offload.checksum.offset);
    let mut gso_type = GSO_NONE;
    if let Some(Cutting { kind, mss }) = offload.cutting {
        put(HDR_LEN, offload.header(lookahead).unwrap_or(0));
        put(GSO_SIZE, mss);
        gso_type = match kind {
            Kind::Tcp4 => GSO_TCPV4,
            Kind::Tcp6 => GSO_TCPV6,
            Kind::Udp4 | Kind::Udp6 => GSO_UDP_L4,
        };
        if offload.needs(lookahead).has(Offloads::ECN) {
            gso_type |= GSO_ECN;
        }
    }
    header[0] = NEEDS_CSUM;
    header[1] = gso_type;
    header
}

const NEEDS_CSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;
const GSO_ECN: u8 = 0x80;

const HDR_LEN: usize = 2;
const GSO_SIZE: usize = 4;
const CSUM_START: usize = 6;
const CSUM_OFFSET: usize = 8;
const NUM_BUFFERS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::golden;

    const ALL: Offloads = super::super::features::from_guest_offloads(u64::MAX);

    #[test]
    fn a_plain_header_names_its_buffers_in_little_endian() {
        assert_eq!(plain(0x0102)[10..], [2, 1]);
        assert!(is_plain(&plain(3)));
    }

    #[test]
    fn a_header_that_asks_for_an_offload_is_not_plain() {
        for (at, byte) in [(0, NEEDS_CSUM), (1, GSO_TCPV4), (1, GSO_UDP_L4 | GSO_ECN)] {
            let mut header = plain(0);
            header[at] = byte;
            assert!(!is_plain(&header));
        }
        let mut unknown = plain(0);
        (unknown[0], unknown[1]) = (!NEEDS_CSUM, GSO_ECN);
        assert!(is_plain(&unknown));
    }

    #[test]
    fn what_a_guest_asks_is_what_another_is_told() {
        for case in golden::all() {
            if case.finished.is_empty() || case.name.ends_with("-fits") {
                continue;
            }
            let lookahead = &case.frame[..case.frame.len().min(nbl::LOOKAHEAD)];
            let len = case.frame.len() as u32;
            let offload = from_guest(&case.header, ALL, lookahead, len).unwrap();
            let told = undone(offload, lookahead, 0);
            assert_eq!(told, case.header, "{}", case.name);
        }
    }

    #[test]
    fn what_was_not_negotiated_is_told_from_what_makes_no_sense() {
        let of = |name: &str| golden::all().into_iter().find(|case| case.name == name);
        let asked = |name, negotiated, change: &dyn Fn(&mut [u8; LEN])| {
            let mut case = of(name).unwrap();
            change(&mut case.header);
            let lookahead = &case.frame[..case.frame.len().min(nbl::LOOKAHEAD)];
            from_guest(&case.header, negotiated, lookahead, case.frame.len() as u32).err()
        };
        let [not_negotiated, bad] = [DropReason::OffloadNotNegotiated, DropReason::BadOffload];
        let none = &|_: &mut [u8; LEN]| {};
        let checksum = Offloads::CHECKSUM;
        for (name, all_but_one) in [
            ("tcp4", checksum | Offloads::TCP6),
            ("tcp6", checksum | Offloads::TCP4),
            ("udp4", checksum | Offloads::TCP4 | Offloads::TCP6),
            ("tcp4-flags", checksum | Offloads::TCP4),
            ("tcp4-checksum", Offloads::NONE),
        ] {
            assert_eq!(asked(name, ALL, none), None);
            assert_eq!(asked(name, all_but_one, none), Some(not_negotiated));
        }
        // Fragmentation of UDP, which is not offered.
        assert_eq!(
            asked("udp4", ALL, &|header| header[1] = 3),
            Some(not_negotiated)
        );
        assert_eq!(asked("tcp4", ALL, &|header| header[0] = 0), Some(bad));
        assert_eq!(asked("bad-no-size", ALL, none), Some(bad));
        assert_eq!(asked("bad-offset", ALL, none), Some(bad));
        // What it says of the headers' length does not matter.
        let lies = |header: &mut [u8; LEN]| header[HDR_LEN..GSO_SIZE].fill(0xff);
        assert_eq!(asked("tcp4", ALL, &lies), None);
    }
}
