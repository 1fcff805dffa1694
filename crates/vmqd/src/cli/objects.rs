//! The commands about one kind of thing of a running switch.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Which switch.
#[derive(Clone, Debug, Args)]
pub(crate) struct Reach {
    /// Directory of the switch's sockets [default: $XDG_RUNTIME_DIR/vmq, for root /run/vmq]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// How an answer is printed.
#[derive(Clone, Debug, Args)]
pub(crate) struct Show {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// List the receive queues, one for each port
    List(Watch),
    /// Show the receive queue of one port
    Show(WatchOne),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdapterCommand {
    /// Show what the switch is to virtual machine queues: an adapter for each network
    Show(Show),
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Look twice, this many seconds apart, and show what moved in a second
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) interval: Option<u32>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct WatchOne {
    /// Name of the port
    #[arg(value_name = "PORT")]
    pub(crate) port: String,
    #[command(flatten)]
    pub(crate) watch: Watch,
}

#[derive(Debug, Args)]
pub(crate) struct WatchSome {
    /// Name of a port [default: all]
    #[arg(value_name = "PORT")]
    pub(crate) port: Option<String>,
    #[command(flatten)]
    pub(crate) watch: Watch,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Name of the port whose machine sends the frame
    #[arg(value_name = "PORT")]
    pub(crate) port: String,
    /// The frame's bytes in hexadecimal, or fields such as to=52:54:00:00:00:02 src=10.0.0.1 dst=10.0.0.2 dport=80
    #[arg(value_name = "FRAME", required = true)]
    pub(crate) frame: Vec<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}
