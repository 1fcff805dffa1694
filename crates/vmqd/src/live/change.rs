//! A change of what runs: everything that can fail first, each step with what undoes it, then what cannot be undone.
//!
//! ```text
//!  open sockets ─▶ networks added, changed ─▶ ports added, changed ─▶ ports replaced ─▶ ports and networks removed, sockets
//!       │                    │                        │                     │            closed: nothing of it can fail
//!       └────────────────────┴── on failure undone, last step first ◀───────┘
//! ```
//!
//! Only a port that goes to another network or gets another socket is taken away and put back, and with it its machine's
//! connection.

use std::io;
use std::path::PathBuf;
use std::slice;
use std::sync::Arc;

use ports::vhost_user::{Mode as Side, Port};
use switch::{NetworkError, NetworkId, NetworkSpec, PortError, PortId, PortSpec, Switch};

use super::{Plugged, Running};
use crate::config::{
    Config, Difference, Kind, Mistake, Mistakes, Mode, NetworkConfig, Path, PortConfig,
};
use crate::sockets;

pub(super) struct Change<'a> {
    switch: &'a Arc<Switch>,
    running: &'a mut Running,
    wanted: &'a Config,
    /// What undoes what was done, in the order in which it was done.
    undo: Vec<Undo>,
}

enum Undo {
    CloseSockets(Vec<PathBuf>),
    OpenSocket(PathBuf),
    RemoveNetwork(String),
    SetNetwork(NetworkConfig),
    RemovePort(String),
    SetPort(PortConfig),
    /// Plugs a port in again that was taken away.
    Plug(PortConfig),
}

impl<'a> Change<'a> {
    pub(super) fn new(
        switch: &'a Arc<Switch>,
        running: &'a mut Running,
        wanted: &'a Config,
    ) -> Self {
        Self {
            switch,
            running,
            wanted,
            undo: Vec::new(),
        }
    }

    /// Makes all of it, or none.
    pub(super) fn make(mut self, difference: &Difference) -> Result<(), Mistakes> {
        if let Err(mistakes) = self.try_all(difference) {
            self.undo_all();
            return Err(mistakes);
        }
        for port in &difference.ports.removed {
            self.unplug(&port.name);
        }
        for network in &difference.networks.removed {
            self.remove_network(&network.name);
        }
        let ports = self.wanted.ports.iter();
        let servers = ports.filter(|port| port.mode == Mode::Server);
        let paths = servers.map(|port| self.wanted.socket(port)).collect();
        self.running.sockets.keep(&paths);
        Ok(())
    }

    fn try_all(&mut self, difference: &Difference) -> Result<(), Mistakes> {
        let (replaced, changed): (Vec<_>, Vec<_>) = difference
            .ports
            .changed
            .iter()
            .partition(|(before, after)| is_replaced(before, after));
        let fresh = replaced.iter().map(|(_, after)| after);
        self.open_sockets(fresh.chain(&difference.ports.added))?;
        for network in &difference.networks.added {
            self.add_network(network)?;
        }
        for (before, after) in &difference.networks.changed {
            self.set_network(after)?;
            self.undo.push(Undo::SetNetwork(before.clone()));
        }
        for port in &difference.ports.added {
            self.plug(port)?;
            self.undo.push(Undo::RemovePort(port.name.clone()));
        }
        for (before, after) in changed {
            self.set_port(after)?;
            self.undo.push(Undo::SetPort(before.clone()));
        }
        for (before, after) in replaced {
            self.unplug(&before.name);
            self.undo.push(Undo::Plug(before.clone()));
            self.plug(after)?;
            self.undo.push(Undo::RemovePort(after.name.clone()));
        }
        Ok(())
    }

    fn undo_all(&mut self) {
        while let Some(undo) = self.undo.pop() {
            let undone = match undo {
                Undo::CloseSockets(paths) => {
                    self.running.sockets.close(&paths);
                    Ok(())
                }
                Undo::OpenSocket(path) => {
                    let opened = self.running.sockets.open([(&*path, "")].into_iter());
                    opened
                        .map(drop)
                        .map_err(|(error, _)| self.system("", "socket", error.to_string()))
                }
                Undo::RemoveNetwork(name) => {
                    self.remove_network(&name);
                    Ok(())
                }
                Undo::SetNetwork(network) => self.set_network(&network),
                Undo::RemovePort(name) => {
                    self.unplug(&name);
                    Ok(())
                }
                Undo::SetPort(port) => self.set_port(&port),
                Undo::Plug(port) => self.plug(&port),
            };
            if let Err(mistakes) = undone {
                tracing::error!("a change that failed cannot be undone: {mistakes}");
            }
        }
    }

