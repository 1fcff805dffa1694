//! What the workers act on: one immutable value, replaced whole between turns.

use std::sync::Arc;

use shmem::BlockTable;
use vmq::{QueueId, Table};

use crate::PortId;
use crate::port::Entry;

/// The state of the switch as of one change.
///
/// It owns the mappings behind its block table, so whatever a worker reads through the snapshot it
/// holds stays mapped. Control keeps its own reference until every worker has let go, so that memory
/// is unmapped on a control thread, never on a worker.
pub(crate) struct Snapshot {
    pub(crate) blocks: Arc<BlockTable>,
    pub(crate) table: Arc<Table>,
    /// By port.
    ports: Box<[Option<Arc<Entry>>]>,
    /// By queue id.
    queues: Box<[Option<Arc<Entry>>]>,
    /// The flood group behind default queue 0.
    members: Box<[Arc<Entry>]>,
}

impl Snapshot {
    pub(crate) fn new(
        blocks: Arc<BlockTable>,
        table: Arc<Table>,
        ports: Box<[Option<Arc<Entry>>]>,
    ) -> Self {
        let last_queue = ports
            .iter()
            .flatten()
            .map(|entry| entry.queue.0)
            .max()
            .unwrap_or(0);
        let mut queues = vec![None; usize::from(last_queue) + 1].into_boxed_slice();
        for entry in ports.iter().flatten() {
            queues[usize::from(entry.queue.0)] = Some(entry.clone());
        }
        let members = table
            .members()
            .iter()
            .filter_map(|queue| queues.get(usize::from(queue.0))?.clone())
            .filter(|entry| !entry.receivers.is_empty())
            .collect();
        Self {
            blocks,
            table,
            ports,
            queues,
            members,
        }
    }

    #[inline]
    pub(crate) fn port(&self, port: PortId) -> Option<&Arc<Entry>> {
        self.ports.get(usize::from(port.0))?.as_ref()
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
