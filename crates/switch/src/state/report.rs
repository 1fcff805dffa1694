//! What control says of itself.

use vmq::VlanTest;

use super::State;
use super::network::Network;
use super::port::{Pair, Port};
use crate::Totals;
use crate::explain::{ExplainError, Explanation, Question};
use crate::offload::Offload;
use crate::port::PortId;
use crate::status::{FilterStatus, NetworkStatus, PairStatus, PortStatus, QueueStatus, RuleStatus};

impl State {
    /// What one worker did for all ports.
    pub(crate) fn totals_of(&self, worker: usize) -> Totals {
        let mut sum = self.gone[worker].clone();
        for (_, port) in self.ports() {
            sum.add(port.counters.lane(worker));
        }
        sum
    }

    pub(crate) fn network_status(&self) -> Vec<NetworkStatus> {
        let status = |(id, network): (_, &Network)| NetworkStatus {
            id,
            name: network.name.clone(),
            policy: network.policy.clone(),
            ports: self.ports().filter(|(_, port)| port.network == id).count(),
            filters: network.filters(),
            groups: network.snooper.as_ref().map_or_else(Vec::new, |snooper| {
                snooper.status(|port| {
                    self.port(port)
                        .map_or_else(String::new, |port| port.name.clone())
                })
            }),
        };
        self.networks().map(status).collect()
    }

    /// What would become of a frame that the guest of a port sends, with what it leaves undone.
    pub(crate) fn explain(
        &self,
        id: PortId,
        frame: &[u8],
        undone: Option<Offload>,
    ) -> Result<Explanation, ExplainError> {
        let unknown = ExplainError::UnknownPort(id.0);
        let port = self.port(id).ok_or(unknown.clone())?;
        let snapshot = self.current.as_deref().ok_or(unknown.clone())?;
        let entry = snapshot.port(id).cloned();
        let question = Question {
            snapshot,
            network: snapshot.network(port.network).ok_or(unknown)?,
            port: &entry.unwrap_or_else(|| port.absent_entry(id)),
            name: |id| {
                self.port(id)
                    .map_or_else(String::new, |port| port.name.clone())
            },
            frame,
            undone,
        };
        question.answer()
    }

    pub(crate) fn port_status(&self) -> Vec<PortStatus> {
        self.ports()
            .filter_map(|(id, port)| Some(status_of(id, port, self.network(port.network)?)))
            .collect()
    }
}

fn status_of(id: PortId, port: &Port, network: &Network) -> PortStatus {
    let queue = network.engine.queue(port.queue);
    let filters = network
        .engine
        .filters(port.queue)
        .into_iter()
        .flatten()
        .filter_map(|info| {
            let filter = info.criteria.exact()?;
            Some(FilterStatus {
                id: info.id.map(|id| id.0),
                mac: filter.mac.to_string(),
                vlan: match filter.vlan {
                    VlanTest::Any => None,
                    VlanTest::UntaggedOrZero => Some(0),
                    VlanTest::Id(id) => Some(id.0),
                },
            })
        });
    let link = port.link.as_ref();
    PortStatus {
        id,
        name: port.name.clone(),
        network: network.name.clone(),
        is_connected: link.is_some(),
        is_up: link.is_some_and(|link| link.gate.is_open() && link.runs()),
        mtu: link.map_or(port.settings.mtu, |link| link.gate.mtu.effective()),
        last_fault: port.last_fault.clone(),
        pairs: link.map_or_else(Vec::new, |link| {
            let pairs = link.pairs.iter().map(|pair| PairStatus {
                worker: pair.from_guest.as_ref().map(|sender| sender.worker),
                receives: pair.to_guest.is_some(),
            });
            let last = link.pairs.iter().rposition(Pair::is_in_use);
            pairs.take(last.map_or(0, |last| last + 1)).collect()
        }),
        queue: QueueStatus {
            id: port.queue.0,
            state: queue.map_or_else(
                |_| "Undefined".to_owned(),
                |queue| format!("{:?}", queue.state),
            ),
            filters: filters.collect(),
        },
        totals: port.counters.totals(),
        rules: { port.policy.rules.totals() }
            .map(|(rule, totals)| RuleStatus {
                rule: rule.clone(),
                totals,
            })
            .collect(),
    }
}
