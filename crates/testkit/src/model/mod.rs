//! The naive model switch: what a learning switch with static filters must deliver, in the plainest words possible.
//!
//! Product and model are given the same frames in the same order; their deliveries must be equal. So the model has no
//! batch, no table to compile and no speed, and knows nothing of how the product does it.
//!
//! Invariant: the result depends on nothing but the calls made so far (no clock, no iteration over a hash map).

mod vlan;

use std::collections::{BTreeMap, HashMap};

pub use self::vlan::{Policy, Vlans};
use self::vlan::{may_talk, untag};
use crate::frames::Mac;

/// A port's number, chosen by the test.
pub type Port = u16;

/// A switch with ports, static filters and learnt addresses.
#[derive(Clone, Debug, Default)]
pub struct Switch {
    ports: BTreeMap<Port, Policy>,
    is_hub: bool,
    exact: HashMap<(u16, Mac), Port>,
    any_vlan: HashMap<Mac, Port>,
    learnt: HashMap<(u16, Mac), Port>,
}

impl Switch {
    /// No ports yet.
    pub fn new() -> Switch {
        Switch::default()
    }

    /// Plugs a port in.
    pub fn add_port(&mut self, port: Port) {
        self.ports.insert(port, Policy::default());
    }

    /// Says what a port keeps to. In other VLANs than before, nothing is known of it.
    pub fn set_policy(&mut self, port: Port, policy: Policy) {
        let before = self.ports.insert(port, policy.clone());
        if before.is_none_or(|before| before.vlans != policy.vlans) {
            self.learnt.retain(|_, owner| *owner != port);
        }
    }

    /// Makes it a hub, or a switch again.
    pub fn set_hub(&mut self, is_hub: bool) {
        self.is_hub = is_hub;
    }

    /// Unplugs a port; its filters and everything learnt on it are gone.
    pub fn remove_port(&mut self, port: Port) {
        self.ports.remove(&port);
        self.exact.retain(|_, owner| *owner != port);
        self.any_vlan.retain(|_, owner| *owner != port);
        self.learnt.retain(|_, owner| *owner != port);
    }

    /// Sets a static filter: `mac` belongs to `port`, in one VLAN (0: untagged) or, with `None`, in all of them.
    ///
    /// What had been learnt about the address is forgotten: a static filter always wins.
    pub fn set_filter(&mut self, port: Port, mac: Mac, vlan: Option<u16>) {
        match vlan {
            Some(vlan) => {
                self.exact.insert((vlan, mac), port);
                self.learnt.remove(&(vlan, mac));
            }
            None => {
                self.any_vlan.insert(mac, port);
                self.learnt.retain(|(_, known), _| *known != mac);
            }
        }
    }

    /// Takes a static filter away.
    pub fn clear_filter(&mut self, mac: Mac, vlan: Option<u16>) {
        match vlan {
            Some(vlan) => self.exact.remove(&(vlan, mac)),
            None => self.any_vlan.remove(&mac),
        };
    }

    /// Forgets a learnt address, as the product does when it has aged.
    pub fn forget(&mut self, vlan: u16, mac: Mac) {
        self.learnt.remove(&(vlan, mac));
    }

    /// The port that frames to this address go to, if it is known.
    pub fn owner(&self, vlan: u16, mac: Mac) -> Option<Port> {
        self.fixed(vlan, mac)
            .or_else(|| self.learnt.get(&(vlan, mac)).copied())
    }

    /// The VLAN in which a frame from `port` is taken, if it is.
    pub fn vlan_of(&self, port: Port, frame: &[u8]) -> Option<u16> {
        let (tag, _) = untag(frame).ok()?;
        self.ports.get(&port)?.vlans.of(tag)
    }

