//! A guest's memory, where frames are put and received, and what a naive reader finds of a frame.

use std::os::fd::AsFd;
use std::sync::Arc;

use nbl::{Nbl, Pool, Segment};
use shmem::{BlockRegistry, BlockTable, GuestMemory, Handle, Mapping, Region, Window, memfd};

/// Of the header in front of a frame.
pub(crate) const HEADER: usize = 12;

/// The longest frame.
pub(crate) const MAX: u32 = 65_550;

/// Two adjacent regions, and one far away above 4 GiB.
pub(crate) const REGIONS: [(u64, u64); 3] =
    [(0x1000, 0x3000), (0x4000, 0x2000), (0x1_0000_0000, 0x8000)];

/// Guest addresses that lie in one piece.
pub(crate) const RANGES: [(u64, u64); 2] = [(0x1000, 0x5000), (0x1_0000_0000, 0x8000)];

pub(crate) struct Guest {
    pub(crate) memory: GuestMemory,
    pub(crate) blocks: Arc<BlockTable>,
    pub(crate) registry: BlockRegistry,
}

impl Guest {
    /// A guest, and a pool whose lookahead is registered beside the guest's memory.
    pub(crate) fn with_pool(frames: usize, segments: usize) -> (Self, Pool) {
        let mut pool = Pool::new(frames, segments).unwrap();
        let mut guest = Self::new(&REGIONS);
        let lookahead = guest
            .registry
            .register(pool.lookahead(), 0, pool.lookahead().len());
        pool.set_lookahead_handle(lookahead[0]);
        guest.blocks = guest.registry.snapshot();
        (guest, pool)
    }

    pub(crate) fn new(regions: &[(u64, u64)]) -> Self {
        let mut registry = BlockRegistry::new();
        let regions = regions.iter().map(|(gpa, len)| {
            let fd = memfd("guest", *len).unwrap();
            let mapping = Mapping::map(fd.as_fd(), 0, *len).unwrap();
            let handles = registry.register(&mapping, 0, *len);
            Region {
                gpa: *gpa,
                uva: *gpa,
                len: *len,
                mapping,
                mapping_offset: 0,
                handles,
            }
        });
        let memory = GuestMemory::new(regions.collect()).unwrap();
        Self {
            memory,
            blocks: registry.snapshot(),
            registry,
        }
    }

    /// Puts bytes into the guest's memory, across regions if need be.
    pub(crate) fn write(&self, gpa: u64, bytes: &[u8]) {
        for (at, byte) in bytes.iter().enumerate() {
            self.memory
                .window(gpa + at as u64, 1)
                .unwrap()
                .write(&[*byte]);
        }
    }

    /// Puts a frame with its header into the guest's memory, and says in which buffers.
    pub(crate) fn put(&self, gpa: u64, bytes: &[u8]) -> [(u64, u32); 1] {
        self.write(gpa, bytes);
        [(gpa, bytes.len() as u32)]
    }

    /// A frame of `bytes`, in buffers of these lengths one behind the other.
    pub(crate) fn build<'p>(&self, pool: &'p Pool, bytes: &[u8], buffers: &[usize]) -> Nbl<'p> {
        let mut at = RANGES[1].0;
        self.write(at, &[&[0; HEADER], bytes].concat());
        let chain = buffers.iter().map(|len| {
            let gpa = at;
            at += *len as u64;
            (gpa, *len as u32)
        });
        pool.build(&self.memory, chain, HEADER, MAX).unwrap()
    }

    /// A block of its own, for receive buffers.
    pub(crate) fn receive_block(&mut self, len: u64) -> (Handle, Arc<Mapping>) {
        let mapping = Mapping::anonymous(len as usize).unwrap();
        let handle = self.registry.register(&mapping, 0, len)[0];
        self.blocks = self.registry.snapshot();
        (handle, mapping)
    }
}

/// A frame's bytes as its segments say.
pub(crate) fn bytes_of(blocks: &BlockTable, nbl: Nbl<'_>) -> Vec<u8> {
    segments_of(nbl)
        .into_iter()
        .flat_map(|segment| read(window(blocks, segment)))
        .collect()
}

pub(crate) fn segments_of(nbl: Nbl<'_>) -> Vec<Segment> {
    nbl.segments().collect::<Result<_, _>>().unwrap()
}

pub(crate) fn window(blocks: &BlockTable, segment: Segment) -> Window<'_> {
    blocks
        .window(segment.handle, segment.offset, segment.len)
        .unwrap()
}

pub(crate) fn read(window: Window<'_>) -> Vec<u8> {
    let mut bytes = vec![0; window.len()];
    window.read(&mut bytes);
    bytes
}

/// Bytes of which no two neighbours or near neighbours are alike.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (at * 131 + at / 251 * 17 + 7) as u8)
        .collect()
}
