//! The HTTP API for the CRM.
fn main() {}
