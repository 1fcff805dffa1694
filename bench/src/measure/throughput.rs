//! How many frames a second one worker carries from one guest to another, by their size.

use super::{Pair, Settings, each, flows, in_ring};
use crate::Result;
use crate::machine::{Format, Kind};
use crate::report::Table;

/// One way between two guests.
pub fn measure(settings: &Settings, formats: &[Format], sizes: &[usize]) -> Result<Table> {
    let mut pairs = Vec::new();
    for (format, size) in each(formats, sizes) {
        let kind = Kind {
            touch: settings.touch,
            ..Kind::for_frames(format, in_ring(size))
        };
        pairs.push(Pair::new(settings, kind, in_ring(size))?);
    }
    let windows = flows(settings, &mut pairs)?;
    let columns = [
        ("Mframe/s", 2),
        ("Gbit/s", 1),
        ("worker ns a frame", 1),
        ("frames a turn", 0),
        ("guests busy %", 0),
        ("refused %", 0),
    ];
    let mut table = Table::new("Frames from one guest to another", &columns);
    for (at, (format, size)) in each(formats, sizes).enumerate() {
        let rate = windows.median(at, |flow| flow.mframes());
        let figures = [
            rate,
            rate * (size - 4) as f64 * 8.0 / 1e3,
            windows.median(at, |flow| flow.worker_ns),
            windows.median(at, |flow| flow.worker_burst),
            windows.median(at, |flow| flow.busy * 100.0),
            windows.median(at, |flow| flow.refused * 100.0),
        ];
        table.row(format!("{format} {size}"), &figures);
    }
    table.notes.push(windows.note());
    table.notes.push(
        "Where hardly a burst was refused, the guests' CPU was the limit and the switch could have carried more.".into(),
    );
    Ok(table)
}
