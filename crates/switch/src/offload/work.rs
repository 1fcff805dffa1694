//! What a sender left undone, and who takes it like that.
//!
//! A frame carries its undone work out of band, where NDIS has slots for it:
//!
//! | slot | holds |
//! | --- | --- |
//! | 0, checksum | `IsIPv4` or `IsIPv6`, `TcpChecksum` or `UdpChecksum`, `TcpHeaderOffset`; zero: nothing is left undone |
//! | 2, large send | version 2: MSS, `TcpHeaderOffset`, IP version |
//! | 22 (19 on 32-bit), UDP segmentation | MSS, `UdpHeaderOffset`, IP version |
//!
//! NDIS does not use the upper half of slot 0. There stand start and offset of a checksum that it cannot say (of GRE, or
//! more than 1023 bytes into the frame), and of a large frame how many segments have been delivered. That CWR is set in a
//! large TCP frame (only the first segment is to keep it) its header says.

use std::ops::BitOr;

use nbl::Nbl;
use ndis::{
    NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO, NDIS_TCP_LARGE_SEND_OFFLOAD_IPv4,
    NDIS_TCP_LARGE_SEND_OFFLOAD_IPv6, NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO,
    NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE, NDIS_UDP_SEGMENTATION_OFFLOAD_IPV4,
    NDIS_UDP_SEGMENTATION_OFFLOAD_IPV6, NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO,
};

use super::Unfit;
use super::headers::{self, Headers, Ip, Transport};

/// The most frames that one is cut into: 64 KiB in pieces of 128 bytes. A guest that wants more would have the switch work
/// for it alone.
pub(super) const MAX_SEGMENTS: usize = 512;

/// In front of a checksum there are at least an Ethernet and an IP header.
const FIRST_START: u16 = 34;

/// Where a TCP checksum lies in its header.
pub(super) const TCP_CHECKSUM: u16 = 16;
/// Where a UDP checksum lies in its header.
pub(super) const UDP_CHECKSUM: u16 = 6;

const CWR: u8 = 0x80;

/// A checksum to be made over everything from `start` on and put `offset` bytes behind that. What lies there meanwhile is
/// part of the sum: that of the pseudo-header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// Bytes from the beginning of the frame.
    pub start: u16,
    /// Bytes from `start`.
    pub offset: u16,
}

/// What a large frame is to be cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// TCP segments over IPv4.
    Tcp4,
    /// TCP segments over IPv6.
    Tcp6,
    /// UDP datagrams over IPv4.
    Udp4,
    /// UDP datagrams over IPv6.
    Udp6,
}

/// How a large frame is to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutting {
    /// Into what.
    pub kind: Kind,
    /// The most bytes of data that a segment has.
    pub mss: u16,
}

/// What a sender left undone in one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offload {
    /// Always there: whoever leaves the cutting to others leaves them the checksums.
    pub checksum: Checksum,
    /// For a large frame.
    pub cutting: Option<Cutting>,
}

/// A set of offloads: what a receiver takes, or what a frame needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads(u8);

impl Offloads {
    /// None: finished frames only.
    pub const NONE: Self = Self(0);
    /// Frames whose checksum is still to be made.
    pub const CHECKSUM: Self = Self(1);
    /// Large TCP frames over IPv4.
    pub const TCP4: Self = Self(1 << 1);
    /// Large TCP frames over IPv6.
    pub const TCP6: Self = Self(1 << 2);
    /// Large TCP frames with CWR set.
    pub const ECN: Self = Self(1 << 3);
    /// Large UDP frames over IPv4.
    pub const UDP4: Self = Self(1 << 4);
    /// Large UDP frames over IPv6.
    pub const UDP6: Self = Self(1 << 5);
    /// What nobody takes: a large frame whose TCP header lies behind the lookahead.
    const UNSEEN: Self = Self(1 << 7);

    /// Those of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `needed` are in it.
    #[inline]
    #[must_use]
    pub fn has(self, needed: Self) -> bool {
        needed.0 & !self.0 == 0
    }

    /// What `frame` needs its receiver to take.
    #[inline]
    #[must_use]
    pub fn needed_by(frame: Nbl<'_>) -> Self {
        Offload::of(frame).map_or(Self::NONE, |offload| offload.needs(frame.lookahead()))
    }
}

impl BitOr for Offloads {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}

impl Kind {
    /// UDP over the version of IP that the frame has, if it has one.
    #[must_use]
    pub fn udp(lookahead: &[u8]) -> Option<Self> {
        Some(match headers::network(lookahead)?.0 {
            Ip::V4 => Self::Udp4,
            Ip::V6 => Self::Udp6,
        })
    }

    fn needs(self) -> Offloads {
        match self {
            Self::Tcp4 => Offloads::TCP4,
            Self::Tcp6 => Offloads::TCP6,
            Self::Udp4 => Offloads::UDP4,
            Self::Udp6 => Offloads::UDP6,
        }
    }

