//! `vmq run`: sockets, directories, signals, and what is refused.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::program::{Switch, ended, vmq};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_switch_says_that_it_is_ready_and_how_to_attach() {
    let scratch = tempfile::tempdir().unwrap();
    let mut command = vmq();
    command
        .env("XDG_RUNTIME_DIR", scratch.path())
        .args(["run", "--port", "p0", "--port", "db"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines: Vec<_> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .take(2)
        .map(Result::unwrap)
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let dir = scratch.path().join("vmq");
    let expected = |padded: &str, name: &str| {
        format!(
            "{padded} ready: {}/{name}.sock   (vmq attach qemu {name})",
            dir.display()
        )
    };
    assert_eq!(lines, [expected("p0", "p0"), expected("db", "db")]);
}

#[test]
fn attach_is_told_the_directory_if_it_is_not_the_default() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("with blank");
    let mut command = vmq();
    command.args(["run", "--port", "p0", "--dir"]).arg(&dir);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        line.ends_with(&format!("(vmq attach qemu p0 --dir '{}')\n", dir.display())),
        "{line}"
    );
}

#[test]
fn sigterm_and_sigint_end_the_switch_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut switch = Switch::start(&["--port", "p0", "--port", "p1"]);
        assert_eq!(names(&switch.dir), ["p0.sock", "p1.sock", "vmq.sock"]);
        assert_eq!(switch.end(signal), Some(0));
        assert!(names(&switch.dir).is_empty(), "{:?}", names(&switch.dir));
    }
}

#[test]
fn nobody_else_can_open_directory_or_sockets_whatever_the_umask() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let mut command = Command::new("sh");
    let script = r#"umask 0; exec "$0" run --dir "$1" --port p0"#;
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_vmq")])
        .arg(&dir)
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut String::new())
        .unwrap();
    let modes = [
        mode(&dir),
        mode(&dir.join("p0.sock")),
        mode(&dir.join("vmq.sock")),
    ];
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(modes, [0o700, 0o600, 0o600]);
}

#[test]
fn the_sockets_of_a_killed_switch_are_replaced() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let mut killed = Switch::start_in(&dir, &["--port", "p0"]);
    assert_eq!(killed.end(Signal::KILL), None);
    assert_eq!(names(&dir), ["p0.sock", "vmq.sock"]);
    let _next = Switch::start_in(&dir, &["--port", "p0"]);
    UnixStream::connect(dir.join("p0.sock")).unwrap();
}

#[test]
fn a_second_switch_on_the_same_directory_is_refused() {
    let first = Switch::start(&["--port", "p0"]);
    let (code, _, says) = first.ask(&["run", "--port", "p1"]);
    assert_eq!(code, 1);
    assert!(
        says.contains(&format!("another switch runs on {}", first.dir.display())),
        "{says}"
    );
    assert_eq!(names(&first.dir), ["p0.sock", "vmq.sock"]);
    assert_eq!(first.ask(&["status"]).0, 0);
}

#[test]
fn a_live_socket_is_not_taken_and_nothing_is_left_behind() {
    let scratch = tempfile::tempdir().unwrap();
    let _live = UnixListener::bind(scratch.path().join("p1.sock")).unwrap();
    let (code, _, says) = ended(
        vmq()
            .args(["run", "--port", "p0", "--port", "p1", "--dir"])
            .arg(scratch.path()),
    );
    assert_eq!(code, 1);
    assert!(
        says.contains("another program listens on ") && says.contains("/p1.sock"),
        "{says}"
    );
    assert_eq!(names(scratch.path()), ["p1.sock"]);
}

#[test]
fn a_file_in_the_way_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("p0.sock"), "mine").unwrap();
    let (code, _, says) = ended(
        vmq()
            .args(["run", "--port", "p0", "--dir"])
            .arg(scratch.path()),
    );
    assert_eq!(code, 1);
    assert!(
        says.contains("/p0.sock is in the way and is no socket: move it away"),
        "{says}"
    );
    assert_eq!(fs::read(scratch.path().join("p0.sock")).unwrap(), b"mine");
}

#[test]
fn a_wrong_configuration_starts_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let (file, dir) = (scratch.path().join("lab.toml"), scratch.path().join("run"));
    fs::write(&file, "[[port]]\nname = \"a\"\n[[port]]\nnmae = \"b\"\n").unwrap();
    let (code, out, says) = ended(
        vmq()
            .args(["run", "--config"])
            .arg(&file)
            .arg("--dir")
            .arg(&dir),
    );
    assert_eq!((code, out.as_str()), (2, ""));
    let expected = format!(
        "error: {}:4:1: port.nmae: unknown key `nmae`: did you mean `name`? known keys here: name, network, mode, socket, filters, mtu, when_full, \
         affinity, vlan, isolated, link_local, mac_spoofing, dhcp_guard, router_guard, allowed_addresses, rules, bandwidth, storm, mirror, \
         learning, impairment\n  |\n4 | nmae = \"b\"\n  | ^^^^\n",
        file.display()
    );
    assert_eq!(says, expected);
    assert!(!dir.exists());
}

