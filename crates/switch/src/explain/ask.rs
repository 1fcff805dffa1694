//! Asks the judges, in the order in which a turn asks them.

use std::sync::Arc;

use nbl::{Nbl, Pool, Tag};
use shmem::{BlockRegistry, BlockTable, GuestMemory, Mapping, Region};

use super::notes::Notes;
use super::{ExplainError, Explanation, Fate, Form, Reason, Receiver, Step};
use crate::ethernet::HEADER;
use crate::offload::{Cut, Offload, Offloads, fill_checksum};
use crate::policy::{self, Class, Terms, Verdict, Way, admit, judge, screen};
use crate::port::{Entry, Mirroring};
use crate::snapshot::{Snapshot, View};
use crate::turn::{in_form, is_other};
use crate::{DropReason, MAX_FRAME, PortId, rss};

/// A frame that a port's guest could send.
pub(crate) struct Question<'a, F> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) network: &'a View,
    pub(crate) port: &'a Entry,
    /// What a port is called.
    pub(crate) name: F,
    pub(crate) frame: &'a [u8],
    /// What its sender leaves to be done.
    pub(crate) undone: Option<Offload>,
}

impl<F: Fn(PortId) -> String> Question<'_, F> {
    /// What would become of it.
    pub(crate) fn answer(&self) -> Result<Explanation, ExplainError> {
        if self.frame.len() > MAX_FRAME as usize {
            return Err(ExplainError::TooLong(self.frame.len()));
        }
        let mut explanation = Explanation {
            port: (self.name)(self.port.port),
            steps: Vec::new(),
            dropped: None,
            receivers: Vec::new(),
        };
        if self.frame.len() < HEADER {
            explanation.dropped = Some(DropReason::Runt);
            return Ok(explanation);
        }
        let copies = self.network.members().len() + 1;
        let desk = Desk::new(self.frame, copies).ok_or(ExplainError::Memory)?;
        let sent = desk
            .lay_down(self.frame.len())
            .ok_or(ExplainError::Memory)?;
        let is_running = self.snapshot.port(self.port.port).is_some();
        let mut notes = Notes::new(self.network, is_running, &self.name);
        if !is_running {
            notes.steps.push(Step::NotRunning);
        }
        match self.take(sent, &mut notes) {
            Err(reason) => explanation.dropped = Some(reason),
            Ok(()) => {
                let judgement = judge(sent.lookahead(), self.port, self.network, &mut notes);
                let class = Class {
                    // A plain network does not look.
                    tag: Tag::of(sent.lookahead()),
                    ..judgement.class
                };
                let hand = Hand {
                    question: self,
                    desk: &desk,
                    class,
                    sent,
                };
                match judgement.verdict {
                    Verdict::Drop(reason) => explanation.dropped = Some(reason),
                    Verdict::Queue(queue) => match self.network.queue(queue) {
                        Some(entry) => {
                            let reason = if self.network.is_hub {
                                Reason::Wire
                            } else {
                                Reason::Filter
                            };
                            hand.deliver(entry, reason, judgement.form, &mut explanation.receivers);
                        }
                        None => explanation.dropped = Some(DropReason::NoReceiver),
                    },
                    Verdict::Flood => {
                        let members = self.network.members().iter();
                        let mut has_receiver = false;
                        for member in members.filter(|member| is_other(member, self.port)) {
                            let admitted = if judgement.audience.has(member.port) {
                                admit(self.port, member, self.network, &class)
                                    .map_err(Step::NotAdmitted)
                            } else {
                                Err(Step::NotWanted)
                            };
                            has_receiver |= admitted.is_ok();
                            match admitted {
                                Ok(form) => hand.deliver(
                                    member,
                                    Reason::Flood,
                                    form,
                                    &mut explanation.receivers,
                                ),
                                Err(step) => explanation.receivers.push(Receiver {
                                    port: (self.name)(member.port),
                                    reason: Reason::Flood,
                                    steps: vec![step],
                                    fate: Fate::NotMeant,
                                }),
                            }
                        }
                        explanation.dropped = (!has_receiver).then_some(DropReason::NoReceiver);
                    }
                }
            }
        }
        explanation.steps = notes.steps;
        if let Some(mirror) = self.port.mirror.filter(|mirror| mirror.from_guest) {
            let sent = (self.port, Way::FromGuest, sent, Form::AsSent);
            self.copy(mirror, sent, &desk, &mut explanation.receivers);
        }
        Ok(explanation)
    }

    /// What is decided at the port that it comes from.
    fn take(&self, sent: Nbl<'_>, notes: &mut Notes<'_, &F>) -> Result<(), DropReason> {
        let steps = &mut notes.steps;
        if let Some(undone) = self.undone {
            let judged = undone.judge(sent.lookahead(), sent.data_len());
            steps.push(Step::Undone {
                mss: undone.cutting.map(|cutting| cutting.mss),
                is_possible: judged.is_ok(),
            });
            judged.map_err(|_| DropReason::BadOffload)?.note(sent);
        }
        let limit = self.port.gate.mtu.limit();
        if let Some(mtu) = self.port.gate.mtu.effective() {
            let is_exceeded = limit.is_exceeded_by(sent);
            steps.push(Step::Mtu { mtu, is_exceeded });
            if is_exceeded {
                return Err(DropReason::MtuExceeded);
            }
        }
        if self.port.policy.is_deep {
            screen(sent.lookahead(), self.port, notes).map_err(|(reason, _)| reason)?;
        }
        Ok(())
    }

    /// A copy for a port that watches another one: of that port, which way, what and in which form.
    fn copy(
        &self,
        mirror: Mirroring,
        (of, way, frame, form): (&Entry, Way, Nbl<'_>, Form),
        desk: &Desk,
        receivers: &mut Vec<Receiver>,
    ) {
        let Some(entry) = self.snapshot.port(mirror.to) else {
            return;
        };
        let of = (self.name)(of.port);
        let mut steps = vec![Step::Copy { of, way }, Step::Form(form)];
        let fate = desk.arrive(entry, frame, &mut steps);
        receivers.push(Receiver {
            port: (self.name)(entry.port),
            reason: Reason::Mirror,
            steps,
            fate,
        });
    }
}

