//! What measures vmq: guest doubles on one CPU, the switch's worker on another, one table at the end.
//!
//! ```text
//!   main.rs ──▶ measure/*      what is measured: one module a question
//!      └───▶ compare/*      the same beside OVS-DPDK and testpmd
//!                 ├ lab        a switch in this process, its ports
//!                 ├ machine    guests that send prepared frames and take what comes, as fast as one CPU can
//!                 ├ placement  CPUs: pinning, how near they are to each other, windows that count
//!                 ├ threads    what the switch's threads cost while nobody looks
//!                 └ report     table, JSON, chart
//! ```
//!
//! Invariant: a figure comes with what could have spoilt it. A window counts only if the two CPUs were near each other before
//! and after it, and every rate says how busy the guests' CPU was, for a generator at its limit measures itself.
#![forbid(unsafe_code)]

pub mod compare;
pub mod lab;
pub mod machine;
pub mod measure;
pub mod placement;
pub mod report;
pub mod threads;

/// What a measurement that could not be made says.
pub type Error = Box<dyn std::error::Error>;
/// A measurement, or why there is none.
pub type Result<T> = std::result::Result<T, Error>;
