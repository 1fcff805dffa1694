//! `vmq status`: the running switch as a table for people or as one JSON object for scripts.

use std::collections::BTreeMap;
use std::io::{self, Write};

use switch::policy::NetworkMode;

use crate::cli::StatusArgs;
use crate::control::{Client, FilterView, NetworkView, PortView, StatusView, Traffic, WorkerView};
use crate::directory;
use crate::failure::Failure;
use crate::output::{self, Align, Cell, DIM, GOOD, Table, WARN};

/// Asks the switch and prints its answer.
pub(crate) fn run(args: &StatusArgs) -> Result<(), Failure> {
    let status = Client::open(&directory::choose(args.dir.as_deref())?)?.status()?;
    let mut out = anstream::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &status).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        write(&status, &mut out)?;
    }
    Ok(out.flush()?)
}

fn write(status: &StatusView, out: &mut dyn Write) -> io::Result<()> {
    let StatusView {
        version,
        pid,
        dir,
        uptime_seconds,
        networks,
        ports,
        workers,
    } = status;
    let up = output::span(*uptime_seconds);
    writeln!(
        out,
        "vmq {version}, process {pid}, up {up}, sockets in {}",
        dir.display()
    )?;
    writeln!(out)?;
    let mut table = Table::new([
        ("PORT", Align::Left),
        ("STATE", Align::Left),
        ("QUEUE", Align::Right),
        ("QUEUE STATE", Align::Left),
        ("FROM GUEST", Align::Right),
        ("", Align::Right),
        ("TO GUEST", Align::Right),
        ("", Align::Right),
        ("DROPPED", Align::Right),
        ("FILTERS", Align::Left),
    ]);
    for port in ports {
        add_port(&mut table, port);
    }
    table.write(out)?;
    for port in ports {
        if let Some(reason) = &port.last_close {
            writeln!(
                out,
                "\n{WARN}{}{WARN:#}: the switch closed the last connection: {reason}",
                port.name
            )?;
        }
    }
    if networks.len() > 1 {
        writeln!(out)?;
        write_networks(networks, out)?;
    }
    write_drops(
        ports
            .iter()
            .map(|port| (port.name.as_str(), &port.counters.drops)),
        out,
    )?;
    writeln!(out)?;
    write_workers(workers, out)
}

/// One row for each network.
pub(crate) fn write_networks(networks: &[NetworkView], out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new([
        ("NETWORK", Align::Left),
        ("MODE", Align::Left),
        ("PORTS", Align::Right),
        ("FILTERS", Align::Right),
    ]);
    for network in networks {
        let mode = match network.mode {
            NetworkMode::Switch => "switch",
            NetworkMode::Hub => "hub",
        };
        table.push([
            network.name.as_str().into(),
            mode.into(),
            output::grouped(network.ports as u64).into(),
            output::grouped(network.filters as u64).into(),
        ]);
    }
    table.write(out)
}

/// One row for each worker; what a turn costs is seen in the column of the nanoseconds a frame.
fn write_workers(workers: &[WorkerView], out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new([
        ("WORKER", Align::Left),
        ("CPU", Align::Right),
        ("RINGS", Align::Right),
        ("BUSY MS", Align::Right),
        ("FRAMES", Align::Right),
        ("NS/FRAME", Align::Right),
        ("COPIED", Align::Right),
        ("NOTIFIED", Align::Right),
        ("SPARED", Align::Right),
        ("TURNS", Align::Right),
        ("EMPTY", Align::Right),
        ("SLEEPS", Align::Right),
    ]);
    for (at, worker) in workers.iter().enumerate() {
        let cpu = worker.cpu.map_or("any".to_owned(), |cpu| cpu.to_string());
        let [sent, spared, turns, empty, sleeps] = [
            worker.notifications_sent,
            worker.notifications_suppressed,
            worker.turns,
            worker.empty_turns,
            worker.sleeps,
        ]
        .map(output::grouped);
        let each = worker.busy_ns.checked_div(worker.frames);
        table.push([
            at.to_string().into(),
            cpu.into(),
            worker.rings.to_string().into(),
            output::grouped(worker.busy_ns / 1_000_000).into(),
            output::grouped(worker.frames).into(),
            each.map_or_else(String::new, output::grouped).into(),
            output::bytes(worker.bytes_copied).into(),
            sent.into(),
            spared.into(),
            turns.into(),
            empty.into(),
            sleeps.into(),
        ]);
    }
    table.write(out)?;
    for (at, worker) in workers
        .iter()
        .enumerate()
        .filter(|(_, worker)| worker.panics > 0)
    {
        writeln!(
            out,
            "\n{WARN}worker {at}{WARN:#}: {} panics were caught: please report them",
            worker.panics
        )?;
    }
    Ok(())
}

