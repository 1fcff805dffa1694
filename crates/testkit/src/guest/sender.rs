//! The from-guest half: frames go into slots of guest memory and from there into the ring.
//!
//! A slot belongs to one chain from the moment it is sent until the device has used the chain. Slots are taken in turn, as a
//! busy kernel's buffers are, so a device finds its frames all over memory and not always in the same hot place.
//!
//! Invariant: every slot is free or in exactly one chain in flight.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use super::{Events, Ram, guard};
use crate::frames::MAX_FRAME;
use crate::net_header::{NET_HEADER, NetHeader};
use crate::ring::{Buf, DriverRing};

/// Header and frame that fit into a small slot.
const SMALL: u32 = 2048;
/// Header and frame that fit into a large slot, with gaps between many pieces.
const LARGE: u32 = (NET_HEADER + MAX_FRAME) as u32 + 4096;
/// Large slots: enough to keep a device busy, few enough to keep the memory small.
const LARGE_SLOTS: u16 = 64;
/// Between the pieces of a chain: a device that reads on past a descriptor's end gets something else.
const GAP: u32 = 37;

/// Sends frames from a guest.
pub struct Sender {
    ring: DriverRing,
    events: Events,
    ram: Ram,
    small: Slots,
    large: Slots,
    /// By token.
    slot_of: Box<[Slot]>,
    /// By number of small slot: header and frame that [`Sender::prepare`] left there.
    prepared: Box<[u32]>,
    scratch: Vec<u8>,
    pieces: Vec<Buf>,
}

#[derive(Clone, Copy)]
struct Slot {
    number: u16,
    is_large: bool,
}

struct Slots {
    gpa: u64,
    stride: u32,
    capacity: u32,
    free: VecDeque<u16>,
}

impl Slots {
    fn new(gpa: u64, capacity: u32, count: u16) -> Slots {
        Slots {
            gpa,
            stride: guard::stride(capacity),
            capacity,
            free: (0..count).collect(),
        }
    }

    fn bytes(capacity: u32, count: u16) -> u64 {
        u64::from(guard::stride(capacity)) * u64::from(count)
    }

    #[inline]
    fn at(&self, number: u16) -> u64 {
        self.gpa + u64::from(number) * u64::from(self.stride)
    }
}

impl Sender {
    pub(super) fn bytes(ring_size: u16) -> u64 {
        Slots::bytes(SMALL, ring_size) + Slots::bytes(LARGE, ring_size.min(LARGE_SLOTS))
    }

    pub(super) fn new(ram: Ram, mut ring: DriverRing, gpa: u64) -> io::Result<Sender> {
        let size = ring.size();
        let small = Slots::new(gpa, SMALL, size);
        let large = Slots::new(
            gpa + Slots::bytes(SMALL, size),
            LARGE,
            size.min(LARGE_SLOTS),
        );
        ring.disarm_call();
        Ok(Sender {
            ring,
            events: Events::new()?,
            ram,
            small,
            large,
            slot_of: vec![
                Slot {
                    number: 0,
                    is_large: false
                };
                usize::from(size)
            ]
            .into(),
            prepared: vec![0; usize::from(size)].into(),
            scratch: Vec::with_capacity(NET_HEADER + MAX_FRAME),
            pieces: Vec::with_capacity(usize::from(size)),
        })
    }

    /// Puts a frame into the ring behind `header`. False: the ring is full. The device sees it after
    /// [`flush`](Self::flush).
    ///
    /// # Panics
    ///
    /// If the frame is longer than [`MAX_FRAME`], or the device broke a rule.
    pub fn send(&mut self, header: &NetHeader, frame: &[u8]) -> bool {
        assert!(
            frame.len() <= MAX_FRAME,
            "a frame of {} bytes is longer than a guest may send",
            frame.len()
        );
        let len = (NET_HEADER + frame.len()) as u32;
        let Some((slot, gpa)) = self.take_slot(len) else {
            return false;
        };
        let window = self.ram.window(gpa, len);
        window.write(&header.to_bytes());
        let rest = window
            .narrow(NET_HEADER, frame.len())
            .expect("the window has room for both");
        rest.write(frame);
        self.add(slot, &[Buf { gpa, len }])
    }

    /// As [`send`](Self::send), in several descriptors that do not adjoin: cut at each of `points`, which count from the
    /// first byte of the header and ascend.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send), or if the points do not ascend within header and frame.
    pub fn send_chain(&mut self, header: &NetHeader, frame: &[u8], points: &[usize]) -> bool {
        assert!(
            frame.len() <= MAX_FRAME,
            "a frame of {} bytes is longer than a guest may send",
            frame.len()
        );
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        bytes.extend_from_slice(&header.to_bytes());
        bytes.extend_from_slice(frame);
        let sent = self.send_pieces(&bytes, points);
        self.scratch = bytes;
        sent
    }

    /// Publishes what was sent and kicks if the device wants it. Gives whether it did.
    pub fn flush(&mut self) -> bool {
        self.ring.publish();
        let wanted = self.ring.needs_kick();
        if wanted {
            self.events.kick();
        }
        wanted
    }

    /// Takes back what the device has used. Gives the number of frames.
    #[inline]
    pub fn reclaim(&mut self) -> u16 {
        let mut count = 0;
        while let Some(used) = self.ring.poll_used() {
            let Slot { number, is_large } = self.slot_of[usize::from(used.token)];
            let slots = if is_large {
                &mut self.large
            } else {
                &mut self.small
            };
            slots.free.push_back(number);
            count += 1;
        }
        count
    }

    /// Frames sent that the device has not been seen to use.
    pub fn in_flight(&self) -> u16 {
        self.ring.in_flight()
    }

