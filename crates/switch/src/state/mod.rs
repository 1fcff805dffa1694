//! What control knows: the networks, the memory, the ports; and how it becomes a snapshot.
//!
//! Ports and networks keep their place, which is their id, until they are removed; a place is used again.

mod groups;
mod learning;
mod memory;
mod network;
mod port;
mod report;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::mpsc::{self, channel};

use vmq::{Affinity, QueueId};

use self::network::{CONTROL, Network};
pub(crate) use self::port::Sender;
use self::port::{Pair, Port};
use crate::balance;
use crate::control::Handset;
use crate::event::{Event, EventLog};
use crate::line::Store;
use crate::mailbox::Command;
use crate::memory::Memory;
use crate::policy::{self, Misfit, NetworkPolicy};
use crate::port::{Fault, FaultSink, PortId, ToGuest};
use crate::snapshot::Snapshot;
use crate::spec::{NetworkError, NetworkId, NetworkSpec, PortError, PortSettings, PortSpec};
use crate::{Counters, MAX_NETWORKS, MAX_PORTS, Totals};

pub(crate) struct State {
    memory: Memory,
    /// Memory of lines: of those that are in use, and of others that were.
    stores: Vec<Arc<Store>>,
    networks: Vec<Option<Network>>,
    ports: Vec<Option<Port>>,
    /// The CPU of each worker.
    workers: Vec<Option<usize>>,
    /// What each worker did for ports that are gone.
    gone: Vec<Totals>,
    hash_seeds: RandomState,
    log: Arc<EventLog>,
    current: Option<Arc<Snapshot>>,
    /// Snapshots that some worker may still hold. Dropped here, so that what they own is never
    /// unmapped on a worker.
    retired: Vec<Arc<Snapshot>>,
}

impl State {
    /// With the default network and no port.
    pub(crate) fn new(workers: Vec<Option<usize>>, log: Arc<EventLog>) -> Self {
        let hash_seeds = RandomState::new();
        let default = Network::new(
            NetworkSpec {
                name: "default".to_owned(),
                policy: NetworkPolicy::default(),
            },
            hash_seeds.hash_one(0),
        );
        Self {
            memory: Memory::new(),
            stores: Vec::new(),
            networks: vec![Some(default)],
            ports: Vec::new(),
            gone: vec![Totals::default(); workers.len()],
            workers,
            hash_seeds,
            log,
            current: None,
            retired: Vec::new(),
        }
    }

    pub(crate) fn add_network(&mut self, spec: NetworkSpec) -> Result<NetworkId, NetworkError> {
        if self.networks().any(|(_, known)| known.name == spec.name) {
            return Err(NetworkError::NameTaken(spec.name));
        }
        let at = place_in(&mut self.networks, MAX_NETWORKS).ok_or(NetworkError::TooMany)?;
        let name = spec.name.clone();
        self.networks[at] = Some(Network::new(spec, self.hash_seeds.hash_one(at)));
        self.log.note(Event::NetworkAdded { network: name });
        Ok(NetworkId(at as u16))
    }

    pub(crate) fn set_network(
        &mut self,
        id: NetworkId,
        policy: NetworkPolicy,
        workers: &[Handset],
    ) -> Result<(), NetworkError> {
        let network = self.network_mut(id).ok_or(NetworkError::Unknown(id))?;
        if network.policy == policy {
            return Ok(());
        }
        network.set_policy(policy);
        let network = network.name.clone();
        self.publish_and_wait(workers);
        self.log.note(Event::NetworkChanged { network });
        Ok(())
    }

    pub(crate) fn remove_network(&mut self, id: NetworkId) -> Result<(), NetworkError> {
        if id == NetworkId::DEFAULT {
            return Err(NetworkError::IsDefault);
        }
        let network = self.network(id).ok_or(NetworkError::Unknown(id))?;
        let name = network.name.clone();
        match self.ports().filter(|(_, port)| port.network == id).count() {
            0 => {}
            ports => return Err(NetworkError::HasPorts { name, ports }),
        }
        self.networks[usize::from(id.0)] = None;
        self.log.note(Event::NetworkRemoved { network: name });
        Ok(())
    }

