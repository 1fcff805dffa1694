//! The control interface: HTTP with JSON, on `DIR/vmq.sock` for whoever may open that file, and on loopback TCP for whoever
//! has the token.
//!
//! ```text
//!  vmq status ─ client ─▶ DIR/vmq.sock ─▶ server ──────────┐
//!                                         (limits)         ├─▶ routes ─▶ operation ─▶ settings, status, counters, ...
//!  curl ────────────────▶ 127.0.0.1 ────▶ server ─▶ guard ─┘     │        (typed, on a thread that may wait)
//!                                                                └─▶ openapi: the same table as a document
//!                 view: the JSON's shape, the same types on both sides
//! ```
//!
//! Invariants
//! * Nothing that a client sends or leaves undone makes the process grow beyond the limits of [`server`] and [`request`], or keeps
//!   another client of another socket waiting.
//! * What may wait for the switch runs on a thread of its own; the thread that serves the sockets never does.
//! * Whatever is not carried out is answered with a [`problem`] document.

mod bodies;
mod client;
mod condition;
mod counters;
mod events;
mod explain;
mod file;
mod filters;
mod guard;
mod metrics;
mod openapi;
mod operation;
mod problem;
mod queues;
mod refusal;
mod reply;
mod request;
mod routes;
mod server;
mod settings;
mod status;
mod token;
mod view;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use axum::middleware;
use axum::serve::ListenerExt;

pub(crate) use self::client::{Client, ClientError, Told};
pub(crate) use self::events::{EventList, EventView};
pub(crate) use self::explain::Question;
pub(crate) use self::filters::{Filter, NewFilter};
pub(crate) use self::settings::Setting;
pub(crate) use self::token::Token;
pub(crate) use self::view::{
    FilterView, GroupView, GroupsView, NetworkView, PairView, PortCounters, PortView, QueueView,
    RuleView, StatusView, Traffic, WorkerView,
};
use crate::live::Live;

/// Threads that carry out operations, at most: they wait for each other in the switch anyway.
pub(crate) const THREADS: usize = 4;

/// Serves both sockets until dropped. `tcp` is one that is bound to a loopback address.
///
/// # Errors
/// What the operating system says when it cannot watch a socket.
pub(crate) async fn serve(
    unix: UnixListener,
    tcp: Option<(TcpListener, Token)>,
    live: Arc<Live>,
) -> io::Result<Infallible> {
    let router = routes::router(live);
    unix.set_nonblocking(true)?;
    let unix = tokio::net::UnixListener::from_std(unix)?;
    let on_unix = server::serve(unix, router.clone());
    let Some((tcp, token)) = tcp else {
        return Ok(on_unix.await);
    };
    tcp.set_nonblocking(true)?;
    let tcp = tokio::net::TcpListener::from_std(tcp)?.tap_io(|stream| {
        // Answers are small and waited for. Where it cannot be had they only come later.
        let _ = stream.set_nodelay(true);
    });
    let guarded = router.layer(middleware::from_fn_with_state(token, guard::guard));
    tokio::select! {
        ended = on_unix => Ok(ended),
        ended = server::serve(tcp, guarded) => Ok(ended),
    }
}
