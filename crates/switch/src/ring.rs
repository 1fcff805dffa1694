//! A from-guest ring in its worker's hands.

use std::time::{Duration, Instant};

use crate::PortId;
use crate::port::FromGuest;

/// How long a ring is polled after its last frame before the guest is asked to kick.
const SPIN: Duration = Duration::from_micros(25);

/// Empty looks between two looks at the clock.
const LOOKS_A_CLOCK: u32 = 32;

pub(crate) struct Ring {
    pub(crate) port: PortId,
    pub(crate) from_guest: Box<dyn FromGuest>,
    pub(crate) pace: Pace,
    /// Frames wait for a receiver's buffers.
    pub(crate) is_holding: bool,
}

impl Ring {
    pub(crate) fn new(port: PortId, from_guest: Box<dyn FromGuest>) -> Self {
        Self {
            port,
            from_guest,
            pace: Pace::default(),
            is_holding: false,
        }
    }
}

/// Whether a ring is polled or waits for a kick.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    pub(crate) is_armed: bool,
    empty_looks: u32,
    quiet_since: Option<Instant>,
}

impl Pace {
    #[inline]
    pub(crate) fn worked(&mut self) {
        self.empty_looks = 0;
        self.quiet_since = None;
    }

    /// Notes an empty look. True when the ring has been quiet for long enough to wait for a kick.
    #[inline]
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.empty_looks += 1;
        if self.empty_looks < LOOKS_A_CLOCK {
            return false;
        }
        self.empty_looks = 0;
        let now = Instant::now();
        now - *self.quiet_since.get_or_insert(now) >= SPIN
    }
}
