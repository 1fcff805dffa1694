//! Names and sockets: each is one's own.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::{Path as FilePath, PathBuf};

use super::{Judge, Kind, Mistake, Path};
use crate::config::wanted::{CONTROL_SOCKET, DEFAULT_NETWORK};
use crate::sockets;

/// Why `name` can be no name of a port or a network, and what to do.
pub(crate) fn check_name(name: &str) -> Result<(), (&'static str, &'static str)> {
    const RULE: &str = "use 1 to 32 of the characters A-Z a-z 0-9 _ . -";
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    match name {
        "" => Err(("the name is empty", RULE)),
        // A URL's path cannot carry them.
        "." | ".." => Err(("a name of dots alone leads elsewhere", RULE)),
        _ if name.len() > 32 => Err(("the name is longer than 32 characters", RULE)),
        _ if name.bytes().all(is_plain) => Ok(()),
        _ => Err(("the name has a character that is not allowed", RULE)),
    }
}

impl Judge<'_> {
    pub(super) fn names_of_networks(&mut self) {
        let networks = &self.config.networks;
        let names = networks.iter().map(|network| network.name.as_str());
        self.names("network", names);
    }

    pub(super) fn names_of_ports(&mut self) {
        let ports = &self.config.ports;
        self.names("port", ports.iter().map(|port| port.name.as_str()));
        for (at, port) in ports.iter().enumerate() {
            let path = Path::default().key("port").index(at);
            if port.name == CONTROL_SOCKET {
                self.object(
                    path.clone().key("name"),
                    format!("`{CONTROL_SOCKET}` is the name of the control socket"),
                    "choose another name",
                );
            }
            if self.config.network_policy(&port.network).is_none() {
                let known = self.config.networks.iter().map(|network| &*network.name);
                let mut known: Vec<_> = known.chain([DEFAULT_NETWORK]).collect();
                known.dedup();
                let remedy = format!(
                    "add a [[network]] of that name, or use one of {}",
                    known.join(", ")
                );
                let problem = format!("there is no network `{}`", port.network);
                self.note(Mistake::new(
                    path.key("network"),
                    Kind::Unknown,
                    problem,
                    remedy,
                ));
            }
        }
    }

    fn names<'n>(&mut self, what: &'static str, names: impl Iterator<Item = &'n str>) {
        let mut seen = HashMap::new();
        for (at, name) in names.enumerate() {
            let path = Path::default().key(what).index(at).key("name");
            if let Err((problem, remedy)) = check_name(name) {
                self.object(path, problem, remedy);
            } else if let Some(first) = seen.get(name).cloned() {
                let problem = format!("{what} `{name}` is there already");
                let remedy = format!("give each {what} a name of its own");
                self.note(Mistake {
                    other: Some(first),
                    ..Mistake::new(path, Kind::Taken, problem, remedy)
                });
            } else {
                seen.insert(name, path);
            }
        }
    }

    pub(super) fn sockets(&mut self) {
        let mut names = HashSet::new();
        let mut seen: HashMap<PathBuf, (Path, String)> = HashMap::new();
        let dir = Path::default().key("switch").key("dir");
        let control = self.config.control_socket();
        seen.insert(control, (dir, "the control socket".to_owned()));
        for (at, port) in self.config.ports.iter().enumerate() {
            let path = Path::default().key("port").index(at);
            let is_named = port.name != CONTROL_SOCKET
                && check_name(&port.name).is_ok()
                && names.insert(port.name.as_str());
            let path = match &port.socket {
                Some(socket) if socket.as_os_str().is_empty() => {
                    let remedy = "name a file, or leave the key out";
                    self.object(path.key("socket"), "the path is empty", remedy);
                    continue;
                }
                Some(_) => path.key("socket"),
                None if is_named => path.key("name"),
                // The name is wrong already.
                None => continue,
            };
            let socket = self.config.socket(port);
            self.fits(&socket, path.clone(), "use a shorter directory or name");
            match seen.entry(socket) {
                Entry::Occupied(taken) => {
                    let (first, whose) = taken.get().clone();
                    let problem = format!("{} is the socket of {whose}", taken.key().display());
                    let remedy = "give each port a socket of its own";
                    self.note(Mistake {
                        other: Some(first),
                        ..Mistake::new(path, Kind::Taken, problem, remedy)
                    });
                }
                Entry::Vacant(free) => {
                    free.insert((path, format!("port `{}`", port.name)));
                }
            }
        }
    }

    /// A socket's path fits into its address.
    pub(super) fn fits(&mut self, socket: &FilePath, path: Path, remedy: &str) {
        if !sockets::fits(socket) {
            let problem = format!(
                "{} has {} bytes and a socket's path at most {}",
                socket.display(),
                socket.as_os_str().len(),
                sockets::MAX_PATH
            );
            self.object(path, problem, remedy);
        }
    }
}
