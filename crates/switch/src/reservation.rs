//! Receive buffers that a worker has reserved at one port and is filling.

use crate::PortId;

/// The most receive buffers that one reservation holds. A frame of 64 KiB over 2 KiB buffers takes 33.
const CAPACITY: usize = 4096;
const _: () = assert!(Reservation::MAX_BUFFERS_A_FRAME < CAPACITY);

/// One receive buffer and what was put in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    /// The port's own name of the buffer.
    pub id: u16,
    /// Which frame of the reservation it belongs to.
    pub frame: u16,
    /// Bytes written, header included.
    pub bytes: u32,
}

const NOTHING: Filled = Filled {
    id: 0,
    frame: 0,
    bytes: 0,
};

/// Scratch of one worker, reused for every reservation.
#[derive(Debug)]
pub struct Reservation {
    /// Of which the first `noted` are in use.
    buffers: Box<[Filled]>,
    noted: usize,
    frames: u16,
    misfits: u16,
    ticket: u64,
    ran_out_at: u16,
    /// Whether some of the frames may have work left undone.
    offloads: bool,
    /// The port and the ring whose buffers are reserved and not yet published.
    open: Option<(PortId, u8)>,
}

impl Reservation {
    pub(crate) fn new() -> Self {
        Self {
            buffers: vec![NOTHING; CAPACITY].into(),
            noted: 0,
            frames: 0,
            misfits: 0,
            ticket: 0,
            ran_out_at: 0,
            offloads: false,
            open: None,
        }
    }

    /// Starts a reservation of the buffers of one ring of a port, for frames of which some may have work left undone.
    #[inline]
    pub(crate) fn begin(&mut self, place: (PortId, u8), offloads: bool) {
        self.noted = 0;
        self.frames = 0;
        self.misfits = 0;
        self.ticket = 0;
        self.offloads = offloads;
        self.open = Some(place);
    }

    /// Ends the reservation: its buffers are published, or there are none.
    pub(crate) fn end(&mut self) {
        self.open = None;
    }

    /// The port and the ring whose buffers were reserved when a panic cut the turn short. They are emptied, for
    /// nobody knows what is in them.
    pub(crate) fn abandon(&mut self) -> Option<(PortId, u8)> {
        let place = self.open.take()?;
        self.void_all();
        (!self.buffers().is_empty()).then_some(place)
    }

    /// The most receive buffers that one frame may be spread over.
    pub const MAX_BUFFERS_A_FRAME: usize = 1024;

    /// Whether no more buffers can be noted. A single frame never fills it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.noted == CAPACITY
    }

    /// Whether some of the frames may have work left undone ([`crate::offload::Offload::of`]).
    #[inline]
    #[must_use]
    pub fn has_offloads(&self) -> bool {
        self.offloads
    }

    /// Where the next buffers go; [`Reservation::note_singly`] or [`Reservation::note_more`] says how many came.
    #[inline]
    pub fn vacant(&mut self) -> &mut [Filled] {
        &mut self.buffers[self.noted..]
    }

    /// Notes the first `frames` buffers that were written to [`Reservation::vacant`], one for each frame.
    #[inline]
    pub fn note_singly(&mut self, frames: u16) {
        self.noted = (self.noted + usize::from(frames)).min(CAPACITY);
        self.frames += frames;
    }

    /// Notes the first `buffers` that were written to [`Reservation::vacant`], all for the frame at hand.
    #[inline]
    pub fn note_more(&mut self, buffers: u16) {
        self.noted = (self.noted + usize::from(buffers)).min(CAPACITY);
    }

    /// Notes a buffer for the frame at hand. The caller asked [`Reservation::is_full`].
    #[inline]
    pub fn note(&mut self, id: u16, bytes: u32) {
        debug_assert!(self.noted < CAPACITY);
        if let Some(place) = self.buffers.get_mut(self.noted) {
            *place = Filled {
                id,
                frame: self.frames,
                bytes,
            };
            self.noted += 1;
        }
    }

    /// Takes back the last `n` buffers noted.
    pub fn forget(&mut self, n: usize) {
        self.noted = self.noted.saturating_sub(n);
    }

    /// Ends the frame at hand: its buffers are noted, go to the next.
    #[inline]
    pub fn next_frame(&mut self) {
        self.frames += 1;
    }

    /// Ends the frame at hand as one that fits in none of the receiver's buffers.
    pub fn misfit(&mut self) {
        self.frames += 1;
        self.misfits += 1;
    }

    /// Frames dealt with: the prefix that has found room, misfits included.
    #[must_use]
    pub fn frames(&self) -> u16 {
        self.frames
    }

    pub(crate) fn misfits(&self) -> u16 {
        self.misfits
    }

    /// The buffers noted, in order.
    #[inline]
    #[must_use]
    pub fn buffers(&self) -> &[Filled] {
        &self.buffers[..self.noted]
    }

    /// The port's own note of this reservation.
    #[must_use]
    pub fn ticket(&self) -> u64 {
        self.ticket
    }

    /// Notes how many buffers the guest had posted ([`crate::ToGuest::posted`]) when there were too few.
    pub fn ran_out_at(&mut self, posted: u16) {
        self.ran_out_at = posted;
    }

    pub(crate) fn posted_when_out(&self) -> u16 {
        self.ran_out_at
    }

    /// Keeps the port's own note until [`crate::ToGuest::publish`].
    pub fn set_ticket(&mut self, ticket: u64) {
        self.ticket = ticket;
    }

    /// Empties the buffers of `frame`: its bytes could not be had, so the guest gets buffers without a
    /// frame in them, which drivers count as an error and reuse.
    pub(crate) fn void(&mut self, frame: u16) {
        let noted = self.buffers[..self.noted].iter_mut();
        for buffer in noted.filter(|buffer| buffer.frame == frame) {
            buffer.bytes = 0;
        }
    }

    pub(crate) fn void_all(&mut self) {
        for buffer in &mut self.buffers[..self.noted] {
            buffer.bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voided_frame_keeps_its_buffers_and_loses_its_bytes() {
        let mut reservation = Reservation::new();
        reservation.note(7, 100);
        reservation.next_frame();
        reservation.note(8, 60);
        reservation.note(9, 60);
        reservation.next_frame();
        reservation.void(1);
        let bytes: Vec<_> = reservation
            .buffers()
            .iter()
            .map(|b| (b.id, b.bytes))
            .collect();
        assert_eq!(bytes, [(7, 100), (8, 0), (9, 0)]);
    }
}
