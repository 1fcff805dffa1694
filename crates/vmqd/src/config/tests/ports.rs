//! Ports: names, networks, sockets, what the switch says for them.

use super::*;

#[test]
fn names_are_short_plain_and_unique() {
    const RULE: &str = "use 1 to 32 of the characters A-Z a-z 0-9 _ . -";
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
    assert_objection(
        "[[port]]\nname = '..'",
        &format!("f:2:8: port.name: a name of dots alone leads elsewhere: {RULE}"),
    );
    let longest = format!("[[port]]\nname = '{}'", "a".repeat(32));
    assert!(judged(&longest, &args(&[])).is_ok());
    assert_objection(
        "[[port]]\nname = 'vmq'",
        "f:2:8: port.name: `vmq` is the name of the control socket: choose another name",
    );
    assert_objection(
        "[[port]]\nname = 'a'\n[[port]]\nname = 'a'",
        "f:4:8: port.name: port `a` is there already, in line 2: give each port a name of its own",
    );
    assert_objection(
        "[[network]]\nname = 'n'\n[[network]]\nname = 'n'\n[[network]]\nname = '/'",
        &format!(
            "f:4:8: network.name: network `n` is there already, in line 2: give each network a name of its own\n\
             f:6:8: network.name: the name has a character that is not allowed: {RULE}"
        ),
    );
}

#[test]
fn a_port_is_in_a_network_that_is_there() {
    assert_objection(
        "[[network]]\nname = 'lab'\n[[port]]\nname = 'a'\nnetwork = 'lba'",
        "f:5:11: port.network: there is no network `lba`: add a [[network]] of that name, or use one of lab, default",
    );
    let text = "[[network]]\nname = 'default'\nmode = 'hub'\n[[port]]\nname = 'a'";
    let config = judged(text, &args(&[])).unwrap();
    let policy = config.network_policy(&config.ports[0].network).unwrap();
    assert_eq!(policy.mode, switch::policy::NetworkMode::Hub);
}

#[test]
fn a_port_holds_or_drops_as_it_says_or_as_the_switch_says() {
    let text = "[switch]\nwhen_full = 'drop'\n[[port]]\nname = 'a'\n[[port]]\nname = 'b'\nwhen_full = 'hold'";
    let full = |args: &RunArgs| {
        let config = judged(text, args).unwrap();
        let settled = config.ports.iter().map(|port| config.settled(port));
        settled
            .map(|port| port.when_full.unwrap())
            .collect::<Vec<_>>()
    };
    let (hold, drop) = (WhenFull::Hold, WhenFull::Drop);
    assert_eq!(full(&args(&["c"])), [drop, hold, drop]);
    let overridden = RunArgs {
        when_full: Some("hold".into()),
        ..args(&["c"])
    };
    assert_eq!(full(&overridden), [hold, hold, hold]);
}

#[test]
fn an_mtu_is_the_ports_own_or_the_switchs() {
    let text = "[switch]\nmtu = 1500\n[[port]]\nname = 'a'\n[[port]]\nname = 'b'\nmtu = 9000";
    let mtus = |args: &RunArgs| {
        let config = judged(text, args).unwrap();
        let settled = config.ports.iter().map(|port| config.settled(port));
        settled.map(|port| port.mtu).collect::<Vec<_>>()
    };
    assert_eq!(mtus(&args(&["c"])), [Some(1500), Some(9000), Some(1500)]);
    let overridden = RunArgs {
        mtu: Some("65535".into()),
        ..args(&["c"])
    };
    assert_eq!(mtus(&overridden), [Some(65_535), Some(9000), Some(65_535)]);
}

#[test]
fn an_mtu_is_68_to_65535() {
    const REMEDY: &str = "use 68 to 65535, or leave it out for frames of any size";
    for mtu in [0, 67] {
        assert_port_objection(
            &format!("mtu = {mtu}"),
            &format!("f:3:7: port.mtu: there is no MTU of {mtu} bytes: {REMEDY}"),
        );
        assert_objection(
            &format!("[switch]\nmtu = {mtu}"),
            &format!("f:2:7: switch.mtu: there is no MTU of {mtu} bytes: {REMEDY}"),
        );
    }
    for mtu in ["68", "65535"] {
        assert!(judged(&format!("[[port]]\nname = 'a'\nmtu = {mtu}"), &args(&[])).is_ok());
    }
}

#[test]
fn sockets_are_distinct_and_fit_their_address() {
    assert_port_objection(
        "socket = ''",
        "f:3:10: port.socket: the path is empty: name a file, or leave the key out",
    );
    assert_port_objection(
        "socket = 'vmq.sock'",
        "f:3:10: port.socket: /run/vmq/vmq.sock is the socket of the control socket, with --dir: give each port a socket of its own",
    );
    assert_objection(
        "[[port]]\nname = 'a'\n[[port]]\nname = 'b'\nsocket = 'a.sock'",
        "f:5:10: port.socket: /run/vmq/a.sock is the socket of port `a`, in line 2: give each port a socket of its own",
    );
    let long = "a".repeat(98);
    assert_port_objection(
        &format!("socket = '{long}x'"),
        &format!(
            "f:3:10: port.socket: /run/vmq/{long}x has 108 bytes and a socket's path at most 107: use a shorter directory or name"
        ),
    );
    let longest = format!("[[port]]\nname = 'a'\nsocket = '{long}'");
    assert!(judged(&longest, &args(&[])).is_ok());
}

#[test]
fn a_directory_must_leave_room_for_the_control_socket() {
    let dir = format!("/{}", "d".repeat(110));
    let args = RunArgs {
        dir: Some(dir.into()),
        ..args(&[])
    };
    let objection = judged("", &args).unwrap_err().to_string();
    assert!(objection.starts_with("--dir: /ddd"), "{objection}");
    assert!(
        objection
            .ends_with("has 120 bytes and a socket's path at most 107: use a shorter directory"),
        "{objection}"
    );
    let args = RunArgs {
        dir: None,
        ..self::args(&[])
    };
    assert_eq!(
        judged("[switch]\ndir = ''", &args).unwrap_err().to_string(),
        "f:2:7: switch.dir: the path is empty: name a directory, or leave the key out"
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
        assert_objection(&format!("[switch]\n{text}"), says);
    }
    let missing = judged("[switch]\ncpus = '1000'", &args(&[]))
        .unwrap_err()
        .to_string();
    assert!(
        missing.starts_with("f:2:8: switch.cpus: CPU 1000 does not exist"),
        "{missing}"
    );
}

#[test]
fn a_switch_has_at_most_1024_ports() {
    assert!(judged("", &args(&[])).unwrap().ports.is_empty());
    let names: Vec<_> = (0..=1024).map(|n| format!("p{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert!(judged("", &args(&names[..1024])).is_ok());
    let many = judged("", &args(&names)).unwrap_err().to_string();
    assert_eq!(
        many,
        "--port: 1025 ports are too many: a switch has at most 1024, run several"
    );
}
