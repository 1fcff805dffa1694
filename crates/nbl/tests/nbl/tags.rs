//! Frames with another outer tag, or with none, beside the frame as it was sent.

use nbl::{Pool, ReceiveChain, Tag, transfer};
use proptest::prelude::*;

use crate::guest::{Guest, HEADER, bytes_of, pattern, read};

/// What a naive hand would have made of the frame.
fn naive(frame: &[u8], tag: Option<Tag>) -> Vec<u8> {
    let behind = if Tag::of(frame).is_some() { 16 } else { 12 };
    let put = tag.map_or(Vec::new(), |tag| {
        [tag.kind.to_be_bytes(), tag.tci.to_be_bytes()].concat()
    });
    [&frame[..12], &put, &frame[behind..]].concat()
}

fn tag() -> impl Strategy<Value = Tag> {
    (
        prop_oneof![Just(Tag::CUSTOMER), Just(Tag::SERVICE)],
        any::<u16>(),
    )
        .prop_map(|(kind, tci)| Tag { kind, tci })
}

fn pool_with_copies(guest: &mut Guest, copies: usize) -> Pool {
    let mut pool = Pool::with_copies(4, copies, 64).unwrap();
    let lookahead = pool.lookahead();
    let handle = guest.registry.register(lookahead, 0, lookahead.len())[0];
    pool.set_lookahead_handle(handle);
    guest.blocks = guest.registry.snapshot();
    pool
}

proptest! {
    #[test]
    fn t7_a_retagged_frame_has_the_bytes_that_a_naive_hand_would_have_made(
        len in prop_oneof![14..200_usize, 120..140_usize, 200..4000_usize],
        sent in proptest::option::of(tag()),
        inner in proptest::option::of(tag()),
        asked in proptest::option::of(tag()),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        room in 1..300_usize,
        behind in any::<bool>(),
    ) {
        let (mut guest, _) = Guest::with_pool(1, 1);
        let (handle, mapping) = guest.receive_block(16 * 1024);
        let pool = pool_with_copies(&mut guest, 2);
        let mut frame = pattern(len.max(22));
        for (tag, at) in [(sent, 12), (inner, 16)] {
            if let Some(tag) = tag {
                frame[at..at + 2].copy_from_slice(&tag.kind.to_be_bytes());
                frame[at + 2..at + 4].copy_from_slice(&tag.tci.to_be_bytes());
            }
        }
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(HEADER + frame.len())).collect();
        ends.extend([0, HEADER + frame.len()]);
        ends.sort_unstable();
        let buffers: Vec<usize> = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let first = guest.build(&pool, &frame, &buffers);
        first.set_token(77);
        first.set_source_port(5);
        first.set_queue_id(9);
        first.set_hash(3, ndis::NDIS_HASH_IPV4);

        let expected = naive(&frame, asked);
        let copy = pool.retagged(&guest.blocks, first, asked).unwrap();
        prop_assert_eq!(copy.data_len() as usize, expected.len());
        prop_assert_eq!(bytes_of(&guest.blocks, copy), &expected[..]);
        prop_assert_eq!(copy.lookahead(), &expected[..copy.lookahead().len()]);
        prop_assert_eq!(bytes_of(&guest.blocks, first), &frame[..], "the frame itself stays");
        let taken = Tag::of(&frame).filter(|_| asked.is_none());
        prop_assert_eq!(copy.vlan(), taken.map_or(first.vlan(), Tag::info));
        prop_assert_eq!((copy.token(), copy.source_port(), copy.queue_id()), (77, Some(5), 9));
        prop_assert_eq!(copy.hash(), first.hash());
        prop_assert_eq!((copy.parent(), first.parent()), (Some(first), None));
        prop_assert!(pool.retagged(&guest.blocks, copy, None).is_none(), "a copy has no copies");

        // Delivered into one buffer, or into several.
        let front = if behind { &b"twelve bytes"[..] } else { &[] };
        let wanted = [front, &expected].concat();
        for piece in [wanted.len(), room] {
            pool.rewind_receive();
            let mut receive = ReceiveChain::new();
            for at in (0..wanted.len()).step_by(piece).take(50) {
                let len = piece.min(wanted.len() - at);
                prop_assert!(receive.push(&pool, handle, at as u32, len as u32));
            }
            let space = receive.len_bytes() as usize;
            if behind {
                copy.set_receive_behind(b"twelve bytes", receive);
            } else {
                copy.set_receive(Some(receive));
            }
            let copied = transfer(&guest.blocks, copy, copy.receive().unwrap()).unwrap() as usize;
            prop_assert_eq!(copied, space.saturating_sub(front.len()));
            let arrived = read(mapping.window(0, space).unwrap());
            prop_assert_eq!(&arrived[..], &wanted[..space]);
        }
    }
}

#[test]
fn copies_end_with_their_row_and_come_back_with_the_burst() {
    let (mut guest, _) = Guest::with_pool(1, 1);
    let mut pool = pool_with_copies(&mut guest, 2);
    for _ in 0..3 {
        pool.reset();
        let frame = pattern(1514);
        let first = guest.build(&pool, &frame, &[HEADER + frame.len()]);
        let tag = Tag {
            kind: Tag::CUSTOMER,
            tci: 5,
        };
        let second = pool.retagged(&guest.blocks, first, Some(tag)).unwrap();
        let third = pool.retagged(&guest.blocks, first, None).unwrap();
        assert!(pool.retagged(&guest.blocks, first, None).is_none());
        assert_eq!(bytes_of(&guest.blocks, second), naive(&frame, Some(tag)));
        assert_eq!(bytes_of(&guest.blocks, third), frame);
    }
}
