//! The command line. Only its shape: what a value means is judged where it is used, so that a value
//! from the configuration file and one from the command line meet the same rules.

mod objects;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use vmq::Mac;

pub(crate) use self::objects::*;
use crate::attach::Memory;
use crate::config::keys;
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
    /// List, show, add, change and remove ports
    #[command(
        mut_subcommand("add", with_port_keys),
        mut_subcommand("set", with_port_keys)
    )]
    Port {
        #[command(subcommand)]
        command: SettingCommand,
    },
    /// List, show, add, change and remove networks
    #[command(
        mut_subcommand("add", with_network_keys),
        mut_subcommand("set", with_network_keys)
    )]
    Network {
        #[command(subcommand)]
        command: SettingCommand,
    },
    /// List, add and remove receive filters: which addresses lead to which port
    Filter {
        #[command(subcommand)]
        command: FilterCommand,
    },
    /// Show receive queues, what leads to them and what moves through them
    Queue {
        #[command(subcommand)]
        command: QueueCommand,
    },
    /// Show the switch as an adapter with virtual machine queues
    Adapter {
        #[command(subcommand)]
        command: AdapterCommand,
    },
    /// Say where frames went that did not arrive, and what to do about it
    Drops(WatchSome),
    /// Say what the switch would do with a frame, and by which rule
    Explain(ExplainArgs),
    /// Show what happened: ports, queues, filters and addresses that came, changed and went
    Events(EventsArgs),
    /// Read the configuration file again and apply what differs, whole or not at all
    Reload(Show),
    /// Write what runs to the configuration file
    Save(Show),
    /// Start a switch with guests, move data between them, check every byte and measure
    Demo(DemoArgs),
    /// Print completions for a shell
    Completions {
        /// Which shell
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Print the manual page, or write those of all commands to a directory
    Man {
        /// Directory, made if it is not there
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Directory of the sockets [default: $XDG_RUNTIME_DIR/vmq, for root /run/vmq]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Have a port of this name, listening on DIR/NAME.sock if the file does not say otherwise; may be repeated
    #[arg(long = "port", value_name = "NAME")]
    pub(crate) ports: Vec<String>,
    /// Run one worker on each of these CPUs, for example 0,2-3
    #[arg(long, value_name = "LIST")]
    pub(crate) cpus: Option<String>,
    /// Largest payload of a frame, 68 to 65535, for every port that has no other [default: any]
    #[arg(long, value_name = "BYTES")]
    pub(crate) mtu: Option<String>,
    /// What becomes of a frame whose receiver has no buffers: hold makes its sender wait for a bounded
    /// time, drop loses it at once [default: hold]
    #[arg(long, value_name = "hold|drop")]
    pub(crate) when_full: Option<String>,
    /// What a worker does when nothing moves: adapt sleeps, spin keeps its core [default: adapt]
    #[arg(long, value_name = "adapt|spin")]
    pub(crate) idle: Option<String>,
    /// Serve the API on this loopback address too, for example 127.0.0.1:8080; needs a token
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) api: Option<String>,
    /// File with the token that clients of --api have to show; nobody else may be able to open it
    #[arg(long, value_name = "FILE")]
    pub(crate) api_token: Option<PathBuf>,
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
    /// Queue pairs, one for each CPU of the virtual machine at most
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=switch::MAX_PAIRS as i64))]
    pub(crate) queues: u8,
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

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Number of guests, even, 2 to 64
    #[arg(long, value_name = "N", default_value = "4", value_parser = even_guests)]
    pub(crate) guests: u8,
    /// How long to move data
    #[arg(long, value_name = "S", default_value = "5", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Instead, send the frames of this capture (pcap or pcapng) from guest 0 to guest 1
    #[arg(long, value_name = "FILE", conflicts_with_all = ["guests", "seconds"])]
    pub(crate) pcap: Option<PathBuf>,
    /// Write the frames that arrive at guest 1 to this file (pcapng)
    #[arg(long, value_name = "FILE", requires = "pcap")]
    pub(crate) write: Option<PathBuf>,
}

fn with_port_keys(command: clap::Command) -> clap::Command {
    command.after_long_help(keys::help(&keys::of_port()))
}

fn with_network_keys(command: clap::Command) -> clap::Command {
    command.after_long_help(keys::help(&keys::of_network()))
}

fn even_guests(text: &str) -> Result<u8, &'static str> {
    match text.parse() {
        Ok(guests @ 2..=64) if guests % 2 == 0 => Ok(guests),
        _ => Err("guests come in pairs: give an even number from 2 to 64"),
    }
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
