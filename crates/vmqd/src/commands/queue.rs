//! `vmq queue`: the receive queues, with the columns of `Get-NetAdapterVmqQueue`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::look::{Look, Rate, processor};
use super::{NoSuch, print_json};
use crate::cli::{QueueCommand, Watch};
use crate::control::{FilterView, PortView, QueueView, StatusView};
use crate::failure::Failure;
use crate::output::{self, Align, Cell, DIM, GOOD, Table};

/// One receive queue.
#[derive(Debug, PartialEq, Serialize)]
struct Row<'a> {
    /// The network, which is what an adapter is to NDIS.
    name: &'a str,
    queue_id: u16,
    filters: &'a [FilterView],
    /// `group:number` of the processors whose workers serve it.
    processors: Vec<String>,
    /// The port.
    vm_friendly_name: &'a str,
    state: &'a str,
    /// What its machine was given in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_guest: Option<PerSecond>,
    /// What its machine sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_guest: Option<PerSecond>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct PerSecond {
    frames_per_second: f64,
    bits_per_second: f64,
}

/// Asks the switch and prints its queues.
pub(crate) fn run(command: &QueueCommand) -> Result<(), Failure> {
    let (watch, only) = match command {
        QueueCommand::List(watch) => (watch, None),
        QueueCommand::Show(one) => (&one.watch, Some(one.port.as_str())),
    };
    let look = Look::take(watch)?;
    let is_asked = |port: &&PortView| only.is_none_or(|name| port.name == name);
    let ports: Vec<_> = look.now.ports.iter().filter(is_asked).collect();
    if let Some(name) = only.filter(|_| ports.is_empty()) {
        return Err(NoSuch::port(name, &look.now).into());
    }
    let rows: Vec<_> = ports.iter().flat_map(|port| rows(port, &look)).collect();
    print(&rows, watch, &look)
}

fn print(rows: &[Row<'_>], watch: &Watch, look: &Look) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match (watch.show.json, look.is_second()) {
        (true, _) => print_json(&mut out, &BTreeMap::from([("queues", rows)]))?,
        (false, false) => write(rows, &mut out)?,
        (false, true) => write_rates(rows, &mut out)?,
    }
    Ok(out.flush()?)
}

fn rows<'a>(port: &'a PortView, look: &'a Look) -> impl Iterator<Item = Row<'a>> {
    let of = |rate: Option<Rate>| {
        rate.map(|rate| PerSecond {
            frames_per_second: rate.frames,
            bits_per_second: rate.bits,
        })
    };
    port.queues
        .iter()
        .map(move |QueueView { id, state, filters }| Row {
            name: &port.network,
            queue_id: *id,
            filters,
            processors: processors(port, &look.now),
            vm_friendly_name: &port.name,
            state,
            to_guest: of(look.traffic(port, |port| port.counters.to_guest)),
            from_guest: of(look.traffic(port, |port| port.counters.from_guest)),
        })
}

/// Where the workers run that serve a port, each once.
fn processors(port: &PortView, status: &StatusView) -> Vec<String> {
    let workers = port.pairs.iter().filter_map(|pair| pair.worker);
    let mut named: Vec<_> = workers
        .filter_map(|worker| status.workers.get(worker))
        .map(|worker| processor(worker.cpu))
        .collect();
    named.sort();
    named.dedup();
    named
}

/// A line for each filter of a queue, the first with what is the queue's.
fn write(rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new([
        ("NAME", Align::Left),
        ("QUEUEID", Align::Right),
        ("MACADDRESS", Align::Left),
        ("VLANID", Align::Left),
        ("PROCESSOR", Align::Left),
        ("VMFRIENDLYNAME", Align::Left),
        ("STATE", Align::Left),
    ]);
    for row in rows {
        for (mac, vlan, is_first) in lines(row.filters) {
            let of_queue = |text: String| match is_first {
                true => Cell::from(text),
                false => Cell::default(),
            };
            table.push([
                of_queue(row.name.to_owned()),
                of_queue(row.queue_id.to_string()),
                mac,
                vlan.into(),
                of_queue(row.processors.join(",")),
                of_queue(row.vm_friendly_name.to_owned()),
                match is_first {
                    true => state(row.state),
                    false => Cell::default(),
                },
            ]);
        }
    }
    table.write(out)
}

/// Filters shown of one queue; a machine with more has a bridge in it.
const SHOWN: usize = 8;

