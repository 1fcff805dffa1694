//! A switch in this process, with ports that listen.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ports::vhost_user::{Mode, Port};
use switch::policy::NetworkPolicy;
use switch::{Idle, NetworkId, Options, PortId, PortSettings, PortSpec, Status, Switch};
use vmq::Filter;

use crate::Result;

/// How long setting up may take at each step.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A switch with one worker and the ports `p0`, `p1`, ...
pub struct Lab {
    switch: Arc<Switch>,
    ports: Vec<Port>,
    ids: Vec<PortId>,
    dir: PathBuf,
}

impl Lab {
    /// A switch whose worker runs on `cpu`, with `ports` listening ports.
    pub fn new(cpu: Option<usize>, ports: usize) -> Result<Lab> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("vmq-bench-{}-{number}", std::process::id()));
        std::fs::create_dir(&dir)?;
        let switch = Switch::start(Options {
            workers: ports::workers(cpu.as_slice())?,
            idle: Idle::default(),
        })?;
        let policy = NetworkPolicy {
            max_age_seconds: 3600,
            ..NetworkPolicy::default()
        };
        switch.set_network(NetworkId::DEFAULT, policy)?;
        let mut lab = Lab {
            switch,
            ports: Vec::new(),
            ids: Vec::new(),
            dir,
        };
        for _ in 0..ports {
            lab.add_port(Vec::new())?;
        }
        Ok(lab)
    }

    /// One more port, with configured addresses. Gives its number.
    pub fn add_port(&mut self, filters: Vec<Filter>) -> Result<usize> {
        let number = self.ports.len();
        let name = format!("p{number}");
        let listener = UnixListener::bind(self.socket(number))?;
        let id = self.switch.add_port(PortSpec {
            name: name.clone(),
            settings: PortSettings {
                filters,
                ..PortSettings::default()
            },
            ..PortSpec::default()
        })?;
        let port = Port::spawn(self.switch.clone(), id, &name, Mode::Server(listener))?;
        self.ports.push(port);
        self.ids.push(id);
        Ok(number)
    }

    /// How the switch calls a port.
    ///
    /// # Panics
    /// If there is no such port.
    pub fn port(&self, number: usize) -> PortId {
        self.ids[number]
    }

    /// Where a port listens.
    pub fn socket(&self, port: usize) -> PathBuf {
        socket(&self.dir, port)
    }

    /// The switch itself.
    pub fn switch(&self) -> &Arc<Switch> {
        &self.switch
    }

    /// What the switch says of itself.
    pub fn status(&self) -> Status {
        self.switch.status()
    }

    /// Filters there are, configured and learnt.
    pub fn filters(&self) -> usize {
        let ports = self.status().ports;
        ports.iter().map(|port| port.queue.filters.len()).sum()
    }

    /// Waits until this many ports are up.
    pub fn wait_until_up(&self, ports: usize) -> Result<()> {
        let up = || {
            let status = self.status();
            status.ports.iter().filter(|port| port.is_up).count()
        };
        wait_for(ports, up, "ports came up")
    }

    /// Waits until this many addresses are known: frames to them are not flooded any more.
    pub fn wait_until_known(&self, addresses: usize) -> Result<()> {
        wait_for(addresses, || self.filters(), "addresses were learnt")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.ports.clear();
        self.switch.stop();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn wait_for(wanted: usize, count: impl Fn() -> usize, what: &str) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        let there = count();
        if there >= wanted {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!("only {there} of {wanted} {what}").into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The socket of port `number` in a switch's directory.
pub fn socket(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("p{number}.sock"))
}
