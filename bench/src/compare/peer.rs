//! The switches, how each is started and what each needs.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::process::{Process, run};
use crate::Result;
use crate::lab::socket;
use crate::placement::Cpus;

/// Memory in huge pages that the DPDK programs take.
const HUGE_MIB: u64 = 1024;
/// Where Debian puts the daemon that is linked with DPDK.
const OVS_WITH_DPDK: &str = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk";

/// A switch that takes part.
pub enum Peer {
    /// The program at this path.
    Vmq(PathBuf),
    /// Open vSwitch's user-space datapath with two dpdkvhostuserclient ports, learning as it does by default.
    Ovs,
    /// DPDK's testpmd between two vhost ports: takes frames from one and gives them to the other, no switching at all.
    Testpmd,
}

/// What has to be there first, and how to get it.
pub struct Missing(pub Vec<String>);

impl Peer {
    /// As it is called in the table.
    pub fn name(&self) -> &'static str {
        match self {
            Peer::Vmq(_) => "vmq",
            Peer::Ovs => "OVS-DPDK",
            Peer::Testpmd => "testpmd io",
        }
    }

    /// Whether it connects to sockets that the guests' side listens on.
    pub(super) fn connects(&self) -> bool {
        matches!(self, Peer::Ovs)
    }

    /// Everything that `peers` need and this machine does not have.
    pub fn judge(peers: &[Peer]) -> std::result::Result<(), Missing> {
        let mut missing = Vec::new();
        let mut needs_huge_pages = false;
        for peer in peers {
            let (programs, package): (&[&str], _) = match peer {
                Peer::Vmq(path) => {
                    if !path.exists() {
                        let build = "cargo build --release";
                        missing.push(format!("{} is not there: {build}", path.display()));
                    }
                    continue;
                }
                Peer::Ovs => (
                    &["ovs-vsctl", "ovsdb-server", "ovsdb-tool", OVS_WITH_DPDK],
                    "openvswitch-switch-dpdk",
                ),
                Peer::Testpmd => (
                    &["dpdk-testpmd"],
                    "dpdk-dev librte-net-vhost<N> librte-mempool-ring<N>",
                ),
            };
            needs_huge_pages = true;
            for program in programs.iter().filter(|program| find(program).is_none()) {
                missing.push(format!("{program} is not there: apt-get install {package}"));
            }
        }
        if needs_huge_pages && !rustix::process::geteuid().is_root() {
            missing.push(
                "DPDK's programs take huge pages, which needs root: run this with sudo".into(),
            );
        }
        if needs_huge_pages && huge_mib() < HUGE_MIB {
            let pages = HUGE_MIB / 2;
            missing.push(format!(
                "{HUGE_MIB} MiB of free huge pages are needed: echo {pages} > /proc/sys/vm/nr_hugepages"
            ));
        }
        if missing.is_empty() {
            Ok(())
        } else {
            Err(Missing(missing))
        }
    }

    /// Starts it with two ports whose sockets lie in `dir`.
    pub(super) fn start(&self, dir: &Path, cpus: Cpus) -> Result<Running> {
        let (house, cpu) = (cpus.guests, cpus.switch.to_string());
        let both = [cpus.guests, cpus.switch];
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let sockets = [0, 1].map(|port| socket(dir, port));
        match self {
            Peer::Vmq(program) => {
                let program = text(program.clone());
                let here = text(dir.to_path_buf());
                let mut words = vec![program.as_str(), "run", "--dir", &here, "--cpus", &cpu];
                words.extend(["--port", "p0", "--port", "p1"]);
                let mut vmq = Process::spawn(dir, &both, &words)?;
                vmq.wait_for(&sockets[1])?;
                Ok(Running {
                    vmq: Some(program),
                    _processes: vec![vmq],
                })
            }
            Peer::Testpmd => {
                let [first, second] = [0, 1].map(|port| {
                    format!("net_vhost{port},iface={},queues=1", sockets[port].display())
                });
                let cores = format!("0@{house},1@{cpu}");
                let mut words = vec![
                    "dpdk-testpmd",
                    "--lcores",
                    &cores,
                    "--in-memory",
                    "-m",
                    "256",
                ];
                words.extend(["--no-pci", "--no-telemetry", "--log-level=error"]);
                words.extend(["--vdev", &first, "--vdev", &second]);
                words.extend(["--", "--nb-cores=1", "--forward-mode=io", "--auto-start"]);
                words.extend(["--total-num-mbufs=8192", "--mbuf-size=9728"]);
                // Without a prompt it ends as soon as its input does, unless it has figures to print.
                words.extend(["--stats-period", "3600"]);
                let mut testpmd = Process::spawn(dir, &both, &words)?;
                testpmd.wait_for(&sockets[1])?;
                Ok(Running {
                    vmq: None,
                    _processes: vec![testpmd],
                })
            }
            Peer::Ovs => start_ovs(dir, cpus, &sockets),
        }
    }
}

