//! Runs other programs, with their output in a log file and a sign of life on the terminal.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::console::Console;

/// How often a long step says that it is still at work.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// How often a running program is asked whether it has ended.
const POLL: Duration = Duration::from_millis(50);

/// How much of a log is shown when a program fails.
const TAIL_LINES: usize = 40;

/// Runs a program to its end with its output in `log`, and shows the end of the log when it fails.
pub(crate) fn run_logged(console: &Console, command: &mut Command, log: &Path) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let file = create_log(log)?;
    let copy = file.try_clone()?;
    command.stdin(Stdio::null()).stdout(file).stderr(copy);
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    let mut next_sign = console.elapsed().saturating_add(SIGN_OF_LIFE);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if console.elapsed() >= next_sign {
            console.detail(&format!("… still at work, {:.0} s in all", console.elapsed().as_secs_f64()));
            next_sign = console.elapsed().saturating_add(SIGN_OF_LIFE);
        }
        std::thread::sleep(POLL);
    };
    if !status.success() {
        for line in tail(log) {
            console.detail(&line);
        }
        bail!("{name} ended with {status}; its output is in {}", log.display());
    }
    Ok(())
}

/// Creates a log file together with its folder.
pub(crate) fn create_log(log: &Path) -> Result<File> {
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::create(log).with_context(|| format!("cannot write {}", log.display()))
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> Vec<String> {
    let Ok(file) = File::open(log) else { return Vec::new() };
    let lines: Vec<String> = BufReader::new(file).lines().map_while(Result::ok).collect();
    let skip = lines.len().saturating_sub(TAIL_LINES);
    lines.into_iter().skip(skip).collect()
}