    pub(crate) fn add_port(&mut self, spec: PortSpec) -> Result<PortId, PortError> {
        if self.ports().any(|(_, port)| port.name == spec.name) {
            return Err(PortError::NameTaken(spec.name));
        }
        self.check(&spec.name, &spec.settings)?;
        let counters = Arc::new(Counters::new(self.workers.len()));
        let store = self.store_for(&spec.name, &spec.settings.policy.impairment)?;
        let Some(Some(network)) = self.networks.get_mut(usize::from(spec.network.0)) else {
            return Err(PortError::UnknownNetwork(spec.network));
        };
        let at = place_in(&mut self.ports, MAX_PORTS).ok_or(PortError::TooMany)?;
        let added = Event::PortAdded {
            port: spec.name.clone(),
            network: network.name.clone(),
        };
        let port = Port::allocate(spec, counters, store, network)?;
        self.log.note(added);
        port.tell_filters(&[], &self.log);
        let network = port.network;
        self.ports[at] = Some(port);
        self.find_mirrors(network);
        Ok(PortId(at as u16))
    }

    /// Applies what is different, or nothing.
    pub(crate) fn set_port(
        &mut self,
        id: PortId,
        settings: PortSettings,
        workers: &[Handset],
    ) -> Result<(), PortError> {
        let port = self.port(id).ok_or(PortError::Unknown(id))?;
        if port.settings == settings {
            return Ok(());
        }
        self.check(&port.name, &settings)?;
        let (name, impairment) = (port.name.clone(), settings.policy.impairment);
        let store = if port.has_store() {
            None
        } else {
            self.store_for(&name, &impairment)?
        };
        let log = self.log.clone();
        let (port, network) = self.find(id).ok_or(PortError::Unknown(id))?;
        port.give_store(store);
        let before = port.change(id, settings, network)?;
        port.tell_filters(&before, &log);
        let network = port.network;
        self.find_mirrors(network);
        self.publish_and_wait(workers);
        self.keep_to_affinity(id, workers);
        self.log.note(Event::PortChanged { port: name });
        Ok(())
    }

    /// Frees a port's queue and forgets the port. Its connection, if there is still one, is over.
    pub(crate) fn remove_port(&mut self, id: PortId, workers: &[Handset]) {
        let Some(port) = self.port(id) else { return };
        if let Some(link) = &port.link {
            link.gate.fail(&Fault::new("the port was removed"));
            for (pair, sender) in link.senders() {
                workers[sender.worker].end(id, pair);
            }
        }
        self.free(id, workers);
        let Some(port) = self.ports[usize::from(id.0)].take() else {
            return;
        };
        for (worker, gone) in self.gone.iter_mut().enumerate() {
            gone.add(port.counters.lane(worker));
        }
        self.find_mirrors(port.network);
        let network = self.name_of(port.network);
        let port = port.name;
        self.log.note(Event::PortRemoved { port, network });
    }

    pub(crate) fn connect(&mut self, id: PortId, sink: FaultSink) {
        let Some((port, network)) = self.find(id) else {
            return;
        };
        port.connect(id, sink);
        network.changed();
        let port = port.name.clone();
        self.log.note(Event::PortConnected { port });
    }

    pub(crate) fn mtu(&self, port: PortId) -> Option<u16> {
        self.port(port)?.settings.mtu
    }

    pub(crate) fn tell_mtu(&self, port: PortId, mtu: u16) {
        if let Some(link) = self.port(port).and_then(|port| port.link.as_ref()) {
            link.gate.mtu.tell(mtu);
        }
    }

    pub(crate) fn disconnect(&mut self, id: PortId, reason: Option<String>, workers: &[Handset]) {
        let Some(port) = self.port(id) else { return };
        let was_connected = port.link.is_some();
        if was_connected {
            self.free(id, workers);
        }
        let Some((port, network)) = self.find(id) else {
            return;
        };
        if reason.is_some() {
            port.last_fault.clone_from(&reason);
        }
        if was_connected && let Err(error) = port.allocate_again(network) {
            tracing::error!(port = %port.name, "its queue cannot be allocated again: {error}");
        }
        let port = port.name.clone();
        self.log.note(Event::PortClosed { port, reason });
    }

    pub(crate) fn set_to_guest(&mut self, id: PortId, pair: usize, ring: Option<Arc<dyn ToGuest>>) {
        let Some((port, network)) = self.find(id) else {
            return;
        };
        let starts = ring.is_some();
        if !port.set_to_guest(id, pair, ring) {
            return;
        }
        network.changed();
        if starts {
            // Complete already when a ring starts again in the same connection: INVALID_PARAMETER then.
            network
                .engine
                .allocation_complete(CONTROL, &[port.queue], |_, _| Ok(()));
        }
        self.tell_whether_up(id);
    }

    /// Whether a from-guest ring may run: its port is connected and has such a pair.
    pub(crate) fn has_place_for_sender(&self, port: PortId, pair: usize) -> bool {
        let link = self.port(port).and_then(|port| port.link.as_ref());
        link.is_some_and(|link| pair < link.pairs.len())
    }

