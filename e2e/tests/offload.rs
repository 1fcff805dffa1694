//! Real guests that leave work undone: Linux sends large frames to Linux, and finished ones where the other takes no others.

#![forbid(unsafe_code)]

use std::path::Path;
use std::time::Duration;

use e2e::{Guest, Plug, PortConfig, Scratch, Switch, Watchdog};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(420);
const MACS: [&str; 2] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b"];

#[test]
fn guests_with_offloads_send_each_other_large_frames() {
    let [to_a, to_b] = transfers(|socket| Plug::Port(socket), |socket| Plug::Port(socket));
    for traffic in [to_a, to_b] {
        assert!(
            traffic.bytes / traffic.frames > 3000,
            "segments went one by one: {traffic:?}"
        );
        assert_eq!((traffic.segmented, traffic.checksummed), (0, 0));
    }
}

#[test]
fn a_guest_without_offloads_gets_finished_frames() {
    let [to_a, to_b] = transfers(|socket| Plug::Port(socket), |socket| Plug::Finished(socket));
    assert!(to_b.segmented > 100 && to_b.checksummed > 10, "{to_b:?}");
    assert_eq!((to_a.segmented, to_a.checksummed), (0, 0));
}

#[test]
fn guests_without_offloads_do_their_own_work() {
    for traffic in transfers(
        |socket| Plug::Finished(socket),
        |socket| Plug::Finished(socket),
    ) {
        assert_eq!((traffic.segmented, traffic.checksummed), (0, 0));
    }
}

fn count(value: &Value) -> u64 {
    value.as_u64().expect("a count")
}

/// What a port's guest was given.
#[derive(Clone, Copy, Debug)]
struct Traffic {
    frames: u64,
    bytes: u64,
    segmented: u64,
    checksummed: u64,
}

/// Lets two guests transfer both ways, over IPv4 and IPv6, and a file whose sum is looked at.
fn transfers(
    plug_a: impl Fn(&Path) -> Plug<'_>,
    plug_b: impl Fn(&Path) -> Plug<'_>,
) -> [Traffic; 2] {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let ports = ["a", "b"].map(PortConfig::listening);
    let mut switch = Switch::start(&scratch, &ports);
    let sockets = ["a", "b"].map(|name| switch.socket(name));
    let plugs = [plug_a(&sockets[0]), plug_b(&sockets[1])];
    let mut guests = [0, 1].map(|at| Guest::boot(&scratch, ports[at].name, plugs[at], MACS[at]));
    for ((guest, host), plug) in guests.iter_mut().zip(1..).zip(plugs) {
        guest.wait_ready();
        guest.configure(host);
        let segmentation = match plug {
            Plug::Port(_) => "tcp-segmentation-offload: on",
            _ => "tcp-segmentation-offload: off",
        };
        let features = guest.expect("ethtool -k eth0");
        assert!(features.contains(segmentation), "{features}");
    }
    let [a, b] = &mut guests;
    b.expect("iperf3 -s -D");
    let drops_before = ["a", "b"].map(|port| switch.port(port)["drops"].clone());
    for (address, direction) in [
        ("10.9.0.2", ""),
        ("10.9.0.2", " --reverse"),
        ("fd09::2", ""),
        ("fd09::2", " --reverse"),
    ] {
        let command = format!("iperf3 -J -c {address} -t 3{direction}");
        let answer = a.run(&command, Duration::from_secs(60));
        let report: Value = serde_json::from_str(&answer.output).expect("iperf3 prints JSON");
        let bits = report["end"]["sum_received"]["bits_per_second"].as_f64();
        let bits = bits.unwrap_or_else(|| panic!("{command}: {report}"));
        let again = &report["end"]["sum_sent"]["retransmits"];
        println!(
            "{command}: {:.0} Mbit/s, {again} segments sent again",
            bits / 1e6
        );
        assert!(bits > 1e6, "{command}: {report}");
    }
    let traffic = ["a", "b"].map(|port| {
        let status = switch.port(port);
        let drops_before = &drops_before[usize::from(port == "b")];
        for (reason, dropped) in status["drops"].as_object().expect("drops by reason") {
            let dropped = count(dropped) - count(&drops_before[reason]);
            // A sender is held back, not robbed; but a guest whose machine had no CPU for longer than the hold is not waited for.
            let most = match reason.as_str() {
                "no-buffers" => count(&status["to_guest"]["frames"]) / 20,
                _ => 0,
            };
            assert!(dropped <= most, "{dropped} of {reason}: {status}");
        }
        assert_eq!(status["last_close"], Value::Null, "{status}");
        for reason in ["offload-not-negotiated", "bad-offload"] {
            assert_eq!(status["drops"][reason], 0, "{status}");
        }
        Traffic {
            frames: count(&status["to_guest"]["frames"]),
            bytes: count(&status["to_guest"]["bytes"]),
            segmented: count(&status["segmented"]),
            checksummed: count(&status["checksummed"]),
        }
    });
    b.expect("mkdir -p /tmp/www && dd if=/dev/urandom of=/tmp/www/file bs=1M count=8 2>/dev/null");
    b.expect("httpd -p 8080 -h /tmp/www");
    let sent = b.expect("sha256sum </tmp/www/file");
    for address in ["10.9.0.2", "[fd09::2]"] {
        let fetch = format!("wget -q -O - http://{address}:8080/file | sha256sum");
        let arrived = a.run(&fetch, Duration::from_secs(90));
        assert_eq!(arrived.output.trim(), sent.trim(), "{address}");
    }
    traffic
}
