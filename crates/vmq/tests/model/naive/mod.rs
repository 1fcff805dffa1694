//! The rules of queues and filters in their plainest form: lists that are searched from the front. Slow, and so short
//! that it can be checked against the documents by reading.
//!
//! It keeps no state machine: whether a queue is complete and how many filters it has *is* its state.

mod evaluate;

use vmq::{
    AllocateQueue, Binding, Capabilities, Criteria, Facts, Filter, FilterId, FilterInfo, Learned,
    Learning, MOVES_WITHIN, Mac, NdisStatus, OperationalState, QueueId, Reason, Span, Tick, VlanId,
    VlanTest,
};

pub(crate) use evaluate::Asked;

/// Queue ids that tests ask about; some never exist.
pub(crate) const LISTED: u16 = 4;

/// VLAN ids that occur; the last one cannot be in a tag.
pub(crate) const VLANS: [VlanId; 4] = [VlanId(0), VlanId(5), VlanId(4095), VlanId(4096)];

/// Addresses that occur; the last one names a group.
pub(crate) const MACS: [Mac; 4] = [
    Mac([0x52, 0x54, 0, 0, 0, 1]),
    Mac([0x54, 0x52, 0, 0, 0, 0]),
    Mac([0, 0, 0, 0, 0, 0]),
    Mac([0x53, 0x54, 0, 0, 0, 1]),
];

pub(crate) struct Model {
    capabilities: Capabilities,
    max_age: Span,
    queues: Vec<Queue>,
    statics: Vec<Static>,
    learned: Vec<Station>,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    New,
    Complete,
    StoppingDma,
    DmaStopped,
}

struct Queue {
    id: QueueId,
    /// Nobody's is the default queue.
    owner: Option<Binding>,
    phase: Phase,
    learning: Learning,
}

struct Static {
    id: FilterId,
    owner: Binding,
    queue: QueueId,
    asked: Asked,
}

struct Station {
    vlan: VlanId,
    mac: Mac,
    queue: QueueId,
    seen: Tick,
    /// Moves in a row, and the moment of the last one.
    moves: u32,
    moved: Tick,
}

/// Whom a frame goes to, and why.
#[derive(Clone, Copy)]
pub(crate) enum Owner {
    Static(QueueId, FilterId),
    Learned(QueueId),
}

impl Owner {
    pub(crate) fn queue(self) -> QueueId {
        match self {
            Owner::Static(queue, _) | Owner::Learned(queue) => queue,
        }
    }

    pub(crate) fn filter(self) -> Option<FilterId> {
        match self {
            Owner::Static(_, id) => Some(id),
            Owner::Learned(_) => None,
        }
    }
}

impl Model {
    pub(crate) fn new(capabilities: Capabilities, max_age: Span) -> Model {
        let default = Queue {
            id: QueueId(0),
            owner: None,
            phase: Phase::Complete,
            learning: Learning::default(),
        };
        Model {
            capabilities,
            max_age,
            queues: vec![default],
            statics: Vec::new(),
            learned: Vec::new(),
        }
    }

