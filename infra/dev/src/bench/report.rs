//! What was measured, as a table for a person and as JSON for a program.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::usage::Usage;

/// What the program of a function without documents is to stay within.
const SIZE_AIM_BYTES: u64 = 8_000_000;

/// What a function without documents is to stay within when it has started.
const PEAK_AIM_BYTES: u64 = 15_000_000;

/// One start of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    /// From the start of the process until it asked for its first event.
    pub(crate) took: Duration,
    /// What it had used by then.
    pub(crate) used: Usage,
}

/// The middle of several values and their range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Spread {
    median: u64,
    min: u64,
    max: u64,
}

impl Spread {
    /// Sums up values; none of nothing.
    fn of(values: impl Iterator<Item = u64>) -> Option<Self> {
        let mut sorted: Vec<u64> = values.collect();
        sorted.sort_unstable();
        let upper = sorted.len() / 2;
        let lower = sorted.len().checked_sub(1)? / 2;
        let median = sorted.get(lower)?.midpoint(*sorted.get(upper)?);
        Some(Self { median, min: *sorted.first()?, max: *sorted.last()? })
    }
}

/// All that was measured of one function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Measured {
    name: String,
    has_documents: bool,
    size_bytes: u64,
    init_us: Spread,
    cpu_us: Spread,
    peak_bytes: Spread,
}

impl Measured {
    /// Sums up the starts of a function.
    pub(crate) fn try_new(name: &str, has_documents: bool, size_bytes: u64, starts: &[Start]) -> Result<Self> {
        let spread = |value: fn(&Start) -> u64| Spread::of(starts.iter().map(value)).context("it was never started");
        Ok(Self {
            name: name.to_owned(),
            has_documents,
            size_bytes,
            init_us: spread(|start| microseconds(start.took))?,
            cpu_us: spread(|start| microseconds(start.used.cpu))?,
            peak_bytes: spread(|start| start.used.peak_bytes)?,
        })
    }

    /// What lies above its aim; functions with documents have none.
    fn above_aims(&self) -> Vec<&'static str> {
        let aims = [("size", self.size_bytes, SIZE_AIM_BYTES), ("memory", self.peak_bytes.max, PEAK_AIM_BYTES)];
        let above = aims.into_iter().filter(|(_, measured, aim)| !self.has_documents && measured > aim);
        above.map(|(what, _, _)| what).collect()
    }

    fn row(&self) -> [String; 6] {
        let above = self.above_aims();
        let remark = match (self.has_documents, above.is_empty()) {
            (true, _) => "with documents".to_owned(),
            (false, true) => String::new(),
            (false, false) => format!("above the aim: {}", above.join(", ")),
        };
        let Spread { median, min, max } = self.init_us;
        [
            self.name.clone(),
            megabytes(self.size_bytes),
            format!("{} ({} to {})", milliseconds(median), milliseconds(min), milliseconds(max)),
            milliseconds(self.cpu_us.median),
            megabytes(self.peak_bytes.max),
            remark,
        ]
    }
}

/// The whole run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// How the functions were built.
    pub(crate) profile: &'static str,
    /// How often each was started.
    pub(crate) starts: u32,
    /// What was measured, function by function.
    pub(crate) functions: Vec<Measured>,
    /// The functions that do not start.
    pub(crate) failed: Vec<String>,
}

impl Report {
    /// The lines of the table, with the aims below.
    pub(crate) fn table(&self) -> Vec<String> {
        let head = ["function", "size MB", "init ms (range)", "CPU ms", "memory MB", ""].map(str::to_owned);
        let rows: Vec<[String; 6]> = std::iter::once(head).chain(self.functions.iter().map(Measured::row)).collect();
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let [name_width, size_width, init_width, cpu_width, peak_width] = [0, 1, 2, 3, 4].map(width);
        let line = |[name, size, init, cpu, peak, remark]: &[String; 6]| {
            let numbers = format!("{size:>size_width$}  {init:>init_width$}  {cpu:>cpu_width$}  {peak:>peak_width$}");
            format!("{name:<name_width$}  {numbers}  {remark}").trim_end().to_owned()
        };
        let mut lines: Vec<String> = rows.iter().map(line).collect();
        let (size, peak) = (SIZE_AIM_BYTES / MEGABYTE, PEAK_AIM_BYTES / MEGABYTE);
        lines.push(format!("aim for functions without documents: at most {size} MB, and {peak} MB resident"));
        lines
    }

