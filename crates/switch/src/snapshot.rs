//! What the workers act on: one immutable value, replaced whole between turns.

use std::sync::Arc;

use shmem::BlockTable;
use vmq::{QueueId, Table};

use crate::policy::{Groups, NetworkMode, NetworkPolicy, Verdict};
use crate::port::{Entry, PortId};
use crate::spec::NetworkId;

/// The state of the switch as of one change.
///
/// It owns the mappings behind its block table, so whatever a worker reads through the snapshot it
/// holds stays mapped. Control keeps its own reference until every worker has let go, so that memory
/// is unmapped on a control thread, never on a worker.
pub(crate) struct Snapshot {
    pub(crate) blocks: Arc<BlockTable>,
    /// By port.
    ports: Box<[Option<Arc<Entry>>]>,
    /// By network.
    networks: Box<[Option<Arc<View>>]>,
    /// Whether ports have different shares of their workers' time.
    pub(crate) has_shares: bool,
}

/// One network: where its frames go. The next snapshot has the same view of a network in which nothing changed.
pub(crate) struct View {
    pub(crate) table: Arc<Table>,
    /// By queue id.
    queues: Box<[Option<Arc<Entry>>]>,
    /// The flood group behind default queue 0.
    members: Box<[Arc<Entry>]>,
    /// No port has a policy that needs more than addresses and the tag in the frame.
    pub(crate) is_plain: bool,
    pub(crate) is_hub: bool,
    passes_link_local: bool,
    /// Who wants which group, where that is listened to.
    pub(crate) groups: Option<Arc<Groups>>,
}

impl Snapshot {
    pub(crate) fn new(
        blocks: Arc<BlockTable>,
        ports: Box<[Option<Arc<Entry>>]>,
        networks: Box<[Option<Arc<View>>]>,
    ) -> Self {
        let weight = |port: &Option<Arc<Entry>>| port.as_ref().map(|port| port.policy.weight);
        let mut weights = ports.iter().filter_map(weight);
        let first = weights.next();
        Self {
            blocks,
            has_shares: weights.any(|weight| Some(weight) != first),
            ports,
            networks,
        }
    }

    #[inline]
    pub(crate) fn port(&self, port: PortId) -> Option<&Arc<Entry>> {
        self.ports.get(usize::from(port.0))?.as_ref()
    }

    #[inline]
    pub(crate) fn network(&self, network: NetworkId) -> Option<&View> {
        self.networks.get(usize::from(network.0))?.as_deref()
    }

    /// Whether every network has the filters that it has in `other`.
    pub(crate) fn has_tables_of(&self, other: &Self) -> bool {
        let table = |view: &Option<Arc<View>>| Some(Arc::as_ptr(&view.as_ref()?.table));
        let others = other.networks.iter().map(table);
        self.networks.iter().map(table).eq(others)
    }
}

impl View {
    pub(crate) fn new<'a>(
        table: Arc<Table>,
        policy: &NetworkPolicy,
        groups: Option<Arc<Groups>>,
        ports: impl Iterator<Item = &'a Arc<Entry>>,
    ) -> Self {
        let is_hub = policy.mode == NetworkMode::Hub;
        let mut is_plain = !is_hub && !policy.link_local && groups.is_none();
        let mut queues = Vec::new();
        for entry in ports {
            is_plain &= entry.policy.is_plain();
            let at = usize::from(entry.queue.0);
            if queues.len() <= at {
                queues.resize(at + 1, None);
            }
            queues[at] = Some(entry.clone());
        }
        let members = table
            .members()
            .iter()
            .filter_map(|queue| queues.get(usize::from(queue.0))?.clone())
            .filter(|entry| !entry.receivers.is_empty())
            .collect();
        Self {
            table,
            queues: queues.into(),
            members,
            is_plain,
            is_hub,
            passes_link_local: policy.link_local,
            groups,
        }
    }

    /// Where frames of `port` go in a hub: to the others, or to the other, which is then waited for like any receiver.
    pub(crate) fn everywhere_from(&self, port: &Entry) -> Verdict {
        match *self.table.members() {
            [one, other] if one == port.queue => Verdict::Queue(other),
            [other, one] if one == port.queue => Verdict::Queue(other),
            _ => Verdict::Flood,
        }
    }

    /// Whether frames for the next bridge pass a port.
    pub(crate) fn passes_link_local(&self, port: &Entry) -> bool {
        port.policy.link_local.unwrap_or(self.passes_link_local)
    }

    /// The port behind `queue`. An id that no longer exists has none (F7).
    #[inline]
    pub(crate) fn queue(&self, queue: QueueId) -> Option<&Arc<Entry>> {
        self.queues.get(usize::from(queue.0))?.as_ref()
    }

    #[inline]
    pub(crate) fn members(&self) -> &[Arc<Entry>] {
        &self.members
    }
}