    fn ip(self) -> Ip {
        match self {
            Self::Tcp4 | Self::Udp4 => Ip::V4,
            Self::Tcp6 | Self::Udp6 => Ip::V6,
        }
    }

    pub(super) fn transport(self) -> Transport {
        match self {
            Self::Tcp4 | Self::Tcp6 => Transport::Tcp,
            Self::Udp4 | Self::Udp6 => Transport::Udp,
        }
    }
}

impl Offload {
    /// Judges what a guest asks for against the first bytes of its frame of `len` bytes. A large frame that one segment
    /// holds is like any other that wants a checksum.
    ///
    /// # Errors
    /// [`Unfit`]. What lies behind the lookahead is judged when it is needed.
    pub fn judge(mut self, lookahead: &[u8], len: u32) -> Result<Self, Unfit> {
        let Checksum { start, offset } = self.checksum;
        if start < FIRST_START || u32::from(start) + u32::from(offset) + 2 > len {
            return Err(Unfit::CutOff);
        }
        if let Some(cutting) = self.cutting {
            match Headers::parse(lookahead) {
                Ok(headers) => self.fits(cutting, &headers)?,
                Err(Unfit::CutOff) if len as usize > lookahead.len() => {}
                Err(unfit) => return Err(unfit),
            }
            if cutting.mss == 0 {
                return Err(Unfit::NoSize);
            }
            if let Some(header) = self.header(lookahead) {
                let data = len.saturating_sub(u32::from(header));
                if data <= u32::from(cutting.mss) {
                    self.cutting = None;
                } else if data.div_ceil(u32::from(cutting.mss)) > MAX_SEGMENTS as u32 {
                    return Err(Unfit::TooManySegments);
                }
            } else if len as usize == lookahead.len() {
                return Err(Unfit::CutOff);
            }
        }
        Ok(self)
    }

    /// What is undone in `frame`, if anything is.
    #[inline]
    #[must_use]
    pub fn of(frame: Nbl<'_>) -> Option<Self> {
        let work = frame.checksum();
        (work.Value != 0).then(|| Self::read(frame, work))
    }

    fn read(frame: Nbl<'_>, work: NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO) -> Self {
        let (offset, cutting) = if work.Transmit_TcpChecksum() {
            let [v4, v6] = [Kind::Tcp4, Kind::Tcp6];
            let kind = if work.Transmit_IsIPv4() { v4 } else { v6 };
            (TCP_CHECKSUM, (kind, frame.large_send().LsoV2Transmit_MSS()))
        } else if work.Transmit_UdpChecksum() {
            let [v4, v6] = [Kind::Udp4, Kind::Udp6];
            let kind = if work.Transmit_IsIPv4() { v4 } else { v6 };
            (
                UDP_CHECKSUM,
                (kind, frame.udp_segmentation().Transmit_MSS()),
            )
        } else {
            let checksum = Checksum {
                start: (work.Value >> 32) as u16,
                offset: (work.Value >> 48) as u16,
            };
            return Self {
                checksum,
                cutting: None,
            };
        };
        let (kind, mss) = cutting;
        Self {
            checksum: Checksum {
                start: work.Transmit_TcpHeaderOffset() as u16,
                offset,
            },
            cutting: (mss != 0).then_some(Cutting {
                kind,
                mss: mss as u16,
            }),
        }
    }

    /// Says in the slots of `frame` what is undone in it.
    pub fn note(self, frame: Nbl<'_>) {
        let Checksum { start, offset } = self.checksum;
        let mut work = NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO::zeroed();
        let ip = headers::network(frame.lookahead()).map(|(ip, _)| ip);
        if ip.is_none()
            || start > MAX_HEADER_OFFSET
            || !matches!(offset, TCP_CHECKSUM | UDP_CHECKSUM)
        {
            work.Value = usize::from(start) << 32 | usize::from(offset) << 48;
            frame.set_checksum(work);
            return;
        }
        work.SetTransmit_IsIPv4(ip == Some(Ip::V4));
        work.SetTransmit_IsIPv6(ip == Some(Ip::V6));
        work.SetTransmit_TcpChecksum(offset == TCP_CHECKSUM);
        work.SetTransmit_UdpChecksum(offset == UDP_CHECKSUM);
        work.SetTransmit_TcpHeaderOffset(start.into());
        frame.set_checksum(work);
        if offset == UDP_CHECKSUM {
            // No burst clears this slot.
            frame.set_udp_segmentation(self.udp_segmentation());
        } else if let Some(Cutting { kind, mss }) = self.cutting {
            let mut work = NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO::zeroed();
            work.SetTransmit_Type(NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE);
            work.SetLsoV2Transmit_MSS(mss.into());
            work.SetLsoV2Transmit_TcpHeaderOffset(start.into());
            work.SetLsoV2Transmit_IPVersion(match kind.ip() {
                Ip::V4 => NDIS_TCP_LARGE_SEND_OFFLOAD_IPv4,
                Ip::V6 => NDIS_TCP_LARGE_SEND_OFFLOAD_IPv6,
            });
            frame.set_large_send(work);
        }
    }

