//! Faults on demand: what goes wrong with the next calls.

use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The connection breaks before the answer. With `commit`, the call had its effect and its answer stays under the key.
    LoseAnswer,
    /// 500. Kept under the key, as Stripe keeps it, whether or not the call had its effect.
    Error,
    /// 500, kept under the key: the payment was made, and then nothing was done with it.
    Stall,
    /// 429: nothing was executed.
    RateLimit,
    /// 200 with a page in HTML, as a broken proxy answers.
    Html,
    /// 409: as if the same key were in use.
    Conflict,
    /// The answer comes late. Until then the key is in use.
    Delay,
}

/// A fault, and which calls it meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Only for calls of this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only for calls whose path begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many calls it meets.
    #[serde(default = "once")]
    pub times: u32,
    /// Whether the call has its effect all the same.
    #[serde(default = "yes")]
    pub commit: bool,
    /// How late the answer is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
}

const fn once() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

/// What is still to go wrong, in the order it was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    waiting: Vec<Fault>,
    met: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        if fault.times > 0 {
            self.waiting.push(fault);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    pub(crate) fn waiting(&self) -> &[Fault] {
        &self.waiting
    }

    /// How many calls met a fault.
    pub(crate) const fn met(&self) -> u64 {
        self.met
    }

    /// The fault that this call meets, if any.
    pub(crate) fn meet(&mut self, method: &str, path: &str) -> Option<Fault> {
        let fits = |fault: &Fault| {
            fault.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                && fault.path.as_deref().is_none_or(|wanted| path.starts_with(wanted))
        };
        let index = self.waiting.iter().position(fits)?;
        let fault = self.waiting.get_mut(index)?;
        fault.times = fault.times.saturating_sub(1);
        let met = fault.clone();
        if fault.times == 0 {
            self.waiting.remove(index);
        }
        self.met = self.met.saturating_add(1);
        Some(met)
    }
}
