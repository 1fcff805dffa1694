//! The log, on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Logs to stderr from now on, at `level` and above unless `RUST_LOG` says otherwise.
pub(crate) fn start(level: LevelFilter) {
    let wanted = std::env::var("RUST_LOG")
        .ok()
        .and_then(|text| text.parse::<Targets>().ok());
    let targets = wanted.unwrap_or_else(|| Targets::new().with_default(level));
    let colours_forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let to_stderr = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && !colours_forbidden)
        .with_target(false)
        // A closed stderr must not end the switch, and that is how it would be reported.
        .log_internal_errors(false);
    tracing_subscriber::registry()
        .with(to_stderr)
        .with(targets)
        .init();
}
