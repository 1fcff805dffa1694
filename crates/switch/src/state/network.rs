//! One network as control knows it: its engine, and what the workers see of it.

use std::sync::Arc;

use vmq::{
    Binding, Capabilities, Engine, Event, FilterId, OperationalState, QueueId, Settings, Span,
};

use crate::MAX_PORTS;
use crate::policy::{Groups, NetworkMode, NetworkPolicy, Snooper};
use crate::port::Entry;
use crate::snapshot::View;
use crate::spec::{NetworkId, NetworkSpec};

/// Who makes the engines' requests: control, and nobody else.
pub(super) const CONTROL: Binding = Binding(0);

/// Addresses a network may learn behind one port.
const LEARNED_PER_QUEUE: u32 = 4096;

/// Filters a network may have, configured and learnt.
const MAX_FILTERS: u32 = 128 * 1024;

pub(super) struct Network {
    pub(super) name: String,
    pub(super) policy: NetworkPolicy,
    pub(super) engine: Engine,
    /// Who wants which group, if that is listened to.
    pub(super) snooper: Option<Snooper>,
    /// What the workers know of it.
    groups: Option<Arc<Groups>>,
    /// What the workers see, until something changes.
    view: Option<Arc<View>>,
}

impl Network {
    /// With no port. Guests must not know `hash_seed`.
    pub(super) fn new(spec: NetworkSpec, hash_seed: u64) -> Self {
        let NetworkSpec { name, policy } = spec;
        let capabilities = Capabilities {
            learned_per_queue: LEARNED_PER_QUEUE,
            ..Capabilities::new(MAX_PORTS as u16, MAX_FILTERS)
        };
        let settings = Settings {
            max_age: Span(policy.max_age_seconds),
            ..Settings::default()
        };
        let mut network = Self {
            name,
            policy,
            engine: Engine::new(capabilities, settings, hash_seed),
            snooper: None,
            groups: None,
            view: None,
        };
        network.listen();
        network
    }

    pub(super) fn set_policy(&mut self, policy: NetworkPolicy) {
        let settings = Settings {
            max_age: Span(policy.max_age_seconds),
            ..self.engine.settings()
        };
        report(
            self.engine.change_settings(settings),
            "change the maximum age behind",
            QueueId::DEFAULT,
        );
        self.policy = policy;
        self.listen();
        self.changed();
    }

    /// Begins or ends to listen to who wants which group. A hub has no use for it.
    fn listen(&mut self) {
        let listens = self.policy.multicast_snooping && self.policy.mode != NetworkMode::Hub;
        if listens != self.snooper.is_some() {
            self.snooper = listens.then(Snooper::default);
        }
        self.groups_changed();
    }

    /// Something else is known of who wants which group.
    pub(super) fn groups_changed(&mut self) {
        let groups = self.snooper.as_ref().map(Snooper::groups);
        self.groups = groups.map(Arc::new);
        self.changed();
    }

    /// One of its ports has another entry.
    pub(super) fn changed(&mut self) {
        self.view = None;
    }

    /// What the workers are to see. `ports` are those of all networks; `id` is this one's.
    pub(super) fn view(&mut self, id: NetworkId, ports: &[Option<Arc<Entry>>]) -> Arc<View> {
        let table = self.engine.table();
        match &self.view {
            Some(view) if Arc::ptr_eq(&view.table, &table) => view.clone(),
            _ => {
                let own = ports.iter().flatten().filter(|entry| entry.network == id);
                let view = Arc::new(View::new(table, &self.policy, self.groups.clone(), own));
                self.view.insert(view).clone()
            }
        }
    }

    /// How many filters there are, configured and learnt.
    pub(super) fn filters(&self) -> usize {
        let of = |queue: vmq::QueueInfo<'_>| (queue.filters + queue.learned) as usize;
        self.engine.queues().map(of).sum()
    }

    /// Takes a queue and its filters out of the next table (F1, F4).
    pub(super) fn withdraw(&mut self, queue: QueueId, filters: impl Iterator<Item = FilterId>) {
        for filter in filters {
            report(
                self.engine.clear_filter(CONTROL, queue, filter),
                "clear a filter of",
                queue,
            );
        }
        report(self.engine.free_queue(CONTROL, queue), "free", queue);
    }

    /// No worker can touch the queue's memory any more; the state to indicate (F2).
    pub(super) fn dma_stopped(&mut self, queue: QueueId) -> Option<OperationalState> {
        let stopped = report(self.engine.dma_stopped(queue), "stop the DMA of", queue);
        match stopped {
            Some(Event::QueueState { state, .. }) => Some(state),
            _ => None,
        }
    }

    /// Ends the freeing of a queue whose memory is freed (F1).
    pub(super) fn resources_freed(&mut self, queue: QueueId) {
        report(self.engine.resources_freed(queue), "let go of", queue);
    }
}

/// A request that the engine refuses though control's own order of requests is right is a bug of ours:
/// said aloud, survived.
pub(super) fn report<T>(
    result: Result<T, vmq::NdisStatus>,
    what: &str,
    queue: QueueId,
) -> Option<T> {
    if let Err(status) = &result {
        tracing::error!("the engine refused to {what} queue {}: {status}", queue.0);
        debug_assert!(
            false,
            "the engine refused to {what} queue {}: {status}",
            queue.0
        );
    }
    result.ok()
}
