//! What ports and workers have counted. Two answers and the time between them make rates.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::reply::JsonAnswer;
use super::request::Asked;
use super::status::port_of;
use super::view::{PortCounters, WorkerView};
use crate::live::Live;

/// The counters of all ports and workers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Counters {
    /// When they were read: nanoseconds since the switch started.
    pub(crate) at_ns: u64,
    /// By the port's name.
    pub(crate) ports: BTreeMap<String, PortCounters>,
    pub(crate) workers: Vec<WorkerView>,
}

/// The counters of one port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CountersOfPort {
    /// When they were read: nanoseconds since the switch started.
    pub(crate) at_ns: u64,
    #[serde(flatten)]
    pub(crate) counters: PortCounters,
}

impl JsonAnswer for Counters {}
impl JsonAnswer for CountersOfPort {}

pub(super) fn list(live: &Live, _: Asked) -> Result<Counters, Problem> {
    let (status, at_ns) = (live.status(), live.uptime_ns());
    let ports = status.ports.into_iter();
    Ok(Counters {
        at_ns,
        ports: ports.map(|port| (port.name, port.counters)).collect(),
        workers: status.workers,
    })
}

pub(super) fn read(live: &Live, asked: Asked) -> Result<CountersOfPort, Problem> {
    let (status, at_ns) = (live.status(), live.uptime_ns());
    let counters = port_of(status, &asked.name)?.counters;
    Ok(CountersOfPort { at_ns, counters })
}
