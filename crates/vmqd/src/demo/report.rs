//! What the demonstration found, for people and as JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::DemoError;
use crate::commands::status;
use crate::control::{FilterView, PortView};
use crate::output::{self, Align, ERROR, GOOD, Table};

/// The whole. Names of its fields are promises to scripts.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// How long frames were moved.
    seconds: f64,
    guests: usize,
    /// Bytes of payload that were sent and have not arrived.
    lost: u64,
    /// Bytes of payload that arrived different.
    altered: u64,
    /// Bytes of payload that arrived.
    moved: u64,
    gbit_per_s: f64,
    /// Bytes that the switch copied for each byte that it delivered.
    copies_per_frame: f64,
    queues: Vec<Queue>,
}

/// One receive queue, that is one guest's receiving side.
#[derive(Debug, Serialize)]
pub(super) struct Queue {
    id: u16,
    guest: String,
    filters: Vec<FilterView>,
    /// Frames delivered to the guest.
    frames: u64,
    bytes: u64,
    gbit_per_s: f64,
    /// Median of a ping from this guest to its peer and back.
    round_trip_us: Option<f64>,
    /// None if nothing was delivered.
    copies_per_frame: Option<f64>,
    /// Frames dropped, by reason.
    drops: BTreeMap<String, u64>,
    #[serde(skip)]
    bytes_copied: u64,
}

impl Queue {
    /// What a port did between two looks at it.
    pub(super) fn between(
        before: &PortView,
        after: &PortView,
        round_trip: Option<Duration>,
        elapsed: Duration,
    ) -> Self {
        let queue = after.queues.first();
        let (before, counters) = (&before.counters, &after.counters);
        let bytes = counters.to_guest.bytes - before.to_guest.bytes;
        let bytes_copied = counters.bytes_copied - before.bytes_copied;
        let drops = counters.drops.iter().map(|(reason, frames)| {
            let earlier = before.drops.get(reason).copied().unwrap_or(0);
            (reason.clone(), frames - earlier)
        });
        Self {
            id: queue.map_or(0, |queue| queue.id),
            guest: after.name.clone(),
            filters: queue.map(|queue| queue.filters.clone()).unwrap_or_default(),
            frames: counters.to_guest.frames - before.to_guest.frames,
            bytes,
            gbit_per_s: gbit_per_s(bytes, elapsed),
            round_trip_us: round_trip.map(|time| time.as_secs_f64() * 1e6),
            copies_per_frame: (bytes > 0).then(|| ratio(bytes_copied, bytes)),
            drops: drops.collect(),
            bytes_copied,
        }
    }
}

impl Report {
    pub(super) fn new(
        queues: Vec<Queue>,
        elapsed: Duration,
        lost: u64,
        altered: u64,
        moved: u64,
    ) -> Self {
        let sum = |value: fn(&Queue) -> u64| queues.iter().map(value).sum::<u64>();
        let bytes = sum(|queue| queue.bytes);
        Self {
            seconds: elapsed.as_secs_f64(),
            guests: queues.len(),
            lost,
            altered,
            moved,
            gbit_per_s: gbit_per_s(bytes, elapsed),
            copies_per_frame: ratio(sum(|queue| queue.bytes_copied), bytes),
            queues,
        }
    }

    /// An error unless something was moved and every byte of it arrived as it was sent.
    pub(super) fn verdict(&self) -> Result<(), DemoError> {
        match *self {
            Self {
                lost: 0,
                altered: 0,
                moved: 0,
                ..
            } => Err(DemoError::NothingMoved),
            Self {
                lost: 0,
                altered: 0,
                ..
            } => Ok(()),
            Self { lost, altered, .. } => Err(DemoError::Unproven { lost, altered }),
        }
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new([
            ("QUEUE", Align::Right),
            ("GUEST", Align::Left),
            ("FILTER", Align::Left),
            ("FRAMES", Align::Right),
            ("GBIT/S", Align::Right),
            ("ROUND TRIP", Align::Right),
            ("COPIES/FRAME", Align::Right),
            ("DROPPED", Align::Right),
        ]);
        for queue in &self.queues {
            table.push([
                queue.id.to_string().into(),
                queue.guest.as_str().into(),
                status::filters(&queue.filters).into(),
                output::grouped(queue.frames).into(),
                format!("{:.2}", queue.gbit_per_s).into(),
                queue
                    .round_trip_us
                    .map_or_else(String::new, |us| format!("{us:.0} µs"))
                    .into(),
                queue
                    .copies_per_frame
                    .map_or_else(String::new, |copies| format!("{copies:.3}"))
                    .into(),
                status::dropped(&queue.drops),
            ]);
        }
        writeln!(out)?;
        table.write(out)?;
        status::write_drops(
            self.queues
                .iter()
                .map(|queue| (queue.guest.as_str(), &queue.drops)),
            out,
        )?;
        writeln!(out)?;
        writeln!(
            out,
            "{} in {:.1} s, {:.2} Gbit/s, {:.3} copies a frame",
            output::bytes(self.moved),
            self.seconds,
            self.gbit_per_s,
            self.copies_per_frame
        )?;
        let style = if self.verdict().is_ok() { GOOD } else { ERROR };
        let (lost, altered) = (output::grouped(self.lost), output::grouped(self.altered));
        writeln!(
            out,
            "{style}{lost} bytes lost, {altered} bytes altered{style:#}"
        )
    }
}

