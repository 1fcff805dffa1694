//! The command line: beside the file, and as `KEY=VALUE`.

use serde_json::json;

use super::*;

#[test]
fn the_command_line_overrides_the_file() {
    let text = "[switch]\ndir = '/elsewhere'\ncpus = 'nonsense'\nidle = 'x'\n[[port]]\nname = 'a'";
    let args = RunArgs {
        cpus: Some("0".into()),
        idle: Some("spin".into()),
        ..args(&[])
    };
    let config = judged(text, &args).unwrap();
    assert_eq!(config.switch.dir.to_str(), Some("/run/vmq"));
    assert_eq!(config.switch.cpus.unwrap().0, [0]);
    assert_eq!(config.switch.idle, Idle::Spin);
}

#[test]
fn a_relative_directory_in_a_file_is_beside_the_file() {
    let args = RunArgs {
        config: Some("/etc/vmq/lab.toml".into()),
        dir: None,
        ..args(&[])
    };
    let config = judged("[switch]\ndir = 'sockets'", &args).unwrap();
    assert_eq!(config.switch.dir.to_str(), Some("/etc/vmq/sockets"));
}

#[test]
fn a_mistake_of_the_command_line_names_the_option() {
    for (args, says) in [
        (
            RunArgs {
                mtu: Some("67".into()),
                ..args(&[])
            },
            "--mtu: there is no MTU of 67 bytes: use 68 to 65535, or leave it out for frames of any size",
        ),
        (
            RunArgs {
                idle: Some("Spin".into()),
                ..args(&[])
            },
            "--idle: unknown idle `Spin`: did you mean `spin`? write \"adapt\" or \"spin\"",
        ),
        (
            args(&["b/c"]),
            "--port: the name has a character that is not allowed: use 1 to 32 of the characters A-Z a-z 0-9 _ . -",
        ),
    ] {
        assert_eq!(judged("", &args).unwrap_err().to_string(), says);
    }
    let args = RunArgs {
        mtu: Some("9k".into()),
        ..args(&[])
    };
    assert_eq!(
        judged("switch = 3", &args).unwrap_err().to_string(),
        "f:1:10: switch: found the number 3, expected a table with dir, cpus, idle, mtu or when_full"
    );
}

#[test]
fn a_port_of_the_command_line_that_the_file_has_is_that_port() {
    let text = "[[port]]\nname = 'a'\nmtu = 1500";
    let config = judged(text, &args(&["a", "b", "b"])).unwrap();
    let ports: Vec<_> = config
        .ports
        .iter()
        .map(|port| (&*port.name, port.mtu))
        .collect();
    assert_eq!(ports, [("a", Some(1500)), ("b", None)]);
}

/// A port after these words of the command line, or what is said of them.
fn assigned(port: &serde_json::Value, words: &[&str]) -> Result<PortConfig, String> {
    let mut document = Document::of_json(port);
    for word in words {
        document.assign(&word.parse().unwrap());
    }
    let mut rejected = Rejected::default();
    let read = document.read(&mut rejected);
    if rejected.is_empty() {
        Ok(read.unwrap())
    } else {
        Err(rejected.to_string())
    }
}

#[test]
fn a_word_is_what_is_wanted() {
    let port = assigned(
        &json!({ "name": "a" }),
        &[
            "mtu=9k",
            "dhcp_guard=on",
            "filters=52:54:00:00:00:01,52:54:00:00:00:02",
            "allowed_addresses=10.0.0.0/8, 2001:db8::1",
            "vlan.trunk.allowed=10,20-30",
            "impairment.delay_ms=2.5",
            "bandwidth.to_guest.maximum=1G",
            "mirror.to=b",
            "mac_spoofing=no",
            r#"rules=[{ action = "deny", protocol = 6, remote_port = "80" }]"#,
        ],
    )
    .unwrap();
    assert_eq!(port.mtu, Some(9000));
    assert_eq!(port.filters.len(), 2);
    let policy = &port.policy;
    assert!(policy.dhcp_guard && policy.mac_spoofing == Some(false));
    assert_eq!(policy.allowed_addresses.as_ref().unwrap().len(), 2);
    assert!(
        matches!(&policy.vlan, VlanMode::Trunk { allowed, native: None } if allowed.to_string() == "10,20-30")
    );
    assert_eq!(policy.rules[0].protocol, Some(6));
    assert_eq!(policy.mirror.as_ref().unwrap().to, "b");
}

