//! Finds due work by the scheduled time.
fn main() {}
