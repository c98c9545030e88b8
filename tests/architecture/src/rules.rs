//! What the template promises, rule by rule.

pub mod alarms;
pub mod api;
pub mod environment;
pub mod functions;
pub mod nesting;
pub mod policies;
pub mod queues;
pub mod secrets;
pub mod storage;

/// What a rule found: one sentence for each place that breaks it.
pub type Findings = Vec<String>;
