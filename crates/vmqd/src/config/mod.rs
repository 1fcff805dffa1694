//! From the configuration file and the command line to a [`Plan`], or to everything that is wrong
//! with them.
//!
//! Invariant: a plan is complete and consistent. Nothing is bound or started before there is one, so a
//! mistake in the configuration never leaves half a switch behind.
//!
//! ```text
//!  vmq.toml ──▶ schema (keys, types, spans) ──┐
//!                                             ├──▶ plan (what the values mean) ──▶ Plan
//!  command line ──────────────────────────────┘         │
//!                                                       └──▶ rejected (file:line:column, field, remedy)
//! ```

mod api;
mod judge;
mod plan;
mod port;
mod rejected;
mod schema;

use std::fs;

pub(crate) use self::api::ApiPlan;
pub(crate) use self::plan::{CONTROL_SOCKET, Mode, Plan, PortPlan, check_port_name, socket_in};
pub(crate) use self::rejected::Rejected;
use self::rejected::Source;
use crate::cli::RunArgs;

/// Reads the file that `args` name, adds what `args` say and judges the whole.
pub(crate) fn load(args: &RunArgs) -> Result<Plan, Rejected> {
    let Some(path) = &args.config else {
        return plan::make(args, None, schema::File::default());
    };
    let text = fs::read_to_string(path).map_err(|error| Rejected::unreadable(path, &error))?;
    let source = Source::new(path, text);
    let file = schema::parse(&source)?;
    plan::make(args, Some(&source), file)
}

#[cfg(test)]
mod tests;
