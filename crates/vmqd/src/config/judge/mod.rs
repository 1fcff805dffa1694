//! What a configuration means, and whether that can be: the one place where it is judged, for file, command line and API.
//!
//! Everything is looked at, so that every mistake is named at once. Nothing is asked of the running switch: what it cannot
//! change is for whoever applies the configuration to say.

mod addresses;
mod api;
mod names;
mod policy;

use switch::{MAX_NETWORKS, MAX_PORTS, MIN_MTU};

pub(crate) use self::api::ApiPlan;
pub(crate) use self::names::check_name;
use super::mistake::{Kind, Mistake, Mistakes, Path, Step};
use super::wanted::{Config, DEFAULT_NETWORK};
use crate::cpus::{CpuError, CpuList};

/// The most mistakes that are named.
const MAX_MISTAKES: usize = 50;

impl Config {
    /// Everything that is wrong with it.
    pub(crate) fn judge(&self) -> Result<(), Mistakes> {
        let mut judge = Judge {
            config: self,
            mistakes: Vec::new(),
        };
        judge.switch();
        judge.api();
        judge.networks();
        judge.ports();
        match judge.mistakes {
            mistakes if mistakes.is_empty() => Ok(()),
            mistakes => Err(Mistakes(mistakes)),
        }
    }

    /// Whose value is at `path`.
    pub(crate) fn owner(&self, path: &Path) -> String {
        let [Step::Key(list), Step::Index(at), ..] = path.steps() else {
            return String::new();
        };
        let name = match &**list {
            "port" => self.ports.get(*at).map(|port| &port.name),
            _ => self.networks.get(*at).map(|network| &network.name),
        };
        name.map_or_else(String::new, |name| format!("{list} `{name}`"))
    }
}

/// What is wrong so far.
struct Judge<'a> {
    config: &'a Config,
    mistakes: Vec<Mistake>,
}

impl Judge<'_> {
    /// Notes that the value at `path` is wrong.
    fn object(&mut self, path: Path, problem: impl Into<String>, remedy: impl Into<String>) {
        self.note(Mistake::new(path, Kind::Wrong, problem, remedy));
    }

    fn note(&mut self, mistake: Mistake) {
        if self.mistakes.len() < MAX_MISTAKES {
            let owner = self.config.owner(&mistake.path);
            self.mistakes.push(Mistake { owner, ..mistake });
        }
    }

    fn switch(&mut self) {
        let switch = &self.config.switch;
        let path = |key| Path::default().key("switch").key(key);
        if switch.dir.as_os_str().is_empty() {
            let remedy = "name a directory, or leave the key out";
            self.object(path("dir"), "the path is empty", remedy);
        }
        let control = self.config.control_socket();
        self.fits(&control, path("dir"), "use a shorter directory");
        if let Some(cpus) = &switch.cpus
            && let Err(error) = cpus.check_usable()
        {
            let remedy = match error {
                CpuError::Missing { .. } | CpuError::Forbidden { .. } => {
                    "name others, or leave it out for one worker anywhere"
                }
                _ => "",
            };
            self.object(path("cpus"), error.to_string(), remedy);
        }
        self.mtu(switch.mtu, path("mtu"));
    }

    fn networks(&mut self) {
        // The default one is there whether it is named or not.
        let is_default_named = self.config.network(DEFAULT_NETWORK).is_some();
        let count = self.config.networks.len() + usize::from(!is_default_named);
        if count > MAX_NETWORKS {
            let remedy = format!("a switch has at most {MAX_NETWORKS}, run several");
            let problem = format!("{count} networks are too many");
            self.object(Path::default().key("network"), problem, remedy);
            return;
        }
        self.names_of_networks();
        for (at, network) in self.config.networks.iter().enumerate() {
            let path = Path::default().key("network").index(at);
            self.network_policy(&network.policy, &path);
        }
    }

    fn ports(&mut self) {
        let count = self.config.ports.len();
        if count > MAX_PORTS {
            let remedy = format!("a switch has at most {MAX_PORTS}, run several");
            let problem = format!("{count} ports are too many");
            self.object(Path::default().key("port"), problem, remedy);
            return;
        }
        self.names_of_ports();
        self.sockets();
        self.addresses();
        for (at, port) in self.config.ports.iter().enumerate() {
            let path = Path::default().key("port").index(at);
            self.mtu(port.mtu, path.clone().key("mtu"));
            if let Some(cpus) = &port.affinity {
                self.affinity(cpus, path.clone().key("affinity"));
            }
            self.port_policy(port, &path);
        }
    }

    /// Some worker runs there.
    fn affinity(&mut self, cpus: &CpuList, path: Path) {
        let group = |cpu: &usize| cpu / 64;
        if let Some(other) = cpus.0.iter().find(|cpu| group(cpu) != group(&cpus.0[0])) {
            self.object(
                path,
                format!(
                    "CPUs {} and {other} are in different groups of 64",
                    cpus.0[0]
                ),
                "a queue has processors of one group: name some of the others only",
            );
            return;
        }
        match &self.config.switch.cpus {
            None => self.object(
                path,
                "the worker runs on any CPU",
                "give the workers CPUs with switch.cpus, or leave it out",
            ),
            Some(workers) if !workers.0.iter().any(|cpu| cpus.0.contains(cpu)) => self.object(
                path,
                format!("no worker runs on CPU {cpus}"),
                format!("name some of {workers}, where workers run"),
            ),
            Some(_) => {}
        }
    }

    /// The largest payload, as a port or the switch says it.
    fn mtu(&mut self, mtu: Option<u16>, path: Path) {
        if let Some(mtu) = mtu.filter(|mtu| *mtu < MIN_MTU) {
            let remedy = format!(
                "use {MIN_MTU} to {}, or leave it out for frames of any size",
                u16::MAX
            );
            self.object(path, format!("there is no MTU of {mtu} bytes"), remedy);
        }
    }
}
