//! What a switch, its networks and its ports are asked to be, and why that may be refused.

use std::io;

use vmq::{Affinity, Filter, NdisStatus};

use crate::doorbell::Doorbell;
use crate::policy::{Misfit, NetworkPolicy, PortPolicy};
use crate::port::{PortId, WhenFull};
use crate::worker::Idle;

/// How a switch is set up.
pub struct Options {
    /// One for each worker; at least one.
    pub workers: Vec<WorkerOptions>,
    /// What a worker does when nothing moves.
    pub idle: Idle,
}

/// How a worker is set up.
pub struct WorkerOptions {
    /// The CPU to pin it to.
    pub cpu: Option<usize>,
    /// How it sleeps.
    pub doorbell: Box<dyn Doorbell>,
}

/// A network's place in the switch: an isolated layer 2 domain, what an adapter is to NDIS, with queues and filters of its
/// own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(pub u16);

impl NetworkId {
    /// The network that is there from the start, for ports that name none. Its name is `default`.
    pub const DEFAULT: Self = Self(0);
}

/// A network as the administrator configured it.
#[derive(Clone, Debug, Default)]
pub struct NetworkSpec {
    /// Its name, unique in the switch.
    pub name: String,
    /// What it is like.
    pub policy: NetworkPolicy,
}

/// A port as the administrator configured it.
#[derive(Clone, Debug, Default)]
pub struct PortSpec {
    /// Its name, unique in the switch.
    pub name: String,
    /// The network that it is in, for as long as it is there.
    pub network: NetworkId,
    /// What can be changed while it runs.
    pub settings: PortSettings,
}

/// What can be changed of a port while it runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PortSettings {
    /// Addresses that are its machine's whether or not it sends from them.
    pub filters: Vec<Filter>,
    /// What becomes of frames to it while its machine has no buffers for them.
    pub when_full: WhenFull,
    /// The largest payload behind the Ethernet header and the VLAN tags that goes to it or comes from it;
    /// `None` for any.
    pub mtu: Option<u16>,
    /// The processors whose workers may serve what its machine sends; `None` for any. Processor 64 is the first of group 1.
    pub affinity: Option<Affinity>,
    /// What its traffic must keep to.
    pub policy: PortPolicy,
}

/// Why a switch could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no worker.
    #[error("a switch needs at least one worker")]
    NoWorker,
    /// A worker's memory could not be had.
    #[error("no memory for worker {worker}'s frames: {source}")]
    Memory {
        /// Which worker.
        worker: usize,
        /// What the operating system said.
        source: shmem::MapError,
    },
    /// The engine refused to have a worker's memory registered.
    #[error("the memory of worker {worker} is not registered: {status}")]
    Refused {
        /// Which worker.
        worker: usize,
        /// The engine's answer.
        status: NdisStatus,
    },
    /// A thread could not be started, or not on its CPU.
    #[error("worker {worker} cannot run{}: {source}", .cpu.map(|cpu| format!(" on CPU {cpu}")).unwrap_or_default())]
    Thread {
        /// Which worker.
        worker: usize,
        /// The CPU it was to be pinned to.
        cpu: Option<usize>,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Why a network could not be added, changed or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Every place is taken.
    #[error("a switch has at most {} networks", crate::MAX_NETWORKS)]
    TooMany,
    /// The name is in use.
    #[error("there is a network named {0:?} already")]
    NameTaken(String),
    /// There is no such network.
    #[error("there is no network {}", .0.0)]
    Unknown(NetworkId),
    /// It has ports.
    #[error("network {name:?} has {ports} ports: remove them first")]
    HasPorts {
        /// Its name.
        name: String,
        /// How many ports it has.
        ports: usize,
    },
    /// It is the one that is always there.
    #[error("the default network is always there: it can be changed, not removed")]
    IsDefault,
}

/// Why a port could not be added or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// Every place is taken.
    #[error("a switch has at most {} ports", crate::MAX_PORTS)]
    TooMany,
    /// The name is in use.
    #[error("there is a port named {0:?} already")]
    NameTaken(String),
    /// There is no such port.
    #[error("there is no port {}", .0.0)]
    Unknown(PortId),
    /// There is no such network.
    #[error("there is no network {}", .0.0)]
    UnknownNetwork(NetworkId),
    /// No worker runs on a processor that may serve it.
    #[error(
        "no worker runs on the processors of port {port:?}: name one of CPUs {workers:?}, or start the switch with others"
    )]
    NoWorker {
        /// The port.
        port: String,
        /// The CPUs that workers are pinned to.
        workers: Vec<usize>,
    },
    /// Its policy makes no sense, or not with its addresses.
    #[error("port {port:?}: {misfit}")]
    Policy {
        /// Which port.
        port: String,
        /// Why not, and what to do.
        misfit: Misfit,
    },
    /// The engine refused the queue or one of its filters.
    #[error("{what}: {status}")]
    Refused {
        /// What was asked for.
        what: String,
        /// The engine's answer.
        status: NdisStatus,
    },
}
