//! What it costs to be plugged in and quiet.

#![forbid(unsafe_code)]

use std::fs;
use std::mem;
use std::thread;
use std::time::Duration;

use e2e::{PortConfig, Scratch, Switch, Watchdog, eventually};
use testkit::frontend::Frontend;
use testkit::guest::{Guest, GuestOptions};

const LIMIT: Duration = Duration::from_secs(120);
const PORTS: usize = 64;

/// What the system has counted of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Usage {
    /// Ticks of CPU time, in user mode and in the kernel.
    ticks: u64,
    /// Times that any of its threads began to wait, which is how often it was woken.
    waits: u64,
}

#[test]
fn quiet_ports_cost_no_wake_up_no_tick_and_little_memory() {
    let _watchdog = Watchdog::arm(LIMIT);
    let scratch = Scratch::new();
    let names: Vec<_> = (0..PORTS).map(|port| format!("p{port}")).collect();
    let ports: Vec<_> = names
        .iter()
        .map(|name| PortConfig::listening(name))
        .collect();
    let mut switch = Switch::start(&scratch, &ports);
    let pid = switch.status()["pid"].as_u64().expect("a process id");

    let unattached = private_kilobytes(pid);
    let options = GuestOptions {
        memory: 24 << 20,
        ..GuestOptions::default()
    };
    let mut machines: Vec<_> = names
        .iter()
        .map(|name| {
            let guest = Guest::new(options).expect("a guest");
            let patience = Duration::from_secs(10);
            let mut frontend = Frontend::connect(switch.socket(name), patience).expect("a port");
            frontend.attach(&guest).expect("to be attached");
            (guest, frontend)
        })
        .collect();
    eventually("all ports are up", Duration::from_secs(10), || {
        let status = switch.status();
        let ports = status["ports"].as_array().expect("ports");
        ports.iter().all(|port| port["is_up"] == true).then_some(())
    });
    // Each ring in use once: what a port takes lazily, it has then.
    for (number, (guest, _)) in machines.iter_mut().enumerate() {
        let frame = testkit::frames::Builder::new(
            testkit::frames::BROADCAST,
            testkit::frames::station(number as u32),
        );
        guest.send(&frame.build(0));
        guest.flush();
    }
    eventually(
        "every port has had its frames",
        Duration::from_secs(10),
        || {
            let frames = switch.port("p0")["to_guest"]["frames"].as_u64();
            (frames == Some(PORTS as u64 - 1)).then_some(())
        },
    );
    let each = private_kilobytes(pid).saturating_sub(unattached) / PORTS as u64;
    assert!(each <= 256, "{each} KiB for each attached port");

    // Whoever asks for the status wakes it, and some threads that answered end only when they were not asked for a while.
    let mut before = usage(pid);
    eventually(
        "ten seconds without a tick or a wake-up",
        Duration::from_secs(45),
        || {
            thread::sleep(Duration::from_secs(10));
            let after = usage(pid);
            println!("ten seconds with {PORTS} quiet ports: {before:?}, {after:?}");
            (after == mem::replace(&mut before, after)).then_some(())
        },
    );
    println!("{each} KiB for each attached port");
    switch.assert_alive();
}

fn usage(pid: u64) -> Usage {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process is there");
    let (_, behind_name) = stat.rsplit_once(')').expect("a name in brackets");
    let fields: Vec<_> = behind_name.split_whitespace().collect();
    // Fields 14 and 15 of proc_pid_stat(5), of which the third is the first here.
    let tick = |at: usize| fields[at - 3].parse::<u64>().expect("ticks");
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process is there");
    // A thread may end while it is looked at.
    let statuses =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok());
    let waits = statuses.map(|status| number(&status, "voluntary_ctxt_switches:"));
    Usage {
        ticks: tick(14) + tick(15),
        waits: waits.sum(),
    }
}

/// Memory that is the process's own: the guests' is a file's.
fn private_kilobytes(pid: u64) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    number(&status, "RssAnon:")
}

fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|line| line.split_whitespace().next());
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("no {name} in {text}"))
}