#[test]
fn usage_errors_end_with_2() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("run");
    let dir = dir.to_str().unwrap();
    for (args, says) in [
        (
            &["run", "--dir", dir, "--port", "vmq"][..],
            "`vmq` is the name of the control socket",
        ),
        (
            &["run", "--dir", dir, "--port", "p0", "--cpus", "0-"],
            "--cpus: `0-` is neither a CPU number nor a range",
        ),
        (
            &["run", "--dir", dir, "--port", "p0", "--cpus", "1000"],
            "--cpus: CPU 1000 does not exist",
        ),
        (
            &["run", "--dir", dir, "--port", "p0", "--mtu", "67"],
            "--mtu: there is no MTU of 67 bytes: use 68 to 65535",
        ),
        (
            &["run", "--dir", dir, "--port", "p0", "--when-full", "wait"],
            "--when-full: unknown when_full `wait`: write \"hold\" or \"drop\"",
        ),
        (
            &["run", "--dir", dir, "--port", "p0", "--idle", "sleep"],
            "--idle: unknown idle `sleep`: write \"adapt\" or \"spin\"",
        ),
        (
            &["run", "--dir", dir, "--config", "/nonexistent.toml"],
            "/nonexistent.toml: cannot be read",
        ),
        (&["run", "--prot", "p0"], "--port"),
        (
            &["attach", "qemu", "a/b", "--dir", dir],
            "`a/b` is no name of a port",
        ),
        (
            &["attach", "xen", "p0", "--dir", dir],
            "invalid value 'xen'",
        ),
        (
            &["attach", "qemu", "p0", "--mac", "ff:ff:ff:ff:ff:ff"],
            "a group address belongs to no single machine",
        ),
        (
            &["attach", "qemu", "p0", "--memory", "1.5G"],
            "write it like 512M or 4G",
        ),
        (&[], "Usage:"),
    ] {
        let (code, _, stderr) = ended(vmq().args(args));
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
    }
    assert!(!Path::new(dir).exists());
}

#[test]
fn a_hang_up_has_the_file_read_again() {
    let scratch = tempfile::tempdir().unwrap();
    let (file, dir) = (scratch.path().join("lab.toml"), scratch.path().join("run"));
    fs::write(&file, "[[port]]\nname = \"a\"\n").unwrap();
    let mut switch = Switch::start_in(&dir, &["--config", file.to_str().unwrap()]);
    fs::write(&file, "[[port]]\nname = \"a\"\n[[port]]\nname = \"b\"\n").unwrap();
    switch.signal(Signal::HUP);
    let said = switch.log_until("reloaded: ");
    assert!(said.contains("ports: b added, 1 unchanged"), "{said}");
    assert_eq!(names(&dir), ["a.sock", "b.sock", "vmq.sock"]);

    fs::write(&file, "[[port]]\nname = \"a\"\nmtv = 1500\n").unwrap();
    switch.signal(Signal::HUP);
    let said = switch.log_until("the switch goes on as it was");
    assert!(
        said.contains("lab.toml:3:1: port.mtv: unknown key `mtv`: did you mean `mtu`?"),
        "{said}"
    );
    assert_eq!(names(&dir), ["a.sock", "b.sock", "vmq.sock"]);
    assert_eq!(switch.end(Signal::TERM), Some(0));
}

#[test]
fn a_switch_without_readers_runs_on() {
    let scratch = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = vmq();
    command
        .args(["run", "--port", "p0", "--dir"])
        .arg(scratch.path());
    let child = command
        .stdout(writer.try_clone().unwrap())
        .stderr(writer)
        .spawn()
        .unwrap();
    let mut switch = Switch::from_child(child, scratch.path());
    let deadline = Instant::now() + Duration::from_secs(10);
    while switch.ask(&["status"]).0 != 0 {
        assert!(Instant::now() < deadline, "the switch does not answer");
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(switch.end(Signal::TERM), Some(0));
}

#[test]
fn the_limit_of_open_files_is_raised() {
    let scratch = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    let script = r#"ulimit -S -n 64; exec "$0" run --dir "$1" --port p0"#;
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_vmq")])
        .arg(scratch.path())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut String::new())
        .unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words[3], words[4], "soft and hard limit: {line}");
}