    fn udp_segmentation(self) -> NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO {
        let mut work = NDIS_UDP_SEGMENTATION_OFFLOAD_NET_BUFFER_LIST_INFO::zeroed();
        if let Some(Cutting { kind, mss }) = self.cutting {
            work.SetTransmit_MSS(mss.into());
            work.SetTransmit_UdpHeaderOffset(self.checksum.start.into());
            work.SetTransmit_IPVersion(match kind.ip() {
                Ip::V4 => NDIS_UDP_SEGMENTATION_OFFLOAD_IPV4,
                Ip::V6 => NDIS_UDP_SEGMENTATION_OFFLOAD_IPV6,
            });
        }
        work
    }

    /// Says in `copy`, which is `frame` with another tag or without one, what is undone there: headers have moved.
    ///
    /// # Errors
    /// [`Unfit`]: NDIS cannot say where they are now.
    pub(crate) fn follow(copy: Nbl<'_>, frame: Nbl<'_>) -> Result<(), Unfit> {
        let Some(mut offload) = Self::of(frame) else {
            return Ok(());
        };
        let start = u32::from(offload.checksum.start) + copy.data_len() - frame.data_len();
        offload.checksum.start = u16::try_from(start).map_err(|_| Unfit::CutOff)?;
        if offload.cutting.is_some() && offload.checksum.start > MAX_HEADER_OFFSET {
            return Err(Unfit::OtherHeaders);
        }
        offload.note(copy);
        Self::set_delivered(copy, Self::delivered(frame));
        Ok(())
    }

    /// How many segments of a large frame its receiver has already, which lacked buffers for the others.
    #[must_use]
    pub fn delivered(frame: Nbl<'_>) -> u16 {
        match Self::of(frame) {
            Some(Self {
                cutting: Some(_), ..
            }) => (frame.checksum().Value >> 32) as u16,
            _ => 0,
        }
    }

    /// Notes how many segments of a large frame its receiver has. Of any other, nothing is noted.
    pub fn set_delivered(frame: Nbl<'_>, segments: u16) {
        if let Some(Self {
            cutting: Some(_), ..
        }) = Self::of(frame)
        {
            let mut work = frame.checksum();
            work.Value = work.Value & 0xffff_ffff | usize::from(segments) << 32;
            frame.set_checksum(work);
        }
    }

    /// What a receiver must take to be given the frame as it is.
    #[must_use]
    pub fn needs(self, lookahead: &[u8]) -> Offloads {
        let Some(Cutting { kind, .. }) = self.cutting else {
            return Offloads::CHECKSUM;
        };
        let ecn = match (kind.transport(), self.has_cwr(lookahead)) {
            (Transport::Tcp, None) => Offloads::UNSEEN,
            (Transport::Tcp, Some(true)) => Offloads::ECN,
            _ => Offloads::NONE,
        };
        Offloads::CHECKSUM | kind.needs() | ecn
    }

    /// Bytes of all headers, if the transport's lies in the lookahead.
    #[must_use]
    pub fn header(self, lookahead: &[u8]) -> Option<u16> {
        let start = usize::from(self.checksum.start);
        let transport = match self.cutting?.kind.transport() {
            Transport::Tcp => headers::tcp_header(lookahead, start)?,
            Transport::Udp => headers::UDP,
        };
        Some((start + transport) as u16)
    }

    /// Whether CWR is set in a large TCP frame; `None` if the lookahead ends before it.
    #[must_use]
    pub fn has_cwr(self, lookahead: &[u8]) -> Option<bool> {
        let flags = lookahead.get(usize::from(self.checksum.start) + 13)?;
        Some(flags & CWR != 0)
    }

    /// Whether the headers are what is to be cut.
    pub(super) fn fits(self, cutting: Cutting, headers: &Headers) -> Result<(), Unfit> {
        let transport = cutting.kind.transport();
        let field = match transport {
            Transport::Tcp => TCP_CHECKSUM,
            Transport::Udp => UDP_CHECKSUM,
        };
        if headers.ip != cutting.kind.ip()
            || headers.transport != transport
            || headers.transport_at != usize::from(self.checksum.start)
            || self.checksum.offset != field
            || self.checksum.start > MAX_HEADER_OFFSET
        {
            return Err(Unfit::OtherHeaders);
        }
        Ok(())
    }
}

/// The furthest that NDIS can say where a transport header begins.
const MAX_HEADER_OFFSET: u16 = (1 << 10) - 1;
