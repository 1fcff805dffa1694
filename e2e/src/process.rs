//! A peer or the switch itself as a child process.
//!
//! Each leads a process group and is killed by that group's id when dropped. `setpriv --pdeathsig` makes the kernel do the
//! same should the test die first, so no guest is ever left behind.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::patience::eventually;
use crate::scratch::Scratch;
use crate::watchdog;

/// A running child, its output in `NAME.log` of the scratch folder.
#[derive(Debug)]
pub struct Process {
    child: Child,
    group: Pid,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts it, with a pipe as its input if `Stdio::piped()` is asked for.
    ///
    /// # Panics
    ///
    /// If the program cannot be started.
    pub fn spawn(
        scratch: &Scratch,
        name: &str,
        program: &str,
        arguments: &[String],
        stdin: Stdio,
    ) -> Self {
        let log = scratch.file(&format!("{name}.log"));
        let output =
            File::create(&log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let errors = output.try_clone().expect("a file descriptor to spare");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", program])
            .args(arguments)
            .stdin(stdin)
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({program}): {error}"));
        let group = Pid::from_child(&child);
        watchdog::remember(group);
        Self {
            child,
            group,
            name: name.to_owned(),
            log,
        }
    }

    /// Everything it has written so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its input, once.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The status it has ended with, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Fails the test if it is gone.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn assert_alive(&mut self) {
        if let Some(status) = self.ended() {
            panic!("{} has ended: {status}", self.name);
        }
    }

    /// SIGKILL, as when a machine's process is killed by an administrator or by the kernel.
    pub fn kill(&mut self) {
        let _ = kill_process_group(self.group, Signal::KILL);
        let _ = self.child.wait();
        watchdog::forget(self.group);
    }

    /// SIGTERM, then waits for it to go by itself.
    ///
    /// # Panics
    ///
    /// If it does not go within `limit`.
    pub fn terminate(&mut self, limit: Duration) -> ExitStatus {
        let _ = kill_process(self.group, Signal::TERM);
        self.wait(limit)
    }

    /// Waits for it to go by itself.
    ///
    /// # Panics
    ///
    /// If it does not go within `limit`.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let name = self.name.clone();
        eventually(&format!("{name} ends"), limit, || self.ended())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_process_is_gone() {
        let scratch = Scratch::new();
        let process = Process::spawn(&scratch, "sleep", "sleep", &["60".into()], Stdio::null());
        let pid = process.pid();
        drop(process);
        assert!(!fs::exists(format!("/proc/{pid}")).unwrap());
    }

    #[test]
    fn what_a_process_writes_is_in_its_log() {
        let scratch = Scratch::new();
        let mut process =
            Process::spawn(&scratch, "echo", "echo", &["a fact".into()], Stdio::null());
        assert!(process.wait(Duration::from_secs(10)).success());
        assert_eq!(process.log(), "a fact\n");
    }
}
