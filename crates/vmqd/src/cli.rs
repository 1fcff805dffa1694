//! The command line. Only its shape: what a value means is judged where it is used, so that a value
//! from the configuration file and one from the command line meet the same rules.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use vmq::Mac;

use crate::attach::Memory;
use crate::mac;

/// Plugs virtual machines together at memory speed.
#[derive(Debug, Parser)]
#[command(name = "vmq", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a switch in the foreground until SIGTERM or Ctrl-C
    Run(RunArgs),
    /// Print the command line that plugs a virtual machine into a port
    Attach(AttachArgs),
    /// Show the ports of the running switch, their queues, counters and drops
    Status(StatusArgs),
}

#[derive(Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Directory of the sockets [default: $XDG_RUNTIME_DIR/vmq, for root /run/vmq]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Add a port that listens on DIR/NAME.sock; may be repeated
    #[arg(long = "port", value_name = "NAME")]
    pub(crate) ports: Vec<String>,
    /// Run one worker on each of these CPUs, for example 0,2-3
    #[arg(long, value_name = "LIST")]
    pub(crate) cpus: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    /// What the virtual machine runs in
    #[arg(value_name = "VMM")]
    pub(crate) vmm: Vmm,
    /// Name of the port
    #[arg(value_name = "PORT")]
    pub(crate) port: String,
    /// Directory of the switch's sockets [default: $XDG_RUNTIME_DIR/vmq, for root /run/vmq]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Memory of the virtual machine, for example 512M or 4G
    #[arg(long, value_name = "SIZE", default_value = "1G")]
    pub(crate) memory: Memory,
    /// MAC address of the virtual machine [default: the port's own, else one made from its name]
    #[arg(long, value_name = "MAC", value_parser = mac::station)]
    pub(crate) mac: Option<Mac>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Directory of the switch's sockets [default: $XDG_RUNTIME_DIR/vmq, for root /run/vmq]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Vmm {
    Qemu,
    Libvirt,
    CloudHypervisor,
    Crosvm,
    Testpmd,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
