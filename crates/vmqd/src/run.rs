//! `vmq run`: from a plan to a running switch, and back to nothing when a signal says so.
//!
//! Order is everything here: judge the configuration, take the directory, look at every socket, bind
//! them all, start the switch, and only then say that a port is ready. What fails on the way leaves
//! nothing behind, for each step's result undoes itself when dropped.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

use crate::cli::RunArgs;
use crate::config::{self, ApiPlan, Config, Loaded, Mode};
use crate::control::Token;
use crate::failure::Failure;
use crate::live::{Live, Origin, StartError};
use crate::output::{DIM, GOOD};
use crate::sockets::{self, RunDirectory, SocketError};
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
    let Loaded { config, text, .. } = config::load(args)?;
    log::start(LevelFilter::INFO);
    raise_file_limit();
    let args = args.clone();
    Ok(serve(config, Origin { args, text })?)
}

fn serve(config: Config, origin: Origin) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(control::THREADS)
        .build();
    let runtime = runtime.map_err(RunError::Control)?;
    let _guard = runtime.enter();
    let mut signals = Signals::watch().map_err(RunError::Signals)?;

    let _directory = RunDirectory::claim(&config.switch.dir)?;
    let (control, _control_file) = sockets::bind(&config.control_socket())?;
    let api = config.api.as_ref().and_then(|api| api.plan().ok());
    let api = api.map(listen).transpose()?;
    let live = Arc::new(Live::start(config, Some(origin))?);
    let config = live.config();
    tracing::info!(ports = config.ports.len(), dir = %config.switch.dir.display(), "switch started");
    // The switch runs whether or not somebody reads this.
    let _ = announce(&config, api.as_ref().map(|(listener, _)| listener));

    let serving = control::serve(control, api, live.clone());
    let signal = runtime.block_on(async {
        tokio::select! {
            ended = serving => match ended {
                Err(error) => Err(RunError::Control(error)),
                Ok(never) => match never {},
            },
            name = signals.end(&live) => Ok(name),
        }
    })?;
    tracing::info!("{signal}: stopping");
    Ok(())
}

/// Reads the file again because a signal said so; what becomes of it stands in the log.
fn reload(live: &Live) {
    match live.reload() {
        Ok(changes) => tracing::info!("SIGHUP: reloaded: {changes}"),
        Err(error) => {
            for line in error.to_string().lines() {
                tracing::error!("SIGHUP: {line}");
            }
            tracing::error!("SIGHUP: not reloaded, the switch goes on as it was");
        }
    }
}

fn listen(api: ApiPlan) -> Result<(TcpListener, Token), RunError> {
    let ApiPlan { listen, token } = api;
    let listener = TcpListener::bind(listen).map_err(|error| RunError::Api {
        address: listen,
        error,
    })?;
    Ok((listener, token))
}

fn announce(config: &Config, api: Option<&TcpListener>) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    let widths = config.ports.iter().map(|port| port.name.len());
    let width = widths.max().unwrap_or(0);
    for port in &config.ports {
        let name = format!("{:width$}", port.name);
        write_ready(
            &name,
            port.mode,
            &config.socket(port),
            &config.switch.dir,
            &mut out,
        )?;
    }
    if config.ports.is_empty() {
        let option = directory::option(&config.switch.dir);
        writeln!(
            out,
            "vmq {GOOD}ready{GOOD:#}: no port yet   {DIM}(vmq port add p0{option}){DIM:#}"
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

/// Says where a machine is to be plugged in, and how.
pub(crate) fn write_ready(
    name: &str,
    mode: Mode,
    socket: &Path,
    dir: &Path,
    out: &mut dyn Write,
) -> io::Result<()> {
    let arrow = match mode {
        Mode::Server => "",
        Mode::Client => "connects to ",
    };
    writeln!(
        out,
        "{name} {GOOD}ready{GOOD:#}: {arrow}{}   {DIM}(vmq attach qemu {}{}){DIM:#}",
        socket.display(),
        name.trim_end(),
        directory::option(dir)
    )
}

struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for a signal that ends the switch, and has it reload meanwhile when one says so.
    async fn end(&mut self, live: &Arc<Live>) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hang_up.recv() => {
                    let live = live.clone();
                    // A change waits for workers and threads, so it is none of this thread's business.
                    tokio::task::spawn_blocking(move || reload(&live));
                }
            }
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
