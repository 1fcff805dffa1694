//! What ends the program early, and with which exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::attach::AttachError;
use crate::commands::NoSuch;
use crate::config::Rejected;
use crate::control::ClientError;
use crate::demo::DemoError;
use crate::directory::NoDirectory;
use crate::output::ERROR;
use crate::run::RunError;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Failure {
    #[error(transparent)]
    Config(#[from] Rejected),
    #[error(transparent)]
    NoDirectory(#[from] NoDirectory),
    #[error(transparent)]
    Attach(#[from] AttachError),
    #[error(transparent)]
    NoSuch(#[from] NoSuch),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The switch does it now, and will not after a restart.
    #[error("the change is made and not saved: {0}")]
    NotSaved(ClientError),
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// Says on stderr what went wrong and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        if self.is_closed_pipe() {
            return ExitCode::SUCCESS;
        }
        // Nobody is left to be told when stderr is gone as well.
        let _ = self.write(&mut anstream::stderr());
        match self {
            Self::Config(_) | Self::NoDirectory(_) | Self::Attach(_) | Self::NoSuch(_) => {
                ExitCode::from(2)
            }
            // What was asked for makes no sense to the switch, or names what is not there.
            Self::Client(ClientError::Refused(problem))
                if matches!(problem.status, 400 | 404 | 422) =>
            {
                ExitCode::from(2)
            }
            Self::Run(_)
            | Self::Client(_)
            | Self::NotSaved(_)
            | Self::Demo(_)
            | Self::Output(_) => ExitCode::FAILURE,
        }
    }

    /// The reader of our output had enough (`vmq status | head -1`): no failure of ours.
    fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Self::Config(rejected) = self {
            return rejected.write(out);
        }
        for line in self.to_string().lines() {
            writeln!(out, "{ERROR}error:{ERROR:#} {line}")?;
        }
        Ok(())
    }
}
