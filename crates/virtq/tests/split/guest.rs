//! A guest's memory with a ring in it, and the driver's pen: nothing here keeps to a rule unless it is told to.
//!
//! ```text
//! 0x0_0000 descriptor table   0x1_0000 avail ring   0x1_8004 used ring   0x3_0000 tables and whatever else
//! ```

use shmem::{Array, GuestMemory, Mapping, Region};
use virtq::{Buf, Chains, Layout, Lease, Ring, RingError};

pub(crate) const GPA: u64 = 0x8000_0000;
pub(crate) const UVA: u64 = 0x7f00_0000_0000;
pub(crate) const LEN: u64 = 0x4_0000;

pub(crate) const TABLE: u64 = 0;
pub(crate) const AVAIL: u64 = 0x1_0000;
/// On four bytes and not on eight, for no more is promised.
pub(crate) const USED: u64 = 0x1_8004;
pub(crate) const FREE: u64 = 0x3_0000;

pub(crate) const NEXT: u16 = 1;
pub(crate) const WRITE: u16 = 2;
pub(crate) const INDIRECT: u16 = 4;

/// One descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Desc {
    pub(crate) gpa: u64,
    pub(crate) len: u32,
    pub(crate) flags: u16,
    pub(crate) next: u16,
}

impl Desc {
    pub(crate) fn new(len: u32, flags: u16, next: u16) -> Self {
        Self {
            gpa: 0x1000,
            len,
            flags,
            next,
        }
    }
}

pub(crate) struct Guest {
    pub(crate) memory: GuestMemory,
    words: Array<u16>,
    pub(crate) size: u16,
}

impl Guest {
    pub(crate) fn new(size: u16) -> Self {
        let mapping = Mapping::anonymous(LEN as usize).unwrap();
        let region = Region {
            gpa: GPA,
            uva: UVA,
            len: LEN,
            mapping,
            mapping_offset: 0,
            handles: Vec::new(),
        };
        let memory = GuestMemory::new(vec![region]).unwrap();
        let words = memory.array_at_uva(UVA, LEN as usize / 2).unwrap();
        Self {
            memory,
            words,
            size,
        }
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout {
            size: self.size,
            desc_uva: UVA + TABLE,
            avail_uva: UVA + AVAIL,
            used_uva: UVA + USED,
            packed: false,
            base: 0,
            event_idx: false,
            indirect: true,
        }
    }

    pub(crate) fn open(&self) -> Ring {
        Ring::open(&self.layout(), &self.memory).unwrap()
    }

    pub(crate) fn open_event_idx(&self) -> Ring {
        Ring::open(
            &Layout {
                event_idx: true,
                ..self.layout()
            },
            &self.memory,
        )
        .unwrap()
    }

    pub(crate) fn put(&self, at: u64, value: u16) {
        self.words.store_release(at as usize / 2, value.to_le());
    }

    pub(crate) fn read(&self, at: u64) -> u16 {
        u16::from_le(self.words.load_acquire(at as usize / 2))
    }

    /// Writes a descriptor into the ring's table.
    pub(crate) fn describe(&self, index: u16, desc: Desc) {
        self.describe_at(TABLE, index, desc);
    }

    /// Writes a descriptor into the table at `table`.
    pub(crate) fn describe_at(&self, table: u64, index: u16, desc: Desc) {
        let at = table + 16 * u64::from(index);
        let len = [desc.len as u16, (desc.len >> 16) as u16];
        let gpa = [0, 16, 32, 48].map(|shift| (desc.gpa >> shift) as u16);
        let words = gpa.into_iter().chain(len).chain([desc.flags, desc.next]);
        for (word, i) in words.zip(0..) {
            self.put(at + 2 * i, word);
        }
    }

    pub(crate) fn put_avail_entry(&self, index: u16, head: u16) {
        self.put(AVAIL + 4 + 2 * u64::from(index % self.size), head);
    }

    pub(crate) fn set_avail_idx(&self, index: u16) {
        self.put(AVAIL + 2, index);
    }

    pub(crate) fn avail_idx(&self) -> u16 {
        self.read(AVAIL + 2)
    }

    /// Makes one more head available.
    pub(crate) fn add(&self, head: u16) {
        let index = self.avail_idx();
        self.put_avail_entry(index, head);
        self.set_avail_idx(index.wrapping_add(1));
    }

    /// Makes `descs` available as a chain of the ring's table, from descriptor 0 on.
    pub(crate) fn add_chain(&self, descs: &[Desc]) {
        for (desc, index) in descs.iter().zip(0..) {
            self.describe(index, *desc);
        }
        self.add(0);
    }

    /// Makes available what only an indirect table of `descs` describes.
    pub(crate) fn add_indirect(&self, descs: &[Desc]) {
        for (desc, index) in descs.iter().zip(0..) {
            self.describe_at(FREE, index, *desc);
        }
        self.add_chain(&[Desc {
            gpa: GPA + FREE,
            ..Desc::new(16 * descs.len() as u32, INDIRECT, 0)
        }]);
    }

    pub(crate) fn set_avail_flags(&self, flags: u16) {
        self.put(AVAIL, flags);
    }

    pub(crate) fn set_used_event(&self, index: u16) {
        self.put(AVAIL + 4 + 2 * u64::from(self.size), index);
    }

    pub(crate) fn used_flags(&self) -> u16 {
        self.read(USED)
    }

    pub(crate) fn used_idx(&self) -> u16 {
        self.read(USED + 2)
    }

    pub(crate) fn set_used_idx(&self, index: u16) {
        self.put(USED + 2, index);
    }

    pub(crate) fn avail_event(&self) -> u16 {
        self.read(USED + 4 + 8 * u64::from(self.size))
    }

    /// The used element at `index`: head and bytes written.
    pub(crate) fn used(&self, index: u16) -> (u32, u32) {
        let at = USED + 4 + 8 * u64::from(index % self.size);
        let word = |at| u32::from(self.read(at)) | u32::from(self.read(at + 2)) << 16;
        (word(at), word(at + 4))
    }
}

/// Head, readable and writable buffers.
pub(crate) type Taken = (u16, Vec<Buf>, Vec<Buf>);

/// Takes one chain.
pub(crate) fn take(ring: &mut Ring, guest: &Guest) -> Result<Option<Taken>, RingError> {
    let mut chains = Chains::new(1, guest.size);
    let taken = ring.take(&guest.memory, 1, &mut chains)?;
    assert_eq!(taken, chains.len());
    Ok(chains.iter().next().map(|chain| {
        (
            chain.head(),
            chain.readable().to_vec(),
            chain.writable().to_vec(),
        )
    }))
}

/// Leases places for `count` chains; a split ring does not care which.
pub(crate) fn lease(ring: &mut Ring, count: usize) -> Lease {
    ring.lease(vec![0; count].into_iter())
}

/// Gives the last `count` chains back.
pub(crate) fn untake(ring: &mut Ring, count: usize) {
    ring.untake(vec![0; count].into_iter());
}
