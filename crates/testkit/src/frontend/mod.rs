//! The frontend's side of vhost-user: what QEMU does with the socket, around a guest double.
//!
//! [`Frontend`] attaches a guest the proper way, through the protocol crate that VMMs use. [`RawFrontend`] sends any bytes and
//! any files at all. [`Script`] is the same proper attachment written out as messages, so that a test can spoil one of them.
//!
//! Invariant: no call waits longer than its timeout for a backend that has gone silent.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use vhost::vhost_user::message::{FrontendReq, VhostUserHeaderFlag, VhostUserProtocolFeatures};
use vhost::vhost_user::{Frontend as Protocol, VhostUserFrontend};
use vhost::{VhostBackend, VhostUserMemoryRegionInfo, VringConfigData};

mod script;
mod wire;

pub use script::{Script, TableRegion, Verdict, memory_table};
pub use wire::{Answer, Message, RawFrontend};

use crate::guest::{Events, Guest, Ram, features};
use crate::ring::DriverRing;

/// The number of the ring towards the guest (virtio's receiveq1).
pub const TO_GUEST: usize = 0;
/// The number of the ring from the guest (virtio's transmitq1).
pub const FROM_GUEST: usize = 1;

/// Why a guest could not be attached or detached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrontendError {
    /// Nobody came to the socket.
    #[error(
        "no backend at the socket within {0:?}: is it running, and is the path the same on both sides?"
    )]
    NoBackend(Duration),
    /// The backend does not have what the guest's rings are laid out for.
    #[error(
        "the backend does not offer features {missing:#x} which the guest was made for (it offers {offered:#x})"
    )]
    Features {
        /// Bits that were wanted and are not there.
        missing: u64,
        /// Everything offered.
        offered: u64,
    },
    /// The backend refused a message or closed the connection over it.
    #[error("{step}: {source}")]
    Protocol {
        /// What was being done, by the protocol's name for it.
        step: &'static str,
        /// What the protocol crate says.
        source: vhost::Error,
    },
    /// The backend refused a ring's eventfd or closed the connection over it.
    #[error("{step}: {answer:?}")]
    Refused {
        /// What was being done, by the protocol's name for it.
        step: &'static str,
        /// What came instead of an acknowledgement.
        answer: Answer,
    },
    /// The backend did not answer in time.
    #[error("{step}: no answer within {timeout:?}")]
    Silent {
        /// What was being done, by the protocol's name for it.
        step: &'static str,
        /// How long we waited.
        timeout: Duration,
    },
    /// The socket itself failed.
    #[error("the vhost-user socket: {0}")]
    Socket(#[from] io::Error),
}

/// A connection to a backend, made and used as a VMM does.
pub struct Frontend {
    protocol: Protocol,
    raw: RawFrontend,
    timeout: Duration,
    acknowledged: u64,
    /// Rings that the guest has.
    rings: usize,
    /// REPLY_ACK was agreed on.
    acks: bool,
    /// CONFIGURE_MEM_SLOTS was agreed on.
    memory_slots: bool,
}

impl Frontend {
    /// Connects to a backend that listens at `path`, trying again until `timeout`, which is also how long every later
    /// step may take.
    pub fn connect(path: impl AsRef<Path>, timeout: Duration) -> Result<Frontend, FrontendError> {
        Frontend::from_stream(wire::connect(path.as_ref(), timeout)?, timeout)
    }

    /// Listens at `path`, in place of whatever socket was there, for one backend in client mode.
    pub fn listen(path: impl AsRef<Path>, timeout: Duration) -> Result<Frontend, FrontendError> {
        Frontend::from_stream(accept(path.as_ref(), timeout)?, timeout)
    }

    /// Over a connection that exists already.
    pub fn from_stream(stream: UnixStream, timeout: Duration) -> Result<Frontend, FrontendError> {
        let protocol = Protocol::from_stream(stream.try_clone()?, 2);
        let raw = RawFrontend::from_stream(stream, timeout)?;
        Ok(Frontend {
            protocol,
            raw,
            timeout,
            acknowledged: 0,
            rings: 0,
            acks: false,
            memory_slots: false,
        })
    }

    /// Attaches the guest: features, memory, all rings, enabled and kicked once, in the order in which QEMU does it.
    /// A guest that was attached before goes on where its rings are.
    pub fn attach(&mut self, guest: &Guest) -> Result<(), FrontendError> {
        self.watched(|frontend, at| {
            frontend.negotiate(guest, at)?;
            frontend.give_memory(guest.ram(), at)?;
            frontend.rings = 2 * guest.pairs().count();
            for (index, ring, events) in rings_of(guest) {
                frontend.give_ring(index, ring, events, at)?;
            }
            for (index, _, events) in rings_of(guest) {
                if frontend.acknowledged & features::PROTOCOL_FEATURES != 0 {
                    at.step("SET_VRING_ENABLE");
                    frontend
                        .protocol
                        .set_vring_enable(index, true)
                        .or_else(at.failed())?;
                }
                // A ring is started by its first kick (vhost-user, "Ring states").
                events.kick();
            }
            Ok(())
        })
    }

