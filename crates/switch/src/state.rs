//! What control knows: the engine, the blocks, the ports; and how it becomes a snapshot.

use std::sync::Arc;
use std::sync::mpsc::{self, channel};
use std::time::Duration;

use shmem::BlockRegistry;
use vmq::{
    Affinity, AllocateQueue, Capabilities, Engine, Filter, FilterId, QueueId, Span, Tick, VlanTest,
};

use crate::control::{Handset, PortError, PortSpec};
use crate::learning::Sighting;
use crate::mailbox::Command;
use crate::policy::{Policy, PortPolicy};
use crate::port::{Entry, FaultSink, Gate, PortId, Receiver, ToGuest};
use crate::ring::Load;
use crate::snapshot::Snapshot;
use crate::status::{FilterStatus, PairStatus, PortStatus, QueueStatus};
use crate::{Counters, MAX_PAIRS, MAX_PORTS, Totals};

/// Addresses the switch may learn behind one port.
const LEARNED_PER_QUEUE: u32 = 4096;

/// Filters a switch may have, configured and learnt.
const MAX_FILTERS: u32 = 128 * 1024;

pub(crate) struct State {
    pub(crate) blocks: BlockRegistry,
    engine: Engine,
    ports: Vec<Port>,
    workers: usize,
    current: Option<Arc<Snapshot>>,
    /// Snapshots that some worker may still hold. Dropped here, so that what they own is never
    /// unmapped on a worker.
    retired: Vec<Arc<Snapshot>>,
}

struct Port {
    spec: PortSpec,
    queue: QueueId,
    /// The ids of the configured filters.
    filters: Vec<FilterId>,
    counters: Arc<Counters>,
    policy: Arc<Policy>,
    link: Option<Link>,
    last_fault: Option<String>,
}

/// One connection of a port.
struct Link {
    gate: Arc<Gate>,
    pairs: [Pair; MAX_PAIRS],
    entry: Arc<Entry>,
}

/// The running rings of one queue pair.
#[derive(Default)]
struct Pair {
    to_guest: Option<Arc<Receiver>>,
    from_guest: Option<Sender>,
}

/// A running from-guest ring, as control sees it.
pub(crate) struct Sender {
    /// The worker that owns it.
    pub(crate) worker: usize,
    pub(crate) load: Arc<Load>,
}

impl Link {
    /// Makes the entry that the workers are to see.
    fn enter(&mut self, queue: QueueId, counters: &Arc<Counters>, policy: &Arc<Policy>) {
        let running = self.pairs.iter().filter_map(|pair| pair.to_guest.clone());
        self.entry = Arc::new(Entry::new(
            queue,
            running.collect(),
            counters.clone(),
            self.gate.clone(),
            policy.clone(),
        ));
    }
}

impl State {
    pub(crate) fn new(max_age: Duration, hash_seed: u64, workers: usize) -> Self {
        let capabilities = Capabilities {
            num_queues: MAX_PORTS as u16,
            max_filters: MAX_FILTERS,
            learned_per_queue: LEARNED_PER_QUEUE,
            max_age: Span(u32::try_from(max_age.as_secs()).unwrap_or(u32::MAX)),
        };
        Self {
            blocks: BlockRegistry::new(),
            engine: Engine::new(capabilities, hash_seed),
            ports: Vec::new(),
            workers,
            current: None,
            retired: Vec::new(),
        }
    }

    pub(crate) fn add_port(&mut self, spec: PortSpec) -> Result<PortId, PortError> {
        if self.ports.len() == MAX_PORTS {
            return Err(PortError::TooMany);
        }
        if self.ports.iter().any(|port| port.spec.name == spec.name) {
            return Err(PortError::NameTaken(spec.name));
        }
        let (queue, filters) = allocate(&mut self.engine, &spec)?;
        let counters = Arc::new(Counters::new(self.workers));
        let id = PortId(self.ports.len() as u16);
        let policy = Arc::new(Policy::new(&spec.policy));
        self.ports.push(Port {
            spec,
            queue,
            filters,
            counters,
            policy,
            link: None,
            last_fault: None,
        });
        Ok(id)
    }

    pub(crate) fn connect(&mut self, port: PortId, sink: FaultSink) {
        let Some(port) = self.ports.get_mut(usize::from(port.0)) else {
            return;
        };
        let gate = Arc::new(Gate::new(sink, port.spec.when_full, port.spec.mtu));
        let entry = Entry::new(
            port.queue,
            Box::default(),
            port.counters.clone(),
            gate.clone(),
            port.policy.clone(),
        );
        port.link = Some(Link {
            gate,
            pairs: Default::default(),
            entry: Arc::new(entry),
        });
    }

    pub(crate) fn set_policy(&mut self, port: PortId, asked: PortPolicy, workers: &[Handset]) {
        let Some(port) = self.ports.get_mut(usize::from(port.0)) else {
            return;
        };
        port.policy = Arc::new(Policy::new(&asked));
        port.spec.policy = asked;
        if let Some(link) = &mut port.link {
            link.enter(port.queue, &port.counters, &port.policy);
        }
        self.publish_and_wait(workers);
    }

