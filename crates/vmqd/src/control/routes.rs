//! Every operation there is, and the router that is made of them.
//!
//! Invariant: nothing is routed that does not stand in this table, and the document is made of the same table.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use serde_json::Value;

use super::operation::{Operation, changes, reads};
use super::problem::{Kind, Problem};
use super::reply::JsonAnswer;
use super::request::Asked;
use super::{counters, events, explain, file, filters, metrics, openapi, queues, settings, status};
use crate::config::{NetworkConfig, PortConfig};
use crate::live::Live;

/// Paths that the client asks, beside those of the settings.
pub(super) const STATUS: &str = "/v1/status";
pub(super) const FILTERS: &str = "/v1/filters";
pub(super) const EVENTS: &str = "/v1/events";
pub(super) const EXPLAIN: &str = "/v1/explain";
pub(super) const RELOAD: &str = "/v1/reload";
pub(super) const SAVE: &str = "/v1/save";

/// All operations, in the order of the document.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        reads(
            STATUS,
            ("readStatus", "The whole switch at one moment"),
            status::read,
        ),
        reads(
            "/v1/ports",
            ("listPorts", "All ports"),
            settings::list::<PortConfig>,
        ),
        changes(
            (Method::POST, "/v1/ports"),
            ("makePort", "Make a port"),
            settings::make::<PortConfig>,
        )
        .succeeds(&[StatusCode::CREATED])
        .fails(&[Kind::Conflict]),
        reads(
            "/v1/ports/{port}",
            ("readPort", "One port"),
            settings::read::<PortConfig>,
        )
        .fails(&[Kind::NotFound]),
        changes(
            (Method::PUT, "/v1/ports/{port}"),
            ("replacePort", "Make a port what it is to be"),
            settings::replace::<PortConfig>,
        )
        .succeeds(&[StatusCode::OK, StatusCode::CREATED])
        .fails(&[Kind::Conflict])
        .conditional(),
        changes(
            (Method::PATCH, "/v1/ports/{port}"),
            ("changePort", "Change some settings of a port"),
            settings::change::<PortConfig>,
        )
        .fails(&[Kind::NotFound, Kind::Conflict])
        .conditional(),
        changes(
            (Method::DELETE, "/v1/ports/{port}"),
            ("removePort", "Remove a port"),
            settings::remove::<PortConfig>,
        )
        .succeeds(&[StatusCode::NO_CONTENT])
        .fails(&[Kind::NotFound, Kind::Conflict])
        .conditional(),
        reads(
            "/v1/ports/{port}/status",
            ("readPortStatus", "One port at one moment"),
            status::read_port,
        )
        .fails(&[Kind::NotFound]),
        reads(
            "/v1/networks",
            ("listNetworks", "All networks"),
            settings::list::<NetworkConfig>,
        ),
        changes(
            (Method::POST, "/v1/networks"),
            ("makeNetwork", "Make a network"),
            settings::make::<NetworkConfig>,
        )
        .succeeds(&[StatusCode::CREATED])
        .fails(&[Kind::Conflict]),
        reads(
            "/v1/networks/{network}",
            ("readNetwork", "One network"),
            settings::read::<NetworkConfig>,
        )
        .fails(&[Kind::NotFound]),
        changes(
            (Method::PUT, "/v1/networks/{network}"),
            ("replaceNetwork", "Make a network what it is to be"),
            settings::replace::<NetworkConfig>,
        )
        .succeeds(&[StatusCode::OK, StatusCode::CREATED])
        .fails(&[Kind::Conflict])
        .conditional(),
        changes(
            (Method::PATCH, "/v1/networks/{network}"),
            ("changeNetwork", "Change some settings of a network"),
            settings::change::<NetworkConfig>,
        )
        .fails(&[Kind::NotFound, Kind::Conflict])
        .conditional(),
        changes(
            (Method::DELETE, "/v1/networks/{network}"),
            ("removeNetwork", "Remove a network"),
            settings::remove::<NetworkConfig>,
        )
        .succeeds(&[StatusCode::NO_CONTENT])
        .fails(&[Kind::NotFound, Kind::Conflict])
        .conditional(),
        reads(
            "/v1/queues",
            ("listQueues", "All receive queues"),
            queues::list,
        ),
        reads(
            "/v1/queues/{port}",
            ("readQueue", "The receive queue of one port"),
            queues::read,
        )
        .fails(&[Kind::NotFound]),
        reads(
            FILTERS,
            ("listFilters", "All receive filters, set and learnt"),
            filters::list,
        ),
        changes(
            (Method::POST, FILTERS),
            ("setFilter", "Give a port an address"),
            filters::set,
        )
        .succeeds(&[StatusCode::CREATED])
        .fails(&[Kind::Conflict]),
        reads(
            "/v1/filters/{filter}",
            ("readFilter", "One receive filter"),
            filters::read,
        )
        .fails(&[Kind::NotFound]),
        changes(
            (Method::DELETE, "/v1/filters/{filter}"),
            ("clearFilter", "Take an address from its port"),
            filters::clear,
        )
        .succeeds(&[StatusCode::NO_CONTENT])
        .fails(&[Kind::NotFound, Kind::Conflict]),
        reads(
            "/v1/counters",
            ("listCounters", "The counters of all ports and workers"),
            counters::list,
        ),
        reads(
            "/v1/counters/{port}",
            ("readCounters", "The counters of one port"),
            counters::read,
        )
        .fails(&[Kind::NotFound]),
        events::read(),
        changes(
            (Method::POST, EXPLAIN),
            ("explain", "What would become of a frame"),
            explain::ask,
        )
        .fails(&[Kind::Conflict]),
        changes(
            (Method::POST, RELOAD),
            ("reload", "Read the configuration file again and apply it"),
            file::reload,
        )
        .fails(&[Kind::Conflict]),
        changes(
            (Method::POST, SAVE),
            ("save", "Write what runs to the configuration file"),
            file::save,
        )
        .fails(&[Kind::Conflict]),
        reads(
            "/metrics",
            ("readMetrics", "The counters as OpenMetrics, for Prometheus"),
            metrics::read,
        ),
        reads(
            "/v1/openapi.json",
            ("readDocument", "This document"),
            read_document,
        ),
    ]
}

/// Routes to all operations, and says what is wrong with a request that is none.
pub(super) fn router(live: Arc<Live>) -> Router {
    let mut router = Router::new();
    for operation in operations() {
        router = router.route(operation.path, operation.route);
    }
    router
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .with_state(live)
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| openapi::document(&operations()));

impl JsonAnswer for Value {}

fn read_document(_: &Live, _: Asked) -> Result<Value, Problem> {
    Ok(DOCUMENT.clone())
}

async fn unknown_path(uri: Uri) -> Problem {
    let mut known: Vec<_> = operations()
        .iter()
        .map(|operation| operation.path)
        .collect();
    known.dedup();
    let detail = format!("there is nothing at {}", uri.path());
    let remedy = format!("known paths are {}", known.join(", "));
    Problem::new(Kind::NotFound, detail, remedy)
}

async fn unknown_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} takes no {method}", uri.path());
    let remedy = "the Allow header names what it takes";
    Problem::new(Kind::MethodNotAllowed, detail, remedy)
}
