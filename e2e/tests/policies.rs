//! What the ports' policies make of real guests, one of which is up to no good, and what a reload costs those who work.

#![forbid(unsafe_code)]

use std::time::Duration;

use e2e::{Answer, Guest, Plug, PortConfig, Scratch, Switch, Watchdog, eventually};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(420);
const MACS: [&str; 2] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b"];
const VLANS: [u16; 2] = [10, 20];

#[test]
fn guests_on_a_trunk_meet_on_its_vlans_and_the_one_that_cheats_is_found_out() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let trunk = |mac: &str, more: &str| {
        format!("filters = [\"{mac}\"]\nvlan.trunk = {{ allowed = \"10,20\" }}\n{more}")
    };
    let settings = [trunk(MACS[0], ""), trunk(MACS[1], "dhcp_guard = true")];
    let ports = [
        PortConfig::listening("a").with(&settings[0]),
        PortConfig::listening("b").with(&settings[1]),
    ];
    let mut switch = Switch::start(&scratch, &ports);
    let [mut a, mut b] = boot_both(&scratch, &switch);
    for (guest, host) in [(&mut a, 1), (&mut b, 2)] {
        guest.expect("ip link set eth0 up");
        for vlan in VLANS.into_iter().chain([30]) {
            guest.expect(&format!("vconfig add eth0 {vlan}"));
            guest.expect(&format!(
                "ip addr add 10.{vlan}.0.{host}/24 dev eth0.{vlan}"
            ));
            guest.expect(&format!("ip link set eth0.{vlan} up"));
        }
    }
    for vlan in VLANS {
        assert_lossless(&ping(&mut a, &format!("10.{vlan}.0.2")));
    }

    // A VLAN that the trunk does not have.
    assert_lost(&ping(&mut a, "10.30.0.2"));
    assert!(drops(&mut switch, "a", "vlan-not-allowed") > 0);

    // A DHCP server that nobody asked for offers addresses.
    b.expect(
        "printf 'interface eth0.10\\nstart 10.10.0.66\\nend 10.10.0.67\\nlease_file /tmp/leases\\n' >/tmp/udhcpd.conf",
    );
    b.expect("touch /tmp/leases && udhcpd /tmp/udhcpd.conf");
    a.expect("printf '#!/bin/sh\\n[ \"$1\" = bound ] && echo bound $ip\\nexit 0\\n' >/tmp/lease && chmod 755 /tmp/lease");
    let refused = lease(&mut a);
    assert!(!refused.output.contains("bound"), "{}", refused.output);
    let offers = drops(&mut switch, "b", "dhcp-guard");
    assert!(offers > 0, "b has offered nothing");
    // It is the guard that keeps them from each other.
    switch.vmq(&["port", "set", "b", "dhcp_guard=false"]);
    let bound = lease(&mut a);
    assert!(bound.output.contains("bound 10.10.0.6"), "{}", bound.output);
    assert_eq!(drops(&mut switch, "b", "dhcp-guard"), offers);

    // Somebody else's address.
    b.expect("ip link set eth0.20 address 52:54:00:00:00:99");
    assert_lost(&ping(&mut b, "10.20.0.1"));
    let spoofed = drops(&mut switch, "b", "mac-spoofing");
    assert!(spoofed > 0, "b has spoofed nothing");
    b.expect(&format!("ip link set eth0.20 address {}", MACS[1]));
    assert_lossless(&ping(&mut b, "10.20.0.1"));

    let table = switch.vmq(&["drops"]);
    println!("{table}");
    for (port, reason) in [
        ("a", "vlan-not-allowed"),
        ("b", "dhcp-guard"),
        ("b", "mac-spoofing"),
    ] {
        let told = table.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some(port) && words.next() == Some(reason)
        });
        assert!(told, "{port}, {reason}: {table}");
    }
    for port in ["a", "b"] {
        assert_eq!(switch.port(port)["last_close"], Value::Null);
    }
}

