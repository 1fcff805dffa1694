//! `vmq demo`: a switch and its guests in one process, to see that it works and how fast.
//!
//! The guests are doubles of virtual machines, and nothing between them and the switch is: each has
//! memory of its own in a memfd and its own vhost-user socket, and what it sends goes the way that the
//! frames of a virtual machine go.
//!
//! ```text
//!  streams   pairs of guests with an IP stack:      replay   frames of a capture file, from guest 0
//!            ping, and a TCP stream each way                 to guest 1
//!      │                                               │
//!  station ─ stack (smoltcp)                        capture (pcap, pcapng)
//!      └───────────────── lab: switch, sockets, guests ┘
//! ```

mod capture;
mod lab;
mod replay;
mod report;
mod stack;
mod station;
mod stream;
mod streams;

use std::io::{self, Write};
use std::path::PathBuf;

use tracing_subscriber::filter::LevelFilter;

use self::report::Report;
use crate::cli::DemoArgs;
use crate::failure::Failure;
use crate::log;

/// Why the demonstration did not prove what it says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DemoError {
    #[error("cannot make a directory for the sockets: {0}")]
    Directory(io::Error),
    #[error(transparent)]
    Socket(#[from] crate::sockets::SocketError),
    #[error(transparent)]
    Start(#[from] crate::live::StartError),
    #[error("guest {number} cannot be made: {error}")]
    Guest {
        number: usize,
        error: testkit::guest::GuestError,
    },
    #[error("guest {number} cannot be attached: {error}")]
    Attach {
        number: usize,
        error: testkit::frontend::FrontendError,
    },
    #[error("guest {number} cannot run: {error}")]
    Thread { number: usize, error: io::Error },
    #[error("guest {from} gets no answer from guest {to}")]
    NoAnswer { from: usize, to: usize },
    #[error("guest {0} has stopped: it found a rule of virtio broken, see above")]
    Stopped(usize),
    #[error("{}: {error}", path.display())]
    Capture {
        path: PathBuf,
        error: capture::CaptureError,
    },
    #[error("the guests do not come to an end")]
    Silent,
    #[error("the switch does not take guest 0's frames")]
    Stuck,
    #[error("nothing was moved")]
    NothingMoved,
    #[error("{lost} bytes were lost and {altered} were altered")]
    Unproven { lost: u64, altered: u64 },
}

/// Runs the demonstration and prints what came of it.
pub(crate) fn run(args: &DemoArgs) -> Result<(), Failure> {
    log::start(LevelFilter::WARN);
    let report = match &args.pcap {
        Some(capture) => replay::run(capture, args.write.as_deref())?,
        None => streams::run(usize::from(args.guests), args.seconds)?,
    };
    print(&report, args.json)?;
    Ok(report.verdict()?)
}

fn print(report: &Report, as_json: bool) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    if as_json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        report.write(&mut out)?;
    }
    out.flush()
}
