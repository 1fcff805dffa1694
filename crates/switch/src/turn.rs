//! One burst of one from-guest ring: pull, judge, classify, deliver, complete.

use std::cell::Cell;
use std::time::Instant;

use nbl::{Classifier, Nbl, NblQueue, Pool};
use vmq::{QueueId, Tick};

use crate::deliver::Delivery;
use crate::learning::Learner;
use crate::offload::{Finisher, Offload};
use crate::policy::{Verdict, judge};
use crate::port::Entry;
use crate::ring::{Ring, Wait};
use crate::snapshot::Snapshot;
use crate::{DropReason, Fault, Lane, Pull, Reservation};

/// The most bytes a ring may take of one turn: 8 frames of 64 KiB, so that a sender of large frames
/// does not keep its neighbours waiting.
const BURST_BYTES: u32 = 512 * 1024;

/// A worker's storage, made at start and used by every turn.
pub(crate) struct Bench {
    pub(crate) worker: usize,
    pub(crate) pool: Pool,
    pub(crate) reservation: Reservation,
    pub(crate) finisher: Finisher,
    pub(crate) learner: Learner,
    pub(crate) start: Instant,
    pub(crate) tick: Tick,
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

/// Runs one burst of `ring`.
///
/// # Errors
/// The sending port's fault. Its remaining frames are not completed: the port is over.
pub(crate) fn run(
    bench: &mut Bench,
    snapshot: &Snapshot,
    port: &Entry,
    ring: &mut Ring,
) -> Result<Outcome, Fault> {
    bench.pool.reset();
    bench.learner.start_burst(bench.tick);
    let lane = port.counters.lane(bench.worker);
    let offloads = Cell::new(false);
    let pull = Pull {
        pool: &bench.pool,
        lane,
        frames: nbl::BURST,
        bytes: BURST_BYTES,
        offloads: &offloads,
    };
    let frames = ring.from_guest.pull(pull)?;
    ring.held = 0;
    if frames.is_empty() {
        return Ok(Outcome::default());
    }
    let mut burst = Burst {
        snapshot,
        port,
        lane,
        learner: &mut bench.learner,
        tick: bench.tick,
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
        bytes: 0,
        lookahead_bytes: 0,
    };
    let switched = burst.switch(frames);
    let Burst {
        done,
        held,
        waits,
        bytes,
        lookahead_bytes,
        ..
    } = burst;
    lane.taken(done.len() as u64, bytes, lookahead_bytes);
    switched?;
    if !done.is_empty() {
        lane.called(ring.from_guest.complete(&done)?);
    }
    if !held.is_empty() {
        lane.held(held.len() as u64);
        ring.from_guest.hold(&held);
        ring.held = held.len();
        ring.wait = waits.for_one();
    }
    Ok(Outcome {
        done: done.len(),
        bytes,
        held: held.len(),
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
            Self::One(first) if (first.queue, first.ring) == (wait.queue, wait.ring) => {
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
    port: &'a Entry,
    lane: &'a Lane,
    learner: &'a mut Learner,
    tick: Tick,
    start: Instant,
    delivery: Delivery<'a, 'p>,
    done: NblQueue<'p>,
    held: NblQueue<'p>,
    waits: Waits,
    bytes: u64,
    lookahead_bytes: u64,
}

impl<'p> Burst<'_, 'p> {
    /// Sends every frame on its way. Frames to queues and frames to the flood group are delivered in
    /// alternating runs, so that each receiver sees them in the order they were sent (L4).
    fn switch(&mut self, mut frames: NblQueue<'p>) -> Result<(), Fault> {
        let mut unicast = Classifier::new();
        let mut flood = NblQueue::new();
        while let Some(frame) = frames.pop_front() {
            let lookahead = frame.lookahead();
            self.lookahead_bytes += lookahead.len() as u64;
            match judge(
                lookahead,
                self.port.queue,
                self.snapshot,
                self.learner,
                self.tick,
            ) {
                Verdict::Queue(queue) => {
                    if !flood.is_empty() {
                        self.flood(&mut flood)?;
                    }
                    frame.set_queue_id(queue.0);
                    let ring = self
                        .snapshot
                        .queue(queue)
                        .map_or(0, |port| port.pick(frame));
                    let place = u32::from(ring) << 16 | u32::from(queue.0);
                    if let Err(frame) = unicast.push(place, frame) {
                        self.unicast(&mut unicast)?;
                        // An emptied classifier has room.
                        let _ = unicast.push(place, frame);
                    }
                }
                Verdict::Flood => {
                    if !unicast.is_empty() {
                        self.unicast(&mut unicast)?;
                    }
                    frame.set_queue_id(0);
                    flood.push(frame);
                }
                Verdict::Drop(reason) => self.drop(frame, reason),
            }
        }
        if !unicast.is_empty() {
            self.unicast(&mut unicast)?;
        }
        if !flood.is_empty() {
            self.flood(&mut flood)?;
        }
        Ok(())
    }

    /// One chain a destination ring. What finds no buffers is held, or dropped if that receiver has
    /// not taken a frame for too long.
    fn unicast(&mut self, classes: &mut Classifier<'p>) -> Result<(), Fault> {
        for (place, mut chain) in classes.drain() {
            let (queue, ring) = (QueueId(place as u16), (place >> 16) as u8);
            let Some(receiver) = self.snapshot.queue(queue) else {
                self.drop_all(&mut chain, DropReason::NoReceiver);
                continue;
            };
            self.note_bytes(&chain);
            self.delivery
                .deliver(receiver, ring, &mut chain, &mut self.done)?;
            if chain.is_empty() {
                continue;
            }
            if receiver.may_wait(ring, self.start) {
                self.bytes -= bytes_of(&chain);
                let posted = self.delivery.reservation.posted_when_out();
                self.waits.note(Wait {
                    queue,
                    ring,
                    posted,
                });
                self.held.append(&mut chain);
            } else {
                receiver
                    .counters
                    .lane(self.delivery.worker)
                    .dropped(DropReason::NoBuffers, chain.len() as u64);
                self.done.append(&mut chain);
            }
        }
        Ok(())
    }

    /// To every member but the sender. A member without buffers misses the frame: nobody waits for it.
    fn flood(&mut self, chain: &mut NblQueue<'p>) -> Result<(), Fault> {
        self.note_bytes(chain);
        self.lane.flooded(chain.len() as u64);
        let mut receivers = 0;
        for member in self
            .snapshot
            .members()
            .iter()
            .filter(|member| member.queue != self.port.queue)
        {
            receivers += 1;
            if self.delivery.offloads {
                // Each member gets all of each frame, or misses what it has no buffers for.
                let start_over = |frame| Offload::set_delivered(frame, 0);
                chain.iter().for_each(start_over);
            }
            let result = self.delivery.flood(member, chain);
            if result.is_err() {
                self.done.append(chain);
                return result;
            }
        }
        if receivers == 0 {
            self.lane
                .dropped(DropReason::NoReceiver, chain.len() as u64);
        }
        self.done.append(chain);
        Ok(())
    }

    fn drop(&mut self, frame: Nbl<'p>, reason: DropReason) {
        self.bytes += u64::from(frame.data_len());
        self.lane.dropped(reason, 1);
        self.done.push(frame);
    }

    fn drop_all(&mut self, chain: &mut NblQueue<'p>, reason: DropReason) {
        self.note_bytes(chain);
        self.lane.dropped(reason, chain.len() as u64);
        self.done.append(chain);
    }

    fn note_bytes(&mut self, chain: &NblQueue<'p>) {
        self.bytes += bytes_of(chain);
    }
}

fn bytes_of(chain: &NblQueue<'_>) -> u64 {
    chain.iter().map(|frame| u64::from(frame.data_len())).sum()
}