/// Gives a frame to receivers, as far as that is to say what becomes of it.
struct Hand<'a, 'p, F> {
    question: &'a Question<'a, F>,
    desk: &'p Desk,
    class: Class,
    sent: Nbl<'p>,
}

impl<F: Fn(PortId) -> String> Hand<'_, '_, F> {
    fn deliver(
        &self,
        entry: &Entry,
        reason: Reason,
        form: policy::Form,
        receivers: &mut Vec<Receiver>,
    ) {
        let question = self.question;
        let mut notes = Notes::new(question.network, true, &question.name);
        let pool = &self.desk.pool;
        let has_work = question.undone.is_some();
        let frame = in_form(
            pool,
            &self.desk.blocks,
            self.sent,
            form,
            &self.class,
            has_work,
        );
        let form = said(form, &self.class);
        let fate = match frame {
            Ok(frame) => {
                notes.steps.push(Step::Form(form));
                self.offer(entry, frame, &mut notes)
            }
            Err(reason) => Fate::Dropped(reason),
        };
        receivers.push(Receiver {
            port: (question.name)(entry.port),
            reason,
            steps: notes.steps,
            fate,
        });
        let mirror = entry.mirror.filter(|mirror| mirror.to_guest);
        // Of a flooded frame there is a copy whether or not the port itself takes it.
        if let (Some(mirror), Ok(frame)) = (mirror, frame)
            && (fate == Fate::Delivered || reason == Reason::Flood)
        {
            let got = (entry, Way::ToGuest, frame, form);
            question.copy(mirror, got, self.desk, receivers);
        }
    }

