//! Every mistake a configuration can have, and what is said about it.

use std::path::Path;

use switch::{Idle, WhenFull};
use vmq::{Mac, VlanId, VlanTest};

use super::*;

fn args(ports: &[&str]) -> RunArgs {
    RunArgs {
        dir: Some("/run/vmq".into()),
        ports: ports.iter().map(|&name| name.to_owned()).collect(),
        ..RunArgs::default()
    }
}

fn judged(text: &str, args: &RunArgs) -> Result<Plan, Rejected> {
    let source = Source::new(Path::new("f"), text.to_owned());
    plan::make(args, Some(&source), schema::parse(&source)?)
}

#[track_caller]
fn assert_objection(text: &str, expected: &str) {
    match judged(text, &args(&[])) {
        Ok(plan) => panic!("accepted: {text:?}\n{plan:?}"),
        Err(rejected) => assert_eq!(rejected.to_string(), expected, "{text:?}"),
    }
}

#[test]
fn a_whole_file_becomes_a_plan() {
    let text = r#"
        [switch]
        cpus = [0]
        [[port]]
        name = "web"
        mac = ["52:54:00:00:00:01", "52-54-00-00-00-02"]
        vlan = 7
        [[port]]
        name = "db"
        mode = "client"
        socket = "/run/qemu/db.sock"
        mac = "52:54:00:00:00:01"
        vlan = 8
        [[port]]
        name = "p"
        socket = "other.sock"
    "#;
    let plan = judged(text, &args(&["extra"])).unwrap();
    assert_eq!(plan.dir, Path::new("/run/vmq"));
    assert_eq!(plan.cpus.unwrap().0, [0]);
    let ports: Vec<_> = plan
        .ports
        .iter()
        .map(|port| (port.name.as_str(), port.mode, port.socket.to_str().unwrap()))
        .collect();
    assert_eq!(
        ports,
        [
            ("web", Mode::Server, "/run/vmq/web.sock"),
            ("db", Mode::Client, "/run/qemu/db.sock"),
            ("p", Mode::Server, "/run/vmq/other.sock"),
            ("extra", Mode::Server, "/run/vmq/extra.sock"),
        ]
    );
    let macs: Vec<_> = plan.ports[0]
        .filters
        .iter()
        .map(|filter| (filter.mac, filter.vlan))
        .collect();
    let vlan = VlanTest::Id(VlanId(7));
    assert_eq!(
        macs,
        [
            (Mac([0x52, 0x54, 0, 0, 0, 1]), vlan),
            (Mac([0x52, 0x54, 0, 0, 0, 2]), vlan)
        ]
    );
    assert!(plan.ports[3].filters.is_empty());
}

#[test]
fn an_address_without_a_vlan_is_the_ports_on_every_vlan() {
    let plan = judged(
        "[[port]]\nname = 'a'\nmac = '52:54:00:00:00:01'",
        &args(&[]),
    )
    .unwrap();
    assert_eq!(plan.ports[0].filters[0].vlan, VlanTest::Any);
}

#[test]
fn the_command_line_overrides_the_directory_and_the_cpus() {
    let text = "[switch]\ndir = '/elsewhere'\ncpus = 'nonsense'\n[[port]]\nname = 'a'";
    let plan = judged(
        text,
        &RunArgs {
            cpus: Some("0".into()),
            ..args(&[])
        },
    )
    .unwrap();
    assert_eq!(plan.dir, Path::new("/run/vmq"));
    assert_eq!(plan.cpus.unwrap().0, [0]);
}

#[test]
fn a_relative_directory_in_a_file_is_beside_the_file() {
    let args = RunArgs {
        config: Some("/etc/vmq/lab.toml".into()),
        dir: None,
        ..args(&[])
    };
    let plan = judged("[switch]\ndir = 'sockets'\n[[port]]\nname = 'a'", &args).unwrap();
    assert_eq!(plan.dir, Path::new("/etc/vmq/sockets"));
}

#[test]
fn what_is_not_toml_is_refused_where_it_stops_being_toml() {
    assert_objection(
        "[[port]]\nname = \"a",
        "f:2:10: invalid basic string, expected `\"`",
    );
    assert_objection("[[port]]\nname = 'a'\nname = 'b'", "f:3:1: duplicate key");
    assert_objection("x", "f:1:2: key with no value, expected `=`");
}

#[test]
fn unknown_keys_are_refused_with_those_that_are_known() {
    assert_objection(
        "[swich]\n",
        "f:1:2: swich: unknown key `swich`: did you mean `switch`? known keys here: switch, api, port",
    );
    assert_objection(
        "[switch]\ndri = '/x'",
        "f:2:1: switch.dri: unknown key `dri`: did you mean `dir`? known keys here: dir, cpus, mtu, when_full, idle",
    );
    assert_objection(
        "[[port]]\nname = 'a'\nhuhu = 1",
        "f:3:1: port.huhu: unknown key `huhu`: known keys here: name, mode, socket, mac, vlan, mtu, when_full",
    );
}

