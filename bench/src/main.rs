//! `cargo run --release -p bench -- WHAT`: measures vmq on this machine.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bench::Result;
use bench::compare::{self, Missing, Peer, Plan};
use bench::machine::Format;
use bench::measure::{Settings, fan, growth, idle, latency, throughput, tso};
use bench::placement::Cpus;
use bench::report::Table;
use clap::{Parser, Subcommand, ValueEnum};

/// Measures vmq on this machine: guest doubles on one CPU, the switch on another.
#[derive(Parser)]
#[command(name = "bench", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    what: What,
    /// CPU of the guests [default: the first one allowed]
    #[arg(long, global = true, value_name = "CPU")]
    guest_cpu: Option<usize>,
    /// CPU of the switch's worker [default: the last one allowed]
    #[arg(long, global = true, value_name = "CPU")]
    switch_cpu: Option<usize>,
    /// Formats of the guests' rings, where a measurement knows several
    #[arg(long, global = true, value_delimiter = ',', default_value = "split")]
    ring: Vec<Format>,
    /// Length of a window in milliseconds
    #[arg(long, global = true, value_name = "MS", default_value = "500")]
    window: u64,
    /// Windows of each contestant
    #[arg(long, global = true, value_name = "N", default_value = "5")]
    windows: usize,
    /// Guests write every byte that they send and read every byte that they receive
    #[arg(long, global = true)]
    touch: bool,
    /// Write the figures to this file
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a chart of the first column to this file
    #[arg(long, global = true, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[derive(Clone, Subcommand)]
enum What {
    /// Frames a second from one guest to another
    Throughput {
        /// Sizes on a wire, check sequence included
        #[arg(long, value_delimiter = ',', default_value = "64,512,1518,9000,65535")]
        size: Vec<usize>,
    },
    /// Round trip with one frame on the way
    Latency {
        /// Sizes on a wire, check sequence included
        #[arg(long, value_delimiter = ',', default_value = "64,1518")]
        size: Vec<usize>,
    },
    /// Eight guests send to one
    FanIn,
    /// One guest sends to all; one receiver posts no buffers
    FanOut,
    /// What quiet ports and unused filters cost
    Growth,
    /// First frame after sleep, CPU under a light load and without any
    Wakeup,
    /// Frames of 64 KiB against memcpy
    Tso,
    /// vmq beside OVS-DPDK and testpmd, all as processes of their own
    Compare {
        /// Sizes on a wire, check sequence included
        #[arg(long, value_delimiter = ',', default_value = "64,512,1518")]
        size: Vec<usize>,
        /// Which switches take part
        #[arg(long, value_delimiter = ',', default_value = "vmq,ovs,testpmd")]
        with: Vec<Contestant>,
        /// How often each is started anew
        #[arg(long, value_name = "N", default_value = "3")]
        starts: usize,
        /// The vmq program [default: the one built beside this]
        #[arg(long, value_name = "FILE")]
        vmq: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Contestant {
    Vmq,
    Ovs,
    Testpmd,
}

/// What a machine lacks, as opposed to what went wrong.
const NOT_READY: u8 = 2;

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode> {
    let settings = Settings {
        cpus: Cpus::pinned(cli.guest_cpu, cli.switch_cpu)?,
        window: Duration::from_millis(cli.window),
        windows: cli.windows,
        touch: cli.touch,
    };
    let tables = match &cli.what {
        What::Throughput { size } => vec![throughput::measure(&settings, &cli.ring, size)?],
        What::Latency { size } => vec![latency::measure(&settings, &cli.ring, size)?],
        What::FanIn => vec![fan::fan_in(&settings)?],
        What::FanOut => vec![fan::fan_out(&settings)?],
        What::Growth => vec![growth::measure(&settings)?],
        What::Wakeup => idle::measure(&settings)?,
        What::Tso => tables(&cli.ring, |format| tso::measure(&settings, format))?,
        What::Compare {
            size,
            with,
            starts,
            vmq,
        } => {
            let peers = peers(with, vmq.clone())?;
            if let Err(Missing(what)) = Peer::judge(&peers) {
                eprintln!("bench: this machine cannot compare yet:");
                what.iter().for_each(|what| eprintln!("  {what}"));
                return Ok(ExitCode::from(NOT_READY));
            }
            let plan = Plan {
                peers: &peers,
                formats: &cli.ring,
                sizes: size,
                starts: *starts,
            };
            compare::measure(&settings, &plan)?
        }
    };
    show(cli, &tables)?;
    Ok(ExitCode::SUCCESS)
}

fn peers(with: &[Contestant], vmq: Option<PathBuf>) -> Result<Vec<Peer>> {
    let vmq = match vmq {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name("vmq"),
    };
    let peer = |contestant: &Contestant| match contestant {
        Contestant::Vmq => Peer::Vmq(vmq.clone()),
        Contestant::Ovs => Peer::Ovs,
        Contestant::Testpmd => Peer::Testpmd,
    };
    Ok(with.iter().map(peer).collect())
}

fn tables(formats: &[Format], measure: impl Fn(Format) -> Result<Table>) -> Result<Vec<Table>> {
    formats.iter().copied().map(measure).collect()
}

fn show(cli: &Cli, tables: &[Table]) -> Result<()> {
    for table in tables {
        println!("{}", table.to_text());
    }
    if let Some(path) = &cli.json {
        let all: Vec<_> = tables.iter().map(Table::to_json).collect();
        std::fs::write(path, serde_json::to_string_pretty(&all)?)?;
    }
    if let (Some(path), Some(table)) = (&cli.svg, tables.first()) {
        std::fs::write(path, table.to_svg())?;
    }
    Ok(())
}