    /// Port `from` sends `frame`: learns from it and gives the deliveries, by ascending port.
    ///
    /// A frame shorter than an Ethernet header, from a group address or from a port that is not there, goes nowhere. A frame
    /// whose destination lives at the sender's own port goes nowhere either.
    pub fn send(&mut self, from: Port, frame: &[u8]) -> Vec<(Port, Vec<u8>)> {
        let Some(sender) = self.ports.get(&from).cloned() else {
            return Vec::new();
        };
        if self.is_hub {
            return self.to_others(from, |_, to| {
                may_talk(&sender, to, 0).then(|| frame.to_vec())
            });
        }
        let Some((dst, src)) = addresses(frame) else {
            return Vec::new();
        };
        if is_group(src) {
            return Vec::new();
        }
        if is_link_local(dst) {
            if sender.guarded && !self.has_filter(from, src) {
                return Vec::new();
            }
            return self.to_others(from, |_, to| {
                let passes = sender.link_local && to.link_local;
                (passes && !(sender.isolated && to.isolated)).then(|| frame.to_vec())
            });
        }
        let Ok((tag, bare)) = untag(frame) else {
            return Vec::new();
        };
        let Some(vlan) = sender.vlans.of(tag) else {
            return Vec::new();
        };
        if sender.guarded && self.fixed(vlan, src) != Some(from) {
            return Vec::new();
        }
        if self.fixed(vlan, src).is_none() {
            self.learnt.insert((vlan, src), from);
        }
        let known = if is_group(dst) {
            None
        } else {
            self.owner(vlan, dst)
        };
        self.to_others(from, |port, to| {
            let is_meant = known.is_none_or(|known| known == port);
            if is_meant && may_talk(&sender, to, vlan) {
                to.vlans.give(vlan, tag, &bare)
            } else {
                None
            }
        })
    }

    fn to_others(
        &self,
        from: Port,
        give: impl Fn(Port, &Policy) -> Option<Vec<u8>>,
    ) -> Vec<(Port, Vec<u8>)> {
        let others = self.ports.iter().filter(|(port, _)| **port != from);
        others
            .filter_map(|(port, policy)| Some((*port, give(*port, policy)?)))
            .collect()
    }

    /// Whether a port has a filter for the address, in whatever VLAN.
    fn has_filter(&self, port: Port, mac: Mac) -> bool {
        let exact = self
            .exact
            .iter()
            .any(|((_, known), owner)| (*known, *owner) == (mac, port));
        exact || self.any_vlan.get(&mac) == Some(&port)
    }

    fn fixed(&self, vlan: u16, mac: Mac) -> Option<Port> {
        self.exact
            .get(&(vlan, mac))
            .or_else(|| self.any_vlan.get(&mac))
            .copied()
    }
}

fn addresses(frame: &[u8]) -> Option<(Mac, Mac)> {
    frame.get(12..14)?;
    let dst = frame.get(0..6)?.try_into().ok()?;
    let src = frame.get(6..12)?.try_into().ok()?;
    Some((dst, src))
}

fn is_group(mac: Mac) -> bool {
    mac[0] & 1 != 0
}

