//! A guest's memory with a packed ring in it, and the driver's pen: nothing here keeps to a rule unless it is told to.
//!
//! ```text
//! 0x0_0000 descriptor ring   0x1_0004 driver event   0x1_000c device event   0x3_0000 tables and whatever else
//! ```

use std::cell::Cell;

use shmem::{Array, GuestMemory, Mapping, Region};
use virtq::{Buf, Chains, Layout, Ring, RingError};

pub(crate) const GPA: u64 = 0x8000_0000;
pub(crate) const UVA: u64 = 0x7f00_0000_0000;
pub(crate) const LEN: u64 = 0x4_0000;

pub(crate) const DESCRIPTORS: u64 = 0;
/// On four bytes and not on eight, for no more is promised.
pub(crate) const DRIVER_EVENT: u64 = 0x1_0004;
pub(crate) const DEVICE_EVENT: u64 = 0x1_000c;
pub(crate) const FREE: u64 = 0x3_0000;

pub(crate) const NEXT: u16 = 1;
pub(crate) const WRITE: u16 = 2;
pub(crate) const INDIRECT: u16 = 4;
pub(crate) const AVAIL: u16 = 1 << 7;
pub(crate) const USED: u16 = 1 << 15;

/// In the upper half of an event.
pub(crate) const ENABLE: u32 = 0;
pub(crate) const DISABLE: u32 = 1 << 16;
pub(crate) const DESC: u32 = 2 << 16;
/// In the lower half: the wrap counter.
pub(crate) const WRAP: u32 = 1 << 15;

/// One descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Desc {
    pub(crate) gpa: u64,
    pub(crate) len: u32,
    pub(crate) id: u16,
    pub(crate) flags: u16,
}

impl Desc {
    pub(crate) fn new(len: u32, flags: u16, id: u16) -> Self {
        Self {
            gpa: 0x1000,
            len,
            id,
            flags,
        }
    }
}

pub(crate) struct Guest {
    pub(crate) memory: GuestMemory,
    words: Array<u16>,
    pub(crate) size: u16,
    /// Slots made available so far.
    pub(crate) added: Cell<u32>,
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
            added: Cell::new(0),
        }
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout {
            packed: true,
            size: self.size,
            desc_uva: UVA + DESCRIPTORS,
            avail_uva: UVA + DRIVER_EVENT,
            used_uva: UVA + DEVICE_EVENT,
            base: self.base(0),
            event_idx: false,
            indirect: true,
        }
    }

    pub(crate) fn open(&self) -> Ring {
        Ring::open(&self.layout(), &self.memory).unwrap()
    }

    pub(crate) fn open_event_idx(&self) -> Ring {
        let layout = Layout {
            event_idx: true,
            ..self.layout()
        };
        Ring::open(&layout, &self.memory).unwrap()
    }

    /// Index and wrap counter of the `number`th slot since the beginning.
    pub(crate) fn place(&self, number: u32) -> (u16, bool) {
        let size = u32::from(self.size);
        ((number % size) as u16, (number / size).is_multiple_of(2))
    }

    /// The same as the lower half of an event.
    pub(crate) fn event(&self, number: u32) -> u32 {
        let (index, wrap) = self.place(number);
        u32::from(index) | if wrap { WRAP } else { 0 }
    }

    /// What SET_VRING_BASE says when both sides are at the `number`th slot.
    pub(crate) fn base(&self, number: u32) -> u32 {
        self.event(number) << 16 | self.event(number)
    }

    pub(crate) fn put(&self, at: u64, value: u16) {
        self.words.store_release(at as usize / 2, value.to_le());
    }

    fn read(&self, at: u64) -> u16 {
        u16::from_le(self.words.load_acquire(at as usize / 2))
    }

    /// Writes a descriptor into the ring as it is.
    pub(crate) fn describe(&self, index: u16, desc: Desc) {
        self.describe_at(DESCRIPTORS, index, desc);
    }

    /// Writes a descriptor into the table at `table`.
    pub(crate) fn describe_at(&self, table: u64, index: u16, desc: Desc) {
        let at = table + 16 * u64::from(index);
        let len = [desc.len as u16, (desc.len >> 16) as u16];
        let gpa = [0, 16, 32, 48].map(|shift| (desc.gpa >> shift) as u16);
        let words = gpa.into_iter().chain(len).chain([desc.id, desc.flags]);
        for (word, i) in words.zip(0..) {
            self.put(at + 2 * i, word);
        }
    }

    /// Makes a list available in the next slots, whatever lies there.
    pub(crate) fn add(&self, descs: &[Desc]) {
        let first = self.added.get();
        for (at, desc) in descs.iter().enumerate().rev() {
            let (index, wrap) = self.place(first + at as u32);
            let flags = desc.flags | if wrap { AVAIL } else { USED };
            self.describe(index, Desc { flags, ..*desc });
        }
        self.added.set(first + descs.len() as u32);
    }

    /// Makes a list of as many one-byte buffers available.
    pub(crate) fn add_list(&self, id: u16, count: u16) {
        let flags = |at| if at < count { NEXT } else { 0 };
        let descs: Vec<_> = (1..=count)
            .map(|at| Desc::new(1, WRITE | flags(at), id))
            .collect();
        self.add(&descs);
    }

    /// Makes available what only an indirect table of `descs` describes, as buffer 0.
    pub(crate) fn add_indirect(&self, descs: &[Desc]) {
        for (desc, index) in descs.iter().zip(0..) {
            self.describe_at(FREE, index, *desc);
        }
        self.add(&[Desc {
            gpa: GPA + FREE,
            ..Desc::new(16 * descs.len() as u32, INDIRECT, 0)
        }]);
    }

    /// What the `number`th slot hands back, if it is used: id and bytes written.
    pub(crate) fn used(&self, number: u32) -> Option<(u16, u32)> {
        let (index, wrap) = self.place(number);
        let at = DESCRIPTORS + 16 * u64::from(index) + 8;
        let [low, high, id, flags] = [0, 2, 4, 6].map(|word| self.read(at + word));
        let len = u32::from(low) | u32::from(high) << 16;
        let round = if wrap { AVAIL | USED } else { 0 };
        if flags & (AVAIL | USED) != round {
            return None;
        }
        assert_eq!(flags & WRITE != 0, len > 0);
        Some((id, len))
    }

    pub(crate) fn set_driver_event(&self, event: u32) {
        self.put(DRIVER_EVENT, event as u16);
        self.put(DRIVER_EVENT + 2, (event >> 16) as u16);
    }

    pub(crate) fn device_event(&self) -> u32 {
        u32::from(self.read(DEVICE_EVENT)) | u32::from(self.read(DEVICE_EVENT + 2)) << 16
    }
}

/// Head, readable and writable buffers.
pub(crate) type Taken = (u16, Vec<Buf>, Vec<Buf>);

/// Takes at most `max` chains.
pub(crate) fn take(ring: &mut Ring, guest: &Guest, max: usize) -> Result<Vec<Taken>, RingError> {
    let mut chains = Chains::new(max, ring.size());
    let taken = ring.take(&guest.memory, max, &mut chains)?;
    assert_eq!(taken, chains.len());
    let owned = chains.iter().map(|chain| {
        let [readable, writable] = [chain.readable(), chain.writable()].map(<[Buf]>::to_vec);
        (chain.head(), readable, writable)
    });
    Ok(owned.collect())
}
