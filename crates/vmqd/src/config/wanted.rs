//! What a switch is to be: one plain value, the same for the file, the API and the command line.
//!
//! The file is a spelling of it in TOML, the API one in JSON. What is left out holds its default; a value that is here is
//! what was asked for, whether or not it can be had: that is for [`judge`](super::judge) to say.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error, MapAccess};
use serde::{Deserialize, Serialize};
use switch::policy::{NetworkPolicy, PortPolicy};
use switch::{Idle, PortSettings, WhenFull};
use vmq::Affinity;

use super::address::AddressFilter;
use super::flat::{self, Own};
use crate::cpus::CpuList;

/// Stem of the control socket, and therefore no name for a port.
pub(crate) const CONTROL_SOCKET: &str = "vmq";

/// The network that is always there, and of ports that name no other.
pub(crate) const DEFAULT_NETWORK: &str = "default";

/// A whole switch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) switch: SwitchConfig,
    pub(crate) api: Option<ApiConfig>,
    #[serde(rename = "network")]
    pub(crate) networks: Vec<NetworkConfig>,
    #[serde(rename = "port")]
    pub(crate) ports: Vec<PortConfig>,
}

/// What holds for all of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SwitchConfig {
    /// Where the sockets are. Absolute, once the configuration is read.
    pub(crate) dir: PathBuf,
    /// One worker on each of these; unset: one worker, wherever the kernel puts it.
    pub(crate) cpus: Option<CpuList>,
    /// What a worker does when nothing moves.
    pub(crate) idle: Idle,
    /// The MTU of ports that name no other; unset: any.
    pub(crate) mtu: Option<u16>,
    /// What becomes of frames to a port that says nothing else, while its machine has no buffers for them.
    pub(crate) when_full: WhenFull,
}

/// The HTTP API on TCP, beside the control socket: both or neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ApiConfig {
    /// A loopback address and a port.
    pub(crate) listen: Option<String>,
    /// The file of the token that every client has to show.
    pub(crate) token_file: Option<PathBuf>,
}

/// An isolated layer 2 domain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkConfig {
    /// Its name: `default` is the network that is always there.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.-]{1,32}$"))]
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) policy: NetworkPolicy,
}

/// A port: its place, its socket and what its traffic must keep to.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PortConfig {
    /// Its name, unique in the switch.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.-]{1,32}$"))]
    pub(crate) name: String,
    /// The network that it is in.
    #[schemars(default = "default_network")]
    pub(crate) network: String,
    /// Which side makes the socket.
    #[schemars(default)]
    pub(crate) mode: Mode,
    /// Path of the socket, a relative one below the switch's directory; unset: `NAME.sock`.
    #[schemars(default)]
    pub(crate) socket: Option<PathBuf>,
    /// The machine's addresses: frames to them go to this port from the start. Unset: the switch learns them.
    #[schemars(default, length(max = 64))]
    pub(crate) filters: Vec<AddressFilter>,
    /// The largest payload of a frame to or from the port; unset: what the switch says.
    #[schemars(default, range(min = 68))]
    pub(crate) mtu: Option<u16>,
    /// What becomes of frames to it while its machine has no buffers for them; unset: what the switch says.
    #[schemars(default)]
    pub(crate) when_full: Option<WhenFull>,
    /// CPUs whose workers may serve what the machine sends, all of one group of 64; unset: any.
    #[schemars(default)]
    pub(crate) affinity: Option<CpuList>,
    #[serde(flatten)]
    pub(crate) policy: PortPolicy,
}

/// Which side of a port's socket listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// The switch listens, the VMM connects.
    #[default]
    Server,
    /// The VMM listens, the switch connects.
    Client,
}

impl Config {
    pub(crate) fn port(&self, name: &str) -> Option<&PortConfig> {
        self.ports.iter().find(|port| port.name == name)
    }

    pub(crate) fn network(&self, name: &str) -> Option<&NetworkConfig> {
        self.networks.iter().find(|network| network.name == name)
    }

    /// What the network `name` is to be like; `None` if there is none of that name.
    pub(crate) fn network_policy(&self, name: &str) -> Option<NetworkPolicy> {
        match self.network(name) {
            Some(network) => Some(network.policy.clone()),
            None => (name == DEFAULT_NETWORK).then(NetworkPolicy::default),
        }
    }

    /// Path of the control socket.
    pub(crate) fn control_socket(&self) -> PathBuf {
        socket_in(&self.switch.dir, CONTROL_SOCKET)
    }

