//! `vmq port`, `network`, `filter`, `reload`, `save`, `events`: a running switch that is changed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Switch, ended, vmq};

/// A switch with a file.
struct Lab {
    switch: Switch,
    file: PathBuf,
    _scratch: TempDir,
}

impl Lab {
    fn start(text: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("lab.toml");
        fs::write(&file, text).unwrap();
        let config = ["--config", file.to_str().unwrap()];
        let switch = Switch::start_in(&scratch.path().join("run"), &config);
        Self {
            switch,
            file,
            _scratch: scratch,
        }
    }

    /// What is printed by a command that succeeds.
    fn does(&self, args: &[&str]) -> String {
        let (code, out, says) = self.switch.ask(args);
        assert_eq!((code, says.as_str()), (0, ""), "{args:?}");
        out
    }

    fn json(&self, args: &[&str]) -> Value {
        let args = [args, &["--json"]].concat();
        serde_json::from_str(&self.does(&args)).unwrap()
    }

    /// Exit code and errors of one that does not.
    fn refuses(&self, args: &[&str]) -> (i32, String) {
        let (code, out, says) = self.switch.ask(args);
        assert_eq!(out, "", "{args:?}");
        (code, says)
    }
}

#[test]
fn a_port_is_added_changed_shown_and_removed() {
    let lab = Lab::start("[[network]]\nname = 'lab'\n");
    let added = lab.does(&["port", "add", "web", "network=lab", "mtu=1500"]);
    let socket = lab.switch.dir.join("web.sock");
    let ready = format!("web ready: {}   (vmq attach qemu web", socket.display());
    assert!(added.starts_with(&ready) && socket.exists(), "{added}");
    let changed = lab.does(&[
        "port",
        "set",
        "web",
        "mtu=",
        "vlan.access=10",
        "dhcp_guard=true",
    ]);
    assert_eq!(changed, "port web: changed dhcp_guard, mtu, vlan\n");
    let again = lab.does(&["port", "set", "web", "dhcp_guard=true"]);
    assert_eq!(again, "port web: nothing changed\n");

    let list = lab.does(&["port", "list"]);
    assert_eq!(
        list,
        "NAME  SETTINGS\nweb   dhcp_guard=true network=lab vlan.access=10\n"
    );
    let shown = lab.does(&["port", "show", "web"]);
    let row = |key: &str| {
        let mut rows = shown.lines().map(str::split_whitespace);
        rows.find_map(|mut row| (row.next() == Some(key)).then(|| row.next().unwrap().to_owned()))
    };
    assert_eq!(row("vlan.access").as_deref(), Some("10"));
    assert_eq!(row("mtu").as_deref(), Some("-"));
    let shown = lab.json(&["port", "show", "web"]);
    assert_eq!(
        (&shown["name"], &shown["vlan"]),
        (&json!("web"), &json!({ "access": 10 }))
    );
    assert_eq!(lab.json(&["port", "list"])["ports"], json!([shown]));

    assert_eq!(lab.does(&["port", "remove", "web"]), "port web: removed\n");
    assert!(!socket.exists());
    assert_eq!(lab.does(&["port", "list"]), "NAME  SETTINGS\n");
}

#[test]
fn a_network_is_added_changed_and_removed_once_it_is_empty() {
    let lab = Lab::start("");
    assert_eq!(
        lab.does(&["network", "add", "wire", "mode=hub"]),
        "network wire: added\n"
    );
    let made = lab.json(&["network", "set", "wire", "max_age_seconds=60"]);
    assert_eq!(
        (&made["mode"], &made["max_age_seconds"]),
        (&json!("hub"), &json!(60))
    );
    lab.does(&["port", "add", "a", "network=wire"]);
    let (code, says) = lab.refuses(&["network", "remove", "wire"]);
    assert_eq!(code, 1);
    assert!(
        says.contains("network `wire` has ") && says.contains("remove"),
        "{says}"
    );
    lab.does(&["port", "remove", "a"]);
    assert_eq!(
        lab.does(&["network", "remove", "wire"]),
        "network wire: removed\n"
    );
    let list = lab.does(&["network", "list"]);
    assert_eq!(list, "NAME     SETTINGS\ndefault\n");
}

#[test]
fn an_address_is_given_to_a_port_and_taken_from_it() {
    let lab = Lab::start("[[port]]\nname = 'web'\n[[port]]\nname = 'db'\n");
    let (mac, other) = ("52:54:00:00:00:10", "52:54:00:00:00:11");
    lab.does(&["filter", "add", "web", mac]);
    lab.does(&["filter", "add", "db", other, "--vlan", "untagged"]);
    assert_eq!(
        lab.does(&["filter", "list"]),
        "PORT  MACADDRESS         VLANID    ORIGIN\n\
         web   52:54:00:00:00:10  any       configured\n\
         db    52:54:00:00:00:11  untagged  configured\n"
    );
    assert_eq!(
        lab.json(&["filter", "list", "db"])["filters"][0]["mac"],
        other
    );

    let (code, says) = lab.refuses(&["filter", "add", "db", mac]);
    assert_eq!(code, 1, "{says}");
    assert!(
        says.contains("is an address of port `web` already"),
        "{says}"
    );
    assert_eq!(
        lab.refuses(&["filter", "remove", "db", other]),
        (
            2,
            format!("error: there is no filter `db {other}`: the port has {other} untagged\n")
        )
    );
    lab.does(&["filter", "remove", "db", other, "--vlan", "untagged"]);
    assert_eq!(lab.json(&["filter", "list", "db"])["filters"], json!([]));
    for args in [
        &["add", "x", mac][..],
        &["remove", "x", mac],
        &["list", "x"],
    ] {
        assert_eq!(
            lab.refuses(&[&["filter"], args].concat()),
            (
                2,
                "error: there is no port `x`: the switch has web, db\n".to_owned()
            )
        );
    }
}

