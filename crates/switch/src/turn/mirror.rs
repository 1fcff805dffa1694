//! Copies of a port's frames for another port, `-PortMirroring`.
//!
//! A copy is one more delivery of the same frame. It waits for nobody, so it holds nobody up; it is copied no further, so
//! that ports which mirror each other do not go round in circles; and the port that gets it is asked for no VLAN, for it is
//! to see what the other one sees.

use nbl::NblQueue;

use super::Burst;
use crate::deliver::Delivery;
use crate::policy::Terms;
use crate::port::{Entry, Mirroring, PortId};
use crate::{DropReason, Fault};

impl<'p> Burst<'_, 'p> {
    /// Copies of what the guest has sent, as it was sent: of all frames that are over, delivered or not. Those that wait are
    /// copied when their time has come.
    #[inline(never)]
    pub(super) fn mirror_sent(&mut self, to: PortId) -> Result<(), Fault> {
        let mut over = std::mem::take(&mut self.done);
        while let Some(frame) = over.pop_front() {
            self.done.push(frame.parent().unwrap_or(frame));
        }
        let mut sent = std::mem::take(&mut self.done);
        let result = self.mirror(to, &mut sent);
        self.done = sent;
        result
    }

    /// As [`Delivery::deliver`]; the frames that are over then are counted at the rules that decided, and copied.
    #[inline(never)]
    pub(super) fn unicast_watched(
        &mut self,
        receiver: &Entry,
        ring: u8,
        frames: &mut NblQueue<'p>,
        terms: Terms<'_>,
        mirror: Option<Mirroring>,
    ) -> Result<(), Fault> {
        let mut over = NblQueue::new();
        let mut result = self.delivery.deliver(receiver, ring, frames, &mut over);
        terms.count_all(self.delivery.worker, &over);
        if result.is_ok()
            && let Some(mirror) = mirror
        {
            result = self.mirror(mirror.to, &mut over);
        }
        self.done.append(&mut over);
        result
    }

    /// Copies of frames, which all stay in `frames`.
    pub(super) fn mirror(&mut self, to: PortId, frames: &mut NblQueue<'p>) -> Result<(), Fault> {
        match self.snapshot.port(to) {
            Some(port) => self.delivery.mirror(port, frames),
            None => Ok(()),
        }
    }
}

impl<'p> Delivery<'_, 'p> {
    /// Delivers copies of frames, as many as there are buffers for.
    ///
    /// # Errors
    /// As [`Delivery::deliver`].
    fn mirror(&mut self, to: &Entry, frames: &mut NblQueue<'p>) -> Result<(), Fault> {
        self.start_over(frames);
        let mut over = NblQueue::new();
        let mut result = Ok(());
        while !frames.is_empty() && result.is_ok() {
            let (ring, mut run) = to.next_run(frames, Terms::none());
            result = self.deliver(to, ring, &mut run, &mut over);
            let missed = run.len() as u64;
            to.counters
                .lane(self.worker)
                .dropped(DropReason::MirrorNoBuffers, missed);
            over.append(&mut run);
        }
        over.append(frames);
        *frames = over;
        result
    }
}
