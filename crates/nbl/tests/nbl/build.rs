//! A guest's chain of buffers becomes a frame: every byte is described, once, where it lies, or it is said why not.
#![allow(
    unsafe_code,
    reason = "UNSAFETY: looks at the structures as an observer does, by pointer"
)]

use nbl::{BuildError, ChainError, FRONT, LOOKAHEAD, Nbl, NblQueue, Pool, RawChain, Segment};
use ndis::{MDL, NET_BUFFER, NET_BUFFER_LIST, NET_BUFFER_SHARED_MEMORY};
use proptest::prelude::*;

use crate::guest::{Guest, HEADER, MAX, RANGES, REGIONS, bytes_of, pattern, segments_of};

/// A frame with its header behind guest address 0x1000, in one buffer.
fn build<'p>(guest: &Guest, pool: &'p Pool, frame: &[u8]) -> Nbl<'p> {
    let chain = guest.put(0x1000, &[&[0; HEADER], frame].concat());
    pool.build(&guest.memory, chain, HEADER, MAX).unwrap()
}

/// The structures of a frame as they lie in memory.
struct Raw {
    nbl: NET_BUFFER_LIST,
    nb: NET_BUFFER,
    segments: Vec<NET_BUFFER_SHARED_MEMORY>,
    mdls: Vec<MDL>,
}

