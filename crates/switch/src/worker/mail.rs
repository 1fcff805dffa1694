//! What control sends a worker: snapshots, and rings that come and go.

use std::io;
use std::sync::Arc;

use super::Worker;
use crate::doorbell::Token;
use crate::line::Line;
use crate::mailbox::Command;
use crate::port::PortId;
use crate::ring::Ring;
use crate::snapshot::Snapshot;

impl Worker {
    /// Takes what control has sent. False at the end.
    #[cold]
    pub(super) fn take_mail(&mut self) -> bool {
        for command in self.mailbox.take() {
            match command {
                Command::Snapshot(snapshot, done) => {
                    if !snapshot.has_tables_of(&self.snapshot) {
                        self.bench.learner.forget();
                    }
                    self.act_on(snapshot);
                    // Control may have given up waiting; the snapshot is in force either way.
                    let _ = done.send(());
                }
                Command::Attach(ring, done) => {
                    let _ = done.send(self.attach(ring));
                }
                Command::Detach(port, pair, reply) => {
                    let _ = reply.send(self.detach(port, pair));
                }
                Command::End(port, pair, reply) => {
                    let _ = reply.send(self.end(port, pair));
                }
                Command::Stop => return false,
            }
        }
        true
    }

    /// What a ring's frames wait for may have another name from now on; and a ring that waits because of a bandwidth which
    /// is another one now waits no longer, nor one whose line is.
    pub(super) fn act_on(&mut self, snapshot: Arc<Snapshot>) {
        let before = std::mem::replace(&mut self.snapshot, snapshot);
        let budget = |snapshot: &Snapshot, port| {
            let budget = snapshot.port(port)?.policy.from_guest.as_ref();
            budget.map(Arc::as_ptr)
        };
        for at in 0..self.rings.len() {
            let Some(ring) = &mut self.rings[at] else {
                continue;
            };
            ring.wait = None;
            ring.last.forget();
            let has_other_line = ring.follow(line_of(&self.snapshot, ring.port));
            let has_other_budget = budget(&before, ring.port) != budget(&self.snapshot, ring.port);
            let token = Token(at as u32);
            if (has_other_line || has_other_budget) && self.timers.clear(token).is_some() {
                self.poll(token);
            }
        }
    }

    pub(super) fn attach(&mut self, mut ring: Box<Ring>) -> Result<(), (Box<Ring>, io::Error)> {
        let free = self.rings.iter().position(Option::is_none);
        let at = free.unwrap_or(self.rings.len());
        let token = Token(at as u32);
        if let Some(kick) = ring.from_guest.kick()
            && let Err(error) = self.doorbell.watch(token, kick)
        {
            return Err((ring, error));
        }
        ring.from_guest.disarm();
        ring.last.forget();
        ring.follow(line_of(&self.snapshot, ring.port));
        if free.is_none() {
            self.rings.push(None);
            // So that a turn never allocates.
            self.polled.reserve(self.rings.len() - self.polled.len());
            self.timers.grow(self.rings.len());
        }
        match ring.until.take() {
            Some(until) => self.timers.set(token, until),
            None => self.polled.push(token),
        }
        self.rings[at] = Some(ring);
        Ok(())
    }

    /// Lets go of a ring as it is: what it holds and waits for goes with it.
    pub(super) fn detach(&mut self, port: PortId, pair: usize) -> Option<Box<Ring>> {
        let is_it = |ring: &Ring| (ring.port, ring.pair) == (port, pair);
        let at = self
            .rings
            .iter()
            .position(|ring| ring.as_deref().is_some_and(is_it))?;
        let mut ring = self.rings[at].take()?;
        ring.until = self.timers.clear(Token(at as u32));
        if std::mem::take(&mut ring.pace.is_armed) {
            self.armed -= 1;
            // Its guest may send before that.
            ring.until = None;
        }
        self.polled.retain(|polled| polled.0 as usize != at);
        if let Some(kick) = ring.from_guest.kick() {
            self.doorbell.unwatch(kick);
        }
        Some(ring)
    }

    /// Lets go of a ring that stops. What it holds is still its guest's, what is on its line is lost.
    pub(super) fn end(&mut self, port: PortId, pair: usize) -> Option<Box<Ring>> {
        let mut ring = self.detach(port, pair)?;
        if let Some(transit) = &mut ring.transit
            && let Some(port) = self.snapshot.port(port)
        {
            transit.lose(port.counters.lane(self.bench.worker));
        }
        Some(ring)
    }
}

fn line_of(snapshot: &Snapshot, port: PortId) -> Option<&Arc<Line>> {
    snapshot.port(port)?.policy.line.as_ref()
}
