//! A guest double: memory of its own, a ring pair and a driver that behaves as a well-written kernel's does.
//!
//! ```text
//! gpa   GPA                                                                                         GPA + memory
//!       | from-guest ring | to-guest ring | slots to send | receive buffers | scratch | unused ...        |
//! ```
//!
//! Guest physical and frontend-virtual addresses differ from each other and from offsets in the file, so that whoever takes
//! one for another is found out. Between buffers lie guard bytes, so that whoever writes beyond a buffer is found out too.
//!
//! Invariant: the guest trusts its own records only, checks everything that the device says, and panics with the rule that
//! was broken.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use shmem::{GuestMemory, Mapping, Region, Window};

mod events;
mod receiver;
mod sender;

pub use events::Events;
pub use receiver::{Drained, Receiver};
pub use sender::Sender;

use crate::net_header::{NET_HEADER, NetHeader};
use crate::ring::{Buf, DriverRing, MAX_SIZE, RingOptions};

const SCRATCH: u32 = 64 << 10;

/// The features a guest can ask for, by their bit (virtio 1.2, 5.1.3 and 6; vhost-user for the last).
pub mod features {
    /// What a guest may leave undone in what it sends: CSUM, HOST_TSO4, HOST_TSO6, HOST_ECN, HOST_USO.
    pub const FROM_GUEST_OFFLOADS: [u64; 5] = [1, 1 << 11, 1 << 12, 1 << 13, 1 << 56];
    /// What it takes undone: GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, GUEST_ECN, GUEST_USO4, GUEST_USO6.
    pub const TO_GUEST_OFFLOADS: [u64; 6] = [1 << 1, 1 << 7, 1 << 8, 1 << 9, 1 << 54, 1 << 55];
    /// All of them.
    pub const OFFLOADS: u64 = all(&FROM_GUEST_OFFLOADS) | all(&TO_GUEST_OFFLOADS);
    /// The guest merges receive buffers.
    pub const MRG_RXBUF: u64 = 1 << 15;
    /// The device has several ring pairs.
    pub const MQ: u64 = 1 << 22;
    /// Chains may lie in indirect tables.
    pub const INDIRECT_DESC: u64 = 1 << 28;
    /// Notifications are suppressed by index.
    pub const EVENT_IDX: u64 = 1 << 29;
    /// The backend speaks of protocol features.
    pub const PROTOCOL_FEATURES: u64 = 1 << 30;
    /// Not a legacy device.
    pub const VERSION_1: u64 = 1 << 32;
    /// The rings are packed.
    pub const RING_PACKED: u64 = 1 << 34;

    const fn all(bits: &[u64]) -> u64 {
        match bits {
            [first, rest @ ..] => *first | all(rest),
            [] => 0,
        }
    }
}

/// What kind of guest.
#[derive(Clone, Copy, Debug)]
pub struct GuestOptions {
    /// Bytes of memory.
    pub memory: u64,
    /// Descriptors in each ring, from 2 to 4096; of split rings a power of two.
    pub ring_size: u16,
    /// Whether the rings are packed (VIRTIO_F_RING_PACKED).
    pub packed: bool,
    /// Bytes of each receive buffer, the 12 bytes of header included.
    pub buffer_size: u32,
    /// Whether a frame may go over several receive buffers (VIRTIO_NET_F_MRG_RXBUF). A guest that does not merge posts each
    /// buffer as two descriptors, one for the header and one for the frame.
    pub mergeable: bool,
    /// Whether chains go into indirect tables (VIRTIO_F_INDIRECT_DESC).
    pub indirect: bool,
    /// Whether notifications are suppressed by index (VIRTIO_F_EVENT_IDX).
    pub event_idx: bool,
    /// Ring pairs. A guest of several asks for VIRTIO_NET_F_MQ.
    pub pairs: usize,
    /// Which of [`features::OFFLOADS`] it accepts. It does none of the work itself: the test gives and reads the headers.
    pub offloads: u64,
}

impl Default for GuestOptions {
    fn default() -> GuestOptions {
        GuestOptions {
            memory: 64 << 20,
            ring_size: 256,
            packed: false,
            buffer_size: 2048,
            mergeable: true,
            indirect: true,
            event_idx: true,
            pairs: 1,
            offloads: 0,
        }
    }
}

