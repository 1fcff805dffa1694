use proptest::prelude::*;

use super::*;
use crate::{BlockRegistry, BlockTable};

/// Guest memory in blocks of two to this many bytes, so that a test can see the seams between blocks.
const SHIFT: u32 = 6;

/// Memory whose every byte tells where it is: the same file backs all of it.
#[derive(Debug)]
struct Layout {
    mapping: Arc<Mapping>,
    registry: BlockRegistry,
    regions: Vec<Region>,
}

impl Layout {
    fn new() -> Self {
        let mapping = Mapping::anonymous(1 << 16).unwrap();
        let bytes: Vec<u8> = (0..1_u32 << 16).map(|at| (at ^ at >> 8) as u8).collect();
        mapping.window(0, bytes.len()).unwrap().write(&bytes);
        Self {
            mapping,
            registry: BlockRegistry::with_max_block(1 << SHIFT),
            regions: Vec::new(),
        }
    }

    fn with(mut self, gpa: u64, uva: u64, len: u64, mapping_offset: u64) -> Self {
        let handles = self.registry.register(&self.mapping, mapping_offset, len);
        self.regions.push(Region {
            gpa,
            uva,
            len,
            mapping: self.mapping.clone(),
            mapping_offset,
            handles,
        });
        self
    }

    fn memory(&self) -> Result<GuestMemory, RegionError> {
        GuestMemory::with_block_shift(self.regions.clone(), SHIFT)
    }

    /// The same question, answered byte by byte: the bytes at `gpa` as far as they go.
    fn naive(&self, gpa: u64, len: u32) -> Vec<u8> {
        let byte = |gpa: u64| {
            let region = self
                .regions
                .iter()
                .find(|region| gpa >= region.gpa && gpa < region.gpa + region.len)?;
            let at = region.mapping_offset + (gpa - region.gpa);
            Some((at ^ at >> 8) as u8)
        };
        (0..u64::from(len))
            .map_while(|at| byte(gpa.checked_add(at)?))
            .collect()
    }
}

fn bytes(window: Window<'_>) -> Vec<u8> {
    let mut bytes = vec![0; window.len()];
    window.read(&mut bytes);
    bytes
}

/// Walks a range as callers do. The bytes found, and where it ended early.
fn walk(
    memory: &GuestMemory,
    table: &BlockTable,
    gpa: u64,
    len: u32,
) -> (Vec<u8>, Option<OutOfMemory>) {
    let (mut at, mut left, mut found) = (gpa, len, Vec::new());
    while left > 0 {
        let piece = match memory.locate(at, left) {
            Ok(piece) => piece,
            Err(end) => return (found, Some(end)),
        };
        assert!(piece.len > 0 && piece.len <= left);
        found.extend(bytes(
            table.window(piece.handle, piece.offset, piece.len).unwrap(),
        ));
        at += u64::from(piece.len);
        left -= piece.len;
    }
    (found, None)
}

#[test]
fn a_piece_ends_with_its_block_or_region() {
    let layout = Layout::new()
        .with(0x1000, 0, 100, 0)
        .with(0x1064, 1000, 10, 500);
    let memory = layout.memory().unwrap();
    let piece = |gpa, len| {
        memory
            .locate(gpa, len)
            .map(|piece| (piece.offset, piece.len))
            .unwrap()
    };
    assert_eq!(piece(0x1000, 10), (0, 10));
    assert_eq!(piece(0x1000, 65), (0, 64));
    assert_eq!(piece(0x103f, 20), (63, 1));
    assert_eq!(piece(0x1040, 36), (0, 36));
    // Into the neighbouring region, which lies elsewhere.
    assert_eq!(piece(0x1040, 37), (0, 36));
    assert_eq!(piece(0x1064, 37), (0, 10));
    assert_eq!(piece(0x1064, 0), (0, 0));
    let handles: Vec<Handle> = memory
        .regions()
        .flat_map(|region| region.handles.clone())
        .collect();
    assert_eq!(memory.locate(0x1041, 1).unwrap().handle, handles[1]);
    assert_eq!(memory.locate(0x1064, 1).unwrap().handle, handles[2]);
}

