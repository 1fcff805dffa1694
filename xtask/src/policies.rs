//! What each policy costs: instructions that it adds to a frame of 60 bytes in split rings, counted as the bound is. The table in
//! docs/performance.md is what this prints.

use crate::bound;
use crate::step::Report;

/// What is asked of the ports, and in which words of the API.
const POLICIES: &[(&str, &[&str])] = &[
    (
        "MAC-spoofing guard off",
        &["--from", r#"{"mac_spoofing": true}"#],
    ),
    ("DHCP guard", &["--from", r#"{"dhcp_guard": true}"#]),
    ("router guard", &["--from", r#"{"router_guard": true}"#]),
    ("four allowed addresses", &["--from", FOUR_ADDRESSES]),
    ("all guards", &["--from", ALL_GUARDS]),
    ("one rule from the guest", &["--from", ONE_RULE]),
    (
        "ten rules from the guest, the last matches",
        &["--from", TEN_RULES],
    ),
    ("one rule to the guest", &["--to", ONE_RULE]),
    (
        "ten rules to the guest, the last matches",
        &["--to", TEN_RULES],
    ),
    (
        "multicast snooping, a frame to one",
        &["--network", r#"{"multicast_snooping": true}"#],
    ),
    (
        "both ports access ports of a VLAN",
        &["--from", ACCESS, "--to", ACCESS],
    ),
    (
        "from an access port to a trunk, which gets a tag",
        &["--from", ACCESS, "--to", TRUNK],
    ),
    (
        "bandwidth from the guest, not reached",
        &[
            "--from",
            r#"{"bandwidth": {"from_guest": {"maximum": 10000000000000}}}"#,
        ],
    ),
    (
        "bandwidth to the guest, not reached",
        &[
            "--to",
            r#"{"bandwidth": {"to_guest": {"maximum": 10000000000000}}}"#,
        ],
    ),
    (
        "storm limits, a frame to one",
        &[
            "--from",
            r#"{"storm": {"broadcast": 1000, "multicast": 1000, "unknown_unicast": 1000}}"#,
        ],
    ),
];

const ACCESS: &str = r#"{"vlan": {"access": 10}}"#;

const TRUNK: &str = r#"{"vlan": {"trunk": {"allowed": "10-20"}}}"#;

const FOUR_ADDRESSES: &str =
    r#"{"allowed_addresses": ["2001:db8::1", "192.168.0.0/24", "10.0.1.0/24", "10.0.0.1"]}"#;

const ALL_GUARDS: &str =
    r#"{"dhcp_guard": true, "router_guard": true, "allowed_addresses": ["10.0.0.1"]}"#;

const ONE_RULE: &str = r#"{"rules": [{"action": "allow", "protocol": 17}]}"#;

const TEN_RULES: &str = r#"{"rules": [
    {"action": "deny", "protocol": 6, "remote_port": "25"},
    {"action": "deny", "protocol": 6, "local_port": "22"},
    {"action": "deny", "protocol": 17, "remote_port": "53"},
    {"action": "deny", "protocol": 17, "local_port": "1900"},
    {"action": "deny", "remote_address": "192.168.0.0/16"},
    {"action": "deny", "local_address": "192.168.0.0/16"},
    {"action": "deny", "remote_address": "2001:db8::/32"},
    {"action": "deny", "local_mac": "52:54:00:00:00:01"},
    {"action": "deny", "remote_mac": "52:54:00:00:00:02"},
    {"action": "allow"}]}"#;

/// Builds the program that is counted and counts it once for each policy.
pub(crate) fn steps() -> Report {
    let mut report = bound::build();
    if report.is_sound() {
        report.call("what each policy costs", print);
    }
    report
}

fn print() -> Result<(), String> {
    let count = |policy: &[&str]| bound::a_frame("split", 60, &[&["--datagrams"], policy].concat());
    let none = count(&[])?;
    println!("| policy | instructions a frame | more |");
    println!("| --- | ---: | ---: |");
    println!("| none but the defaults | {none:.0} | |");
    for (name, policy) in POLICIES {
        let counted = count(policy)?;
        println!("| {name} | {counted:.0} | {:+.0} |", counted - none);
    }
    Ok(())
}