#[test]
fn wrong_types_are_refused() {
    assert_objection(
        "[[port]]\nname = 3",
        "f:2:8: port.name: invalid type: integer `3`, expected a string",
    );
    assert_objection(
        "[port]\nname = 'a'",
        "f:1:1: port: invalid type: map, expected a sequence: write [[port]], once for each port",
    );
    assert_objection(
        "[[port]]\nname = 'a'\nmac = 1",
        "f:3:7: port.mac: invalid type: integer `1`, expected a MAC address like \"52:54:00:12:34:56\" or a list of them",
    );
    assert_objection(
        "[switch]\ncpus = 1\n",
        "f:2:8: switch.cpus: invalid type: integer `1`, expected a list of CPUs like \"0,2-3\" or [0, 2, 3]",
    );
    assert_objection(
        "[[port]]\nname = 'a'\n[[port]]\nname = 'b'\nmac = ['52:54:00:00:00:01', 2]",
        "f:5:29: port.mac: invalid type: integer `2`, expected a string",
    );
}

#[test]
fn names_are_short_plain_and_unique() {
    const RULE: &str = "use 1 to 32 of the characters A-Z a-z 0-9 _ . -";
    assert_objection(
        "[[port]]\nmode = 'server'",
        "f:1:1: port.name: the port has no name: add one, for example name = \"p0\"",
    );
    assert_objection(
        "[[port]]\nname = ''",
        &format!("f:2:8: port.name: the name is empty: {RULE}"),
    );
    assert_objection(
        "[[port]]\nname = '../x'",
        &format!("f:2:8: port.name: the name has a character that is not allowed: {RULE}"),
    );
    assert_objection(
        &format!("[[port]]\nname = '{}'", "a".repeat(33)),
        &format!("f:2:8: port.name: the name is longer than 32 characters: {RULE}"),
    );
    assert!(
        judged(
            &format!("[[port]]\nname = '{}'", "a".repeat(32)),
            &args(&[])
        )
        .is_ok()
    );
    assert_objection(
        "[[port]]\nname = 'vmq'",
        "f:2:8: port.name: `vmq` is the name of the control socket: choose another name",
    );
    assert_objection(
        "[[port]]\nname = 'a'\n[[port]]\nname = 'a'",
        "f:4:8: port.name: port `a` is there already, in line 2: give each port a name of its own",
    );
}

#[test]
fn a_port_of_the_command_line_is_judged_like_one_of_the_file() {
    let objection = |ports: &[&str]| {
        judged("[[port]]\nname = 'a'", &args(ports))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        objection(&["a"]),
        "--port: port `a` is there already, in line 2: give each port a name of its own"
    );
    assert_eq!(
        objection(&["b", "b"]),
        "--port: port `b` is there already, with --port: give each port a name of its own"
    );
    assert_eq!(
        objection(&["b/c"]),
        "--port: the name has a character that is not allowed: use 1 to 32 of the characters A-Z a-z 0-9 _ . -"
    );
}

#[test]
fn modes_are_two() {
    assert_objection(
        "[[port]]\nname = 'a'\nmode = 'sever'",
        "f:3:8: port.mode: unknown mode `sever`: did you mean `server`? write \"server\" (the switch listens) or \"client\" (the VMM listens)",
    );
}

#[test]
fn a_port_holds_or_drops_as_it_says_or_as_the_switch_says() {
    let text = "[switch]\nwhen_full = 'drop'\n[[port]]\nname = 'a'\n[[port]]\nname = 'b'\nwhen_full = 'hold'";
    let full = |args: &RunArgs| {
        let plan = judged(text, args).unwrap();
        plan.ports
            .iter()
            .map(|port| port.when_full)
            .collect::<Vec<_>>()
    };
    let (hold, drop) = (WhenFull::Hold, WhenFull::Drop);
    assert_eq!(full(&args(&["c"])), [drop, hold, drop]);
    let overridden = RunArgs {
        when_full: Some("hold".into()),
        ..args(&["c"])
    };
    assert_eq!(full(&overridden), [hold, hold, hold]);
    let usual = judged("", &args(&["a"])).unwrap();
    assert_eq!((usual.ports[0].when_full, usual.idle), (hold, Idle::Adapt));
}

