//! What the switch can say of itself: plain values, for whoever renders them.

use vmq::Mac;

use crate::counters::Totals;
use crate::policy::{NetworkPolicy, Rule, RuleTotals};
use crate::port::PortId;
use crate::spec::NetworkId;

/// The switch at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// Networks, by id; the default one is the first.
    pub networks: Vec<NetworkStatus>,
    /// Ports, by id.
    pub ports: Vec<PortStatus>,
    /// Workers, in order.
    pub workers: Vec<WorkerStatus>,
    /// Seconds since the switch started.
    pub uptime_seconds: u64,
}

/// One network.
#[derive(Clone, Debug)]
pub struct NetworkStatus {
    /// Its id.
    pub id: NetworkId,
    /// Its configured name.
    pub name: String,
    /// What it is like.
    pub policy: NetworkPolicy,
    /// How many ports it has.
    pub ports: usize,
    /// How many filters it has, configured and learnt.
    pub filters: usize,
    /// What is known of groups, for each VLAN and version of IP of which something was heard; nothing where nobody listens.
    pub groups: Vec<GroupsStatus>,
}

/// The multicast groups of one VLAN and version of IP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupsStatus {
    /// The VLAN; 0: none.
    pub vlan: u16,
    /// IPv6's groups, else IPv4's.
    pub is_ipv6: bool,
    /// Frames to groups go to those who asked for them only. Not so while nobody asks who wants what.
    pub is_filtering: bool,
    /// Names of the ports that lead to multicast routers, or to switches that ask in their place.
    pub routers: Vec<String>,
    /// The groups that somebody asked for.
    pub groups: Vec<GroupStatus>,
}

/// One multicast group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStatus {
    /// Its address; some groups of IP share one.
    pub mac: Mac,
    /// Names of the ports that asked for it.
    pub members: Vec<String>,
}

/// One port.
#[derive(Clone, Debug)]
pub struct PortStatus {
    /// Its id.
    pub id: PortId,
    /// Its configured name.
    pub name: String,
    /// Name of the network that it is in.
    pub network: String,
    /// A frontend is connected.
    pub is_connected: bool,
    /// Both rings of a queue pair run.
    pub is_up: bool,
    /// The MTU that counts, configured or told by the frontend; `None` for any.
    pub mtu: Option<u16>,
    /// Why the last connection ended, if the switch ended it.
    pub last_fault: Option<String>,
    /// Its queue pairs, as far as rings run.
    pub pairs: Vec<PairStatus>,
    /// Its receive queue.
    pub queue: QueueStatus,
    /// Its counters since it was configured.
    pub totals: Totals,
    /// Its rules, in order.
    pub rules: Vec<RuleStatus>,
}

/// One rule of a port.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleStatus {
    /// The rule.
    pub rule: Rule,
    /// The frames that it decided of since the port has it, among whatever others.
    pub totals: RuleTotals,
}

/// One queue pair of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairStatus {
    /// The worker that turns over its from-guest ring, if that runs.
    pub worker: Option<usize>,
    /// Its to-guest ring runs.
    pub receives: bool,
}

/// One receive queue, as the engine reports it.
#[derive(Clone, Debug)]
pub struct QueueStatus {
    /// NDIS queue id.
    pub id: u16,
    /// The reported operational state (Q11).
    pub state: String,
    /// Its filters.
    pub filters: Vec<FilterStatus>,
}

/// One receive filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterStatus {
    /// NDIS filter id; a learnt filter has none.
    pub id: Option<u16>,
    /// Destination address.
    pub mac: String,
    /// VLAN test: `None` accepts frames of any VLAN, `Some(0)` untagged ones.
    pub vlan: Option<u16>,
}

/// One worker.
#[derive(Clone, Debug)]
pub struct WorkerStatus {
    /// The CPU it is pinned to.
    pub cpu: Option<usize>,
    /// From-guest rings it owns.
    pub rings: usize,
    /// Nanoseconds it worked: neither slept nor looked in vain.
    pub busy_ns: u64,
    /// Frames that it took out of its rings and finished.
    pub frames: u64,
    /// Bytes it moved: lookahead copies and copies into receive buffers.
    pub bytes_copied: u64,
    /// Guests it notified.
    pub calls: u64,
    /// Notifications that it spared because the guest did not want one.
    pub calls_suppressed: u64,
    /// Rounds over its rings.
    pub turns: u64,
    /// Rounds in which no frame was finished.
    pub empty_turns: u64,
    /// Times it went to sleep.
    pub sleeps: u64,
    /// Panics caught; each closed the port it came from.
    pub panics: u64,
}
