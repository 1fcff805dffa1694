//! Port policies: what an administrator asks of a port, and what that means for a frame.
//!
//! ```text
//!  settings + values      what is asked: plain data, the same in the file, the API and here
//!        │ compiled by control, once a change
//!        ▼
//!  Policy                 what workers act on, part of a port's entry in the snapshot
//!        │
//!  judge                  one frame, on the host's lookahead copy ──▶ Verdict
//! ```

mod guards;
mod judge;
mod packet;
mod rules;
mod settings;
mod values;

pub use self::guards::{Guard, Guards, Objection};
pub(crate) use self::judge::{Verdict, judge};
pub(crate) use self::packet::chain;
pub use self::packet::{
    Arp, Content, Ip, LinkAddresses, Neighbour, NotSeen, Packet, Part, Ports, protocol,
};
pub use self::rules::{Count, RuleTotals, Rules, Ruling, Way};
pub use self::settings::{
    Action, Bandwidth, Direction, Impairment, Learning, Mirror, NetworkMode, NetworkPolicy,
    PortPolicy, PrivateRole, Rate, Rule, StormLimits, VlanMode,
};
pub use self::values::{IpPrefix, PortRange, ValueError, VlanSet};

/// A port's policy as the workers act on it.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    /// Whether what becomes of a frame can depend on more than both addresses and the first tag, or is counted frame by
    /// frame: then each frame is judged by itself.
    pub(crate) is_deep: bool,
}

impl Policy {
    /// Compiles what is asked of a port.
    pub(crate) fn new(_asked: &PortPolicy) -> Self {
        Self { is_deep: false }
    }
}
