//! A witness that writes down what is decided, and changes nothing.

use nbl::Tag;
use vmq::{Hit, Mac, QueueId, Table, VlanId};

use super::{Known, Step};
use crate::PortId;
use crate::policy::{Audience, GroupKind, Objection, Ruling, Way, Witness};
use crate::snapshot::View;

/// What was decided so far.
pub(super) struct Notes<'a, F> {
    pub(super) steps: Vec<Step>,
    network: &'a View,
    /// Where nothing runs, nothing is known to be.
    is_running: bool,
    /// What a port is called.
    name: F,
}

impl<'a, F: Fn(PortId) -> String> Notes<'a, F> {
    pub(super) fn new(network: &'a View, is_running: bool, name: F) -> Self {
        Self {
            steps: Vec::new(),
            network,
            is_running,
            name,
        }
    }

    fn know(&mut self, source: Known) {
        if self.is_running {
            self.steps.push(Step::Source(source));
        }
    }

    fn port_of(&self, queue: QueueId) -> String {
        let port = self.network.queue(queue);
        port.map_or_else(String::new, |entry| (self.name)(entry.port))
    }
}

impl<F: Fn(PortId) -> String> Witness for Notes<'_, F> {
    fn seen(&mut self, _: &Table, source: Hit) {
        let known = match source.filter() {
            Some(filter) => Known::Configured(filter.0),
            None => Known::Learnt,
        };
        self.know(known);
    }

    fn unknown(&mut self, _: PortId, vlan: VlanId, source: Mac) {
        let known = match self.network.table.lookup(vlan, source) {
            Some(hit) => Known::Moves(self.port_of(hit.queue)),
            None => Known::New,
        };
        self.know(known);
    }

    fn elsewhere(&mut self, source: Hit) {
        let known = Known::Elsewhere(self.port_of(source.queue));
        self.know(known);
    }

    fn link_local(&mut self, passes: bool) {
        self.steps.push(Step::LinkLocal { passes });
    }

    fn classified(&mut self, lookahead: &[u8], vlan: VlanId) {
        self.steps.push(Step::Vlan {
            vlan: vlan.0,
            tag: Tag::of(lookahead).map(|tag| tag.tci),
        });
    }

    fn guarded(&mut self, objection: Option<Objection>) {
        self.steps.push(Step::Guards(objection));
    }

    fn ruled(&mut self, way: Way, ruling: Option<Ruling>) {
        self.steps.push(Step::Rules { way, ruling });
    }

    fn looked_up(&mut self, found: Option<Hit>) {
        let step = match found {
            Some(hit) => Step::Destination {
                filter: hit.filter().map(|filter| filter.0),
                queue: hit.queue.0,
                port: self.port_of(hit.queue),
            },
            None => Step::Flood,
        };
        self.steps.push(step);
    }

    fn in_hub(&mut self) {
        self.steps.push(Step::Hub);
    }

    fn snooped(&mut self, kind: GroupKind, audience: Audience<'_>) {
        self.steps.push(Step::Groups {
            is_heard: kind != GroupKind::Data,
            is_narrowed: audience != Audience::All,
        });
    }
}