    pub(crate) fn allocate_queue(
        &mut self,
        by: Binding,
        asked: &AllocateQueue,
    ) -> Result<QueueId, NdisStatus> {
        if asked.processor_affinity.mask == 0 {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        let mut free = (1..=self.capabilities.num_queues)
            .map(QueueId)
            .filter(|id| self.phase(*id).is_none());
        let id = match asked.id {
            Some(id) => free
                .find(|free| *free == id)
                .ok_or(NdisStatus::INVALID_PARAMETER)?,
            None => free.next().ok_or(NdisStatus::RESOURCES)?,
        };
        self.queues.push(Queue {
            id,
            owner: Some(by),
            phase: Phase::New,
            learning: asked.learning,
        });
        Ok(id)
    }

    pub(crate) fn change_learning(
        &mut self,
        by: Binding,
        queue: QueueId,
        learning: Learning,
    ) -> Result<(), NdisStatus> {
        if !self.is_live(queue) || !self.is_owner(by, queue) {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        let found = self.queues.iter_mut().find(|listed| listed.id == queue);
        found.unwrap().learning = learning;
        while self.learned_on(queue) > self.learning_limit(queue) {
            self.forget_most_silent(|station| station.queue == queue);
        }
        Ok(())
    }

    pub(crate) fn set_filter(
        &mut self,
        by: Binding,
        queue: QueueId,
        id: Option<FilterId>,
        asked: Asked,
    ) -> Result<FilterId, NdisStatus> {
        if !asked.is_sound(&self.capabilities) || !self.may_set(by, queue) {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        let limit = self.capabilities.max_filters as u16;
        let mut free = (1..=limit)
            .map(FilterId)
            .filter(|id| self.statics.iter().all(|set| set.id != *id));
        let id = match id {
            Some(id) => free
                .find(|free| *free == id)
                .ok_or(NdisStatus::INVALID_PARAMETER)?,
            None => free.next().ok_or(NdisStatus::RESOURCES)?,
        };
        if let Some(filter) = asked.exact() {
            self.learned
                .retain(|station| !filter.accepts(station.vlan, station.mac));
        }
        self.statics.push(Static {
            id,
            owner: by,
            queue,
            asked,
        });
        self.statics.sort_by_key(|filter| filter.id);
        if self.statics.len() + self.learned.len() > usize::from(limit) {
            self.forget_most_silent(|_| true);
        }
        Ok(id)
    }

    pub(crate) fn move_filter(
        &mut self,
        by: Binding,
        id: FilterId,
        from: QueueId,
        to: QueueId,
    ) -> Result<(), NdisStatus> {
        let may = self.may_set(by, to);
        let is_meant = |set: &&mut Static| (set.id, set.queue, set.owner) == (id, from, by);
        match self.statics.iter_mut().find(is_meant) {
            Some(set) if may => set.queue = to,
            _ => return Err(NdisStatus::INVALID_PARAMETER),
        }
        Ok(())
    }

    pub(crate) fn clear_filter(
        &mut self,
        by: Binding,
        queue: QueueId,
        id: FilterId,
    ) -> Result<(), NdisStatus> {
        let is_meant = |set: &Static| (set.id, set.queue, set.owner) == (id, queue, by);
        let place = self.statics.iter().position(is_meant);
        self.statics
            .remove(place.ok_or(NdisStatus::FILE_NOT_FOUND)?);
        Ok(())
    }

    pub(crate) fn complete(
        &mut self,
        by: Binding,
        queue: QueueId,
        memory: Result<(), NdisStatus>,
    ) -> NdisStatus {
        if !self.is_owner(by, queue) || self.phase(queue) != Some(Phase::New) {
            return NdisStatus::INVALID_PARAMETER;
        }
        match memory.and_then(|()| self.advance(queue, Phase::New, Phase::Complete)) {
            Ok(()) => NdisStatus::SUCCESS,
            Err(status) => status,
        }
    }

    pub(crate) fn free_queue(&mut self, by: Binding, queue: QueueId) -> Result<(), NdisStatus> {
        if !self.is_owner(by, queue) || !self.is_live(queue) {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        if self.statics.iter().any(|filter| filter.queue == queue) {
            return Err(NdisStatus::INVALID_STATE);
        }
        self.learned.retain(|station| station.queue != queue);
        let before = self.phase(queue).unwrap();
        self.advance(queue, before, Phase::StoppingDma)
    }

    pub(crate) fn dma_stopped(&mut self, queue: QueueId) -> Result<(), NdisStatus> {
        self.advance(queue, Phase::StoppingDma, Phase::DmaStopped)
    }

    pub(crate) fn resources_freed(&mut self, queue: QueueId) -> Result<(), NdisStatus> {
        self.advance(queue, Phase::DmaStopped, Phase::DmaStopped)?;
        self.queues.retain(|listed| listed.id != queue);
        Ok(())
    }

    pub(crate) fn learn(&mut self, queue: QueueId, vlan: VlanId, mac: Mac, now: Tick) -> Learned {
        if mac.is_multicast() {
            return Learned::Refused(Reason::Multicast);
        }
        if vlan.0 > 4095 {
            return Learned::Refused(Reason::InvalidVlan);
        }
        if self.phase(queue) != Some(Phase::Complete) {
            return Learned::Refused(Reason::QueueNotRunning);
        }
        // Whether its queue runs or not, a static filter keeps its addresses.
        let exact = |set: &&Static| {
            set.asked
                .exact()
                .is_some_and(|filter| filter.accepts(vlan, mac))
        };
        match self.statics.iter().find(exact) {
            Some(set) if set.queue == queue => return Learned::Known,
            Some(_) => return Learned::Refused(Reason::StaticElsewhere),
            None => {}
        }
        let place = self
            .learned
            .iter()
            .position(|station| station.vlan == vlan && station.mac == mac);
        if let Some(place) = place
            && self.learned[place].queue == queue
        {
            let seen = &mut self.learned[place].seen;
            *seen = now.max(*seen);
            return Learned::Known;
        }
        if place.is_some() && !self.queue(queue).unwrap().learning.takes_moves {
            return Learned::Refused(Reason::NoMoves);
        }
        if self.learned_on(queue) >= self.learning_limit(queue) {
            return Learned::Refused(Reason::PerQueueLimit);
        }
        let Some(place) = place else {
            if self.statics.len() + self.learned.len() >= self.capabilities.max_filters as usize {
                return Learned::Refused(Reason::TableFull);
            }
            self.learned.push(Station {
                vlan,
                mac,
                queue,
                seen: now,
                moves: 0,
                moved: now,
            });
            return Learned::New;
        };
        let station = &mut self.learned[place];
        let from = std::mem::replace(&mut station.queue, queue);
        let is_in_a_row = now.since(station.moved) <= MOVES_WITHIN;
        station.moves = 1 + if is_in_a_row { station.moves } else { 0 };
        (station.seen, station.moved) = (now.max(station.seen), now);
        Learned::Moved {
            from,
            moves: station.moves,
        }
    }

    pub(crate) fn see(&mut self, vlan: VlanId, mac: Mac, now: Tick) {
        if let Some(station) = self
            .learned
            .iter_mut()
            .find(|station| station.vlan == vlan && station.mac == mac)
        {
            station.seen = now.max(station.seen);
        }
    }

    pub(crate) fn age(&mut self, now: Tick) -> Vec<vmq::Station> {
        let max_age = self.max_age;
        self.learned
            .sort_by_key(|station| (station.vlan, station.mac));
        let expired = self
            .learned
            .extract_if(.., |station| now.since(station.seen) >= max_age);
        expired
            .map(
                |Station {
                     vlan, mac, queue, ..
                 }| vmq::Station { vlan, mac, queue },
            )
            .collect()
    }

    pub(crate) fn next_expiry(&self) -> Option<Tick> {
        self.learned
            .iter()
            .map(|station| station.seen.after(self.max_age))
            .min()
    }

    /// Whom a frame goes to: the lowest static filter that accepts it, or whom its address was learned of.
    pub(crate) fn owner(&self, frame: &Facts) -> Option<Owner> {
        self.lowest(frame, |_| true)
    }

    /// The same among exact filters alone.
    pub(crate) fn exact_owner(&self, frame: &Facts) -> Option<Owner> {
        self.lowest(frame, |asked| asked.exact().is_some())
    }

    fn lowest(&self, frame: &Facts, counts: impl Fn(&Asked) -> bool) -> Option<Owner> {
        let is_running = |queue| self.state(queue) == OperationalState::Running;
        let accepts = |set: &&Static| set.asked.accepts(frame) && is_running(set.queue);
        let set = self
            .statics
            .iter()
            .find(|set| counts(&set.asked) && accepts(set));
        let is_it =
            |station: &&Station| (station.vlan, station.mac) == (frame.vlan, frame.destination);
        let learned = || self.learned.iter().find(is_it);
        set.map(|set| Owner::Static(set.queue, set.id))
            .or_else(|| learned().map(|station| Owner::Learned(station.queue)))
    }

    pub(crate) fn members(&self) -> Vec<QueueId> {
        let mut members: Vec<_> = self
            .queues
            .iter()
            .filter(|queue| queue.phase == Phase::Complete)
            .map(|queue| queue.id)
            .collect();
        members.retain(|id| *id != QueueId(0));
        members.sort();
        members
    }

    pub(crate) fn state(&self, queue: QueueId) -> OperationalState {
        let has_filters = self.statics.iter().any(|filter| filter.queue == queue)
            || self.learned.iter().any(|station| station.queue == queue);
        match self.phase(queue) {
            None => OperationalState::Undefined,
            Some(Phase::Complete) if has_filters || queue == QueueId(0) => {
                OperationalState::Running
            }
            Some(Phase::New | Phase::Complete | Phase::StoppingDma) => OperationalState::Paused,
            Some(Phase::DmaStopped) => OperationalState::DmaStopped,
        }
    }

    pub(crate) fn filters(&self, queue: QueueId) -> Result<Vec<FilterInfo>, NdisStatus> {
        if !self.is_live(queue) {
            return Err(NdisStatus::INVALID_PARAMETER);
        }
        let set = self.statics.iter().filter(|set| set.queue == queue);
        let set = set.map(|set| FilterInfo {
            id: Some(set.id),
            owner: Some(set.owner),
            queue,
            criteria: Criteria::new(set.asked.fields.clone(), set.asked.is_untagged_or_zero),
            last_seen: None,
            moves: 0,
        });
        let mut stations: Vec<_> = self
            .learned
            .iter()
            .filter(|station| station.queue == queue)
            .collect();
        stations.sort_by_key(|station| (station.vlan, station.mac));
        let learned = stations.into_iter().map(|station| {
            let vlan = if station.vlan.0 == 0 {
                VlanTest::UntaggedOrZero
            } else {
                VlanTest::Id(station.vlan)
            };
            let filter = Filter {
                mac: station.mac,
                vlan,
            };
            FilterInfo {
                id: None,
                owner: None,
                queue,
                criteria: filter.into(),
                last_seen: Some(station.seen),
                moves: station.moves,
            }
        });
        Ok(set.chain(learned).collect())
    }

    fn queue(&self, queue: QueueId) -> Option<&Queue> {
        self.queues.iter().find(|listed| listed.id == queue)
    }

    fn phase(&self, queue: QueueId) -> Option<Phase> {
        self.queue(queue).map(|listed| listed.phase)
    }

    /// Whether a filter of this binding can be set on the queue now.
    fn may_set(&self, by: Binding, queue: QueueId) -> bool {
        (queue == QueueId(0) || self.is_owner(by, queue)) && self.is_live(queue)
    }

    fn is_owner(&self, by: Binding, queue: QueueId) -> bool {
        self.queue(queue).and_then(|listed| listed.owner) == Some(by)
    }

    fn learned_on(&self, queue: QueueId) -> u32 {
        let on = self.learned.iter().filter(|station| station.queue == queue);
        on.count() as u32
    }

    fn learning_limit(&self, queue: QueueId) -> u32 {
        let own = self.queue(queue).unwrap().learning.limit;
        own.unwrap_or(self.capabilities.learned_per_queue)
    }

    fn forget_most_silent(&mut self, of: impl Fn(&Station) -> bool) {
        self.learned
            .sort_by_key(|station| (station.seen, station.vlan, station.mac));
        let place = self.learned.iter().position(of).unwrap();
        self.learned.remove(place);
    }

    fn is_live(&self, queue: QueueId) -> bool {
        matches!(self.phase(queue), Some(Phase::New | Phase::Complete))
    }

    fn advance(&mut self, queue: QueueId, from: Phase, to: Phase) -> Result<(), NdisStatus> {
        let found = self
            .queues
            .iter_mut()
            .find(|listed| listed.id == queue && listed.phase == from);
        found.ok_or(NdisStatus::INVALID_PARAMETER)?.phase = to;
        Ok(())
    }
}