    /// Opens the sockets of ports that are to be plugged in; those that are open stay so.
    fn open_sockets<'p>(
        &mut self,
        fresh: impl Iterator<Item = &'p PortConfig> + Clone,
    ) -> Result<(), Mistakes> {
        let at = |mode| {
            let of_mode = fresh.clone().filter(move |port| port.mode == mode);
            of_mode.filter_map(|port| Some((port.socket.as_deref()?, port.name.as_str())))
        };
        for (path, name) in at(Mode::Client) {
            let checked = sockets::check_connectable(path);
            checked.map_err(|error| self.system(name, "socket", error.to_string()))?;
        }
        let opened = self.running.sockets.open(at(Mode::Server));
        let opened =
            opened.map_err(|(error, name)| self.system(name, "socket", error.to_string()))?;
        self.undo.push(Undo::CloseSockets(opened));
        Ok(())
    }

    fn add_network(&mut self, network: &NetworkConfig) -> Result<(), Mistakes> {
        let spec = NetworkSpec {
            name: network.name.clone(),
            policy: network.policy.clone(),
        };
        let added = self.switch.add_network(spec);
        let id = added.map_err(|error| self.network_mistake(&network.name, &error))?;
        self.running.networks.insert(network.name.clone(), id);
        self.undo.push(Undo::RemoveNetwork(network.name.clone()));
        Ok(())
    }

    fn set_network(&self, network: &NetworkConfig) -> Result<(), Mistakes> {
        let set = self
            .switch
            .set_network(self.network(&network.name), network.policy.clone());
        set.map_err(|error| self.network_mistake(&network.name, &error))
    }

    fn remove_network(&mut self, name: &str) {
        if let Some(id) = self.running.networks.remove(name)
            && let Err(error) = self.switch.remove_network(id)
        {
            tracing::error!("network {name:?} stays without being asked for: {error}");
        }
    }

    /// Adds a port and starts who serves it.
    fn plug(&mut self, port: &PortConfig) -> Result<(), Mistakes> {
        let spec = PortSpec {
            name: port.name.clone(),
            network: self.network(&port.network),
            settings: port.settings(),
        };
        // Where a VMM is to listen, nobody of ours does, for the port would connect to that.
        let path = self.wanted.socket(port);
        if port.mode == Mode::Client && self.running.sockets.close(slice::from_ref(&path)) > 0 {
            self.undo.push(Undo::OpenSocket(path));
        }
        let added = self.switch.add_port(spec);
        let id = added.map_err(|error| self.port_mistake(&port.name, &error))?;
        match self.serve(id, port) {
            Ok(served) => {
                let plugged = Plugged { id, _port: served };
                self.running.ports.insert(port.name.clone(), plugged);
                Ok(())
            }
            Err(error) => {
                self.switch.remove_port(id);
                let problem = format!("it cannot start: {error}");
                Err(self.system(&port.name, "name", problem))
            }
        }
    }

    fn serve(&self, id: PortId, port: &PortConfig) -> io::Result<Port> {
        let socket = self.wanted.socket(port);
        let side = match port.mode {
            Mode::Server => Side::Server(self.running.sockets.listener(&socket)?),
            Mode::Client => Side::Client(socket),
        };
        Port::spawn(self.switch.clone(), id, &port.name, side)
    }

    /// Ends who serves a port, and with it its machine's connection, and removes the port.
    fn unplug(&mut self, name: &str) {
        if let Some(Plugged { id, _port: port }) = self.running.ports.remove(name) {
            drop(port);
            self.switch.remove_port(id);
        }
    }

    fn set_port(&self, port: &PortConfig) -> Result<(), Mistakes> {
        let Some(Plugged { id, .. }) = self.running.ports.get(&port.name) else {
            return Err(self.system(&port.name, "name", "it does not run".to_owned()));
        };
        let set = self.switch.set_port(*id, port.settings());
        set.map_err(|error| self.port_mistake(&port.name, &error))
    }

    /// A network that is not there is none to the switch either.
    fn network(&self, name: &str) -> NetworkId {
        let known = self.running.networks.get(name);
        known.copied().unwrap_or(NetworkId(u16::MAX))
    }

    fn network_mistake(&self, name: &str, error: &NetworkError) -> Mistakes {
        let networks = &self.wanted.networks;
        let at = networks.iter().position(|network| network.name == name);
        let path = Path::default().key("network").index(at.unwrap_or(0));
        let mistake = Mistake::new(path.key("name"), Kind::System, error.to_string(), "");
        Mistakes::from(Mistake {
            owner: format!("network `{name}`"),
            ..mistake
        })
    }

    fn port_mistake(&self, name: &str, error: &PortError) -> Mistakes {
        let mut mistakes = self.system(name, "name", error.to_string());
        for mistake in &mut mistakes.0 {
            match error {
                PortError::Refused { status, .. } => mistake.status = Some(*status),
                PortError::TooMany => {
                    mistake.kind = Kind::InUse;
                    mistake.remedy = "remove ports first and add others then".to_owned();
                }
                _ => {}
            }
        }
        mistakes
    }

    /// What the system did not do for a port.
    fn system(&self, name: &str, key: &'static str, problem: String) -> Mistakes {
        let ports = &self.wanted.ports;
        let at = ports.iter().position(|port| port.name == name);
        let path = Path::default().key("port").index(at.unwrap_or(0));
        Mistakes::from(Mistake {
            owner: format!("port `{name}`"),
            ..Mistake::new(path.key(key), Kind::System, problem, "")
        })
    }
}

/// Whether a change of a port takes it away and puts it back.
fn is_replaced(before: &PortConfig, after: &PortConfig) -> bool {
    let place = |port: &PortConfig| (port.network.clone(), port.mode, port.socket.clone());
    place(before) != place(after)
}
