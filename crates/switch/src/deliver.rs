//! Delivery: reserve receive buffers, copy, publish. One chain a destination queue (SINGLE_QUEUE).

use nbl::{NblQueue, Pool, Side, TransferError, Transferred};
use shmem::BlockTable;

use crate::offload::{Finisher, Offload};
use crate::patience::Patience;
use crate::policy::{Budget, Terms};
use crate::port::{Entry, PortId, ToGuest};
use crate::{DropReason, Fault, Lane, Reservation, clock};

/// What one worker needs to deliver one burst.
pub(crate) struct Delivery<'a, 'p> {
    pub(crate) pool: &'p Pool,
    pub(crate) blocks: &'a BlockTable,
    pub(crate) reservation: &'a mut Reservation,
    pub(crate) finisher: &'a mut Finisher,
    /// Whether there is a frame with work left undone in the burst.
    pub(crate) offloads: bool,
    pub(crate) worker: usize,
    /// The sending port's lane.
    pub(crate) sender: &'a Lane,
}

impl<'p> Delivery<'_, 'p> {
    /// Delivers to one ring of a receiver. Frames that are over (delivered or dropped) move from `frames` to
    /// `done`; what is left in `frames` found no buffers.
    ///
    /// # Errors
    /// The sender's fault: its memory is gone. Its frames are all in `done` then. A receiver's fault
    /// closes that receiver and is not an error here.
    pub(crate) fn deliver(
        &mut self,
        receiver: &Entry,
        ring: u8,
        frames: &mut NblQueue<'p>,
        done: &mut NblQueue<'p>,
    ) -> Result<(), Fault> {
        match &receiver.policy.to_guest {
            None => self.deliver_all(receiver, ring, frames, done),
            Some(budget) => self.deliver_within(budget, receiver, ring, frames, done),
        }
    }

    /// As [`Delivery::deliver`], of what the receiver's bandwidth allows. What exceeds it is dropped, not held: a limit of
    /// one port shall not hold back what its senders send to others.
    #[inline(never)]
    fn deliver_within(
        &mut self,
        budget: &Budget,
        receiver: &Entry,
        ring: u8,
        frames: &mut NblQueue<'p>,
        done: &mut NblQueue<'p>,
    ) -> Result<(), Fault> {
        let now = clock::now();
        let left = budget.left(now);
        let (mut within, mut bytes) = (NblQueue::new(), 0);
        while bytes < left
            && let Some(frame) = frames.pop_front()
        {
            bytes += u64::from(frame.data_len());
            within.push(frame);
        }
        let delivered = self.deliver_all(receiver, ring, &mut within, done);
        budget.pay(now, bytes - bytes_of(&within));
        if within.is_empty() {
            receiver
                .counters
                .lane(self.worker)
                .dropped(DropReason::BandwidthExceeded, frames.len() as u64);
            done.append(frames);
        } else {
            within.append(frames);
            *frames = within;
        }
        delivered
    }

    fn deliver_all(
        &mut self,
        receiver: &Entry,
        ring: u8,
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
            let Some(to) = receiver.receiver(ring) else {
                return Ok(());
            };
            let to = To {
                place: (receiver.port, ring),
                ring: &*to.ring,
                patience: &to.patience,
                lane,
            };
            let delivered = if self.offloads {
                self.deliver_offloaded(to, frames, done)
            } else {
                let pool = self.pool;
                self.hand().deliver_prefix(to, false, pool, frames, done)
            };
            match delivered {
                Ok(0) => break,
                Ok(_) => to.patience.buffers_came(),
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

    /// Drops what the receiver does not take.
    #[inline]
    pub(crate) fn weed(
        &self,
        receiver: &Entry,
        terms: Terms<'_>,
        frames: &mut NblQueue<'p>,
        done: &mut NblQueue<'p>,
    ) {
        if terms.are_none() {
            return;
        }
        terms.judge(frames);
        if frames.iter().all(|frame| terms.refuse(frame).is_none()) {
            return;
        }
        let mut rest = std::mem::take(frames);
        while let Some(frame) = rest.pop_front() {
            match terms.refuse(frame) {
                Some(reason) => {
                    terms.count(self.worker, frame);
                    receiver.counters.lane(self.worker).dropped(reason, 1);
                    done.push(frame);
                }
                None => frames.push(frame),
            }
        }
    }

    /// Lets each large frame be delivered whole once more. What one receiver has of it says nothing of the next.
    #[inline]
    pub(crate) fn start_over(&self, frames: &NblQueue<'p>) {
        if self.offloads {
            let start_over = |frame| Offload::set_delivered(frame, 0);
            frames.iter().for_each(start_over);
        }
    }

    /// Delivers to a member of the flood group, to each ring what its table gives it, and leaves all frames
    /// in `frames` as they were. What finds no buffers misses this member.
    ///
    /// # Errors
    /// As [`Delivery::deliver`].
    pub(crate) fn flood(&mut self, member: &Entry, frames: &mut NblQueue<'p>) -> Result<(), Fault> {
        let mut over = NblQueue::new();
        let mut result = Ok(());
        let terms = Terms::of(member);
        terms.judge(frames);
        terms.count_all(self.worker, frames);
        while !frames.is_empty() && result.is_ok() {
            if let Some(frame) = frames.front()
                && let Some(reason) = terms.refuse(frame)
            {
                frames.pop_front();
                member.counters.lane(self.worker).dropped(reason, 1);
                over.push(frame);
                continue;
            }
            let (ring, mut run) = member.next_run(frames, terms);
            result = self.deliver(member, ring, &mut run, &mut over);
            if !run.is_empty() {
                member
                    .counters
                    .lane(self.worker)
                    .dropped(DropReason::NoBuffers, run.len() as u64);
            }
            over.append(&mut run);
        }
        over.append(frames);
        *frames = over;
        result
    }

    pub(crate) fn hand(&mut self) -> Hand<'_> {
        Hand {
            blocks: self.blocks,
            reservation: self.reservation,
            sender: self.sender,
        }
    }
}

