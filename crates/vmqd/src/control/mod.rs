//! The control socket: HTTP with JSON over `DIR/vmq.sock`, for whoever may open that file.
//!
//! ```text
//!  vmq status ─ client ─▶ DIR/vmq.sock ─▶ server ─▶ a function that takes the status
//!                                            │
//!                 view: the JSON's shape, the same types on both sides
//! ```

mod client;
mod server;
mod view;

pub(crate) use self::client::{ClientError, status_of};
pub(crate) use self::server::serve;
pub(crate) use self::view::{
    FilterView, PairView, PortView, QueueView, StatusView, Traffic, WorkerView,
};

/// Path of the status.
const STATUS: &str = "/v1/status";
