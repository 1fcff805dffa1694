//! The one entry for whoever works on vmq; continuous integration calls the same words.
//!
//! `setup` installs what the tests need, `check` judges the tree without running it, `test` does both and then runs every
//! test there is; `bench-bound` is the part of it that counts instructions. Invariant: nothing is skipped in silence. A missing tool fails the run and names its package, a step that
//! hangs is ended by its own limit, and the last line counts what passed and what failed.

#![forbid(unsafe_code)]

mod abi;
mod bound;
mod check;
mod kernel;
mod lints;
mod policies;
mod setup;
mod step;
mod test;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <word>
  setup   install what the tests need (Debian packages, cargo tools, schemathesis)
  check   fmt, clippy, doc, cargo deny, house lints
  test    setup, check, then every test: unit, DPDK, two real guests
  bench-bound   count the hot path's instructions (part of test)
  bench-policies   count what each policy adds to them";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace");
    if let Err(error) = std::env::set_current_dir(root) {
        eprintln!("xtask: cannot enter {}: {error}", root.display());
        return ExitCode::FAILURE;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let report = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["setup"] => setup::steps(),
        ["check"] => check::steps(),
        ["test"] => test::steps(),
        ["bench-bound"] => bound::steps(),
        ["bench-policies"] => policies::steps(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    report.conclude()
}
