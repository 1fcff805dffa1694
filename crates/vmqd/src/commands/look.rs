//! One look at a running switch, or two and what moved between them.

use std::thread;
use std::time::{Duration, Instant};

use super::status_of;
use crate::cli::Watch;
use crate::control::{PortView, StatusView, Traffic};
use crate::failure::Failure;

/// What a switch was doing, and what it did in between if there was a look before.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) now: StatusView,
    before: Option<(StatusView, Duration)>,
}

/// How much moved in a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    pub(crate) frames: f64,
    pub(crate) bits: f64,
}

impl Look {
    /// Looks once, or twice if the command line says how long apart.
    pub(crate) fn take(watch: &Watch) -> Result<Self, Failure> {
        let reach = &watch.show.reach;
        let (first, start) = (status_of(reach)?, Instant::now());
        let Some(seconds) = watch.interval else {
            return Ok(Self {
                now: first,
                before: None,
            });
        };
        thread::sleep(Duration::from_secs(seconds.into()));
        let now = status_of(reach)?;
        Ok(Self {
            now,
            before: Some((first, start.elapsed())),
        })
    }

    #[cfg(test)]
    pub(crate) fn at(now: StatusView) -> Self {
        Self { now, before: None }
    }

    #[cfg(test)]
    pub(crate) fn after(before: StatusView, time: Duration, now: StatusView) -> Self {
        let before = Some((before, time));
        Self { now, before }
    }

    pub(crate) fn is_second(&self) -> bool {
        self.before.is_some()
    }

    /// How often something happened in a second that a port counts. `None` without a look before, or for a port that was not
    /// there then.
    pub(crate) fn rate(&self, port: &PortView, count: impl Fn(&PortView) -> u64) -> Option<f64> {
        let (before, time) = self.before.as_ref()?;
        let before = before.port(&port.name)?;
        // A port that went and came again has begun anew.
        let happened = count(port).saturating_sub(count(before));
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        Some(happened as f64 / time.as_secs_f64())
    }

    /// How much of some traffic moved in a second.
    pub(crate) fn traffic(
        &self,
        port: &PortView,
        of: impl Fn(&PortView) -> Traffic,
    ) -> Option<Rate> {
        Some(Rate {
            frames: self.rate(port, |port| of(port).frames)?,
            bits: 8.0 * self.rate(port, |port| of(port).bytes)?,
        })
    }
}

/// A worker's CPU as Windows names processors: group and number in it.
pub(crate) fn processor(cpu: Option<usize>) -> String {
    cpu.map_or("any".to_owned(), |cpu| format!("{}:{}", cpu / 64, cpu % 64))
}
