//! Receive queues, as `Get-NetAdapterVmqQueue` lists them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problem::{Kind, Problem};
use super::reply::JsonAnswer;
use super::request::Asked;
use super::status::port_of;
use super::view::{FilterView, PairView, PortView};
use crate::live::Live;

/// All queues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Queues {
    pub(crate) queues: Vec<Queue>,
}

/// One receive queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Queue {
    /// The name of the port whose queue it is.
    pub(crate) port: String,
    /// NDIS queue id.
    pub(crate) id: u16,
    /// NDIS queue state.
    pub(crate) state: String,
    /// What leads to it.
    pub(crate) filters: Vec<FilterView>,
    /// The queue pairs over which its frames are spread.
    pub(crate) pairs: Vec<PairView>,
}

impl JsonAnswer for Queues {}
impl JsonAnswer for Queue {}

pub(super) fn list(live: &Live, _: Asked) -> Result<Queues, Problem> {
    let ports = live.status().ports.into_iter();
    Ok(Queues {
        queues: ports.flat_map(queues_of_port).collect(),
    })
}

pub(super) fn read(live: &Live, asked: Asked) -> Result<Queue, Problem> {
    let mut queues = queues_of_port(port_of(live.status(), &asked.name)?);
    queues.next().ok_or_else(|| {
        let detail = format!("port `{}` has no queue at the moment", asked.name);
        Problem::new(Kind::NotFound, detail, "ask again")
    })
}

fn queues_of_port(port: PortView) -> impl Iterator<Item = Queue> {
    let PortView {
        name,
        queues,
        pairs,
        ..
    } = port;
    queues.into_iter().map(move |queue| Queue {
        port: name.clone(),
        id: queue.id,
        state: queue.state,
        filters: queue.filters,
        pairs: pairs.clone(),
    })
}
