//! Requests in their binary form: where members stand, what each request does, what is wrong with a buffer, and that all of
//! it is the typed requests in another spelling.

mod adapter;
mod agreement;
mod buffers;
mod filters;
mod layout;
mod memory;
mod queues;
