//! Receive filters, set and learnt, over all ports.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::JsonAnswer;
use super::problem::Problem;
use super::request::{Asked, Parameters};
use super::view::{FilterView, PortView};
use crate::live::Live;

/// Receive filters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Filters {
    pub(crate) filters: Vec<Filter>,
}

/// One receive filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Filter {
    /// The port that it leads to.
    pub(crate) port: String,
    #[serde(flatten)]
    pub(crate) filter: FilterView,
}

/// Which filters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only those of the port of this name.
    port: Option<String>,
}

impl JsonAnswer for Filters {}
impl Parameters for Which {}

pub(super) fn list(live: &Live, asked: Asked<Which>) -> Result<Filters, Problem> {
    let is_asked = |port: &PortView| {
        asked
            .query
            .port
            .as_ref()
            .is_none_or(|name| *name == port.name)
    };
    let ports = live.status().ports.into_iter().filter(is_asked);
    let filters = ports.flat_map(|PortView { name, queues, .. }| {
        let filters = queues.into_iter().flat_map(|queue| queue.filters);
        filters.map(move |filter| Filter {
            port: name.clone(),
            filter,
        })
    });
    Ok(Filters {
        filters: filters.collect(),
    })
}
