//! The verdict on the frame before, which is that of all that follow it with the same addresses and tag.

use vmq::Tick;

use crate::policy::{Audience, Class, Form, Judgement, Verdict};
use crate::port::Entry;
use crate::snapshot::View;

/// The last verdict, and the bytes that it hangs on: both addresses and what can be a tag.
pub(super) struct Judged<'a> {
    header: [u8; DECISIVE],
    verdict: Option<Verdict>,
    /// The port behind the queue of that verdict.
    pub(super) receiver: Option<&'a Entry>,
    /// What a network that is not plain wants to know besides.
    pub(super) class: Class,
    pub(super) form: Form,
    pub(super) audience: Audience<'a>,
}

/// What a ring keeps of it from one burst to the next. The verdict holds for the tick that it was made in, in which its source was
/// noted already, and until there is another snapshot.
#[derive(Debug, Default)]
pub(crate) struct Last {
    header: [u8; DECISIVE],
    verdict: Option<Verdict>,
    tick: Tick,
}

impl Last {
    /// There is another snapshot, or another worker.
    pub(crate) fn forget(&mut self) {
        self.verdict = None;
    }
}

const DECISIVE: usize = 16;

/// Bytes of a header with a tag.
const HEADER_AND_TAG: usize = 18;

impl<'a> Judged<'a> {
    /// Goes on with the last verdict, if it still holds. A network that is not plain wants to know more than is kept.
    #[inline]
    pub(super) fn resume(last: &Last, now: Tick, network: &'a View) -> Self {
        let holds = network.is_plain && last.tick == now;
        let verdict = last.verdict.filter(|_| holds);
        Self {
            header: last.header,
            verdict,
            receiver: verdict.and_then(|verdict| receiver(verdict, network)),
            class: Class::default(),
            form: Form::AsSent,
            audience: Audience::All,
        }
    }

    /// What to [resume](Self::resume) with.
    #[inline]
    pub(super) fn keep(&self, last: &mut Last, now: Tick) {
        last.header = self.header;
        last.verdict = self.verdict;
        last.tick = now;
    }

    #[inline]
    pub(super) fn again(&self, lookahead: &[u8]) -> Option<Verdict> {
        if self.is_again(lookahead) {
            self.verdict
        } else {
            None
        }
    }

    /// Whether the verdict is that of this frame too.
    #[inline]
    pub(super) fn is_again(&self, lookahead: &[u8]) -> bool {
        self.verdict.is_some() && lookahead.first_chunk() == Some(&self.header)
    }

    #[inline]
    pub(super) fn note(&mut self, lookahead: &[u8], judgement: Judgement<'a>, network: &'a View) {
        let header = lookahead.first_chunk().filter(|_| !judgement.is_once);
        self.verdict = header.map(|header| {
            self.header = *header;
            judgement.verdict
        });
        if !network.is_plain {
            (self.class, self.form) = (judgement.class, judgement.form);
            self.audience = judgement.audience;
            // A frame that is cut off behind its tag says nothing of the next one.
            self.verdict = self.verdict.filter(|_| lookahead.len() >= HEADER_AND_TAG);
        }
        self.receiver = receiver(judgement.verdict, network);
    }
}

#[inline]
fn receiver(verdict: Verdict, network: &View) -> Option<&Entry> {
    match verdict {
        Verdict::Queue(queue) => network.queue(queue).map(|entry| &**entry),
        Verdict::Flood | Verdict::Drop(_) => None,
    }
}