#[test]
fn another_variant_takes_the_place_of_the_one_before() {
    let port = json!({ "name": "a", "vlan": { "trunk": { "allowed": "10-20", "native": 10 } } });
    let vlan = |words: &[&str]| assigned(&port, words).map(|port| port.policy.vlan);
    assert_eq!(vlan(&["vlan.access=7"]), Ok(VlanMode::Access(VlanId(7))));
    assert_eq!(vlan(&["vlan=untagged"]), Ok(VlanMode::Untagged));
    // The same variant keeps what is not named.
    assert!(matches!(
        vlan(&["vlan.trunk.allowed=10"]),
        Ok(VlanMode::Trunk {
            native: Some(VlanId(10)),
            ..
        })
    ));
    assert!(matches!(
        vlan(&["vlan.trunk.native="]),
        Ok(VlanMode::Trunk { native: None, .. })
    ));
    assert_eq!(vlan(&["vlan="]), Ok(VlanMode::Transparent));
    let two = vlan(&["vlan.access=7", "vlan.untagged=1"]).unwrap_err();
    assert_eq!(
        two,
        "vlan: found a table, expected one of transparent, untagged, access, trunk or private"
    );
}

#[test]
fn a_patch_is_a_merge_patch() {
    let mut document = Document::of_json(&json!({
        "name": "a", "mtu": 1500, "vlan": { "access": 7 }, "storm": { "broadcast": 3, "multicast": 4 }
    }));
    document.patch(&json!({
        "mtu": null, "vlan": { "trunk": { "allowed": "1-9" } }, "storm": { "broadcast": 5 }
    }));
    let port: PortConfig = document.read(&mut Rejected::default()).unwrap();
    assert_eq!(port.mtu, None);
    assert!(matches!(port.policy.vlan, VlanMode::Trunk { .. }));
    let storm = port.policy.storm;
    assert_eq!((storm.broadcast, storm.multicast), (Some(5), Some(4)));
}

#[test]
fn a_wrong_word_is_named() {
    let port = json!({ "name": "a" });
    for (word, says) in [
        (
            "dhcp_guard=maybe",
            "`maybe` is neither: write true or false",
        ),
        (
            "mtu=big",
            "`big` is no whole number: write it like 1500, 100M or 64Ki",
        ),
        (
            "dhcp_gaurd=true",
            "unknown key `dhcp_gaurd`: did you mean `dhcp_guard`? known keys here: name, network, mode, socket, filters, mtu, when_full, affinity, vlan, isolated, link_local, mac_spoofing, dhcp_guard, router_guard, allowed_addresses, rules, bandwidth, storm, mirror, learning, impairment",
        ),
        (
            "filters=z",
            "`z`: octet 1 is \"z\": each octet of an Ethernet address is two hexadecimal digits",
        ),
        ("vlan.access=0", "there is no VLAN 0: use 1 to 4094"),
        (
            "mode=sever",
            "unknown mode `sever`: did you mean `server`? write \"server\" or \"client\"",
        ),
        (
            "bandwidth=1G",
            "found the text \"1G\", expected a table with from_guest, to_guest or minimum_weight",
        ),
        (
            "bandwidth.from_guest=1G",
            "found the text \"1G\", expected a table with maximum or burst",
        ),
        (
            "rules=[{",
            "found what is no list or table in TOML, expected a list",
        ),
    ] {
        assert_eq!(
            assigned(&port, &[word]).unwrap_err(),
            format!("{word}: {says}")
        );
    }
}

#[test]
fn in_json_a_number_is_a_number() {
    let mut rejected = Rejected::default();
    let mut document = Document::of_json(&json!({ "name": "a", "mtu": "9k", "dhcp_guard": "on" }));
    assert!(document.read::<PortConfig>(&mut rejected).is_some());
    assert_eq!(
        rejected.to_string(),
        "dhcp_guard: found the text \"on\", expected true or false\nmtu: found the text \"9k\", expected a whole number"
    );
}
