//! The packed ring against a driver: an honest one, a naive model of an honest one, and a hostile one.

#![forbid(unsafe_code)]

mod guest;
mod hostile;
mod model;
mod protocol;
