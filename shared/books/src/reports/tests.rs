//! Reports against an independent slow computation, what they bear, and what they cost.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a test that overflows stops, and should; the slow way looks only at what it counts"
)]

mod cost;
mod equality;
mod healing;
mod world;
