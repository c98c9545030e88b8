//! The demo business.

use anyhow::{Result, bail};

use crate::console::Console;
use crate::stack::Stack;

/// Loads the demo business and drives its quarter through the deployed functions.
pub(crate) fn run(_console: &Console, _stack: &Stack) -> Result<()> {
    bail!("the demo is not part of this build: use `cargo dev up --no-demo`");
}
