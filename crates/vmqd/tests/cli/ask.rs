//! `vmq status` and `vmq attach`: what a running switch is asked, and what is said without one.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use rustix::process::Signal;

use crate::program::{Switch, ended, vmq};

#[test]
fn without_a_runtime_directory_only_root_has_a_default() {
    // Safe to run as root and as a user: who is not root cannot become another user, and is tested as is.
    let mut command = vmq();
    command.args(["status"]).current_dir("/");
    if rustix::process::geteuid().is_root() {
        command.uid(65_534);
        // The binary may lie where only root can go.
        if command.output().is_err() {
            return;
        }
    }
    let (code, _, says) = ended(&mut command);
    assert_eq!(code, 2, "{says}");
    assert!(
        says.contains("XDG_RUNTIME_DIR is not set") && says.contains("--dir DIR"),
        "{says}"
    );
}

#[test]
fn status_says_that_no_switch_runs() {
    let scratch = tempfile::tempdir().unwrap();
    for dir in [scratch.path().to_path_buf(), scratch.path().join("nowhere")] {
        for json in [&[][..], &["--json"]] {
            let (code, out, says) = ended(vmq().args(["status", "--dir"]).arg(&dir).args(json));
            assert_eq!((code, out.as_str()), (1, ""));
            let path = dir.display();
            assert_eq!(
                says,
                format!(
                    "error: no switch runs on {path}: start one with `vmq run --dir {path} --port p0`\n"
                )
            );
        }
    }
}

#[test]
fn status_does_not_wait_for_ever() {
    let scratch = tempfile::tempdir().unwrap();
    let _silent = UnixListener::bind(scratch.path().join("vmq.sock")).unwrap();
    let (code, _, says) = ended(vmq().args(["status", "--dir"]).arg(scratch.path()));
    assert_eq!(code, 1);
    assert!(says.contains("does not answer"), "{says}");
}

#[test]
fn status_is_a_table_for_people_and_an_object_for_scripts() {
    let switch = Switch::start(&["--port", "p0", "--port", "p1"]);
    let (code, table, _) = switch.ask(&["status"]);
    assert_eq!(code, 0);
    assert!(
        !table.contains('\x1b'),
        "no colours when the output is no terminal"
    );
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with('p')).collect();
    assert_eq!(rows.len(), 2, "{table}");
    assert!(
        rows[0].starts_with("p0    waiting") && rows[1].starts_with("p1    waiting"),
        "{table}"
    );

    let (code, json, _) = switch.ask(&["status", "--json"]);
    assert_eq!(code, 0);
    let status: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(status["ports"][1]["name"], "p1");
    assert_eq!(status["ports"][1]["is_up"], false);
    assert_eq!(status["ports"][1]["from_guest"]["frames"], 0);
    assert_eq!(status["pid"], switch.child.id());
}

#[test]
fn the_control_socket_speaks_http() {
    let switch = Switch::start(&["--port", "p0"]);
    let ask = |request: &str| {
        let mut stream = UnixStream::connect(switch.dir.join("vmq.sock")).unwrap();
        write!(
            stream,
            "{request} HTTP/1.1\r\nhost: vmq\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask("GET /v1/status").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(ask("POST /v1/status").starts_with("HTTP/1.1 405 "));
    let unknown = ask("GET /v1/stats");
    assert!(
        unknown.starts_with("HTTP/1.1 404 ") && unknown.contains("known paths are /v1/status"),
        "{unknown}"
    );
}

#[test]
fn a_client_that_says_nothing_does_not_keep_the_switch_from_ending() {
    let mut switch = Switch::start(&["--port", "p0"]);
    let _silent = UnixStream::connect(switch.dir.join("vmq.sock")).unwrap();
    assert_eq!(switch.ask(&["status"]).0, 0);
    assert_eq!(switch.end(Signal::TERM), Some(0));
}

#[test]
fn attach_uses_the_running_switchs_ports() {
    let scratch = tempfile::tempdir().unwrap();
    let (file, dir) = (scratch.path().join("lab.toml"), scratch.path().join("run"));
    let text = "[[port]]\nname = 'db'\nfilters = ['52:54:00:00:00:10']\n[[port]]\nname = 'old'\nmode = 'client'\nsocket = '/tmp/vmq-test-old.sock'\n";
    fs::write(&file, text).unwrap();
    let switch = Switch::start_in(&dir, &["--config", file.to_str().unwrap()]);

    let (code, out, says) = switch.ask(&["attach", "qemu", "db"]);
    assert_eq!((code, says.as_str()), (0, ""));
    assert!(
        out.contains(&format!("path={}/db.sock ", dir.display())),
        "{out}"
    );
    assert!(
        out.contains("mac=52:54:00:00:00:10"),
        "the configured address: {out}"
    );

    let (_, out, _) = switch.ask(&["attach", "qemu", "old"]);
    assert!(
        out.contains("path=/tmp/vmq-test-old.sock,server=on,wait=off"),
        "{out}"
    );

    let (code, out, says) = switch.ask(&["attach", "qemu", "web"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(says.contains("has no port `web`: it has db, old"), "{says}");
}

#[test]
fn attach_without_a_switch_says_so_and_still_prints() {
    let scratch = tempfile::tempdir().unwrap();
    let (code, out, says) = ended(
        vmq()
            .args([
                "attach",
                "cloud-hypervisor",
                "p0",
                "--memory",
                "2G",
                "--dir",
            ])
            .arg(scratch.path()),
    );
    assert_eq!(code, 0);
    assert!(
        says.starts_with(&format!(
            "note: no switch runs on {}.",
            scratch.path().display()
        )),
        "{says}"
    );
    let socket = scratch.path().join("p0.sock");
    assert!(
        out.contains(&format!(
            "--net vhost_user=true,socket={},mac=02:07:b5:7d:39:f5",
            socket.display()
        )),
        "{out}"
    );
    assert!(out.contains("--memory size=2048M,shared=on"), "{out}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let switch = Switch::start(&["--port", "p0"]);
    for args in [
        &["status"][..],
        &["status", "--json"],
        &["attach", "libvirt", "p0"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = vmq();
        command
            .args(args)
            .arg("--dir")
            .arg(&switch.dir)
            .stdout(writer)
            .stderr(Stdio::piped());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(
            output.stderr.is_empty(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
