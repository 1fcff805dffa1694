//! Delivery of a burst in which there is work left undone: each receiver is given the frames that it takes as they are, and
//! finished ones in place of the others, in the order in which they were sent (L4).
//!
//! A receiver that runs out of buffers in the middle of a large frame has its segments so far; the frame notes how many,
//! and goes on from there. So none comes twice, and a ring of any size gets all of them in the end.

use nbl::NblQueue;

use super::finish::{Batch, Unfinished};
use super::work::{Offload, Offloads};
use crate::deliver::{Delivery, End, Hand, To};
use crate::{DropReason, Fault};

impl<'p> Delivery<'_, 'p> {
    /// Delivers the first frame of `frames`, and those behind it that the receiver takes like it. Returns how many are over;
    /// 0 when the receiver has no buffers.
    #[inline(never)]
    pub(crate) fn deliver_offloaded(
        &mut self,
        to: To<'_>,
        frames: &mut NblQueue<'p>,
        done: &mut NblQueue<'p>,
    ) -> Result<u16, End> {
        let accepts = to.ring.accepts();
        let mut run = NblQueue::new();
        while let Some(frame) = frames.front()
            && accepts.has(Offloads::needed_by(frame))
            && let Some(frame) = frames.pop_front()
        {
            run.push(frame);
        }
        if run.is_empty() {
            return self.finish_first(to, frames, done);
        }
        let pool = self.pool;
        let delivered = self.hand().deliver_prefix(to, true, pool, &mut run, done);
        run.append(frames);
        *frames = run;
        delivered
    }

    /// Delivers the finished frames that the first of `frames` becomes.
    fn finish_first(
        &mut self,
        to: To<'_>,
        frames: &mut NblQueue<'p>,
        done: &mut NblQueue<'p>,
    ) -> Result<u16, End> {
        let Some(frame) = frames.front() else {
            return Ok(0);
        };
        let Some(offload) = Offload::of(frame) else {
            return Ok(0);
        };
        let mut next = usize::from(Offload::delivered(frame));
        match self.finisher.take(self.blocks, frame, offload) {
            Ok(count) => {
                while next < count {
                    let Batch {
                        pool,
                        frames: mut finished,
                    } = self.finisher.make(next);
                    let bytes: u32 = finished.iter().map(|frame| frame.data_len()).sum();
                    let mut hand = Hand {
                        blocks: self.blocks,
                        reservation: self.reservation,
                        sender: self.sender,
                    };
                    let delivered =
                        hand.deliver_prefix(to, false, pool, &mut finished, &mut NblQueue::new())?;
                    // Into the copy, and from there into a frame of its own.
                    to.lane.copied(2 * u64::from(bytes));
                    if delivered == 0 {
                        Offload::set_delivered(frame, next as u16);
                        return Ok(0);
                    }
                    to.patience.buffers_came();
                    next += usize::from(delivered);
                }
                to.lane.finished(offload.cutting.is_some());
            }
            Err(Unfinished::Unfit) => self.sender.dropped(DropReason::BadOffload, 1),
            Err(Unfinished::Lost(error)) => {
                return Err(End::Sender(Fault::new(format_args!(
                    "while its frame was copied: {error}"
                ))));
            }
        }
        if let Some(frame) = frames.pop_front() {
            done.push(frame);
        }
        Ok(1)
    }
}