#[test]
fn an_mtu_is_the_ports_own_or_the_switchs() {
    let text = "[switch]\nmtu = 1500\n[[port]]\nname = 'a'\n[[port]]\nname = 'b'\nmtu = 9000";
    let mtus = |args: &RunArgs| {
        let plan = judged(text, args).unwrap();
        plan.ports.iter().map(|port| port.mtu).collect::<Vec<_>>()
    };
    assert_eq!(mtus(&args(&["c"])), [Some(1500), Some(9000), Some(1500)]);
    let overridden = RunArgs {
        mtu: Some(65_535),
        ..args(&["c"])
    };
    assert_eq!(mtus(&overridden), [Some(65_535), Some(9000), Some(65_535)]);
    assert_eq!(judged("", &args(&["a"])).unwrap().ports[0].mtu, None);
}

#[test]
fn an_mtu_is_68_to_65535() {
    const REMEDY: &str = "use 68 to 65535, or leave it out for frames of any size";
    for mtu in ["-1", "0", "67", "65536", "99999999999"] {
        assert_objection(
            &format!("[[port]]\nname = 'a'\nmtu = {mtu}"),
            &format!("f:3:7: port.mtu: there is no MTU of {mtu} bytes: {REMEDY}"),
        );
        assert_objection(
            &format!("[switch]\nmtu = {mtu}\n[[port]]\nname = 'a'"),
            &format!("f:2:7: switch.mtu: there is no MTU of {mtu} bytes: {REMEDY}"),
        );
    }
    for mtu in ["68", "65535"] {
        assert!(judged(&format!("[[port]]\nname = 'a'\nmtu = {mtu}"), &args(&[])).is_ok());
    }
}

#[test]
fn settings_are_words_that_are_known() {
    assert_objection(
        "[switch]\nwhen_full = 'dorp'\n[[port]]\nname = 'a'",
        "f:2:13: switch.when_full: unknown when_full `dorp`: did you mean `drop`? write \"hold\" (a frame without buffers waits a while) or \"drop\" (it is lost at once)",
    );
    assert_objection(
        "[[port]]\nname = 'a'\nwhen_full = 'wait'",
        "f:3:13: port.when_full: unknown when_full `wait`: write \"hold\" (a frame without buffers waits a while) or \"drop\" (it is lost at once)",
    );
    assert_objection(
        "[switch]\nidle = 'never'\n[[port]]\nname = 'a'",
        "f:2:8: switch.idle: unknown idle `never`: write \"adapt\" (a quiet worker sleeps) or \"spin\" (it keeps its core)",
    );
    let spin = RunArgs {
        idle: Some("spin".into()),
        ..args(&["a"])
    };
    assert_eq!(
        judged("[switch]\nidle = 'x'", &spin).unwrap().idle,
        Idle::Spin
    );
    let odd = RunArgs {
        idle: Some("Spin".into()),
        ..args(&["a"])
    };
    assert_eq!(
        judged("", &odd).unwrap_err().to_string(),
        "--idle: unknown idle `Spin`: did you mean `spin`? write \"adapt\" (a quiet worker sleeps) or \"spin\" (it keeps its core)"
    );
}

#[test]
fn sockets_are_distinct_and_fit_their_address() {
    assert_objection(
        "[[port]]\nname = 'a'\nsocket = ''",
        "f:3:10: port.socket: the path is empty: name a file, or leave the key out",
    );
    assert_objection(
        "[[port]]\nname = 'a'\nsocket = 'vmq.sock'",
        "f:3:10: port.socket: /run/vmq/vmq.sock is the socket of another port or of the control socket, with --dir: give each port a socket of its own",
    );
    assert_objection(
        "[[port]]\nname = 'a'\n[[port]]\nname = 'b'\nsocket = 'a.sock'",
        "f:5:10: port.socket: /run/vmq/a.sock is the socket of another port or of the control socket, in line 2: give each port a socket of its own",
    );
    let long = "a".repeat(98);
    assert_objection(
        &format!("[[port]]\nname = 'a'\nsocket = '{long}x'"),
        &format!(
            "f:3:10: port.socket: /run/vmq/{long}x has 108 bytes and a socket's path at most 107: use a shorter directory or name"
        ),
    );
    assert!(
        judged(
            &format!("[[port]]\nname = 'a'\nsocket = '{long}'"),
            &args(&[])
        )
        .is_ok()
    );
}

#[test]
fn a_directory_must_leave_room_for_the_control_socket() {
    let dir = format!("/{}", "d".repeat(110));
    let objection = judged(
        "",
        &RunArgs {
            dir: Some(dir.into()),
            ..args(&["p"])
        },
    )
    .unwrap_err()
    .to_string();
    assert!(objection.starts_with("--dir: /ddd"), "{objection}");
    assert!(
        objection
            .contains("has 120 bytes and a socket's path at most 107: use a shorter directory\n"),
        "{objection}"
    );
}

