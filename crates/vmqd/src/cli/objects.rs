//! The commands about one kind of thing of a running switch.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use vmq::Mac;

use crate::config::{Assignment, Vlan};
use crate::mac;

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

/// How a change is made.
#[derive(Clone, Debug, Args)]
pub(crate) struct Lasting {
    /// Write what runs to the configuration file afterwards, so that it is there again after a restart
    #[arg(long)]
    pub(crate) save: bool,
}

/// Of a port and of a network.
#[derive(Debug, Subcommand)]
pub(crate) enum SettingCommand {
    /// List them with what is set of each
    List(Show),
    /// Show all settings of one
    Show(Named),
    /// Add one
    Add(Settings),
    /// Change one while it runs
    Set(Settings),
    /// Remove one
    Remove(Removal),
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// What it is to be; --help lists the keys
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<Assignment>,
    #[command(flatten)]
    pub(crate) lasting: Lasting,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Removal {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) lasting: Lasting,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FilterCommand {
    /// List the receive filters, configured and learned
    List(FiltersOf),
    /// Give an address to a port: frames to it go there
    Add(OneFilter),
    /// Take an address from a port
    Remove(OneFilter),
}

#[derive(Debug, Args)]
pub(crate) struct FiltersOf {
    /// Name of a port [default: all]
    #[arg(value_name = "PORT")]
    pub(crate) port: Option<String>,
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct OneFilter {
    /// Name of the port
    #[arg(value_name = "PORT")]
    pub(crate) port: String,
    /// The machine's address
    #[arg(value_name = "MAC", value_parser = mac::station)]
    pub(crate) mac: Mac,
    /// Frames of this VLAN only, 1 to 4094, or untagged ones [default: any]
    #[arg(long, value_name = "ID|untagged")]
    pub(crate) vlan: Option<Vlan>,
    #[command(flatten)]
    pub(crate) lasting: Lasting,
    #[command(flatten)]
    pub(crate) reach: Reach,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Go on with what happens from now on, until Ctrl-C; with --json, one object a line
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) show: Show,
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
