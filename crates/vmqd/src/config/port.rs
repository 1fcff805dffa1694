//! One port: its name, its socket, and the addresses that are its machine's.

use std::path::Path;

use switch::{MIN_MTU, WhenFull};
use toml::Spanned;
use vmq::{Filter, VlanId, VlanTest};

use super::judge::{Judge, Place};
use super::plan::{Mode, PortPlan, Usual, check_port_name, socket_in};
use super::schema::{self, Macs};
use crate::{mac, sockets};

/// The most addresses of one port.
const MAX_MACS: usize = 64;

impl Judge<'_> {
    pub(super) fn port_of_option(
        &mut self,
        dir: &Path,
        usual: &Usual,
        name: &str,
    ) -> Option<PortPlan> {
        let place = Place::Option("--port");
        self.name(name, &place)?;
        let socket = socket_in(dir, name);
        self.socket(&socket, &place, "port");
        Some(PortPlan {
            name: name.to_owned(),
            mode: Mode::Server,
            socket,
            filters: Vec::new(),
            mtu: usual.mtu,
            when_full: usual.when_full,
        })
    }

    pub(super) fn port_of_file(
        &mut self,
        dir: &Path,
        usual: &Usual,
        port: Spanned<schema::Port>,
    ) -> Option<PortPlan> {
        let header = Place::File(port.span());
        let schema::Port {
            name,
            mode,
            socket,
            mac,
            vlan,
            mtu,
            when_full,
        } = port.into_inner();
        let mode = self.mode(mode);
        let filters = self.filters(mac, vlan);
        let mtu = mtu
            .and_then(|mtu| {
                let place = Place::File(mtu.span());
                self.mtu(&place, "port.mtu", *mtu.get_ref())
            })
            .or(usual.mtu);
        let when_full = when_full
            .and_then(|text| {
                let place = Place::File(text.span());
                self.when_full(&place, "port.when_full", text.get_ref())
            })
            .unwrap_or(usual.when_full);
        let Some(name) = name else {
            self.object(
                &header,
                "port.name",
                "the port has no name",
                "add one, for example name = \"p0\"",
            );
            return None;
        };
        let at_name = Place::File(name.span());
        let name = name.into_inner();
        self.name(&name, &at_name)?;
        let (socket, place, field) = match socket {
            Some(path) => {
                let place = Place::File(path.span());
                if path.get_ref().is_empty() {
                    self.object(
                        &place,
                        "port.socket",
                        "the path is empty",
                        "name a file, or leave the key out",
                    );
                }
                (dir.join(path.into_inner()), place, "port.socket")
            }
            None => (socket_in(dir, &name), at_name, "port.name"),
        };
        self.socket(&socket, &place, field);
        Some(PortPlan {
            name,
            mode,
            socket,
            filters,
            mtu,
            when_full,
        })
    }

    fn name(&mut self, name: &str, place: &Place) -> Option<()> {
        if let Err((problem, remedy)) = check_port_name(name) {
            self.object(place, "port.name", problem, remedy);
            return None;
        }
        if let Some(first) = self.names.insert(name.to_owned(), place.clone()) {
            let problem = format!("port `{name}` is there already, {}", self.told(&first));
            self.object(
                place,
                "port.name",
                problem,
                "give each port a name of its own",
            );
            return None;
        }
        Some(())
    }

    fn mode(&mut self, mode: Option<Spanned<String>>) -> Mode {
        const KNOWN: [(&str, &str, Mode); 2] = [
            ("server", "the switch listens", Mode::Server),
            ("client", "the VMM listens", Mode::Client),
        ];
        mode.and_then(|mode| {
            let place = Place::File(mode.span());
            self.choice(&place, "port.mode", mode.get_ref(), &KNOWN)
        })
        .unwrap_or(Mode::Server)
    }

    /// The largest payload, as a port or the switch says it.
    pub(super) fn mtu(&mut self, place: &Place, field: &str, mtu: i64) -> Option<u16> {
        let valid = u16::try_from(mtu).ok().filter(|mtu| *mtu >= MIN_MTU);
        if valid.is_none() {
            let remedy = format!(
                "use {MIN_MTU} to {}, or leave it out for frames of any size",
                u16::MAX
            );
            self.object(
                place,
                field,
                format!("there is no MTU of {mtu} bytes"),
                remedy,
            );
        }
        valid
    }

    /// What becomes of frames without buffers, as a port or the switch says it.
    pub(super) fn when_full(&mut self, place: &Place, field: &str, text: &str) -> Option<WhenFull> {
        const KNOWN: [(&str, &str, WhenFull); 2] = [
            (
                "hold",
                "a frame without buffers waits a while",
                WhenFull::Hold,
            ),
            ("drop", "it is lost at once", WhenFull::Drop),
        ];
        self.choice(place, field, text, &KNOWN)
    }

    fn socket(&mut self, socket: &Path, place: &Place, field: &str) {
        self.check_length(socket, place, field, "use a shorter directory or name");
        if let Some(first) = self.sockets.insert(socket.to_path_buf(), place.clone()) {
            let problem = format!(
                "{} is the socket of another port or of the control socket, {}",
                socket.display(),
                self.told(&first)
            );
            self.object(place, field, problem, "give each port a socket of its own");
        }
    }

    pub(super) fn check_length(&mut self, socket: &Path, place: &Place, field: &str, remedy: &str) {
        if !sockets::fits(socket) {
            let problem = format!(
                "{} has {} bytes and a socket's path at most {}",
                socket.display(),
                socket.as_os_str().len(),
                sockets::MAX_PATH
            );
            self.object(place, field, problem, remedy);
        }
    }

    fn filters(&mut self, macs: Option<Spanned<Macs>>, vlan: Option<Spanned<i64>>) -> Vec<Filter> {
        let vlan = self.vlan(vlan, macs.is_some());
        let Some(macs) = macs else { return Vec::new() };
        let whole = macs.span();
        let list = match macs.into_inner() {
            Macs::One(text) => vec![(text, whole.clone())],
            Macs::List(list) => list
                .into_iter()
                .map(|item| (item.get_ref().clone(), item.span()))
                .collect(),
        };
        if !(1..=MAX_MACS).contains(&list.len()) {
            let problem = format!("the list has {} addresses", list.len());
            let remedy =
                format!("give 1 to {MAX_MACS}, or remove the key to let the switch learn them");
            self.object(&Place::File(whole), "port.mac", problem, remedy);
            return Vec::new();
        }
        list.into_iter()
            .filter_map(|(text, span)| self.filter(&text, vlan, &Place::File(span)))
            .collect()
    }

    fn vlan(&mut self, vlan: Option<Spanned<i64>>, has_mac: bool) -> VlanTest {
        let Some(vlan) = vlan else {
            return VlanTest::Any;
        };
        let place = Place::File(vlan.span());
        if !has_mac {
            let remedy = "add mac = \"...\", or remove the key";
            self.object(
                &place,
                "port.vlan",
                "a VLAN without an address filters nothing",
                remedy,
            );
        }
        let number = vlan.into_inner();
        // 0 is "untagged" and 4095 is reserved (IEEE 802.1Q, 9.6).
        let id = u16::try_from(number)
            .ok()
            .filter(|id| (1..=4094).contains(id))
            .map(VlanId);
        if id.is_none() {
            let remedy = "use 1 to 4094, or remove the key for every VLAN";
            self.object(
                &place,
                "port.vlan",
                format!("there is no VLAN {number}"),
                remedy,
            );
        }
        id.map_or(VlanTest::Any, VlanTest::Id)
    }

    fn filter(&mut self, text: &str, vlan: VlanTest, place: &Place) -> Option<Filter> {
        let mac = match mac::station(text) {
            Ok(mac) => mac,
            Err(error) => {
                self.object(place, "port.mac", format!("`{text}`: {error}"), "");
                return None;
            }
        };
        // Two ports that accept the same frame would leave the choice to the order of the file.
        let others = self.filters.entry(mac).or_default();
        let clash = others
            .iter()
            .find(|(other, _)| *other == vlan || *other == VlanTest::Any || vlan == VlanTest::Any);
        if let Some((_, first)) = clash.cloned() {
            let problem = format!("{mac} is there already, {}", self.told(&first));
            self.object(
                place,
                "port.mac",
                problem,
                "an address belongs to one port of a VLAN",
            );
            return None;
        }
        others.push((vlan, place.clone()));
        Some(Filter { mac, vlan })
    }
}
