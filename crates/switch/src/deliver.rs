//! Delivery: reserve receive buffers, copy, publish. One chain a destination queue (SINGLE_QUEUE).

use nbl::{NblQueue, Pool, Side};
use shmem::BlockTable;
use vmq::QueueId;

use crate::port::{Entry, ToGuest};
use crate::{DropReason, Fault, Lane, Reservation};

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
            let place = (receiver.queue, ring);
            match self.deliver_prefix(place, &*to.ring, lane, frames, done) {
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

    /// Delivers to a member of the flood group, to each ring what its table gives it, and leaves all frames
    /// in `frames` as they were. What finds no buffers misses this member.
    ///
    /// # Errors
    /// As [`Delivery::deliver`].
    pub(crate) fn flood(&mut self, member: &Entry, frames: &mut NblQueue<'p>) -> Result<(), Fault> {
        let mut over = NblQueue::new();
        let mut result = Ok(());
        while !frames.is_empty() && result.is_ok() {
            let (ring, mut run) = member.next_run(frames);
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

    /// One reservation: as many frames as find room at once. Returns how many those were.
    fn deliver_prefix(
        &mut self,
        place: (QueueId, u8),
        to_guest: &dyn ToGuest,
        lane: &Lane,
        frames: &mut NblQueue<'p>,
        done: &mut NblQueue<'p>,
    ) -> Result<u16, End> {
        self.pool.rewind_receive();
        self.reservation.begin(place);
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
            lane.called(to_guest.publish(self.reservation).map_err(End::Receiver)?);
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
