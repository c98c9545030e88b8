//! The mailer, which remembers what is out.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use saldo_documents::mail::{Mail, MailError, MailReceipt, Mailer};
use tokio::task::yield_now;

use crate::sabotage::Sabotage;
use crate::weather::{Fault, Weather};

/// A mailer in memory.
pub(crate) struct StormyMailer {
    weather: Arc<Weather>,
    sabotage: Option<Sabotage>,
    out: Mutex<Vec<String>>,
}

impl StormyMailer {
    pub(crate) fn new(weather: Arc<Weather>, sabotage: Option<Sabotage>) -> Self {
        Self { weather, sabotage, out: Mutex::default() }
    }

    /// Takes the ids of mails that left since the last time.
    pub(crate) fn take_out(&self) -> Vec<String> {
        std::mem::take(&mut *self.out.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Mailer for StormyMailer {
    async fn send(&self, mail: &Mail) -> Result<MailReceipt, MailError> {
        if self.weather.gives_way() {
            yield_now().await;
        }
        let message_id = mail.message_id.clone();
        if self.weather.strikes(Fault::MailRefused) {
            return Err(MailError::NotSent { message_id, again: true, source: "weather".into() });
        }
        if self.sabotage == Some(Sabotage::MailNotSent) {
            return Ok(MailReceipt { message_id });
        }
        let is_lost = self.weather.strikes(Fault::MailAnswerLost);
        if !is_lost || self.weather.how(Fault::MailAnswerLost, 2) == 0 {
            self.out.lock().unwrap_or_else(PoisonError::into_inner).push(message_id.clone());
        }
        if self.weather.gives_way() {
            yield_now().await;
        }
        if is_lost {
            return Err(MailError::Unknown { message_id, source: "weather".into() });
        }
        Ok(MailReceipt { message_id })
    }
}
