//! What to do with one frame, judged on the host's lookahead copy.

use nbl::Tag;
use vmq::{QueueId, VlanId};

use super::guards::{Guard, Objection};
use super::packet::Packet;
use super::rules::{Mark, Way};
use super::settings::Action;
use super::snooping::{Audience, Groups, Kind, is_group};
use super::vlan::{self, Class, Form};
use super::witness::Witness;
use crate::DropReason;
use crate::ethernet::Header;
use crate::port::Entry;
use crate::snapshot::View;

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// To the queue that a filter chose.
    Queue(QueueId),
    /// To default queue 0: every member of the flood group but the sender.
    Flood,
    /// Nowhere.
    Drop(DropReason),
}

/// A verdict, and what it says of the receivers. In a plain network nobody asks for that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judgement<'a> {
    pub(crate) verdict: Verdict,
    pub(crate) class: Class,
    /// How the one receiver wants the frame.
    pub(crate) form: Form,
    /// Which of the members are to have it, if it is flooded.
    pub(crate) audience: Audience<'a>,
    /// Another frame with the same first bytes may be judged otherwise.
    pub(crate) is_once: bool,
}

impl Judgement<'_> {
    fn new(verdict: Verdict, class: Class) -> Self {
        Self {
            verdict,
            class,
            form: Form::AsSent,
            audience: Audience::All,
            is_once: false,
        }
    }

    fn drop(reason: DropReason) -> Self {
        Self::new(Verdict::Drop(reason), Class::default())
    }
}

/// Judges a frame that came from `port` by no more than the addresses and the outer tag: finds its VLAN, notes its source,
/// looks its destination up, asks whether the receiver may have it. Guards and rules that look further come first ([`screen`]).
#[inline]
pub(crate) fn judge<'a>(
    lookahead: &[u8],
    port: &Entry,
    network: &'a View,
    witness: &mut impl Witness,
) -> Judgement<'a> {
    if network.is_hub {
        return in_hub(lookahead, port, network, witness);
    }
    let Some(header) = Header::parse(lookahead) else {
        return Judgement::drop(DropReason::Runt);
    };
    if header.source.is_multicast() {
        return Judgement::drop(DropReason::InvalidSource);
    }
    if header.is_link_local() {
        return link_local(&header, port, network, witness);
    }
    let mut class = Class {
        vlan: header.vlan,
        tag: None,
        is_link_local: false,
    };
    if !network.is_plain {
        class = match classify(lookahead, port) {
            Ok(class) => class,
            Err(reason) => return Judgement::drop(reason),
        };
    }
    witness.classified(lookahead, class.vlan);
    if !port.policy.sources.hold(class.vlan, header.source) {
        return spoofed(witness);
    }
    match network.table.lookup(class.vlan, header.source) {
        Some(hit) if hit.queue == port.queue => witness.seen(&network.table, hit),
        // Nothing is learnt against the configuration.
        Some(hit) if !hit.is_learned() => witness.elsewhere(hit),
        _ => witness.unknown(port.port, class.vlan, header.source),
    }
    let found = network.table.lookup(class.vlan, header.destination);
    witness.looked_up(found);
    let verdict = match found {
        Some(hit) if hit.queue == port.queue => Verdict::Drop(DropReason::SamePort),
        Some(hit) if !hit.is_learned() => Verdict::Queue(hit.queue),
        // To itself: it lies behind the port that it was just seen at, learnt or not yet.
        _ if header.source == header.destination => Verdict::Drop(DropReason::SamePort),
        Some(hit) => Verdict::Queue(hit.queue),
        None => Verdict::Flood,
    };
    if network.is_plain {
        return Judgement::new(verdict, class);
    }
    let mut judgement = confirm(verdict, class, port, network);
    if let Some(groups) = network
        .groups
        .as_deref()
        .filter(|_| is_group(header.destination))
    {
        judgement.is_once = true;
        judgement.audience = listen(lookahead, &header, class.vlan, port, groups, witness);
    }
    judgement
}

/// Asks the guards and rules that look into what a port's guest sends. Which rule let it pass, or why it does not and which
/// rule said so.
#[inline(never)]
pub(crate) fn screen(
    lookahead: &[u8],
    port: &Entry,
    witness: &mut impl Witness,
) -> Result<Mark, (DropReason, Mark)> {
    let Some(packet) = Packet::parse(lookahead) else {
        return Err((DropReason::Runt, Mark::NONE));
    };
    if port.policy.guards.are_on() {
        let objection = port.policy.guards.judge(&packet);
        witness.guarded(objection);
        if let Some(objection) = objection {
            return Err((objection.reason(), Mark::NONE));
        }
    }
    if !port.policy.rules.are_for(Way::FromGuest) {
        return Ok(Mark::NONE);
    }
    let ruling = port.policy.rules.judge(&packet, Way::FromGuest);
    witness.ruled(Way::FromGuest, ruling);
    let mark = Mark::of(ruling);
    match ruling.map(|ruling| ruling.action) {
        Some(Action::Deny) => Err((DropReason::Denied, mark)),
        Some(Action::Allow) | None => Ok(mark),
    }
}

