//! A gateway without a provider, for tests of its callers: scripted, idempotent by key, and it counts.

mod state;

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use saldo_billing::payment::Decline;
use saldo_billing::provider::ProviderAccount;
use saldo_money::Money;

use self::state::State;
pub use self::state::{Taken, TakenRefund};
use crate::gateway::{
    Cause, ChargeKind, ChargeOutcome, ChargeRequest, Gateway, GatewayError, LookUpOutcome, LookUpRequest, PageClosed,
    PageOpened, PageRequest, RefundLookUp, RefundOrder, RefundOutcome,
};

/// What the provider does with the next call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scripted {
    /// Takes the money, gives it back, opens the page: what happens without a script.
    Succeed,
    /// Takes a charge for a direct debit, to be decided later.
    Process,
    /// Wants the customer to act.
    RequireAction,
    /// Says no.
    Decline(Decline),
    /// Is not reached.
    NotSent,
    /// Does it, and the answer is lost. From then on the key answers as it would have.
    LoseAnswer,
    /// Does nothing, and nobody can know: the answer is lost all the same.
    LoseRequest,
    /// Does it, and saves an error of its own under the key, which is all that a repetition gets.
    SaveFailure,
    /// Does nothing, and saves an error of its own under the key likewise.
    SaveFailureOnly,
    /// Makes a payment and does nothing with it, and saves an error of its own under the key.
    Stall,
    /// Does not let us in.
    Forbid,
    /// Finds the request itself wrong.
    Refuse,
}

/// The twin of a connected account. Its clock stands until it is set.
#[derive(Debug)]
pub struct MemoryGateway {
    account: ProviderAccount,
    state: Mutex<State>,
}

impl MemoryGateway {
    /// An account that has taken nothing, as of `now`.
    #[must_use]
    pub fn new(account: ProviderAccount, now: DateTime<Utc>) -> Self {
        Self { account, state: Mutex::new(State::new(now)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the provider's clock.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.state().now = now;
    }

    /// Adds to what happens with the next charges, one after the other.
    pub fn script_charges(&self, script: impl IntoIterator<Item = Scripted>) {
        self.state().charge_script.extend(script);
    }

    /// Adds to what happens with the next refunds.
    pub fn script_refunds(&self, script: impl IntoIterator<Item = Scripted>) {
        self.state().refund_script.extend(script);
    }

    /// Adds to what happens with the next look-ups, of charges and of refunds; only failures make a difference.
    pub fn script_look_ups(&self, script: impl IntoIterator<Item = Scripted>) {
        self.state().look_up_script.extend(script);
    }

    /// Adds to what happens with the next pages, opened or closed.
    pub fn script_pages(&self, script: impl IntoIterator<Item = Scripted>) {
        self.state().page_script.extend(script);
    }

    /// Sets the least that a charge can be; `None` for no limit.
    pub fn set_minimum(&self, minimum: Option<Money>) {
        self.state().minimum = minimum;
    }

    /// The charges that the provider made a payment of, taken or not, oldest first.
    #[must_use]
    pub fn charges(&self) -> Vec<Taken> {
        self.state().charges.clone()
    }

    /// How often money was really taken.
    #[must_use]
    pub fn times_taken(&self) -> usize {
        self.state().charges.iter().filter(|charge| charge.kind == ChargeKind::Succeeded).count()
    }

    /// How many charge calls arrived, repetitions included.
    #[must_use]
    pub fn charge_calls(&self) -> usize {
        self.state().charge_calls
    }

    /// The refunds that were given, oldest first.
    #[must_use]
    pub fn refunds(&self) -> Vec<TakenRefund> {
        self.state().refunds.clone()
    }

    /// Decides a charge that was processing; what the provider's event would report is found by a look-up.
    ///
    /// Returns whether there was such a charge.
    pub fn decide(&self, payment_reference: &str, decline: Option<Decline>) -> bool {
        self.state().decide(payment_reference, decline)
    }

    /// Lets the customer pay on an open page. Returns the provider's id of the payment, or `None` when the page is not open.
    pub fn pay_page(&self, reference: &str) -> Option<String> {
        self.state().pay_page(reference)
    }

    fn error(&self, call: &'static str, fault: Fault) -> GatewayError {
        let account = self.account.clone();
        let source: Cause = fault.into();
        match fault {
            Fault::NotSent => GatewayError::NotSent { call, account, source },
            Fault::Lost => GatewayError::Unknown { call, account, answered: false, source },
            Fault::SavedFailure => GatewayError::Unknown { call, account, answered: true, source },
            Fault::Forbidden => GatewayError::Forbidden { call, account, source },
            Fault::Refused | Fault::KeyReused => GatewayError::Refused { call, account, source },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("scripted: not connected")]
    NotSent,
    #[error("scripted: the answer is lost")]
    Lost,
    #[error("scripted: an error of the provider, saved under the key")]
    SavedFailure,
    #[error("scripted: the key is not let in")]
    Forbidden,
    #[error("scripted: an invalid request")]
    Refused,
    #[error("the key was used for another request")]
    KeyReused,
}

#[async_trait]
impl Gateway for MemoryGateway {
    async fn charge(&self, request: &ChargeRequest) -> Result<ChargeOutcome, GatewayError> {
        self.state().charge(&self.account, request).map_err(|fault| self.error("a charge", fault))
    }

    async fn look_up(&self, request: &LookUpRequest) -> Result<LookUpOutcome, GatewayError> {
        self.state().look_up(&self.account, request).map_err(|fault| self.error("a look-up of a charge", fault))
    }

    async fn call_off(&self, payment_reference: &str) -> Result<ChargeOutcome, GatewayError> {
        self.state()
            .call_off(&self.account, payment_reference)
            .map_err(|fault| self.error("calling a payment off", fault))
    }

    async fn refund(&self, order: &RefundOrder) -> Result<RefundOutcome, GatewayError> {
        self.state().refund(&self.account, order).map_err(|fault| self.error("a refund", fault))
    }

    async fn look_up_refund(&self, order: &RefundOrder) -> Result<RefundLookUp, GatewayError> {
        self.state().look_up_refund(&self.account, order).map_err(|fault| self.error("a look-up of a refund", fault))
    }

    async fn open_page(&self, request: &PageRequest) -> Result<PageOpened, GatewayError> {
        self.state().open_page(request).map_err(|fault| self.error("opening a page", fault))
    }

    async fn close_page(&self, reference: &str) -> Result<PageClosed, GatewayError> {
        self.state().close_page(&self.account, reference).map_err(|fault| self.error("closing a page", fault))
    }
}
