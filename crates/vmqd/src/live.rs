//! The switch and its ports while they run.

use std::os::unix::net::UnixListener;
use std::time::Instant;

use crate::config::Plan;
use crate::control::{FilterView, PortView, QueueView, StatusView, Traffic};

/// Why the switch or one of its ports did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StartError {}

pub(crate) struct Live {
    status: StatusView,
    started: Instant,
    _listeners: Vec<Option<UnixListener>>,
}

impl Live {
    /// Starts the switch and its ports. `listeners` are those of the plan's ports, one each, `None`
    /// for a port that connects.
    pub(crate) fn start(
        plan: &Plan,
        listeners: Vec<Option<UnixListener>>,
    ) -> Result<Self, StartError> {
        let ports = plan.ports.iter().enumerate().map(|(at, port)| PortView {
            name: port.name.clone(),
            mode: port.mode,
            socket: port.socket.clone(),
            is_up: false,
            last_close: None,
            worker: None,
            queues: vec![QueueView {
                id: at as u16 + 1,
                state: "Undefined".to_owned(),
                filters: port
                    .filters
                    .iter()
                    .map(|filter| FilterView {
                        mac: filter.mac.to_string(),
                        vlan: None,
                        is_learned: false,
                    })
                    .collect(),
            }],
            from_guest: Traffic::default(),
            to_guest: Traffic::default(),
            bytes_copied: 0,
            flooded: 0,
            held: 0,
            drops: Default::default(),
        });
        let status = StatusView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            dir: plan.dir.clone(),
            uptime_seconds: 0,
            ports: ports.collect(),
            workers: Vec::new(),
        };
        Ok(Self {
            status,
            started: Instant::now(),
            _listeners: listeners,
        })
    }

    pub(crate) fn status(&self) -> StatusView {
        StatusView {
            uptime_seconds: self.started.elapsed().as_secs(),
            ..self.status.clone()
        }
    }

    pub(crate) fn stop(&self) {}
}
