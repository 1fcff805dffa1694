//! One module per kind of port.
//!
//! A port turns some outside thing into the pair of trait objects that the switch calls
//! ([`switch::FromGuest`], [`switch::ToGuest`]), and tells the switch when they come and go. This is
//! where virtio, sockets and file descriptors live; the switch knows none of them.
#![forbid(unsafe_code)]

mod doorbell;
pub mod vhost_user;

pub use doorbell::workers;
