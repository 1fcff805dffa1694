//! The port's thread: waits for a frontend, serves it until it goes away or is thrown out, starts over.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::Shutdown;
use switch::{Fault, PortId, Switch};
use vhost::vhost_user::message::FrontendReq;
use vhost::vhost_user::{BackendReqHandler, Error};

use super::ahead::{self, Ahead};
use super::session::Session;

/// Which side makes the socket.
#[derive(Debug)]
pub enum Mode {
    /// The switch listens, VMMs connect.
    Server(UnixListener),
    /// A VMM listens at this path, the switch connects, and tries again until it answers.
    Client(PathBuf),
}

/// A running vhost-user port. Dropping it closes the connection and ends its thread.
#[derive(Debug)]
pub struct Port {
    closing: Arc<Closing>,
    thread: Option<JoinHandle<()>>,
}

/// Between two attempts to connect to a VMM that does not listen.
const RETRY: Duration = Duration::from_millis(250);

impl Port {
    /// Serves frontends on behalf of `id`, a port of `switch` named `name` in the log.
    ///
    /// # Errors
    /// The operating system's, when there is no thread or file descriptor to be had.
    pub fn spawn(switch: Arc<Switch>, id: PortId, name: &str, mode: Mode) -> io::Result<Self> {
        let closing = Arc::new(Closing::new()?);
        let server = Server {
            switch,
            id,
            name: name.to_owned(),
            mode,
            closing: closing.clone(),
        };
        let thread = std::thread::Builder::new()
            .name(format!("port {name}"))
            .stack_size(256 * 1024)
            .spawn(move || server.run())?;
        Ok(Self {
            closing,
            thread: Some(thread),
        })
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.closing.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How the port's owner ends its thread, wherever that waits.
#[derive(Debug)]
struct Closing {
    is_closing: AtomicBool,
    /// Readable once the port is closing.
    bell: UnixStream,
    rope: UnixStream,
    /// The connection being served.
    stream: Mutex<Option<UnixStream>>,
}

impl Closing {
    fn new() -> io::Result<Self> {
        let (bell, rope) = UnixStream::pair()?;
        Ok(Self {
            is_closing: AtomicBool::new(false),
            bell,
            rope,
            stream: Mutex::default(),
        })
    }

    fn close(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
        // The far end is in our own hands; it can only be shut already.
        let _ = self.rope.shutdown(std::net::Shutdown::Both);
        self.hang_up();
    }

    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::SeqCst)
    }

    fn serving(&self, stream: Option<UnixStream>) {
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = stream;
        if self.is_closing() {
            self.hang_up();
        }
    }

    /// Ends the connection; the thread that reads from it sees its end.
    fn hang_up(&self) {
        if let Some(stream) = &*self.stream.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = rustix::net::shutdown(stream, Shutdown::Both);
        }
    }
}

struct Server {
    switch: Arc<Switch>,
    id: PortId,
    name: String,
    mode: Mode,
    closing: Arc<Closing>,
}

