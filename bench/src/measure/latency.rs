//! How long a frame takes to the other guest and one back, when nothing else is on the way.

use std::time::{Duration, Instant};

use super::{Pair, Settings, each, in_ring};
use crate::Result;
use crate::machine::{Format, Kind, Machine};
use crate::report::Table;

/// Round trips with one frame in flight.
pub fn measure(settings: &Settings, formats: &[Format], sizes: &[usize]) -> Result<Table> {
    let mut table = Table::new(
        "Round trip, one frame on the way",
        &[("p50 µs", 2), ("p99 µs", 2)],
    );
    let mut pairs = Vec::new();
    let mut names = Vec::new();
    for (format, size) in each(formats, sizes) {
        let len = in_ring(size);
        pairs.push(Pair::new(settings, Kind::for_frames(format, len), len)?);
        names.push(format!("{format} {size}"));
    }
    let mut windows: Vec<_> = pairs
        .iter_mut()
        .map(|pair| move || round_trips(&mut pair.from, &mut pair.to, settings.window))
        .collect();
    let mut contestants: Vec<&mut dyn FnMut() -> Result<Trips>> =
        windows.iter_mut().map(|window| window as _).collect();
    let windows = settings
        .cpus
        .interleave(settings.windows, &mut contestants)?;
    for (at, name) in names.into_iter().enumerate() {
        let figures = [
            windows.median(at, |trips| trips.p50),
            windows.median(at, |trips| trips.p99),
        ];
        table.row(name, &figures);
    }
    table.notes.push(windows.note());
    Ok(table)
}

/// Percentiles of a window, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Trips {
    /// Half of all trips took less.
    pub p50: f64,
    /// One in a hundred took more.
    pub p99: f64,
}

/// Frames to and fro for `time`.
pub fn round_trips(a: &mut Machine, b: &mut Machine, time: Duration) -> Result<Trips> {
    let mut trips = Vec::with_capacity(4 << 20);
    let start = Instant::now();
    let mut now = start;
    while now - start < time && trips.len() < trips.capacity() {
        pass(a, b)?;
        pass(b, a)?;
        let then = Instant::now();
        trips.push((then - now).as_nanos() as u32);
        now = then;
    }
    Ok(percentiles(&mut trips))
}

/// One frame, from its sending to its arrival.
pub fn pass(from: &mut Machine, to: &mut Machine) -> Result<()> {
    let mut looks = 0u64;
    if from.send(1) == 0 {
        return Err("a frame could not be sent into an empty ring".into());
    }
    while to.receive(1) == 0 {
        looks += 1;
        std::hint::spin_loop();
        if looks > 1 << 30 {
            return Err("a frame got lost".into());
        }
    }
    Ok(())
}

/// Of nanoseconds.
pub fn percentiles(nanoseconds: &mut [u32]) -> Trips {
    nanoseconds.sort_unstable();
    let at = |share: f64| {
        let place = (nanoseconds.len() as f64 * share) as usize;
        nanoseconds
            .get(place)
            .map_or(f64::NAN, |ns| f64::from(*ns) / 1e3)
    };
    Trips {
        p50: at(0.5),
        p99: at(0.99),
    }
}