/// One row for each queue; what belongs to the port stands in the first.
fn add_port(table: &mut Table<10>, port: &PortView) {
    let state = match (port.is_connected, port.is_up) {
        (_, true) => Cell::styled("up", GOOD),
        (true, false) => Cell::styled("connected", WARN),
        (false, false) => Cell::styled("waiting", DIM),
    };
    let [from_frames, from_bytes] = traffic(port.counters.from_guest);
    let [to_frames, to_bytes] = traffic(port.counters.to_guest);
    let mut of_port = [
        port.name.as_str().into(),
        state,
        from_frames,
        from_bytes,
        to_frames,
        to_bytes,
        dropped(&port.counters.drops),
    ];
    let mut queues: Vec<_> = port
        .queues
        .iter()
        .map(|queue| {
            (
                queue.id.to_string(),
                queue.state.clone(),
                filters(&queue.filters),
            )
        })
        .collect();
    if queues.is_empty() {
        queues.push(Default::default());
    }
    for (id, queue_state, filters) in queues {
        let [
            name,
            state,
            from_frames,
            from_bytes,
            to_frames,
            to_bytes,
            dropped,
        ] = std::mem::take(&mut of_port);
        table.push([
            name,
            state,
            id.into(),
            queue_state.into(),
            from_frames,
            from_bytes,
            to_frames,
            to_bytes,
            dropped,
            filters.into(),
        ]);
    }
}

/// How many frames were dropped, whatever the reason.
pub(crate) fn dropped(drops: &BTreeMap<String, u64>) -> Cell {
    match drops.values().sum() {
        0 => Cell::from("0"),
        frames => Cell::styled(output::grouped(frames), WARN),
    }
}

fn traffic(traffic: Traffic) -> [Cell; 2] {
    [
        output::grouped(traffic.frames).into(),
        output::bytes(traffic.bytes).into(),
    ]
}

/// The configured ones and as many learnt ones as fit a line.
pub(crate) fn filters(filters: &[FilterView]) -> String {
    const SHOWN: usize = 4;
    let mut shown: Vec<_> = filters.iter().take(SHOWN).map(filter).collect();
    if filters.len() > SHOWN {
        shown.push(format!("and {} more", filters.len() - SHOWN));
    }
    shown.join(", ")
}

fn filter(filter: &FilterView) -> String {
    let vlan = match filter.vlan {
        None | Some(0) => String::new(),
        Some(id) => format!(" vlan {id}"),
    };
    let origin = if filter.is_learned { " learned" } else { "" };
    format!("{}{vlan}{origin}", filter.mac)
}

