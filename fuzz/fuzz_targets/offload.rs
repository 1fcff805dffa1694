//! Any request to finish any frame: judged on its first bytes, then done on a frame whose sender has rewritten it meanwhile.
//!
//! What must hold: nothing panics; a frame is cut into pieces that hold its data, each byte once and in order, behind
//! headers of the same length, and the IPv4 header of each piece adds up.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use switch::offload::{Checksum, Cut, Cutting, Kind, MAX_HEAD, Offload, fill_checksum};

#[derive(Arbitrary, Debug)]
struct Input {
    start: u16,
    offset: u16,
    kind: u8,
    mss: u16,
    /// Begins with a frame that could be cut, into which the bytes are written.
    template: u8,
    frame: Vec<u8>,
    rewritten: Vec<(u8, u8)>,
}

fuzz_target!(|input: Input| {
    let mut frame = template(input.template);
    let written = input.frame.len().min(frame.len());
    for (place, byte) in frame.iter_mut().zip(&input.frame[..written]) {
        *place ^= byte;
    }
    frame.extend(&input.frame[written..]);
    let kind = match input.kind % 5 {
        0 => Some(Kind::Tcp4),
        1 => Some(Kind::Tcp6),
        2 => Some(Kind::Udp4),
        3 => Some(Kind::Udp6),
        _ => None,
    };
    // Mostly what the template has: by chance alone, hardly anything would ever be cut.
    let (start, offset) = match (input.start % 8, kind) {
        (0, _) | (_, None) => (input.start, input.offset),
        (_, Some(Kind::Udp4 | Kind::Udp6)) => (transport_at(input.template), 6),
        _ => (transport_at(input.template), 16),
    };
    let asked = Offload {
        checksum: Checksum { start, offset },
        cutting: kind.map(|kind| Cutting {
            kind,
            mss: input.mss,
        }),
    };
    let lookahead = &frame[..frame.len().min(128)];
    let Ok(offload) = asked.judge(lookahead, frame.len() as u32) else {
        return;
    };
    let _ = offload.needs(lookahead);
    let _ = offload.header(lookahead);
    for (at, byte) in input.rewritten {
        if let Some(place) = frame.get_mut(usize::from(at)) {
            *place = byte;
        }
    }
    finish(&frame, offload);
});

fn finish(frame: &[u8], offload: Offload) {
    let Some(cutting) = offload.cutting else {
        let mut filled = frame.to_vec();
        let _ = fill_checksum(&mut filled, offload.checksum);
        return;
    };
    let Ok(cut) = Cut::new(frame, offload, cutting) else {
        return;
    };
    let mut at = None;
    for segment in 0..cut.segments() {
        let mut head = [0; MAX_HEAD];
        let len = cut.head(segment, &mut head);
        let from = *at.get_or_insert(len);
        let data = cut.data(segment);
        assert!(data.len() <= usize::from(cutting.mss));
        assert_eq!(data, &frame[from..from + data.len()]);
        at = Some(from + data.len());
        if head[12..14] == [8, 0] {
            let header = &head[14..14 + usize::from(head[14] & 0xf) * 4];
            assert_eq!(sum(header), 0xffff, "the header of segment {segment}");
        }
    }
    assert_eq!(at, Some(frame.len()));
}

fn sum(bytes: &[u8]) -> u32 {
    let mut sum = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

/// Where the TCP or UDP header of a template begins.
fn transport_at(which: u8) -> u16 {
    let tag = if which & 4 != 0 { 4 } else { 0 };
    let network = if which & 2 != 0 { 40 } else { 20 };
    14 + tag + network
}

/// TCP or UDP over IPv4 or IPv6, with data.
fn template(which: u8) -> Vec<u8> {
    let mut frame = vec![2; 12];
    let udp = which & 1 != 0;
    let protocol = if udp { 17 } else { 6 };
    if which & 4 != 0 {
        frame.extend([0x81, 0, 0, 5]);
    }
    if which & 2 != 0 {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, protocol, 64]);
        frame.extend([0xfd; 32]);
    } else {
        frame.extend([8, 0, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0]);
        frame.extend([10; 8]);
    }
    if udp {
        frame.extend([0, 1, 0, 2, 0, 0, 0, 0]);
    } else {
        frame.extend([0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x9f]);
        frame.extend([0; 6]);
    }
    frame.extend([0x5a; 300]);
    frame
}
