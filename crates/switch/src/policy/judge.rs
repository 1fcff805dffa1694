//! What to do with one frame, judged on the host's lookahead copy.

use vmq::{QueueId, Tick};

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

/// Judges a frame that came from `port`: notes its source, looks its destination up.
#[inline]
pub(crate) fn judge(
    lookahead: &[u8],
    port: &Entry,
    network: &View,
    learner: &mut Learner,
    tick: Tick,
) -> Verdict {
    let sender = port.queue;
    let Some(header) = Header::parse(lookahead) else {
        return Verdict::Drop(DropReason::Runt);
    };
    if header.source.is_multicast() {
        return Verdict::Drop(DropReason::InvalidSource);
    }
    match network.table.lookup(header.vlan, header.source) {
        Some(hit) if hit.queue == sender => network.table.mark_seen(hit.entry, tick),
        // Configured for another port: nothing is learnt against the configuration.
        Some(hit) if !hit.is_learned() => {}
        _ => learner.ask(port.port, header.vlan, header.source),
    }
    match network.table.lookup(header.vlan, header.destination) {
        Some(hit) if hit.queue == sender => Verdict::Drop(DropReason::SamePort),
        Some(hit) if !hit.is_learned() => Verdict::Queue(hit.queue),
        // To itself: it lies behind the port that it was just seen at, learnt or not yet.
        _ if header.source == header.destination => Verdict::Drop(DropReason::SamePort),
        Some(hit) => Verdict::Queue(hit.queue),
        None => Verdict::Flood,
    }
}
