#![doc = include_str!("../README.md")]
#![expect(clippy::indexing_slicing, reason = "a simulator that is at its end stops, and should")]
#![expect(clippy::arithmetic_side_effects, reason = "a simulator that overflows stops, and should")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a defect or a fault touches what it is about, and nothing else")]

mod chance;
mod coverage;
mod drawing;
mod finish;
mod moment;
mod observer;
mod people;
mod ports;
mod run;
mod sabotage;
mod shrink;
mod violation;
mod weather;
mod world;

pub use coverage::{Branches, branches, listen, unasked};
pub use ports::unneeded;
pub use run::{Outcome, Plan, play};
pub use sabotage::Sabotage;
pub use shrink::shrink;
pub use violation::{Invariant, Violation};
pub use weather::{Fault, name};
