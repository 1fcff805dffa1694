//! What an administrator can ask of a port or a network: plain values, the same in the configuration file, in the API
//! and here. Names follow `Set-VMNetworkAdapter` and `Set-VMNetworkAdapterVlan` where Hyper-V has the setting.
//!
//! Every default lets traffic pass as a plain switch does.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmq::{Mac, VlanId};

use super::values::{IpPrefix, PortRange, VlanSet};

/// What a port's traffic must keep to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PortPolicy {
    /// Which VLANs the port is in, and how its frames are tagged. A hub knows no VLANs.
    pub vlan: VlanMode,
    /// It exchanges frames only with ports that are not isolated.
    pub isolated: bool,
    /// Whether frames to link-local groups (01-80-C2-00-00-0X: STP, LACP, LLDP) pass, between ports that both let them,
    /// whatever their VLANs. Unset: as the network says.
    pub link_local: Option<bool>,
    /// Whether the guest may send from any source address. Unset: only if no address is configured for the port, or in a hub.
    pub mac_spoofing: Option<bool>,
    /// DHCP answers from the guest are dropped.
    pub dhcp_guard: bool,
    /// Router advertisements and redirects from the guest are dropped, those of IPv4 too.
    pub router_guard: bool,
    /// The guest may use these IP addresses only: in IP headers, ARP and neighbour discovery. Unset: any.
    #[schemars(length(max = 256))]
    pub allowed_addresses: Option<Vec<IpPrefix>>,
    /// Tried in order; the first that matches decides, and a frame that matches none passes.
    #[schemars(length(max = 256))]
    pub rules: Vec<Rule>,
    /// How much the port may move.
    pub bandwidth: Bandwidth,
    /// How many frames a second the guest may send to many at once. Unset: any number.
    pub storm: StormLimits,
    /// A copy of the port's frames goes to another port.
    pub mirror: Option<Mirror>,
    /// What the switch learns from the guest.
    pub learning: Learning,
    /// A bad line, for labs: what happens to frames that the guest sends.
    pub impairment: Impairment,
}

/// Which VLANs a port is in, `Set-VMNetworkAdapterVlan`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum VlanMode {
    /// Tags pass as they are; the guest is in every VLAN that it has a tag for.
    #[default]
    Transparent,
    /// Untagged frames only, in and out.
    Untagged,
    /// Untagged to the guest, in this VLAN to everybody else.
    Access(VlanId),
    /// Tagged, in the allowed VLANs; `native` is the one whose frames are untagged.
    Trunk {
        /// Which VLANs.
        allowed: VlanSet,
        /// The VLAN of untagged frames; unset: they are dropped.
        native: Option<VlanId>,
    },
    /// Private VLANs (RFC 5517): one primary VLAN, in which who may talk to whom depends on the role.
    Private {
        /// The VLAN that promiscuous ports see.
        primary: VlanId,
        /// The port's part in it.
        role: PrivateRole,
    },
}

/// A port's part in a private VLAN. All roles are untagged to the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PrivateRole {
    /// Talks to promiscuous ports of the primary VLAN only.
    Isolated,
    /// Talks to promiscuous ports and to ports of the same community.
    Community(VlanId),
    /// Talks to all ports of the primary VLAN.
    Promiscuous,
}

/// One allow or deny rule, `Add-VMNetworkAdapterExtendedAcl`. A frame matches if it passes every test that is given;
/// *local* is the guest's side, *remote* the other, whichever way the frame goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What becomes of a frame that matches.
    pub action: Action,
    /// Which way the frame goes.
    #[serde(default)]
    pub direction: Direction,
    /// The guest's MAC address.
    #[serde(default)]
    pub local_mac: Option<Mac>,
    /// The other side's MAC address.
    #[serde(default)]
    pub remote_mac: Option<Mac>,
    /// The guest's IP address.
    #[serde(default)]
    pub local_address: Option<IpPrefix>,
    /// The other side's IP address.
    #[serde(default)]
    pub remote_address: Option<IpPrefix>,
    /// The IP protocol number, such as 6 for TCP; needed for ports.
    #[serde(default)]
    pub protocol: Option<u8>,
    /// The guest's TCP, UDP or SCTP port.
    #[serde(default)]
    pub local_port: Option<PortRange>,
    /// The other side's.
    #[serde(default)]
    pub remote_port: Option<PortRange>,
}

impl Rule {
    /// One that every frame matches, whichever way it goes.
    #[must_use]
    pub fn any(action: Action) -> Self {
        Self {
            action,
            direction: Direction::Both,
            local_mac: None,
            remote_mac: None,
            local_address: None,
            remote_address: None,
            protocol: None,
            local_port: None,
            remote_port: None,
        }
    }
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The frame passes.
    Allow,
    /// The frame is dropped.
    Deny,
}

