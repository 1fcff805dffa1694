//! What the switch would do with a frame, and by which rule: the same judges that workers ask, watched by somebody who writes
//! down what they decide. Nothing is learnt, counted or sent by asking.
//!
//! What cannot be said is what depends on the moment: whether a receiver has buffers, and what a rate or a storm limit has
//! left.

mod ask;
mod compose;
mod fields;
mod notes;
mod sentence;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::ask::Question;
pub use self::fields::{Fields, FieldsError};
use crate::DropReason;
use crate::policy::{Objection, Ruling, Way};

/// What would become of a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// Name of the port that it comes from.
    pub port: String,
    /// What is decided before it is known who has it, in order.
    pub steps: Vec<Step>,
    /// Why it goes nowhere, if that is so whoever could have it.
    pub dropped: Option<DropReason>,
    /// Who could have it or copies of it, and what becomes of it there.
    pub receivers: Vec<Receiver>,
}

/// What becomes of a frame at one port that could have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receiver {
    /// Name of the port.
    pub port: String,
    /// Why it could have it.
    pub reason: Reason,
    /// What is decided there, in order.
    pub steps: Vec<Step>,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a frame at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The port has it, if its machine has buffers.
    Delivered,
    /// It is dropped, and counted there or at its sender.
    Dropped(DropReason),
    /// It is not for that port.
    NotMeant,
}

/// Why a port could have a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A filter leads there.
    Filter,
    /// It is the other end of a wire.
    Wire,
    /// It goes to everybody, or to everybody who asked for it.
    Flood,
    /// It gets copies of what another port sends or receives.
    Mirror,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// No machine runs at the port: nothing comes from it, and nothing can be given to it.
    NotRunning,
    /// Its sender leaves work undone: a checksum, and cutting it into segments of so many bytes.
    Undone {
        /// Bytes of data in a segment; none if it is not to be cut.
        mss: Option<u16>,
        /// Its own headers and length allow that.
        is_possible: bool,
    },
    /// How large it may be.
    Mtu {
        /// The MTU.
        mtu: u16,
        /// It is larger.
        is_exceeded: bool,
    },
    /// What the guards say that look into it.
    Guards(Option<Objection>),
    /// What the rules of a port say.
    Rules {
        /// For which way.
        way: Way,
        /// The rule that decides; without one it passes.
        ruling: Option<Ruling>,
    },
    /// The network is a hub: to every other port.
    Hub,
    /// It is for the next bridge (01-80-C2-00-00-0X).
    LinkLocal {
        /// Such frames pass the port.
        passes: bool,
    },
    /// Where it is.
    Vlan {
        /// The VLAN; 0: none.
        vlan: u16,
        /// The outer tag that it was sent with: priority and VLAN.
        tag: Option<u16>,
    },
    /// Where its source is known to be.
    Source(Known),
    /// A filter for its destination.
    Destination {
        /// The filter's id; a learnt one has none.
        filter: Option<u16>,
        /// The queue that it leads to.
        queue: u16,
        /// The port of that queue.
        port: String,
    },
    /// No filter knows its destination, or that is a group: to everybody.
    Flood,
    /// Who wants which group is listened to.
    Groups {
        /// It is one by which that is known.
        is_heard: bool,
        /// It goes to those who asked for it and to routers, not to everybody.
        is_narrowed: bool,
    },
    /// It is a copy of what another port's guest sent or was to have.
    Copy {
        /// Name of that port.
        of: String,
        /// Which of both.
        way: Way,
    },
    /// Nobody there asked for it.
    NotWanted,
    /// The port is not in its VLAN, or is kept apart from its sender.
    NotAdmitted(DropReason),
    /// How the receiver gets it.
    Form(Form),
    /// Which of the receiver's rings it goes to.
    Ring {
        /// The ring.
        ring: u8,
        /// The Toeplitz hash that says so, if it has one.
        hash: Option<u32>,
    },
    /// The receiver takes none of the work: it is done for it.
    Finished {
        /// Into how many frames.
        frames: u32,
    },
}

/// What is known of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// It is configured for the port, by this filter.
    Configured(u16),
    /// It was learnt there.
    Learnt,
    /// It would be learnt there.
    New,
    /// It would move there from this port.
    Moves(String),
    /// It is configured for this port, and nothing is learnt against that.
    Elsewhere(String),
}

/// How a receiver gets a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As it was sent.
    AsSent,
    /// Without its outer tag.
    Untagged,
    /// With this one: priority and VLAN.
    Tagged(u16),
}

/// Why nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// There is no such port.
    #[error("there is no port {0}")]
    UnknownPort(u16),
    /// No frame is so long.
    #[error("a frame has at most {max} bytes, and this one {0}", max = crate::MAX_FRAME)]
    TooLong(usize),
    /// There is no memory to lay it down in.
    #[error("no memory for the frame")]
    Memory,
}

impl Explanation {
    /// Names of the ports that would have the frame.
    pub fn delivered_to(&self) -> impl Iterator<Item = &str> {
        let receivers = self.receivers.iter();
        let those = receivers.filter(|receiver| receiver.fate == Fate::Delivered);
        those.map(|receiver| receiver.port.as_str())
    }
}
