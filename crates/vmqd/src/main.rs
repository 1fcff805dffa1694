//! The `vmq` program.
fn main() {}
