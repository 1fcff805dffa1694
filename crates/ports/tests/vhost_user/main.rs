//! The vhost-user port over real sockets, with guest doubles behind it.

mod bench;
mod fairness;
mod freeing;
mod hostile;
mod hub;
mod lifecycle;
mod mirrors;
mod model;
mod moves;
mod multiqueue;
mod networks;
mod offload;
mod pacing;
mod panics;
mod settings;
mod traffic;
mod vlans;
