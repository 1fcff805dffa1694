//! Finishes in software what a sender left undone: makes the checksum, cuts a large frame.
//!
//! ```text
//! large     │ headers │ data ......................................│
//! segments  │ headers │ mss bytes │ │ headers │ mss bytes │ │ headers │ rest │
//!             id, seq     no FIN, PSH  id+1, seq+mss, no CWR  id+2, seq+2*mss, FIN and PSH as they were
//! ```
//!
//! The bytes are those that Linux would make of the same frame (`tests.rs` has its own). The pseudo-header is never
//! looked for: its sum is in the checksum field when the frame comes, and only the length in it changes. So a routing
//! header, whose last address is the one that counts, needs no special care.

use std::ops::Range;

use super::Unfit;
use super::checksum::{Sum, never_zero};
use super::headers::{self, Headers, Ip, Transport};
use super::work::{Checksum, Cutting, MAX_SEGMENTS, Offload, TCP_CHECKSUM, UDP_CHECKSUM};

/// The most bytes of headers that a frame to be cut has: the furthest that NDIS lets a TCP header begin, and the longest.
pub const MAX_HEAD: usize = 1023 + 60;

const FIN_PSH: u8 = 0x01 | 0x08;
const CWR: u8 = 0x80;

/// Makes a frame's checksum.
///
/// # Errors
/// [`Unfit`], and the frame is as it was, if it ends before the checksum.
pub fn fill_checksum(frame: &mut [u8], Checksum { start, offset }: Checksum) -> Result<(), Unfit> {
    let summed = frame.get_mut(usize::from(start)..).ok_or(Unfit::CutOff)?;
    let sum = Sum::of(summed);
    let field = summed
        .get_mut(usize::from(offset)..)
        .and_then(<[u8]>::first_chunk_mut::<2>)
        .ok_or(Unfit::CutOff)?;
    // Zero is a checksum of TCP's too, but Linux does not give it here either.
    *field = never_zero(sum.checksum()).to_be_bytes();
    Ok(())
}

/// A large frame and how it is cut. Any segment can be asked for at any time.
#[derive(Debug)]
pub struct Cut<'a> {
    frame: &'a [u8],
    headers: Headers,
    head: usize,
    mss: usize,
    segments: usize,
    /// What the checksum field holds, without the length.
    pseudo: Sum,
}

impl<'a> Cut<'a> {
    /// Judges a large frame that is all here, in the host's own copy.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn new(frame: &'a [u8], offload: Offload, cutting: Cutting) -> Result<Self, Unfit> {
        let headers = Headers::parse(frame)?;
        offload.fits(cutting, &headers)?;
        let at = headers.transport_at;
        let transport = frame.get(at..).ok_or(Unfit::CutOff)?;
        let (len, length) = match headers.transport {
            Transport::Tcp => (headers::tcp_header(frame, at), transport.len() as u32),
            // Linux, too, takes the length that the header says.
            Transport::Udp => {
                let length = headers::word(transport, 4).ok_or(Unfit::CutOff)?;
                (Some(headers::UDP), length.into())
            }
        };
        let len = len.ok_or(Unfit::CutOff)?;
        let field = usize::from(offload.checksum.offset);
        let field = headers::word(transport, field).ok_or(Unfit::CutOff)?;
        let pseudo = Sum::default()
            .word(field)
            .without(Sum::default().length(length));
        let data = frame.len().checked_sub(at + len).ok_or(Unfit::CutOff)?;
        let mss = usize::from(cutting.mss);
        if mss == 0 {
            return Err(Unfit::NoSize);
        }
        let segments = data.div_ceil(mss).max(1);
        if segments > MAX_SEGMENTS {
            return Err(Unfit::TooManySegments);
        }
        Ok(Self {
            frame,
            headers,
            head: at + len,
            mss,
            segments,
            pseudo,
        })
    }

    /// How many frames it becomes.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.segments
    }

    /// The data of one of them.
    #[must_use]
    pub fn data(&self, segment: usize) -> &'a [u8] {
        let Range { start, end } = self.range(segment);
        &self.frame[start..end]
    }

    /// Writes the headers of one of them to the front of `into`, and says how many bytes those are.
    pub fn head(&self, segment: usize, into: &mut [u8; MAX_HEAD]) -> usize {
        let into = &mut into[..self.head];
        into.copy_from_slice(&self.frame[..self.head]);
        let data = self.data(segment);
        let (network, transport) = into.split_at_mut(self.headers.transport_at);
        let transport_len = transport.len() + data.len();
        let network = &mut network[self.headers.network_at..];
        match self.headers.ip {
            Ip::V4 => ipv4(network, transport_len, segment),
            Ip::V6 => {
                let payload = network.len() - headers::IPV6 + transport_len;
                put(network, 4, payload as u16);
            }
        }
        let pseudo = self.pseudo.length(transport_len as u32);
        match self.headers.transport {
            Transport::Tcp => {
                self.tcp(transport, segment);
                let sum = pseudo.bytes(transport).bytes(data);
                put(transport, TCP_CHECKSUM.into(), sum.checksum());
            }
            Transport::Udp => {
                put(transport, 4, transport_len as u16);
                put(transport, UDP_CHECKSUM.into(), 0);
                let sum = pseudo.bytes(transport).bytes(data);
                put(transport, UDP_CHECKSUM.into(), never_zero(sum.checksum()));
            }
        }
        self.head
    }

    fn tcp(&self, header: &mut [u8], segment: usize) {
        if let Some(sequence) = header[4..].first_chunk_mut::<4>() {
            let first = u32::from_be_bytes(*sequence);
            *sequence = first
                .wrapping_add((segment * self.mss) as u32)
                .to_be_bytes();
        }
        if segment + 1 < self.segments {
            header[13] &= !FIN_PSH;
        }
        if segment > 0 {
            header[13] &= !CWR;
        }
        put(header, TCP_CHECKSUM.into(), 0);
    }

    fn range(&self, segment: usize) -> Range<usize> {
        let start = (self.head + segment * self.mss).min(self.frame.len());
        start..(start + self.mss).min(self.frame.len())
    }
}

/// The header of the `segment`th packet, which has `behind` bytes behind it.
fn ipv4(header: &mut [u8], behind: usize, segment: usize) {
    let len = header.len() + behind;
    put(header, 2, len as u16);
    let id = headers::word(header, 4).unwrap_or(0);
    put(header, 4, id.wrapping_add(segment as u16));
    put(header, 10, 0);
    let sum = Sum::of(header).checksum();
    put(header, 10, sum);
}

fn put(header: &mut [u8], at: usize, word: u16) {
    header[at..at + 2].copy_from_slice(&word.to_be_bytes());
}
