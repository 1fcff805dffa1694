//! `vmq run`: from a plan to a running switch, and back to nothing when a signal says so.
//!
//! Order is everything here: judge the configuration, take the directory, look at every socket, bind
//! them all, start the switch, and only then say that a port is ready. What fails on the way leaves
//! nothing behind, for each step's result undoes itself when dropped.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

use crate::cli::RunArgs;
use crate::config::{self, ApiPlan, Mode, Plan, PortPlan};
use crate::control::Token;
use crate::failure::Failure;
use crate::live::{Live, StartError};
use crate::output::{DIM, GOOD};
use crate::sockets::{self, RunDirectory, SocketError, SocketFile};
use crate::{control, directory, log};

/// Why the switch did not start or did not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RunError {
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot serve the control socket: {0}")]
    Control(io::Error),
    #[error(
        "cannot serve the API on {address}: {error}: give it another address with api.listen or --api"
    )]
    Api {
        address: SocketAddr,
        error: io::Error,
    },
    #[error("cannot watch for signals: {0}")]
    Signals(io::Error),
}

/// Runs a switch until SIGTERM or SIGINT.
pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let plan = config::load(args)?;
    log::start(LevelFilter::INFO);
    raise_file_limit();
    Ok(serve(&plan)?)
}

fn serve(plan: &Plan) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(control::THREADS)
        .build();
    let runtime = runtime.map_err(RunError::Control)?;
    let _guard = runtime.enter();
    let mut signals = Signals::watch().map_err(RunError::Signals)?;

    let _directory = RunDirectory::claim(&plan.dir)?;
    check_sockets(plan)?;
    let (control, _control_file) = sockets::bind(&plan.control_socket())?;
    let api = plan.api.as_ref().map(listen).transpose()?;
    let mut listeners = Vec::with_capacity(plan.ports.len());
    let mut files = Vec::with_capacity(plan.ports.len());
    for port in &plan.ports {
        let (listener, file) = bind(port)?.unzip();
        listeners.push(listener);
        files.extend(file);
    }

    let live = Live::start(plan, listeners)?;
    tracing::info!(ports = plan.ports.len(), dir = %plan.dir.display(), "switch started");
    // The switch runs whether or not somebody reads this.
    let _ = announce(plan, api.as_ref().map(|(listener, _)| listener));

    let serving = control::serve(control, api, live.reporter());
    let signal = runtime.block_on(async {
        tokio::select! {
            ended = serving => match ended {
                Err(error) => Err(RunError::Control(error)),
                Ok(never) => match never {},
            },
            name = signals.next() => Ok(name),
        }
    })?;
    tracing::info!("{signal}: stopping");
    Ok(())
}

/// Looks at every socket before the first is bound, so that a switch starts whole or not at all.
fn check_sockets(plan: &Plan) -> Result<(), SocketError> {
    sockets::check_bindable(&plan.control_socket())?;
    plan.ports.iter().try_for_each(|port| match port.mode {
        Mode::Server => sockets::check_bindable(&port.socket),
        Mode::Client => sockets::check_connectable(&port.socket),
    })
}

fn bind(port: &PortPlan) -> Result<Option<(UnixListener, SocketFile)>, SocketError> {
    match port.mode {
        Mode::Server => sockets::bind(&port.socket).map(Some),
        Mode::Client => Ok(None),
    }
}

fn listen(api: &ApiPlan) -> Result<(TcpListener, Token), RunError> {
    let listener = TcpListener::bind(api.listen).map_err(|error| RunError::Api {
        address: api.listen,
        error,
    })?;
    Ok((listener, api.token.clone()))
}

fn announce(plan: &Plan, api: Option<&TcpListener>) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    let option = directory::option(&plan.dir);
    let width = plan
        .ports
        .iter()
        .map(|port| port.name.len())
        .max()
        .unwrap_or(0);
    for PortPlan {
        name, mode, socket, ..
    } in &plan.ports
    {
        let arrow = match mode {
            Mode::Server => "",
            Mode::Client => "connects to ",
        };
        writeln!(
            out,
            "{name:width$} {GOOD}ready{GOOD:#}: {arrow}{}   {DIM}(vmq attach qemu {name}{option}){DIM:#}",
            socket.display()
        )?;
    }
    if let Some(api) = api {
        writeln!(
            out,
            "API {GOOD}ready{GOOD:#}: http://{}/v1",
            api.local_addr()?
        )?;
    }
    out.flush()
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// A port needs about ten descriptors (rings, calls, memory), more than the usual 1024 allow in all.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(
            "the limit of open files stays at {:?}: {error}",
            limit.current
        );
    }
}
