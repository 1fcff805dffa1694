//! The frames of one ring that are on its port's line.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use nbl::{BURST, Nbl, NblQueue, Pool};
use rand_pcg::Pcg64;
use shmem::BlockTable;

use super::Line;
use super::fate;
use super::store::{PIECES, Place};
use crate::offload::Offload;
use crate::port::FromGuest;
use crate::turn::BURST_BYTES;
use crate::{DropReason, Fault, Lane, Pull, clock};

pub(crate) struct Transit {
    line: Arc<Line>,
    pair: usize,
    fates: Pcg64,
    /// Oldest first, and each due before those behind it. No more than there are pieces in the store.
    delayed: VecDeque<Frame>,
    /// Those that overtake them, likewise.
    ahead: VecDeque<Frame>,
    /// What was pulled and is not over, by token.
    out: Vec<Option<Frame>>,
    /// Storage for its next order.
    again: Vec<Option<Frame>>,
    /// How many of those wait for a receiver's buffers.
    held: usize,
    /// Whether the guest's ring holds frames of before, when there was no line.
    is_behind: bool,
    /// The line is a good one from now on: what is still on it goes on its way at once.
    is_closed: bool,
}

/// A frame on its way.
#[derive(Debug)]
struct Frame {
    due: Instant,
    place: Place,
    offload: Option<Offload>,
    /// How many segments of it were delivered.
    delivered: u16,
}

impl Transit {
    /// Of queue pair `pair` of the line's port, whose ring may hold frames already.
    pub(crate) fn new(line: &Arc<Line>, pair: usize, holds: bool) -> Self {
        Self {
            fates: fate::source(line.asked.seed, pair),
            line: line.clone(),
            pair,
            delayed: VecDeque::with_capacity(PIECES),
            ahead: VecDeque::with_capacity(PIECES),
            out: Vec::with_capacity(BURST),
            again: Vec::with_capacity(BURST),
            held: 0,
            is_behind: holds,
            is_closed: false,
        }
    }

    /// The port's line is this one now, or a good one: true if it was another one. What is on it keeps its place.
    pub(crate) fn follow(&mut self, line: Option<&Arc<Line>>) -> bool {
        let Some(line) = line else {
            return !std::mem::replace(&mut self.is_closed, true);
        };
        if !self.is_closed && Arc::ptr_eq(line, &self.line) {
            return false;
        }
        debug_assert!(
            Arc::ptr_eq(&line.store, &self.line.store),
            "a port has one store"
        );
        self.is_closed = false;
        self.fates = fate::source(line.asked.seed, self.pair);
        self.line = line.clone();
        true
    }

    /// Whether it has no use any more.
    pub(crate) fn is_over(&self) -> bool {
        self.is_closed && self.is_empty()
    }

    /// Takes in what the guest has sent: one burst at most. The guest has its buffers back.
    ///
    /// # Errors
    /// The guest's fault.
    pub(crate) fn take_in(
        &mut self,
        from: &mut dyn FromGuest,
        pool: &Pool,
        blocks: &BlockTable,
        lane: &Lane,
    ) -> Result<(), Fault> {
        if self.is_closed || !(self.is_behind || from.has_more()) {
            return Ok(());
        }
        let frames = from.pull(Pull {
            pool,
            lane,
            frames: BURST,
            bytes: BURST_BYTES,
            offloads: &Cell::new(false),
        })?;
        self.is_behind = false;
        if frames.is_empty() {
            return Ok(());
        }
        let now = clock::now();
        for frame in frames.iter() {
            self.send(frame, now, pool, blocks, lane)?;
        }
        lane.called(from.complete(&frames)?);
        Ok(())
    }

    fn send(
        &mut self,
        frame: Nbl<'_>,
        now: Instant,
        pool: &Pool,
        blocks: &BlockTable,
        lane: &Lane,
    ) -> Result<(), Fault> {
        let len = frame.data_len();
        let drop = |reason| {
            lane.taken(1, len.into(), frame.lookahead().len() as u64);
            lane.dropped(reason, 1);
        };
        let fate = self.line.chances.draw(&mut self.fates);
        if fate.is_lost {
            drop(DropReason::LineLoss);
            return Ok(());
        }
        for _ in 0..1 + usize::from(fate.is_sent_twice) {
            let Some(place) = self.line.store.take(len) else {
                drop(DropReason::LineFull);
                continue;
            };
            pool.rewind_receive();
            let buffers = self.line.store.buffers(&place, pool);
            if let Err(error) = nbl::transfer(blocks, frame, buffers) {
                self.line.store.give_back(&place);
                return Err(Fault::new(format_args!(
                    "while its frame was copied: {error}"
                )));
            }
            lane.copied(u64::from(len) + frame.lookahead().len() as u64);
            let left = self.line.leaves(now, len);
            let (queue, due) = if fate.overtakes {
                (&mut self.ahead, left)
            } else {
                (&mut self.delayed, left + fate.delay)
            };
            let due = queue.back().map_or(due, |before| before.due.max(due));
            queue.push_back(Frame {
                due,
                place,
                offload: Offload::of(frame),
                delivered: Offload::delivered(frame),
            });
        }
        Ok(())
    }