/// A switch while it runs.
pub(super) struct Running {
    /// The program to ask, where it is vmq.
    vmq: Option<String>,
    /// Ended in this order.
    _processes: Vec<Process>,
}

impl Running {
    /// Nanoseconds of work and frames finished so far, if the switch counts them.
    pub(super) fn worked(&self, dir: &Path) -> Option<(u64, u64)> {
        let program = self.vmq.as_ref()?;
        let said = run(&[program, "status", "--json", "--dir", &dir.to_string_lossy()]).ok()?;
        let status: Value = serde_json::from_str(&said).ok()?;
        status["workers"]
            .as_array()?
            .iter()
            .try_fold((0, 0), |sum, worker| {
                Some((
                    sum.0 + worker["busy_ns"].as_u64()?,
                    sum.1 + worker["frames"].as_u64()?,
                ))
            })
    }
}

/// A database and a daemon of its own, with nothing of the system's touched.
fn start_ovs(dir: &Path, cpus: Cpus, sockets: &[PathBuf; 2]) -> Result<Running> {
    let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let (database, db_socket, control) = (path("conf.db"), path("db.sock"), path("vswitchd.ctl"));
    run(&["ovsdb-tool", "create", &database, &schema()?])?;
    // Only its forwarding thread, which it moves there itself, may take the switch's CPU.
    let house = [cpus.guests];
    let remote = format!("--remote=punix:{db_socket}");
    let db_control = format!("--unixctl={}", path("ovsdb.ctl"));
    let mut server = Process::spawn(
        dir,
        &house,
        &["ovsdb-server", &database, &remote, &db_control],
    )?;
    server.wait_for(Path::new(&db_socket))?;
    let at = format!("--db=unix:{db_socket}");
    let tell = |words: &[&str]| {
        let all: Vec<&str> = ["ovs-vsctl", at.as_str(), "--timeout=30"]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        run(&all)
    };
    let mask = |cpu: usize| format!("{:#x}", 1u64 << cpu);
    tell(&["--no-wait", "init"])?;
    let options = [
        "other_config:dpdk-init=true".to_owned(),
        format!("other_config:pmd-cpu-mask={}", mask(cpus.switch)),
        format!("other_config:dpdk-lcore-mask={}", mask(cpus.guests)),
        "other_config:dpdk-extra=--in-memory --no-pci -m 512".to_owned(),
    ];
    for option in &options {
        tell(&["--no-wait", "set", "Open_vSwitch", ".", option])?;
    }
    let (unixctl, pid) = (
        format!("--unixctl={control}"),
        format!("--pidfile={}", path("pid")),
    );
    let at_socket = format!("unix:{db_socket}");
    let words = [OVS_WITH_DPDK, &at_socket, &unixctl, &pid, "--no-chdir"];
    let mut daemon = Process::spawn(dir, &house, &words)?;
    daemon.wait_for(Path::new(&control))?;
    tell(&[
        "add-br",
        "br0",
        "--",
        "set",
        "bridge",
        "br0",
        "datapath_type=netdev",
    ])?;
    for (port, socket) in sockets.iter().enumerate() {
        let name = format!("p{port}");
        let server = format!("options:vhost-server-path={}", socket.display());
        let words = [
            "--",
            "set",
            "Interface",
            &name,
            "type=dpdkvhostuserclient",
            &server,
            "mtu_request=9000",
        ];
        tell(&[&["add-port", "br0", &name][..], &words].concat())?;
    }
    Ok(Running {
        vmq: None,
        _processes: vec![daemon, server],
    })
}

fn schema() -> Result<String> {
    let schema = "/usr/share/openvswitch/vswitch.ovsschema";
    if Path::new(schema).exists() {
        Ok(schema.into())
    } else {
        Err(format!("{schema} is not there: apt-get install openvswitch-common").into())
    }
}

/// Debian keeps some of these in sbin, which is not on everybody's PATH.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|file| file.exists())
}

fn huge_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let free = of("HugePages_Free:").unwrap_or_default();
    let kib = of("Hugepagesize:").unwrap_or_default();
    free * kib / 1024
}
