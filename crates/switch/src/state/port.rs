//! One port as control knows it: its queue, its filters, its connection.

use std::sync::Arc;

use vmq::{Affinity, AllocateQueue, Filter, FilterId, Learning, QueueChange, QueueId};

use super::network::{CONTROL, Network, report};
use crate::event::{Event, EventLog};
use crate::line::Store;
use crate::policy::{Direction, Policy, PortPolicy, filter_in};
use crate::port::{Entry, FaultSink, Gate, Mirroring, PortId, Receiver, ToGuest};
use crate::ring::Load;
use crate::rss::IndirectionTable;
use crate::spec::{NetworkId, PortError, PortSettings, PortSpec};
use crate::{Counters, MAX_PAIRS, clock};

pub(super) struct Port {
    pub(super) name: String,
    pub(super) network: NetworkId,
    pub(super) settings: PortSettings,
    pub(super) queue: QueueId,
    /// The configured filters, by their ids.
    pub(super) filters: Vec<(Filter, FilterId)>,
    pub(super) counters: Arc<Counters>,
    pub(super) policy: Arc<Policy>,
    /// The port that is named in its policy to get copies, while there is one.
    mirror: Option<PortId>,
    /// What is on its line, from when it first was a bad one.
    store: Option<Arc<Store>>,
    pub(super) link: Option<Link>,
    pub(super) last_fault: Option<String>,
}

/// One connection of a port.
pub(super) struct Link {
    pub(super) gate: Arc<Gate>,
    pub(super) pairs: [Pair; MAX_PAIRS],
    pub(super) entry: Arc<Entry>,
    /// Whether frames could pass when that was last told.
    was_up: bool,
}

/// The running rings of one queue pair.
#[derive(Default)]
pub(super) struct Pair {
    pub(super) to_guest: Option<Arc<Receiver>>,
    pub(super) from_guest: Option<Sender>,
}

/// A running from-guest ring, as control sees it.
pub(crate) struct Sender {
    /// The worker that owns it.
    pub(crate) worker: usize,
    pub(crate) load: Arc<Load>,
}

impl Port {
    /// Allocates a port's queue and sets its filters, or neither.
    pub(super) fn allocate(
        spec: PortSpec,
        counters: Arc<Counters>,
        store: Option<Arc<Store>>,
        network: &mut Network,
    ) -> Result<Self, PortError> {
        let PortSpec {
            name,
            network: id,
            settings,
        } = spec;
        let (queue, filters) = allocate(&name, &settings, network)?;
        Ok(Self {
            policy: Arc::new(Policy::new(
                &settings.policy,
                &filters_of(&settings),
                counters.workers(),
                None,
                store.as_ref(),
                clock::now(),
            )),
            store,
            name,
            network: id,
            settings,
            queue,
            filters,
            counters,
            mirror: None,
            link: None,
            last_fault: None,
        })
    }

    /// As [`Port::allocate`], for the next connection.
    pub(super) fn allocate_again(&mut self, network: &mut Network) -> Result<(), PortError> {
        (self.queue, self.filters) = allocate(&self.name, &self.settings, network)?;
        Ok(())
    }

    /// Applies what is different in `settings`, or nothing; the filters that it had.
    pub(super) fn change(
        &mut self,
        id: PortId,
        settings: PortSettings,
        network: &mut Network,
    ) -> Result<Vec<(Filter, FilterId)>, PortError> {
        let before = self.change_filters(&filters_of(&settings), network)?;
        let change = QueueChange {
            processor_affinity: Some(processors(settings.affinity)),
            learning: Some(learning(&settings.policy)),
            ..QueueChange::default()
        };
        report(
            network.engine.change_queue(CONTROL, self.queue, change),
            "change",
            self.queue,
        );
        if settings.policy != self.settings.policy || settings.filters != self.settings.filters {
            self.policy = Arc::new(Policy::new(
                &settings.policy,
                &filters_of(&settings),
                self.counters.workers(),
                Some(&self.policy),
                self.store.as_ref(),
                clock::now(),
            ));
        }
        if settings.policy.vlan != self.settings.policy.vlan {
            // Its addresses were learnt in VLANs that it may not be in any more.
            network.engine.forget(self.queue);
        }
        if let Some(link) = &self.link
            && settings.mtu != self.settings.mtu
        {
            link.gate.mtu.configure(settings.mtu);
        }
        self.settings = settings;
        self.enter(id);
        network.changed();
        Ok(before)
    }