    /// As [`FromGuest::pull`], of what is due.
    pub(crate) fn pull<'p>(&mut self, pull: Pull<'_, 'p>) -> NblQueue<'p> {
        self.out.retain(Option::is_some);
        self.held = 0;
        let now = clock::now();
        let (mut frames, mut bytes) = (NblQueue::new(), 0);
        while frames.len() < pull.frames.min(BURST) && bytes < pull.bytes {
            let token = frames.len();
            if token == self.out.len() {
                let due = self.pop_due(now);
                if due.is_none() {
                    break;
                }
                self.out.push(due);
            }
            let Some(Some(frame)) = self.out.get(token) else {
                break;
            };
            let Some(nbl) = self.line.store.frame(&frame.place, pull.pool) else {
                break;
            };
            if let Some(offload) = frame.offload {
                offload.note(nbl);
                Offload::set_delivered(nbl, frame.delivered);
                pull.offloads.set(true);
            }
            nbl.set_token(token as u64);
            bytes = bytes.saturating_add(frame.place.len());
            frames.push(nbl);
        }
        frames
    }

    /// As [`FromGuest::complete`]; the guest itself is told when its frames are taken in.
    pub(crate) fn complete(&mut self, done: &NblQueue<'_>) {
        for nbl in done.iter() {
            if let Some(frame) = self
                .out
                .get_mut(nbl.token() as usize)
                .and_then(Option::take)
            {
                self.line.store.give_back(&frame.place);
            }
        }
    }

    /// As [`FromGuest::hold`].
    pub(crate) fn hold(&mut self, waiting: &NblQueue<'_>) {
        for nbl in waiting.iter() {
            let place = self.out.get_mut(nbl.token() as usize);
            if let Some(mut frame) = place.and_then(Option::take) {
                frame.delivered = Offload::delivered(nbl);
                self.again.push(Some(frame));
            }
        }
        self.held = self.again.len();
        let others = self.out.drain(..).filter(Option::is_some);
        self.again.extend(others);
        std::mem::swap(&mut self.out, &mut self.again);
    }

    /// Whether a pull gives more than what is held.
    pub(crate) fn has_more(&self) -> bool {
        let pulled = self.out.iter().flatten().count();
        pulled > self.held || self.next_due().is_some_and(|due| due <= clock::now())
    }

    /// When the next frame goes on its way, beside those that did and are held.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let fronts = [&self.delayed, &self.ahead].map(VecDeque::front);
        let due = fronts.into_iter().flatten().map(|frame| frame.due).min()?;
        Some(if self.is_closed { clock::now() } else { due })
    }

    /// The ring stops: what is on the line will not arrive.
    pub(crate) fn lose(&mut self, lane: &Lane) {
        let frames = self.out.iter().flatten();
        let frames = frames.chain(&self.delayed).chain(&self.ahead);
        let (count, bytes) = frames.fold((0, 0), |(count, bytes), frame| {
            (count + 1, bytes + u64::from(frame.place.len()))
        });
        lane.taken(count, bytes, 0);
        lane.dropped(DropReason::LineLoss, count);
        self.empty();
    }

    fn pop_due(&mut self, now: Instant) -> Option<Frame> {
        let due = |queue: &VecDeque<Frame>| queue.front().map(|frame| frame.due);
        let (delayed, ahead) = (due(&self.delayed), due(&self.ahead));
        let is_ahead = match (delayed, ahead) {
            (Some(delayed), Some(ahead)) => ahead < delayed,
            (_, ahead) => ahead.is_some(),
        };
        let queue = if is_ahead {
            &mut self.ahead
        } else {
            &mut self.delayed
        };
        let is_closed = self.is_closed;
        let is_due = |frame: &Frame| is_closed || frame.due <= now;
        queue
            .front()
            .is_some_and(is_due)
            .then(|| queue.pop_front())?
    }

    fn is_empty(&self) -> bool {
        let is_out = self.out.iter().any(Option::is_some);
        !is_out && self.delayed.is_empty() && self.ahead.is_empty()
    }

    fn empty(&mut self) {
        let out = self.out.drain(..).flatten();
        let frames = out
            .chain(self.delayed.drain(..))
            .chain(self.ahead.drain(..));
        frames.for_each(|frame| self.line.store.give_back(&frame.place));
    }
}

impl Drop for Transit {
    fn drop(&mut self) {
        self.empty();
    }
}
