//! One burst of one from-guest ring: pull, judge, classify, deliver, complete.

mod formed;
mod judged;
mod mirror;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use nbl::{Classifier, Nbl, NblQueue, Pool};
use shmem::{Handle, Mapping};
use vmq::{NdisStatus, QueueId, Tick, Usage};

pub(crate) use self::formed::in_form;
use self::judged::Judged;
pub(crate) use self::judged::Last;
use crate::deliver::{Delivery, bytes_of};
use crate::ethernet::Header;
use crate::learning::Learner;
use crate::mtu::Limit;
use crate::offload::Finisher;
use crate::policy::{Crowd, Listener, Mark, Senses, Storm, Terms, Verdict, Way, judge, screen};
use crate::port::Entry;
use crate::ring::{Ring, Wait};
use crate::snapshot::{Snapshot, View};
use crate::spec::StartError;
use crate::{DropReason, Fault, Lane, Pull, Reservation, clock};

/// The most bytes a ring may take of one turn: 8 frames of 64 KiB, so that a sender of large frames
/// does not keep its neighbours waiting.
pub(crate) const BURST_BYTES: u32 = 512 * 1024;

/// Segments a worker's pool has for the frames of one burst, and for its receive buffers: more than a chain of the largest
/// ring and a reservation of the largest size take, if some of them lie across two blocks.
const SEGMENTS: usize = 8 * 1024;

/// Copies a worker's pool has: a frame that is flooded may have to go out without a tag and with another one than it has.
const COPIES: usize = 2 * nbl::BURST;

/// A worker's storage, made at start and used by every turn.
pub(crate) struct Bench {
    pub(crate) worker: usize,
    pub(crate) pool: Pool,
    pub(crate) reservation: Reservation,
    pub(crate) finisher: Finisher,
    pub(crate) learner: Learner,
    pub(crate) listener: Listener,
    pub(crate) start: Instant,
    pub(crate) tick: Tick,
}

impl Bench {
    /// For worker number `worker`. `register` has memory of its own registered as a block.
    ///
    /// # Errors
    /// There is no memory, or it is not registered.
    pub(crate) fn new(
        worker: usize,
        mut register: impl FnMut(Usage, &Arc<Mapping>) -> Result<Handle, NdisStatus>,
        learner: Learner,
        listener: Listener,
        start: Instant,
    ) -> Result<Self, StartError> {
        let memory = |source| StartError::Memory { worker, source };
        let mut register = |usage, mapping: &Arc<Mapping>| {
            let handle = register(usage, mapping);
            handle.map_err(|status| StartError::Refused { worker, status })
        };
        let mut pool = Pool::with_copies(nbl::BURST, COPIES, SEGMENTS).map_err(memory)?;
        let handle = register(Usage::ReceiveLookahead, pool.lookahead())?;
        pool.set_lookahead_handle(handle);
        Ok(Self {
            worker,
            pool,
            reservation: Reservation::new(),
            finisher: Finisher::new(memory, register)?,
            learner,
            listener,
            start,
            tick: Tick(0),
        })
    }
}

/// What one burst came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Frames that are over: delivered or dropped.
    pub(crate) done: usize,
    /// Bytes of the frames that are over.
    pub(crate) bytes: u64,
    /// Frames that wait for a receiver's buffers.
    pub(crate) held: usize,
}

/// How much one burst may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    pub(crate) frames: usize,
    pub(crate) bytes: u32,
}

