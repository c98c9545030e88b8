//! Charges, refunds and looks up at the provider.
fn main() {}
