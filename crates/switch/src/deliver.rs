//! Delivery: reserve receive buffers, copy, publish. One chain a destination queue (SINGLE_QUEUE).

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use nbl::{NblQueue, Pool, Side};
use shmem::BlockTable;
use vmq::QueueId;

use crate::port::{Entry, Gate, ToGuest};
use crate::{DropReason, Fault, Lane, Reservation};

/// How long a frame waits for buffers of a receiver that has none.
const HOLD: Duration = Duration::from_millis(50);

/// What one worker needs to deliver one burst.
pub(crate) struct Delivery<'a, 'p> {
    pub(crate) pool: &'p Pool,
    pub(crate) blocks: &'a BlockTable,
    pub(crate) reservation: &'a mut Reservation,
    pub(crate) worker: usize,
    /// The sending port's lane.
    pub(crate) sender: &'a Lane,
}

impl<'p> Delivery<'_, 'p> {
    /// Delivers to one receiver. Frames that are over (delivered or dropped) move from `frames` to
    /// `done`; what is left in `frames` found no buffers.
    ///
    /// # Errors
    /// The sender's fault: its memory is gone. Its frames are all in `done` then. A receiver's fault
    /// closes that receiver and is not an error here.
    pub(crate) fn deliver(
        &mut self,
        receiver: &Entry,
        frames: &mut NblQueue<'p>,
        done: &mut NblQueue<'p>,
    ) -> Result<(), Fault> {
        let lane = receiver.counters.lane(self.worker);
        while !frames.is_empty() {
            if !receiver.gate.is_open() {
                self.sender
                    .dropped(DropReason::ReceiverGone, frames.len() as u64);
                done.append(frames);
                return Ok(());
            }
            // A ring that is stopped while its frontend changes memory starts again in a moment.
            let Some(to_guest) = receiver.to_guest.as_deref() else {
                return Ok(());
            };
            match self.deliver_prefix(receiver.queue, to_guest, lane, frames, done) {
                Ok(0) => break,
                Ok(_) => receiver.gate.buffers_came(),
                Err(End::Receiver(fault)) => receiver.gate.fail(&fault),
                Err(End::Sender(fault)) => {
                    self.sender
                        .dropped(DropReason::SenderGone, frames.len() as u64);
                    done.append(frames);
                    return Err(fault);
                }
            }
        }
        Ok(())
    }

    /// One reservation: as many frames as find room at once. Returns how many those were.
    fn deliver_prefix(
        &mut self,
        queue: QueueId,
        to_guest: &dyn ToGuest,
        lane: &Lane,
        frames: &mut NblQueue<'p>,
        done: &mut NblQueue<'p>,
    ) -> Result<u16, End> {
        self.pool.rewind_receive();
        self.reservation.begin(queue);
        let reserved = to_guest.reserve(self.pool, frames, self.reservation);
        let granted = self.reservation.frames();
        let copied = match reserved {
            Ok(()) => self.copy(granted, lane, frames, done),
            Err(fault) => {
                self.reservation.void_all();
                Err(End::Receiver(fault))
            }
        };
        self.reservation.end();
        if !self.reservation.buffers().is_empty() {
            to_guest.publish(self.reservation).map_err(End::Receiver)?;
        }
        copied.map(|()| granted)
    }

    fn copy(
        &mut self,
        granted: u16,
        lane: &Lane,
        frames: &mut NblQueue<'p>,
        done: &mut NblQueue<'p>,
    ) -> Result<(), End> {
        let (mut delivered, mut bytes) = (0, 0);
        let mut end = Ok(());
        for at in 0..granted {
            let Some(frame) = frames.pop_front() else {
                break;
            };
            done.push(frame);
            let Some(receive) = frame.receive() else {
                continue;
            };
            if end.is_err() {
                self.reservation.void(at);
                continue;
            }
            match nbl::transfer(self.blocks, frame, receive) {
                Ok(n) => {
                    delivered += 1;
                    bytes += u64::from(n);
                }
                Err(error) => {
                    self.reservation.void(at);
                    end = Err(match error.side {
                        Side::Source => End::Sender(Fault::new(format_args!(
                            "while its frame was copied: {error}"
                        ))),
                        Side::Destination => End::Receiver(Fault::new(format_args!(
                            "while a frame was copied to it: {error}"
                        ))),
                    });
                }
            }
        }
        lane.delivered(delivered, bytes);
        let misfits = u64::from(self.reservation.misfits());
        if misfits > 0 {
            lane.dropped(DropReason::BuffersTooSmall, misfits);
        }
        if end.is_err() {
            let lost = u64::from(granted) - misfits - delivered;
            match end {
                Err(End::Sender(_)) => self.sender.dropped(DropReason::SenderGone, lost),
                _ => self.sender.dropped(DropReason::ReceiverGone, lost),
            }
        }
        end
    }
}

/// Whose fault ended a delivery.
enum End {
    Sender(Fault),
    Receiver(Fault),
}

impl Gate {
    /// Whether a frame that found no buffers may wait for them. A receiver that has taken nothing for
    /// [`HOLD`] is not waited for until it takes a frame again: a slow receiver costs its senders one
    /// hold, not one a burst.
    pub(crate) fn may_wait(&self, start: Instant) -> bool {
        let now = start.elapsed().as_nanos() as u64 | 1;
        match self.waiting_since_ns.load(Ordering::Relaxed) {
            0 => {
                self.waiting_since_ns.store(now, Ordering::Relaxed);
                true
            }
            since => Duration::from_nanos(now.saturating_sub(since)) < HOLD,
        }
    }

    /// Whether frames wait for this receiver, and may go on to.
    pub(crate) fn is_waited_for(&self, start: Instant) -> bool {
        let since = self.waiting_since_ns.load(Ordering::Relaxed);
        let now = start.elapsed().as_nanos() as u64;
        since != 0 && Duration::from_nanos(now.saturating_sub(since)) < HOLD
    }

    #[inline]
    fn buffers_came(&self) {
        if self.waiting_since_ns.load(Ordering::Relaxed) != 0 {
            self.waiting_since_ns.store(0, Ordering::Relaxed);
        }
    }
}
