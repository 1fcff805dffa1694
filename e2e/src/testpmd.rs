//! DPDK's own test program, its ports being virtio-user frontends: what a guest running DPDK looks like to the switch.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::time::Duration;

use crate::patience::eventually;
use crate::process::Process;
use crate::scratch::Scratch;

const PROMPT: &str = "testpmd> ";
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// DPDK clears its memory before it shows the prompt; a loaded machine takes its time.
const START_LIMIT: Duration = Duration::from_secs(90);

/// One of its ports.
#[derive(Clone, Copy, Debug)]
pub struct VirtioUser<'a> {
    /// Path of the socket.
    pub socket: &'a Path,
    /// Its address, and that of the port its frames go to.
    pub mac: &'a str,
    /// Where the frames it sends are addressed.
    pub peer: &'a str,
    /// The frontend listens and the switch connects.
    pub listens: bool,
    /// Queue pairs; all ports of one program have as many.
    pub queues: usize,
    /// Further words of the device, such as `packed_vq=1`, each after a comma.
    pub features: &'a str,
}

/// Counters of one port, as testpmd itself shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Frames that testpmd took from the port.
    pub received: u64,
    /// Frames that testpmd gave to the port.
    pub sent: u64,
    /// Frames it could not take for want of buffers, and errors either way.
    pub troubles: u64,
}

/// A running, interactive testpmd.
#[derive(Debug)]
pub struct Testpmd {
    process: Process,
    stdin: ChildStdin,
    read: usize,
}

impl Testpmd {
    /// Starts it and returns at once: with a listening port it waits for the switch before it shows its prompt.
    pub fn spawn(scratch: &Scratch, name: &str, ports: &[VirtioUser<'_>]) -> Self {
        let mut eal: Vec<String> = [
            "-oL",
            "dpdk-testpmd",
            "--no-pci",
            "--no-telemetry",
            "--no-huge",
            "--no-shconf",
        ]
        .map(str::to_owned)
        .to_vec();
        // Its two threads float over all CPUs: pinned, one of them would poll where the switch has to work.
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) - 1;
        eal.extend(["-m", "256", "--lcores", &format!("(0,1)@(0-{cpus})")].map(str::to_owned));
        eal.push(format!("--file-prefix={name}-{}", std::process::id()));
        for (number, port) in ports.iter().enumerate() {
            let mut device = format!(
                "net_virtio_user{number},path={},queues={}",
                port.socket.display(),
                port.queues
            );
            let _ = write!(device, ",queue_size=256,mac={}{}", port.mac, port.features);
            device.push_str(if port.listens { ",server=1" } else { "" });
            eal.extend(["--vdev".to_owned(), device]);
        }
        let mut app: Vec<String> = [
            "--",
            "--interactive",
            "--nb-cores=1",
            "--rxd=256",
            "--txd=256",
            "--burst=32",
            "--forward-mode=mac",
            "--no-lsc-interrupt",
        ]
        .map(str::to_owned)
        .to_vec();
        let queues = ports.iter().map(|port| port.queues).max().unwrap_or(1);
        app.push(format!("--total-num-mbufs={}", 4096 * queues));
        if queues > 1 {
            app.extend([format!("--rxq={queues}"), format!("--txq={queues}")]);
            app.push("--txonly-multi-flow".to_owned());
        }
        app.extend(["--disable-link-check", "--txpkts=60"].map(str::to_owned));
        app.extend(
            ports
                .iter()
                .enumerate()
                .map(|(number, port)| format!("--eth-peer={number},{}", port.peer)),
        );
        // stdbuf: its output is a file, and without it the answers would stay in its buffers.
        let mut process = Process::spawn(
            scratch,
            name,
            "stdbuf",
            &[eal, app].concat(),
            Stdio::piped(),
        );
        let stdin = process.take_stdin().expect("its input is piped");
        Self {
            process,
            stdin,
            read: 0,
        }
    }

    /// Waits for the first prompt: every port is up.
    pub fn wait_ready(&mut self) {
        self.next_prompt(START_LIMIT);
    }

    /// One command and what testpmd answers to it.
    ///
    /// # Panics
    ///
    /// If testpmd is gone or does not come back to its prompt.
    pub fn command(&mut self, line: &str) -> String {
        writeln!(self.stdin, "{line}")
            .and_then(|()| self.stdin.flush())
            .expect("testpmd takes commands");
        self.next_prompt(COMMAND_LIMIT)
    }

    /// Counters of all ports.
    pub fn stats(&mut self) -> Vec<PortStats> {
        let text = self.command("show port stats all");
        parse_stats(&text)
    }

    /// Frames that each of a port's receive queues has taken.
    pub fn received_by_queue(&mut self, port: usize) -> Vec<u64> {
        let text = self.command(&format!("show port xstats {port}"));
        let of_queue = |line: &str| {
            let (queue, count) = line
                .trim()
                .strip_prefix("rx_q")?
                .split_once("_good_packets:")?;
            queue.parse::<u16>().ok()?;
            count.trim().parse().ok()
        };
        text.lines().filter_map(of_queue).collect()
    }

    /// Takes what is still under way into account: stops sending, keeps receiving for a moment.
    pub fn drain(&mut self) {
        self.command("stop");
        self.command("set fwd rxonly");
        self.command("start");
        std::thread::sleep(Duration::from_millis(500));
        self.command("stop");
        self.command("set fwd mac");
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    fn next_prompt(&mut self, limit: Duration) -> String {
        let Self { process, read, .. } = self;
        eventually("testpmd shows its prompt", limit, || {
            let log = process.log();
            if let Some(at) = log[*read..].find(PROMPT) {
                let answer = log[*read..*read + at].to_owned();
                *read += at + PROMPT.len();
                return Some(answer);
            }
            process.assert_alive();
            None
        })
    }
}

fn parse_stats(text: &str) -> Vec<PortStats> {
    let mut ports = Vec::new();
    for line in text.lines() {
        if line.contains("NIC statistics for port") {
            ports.push(PortStats::default());
        }
        let Some(port) = ports.last_mut() else {
            continue;
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            let Ok(value) = pair[1].parse::<u64>() else {
                continue;
            };
            match pair[0] {
                "RX-packets:" => port.received = value,
                "TX-packets:" => port.sent = value,
                "RX-missed:" | "RX-errors:" | "RX-nombuf:" | "TX-errors:" => port.troubles += value,
                _ => {}
            }
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read_port_by_port() {
        let text = "
  ######################## NIC statistics for port 0  ########################
  RX-packets: 128        RX-missed: 1          RX-bytes:  7680
  RX-errors: 2
  RX-nombuf:  3
  TX-packets: 256        TX-errors: 0          TX-bytes:  15360
  ######################## NIC statistics for port 1  ########################
  RX-packets: 256        RX-missed: 0          RX-bytes:  15360
  TX-packets: 128        TX-errors: 0          TX-bytes:  7680
";
        assert_eq!(
            parse_stats(text),
            [
                PortStats {
                    received: 128,
                    sent: 256,
                    troubles: 6
                },
                PortStats {
                    received: 256,
                    sent: 128,
                    troubles: 0
                }
            ]
        );
    }
}
