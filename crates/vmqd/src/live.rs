//! The switch and its ports while they run.

use std::io;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use ports::vhost_user::{Mode as Side, Port};
use switch::{
    DropReason, Events, Options, PairStatus, PortError, PortSettings, PortSpec, PortStatus, Switch,
    Totals, WorkerStatus,
};

use crate::config::{Mode, Plan};
use crate::control::{
    FilterView, PairView, PortCounters, PortView, QueueView, StatusView, Traffic, WorkerView,
};

/// Why the switch or one of its ports did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StartError {
    #[error("the switch cannot start: {0}")]
    Bells(io::Error),
    #[error("the switch cannot start: {0}")]
    Switch(#[from] switch::StartError),
    #[error("port {name} cannot be added: {error}")]
    Add { name: String, error: PortError },
    #[error("port {name} cannot start: {error}")]
    Spawn { name: String, error: io::Error },
}

/// A running switch. Dropping it ends the ports first and then the workers.
pub(crate) struct Live {
    ports: Vec<Port>,
    reporter: Reporter,
}

/// Tells what a switch is doing, from any thread.
#[derive(Clone)]
pub(crate) struct Reporter {
    switch: Arc<Switch>,
    /// What the switch itself does not know.
    known: Arc<Known>,
}

struct Known {
    dir: PathBuf,
    /// In the order in which they were added.
    ports: Vec<(Mode, PathBuf)>,
    started: Instant,
}

impl Live {
    /// Starts the switch and its ports. `listeners` are those of the plan's ports, one each, `None`
    /// for a port that connects.
    pub(crate) fn start(
        plan: &Plan,
        listeners: Vec<Option<UnixListener>>,
    ) -> Result<Self, StartError> {
        let cpus = plan.cpus.as_ref().map_or(&[][..], |cpus| &cpus.0);
        let workers = ports::workers(cpus).map_err(StartError::Bells)?;
        let switch = Switch::start(Options {
            workers,
            idle: plan.idle,
        })?;
        let known = plan
            .ports
            .iter()
            .map(|port| (port.mode, port.socket.clone()))
            .collect();
        let known = Arc::new(Known {
            dir: plan.dir.clone(),
            ports: known,
            started: Instant::now(),
        });
        let mut live = Self {
            ports: Vec::with_capacity(plan.ports.len()),
            reporter: Reporter { switch, known },
        };
        for (port, listener) in plan.ports.iter().zip(listeners) {
            let switch = &live.reporter.switch;
            let name = || port.name.clone();
            let spec = PortSpec {
                name: name(),
                settings: PortSettings {
                    filters: port.filters.clone(),
                    mtu: port.mtu,
                    when_full: port.when_full,
                    ..PortSettings::default()
                },
                ..PortSpec::default()
            };
            let id = switch.add_port(spec).map_err(|error| StartError::Add {
                name: name(),
                error,
            })?;
            let side = listener.map_or_else(|| Side::Client(port.socket.clone()), Side::Server);
            let spawned = Port::spawn(switch.clone(), id, &port.name, side);
            live.ports.push(spawned.map_err(|error| StartError::Spawn {
                name: name(),
                error,
            })?);
        }
        Ok(live)
    }

    pub(crate) fn reporter(&self) -> Reporter {
        self.reporter.clone()
    }

    #[cfg(test)]
    pub(crate) fn switch(&self) -> &Switch {
        &self.reporter.switch
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.ports.clear();
        self.reporter.switch.stop();
    }
}

impl Reporter {
    /// Nanoseconds since the switch started.
    pub(crate) fn uptime_ns(&self) -> u64 {
        // 64 bits of nanoseconds are five hundred years.
        self.known.started.elapsed().as_nanos() as u64
    }

    /// A reader of what happens from now on.
    pub(crate) fn events(&self) -> Events {
        self.switch.events()
    }

    pub(crate) fn status(&self) -> StatusView {
        let status = self.switch.status();
        StatusView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            dir: self.known.dir.clone(),
            uptime_seconds: status.uptime_seconds,
            ports: status
                .ports
                .into_iter()
                .zip(&self.known.ports)
                .map(port_view)
                .collect(),
            workers: status.workers.into_iter().map(worker_view).collect(),
        }
    }
}

fn port_view((port, (mode, socket)): (PortStatus, &(Mode, PathBuf))) -> PortView {
    let PortStatus {
        name,
        is_connected,
        is_up,
        mtu,
        last_fault,
        pairs,
        queue,
        totals,
        ..
    } = port;
    let filters = queue.filters.into_iter().map(|filter| FilterView {
        mac: filter.mac,
        vlan: filter.vlan,
        is_learned: filter.id.is_none(),
    });
    PortView {
        name,
        mode: *mode,
        socket: socket.clone(),
        is_connected,
        is_up,
        mtu,
        last_close: last_fault,
        pairs: pairs.into_iter().map(pair_view).collect(),
        queues: vec![QueueView {
            id: queue.id,
            state: queue.state,
            filters: filters.collect(),
        }],
        counters: port_counters(&totals),
    }
}

fn port_counters(totals: &Totals) -> PortCounters {
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
        segmented: totals.segmented,
        checksummed: totals.checksummed,
        notifications_sent: totals.calls,
        notifications_suppressed: totals.calls_suppressed,
        drops: DropReason::ALL
            .iter()
            .map(|reason| (reason.name().to_owned(), totals.drops[*reason as usize]))
            .collect(),
    }
}

fn pair_view(PairStatus { worker, receives }: PairStatus) -> PairView {
    PairView { worker, receives }
}

fn worker_view(worker: WorkerStatus) -> WorkerView {
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
    } = worker;
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
