//! `vmq explain`: what the switch would do with a frame, and by which rule.

use std::io::Write;

use super::{open, print_json};
use crate::cli::ExplainArgs;
use crate::control::Question;
use crate::failure::Failure;

/// Asks the switch and prints what it says.
pub(crate) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let question = Question {
        port: args.port.clone(),
        frame: args.frame.join(" "),
    };
    let explanation = open(&args.show.reach)?.explain(&question)?;
    let mut out = anstream::stdout().lock();
    if args.show.json {
        print_json(&mut out, &explanation)?;
    } else {
        write!(out, "{explanation}")?;
    }
    Ok(out.flush()?)
}
