//! Processes of the local stack: started in groups of their own, found again by their pid files, ended exactly.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::command::create_log;
use crate::workspace::Workspace;

/// How long a process may take to end on its own.
const GRACE: Duration = Duration::from_secs(5);

const POLL: Duration = Duration::from_millis(50);

/// What a program answers that was ended by Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Whether this run of the command started any process.
static STARTED: AtomicBool = AtomicBool::new(false);

/// Lets Ctrl-C (or a request to terminate) end the processes that this run of the command started together with it; they
/// run in groups of their own and would stay behind. Those of an earlier run are not its own to end.
pub(crate) fn stop_on_interrupt(workspace: &Workspace, stop: fn(&Workspace) -> Result<bool>) -> Result<()> {
    let workspace = workspace.clone();
    ctrlc::set_handler(move || {
        let stopped = !STARTED.load(Ordering::SeqCst) || stop(&workspace).is_ok();
        std::process::exit(if stopped { INTERRUPTED } else { 1 });
    })
    .context("cannot listen to Ctrl-C")
}

/// Starts a program in a process group of its own, with its output in `target/local/<name>.log` and its id in
/// `target/local/<name>.pid`.
pub(crate) fn start(workspace: &Workspace, name: &str, command: &mut Command) -> Result<Child> {
    use std::os::unix::process::CommandExt as _;
    let log = create_log(&log_file(workspace, name))?;
    let copy = log.try_clone()?;
    command.stdin(Stdio::null()).stdout(log).stderr(copy).process_group(0);
    STARTED.store(true, Ordering::SeqCst);
    let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    let identity = format!("{} {}", child.id(), birth(child.id()));
    std::fs::write(pid_file(workspace, name), identity)?;
    Ok(child)
}

/// The log of a process started by [`start`].
pub(crate) fn log_file(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.local(&format!("{name}.log"))
}

fn pid_file(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.local(&format!("{name}.pid"))
}

/// Ends the group of a process started earlier, perhaps by another run of this command; false when none runs.
pub(crate) fn stop(workspace: &Workspace, name: &str) -> Result<bool> {
    let file = pid_file(workspace, name);
    let Some(group) = recorded(&file) else { return Ok(false) };
    let ended = end_group(group)?;
    std::fs::remove_file(&file)?;
    Ok(ended)
}

/// Ends the group of a process that has nothing to save, at once; false when none runs.
pub(crate) fn kill(workspace: &Workspace, name: &str) -> Result<bool> {
    let file = pid_file(workspace, name);
    let Some(group) = recorded(&file) else { return Ok(false) };
    kill_group(group)?;
    std::fs::remove_file(&file)?;
    Ok(true)
}

/// The recorded process, when that very process still runs: an id that meanwhile belongs to another one is left alone.
fn recorded(file: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(file).ok()?;
    let (pid, born) = text.trim().split_once(' ')?;
    let pid: u32 = pid.parse().ok()?;
    if birth(pid) != born {
        return None;
    }
    Some(Pid::from_raw(i32::try_from(pid).ok()?))
}

/// What tells a process from a later one with the same id: the start time that the kernel (else `ps`) gives.
fn birth(pid: u32) -> String {
    if let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The name in parentheses may hold spaces; the start time is the 20th field after it.
        let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        return after.split_whitespace().nth(19).unwrap_or("").to_owned();
    }
    let listed = Command::new("ps").args(["-o", "lstart=", "-p", &pid.to_string()]).output();
    listed.map(|output| String::from_utf8_lossy(&output.stdout).trim().replace(' ', "_")).unwrap_or_default()
}

/// Asks a process group to end, and makes it end when it does not within the grace period.
fn end_group(group: Pid) -> Result<bool> {
    match killpg(group, Signal::SIGTERM) {
        Ok(()) => {}
        Err(Errno::ESRCH) => return Ok(false),
        Err(error) => return Err(error).context(format!("cannot end process group {group}")),
    }
    let mut waited = Duration::ZERO;
    while runs(group) {
        if waited >= GRACE {
            kill_group(group)?;
            break;
        }
        std::thread::sleep(POLL);
        waited = waited.saturating_add(POLL);
    }
    Ok(true)
}

fn kill_group(group: Pid) -> Result<()> {
    match killpg(group, Signal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).context(format!("cannot kill process group {group}")),
    }
}

/// Whether a group has a living member; members that only wait to be reaped do not count.
fn runs(group: Pid) -> bool {
    if killpg(group, None).is_err() {
        return false;
    }
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{group}/stat")) else { return true };
    !stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_another_one_that_got_its_id() {
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        let folder = std::env::temp_dir().join(format!("saldo-pid-{}", child.id()));
        std::fs::write(&folder, format!("{} {}", child.id(), birth(child.id()))).unwrap();
        assert!(recorded(&folder).is_some());
        std::fs::write(&folder, format!("{} 1", child.id())).unwrap();
        assert!(recorded(&folder).is_none(), "another start time is another process");
        std::fs::remove_file(&folder).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