/// Runs one burst of `ring`.
///
/// # Errors
/// The sending port's fault. Its remaining frames are not completed: the port is over.
// A function of its own, for instructions are counted by its name.
#[inline(never)]
pub(crate) fn run(
    bench: &mut Bench,
    snapshot: &Snapshot,
    port: &Entry,
    ring: &mut Ring,
    most: Most,
) -> Result<Outcome, Fault> {
    bench.pool.reset();
    bench.learner.start_burst(bench.tick);
    bench.listener.start_burst(bench.tick);
    let Some(network) = snapshot.network(port.network) else {
        return Ok(Outcome::default());
    };
    let lane = port.counters.lane(bench.worker);
    ring.take_in(&mut bench.pool, &snapshot.blocks, lane)?;
    let offloads = Cell::new(false);
    let pull = Pull {
        pool: &bench.pool,
        lane,
        frames: most.frames,
        bytes: most.bytes,
        offloads: &offloads,
    };
    let frames = ring.pull(pull)?;
    ring.held = 0;
    if frames.is_empty() {
        return Ok(Outcome::default());
    }
    let mut burst = Burst {
        snapshot,
        network,
        port,
        lane,
        senses: Senses {
            learner: &mut bench.learner,
            listener: &mut bench.listener,
            tick: bench.tick,
        },
        start: bench.start,
        delivery: Delivery {
            pool: &bench.pool,
            blocks: &snapshot.blocks,
            reservation: &mut bench.reservation,
            finisher: &mut bench.finisher,
            offloads: offloads.get(),
            worker: bench.worker,
            sender: lane,
        },
        done: NblQueue::new(),
        held: NblQueue::new(),
        waits: Waits::Nobody,
        unheard: (0, Waits::Nobody),
        bytes: 0,
        lookahead_bytes: 0,
    };
    let mut judged = Judged::resume(&mut ring.last, bench.tick, network);
    let mut switched = burst.switch(frames, &mut judged);
    if switched.is_ok()
        && let Some(mirror) = port.mirror.filter(|mirror| mirror.from_guest)
    {
        switched = burst.mirror_sent(mirror.to);
    }
    if port.policy.rules.are_for(Way::FromGuest) {
        count_sent(port, bench.worker, &burst.done);
    }
    let (done, held) = (burst.done.len(), burst.held.len());
    lane.taken(done as u64, burst.bytes, burst.lookahead_bytes);
    switched?;
    if done > 0 {
        ring.complete(&burst.done, lane)?;
    }
    if burst.unheard.0 == done {
        let since = |wait| (wait, clock::now());
        ring.rest = burst.unheard.1.for_one().map(since);
    }
    if held > 0 {
        lane.held(held as u64);
        ring.hold(&burst.held);
        ring.held = held;
        ring.wait = burst.waits.for_one();
    }
    Ok(Outcome {
        done,
        bytes: burst.bytes,
        held,
    })
}

/// Whose buffers the held frames of a burst wait for.
enum Waits {
    Nobody,
    One(Wait),
    Several,
}

impl Waits {
    fn note(&mut self, wait: Wait) {
        *self = match self {
            Self::Nobody => Self::One(wait),
            Self::One(first) if (first.port, first.ring) == (wait.port, wait.ring) => {
                Self::One(wait)
            }
            _ => Self::Several,
        };
    }

    fn for_one(self) -> Option<Wait> {
        match self {
            Self::One(wait) => Some(wait),
            Self::Nobody | Self::Several => None,
        }
    }
}

struct Burst<'a, 'p> {
    snapshot: &'a Snapshot,
    network: &'a View,
    port: &'a Entry,
    lane: &'a Lane,
    senses: Senses<'a>,
    start: Instant,
    delivery: Delivery<'a, 'p>,
    done: NblQueue<'p>,
    held: NblQueue<'p>,
    waits: Waits,
    /// Frames dropped because nobody waits for their receivers any more, and who those are.
    unheard: (usize, Waits),
    bytes: u64,
    lookahead_bytes: u64,
}

impl<'a, 'p> Burst<'a, 'p> {
    /// Sends every frame on its way. Frames to queues and frames to the flood group are delivered in
    /// alternating runs, so that each receiver sees them in the order they were sent (L4).
    ///
    /// Frames in a row to the same place stay linked as they are: most bursts are one such run.
    fn switch(
        &mut self,
        mut frames: NblQueue<'p>,
        judged: &mut Judged<'_, 'a>,
    ) -> Result<(), Fault> {
        let (mut unicast, mut flood) = (Classifier::new(), NblQueue::new());
        let mut sorted = Sorted {
            unicast: &mut unicast,
            flood: &mut flood,
        };
        let limit = self.port.gate.mtu.limit();
        while let Some(first) = frames.front() {
            let (place, last, count) = if limit.is_exceeded_by(first) {
                self.note_bytes(first);
                // No rule was asked.
                Mark::NONE.note(first, Way::FromGuest);
                (Place::Nowhere(DropReason::MtuExceeded), first, 1)
            } else if self.port.policy.is_deep
                && let Err(reason) = self.screen(first)
            {
                self.note_bytes(first);
                (Place::Nowhere(reason), first, 1)
            } else {
                let place = self.place(first, judged);
                let (last, count) = self.run(place, limit, first, &frames, judged);
                (place, last, count)
            };
            let mut run = frames.split_behind(last, count);
            if let Place::Ring { queue, ring } = place
                && self.network.is_plain
                && frames.is_empty()
                && sorted.is_empty()
            {
                // A burst of a single run, as most are.
                return self.unicast_to(queue, ring, &mut run);
            }
            if self.network.is_plain {
                self.sort(place, run, &mut sorted)?;
            } else {
                self.sort_formed(place, run, &mut sorted, judged)?;
            }
        }
        if !sorted.unicast.is_empty() {
            self.unicast(sorted.unicast)?;
        }
        if !sorted.flood.is_empty() {
            self.flood(sorted.flood)?;
        }
        Ok(())
    }

