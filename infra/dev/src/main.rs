//! cargo dev.
fn main() {}
