//! What the command line asks of a running switch, a file for each kind of thing.
//!
//! Each command asks through the typed client, prints a table for people or one JSON object for programs, and says what to do
//! when it cannot. Nothing here judges a setting: the switch does, as it does for everybody else.

mod adapter;
mod advice;
mod drops;
mod events;
mod explain;
mod file;
mod filter;
mod generate;
mod look;
mod queue;
mod setting;
pub(crate) mod status;
mod words;

use std::io::{self, Write};

use serde::Serialize;

use crate::cli::{Command, Reach};
use crate::config::{NetworkConfig, PortConfig};
use crate::control::{Client, StatusView};
use crate::directory;
use crate::failure::Failure;
use crate::{attach, demo, run};

/// Does what the command line asks.
pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Attach(args) => attach::run(args),
        Command::Status(args) => status::run(args),
        Command::Port { command } => setting::run::<PortConfig>(command),
        Command::Network { command } => setting::run::<NetworkConfig>(command),
        Command::Filter { command } => filter::run(command),
        Command::Queue { command } => queue::run(command),
        Command::Adapter { command } => adapter::run(command),
        Command::Drops(args) => drops::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Events(args) => events::run(args),
        Command::Reload(show) => file::reload(show),
        Command::Save(show) => file::save(show),
        Command::Demo(args) => demo::run(args),
        Command::Completions { shell } => generate::completions(*shell),
        Command::Man { dir } => generate::manual(dir.as_deref()),
    }
}

/// Something was named that is not there.
#[derive(Debug, thiserror::Error)]
#[error("there is no {what} `{name}`: {known}")]
pub(crate) struct NoSuch {
    what: &'static str,
    name: String,
    known: String,
}

impl NoSuch {
    fn port(name: &str, status: &StatusView) -> Self {
        let known: Vec<_> = status.ports.iter().map(|port| port.name.as_str()).collect();
        let known = match known.is_empty() {
            true => "add it with `vmq port add`".to_owned(),
            false => format!("the switch has {}", known.join(", ")),
        };
        Self {
            what: "port",
            name: name.to_owned(),
            known,
        }
    }
}

/// What the running switch is doing.
fn status_of(reach: &Reach) -> Result<StatusView, Failure> {
    Ok(open(reach)?.status()?)
}

/// What asks the running switch.
fn open(reach: &Reach) -> Result<Client, Failure> {
    Ok(Client::open(&directory::choose(reach.dir.as_deref())?)?)
}

fn print_json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)
}
