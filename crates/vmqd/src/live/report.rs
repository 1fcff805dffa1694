//! What the switch is doing, as the API says it.

use std::collections::HashMap;
use std::path::PathBuf;

use switch::policy::Count;
use switch::{
    DropReason, GroupsStatus, NetworkStatus, PairStatus, PortStatus, RuleStatus, Status, Totals,
    WorkerStatus,
};

use crate::config::{Config, Mode};
use crate::control::{
    FilterView, GroupView, GroupsView, NetworkView, PairView, PortCounters, PortView, QueueView,
    RuleView, StatusView, Traffic, WorkerView,
};

/// What the switch says, with what it does not know of its ports.
pub(super) fn status(status: &Status, config: &Config) -> StatusView {
    let by_name = status.ports.iter().map(|port| (port.name.as_str(), port));
    let by_name: HashMap<_, _> = by_name.collect();
    // In the order of the configuration. Who comes or goes at this moment is left out.
    let ports = config.ports.iter().filter_map(|port| {
        let found = by_name.get(port.name.as_str())?;
        Some(port_view(found, port.mode, config.socket(port)))
    });
    StatusView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        dir: config.switch.dir.clone(),
        uptime_seconds: status.uptime_seconds,
        networks: status.networks.iter().map(network_view).collect(),
        ports: ports.collect(),
        workers: status.workers.iter().map(worker_view).collect(),
    }
}

fn network_view(network: &NetworkStatus) -> NetworkView {
    NetworkView {
        name: network.name.clone(),
        mode: network.policy.mode,
        ports: network.ports,
        filters: network.filters,
        groups: network.groups.iter().map(groups_view).collect(),
    }
}

fn groups_view(groups: &GroupsStatus) -> GroupsView {
    let known = groups.groups.iter().map(|group| GroupView {
        mac: group.mac,
        members: group.members.clone(),
    });
    GroupsView {
        vlan: groups.vlan,
        is_ipv6: groups.is_ipv6,
        is_filtering: groups.is_filtering,
        routers: groups.routers.clone(),
        groups: known.collect(),
    }
}

fn port_view(port: &PortStatus, mode: Mode, socket: PathBuf) -> PortView {
    let PortStatus { queue, totals, .. } = port;
    let filters = queue.filters.iter().map(|filter| FilterView {
        mac: filter.mac.clone(),
        vlan: filter.vlan,
        is_learned: filter.id.is_none(),
    });
    PortView {
        name: port.name.clone(),
        network: port.network.clone(),
        mode,
        socket,
        is_connected: port.is_connected,
        is_up: port.is_up,
        mtu: port.mtu,
        last_close: port.last_fault.clone(),
        pairs: port.pairs.iter().map(pair_view).collect(),
        queues: vec![QueueView {
            id: queue.id,
            state: queue.state.clone(),
            filters: filters.collect(),
        }],
        counters: port_counters(totals, &port.rules),
    }
}

fn port_counters(totals: &Totals, rules: &[RuleStatus]) -> PortCounters {
    PortCounters {
        from_guest: Traffic {
            frames: totals.from_guest_frames,
            bytes: totals.from_guest_bytes,
        },
        to_guest: Traffic {
            frames: totals.to_guest_frames,
            bytes: totals.to_guest_bytes,
        },
        bytes_copied: totals.bytes_copied,
        flooded: totals.flooded,
        held: totals.held,
        paced: totals.paced,
        segmented: totals.segmented,
        checksummed: totals.checksummed,
        notifications_sent: totals.calls,
        notifications_suppressed: totals.calls_suppressed,
        drops: DropReason::ALL
            .iter()
            .map(|reason| (reason.name().to_owned(), totals.drops[*reason as usize]))
            .collect(),
        rules: rules.iter().map(rule_view).collect(),
    }
}

fn rule_view(rule: &RuleStatus) -> RuleView {
    let traffic = |Count { frames, bytes }| Traffic { frames, bytes };
    RuleView {
        rule: rule.rule.clone(),
        from_guest: traffic(rule.totals.from_guest),
        to_guest: traffic(rule.totals.to_guest),
    }
}

fn pair_view(pair: &PairStatus) -> PairView {
    PairView {
        worker: pair.worker,
        receives: pair.receives,
    }
}

fn worker_view(worker: &WorkerStatus) -> WorkerView {
    let WorkerStatus {
        cpu,
        rings,
        busy_ns,
        frames,
        bytes_copied,
        calls,
        calls_suppressed,
        turns,
        empty_turns,
        sleeps,
        panics,
    } = *worker;
    WorkerView {
        cpu,
        rings,
        busy_ns,
        frames,
        bytes_copied,
        notifications_sent: calls,
        notifications_suppressed: calls_suppressed,
        turns,
        empty_turns,
        sleeps,
        panics,
    }
}
