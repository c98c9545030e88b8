//! What a process has used so far, as Linux tells it below `/proc`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

/// CPU time and memory of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// CPU time of all its threads that live.
    pub(crate) cpu: Duration,
    /// The most memory that was resident at any moment, in bytes.
    pub(crate) peak_bytes: u64,
}

impl Usage {
    /// Reads the usage of a process that waits: of one that computes, the kernel tells the CPU time of a moment ago.
    ///
    /// The time is taken from `schedstat`, which counts nanoseconds. `stat` counts in hundredths of a second, which is
    /// several times what a start takes.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let mut cpu = Duration::ZERO;
        for thread in std::fs::read_dir(process.join("task")).context("CPU time is measured on Linux only")? {
            let thread = thread?.path();
            let file = thread.join("schedstat");
            let told = match read(&file) {
                Ok(told) => told,
                // It ended since it was listed, and took its time with it.
                Err(_) if !thread.exists() => continue,
                Err(error) => return Err(error),
            };
            let used = cpu_time(&told).with_context(|| format!("{} tells no CPU time", file.display()))?;
            cpu = cpu.saturating_add(used);
        }
        let file = process.join("status");
        let peak_bytes = peak_bytes(&read(&file)?).with_context(|| format!("{} tells no VmHWM", file.display()))?;
        Ok(Self { cpu, peak_bytes })
    }
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// The time that a thread ran: the first number of its `schedstat`, in nanoseconds.
fn cpu_time(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// The most memory that was ever resident: the line `VmHWM` of `status`, in kibibytes.
fn peak_bytes(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn the_first_number_is_the_time_on_the_processor() {
        assert_eq!(cpu_time("10787924782 631266952 7276\n"), Some(Duration::from_nanos(10_787_924_782)));
        assert_eq!(cpu_time(""), None);
        assert_eq!(cpu_time("running 1 2"), None);
    }

    #[test]
    fn the_peak_is_told_from_what_is_resident_now() {
        let status = "Name:\tbootstrap\nVmPeak:\t  142032 kB\nVmHWM:\t    5672 kB\nVmRSS:\t    4824 kB\n";
        assert_eq!(peak_bytes(status), Some(5_808_128));
        assert_eq!(peak_bytes("Name:\tbootstrap\nVmRSS:\t 4824 kB\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_is_measured_while_its_threads_come_and_go() {
        let is_measured = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_measured.load(Ordering::Relaxed) {
                    drop(std::thread::spawn(|| ()).join());
                }
            });
            let used: Vec<_> = (0..300).map(|_| Usage::of(std::process::id())).collect();
            is_measured.store(true, Ordering::Relaxed);
            for used in used {
                assert!(used.unwrap().peak_bytes > 100_000);
            }
        });
    }
}
