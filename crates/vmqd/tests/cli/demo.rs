//! `vmq demo`: it proves what it says, and fails when it cannot.

use std::fs;

use crate::program::{ended, vmq};

#[test]
fn the_demo_moves_every_byte_unaltered() {
    let (code, out, says) =
        ended(vmq().args(["demo", "--json", "--guests", "2", "--seconds", "1"]));
    assert_eq!(code, 0, "{out}{says}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["lost"], &report["altered"]),
        (&0.into(), &0.into())
    );
    assert!(report["moved"].as_u64().unwrap() > 1_000_000, "{report}");
    assert!(report["seconds"].as_f64().unwrap() >= 1.0, "{report}");
    let queues = report["queues"].as_array().unwrap();
    assert_eq!(queues.len(), 2);
    for (number, queue) in queues.iter().enumerate() {
        assert_eq!(
            queue["filters"][0]["mac"],
            format!("02:00:00:00:00:0{}", number + 1)
        );
        assert!(queue["round_trip_us"].as_f64().unwrap() > 0.0, "{report}");
        // Jumbo frames: a stream of 1500-byte ones would not reach this mean.
        assert!(
            queue["bytes"].as_u64().unwrap() / queue["frames"].as_u64().unwrap() > 2000,
            "{report}"
        );
    }
    assert!(says.contains("Gbit/s"), "progress: {says}");
}

#[test]
fn the_demo_replays_a_capture() {
    let scratch = tempfile::tempdir().unwrap();
    let [capture, written] = ["in.pcap", "out.pcapng"].map(|name| scratch.path().join(name));
    // Both directions of a conversation, a broadcast and a frame with two tags.
    let (a, b) = ([2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 2]);
    let frame = |to: [u8; 6], from: [u8; 6], rest: &[u8], len: usize| {
        let mut frame = [&to[..], &from, rest].concat();
        frame.extend((frame.len()..len).map(|at| at as u8));
        frame
    };
    let mut frames = vec![frame([0xff; 6], a, &[8, 6], 60)];
    for round in 0..300 {
        frames.push(frame(a, b, &[8, 0, round as u8], 60 + round));
        frames.push(frame(b, a, &[0x88, 0xa8, 0, 30, 0x81, 0, 0, 7, 8, 0], 9022));
    }
    let mut file: Vec<u8> = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1]
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect();
    for frame in &frames {
        let len = frame.len() as u32;
        file.extend([0, 0, len, len].into_iter().flat_map(u32::to_ne_bytes));
        file.extend(frame);
    }
    fs::write(&capture, file).unwrap();

    let (code, out, says) = ended(
        vmq()
            .args(["demo", "--json", "--pcap"])
            .arg(&capture)
            .arg("--write")
            .arg(&written),
    );
    assert_eq!(code, 0, "{out}{says}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["lost"], &report["altered"]),
        (&0.into(), &0.into())
    );

    let mut reader =
        pcap_file::pcapng::PcapNgReader::new(fs::File::open(&written).unwrap()).unwrap();
    let mut arrived = Vec::new();
    while let Some(block) = reader.next_block() {
        if let pcap_file::pcapng::Block::EnhancedPacket(packet) = block.unwrap() {
            arrived.push(packet.data.into_owned());
        }
    }
    assert!(
        arrived == frames,
        "{} of {} frames, or others",
        arrived.len(),
        frames.len()
    );
}

#[test]
fn the_demo_refuses_what_it_cannot_show() {
    for (args, code, says) in [
        (&["--guests", "3"][..], 2, "guests come in pairs"),
        (&["--guests", "66"], 2, "guests come in pairs"),
        (&["--seconds", "0"], 2, "--seconds"),
        (&["--write", "/dev/null"], 2, "--pcap"),
        (
            &["--pcap", "/nonexistent.pcap"],
            1,
            "/nonexistent.pcap: No such file",
        ),
        (
            &["--pcap", "/dev/null"],
            1,
            "/dev/null: it is no whole pcap or pcapng file",
        ),
    ] {
        let (found, _, stderr) = ended(vmq().arg("demo").args(args));
        assert_eq!(found, code, "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
    }
}

#[test]
fn the_demo_fails_when_a_frame_is_lost() {
    let scratch = tempfile::tempdir().unwrap();
    let capture = scratch.path().join("in.pcap");
    // No switch forwards what a group address claims to have sent.
    let mut frame = [&[2, 0, 0, 0, 1, 1][..], &[3, 0, 0, 0, 1, 2], &[8, 0]].concat();
    frame.resize(60, 0);
    let mut file: Vec<u8> = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1, 0, 0, 60, 60]
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect();
    file.extend(frame);
    fs::write(&capture, file).unwrap();
    let (code, out, says) = ended(vmq().args(["demo", "--pcap"]).arg(&capture));
    assert_eq!(code, 1);
    assert!(out.contains("invalid-source"), "the table says why: {out}");
    assert!(
        says.contains("60 bytes were lost and 0 were altered"),
        "{says}"
    );
}
