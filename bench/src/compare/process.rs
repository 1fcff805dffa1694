//! Child processes that never outlive us.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::Result;

/// How long a switch may take to go when asked.
const GRACE: Duration = Duration::from_secs(5);

/// A running child, the leader of its own process group.
pub(super) struct Process {
    child: Child,
    group: Pid,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts it on these CPUs, its output in a log in `dir`. Should we be killed, the kernel kills it too.
    pub(super) fn spawn(dir: &Path, cpus: &[usize], words: &[&str]) -> Result<Process> {
        let name = Path::new(words[0]).file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let log = dir.join(format!("{name}.log"));
        let output = File::create(&log)?;
        // Said in any case: otherwise it would be where we are, on the guests' CPU alone.
        let list: Vec<String> = cpus.iter().map(usize::to_string).collect();
        let child = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "--",
                "taskset",
                "-c",
                &list.join(","),
            ])
            .args(words)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Process {
            group: Pid::from_child(&child),
            child,
            name,
            log,
        })
    }

    /// Waits until `path` is there, and says why the child has ended if it has.
    pub(super) fn wait_for(&mut self, path: &Path) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(60);
        while !path.exists() {
            if let Some(status) = self.child.try_wait()? {
                let said = std::fs::read_to_string(&self.log).unwrap_or_default();
                return Err(format!("{} ended with {status}: {}", self.name, said.trim()).into());
            }
            if Instant::now() > end {
                return Err(format!("{} did not make {}", self.name, path.display()).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let end = Instant::now() + GRACE;
        let _ = kill_process(self.group, Signal::TERM);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = kill_process_group(self.group, Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Runs a command to its end and gives what it printed.
pub(super) fn run(words: &[&str]) -> Result<String> {
    let output = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start {}: {error}", words[0]))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("`{}`: {}", words.join(" "), said.trim()).into())
    }
}
