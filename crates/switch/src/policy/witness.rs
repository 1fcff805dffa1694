//! Who watches a frame being judged. A worker notes what is to be learnt from it; an explanation writes down what was decided
//! and changes nothing. Both watch the same judges.

use vmq::{Hit, Mac, Table, Tick, VlanId};

use super::guards::Objection;
use super::rules::{Ruling, Way};
use super::snooping::{Audience, Kind, Listener};
use crate::PortId;
use crate::learning::Learner;

/// What is told while a frame is judged, in the order in which it is decided. Nobody has to listen.
pub(crate) trait Witness {
    /// The source is known behind the port that the frame came from.
    fn seen(&mut self, _table: &Table, _source: Hit) {}

    /// The source is not known there, and may be.
    fn unknown(&mut self, _port: PortId, _vlan: VlanId, _source: Mac) {}

    /// The source is configured for another port.
    fn elsewhere(&mut self, _source: Hit) {}

    /// It is about groups.
    fn overheard(&mut self, _port: PortId, _vlan: VlanId, _lookahead: &[u8]) {}

    /// It is for the next bridge, and passes the port that it came from or not.
    fn link_local(&mut self, _passes: bool) {}

    /// In which VLAN it was found to be.
    fn classified(&mut self, _lookahead: &[u8], _vlan: VlanId) {}

    /// What the guards that look into it say.
    fn guarded(&mut self, _objection: Option<Objection>) {}

    /// What rules say, if one matches.
    fn ruled(&mut self, _way: Way, _ruling: Option<Ruling>) {}

    /// The filter for its destination, if there is one.
    fn looked_up(&mut self, _found: Option<Hit>) {}

    /// The network is a hub.
    fn in_hub(&mut self) {}

    /// Who is to have it, of those who could.
    fn snooped(&mut self, _kind: Kind, _audience: Audience<'_>) {}
}

/// Nobody in particular.
pub(crate) struct Blind;

impl Witness for Blind {}

/// A worker's senses.
pub(crate) struct Senses<'a> {
    pub(crate) learner: &'a mut Learner,
    pub(crate) listener: &'a mut Listener,
    pub(crate) tick: Tick,
}

impl Witness for Senses<'_> {
    #[inline]
    fn seen(&mut self, table: &Table, source: Hit) {
        table.mark_seen(source.entry, self.tick);
    }

    #[inline]
    fn unknown(&mut self, port: PortId, vlan: VlanId, source: Mac) {
        self.learner.ask(port, vlan, source);
    }

    fn overheard(&mut self, port: PortId, vlan: VlanId, lookahead: &[u8]) {
        self.listener.pass_on(port, vlan, lookahead);
    }
}
