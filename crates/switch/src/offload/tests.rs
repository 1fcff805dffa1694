//! What is made here is what Linux makes, byte for byte, and what any receiver finds right.

use proptest::prelude::*;
use testkit::golden::{self, Golden};
use testkit::net_header::{GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, NetHeader};

use super::checksum::Sum;
use super::*;

/// What the header asks for, read without the port's help.
fn asked(case: &Golden) -> Offload {
    let header = NetHeader::from_bytes(case.header);
    let kind = match header.gso_type & 0x7f {
        GSO_TCPV4 => Some(Kind::Tcp4),
        GSO_TCPV6 => Some(Kind::Tcp6),
        GSO_UDP_L4 if case.name.starts_with("udp6") => Some(Kind::Udp6),
        GSO_UDP_L4 => Some(Kind::Udp4),
        _ => None,
    };
    Offload {
        checksum: Checksum {
            start: header.csum_start,
            offset: header.csum_offset,
        },
        cutting: kind.map(|kind| Cutting {
            kind,
            mss: header.gso_size,
        }),
    }
}

fn judged(case: &Golden) -> Result<Offload, Unfit> {
    let lookahead = &case.frame[..case.frame.len().min(nbl::LOOKAHEAD)];
    asked(case).judge(lookahead, case.frame.len() as u32)
}

fn finish(frame: &[u8], offload: Offload) -> Result<Vec<Vec<u8>>, Unfit> {
    let Some(cutting) = offload.cutting else {
        let mut frame = frame.to_vec();
        fill_checksum(&mut frame, offload.checksum)?;
        return Ok(vec![frame]);
    };
    let cut = Cut::new(frame, offload, cutting)?;
    let finished = (0..cut.segments()).map(|segment| {
        let mut head = [0; MAX_HEAD];
        let len = cut.head(segment, &mut head);
        [&head[..len], cut.data(segment)].concat()
    });
    Ok(finished.collect())
}

#[test]
fn what_is_finished_here_is_what_linux_finishes() {
    for case in golden::all() {
        let finished = judged(&case).and_then(|offload| finish(&case.frame, offload));
        match finished {
            Ok(frames) => assert_eq!(frames, case.finished, "{}", case.name),
            Err(unfit) => assert!(case.finished.is_empty(), "{}: {unfit}", case.name),
        }
    }
}

#[test]
fn what_linux_refuses_is_refused_for_its_reason() {
    let reasons: Vec<_> = golden::all()
        .iter()
        .filter_map(|case| Some((case.name, judged(case).err()?)))
        .collect();
    assert_eq!(
        reasons,
        [
            ("bad-other-version", Unfit::OtherHeaders),
            ("bad-no-size", Unfit::NoSize),
            ("bad-offset", Unfit::OtherHeaders),
            ("bad-udp-is-tcp", Unfit::OtherHeaders),
            ("bad-checksum-behind-the-end", Unfit::CutOff),
        ]
    );
}

#[test]
fn a_guest_cannot_have_its_frame_cut_to_dust() {
    let case = golden::all()
        .into_iter()
        .find(|case| case.name == "tcp4-ethernet");
    let case = case.unwrap();
    let mut offload = asked(&case);
    offload.cutting = Some(Cutting {
        kind: Kind::Tcp4,
        mss: 6,
    });
    let lookahead = &case.frame[..128];
    let len = case.frame.len() as u32;
    assert_eq!(offload.judge(lookahead, len), Err(Unfit::TooManySegments));
    assert_eq!(
        finish(&case.frame, offload),
        Err(Unfit::TooManySegments),
        "nor by changing its headers afterwards"
    );
}

/// Whether everything in a finished TCP frame over IPv4 without tags or options adds up.
fn is_right(frame: &[u8]) -> bool {
    let length = u16::from_be_bytes([frame[16], frame[17]]);
    let pseudo = Sum::of(&frame[26..34]).word(6).word(length - 20);
    usize::from(length) == frame.len() - 14
        && Sum::of(&frame[14..34]).checksum() == 0
        && pseudo.bytes(&frame[34..]).checksum() == 0
}

proptest! {
    #[test]
    fn every_segment_is_right_and_no_byte_is_lost(
        data in prop::collection::vec(any::<u8>(), 1..5000), mss in 64u16..2000, sequence: u32,
    ) {
        let mut frame = golden::all()[0].frame[..54].to_vec();
        frame[38..42].copy_from_slice(&sequence.to_be_bytes());
        let pseudo = !Sum::of(&frame[26..34]).word(6).word(data.len() as u16 + 20).checksum();
        frame[50..52].copy_from_slice(&pseudo.to_be_bytes());
        frame.extend(&data);
        let offload = Offload {
            checksum: Checksum { start: 34, offset: 16 },
            cutting: Some(Cutting { kind: Kind::Tcp4, mss }),
        };
        let frames = finish(&frame, offload).unwrap();
        prop_assert_eq!(frames.len(), data.len().div_ceil(mss.into()));
        let mut together: Vec<u8> = Vec::new();
        for segment in &frames {
            prop_assert!(is_right(segment));
            let at = u32::from_be_bytes([segment[38], segment[39], segment[40], segment[41]]);
            prop_assert_eq!(at.wrapping_sub(sequence) as usize, together.len());
            together.extend(&segment[54..]);
        }
        prop_assert_eq!(together, data);
    }

    #[test]
    fn no_frame_and_no_request_makes_it_panic(
        which in 0usize..60, cut in 0usize..1200, flips in prop::collection::vec((0usize..120, any::<u8>()), 0..6),
        start: u16, offset: u16, mss: u16, keep: bool,
    ) {
        let cases = golden::all();
        let mut case = cases[which % cases.len()].clone();
        let mut offload = asked(&case);
        case.frame.truncate(cut);
        for (at, byte) in flips {
            if let Some(place) = case.frame.get_mut(at) {
                *place = byte;
            }
        }
        if !keep {
            offload.checksum = Checksum { start: start % 1500, offset: offset % 100 };
            offload.cutting = offload.cutting.map(|cutting| Cutting { mss, ..cutting });
        }
        let lookahead = &case.frame[..case.frame.len().min(nbl::LOOKAHEAD)];
        if let Ok(offload) = offload.judge(lookahead, case.frame.len() as u32) {
            let _ = offload.header(lookahead);
            let _ = finish(&case.frame, offload);
        }
        let _ = finish(&case.frame, offload);
    }
}
