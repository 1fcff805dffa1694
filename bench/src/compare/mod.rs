//! vmq beside the switches that people use today, with the same guests, on the machine at hand.
//!
//! ```text
//!   for each ring format and frame size, several times over:
//!     for each switch:  start it ─▶ attach two guests ─▶ rate windows, round trips ─▶ end it
//! ```
//!
//! The others poll, so only one switch is there at a time; that they take turns lets slow drift of the machine fall on all of
//! them alike. Invariant: whatever was started is ended by its own id, also when a measurement fails.

use std::path::Path;
use std::time::Duration;

use crate::Result;
use crate::machine::{Flow, Format, Kind, Machine, introduce, one_way};
use crate::measure::Settings;
use crate::measure::in_ring;
use crate::measure::latency::{Trips, round_trips};
use crate::placement::median;
use crate::report::Table;

mod peer;
mod process;

pub use peer::{Missing, Peer};

/// What each switch is asked for.
pub struct Plan<'a> {
    /// Who takes part.
    pub peers: &'a [Peer],
    /// Formats of the guests' rings.
    pub formats: &'a [Format],
    /// Sizes on a wire, check sequence included.
    pub sizes: &'a [usize],
    /// How often each is started anew.
    pub starts: usize,
}

/// One start of one switch.
struct Sample {
    flow: Flow,
    trips: Trips,
    is_near: bool,
}

/// Runs the plan and gives a table for each format.
pub fn measure(settings: &Settings, plan: &Plan<'_>) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for &format in plan.formats {
        let columns = [
            ("Mframe/s", 2),
            ("Gbit/s", 1),
            ("ns a frame", 0),
            ("guests busy %", 0),
            ("refused %", 0),
            ("p50 µs", 2),
            ("p99 µs", 2),
            ("windows", 0),
        ];
        let title = format!("Two guests, one CPU for the switch, {format} rings");
        let mut table = Table::new(title, &columns);
        for &size in plan.sizes {
            let mut samples: Vec<Vec<Sample>> = plan.peers.iter().map(|_| Vec::new()).collect();
            for _ in 0..plan.starts {
                for (peer, samples) in plan.peers.iter().zip(&mut samples) {
                    match run(settings, peer, format, size) {
                        Ok(windows) => samples.extend(windows),
                        // One bad start is no reason to lose the others; a switch without any shows as a gap.
                        Err(error) => {
                            eprintln!("bench: {} with {format} {size}: {error}", peer.name())
                        }
                    }
                }
            }
            for (peer, samples) in plan.peers.iter().zip(&samples) {
                table.row(format!("{} {size}", peer.name()), &figures(samples, size));
            }
        }
        table.notes.extend([
            "Medians of the windows in which the two CPUs were near each other before and after; figures of different calls do not compare.".into(),
            "ns a frame: what vmq's worker says it worked; for those that poll, all of their CPU's time.".into(),
            "Where hardly a burst was refused, the guests' CPU was the limit and the switch could have carried more.".into(),
        ]);
        tables.push(table);
    }
    Ok(tables)
}

fn figures(samples: &[Sample], size: usize) -> [f64; 8] {
    let near = || samples.iter().filter(|sample| sample.is_near);
    let middle = |figure: &dyn Fn(&Sample) -> f64| median(near().map(figure));
    let rate = middle(&|sample| sample.flow.mframes());
    [
        rate,
        rate * in_ring(size) as f64 * 8.0 / 1e3,
        middle(&|sample| sample.flow.worker_ns),
        middle(&|sample| sample.flow.busy * 100.0),
        middle(&|sample| sample.flow.refused * 100.0),
        middle(&|sample| sample.trips.p50),
        middle(&|sample| sample.trips.p99),
        near().count() as f64,
    ]
}

/// Starts a switch, measures it, ends it.
fn run(settings: &Settings, peer: &Peer, format: Format, size: usize) -> Result<Vec<Sample>> {
    let dir = Scratch::new()?;
    let switch = peer.start(&dir.0, settings.cpus)?;
    let len = in_ring(size);
    let kind = Kind {
        touch: settings.touch,
        ..Kind::for_frames(format, len)
    };
    let (mut from, mut to) = (Machine::new(1, kind, len)?, Machine::new(2, kind, len)?);
    for (number, machine) in [&mut from, &mut to].into_iter().enumerate() {
        let socket = crate::lab::socket(&dir.0, number);
        if peer.connects() {
            machine.listen(&socket)?;
        } else {
            machine.connect(&socket)?;
        }
    }
    // A switch that polls may take its time to see that its ports are up.
    std::thread::sleep(Duration::from_millis(500));
    introduce(&mut [&mut from, &mut to])?;
    from.aim(to.mac(), len);
    to.aim(from.mac(), len);
    one_way(&mut from, &mut to, Duration::from_millis(200));
    let mut samples = Vec::new();
    let mut before = settings.cpus.is_near()?;
    for _ in 0..settings.windows {
        let worked = switch.worked(&dir.0);
        let mut flow = one_way(&mut from, &mut to, settings.window);
        if flow.frames == 0 {
            return Err("no frame arrived".into());
        }
        flow.worker_ns = match (worked, switch.worked(&dir.0)) {
            (Some(before), Some(after)) => {
                (after.0 - before.0) as f64 / (after.1 - before.1) as f64
            }
            _ => 1e3 / flow.mframes(),
        };
        let trips = round_trips(&mut from, &mut to, settings.window / 2)?;
        let after = settings.cpus.is_near()?;
        samples.push(Sample {
            flow,
            trips,
            is_near: before && after,
        });
        before = after;
    }
    Ok(samples)
}

/// A folder for sockets and logs, gone with the switch.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new() -> Result<Scratch> {
        let dir = std::env::temp_dir().join(format!("vmq-compare-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        Ok(Scratch(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Path::new(&self.0));
    }
}
