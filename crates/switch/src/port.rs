//! A port as the workers see it: two trait objects, each called once a burst.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nbl::{Nbl, NblQueue, Pool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmq::QueueId;

use crate::mtu::Mtu;
use crate::offload::Offloads;
use crate::patience::Patience;
use crate::policy::{Policy, Terms};
use crate::rss::{self, IndirectionTable};
use crate::spec::NetworkId;
use crate::{Counters, Lane, Reservation};

/// A port's place in the switch: another port may have it when this one is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub u16);

/// What a worker lends a port for one pull.
#[derive(Debug)]
pub struct Pull<'a, 'p> {
    /// Where the frames are described. The port takes at most what it has left.
    pub pool: &'p Pool,
    /// The port's counters, for frames that it drops itself.
    pub lane: &'a Lane,
    /// The most frames to take.
    pub frames: usize,
    /// Stop once this many bytes have been taken.
    pub bytes: u32,
    /// To be set if there is a frame with work left undone ([`Offload::note`](crate::offload::Offload::note)).
    pub offloads: &'a Cell<bool>,
}

/// The sending half of a port, owned by one worker.
///
/// The provided methods are those of a half that nobody can kick: it is pulled in every round. A ring has its own.
pub trait FromGuest: Any + Send {
    /// Takes at most one burst of frames, oldest first: those that [`FromGuest::hold`] kept, then new
    /// ones. A frame's [`nbl::Nbl::token`] is the port's own.
    ///
    /// # Errors
    /// A [`Fault`] when the guest broke the ring's rules: the port is over.
    fn pull<'p>(&mut self, pull: Pull<'_, 'p>) -> Result<NblQueue<'p>, Fault>;

    /// Gives frames back to the guest: they were delivered or dropped. Notifies the guest at most once; true if
    /// it did.
    ///
    /// # Errors
    /// As [`FromGuest::pull`].
    fn complete(&mut self, done: &NblQueue<'_>) -> Result<bool, Fault>;

    /// Keeps frames, in this order, to be pulled again: their receiver has no buffers. The guest's
    /// buffers stay taken, which is what holds the sender back. How much of a large frame was delivered
    /// ([`Offload::delivered`](crate::offload::Offload::delivered)) is kept with it.
    fn hold(&mut self, waiting: &NblQueue<'_>);

    /// Whether the guest has sent frames that were not pulled yet. A ring that has none and holds none is not pulled.
    fn has_more(&self) -> bool {
        true
    }

    /// Asks the guest to kick from now on. True when work is already there and no kick will come.
    fn arm(&mut self) -> bool {
        true
    }

    /// Tells the guest that kicks are not needed: the worker looks by itself.
    fn disarm(&mut self) {}

    /// What the guest kicks.
    fn kick(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// The receiving half of a port, shared by all workers.
pub trait ToGuest: Send + Sync {
    /// Which work the guest lets its senders leave undone. It is given no other frames than finished ones and such.
    fn accepts(&self) -> Offloads;

    /// Reserves receive buffers for the longest prefix of `frames` that finds room, attaches them to
    /// the frames ([`nbl::Nbl::set_receive`]) and notes them in `reservation`.
    ///
    /// # Errors
    /// A [`Fault`] when the receiving guest broke its ring's rules.
    fn reserve<'p>(
        &self,
        pool: &'p Pool,
        frames: &NblQueue<'p>,
        reservation: &mut Reservation,
    ) -> Result<(), Fault>;

    /// A count of the buffers that the guest has posted so far, in whatever width: it changes when there are
    /// more.
    fn posted(&self) -> u16;

    /// Hands the filled buffers to the guest and notifies it at most once; true if it did. Called exactly once
    /// for each [`ToGuest::reserve`] that noted a buffer.
    ///
    /// # Errors
    /// As [`ToGuest::reserve`].
    fn publish(&self, reservation: &Reservation) -> Result<bool, Fault>;
}

/// Why a port was closed, in words for an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(Box<str>);

impl Fault {
    /// A fault; `reason` names the guest's violation and where it was seen.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string().into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

/// Called on a worker, once for each connection, when a port has failed. Must not block.
pub type FaultSink = Box<dyn Fn(&Fault) + Send + Sync>;

/// What becomes of a frame whose receiver has no buffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// It waits in its sender's ring, for a bounded time: a fast sender is held back instead of losing frames.
    #[default]
    Hold,
    /// It is dropped at once, and counted.
    Drop,
}

/// A connected port, as every worker's snapshot holds it.
pub(crate) struct Entry {
    pub(crate) port: PortId,
    pub(crate) network: NetworkId,
    pub(crate) queue: QueueId,
    /// Its running to-guest rings. There is none while the frontend changes memory.
    pub(crate) receivers: Box<[Arc<Receiver>]>,
    /// Which of them takes which flow.
    pub(crate) table: IndirectionTable,
    pub(crate) counters: Arc<Counters>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) when_full: WhenFull,
    pub(crate) policy: Arc<Policy>,
    pub(crate) mirror: Option<Mirroring>,
}

/// Which frames of a port another one gets copies of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mirroring {
    pub(crate) to: PortId,
    pub(crate) from_guest: bool,
    pub(crate) to_guest: bool,
}

impl Entry {
    #[inline]
    pub(crate) fn has_several_rings(&self) -> bool {
        self.receivers.len() > 1
    }