pub(super) fn gbit_per_s(bytes: u64, elapsed: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let bits = bytes as f64 * 8.0;
    bits / elapsed.as_secs_f64().max(1e-9) / 1e9
}

fn ratio(copied: u64, delivered: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let (copied, delivered) = (copied as f64, delivered as f64);
    if delivered > 0.0 {
        copied / delivered
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;
    use crate::control::{PortCounters, QueueView, Traffic};

    fn port(name: &str, id: u16, frames: u64, copied: u64) -> PortView {
        let filter = FilterView {
            mac: format!("02:00:00:00:00:0{id}"),
            vlan: None,
            is_learned: false,
        };
        PortView {
            name: name.to_owned(),
            network: "default".to_owned(),
            mode: Mode::Server,
            socket: "/nowhere".into(),
            is_connected: true,
            is_up: true,
            mtu: None,
            last_close: None,
            pairs: Vec::new(),
            queues: vec![QueueView {
                id,
                state: "Running".to_owned(),
                filters: vec![filter],
            }],
            counters: PortCounters {
                to_guest: Traffic {
                    frames,
                    bytes: frames * 9000,
                },
                bytes_copied: copied,
                drops: BTreeMap::from([("no-buffers".to_owned(), frames / 1000)]),
                ..PortCounters::default()
            },
        }
    }

    fn report(lost: u64, altered: u64, moved: u64) -> Report {
        let (second, trip) = (Duration::from_secs(2), Some(Duration::from_micros(38)));
        let queues = vec![
            Queue::between(
                &port("guest0", 1, 1000, 1),
                &port("guest0", 1, 2000, 9_180_001),
                trip,
                second,
            ),
            Queue::between(
                &port("guest1", 2, 0, 0),
                &port("guest1", 2, 0, 0),
                None,
                second,
            ),
        ];
        Report::new(queues, second, lost, altered, moved)
    }

    #[test]
    fn only_what_happened_between_the_two_looks_counts() {
        let value = serde_json::to_value(report(0, 0, 8_000_000)).unwrap();
        assert_eq!(value["queues"][0]["frames"], 1000);
        assert_eq!(value["queues"][0]["drops"]["no-buffers"], 1);
        assert_eq!(value["queues"][0]["copies_per_frame"], 1.02);
        assert_eq!(value["queues"][0]["gbit_per_s"], 0.036);
        assert_eq!(
            value["queues"][1]["copies_per_frame"],
            serde_json::Value::Null
        );
        assert_eq!(
            (&value["copies_per_frame"], &value["guests"]),
            (&1.02.into(), &2.into())
        );
    }

    #[test]
    fn one_byte_lost_or_altered_or_none_moved_is_a_failure() {
        assert!(report(0, 0, 1).verdict().is_ok());
        assert!(matches!(
            report(1, 0, 1).verdict(),
            Err(DemoError::Unproven {
                lost: 1,
                altered: 0
            })
        ));
        assert!(matches!(
            report(0, 1, 1).verdict(),
            Err(DemoError::Unproven {
                lost: 0,
                altered: 1
            })
        ));
        assert!(matches!(
            report(0, 0, 0).verdict(),
            Err(DemoError::NothingMoved)
        ));
    }

    #[test]
    fn people_see_a_table_and_a_verdict() {
        let mut out = anstream::StripStream::new(Vec::new());
        report(0, 3, 8_000_000).write(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out.into_inner()).unwrap(),
            "
QUEUE  GUEST   FILTER             FRAMES  GBIT/S  ROUND TRIP  COPIES/FRAME  DROPPED
    1  guest0  02:00:00:00:00:01   1 000    0.04       38 µs         1.020        1
    2  guest1  02:00:00:00:00:02       0    0.00                                  0

DROPPED AT  REASON      FRAMES
guest0      no-buffers       1

8.00 MB in 2.0 s, 0.04 Gbit/s, 1.020 copies a frame
0 bytes lost, 3 bytes altered
"
        );
    }
}