    /// All of it as one JSON object.
    pub(crate) fn json(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }
}

const MEGABYTE: u64 = 1_000_000;

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn milliseconds(microseconds: u64) -> String {
    tenths(microseconds, 1_000)
}

fn megabytes(bytes: u64) -> String {
    tenths(bytes, MEGABYTE)
}

/// A number in a larger unit, to the nearest tenth.
fn tenths(value: u64, unit: u64) -> String {
    let tenths = value.saturating_mul(10).saturating_add(unit / 2).checked_div(unit).unwrap_or_default();
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(took_us: u64, cpu_us: u64, peak_bytes: u64) -> Start {
        let used = Usage { cpu: Duration::from_micros(cpu_us), peak_bytes };
        Start { took: Duration::from_micros(took_us), used }
    }

    fn measured(has_documents: bool, size_bytes: u64, peak_bytes: u64) -> Measured {
        let starts = [start(9_000, 4_000, 1), start(4_400, 3_100, peak_bytes), start(5_000, 3_000, 2)];
        Measured::try_new("webhook-intake", has_documents, size_bytes, &starts).unwrap()
    }

    #[test]
    fn the_median_is_the_middle_or_between_the_two_middle_values() {
        assert_eq!(Spread::of([9, 1, 5].into_iter()), Some(Spread { median: 5, min: 1, max: 9 }));
        assert_eq!(Spread::of([9, 1, 5, 7].into_iter()), Some(Spread { median: 6, min: 1, max: 9 }));
        assert_eq!(Spread::of([3].into_iter()), Some(Spread { median: 3, min: 3, max: 3 }));
        assert_eq!(Spread::of(std::iter::empty()), None);
    }

    #[test]
    fn a_tenth_is_the_nearest() {
        assert_eq!(milliseconds(4_449), "4.4");
        assert_eq!(milliseconds(4_450), "4.5");
        assert_eq!(milliseconds(999_960), "1000.0");
        assert_eq!(megabytes(0), "0.0");
    }

    #[test]
    fn an_aim_is_met_up_to_its_last_byte_and_binds_functions_without_documents() {
        assert_eq!(measured(false, 8_000_000, 15_000_000).above_aims(), [""; 0]);
        assert_eq!(measured(false, 8_000_001, 15_000_000).above_aims(), ["size"]);
        assert_eq!(measured(false, 8_000_001, 15_000_001).above_aims(), ["size", "memory"]);
        assert_eq!(measured(true, 80_000_000, 150_000_000).above_aims(), [""; 0]);
    }

    #[test]
    fn the_table_is_aligned_and_says_what_lies_above() {
        let functions = vec![measured(false, 13_808_632, 9_700_000), measured(true, 27_292_368, 9_700_000)];
        let report = Report { profile: "quick", starts: 3, functions, failed: Vec::new() };
        let expected = [
            "function        size MB   init ms (range)  CPU ms  memory MB",
            "webhook-intake     13.8  5.0 (4.4 to 9.0)     3.1        9.7  above the aim: size",
            "webhook-intake     27.3  5.0 (4.4 to 9.0)     3.1        9.7  with documents",
            "aim for functions without documents: at most 8 MB, and 15 MB resident",
        ];
        assert_eq!(report.table(), expected);
    }

    #[test]
    fn the_json_has_every_number_in_its_unit() {
        let functions = vec![measured(false, 7_000_000, 9_700_000)];
        let report = Report { profile: "release", starts: 3, functions, failed: vec!["crm-api".to_owned()] };
        let expected = serde_json::json!({
            "profile": "release",
            "starts": 3,
            "functions": [{
                "name": "webhook-intake",
                "has_documents": false,
                "size_bytes": 7_000_000,
                "init_us": { "median": 5_000, "min": 4_400, "max": 9_000 },
                "cpu_us": { "median": 3_100, "min": 3_000, "max": 4_000 },
                "peak_bytes": { "median": 2, "min": 1, "max": 9_700_000 },
            }],
            "failed": ["crm-api"],
        });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&report.json().unwrap()).unwrap(), expected);
    }
}
