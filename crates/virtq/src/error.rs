//! What a driver or frontend can do wrong with a ring.
//!
//! Each variant is one rule of the specification, so that an administrator reads which rule a guest broke and where. All are
//! small and `Copy`: they are made on the hot path.

use std::fmt;

/// A ring that breaks the rules. The port it belongs to is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// Virtio 1.2 sections 2.7 and 2.8: a split ring's size is a power of two. Zero is no ring.
    #[error(
        "a ring of {size} descriptors: the size must be from 1 to {}, and of a split ring a power of two",
        crate::MAX_SIZE
    )]
    Size {
        /// The size asked for.
        size: u16,
    },
    /// Vhost-user specification, "Vring descriptor indices": 16 bits of a split ring, two places inside of a packed one that
    /// are at most the ring apart.
    #[error("the ring of {size} descriptors cannot go on at {base:#x}")]
    Base {
        /// What SET_VRING_BASE said.
        base: u32,
        /// Of the ring.
        size: u16,
    },
    /// Virtio 1.2 sections 2.7 and 2.8.10.1: each area has its alignment.
    #[error("the {area} at {uva:#x} is not aligned to {} bytes", area.alignment())]
    Misaligned {
        /// Which area.
        area: Area,
        /// The frontend's virtual address.
        uva: u64,
    },
    /// An area of the ring is not in memory that the frontend shares, or not in one region of it.
    #[error(
        "the {area} at {uva:#x} does not lie in one region of the memory that the frontend shares"
    )]
    Unmapped {
        /// Which area.
        area: Area,
        /// The frontend's virtual address.
        uva: u64,
    },
    /// Virtio 1.2 section 2.7.13: the driver adds a head again only after it came back used.
    #[error(
        "the avail index is {avail_idx} while {in_flight} chains before {next_avail} are in flight: more than the ring's {size}"
    )]
    TooManyInFlight {
        /// What the driver wrote.
        avail_idx: u16,
        /// The next entry to take.
        next_avail: u16,
        /// Taken and not published back.
        in_flight: u16,
        /// Of the ring.
        size: u16,
    },
    /// Virtio 1.2 section 2.7.6: an avail entry is an index into the descriptor table.
    #[error("the avail ring names descriptor {head} of a table of {size}")]
    HeadOutOfRange {
        /// The entry.
        head: u16,
        /// Of the ring.
        size: u16,
    },
    /// Virtio 1.2 section 2.7.5: `next` is an index into the same table.
    #[error("the chain at {head} goes on at descriptor {next} of a table of {entries}")]
    NextOutOfRange {
        /// Of the chain.
        head: u16,
        /// Where it should go on.
        next: u16,
        /// Descriptors in the table, the ring's or the indirect one.
        entries: u32,
    },
    /// Virtio 1.2 section 2.7.5.2: loops are forbidden.
    #[error("the chain at {head} loops")]
    Loop {
        /// Of the chain.
        head: u16,
    },
    /// Virtio 1.2 section 2.7.5.3.1: no chain is longer than the ring's size.
    #[error("the chain at {head} has more descriptors than the ring's {size}")]
    TooLong {
        /// Of the chain.
        head: u16,
        /// Of the ring.
        size: u16,
    },
    /// Virtio 1.2 section 2.7.5.2: no chain holds more than 2^32 bytes.
    #[error("the chain at {head} holds more than 4 GiB")]
    TooManyBytes {
        /// Of the chain.
        head: u16,
    },
    /// A chain without a single byte: nothing can be read from it or written to it.
    #[error("the chain at {head} holds no bytes")]
    Empty {
        /// Of the chain.
        head: u16,
    },
    /// Virtio 1.2 section 2.7.4.2: device-writable buffers come after all device-readable ones.
    #[error("the chain at {head} has a device-readable buffer after a device-writable one")]
    ReadableAfterWritable {
        /// Of the chain.
        head: u16,
    },
    /// Virtio 1.2 section 2.7.5.3.1: no indirect descriptors unless negotiated.
    #[error("the chain at {head} has an indirect table, which was not negotiated")]
    IndirectNotNegotiated {
        /// Of the chain.
        head: u16,
    },
    /// Virtio 1.2 section 2.7.5.3.1: an indirect table is the last of its chain.
    #[error("the chain at {head} goes on after its indirect table")]
    IndirectWithNext {
        /// Of the chain.
        head: u16,
    },
    /// Virtio 1.2 section 2.7.5.3.1: no indirect table within an indirect table.
    #[error("the chain at {head} has an indirect table within its indirect table")]
    NestedIndirect {
        /// Of the chain.
        head: u16,
    },
    /// Virtio 1.2 section 2.7.5.3.2: an indirect table is a positive number of whole descriptors.
    #[error(
        "the chain at {head} has an indirect table of {len} bytes, not a positive multiple of 16"
    )]
    IndirectLength {
        /// Of the chain.
        head: u16,
        /// Bytes of the table.
        len: u32,
    },
    /// Virtio 1.2 section 2.8.7: a packed ring's list is of descriptors or is one indirect table, and not both.
    #[error("the chain at {head} has an indirect table among other descriptors")]
    IndirectInList {
        /// Of the chain.
        head: u16,
    },
    /// A packed ring's buffer id is one of as many as the ring has descriptors.
    #[error("the chain at {head} has buffer id {id} in a ring of {size}")]
    IdOutOfRange {
        /// Of the chain.
        head: u16,
        /// What the driver wrote.
        id: u16,
        /// Of the ring.
        size: u16,
    },
    /// Virtio 1.2 section 2.8.21: the driver uses a buffer id again only after it came back used.
    #[error("the chain at {head} has buffer id {id}, which is in flight")]
    IdInFlight {
        /// Of the chain.
        head: u16,
        /// What the driver wrote.
        id: u16,
    },
    /// Virtio 1.2 section 2.8.14: the driver changes no descriptor of a packed ring before it was used.
    #[error("descriptor {slot} is made available again while its chain is in flight")]
    SlotInFlight {
        /// Of the descriptor.
        slot: u16,
    },
    /// Virtio 1.2 section 2.8.17: a packed ring's list is made available whole.
    #[error("the chain at {head} goes on at descriptor {slot}, which is not available")]
    ListBroken {
        /// Of the chain.
        head: u16,
        /// Of the descriptor.
        slot: u16,
    },
    /// The indirect table is not in the guest's memory, or not in one region of it.
    #[error("the indirect table at {gpa:#x} does not lie in one region of the guest's memory")]
    IndirectUnmapped {
        /// Guest physical address of the table.
        gpa: u64,
    },
}

/// One of the three areas of a ring of either format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// The descriptor table.
    DescriptorTable,
    /// The avail ring.
    Avail,
    /// The used ring.
    Used,
    /// The descriptor ring of a packed ring.
    DescriptorRing,
    /// The driver's event suppression structure of a packed ring.
    DriverEvent,
    /// The device's event suppression structure of a packed ring.
    DeviceEvent,
}

impl Area {
    /// In bytes (virtio 1.2 sections 2.7 and 2.8.10.1).
    pub(crate) const fn alignment(self) -> u64 {
        match self {
            Area::DescriptorTable | Area::DescriptorRing => 16,
            Area::Avail => 2,
            Area::Used | Area::DriverEvent | Area::DeviceEvent => 4,
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Area::DescriptorTable => "descriptor table",
            Area::Avail => "avail ring",
            Area::Used => "used ring",
            Area::DescriptorRing => "descriptor ring",
            Area::DriverEvent => "driver's event suppression",
            Area::DeviceEvent => "device's event suppression",
        })
    }
}
