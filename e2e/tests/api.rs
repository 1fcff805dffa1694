//! Clients of the API that are slow, rude or mad, while two machines talk.
//!
//! What every one of them must lead to: it is told what is wrong or loses its connection, the control socket answers all the while,
//! and the two machines lose not one frame. In the end the switch holds no more memory, files or threads than before.

#![forbid(unsafe_code)]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Api, Bystanders, PortConfig, Scratch, Switch, Watchdog, eventually, rest_of};

const LIMIT: Duration = Duration::from_secs(180);

/// More connections than the switch takes at a time.
const CROWD: usize = 100;

/// Memory that may be added by buffers which the process keeps for the next client.
const SPARE_KIB: u64 = 32 * 1024;

#[test]
fn clients_that_say_nothing_shut_nobody_out_for_long() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let (switch, api) =
        Switch::start_with_api(&scratch, &["left", "right"].map(PortConfig::listening));
    let bystanders = Bystanders::start(&switch, "left", "right");
    let start = Instant::now();
    let silent: Vec<_> = (0..CROWD).map(|_| api.tcp()).collect();
    assert_eq!(
        api.read("/v1/queues")["queues"].as_array().unwrap().len(),
        2
    );
    // TCP is full still, and the control socket has answered, unless this machine has slept meanwhile.
    let is_full = silent.iter().all(is_open);
    assert!(is_full || start.elapsed() > Duration::from_secs(9));
    bystanders.assert_going_on();
    // Whoever comes behind the crowd is answered when the first of it have been sent away.
    assert_eq!(api.read_by_tcp("/v1/queues"), api.read("/v1/queues"));
    for stream in silent {
        assert_eq!(rest_of(stream), "");
    }
    bystanders.assert_unharmed();
}

#[test]
fn hostile_clients_disturb_nobody() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let (mut switch, api) =
        Switch::start_with_api(&scratch, &["left", "right"].map(PortConfig::listening));
    let bystanders = Bystanders::start(&switch, "left", "right");
    bystanders.assert_going_on();
    let before = Holds::of(&switch);
    thread::scope(|scope| {
        for attack in ATTACKS {
            let api = &api;
            scope.spawn(move || attack(api));
        }
    });
    bystanders.assert_going_on();
    assert_eq!(api.read_by_tcp("/v1/filters"), api.read("/v1/filters"));
    switch.assert_alive();
    eventually(
        "the switch holds no more than before",
        Duration::from_secs(30),
        || Holds::of(&switch).is_about(&before).then_some(()),
    );
    let status = switch.status();
    assert!(
        status["workers"]
            .as_array()
            .unwrap()
            .iter()
            .all(|worker| worker["panics"] == 0)
    );
    assert!(!switch.log().contains("panicked"), "{}", switch.log());
    bystanders.assert_unharmed();
    assert!(switch.stop().success(), "the switch ends in peace");
}

/// Each ends when the switch has done with it.
const ATTACKS: &[fn(&Api)] = &[
    header_byte_by_byte,
    header_without_end,
    headers_without_number,
    path_without_end,
    body_without_end,
    body_that_does_not_come,
    reads_nothing,
    streams_left_alone,
    comes_and_goes,
    no_http_at_all,
    almost_http,
    guesses,
];

fn header_byte_by_byte(api: &Api) {
    let mut stream = api.tcp();
    let start = Instant::now();
    for byte in api.header("GET /v1/status").bytes().cycle() {
        // It has gone when nobody takes the byte.
        if stream.write_all(&[byte]).is_err() {
            break;
        }
        assert!(
            start.elapsed() < Duration::from_secs(25),
            "a header may take for ever"
        );
        thread::sleep(Duration::from_millis(100));
    }
    assert!(
        start.elapsed() > Duration::from_secs(5),
        "a slow client has its time"
    );
}

fn header_without_end(api: &Api) {
    let mut stream = api.tcp();
    let _ = stream.write_all(api.header("GET /v1/status").as_bytes());
    let _ = stream.write_all(b"x-padding: ");
    while stream.write_all(&[b'x'; 4096]).is_ok() {}
}

fn headers_without_number(api: &Api) {
    let mut stream = api.tcp();
    let _ = stream.write_all(api.header("GET /v1/status").as_bytes());
    let _ = stream.write_all("a: b\r\n".repeat(200).as_bytes());
    let answer = rest_of(stream);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
}

fn path_without_end(api: &Api) {
    let mut stream = api.unix();
    let _ = stream.write_all(b"GET /v1/");
    while stream.write_all(&[b'%'; 4096]).is_ok() {}
}

fn body_without_end(api: &Api) {
    let mut stream = api.tcp();
    let header = api.header("PUT /v1/ports/left") + "content-type: application/json\r\n";
    let _ = write!(stream, "{header}transfer-encoding: chunked\r\n\r\n");
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(4096));
    let mut sent = 0;
    while stream.write_all(chunk.as_bytes()).is_ok() {
        sent += 4096;
        assert!(sent < 64 << 20, "a body may be of any size");
    }
}