fn is_link_local(mac: Mac) -> bool {
    mac[..5] == [0x01, 0x80, 0xc2, 0, 0] && mac[5] < 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::{BROADCAST, Builder, station};

    fn switch(ports: Port) -> Switch {
        let mut switch = Switch::new();
        (1..=ports).for_each(|port| switch.add_port(port));
        switch
    }

    fn to_ports(deliveries: &[(Port, Vec<u8>)]) -> Vec<Port> {
        deliveries.iter().map(|(port, _)| *port).collect()
    }

    #[test]
    fn the_unknown_floods_and_the_learnt_does_not() {
        let mut switch = switch(3);
        let there = Builder::new(station(2), station(1)).build(0);
        let back = Builder::new(station(1), station(2)).build(0);
        assert_eq!(to_ports(&switch.send(1, &there)), [2, 3]);
        assert_eq!(switch.send(2, &back), [(1, back.clone())]);
        assert_eq!(switch.send(1, &there), [(2, there.clone())]);
    }

    #[test]
    fn a_group_address_floods_and_is_never_learnt() {
        let mut switch = switch(3);
        let everybody = Builder::new(BROADCAST, station(1)).build(0);
        assert_eq!(to_ports(&switch.send(2, &everybody)), [1, 3]);
        let forged = Builder::new(station(9), BROADCAST).build(0);
        switch.send(3, &forged);
        assert_eq!(switch.owner(0, BROADCAST), None);
    }

    #[test]
    fn vlans_know_nothing_of_each_other() {
        let mut switch = switch(3);
        switch.send(1, &Builder::new(BROADCAST, station(1)).vlan(5, 0).build(0));
        let same = Builder::new(station(1), station(2)).vlan(5, 7).build(0);
        let other = Builder::new(station(1), station(2)).vlan(6, 0).build(0);
        let priority_only = Builder::new(station(1), station(2)).vlan(0, 7).build(0);
        assert_eq!(to_ports(&switch.send(2, &same)), [1]);
        assert_eq!(to_ports(&switch.send(2, &other)), [1, 3]);
        assert_eq!(to_ports(&switch.send(2, &priority_only)), [1, 3]);
        assert_eq!(switch.owner(0, station(2)), Some(2));
    }

    #[test]
    fn a_static_filter_wins_over_what_others_send() {
        let mut switch = switch(3);
        switch.set_filter(1, station(1), None);
        switch.send(2, &Builder::new(BROADCAST, station(1)).vlan(4, 0).build(0));
        assert_eq!(switch.owner(4, station(1)), Some(1));
        switch.set_filter(3, station(1), Some(4));
        assert_eq!(switch.owner(4, station(1)), Some(3));
        switch.clear_filter(station(1), Some(4));
        switch.clear_filter(station(1), None);
        assert_eq!(switch.owner(4, station(1)), None);
    }

    #[test]
    fn a_station_that_moves_is_found_at_its_new_port() {
        let mut switch = switch(3);
        let hello = Builder::new(BROADCAST, station(1)).build(0);
        switch.send(1, &hello);
        switch.send(3, &hello);
        assert_eq!(switch.owner(0, station(1)), Some(3));
        switch.forget(0, station(1));
        assert_eq!(switch.owner(0, station(1)), None);
    }

    #[test]
    fn nothing_returns_to_the_port_it_came_from() {
        let mut switch = switch(2);
        switch.send(1, &Builder::new(BROADCAST, station(8)).build(0));
        switch.send(1, &Builder::new(BROADCAST, station(9)).build(0));
        assert!(
            switch
                .send(1, &Builder::new(station(8), station(9)).build(0))
                .is_empty()
        );
    }

    #[test]
    fn a_port_that_left_neither_sends_nor_receives_nor_is_remembered() {
        let mut switch = switch(3);
        let hello = Builder::new(BROADCAST, station(1)).build(0);
        switch.send(1, &hello);
        switch.remove_port(1);
        assert!(switch.send(1, &hello).is_empty());
        assert_eq!(
            to_ports(&switch.send(2, &Builder::new(station(1), station(2)).build(0))),
            [3]
        );
        assert!(switch.send(2, &[0; 13]).is_empty());
    }

    #[test]
    fn each_vlan_mode_gives_and_takes_tags() {
        let mut switch = switch(4);
        let with = |vlans| Policy {
            vlans,
            ..Policy::default()
        };
        switch.set_policy(1, with(Vlans::Access(5)));
        let trunk = |native| Vlans::Trunk {
            allowed: [5, 6].into(),
            native,
        };
        switch.set_policy(2, with(trunk(None)));
        switch.set_policy(3, with(trunk(Some(5))));
        switch.set_policy(4, with(Vlans::Untagged));
        let plain = Builder::new(BROADCAST, station(1)).build(0);
        let tagged = Builder::new(BROADCAST, station(1)).vlan(5, 0).build(0);
        // The builder makes both as long; the tag takes room from what is behind.
        let mut in_5 = plain.clone();
        in_5.splice(12..12, [0x81, 0, 0, 5]);
        assert_eq!(
            switch.send(1, &plain),
            [(2, in_5.clone()), (3, plain.clone())]
        );
        assert!(switch.send(1, &tagged).is_empty());
        assert!(switch.send(2, &plain).is_empty());
        assert_eq!(
            switch.send(2, &in_5),
            [(1, plain.clone()), (3, plain.clone())]
        );
        assert!(switch.send(4, &plain).is_empty());
    }

    #[test]
    fn a_hub_gives_everything_to_everybody_else() {
        let mut switch = switch(3);
        switch.set_hub(true);
        let bpdu = Builder::new([0x01, 0x80, 0xc2, 0, 0, 0], station(1)).build(0);
        for from in 1..4 {
            assert_eq!(switch.send(from, &bpdu).len(), 2);
        }
        switch.set_hub(false);
        assert!(switch.send(1, &bpdu).is_empty());
    }
}
