//! The status as JSON says it. Names here are promises to scripts: add, never rename.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use switch::policy::{NetworkMode, Rule};
use vmq::Mac;

use crate::config::Mode;

/// The switch at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct StatusView {
    /// Version of the program that runs.
    pub(crate) version: String,
    pub(crate) pid: u32,
    pub(crate) dir: PathBuf,
    pub(crate) uptime_seconds: u64,
    pub(crate) networks: Vec<NetworkView>,
    /// In the order of the configuration.
    pub(crate) ports: Vec<PortView>,
    pub(crate) workers: Vec<WorkerView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct NetworkView {
    pub(crate) name: String,
    /// How frames find their ports.
    pub(crate) mode: NetworkMode,
    /// How many ports it has.
    pub(crate) ports: usize,
    /// How many filters it has, configured and learnt.
    pub(crate) filters: usize,
    /// What multicast snooping knows: for each VLAN and version of IP that it heard of.
    pub(crate) groups: Vec<GroupsView>,
}

/// The multicast groups of one VLAN and version of IP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct GroupsView {
    /// The VLAN; 0: none.
    pub(crate) vlan: u16,
    /// IPv6's groups, else IPv4's.
    pub(crate) is_ipv6: bool,
    /// Frames to groups go only to those who asked for them.
    pub(crate) is_filtering: bool,
    /// Ports that lead to multicast routers.
    pub(crate) routers: Vec<String>,
    /// The groups that somebody asked for.
    pub(crate) groups: Vec<GroupView>,
}

/// One multicast group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct GroupView {
    pub(crate) mac: Mac,
    /// Ports that asked for it.
    pub(crate) members: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PortView {
    pub(crate) name: String,
    /// The network that it is in.
    pub(crate) network: String,
    pub(crate) mode: Mode,
    pub(crate) socket: PathBuf,
    /// A frontend is at the socket.
    pub(crate) is_connected: bool,
    /// Both rings of one of the guest's queue pairs run.
    pub(crate) is_up: bool,
    /// The largest payload of a frame to or from the port, configured or told by the VMM; `null`: any.
    pub(crate) mtu: Option<u16>,
    /// Why the switch ended the last connection, if it did.
    pub(crate) last_close: Option<String>,
    /// Its queue pairs in order, up to the last of which a ring runs.
    pub(crate) pairs: Vec<PairView>,
    pub(crate) queues: Vec<QueueView>,
    #[serde(flatten)]
    pub(crate) counters: PortCounters,
}

/// What a port has moved and lost since the switch started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PortCounters {
    /// What the guest sent.
    pub(crate) from_guest: Traffic,
    /// What the guest was given.
    pub(crate) to_guest: Traffic,
    /// Bytes moved for the deliveries of this port: looking at headers, and the copy.
    pub(crate) bytes_copied: u64,
    /// Frames from the guest that went to every other port.
    pub(crate) flooded: u64,
    /// Times that a frame from the guest waited for a receiver's buffers.
    pub(crate) held: u64,
    /// Times that a ring of the guest waited until its bandwidth allowed more.
    pub(crate) paced: u64,
    /// Large frames to the guest that were cut for it.
    pub(crate) segmented: u64,
    /// Other frames to the guest whose checksum was made for it.
    pub(crate) checksummed: u64,
    /// Notifications (calls) sent to the guest.
    pub(crate) notifications_sent: u64,
    /// Notifications spared, because the guest did not ask for one.
    pub(crate) notifications_suppressed: u64,
    /// Frames not delivered, by reason. Every reason is there.
    pub(crate) drops: BTreeMap<String, u64>,
    /// Its rules, in order, and what they decided of.
    pub(crate) rules: Vec<RuleView>,
}

/// One rule of a port, and what it decided of since the port has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RuleView {
    pub(crate) rule: Rule,
    /// Frames that the guest sent.
    pub(crate) from_guest: Traffic,
    /// Frames that the guest was to have.
    pub(crate) to_guest: Traffic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PairView {
    /// The worker that looks after its sending ring, if that runs.
    pub(crate) worker: Option<usize>,
    /// Its receiving ring runs.
    pub(crate) receives: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Traffic {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct QueueView {
    pub(crate) id: u16,
    pub(crate) state: String,
    pub(crate) filters: Vec<FilterView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct FilterView {
    pub(crate) mac: String,
    /// `null`: any VLAN; 0: untagged frames.
    pub(crate) vlan: Option<u16>,
    /// Learnt from what the guest sends; else configured.
    pub(crate) is_learned: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WorkerView {
    /// The CPU it is pinned to.
    pub(crate) cpu: Option<usize>,
    /// Sending rings that it looks after.
    pub(crate) rings: usize,
    /// Nanoseconds of work: neither asleep nor looking in vain.
    pub(crate) busy_ns: u64,
    /// Frames that it took out of its rings and finished.
    pub(crate) frames: u64,
    /// Bytes that it moved: looking at headers, and the copy.
    pub(crate) bytes_copied: u64,
    /// Notifications (calls) sent to guests.
    pub(crate) notifications_sent: u64,
    /// Notifications spared, because the guest did not ask for one.
    pub(crate) notifications_suppressed: u64,
    /// Rounds over its rings.
    pub(crate) turns: u64,
    /// Rounds in which no frame was finished.
    pub(crate) empty_turns: u64,
    pub(crate) sleeps: u64,
    /// Panics caught; each closed the port that it came from.
    pub(crate) panics: u64,
}

impl StatusView {
    pub(crate) fn port(&self, name: &str) -> Option<&PortView> {
        self.ports.iter().find(|port| port.name == name)
    }
}

impl PortView {
    /// The address that the configuration gives the port.
    pub(crate) fn configured_mac(&self) -> Option<Mac> {
        let mut filters = self.queues.iter().flat_map(|queue| &queue.filters);
        filters.find(|filter| !filter.is_learned)?.mac.parse().ok()
    }
}
