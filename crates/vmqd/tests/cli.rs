//! The real program, run as a user runs it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

fn vmq() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vmq"));
    command
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    command
}

/// Runs to the end and gives exit code, stdout and stderr.
fn ended(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        status.code().expect("an exit code, not a signal"),
        text(stdout),
        text(stderr),
    )
}

/// A switch that runs until dropped.
struct Switch {
    child: Child,
    dir: PathBuf,
    _scratch: Option<TempDir>,
}

impl Switch {
    /// Starts a switch with these arguments in a fresh directory and waits until it says `ready`.
    fn start(args: &[&str]) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let mut switch = Self::start_in(&scratch.path().join("run"), args);
        switch._scratch = Some(scratch);
        switch
    }

    fn start_in(dir: &Path, args: &[&str]) -> Self {
        let mut command = vmq();
        command.args(["run", "--dir"]).arg(dir).args(args);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut switch = Self {
            child,
            dir: dir.to_path_buf(),
            _scratch: None,
        };
        let ready = switch.line();
        assert!(
            ready.contains(" ready: "),
            "{ready}{}",
            switch.rest_of_stderr()
        );
        switch
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        let stdout = self.child.stdout.as_mut().unwrap();
        let mut byte = [0];
        while line.last() != Some(&b'\n') && stdout.read(&mut byte).unwrap() == 1 {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    fn rest_of_stderr(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = self.child.kill();
            stderr.read_to_string(&mut text).unwrap();
        }
        text
    }

    /// Sends `signal` and gives the exit code, or fails if the switch goes on for ten seconds.
    fn end(&mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the switch goes on after {signal:?}");
    }

    fn ask(&self, args: &[&str]) -> (i32, String, String) {
        ended(vmq().args(args).arg("--dir").arg(&self.dir))
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
        "error: {}:4:1: port.nmae: unknown key `nmae`: did you mean `name`? known keys here: name, mode, socket, mac, vlan\n  |\n4 | nmae = \"b\"\n  | ^^^^\n",
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
        (&["run", "--dir", dir][..], "the switch has no ports"),
        (
            &["run", "--dir", dir, "--port", "vmq"],
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
    use std::io::Write;

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
    let text = "[[port]]\nname = 'db'\nmac = '52:54:00:00:00:10'\n[[port]]\nname = 'old'\nmode = 'client'\nsocket = '/tmp/vmq-test-old.sock'\n";
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
    let mut switch = Switch {
        child,
        dir: scratch.path().to_path_buf(),
        _scratch: None,
    };
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

#[test]
fn the_demo_moves_every_byte_unaltered() {
    let (code, out, says) =
        ended(vmq().args(["demo", "--json", "--guests", "2", "--seconds", "1"]));
    assert_eq!(code, 0, "{out}{says}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["lost"], &report["altered"]),
        (&0.into(), &0.into())
    );
    assert!(report["moved"].as_u64().unwrap() > 1_000_000, "{report}");
    assert!(report["seconds"].as_f64().unwrap() >= 1.0, "{report}");
    let queues = report["queues"].as_array().unwrap();
    assert_eq!(queues.len(), 2);
    for (number, queue) in queues.iter().enumerate() {
        assert_eq!(
            queue["filters"][0]["mac"],
            format!("02:00:00:00:00:0{}", number + 1)
        );
        assert!(queue["round_trip_us"].as_f64().unwrap() > 0.0, "{report}");
        // Jumbo frames: a stream of 1500-byte ones would not reach this mean.
        assert!(
            queue["bytes"].as_u64().unwrap() / queue["frames"].as_u64().unwrap() > 2000,
            "{report}"
        );
    }
    assert!(says.contains("Gbit/s"), "progress: {says}");
}

#[test]
fn the_demo_replays_a_capture() {
    let scratch = tempfile::tempdir().unwrap();
    let [capture, written] = ["in.pcap", "out.pcapng"].map(|name| scratch.path().join(name));
    // Both directions of a conversation, a broadcast and a frame with two tags.
    let (a, b) = ([2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 2]);
    let frame = |to: [u8; 6], from: [u8; 6], rest: &[u8], len: usize| {
        let mut frame = [&to[..], &from, rest].concat();
        frame.extend((frame.len()..len).map(|at| at as u8));
        frame
    };
    let mut frames = vec![frame([0xff; 6], a, &[8, 6], 60)];
    for round in 0..300 {
        frames.push(frame(a, b, &[8, 0, round as u8], 60 + round));
        frames.push(frame(b, a, &[0x88, 0xa8, 0, 30, 0x81, 0, 0, 7, 8, 0], 9022));
    }
    let mut file: Vec<u8> = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1]
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect();
    for frame in &frames {
        let len = frame.len() as u32;
        file.extend([0, 0, len, len].into_iter().flat_map(u32::to_ne_bytes));
        file.extend(frame);
    }
    fs::write(&capture, file).unwrap();

    let (code, out, says) = ended(
        vmq()
            .args(["demo", "--json", "--pcap"])
            .arg(&capture)
            .arg("--write")
            .arg(&written),
    );
    assert_eq!(code, 0, "{out}{says}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["lost"], &report["altered"]),
        (&0.into(), &0.into())
    );

    let mut reader =
        pcap_file::pcapng::PcapNgReader::new(fs::File::open(&written).unwrap()).unwrap();
    let mut arrived = Vec::new();
    while let Some(block) = reader.next_block() {
        if let pcap_file::pcapng::Block::EnhancedPacket(packet) = block.unwrap() {
            arrived.push(packet.data.into_owned());
        }
    }
    assert!(
        arrived == frames,
        "{} of {} frames, or others",
        arrived.len(),
        frames.len()
    );
}

#[test]
fn the_demo_refuses_what_it_cannot_show() {
    for (args, code, says) in [
        (&["--guests", "3"][..], 2, "guests come in pairs"),
        (&["--guests", "66"], 2, "guests come in pairs"),
        (&["--seconds", "0"], 2, "--seconds"),
        (&["--write", "/dev/null"], 2, "--pcap"),
        (
            &["--pcap", "/nonexistent.pcap"],
            1,
            "/nonexistent.pcap: No such file",
        ),
        (
            &["--pcap", "/dev/null"],
            1,
            "/dev/null: it is no whole pcap or pcapng file",
        ),
    ] {
        let (found, _, stderr) = ended(vmq().arg("demo").args(args));
        assert_eq!(found, code, "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
    }
}

#[test]
fn the_demo_fails_when_a_frame_is_lost() {
    let scratch = tempfile::tempdir().unwrap();
    let capture = scratch.path().join("in.pcap");
    // No switch forwards what a group address claims to have sent.
    let mut frame = [&[2, 0, 0, 0, 1, 1][..], &[3, 0, 0, 0, 1, 2], &[8, 0]].concat();
    frame.resize(60, 0);
    let mut file: Vec<u8> = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1, 0, 0, 60, 60]
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect();
    file.extend(frame);
    fs::write(&capture, file).unwrap();
    let (code, out, says) = ended(vmq().args(["demo", "--pcap"]).arg(&capture));
    assert_eq!(code, 1);
    assert!(out.contains("invalid-source"), "the table says why: {out}");
    assert!(
        says.contains("60 bytes were lost and 0 were altered"),
        "{says}"
    );
}
