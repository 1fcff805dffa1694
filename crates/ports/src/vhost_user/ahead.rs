//! Messages that the protocol crate refuses and real frontends send. They are looked at before it is.

use std::os::unix::net::UnixStream;

use rustix::net::{RecvFlags, SendFlags, recv, send};
use vhost::vhost_user::message::{FrontendReq, VhostUserHeaderFlag};

/// What the next message is, if it is one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    /// SET_VRING_ENABLE. QEMU sends it before SET_FEATURES, when the device is realised; the protocol crate
    /// takes the features as not agreed on then.
    Enable {
        /// The ring.
        index: u32,
        /// What it is to be.
        enable: bool,
    },
    /// NET_SET_MTU, which the protocol crate has a number for and no more.
    SetMtu {
        /// What the frontend tells its guest.
        mtu: u64,
        /// It wants to know how that went, if REPLY_ACK was agreed on.
        needs_reply: bool,
    },
}

/// Bytes of a message's header: request, flags, size (vhost-user specification, "Header").
const HEADER: usize = 12;

/// Looks at the next message and leaves it where it is.
pub(super) fn look(stream: &UnixStream) -> Option<Ahead> {
    let mut message = [0; HEADER + 8];
    let flags = RecvFlags::PEEK | RecvFlags::WAITALL;
    let (_, peeked) = recv(stream, &mut message[..HEADER], flags).ok()?;
    let word =
        |message: &[u8], at: usize| Some(u32::from_ne_bytes(*message.get(at..)?.first_chunk()?));
    let request = word(&message, 0)?;
    let is_enable = request == u32::from(FrontendReq::SET_VRING_ENABLE);
    let is_mtu = request == u32::from(FrontendReq::NET_SET_MTU);
    if peeked < HEADER || !(is_enable || is_mtu) || word(&message, 8)? != 8 {
        return None;
    }
    if recv(stream, &mut message[..], flags).ok()?.1 < message.len() {
        return None;
    }
    if is_mtu {
        return Some(Ahead::SetMtu {
            mtu: u64::from_ne_bytes(*message[HEADER..].first_chunk()?),
            needs_reply: word(&message, 4)? & VhostUserHeaderFlag::NEED_REPLY.bits() != 0,
        });
    }
    Some(Ahead::Enable {
        index: word(&message, HEADER)?,
        enable: word(&message, HEADER + 4)? != 0,
    })
}

/// Takes the message that was looked at, in the protocol crate's place.
pub(super) fn take(stream: &UnixStream) -> std::io::Result<()> {
    recv(stream, &mut [0; HEADER + 8], RecvFlags::WAITALL)?;
    Ok(())
}

/// Says how that went.
pub(super) fn reply(
    stream: &UnixStream,
    request: FrontendReq,
    is_done: bool,
) -> std::io::Result<()> {
    const VERSION: u32 = 1;
    let flags = VERSION | VhostUserHeaderFlag::REPLY.bits();
    let header = [request.into(), flags, 8].map(u32::to_ne_bytes);
    let mut message = header.concat();
    message.extend(u64::from(!is_done).to_ne_bytes());
    send(stream, &message, SendFlags::NOSIGNAL)?;
    Ok(())
}
