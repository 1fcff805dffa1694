//! Real guests: Linux with its own virtio-net driver and TCP/IP, in QEMU.

#![forbid(unsafe_code)]

use std::path::Path;
use std::thread;
use std::time::Duration;

use e2e::{Guest, Plug, PortConfig, Scratch, Switch, Watchdog, eventually};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(420);
const MACS: [&str; 2] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b"];

#[test]
fn two_guests_ping_and_transfer_both_ways() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let mut switch = start_switch(&scratch);
    let [mut a, mut b] = boot_both(&scratch, &switch);

    for command in [
        "ping -c 20 -i 0.1 10.9.0.2",
        "ping -c 20 -i 0.1 fd09::2",
        // Six frames a ping at an MTU of 1500.
        "ping -c 10 -i 0.1 -s 8000 10.9.0.2",
    ] {
        assert_lossless_ping(&mut a, command);
    }

    b.expect("iperf3 -s -D");
    for direction in ["", " --reverse"] {
        let bytes = iperf(&mut a, &format!("iperf3 -J -c 10.9.0.2 -t 3{direction}"));
        assert!(
            bytes > 1 << 20,
            "iperf3{direction}: {bytes} bytes in three seconds"
        );
    }

    // iperf3 does not look at what arrives. The sum of a file does.
    b.expect("mkdir -p /tmp/www && dd if=/dev/urandom of=/tmp/www/file bs=1M count=24 2>/dev/null");
    b.expect("httpd -p 8080 -h /tmp/www");
    let sent = b.expect("sha256sum </tmp/www/file");
    for address in ["10.9.0.2", "[fd09::2]"] {
        let fetch = format!("wget -q -O - http://{address}:8080/file | sha256sum");
        let arrived = a.run(&fetch, Duration::from_secs(90));
        assert_eq!(arrived.output.trim(), sent.trim(), "{address}");
    }

    for port in ["a", "b"] {
        let status = switch.port(port);
        assert_eq!(status["is_up"], true, "{status}");
        assert_eq!(status["last_close"], Value::Null, "{status}");
        assert_eq!(status["drops"]["offload-not-negotiated"], 0, "{status}");
    }
}

#[test]
fn guests_of_two_queue_pairs_use_both_and_switch_one_off_and_on() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let mut switch = start_switch(&scratch);
    let [mut a, mut b] = boot_all(&scratch, &switch, |socket| Plug::Pairs(socket, 2));
    b.expect("iperf3 -s -D");
    for (round, pairs) in [2, 1, 2].into_iter().enumerate() {
        for guest in [&mut a, &mut b] {
            // Refused where it changes nothing.
            guest.run(
                &format!("ethtool -L eth0 combined {pairs}"),
                Duration::from_secs(30),
            );
            let channels = guest.expect("ethtool -l eth0");
            let current = channels.rsplit("Combined:").next().map(str::trim);
            assert_eq!(current, Some(&*pairs.to_string()), "{channels}");
        }
        for port in ["a", "b"] {
            let status = switch.port(port);
            let running = status["pairs"].as_array().expect("pairs");
            assert_eq!(running.len(), pairs, "round {round}: {status}");
        }
        assert_lossless_ping(&mut a, "ping -c 10 -i 0.1 10.9.0.2");
        let before = received_by_queue(&mut b);
        let bytes = iperf(&mut a, "iperf3 -J -c 10.9.0.2 -t 3 -P 8");
        assert!(bytes > 1 << 20, "{bytes} bytes in three seconds");
        let after = received_by_queue(&mut b);
        let used = after
            .iter()
            .zip(before)
            .map(|(after, before)| after - before);
        let used = used.filter(|frames| *frames > 100).count();
        assert_eq!(used, pairs, "round {round}: {after:?}");
    }
    for port in ["a", "b"] {
        assert_eq!(switch.port(port)["last_close"], Value::Null);
    }
}

#[test]
fn guests_with_packed_rings_ping_transfer_and_reboot() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let mut switch = start_switch(&scratch);
    let [mut a, mut b] = boot_all(&scratch, &switch, |socket| Plug::Packed(socket));
    let features = a.expect("cat /sys/class/net/eth0/device/features");
    let ring_packed = features.trim().as_bytes().get(34);
    assert_eq!(ring_packed, Some(&b'1'), "{features}");
    for round in 0..2 {
        assert_lossless_ping(&mut a, "ping -c 20 -i 0.1 10.9.0.2");
        assert_lossless_ping(&mut a, "ping -c 10 -i 0.1 -s 8000 10.9.0.2");
        b.expect("iperf3 -s -D");
        for direction in ["", " --reverse"] {
            let bytes = iperf(&mut a, &format!("iperf3 -J -c 10.9.0.2 -t 3{direction}"));
            assert!(bytes > 1 << 20, "iperf3{direction}: {bytes} bytes");
        }
        if round == 0 {
            // GET_VRING_BASE, and a driver that begins anew.
            b.reboot();
            b.configure(2);
        }
    }
    for port in ["a", "b"] {
        assert_eq!(switch.port(port)["last_close"], Value::Null);
    }
}