    /// Path of a port's socket. Absolute.
    pub(crate) fn socket(&self, port: &PortConfig) -> PathBuf {
        match &port.socket {
            Some(path) => self.switch.dir.join(path),
            None => socket_in(&self.switch.dir, &port.name),
        }
    }

    /// A port with everything that the switch says for it.
    pub(crate) fn settled(&self, port: &PortConfig) -> PortConfig {
        PortConfig {
            socket: Some(self.socket(port)),
            mtu: port.mtu.or(self.switch.mtu),
            when_full: Some(port.when_full.unwrap_or(self.switch.when_full)),
            ..port.clone()
        }
    }
}

impl PortConfig {
    /// A port that is like any other.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            network: default_network(),
            mode: Mode::default(),
            socket: None,
            filters: Vec::new(),
            mtu: None,
            when_full: None,
            affinity: None,
            policy: PortPolicy::default(),
        }
    }

    /// What can be changed of it while it runs, as the switch is told it. For a port that is settled.
    pub(crate) fn settings(&self) -> PortSettings {
        PortSettings {
            filters: self.filters.iter().map(|filter| (*filter).into()).collect(),
            when_full: self.when_full.unwrap_or_default(),
            mtu: self.mtu,
            affinity: self.affinity.as_ref().map(affinity),
            policy: self.policy.clone(),
        }
    }
}

/// Path of the socket that is called `stem` in `dir`.
pub(crate) fn socket_in(dir: &Path, stem: &str) -> PathBuf {
    dir.join(format!("{stem}.sock"))
}

/// The processors of a list; those of the first one's group.
fn affinity(cpus: &CpuList) -> Affinity {
    let group = cpus.0.first().map_or(0, |cpu| cpu / 64);
    let of_group = cpus.0.iter().filter(|cpu| *cpu / 64 == group);
    Affinity {
        group: u16::try_from(group).unwrap_or(u16::MAX),
        mask: of_group.fold(0, |mask, cpu| mask | 1 << (cpu % 64)),
    }
}

fn default_network() -> String {
    DEFAULT_NETWORK.to_owned()
}

/// A port's keys besides its policy's.
#[derive(Default)]
struct OwnOfPort {
    name: Option<String>,
    network: Option<String>,
    mode: Mode,
    socket: Option<PathBuf>,
    filters: Vec<AddressFilter>,
    mtu: Option<u16>,
    when_full: Option<WhenFull>,
    affinity: Option<CpuList>,
}

impl Own for OwnOfPort {
    const KEYS: &'static [&'static str] = &[
        "name",
        "network",
        "mode",
        "socket",
        "filters",
        "mtu",
        "when_full",
        "affinity",
    ];

    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "name" => self.name = Some(map.next_value()?),
            "network" => self.network = Some(map.next_value()?),
            "mode" => self.mode = map.next_value()?,
            "socket" => self.socket = map.next_value()?,
            "filters" => self.filters = map.next_value()?,
            "mtu" => self.mtu = map.next_value()?,
            "when_full" => self.when_full = map.next_value()?,
            _ => self.affinity = map.next_value()?,
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for PortConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        static KEYS: LazyLock<Vec<&str>> = LazyLock::new(flat::keys::<OwnOfPort, PortPolicy>);

        let (own, policy) = flat::read::<D, OwnOfPort, _>(deserializer, "a port", &KEYS)?;
        let OwnOfPort {
            name,
            network,
            mode,
            socket,
            filters,
            mtu,
            when_full,
            affinity,
        } = own;
        Ok(Self {
            name: name.ok_or_else(|| Error::missing_field("name"))?,
            network: network.unwrap_or_else(default_network),
            mode,
            socket,
            filters,
            mtu,
            when_full,
            affinity,
            policy,
        })
    }
}

/// A network's keys besides its policy's.
#[derive(Default)]
struct OwnOfNetwork {
    name: Option<String>,
}

impl Own for OwnOfNetwork {
    const KEYS: &'static [&'static str] = &["name"];

    fn read<'de, A: MapAccess<'de>>(&mut self, _key: &str, map: &mut A) -> Result<(), A::Error> {
        self.name = Some(map.next_value()?);
        Ok(())
    }
}

impl<'de> Deserialize<'de> for NetworkConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        static KEYS: LazyLock<Vec<&str>> = LazyLock::new(flat::keys::<OwnOfNetwork, NetworkPolicy>);

        let (own, policy) = flat::read::<D, OwnOfNetwork, _>(deserializer, "a network", &KEYS)?;
        let name = own.name.ok_or_else(|| Error::missing_field("name"))?;
        Ok(Self { name, policy })
    }
}