#[test]
fn what_is_wrong_is_named_with_what_to_do_and_changes_nothing() {
    let lab = Lab::start("[[port]]\nname = 'web'\n");
    let before = lab.json(&["port", "list"]);
    let cases: [(&[&str], i32, &[&str]); 9] = [
        (
            &["port", "set", "web", "mtu=3"],
            2,
            &["error: mtu: there is no MTU of 3 bytes: use 68 to"],
        ),
        (
            &["port", "set", "web", "mtv=1500", "dhcp_guard=maybe"],
            2,
            &[
                "error: mtv=1500: unknown key `mtv`: did you mean `mtu`?",
                "error: dhcp_guard=maybe: ",
            ],
        ),
        (
            &["port", "set", "web", "bandwidth.to_guest.maximum=3"],
            2,
            &["error: bandwidth.to_guest.maximum: ", "use 10000 to "],
        ),
        (
            &["port", "set", "web", "name=www"],
            2,
            &["error: name=www: a name does not change: add"],
        ),
        (&["port", "set", "web", "mtu"], 2, &["KEY=VALUE"]),
        (
            &["port", "set", "www", "mtu=1500"],
            2,
            &["no port `www`: it has web"],
        ),
        (
            &["port", "remove", "www"],
            2,
            &["no port `www`: it has web"],
        ),
        (
            &["port", "add", "web"],
            1,
            &["port `web` is there already: choose another name"],
        ),
        (
            &["port", "add", "b", "network=nowhere"],
            1,
            &["network: ", "nowhere"],
        ),
    ];
    for (args, expected, words) in cases {
        let (code, says) = lab.refuses(args);
        assert_eq!(code, expected, "{args:?}: {says}");
        for word in words {
            assert!(says.contains(word), "{args:?}: {says}");
        }
    }
    assert_eq!(lab.json(&["port", "list"]), before);
}

#[test]
fn what_is_saved_is_there_again_and_what_is_not_is_undone_by_a_reload() {
    let lab = Lab::start("# Mine.\n[[port]]\nname = 'web'\n");
    let saved = format!("saved to {}\n", lab.file.display());
    assert_eq!(
        lab.does(&["port", "set", "web", "mtu=1500", "--save"]),
        format!("port web: changed mtu\n{saved}")
    );
    let text = "# Mine.\n[[port]]\nname = 'web'\nmtu = 1500\n";
    assert_eq!(fs::read_to_string(&lab.file).unwrap(), text);
    lab.does(&["port", "set", "web", "mtu=9000"]);
    assert_eq!(
        lab.does(&["reload"]),
        "ports: web changed (mtu), 0 unchanged\n"
    );
    assert_eq!(lab.json(&["port", "show", "web"])["mtu"], 1500);
    assert_eq!(lab.does(&["reload"]), "nothing changed\n");
    lab.does(&["filter", "add", "web", "52:54:00:00:00:10"]);
    assert_eq!(lab.does(&["save"]), saved);
    assert!(
        fs::read_to_string(&lab.file)
            .unwrap()
            .contains("52:54:00:00:00:10")
    );

    fs::write(&lab.file, "[[port]]\nname = 'web'\nmtv = 3\n").unwrap();
    let (code, says) = lab.refuses(&["reload"]);
    assert_eq!(code, 1);
    assert!(
        says.contains("lab.toml:3:1: port.mtv: unknown key"),
        "{says}"
    );
    let (code, out, says) = lab.switch.ask(&["port", "set", "web", "mtu=", "--save"]);
    assert_eq!((code, out.as_str()), (1, "port web: changed mtu\n"));
    assert!(
        says.starts_with("error: the change is made and not saved: ")
            && says.contains("vmq reload"),
        "{says}"
    );
}

#[test]
fn events_are_listed_and_followed() {
    let lab = Lab::start("[[port]]\nname = 'web'\n");
    let list = lab.does(&["events"]);
    assert!(
        list.contains("  port_added       network=default port=web\n"),
        "{list}"
    );
    let list = lab.json(&["events"]);
    assert_eq!(list["events"][0]["number"], 1);

    let mut command = vmq();
    command.args(["events", "--follow", "--json", "--dir"]);
    let mut child = command
        .arg(&lab.switch.dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    // It has what was, and so waits for what comes.
    while next()["kind"] != "port_added" {}
    lab.does(&["port", "add", "db"]);
    while next()["port"] != "db" {}
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn without_a_switch_every_command_says_how_to_start_one() {
    let scratch = tempfile::tempdir().unwrap();
    for args in [
        &["port", "list"][..],
        &["port", "add", "p0"],
        &["network", "remove", "lab"],
        &["filter", "list"],
        &["queue", "list"],
        &["adapter", "show"],
        &["drops"],
        &["events"],
        &["reload"],
        &["save"],
    ] {
        let (code, out, says) = ended(vmq().args(args).arg("--dir").arg(scratch.path()));
        assert_eq!((code, out.as_str()), (1, ""), "{args:?}");
        assert!(
            says.starts_with("error: no switch runs on ")
                && says.contains("start one with `vmq run"),
            "{args:?}: {says}"
        );
    }
}
