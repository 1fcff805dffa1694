//! What to do with one frame, judged on the host's lookahead copy.

use nbl::Tag;
use vmq::{QueueId, Tick};

use super::vlan::{self, Class, Form};
use crate::DropReason;
use crate::ethernet::Header;
use crate::learning::Learner;
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
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) class: Class,
    /// How the one receiver wants the frame.
    pub(crate) form: Form,
}

impl Judgement {
    fn new(verdict: Verdict, class: Class) -> Self {
        Self {
            verdict,
            class,
            form: Form::AsSent,
        }
    }

    fn drop(reason: DropReason) -> Self {
        Self::new(Verdict::Drop(reason), Class::default())
    }
}

/// Judges a frame that came from `port`: finds its VLAN, notes its source, looks its destination up, asks whether the
/// receiver may have it.
#[inline]
pub(crate) fn judge(
    lookahead: &[u8],
    port: &Entry,
    network: &View,
    learner: &mut Learner,
    tick: Tick,
) -> Judgement {
    if network.is_hub {
        let verdict = network.everywhere_from(port);
        return confirm(verdict, Class::default(), port, network);
    }
    let Some(header) = Header::parse(lookahead) else {
        return Judgement::drop(DropReason::Runt);
    };
    if header.source.is_multicast() {
        return Judgement::drop(DropReason::InvalidSource);
    }
    if header.is_link_local() {
        return link_local(port, network);
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
    match network.table.lookup(class.vlan, header.source) {
        Some(hit) if hit.queue == port.queue => network.table.mark_seen(hit.entry, tick),
        // Configured for another port: nothing is learnt against the configuration.
        Some(hit) if !hit.is_learned() => {}
        _ => learner.ask(port.port, class.vlan, header.source),
    }
    let verdict = match network.table.lookup(class.vlan, header.destination) {
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
    confirm(verdict, class, port, network)
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
fn link_local(port: &Entry, network: &View) -> Judgement {
    if !network.passes_link_local(port) {
        return Judgement::drop(DropReason::LinkLocal);
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
fn confirm(verdict: Verdict, class: Class, port: &Entry, network: &View) -> Judgement {
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