    /// A port's running from-guest ring.
    pub(crate) fn sender(&mut self, port: PortId, pair: usize) -> Option<&mut Sender> {
        self.pair(port, pair)?.from_guest.as_mut()
    }

    /// Notes that a from-guest ring runs, or that it does no more; what was known of it until now.
    pub(crate) fn set_sender(
        &mut self,
        port: PortId,
        pair: usize,
        sender: Option<Sender>,
    ) -> Option<Sender> {
        let place = &mut self.pair(port, pair)?.from_guest;
        let before = std::mem::replace(place, sender);
        self.tell_whether_up(port);
        before
    }

    /// All running from-guest rings.
    pub(crate) fn senders(&self) -> impl Iterator<Item = (PortId, usize, &Sender)> {
        let links = self
            .ports()
            .filter_map(|(id, port)| Some((id, port.link.as_ref()?)));
        links.flat_map(|(id, link)| link.senders().map(move |(pair, sender)| (id, pair, sender)))
    }

    /// How many from-guest rings each worker owns.
    pub(crate) fn rings_by_worker(&self) -> Vec<usize> {
        let mut rings = vec![0; self.workers.len()];
        for (_, _, sender) in self.senders() {
            rings[sender.worker] += 1;
        }
        rings
    }

    /// Whether the settings of `port` let `worker` serve what its machine sends.
    pub(crate) fn may_serve(&self, worker: usize, port: PortId) -> bool {
        let affinity = self.port(port).and_then(|port| port.settings.affinity);
        affinity.is_none_or(|affinity| runs_on(self.workers[worker], affinity))
    }

