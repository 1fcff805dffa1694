//! Every operation there is, and the router that is made of them.
//!
//! Invariant: nothing is routed that does not stand in this table, and the document is made of the same table.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::{Method, Uri};
use serde_json::Value;

use super::operation::{JsonAnswer, Operation, operation};
use super::problem::{Kind, Problem};
use super::request::{Asked, NoParameters};
use super::{counters, events, filters, metrics, openapi, queues, status};
use crate::live::Live;

/// Path of the status.
pub(super) const STATUS: &str = "/v1/status";

/// All operations, in the order of the document.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        operation(
            (Method::GET, STATUS),
            ("readStatus", "The whole switch at one moment"),
            status::read,
        ),
        operation(
            (Method::GET, "/v1/ports/{port}/status"),
            ("readPortStatus", "One port at one moment"),
            status::read_port,
        )
        .fails(&[Kind::NotFound]),
        operation(
            (Method::GET, "/v1/queues"),
            ("listQueues", "All receive queues"),
            queues::list,
        ),
        operation(
            (Method::GET, "/v1/queues/{port}"),
            ("readQueue", "The receive queue of one port"),
            queues::read,
        )
        .fails(&[Kind::NotFound]),
        operation(
            (Method::GET, "/v1/filters"),
            ("listFilters", "All receive filters, set and learnt"),
            filters::list,
        ),
        operation(
            (Method::GET, "/v1/counters"),
            ("listCounters", "The counters of all ports and workers"),
            counters::list,
        ),
        operation(
            (Method::GET, "/v1/counters/{port}"),
            ("readCounters", "The counters of one port"),
            counters::read,
        )
        .fails(&[Kind::NotFound]),
        events::read(),
        operation(
            (Method::GET, "/metrics"),
            ("readMetrics", "The counters as OpenMetrics, for Prometheus"),
            metrics::read,
        ),
        operation(
            (Method::GET, "/v1/openapi.json"),
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

fn read_document(_: &Live, _: Asked<NoParameters>) -> Result<Value, Problem> {
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