impl Raw {
    fn of(nbl: Nbl<'_>) -> Self {
        // SAFETY: the pool is borrowed, its links are good and nobody writes now.
        unsafe {
            let nbl = *nbl.as_ptr();
            let nb = *nbl.FirstNetBuffer;
            Self {
                nbl,
                nb,
                segments: RawChain::new(nb.SharedMemoryInfo, 4096)
                    .collect::<Result<_, _>>()
                    .unwrap(),
                mdls: RawChain::new(nb.MdlChain, 4096)
                    .collect::<Result<_, _>>()
                    .unwrap(),
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Layout {
    header: usize,
    frame: Vec<u8>,
    /// Where the frame with its header is cut.
    cuts: Vec<usize>,
    /// Which range each buffer goes to, and how far behind the one before.
    places: Vec<(usize, u64)>,
}

fn layout() -> impl Strategy<Value = Layout> {
    let len = prop_oneof![14..200_usize, 200..9000_usize];
    (
        prop_oneof![Just(0_usize), Just(10), Just(12), Just(FRONT)],
        len,
        1..12_usize,
    )
        .prop_flat_map(|(header, len, buffers)| {
            (
                Just(header),
                prop::collection::vec(any::<u8>(), len),
                prop::collection::vec(0..=header + len, buffers - 1),
                prop::collection::vec((0..RANGES.len(), 0..64_u64), buffers),
            )
        })
        .prop_map(|(header, frame, mut cuts, places)| {
            cuts.sort_unstable();
            Layout {
                header,
                frame,
                cuts,
                places,
            }
        })
}

impl Layout {
    /// Puts it into a guest's memory. Two cuts at one place make a buffer of no bytes.
    fn put(&self, guest: &Guest) -> (Vec<u8>, Vec<(u64, u32)>) {
        let bytes = [&pattern(self.header), &self.frame[..]].concat();
        let ends = self.cuts.iter().copied().chain([bytes.len()]);
        let mut free = RANGES.map(|(start, _)| start);
        let mut start = 0;
        let mut chain = Vec::new();
        for (end, (range, gap)) in ends.zip(&self.places) {
            let piece = &bytes[start..end];
            let fits = |range: usize| {
                free[range] + gap + piece.len() as u64 <= RANGES[range].0 + RANGES[range].1
            };
            // The second range is large enough for everything.
            let range = if fits(*range) { *range } else { 1 };
            let gpa = free[range] + gap;
            guest.write(gpa, piece);
            chain.push((gpa, piece.len() as u32));
            free[range] = gpa + piece.len() as u64;
            start = end;
        }
        (bytes, chain)
    }
}

proptest! {
    #[test]
    fn b4_the_segments_of_any_layout_are_the_frames_bytes_and_the_mdls_run_beside_them(layout in layout()) {
        let (guest, pool) = Guest::with_pool(1, 64);
        let (bytes, chain) = layout.put(&guest);
        let nbl = pool.build(&guest.memory, chain.iter().copied(), layout.header, MAX).unwrap();

        prop_assert_eq!(&nbl.front::<FRONT>()[FRONT - layout.header..], &bytes[..layout.header]);
        prop_assert_eq!(nbl.data_len() as usize, layout.frame.len());
        prop_assert_eq!(nbl.lookahead(), &layout.frame[..LOOKAHEAD.min(layout.frame.len())]);
        prop_assert_eq!(bytes_of(&guest.blocks, nbl), &layout.frame[..]);

        let segments = segments_of(nbl);
        let mdls: Vec<MDL> = nbl.mdls().collect::<Result<_, _>>().unwrap();
        let raw = Raw::of(nbl);
        prop_assert_eq!(mdls.len(), segments.len());
        prop_assert_eq!(raw.mdls.len(), segments.len());
        prop_assert_eq!(raw.segments.len(), segments.len());
        for (at, ((segment, mdl), room)) in segments.iter().zip(&mdls).zip(&raw.segments).enumerate() {
            prop_assert_eq!(mdl.ByteCount, segment.len, "element {} of both chains", at);
            prop_assert!(mdl.ByteCount <= room.SharedMemoryLength, "a byte count is at most the room");
            prop_assert_eq!(room.SharedMemoryFlags, 0, "B5");
            prop_assert_eq!(room.SharedMemoryOffset, segment.offset, "B2");
        }
    }

    #[test]
    fn l3_every_frame_is_split_at_the_lookahead_and_what_is_behind_is_not_copied(len in 14..4000_usize) {
        let (guest, pool) = Guest::with_pool(1, 8);
        let nbl = build(&guest, &pool, &pattern(len));
        let segments = segments_of(nbl);
        prop_assert_eq!(segments[0].len as usize, len.min(LOOKAHEAD));
        prop_assert_eq!(segments.len() > 1, len > LOOKAHEAD);

        // The guest changes its mind: the lookahead does not follow, the rest does.
        guest.write(0x1000, &vec![0xEE; HEADER + len]);
        let bytes = bytes_of(&guest.blocks, nbl);
        prop_assert_eq!(&bytes[..len.min(LOOKAHEAD)], &pattern(len)[..len.min(LOOKAHEAD)]);
        prop_assert!(bytes[len.min(LOOKAHEAD)..].iter().all(|byte| *byte == 0xEE));
    }

    #[test]
    fn arbitrary_chains_become_a_frame_or_an_error_and_an_error_takes_nothing(
        chain in prop::collection::vec((prop_oneof![0..0x8000_u64, 0xFFFF_8000..0x1_0000_9000_u64, any::<u64>()],
                                        prop_oneof![0..3000_u32, any::<u32>()]), 0..6),
        max in prop_oneof![Just(0), 14..10_000_u32, Just(u32::MAX)],
    ) {
        let (guest, pool) = Guest::with_pool(2, 4);
        match pool.build(&guest.memory, chain.iter().copied(), HEADER, max) {
            Ok(nbl) => {
                let bytes: u64 = chain.iter().map(|(_, len)| u64::from(*len)).sum();
                prop_assert_eq!(u64::from(nbl.data_len()) + HEADER as u64, bytes);
                prop_assert_eq!(bytes_of(&guest.blocks, nbl).len() as u64 + HEADER as u64, bytes);
                prop_assert!(nbl.data_len() <= max && nbl.data_len() >= 14);
            }
            Err(_) => prop_assert_eq!((pool.frames_left(), pool.segments_left()), (2, 4)),
        }
    }
}

#[test]
fn b4_the_lookaheads_mdl_has_the_address_that_its_segment_names() {
    let (guest, pool) = Guest::with_pool(3, 8);
    for index in 0..3 {
        let raw = Raw::of(build(&guest, &pool, &pattern(1514)));
        let base = pool.lookahead().as_ptr().as_ptr().addr();
        let at = base + raw.segments[0].SharedMemoryOffset as usize;
        assert_eq!(
            raw.segments[0].SharedMemoryOffset as usize,
            index * (64 + LOOKAHEAD) + 64,
            "each begins a cache line, behind one for its front"
        );
        assert_eq!(ndis::MmGetMdlVirtualAddress(&raw.mdls[0]).addr(), at);
        assert_eq!(raw.mdls[0].MappedSystemVa.addr(), at);
        assert_eq!(raw.mdls[0].StartVa.addr() % 4096, 0);
        assert!(raw.mdls[0].ByteOffset < 4096);
    }
}

#[test]
fn no_address_of_guest_memory_stands_in_an_mdl() {
    let (guest, pool) = Guest::with_pool(1, 8);
    let raw = Raw::of(build(&guest, &pool, &pattern(1514)));
    assert_eq!(raw.mdls.len(), 2);
    assert!(raw.mdls[1].MappedSystemVa.is_null() && raw.mdls[1].StartVa.is_null());
    assert_eq!((raw.mdls[1].ByteOffset, raw.mdls[1].MdlFlags), (0, 0));
}

#[test]
fn b6_a_frame_begins_where_its_first_mdl_does() {
    let (guest, pool) = Guest::with_pool(1, 8);
    let raw = Raw::of(build(&guest, &pool, &pattern(1514)));
    assert_eq!(raw.nb.CurrentMdl, raw.nb.MdlChain);
    assert_eq!((raw.nb.CurrentMdlOffset, raw.nb.DataOffset), (0, 0));
    assert_eq!(raw.nb.stDataLength, 1514);
    assert!(raw.nb.Next.is_null() && raw.nbl.Next.is_null());
}

#[test]
fn b3_room_is_set_once_and_the_frames_length_bounds_its_bytes() {
    let (guest, mut pool) = Guest::with_pool(1, 8);
    for len in [1514, 14, 60, 128, 129] {
        pool.reset();
        let nbl = build(&guest, &pool, &pattern(len));
        let raw = Raw::of(nbl);
        assert_eq!(
            raw.segments[0].SharedMemoryLength as usize, LOOKAHEAD,
            "room, not length"
        );
        assert_eq!(bytes_of(&guest.blocks, nbl), pattern(len));
    }
}

#[test]
fn b7_a_frame_inside_the_lookahead_has_one_segment_whatever_was_there_before() {
    let (guest, mut pool) = Guest::with_pool(1, 8);
    assert_eq!(segments_of(build(&guest, &pool, &pattern(1514))).len(), 2);
    pool.reset();
    let nbl = build(&guest, &pool, &pattern(128));
    assert_eq!(segments_of(nbl).len(), 1);
    assert_eq!(Raw::of(nbl).mdls.len(), 1);
}

#[test]
fn a_frame_knows_nothing_of_the_one_that_had_its_place() {
    let (guest, mut pool) = Guest::with_pool(2, 8);
    let nbl = build(&guest, &pool, &pattern(60));
    let mut queue = NblQueue::new();
    queue.push(nbl);
    queue.push(build(&guest, &pool, &pattern(60)));
    nbl.set_queue_id(7);
    nbl.set_hash(0x8000_0001, ndis::NDIS_HASH_UDP_IPV4);
    nbl.set_token(8);
    nbl.set_source_port(9);
    nbl.set_status(ndis::NDIS_STATUS_FAILURE);
    nbl.set_vlan(ndis::NDIS_NET_BUFFER_LIST_8021Q_INFO { Value: 10 });
    nbl.set_checksum(ndis::NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO { Value: 11 });
    nbl.set_large_send(ndis::NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO { Value: 12 });
    assert_eq!(
        (nbl.queue_id(), nbl.token(), nbl.source_port()),
        (7, 8, Some(9))
    );
    assert_eq!(
        (
            nbl.vlan().Value,
            nbl.checksum().Value,
            nbl.large_send().Value
        ),
        (10, 11, 12)
    );
    assert_eq!(nbl.status(), ndis::NDIS_STATUS_FAILURE);
    assert_eq!(nbl.hash(), Some((0x8000_0001, ndis::NDIS_HASH_UDP_IPV4)));
    let raw = Raw::of(nbl);
    assert_eq!(
        ndis::NET_BUFFER_LIST_GET_HASH_FUNCTION(&raw.nbl),
        ndis::NdisHashFunctionToeplitz
    );

    pool.reset();
    let nbl = build(&guest, &pool, &pattern(60));
    assert_eq!(
        (nbl.queue_id(), nbl.token(), nbl.source_port()),
        (0, 0, None)
    );
    assert_eq!(
        (
            nbl.vlan().Value,
            nbl.checksum().Value,
            nbl.large_send().Value
        ),
        (0, 0, 0)
    );
    assert_eq!(nbl.status(), ndis::NDIS_STATUS_SUCCESS);
    assert!(nbl.receive().is_none() && nbl.hash().is_none());
    let raw = Raw::of(nbl);
    assert!(raw.nbl.NetBufferListInfo.iter().all(|slot| slot.is_null()));
    assert_eq!((raw.nbl.NblFlags, raw.nbl.Flags), (0, 0));
    assert!(raw.nbl.Next.is_null());
}

#[test]
fn r1_the_queue_stands_in_slot_14_with_filter_0() {
    let (guest, pool) = Guest::with_pool(1, 8);
    let nbl = build(&guest, &pool, &pattern(60));
    nbl.set_queue_id(0xFFFF);
    let raw = Raw::of(nbl);
    assert_eq!(ndis::NET_BUFFER_LIST_RECEIVE_QUEUE_ID(&raw.nbl), 0xFFFF);
    assert_eq!(ndis::NET_BUFFER_LIST_RECEIVE_FILTER_ID(&raw.nbl), 0);
}

#[test]
fn r1_port_0_is_a_source_like_any_other() {
    let (guest, pool) = Guest::with_pool(1, 8);
    let nbl = build(&guest, &pool, &pattern(60));
    nbl.set_source_port(0);
    assert_eq!(nbl.source_port(), Some(0));
    assert!(!Raw::of(nbl).nbl.SourceHandle.is_null());
}

#[test]
fn m4_a_frame_whose_lookahead_names_no_block_cannot_be_walked() {
    let guest = Guest::new(&REGIONS);
    let pool = Pool::new(1, 8).unwrap();
    let nbl = build(&guest, &pool, &pattern(60));
    assert_eq!(
        nbl.segments().collect::<Vec<_>>(),
        [Err(ChainError::NullHandle)]
    );
}

#[test]
fn a_buffer_across_two_blocks_is_two_segments() {
    const BLOCK: u64 = 1 << 32;
    let guest = Guest::new(&[(0, BLOCK + 4096)]);
    let pool = Pool::new(1, 8).unwrap();
    let from = BLOCK - 1000;
    let chain = [(from - 512, HEADER as u32 + LOOKAHEAD as u32), (from, 1500)];
    let nbl = pool.build(&guest.memory, chain, HEADER, MAX).unwrap();
    let handles: Vec<_> = guest
        .memory
        .regions()
        .flat_map(|region| region.handles.clone())
        .collect();
    let behind: Vec<_> = Raw::of(nbl).segments[1..]
        .iter()
        .map(|segment| {
            (
                segment.SharedMemoryHandle.addr() as u64,
                segment.SharedMemoryOffset,
                segment.SharedMemoryLength,
            )
        })
        .collect();
    assert_eq!(
        behind,
        [
            (handles[0].to_bits(), (BLOCK - 1000) as u32, 1000),
            (handles[1].to_bits(), 0, 500)
        ]
    );
}

#[test]
fn a_chain_that_ends_inside_its_header_is_too_short() {
    let (guest, pool) = Guest::with_pool(1, 8);
    let error = |chain: &[(u64, u32)]| {
        pool.build(&guest.memory, chain.iter().copied(), HEADER, MAX)
            .unwrap_err()
    };
    assert_eq!(
        error(&[]),
        BuildError::TooShort {
            len: 0,
            header: HEADER
        }
    );
    assert_eq!(
        error(&[(0x1000, 5), (0x2000, 6)]),
        BuildError::TooShort {
            len: 11,
            header: HEADER
        }
    );
    assert_eq!(error(&[(0x1000, 12)]), BuildError::RuntFrame { len: 0 });
    assert_eq!(
        error(&[(0x1000, 12), (0x2000, 13)]),
        BuildError::RuntFrame { len: 13 }
    );
}

#[test]
fn a_frame_may_have_its_greatest_length_and_not_a_byte_more() {
    let (guest, pool) = Guest::with_pool(1, 8);
    let build = |chain: &[(u64, u32)]| {
        pool.build(&guest.memory, chain.iter().copied(), HEADER, 1514)
            .map(Nbl::data_len)
    };
    let error = BuildError::TooLong {
        len: 1515,
        max: 1514,
    };
    assert_eq!(build(&[(0x1000, 1527)]), Err(error));
    assert_eq!(build(&[(0x1000, 12), (0x2000, 1515)]), Err(error));
    let all = 3 * u64::from(u32::MAX) - HEADER as u64;
    assert_eq!(
        build(&[(0x1000, u32::MAX); 3]),
        Err(BuildError::TooLong {
            len: all,
            max: 1514
        })
    );
    assert_eq!(build(&[(0x1000, 1526)]), Ok(1514));
}

#[test]
fn a_buffer_outside_memory_is_refused_wherever_it_is_in_the_chain() {
    let (guest, pool) = Guest::with_pool(1, 8);
    for chain in [
        &[(0, 80)][..],                       // in front of all memory
        &[(0x5FF0, 80)],                      // from inside to outside
        &[(0x1000, 80), (0x9000, 1)],         // the lookahead's last byte
        &[(0x1000, 1000), (0x9000, 1)],       // behind the lookahead
        &[(0x1000, 1000), (0x5FFF, 2)],       // the same, from inside to outside
        &[(0x1000, 12), (u64::MAX - 10, 60)], // beyond the end of the address space
        &[(0x1000, 1000), (u64::MAX - 10, 60)],
    ] {
        let result = pool.build(&guest.memory, chain.iter().copied(), HEADER, MAX);
        assert!(
            matches!(result, Err(BuildError::OutsideMemory(_))),
            "{chain:?}: {result:?}"
        );
        assert_eq!((pool.frames_left(), pool.segments_left()), (1, 8));
    }
}

#[test]
fn header_and_lookahead_may_lie_across_regions() {
    let (guest, mut pool) = Guest::with_pool(1, 8);
    let border = REGIONS[1].0;
    for before in [
        1,
        HEADER as u64 - 1,
        HEADER as u64,
        HEADER as u64 + 1,
        100,
        139,
        140,
        141,
    ] {
        pool.reset();
        let bytes = pattern(HEADER + 500);
        let chain = guest.put(border - before, &bytes);
        let nbl = pool.build(&guest.memory, chain, HEADER, MAX).unwrap();
        assert_eq!(
            nbl.front::<HEADER>(),
            bytes[..HEADER],
            "{before} bytes before the border"
        );
        assert_eq!(
            nbl.lookahead(),
            &bytes[HEADER..][..LOOKAHEAD],
            "{before} bytes before the border"
        );
        assert_eq!(
            bytes_of(&guest.blocks, nbl),
            bytes[HEADER..],
            "{before} bytes before the border"
        );
    }
}

#[test]
fn a_buffer_of_no_bytes_may_lie_anywhere() {
    let (guest, pool) = Guest::with_pool(1, 8);
    guest.write(0x1000, &pattern(500));
    let chain = [
        (u64::MAX, 0),
        (0x1000, 300),
        (0, 0),
        (0x1000 + 300, 200),
        (7, 0),
    ];
    let nbl = pool.build(&guest.memory, chain, HEADER, MAX).unwrap();
    assert_eq!(bytes_of(&guest.blocks, nbl), pattern(500)[HEADER..]);
    assert_eq!(segments_of(nbl).len(), 3);
}

#[test]
fn a_pool_without_frames_or_segments_is_exhausted_until_the_next_burst() {
    let (guest, mut pool) = Guest::with_pool(2, 1);
    build(&guest, &pool, &pattern(1514));
    let chain = [(0x1000, 1514)];
    let long = pool.build(&guest.memory, chain, HEADER, MAX);
    assert_eq!(long, Err(BuildError::PoolExhausted), "of segments");
    build(&guest, &pool, &pattern(60));
    let short = pool.build(&guest.memory, [(0x1000, 80)], HEADER, MAX);
    assert_eq!(short, Err(BuildError::PoolExhausted), "of frames");
    pool.reset();
    assert_eq!((pool.frames_left(), pool.segments_left()), (2, 1));
    build(&guest, &pool, &pattern(1514));
}

#[test]
fn a_frame_in_more_pieces_than_the_pool_has_segments_will_never_fit() {
    let (guest, pool) = Guest::with_pool(2, 4);
    let chain = (0..6).map(|at| (0x1000 + at * 200, 200));
    let error = BuildError::TooScattered { segments: 4 };
    assert_eq!(pool.build(&guest.memory, chain, HEADER, MAX), Err(error));
    assert_eq!(pool.segments_left(), 4);
}

#[test]
fn frames_of_one_burst_have_their_own_bytes() {
    let (guest, pool) = Guest::with_pool(8, 8);
    let frames: Vec<_> = (0..8_usize)
        .map(|at| pattern(1514 + at)[at..].to_vec())
        .collect();
    let nbls: Vec<_> = frames
        .iter()
        .enumerate()
        .map(|(at, frame)| {
            let gpa = 0x1_0000_0000 + 0x800 * at as u64;
            let chain = guest.put(gpa, &[&[0; HEADER], &frame[..]].concat());
            pool.build(&guest.memory, chain, HEADER, MAX).unwrap()
        })
        .collect();
    for (frame, nbl) in frames.iter().zip(nbls) {
        assert_eq!(&bytes_of(&guest.blocks, nbl), frame);
    }
}

#[test]
fn a_segment_is_told_by_handle_offset_and_length() {
    let (guest, pool) = Guest::with_pool(1, 8);
    let nbl = build(&guest, &pool, &pattern(1000));
    let region = guest.memory.regions().next().unwrap();
    let behind = Segment {
        handle: region.handles[0],
        offset: (HEADER + LOOKAHEAD) as u32,
        len: 1000 - 128,
    };
    assert_eq!(segments_of(nbl)[1], behind);
}
