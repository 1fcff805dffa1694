//! What becomes of the addresses that workers see, and of those that nobody sees any more.

use vmq::{Learned, Tick};

use super::State;
use crate::event::Event;
use crate::learning::Sighting;

/// So many moves in a row are no machine's that is migrated.
const FLAPPING: u32 = 4;

impl State {
    /// Learns what the workers saw; true if a table changed.
    pub(crate) fn learn(&mut self, sightings: impl Iterator<Item = Sighting>, now: Tick) -> bool {
        let mut has_changed = false;
        for Sighting { port, vlan, mac } in sightings {
            let Some((seen_at, network)) = self.find(port) else {
                continue;
            };
            let learned = network.engine.learn(seen_at.queue, vlan, mac, now);
            let (to, network) = (seen_at.name.clone(), network.name.clone());
            let vlan = vlan.0;
            match learned {
                Learned::New => self.log.note(Event::AddressLearned {
                    network,
                    port: to,
                    vlan,
                    mac,
                }),
                Learned::Moved { from, moves } if moves < FLAPPING => {
                    let from = self.name_of_queue(port, from);
                    self.log.note(Event::AddressMoved {
                        network,
                        vlan,
                        mac,
                        from,
                        to,
                    });
                }
                // Not each time: one address would push everything else out of the log.
                Learned::Moved { from, moves } if moves.is_power_of_two() => {
                    let from = self.name_of_queue(port, from);
                    self.log.note(Event::AddressFlapping {
                        network,
                        vlan,
                        mac,
                        from,
                        to,
                        moves,
                    });
                }
                Learned::Moved { .. } => {}
                Learned::Known | Learned::Refused(_) => continue,
            }
            has_changed = true;
        }
        has_changed
    }

    /// Forgets addresses not seen for long; true if a table changed.
    pub(crate) fn age(&mut self, now: Tick) -> bool {
        let mut has_changed = false;
        for network in self.networks.iter_mut().flatten() {
            let addresses = network.engine.age(now).len();
            if addresses > 0 {
                has_changed = true;
                let network = network.name.clone();
                self.log.note(Event::AddressesAged { network, addresses });
            }
        }
        has_changed
    }