/// The guest may not send from that address.
#[cold]
fn spoofed<'a>(witness: &mut impl Witness) -> Judgement<'a> {
    let objection = Objection {
        guard: Guard::MacSpoofing,
        is_hidden: false,
    };
    witness.guarded(Some(objection));
    Judgement::drop(objection.reason())
}

/// In a hub every frame is for everybody. Where the guest may come from is asked only if that was said.
#[inline(never)]
fn in_hub<'a>(
    lookahead: &[u8],
    port: &Entry,
    network: &'a View,
    witness: &mut impl Witness,
) -> Judgement<'a> {
    witness.in_hub();
    let is_own = |header: Header| port.policy.sources.hold_in_hub(header.vlan, header.source);
    if Header::parse(lookahead).is_some_and(|header| !is_own(header)) {
        return spoofed(witness);
    }
    let verdict = network.everywhere_from(port);
    confirm(verdict, Class::default(), port, network)
}

/// Who is to have a frame to a group, which may be about groups itself.
#[inline(never)]
fn listen<'a>(
    lookahead: &[u8],
    header: &Header,
    vlan: VlanId,
    port: &Entry,
    groups: &'a Groups,
    witness: &mut impl Witness,
) -> Audience<'a> {
    let kind = Packet::parse(lookahead).map_or(Kind::Data, |packet| Kind::of(&packet));
    if kind != Kind::Data {
        witness.overheard(port.port, vlan, lookahead);
    }
    let audience = groups.audience(vlan, header.destination, kind);
    witness.snooped(kind, audience);
    audience
}

/// How the port `to` gets a frame that the port `from` sent.
///
/// # Errors
/// Why it does not get it.
pub(crate) fn admit(
    from: &Entry,
    to: &Entry,
    network: &View,
    class: &Class,
) -> Result<Form, DropReason> {
    if from.policy.is_isolated && to.policy.is_isolated {
        return Err(DropReason::Isolated);
    }
    if class.is_link_local && !network.passes_link_local(to) {
        return Err(DropReason::LinkLocal);
    }
    if class.is_link_local || network.is_hub {
        return Ok(Form::AsSent);
    }
    vlan::admit(&from.policy.vlans, &to.policy.vlans, class)
}

/// A frame for the next bridge. It is of no VLAN, and nothing is learnt from it.
#[cold]
fn link_local<'a>(
    header: &Header,
    port: &Entry,
    network: &'a View,
    witness: &mut impl Witness,
) -> Judgement<'a> {
    let passes = network.passes_link_local(port);
    witness.link_local(passes);
    if !passes {
        return Judgement::drop(DropReason::LinkLocal);
    }
    if !port.policy.sources.hold_anywhere(header.source) {
        return spoofed(witness);
    }
    let class = Class {
        is_link_local: true,
        ..Class::default()
    };
    Judgement::new(Verdict::Flood, class)
}

/// Finds the VLAN of a frame.
#[inline(never)]
fn classify(lookahead: &[u8], port: &Entry) -> Result<Class, DropReason> {
    let tag = Tag::of(lookahead);
    let kind = lookahead.get(12..14).and_then(<[u8]>::first_chunk);
    if tag.is_none() && kind.is_some_and(|kind| Tag::is_kind(u16::from_be_bytes(*kind))) {
        return Err(DropReason::Runt);
    }
    let vlan = port.policy.vlans.classify(tag)?;
    Ok(Class {
        vlan,
        tag,
        is_link_local: false,
    })
}

/// Asks whether the one receiver may have the frame, and how it wants it.
#[inline(never)]
fn confirm<'a>(verdict: Verdict, class: Class, port: &Entry, network: &'a View) -> Judgement<'a> {
    let mut judgement = Judgement::new(verdict, class);
    if let Verdict::Queue(queue) = verdict
        && let Some(receiver) = network.queue(queue)
    {
        match admit(port, receiver, network, &class) {
            Ok(form) => judgement.form = form,
            Err(reason) => judgement.verdict = Verdict::Drop(reason),
        }
    }
    judgement
}
