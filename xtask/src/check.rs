//! What can be said about the tree without running it.

use std::process::Command;
use std::time::Duration;

use crate::lints;
use crate::setup;
use crate::step::Report;

const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Formatting, clippy, documentation, dependencies, house lints. All of them run, so one call tells everything.
pub(crate) fn steps() -> Report {
    let mut report = Report::default();
    report.run(
        "fmt",
        LIMIT,
        Command::new("cargo").args(["fmt", "--all", "--check"]),
    );
    report.call("house lints", lints::judge_tree);
    report.run(
        "clippy",
        LIMIT,
        Command::new("cargo").args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            "ndis/link",
            "--quiet",
            "--",
            "-Dwarnings",
            "-Dclippy::dbg_macro",
            "-Dclippy::todo",
            "-Dclippy::unimplemented",
        ]),
    );
    report.run(
        "doc",
        LIMIT,
        Command::new("cargo")
            .args(["doc", "--workspace", "--no-deps", "--quiet"])
            .args(["--features", "ndis/link"])
            .env("RUSTDOCFLAGS", "-Dwarnings"),
    );
    report.call("cargo-deny present", || setup::require_cargo_tool("deny"));
    report.run(
        "deny",
        LIMIT,
        Command::new("cargo").args([
            "deny",
            "--log-level",
            "error",
            "check",
            "bans",
            "licenses",
            "sources",
        ]),
    );
    report
}