#[test]
fn a_reload_during_a_transfer_loses_no_frame() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let both = ["a", "b"].map(PortConfig::listening);
    let mut switch = Switch::start(&scratch, &both);
    let [mut a, mut b] = boot_both(&scratch, &switch);
    a.configure(1);
    b.configure(2);
    b.expect("iperf3 -s -D");
    assert_lossless(&ping(&mut a, "10.9.0.2"));
    let before = [
        ("a", "from_guest"),
        ("b", "to_guest"),
        ("b", "from_guest"),
        ("a", "to_guest"),
    ]
    .map(|(port, way)| frames(&mut switch, port, way));

    // Slow enough for the receiver's buffers to last while its machine has no CPU: what is lost then is the reload's doing.
    a.ask("iperf3 -J -c 10.9.0.2 -t 6 -b 10M");
    eventually(
        "a transfer is in full swing",
        Duration::from_secs(30),
        || (frames(&mut switch, "b", "to_guest") > before[1] + 200).then_some(()),
    );
    let mut reloads = 0;
    for settings in [
        "vlan.access = 10",
        "mtu = 9000\ndhcp_guard = true",
        "filters = [\"52:54:00:00:00:0c\"]",
    ] {
        let more = [both[0], both[1], PortConfig::listening("c").with(settings)];
        let told = switch.reload(&more);
        assert!(told.contains('c'), "{told}");
        switch.reload(&both);
        reloads += 2;
    }
    let answer = a.answer(Duration::from_secs(60));
    let report: Value = serde_json::from_str(&answer.output).expect("iperf3 prints JSON");
    let again = &report["end"]["sum_sent"]["retransmits"];
    println!("{reloads} reloads, {again} segments sent again");
    assert!(
        report["end"]["sum_received"]["bytes"].as_u64() > Some(1 << 20),
        "{report}"
    );

    eventually(
        "every frame sent has arrived",
        Duration::from_secs(20),
        || {
            let now = [
                ("a", "from_guest"),
                ("b", "to_guest"),
                ("b", "from_guest"),
                ("a", "to_guest"),
            ]
            .map(|(port, way)| frames(&mut switch, port, way));
            (now[0] - before[0] == now[1] - before[1] && now[2] - before[2] == now[3] - before[3])
                .then_some(())
        },
    );
    for port in ["a", "b"] {
        assert_eq!(switch.port(port)["last_close"], Value::Null);
    }
}

fn boot_both(scratch: &Scratch, switch: &Switch) -> [Guest; 2] {
    let mut guests = [("a", MACS[0]), ("b", MACS[1])]
        .map(|(name, mac)| Guest::boot(scratch, name, Plug::Port(&switch.socket(name)), mac));
    guests.iter_mut().for_each(Guest::wait_ready);
    guests
}

fn ping(from: &mut Guest, to: &str) -> Answer {
    let command = format!("ping -c 5 -i 0.2 -W 2 {to}");
    from.run(&command, Duration::from_secs(60))
}

fn assert_lossless(answer: &Answer) {
    assert!(
        answer.output.contains(" 0% packet loss"),
        "{}",
        answer.output
    );
}

fn assert_lost(answer: &Answer) {
    assert!(
        answer.output.contains(" 100% packet loss"),
        "{}",
        answer.output
    );
}

/// Asks for an address in VLAN 10.
fn lease(guest: &mut Guest) -> Answer {
    let command = "udhcpc -i eth0.10 -n -q -t 4 -T 2 -s /tmp/lease";
    guest.run(command, Duration::from_secs(60))
}

fn drops(switch: &mut Switch, port: &str, reason: &str) -> u64 {
    count(&switch.port(port)["drops"][reason])
}

fn frames(switch: &mut Switch, port: &str, way: &str) -> u64 {
    count(&switch.port(port)[way]["frames"])
}

fn count(value: &Value) -> u64 {
    value.as_u64().expect("a count")
}
