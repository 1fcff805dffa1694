//! `vmq queue`, `adapter`, `drops`, `explain`: what is seen of a running switch; and what the command line makes of itself.

use std::fs;
use std::process::Command;

use crate::program::{Switch, ended, vmq};

#[test]
fn queues_and_adapters_are_listed_as_windows_lists_them() {
    let scratch = tempfile::tempdir().unwrap();
    let (file, dir) = (scratch.path().join("lab.toml"), scratch.path().join("run"));
    let text = "[switch]\ncpus = [0]\n[[network]]\nname = 'lab'\n[[port]]\nname = 'web'\nfilters = ['52:54:00:00:00:10']\n\
                [[port]]\nname = 'db'\nnetwork = 'lab'\n";
    fs::write(&file, text).unwrap();
    let switch = Switch::start_in(&dir, &["--config", file.to_str().unwrap()]);

    let (code, table, _) = switch.ask(&["queue", "list"]);
    assert_eq!(code, 0);
    let rows: Vec<Vec<_>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0],
        [
            "NAME",
            "QUEUEID",
            "MACADDRESS",
            "VLANID",
            "PROCESSOR",
            "VMFRIENDLYNAME",
            "STATE"
        ]
    );
    assert_eq!(
        rows[1],
        ["default", "1", "52:54:00:00:00:10", "any", "web", "Paused"]
    );
    assert_eq!(rows[2], ["lab", "1", "db", "Paused"]);

    let (code, json, _) = switch.ask(&["queue", "show", "web", "--json"]);
    assert_eq!(code, 0);
    let shown: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(shown["queues"][0]["vm_friendly_name"], "web");
    assert_eq!(shown["queues"].as_array().unwrap().len(), 1);

    let (code, json, _) = switch.ask(&["adapter", "show", "--json"]);
    assert_eq!(code, 0);
    let shown: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(shown["adapters"][1]["name"], "lab");
    assert_eq!(shown["adapters"][1]["base_vmq_processor"], "0:0");
    assert_eq!(shown["adapters"][1]["number_of_receive_queues"], 2);

    let (code, json, _) = switch.ask(&["queue", "list", "--interval", "1", "--json"]);
    assert_eq!(code, 0);
    let shown: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(shown["queues"][0]["to_guest"]["frames_per_second"], 0.0);
}

#[test]
fn nothing_dropped_is_said() {
    let switch = Switch::start(&["--port", "p0"]);
    assert_eq!(
        switch.ask(&["drops"]),
        (0, "nothing was dropped\n".to_owned(), String::new())
    );
    let (code, json, _) = switch.ask(&["drops", "p0", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &shown["drops"]), (0, &serde_json::json!([])));
}

#[test]
fn a_port_that_is_not_there_is_named_with_those_that_are() {
    let switch = Switch::start(&["--port", "p0", "--port", "p1"]);
    for args in [&["queue", "show", "p2"][..], &["drops", "p2"]] {
        assert_eq!(
            switch.ask(args),
            (
                2,
                String::new(),
                "error: there is no port `p2`: the switch has p0, p1\n".to_owned()
            ),
            "{args:?}"
        );
    }
}

#[test]
fn a_shell_completes_commands() {
    let (code, script, _) = ended(vmq().args(["completions", "bash"]));
    assert_eq!(code, 0);
    let ask = r#"eval "$0"; COMP_WORDS=(vmq que); COMP_CWORD=1; _vmq vmq que vmq; echo "${COMPREPLY[@]}""#;
    let (code, completed, says) = ended(Command::new("bash").args(["-c", ask, &script]));
    assert_eq!((code, completed.trim()), (0, "queue"), "{says}");
    for shell in ["zsh", "fish"] {
        let (code, script, _) = ended(vmq().args(["completions", shell]));
        assert!(code == 0 && script.contains("queue"), "{shell}");
    }
}

#[test]
fn the_manual_is_printed_or_written_page_by_page() {
    let (code, page, _) = ended(vmq().arg("man"));
    assert!(code == 0 && page.contains(".TH vmq 1"), "{page}");
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("man1");
    let (code, out, _) = ended(vmq().args(["man", "--dir"]).arg(&dir));
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(
        fs::read_to_string(dir.join("vmq-run.1"))
            .unwrap()
            .contains("when")
    );
}

#[test]
fn a_frame_is_explained_before_anybody_sends_it() {
    let scratch = tempfile::tempdir().unwrap();
    let (file, dir) = (scratch.path().join("lab.toml"), scratch.path().join("run"));
    let text = "[[port]]\nname = 'web'\nfilters = ['52:54:00:00:00:10']\ndhcp_guard = true\n";
    fs::write(&file, text).unwrap();
    let switch = Switch::start_in(&dir, &["--config", file.to_str().unwrap()]);

    let answer = ["src=10.0.0.1", "dst=10.0.0.9", "sport=67", "dport=68"];
    let (code, said, _) = switch.ask(&[&["explain", "web"], &answer[..]].concat());
    assert_eq!(code, 0);
    assert_eq!(
        said,
        "from web\n  machine: none runs at the port\n  guards: the DHCP guard does not let it pass\n  dropped: dhcp-guard\n"
    );
    let (code, json, _) = switch.ask(&["explain", "web", "--json", "from=52:54:00:00:00:11"]);
    assert_eq!(code, 0);
    let explained: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(explained["dropped"], "mac-spoofing");
    let (code, _, error) = switch.ask(&["explain", "web", "to=me"]);
    assert_ne!(code, 0);
    assert!(error.contains("to=me"), "{error}");
}
