//! The network card under a guest's IP stack.
//!
//! The guest's thread sleeps until the switch calls it: it never spins, for the machine may have fewer
//! cores than the demonstration has guests.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use testkit::guest::Sender;
use testkit::net_header::NetHeader;

use super::lab::Attached;

/// IP packets are jumbo.
pub(super) const IP_MTU: usize = 9000;
const ETHERNET_HEADER: usize = 14;

/// Answers that may wait for room in the ring while frames are still taken from the other one.
const MAX_BACKLOG: usize = 64;

/// Wakes a guest's thread.
#[derive(Debug)]
pub(super) struct Bell(OwnedFd);

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?))
    }

    pub(super) fn ring(&self) {
        // It can only fail because the bell has rung already, four billion times.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    fn silence(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

/// The card.
pub(super) struct Card {
    attached: Attached,
    incoming: Vec<u8>,
    outgoing: Outgoing,
}

struct Outgoing {
    scratch: Vec<u8>,
    /// Frames that found no room in the ring, oldest first.
    backlog: VecDeque<Vec<u8>>,
}

impl Card {
    pub(super) fn new(attached: Attached) -> Self {
        Self {
            attached,
            incoming: Vec::new(),
            outgoing: Outgoing {
                scratch: Vec::new(),
                backlog: VecDeque::new(),
            },
        }
    }

    /// Shows the switch what was sent and which buffers are free again.
    pub(super) fn flush(&mut self) {
        self.attached.guest.flush();
    }

    /// Frames wait for room in the ring.
    pub(super) fn is_blocked(&self) -> bool {
        !self.outgoing.backlog.is_empty()
    }

    /// Sleeps until there is something to receive, room for what waits to be sent, or `bell` rings.
    pub(super) fn wait(&mut self, bell: &Bell, timeout: Duration) {
        let is_blocked = self.is_blocked();
        let guest = &mut self.attached.guest;
        let has_arrived = guest.to_guest.ring_mut().arm_call();
        let has_room = is_blocked && guest.from_guest.ring_mut().arm_call();
        if !has_arrived && !has_room {
            let calls =
                [guest.to_guest.events(), guest.from_guest.events()].map(|events| events.call_fd());
            let mut fds = [
                PollFd::new(&bell.0, PollFlags::IN),
                PollFd::from_borrowed_fd(calls[0], PollFlags::IN),
                PollFd::from_borrowed_fd(calls[1], PollFlags::IN),
            ];
            let fds = if is_blocked {
                &mut fds[..]
            } else {
                &mut fds[..2]
            };
            let timeout = Timespec::try_from(timeout).unwrap_or(Timespec {
                tv_sec: 1,
                tv_nsec: 0,
            });
            // An interrupted wait is a short one.
            let _ = poll(fds, Some(&timeout));
        }
        guest.to_guest.events().take_calls();
        guest.to_guest.ring_mut().disarm_call();
        if is_blocked {
            guest.from_guest.events().take_calls();
            guest.from_guest.ring_mut().disarm_call();
        }
        bell.silence();
    }
}

impl Device for Card {
    type RxToken<'a> = Arrived<'a>;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived<'_>, Leaving<'_>)> {
        let guest = &mut self.attached.guest;
        self.outgoing.retry(&mut guest.from_guest);
        if self.outgoing.backlog.len() >= MAX_BACKLOG || !guest.receive(&mut self.incoming) {
            return None;
        }
        let leaving = Leaving {
            sender: &mut guest.from_guest,
            outgoing: &mut self.outgoing,
        };
        Some((Arrived(&self.incoming), leaving))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leaving<'_>> {
        let sender = &mut self.attached.guest.from_guest;
        self.outgoing.retry(sender);
        self.outgoing.backlog.is_empty().then_some(Leaving {
            sender,
            outgoing: &mut self.outgoing,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = IP_MTU + ETHERNET_HEADER;
        capabilities
    }
}

impl Outgoing {
    fn retry(&mut self, sender: &mut Sender) {
        while let Some(frame) = self.backlog.front() {
            if !sender.send(&NetHeader::default(), frame) {
                break;
            }
            self.backlog.pop_front();
        }
    }
}

/// A frame that has arrived.
pub(super) struct Arrived<'a>(&'a [u8]);

impl RxToken for Arrived<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// Room for one frame to send.
pub(super) struct Leaving<'a> {
    sender: &'a mut Sender,
    outgoing: &'a mut Outgoing,
}

impl TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let Outgoing { scratch, backlog } = self.outgoing;
        if scratch.len() < len {
            scratch.resize(len, 0);
        }
        let frame = &mut scratch[..len];
        let result = f(frame);
        if !backlog.is_empty() || !self.sender.send(&NetHeader::default(), frame) {
            backlog.push_back(frame.to_vec());
        }
        result
    }
}
