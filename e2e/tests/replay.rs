//! Recorded traffic goes through the switch and comes out as it went in: every byte, every frame, in order.
//!
//! The captures were made by `examples/record.rs` from two real Linux guests.

#![forbid(unsafe_code)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::{Scratch, Watchdog, vmq_output};
use pcap_file::pcapng::{Block, PcapNgReader};

#[test]
fn untagged_traffic_comes_out_as_it_went_in() {
    let frames = replay("untagged.pcapng");
    // ARP, IPv4, IPv6, so the capture is what it claims to be.
    for ethertype in [0x0806, 0x0800, 0x86dd] {
        assert!(
            frames
                .iter()
                .any(|frame| self::ethertype(frame) == ethertype),
            "no frame of {ethertype:#06x}"
        );
    }
}

#[test]
fn tagged_and_jumbo_frames_come_out_as_they_went_in() {
    let frames = replay("tagged-jumbo.pcapng");
    for ethertype in [0x8100, 0x88a8] {
        assert!(
            frames
                .iter()
                .any(|frame| self::ethertype(frame) == ethertype),
            "no frame of {ethertype:#06x}"
        );
    }
    assert_eq!(
        frames.iter().map(Vec::len).max(),
        Some(9018),
        "MTU 9000, a header and a tag"
    );
}

/// Replays a capture, compares what was written with it, gives its frames.
fn replay(name: &str) -> Vec<Vec<u8>> {
    let _watchdog = Watchdog::arm(Duration::from_secs(120));
    let scratch = Scratch::new();
    let capture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("captures")
        .join(name);
    let written = scratch.file("written.pcapng");
    let output = vmq_output(&["demo", "--pcap", text(&capture), "--write", text(&written)]);
    let (said, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{}: {said}{errors}", output.status);

    let (sent, arrived) = (frames(&capture), frames(&written));
    assert!(
        sent.len() > 100,
        "{} has only {} frames",
        capture.display(),
        sent.len()
    );
    for (number, (sent, arrived)) in sent.iter().zip(&arrived).enumerate() {
        assert!(
            sent == arrived,
            "frame {number} was altered:\n{sent:02x?}\n{arrived:02x?}"
        );
    }
    assert_eq!(
        sent.len(),
        arrived.len(),
        "frames are missing or came twice: {said}{errors}"
    );
    sent
}

fn frames(capture: &PathBuf) -> Vec<Vec<u8>> {
    let file = File::open(capture).unwrap_or_else(|error| panic!("{}: {error}", capture.display()));
    let mut reader = PcapNgReader::new(file).expect("a pcapng file");
    let mut frames = Vec::new();
    while let Some(block) = reader.next_block() {
        if let Block::EnhancedPacket(packet) = block.expect("a whole pcapng file") {
            frames.push(packet.data.into_owned());
        }
    }
    frames
}

fn ethertype(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[12], frame[13]])
}

fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are text")
}