/// Why there is no guest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuestError {
    /// The rings and buffers do not fit.
    #[error(
        "the guest's rings and buffers take {needed} bytes, but it has {memory}: give it more memory or smaller rings"
    )]
    Memory {
        /// Bytes the layout takes.
        needed: u64,
        /// Bytes there are.
        memory: u64,
    },
    /// An impossible ring.
    #[error(
        "a ring of {0} descriptors is not possible: use 2 to {MAX_SIZE}, of split rings a power of two"
    )]
    RingSize(u16),
    /// A receive buffer that cannot take a frame's beginning.
    #[error(
        "a receive buffer of {0} bytes is too small: it must hold the 12-byte header and something more"
    )]
    BufferSize(u32),
    /// No memory file or no eventfd.
    #[error("cannot get a file from the system: {0}")]
    System(#[from] io::Error),
    /// The memory file cannot be mapped.
    #[error("cannot map the guest's memory: {0}")]
    Map(#[from] shmem::MapError),
}

/// The guest's memory, as the guest, its VMM and a backend each see it.
#[derive(Clone)]
pub struct Ram {
    file: Arc<OwnedFd>,
    memory: Arc<GuestMemory>,
    len: u64,
}

impl Ram {
    /// Guest physical address of the first byte.
    pub const GPA: u64 = 0x1_0000_0000;
    /// The frontend's virtual address of the first byte.
    pub const UVA: u64 = 0x7f5a_4000_0000;

    fn new(len: u64) -> Result<Ram, GuestError> {
        let file = shmem::memfd("testkit-guest", len)?;
        let mapping = Mapping::map(file.as_fd(), 0, len)?;
        let region = Region {
            gpa: Self::GPA,
            uva: Self::UVA,
            len,
            mapping,
            mapping_offset: 0,
            handles: Vec::new(),
        };
        let memory = GuestMemory::new(vec![region]).expect("one region overlaps nothing");
        Ok(Ram {
            file: Arc::new(file),
            memory: Arc::new(memory),
            len,
        })
    }

    /// Number of bytes.
    pub fn bytes(&self) -> u64 {
        self.len
    }

    /// The file that holds the memory.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// The memory by guest physical address.
    pub fn memory(&self) -> &Arc<GuestMemory> {
        &self.memory
    }

    /// The frontend's virtual address of a guest physical address.
    pub fn uva(gpa: u64) -> u64 {
        gpa - Self::GPA + Self::UVA
    }

    /// A window at a guest physical address.
    ///
    /// # Panics
    ///
    /// If it is not inside the memory.
    #[inline]
    pub fn window(&self, gpa: u64, len: u32) -> Window<'_> {
        self.memory
            .window(gpa, len)
            .expect("the guest's own buffers lie in its memory")
    }
}

/// A ring pair after the first.
pub struct Pair {
    /// The machine sends here.
    pub from_guest: Sender,
    /// The machine receives here.
    pub to_guest: Receiver,
}

/// A virtual machine with one network card of one ring pair, or of several.
///
/// The directions and the pairs are independent: take them apart to drive them from several threads.
pub struct Guest {
    /// The machine sends here (virtio's transmitq, ring 1 in the protocol).
    pub from_guest: Sender,
    /// The machine receives here (virtio's receiveq, ring 0 in the protocol).
    pub to_guest: Receiver,
    /// The ring pairs after the first, which [`send`](Self::send) and [`receive`](Self::receive) leave alone.
    pub more_pairs: Vec<Pair>,
    ram: Ram,
    scratch: Buf,
    options: GuestOptions,
}

impl Guest {
    /// A guest with its receive buffers posted, attached to nothing yet.
    pub fn new(options: GuestOptions) -> Result<Guest, GuestError> {
        let GuestOptions {
            memory,
            ring_size,
            packed,
            buffer_size,
            mergeable,
            indirect,
            event_idx,
            pairs,
            ..
        } = options;
        let fits_format = packed || ring_size.is_power_of_two();
        if !fits_format || !(2..=MAX_SIZE).contains(&ring_size) {
            return Err(GuestError::RingSize(ring_size));
        }
        if buffer_size <= NET_HEADER as u32 {
            return Err(GuestError::BufferSize(buffer_size));
        }
        let ring = RingOptions {
            size: ring_size,
            packed,
            indirect,
            event_idx,
        };
        let mut end = Ram::GPA;
        let mut place = |bytes: u64| {
            let start = end;
            end = (start + bytes).next_multiple_of(4096);
            start
        };
        let places: Vec<_> = (0..pairs.max(1))
            .map(|_| {
                [
                    DriverRing::bytes(ring),
                    DriverRing::bytes(ring),
                    Sender::bytes(ring_size),
                    Receiver::bytes(options),
                ]
                .map(&mut place)
            })
            .collect();
        let scratch = Buf {
            gpa: place(u64::from(SCRATCH)),
            len: SCRATCH,
        };
        let needed = end - Ram::GPA;
        if needed > memory {
            return Err(GuestError::Memory { needed, memory });
        }
        let ram = Ram::new(memory)?;
        let pair = |[from_guest_ring, to_guest_ring, to_send, to_receive]: [u64; 4]| {
            let from_guest = DriverRing::new(&ram.memory, from_guest_ring, ring);
            let to_guest = DriverRing::new(&ram.memory, to_guest_ring, ring);
            Ok::<_, GuestError>(Pair {
                from_guest: Sender::new(ram.clone(), from_guest, to_send)?,
                to_guest: Receiver::new(ram.clone(), to_guest, to_receive, buffer_size, mergeable)?,
            })
        };
        let first = pair(places[0])?;
        let rest = places[1..].iter().copied().map(pair);
        Ok(Guest {
            from_guest: first.from_guest,
            to_guest: first.to_guest,
            more_pairs: rest.collect::<Result<_, _>>()?,
            ram,
            scratch,
            options,
        })
    }

