//! What the switch's threads cost, read from /proc: the time they ran and how often they were woken.
//!
//! The switch under test lives in this process, so its threads are all that this process has but for the one that asks.

use std::fs;

use rustix::thread::gettid;

use crate::Result;

/// Costs up to now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Nanoseconds on a CPU.
    pub cpu_ns: u64,
    /// Times that a thread was taken from its CPU, by itself or by others.
    pub switches: u64,
    /// Clock ticks accounted, which are coarser.
    pub ticks: u64,
}

impl Cost {
    /// Of every thread of this process but the caller.
    pub fn of_others() -> Result<Cost> {
        let me = gettid().as_raw_nonzero().to_string();
        let mut sum = Cost::default();
        for task in fs::read_dir("/proc/self/task")? {
            let task = task?;
            if task.file_name().to_string_lossy() == me {
                continue;
            }
            // A thread may end while we read; it costs nothing any more.
            let Some(cost) = of_task(&task.path()) else {
                continue;
            };
            sum.cpu_ns += cost.cpu_ns;
            sum.switches += cost.switches;
            sum.ticks += cost.ticks;
        }
        Ok(sum)
    }

    /// What was added since `before`. A thread that has ended took its costs with it.
    pub fn since(&self, before: &Cost) -> Cost {
        Cost {
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            switches: self.switches.saturating_sub(before.switches),
            ticks: self.ticks.saturating_sub(before.ticks),
        }
    }
}

/// Bytes of this process's own memory: not what it shares with files, so guest memory does not count.
pub fn own_memory() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = field(&status, "RssAnon:").ok_or("/proc/self/status has no RssAnon")?;
    Ok(kib << 10)
}

fn of_task(path: &std::path::Path) -> Option<Cost> {
    let scheduled = fs::read_to_string(path.join("schedstat")).ok()?;
    let status = fs::read_to_string(path.join("status")).ok()?;
    let stat = fs::read_to_string(path.join("stat")).ok()?;
    // After the name, which may hold anything: state is field 3, utime and stime are 14 and 15 (proc(5)).
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Cost {
        cpu_ns: scheduled.split_whitespace().next()?.parse().ok()?,
        switches: field(&status, "voluntary_ctxt_switches:")?
            + field(&status, "nonvoluntary_ctxt_switches:")?,
        ticks: ticks()? + ticks()?,
    })
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_is_seen() {
        let (tell, told) = std::sync::mpsc::channel();
        let worker = std::thread::spawn(move || {
            let start = std::time::Instant::now();
            while start.elapsed().as_millis() < 60 {}
            tell.send(gettid().as_raw_nonzero()).unwrap();
            std::thread::park();
        });
        let task = format!("/proc/self/task/{}", told.recv().unwrap());
        let cost = of_task(task.as_ref()).unwrap();
        worker.thread().unpark();
        worker.join().unwrap();
        assert!(cost.cpu_ns > 0 && cost.switches > 0, "{cost:?}");
    }
}
