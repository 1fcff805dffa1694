//! Who wants which group, of all networks.

use vmq::Tick;

use super::State;
use crate::PortId;
use crate::policy::{Overheard, PortPolicy, PrivateRole, Snooper, VlanMode};

impl State {
    /// Takes note of what was overheard; true if workers are to know something else.
    pub(crate) fn hear(&mut self, overheard: impl Iterator<Item = Overheard>, now: Tick) -> bool {
        let mut has_changed = vec![false; self.networks.len()];
        for overheard in overheard {
            let Some((port, network)) = self.find(overheard.port) else {
                continue;
            };
            let is_trusted = may_be_router(&port.settings.policy);
            let at = usize::from(port.network.0);
            if let Some(snooper) = &mut network.snooper {
                has_changed[at] |= snooper.hear(
                    overheard.port,
                    overheard.vlan,
                    is_trusted,
                    overheard.lookahead(),
                    now,
                );
            }
        }
        self.groups_changed(&has_changed)
    }

    /// Forgets what is over; true if workers are to know something else.
    pub(crate) fn age_groups(&mut self, now: Tick) -> bool {
        let mut age = |snooper: &mut Snooper| snooper.age(now);
        let networks = self.networks.iter_mut();
        let has_changed: Vec<_> = networks
            .map(|network| {
                let snooper = network
                    .as_mut()
                    .and_then(|network| network.snooper.as_mut());
                snooper.is_some_and(&mut age)
            })
            .collect();
        self.groups_changed(&has_changed)
    }

    /// When [`State::age_groups`] has something to do next.
    pub(crate) fn next_change_of_groups(&self) -> Option<Tick> {
        let snoopers = self
            .networks()
            .filter_map(|(_, network)| network.snooper.as_ref());
        snoopers.filter_map(Snooper::next_change).min()
    }

    /// A port's machine is gone, and with it what it wanted.
    pub(super) fn forget_groups(&mut self, id: PortId) {
        if let Some((_, network)) = self.find(id)
            && let Some(snooper) = &mut network.snooper
            && snooper.forget(id)
        {
            network.groups_changed();
        }
    }

    fn groups_changed(&mut self, has_changed: &[bool]) -> bool {
        for (network, has_changed) in self.networks.iter_mut().zip(has_changed) {
            if let Some(network) = network.as_mut().filter(|_| *has_changed) {
                network.groups_changed();
            }
        }
        has_changed.contains(&true)
    }
}

/// Whether what a port's machine says as a multicast router is believed. One that is kept apart from others could ask what they
/// do not hear, and have them forgotten.
fn may_be_router(policy: &PortPolicy) -> bool {
    let is_kept_apart = match &policy.vlan {
        VlanMode::Private { role, .. } => *role != PrivateRole::Promiscuous,
        _ => policy.isolated,
    };
    !policy.router_guard && !is_kept_apart
}
