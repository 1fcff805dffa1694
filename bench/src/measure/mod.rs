//! One module for each question; each gives a table.

use std::time::Duration;

use crate::Result;
use crate::lab::Lab;
use crate::machine::{Flow, Format, Kind, Machine, introduce, one_way};
use crate::placement::Cpus;

pub mod fan;
pub mod growth;
pub mod idle;
pub mod latency;
pub mod throughput;
pub mod tso;

/// What every measurement is told.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Where guests and switch run.
    pub cpus: Cpus,
    /// How long a window is.
    pub window: Duration,
    /// How many windows are wanted of each.
    pub windows: usize,
    /// Whether guests write and read every byte.
    pub touch: bool,
}

/// A switch with two machines that know each other, and frames going from the first to the second.
pub struct Pair {
    /// Gone before the machines, as a switch that is stopped before its guests.
    pub lab: Lab,
    /// The sender.
    pub from: Machine,
    /// The receiver.
    pub to: Machine,
}

impl Pair {
    /// Frames of `len` bytes between two guests of this kind.
    pub fn new(settings: &Settings, kind: Kind, len: usize) -> Result<Pair> {
        Self::in_lab(Lab::new(Some(settings.cpus.switch), 2)?, kind, len)
    }

    /// As [`Pair::new`], on the first two ports of a switch.
    pub fn in_lab(lab: Lab, kind: Kind, len: usize) -> Result<Pair> {
        let (mut from, mut to) = (Machine::new(1, kind, len)?, Machine::new(2, kind, len)?);
        from.connect(&lab.socket(0))?;
        to.connect(&lab.socket(1))?;
        lab.wait_until_up(2)?;
        introduce(&mut [&mut from, &mut to])?;
        lab.wait_until_known(2)?;
        from.aim(to.mac(), len);
        to.aim(from.mac(), len);
        Ok(Pair { lab, from, to })
    }

    /// One window.
    pub fn flow(&mut self, time: Duration) -> Result<Flow> {
        let before = self.worked();
        let mut flow = one_way(&mut self.from, &mut self.to, time);
        if flow.frames == 0 {
            return Err("no frame arrived".into());
        }
        let after = self.worked();
        let frames = (after.frames - before.frames) as f64;
        flow.worker_ns = (after.busy_ns - before.busy_ns) as f64 / frames;
        flow.worker_burst = frames / (after.turns - before.turns) as f64;
        Ok(flow)
    }

    fn worked(&self) -> Worked {
        let mut worked = Worked::default();
        for worker in self.lab.status().workers {
            worked.busy_ns += worker.busy_ns;
            worked.frames += worker.frames;
            worked.turns += worker.turns - worker.empty_turns;
        }
        worked
    }
}

/// What the workers have done so far.
#[derive(Default)]
struct Worked {
    busy_ns: u64,
    frames: u64,
    turns: u64,
}

/// Lets pairs take turns.
fn flows(settings: &Settings, pairs: &mut [Pair]) -> Result<crate::placement::Windows<Flow>> {
    let mut windows: Vec<_> = pairs
        .iter_mut()
        .map(|pair| move || pair.flow(settings.window))
        .collect();
    let mut contestants: Vec<&mut dyn FnMut() -> Result<Flow>> = windows
        .iter_mut()
        .map(|window| window as &mut dyn FnMut() -> Result<Flow>)
        .collect();
    settings.cpus.interleave(settings.windows, &mut contestants)
}

/// Every size with every format.
fn each(formats: &[Format], sizes: &[usize]) -> impl Iterator<Item = (Format, usize)> {
    formats
        .iter()
        .flat_map(move |format| sizes.iter().map(move |size| (*format, *size)))
}

/// Bytes of a frame in the ring that takes `size` bytes on a wire, check sequence included.
pub const fn in_ring(size: usize) -> usize {
    size - 4
}