    /// Of the workers that may serve a port, the one with the fewest rings.
    pub(crate) fn worker_for(&self, port: PortId) -> usize {
        let rings = self.rings_by_worker();
        let allowed = (0..rings.len()).filter(|worker| self.may_serve(*worker, port));
        allowed.min_by_key(|worker| rings[*worker]).unwrap_or(0)
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
        let entry = |port: &Option<Port>| Some(port.as_ref()?.link.as_ref()?.entry.clone());
        let ports: Box<[_]> = self.ports.iter().map(entry).collect();
        let networks = self.networks.iter_mut().zip(0..).map(|(network, id)| {
            let network = network.as_mut()?;
            Some(network.view(NetworkId(id), &ports))
        });
        let networks = networks.collect();
        let snapshot = Arc::new(Snapshot::new(self.memory.table(), ports, networks));
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

    /// Takes a port's queue out of service and frees it (F1).
    fn free(&mut self, id: PortId, workers: &[Handset]) {
        let Some((port, network)) = self.find(id) else {
            return;
        };
        port.link = None;
        let queue = port.queue;
        network.withdraw(queue, port.filters.drain(..).map(|(_, id)| id));
        network.changed();
        self.forget_groups(id);
        self.publish_and_wait(workers);
        let Some((port, network)) = self.find(id) else {
            return;
        };
        let (of, port) = (port.network, port.name.clone());
        let name = network.name.clone();
        if let Some(state) = network.dma_stopped(queue) {
            self.log.note(Event::QueueState {
                network: name,
                port,
                queue: queue.0,
                state: format!("{state:?}"),
            });
        }
        self.memory.free_all(of, queue);
        if let Some(network) = self.network_mut(of) {
            network.resources_freed(queue);
        }
    }

    /// Moves what a port's machine sends away from workers that may not serve it any more.
    fn keep_to_affinity(&mut self, id: PortId, workers: &[Handset]) {
        let Some(link) = self.port(id).and_then(|port| port.link.as_ref()) else {
            return;
        };
        let senders: Vec<_> = link
            .senders()
            .map(|(pair, sender)| (pair, sender.worker))
            .collect();
        for (pair, worker) in senders {
            if self.may_serve(worker, id) {
                continue;
            }
            let to = self.worker_for(id);
            if let Err(error) = balance::move_ring(self, workers, id, pair, to) {
                let port = self.port(id).map(|port| port.name.as_str());
                tracing::warn!(port, "a ring cannot move to worker {to}: {error}");
            }
        }
    }

    /// Whether there can be a port with such settings, as far as the engine is not concerned.
    fn check(&self, port: &str, settings: &PortSettings) -> Result<(), PortError> {
        let refused = |misfit| PortError::Policy {
            port: port.to_owned(),
            misfit,
        };
        let policy = &settings.policy;
        policy::check(policy, &settings.filters).map_err(refused)?;
        for (at, rule) in policy.rules.iter().enumerate() {
            policy::check_rule(rule).map_err(|misfit| {
                refused(Misfit {
                    keys: &["rules"],
                    problem: format!("rule {at}: {}", misfit.problem),
                    ..misfit
                })
            })?;
        }
        let mirror = policy.mirror.as_ref();
        if mirror.is_some_and(|mirror| mirror.to == port) {
            return Err(refused(Misfit {
                keys: &["mirror", "to"],
                problem: "a port cannot be its own mirror".to_owned(),
                remedy: "name another port",
            }));
        }
        let has_worker = |affinity| self.workers.iter().any(|cpu| runs_on(*cpu, affinity));
        match settings.affinity {
            Some(affinity) if !has_worker(affinity) => Err(PortError::NoWorker {
                port: port.to_owned(),
                workers: self.workers.iter().copied().flatten().collect(),
            }),
            _ => Ok(()),
        }
    }

    /// Looks for the ports to which those of a network mirror: ports come and go.
    fn find_mirrors(&mut self, network: NetworkId) {
        let own = || self.ports().filter(|(_, port)| port.network == network);
        let find = |name: &str| own().find(|(_, port)| port.name == name).map(|(id, _)| id);
        let found: Vec<_> = own()
            .map(|(id, port)| (id, port.settings.policy.mirror.as_ref()))
            .map(|(id, mirror)| (id, mirror.and_then(|mirror| find(&mirror.to))))
            .collect();
        for (id, to) in found {
            if let Some((port, network)) = self.find(id)
                && port.find_mirror(id, to)
            {
                network.changed();
            }
        }
    }

    fn tell_whether_up(&mut self, id: PortId) {
        if let Some((port, _)) = self.find(id)
            && let Some(event) = port.whether_up()
        {
            self.log.note(event);
        }
    }

    fn networks(&self) -> impl Iterator<Item = (NetworkId, &Network)> {
        let ids = (0..).map(NetworkId);
        ids.zip(&self.networks)
            .filter_map(|(id, network)| Some((id, network.as_ref()?)))
    }

    fn ports(&self) -> impl Iterator<Item = (PortId, &Port)> {
        let ids = (0..).map(PortId);
        ids.zip(&self.ports)
            .filter_map(|(id, port)| Some((id, port.as_ref()?)))
    }

    fn network(&self, id: NetworkId) -> Option<&Network> {
        self.networks.get(usize::from(id.0))?.as_ref()
    }

    fn network_mut(&mut self, id: NetworkId) -> Option<&mut Network> {
        self.networks.get_mut(usize::from(id.0))?.as_mut()
    }

    fn port(&self, id: PortId) -> Option<&Port> {
        self.ports.get(usize::from(id.0))?.as_ref()
    }

    /// A port and its network.
    fn find(&mut self, id: PortId) -> Option<(&mut Port, &mut Network)> {
        let port = self.ports.get_mut(usize::from(id.0))?.as_mut()?;
        let network = self.networks.get_mut(usize::from(port.network.0))?;
        Some((port, network.as_mut()?))
    }

    fn pair(&mut self, id: PortId, pair: usize) -> Option<&mut Pair> {
        let (port, _) = self.find(id)?;
        port.link.as_mut()?.pairs.get_mut(pair)
    }

    fn name_of(&self, network: NetworkId) -> String {
        let network = self.network(network);
        network.map_or_else(String::new, |network| network.name.clone())
    }

    /// The port behind a queue of the network that `beside` is in.
    fn name_of_queue(&self, beside: PortId, queue: QueueId) -> String {
        let network = self.port(beside).map(|port| port.network);
        let is_it = |port: &Port| Some(port.network) == network && port.queue == queue;
        let found = self.ports().find(|(_, port)| is_it(port));
        found.map_or_else(String::new, |(_, port)| port.name.clone())
    }
}

/// The first free place, which is made if there is none; `None` if there are `most` already.
fn place_in<T>(places: &mut Vec<Option<T>>, most: usize) -> Option<usize> {
    let free = places.iter().position(Option::is_none);
    let at = free.or((places.len() < most).then_some(places.len()))?;
    if at == places.len() {
        places.push(None);
    }
    Some(at)
}

/// Whether a worker's processor is among those of an affinity. One that runs anywhere is on none.
fn runs_on(cpu: Option<usize>, affinity: Affinity) -> bool {
    cpu.is_some_and(|cpu| {
        usize::from(affinity.group) == cpu / 64 && affinity.mask >> (cpu % 64) & 1 != 0
    })
}