/// Where frames are delivered to.
#[derive(Clone, Copy)]
pub(crate) struct To<'a> {
    pub(crate) place: (PortId, u8),
    pub(crate) ring: &'a dyn ToGuest,
    pub(crate) patience: &'a Patience,
    pub(crate) lane: &'a Lane,
}

/// What delivers frames of whatever pool.
pub(crate) struct Hand<'a> {
    pub(crate) blocks: &'a BlockTable,
    pub(crate) reservation: &'a mut Reservation,
    pub(crate) sender: &'a Lane,
}

impl Hand<'_> {
    /// One reservation: as many frames as find room at once. `offloads`: some may have work left undone. Returns how many those were.
    pub(crate) fn deliver_prefix<'q>(
        &mut self,
        to: To<'_>,
        offloads: bool,
        pool: &'q Pool,
        frames: &mut NblQueue<'q>,
        done: &mut NblQueue<'q>,
    ) -> Result<u16, End> {
        pool.rewind_receive();
        self.reservation.begin(to.place, offloads);
        let reserved = to.ring.reserve(pool, frames, self.reservation);
        let granted = self.reservation.frames();
        let copied = match reserved {
            Ok(()) => self.copy(granted, to.lane, frames, done),
            Err(fault) => {
                self.reservation.void_all();
                Err(End::Receiver(fault))
            }
        };
        self.reservation.end();
        if !self.reservation.buffers().is_empty() {
            to.lane
                .called(to.ring.publish(self.reservation).map_err(End::Receiver)?);
        }
        copied.map(|()| granted)
    }

    fn copy<'q>(
        &mut self,
        granted: u16,
        lane: &Lane,
        frames: &mut NblQueue<'q>,
        done: &mut NblQueue<'q>,
    ) -> Result<(), End> {
        let sum = nbl::transfer_all(self.blocks, frames, granted.into());
        lane.delivered(sum.frames as u64, sum.bytes);
        let misfits = u64::from(self.reservation.misfits());
        if misfits > 0 {
            lane.dropped(DropReason::BuffersTooSmall, misfits);
        }
        done.append(&mut frames.split_first(granted.into()));
        match sum.error {
            None => Ok(()),
            Some(error) => Err(self.give_up(&sum, granted, &error)),
        }
    }

    /// Empties the buffers of the frame that could not be copied and of those behind it.
    #[cold]
    fn give_up(&mut self, sum: &Transferred, granted: u16, error: &TransferError) -> End {
        let failed = (sum.frames + sum.without_buffers) as u16;
        (failed..granted).for_each(|at| self.reservation.void(at));
        let lost = granted - self.reservation.misfits() - sum.frames as u16;
        let end = End::of(error);
        let reason = match end {
            End::Sender(_) => DropReason::SenderGone,
            End::Receiver(_) => DropReason::ReceiverGone,
        };
        self.sender.dropped(reason, lost.into());
        end
    }
}

/// Whose fault ended a delivery.
pub(crate) enum End {
    Sender(Fault),
    Receiver(Fault),
}

impl End {
    fn of(error: &TransferError) -> Self {
        match error.side {
            Side::Source => Self::Sender(Fault::new(format_args!(
                "while its frame was copied: {error}"
            ))),
            Side::Destination => Self::Receiver(Fault::new(format_args!(
                "while a frame was copied to it: {error}"
            ))),
        }
    }
}

/// Bytes of all frames.
pub(crate) fn bytes_of(frames: &NblQueue<'_>) -> u64 {
    frames.iter().map(|frame| u64::from(frame.data_len())).sum()
}