    /// Stops all rings and disconnects. Gives each ring's base, to-guest first.
    pub fn stop(mut self) -> Result<Vec<u32>, FrontendError> {
        self.watched(|frontend, at| {
            let base = |index| {
                at.step("GET_VRING_BASE");
                let base = frontend.protocol.get_vring_base(index);
                base.or_else(at.failed())
            };
            (0..frontend.rings).map(base).collect()
        })
    }

    /// Switches a ring on or off (SET_VRING_ENABLE).
    pub fn enable(&mut self, index: usize, enable: bool) -> Result<(), FrontendError> {
        self.watched(|frontend, at| {
            at.step("SET_VRING_ENABLE");
            frontend
                .protocol
                .set_vring_enable(index, enable)
                .or_else(at.failed())
        })
    }

    /// The features both sides have agreed on.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Sleeps until the backend has closed the connection, at most `timeout`. Gives whether it has.
    pub fn wait_closed(&self, timeout: Duration) -> bool {
        self.raw.wait_closed(timeout)
    }

    /// The same connection without any manners.
    pub fn raw(&mut self) -> &mut RawFrontend {
        &mut self.raw
    }

    /// The protocol crate's own frontend, for messages that [`attach`](Self::attach) does not send.
    pub fn protocol(&mut self) -> &mut Protocol {
        &mut self.protocol
    }

    fn negotiate(&mut self, guest: &Guest, at: &At) -> Result<(), FrontendError> {
        at.step("GET_FEATURES");
        let offered = self.protocol.get_features().or_else(at.failed())?;
        let wanted = guest.features();
        if wanted & !offered != 0 {
            return Err(FrontendError::Features {
                missing: wanted & !offered,
                offered,
            });
        }
        self.acknowledged = wanted | (offered & features::PROTOCOL_FEATURES);
        if offered & features::PROTOCOL_FEATURES != 0 {
            self.negotiate_protocol(at)?;
        }
        at.step("SET_OWNER");
        self.protocol.set_owner().or_else(at.failed())?;
        // QEMU hands the call over once before anything else is known of the ring, and again when it starts.
        for (index, _, events) in rings_of(guest) {
            self.give_event(FrontendReq::SET_VRING_CALL, "SET_VRING_CALL", index, events)?;
        }
        at.step("SET_FEATURES");
        self.protocol
            .set_features(self.acknowledged)
            .or_else(at.failed())
    }

    fn negotiate_protocol(&mut self, at: &At) -> Result<(), FrontendError> {
        at.step("GET_PROTOCOL_FEATURES");
        let offered = self.protocol.get_protocol_features().or_else(at.failed())?;
        let known = VhostUserProtocolFeatures::REPLY_ACK
            | VhostUserProtocolFeatures::MQ
            | VhostUserProtocolFeatures::MTU
            | VhostUserProtocolFeatures::CONFIGURE_MEM_SLOTS;
        at.step("SET_PROTOCOL_FEATURES");
        self.protocol
            .set_protocol_features(offered & known)
            .or_else(at.failed())?;
        if offered.contains(VhostUserProtocolFeatures::REPLY_ACK) {
            // Every message is acknowledged from here on, so that each failure shows at its own step.
            self.protocol.set_hdr_flags(VhostUserHeaderFlag::NEED_REPLY);
            self.acks = true;
        }
        if offered.contains(VhostUserProtocolFeatures::MQ) {
            at.step("GET_QUEUE_NUM");
            self.protocol.get_queue_num().or_else(at.failed())?;
        }
        self.memory_slots = offered.contains(VhostUserProtocolFeatures::CONFIGURE_MEM_SLOTS);
        if self.memory_slots {
            at.step("GET_MAX_MEM_SLOTS");
            self.protocol.get_max_mem_slots().or_else(at.failed())?;
        }
        Ok(())
    }

    fn give_memory(&mut self, ram: &Ram, at: &At) -> Result<(), FrontendError> {
        let region = VhostUserMemoryRegionInfo {
            guest_phys_addr: Ram::GPA,
            memory_size: ram.bytes(),
            userspace_addr: Ram::UVA,
            mmap_offset: 0,
            mmap_handle: ram.file().as_raw_fd(),
        };
        if self.memory_slots {
            at.step("ADD_MEM_REG");
            self.protocol.add_mem_region(&region).or_else(at.failed())?;
        } else {
            at.step("SET_MEM_TABLE");
            self.protocol
                .set_mem_table(&[region])
                .or_else(at.failed())?;
        }
        Ok(())
    }

