//! The to-guest half: buffers are posted, frames are put together from what the device used, buffers are posted again.
//!
//! ```text
//! mergeable       one descriptor a buffer:    | header | beginning of frame |  | next piece |  ...   (virtio 1.2, 5.1.6.4)
//! not mergeable   two descriptors a buffer:   | header | gap | whole frame |
//! ```
//!
//! Invariant: every buffer is in the ring but for the moment in which its frame is read.

use std::io;
use std::time::{Duration, Instant};

use shmem::{Array, Window};

use super::{Events, GuestOptions, Ram, guard};
use crate::net_header::{NET_HEADER, NUM_BUFFERS_AT, NetHeader};
use crate::ring::{Buf, DriverRing, Used};

/// From the beginning of a buffer that is not mergeable to its second descriptor.
const FRAME_AT: u32 = 64;
/// Reposted buffers are published in lots of this many, as drivers do, or when nothing more is there.
const LOT: u16 = 16;

/// Receives frames in a guest.
pub struct Receiver {
    ring: DriverRing,
    events: Events,
    ram: Ram,
    gpa: u64,
    stride: u32,
    buffer_size: u32,
    mergeable: bool,
    buffers: u16,
    /// By token: the buffer's number.
    buffer_of: Box<[u16]>,
    /// All buffers as words: one of them is read without looking its window up.
    words: Array<u16>,
}

/// What [`Receiver::drain`] went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Whole frames.
    pub frames: u64,
    /// Their bytes, without headers.
    pub bytes: u64,
}

impl Receiver {
    pub(super) fn bytes(options: GuestOptions) -> u64 {
        let GuestOptions {
            ring_size,
            buffer_size,
            mergeable,
            ..
        } = options;
        u64::from(stride(buffer_size, mergeable)) * u64::from(ring_size)
    }

    pub(super) fn new(
        ram: Ram,
        mut ring: DriverRing,
        gpa: u64,
        buffer_size: u32,
        mergeable: bool,
    ) -> io::Result<Receiver> {
        ring.disarm_call();
        let size = usize::from(ring.size());
        let stride = stride(buffer_size, mergeable);
        let words = ram.memory().array_at_gpa(gpa, size * stride as usize / 2);
        let mut receiver = Receiver {
            ring,
            events: Events::new()?,
            ram,
            gpa,
            stride,
            buffer_size,
            mergeable,
            buffers: 0,
            buffer_of: vec![0; size].into(),
            words: words.expect("the buffers lie in guest memory"),
        };
        while receiver.ring.free() > 0 && receiver.post(receiver.buffers) {
            receiver
                .guards(receiver.buffers)
                .into_iter()
                .for_each(guard::fill);
            receiver.buffers += 1;
        }
        receiver.ring.publish();
        Ok(receiver)
    }

    /// Takes the next whole frame without its header, which it gives, and reposts the buffers.
    ///
    /// # Panics
    ///
    /// If the device broke a rule of the ring or of frames in it.
    pub fn receive(&mut self, frame: &mut Vec<u8>) -> Option<NetHeader> {
        let Some(first) = self.poll_filled() else {
            self.flush();
            return None;
        };
        let header = self.header(first);
        let mut taken = first;
        let mut len = 0;
        for piece in 0..header.num_buffers {
            if piece > 0 {
                taken = self.next_piece(piece, header.num_buffers);
            }
            let (gpa, bytes) = self.piece(taken, piece);
            // Grown as needed and never shrunk before the end: a reused vector is not filled anew for each frame.
            if frame.len() < len + bytes as usize {
                frame.resize(len + bytes as usize, 0);
            }
            self.ram
                .window(gpa, bytes)
                .read(&mut frame[len..len + bytes as usize]);
            len += bytes as usize;
            self.repost(taken);
        }
        frame.truncate(len);
        Some(header)
    }

    /// Goes through at most `frames` frames that are there, checks how they lie in the ring, leaves their bytes unread and
    /// reposts their buffers.
    ///
    /// # Panics
    ///
    /// As [`receive`](Self::receive).
    pub fn drain(&mut self, frames: u64) -> Drained {
        let mut drained = Drained::default();
        while drained.frames < frames {
            let Some(first) = self.poll_filled() else {
                self.flush();
                break;
            };
            let count = self.num_buffers(first);
            let mut taken = first;
            for piece in 0..count {
                if piece > 0 {
                    taken = self.next_piece(piece, count);
                }
                drained.bytes += u64::from(self.piece(taken, piece).1);
                self.repost(taken);
            }
            drained.frames += 1;
        }
        drained
    }

    /// Publishes reposted buffers and kicks if the device waits for them. Gives whether it did.
    pub fn flush(&mut self) -> bool {
        self.ring.publish();
        let wanted = self.ring.needs_kick();
        if wanted {
            self.events.kick();
        }
        wanted
    }

