//! Any text as a configuration file, and any other text that the file is changed to while the switch runs.
//!
//! What must hold: nothing panics or goes on for ever; what is accepted is the same in JSON; what runs can be written back
//! into the text, whatever the text is, and reads back as what runs.

#![no_main]

use std::fmt::Write;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

/// A file, line by line: mostly such as are known, for by chance alone hardly any would be.
type File = Vec<Line>;

#[derive(Arbitrary, Debug)]
enum Line {
    Header(u8),
    Known { key: u8, value: u8 },
    Odd { key: u8, value: String },
    Comment(u8),
    Anything(String),
}

const HEADERS: &[&str] = &[
    "[switch]",
    "[api]",
    "[[network]]",
    "[[port]]",
    "[[port]]\nname = \"a\"",
    "[[port]]\nname = \"b\"",
    "[[network]]\nname = \"n\"",
    "[port.storm]",
    "[[port.rules]]\naction = \"deny\"",
    "[port.bandwidth.to_guest]",
    "[port.vlan]",
    "[port.vlan.trunk]",
];

const KEYS: &[&str] = &[
    "name",
    "network",
    "mode",
    "socket",
    "filters",
    "mtu",
    "when_full",
    "affinity",
    "vlan",
    "vlan.access",
    "vlan.trunk",
    "vlan.trunk.allowed",
    "vlan.trunk.native",
    "vlan.private.primary",
    "vlan.private.role",
    "isolated",
    "mac_spoofing",
    "dhcp_guard",
    "router_guard",
    "allowed_addresses",
    "rules",
    "bandwidth",
    "bandwidth.from_guest.maximum",
    "bandwidth.to_guest.burst",
    "bandwidth.minimum_weight",
    "storm.broadcast",
    "storm",
    "mirror.to",
    "mirror.direction",
    "learning.limit",
    "impairment.delay_ms",
    "impairment.loss_percent",
    "impairment.seed",
    "max_age_seconds",
    "multicast_snooping",
    "dir",
    "cpus",
    "idle",
    "listen",
    "allowed",
    "native",
    "access",
    "maximum",
    "broadcast",
    "protocol",
    "remote_port",
    "action",
    "port",
    "switch",
    "a b",
    "\"\"",
];

const VALUES: &[&str] = &[
    "true",
    "false",
    "0",
    "1",
    "7",
    "1500",
    "-1",
    "2.5",
    "nan",
    "1e400",
    "9223372036854775807",
    "18446744073709551616",
    "\"a\"",
    "\"b\"",
    "\"n\"",
    "\"default\"",
    "\"\"",
    "\"100M\"",
    "\"64Ki\"",
    "\"9k\"",
    "\"0\"",
    "[0]",
    "[]",
    "{}",
    "[[]]",
    "\"52:54:00:00:00:01\"",
    "[\"52:54:00:00:00:01\"]",
    "[{ mac = \"52:54:00:00:00:02\", vlan = 7 }]",
    "[{ mac = \"52:54:00:00:00:02\", vlan = \"untagged\" }]",
    "{ access = 7 }",
    "{ trunk = { allowed = \"1-9\" } }",
    "\"transparent\"",
    "\"untagged\"",
    "\"isolated\"",
    "{ community = 3 }",
    "\"10,20-30\"",
    "\"all\"",
    "\"1-4094,1-4094\"",
    "[\"10.0.0.0/8\", \"::1\"]",
    "[{ action = \"allow\", protocol = 6, remote_port = \"80\" }]",
    "\"server\"",
    "\"client\"",
    "\"hub\"",
    "\"drop\"",
    "\"spin\"",
    "\"adapt\"",
    "\"both\"",
    "1979-05-27",
    "'''\n'''",
    "{ to = \"b\" }",
    "{ maximum = \"1G\" }",
    "{ broadcast = 3 } # so many",
];

const COMMENTS: &[&str] = &["# About it.", "", "# One\n\n# Two", "\t", "#"];

fuzz_target!(|files: (File, File)| {
    let _ = vmqd::trial::go(&text(&files.0), &text(&files.1));
});

fn text(file: &File) -> String {
    let one = |of: &[&'static str], which: u8| of[usize::from(which) % of.len()];
    let mut text = String::new();
    for line in file {
        let _ = match line {
            Line::Header(which) => writeln!(text, "{}", one(HEADERS, *which)),
            Line::Known { key, value } => {
                writeln!(text, "{} = {}", one(KEYS, *key), one(VALUES, *value))
            }
            Line::Odd { key, value } => writeln!(text, "{} = {value}", one(KEYS, *key)),
            Line::Comment(which) => writeln!(text, "{}", one(COMMENTS, *which)),
            Line::Anything(line) => writeln!(text, "{line}"),
        };
    }
    text
}
