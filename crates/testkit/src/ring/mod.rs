//! The driver side of a virtqueue: what a guest's kernel does with its rings.
//!
//! [`DriverRing`] is the front; each format stands behind it in a module of its own, with the same verbs. The words are the
//! virtio specification's: a *chain* of buffers is made *available*, the device *uses* it and says how many bytes it wrote.
//!
//! Invariant: what the device does wrong is found here, not survived. A head that was not available, a chain used twice, more
//! bytes written than the chain has room for: each is a panic that names the rule, because a double's findings are test
//! failures.

use std::sync::Arc;

use shmem::GuestMemory;

pub mod packed;
pub mod split;

/// The largest ring we lay out.
pub const MAX_SIZE: u16 = 4096;

/// A piece of guest memory that one descriptor names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buf {
    /// Guest physical address.
    pub gpa: u64,
    /// Length in bytes.
    pub len: u32,
}

/// A chain that the device has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// What [`DriverRing::add_chain`] returned for it.
    pub token: u16,
    /// Bytes the device says it wrote into the chain's writable buffers.
    pub written: u32,
}

/// What the two sides agreed about a ring.
#[derive(Clone, Copy, Debug)]
pub struct RingOptions {
    /// Descriptors, up to [`MAX_SIZE`]: of a split ring a power of two, of a packed one any number.
    pub size: u16,
    /// A packed ring instead of a split one (virtio 1.2, 2.8).
    pub packed: bool,
    /// Put chains of more than one buffer into indirect tables (virtio 1.2, 2.7.5.3 and 2.8.7).
    pub indirect: bool,
    /// Suppress notifications by index instead of by flag (virtio 1.2, 2.7.10 and 2.8.10).
    pub event_idx: bool,
}

/// Where the three areas of a ring lie in guest physical memory (virtio 1.2, 2.6: driver area, device area).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Areas {
    /// Split: the descriptor table. Packed: the descriptor ring.
    pub descriptors: u64,
    /// Split: the available ring. Packed: the driver's event suppression.
    pub driver: u64,
    /// Split: the used ring. Packed: the device's event suppression.
    pub device: u64,
}

/// The driver side of one ring, of whatever format.
pub enum DriverRing {
    /// Descriptor table, available ring and used ring (virtio 1.2, 2.7).
    Split(split::DriverRing),
    /// Descriptor ring and two event suppression structures (virtio 1.2, 2.8).
    Packed(packed::DriverRing),
}

impl DriverRing {
    /// Bytes of guest memory a ring and its indirect tables take.
    pub fn bytes(options: RingOptions) -> u64 {
        if options.packed {
            packed::DriverRing::bytes(options)
        } else {
            split::DriverRing::bytes(options)
        }
    }

    /// Lays a ring out at `gpa` of `memory`, empty.
    ///
    /// # Panics
    ///
    /// If the size is not one that the format can have, `gpa` is not a multiple of 16 or the memory is too small.
    pub fn new(memory: &Arc<GuestMemory>, gpa: u64, options: RingOptions) -> DriverRing {
        if options.packed {
            DriverRing::Packed(packed::DriverRing::new(memory, gpa, options))
        } else {
            DriverRing::Split(split::DriverRing::new(memory, gpa, options))
        }
    }

    /// Makes a chain available, readable buffers first, to be seen by the device at the next [`publish`](Self::publish).
    /// Gives the token under which it will come back, or `None` if the ring has no room.
    ///
    /// # Panics
    ///
    /// If there is no buffer at all, or more than the ring can ever hold.
    #[inline]
    pub fn add_chain(&mut self, readable: &[Buf], writable: &[Buf]) -> Option<u16> {
        match self {
            DriverRing::Split(ring) => ring.add_chain(readable, writable),
            DriverRing::Packed(ring) => ring.add_chain(readable, writable),
        }
    }

    /// Lets the device see everything that was added.
    #[inline]
    pub fn publish(&mut self) {
        match self {
            DriverRing::Split(ring) => ring.publish(),
            DriverRing::Packed(ring) => ring.publish(),
        }
    }

    /// Chains added but not yet published.
    #[inline]
    pub fn unpublished(&self) -> u16 {
        match self {
            DriverRing::Split(ring) => ring.unpublished(),
            DriverRing::Packed(ring) => ring.unpublished(),
        }
    }

    /// Takes the next used chain; its descriptors are free again.
    ///
    /// # Panics
    ///
    /// If the device broke the ring's rules.
    #[inline]
    pub fn poll_used(&mut self) -> Option<Used> {
        match self {
            DriverRing::Split(ring) => ring.poll_used(),
            DriverRing::Packed(ring) => ring.poll_used(),
        }
    }

    /// How many used chains are waiting to be taken.
    #[inline]
    pub fn used(&self) -> u16 {
        match self {
            DriverRing::Split(ring) => ring.used(),
            DriverRing::Packed(ring) => ring.used(),
        }
    }

    /// Whether the device wants to be told about what was published since this was last asked.
    #[inline]
    pub fn needs_kick(&mut self) -> bool {
        match self {
            DriverRing::Split(ring) => ring.needs_kick(),
            DriverRing::Packed(ring) => ring.needs_kick(),
        }
    }

    /// Asks the device for a call at the next used chain. Gives true if there is one already: then look first, as the call
    /// may never come.
    #[inline]
    pub fn arm_call(&mut self) -> bool {
        match self {
            DriverRing::Split(ring) => ring.arm_call(),
            DriverRing::Packed(ring) => ring.arm_call(),
        }
    }

    /// Asks the device for no calls. A hint: one may come all the same.
    #[inline]
    pub fn disarm_call(&mut self) {
        match self {
            DriverRing::Split(ring) => ring.disarm_call(),
            DriverRing::Packed(ring) => ring.disarm_call(),
        }
    }

    /// Chains added and not yet taken back.
    #[inline]
    pub fn in_flight(&self) -> u16 {
        match self {
            DriverRing::Split(ring) => ring.in_flight(),
            DriverRing::Packed(ring) => ring.in_flight(),
        }
    }

    /// Descriptors that no chain uses.
    #[inline]
    pub fn free(&self) -> u16 {
        match self {
            DriverRing::Split(ring) => ring.free(),
            DriverRing::Packed(ring) => ring.free(),
        }
    }

    /// Number of descriptors.
    #[inline]
    pub fn size(&self) -> u16 {
        match self {
            DriverRing::Split(ring) => ring.size(),
            DriverRing::Packed(ring) => ring.size(),
        }
    }

    /// Where the ring lies.
    pub fn areas(&self) -> Areas {
        match self {
            DriverRing::Split(ring) => ring.areas(),
            DriverRing::Packed(ring) => ring.areas(),
        }
    }

    /// From where a device that knows nothing has to go on: what SET_VRING_BASE carries after the device went away.
    pub fn base(&self) -> u32 {
        match self {
            DriverRing::Split(ring) => u32::from(ring.used_idx()),
            DriverRing::Packed(ring) => ring.base(),
        }
    }
}
