//! Syntax, keys and types.

use super::*;

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
        "f:1:2: swich: unknown key `swich`: did you mean `switch`? known keys here: switch, api, network, port",
    );
    assert_objection(
        "[switch]\ndri = '/x'",
        "f:2:1: switch.dri: unknown key `dri`: did you mean `dir`? known keys here: dir, cpus, idle, mtu, when_full",
    );
    assert_port_objection(
        "huhu = 1",
        "f:3:1: port.huhu: unknown key `huhu`: known keys here: name, network, mode, socket, filters, mtu, when_full, \
         affinity, vlan, isolated, link_local, mac_spoofing, dhcp_guard, router_guard, allowed_addresses, rules, bandwidth, storm, mirror, \
         learning, impairment",
    );
    assert_port_objection(
        "storm = { brodcast = 3 }",
        "f:3:11: port.storm.brodcast: unknown key `brodcast`: did you mean `broadcast`? known keys here: broadcast, \
         multicast, unknown_unicast",
    );
    assert_port_objection(
        "[port.vlan]\ntrunc = { allowed = '1' }",
        "f:4:1: port.vlan.trunc: unknown key `trunc`: did you mean `trunk`? known keys here: transparent, untagged, access, trunk, private",
    );
    assert_objection(
        "[[network]]\nname = 'n'\nmod = 'hub'",
        "f:3:1: network.mod: unknown key `mod`: did you mean `mode`? known keys here: name, mode, link_local, multicast_snooping, \
         max_age_seconds",
    );
}

#[test]
fn wrong_types_are_refused() {
    assert_objection(
        "[[port]]\nname = 3",
        "f:2:8: port.name: found the number 3, expected a text",
    );
    assert_objection(
        "[port]\nname = 'a'",
        "f:1:1: port: found a table, expected a list: write [[port]], once for each port",
    );
    assert_port_objection(
        "filters = 1",
        "f:3:11: port.filters: found the number 1, expected a list",
    );
    assert_port_objection(
        "filters = ['52:54:00:00:00:01', 2]",
        "f:3:33: port.filters: found integer `2`, expected an address like \"52:54:00:12:34:56\" or { mac = \"...\", vlan = 12 }",
    );
    assert_objection(
        "[switch]\ncpus = 1\n",
        "f:2:8: switch.cpus: found integer `1`, expected a list of CPUs like \"0,2-3\" or [0, 2, 3]",
    );
    assert_port_objection(
        "dhcp_guard = 'yes'",
        "f:3:14: port.dhcp_guard: found the text \"yes\", expected true or false",
    );
    assert_port_objection(
        "bandwidth = 3",
        "f:3:13: port.bandwidth: found the number 3, expected a table with from_guest, to_guest or minimum_weight",
    );
    assert_port_objection(
        "bandwidth.to_guest.maximum = 1979-05-27",
        "f:3:30: port.bandwidth.to_guest.maximum: found a date, expected a whole number",
    );
}

#[test]
fn what_is_missing_is_named() {
    assert_objection(
        "[[port]]\nmode = 'server'",
        "f:1:1: port.name: it is not there: add name = ...",
    );
    assert_port_objection(
        "rules = [{ protocol = 6 }]",
        "f:3:10: port.rules.action: it is not there: add action = ...",
    );
}

#[test]
fn numbers_have_bounds_and_may_have_units() {
    assert_port_objection(
        "mtu = 65536",
        "f:3:7: port.mtu: 65536 is out of range: use 0 to 65535",
    );
    assert_port_objection(
        "mtu = '9x'",
        "f:3:7: port.mtu: `9x` is no whole number: write it like 1500, 100M or 64Ki",
    );
    assert_port_objection(
        "bandwidth.from_guest.maximum = -1",
        "f:3:32: port.bandwidth.from_guest.maximum: -1 is out of range: use 0 to 18446744073709551615",
    );
    let config = judged("[[port]]\nname = 'a'\nmtu = '9k'", &args(&[])).unwrap();
    assert_eq!(config.ports[0].mtu, Some(9000));
}

#[test]
fn words_are_those_that_are_known() {
    assert_port_objection(
        "mode = 'sever'",
        "f:3:8: port.mode: unknown mode `sever`: did you mean `server`? write \"server\" or \"client\"",
    );
    assert_objection(
        "[switch]\nwhen_full = 'dorp'",
        "f:2:13: switch.when_full: unknown when_full `dorp`: did you mean `drop`? write \"hold\" or \"drop\"",
    );
    assert_port_objection(
        "when_full = 'wait'",
        "f:3:13: port.when_full: unknown when_full `wait`: write \"hold\" or \"drop\"",
    );
    assert_objection(
        "[switch]\nidle = 'never'",
        "f:2:8: switch.idle: unknown idle `never`: write \"adapt\" or \"spin\"",
    );
    assert_port_objection(
        "vlan = 'acces'",
        "f:3:8: port.vlan: unknown vlan `acces`: did you mean `access`? write \"transparent\", \"untagged\", \"access\", \"trunk\" or \"private\"",
    );
    assert_port_objection(
        "vlan = 'access'",
        "f:3:8: port.vlan: `access` needs more: write { access = ... }",
    );
    assert_port_objection(
        "vlan = { transparent = 1 }",
        "f:3:8: port.vlan: found the number 1, expected the word alone",
    );
    assert_port_objection(
        "vlan = { access = 1, untagged = 2 }",
        "f:3:8: port.vlan: found a table, expected one of transparent, untagged, access, trunk or private",
    );
}

#[test]
fn one_mistake_is_not_told_twice() {
    // What is left of a table in which something was wrong lacks it; that is no mistake of its own.
    assert_port_objection(
        "rules = [{ action = 'dney' }]",
        "f:3:21: port.rules.action: unknown action `dney`: did you mean `deny`? write \"allow\" or \"deny\"",
    );
    assert_port_objection(
        "vlan = { access = 0 }",
        "f:3:19: port.vlan.access: there is no VLAN 0: use 1 to 4094",
    );
    assert_objection(
        "[[port]]\nname = 1\n[[port]]\nname = 'b'\nmirror.to = 'a'",
        "f:2:8: port.name: found the number 1, expected a text",
    );
}

#[test]
fn a_file_of_mistakes_has_an_end() {
    let keys: String = (0..10_000).map(|n| format!("k{n} = {n}\n")).collect();
    let objections = judged(&keys, &args(&[])).unwrap_err().to_string();
    assert!(objections.lines().count() <= 100, "{objections}");
    let ports: String = (0..1000)
        .map(|n| format!("[[port]]\nname = 'p{n}'\nmtu = 3\n"))
        .collect();
    let objections = judged(&ports, &args(&[])).unwrap_err().to_string();
    assert_eq!(objections.lines().count(), 50);
}
