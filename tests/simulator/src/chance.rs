//! Chance that can be repeated: everything random in a run comes from its seed.

use fastrand::Rng;

/// A source of decisions.
#[derive(Debug, Clone)]
pub(crate) struct Chance(Rng);

impl Chance {
    /// The decisions of a seed for one purpose; other purposes do not disturb them.
    pub(crate) fn of(seed: u64, purpose: &str) -> Self {
        let mix = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Self(Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ mix))
    }

    /// Whether something happens that happens so many times in ten thousand.
    pub(crate) fn happens(&mut self, in_ten_thousand: u32) -> bool {
        in_ten_thousand > 0 && self.0.u32(0..10_000) < in_ten_thousand
    }

    /// A number below `end`; 0 where there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.0.usize(0..end) }
    }

    /// A number between two, both included.
    pub(crate) fn between(&mut self, first: i64, last: i64) -> i64 {
        self.0.i64(first..=last)
    }

    /// One of some things.
    pub(crate) fn pick<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        things.get(self.below(things.len()))
    }

    /// Bytes.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}