#[test]
fn addresses_are_those_of_single_machines() {
    assert_objection(
        "[[port]]\nname = 'a'\nmac = '52:54:00:00:00'",
        "f:3:7: port.mac: `52:54:00:00:00`: an Ethernet address has 6 octets, found 5: write it like 52:54:00:12:34:56",
    );
    assert_objection(
        "[[port]]\nname = 'a'\nmac = ['52:54:00:00:00:01', 'ff:ff:ff:ff:ff:ff']",
        "f:3:29: port.mac: `ff:ff:ff:ff:ff:ff`: a group address belongs to no single machine: write one like 52:54:00:12:34:56",
    );
    assert_objection(
        "[[port]]\nname = 'a'\nmac = []",
        "f:3:7: port.mac: the list has 0 addresses: give 1 to 64, or remove the key to let the switch learn them",
    );
}

#[test]
fn an_address_belongs_to_one_port_of_a_vlan() {
    let two = |first: &str, second: &str| {
        judged(
            &format!(
                "[[port]]\nname = 'a'\nmac = '52:54:00:00:00:01'\n{first}\n[[port]]\nname = 'b'\nmac = '52:54:00:00:00:01'\n{second}"
            ),
            &args(&[]),
        )
    };
    assert!(two("vlan = 1", "vlan = 2").is_ok());
    for (first, second) in [
        ("vlan = 1", "vlan = 1"),
        ("", "vlan = 1"),
        ("vlan = 1", ""),
        ("", ""),
    ] {
        assert_eq!(
            two(first, second).unwrap_err().to_string(),
            "f:7:7: port.mac: 52:54:00:00:00:01 is there already, in line 3: an address belongs to one port of a VLAN",
            "{first:?} {second:?}"
        );
    }
}

#[test]
fn vlans_are_1_to_4094_and_need_an_address() {
    for id in ["-1", "0", "4095", "99999999"] {
        assert_objection(
            &format!("[[port]]\nname = 'a'\nmac = '52:54:00:00:00:01'\nvlan = {id}"),
            &format!(
                "f:4:8: port.vlan: there is no VLAN {id}: use 1 to 4094, or remove the key for every VLAN"
            ),
        );
    }
    assert_objection(
        "[[port]]\nname = 'a'\nvlan = 5",
        "f:3:8: port.vlan: a VLAN without an address filters nothing: add mac = \"...\", or remove the key",
    );
}

#[test]
fn cpus_must_exist() {
    for (text, says) in [
        (
            "cpus = '0-'",
            "f:2:8: switch.cpus: `0-` is neither a CPU number nor a range: write it like 0,2-3",
        ),
        (
            "cpus = [0, 0]",
            "f:2:8: switch.cpus: CPU 0 is in it twice: a worker needs a CPU of its own",
        ),
        (
            "cpus = []",
            "f:2:8: switch.cpus: the list is empty: write it like 0,2-3",
        ),
    ] {
        assert_objection(&format!("[switch]\n{text}\n[[port]]\nname = 'a'"), says);
    }
    let missing = judged("[switch]\ncpus = '1000'\n[[port]]\nname = 'a'", &args(&[]))
        .unwrap_err()
        .to_string();
    assert!(
        missing.starts_with("f:2:8: switch.cpus: CPU 1000 does not exist"),
        "{missing}"
    );
}

#[test]
fn a_switch_has_1_to_1024_ports() {
    let none = judged("", &args(&[])).unwrap_err().to_string();
    assert_eq!(
        none,
        "--port: the switch has no ports: name at least one, or add a [[port]] to the file of --config"
    );
    let names: Vec<_> = (0..=1024).map(|n| format!("p{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert!(judged("", &args(&names[..1024])).is_ok());
    let many = judged("", &args(&names)).unwrap_err().to_string();
    assert_eq!(
        many,
        "--port: 1025 ports are too many: a switch has at most 1024, run several"
    );
}

#[test]
fn every_mistake_is_named_at_once() {
    let text = "[switch]\ncpus = 'x'\n[[port]]\nname = 'a b'\nvlan = 5000\nmac = 'z'";
    let objections = judged(text, &args(&[])).unwrap_err().to_string();
    let places: Vec<_> = objections
        .lines()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(
        places,
        ["switch.cpus:", "port.vlan:", "port.mac:", "port.name:"],
        "{objections}"
    );
}

#[test]
fn the_example_of_the_documentation_is_valid() {
    let page = include_str!("../../../../docs/configuration.md");
    let (_, rest) = page
        .split_once("```toml\n")
        .expect("an example in the documentation");
    let (example, _) = rest.split_once("```").expect("its end");
    let plan = judged(example, &args(&[])).unwrap();
    assert!(plan.ports.len() >= 3 && plan.ports.iter().any(|port| port.mode == Mode::Client));
    assert!(plan.ports.iter().any(|port| !port.filters.is_empty()));
}