#[test]
fn a_guest_whose_power_is_cut_leaves_the_other_unharmed_and_comes_back() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let mut switch = start_switch(&scratch);
    let [mut a, mut b] = boot_both(&scratch, &switch);

    b.expect("iperf3 -s -D");
    let before = to_guest_bytes(&mut switch, "b");
    a.ask("timeout 6 iperf3 -c 10.9.0.2 -t 60");
    eventually(
        "a transfer is in full swing",
        Duration::from_secs(30),
        || (to_guest_bytes(&mut switch, "b") > before + (1 << 20)).then_some(()),
    );
    b.cut_power();
    eventually(
        "the switch sees that b is gone",
        Duration::from_secs(10),
        || (switch.port("b")["is_up"] == false).then_some(()),
    );
    assert_ne!(
        a.answer(Duration::from_secs(60)).status,
        0,
        "the transfer cannot have ended well"
    );

    let uptime = a.expect("cut -d. -f1 /proc/uptime");
    assert!(uptime.trim().parse::<u64>().is_ok(), "a answers: {uptime}");
    assert_eq!(switch.port("a")["is_up"], true);

    let mut b = Guest::boot(
        &scratch,
        "b-again",
        Plug::Port(&switch.socket("b")),
        MACS[1],
    );
    b.wait_ready();
    b.configure(2);
    // The dead machine's address may still be asked for; give the neighbour entry its time.
    eventually("b is reachable again", Duration::from_secs(30), || {
        (a.run("ping -c 1 -W 1 10.9.0.2", Duration::from_secs(30))
            .status
            == 0)
            .then_some(())
    });
    let answer = a.run("ping -c 20 -i 0.1 10.9.0.2", Duration::from_secs(60));
    assert!(
        answer.output.contains(" 0% packet loss"),
        "{}",
        answer.output
    );
    b.expect("iperf3 -s -D");
    thread::sleep(Duration::from_millis(500));
    let bytes = iperf(&mut a, "iperf3 -J -c 10.9.0.2 -t 2");
    assert!(bytes > 1 << 20, "{bytes} bytes in two seconds");
    switch.assert_alive();
}

#[test]
fn a_guest_that_reboots_is_reachable_again() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let mut switch = start_switch(&scratch);
    let [mut a, mut b] = boot_both(&scratch, &switch);
    assert_lossless_ping(&mut a, "ping -c 5 -i 0.1 10.9.0.2");
    b.reboot();
    b.configure(2);
    assert_lossless_ping(&mut a, "ping -c 20 -i 0.1 10.9.0.2");
    assert_eq!(
        switch.port("b")["last_close"],
        Value::Null,
        "the connection has never been closed"
    );
}

fn start_switch(scratch: &Scratch) -> Switch {
    Switch::start(
        scratch,
        &[PortConfig::listening("a"), PortConfig::listening("b")],
    )
}

fn boot_both(scratch: &Scratch, switch: &Switch) -> [Guest; 2] {
    boot_all(scratch, switch, |socket| Plug::Port(socket))
}

fn boot_all(scratch: &Scratch, switch: &Switch, plug: impl Fn(&Path) -> Plug<'_>) -> [Guest; 2] {
    let mut guests = [("a", MACS[0]), ("b", MACS[1])]
        .map(|(name, mac)| Guest::boot(scratch, name, plug(&switch.socket(name)), mac));
    for (guest, host) in guests.iter_mut().zip(1..) {
        guest.wait_ready();
        guest.configure(host);
    }
    guests
}

/// Frames that each of the guest's receive queues has taken, as its driver counts them.
fn received_by_queue(guest: &mut Guest) -> Vec<u64> {
    let counters = guest.expect("ethtool -S eth0");
    let of_queue = |line: &str| {
        let (name, count) = line.trim().split_once(": ")?;
        let is_it =
            name.starts_with("rx_queue_") && name.ends_with("_packets") && !name.contains("xdp");
        is_it.then(|| count.parse().ok()).flatten()
    };
    counters.lines().filter_map(of_queue).collect()
}

fn assert_lossless_ping(from: &mut Guest, command: &str) {
    let answer = from.run(command, Duration::from_secs(60));
    assert!(
        answer.output.contains(" 0% packet loss"),
        "{command}: {}",
        answer.output
    );
}

/// Bytes that the receiver of a transfer says it got.
fn iperf(client: &mut Guest, command: &str) -> u64 {
    let answer = client.run(command, Duration::from_secs(60));
    assert_eq!(answer.status, 0, "{command}: {}", answer.output);
    let report: Value = serde_json::from_str(&answer.output).expect("iperf3 prints JSON");
    report["end"]["sum_received"]["bytes"]
        .as_u64()
        .unwrap_or_else(|| panic!("{command}: {report}"))
}

fn to_guest_bytes(switch: &mut Switch, port: &str) -> u64 {
    switch.port(port)["to_guest"]["bytes"]
        .as_u64()
        .expect("a count")
}