    /// Gives its line memory, if it needs some.
    pub(super) fn give_store(&mut self, store: Option<Arc<Store>>) {
        self.store = store.or(self.store.take());
    }

    pub(super) fn has_store(&self) -> bool {
        self.store.is_some()
    }

    /// Sets the filters that are new and clears those that are no more: never the other way round, so that there is no
    /// moment without. The filters that it had.
    fn change_filters(
        &mut self,
        wanted: &[Filter],
        network: &mut Network,
    ) -> Result<Vec<(Filter, FilterId)>, PortError> {
        let mut left = self.filters.clone();
        let mut filters = Vec::with_capacity(wanted.len());
        let mut new = Vec::new();
        for &filter in wanted {
            match left.iter().position(|(known, _)| *known == filter) {
                Some(at) => filters.push(left.swap_remove(at)),
                None => new.push(filter),
            }
        }
        filters.extend(set_filters(&self.name, self.queue, &new, network)?);
        for (_, id) in left {
            report(
                network.engine.clear_filter(CONTROL, self.queue, id),
                "clear a filter of",
                self.queue,
            );
        }
        Ok(std::mem::replace(&mut self.filters, filters))
    }

    /// Tells what became of its filters, which were `before`.
    pub(super) fn tell_filters(&self, before: &[(Filter, FilterId)], log: &EventLog) {
        let port = || self.name.clone();
        for &(Filter { mac, .. }, FilterId(filter)) in &self.filters {
            if before.iter().all(|(_, id)| id.0 != filter) {
                let port = port();
                log.note(Event::FilterSet { port, mac, filter });
            }
        }
        for &(Filter { mac, .. }, FilterId(filter)) in before {
            if self.filters.iter().all(|(_, id)| id.0 != filter) {
                let port = port();
                log.note(Event::FilterCleared { port, mac, filter });
            }
        }
    }

    pub(super) fn connect(&mut self, id: PortId, sink: FaultSink) {
        let gate = Arc::new(Gate::new(sink, self.settings.mtu));
        self.link = Some(Link {
            entry: Arc::new(self.entry(id, Box::default(), gate.clone())),
            gate,
            pairs: Default::default(),
            was_up: false,
        });
    }

    /// Notes which port has the name to which copies of its frames are to go. True if that is another than before.
    pub(super) fn find_mirror(&mut self, id: PortId, found: Option<PortId>) -> bool {
        let has_changed = std::mem::replace(&mut self.mirror, found) != found;
        if has_changed {
            self.enter(id);
        }
        has_changed
    }

    /// Whether there is such a pair.
    pub(super) fn set_to_guest(
        &mut self,
        id: PortId,
        pair: usize,
        ring: Option<Arc<dyn ToGuest>>,
    ) -> bool {
        let place = self.link.as_mut().and_then(|link| link.pairs.get_mut(pair));
        let Some(place) = place else { return false };
        place.to_guest = ring.map(|ring| Arc::new(Receiver::new(ring)));
        self.enter(id);
        true
    }

    /// What to tell if frames can pass now and could not before, or the other way round.
    pub(super) fn whether_up(&mut self) -> Option<Event> {
        let link = self.link.as_mut()?;
        let is_up = link.runs();
        if std::mem::replace(&mut link.was_up, is_up) == is_up {
            return None;
        }
        let port = self.name.clone();
        Some(if is_up {
            Event::PortUp { port }
        } else {
            Event::PortDown { port }
        })
    }

    /// Makes the entry that the workers are to see.
    fn enter(&mut self, id: PortId) {
        let Some(link) = &self.link else { return };
        let running = link.pairs.iter().filter_map(|pair| pair.to_guest.clone());
        let entry = Arc::new(self.entry(id, running.collect(), link.gate.clone()));
        if let Some(link) = &mut self.link {
            link.entry = entry;
        }
    }

