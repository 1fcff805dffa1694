//! The verdict on the frame before, which is that of all that follow it with the same addresses and tag.

use vmq::Tick;

use crate::policy::{Audience, Class, Form, Judgement, Verdict};
use crate::port::Entry;
use crate::snapshot::View;

/// The last verdict, and what it says of the receiver.
pub(super) struct Judged<'l, 'a> {
    last: &'l mut Last,
    /// The port behind the queue of that verdict.
    pub(super) receiver: Option<&'a Entry>,
    /// What a network that is not plain wants to know besides.
    pub(super) class: Class,
    pub(super) form: Form,
    pub(super) audience: Audience<'a>,
}

/// A verdict, and the bytes that it hangs on: both addresses and what can be a tag. A ring keeps it from one burst to the next.
#[derive(Debug, Default)]
pub(crate) struct Last {
    header: [u8; DECISIVE],
    verdict: Option<Verdict>,
    /// When it was made. In every tick the source has to be noted anew.
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

impl<'l, 'a> Judged<'l, 'a> {
    /// Goes on with the last verdict, if it still holds. A network that is not plain wants to know more than is kept.
    #[inline]
    pub(super) fn resume(last: &'l mut Last, now: Tick, network: &'a View) -> Self {
        if !network.is_plain || last.tick != now {
            last.verdict = None;
            last.tick = now;
        }
        Self {
            receiver: last.verdict.and_then(|verdict| receiver(verdict, network)),
            last,
            class: Class::default(),
            form: Form::AsSent,
            audience: Audience::All,
        }
    }

    /// The last verdict, if it is that of this frame too.
    #[inline]
    pub(super) fn again(&self, lookahead: &[u8]) -> Option<Verdict> {
        self.last.verdict.filter(|_| self.alike().are(lookahead))
    }

    /// The frames that the last verdict is for.
    #[inline]
    pub(super) fn alike(&self) -> Alike {
        Alike(self.last.verdict.map(|_| self.last.header))
    }

    #[inline]
    pub(super) fn note(&mut self, lookahead: &[u8], judgement: Judgement<'a>, network: &'a View) {
        let header = lookahead.first_chunk().filter(|_| !judgement.is_once);
        self.last.verdict = header.map(|header| {
            self.last.header = *header;
            judgement.verdict
        });
        if !network.is_plain {
            (self.class, self.form) = (judgement.class, judgement.form);
            self.audience = judgement.audience;
            // A frame that is cut off behind its tag says nothing of the next one.
            let last = &mut self.last.verdict;
            *last = last.filter(|_| lookahead.len() >= HEADER_AND_TAG);
        }
        self.receiver = receiver(judgement.verdict, network);
    }
}

/// Frames with one verdict. A value of its own, which a loop over a burst keeps at hand.
#[derive(Clone, Copy)]
pub(super) struct Alike(Option<[u8; DECISIVE]>);

impl Alike {
    #[inline]
    pub(super) fn are(&self, lookahead: &[u8]) -> bool {
        self.0.is_some() && lookahead.first_chunk() == self.0.as_ref()
    }
}

#[inline]
fn receiver(verdict: Verdict, network: &View) -> Option<&Entry> {
    match verdict {
        Verdict::Queue(queue) => network.queue(queue).map(|entry| &**entry),
        Verdict::Flood | Verdict::Drop(_) => None,
    }
}
