//! What the journeys before this one left in the logs of the functions.

use anyhow::{Result, ensure};
use journeys::{journey, root};

#[test]
fn no_function_was_refused_what_it_asked_for() -> Result<()> {
    let journey = journey()?;
    for function in std::fs::read_dir(root().join("functions"))? {
        let function = format!("saldo-{}", function?.file_name().to_string_lossy());
        let log = journey.log_of(&function)?;
        ensure!(log.iter().any(|line| line.starts_with("REPORT ")), "{function} did not run yet");
        let refused: Vec<&String> = log.iter().filter(|line| line.contains("AccessDenied")).collect();
        ensure!(refused.is_empty(), "{function} lacks a permission: {refused:#?}");
    }
    Ok(())
}
