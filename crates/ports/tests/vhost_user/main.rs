//! The vhost-user port over real sockets, with guest doubles behind it.

mod ageing;
mod bench;
mod changes;
mod explain;
mod fairness;
mod freeing;
mod guards;
mod hostile;
mod hub;
mod indications;
mod lifecycle;
mod mirrors;
mod model;
mod moves;
mod multiqueue;
mod networks;
mod offload;
mod pacing;
mod panics;
mod rules;
mod settings;
mod snooping;
mod traffic;
mod vlans;
