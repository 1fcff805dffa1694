//! `vmq events`: what happened in the switch, and what happens.

use std::io::{self, Write};
use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::{open, print_json};
use crate::cli::EventsArgs;
use crate::control::{Client, ClientError, EventList, EventView, Told};
use crate::failure::Failure;
use crate::output::{DIM, HEAD, WARN};

/// Prints the events that the switch still has, and goes on if it is to.
pub(crate) fn run(args: &EventsArgs) -> Result<(), Failure> {
    let client = open(&args.show.reach)?;
    let known = all(&client)?;
    let mut out = anstream::stdout().lock();
    if args.show.json && !args.follow {
        print_json(&mut out, &known)?;
        return Ok(out.flush()?);
    }
    let mut printer = Printer {
        out: &mut out,
        json: args.show.json,
    };
    let last = known.last;
    printer.missed(known.missed)?;
    for event in &known.events {
        printer.event(event)?;
    }
    if args.follow {
        follow(&client, last, &mut printer)?;
    }
    Ok(out.flush()?)
}

/// All that are kept. The switch hands them out in portions.
fn all(client: &Client) -> Result<EventList, ClientError> {
    let mut all = client.events(0)?;
    loop {
        let more = client.events(all.last)?;
        if more.events.is_empty() {
            return Ok(all);
        }
        all.events.extend(more.events);
        all.missed += more.missed;
        all.last = more.last;
    }
}

fn follow(client: &Client, after: u64, printer: &mut Printer<'_>) -> Result<(), Failure> {
    printer.out.flush()?;
    let mut printed = Ok(());
    client.follow(Some(after), |told| {
        printed = match told {
            Told::Event(event) => printer.event(&event),
            Told::Missed(count) => printer.missed(count),
        };
        printed = std::mem::replace(&mut printed, Ok(())).and_then(|()| printer.out.flush());
        match printed {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    Ok(printed?)
}

struct Printer<'a> {
    out: &'a mut dyn Write,
    json: bool,
}

impl Printer<'_> {
    fn event(&mut self, event: &EventView) -> io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut self.out, event)?;
            return writeln!(self.out);
        }
        let Ok(Value::Object(mut members)) = serde_json::to_value(event) else {
            return Ok(());
        };
        for key in ["number", "time"] {
            members.remove(key);
        }
        let kind = members.remove("kind");
        let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
        writeln!(
            self.out,
            "{DIM}{}{DIM:#}  {HEAD}{kind:15}{HEAD:#}  {}",
            event.time,
            facts(&members)
        )
    }

    fn missed(&mut self, count: u64) -> io::Result<()> {
        match (count, self.json) {
            (0, _) => Ok(()),
            (_, true) => writeln!(self.out, "{{\"missed\":{count}}}"),
            (_, false) => writeln!(self.out, "{WARN}{count} events were not kept{WARN:#}"),
        }
    }
}

/// What an event says besides what it is, `port=web queue=3`.
fn facts(members: &Map<String, Value>) -> String {
    let said = members.iter().filter(|(_, value)| !value.is_null());
    let said: Vec<_> = said
        .map(|(key, value)| match value {
            Value::String(text) if !text.contains(' ') => format!("{key}={text}"),
            _ => format!("{key}={value}"),
        })
        .collect();
    said.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(json: bool, events: &[Value]) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        let mut printer = Printer {
            out: &mut out,
            json,
        };
        for event in events {
            let event = serde_json::from_value(event.clone()).unwrap();
            printer.event(&event).unwrap();
        }
        printer.missed(0).unwrap();
        printer.missed(3).unwrap();
        String::from_utf8(out.into_inner()).unwrap()
    }

    #[test]
    fn an_event_is_a_line() {
        let events = [
            json!({ "number": 7, "time": "2026-11-25T12:00:00.000001Z", "kind": "port_added", "port": "web",
                    "network": "lab" }),
            json!({ "number": 8, "time": "2026-11-25T12:00:01.000001Z", "kind": "port_closed", "port": "web",
                    "reason": "its ring names descriptor 300" }),
            json!({ "number": 9, "time": "2026-11-25T12:00:02.000001Z", "kind": "port_closed", "port": "web",
                    "reason": null }),
        ];
        assert_eq!(
            shown(false, &events),
            "\
2026-11-25T12:00:00.000001Z  port_added       network=lab port=web
2026-11-25T12:00:01.000001Z  port_closed      port=web reason=\"its ring names descriptor 300\"
2026-11-25T12:00:02.000001Z  port_closed      port=web
3 events were not kept
"
        );
        let lines = shown(true, &events);
        let lines: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines[..3], events);
        assert_eq!(lines[3], json!({ "missed": 3 }));
    }
}
