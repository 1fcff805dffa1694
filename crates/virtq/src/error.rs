//! What a driver or frontend can do wrong with a ring.
//!
//! Each variant is one rule of the specification, so that an administrator reads which rule a guest broke and where. All are
//! small and `Copy`: they are made on the hot path.

use std::fmt;

/// A ring that breaks the rules. The port it belongs to is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// Virtio 1.2 section 2.7: the size is a power of two. Zero is no ring.
    #[error(
        "a ring of {size} descriptors: the size must be a power of two from 1 to {}",
        crate::MAX_SIZE
    )]
    Size {
        /// The size asked for.
        size: u16,
    },
    /// Virtio 1.2 section 2.7: 16 bytes for the descriptor table, 2 for the avail ring, 4 for the used ring.
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
    /// The indirect table is not in the guest's memory, or not in one region of it.
    #[error("the indirect table at {gpa:#x} does not lie in one region of the guest's memory")]
    IndirectUnmapped {
        /// Guest physical address of the table.
        gpa: u64,
    },
}

/// One of the three areas of a split ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// The descriptor table.
    DescriptorTable,
    /// The avail ring.
    Avail,
    /// The used ring.
    Used,
}

impl Area {
    /// In bytes (virtio 1.2 section 2.7).
    pub(crate) const fn alignment(self) -> u64 {
        match self {
            Area::DescriptorTable => 16,
            Area::Avail => 2,
            Area::Used => 4,
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Area::DescriptorTable => "descriptor table",
            Area::Avail => "avail ring",
            Area::Used => "used ring",
        })
    }
}