    /// Flushes and sleeps until the device has used every frame, at most `timeout`. Gives whether it has.
    pub fn wait_until_used(&mut self, timeout: Duration) -> bool {
        self.wait_for(timeout, |sender| sender.in_flight() == 0)
    }

    /// Flushes and sleeps until another small frame can be sent, at most `timeout`. Gives whether it can.
    pub fn wait_for_room(&mut self, timeout: Duration) -> bool {
        self.wait_for(timeout, |sender| {
            sender.ring.free() > 0 && !sender.small.free.is_empty()
        })
    }

    /// Writes `frames`, one after the other and again from the first, into all small slots, each behind an empty header:
    /// [`send_prepared`](Self::send_prepared) then sends them without touching them.
    ///
    /// # Panics
    ///
    /// If there are no frames, one does not fit into a small slot, or the device still holds a slot.
    pub fn prepare(&mut self, frames: &[&[u8]]) {
        self.reclaim();
        assert_eq!(self.in_flight(), 0, "prepare while the device holds frames");
        let header = NetHeader::default().to_bytes();
        for (place, frame) in (0..self.small.free.len()).zip(frames.iter().cycle()) {
            let number = self.small.free[place];
            let len = (NET_HEADER + frame.len()) as u32;
            assert!(
                len <= self.small.capacity,
                "a prepared frame of {} bytes does not fit a slot",
                frame.len()
            );
            let window = self.ram.window(self.small.at(number), len);
            window.write(&header);
            window
                .narrow(NET_HEADER, frame.len())
                .expect("the window has room for both")
                .write(frame);
            self.prepared[usize::from(number)] = len;
        }
        assert!(!frames.is_empty(), "prepare needs at least one frame");
    }

    /// Sends up to `count` frames of those prepared, in their order, and gives how many the ring took. Not flushed.
    ///
    /// # Panics
    ///
    /// If nothing was prepared, or the device broke a rule.
    #[inline]
    pub fn send_prepared(&mut self, count: u16) -> u16 {
        if self.ring.free() < count {
            self.reclaim();
        }
        let mut sent = 0;
        while sent < count {
            let Some(&number) = self.small.free.front() else {
                break;
            };
            let len = self.prepared[usize::from(number)];
            assert!(len > 0, "send_prepared without prepare");
            let Some(token) = self.ring.add_chain(
                &[Buf {
                    gpa: self.small.at(number),
                    len,
                }],
                &[],
            ) else {
                break;
            };
            self.small.free.pop_front();
            self.slot_of[usize::from(token)] = Slot {
                number,
                is_large: false,
            };
            sent += 1;
        }
        sent
    }

    /// The ring itself.
    pub fn ring(&self) -> &DriverRing {
        &self.ring
    }

    /// The ring itself, for those who put chains of their own into it.
    pub fn ring_mut(&mut self) -> &mut DriverRing {
        &mut self.ring
    }

    /// The ring's eventfds.
    pub fn events(&self) -> &Events {
        &self.events
    }

    fn send_pieces(&mut self, bytes: &[u8], points: &[usize]) -> bool {
        let room = bytes.len() as u32 + GAP * points.len() as u32;
        let Some((slot, start)) = self.take_slot(room) else {
            return false;
        };
        let mut pieces = std::mem::take(&mut self.pieces);
        pieces.clear();
        let (mut from, mut gpa) = (0, start);
        for to in points.iter().copied().chain([bytes.len()]) {
            assert!(
                from < to && to <= bytes.len(),
                "cut points must ascend within header and frame: {points:?}"
            );
            let len = (to - from) as u32;
            self.ram.window(gpa, len).write(&bytes[from..to]);
            pieces.push(Buf { gpa, len });
            (from, gpa) = (to, gpa + u64::from(len + GAP));
        }
        let sent = self.add(slot, &pieces);
        self.pieces = pieces;
        sent
    }

    /// A free slot for `len` bytes, from the front of its queue, where it stays until a chain has taken it.
    fn take_slot(&mut self, len: u32) -> Option<(Slot, u64)> {
        let is_large = len > self.small.capacity;
        let nothing_free = |sender: &Sender| {
            let slots = if is_large {
                &sender.large
            } else {
                &sender.small
            };
            sender.ring.free() == 0 || slots.free.is_empty()
        };
        if nothing_free(self) {
            self.reclaim();
        }
        let slots = if is_large { &self.large } else { &self.small };
        assert!(
            len <= slots.capacity,
            "{len} bytes of header, frame and gaps are more than a slot holds"
        );
        let number = *slots.free.front()?;
        Some((Slot { number, is_large }, slots.at(number)))
    }

    #[inline]
    fn add(&mut self, slot: Slot, pieces: &[Buf]) -> bool {
        let mut token = self.ring.add_chain(pieces, &[]);
        if token.is_none() && self.reclaim() > 0 {
            token = self.ring.add_chain(pieces, &[]);
        }
        let Some(token) = token else { return false };
        let slots = if slot.is_large {
            &mut self.large
        } else {
            &mut self.small
        };
        slots.free.pop_front();
        if !slot.is_large {
            self.prepared[usize::from(slot.number)] = 0;
        }
        self.slot_of[usize::from(token)] = slot;
        true
    }

    fn wait_for(&mut self, timeout: Duration, done: impl Fn(&Sender) -> bool) -> bool {
        let deadline = Instant::now() + timeout;
        self.flush();
        let reached = loop {
            self.reclaim();
            if done(self) {
                break true;
            }
            if self.ring.arm_call() {
                continue;
            }
            if !self.events.wait_call(deadline) {
                break false;
            }
            self.events.take_calls();
        };
        self.ring.disarm_call();
        reached
    }
}
