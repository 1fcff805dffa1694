//! `vmq drops`: where frames went that did not arrive, why, how many, and what to do about it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::look::Look;
use super::{NoSuch, advice, print_json};
use crate::cli::WatchSome;
use crate::failure::Failure;
use crate::output::{self, Align, Cell, DIM, GOOD, Table, WARN};

/// Frames that were dropped at one port for one reason.
#[derive(Debug, PartialEq, Serialize)]
struct Row<'a> {
    port: &'a str,
    reason: &'a str,
    frames: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames_per_second: Option<f64>,
    advice: &'a str,
}

/// Asks the switch and prints what it dropped.
pub(crate) fn run(args: &WatchSome) -> Result<(), Failure> {
    let look = Look::take(&args.watch)?;
    if let Some(name) = &args.port
        && look.now.port(name).is_none()
    {
        return Err(NoSuch::port(name, &look.now).into());
    }
    let rows = rows(&look, args.port.as_deref());
    let mut out = anstream::stdout().lock();
    if args.watch.show.json {
        print_json(&mut out, &BTreeMap::from([("drops", &rows)]))?;
    } else {
        write(&rows, look.is_second(), &mut out)?;
    }
    Ok(out.flush()?)
}

/// Of each port the reasons that there are, the most frequent first.
fn rows<'a>(look: &'a Look, only: Option<&str>) -> Vec<Row<'a>> {
    let ports = look.now.ports.iter();
    let ports = ports.filter(|port| only.is_none_or(|name| port.name == name));
    ports
        .flat_map(|port| {
            let drops = port
                .counters
                .drops
                .iter()
                .filter(|(_, frames)| **frames > 0);
            let mut rows: Vec<_> = drops
                .map(|(reason, frames)| Row {
                    port: &port.name,
                    reason,
                    frames: *frames,
                    frames_per_second: look.rate(port, |port| {
                        port.counters.drops.get(reason).copied().unwrap_or(0)
                    }),
                    advice: advice::on(reason).unwrap_or_default(),
                })
                .collect();
            rows.sort_by_key(|row| std::cmp::Reverse(row.frames));
            rows
        })
        .collect()
}

fn write(rows: &[Row<'_>], has_rates: bool, out: &mut dyn Write) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "{GOOD}nothing was dropped{GOOD:#}");
    }
    let mut table = Table::new([
        ("PORT", Align::Left),
        ("REASON", Align::Left),
        ("FRAMES", Align::Right),
        (if has_rates { "A SECOND" } else { "" }, Align::Right),
        ("WHAT TO DO", Align::Left),
    ]);
    for row in rows {
        let rate = row.frames_per_second.map(|rate| match rate {
            0.0 => Cell::styled("0", DIM),
            _ => Cell::styled(output::grouped(rate.round().max(1.0) as u64), WARN),
        });
        table.push([
            row.port.into(),
            row.reason.into(),
            Cell::styled(output::grouped(row.frames), WARN),
            rate.unwrap_or_default(),
            row.advice.into(),
        ]);
    }
    table.write(out)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::commands::status::tests::example;

    fn shown(look: &Look, only: Option<&str>) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        write(&rows(look, only), look.is_second(), &mut out).unwrap();
        String::from_utf8(out.into_inner()).unwrap()
    }

    #[test]
    fn the_most_frequent_reason_comes_first_with_what_to_do() {
        let look = Look::at(example());
        assert_eq!(
            shown(&look, None),
            format!(
                "\
PORT          REASON      FRAMES    WHAT TO DO
web-frontend  no-buffers   1 204    {}
web-frontend  runt             3    {}
",
                advice::on("no-buffers").unwrap(),
                advice::on("runt").unwrap()
            )
        );
        assert_eq!(shown(&look, Some("db")), "nothing was dropped\n");
    }

    #[test]
    fn two_looks_say_whether_it_goes_on() {
        let mut later = example();
        *later.ports[0].counters.drops.get_mut("runt").unwrap() += 1;
        let look = Look::after(example(), Duration::from_secs(10), later);
        let shown = shown(&look, None);
        let lines: Vec<_> = shown.lines().collect();
        assert!(lines[1].contains("1 204         0  its machine"), "{shown}");
        assert!(lines[2].contains("4         1  its machine"), "{shown}");
        assert_eq!(rows(&look, None)[1].frames_per_second, Some(0.1));
    }
}
