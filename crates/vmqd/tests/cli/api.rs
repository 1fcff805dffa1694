//! The API on TCP: who may ask, and what is refused before anything starts.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Switch, ended, vmq};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A directory with a file of this mode in it that holds the token.
fn token_file(mode: u32) -> (TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("token");
    fs::write(&path, format!("{TOKEN}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (scratch, path)
}

/// A switch with one port and the API on any port that is free.
fn start() -> (TempDir, Switch, SocketAddr) {
    let (scratch, token) = token_file(0o600);
    let token = token.to_str().unwrap();
    let args = ["--port", "p0", "--api", "127.0.0.1:0", "--api-token", token];
    let mut switch = Switch::start_in(&scratch.path().join("run"), &args);
    let line = switch.line();
    let address = line
        .strip_prefix("API ready: http://")
        .and_then(|rest| rest.strip_suffix("/v1\n"))
        .unwrap_or_else(|| panic!("{line}"));
    let address = address.parse().unwrap();
    (scratch, switch, address)
}

fn exchange(mut stream: impl Read + Write, headers: &str) -> String {
    write!(
        stream,
        "GET /v1/queues HTTP/1.1\r\nhost: vmq\r\nconnection: close\r\n{headers}\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn tcp_answers_those_with_the_token_and_the_control_socket_everybody() {
    let (_scratch, mut switch, address) = start();
    let tcp = |headers: &str| exchange(TcpStream::connect(address).unwrap(), headers);
    let refused = tcp("");
    assert!(
        refused.starts_with("HTTP/1.1 401 ") && refused.contains("www-authenticate: Bearer"),
        "{refused}"
    );
    let wrong = tcp(&format!(
        "authorization: Bearer {}\r\n",
        TOKEN.to_uppercase()
    ));
    assert!(wrong.starts_with("HTTP/1.1 401 "), "{wrong}");
    let right = tcp(&format!("authorization: Bearer {TOKEN}\r\n"));
    assert!(
        right.starts_with("HTTP/1.1 200 ") && right.contains(r#""port":"p0""#),
        "{right}"
    );
    let unix = exchange(
        UnixStream::connect(switch.dir.join("vmq.sock")).unwrap(),
        "",
    );
    assert!(unix.starts_with("HTTP/1.1 200 "), "{unix}");
    assert_eq!(switch.end(Signal::TERM), Some(0));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn the_token_is_nowhere_to_be_seen() {
    let (_scratch, mut switch, address) = start();
    let answers = [
        exchange(TcpStream::connect(address).unwrap(), ""),
        switch.ask(&["status", "--json"]).1,
    ];
    switch.end(Signal::TERM);
    let mut log = String::new();
    let mut stderr = switch.child.stderr.take().unwrap();
    stderr.read_to_string(&mut log).unwrap();
    assert!(log.contains("switch started"), "{log}");
    for text in answers.iter().chain([&log]) {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[test]
fn an_address_that_is_taken_is_no_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (scratch, token) = token_file(0o600);
    let dir = scratch.path().join("run");
    let mut command = vmq();
    command.args(["run", "--port", "p0", "--api", &address, "--api-token"]);
    let (code, out, says) = ended(command.arg(&token).arg("--dir").arg(&dir));
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        says.contains(&format!("cannot serve the API on {address}: ")),
        "{says}"
    );
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
}

#[test]
fn without_a_token_of_ones_own_or_off_this_machine_nothing_starts() {
    let (scratch, token) = token_file(0o600);
    let (_open, open) = token_file(0o644);
    let empty = scratch.path().join("empty");
    fs::write(&empty, "").unwrap();
    fs::set_permissions(&empty, fs::Permissions::from_mode(0o600)).unwrap();
    let missing = scratch.path().join("missing");
    let dir = scratch.path().join("run");
    let local = "127.0.0.1:0";
    let cases: [(Option<&str>, Option<&Path>, &str); 10] = [
        (Some(local), None, "--api: there is no token"),
        (
            None,
            Some(&token),
            "--api-token: there is no address to listen on",
        ),
        (
            Some("0.0.0.0:0"),
            Some(&token),
            "--api: 0.0.0.0 is no address of this machine alone",
        ),
        (
            Some("[::]:0"),
            Some(&token),
            ":: is no address of this machine alone",
        ),
        (
            Some("192.0.2.1:80"),
            Some(&token),
            "192.0.2.1 is no address of this machine alone",
        ),
        (
            Some("127.0.0.1"),
            Some(&token),
            "--api: `127.0.0.1` is no address with a port",
        ),
        (
            Some("localhost:80"),
            Some(&token),
            "write a loopback address and a port",
        ),
        (
            Some(local),
            Some(&open),
            "is open to others (mode 0644): run `chmod 600 ",
        ),
        (
            Some(local),
            Some(&empty),
            "holds no token: make one with `(umask 077; openssl rand",
        ),
        (Some(local), Some(&missing), "/missing cannot be read: "),
    ];
    for (address, file, expected) in cases {
        let mut command = vmq();
        command.args(["run", "--port", "p0", "--dir"]).arg(&dir);
        if let Some(address) = address {
            command.args(["--api", address]);
        }
        if let Some(file) = file {
            command.arg("--api-token").arg(file);
        }
        let (code, _, says) = ended(&mut command);
        assert_eq!(code, 2, "{address:?} {file:?}: {says}");
        assert!(says.contains(expected), "{address:?} {file:?}: {says}");
    }
    assert!(!dir.exists());
}

#[test]
fn the_file_may_say_it_too() {
    let (scratch, _token) = token_file(0o600);
    let config = scratch.path().join("lab.toml");
    let run = |api: &str| {
        fs::write(&config, format!("[[port]]\nname = 'p0'\n[api]\n{api}")).unwrap();
        let mut command = vmq();
        command.args(["run", "--config"]).arg(&config).arg("--dir");
        ended(command.arg(scratch.path().join("run")))
    };
    for (api, expected) in [
        ("", "lab.toml:3:1: api: the table is empty"),
        (
            "listen = '127.0.0.1:0'\n",
            "lab.toml:4:10: api.listen: there is no token",
        ),
        (
            "listen = '10.0.0.1:80'\ntoken_file = 'token'\n",
            "lab.toml:4:10: api.listen: 10.0.0.1 is no address of this machine alone",
        ),
        (
            "listen = '127.0.0.1:0'\ntoken_file = 'nothing'\n",
            "lab.toml:5:14: api.token_file: ",
        ),
    ] {
        let (code, _, says) = run(api);
        assert_eq!(code, 2, "{api}: {says}");
        assert!(says.contains(expected), "{api}: {says}");
    }
    // A file of that name lies beside the configuration.
    fs::write(
        &config,
        "[[port]]\nname = 'p0'\n[api]\nlisten = '127.0.0.1:0'\ntoken_file = 'token'\n",
    )
    .unwrap();
    let args = ["--config", config.to_str().unwrap()];
    let mut switch = Switch::start_in(&scratch.path().join("run"), &args);
    assert!(switch.line().starts_with("API ready: "));
}

/// What stands between the fences of the documentation, in order: language and text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut parts = page.split("```");
    let mut blocks = Vec::new();
    while let (Some(_), Some(block)) = (parts.next(), parts.next()) {
        let (language, text) = block
            .split_once('\n')
            .expect("a fence has a line of its own");
        blocks.push((language.to_owned(), text.to_owned()));
    }
    blocks
}

/// Everything that `wanted` has is in `found`, whatever else is.
fn contains(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, value)| found.get(key).is_some_and(|found| contains(found, value))),
        (Value::Array(found), Value::Array(wanted)) => {
            let mut pairs = found.iter().zip(wanted);
            found.len() == wanted.len() && pairs.all(|(found, wanted)| contains(found, wanted))
        }
        (found, wanted) => found == wanted,
    }
}

#[test]
fn the_examples_of_the_documentation_do_what_it_says() {
    let page = include_str!("../../../../docs/api.md");
    let (scratch, switch, address) = start();
    // The page's own places, made those of this test.
    let runtime = scratch.path();
    std::os::unix::fs::symlink(&switch.dir, runtime.join("vmq")).unwrap();
    let mut tried = 0;
    let mut said: Option<String> = None;
    for (language, text) in blocks(page) {
        match language.as_str() {
            "sh" => {
                let script = text.replace("127.0.0.1:8080", &address.to_string());
                // The switch has its token already.
                if script.contains("> token") {
                    continue;
                }
                let mut shell = Command::new("sh");
                let shell = shell.args(["-euc", &script]).current_dir(runtime);
                let (code, out, error) = ended(shell.env("XDG_RUNTIME_DIR", runtime));
                assert_eq!(code, 0, "{text}: {error}");
                said = Some(out);
                tried += 1;
            }
            "json" => {
                let out = said.take().expect("an answer follows its question");
                let found = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}"));
                let wanted = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
                assert!(contains(&found, &wanted), "{out} lacks something of {text}");
            }
            _ => {}
        }
    }
    assert!(tried >= 4);
}