/// What was dropped, by place and reason; nothing at all if nothing was.
pub(crate) fn write_drops<'a>(
    places: impl Iterator<Item = (&'a str, &'a BTreeMap<String, u64>)>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut table = Table::new([
        ("DROPPED AT", Align::Left),
        ("REASON", Align::Left),
        ("FRAMES", Align::Right),
    ]);
    let mut any = false;
    for (place, drops) in places {
        for (reason, frames) in drops.iter().filter(|(_, frames)| **frames > 0) {
            table.push([
                place.into(),
                reason.as_str().into(),
                Cell::styled(output::grouped(*frames), WARN),
            ]);
            any = true;
        }
    }
    if any {
        writeln!(out)?;
        table.write(out)?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Mode;
    use crate::control::{GroupView, GroupsView, PairView, PortCounters, QueueView, RuleView};

    fn filter(mac: &str, vlan: Option<u16>, is_learned: bool) -> FilterView {
        FilterView {
            mac: mac.to_owned(),
            vlan,
            is_learned,
        }
    }

    fn port(name: &str, id: u16, state: &str, filters: Vec<FilterView>) -> PortView {
        PortView {
            name: name.to_owned(),
            network: "default".to_owned(),
            mode: Mode::Server,
            socket: format!("/run/vmq/{name}.sock").into(),
            is_connected: state == "Running",
            is_up: state == "Running",
            mtu: None,
            last_close: None,
            pairs: vec![PairView {
                worker: Some(0),
                receives: true,
            }],
            queues: vec![QueueView {
                id,
                state: state.to_owned(),
                filters,
            }],
            counters: PortCounters {
                drops: BTreeMap::from([("no-buffers".to_owned(), 0), ("runt".to_owned(), 0)]),
                ..PortCounters::default()
            },
        }
    }

    fn network(name: &str, ports: usize) -> NetworkView {
        NetworkView {
            name: name.to_owned(),
            mode: NetworkMode::Switch,
            ports,
            filters: 3 * ports,
            groups: vec![GroupsView {
                vlan: 10,
                is_ipv6: false,
                is_filtering: true,
                routers: vec!["db".to_owned()],
                groups: vec![GroupView {
                    mac: vmq::Mac([0x01, 0, 0x5e, 1, 2, 3]),
                    members: vec!["web-frontend".to_owned()],
                }],
            }],
        }
    }

    pub(crate) fn example() -> StatusView {
        let configured = filter("52:54:00:00:00:10", None, false);
        let learned = filter("02:00:00:00:00:01", Some(0), true);
        let tagged = filter("02:00:00:00:00:01", Some(12), true);
        let mut web = port(
            "web-frontend",
            1,
            "Running",
            vec![configured, learned, tagged],
        );
        web.counters.from_guest = Traffic {
            frames: 1_234_567,
            bytes: 1_810_000_000,
        };
        web.counters.to_guest = Traffic {
            frames: 98_765,
            bytes: 6_500_000,
        };
        web.counters.drops.insert("no-buffers".to_owned(), 1_204);
        web.counters.drops.insert("runt".to_owned(), 3);
        web.counters.rules.push(RuleView {
            rule: serde_json::from_str(r#"{"action": "deny", "protocol": 17}"#).unwrap(),
            from_guest: Traffic::default(),
            to_guest: Traffic {
                frames: 7,
                bytes: 420,
            },
        });
        let mut db = port("db", 2, "Undefined", Vec::new());
        db.last_close = Some("the guest's transmit ring names descriptor 300 of 256".to_owned());
        let worker = WorkerView {
            cpu: Some(2),
            rings: 1,
            busy_ns: 61_728_350,
            frames: 1_234_567,
            bytes_copied: 1_970_000_000,
            notifications_sent: 19_290,
            notifications_suppressed: 312,
            turns: 40_961,
            empty_turns: 7,
            sleeps: 1_024,
            panics: 0,
        };
        let idle = WorkerView {
            cpu: None,
            rings: 1,
            busy_ns: 0,
            frames: 0,
            bytes_copied: 0,
            notifications_sent: 0,
            notifications_suppressed: 0,
            turns: 0,
            empty_turns: 0,
            sleeps: 0,
            panics: 0,
        };
        StatusView {
            version: "0.1.0".to_owned(),
            pid: 4711,
            dir: "/run/vmq".into(),
            uptime_seconds: 7_380,
            networks: vec![network("default", 2), network("lab", 0)],
            ports: vec![web, db],
            workers: vec![worker, WorkerView { panics: 2, ..idle }],
        }
    }

    #[test]
    fn people_see_a_table() {
        let mut out = anstream::StripStream::new(Vec::new());
        write(&example(), &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out.into_inner()).unwrap(),
            "\
vmq 0.1.0, process 4711, up 2 h 3 min, sockets in /run/vmq

PORT          STATE    QUEUE  QUEUE STATE  FROM GUEST           TO GUEST           DROPPED  FILTERS
web-frontend  up           1  Running       1 234 567  1.81 GB    98 765  6.50 MB    1 207  52:54:00:00:00:10, 02:00:00:00:00:01 learned, 02:00:00:00:00:01 vlan 12 learned
db            waiting      2  Undefined             0      0 B         0      0 B        0

db: the switch closed the last connection: the guest's transmit ring names descriptor 300 of 256

NETWORK  MODE    PORTS  FILTERS
default  switch      2        6
lab      switch      0        0

DROPPED AT    REASON      FRAMES
web-frontend  no-buffers   1 204
web-frontend  runt             3

WORKER  CPU  RINGS  BUSY MS     FRAMES  NS/FRAME   COPIED  NOTIFIED  SPARED   TURNS  EMPTY  SLEEPS
0         2      1       61  1 234 567        50  1.97 GB    19 290     312  40 961      7   1 024
1       any      1        0          0                0 B         0       0       0      0       0

worker 1: 2 panics were caught: please report them
"
        );
    }

    #[test]
    fn many_filters_are_cut_short() {
        let many: Vec<_> = (1..=7)
            .map(|n| filter(&format!("02:00:00:00:00:0{n}"), None, true))
            .collect();
        let shown = filters(&many);
        assert!(
            shown.ends_with("02:00:00:00:00:04 learned, and 3 more"),
            "{shown}"
        );
    }

    #[test]
    fn scripts_get_back_what_the_switch_said() {
        let text = serde_json::to_string(&example()).unwrap();
        assert_eq!(
            serde_json::from_str::<StatusView>(&text).unwrap(),
            example()
        );
    }

    /// Objects whose keys are not the status's: reasons of drops, and rules as the configuration has them.
    const DATA: [&str; 2] = ["ports[].drops", "ports[].rules[].rule"];

    /// The keys of an object and of all that is in it, with the path to each.
    fn paths(value: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
        if let Some(object) = value.as_object().filter(|_| !DATA.contains(&path)) {
            for (key, value) in object {
                let path = format!("{path}{}{key}", if path.is_empty() { "" } else { "." });
                paths(value, &path, found);
                found.insert(path);
            }
        }
        for item in value.as_array().into_iter().flatten() {
            paths(item, &format!("{path}[]"), found);
        }
    }

    #[test]
    fn the_documentation_has_every_key_and_no_other() {
        let mut said = BTreeSet::new();
        paths(&serde_json::to_value(example()).unwrap(), "", &mut said);
        let page = include_str!("../../../../docs/status.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let documented: BTreeSet<_> = rows
            .filter_map(|row| row.split_once('`'))
            .map(|(path, _)| path.to_owned())
            .collect();
        let reasons: BTreeSet<_> = switch::DropReason::ALL
            .iter()
            .map(|reason| reason.name().to_owned())
            .collect();
        assert_eq!(documented, said.union(&reasons).cloned().collect());
    }

    #[test]
    fn a_newer_switch_may_say_more() {
        let mut value = serde_json::to_value(example()).unwrap();
        value["new"] = 1.into();
        value["ports"][0]["new"] = "x".into();
        assert_eq!(
            serde_json::from_value::<StatusView>(value).unwrap(),
            example()
        );
    }
}
