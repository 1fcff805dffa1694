//! Frames of 64 KiB, as segmentation offload makes them, against what a CPU can copy at all.

use std::time::{Duration, Instant};

use super::{Pair, Settings};
use crate::Result;
use crate::machine::{Flow, Format, Kind};
use crate::placement::pin;
use crate::report::Table;

const LEN: usize = 65_535;

/// The rate of large frames, and its share of one CPU's memcpy over as much memory.
pub fn measure(settings: &Settings, format: Format) -> Result<Table> {
    let kind = Kind {
        touch: settings.touch,
        ..Kind::for_frames(format, LEN)
    };
    let mut pair = Pair::new(settings, kind, LEN)?;
    let cpu = settings.cpus.switch;
    let time = settings.window;
    // The receiver's ring holds this many frames: the copy goes round in the same two areas as the switch's.
    let received = usize::from(kind.ring) * kind.buffer as usize / LEN;
    let windows = settings.cpus.interleave(
        settings.windows,
        &mut [&mut || pair.flow(time), &mut || {
            std::thread::scope(|scope| {
                let copy = scope.spawn(move || {
                    let pinned = pin(cpu).map_err(|error| error.to_string());
                    pinned.map(|()| memcpy(kind.window.into(), received, time))
                });
                copy.join()
                    .map_err(|_| "the copy failed")?
                    .map_err(Into::into)
            })
        }],
    )?;
    let gbytes = |at| windows.median(at, |flow: &Flow| flow.mframes() * LEN as f64 / 1e3);
    let mut table = Table::new("Frames of 65 535 bytes", &[("GB/s", 2), ("of memcpy", 2)]);
    table.row(format!("vmq {format}"), &[gbytes(0), gbytes(0) / gbytes(1)]);
    table.row("memcpy on that CPU", &[gbytes(1), 1.0]);
    table.notes.push(windows.note());
    Ok(table)
}

/// Copies frames from one area to another, round and round.
fn memcpy(from: usize, to: usize, time: Duration) -> Flow {
    let source = vec![1u8; from * LEN];
    let mut target = vec![0u8; to * LEN];
    let mut frames = 0;
    let start = Instant::now();
    while start.elapsed() < time {
        let (at, place) = (frames % from * LEN, frames % to * LEN);
        target[place..place + LEN].copy_from_slice(&source[at..at + LEN]);
        std::hint::black_box(&mut target);
        frames += 1;
    }
    Flow {
        frames: frames as u64,
        seconds: start.elapsed().as_secs_f64(),
        ..Flow::default()
    }
}