    /// Puts a frame into the from-guest ring, with an empty header in front. False: the ring is full.
    /// The device sees it after [`flush`](Self::flush).
    ///
    /// # Panics
    ///
    /// If the frame is longer than [`frames::MAX_FRAME`](crate::frames::MAX_FRAME).
    pub fn send(&mut self, frame: &[u8]) -> bool {
        self.from_guest.send(&NetHeader::default(), frame)
    }

    /// As [`send`](Self::send), in several descriptors that do not adjoin: cut at each of `points`, which count from the
    /// first byte of the 12-byte header and ascend. So a cut at 12 parts the header from the frame.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send), or if the points do not ascend within header and frame.
    pub fn send_chain(&mut self, frame: &[u8], points: &[usize]) -> bool {
        self.from_guest
            .send_chain(&NetHeader::default(), frame, points)
    }

    /// Publishes what was sent and the buffers that were reposted, and kicks where the device wants it.
    pub fn flush(&mut self) {
        self.from_guest.flush();
        self.to_guest.flush();
        for pair in &mut self.more_pairs {
            pair.from_guest.flush();
            pair.to_guest.flush();
        }
    }

    /// Both rings of every pair, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&Sender, &Receiver)> {
        let more = self.more_pairs.iter();
        std::iter::once((&self.from_guest, &self.to_guest))
            .chain(more.map(|pair| (&pair.from_guest, &pair.to_guest)))
    }

    /// Both rings of every pair, in order, to be driven.
    pub fn pairs_mut(&mut self) -> impl Iterator<Item = (&mut Sender, &mut Receiver)> {
        let more = self.more_pairs.iter_mut();
        std::iter::once((&mut self.from_guest, &mut self.to_guest))
            .chain(more.map(|pair| (&mut pair.from_guest, &mut pair.to_guest)))
    }

    /// Takes the next whole frame, without its header, and reposts its buffers. False: none is there.
    ///
    /// # Panics
    ///
    /// If the device broke a rule.
    pub fn receive(&mut self, frame: &mut Vec<u8>) -> bool {
        self.to_guest.receive(frame).is_some()
    }

    /// Sleeps until a frame is there, at most `timeout`. Gives whether one is.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        self.to_guest.wait(timeout)
    }

    /// The features that this guest's rings are laid out for.
    pub fn features(&self) -> u64 {
        let GuestOptions {
            packed,
            mergeable,
            indirect,
            event_idx,
            pairs,
            offloads,
            ..
        } = self.options;
        let if_set = |set: bool, bit: u64| if set { bit } else { 0 };
        features::VERSION_1
            | if_set(mergeable, features::MRG_RXBUF)
            | if_set(indirect, features::INDIRECT_DESC)
            | if_set(event_idx, features::EVENT_IDX)
            | if_set(pairs > 1, features::MQ)
            | if_set(packed, features::RING_PACKED)
            | offloads
    }

    /// A piece of memory that neither rings nor buffers use.
    pub fn scratch(&self) -> Buf {
        self.scratch
    }

    /// The guest's memory.
    pub fn ram(&self) -> &Ram {
        &self.ram
    }
}

/// Fills guard bytes and sees later whether they are still there.
mod guard {
    use shmem::Window;

    const BYTE: u8 = 0xa5;
    /// Least guard between two buffers.
    pub(super) const LEAST: u32 = 64;

    /// Distance from one buffer to the next: with a guard, and an odd number of cache lines so that buffers spread over
    /// all of a cache's sets.
    pub(super) fn stride(capacity: u32) -> u32 {
        ((capacity + LEAST).div_ceil(64) | 1) * 64
    }

    pub(super) fn fill(window: Window<'_>) {
        let bytes = vec![BYTE; window.len()];
        window.write(&bytes);
    }

    pub(super) fn is_intact(window: Window<'_>) -> bool {
        let mut bytes = vec![0; window.len()];
        window.read(&mut bytes);
        bytes.iter().all(|byte| *byte == BYTE)
    }
}
