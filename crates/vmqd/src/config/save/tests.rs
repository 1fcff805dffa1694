//! What is written reads back as what runs, and what was there is still there.

use proptest::prelude::*;

use super::*;
use crate::config::tests::any;

fn args(ports: &[&str]) -> RunArgs {
    RunArgs {
        config: Some("f".into()),
        dir: Some("/run/vmq".into()),
        ports: ports.iter().map(|&name| name.to_owned()).collect(),
        ..RunArgs::default()
    }
}

fn loaded(args: &RunArgs, text: &str) -> Config {
    read(args, Some(text.to_owned())).unwrap().config
}

/// The text after what runs was edited.
#[track_caller]
fn edited(text: &str, edit: impl FnOnce(&mut Config)) -> String {
    let args = args(&[]);
    let mut running = loaded(&args, text);
    edit(&mut running);
    rewrite(&args, text, &running).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_change_reads_back(before in any::config(), after in any::config()) {
        // What the file says of the switch does not change while the switch runs.
        let after = Config { switch: before.switch.clone(), ..after };
        let args = RunArgs { mtu: before.switch.mtu.map(|mtu| mtu.to_string()), ..args(&[]) };
        let empty = loaded(&args, "");
        let first = rewrite(&args, "", &Config { switch: empty.switch.clone(), ..before }).unwrap();
        let running = Config { switch: empty.switch, ..after };
        let second = rewrite(&args, &first, &running).unwrap();
        prop_assert!(Difference::between(&loaded(&args, &second), &running).is_nothing());
    }

    #[test]
    fn what_did_not_change_is_not_written(config in any::config()) {
        let args = RunArgs { mtu: config.switch.mtu.map(|mtu| mtu.to_string()), ..args(&[]) };
        let text = rewrite(&args, "", &Config { switch: loaded(&args, "").switch, ..config }).unwrap();
        prop_assert_eq!(rewrite(&args, &text, &loaded(&args, &text)).unwrap(), text);
    }
}

#[test]
fn comments_and_spellings_stay() {
    let text = "\
# My lab.

[switch]
mtu = '9k'                      # jumbo

# The web server.
[[port]]
name = \"web\"                    # as in DNS
bandwidth.from_guest.maximum = \"100M\"  # what was paid for
filters = [
    \"52:54:00:00:00:01\", # eth0
]

# The database.
[[port]]
name = \"db\"
[port.bandwidth.to_guest]
maximum = \"1G\"
";
    let after = edited(text, |running| {
        let policy = &mut running.ports[0].policy;
        policy.bandwidth.from_guest.maximum = Some(200_000_000);
        policy.dhcp_guard = true;
        running.ports[1].policy.bandwidth.to_guest.maximum = Some(5_000_000);
        running.ports.push(PortConfig::named("new"));
    });
    assert_eq!(
        after,
        "\
# My lab.

[switch]
mtu = '9k'                      # jumbo

# The web server.
[[port]]
name = \"web\"                    # as in DNS
bandwidth.from_guest.maximum = 200000000  # what was paid for
filters = [
    \"52:54:00:00:00:01\", # eth0
]
dhcp_guard = true

# The database.
[[port]]
name = \"db\"
[port.bandwidth.to_guest]
maximum = 5000000

[[port]]
name = \"new\"
"
    );
}

#[test]
fn a_removed_port_takes_its_own_comment_along_and_no_other() {
    let text = "\
# My lab.

# The web server.
[[port]]
name = 'web'

# The database.
[[port]]
name = 'db'
";
    let after = edited(text, |running| {
        running.ports.remove(0);
    });
    assert_eq!(
        after,
        "\
# My lab.

# The database.
[[port]]
name = 'db'
"
    );
}

#[test]
fn a_default_is_not_written_but_taken_away() {
    let text = "[[port]]\nname = 'a'\nmtu = 1500\nvlan.access = 3\nstorm = { broadcast = 3, multicast = 4 }\n";
    let after = edited(text, |running| {
        let port = &mut running.ports[0];
        port.mtu = None;
        port.policy.vlan = Default::default();
        port.policy.storm.broadcast = None;
    });
    assert_eq!(after, "[[port]]\nname = 'a'\nstorm = { multicast = 4 }\n");
}

#[test]
fn lines_end_as_they_did() {
    let text = "# Mine.\r\n[[port]]\r\nname = 'a'\r\n";
    let after = edited(text, |running| running.ports[0].mtu = Some(1500));
    assert_eq!(after, "# Mine.\r\n[[port]]\r\nname = 'a'\r\nmtu = 1500\r\n");
    let mixed = "# Mine.\r\n[[port]]\nname = 'a'\r\n";
    assert_eq!(edited(mixed, |_| {}), mixed);
}

#[test]
fn ports_in_one_line_are_edited_too() {
    let text = "port = [{ name = 'a' }, { name = 'b', mtu = 1500 }]\n";
    let after = edited(text, |running| {
        running.ports.remove(0);
        running.ports[0].mtu = Some(9000);
        running.ports.push(PortConfig::named("c"));
    });
    assert_eq!(loaded(&args(&[]), &after).ports.len(), 2);
    assert!(after.contains("{ name = 'b', mtu = 9000 }"), "{after}");
}

#[test]
fn what_the_command_line_says_is_not_written() {
    let args = RunArgs {
        mtu: Some("9000".into()),
        ..args(&["a", "b"])
    };
    let text = "[switch]\nmtu = 1500\n";
    let mut running = loaded(&args, text);
    assert_eq!(rewrite(&args, text, &running).unwrap(), text);
    running.ports[1].policy.dhcp_guard = true;
    let after = rewrite(&args, text, &running).unwrap();
    assert_eq!(
        after,
        "[switch]\nmtu = 1500\n\n[[port]]\nname = \"b\"\ndhcp_guard = true\n"
    );
    assert!(Difference::between(&loaded(&args, &after), &running).is_nothing());
    running.ports.retain(|port| port.name != "a");
    assert_eq!(
        rewrite(&args, &after, &running),
        Err(SaveError::OfOption("a".to_owned()))
    );
}