    /// Which of the port's rings a frame goes to. A port of one ring costs its senders no hash.
    #[inline]
    pub(crate) fn pick(&self, frame: Nbl<'_>) -> u8 {
        if !self.has_several_rings() {
            return 0;
        }
        rss::of(frame).map_or(0, |hash| self.table.queue(hash))
    }

    /// The frames at the front that go to the same ring and are taken, and which ring that is.
    pub(crate) fn next_run<'p>(
        &self,
        frames: &mut NblQueue<'p>,
        terms: Terms<'_>,
    ) -> (u8, NblQueue<'p>) {
        if !self.has_several_rings() && terms.are_none() {
            return (0, std::mem::take(frames));
        }
        let mut run = NblQueue::new();
        let ring = frames.front().map_or(0, |first| self.pick(first));
        let goes_on = |next: &Nbl<'_>| self.pick(*next) == ring && terms.refuse(*next).is_none();
        while let Some(frame) = frames.front().filter(goes_on) {
            frames.pop_front();
            run.push(frame);
        }
        (ring, run)
    }

    /// The ring that [`Entry::pick`] named; `None` while no ring runs.
    #[inline]
    pub(crate) fn receiver(&self, ring: u8) -> Option<&Receiver> {
        self.receivers.get(usize::from(ring)).map(|ring| &**ring)
    }

    /// Whether a frame that found no buffers in a ring may wait for them.
    pub(crate) fn may_wait(&self, ring: u8, start: Instant) -> bool {
        self.when_full == WhenFull::Hold && self.patience(ring).may_wait(start)
    }

    /// The patience with one of its rings, or with a port of which no ring runs.
    pub(crate) fn patience(&self, ring: u8) -> &Patience {
        self.receiver(ring)
            .map_or(&self.gate.patience, |receiver| &receiver.patience)
    }
}

/// A running to-guest ring, with what outlives the snapshots that hold it.
pub(crate) struct Receiver {
    pub(crate) ring: Arc<dyn ToGuest>,
    pub(crate) patience: Patience,
}

impl Receiver {
    pub(crate) fn new(ring: Arc<dyn ToGuest>) -> Self {
        Self {
            ring,
            patience: Patience::default(),
        }
    }
}

/// What outlives the snapshots of one connection: whether it failed, whether frames wait for it, how large
/// they may be.
pub(crate) struct Gate {
    failed: AtomicBool,
    /// With the port while none of its rings runs.
    patience: Patience,
    pub(crate) mtu: Mtu,
    sink: FaultSink,
}

impl Gate {
    pub(crate) fn new(sink: FaultSink, mtu: Option<u16>) -> Self {
        Self {
            failed: AtomicBool::new(false),
            patience: Patience::default(),
            mtu: Mtu::new(mtu),
            sink,
        }
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        !self.failed.load(Ordering::Relaxed)
    }

    /// Latches the failure; only the first is reported.
    #[cold]
    pub(crate) fn fail(&self, fault: &Fault) {
        if !self.failed.swap(true, Ordering::Relaxed) {
            (self.sink)(fault);
        }
    }
}
