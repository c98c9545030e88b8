//! How many checks passed and failed, read off what the test programs print.

/// Passed and failed checks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Checks that passed.
    pub(crate) passed: u64,
    /// Checks that failed.
    pub(crate) failed: u64,
}

impl Tally {
    /// One check that passed.
    pub(crate) const PASSED: Self = Self { passed: 1, failed: 0 };

    /// One check that failed.
    pub(crate) const FAILED: Self = Self { passed: 0, failed: 1 };

    /// Adds up the `test result:` lines of a `cargo test` run that ended with success or not.
    ///
    /// A run that failed without a failed test did not compile, or crashed: that is one failure. A run without any test
    /// is one too, since nothing was proved.
    pub(crate) fn of_test_run(output: &str, succeeded: bool) -> Self {
        let mut tally = Self::default();
        for line in output.lines() {
            if let Some((_, counts)) = line.split_once("test result: ") {
                tally = tally.and(Self { passed: count(counts, "passed"), failed: count(counts, "failed") });
            }
        }
        let unexplained = !succeeded && tally.failed == 0;
        if unexplained || tally == Self::default() {
            tally = tally.and(Self::FAILED);
        }
        tally
    }

    /// These checks together with others.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { passed: self.passed.saturating_add(other.passed), failed: self.failed.saturating_add(other.failed) }
    }
}

/// How many lines of a failed test are told.
const TOLD_LINES: usize = 12;

/// What each failed test of a `cargo test` run said, without its backtrace.
pub(crate) fn failures(output: &str) -> Vec<String> {
    let mut told: Vec<Vec<&str>> = Vec::new();
    let mut is_inside = false;
    for line in output.lines() {
        if line.starts_with("---- ") && line.ends_with(" ----") {
            told.push(Vec::new());
            is_inside = true;
        }
        is_inside &= line != "stack backtrace:" && line != "failures:";
        if let Some(test) = told.last_mut().filter(|test| is_inside && test.len() < TOLD_LINES && !line.is_empty()) {
            test.push(line);
        }
    }
    told.into_iter().map(|lines| lines.join("\n")).collect()
}

/// The number before a word: 12 in `ok. 12 passed; 1 failed; …`.
fn count(counts: &str, word: &str) -> u64 {
    let before = counts.split(word).next().unwrap_or_default().trim_end();
    let number = before.rsplit(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
    number.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_CRATES: &str = "\
test a ... ok
test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
";

    #[test]
    fn a_failed_test_is_told_without_its_backtrace() {
        let output = "\
test a ... FAILED

failures:

---- a stdout ----

thread 'a' panicked at tests/a.rs:1:1:
not found: 7
stack backtrace:
   0: begin

---- b stdout ----
broken

failures:
    a
";
        let told =
            ["---- a stdout ----\nthread 'a' panicked at tests/a.rs:1:1:\nnot found: 7", "---- b stdout ----\nbroken"];
        assert_eq!(failures(output), told);
        assert!(failures(TWO_CRATES).is_empty());
    }

    #[test]
    fn results_of_several_crates_add_up() {
        assert_eq!(Tally::of_test_run(TWO_CRATES, false), Tally { passed: 15, failed: 2 });
    }

    #[test]
    fn a_crate_that_does_not_compile_is_a_failure() {
        let one = "test result: ok. 1 passed; 0 failed; 0 ignored\nerror: could not compile";
        assert_eq!(Tally::of_test_run(one, false), Tally { passed: 1, failed: 1 });
    }

    #[test]
    fn a_run_without_tests_proves_nothing() {
        assert_eq!(Tally::of_test_run("test result: ok. 0 passed; 0 failed", true), Tally::FAILED);
    }
}