    pub(crate) fn mtu(&self, port: PortId) -> Option<u16> {
        self.ports.get(usize::from(port.0))?.spec.mtu
    }

    pub(crate) fn tell_mtu(&self, port: PortId, mtu: u16) {
        let port = self.ports.get(usize::from(port.0));
        if let Some(link) = port.and_then(|port| port.link.as_ref()) {
            link.gate.mtu.tell(mtu);
        }
    }

    pub(crate) fn disconnect(&mut self, port: PortId, reason: Option<String>, workers: &[Handset]) {
        let at = usize::from(port.0);
        let Some(port) = self.ports.get_mut(at) else {
            return;
        };
        port.link = None;
        if reason.is_some() {
            port.last_fault = reason;
        }
        let (queue, filters) = (port.queue, std::mem::take(&mut port.filters));
        for filter in filters {
            report(
                self.engine.clear_filter(queue, filter),
                "clear a filter of",
                queue,
            );
        }
        report(self.engine.free_queue(queue), "free", queue);
        self.publish_and_wait(workers);
        report(self.engine.dma_stopped(queue), "stop the DMA of", queue);
        report(self.engine.resources_freed(queue), "let go of", queue);
        match allocate(&mut self.engine, &self.ports[at].spec) {
            Ok((queue, filters)) => {
                self.ports[at].queue = queue;
                self.ports[at].filters = filters;
            }
            Err(error) => {
                tracing::error!(port = %self.ports[at].spec.name, "its queue cannot be allocated again: {error}")
            }
        }
    }

    pub(crate) fn set_to_guest(
        &mut self,
        port: PortId,
        pair: usize,
        ring: Option<Arc<dyn ToGuest>>,
    ) {
        let Some(port) = self.ports.get_mut(usize::from(port.0)) else {
            return;
        };
        let Some(link) = &mut port.link else { return };
        let Some(place) = link.pairs.get_mut(pair) else {
            return;
        };
        let starts = ring.is_some();
        place.to_guest = ring.map(|ring| Arc::new(Receiver::new(ring)));
        link.enter(port.queue, &port.counters, &port.policy);
        if starts {
            // Complete already when a ring starts again in the same connection: INVALID_PARAMETER then.
            self.engine.allocation_complete(&[port.queue]);
        }
    }

    /// A port's running from-guest ring, or the place for one.
    pub(crate) fn sender(&mut self, port: PortId, pair: usize) -> Option<&mut Option<Sender>> {
        let link = self.ports.get_mut(usize::from(port.0))?.link.as_mut()?;
        Some(&mut link.pairs.get_mut(pair)?.from_guest)
    }

    /// All running from-guest rings.
    pub(crate) fn senders(&self) -> impl Iterator<Item = (PortId, usize, &Sender)> {
        let links = self.ports.iter().zip(0..).filter_map(|(port, id)| {
            let link = port.link.as_ref()?;
            Some((PortId(id), link))
        });
        links.flat_map(|(id, link)| {
            let pairs = link.pairs.iter().enumerate();
            pairs.filter_map(move |(pair, rings)| Some((id, pair, rings.from_guest.as_ref()?)))
        })
    }

    /// How many from-guest rings each worker owns.
    pub(crate) fn rings_by_worker(&self) -> Vec<usize> {
        let mut rings = vec![0; self.workers];
        for (_, _, sender) in self.senders() {
            rings[sender.worker] += 1;
        }
        rings
    }

    pub(crate) fn worker_with_fewest_rings(&self) -> usize {
        let rings = self.rings_by_worker();
        (0..rings.len()).min_by_key(|&at| rings[at]).unwrap_or(0)
    }

    /// Learns what the workers saw; true if the table changed.
    pub(crate) fn learn(&mut self, sightings: impl Iterator<Item = Sighting>, now: Tick) -> bool {
        let mut has_changed = false;
        for Sighting { queue, vlan, mac } in sightings {
            let learned = self.engine.learn(queue, vlan, mac, now);
            has_changed |= matches!(learned, vmq::Learned::New | vmq::Learned::Moved { .. });
        }
        has_changed
    }

    /// Forgets addresses not seen for long; true if the table changed.
    pub(crate) fn age(&mut self, now: Tick) -> bool {
        self.engine.age(now) > 0
    }

    pub(crate) fn next_expiry(&self) -> Option<Tick> {
        self.engine.next_expiry()
    }

    /// Makes a snapshot of what is and sends it to the workers.
    pub(crate) fn publish(&mut self, workers: &[Handset]) -> Arc<Snapshot> {
        let (done, _) = channel();
        self.send_snapshot(workers, &done)
    }

    /// As [`State::publish`], and waits until every worker acts on it.
    pub(crate) fn publish_and_wait(&mut self, workers: &[Handset]) {
        let (done, is_done) = channel();
        self.send_snapshot(workers, &done);
        drop(done);
        for _ in workers {
            // A worker that has ended acknowledges by dropping its end.
            if is_done.recv().is_err() {
                break;
            }
        }
        self.retired
            .retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }

