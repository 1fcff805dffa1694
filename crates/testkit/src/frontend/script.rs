//! The proper attachment of a guest as a list of messages, to be spoilt and then played.
//!
//! Invariant: an unspoilt script is accepted by any backend with protocol features; what a test changes is the only thing
//! wrong with it.

use std::io;
use std::os::fd::BorrowedFd;

use vhost::vhost_user::message::{FrontendReq, VhostUserProtocolFeatures};

use super::{Answer, FROM_GUEST, Message, RawFrontend, TO_GUEST};
use crate::guest::{Guest, Ram, features};

/// A conversation, one message after the other.
#[derive(Debug)]
pub struct Script {
    /// What is sent, in order.
    pub messages: Vec<Message>,
}

/// How a backend took a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every message was accepted.
    Accepted,
    /// A message was answered with an error; what follows it was not sent.
    Refused {
        /// The request's number.
        request: u32,
        /// What the backend answered.
        value: u64,
    },
    /// The backend closed the connection over this message or one before it.
    Closed {
        /// The request's number.
        request: u32,
    },
    /// The backend did not answer.
    Silent {
        /// The request's number.
        request: u32,
    },
}

/// One region of a memory table, as it is told to the backend.
#[derive(Clone, Copy, Debug)]
pub struct TableRegion<'a> {
    /// Guest physical address.
    pub gpa: u64,
    /// Length in bytes.
    pub len: u64,
    /// The frontend's virtual address.
    pub uva: u64,
    /// Offset in the file.
    pub offset: u64,
    /// The file.
    pub file: BorrowedFd<'a>,
}

impl<'a> TableRegion<'a> {
    /// The truth about a guest's memory.
    pub fn of(ram: &'a Ram) -> TableRegion<'a> {
        TableRegion {
            gpa: Ram::GPA,
            len: ram.bytes(),
            uva: Ram::UVA,
            offset: 0,
            file: ram.file(),
        }
    }
}

impl Script {
    /// Everything from GET_FEATURES to both rings enabled and kicked.
    pub fn attach(guest: &Guest) -> io::Result<Script> {
        let protocol = VhostUserProtocolFeatures::REPLY_ACK;
        let agreed = guest.features() | features::PROTOCOL_FEATURES;
        let plain = |request: FrontendReq| Message::new(request.into());
        let acked = |request: FrontendReq| plain(request).need_reply();
        let mut messages = vec![
            plain(FrontendReq::GET_FEATURES),
            plain(FrontendReq::GET_PROTOCOL_FEATURES),
            plain(FrontendReq::SET_PROTOCOL_FEATURES).with_u64(protocol.bits()),
            acked(FrontendReq::SET_OWNER),
            acked(FrontendReq::SET_FEATURES).with_u64(agreed),
            memory_table(&[TableRegion::of(guest.ram())])?,
        ];
        let rings = [
            (TO_GUEST, guest.to_guest.ring(), guest.to_guest.events()),
            (
                FROM_GUEST,
                guest.from_guest.ring(),
                guest.from_guest.events(),
            ),
        ];
        for (index, ring, events) in rings {
            let number = index as u32;
            let areas = ring.areas();
            let addresses = [
                Ram::uva(areas.descriptors),
                Ram::uva(areas.device),
                Ram::uva(areas.driver),
                0,
            ];
            let address = acked(FrontendReq::SET_VRING_ADDR)
                .with_u32(number)
                .with_u32(0);
            messages.extend([
                acked(FrontendReq::SET_VRING_NUM)
                    .with_u32(number)
                    .with_u32(ring.size().into()),
                acked(FrontendReq::SET_VRING_BASE)
                    .with_u32(number)
                    .with_u32(ring.base()),
                addresses.into_iter().fold(address, Message::with_u64),
                acked(FrontendReq::SET_VRING_KICK)
                    .with_u64(index as u64)
                    .with_fd(events.kick_fd())?,
                acked(FrontendReq::SET_VRING_CALL)
                    .with_u64(index as u64)
                    .with_fd(events.call_fd())?,
            ]);
        }
        for (index, _, events) in rings {
            messages.push(
                acked(FrontendReq::SET_VRING_ENABLE)
                    .with_u32(index as u32)
                    .with_u32(1),
            );
            events.kick();
        }
        Ok(Script { messages })
    }

    /// The message with this request, the `nth` of them counted from 0.
    ///
    /// # Panics
    ///
    /// If there are not that many.
    pub fn message(&mut self, request: FrontendReq, nth: usize) -> &mut Message {
        let number: u32 = request.into();
        let mut same = self
            .messages
            .iter_mut()
            .filter(|message| message.request == number);
        same.nth(nth)
            .unwrap_or_else(|| panic!("the script has no {request:?} number {nth}"))
    }

    /// Sends the messages one after the other, each after the answer to the one before, and at last asks for the features
    /// to see whether the backend still listens.
    pub fn play(&self, raw: &RawFrontend) -> io::Result<Verdict> {
        let last = Message::new(FrontendReq::GET_FEATURES.into());
        for message in self.messages.iter().chain([&last]) {
            let request = message.request;
            let asks = is_question(request);
            let answer = if asks || message.needs_reply() {
                raw.call(message)?
            } else {
                match raw.send(message) {
                    Ok(()) => continue,
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Answer::Closed,
                    Err(error) => return Err(error),
                }
            };
            match answer {
                Answer::Closed => return Ok(Verdict::Closed { request }),
                Answer::Silent => return Ok(Verdict::Silent { request }),
                Answer::Reply(_) if asks => {}
                Answer::Reply(reply) => match reply.to_u64() {
                    Some(0) => {}
                    value => {
                        return Ok(Verdict::Refused {
                            request,
                            value: value.unwrap_or(u64::MAX),
                        });
                    }
                },
            }
        }
        Ok(Verdict::Accepted)
    }
}

/// SET_MEM_TABLE with these regions.
pub fn memory_table(regions: &[TableRegion<'_>]) -> io::Result<Message> {
    let mut message = Message::new(FrontendReq::SET_MEM_TABLE.into()).need_reply();
    message = message.with_u32(regions.len() as u32).with_u32(0);
    for region in regions {
        message = message
            .with_u64(region.gpa)
            .with_u64(region.len)
            .with_u64(region.uva)
            .with_u64(region.offset);
        message = message.with_fd(region.file)?;
    }
    Ok(message)
}

fn is_question(request: u32) -> bool {
    let questions = [
        FrontendReq::GET_FEATURES,
        FrontendReq::GET_PROTOCOL_FEATURES,
        FrontendReq::GET_QUEUE_NUM,
        FrontendReq::GET_VRING_BASE,
        FrontendReq::GET_MAX_MEM_SLOTS,
    ];
    questions
        .into_iter()
        .any(|question| u32::from(question) == request)
}