    /// Judges a frame, unless it has the addresses and the tag of the one judged before.
    #[inline]
    fn place(&mut self, frame: Nbl<'p>, judged: &mut Judged<'_, 'a>) -> Place {
        let lookahead = frame.lookahead();
        let verdict = judged.again(lookahead).unwrap_or_else(|| {
            let judgement = judge(lookahead, self.port, self.network, &mut self.senses);
            judged.note(lookahead, judgement, self.network);
            judgement.verdict
        });
        match verdict {
            Verdict::Queue(queue) => {
                let ring = judged.receiver.map_or(0, |port| port.pick(frame));
                Place::Ring { queue, ring }
            }
            Verdict::Flood => Place::Flood,
            Verdict::Drop(reason) => Place::Nowhere(reason),
        }
    }

    /// Looks into a frame, and notes which rule of its port decided.
    fn screen(&mut self, frame: Nbl<'p>) -> Result<(), DropReason> {
        let screened = screen(frame.lookahead(), self.port, &mut self.senses);
        let (result, rule) = match screened {
            Ok(rule) => (Ok(()), rule),
            Err((reason, rule)) => (Err(reason), rule),
        };
        rule.note(frame, Way::FromGuest);
        result
    }

    /// How far the first frames go to one place: the last of them, and how many they are. The first does.
    #[inline]
    fn run(
        &mut self,
        place: Place,
        limit: Limit,
        first: Nbl<'p>,
        frames: &NblQueue<'p>,
        judged: &Judged<'_, 'a>,
    ) -> (Nbl<'p>, usize) {
        let (queue, ring) = match place {
            Place::Ring { queue, ring } => (queue.0, Some(ring)),
            Place::Flood | Place::Nowhere(_) => (0, None),
        };
        let several = judged.receiver.filter(|port| port.has_several_rings());
        let (alike, is_deep) = (judged.alike(), self.port.policy.is_deep);
        let (mut last, mut count) = (first, 0);
        for frame in frames.iter() {
            if count > 0
                && (limit.is_exceeded_by(frame)
                    || !alike.are(frame.lookahead())
                    || several.is_some_and(|port| Some(port.pick(frame)) != ring)
                    || is_deep && self.screen(frame).is_err())
            {
                break;
            }
            frame.set_queue_id(queue);
            self.note_bytes(frame);
            last = frame;
            count += 1;
        }
        (last, count)
    }

    #[inline]
    fn note_bytes(&mut self, frame: Nbl<'p>) {
        self.bytes += u64::from(frame.data_len());
        self.lookahead_bytes += frame.lookahead().len() as u64;
    }

    /// Puts a run where it waits for delivery, after what must be delivered before it.
    #[inline]
    fn sort(
        &mut self,
        place: Place,
        mut run: NblQueue<'p>,
        sorted: &mut Sorted<'_, 'p>,
    ) -> Result<(), Fault> {
        match place {
            Place::Ring { queue, ring } => {
                if !sorted.flood.is_empty() {
                    self.flood(sorted.flood)?;
                }
                let key = u32::from(ring) << 16 | u32::from(queue.0);
                if sorted.unicast.append(key, &mut run).is_err() {
                    self.unicast(sorted.unicast)?;
                    // An emptied classifier has room.
                    let _ = sorted.unicast.append(key, &mut run);
                }
            }
            Place::Flood => {
                if !sorted.unicast.is_empty() {
                    self.unicast(sorted.unicast)?;
                }
                sorted.flood.append(&mut run);
            }
            Place::Nowhere(reason) => {
                self.lane.dropped(reason, run.len() as u64);
                self.done.append(&mut run);
            }
        }
        Ok(())
    }

    /// One chain a destination ring.
    fn unicast(&mut self, classes: &mut Classifier<'p>) -> Result<(), Fault> {
        for (place, mut chain) in classes.drain() {
            let (queue, ring) = (QueueId(place as u16), (place >> 16) as u8);
            self.unicast_to(queue, ring, &mut chain)?;
        }
        Ok(())
    }

