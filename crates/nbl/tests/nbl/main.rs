//! What the crate promises, asked from outside.

mod build;
mod chains;
mod guest;
mod pool;
mod queues;
mod rows;
mod tags;
mod transfer;