/// Which way a frame goes, seen from the guest of the port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Either way.
    #[default]
    Both,
    /// The guest sends it.
    FromGuest,
    /// The guest receives it.
    ToGuest,
}

/// How much a port may move, each way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bandwidth {
    /// What the guest sends: it is held back, nothing is lost.
    pub from_guest: Rate,
    /// What the guest receives: more than `maximum` is dropped.
    pub to_guest: Rate,
    /// Share of the workers' time while ports compete for it, `-MinimumBandwidthWeight`, 1 to 100; unset: 1.
    #[schemars(range(min = 1, max = 100))]
    pub minimum_weight: Option<u8>,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rate {
    /// Bits a second, of Ethernet frames without preamble and checksum; unset: any.
    #[schemars(range(min = 10_000, max = 10_000_000_000_000_u64))]
    pub maximum: Option<u64>,
    /// Bytes that may come at once; unset: what comes in 10 ms, at least one largest frame.
    #[schemars(range(min = 65_554, max = 1_073_741_824))]
    pub burst: Option<u64>,
}

/// Frames a second from the guest; each unset: any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StormLimits {
    /// To everybody.
    pub broadcast: Option<u32>,
    /// To a group.
    pub multicast: Option<u32>,
    /// To a station that no filter knows.
    pub unknown_unicast: Option<u32>,
}

/// Where copies of a port's frames go, `-PortMirroring`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// Name of the port that gets the copies, of the same network.
    pub to: String,
    /// Which frames.
    #[serde(default)]
    pub direction: Direction,
}

/// What the switch learns from a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Learning {
    /// The most addresses learnt behind the port; 0: none; unset: as many as the switch allows a port.
    pub limit: Option<u32>,
    /// Addresses learnt elsewhere do not move to this port.
    pub no_moves: bool,
}

/// What happens to frames that the guest sends, for labs. The same seed and the same frames give the same fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Impairment {
    /// How much later each frame goes on its way, in milliseconds.
    #[schemars(range(min = 0.0, max = 10_000.0))]
    pub delay_ms: f64,
    /// The delay of each frame is up to this much more or less, in milliseconds.
    #[schemars(range(min = 0.0, max = 10_000.0))]
    pub jitter_ms: f64,
    /// Percent of the frames that are lost.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub loss_percent: f64,
    /// Percent of the frames that go out twice.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub duplicate_percent: f64,
    /// Percent of the frames that overtake those delayed before them.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub reorder_percent: f64,
    /// Bits a second; unset: any.
    #[schemars(range(min = 10_000, max = 10_000_000_000_000_u64))]
    pub rate: Option<u64>,
    /// Where the chances start from.
    #[schemars(range(max = 9_223_372_036_854_775_807_u64))]
    pub seed: u64,
}

/// What an isolated layer 2 domain is like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkPolicy {
    /// How frames find their ports.
    pub mode: NetworkMode,
    /// Whether frames to link-local groups (01-80-C2-00-00-0X: STP, LACP, LLDP) pass, as on a wire. A bridge keeps them from
    /// passing (IEEE 802.1Q, 8.6.3), for they are meant for the bridge itself.
    pub link_local: bool,
    /// Multicast frames go only where somebody asked for them (IGMP, MLD), once somebody asks who wants what. Not in a hub.
    pub multicast_snooping: bool,
    /// Seconds that a learnt address is kept after its last frame.
    #[schemars(range(min = 1))]
    pub max_age_seconds: u32,
}

impl NetworkPolicy {
    /// How long a learnt address is kept after its last frame.
    #[must_use]
    pub fn max_age(&self) -> Duration {
        Duration::from_secs(self.max_age_seconds.into())
    }
}

impl Default for NetworkPolicy {
    /// A switch that keeps addresses for 300 s, as bridges do (IEEE 802.1Q, 8.8.3).
    fn default() -> Self {
        Self {
            mode: NetworkMode::Switch,
            link_local: false,
            multicast_snooping: false,
            max_age_seconds: 300,
        }
    }
}

/// How frames find their ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    /// By filters, set and learnt.
    #[default]
    Switch,
    /// Every frame to every other port, as it is, nothing is learnt: with two ports a wire. LACP, STP, LLDP and every tag pass.
    Hub,
}

impl Impairment {
    /// Whether it changes anything.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self
            == Self {
                seed: self.seed,
                ..Self::default()
            }
    }
}