#[test]
fn addresses_between_regions_are_nobodys() {
    let layout = Layout::new()
        .with(0x1000, 0, 100, 0)
        .with(0x2000, 1000, 100, 100);
    let memory = layout.memory().unwrap();
    for gpa in [0, 0xfff, 0x1064, 0x1fff, 0x2064, u64::MAX] {
        let outside = OutOfMemory { gpa, len: 1 };
        assert_eq!(memory.locate(gpa, 1), Err(outside));
        assert_eq!(memory.window(gpa, 1).map(Window::len), Err(outside));
        assert!(memory.array_at_gpa::<u16>(gpa, 1).is_err());
    }
    assert!(memory.window(0x1000, 101).is_err());
    assert_eq!(memory.window(0x1000, 100).unwrap().len(), 100);
    assert!(memory.window(0x1063, u32::MAX).is_err());
}

#[test]
fn a_range_that_wraps_around_is_refused() {
    let top = u64::MAX - 100;
    let layout = Layout::new().with(top, 0, 100, 0);
    let memory = layout.memory().unwrap();
    assert_eq!(memory.locate(top, 64).unwrap().len, 64);
    assert!(memory.locate(top, 102).is_err());
    assert!(memory.locate(top + 1, u32::MAX).is_err());
    assert!(memory.window(top, u32::MAX).is_err());
}

#[test]
fn no_regions_are_no_memory() {
    let memory = GuestMemory::new(Vec::new()).unwrap();
    assert!(memory.locate(0, 0).is_err());
    assert!(memory.window(0, 0).is_err());
    assert!(memory.array_at_uva::<u16>(0, 0).is_err());
    assert!(!memory.is_lost());
    assert_eq!(memory.regions().len(), 0);
}

#[test]
fn regions_that_make_no_sense_are_refused() {
    let layout = || Layout::new().with(0x1000, 0x7000, 100, 0);
    let refused = |layout: Layout| layout.memory().unwrap_err();
    assert_eq!(
        refused(layout().with(0x2000, 0, 0, 0)),
        RegionError::Empty { gpa: 0x2000 }
    );
    let high = u64::MAX - 99;
    assert_eq!(
        refused(layout().with(high, 0, 100, 0)),
        RegionError::Overflow { gpa: high }
    );
    assert_eq!(
        refused(layout().with(0x2000, high, 100, 0)),
        RegionError::Overflow { gpa: 0x2000 }
    );
    assert_eq!(
        refused(layout().with(0x1063, 0, 1, 0)),
        RegionError::Overlap {
            first: 0x1000,
            second: 0x1063
        }
    );
    assert_eq!(
        refused(layout().with(0x2000, 0x6fff, 2, 0)),
        RegionError::FrontendOverlap {
            first: 0x6fff,
            second: 0x7000
        }
    );
    assert_eq!(
        refused(layout().with(0x2000, 0, 100, 0xffff)),
        RegionError::OutsideMapping { gpa: 0x2000 }
    );
    assert_eq!(
        refused(layout().with(0x2000, 0, 100, u64::MAX)),
        RegionError::OutsideMapping { gpa: 0x2000 }
    );
}

#[test]
fn a_region_has_all_of_its_handles_or_none() {
    let mut layout = Layout::new().with(0x1000, 0, 100, 0);
    let handles = std::mem::take(&mut layout.regions[0].handles);
    let memory = layout.memory().unwrap();
    assert_eq!(
        bytes(memory.window(0x1001, 2).unwrap()),
        layout.naive(0x1001, 2)
    );
    assert!(memory.locate(0x1001, 2).is_err());
    layout.regions[0].handles = vec![handles[0]];
    let some = RegionError::Handles {
        gpa: 0x1000,
        given: 1,
        blocks: 2,
    };
    assert_eq!(layout.memory().unwrap_err(), some);
}

#[test]
fn a_region_without_handles_borrows_none_from_its_neighbour() {
    let mut layout = Layout::new()
        .with(0x1000, 0, 64, 0)
        .with(0x2000, 1000, 64, 64);
    layout.regions[0].handles.clear();
    let memory = layout.memory().unwrap();
    assert!(memory.locate(0x1000, 1).is_err());
    assert!(memory.locate(0x2000, 1).is_ok());
}

