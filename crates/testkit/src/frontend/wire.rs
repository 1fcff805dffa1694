//! vhost-user messages as bytes and files, right or wrong.
//!
//! ```text
//! | request u32 | flags u32 | size u32 | body ... |   + files beside the bytes (SCM_RIGHTS), machine byte order
//! ```
//!
//! Invariant: what is sent is exactly what the message says, including a size that is a lie; nothing is checked or put right.

use std::io::{self, ErrorKind, IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::{FrontendError, wait_readable};

/// Protocol version 1, in the header's flags.
const VERSION: u32 = 1;
/// In the header's flags: this is a reply.
const REPLY: u32 = 1 << 2;
/// In the header's flags: a reply is wanted (REPLY_ACK).
const NEED_REPLY: u32 = 1 << 3;
const HEADER: usize = 12;
/// More than the kernel lets anybody attach to one message.
const MOST_FDS: usize = 254;
/// Longest body of a reply that is believed.
const LONGEST_REPLY: usize = 1 << 16;

/// One message with its files.
#[derive(Debug, Default)]
pub struct Message {
    /// The request's number.
    pub request: u32,
    /// Version and the bits for reply and wish of a reply.
    pub flags: u32,
    /// What the header claims of the body's length, if not the truth.
    pub claimed_size: Option<u32>,
    /// The body.
    pub body: Vec<u8>,
    /// The files sent along.
    pub fds: Vec<OwnedFd>,
}

impl Message {
    /// A request of protocol version 1 without body or files.
    pub fn new(request: u32) -> Message {
        Message {
            request,
            flags: VERSION,
            ..Message::default()
        }
    }

    /// With another word at the end of the body.
    pub fn with_u32(mut self, word: u32) -> Message {
        self.body.extend_from_slice(&word.to_ne_bytes());
        self
    }

    /// With another double word at the end of the body.
    pub fn with_u64(mut self, word: u64) -> Message {
        self.body.extend_from_slice(&word.to_ne_bytes());
        self
    }

    /// With another file: a duplicate of `fd`.
    pub fn with_fd(mut self, fd: BorrowedFd<'_>) -> io::Result<Message> {
        self.fds.push(fd.try_clone_to_owned()?);
        Ok(self)
    }

    /// With the wish of a reply.
    pub fn need_reply(mut self) -> Message {
        self.flags |= NEED_REPLY;
        self
    }

    /// Whether a reply is wanted.
    pub fn needs_reply(&self) -> bool {
        self.flags & NEED_REPLY != 0
    }

    /// The double word that is the whole body.
    pub fn to_u64(&self) -> Option<u64> {
        Some(u64::from_ne_bytes(self.body.as_slice().try_into().ok()?))
    }
}

/// What came back.
#[derive(Debug)]
pub enum Answer {
    /// A message.
    Reply(Message),
    /// The backend closed the connection.
    Closed,
    /// Nothing, for as long as we waited.
    Silent,
}

/// A connection to a backend that says anything.
#[derive(Debug)]
pub struct RawFrontend {
    stream: UnixStream,
}

impl RawFrontend {
    /// Connects to a backend that listens at `path`, trying again until `timeout`, which is also how long each answer may
    /// take.
    pub fn connect(
        path: impl AsRef<Path>,
        timeout: Duration,
    ) -> Result<RawFrontend, FrontendError> {
        Ok(RawFrontend::from_stream(
            connect(path.as_ref(), timeout)?,
            timeout,
        )?)
    }

    /// Over a connection that exists already.
    pub fn from_stream(stream: UnixStream, timeout: Duration) -> io::Result<RawFrontend> {
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(RawFrontend { stream })
    }

    /// Sends a message, header and body in one piece.
    pub fn send(&self, message: &Message) -> io::Result<()> {
        let size = message.claimed_size.unwrap_or(message.body.len() as u32);
        let mut bytes = Vec::with_capacity(HEADER + message.body.len());
        for word in [message.request, message.flags, size] {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        bytes.extend_from_slice(&message.body);
        let fds: Vec<_> = message.fds.iter().map(AsFd::as_fd).collect();
        self.send_bytes(&bytes, &fds)
    }

    /// Sends bytes and files that need not be a message at all.
    pub fn send_bytes(&self, mut bytes: &[u8], mut fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FDS))];
        while !bytes.is_empty() {
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
                return Err(io::Error::new(
                    ErrorKind::InvalidInput,
                    "more files than a message can carry",
                ));
            }
            let sent = sendmsg(
                &self.stream,
                &[IoSlice::new(bytes)],
                &mut control,
                SendFlags::NOSIGNAL,
            )?;
            bytes = &bytes[sent..];
            fds = &[];
        }
        Ok(())
    }

    /// Waits for a message. Files that come with it are closed.
    pub fn answer(&self) -> io::Result<Answer> {
        let mut header = [0; HEADER];
        if let Some(nothing) = self.read(&mut header)? {
            return Ok(nothing);
        }
        let word = |at: usize| {
            u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let (request, flags, size) = (word(0), word(4), word(8) as usize);
        if flags & REPLY == 0 || size > LONGEST_REPLY {
            let what = format!("not a reply: request {request}, flags {flags:#x}, size {size}");
            return Err(io::Error::new(ErrorKind::InvalidData, what));
        }
        let mut body = vec![0; size];
        if let Some(nothing) = self.read(&mut body)? {
            return Ok(nothing);
        }
        Ok(Answer::Reply(Message {
            request,
            flags,
            body,
            ..Message::default()
        }))
    }

    /// Sends a message and waits for the answer to it.
    pub fn call(&self, message: &Message) -> io::Result<Answer> {
        match self.send(message) {
            Ok(()) => self.answer(),
            Err(error) if is_gone(&error) => Ok(Answer::Closed),
            Err(error) => Err(error),
        }
    }

    /// Sleeps until the backend has closed the connection, at most `timeout`. Gives whether it has.
    pub fn wait_closed(&self, timeout: Duration) -> bool {
        // Only a hang-up counts: an answer that nobody fetched must not look like one.
        wait_readable(&self.stream, PollFlags::RDHUP, timeout)
            .expect("a socket of our own can be polled")
    }

    /// The socket.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    fn read(&self, bytes: &mut [u8]) -> io::Result<Option<Answer>> {
        match (&self.stream).read_exact(bytes) {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof || is_gone(&error) => {
                Ok(Some(Answer::Closed))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Some(Answer::Silent)),
            Err(error) => Err(error),
        }
    }
}

pub(super) fn connect(path: &Path, timeout: Duration) -> Result<UnixStream, FrontendError> {
    let deadline = Instant::now() + timeout;
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok(stream),
            Err(error)
                if !matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                ) =>
            {
                return Err(error.into());
            }
            Err(_) if Instant::now() >= deadline => return Err(FrontendError::NoBackend(timeout)),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
    )
}