    /// Flushes and sleeps until something is there to receive, at most `timeout`. Gives whether it is.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        self.flush();
        while !self.ring.arm_call() {
            if !self.events.wait_call(deadline) {
                break;
            }
            self.events.take_calls();
        }
        self.ring.disarm_call();
        self.ring.used() > 0
    }

    /// Whether every byte between the buffers is still what it was.
    pub fn guards_are_intact(&self) -> bool {
        (0..self.buffers).all(|buffer| self.guards(buffer).into_iter().all(guard::is_intact))
    }

    /// Number of buffers that are posted when nothing is waiting to be received.
    pub fn buffers(&self) -> u16 {
        self.buffers
    }

    /// The ring itself.
    pub fn ring(&self) -> &DriverRing {
        &self.ring
    }

    /// The ring itself, for those who put chains of their own into it.
    pub fn ring_mut(&mut self) -> &mut DriverRing {
        &mut self.ring
    }

    /// The ring's eventfds.
    pub fn events(&self) -> &Events {
        &self.events
    }

    fn post(&mut self, buffer: u16) -> bool {
        let gpa = self.gpa + u64::from(buffer) * u64::from(self.stride);
        let header = NET_HEADER as u32;
        let token = if self.mergeable {
            self.ring.add_chain(
                &[],
                &[Buf {
                    gpa,
                    len: self.buffer_size,
                }],
            )
        } else {
            let rest = Buf {
                gpa: gpa + u64::from(FRAME_AT),
                len: self.buffer_size - header,
            };
            self.ring.add_chain(&[], &[Buf { gpa, len: header }, rest])
        };
        let Some(token) = token else { return false };
        self.buffer_of[usize::from(token)] = buffer;
        true
    }

    #[inline]
    fn repost(&mut self, used: Used) {
        let posted = self.post(self.buffer_of[usize::from(used.token)]);
        debug_assert!(posted, "a chain that came back left room for itself");
        if self.ring.unpublished() >= LOT {
            self.flush();
        }
    }

    /// The next used buffer with something in it. One that came back empty belongs to a frame that the device could not
    /// finish (its sender's memory vanished, say); it is reused, as the drivers of Linux and DPDK do.
    #[inline]
    fn poll_filled(&mut self) -> Option<Used> {
        loop {
            let used = self.ring.poll_used()?;
            if used.written > 0 {
                return Some(used);
            }
            self.repost(used);
        }
    }

    /// The header in front of a frame.
    fn header(&self, first: Used) -> NetHeader {
        self.expect_header(first);
        let mut bytes = [0; NET_HEADER];
        self.ram
            .window(self.start(first), NET_HEADER as u32)
            .read(&mut bytes);
        let header = NetHeader::from_bytes(bytes);
        self.judge(header.num_buffers);
        header
    }

    /// Of the header in front of a frame, only over how many buffers the frame goes.
    #[inline]
    fn num_buffers(&self, first: Used) -> u16 {
        self.expect_header(first);
        let at = (self.start(first) - self.gpa) as usize + NUM_BUFFERS_AT;
        let num_buffers = u16::from_le(self.words.read(at / 2));
        self.judge(num_buffers);
        num_buffers
    }

    #[inline]
    fn expect_header(&self, first: Used) {
        assert!(
            first.written >= NET_HEADER as u32,
            "the device wrote {} bytes, less than a header (virtio 1.2, 5.1.6.4)",
            first.written
        );
    }

    #[inline]
    fn judge(&self, num_buffers: u16) {
        let most = if self.mergeable { self.ring.size() } else { 1 };
        assert!(
            (1..=most).contains(&num_buffers),
            "the device says the frame lies in {num_buffers} buffers (virtio 1.2, 5.1.6.4.1)"
        );
    }

    #[inline]
    fn next_piece(&mut self, piece: u16, of: u16) -> Used {
        let Some(used) = self.ring.poll_used() else {
            panic!(
                "the device announced {of} buffers but had used only {piece} when it published (virtio 1.2, 5.1.6.4.1)"
            );
        };
        used
    }

    /// Where a piece of the frame lies in a used buffer.
    #[inline]
    fn piece(&self, used: Used, piece: u16) -> (u64, u32) {
        let start = self.start(used);
        match (piece, self.mergeable) {
            (0, true) => (start + NET_HEADER as u64, used.written - NET_HEADER as u32),
            (0, false) => (
                start + u64::from(FRAME_AT),
                used.written - NET_HEADER as u32,
            ),
            _ => (start, used.written),
        }
    }

    #[inline]
    fn start(&self, used: Used) -> u64 {
        self.gpa + u64::from(self.buffer_of[usize::from(used.token)]) * u64::from(self.stride)
    }

    fn guards(&self, buffer: u16) -> Vec<Window<'_>> {
        let gpa = self.gpa + u64::from(buffer) * u64::from(self.stride);
        let mut guards = Vec::with_capacity(2);
        let mut end = self.buffer_size;
        if !self.mergeable {
            guards.push(
                self.ram
                    .window(gpa + NET_HEADER as u64, FRAME_AT - NET_HEADER as u32),
            );
            end = FRAME_AT + self.buffer_size - NET_HEADER as u32;
        }
        guards.push(self.ram.window(gpa + u64::from(end), self.stride - end));
        guards
    }
}

fn stride(buffer_size: u32, mergeable: bool) -> u32 {
    guard::stride(
        buffer_size
            + if mergeable {
                0
            } else {
                FRAME_AT - NET_HEADER as u32
            },
    )
}