impl Server {
    fn run(self) {
        while !self.closing.is_closing() {
            match self.next_frontend() {
                Ok(Some(stream)) => self.serve(stream),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(port = %self.name, "cannot wait for a VMM: {error}");
                    self.pause(Duration::from_secs(1));
                }
            }
        }
    }

    /// The next frontend's connection; `None` if the wait ended without one.
    fn next_frontend(&self) -> io::Result<Option<UnixStream>> {
        match &self.mode {
            Mode::Server(listener) => {
                let mut fds = [
                    PollFd::new(listener, PollFlags::IN),
                    PollFd::new(&self.closing.bell, PollFlags::IN),
                ];
                poll_again(&mut fds)?;
                if self.closing.is_closing() {
                    return Ok(None);
                }
                Ok(Some(listener.accept()?.0))
            }
            Mode::Client(path) => match UnixStream::connect(path) {
                Ok(stream) => Ok(Some(stream)),
                Err(_) => {
                    self.pause(RETRY);
                    Ok(None)
                }
            },
        }
    }

    /// Waits, or less if the port is closed meanwhile.
    fn pause(&self, time: Duration) {
        let timeout = Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        let _ = poll(
            &mut [PollFd::new(&self.closing.bell, PollFlags::IN)],
            Some(&timeout),
        );
    }

    /// Serves one frontend to its end.
    fn serve(&self, stream: UnixStream) {
        let reason = match self.try_serve(stream) {
            Ok(reason) => reason,
            Err(error) => Some(format!("its connection could not be set up: {error}")),
        };
        match &reason {
            Some(reason) => tracing::warn!(port = %self.name, "closed: {reason}"),
            None => tracing::info!(port = %self.name, "the VMM went away"),
        }
        self.switch.disconnect(self.id, reason);
    }

    /// Returns why the switch ended the connection; `None` if the frontend did.
    fn try_serve(&self, stream: UnixStream) -> io::Result<Option<String>> {
        let watched = stream.try_clone()?;
        self.closing.serving(Some(stream.try_clone()?));
        let fault = Arc::new(FaultCell::default());
        let sink = {
            let (fault, stream) = (fault.clone(), stream.try_clone()?);
            Box::new(move |reported: &Fault| {
                fault.set(reported.to_string());
                let _ = rustix::net::shutdown(&stream, Shutdown::Both);
            })
        };
        self.switch.connect(self.id, sink);
        tracing::info!(port = %self.name, "a VMM connected");

        let session = Arc::new(Mutex::new(Session::new(self.switch.clone(), self.id)));
        let mut requests = BackendReqHandler::from_stream(stream, session.clone());
        let end = loop {
            if let Err(error) = self.wait_for_message(&watched) {
                break Error::SocketBroken(error);
            }
            let lock = || session.lock().unwrap_or_else(PoisonError::into_inner);
            let ahead = ahead::look(&watched);
            let handled = match ahead {
                Some(Ahead::SetMtu { mtu, needs_reply }) => {
                    set_mtu(&mut lock(), &watched, mtu, needs_reply)
                }
                _ => requests.handle_request(),
            };
            match (handled, ahead) {
                (Ok(()), _) => {}
                // The protocol crate has read the message and refused it.
                (Err(Error::InactiveFeature(_)), Some(Ahead::Enable { index, enable })) => {
                    if let Err(error) = lock().enable_early(index, enable) {
                        break error;
                    }
                }
                (Err(error), _) => break error,
            }
        };
        self.closing.serving(None);
        let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
        session.end();
        Ok(self.reason(fault.take(), &mut session, &end))
    }

    fn reason(&self, fault: Option<String>, session: &mut Session, end: &Error) -> Option<String> {
        if let Some(reason) = fault.or_else(|| session.take_refusal()) {
            return Some(reason);
        }
        if self.closing.is_closing() {
            return None;
        }
        match end {
            Error::Disconnected | Error::SocketBroken(_) | Error::PartialMessage if session.never_shared_memory() => Some(
                "the VMM hung up without sharing any memory: start it with memory that is shared \
                 (QEMU: -object memory-backend-memfd,share=on; see `vmq attach`)"
                    .to_owned(),
            ),
            Error::Disconnected | Error::SocketBroken(_) => None,
            Error::InvalidMessage | Error::OversizedMsg | Error::PartialMessage | Error::IncorrectFds => {
                Some(format!("it sent a malformed vhost-user message: {end}"))
            }
            _ => Some(format!("vhost-user: {end}")),
        }
    }

    /// Waits until the frontend says something. Whoever else connects meanwhile is sent away, rather
    /// than left to wait for an answer.
    fn wait_for_message(&self, stream: &UnixStream) -> io::Result<()> {
        let Mode::Server(listener) = &self.mode else {
            return Ok(());
        };
        loop {
            let mut fds = [
                PollFd::new(stream, PollFlags::IN),
                PollFd::new(listener, PollFlags::IN),
            ];
            poll_again(&mut fds)?;
            if !fds[0].revents().is_empty() {
                return Ok(());
            }
            if let Ok((second, _)) = listener.accept() {
                tracing::warn!(port = %self.name, "a second VMM was sent away: the port is in use");
                drop(second);
            }
        }
    }
}

fn set_mtu(
    session: &mut Session,
    stream: &UnixStream,
    mtu: u64,
    needs_reply: bool,
) -> Result<(), Error> {
    ahead::take(stream).map_err(Error::SocketBroken)?;
    let is_set = session.set_mtu(mtu);
    if needs_reply && session.acknowledges() {
        ahead::reply(stream, FrontendReq::NET_SET_MTU, is_set.is_ok())
            .map_err(Error::SocketBroken)?;
    }
    is_set
}

fn poll_again(fds: &mut [PollFd<'_>]) -> io::Result<()> {
    loop {
        match poll(fds, None) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What a worker said of the connection that it found at fault.
#[derive(Default)]
struct FaultCell(Mutex<Option<String>>);

impl FaultCell {
    fn set(&self, reason: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
