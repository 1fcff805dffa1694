//! The engine against a naive model of the same rules: any sequence of requests gives the same answers, the same lists,
//! and tables that send every frame to the same queue.

mod asked;
mod filters;
mod naive;
mod requests;
