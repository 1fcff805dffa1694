//! Device side of the virtio rings, without any knowledge of what they carry.
//!
//! A driver makes chains of buffers available, the device takes them, fills or reads them and hands them back used. This
//! crate moves the bookkeeping between the two over memory that the driver may rewrite at any moment; it never touches the
//! bytes in the buffers, and it knows no socket, no thread and no Ethernet.
//!
//! ```text
//!             take, untake                            lease, complete
//!  driver ──> available ──> Chains ──> (the port's work) ──> used ──> driver
//!             arm, disarm: kicks to us                 needs_call: calls to the driver
//! ```
//!
//! Invariants: every word of the driver is read once into a host value, judged, then used; whatever the driver writes, the
//! answer is a chain that obeys virtio 1.2 sections 2.7 or 2.8 or a [`RingError`] that names the rule it breaks, and never a panic, an
//! endless loop or an allocation. What lies behind a chain's addresses is for the reader of the chain to check.
//!
//! A ring is plain data behind `&mut self`. Workers that share one wrap it in a lock, take buffers and a [`Lease`] under it,
//! fill the buffers outside, and complete the lease under it again: see [`Leases`].

#![forbid(unsafe_code)]

mod chain;
mod error;
mod leases;
mod packed;
mod place;
mod split;

use shmem::GuestMemory;

pub use chain::{Buf, Chain, Chains};
pub use error::{Area, RingError};
pub use leases::{Lease, Leases};

/// The largest ring we accept. Virtio 1.2 sections 2.7 and 2.8 allow 32768; no network driver comes near this.
pub const MAX_SIZE: u16 = 4096;

/// What the frontend says about a ring before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// VIRTIO_F_RING_PACKED was negotiated: one descriptor ring, and an event suppression structure of each side.
    pub packed: bool,
    /// Number of descriptors: up to [`MAX_SIZE`], of a split ring a power of two.
    pub size: u16,
    /// Descriptor table or ring, as the frontend's virtual address.
    pub desc_uva: u64,
    /// Driver area, as the frontend's virtual address: avail ring or the driver's event suppression.
    pub avail_uva: u64,
    /// Device area, as the frontend's virtual address: used ring or the device's event suppression.
    pub used_uva: u64,
    /// Where to go on: what SET_VRING_BASE carried, and [`Ring::base`] said.
    pub base: u32,
    /// VIRTIO_F_EVENT_IDX was negotiated.
    pub event_idx: bool,
    /// VIRTIO_F_INDIRECT_DESC was negotiated.
    pub indirect: bool,
}

/// A chain handed back to the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Which chain: [`Chain::head`], which of a packed ring is the buffer id.
    pub head: u16,
    /// Bytes written into its writable buffers, from the first on.
    pub written: u32,
}

/// The device side of one ring, of whatever format.
#[derive(Debug)]
pub enum Ring {
    /// Descriptor table, avail ring and used ring (virtio 1.2 section 2.7).
    Split(split::Ring),
    /// Descriptor ring and event suppression structures (virtio 1.2 section 2.8).
    Packed(packed::Ring),
}

impl Ring {
    /// Finds the ring's areas in the frontend's memory and goes on where it stood, at [`Layout::base`]; in a split ring's used
    /// ring at the index found in memory. The ring starts armed, and the first chains completed are always worth a call, for
    /// nobody knows what a predecessor left unsaid.
    ///
    /// # Errors
    /// A size that the format cannot have, a base outside the ring, an area that is misaligned or not in one region of
    /// `memory`.
    pub fn open(layout: &Layout, memory: &GuestMemory) -> Result<Ring, RingError> {
        if layout.packed {
            packed::Ring::open(layout, memory).map(Ring::Packed)
        } else {
            split::Ring::open(layout, memory).map(Ring::Split)
        }
    }

    /// Number of descriptors.
    #[must_use]
    #[inline]
    pub fn size(&self) -> u16 {
        match self {
            Ring::Split(ring) => ring.size(),
            Ring::Packed(ring) => ring.size(),
        }
    }

    /// Whether there is something to take: a chain, or the breach of a rule, which the taking finds.
    #[must_use]
    #[inline]
    pub fn has_pending(&self) -> bool {
        match self {
            Ring::Split(ring) => ring.has_pending(),
            Ring::Packed(ring) => ring.has_pending(),
        }
    }