#[test]
fn both_addresses_of_a_ring_lead_to_the_same_words() {
    let layout = Layout::new()
        .with(0x1000, 0x7f00_0000, 4096, 128)
        .with(0x9000, 0x1000, 64, 0);
    let memory = layout.memory().unwrap();
    let by_uva = memory.array_at_uva::<u64>(0x7f00_0040, 4).unwrap();
    let by_gpa = memory.array_at_gpa::<u64>(0x1040, 4).unwrap();
    by_uva.write(3, 42);
    assert_eq!(by_gpa.read(3), 42);
    assert_eq!(memory.window(0x1058, 8).unwrap().read_word(0), Some(42_u64));
    // The whole region, and no word more.
    assert!(memory.array_at_uva::<u16>(0x7f00_0000, 2048).is_ok());
    assert!(memory.array_at_uva::<u16>(0x7f00_0000, 2049).is_err());
    assert!(memory.array_at_uva::<u16>(0x7f00_0ffe, 1).is_ok());
    assert!(memory.array_at_uva::<u16>(0x7f00_0ffe, 2).is_err());
    assert!(memory.array_at_uva::<u64>(0x7f00_0000, usize::MAX).is_err());
    assert!(memory.array_at_uva::<u64>(0x7f00_0000, 1 << 61).is_err());
    let misaligned = memory.array_at_uva::<u64>(0x7f00_0004, 1).unwrap_err();
    assert_eq!(
        misaligned,
        ArrayError::Misaligned {
            address: 0x7f00_0004,
            word: 8
        }
    );
}

/// Regions of random length with random gaps (often none), anywhere in the mapping, in a random order.
fn layouts() -> impl Strategy<Value = Layout> {
    let region = (0..200_u64, 1..300_u64, 0..60_000_u64, any::<u32>());
    prop::collection::vec(region, 0..12).prop_map(|parts| {
        let mut placed = Vec::new();
        let (mut gpa, mut uva) = (0x1000, 0x5000_0000);
        for (gap, len, offset, order) in parts {
            gpa += if gap < 100 { 0 } else { gap };
            uva += gap;
            placed.push((order, gpa, uva, len, offset));
            gpa += len;
            uva += len;
        }
        placed.sort_unstable();
        placed
            .into_iter()
            .fold(Layout::new(), |layout, (_, gpa, uva, len, offset)| {
                layout.with(gpa, uva, len, offset)
            })
    })
}

proptest! {
    #[test]
    fn lookups_agree_with_a_model_that_looks_at_every_byte(
        layout in layouts(),
        questions in prop::collection::vec((0xf00..0x2000_u64, 0..700_u32), 20),
    ) {
        let memory = layout.memory().unwrap();
        let table = layout.registry.snapshot();
        for (gpa, len) in questions {
            let expected = layout.naive(gpa, len);
            let (found, end) = walk(&memory, &table, gpa, len);
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(end.is_some(), expected.len() < len as usize);
            let inside = layout.regions.iter().any(|region| {
                gpa >= region.gpa && gpa < region.gpa + region.len && gpa + u64::from(len) <= region.gpa + region.len
            });
            match memory.window(gpa, len) {
                Ok(window) => {
                    prop_assert!(inside);
                    prop_assert_eq!(bytes(window), expected);
                }
                Err(outside) => {
                    prop_assert!(!inside);
                    prop_assert_eq!(outside, OutOfMemory { gpa, len });
                }
            }
        }
    }

    #[test]
    fn regions_are_refused_exactly_if_they_overlap(
        parts in prop::collection::vec((0..60_u64, 0..60_u64, 1..20_u64), 0..5),
    ) {
        let layout = parts.iter().fold(Layout::new(), |layout, (gpa, uva, len)| layout.with(*gpa, *uva, *len, 0));
        let overlap = |start: fn(&Region) -> u64| {
            layout.regions.iter().enumerate().any(|(index, one)| {
                layout.regions[..index]
                    .iter()
                    .any(|other| start(one) < start(other) + other.len && start(other) < start(one) + one.len)
            })
        };
        let (by_gpa, by_uva) = (overlap(|region| region.gpa), overlap(|region| region.uva));
        match layout.memory() {
            Ok(_) => prop_assert!(!by_gpa && !by_uva),
            Err(RegionError::Overlap { .. }) => prop_assert!(by_gpa),
            Err(RegionError::FrontendOverlap { .. }) => prop_assert!(!by_gpa && by_uva),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
