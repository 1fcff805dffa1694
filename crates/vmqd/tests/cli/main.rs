//! The real program, run as a user runs it.

#![forbid(unsafe_code)]

mod api;
mod ask;
mod change;
mod demo;
mod look;
mod program;
mod run;
