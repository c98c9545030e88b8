//! What the developer sees while this command works.
#![expect(clippy::print_stdout, reason = "a command talks to its terminal")]

use std::io::Write as _;
use std::time::{Duration, Instant};

/// The terminal, with a clock that started with the command.
#[derive(Debug)]
pub(crate) struct Console {
    started: Instant,
}

impl Console {
    /// Starts the clock.
    #[expect(clippy::disallowed_methods, reason = "elapsed time is shown to a person and decides nothing")]
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Time since the command started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Says what is being done now.
    pub(crate) fn step(&self, text: &str) {
        println!("[{:6.1} s] {text}", self.elapsed().as_secs_f64());
        self.flush();
    }

    /// Says something that belongs to the current step.
    pub(crate) fn detail(&self, text: &str) {
        println!("           {text}");
        self.flush();
    }

    /// Says why the command ends without success.
    pub(crate) fn failure(&self, text: &str) {
        self.step(&format!("FAILED: {text}"));
    }

    /// Prints a line as it is.
    pub(crate) fn line(&self, text: &str) {
        println!("{text}");
        self.flush();
    }

    #[expect(clippy::let_underscore_must_use, reason = "a closed terminal is no reason to stop the work")]
    #[expect(clippy::unused_self, reason = "all output goes through the one console")]
    fn flush(&self) {
        let _ = std::io::stdout().flush();
    }
}
