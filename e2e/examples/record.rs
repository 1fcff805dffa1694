//! Records the captures that `tests/replay.rs` replays: two real Linux TCP/IP stacks talking over a bare wire.
//!
//! `cargo run --package e2e --example record` writes `e2e/captures/*.pcapng` anew. The two guests' devices are joined
//! directly, without any offload, so each frame is as a wire would have carried it, checksums and all.
//!
//! - `untagged.pcapng`, MTU 1500: ARP, neighbour discovery, multicast reports; ping, small and fragmented; HTTP; UDP;
//!   a refused connection and an unreachable port; over IPv4 and IPv6.
//! - `tagged-jumbo.pcapng`, MTU 9000: the same in VLAN 100, some of it in 802.1ad service VLAN 30 and in a VLAN inside it,
//!   and one full jumbo frame without a tag.

#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use e2e::{Guest, Plug, Scratch, Watchdog};
use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock;

const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Two guests and the wire between them; the left one's end is recorded.
struct Pair {
    left: Guest,
    right: Guest,
}

fn main() -> Result<(), Box<dyn Error>> {
    let _watchdog = Watchdog::arm(Duration::from_secs(600));
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    record(&captures.join("untagged.pcapng"), |pair| {
        pair.address("eth0", 1);
        pair.exchange(1, 1000);
    })?;
    record(&captures.join("tagged-jumbo.pcapng"), |pair| {
        pair.on_both("ip link set eth0 mtu 9000");
        pair.vlan("eth0", "eth0.100", "id 100");
        pair.vlan("eth0", "eth0.30", "protocol 802.1ad id 30");
        pair.vlan("eth0.30", "inner", "id 7");
        pair.address("eth0", 2);
        pair.address("eth0.100", 3);
        pair.address("eth0.30", 4);
        pair.address("inner", 5);
        pair.left.expect("ping -q -c 1 -s 8972 10.2.0.2");
        pair.exchange(3, 4000);
        pair.left
            .expect("wget -q -O /dev/null http://[fd00:4::2]:8080/page");
        pair.left.expect("ping -q -c 2 10.5.0.2");
    })
}

fn record(capture: &Path, talk: impl FnOnce(&mut Pair)) -> Result<(), Box<dyn Error>> {
    let scratch = Scratch::new();
    let (wire, dump) = (scratch.file("wire"), scratch.file("dump"));
    let left = Plug::Wire {
        socket: &wire,
        listens: true,
        record: Some(&dump),
    };
    let left = Guest::boot(&scratch, "left", left, "02:00:00:00:01:01");
    let right = Plug::Wire {
        socket: &wire,
        listens: false,
        record: None,
    };
    let right = Guest::boot(&scratch, "right", right, "02:00:00:00:01:02");
    let mut pair = Pair { left, right };
    pair.left.wait_ready();
    pair.right.wait_ready();
    pair.on_both("ip link set eth0 up");
    pair.on_both("mkdir /tmp/www && seq -s ' lines of a page, ' 1 1000 >/tmp/www/page");
    pair.right.expect("httpd -p 8080 -h /tmp/www");
    pair.right.expect("iperf3 -s -D");
    talk(&mut pair);
    pair.left.expect("sleep 3"); // for what the kernels still have to say
    drop(pair);

    let frames = rewrite(&dump, capture)?;
    println!("{}: {frames} frames", capture.display());
    Ok(())
}

/// QEMU's pcap file as pcapng.
fn rewrite(dump: &Path, capture: &Path) -> Result<usize, Box<dyn Error>> {
    let mut reader = PcapReader::new(File::open(dump)?)?;
    let mut writer = PcapNgWriter::new(File::create(capture)?)?;
    writer.write_pcapng_block(InterfaceDescriptionBlock {
        linktype: DataLink::ETHERNET,
        snaplen: 0,
        options: Vec::new(),
    })?;
    let mut frames = 0;
    while let Some(packet) = reader.next_packet() {
        let packet = packet?;
        writer.write_pcapng_block(EnhancedPacketBlock {
            interface_id: 0,
            timestamp: packet.timestamp,
            original_len: packet.orig_len,
            data: Cow::Borrowed(&packet.data),
            options: Vec::new(),
        })?;
        frames += 1;
    }
    Ok(frames)
}

impl Pair {
    fn on_both(&mut self, command: &str) {
        self.left.expect(command);
        self.right.expect(command);
    }

    fn vlan(&mut self, below: &str, name: &str, tag: &str) {
        self.on_both(&format!(
            "ip link add link {below} name {name} type vlan {tag} && ip link set {name} up"
        ));
    }

    /// An IPv4 and an IPv6 network on a device of both.
    fn address(&mut self, device: &str, network: u8) {
        self.on_both(&format!(
            "echo 0 >/proc/sys/net/ipv6/conf/{device}/accept_dad"
        ));
        for (guest, host) in [(&mut self.left, 1), (&mut self.right, 2)] {
            guest.expect(&format!(
                "ip addr add 10.{network}.0.{host}/24 dev {device}"
            ));
            guest.expect(&format!(
                "ip addr add fd00:{network}::{host}/64 dev {device}"
            ));
        }
    }

    /// Every kind of traffic over one network.
    fn exchange(&mut self, network: u8, datagram: usize) {
        let (v4, v6) = (format!("10.{network}.0.2"), format!("fd00:{network}::2"));
        for command in [
            format!("ping -q -c 2 {v4}"),
            format!("ping -q -c 2 {v6}"),
            // More than one frame at either MTU.
            format!("ping -q -c 1 -s 12000 {v4}"),
            format!("ping -q -c 1 -s 12000 {v6}"),
            format!("wget -q -O /dev/null http://{v4}:8080/page"),
            format!("wget -q -O /dev/null http://[{v6}]:8080/page"),
            format!("iperf3 -u -c {v4} -l {datagram} -n 8K -b 1M"),
        ] {
            let answer = self.left.run(&command, COMMAND_LIMIT);
            assert_eq!(answer.status, 0, "{command}: {}", answer.output);
        }
        // Nobody listens: a reset, and an unreachable port.
        for command in [
            format!("wget -q -O /dev/null http://{v4}:9/"),
            format!("nslookup example.test {v4}"),
        ] {
            assert_ne!(
                self.left.run(&command, COMMAND_LIMIT).status,
                0,
                "{command} is refused"
            );
        }
    }
}