    /// When addresses may have to be forgotten next.
    pub(crate) fn next_expiry(&self) -> Option<Tick> {
        let expiries = self
            .networks()
            .map(|(_, network)| network.engine.next_expiry());
        expiries.flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vmq::{Mac, VlanId};

    use super::*;
    use crate::doubles::Taker;
    use crate::event::EventLog;
    use crate::policy::{Learning, NetworkPolicy, PortPolicy};
    use crate::{NetworkId, NetworkSpec, PortId, PortSettings, PortSpec};

    /// Ports of a network that keeps addresses for so many seconds, each open for frames and with such rules for learning.
    fn ports<const N: usize>(
        state: &mut State,
        network: &str,
        max_age_seconds: u32,
        learning: Learning,
    ) -> [PortId; N] {
        let spec = NetworkSpec {
            name: network.to_owned(),
            policy: NetworkPolicy {
                max_age_seconds,
                ..NetworkPolicy::default()
            },
        };
        let id = state.add_network(spec).unwrap();
        std::array::from_fn(|at| open(state, format!("{network}{at}"), id, learning))
    }

    fn open(state: &mut State, name: String, network: NetworkId, learning: Learning) -> PortId {
        let spec = PortSpec {
            name,
            network,
            settings: with(learning),
        };
        let port = state.add_port(spec).unwrap();
        state.connect(port, Box::new(|fault| panic!("{fault}")));
        let taker = Taker::new(state, port);
        state.set_to_guest(port, 0, Some(Arc::new(taker)));
        port
    }

    fn with(learning: Learning) -> PortSettings {
        PortSettings {
            policy: PortPolicy {
                learning,
                ..PortPolicy::default()
            },
            ..PortSettings::default()
        }
    }

    fn seen(port: PortId, address: u8) -> Sighting {
        Sighting {
            port,
            vlan: VlanId(0),
            mac: Mac([2, 0, 0, 0, 0, address]),
        }
    }

    /// The last bytes of the addresses learnt behind a port.
    fn learnt(state: &State, port: PortId) -> Vec<u8> {
        let port = state.port(port).unwrap();
        let network = state.network(port.network).unwrap();
        let filters = network.engine.filters(port.queue).unwrap();
        let exact = filters.filter_map(|filter| filter.criteria.exact());
        exact.map(|filter| filter.mac.0[5]).collect()
    }

    fn state() -> (State, Arc<EventLog>) {
        let log = Arc::new(EventLog::default());
        (State::new(vec![None], log.clone()), log)
    }

    #[test]
    fn an_address_that_comes_and_goes_is_told_of_ever_more_rarely() {
        let (mut state, log) = state();
        let here = ports::<2>(&mut state, "n", 300, Learning::default());
        let mut events = log.reader();
        for move_ in 0..=20_usize {
            let now = Tick(move_ as u32);
            assert!(state.learn([seen(here[move_ % 2], 7)].into_iter(), now));
        }
        let told: Vec<_> = events
            .take(99)
            .events
            .into_iter()
            .map(|told| told.event)
            .collect();
        let flaps = |told: &Event| match told {
            Event::AddressFlapping { moves, from, .. } => Some((*moves, from.clone())),
            _ => None,
        };
        assert!(matches!(told[0], Event::AddressLearned { .. }));
        let moved = |told: &&Event| matches!(told, Event::AddressMoved { .. });
        assert_eq!(told.iter().filter(moved).count(), 3);
        let flapping: Vec<_> = told.iter().filter_map(flaps).collect();
        assert_eq!(flapping, [4, 8, 16].map(|moves| (moves, "n1".to_owned())));
        assert_eq!(told.len(), 1 + 3 + 3);
        // After a quiet while it is one move like any other.
        state.learn([seen(here[1], 7)].into_iter(), Tick(200));
        let told = events.take(99).events.swap_remove(0).event;
        assert!(matches!(told, Event::AddressMoved { .. }), "{told:?}");
    }

    #[test]
    fn a_port_has_no_more_addresses_than_its_limit_whenever_that_is_set() {
        let (mut state, _) = state();
        let limit = |limit| Learning {
            limit,
            no_moves: false,
        };
        let [port, other] = ports(&mut state, "n", 300, limit(Some(2)));
        let all = |port| (1..=4).map(move |address| seen(port, address));
        state.learn(all(port), Tick(1));
        assert_eq!(learnt(&state, port), [1, 2]);
        state.learn([seen(port, 2)].into_iter(), Tick(5));
        // Who was silent for longest goes.
        state.set_port(port, with(limit(Some(1))), &[]).unwrap();
        assert_eq!(learnt(&state, port), [2]);
        state.set_port(port, with(limit(Some(0))), &[]).unwrap();
        assert!(!state.learn(all(port), Tick(6)));
        assert!(learnt(&state, port).is_empty());
        state.set_port(port, with(limit(None)), &[]).unwrap();
        assert!(state.learn(all(port), Tick(7)));
        assert_eq!(learnt(&state, port), [1, 2, 3, 4]);
        // Another port's limit is its own.
        state.learn((5..9).map(|address| seen(other, address)), Tick(8));
        assert_eq!(learnt(&state, other), [5, 6]);
    }

    #[test]
    fn an_address_does_not_move_to_a_port_that_takes_no_moves() {
        let (mut state, _) = state();
        let fixed = Learning {
            limit: None,
            no_moves: true,
        };
        let [owner, thief] = ports(&mut state, "n", 300, fixed);
        assert!(state.learn([seen(owner, 1)].into_iter(), Tick(1)));
        assert!(!state.learn([seen(thief, 1)].into_iter(), Tick(2)));
        assert_eq!(learnt(&state, owner), [1]);
        // What nobody else has is learnt, and it may go where moves are taken.
        assert!(state.learn([seen(thief, 2)].into_iter(), Tick(3)));
        let settings = with(Learning::default());
        state.set_port(owner, settings, &[]).unwrap();
        assert!(state.learn([seen(owner, 2)].into_iter(), Tick(4)));
        assert_eq!(learnt(&state, owner), [1, 2]);
    }

    #[test]
    fn each_network_forgets_in_its_own_time() {
        let (mut state, log) = state();
        let [quick] = ports(&mut state, "quick", 10, Learning::default());
        let [slow] = ports(&mut state, "slow", 60, Learning::default());
        state.learn([seen(quick, 1), seen(slow, 1)].into_iter(), Tick(0));
        let mut events = log.reader();
        assert!(!state.age(Tick(9)));
        assert!(state.age(Tick(10)));
        assert_eq!(
            (learnt(&state, quick), learnt(&state, slow)),
            (vec![], vec![1])
        );
        let told = events.take(99).events.swap_remove(0).event;
        let aged = Event::AddressesAged {
            network: "quick".to_owned(),
            addresses: 1,
        };
        assert_eq!(told, aged);
        // A shorter time counts for what is there already.
        let network = state.port(slow).unwrap().network;
        let policy = NetworkPolicy {
            max_age_seconds: 5,
            ..NetworkPolicy::default()
        };
        state.set_network(network, policy, &[]).unwrap();
        assert!(state.next_expiry().is_some_and(|expiry| expiry <= Tick(11)));
        assert!(state.age(Tick(12)));
        assert!(learnt(&state, slow).is_empty());
    }
}