    fn send_snapshot(&mut self, workers: &[Handset], done: &mpsc::Sender<()>) -> Arc<Snapshot> {
        let ports = self
            .ports
            .iter()
            .map(|port| port.link.as_ref().map(|link| link.entry.clone()))
            .collect();
        let snapshot = Arc::new(Snapshot::new(
            self.blocks.snapshot(),
            self.engine.table(),
            ports,
        ));
        for worker in workers {
            worker
                .mailbox
                .post(Command::Snapshot(snapshot.clone(), done.clone()));
        }
        self.retired
            .retain(|snapshot| Arc::strong_count(snapshot) > 1);
        self.retired.extend(self.current.replace(snapshot.clone()));
        snapshot
    }

    /// What one worker did for all ports.
    pub(crate) fn totals_of(&self, worker: usize) -> Totals {
        let mut sum = Totals::default();
        for port in &self.ports {
            sum.add(port.counters.lane(worker));
        }
        sum
    }

    pub(crate) fn port_status(&self) -> Vec<PortStatus> {
        self.ports.iter().map(|port| self.status_of(port)).collect()
    }

    fn status_of(&self, port: &Port) -> PortStatus {
        let state = self.engine.queue(port.queue).map_or_else(
            |_| "Undefined".to_owned(),
            |queue| format!("{:?}", queue.state),
        );
        let filters = self
            .engine
            .filters(port.queue)
            .into_iter()
            .flatten()
            .map(|filter| FilterStatus {
                id: filter.id.map(|id| id.0),
                mac: filter.filter.mac.to_string(),
                vlan: match filter.filter.vlan {
                    VlanTest::Any => None,
                    VlanTest::UntaggedOrZero => Some(0),
                    VlanTest::Id(id) => Some(id.0),
                },
            });
        let link = port.link.as_ref();
        PortStatus {
            name: port.spec.name.clone(),
            is_connected: link.is_some(),
            is_up: link.is_some_and(|link| {
                let both_run = |pair: &Pair| pair.to_guest.is_some() && pair.from_guest.is_some();
                link.gate.is_open() && link.pairs.iter().any(both_run)
            }),
            mtu: link.map_or(port.spec.mtu, |link| link.gate.mtu.effective()),
            last_fault: port.last_fault.clone(),
            pairs: link.map_or_else(Vec::new, |link| {
                let pairs = link.pairs.iter().map(|pair| PairStatus {
                    worker: pair.from_guest.as_ref().map(|sender| sender.worker),
                    receives: pair.to_guest.is_some(),
                });
                let last = link.pairs.iter().rposition(Pair::is_in_use);
                pairs.take(last.map_or(0, |last| last + 1)).collect()
            }),
            queue: QueueStatus {
                id: port.queue.0,
                state,
                filters: filters.collect(),
            },
            totals: port.counters.totals(),
        }
    }
}

impl Pair {
    fn is_in_use(&self) -> bool {
        self.to_guest.is_some() || self.from_guest.is_some()
    }
}

/// Allocates a port's queue and sets its configured filters, or neither.
fn allocate(engine: &mut Engine, spec: &PortSpec) -> Result<(QueueId, Vec<FilterId>), PortError> {
    let parameters = AllocateQueue {
        queue_name: spec.name.clone(),
        vm_name: spec.name.clone(),
        flags: ndis::NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION
            | ndis::NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED,
        processor_affinity: Affinity {
            group: 0,
            mask: u64::MAX,
        },
    };
    let queue = engine
        .allocate_queue(parameters)
        .map_err(|status| PortError::Refused {
            what: format!("a queue for port {:?}", spec.name),
            status,
        })?;
    let mut set = Vec::with_capacity(spec.filters.len());
    for &filter in &spec.filters {
        match engine.set_filter(queue, filter) {
            Ok(id) => set.push(id),
            Err(status) => {
                for id in set {
                    report(engine.clear_filter(queue, id), "clear a filter of", queue);
                }
                report(engine.free_queue(queue), "free", queue);
                report(engine.dma_stopped(queue), "stop the DMA of", queue);
                report(engine.resources_freed(queue), "let go of", queue);
                let Filter { mac, vlan } = filter;
                let what = format!("the address {mac} ({vlan:?}) of port {:?}", spec.name);
                return Err(PortError::Refused { what, status });
            }
        }
    }
    Ok((queue, set))
}

/// A request that the engine refuses though control's own order of requests is right is a bug of ours:
/// said aloud, survived.
fn report<T>(result: Result<T, vmq::NdisStatus>, what: &str, queue: QueueId) {
    if let Err(status) = result {
        tracing::error!("the engine refused to {what} queue {}: {status}", queue.0);
        debug_assert!(
            false,
            "the engine refused to {what} queue {}: {status}",
            queue.0
        );
    }
}