    /// What the workers would see of it if a machine were there that had no rings yet.
    pub(super) fn absent_entry(&self, id: PortId) -> Arc<Entry> {
        let gate = Gate::new(Box::new(|_| {}), self.settings.mtu);
        Arc::new(self.entry(id, Box::default(), Arc::new(gate)))
    }

    fn entry(&self, id: PortId, receivers: Box<[Arc<Receiver>]>, gate: Arc<Gate>) -> Entry {
        Entry {
            port: id,
            network: self.network,
            queue: self.queue,
            table: IndirectionTable::even(receivers.len()),
            receivers,
            counters: self.counters.clone(),
            gate,
            when_full: self.settings.when_full,
            policy: self.policy.clone(),
            mirror: self.mirroring(),
        }
    }

    fn mirroring(&self) -> Option<Mirroring> {
        let asked = self.settings.policy.mirror.as_ref()?;
        Some(Mirroring {
            to: self.mirror?,
            from_guest: asked.direction != Direction::ToGuest,
            to_guest: asked.direction != Direction::FromGuest,
        })
    }
}

impl Link {
    /// Whether both rings of a pair run.
    pub(super) fn runs(&self) -> bool {
        let both_run = |pair: &Pair| pair.to_guest.is_some() && pair.from_guest.is_some();
        self.pairs.iter().any(both_run)
    }

    /// The running from-guest rings, by pair.
    pub(super) fn senders(&self) -> impl Iterator<Item = (usize, &Sender)> {
        let pairs = self.pairs.iter().enumerate();
        pairs.filter_map(|(pair, rings)| Some((pair, rings.from_guest.as_ref()?)))
    }
}

impl Pair {
    pub(super) fn is_in_use(&self) -> bool {
        self.to_guest.is_some() || self.from_guest.is_some()
    }
}

/// Allocates a queue and sets its filters, or neither.
fn allocate(
    port: &str,
    settings: &PortSettings,
    network: &mut Network,
) -> Result<(QueueId, Vec<(Filter, FilterId)>), PortError> {
    let parameters = AllocateQueue {
        queue_name: port.to_owned(),
        vm_name: port.to_owned(),
        flags: ndis::NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION,
        processor_affinity: processors(settings.affinity),
        learning: learning(&settings.policy),
        ..AllocateQueue::default()
    };
    let queue = network
        .engine
        .allocate_queue(CONTROL, parameters)
        .map_err(|status| PortError::Refused {
            what: format!("a queue for port {port:?}"),
            status,
        })?;
    match set_filters(port, queue, &filters_of(settings), network) {
        Ok(filters) => Ok((queue, filters)),
        Err(error) => {
            network.withdraw(queue, std::iter::empty());
            network.dma_stopped(queue);
            network.resources_freed(queue);
            Err(error)
        }
    }
}

/// Sets all of `filters`, or none.
fn set_filters(
    port: &str,
    queue: QueueId,
    filters: &[Filter],
    network: &mut Network,
) -> Result<Vec<(Filter, FilterId)>, PortError> {
    let mut set = Vec::with_capacity(filters.len());
    for &filter in filters {
        match network.engine.set_filter(CONTROL, queue, filter) {
            Ok(id) => set.push((filter, id)),
            Err(status) => {
                for (_, id) in set {
                    report(
                        network.engine.clear_filter(CONTROL, queue, id),
                        "clear a filter of",
                        queue,
                    );
                }
                let Filter { mac, vlan } = filter;
                let what = format!("the address {mac} ({vlan:?}) of port {port:?}");
                return Err(PortError::Refused { what, status });
            }
        }
    }
    Ok(set)
}

/// The filters that its machine's addresses come to.
fn filters_of(settings: &PortSettings) -> Vec<Filter> {
    let own = |filter: &Filter| filter_in(&settings.policy.vlan, *filter);
    settings.filters.iter().map(own).collect()
}

fn learning(policy: &PortPolicy) -> Learning {
    Learning {
        limit: policy.learning.limit,
        takes_moves: !policy.learning.no_moves,
    }
}

/// NDIS has no word for "any": those of the first group then.
fn processors(affinity: Option<Affinity>) -> Affinity {
    affinity.unwrap_or(Affinity {
        group: 0,
        mask: u64::MAX,
    })
}