    /// Says by another number than before that the driver has made more chains available, in whatever width.
    #[must_use]
    #[inline]
    pub fn posted(&self) -> u16 {
        match self {
            Ring::Split(ring) => ring.posted(),
            Ring::Packed(ring) => ring.posted(),
        }
    }

    /// What [`Ring::posted`] was when this side last looked: once [`Ring::take`] has found nothing, the two differ as soon as
    /// there is more.
    #[must_use]
    #[inline]
    pub fn seen(&self) -> u16 {
        match self {
            Ring::Split(ring) => ring.seen(),
            Ring::Packed(ring) => ring.seen(),
        }
    }

    /// Takes at most `max` available chains, oldest first, and adds them to `chains`; says how many. Fewer than there are come
    /// when `chains` has no room for the longest possible one more.
    ///
    /// # Errors
    /// The rule that the driver broke. The chains before the bad one were taken and are in `chains`; asking again finds the
    /// bad one again.
    #[inline]
    pub fn take(
        &mut self,
        memory: &GuestMemory,
        max: usize,
        chains: &mut Chains,
    ) -> Result<usize, RingError> {
        match self {
            Ring::Split(ring) => ring.take(memory, max, chains),
            Ring::Packed(ring) => ring.take(memory, max, chains),
        }
    }

    /// Gives back the last chains taken, by their heads, to be taken again. Only chains that no lease counts can be given back.
    #[inline]
    pub fn untake(&mut self, heads: impl ExactSizeIterator<Item = u16>) {
        match self {
            Ring::Split(ring) => ring.untake(heads.len()),
            Ring::Packed(ring) => ring.untake(heads),
        }
    }

    /// Reserves the used ring's next places for chains that were taken, by their heads: they will be published in the order of
    /// the leases, whatever the order of completion.
    ///
    /// Leasing more than was taken and is not leased yet is a bug of the caller, and leases only that many.
    #[inline]
    pub fn lease(&mut self, heads: impl ExactSizeIterator<Item = u16>) -> Lease {
        match self {
            Ring::Split(ring) => ring.lease(heads.len()),
            Ring::Packed(ring) => ring.lease(heads),
        }
    }

    /// Hands back the chains of a lease, one entry for each. They are the driver's as soon as all earlier leases are
    /// complete too; the used index is stored once.
    ///
    /// Another number of entries than was leased, or a lease completed before, is a bug of the caller, and does nothing: no
    /// place is ever published that was not written.
    #[inline]
    pub fn complete(&mut self, lease: Lease, entries: impl ExactSizeIterator<Item = Used>) {
        match self {
            Ring::Split(ring) => ring.complete(lease, entries),
            Ring::Packed(ring) => ring.complete(lease, entries),
        }
    }

    /// Whether the driver wants to be told about what was published since this was last asked.
    #[inline]
    pub fn needs_call(&mut self) -> bool {
        match self {
            Ring::Split(ring) => ring.needs_call(),
            Ring::Packed(ring) => ring.needs_call(),
        }
    }

    /// Asks the driver for a kick at its next chain. True if a chain is there already (or the ring is broken): then look
    /// first, as the kick may never come.
    #[inline]
    pub fn arm(&mut self) -> bool {
        match self {
            Ring::Split(ring) => ring.arm(),
            Ring::Packed(ring) => ring.arm(),
        }
    }

    /// Asks the driver for no kicks. A hint: one may come all the same.
    #[inline]
    pub fn disarm(&mut self) {
        match self {
            Ring::Split(ring) => ring.disarm(),
            Ring::Packed(ring) => ring.disarm(),
        }
    }

    /// Where the next chain is read, and where the next one is handed back if the format does not say it in memory: what
    /// GET_VRING_BASE answers once nothing is in flight.
    #[must_use]
    #[inline]
    pub fn base(&self) -> u32 {
        match self {
            Ring::Split(ring) => ring.base(),
            Ring::Packed(ring) => ring.base(),
        }
    }

    /// Chains taken and not yet published back to the driver. Never more than [`Ring::size`].
    #[must_use]
    #[inline]
    pub fn in_flight(&self) -> u16 {
        match self {
            Ring::Split(ring) => ring.in_flight(),
            Ring::Packed(ring) => ring.in_flight(),
        }
    }
}
