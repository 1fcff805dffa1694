//! The real program, run as a user runs it.

#![forbid(unsafe_code)]

mod api;
mod ask;
mod demo;
mod program;
mod run;
