//! What the end-to-end tests stand on: the built binary, real peers, and a clock that ends whatever hangs.
//!
//! Nothing in here knows the inside of vmq. A test starts `vmq run` with a configuration file as an administrator would,
//! plugs in DPDK's virtio-user ports, QEMU guests or hostile guests, and reads `vmq status --json`.
//!
//! Invariants: every wait has a limit; every process started is ended by its own id when its owner goes, even if the test
//! itself dies; a test that fails shows the end of every log it produced.

#![forbid(unsafe_code)]

mod api;
mod bystanders;
mod command_line;
mod patience;
mod process;
mod qemu;
mod scratch;
mod testpmd;
mod watchdog;

pub use api::{Api, rest_of};
pub use bystanders::Bystanders;
pub use command_line::{PortConfig, Switch, vmq_binary, vmq_output};
pub use patience::eventually;
pub use process::Process;
pub use qemu::{Answer, Guest, Plug};
pub use scratch::Scratch;
pub use testpmd::{PortStats, Testpmd, VirtioUser};
pub use watchdog::Watchdog;
