//! The switch and its ports while they run, and the one way to change them.
//!
//! A change is asked for as what is to be: [`Live::apply`] takes a whole configuration, does what differs from what runs
//! and leaves the rest alone. Invariant: what runs is a configuration that was judged, before and after every change; one
//! that fails on the way is undone.

mod change;
mod origin;
mod report;
mod sockets;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use ports::vhost_user::Port;
use switch::{Events, NetworkId, Options, PortId, Switch};

use self::change::Change;
pub(crate) use self::origin::{Origin, ReloadError, SaveError};
use self::sockets::Sockets;
use crate::config::{Changes, Config, DEFAULT_NETWORK, Difference, Mistakes};
use crate::control::StatusView;

/// Why the switch did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StartError {
    #[error("the switch cannot start: {0}")]
    Bells(io::Error),
    #[error("the switch cannot start: {0}")]
    Switch(#[from] switch::StartError),
    #[error(transparent)]
    Refused(#[from] Mistakes),
}

/// A running switch. Dropping it ends the ports first and then the workers.
pub(crate) struct Live {
    switch: Arc<Switch>,
    /// What runs, one change at a time.
    running: Mutex<Running>,
    /// What was asked for last and runs now; to be read while a change is under way.
    config: RwLock<Arc<Config>>,
    started: Instant,
}

/// What was plugged together.
#[derive(Default)]
struct Running {
    networks: HashMap<String, NetworkId>,
    ports: HashMap<String, Plugged>,
    sockets: Sockets,
    /// `None` for a switch that is part of another program's run, as in the demo.
    origin: Option<Origin>,
}

/// A port of the switch, and who serves it.
struct Plugged {
    id: PortId,
    /// Its connection's thread.
    _port: Port,
}

impl Live {
    /// Starts a switch that is as `config` wants it, or none.
    pub(crate) fn start(config: Config, origin: Option<Origin>) -> Result<Self, StartError> {
        let cpus = config.switch.cpus.as_ref();
        let cpus = cpus.map_or(&[][..], |cpus| &cpus.0);
        let workers = ports::workers(cpus).map_err(StartError::Bells)?;
        let switch = Switch::start(Options {
            workers,
            idle: config.switch.idle,
        })?;
        let networks = HashMap::from([(DEFAULT_NETWORK.to_owned(), NetworkId::DEFAULT)]);
        let empty = Config {
            switch: config.switch.clone(),
            api: config.api.clone(),
            ..Config::default()
        };
        let live = Self {
            switch,
            running: Mutex::new(Running {
                networks,
                origin,
                ..Running::default()
            }),
            config: RwLock::new(Arc::new(empty)),
            started: Instant::now(),
        };
        live.apply(config)?;
        Ok(live)
    }

    /// What runs.
    pub(crate) fn config(&self) -> Arc<Config> {
        let config = self.config.read();
        config.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the switch what `wanted` says: all of it, or on any mistake nothing. A port whose settings do not change
    /// notices nothing.
    pub(crate) fn apply(&self, wanted: Config) -> Result<Changes, Mistakes> {
        self.become_of(&mut self.running(), wanted)
    }

    /// As [`Live::apply`] of what `edit` makes of the configuration that runs.
    pub(crate) fn change<T, E: From<Mistakes>>(
        &self,
        edit: impl FnOnce(&mut Config) -> Result<T, E>,
    ) -> Result<(T, Changes), E> {
        let mut running = self.running();
        let mut wanted = Config::clone(&self.config());
        let made = edit(&mut wanted)?;
        let changes = self.become_of(&mut running, wanted)?;
        Ok((made, changes))
    }

    fn become_of(&self, running: &mut Running, wanted: Config) -> Result<Changes, Mistakes> {
        wanted.judge()?;
        let before = self.config();
        wanted.fixed(&before)?;
        let difference = Difference::between(&before, &wanted);
        Change::new(&self.switch, running, &wanted).make(&difference)?;
        let changes = difference.changes();
        let mut config = self.config.write().unwrap_or_else(PoisonError::into_inner);
        *config = Arc::new(wanted);
        Ok(changes)
    }

    /// What the switch is doing.
    pub(crate) fn status(&self) -> StatusView {
        report::status(&self.switch.status(), &self.config())
    }

    /// Nanoseconds since the switch started.
    pub(crate) fn uptime_ns(&self) -> u64 {
        // 64 bits of nanoseconds are five hundred years.
        self.started.elapsed().as_nanos() as u64
    }

    /// A reader of what happens from now on.
    pub(crate) fn events(&self) -> Events {
        self.switch.events()
    }

    /// The switch itself, for questions that change nothing.
    pub(crate) fn switch(&self) -> &Switch {
        &self.switch
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.running().ports.clear();
        self.switch.stop();
    }
}

#[cfg(test)]
mod tests;
