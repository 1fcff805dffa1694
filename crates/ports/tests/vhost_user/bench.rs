//! A switch with guest doubles attached, for the tests of this folder.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ports::vhost_user::{Mode, Port};
use switch::{Idle, NetworkId, Options, PortSettings, PortSpec, PortStatus, Switch, WorkerOptions};
use testkit::frontend::Frontend;
use testkit::guest::{Guest, GuestOptions};
use vmq::Filter;

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A switch, its ports, and the directory of their sockets.
pub(crate) struct Bench {
    pub(crate) switch: Arc<Switch>,
    ports: Vec<Port>,
    dir: PathBuf,
}

impl Bench {
    /// A switch with this many workers and listening ports `p0`, `p1`, ...
    pub(crate) fn new(workers: usize, ports: usize) -> Self {
        Self::with_filters(workers, &vec![vec![]; ports])
    }

    /// As [`Bench::new`], with configured addresses.
    pub(crate) fn with_filters(workers: usize, filters: &[Vec<Filter>]) -> Self {
        let settings = filters.iter().map(|filters| PortSettings {
            filters: filters.clone(),
            ..PortSettings::default()
        });
        Self::with_ports(workers, Idle::Adapt, settings.collect())
    }

    /// As [`Bench::new`], with everything that can be set.
    pub(crate) fn with_ports(workers: usize, idle: Idle, ports: Vec<PortSettings>) -> Self {
        let workers = (0..workers).flat_map(|_| ports::workers(&[]).unwrap());
        Self::with_workers(workers.collect(), idle, ports)
    }

    /// As [`Bench::with_ports`], with a worker on each of these CPUs.
    pub(crate) fn pinned(cpus: &[usize], idle: Idle, ports: Vec<PortSettings>) -> Self {
        Self::with_workers(ports::workers(cpus).unwrap(), idle, ports)
    }

    fn with_workers(workers: Vec<WorkerOptions>, idle: Idle, ports: Vec<PortSettings>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "vmq-ports-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir(&dir).unwrap();
        let switch = Switch::start(Options { workers, idle }).unwrap();
        let mut bench = Self {
            switch,
            ports: Vec::new(),
            dir,
        };
        for settings in ports {
            bench.add_port(NetworkId::DEFAULT, settings);
        }
        bench
    }

    /// One more port.
    pub(crate) fn add_port(&mut self, network: NetworkId, settings: PortSettings) {
        let name = format!("p{}", self.ports.len());
        let listener = UnixListener::bind(self.socket(self.ports.len())).unwrap();
        let id = self
            .switch
            .add_port(PortSpec {
                name: name.clone(),
                network,
                settings,
            })
            .unwrap();
        self.ports
            .push(Port::spawn(self.switch.clone(), id, &name, Mode::Server(listener)).unwrap());
    }

    pub(crate) fn socket(&self, port: usize) -> PathBuf {
        self.dir.join(format!("p{port}.sock"))
    }

    /// Attaches a guest and waits until the port is up.
    pub(crate) fn attach(&self, port: usize, options: GuestOptions) -> Machine {
        let guest = Guest::new(options).unwrap();
        let mut frontend = Frontend::connect(self.socket(port), PATIENCE).unwrap();
        frontend.attach(&guest).unwrap();
        self.wait_for(port, |port| port.is_up);
        Machine { guest, frontend }
    }

    pub(crate) fn status(&self, port: usize) -> PortStatus {
        self.switch.status().ports.swap_remove(port)
    }

    /// Waits until a port is as wished; what it is instead, if that does not come.
    pub(crate) fn wait_for(&self, port: usize, is_so: impl Fn(&PortStatus) -> bool) -> PortStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.status(port);
            if is_so(&status) {
                return status;
            }
            assert!(Instant::now() < end, "port {port} is still {status:#?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.ports.clear();
        self.switch.stop();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A guest and the connection it is attached by.
pub(crate) struct Machine {
    pub(crate) guest: Guest,
    pub(crate) frontend: Frontend,
}

impl Machine {
    /// Sends frames, as fast as the ring takes them.
    pub(crate) fn send_all<'a>(&mut self, frames: impl IntoIterator<Item = &'a [u8]>) {
        let end = Instant::now() + PATIENCE;
        for frame in frames {
            while !self.guest.send(frame) {
                self.guest.flush();
                self.guest.from_guest.reclaim();
                assert!(Instant::now() < end, "the switch takes no frames");
                std::thread::yield_now();
            }
        }
        self.guest.flush();
    }

    /// The next `count` frames that arrive.
    pub(crate) fn receive(&mut self, count: usize) -> Vec<Vec<u8>> {
        let end = Instant::now() + PATIENCE;
        let mut frames = Vec::new();
        while frames.len() < count {
            let mut frame = Vec::new();
            if self.guest.receive(&mut frame) {
                frames.push(frame);
            } else {
                assert!(
                    Instant::now() < end,
                    "{} of {count} frames arrived",
                    frames.len()
                );
                self.guest.wait(Duration::from_millis(10));
            }
        }
        frames
    }

    /// Asserts that nothing more arrives for a while.
    pub(crate) fn receives_nothing(&mut self) {
        std::thread::sleep(Duration::from_millis(20));
        let mut frame = Vec::new();
        assert!(
            !self.guest.receive(&mut frame),
            "a frame of {} bytes arrived: {:02x?}",
            frame.len(),
            &frame[..14]
        );
    }
}