    /// Whether a receiver takes a frame, and how.
    fn offer(&self, entry: &Entry, frame: Nbl<'_>, notes: &mut Notes<'_, &F>) -> Fate {
        let terms = Terms::of(entry);
        terms.ask(frame, notes);
        if let Some(mtu) = entry.gate.mtu.effective() {
            let is_exceeded = entry.gate.mtu.limit().is_exceeded_by(frame);
            notes.steps.push(Step::Mtu { mtu, is_exceeded });
        }
        match terms.refuse(frame) {
            Some(reason) => Fate::Dropped(reason),
            None => self.desk.arrive(entry, frame, &mut notes.steps),
        }
    }
}

/// Where one frame is laid down, to be described as guests' frames are.
struct Desk {
    blocks: Arc<BlockTable>,
    memory: GuestMemory,
    pool: Pool,
}

/// Blocks are larger than any frame, so one is enough behind the lookahead.
const SEGMENTS: usize = 2;

impl Desk {
    /// With room for so many forms of it.
    fn new(frame: &[u8], copies: usize) -> Option<Self> {
        let mapping = Mapping::anonymous(frame.len()).ok()?;
        mapping.window(0, frame.len())?.write(frame);
        let mut blocks = BlockRegistry::new();
        let region = Region {
            gpa: 0,
            uva: 0,
            len: frame.len() as u64,
            handles: blocks.register(&mapping, 0, frame.len() as u64),
            mapping,
            mapping_offset: 0,
        };
        let memory = GuestMemory::new(vec![region]).ok()?;
        let mut pool = Pool::with_copies(1, copies, SEGMENTS).ok()?;
        let lookahead = blocks.register(pool.lookahead(), 0, pool.lookahead().len());
        pool.set_lookahead_handle(*lookahead.first()?);
        Some(Self {
            blocks: blocks.snapshot(),
            memory,
            pool,
        })
    }

    fn lay_down(&self, len: usize) -> Option<Nbl<'_>> {
        let chain = [(0, len as u32)];
        self.pool.build(&self.memory, chain, 0, MAX_FRAME).ok()
    }

    /// What becomes of a frame that a receiver takes.
    fn arrive(&self, entry: &Entry, frame: Nbl<'_>, steps: &mut Vec<Step>) -> Fate {
        if !entry.gate.is_open() {
            return Fate::Dropped(DropReason::ReceiverGone);
        }
        let ring = entry.pick(frame);
        let Some(receiver) = entry.receiver(ring) else {
            steps.push(Step::NotRunning);
            return Fate::Dropped(DropReason::NoBuffers);
        };
        if entry.has_several_rings() {
            let hash = rss::of(frame).map(|hash| hash.value);
            steps.push(Step::Ring { ring, hash });
        }
        if receiver.ring.accepts().has(Offloads::needed_by(frame)) {
            return Fate::Delivered;
        }
        match self.finish(frame) {
            Some(frames) => {
                steps.push(Step::Finished { frames });
                Fate::Delivered
            }
            None => Fate::Dropped(DropReason::BadOffload),
        }
    }

    /// How many frames a frame becomes once its work is done, if it can be.
    fn finish(&self, frame: Nbl<'_>) -> Option<u32> {
        let offload = Offload::of(frame)?;
        let mut bytes = vec![0; frame.data_len() as usize];
        nbl::read(&self.blocks, frame, &mut bytes).ok()?;
        match offload.cutting {
            Some(cutting) => Some(Cut::new(&bytes, offload, cutting).ok()?.segments() as u32),
            None => fill_checksum(&mut bytes, offload.checksum).ok().map(|()| 1),
        }
    }
}

/// How a receiver gets a frame of `class`, for people.
fn said(form: policy::Form, class: &Class) -> Form {
    match form {
        policy::Form::Tagged(tag) => Form::Tagged(tag.tci),
        policy::Form::Bare if class.tag.is_some() => Form::Untagged,
        policy::Form::Bare | policy::Form::AsSent => Form::AsSent,
    }
}
