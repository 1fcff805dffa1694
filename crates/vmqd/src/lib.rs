//! `vmq`: plugs virtual machines together at memory speed.
//!
//! The program is the only place where policy lives: it reads the configuration, binds the sockets,
//! starts the switch and answers questions about it. Nothing here is called per frame.
//!
//! It is a library so that the fuzzer reaches the judging of a configuration. What is public is for the program and the
//! fuzzer, and for nobody else.
//!
//! Exit codes: 0 done, 1 it failed while running, 2 the command line or the configuration is wrong and
//! nothing was started.
#![forbid(unsafe_code)]

mod attach;
mod cli;
mod commands;
mod config;
mod control;
mod cpus;
mod demo;
mod directory;
mod failure;
mod live;
mod log;
mod mac;
mod output;
mod run;
mod sockets;
pub mod trial;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::failure::Failure;

/// Does what the command line asks.
#[must_use]
pub fn main() -> ExitCode {
    let done = commands::run(&Cli::parse().command);
    done.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}