fn lines(filters: &[FilterView]) -> Vec<(Cell, String, bool)> {
    let mut lines: Vec<_> = filters
        .iter()
        .take(SHOWN)
        .enumerate()
        .map(|(at, filter)| {
            let style = if filter.is_learned {
                DIM
            } else {
                Default::default()
            };
            let mac = Cell::styled(filter.mac.clone(), style);
            let vlan = match filter.vlan {
                None => "any".to_owned(),
                Some(0) => "untagged".to_owned(),
                Some(id) => id.to_string(),
            };
            (mac, vlan, at == 0)
        })
        .collect();
    if filters.is_empty() {
        lines.push((Cell::default(), String::new(), true));
    }
    if filters.len() > SHOWN {
        let more = format!("and {} more", filters.len() - SHOWN);
        lines.push((Cell::styled(more, DIM), String::new(), false));
    }
    lines
}

fn write_rates(rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new([
        ("NAME", Align::Left),
        ("QUEUEID", Align::Right),
        ("PROCESSOR", Align::Left),
        ("VMFRIENDLYNAME", Align::Left),
        ("STATE", Align::Left),
        ("TO GUEST", Align::Right),
        ("", Align::Right),
        ("FROM GUEST", Align::Right),
        ("", Align::Right),
    ]);
    for row in rows {
        let [frames_to, bits_to] = per_second(row.to_guest);
        let [frames_from, bits_from] = per_second(row.from_guest);
        table.push([
            row.name.into(),
            row.queue_id.to_string().into(),
            row.processors.join(",").into(),
            row.vm_friendly_name.into(),
            state(row.state),
            frames_to,
            bits_to,
            frames_from,
            bits_from,
        ]);
    }
    table.write(out)
}

fn per_second(rate: Option<PerSecond>) -> [Cell; 2] {
    rate.map_or_else(Default::default, |rate| {
        [
            format!(
                "{} frames/s",
                output::grouped(rate.frames_per_second.round() as u64)
            )
            .into(),
            output::bits_per_second(rate.bits_per_second).into(),
        ]
    })
}

fn state(state: &str) -> Cell {
    match state {
        "Running" => Cell::styled(state, GOOD),
        _ => Cell::styled(state, DIM),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::commands::status::tests::example;

    fn shown(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        write(&mut out).unwrap();
        String::from_utf8(out.into_inner()).unwrap()
    }

    #[test]
    fn queues_have_the_columns_of_windows() {
        let look = Look::at(example());
        let rows: Vec<_> = look
            .now
            .ports
            .iter()
            .flat_map(|port| rows(port, &look))
            .collect();
        assert_eq!(
            shown(|out| write(&rows, out)),
            "\
NAME     QUEUEID  MACADDRESS         VLANID    PROCESSOR  VMFRIENDLYNAME  STATE
default        1  52:54:00:00:00:10  any       0:2        web-frontend    Running
                  02:00:00:00:00:01  untagged
                  02:00:00:00:00:01  12
default        2                               0:2        db              Undefined
"
        );
        let json = serde_json::to_value(&rows[0]).unwrap();
        assert_eq!(json["queue_id"], 1);
        assert_eq!(json["filters"][2]["vlan"], 12);
        assert_eq!(json.get("to_guest"), None);
    }

    #[test]
    fn two_looks_make_a_rate() {
        let mut later = example();
        later.ports[0].counters.to_guest.frames += 3_000;
        later.ports[0].counters.to_guest.bytes += 3_000_000;
        // Its counters began anew.
        later.ports[1].counters.from_guest.frames = 0;
        let look = Look::after(example(), Duration::from_secs(2), later);
        let rows: Vec<_> = look
            .now
            .ports
            .iter()
            .flat_map(|port| rows(port, &look))
            .collect();
        assert_eq!(
            shown(|out| write_rates(&rows, out)),
            "\
NAME     QUEUEID  PROCESSOR  VMFRIENDLYNAME  STATE            TO GUEST               FROM GUEST
default        1  0:2        web-frontend    Running    1 500 frames/s  12.0 Mbit/s  0 frames/s  0 bit/s
default        2  0:2        db              Undefined      0 frames/s      0 bit/s  0 frames/s  0 bit/s
"
        );
        let json = serde_json::to_value(&rows[0]).unwrap();
        assert_eq!(json["to_guest"]["bits_per_second"], 12_000_000.0);
    }

    #[test]
    fn a_machine_with_many_addresses_does_not_fill_the_screen() {
        let filter = |n: usize| FilterView {
            mac: format!("02:00:00:00:00:{n:02x}"),
            vlan: None,
            is_learned: true,
        };
        let filters: Vec<_> = (0..100).map(filter).collect();
        let lines = lines(&filters);
        assert_eq!(lines.len(), SHOWN + 1);
    }
}