fn body_that_does_not_come(api: &Api) {
    let header = api.header("PUT /v1/ports/left") + "content-type: application/json\r\n";
    let answer = said(
        api.tcp(),
        (header + "content-length: 10\r\n\r\n{").as_bytes(),
    );
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

/// Asks and asks and never looks at an answer.
fn reads_nothing(api: &Api) {
    let mut stream = api.tcp();
    stream
        .set_write_timeout(Some(Duration::from_secs(25)))
        .unwrap();
    let request = api.header("GET /v1/openapi.json") + "\r\n";
    while let Ok(()) = stream.write_all(request.as_bytes()) {}
    let last = stream.write_all(b"\r\n").unwrap_err();
    assert!(
        last.kind() != ErrorKind::WouldBlock,
        "the connection stays open"
    );
}

/// Follows the events as often as it may, and then some.
fn streams_left_alone(api: &Api) {
    let follow = api.header("GET /v1/events") + "accept: text/event-stream\r\n\r\n";
    let mut followers: Vec<_> = (0..16).map(|_| api.unix()).collect();
    for stream in &mut followers {
        stream.write_all(follow.as_bytes()).unwrap();
    }
    eventually(
        "there are no more streams to be had",
        Duration::from_secs(10),
        || {
            let mut stream = api.unix();
            let request = api.header("GET /v1/events")
                + "accept: text/event-stream\r\nconnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).unwrap();
            let mut start = [0; 12];
            stream.read_exact(&mut start).unwrap();
            (start == *b"HTTP/1.1 503").then_some(())
        },
    );
}

fn comes_and_goes(api: &Api) {
    for _ in 0..500 {
        drop(api.unix());
        drop(api.tcp());
        let _ = api.tcp().write_all(b"GET /v1/sta");
    }
}

fn no_http_at_all(api: &Api) {
    let noise: Vec<u8> = (0..20_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for bytes in [
        &noise[..],
        &[0; 4096],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /v1/status\r\n\r\n",
        b"\r\n\r\n\r\n\r\n GET / HTTP/1.1\r\n\r\n",
        b"GET /v1/status HTTP/9.9\r\n\r\n",
    ] {
        for unix in [false, true] {
            let answer = if unix {
                said(api.unix(), bytes)
            } else {
                said(api.tcp(), bytes)
            };
            let is_refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
            assert!(is_refused, "{:?}: {answer}", String::from_utf8_lossy(bytes));
        }
    }
}

fn almost_http(api: &Api) {
    let status = api.header("GET /v1/status");
    for (request, expected) in [
        (
            "GET /v1/status HTTP/1.1\r\nhost vmq\r\n\r\n".to_owned(),
            "HTTP/1.1 400 ",
        ),
        (status.replace("/v1", "v1") + "\r\n", "HTTP/1.1 4"),
        (
            status.clone() + "content-length: -1\r\n\r\n",
            "HTTP/1.1 400 ",
        ),
        (
            status.clone() + "content-length: 1\r\ncontent-length: 2\r\n\r\n",
            "HTTP/1.1 400 ",
        ),
        (
            status.clone() + "transfer-encoding: chunked, nonsense\r\n\r\n",
            "HTTP/1.1 4",
        ),
        (status.replace("host", "ho\0st") + "\r\n", "HTTP/1.1 400 "),
        (status.replace("GET", "G\tT") + "\r\n", "HTTP/1.1 400 "),
        (
            status.replace("GET", "BREW") + "connection: close\r\n\r\n",
            "HTTP/1.1 405 ",
        ),
        (
            status.replace("/v1/status", "*") + "connection: close\r\n\r\n",
            "HTTP/1.1 4",
        ),
        (
            status.replace("/v1/status", "/v1/../v1/./status") + "connection: close\r\n\r\n",
            "HTTP/1.1 404 ",
        ),
        (
            status.replace("/v1/status", "/v1/queues/%00%ff%zz") + "connection: close\r\n\r\n",
            "HTTP/1.1 400 ",
        ),
    ] {
        let answer = said(api.tcp(), request.as_bytes());
        assert!(answer.starts_with(expected), "{request:?}: {answer}");
    }
}

/// Does not know the token, and sends much that nobody wants to read.
fn guesses(api: &Api) {
    for guess in 0..200 {
        let mut stream = api.tcp();
        let header = "PUT /v1/ports/left HTTP/1.1\r\nhost: vmq\r\ncontent-length: 1000000000\r\n";
        let _ = write!(stream, "{header}authorization: Bearer {guess:064}\r\n\r\n");
        let _ = stream.write_all(&[b'x'; 1024]);
        let answer = rest_of(stream);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 401 "),
            "{answer}"
        );
    }
}

fn is_open(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let found = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    found.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// What comes of these bytes, with nothing to follow them.
fn said(mut stream: impl Read + Write, bytes: &[u8]) -> String {
    // The switch may have heard enough before it is all said.
    let _ = stream.write_all(bytes);
    rest_of(stream)
}

/// What a process holds.
#[derive(Debug)]
struct Holds {
    resident_kib: u64,
    threads: u64,
    files: usize,
}

impl Holds {
    fn of(switch: &Switch) -> Self {
        let proc = format!("/proc/{}", switch.pid());
        let status = fs::read_to_string(format!("{proc}/status")).expect("a running process");
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let word = line.and_then(|rest| rest.split_whitespace().next());
            word.and_then(|word| word.parse().ok())
                .unwrap_or_else(|| panic!("{key} in {status}"))
        };
        Self {
            resident_kib: number("VmRSS:"),
            threads: number("Threads:"),
            files: fs::read_dir(format!("{proc}/fd"))
                .expect("a running process")
                .count(),
        }
    }

    fn is_about(&self, before: &Self) -> bool {
        self.resident_kib <= before.resident_kib + SPARE_KIB
            && self.threads <= before.threads + MOST_THREADS
            && self.files <= before.files
    }
}

/// Threads that carry out operations; they go after a while without work.
const MOST_THREADS: u64 = 4;