    fn give_ring(
        &mut self,
        index: usize,
        ring: &DriverRing,
        events: &Events,
        at: &At,
    ) -> Result<(), FrontendError> {
        at.step("SET_VRING_NUM");
        self.protocol
            .set_vring_num(index, ring.size())
            .or_else(at.failed())?;
        at.step("SET_VRING_BASE");
        let base = Message::new(FrontendReq::SET_VRING_BASE.into())
            .with_u32(index as u32)
            .with_u32(ring.base());
        self.send("SET_VRING_BASE", base)?;
        at.step("SET_VRING_ADDR");
        let areas = ring.areas();
        let addresses = VringConfigData {
            queue_max_size: ring.size(),
            queue_size: ring.size(),
            flags: 0,
            desc_table_addr: Ram::uva(areas.descriptors),
            used_ring_addr: Ram::uva(areas.device),
            avail_ring_addr: Ram::uva(areas.driver),
            log_addr: None,
        };
        self.protocol
            .set_vring_addr(index, &addresses)
            .or_else(at.failed())?;
        self.give_event(FrontendReq::SET_VRING_KICK, "SET_VRING_KICK", index, events)?;
        self.give_event(FrontendReq::SET_VRING_CALL, "SET_VRING_CALL", index, events)
    }

    /// The protocol crate takes eventfds only in a type that cannot be made safely from a file we own.
    fn give_event(
        &mut self,
        request: FrontendReq,
        step: &'static str,
        index: usize,
        events: &Events,
    ) -> Result<(), FrontendError> {
        let fd = if request == FrontendReq::SET_VRING_KICK {
            events.kick_fd()
        } else {
            events.call_fd()
        };
        let message = Message::new(request.into())
            .with_u64(index as u64)
            .with_fd(fd)?;
        self.send(step, message)
    }

    /// A message that the protocol crate cannot say: with a file of ours, or with a base of 32 bits.
    fn send(&mut self, step: &'static str, message: Message) -> Result<(), FrontendError> {
        if !self.acks {
            return Ok(self.raw.send(&message)?);
        }
        match self.raw.call(&message.need_reply())? {
            Answer::Reply(reply) if reply.to_u64() == Some(0) => Ok(()),
            answer => Err(FrontendError::Refused { step, answer }),
        }
    }

    /// Runs `work` with a watchdog that hangs up when the time is over: the protocol crate itself waits for ever.
    fn watched<T>(
        &mut self,
        work: impl FnOnce(&mut Frontend, &At) -> Result<T, FrontendError>,
    ) -> Result<T, FrontendError> {
        let at = At::default();
        let fired = Arc::new(AtomicBool::new(false));
        let (done, waits) = mpsc::channel::<()>();
        let stream = self.raw.stream().try_clone()?;
        let (timeout, says) = (self.timeout, Arc::clone(&fired));
        let watchdog = thread::spawn(move || {
            if waits.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
                says.store(true, Ordering::Relaxed);
                // Hanging up a connection that is already gone changes nothing.
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
        });
        let result = work(self, &at);
        drop(done);
        watchdog.join().expect("the watchdog does not panic");
        match result {
            Err(_) if fired.load(Ordering::Relaxed) => Err(FrontendError::Silent {
                step: at.0.get(),
                timeout: self.timeout,
            }),
            result => result,
        }
    }
}

/// The rings of a guest by their number in the protocol.
fn rings_of(guest: &Guest) -> impl Iterator<Item = (usize, &DriverRing, &Events)> {
    let rings = guest.pairs().flat_map(|(from_guest, to_guest)| {
        [
            (to_guest.ring(), to_guest.events()),
            (from_guest.ring(), from_guest.events()),
        ]
    });
    rings
        .enumerate()
        .map(|(index, (ring, events))| (index, ring, events))
}

/// Which step we are at, for the error that may come of it.
#[derive(Default)]
struct At(std::cell::Cell<&'static str>);

impl At {
    fn step(&self, name: &'static str) {
        self.0.set(name);
    }

    fn failed<T>(&self) -> impl FnOnce(vhost::Error) -> Result<T, FrontendError> + use<T> {
        let step = self.0.get();
        move |source| Err(FrontendError::Protocol { step, source })
    }
}

fn accept(path: &Path, timeout: Duration) -> Result<UnixStream, FrontendError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    let came = wait_readable(&listener, PollFlags::IN, timeout);
    let stream = if came? {
        Ok(listener.accept()?.0)
    } else {
        Err(FrontendError::NoBackend(timeout))
    };
    std::fs::remove_file(path)?;
    stream
}

fn wait_readable(
    fd: impl std::os::fd::AsFd,
    events: PollFlags,
    timeout: Duration,
) -> io::Result<bool> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec {
            tv_sec: left.as_secs() as i64,
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&fd, events)], Some(&left)) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(ready) => return Ok(ready > 0),
        }
    }
}
