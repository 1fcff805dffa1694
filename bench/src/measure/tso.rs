//! Frames of 64 KiB, as segmentation offload makes them, against what a CPU can copy at all.

use std::cell::RefCell;
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
        offloads: true,
        ..Kind::for_frames(format, LEN)
    };
    let mut pair = Pair::new(settings, kind, LEN)?;
    pair.from.aim_large_segments(pair.to.mac(), LEN);
    let Settings { cpus, window, .. } = *settings;
    // The receiver's ring holds this many frames: the copies go round in as much memory as the switch's.
    let received = usize::from(kind.ring) * kind.buffer as usize / LEN;
    let pair = RefCell::new(pair);
    let windows = cpus.interleave(
        settings.windows,
        &mut [
            &mut || pair.borrow_mut().flow(window),
            &mut || {
                on(cpus.switch, cpus.guests, || {
                    memcpy(kind.window.into(), received, window)
                })
            },
            &mut || {
                let pair = pair.borrow();
                on(cpus.switch, cpus.guests, || {
                    rounds(window, |frame| {
                        pair.from.slot(frame).copy_to(pair.to.slot(frame));
                    })
                })
            },
        ],
    )?;
    let gbytes = |at| windows.median(at, |flow: &Flow| flow.mframes() * LEN as f64 / 1e3);
    let title = "TCP segments of 65 535 bytes between guests that take them whole";
    let mut table = Table::new(title, &[("GB/s", 2), ("of memcpy", 2)]);
    let names = [
        format!("vmq {format}"),
        "memcpy on that CPU".into(),
        "vmq's copy alone, guest to guest".into(),
    ];
    for (at, name) in names.into_iter().enumerate() {
        table.row(name, &[gbytes(at), gbytes(at) / gbytes(1)]);
    }
    table.notes.push(windows.note());
    table.notes.push(
        "memcpy has memory of this process, for which the kernel may use large pages; guests' memory is a file's, in pages of 4 KiB.".into(),
    );
    Ok(table)
}

/// Runs `work` on `cpu`, and the thread on `home` again after it.
fn on<T>(cpu: usize, home: usize, work: impl FnOnce() -> T) -> Result<T> {
    pin(cpu)?;
    let result = work();
    pin(home)?;
    Ok(result)
}

/// Copies frames from one area to another, round and round.
fn memcpy(from: usize, to: usize, time: Duration) -> Flow {
    let source = vec![1u8; from * LEN];
    let mut target = vec![0u8; to * LEN];
    rounds(time, |frame| {
        let (at, to) = (place(frame, from), place(frame, to));
        target[to..to + LEN].copy_from_slice(&source[at..at + LEN]);
        std::hint::black_box(&mut target);
    })
}

fn place(frame: u64, of: usize) -> usize {
    frame as usize % of * LEN
}

/// Calls `copy` with ascending numbers for `time`.
fn rounds(time: Duration, mut copy: impl FnMut(u64)) -> Flow {
    let mut frames = 0;
    let start = Instant::now();
    while start.elapsed() < time {
        copy(frames);
        frames += 1;
    }
    Flow {
        frames,
        seconds: start.elapsed().as_secs_f64(),
        ..Flow::default()
    }
}