    /// To one destination ring. What finds no buffers is held, or dropped if that receiver has not taken a frame for too long.
    fn unicast_to(
        &mut self,
        queue: QueueId,
        ring: u8,
        chain: &mut NblQueue<'p>,
    ) -> Result<(), Fault> {
        let Some(receiver) = self.network.queue(queue) else {
            self.lane
                .dropped(DropReason::NoReceiver, chain.len() as u64);
            self.done.append(chain);
            return Ok(());
        };
        let terms = Terms::of(receiver);
        self.delivery.weed(receiver, terms, chain, &mut self.done);
        let mirror = receiver.mirror.filter(|mirror| mirror.to_guest);
        if mirror.is_none() && !terms.have_rules() {
            self.delivery
                .deliver(receiver, ring, chain, &mut self.done)?;
        } else {
            self.unicast_watched(receiver, ring, chain, terms, mirror)?;
        }
        if !chain.is_empty() {
            self.hold(receiver, ring, terms, chain);
        }
        Ok(())
    }

    /// Frames that found no buffers wait, or nobody waits for their receiver any more.
    #[inline(never)]
    fn hold(&mut self, receiver: &Entry, ring: u8, terms: Terms<'_>, chain: &mut NblQueue<'p>) {
        let posted = self.delivery.reservation.posted_when_out();
        let wait = Wait {
            port: receiver.port,
            ring,
            posted,
        };
        if receiver.may_wait(ring, self.start) {
            self.bytes -= bytes_of(chain);
            self.waits.note(wait);
            self.held.append(chain);
        } else {
            terms.count_all(self.delivery.worker, chain);
            receiver
                .counters
                .lane(self.delivery.worker)
                .dropped(DropReason::NoBuffers, chain.len() as u64);
            self.unheard.0 += chain.len();
            self.unheard.1.note(wait);
            self.done.append(chain);
        }
    }

    /// To every member but the sender. A member without buffers misses the frame: nobody waits for it.
    fn flood(&mut self, chain: &mut NblQueue<'p>) -> Result<(), Fault> {
        if let Some(storm) = &self.port.policy.storm {
            self.calm(storm, chain);
        }
        self.lane.flooded(chain.len() as u64);
        let mut receivers = 0;
        for member in self
            .network
            .members()
            .iter()
            .filter(|member| is_other(member, self.port))
        {
            receivers += 1;
            if let Err(fault) = self.flood_to(member, chain) {
                self.done.append(chain);
                return Err(fault);
            }
        }
        if receivers == 0 {
            self.lane
                .dropped(DropReason::NoReceiver, chain.len() as u64);
        }
        self.done.append(chain);
        Ok(())
    }

    /// Drops what is too much for those to whom it goes.
    #[inline(never)]
    fn calm(&mut self, storm: &Storm, chain: &mut NblQueue<'p>) {
        let now = clock::now();
        let mut frames = std::mem::take(chain);
        while let Some(frame) = frames.pop_front() {
            let header = Header::parse(frame.lookahead());
            let crowd = header.map(|header| Crowd::of(header.destination));
            match crowd.filter(|crowd| !storm.admits(*crowd, now)) {
                Some(crowd) => {
                    self.lane.dropped(crowd.reason(), 1);
                    self.done.push(frame);
                }
                None => chain.push(frame),
            }
        }
    }

    /// To one member, which leaves all frames in `chain`.
    fn flood_to(&mut self, member: &Entry, chain: &mut NblQueue<'p>) -> Result<(), Fault> {
        self.delivery.start_over(chain);
        self.delivery.flood(member, chain)?;
        match member.mirror {
            Some(mirror) if mirror.to_guest => self.mirror(mirror.to, chain),
            _ => Ok(()),
        }
    }
}

/// Whether a member of the flood group is another port than the sender's.
pub(crate) fn is_other(member: &Entry, port: &Entry) -> bool {
    member.queue != port.queue
}

/// Frames that wait for delivery in this turn. Of the two, one is always empty.
struct Sorted<'a, 'p> {
    unicast: &'a mut Classifier<'p>,
    flood: &'a mut NblQueue<'p>,
}

impl Sorted<'_, '_> {
    #[inline]
    fn is_empty(&self) -> bool {
        self.unicast.is_empty() && self.flood.is_empty()
    }
}

/// Where frames go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Ring { queue: QueueId, ring: u8 },
    Flood,
    Nowhere(DropReason),
}

/// Counts frames that are over at the rules that decided of them. Those that wait are judged anew.
#[inline(never)]
fn count_sent(port: &Entry, worker: usize, done: &NblQueue<'_>) {
    for frame in done.iter() {
        let sent = frame.parent().unwrap_or(frame);
        let mark = Mark::noted(sent, Way::FromGuest);
        let rules = &port.policy.rules;
        rules.count(worker, Way::FromGuest, mark, sent.data_len());
    }
}
