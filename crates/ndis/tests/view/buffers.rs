//! Receive buffers as they are cut from blocks (B1, B2, B4, B6, B8).

use ndis::view::{ReceiveBuffers, Segment};
use ndis::NDIS_HANDLE;
use proptest::prelude::*;

const BLOCKS: [NDIS_HANDLE; 2] = [1 as NDIS_HANDLE, 2 as NDIS_HANDLE];

fn of(buffers: &ReceiveBuffers, at: u32) -> Vec<Segment> {
    let (first, second) = buffers.segments(at, BLOCKS).unwrap();
    std::iter::once(first).chain(second).collect()
}

#[test]
fn b1_one_segment_without_split_and_two_with_it_in_order() {
    let whole = ReceiveBuffers::new(2048, 0, 1).unwrap();
    let split = ReceiveBuffers::new(2048, 64, 1).unwrap();
    assert_eq!((whole.segment_count(), split.segment_count()), (1, 2));
    let handles = |buffers: &ReceiveBuffers| {
        let segments = of(buffers, 0);
        segments
            .iter()
            .map(|segment| segment.handle)
            .collect::<Vec<_>>()
    };
    assert_eq!(handles(&whole), BLOCKS[..1]);
    assert_eq!(handles(&split), BLOCKS);
}

#[test]
fn buffers_that_hold_nothing_or_too_much_are_refused() {
    assert_eq!(ReceiveBuffers::new(64, 64, 1), None);
    assert_eq!(ReceiveBuffers::new(0, 0, 1), None);
    assert_eq!(ReceiveBuffers::new(2048, 64, 0), None);
    assert_eq!(ReceiveBuffers::new(u32::MAX, 0, 4096), None);
    assert!(
        ReceiveBuffers::new(1, 64, 128).is_some(),
        "rounding up leaves some"
    );
    let large = ReceiveBuffers::new(1 << 31, 64, 1).unwrap();
    assert!(large.segments(0, BLOCKS).is_some());
    assert_eq!(
        large.segments(1, BLOCKS),
        None,
        "its end is more than a ULONG tells"
    );
    assert_eq!(large.segments(u32::MAX, BLOCKS), None);
    assert_eq!((large.bytes(1, 4), large.bytes(2, 4)), (1 << 33, 0));
}

proptest! {
    /// Each segment ends in its block, none touches another, and in front of the data of a split buffer there is room for
    /// its lookahead.
    #[test]
    fn b4_b6_b8_buffers_fill_their_blocks_without_overlap(
        size in 1..9000_u32,
        lookahead in prop_oneof![Just(0_u32), 1..300_u32],
        shift in 0..9_u32,
        count in 1..40_u32,
    ) {
        let buffers = match ReceiveBuffers::new(size, lookahead, 1 << shift) {
            Some(buffers) => buffers,
            None => {
                prop_assert!((size >> shift << shift) <= lookahead);
                return Ok(());
            }
        };
        let mut ends = [0_u64; 2];
        for at in 0..count {
            for (block, segment) in of(&buffers, at).into_iter().enumerate() {
                let range = segment.range_in(buffers.bytes(block, count)).unwrap();
                let backfill = if block == 1 { u64::from(lookahead) } else { 0 };
                prop_assert_eq!(range.start, ends[block] + backfill);
                prop_assert_eq!(segment.flags, 0);
                ends[block] = range.end;
                let least = if block == 0 && lookahead > 0 { lookahead } else { size.saturating_sub(lookahead) };
                prop_assert!(segment.length >= least && segment.length > 0);
                let is_data = lookahead == 0 || block == 1;
                prop_assert!(!is_data || range.end % (1 << shift) == 0);
            }
        }
        for (block, end) in ends.iter().enumerate() {
            prop_assert_eq!(*end, buffers.bytes(block, count));
        }
    }
}
