//! On what terms a receiver takes frames: its own rules, and how large they may be. Asked for each frame once it is known in which
//! form the receiver gets it.

use nbl::{Nbl, NblQueue};

use super::packet::Packet;
use super::rules::{Mark, Rules, Way};
use super::witness::{Blind, Witness};
use crate::DropReason;
use crate::mtu::Limit;
use crate::port::Entry;

/// What one receiver takes.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    limit: Limit,
    rules: Option<&'a Rules>,
}

impl<'a> Terms<'a> {
    pub(crate) fn of(receiver: &'a Entry) -> Self {
        let rules = &receiver.policy.rules;
        Self {
            limit: receiver.gate.mtu.limit(),
            rules: Some(rules).filter(|rules| rules.are_for(Way::ToGuest)),
        }
    }

    /// Of whoever takes everything.
    pub(crate) fn none() -> Self {
        Self {
            limit: Limit::none(),
            rules: None,
        }
    }

    /// Whether it takes everything.
    #[inline]
    pub(crate) fn are_none(&self) -> bool {
        self.limit.is_none() && self.rules.is_none()
    }

    /// Whether frames are counted at rules.
    #[inline]
    pub(crate) fn have_rules(&self) -> bool {
        self.rules.is_some()
    }

    /// Asks the rules about each frame, so that it can be said what becomes of it. Only once for each receiver.
    #[inline]
    pub(crate) fn judge(&self, frames: &NblQueue<'_>) {
        if self.rules.is_some() {
            frames.iter().for_each(|frame| self.ask(frame, &mut Blind));
        }
    }

    /// As [`Terms::judge`], of one frame.
    pub(crate) fn ask(&self, frame: Nbl<'_>, witness: &mut impl Witness) {
        let Some(rules) = self.rules else { return };
        let packet = Packet::parse(frame.lookahead());
        let ruling = packet.and_then(|packet| rules.judge(&packet, Way::ToGuest));
        witness.ruled(Way::ToGuest, ruling);
        Mark::of(ruling).note(frame, Way::ToGuest);
    }

    /// Why the receiver does not take a frame that was judged, if it does not.
    #[inline]
    pub(crate) fn refuse(&self, frame: Nbl<'_>) -> Option<DropReason> {
        if self.rules.is_some() && Mark::noted(frame, Way::ToGuest).is_denial() {
            return Some(DropReason::Denied);
        }
        { self.limit.is_exceeded_by(frame) }.then_some(DropReason::MtuExceeded)
    }

    /// Counts a frame that is over for this receiver, whatever became of it, at the rule that decided.
    #[inline]
    pub(crate) fn count(&self, worker: usize, frame: Nbl<'_>) {
        if let Some(rules) = self.rules {
            let mark = Mark::noted(frame, Way::ToGuest);
            rules.count(worker, Way::ToGuest, mark, frame.data_len());
        }
    }

    /// As [`Terms::count`], of all these.
    pub(crate) fn count_all(&self, worker: usize, frames: &NblQueue<'_>) {
        if self.rules.is_some() {
            frames.iter().for_each(|frame| self.count(worker, frame));
        }
    }
}
