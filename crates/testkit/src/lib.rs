//! What every room's tests, the benches and the product's demonstration stand on.
//!
//! * [`guest::Guest`]: a virtual machine without a machine. Memory in a memfd, the driver side of a ring pair
//!   ([`ring::DriverRing`]), frames in and out.
//! * [`frontend::Frontend`]: attaches it over a real vhost-user socket as a VMM does; [`frontend::RawFrontend`] and
//!   [`frontend::Script`] do it as no VMM should.
//! * [`hostile`]: every way we know of being a bad guest or a bad VMM, by name.
//! * [`model::Switch`]: what the switch must do, in the plainest words.
//! * [`frames`]: frames that prove their own integrity. [`packets`]: such as say something. [`alloc`]: how often one thread allocated.
//!
//! ```no_run
//! use std::time::Duration;
//! use testkit::{frames, frontend::Frontend, guest::{Guest, GuestOptions}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let soon = Duration::from_secs(5);
//! let mut guest = Guest::new(GuestOptions::default())?;
//! let mut frontend = Frontend::connect("/run/vmq/a.sock", soon)?;
//! frontend.attach(&guest)?;
//! guest.send(&frames::Builder::new(frames::BROADCAST, frames::station(1)).build(0));
//! guest.flush();
//! let mut frame = Vec::new();
//! while guest.wait(soon) && guest.receive(&mut frame) {
//!     println!("{:?}", frames::check(&frame)?);
//! }
//! frontend.stop()?;
//! # Ok(())
//! # }
//! ```
//!
//! Invariant: nothing here shares code with what it tests. `shmem` gives memory and its windows; rings, headers and messages
//! are spelt a second time, from the specifications.

// All unsafe code of the crate is in `alloc`, which is a global allocator and cannot be one without.
#![deny(unsafe_code)]

pub mod alloc;
pub mod frames;
pub mod frontend;
pub mod golden;
pub mod guest;
pub mod hostile;
pub mod model;
pub mod net_header;
pub mod packets;
pub mod ring;
