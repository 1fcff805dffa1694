//! What the switch costs when little or nothing moves, and how fast it is back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::latency::{Trips, pass, percentiles};
use super::{Pair, Settings, in_ring};
use crate::Result;
use crate::lab::Lab;
use crate::machine::{Format, Kind, Machine};
use crate::placement::pin;
use crate::report::Table;
use crate::threads::Cost;

const LEN: usize = in_ring(64);
/// Long enough for a worker to fall asleep.
const NAP: Duration = Duration::from_millis(3);
const WAKE_UPS: u64 = 100;
const QUIET_PORTS: usize = 64;
const QUIET: Duration = Duration::from_secs(10);

/// First frame after sleep, a light load, and 64 quiet ports.
pub fn measure(settings: &Settings) -> Result<Vec<Table>> {
    Ok(vec![
        first_frame(settings)?,
        light_load(settings)?,
        quiet(settings)?,
    ])
}

fn first_frame(settings: &Settings) -> Result<Table> {
    let mut pair = Pair::new(settings, Kind::for_frames(Format::Split, LEN), LEN)?;
    let cpu = settings.cpus.switch;
    let windows = settings.cpus.interleave(
        settings.windows,
        &mut [
            &mut || {
                let mut times = Vec::new();
                for _ in 0..WAKE_UPS {
                    std::thread::sleep(NAP);
                    let start = Instant::now();
                    pass(&mut pair.from, &mut pair.to)?;
                    times.push(start.elapsed().as_nanos() as u32);
                }
                Ok(percentiles(&mut times))
            },
            &mut || Ok(bare_wake_ups(cpu)),
        ],
    )?;
    let mut table = Table::new("First frame after sleep", &[("p50 µs", 1), ("p99 µs", 1)]);
    for (at, name) in ["vmq", "a bare thread"].into_iter().enumerate() {
        let figures = [windows.median(at, |w| w.p50), windows.median(at, |w| w.p99)];
        table.row(name, &figures);
    }
    table.notes.push(windows.note());
    table.notes.push(
        "The bare thread sleeps on the switch's CPU and is woken without any switch: the machine's own share.".into(),
    );
    Ok(table)
}

/// How long it takes to wake a thread on `cpu`, without any switch.
fn bare_wake_ups(cpu: usize) -> Trips {
    let awake = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            // Where the CPU cannot be had the figure is that of another, no worse.
            let _ = pin(cpu);
            for round in 1..=WAKE_UPS {
                std::thread::park();
                awake.store(round, Ordering::Release);
            }
        });
        let mut times = Vec::new();
        for round in 1..=WAKE_UPS {
            std::thread::sleep(NAP);
            let start = Instant::now();
            sleeper.thread().unpark();
            while awake.load(Ordering::Acquire) < round {
                std::hint::spin_loop();
            }
            times.push(start.elapsed().as_nanos() as u32);
        }
        percentiles(&mut times)
    })
}

fn light_load(settings: &Settings) -> Result<Table> {
    let mut table = Table::new(
        "A light load: one frame at a time, in equal distances",
        &[("% of a CPU", 2), ("switches a second", 0)],
    );
    let mut pair = Pair::new(settings, Kind::for_frames(Format::Split, LEN), LEN)?;
    for rate in [100u32, 1_000, 10_000] {
        let start = Instant::now();
        let before = Cost::of_others()?;
        let mut next = start;
        while start.elapsed() < Duration::from_secs(2) {
            next += Duration::from_secs(1) / rate;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            pass(&mut pair.from, &mut pair.to)?;
        }
        let seconds = start.elapsed().as_secs_f64();
        let cost = Cost::of_others()?.since(&before);
        let share = cost.cpu_ns as f64 / 1e9 / seconds;
        table.row(
            format!("{rate} frames/s"),
            &[share * 100.0, cost.switches as f64 / seconds],
        );
    }
    Ok(table)
}

fn quiet(settings: &Settings) -> Result<Table> {
    let lab = Lab::new(Some(settings.cpus.switch), QUIET_PORTS)?;
    let mut machines = Vec::new();
    for number in 0..QUIET_PORTS {
        let mut machine = Machine::new(number as u32 + 1, Kind::quiet(), LEN)?;
        machine.connect(&lab.socket(number))?;
        machines.push(machine);
    }
    lab.wait_until_up(QUIET_PORTS)?;
    std::thread::sleep(Duration::from_secs(1));
    let before = Cost::of_others()?;
    let sleeps = |lab: &Lab| {
        lab.status()
            .workers
            .iter()
            .map(|worker| worker.sleeps)
            .sum::<u64>()
    };
    let slept = sleeps(&lab);
    std::thread::sleep(QUIET);
    let cost = Cost::of_others()?.since(&before);
    let mut table = Table::new(
        "64 attached ports, nothing moves, ten seconds",
        &[
            ("wake-ups", 0),
            ("context switches", 0),
            ("clock ticks", 0),
            ("CPU µs", 1),
        ],
    );
    let woken = sleeps(&lab) - slept;
    table.row(
        "all threads of the switch",
        &[
            woken as f64,
            cost.switches as f64,
            cost.ticks as f64,
            cost.cpu_ns as f64 / 1e3,
        ],
    );
    Ok(table)
}
