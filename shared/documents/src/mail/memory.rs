//! A mailer that keeps what it was given.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Mail, MailError, MailReceipt, Mailer};

/// A mailer in memory, which can be told to fail.
#[derive(Debug, Default)]
pub struct MemoryMailer {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: Vec<Mail>,
    failures: VecDeque<Failure>,
}

#[derive(Debug, Clone, Copy)]
enum Failure {
    NotSent { again: bool },
    AnswerLost,
}

impl MemoryMailer {
    /// A mailer that has sent nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was sent, in order; also what was sent and not confirmed.
    #[must_use]
    pub fn sent(&self) -> Vec<Mail> {
        self.state().sent.clone()
    }

    /// The next mail that has no failure planned yet is refused; `again` says whether it may be tried again.
    pub fn refuse_next(&self, again: bool) {
        self.state().failures.push_back(Failure::NotSent { again });
    }

    /// The next mail that has no failure planned yet is sent, and the answer is lost.
    pub fn lose_next_answer(&self) {
        self.state().failures.push_back(Failure::AnswerLost);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailer for MemoryMailer {
    async fn send(&self, mail: &Mail) -> Result<MailReceipt, MailError> {
        let mut state = self.state();
        let message_id = mail.message_id.clone();
        match state.failures.pop_front() {
            Some(Failure::NotSent { again }) => {
                return Err(MailError::NotSent { message_id, again, source: "the mailer was told to refuse".into() });
            }
            Some(Failure::AnswerLost) => {
                state.sent.push(mail.clone());
                return Err(MailError::Unknown { message_id, source: "the mailer was told to lose its answer".into() });
            }
            None => state.sent.push(mail.clone()),
        }
        Ok(MailReceipt { message_id: format!("memory-{}", state.sent.len()) })
    }
}
