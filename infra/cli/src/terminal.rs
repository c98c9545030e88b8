//! What the operator sees: results on standard output, all else on standard error, so that results can be piped on.
#![expect(clippy::print_stderr, reason = "a command talks to its terminal")]

use std::io::Write as _;

/// Prints a result. A reader that has gone away, such as `head`, is no failure.
#[expect(clippy::let_underscore_must_use, reason = "a closed pipe is no reason to fail")]
pub(crate) fn result(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Says how it is going, or what went wrong.
pub(crate) fn notice(text: &str) {
    eprintln!("{text}");
}
