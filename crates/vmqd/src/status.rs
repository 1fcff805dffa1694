//! `vmq status`: the running switch as a table for people or as one JSON object for scripts.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::cli::StatusArgs;
use crate::control::{self, FilterView, PortView, StatusView, Traffic};
use crate::directory;
use crate::failure::Failure;
use crate::output::{self, Align, Cell, DIM, GOOD, Table, WARN};

/// Asks the switch and prints its answer.
pub(crate) fn run(args: &StatusArgs) -> Result<(), Failure> {
    let status = control::status_of(&directory::choose(args.dir.as_deref())?)?;
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
    write_drops(
        ports.iter().map(|port| (port.name.as_str(), &port.drops)),
        out,
    )?;
    writeln!(out)?;
    for (at, worker) in workers.iter().enumerate() {
        let place = worker
            .cpu
            .map_or("any CPU".to_owned(), |cpu| format!("CPU {cpu}"));
        let [turns, sleeps] = [worker.turns, worker.sleeps].map(output::grouped);
        write!(
            out,
            "worker {at}: {place}, rings {}, turns {turns}, sleeps {sleeps}",
            worker.rings
        )?;
        match worker.panics {
            0 => writeln!(out)?,
            panics => writeln!(out, ", {WARN}panics {panics}: please report{WARN:#}")?,
        }
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
    let [from_frames, from_bytes] = traffic(port.from_guest);
    let [to_frames, to_bytes] = traffic(port.to_guest);
    let mut of_port = [
        port.name.as_str().into(),
        state,
        from_frames,
        from_bytes,
        to_frames,
        to_bytes,
        dropped(&port.drops),
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
mod tests {
    use super::*;
    use crate::config::Mode;
    use crate::control::{QueueView, WorkerView};

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
            mode: Mode::Server,
            socket: format!("/run/vmq/{name}.sock").into(),
            is_connected: state == "Running",
            is_up: state == "Running",
            last_close: None,
            worker: Some(0),
            pairs: vec![],
            queues: vec![QueueView {
                id,
                state: state.to_owned(),
                filters,
            }],
            from_guest: Traffic::default(),
            to_guest: Traffic::default(),
            bytes_copied: 0,
            flooded: 0,
            held: 0,
            segmented: 0,
            checksummed: 0,
            drops: BTreeMap::from([("no-buffers".to_owned(), 0), ("runt".to_owned(), 0)]),
        }
    }

    fn example() -> StatusView {
        let configured = filter("52:54:00:00:00:10", None, false);
        let learned = filter("02:00:00:00:00:01", Some(0), true);
        let tagged = filter("02:00:00:00:00:01", Some(12), true);
        let mut web = port(
            "web-frontend",
            1,
            "Running",
            vec![configured, learned, tagged],
        );
        web.from_guest = Traffic {
            frames: 1_234_567,
            bytes: 1_810_000_000,
        };
        web.to_guest = Traffic {
            frames: 98_765,
            bytes: 6_500_000,
        };
        web.drops.insert("no-buffers".to_owned(), 1_204);
        web.drops.insert("runt".to_owned(), 3);
        let mut db = port("db", 2, "Undefined", Vec::new());
        db.last_close = Some("the guest's transmit ring names descriptor 300 of 256".to_owned());
        let worker = WorkerView {
            cpu: Some(2),
            rings: 1,
            turns: 40_961,
            empty_turns: 7,
            sleeps: 1_024,
            panics: 0,
        };
        StatusView {
            version: "0.1.0".to_owned(),
            pid: 4711,
            dir: "/run/vmq".into(),
            uptime_seconds: 7_380,
            ports: vec![web, db],
            workers: vec![
                worker.clone(),
                WorkerView {
                    cpu: None,
                    panics: 2,
                    ..worker
                },
            ],
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

DROPPED AT    REASON      FRAMES
web-frontend  no-buffers   1 204
web-frontend  runt             3

worker 0: CPU 2, rings 1, turns 40 961, sleeps 1 024
worker 1: any CPU, rings 1, turns 40 961, sleeps 1 024, panics 2: please report
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
