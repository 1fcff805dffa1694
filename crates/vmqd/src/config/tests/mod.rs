//! Every mistake a configuration can have, and what is said about it.

mod addresses;
pub(crate) mod any;
mod options;
mod policies;
mod ports;
mod shape;

use switch::policy::VlanMode;
use switch::{Idle, WhenFull};
use vmq::{VlanId, VlanTest};

use super::*;
use crate::cli::RunArgs;

fn args(ports: &[&str]) -> RunArgs {
    RunArgs {
        config: Some("f".into()),
        dir: Some("/run/vmq".into()),
        ports: ports.iter().map(|&name| name.to_owned()).collect(),
        ..RunArgs::default()
    }
}

fn judged(text: &str, args: &RunArgs) -> Result<Config, Rejected> {
    read(args, Some(text.to_owned())).map(|loaded| loaded.config)
}

#[track_caller]
fn assert_objection(text: &str, expected: &str) {
    match judged(text, &args(&[])) {
        Ok(config) => panic!("accepted: {text:?}\n{config:?}"),
        Err(rejected) => assert_eq!(rejected.to_string(), expected, "{text:?}"),
    }
}

/// What is said of one line in a port's table.
#[track_caller]
fn assert_port_objection(line: &str, expected: &str) {
    assert_objection(&format!("[[port]]\nname = 'a'\n{line}"), expected);
}

#[test]
fn a_whole_file_becomes_a_value() {
    let text = r#"
        [switch]
        cpus = [0]
        idle = "spin"
        [[network]]
        name = "lab"
        mode = "hub"
        max_age_seconds = 20
        [[port]]
        name = "web"
        filters = [{ mac = "52:54:00:00:00:01", vlan = 7 }, "52-54-00-00-00-02"]
        vlan.access = 7
        bandwidth.from_guest.maximum = "2.5G"
        [[port]]
        name = "db"
        mode = "client"
        socket = "/run/qemu/db.sock"
        network = "lab"
        filters = ["52:54:00:00:00:02"]
        [[port]]
        name = "p"
        socket = "other.sock"
        dhcp_guard = true
        [[port.rules]]
        action = "deny"
        protocol = 17
        remote_port = "53"
    "#;
    let config = judged(text, &args(&["extra"])).unwrap();
    assert_eq!(config.switch.dir.to_str(), Some("/run/vmq"));
    assert_eq!(config.switch.idle, Idle::Spin);
    assert_eq!(config.switch.cpus.as_ref().unwrap().0, [0]);
    let ports: Vec<_> = config
        .ports
        .iter()
        .map(|port| (port.name.as_str(), port.mode, config.socket(port)))
        .collect();
    assert_eq!(
        ports,
        [
            ("web", Mode::Server, "/run/vmq/web.sock".into()),
            ("db", Mode::Client, "/run/qemu/db.sock".into()),
            ("p", Mode::Server, "/run/vmq/other.sock".into()),
            ("extra", Mode::Server, "/run/vmq/extra.sock".into()),
        ]
    );
    let web = config.port("web").unwrap();
    let filters = web.filters.iter().map(ToString::to_string);
    assert_eq!(
        filters.collect::<Vec<_>>(),
        ["52:54:00:00:00:01 vlan 7", "52:54:00:00:00:02"]
    );
    assert_eq!(web.policy.vlan, VlanMode::Access(VlanId(7)));
    let rate = web.policy.bandwidth.from_guest;
    assert_eq!(rate.maximum, Some(2_500_000_000));
    assert_eq!(web.network, "default");
    let lab = config.network_policy("lab").unwrap();
    assert_eq!(lab.max_age_seconds, 20);
    let p = config.port("p").unwrap();
    assert!(p.policy.dhcp_guard && p.policy.rules.len() == 1);
    assert_eq!(config.port("extra"), Some(&PortConfig::named("extra")));
}

#[test]
fn what_is_written_as_json_is_read_as_it_was() {
    let text = r#"
        [switch]
        cpus = "0"
        [[network]]
        name = "lab"
        [[port]]
        name = "web"
        network = "lab"
        filters = [{ mac = "52:54:00:00:00:01", vlan = 10 }, "52:54:00:00:00:02"]
        vlan = { private = { primary = 10, role = { community = 20 } } }
        allowed_addresses = ["10.0.0.0/8", "2001:db8::1"]
        mirror = { to = "db" }
        impairment = { delay_ms = 10, jitter_ms = 2.5, seed = 9223372036854775807 }
        [[port]]
        name = "db"
        network = "lab"
        vlan = { trunk = { allowed = "10,20-30", native = 20 } }
        [[port]]
        name = "p"
        filters = [{ mac = "52:54:00:00:00:01", vlan = "untagged" }]
    "#;
    let config = judged(text, &args(&[])).unwrap();
    let json = serde_json::to_value(&config).unwrap();
    assert_eq!(
        serde_json::from_value::<Config>(json.clone()).unwrap(),
        config
    );
    let mut rejected = Rejected::default();
    let read = Document::of_json(&json).read::<Config>(&mut rejected);
    assert_eq!(read, Some(config));
}

#[test]
fn every_mistake_is_named_at_once() {
    let text = "[switch]\ncpus = 'x'\nhuhu = 1\n[[port]]\nname = 'a b'\nvlan.access = 5000\n\
                filters = ['z', '52:54:00:00:00:01', 'y']\nbandwidth = { minimum_weight = 0 }\n\
                [[prot]]\n[[port]]\nmtu = 3\nnmae = 'x'\n[[port]]\nname = 'c'\nmirror.to = 'x'\n";
    let objections = judged(text, &args(&[])).unwrap_err().to_string();
    let places: Vec<_> = objections
        .lines()
        .map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        places,
        [
            "f:2:8 switch.cpus",
            "f:3:1 switch.huhu",
            "f:5:8 port.name",
            "f:6:15 port.vlan.access",
            "f:7:12 port.filters",
            "f:7:38 port.filters",
            "f:8:32 port.bandwidth.minimum_weight",
            "f:9:3 prot",
            "f:12:1 port.nmae",
        ],
        "{objections}"
    );
}

#[test]
fn the_documentation_has_every_key_and_its_example_is_accepted() {
    let page = include_str!("../../../../../docs/configuration.md");
    let (_, rest) = page
        .split_once("```toml\n")
        .expect("an example in the documentation");
    let (example, _) = rest.split_once("```").expect("its end");
    let config = judged(example, &args(&[])).unwrap();
    assert!(config.ports.len() >= 3);
    assert!(config.ports.iter().any(|port| port.mode == Mode::Client));
    assert!(config.ports.iter().any(|port| !port.filters.is_empty()));
    let rows = |heading: &str| -> Vec<String> {
        let (_, section) = page.split_once(heading).expect("the section");
        let rows = section
            .lines()
            .skip(1)
            .take_while(|line| !line.starts_with('#'));
        let keys = rows.filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let mut keys: Vec<_> = keys.map(|(key, _)| key.to_owned()).collect();
        keys.sort();
        keys
    };
    for (heading, keys) in [
        ("### `[[network]]`", keys::of_network()),
        ("### `[[port]]`", keys::of_port()),
    ] {
        let mut paths: Vec<_> = keys.into_iter().map(|key| key.path).collect();
        paths.sort();
        assert_eq!(rows(heading), paths, "{heading}");
    }
    let switch = serde_json::to_value(SwitchConfig::default()).unwrap();
    let switch: Vec<_> = switch.as_object().unwrap().keys().cloned().collect();
    assert_eq!(rows("### `[switch]`"), switch);
}
