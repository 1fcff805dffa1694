//! The doubles are tested against devices and backends that were written as plainly as possible, and against each other.

mod frontend;
mod guest;
mod hostile;
mod naive_backend;
mod naive_device;
mod naive_packed;
mod naive_split;
mod product;
mod ring;

#[global_allocator]
static ALLOCATOR: testkit::alloc::Counting = testkit::alloc::Counting;
