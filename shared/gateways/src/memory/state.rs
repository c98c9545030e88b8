//! What the twin remembers.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use saldo_billing::id::{InvoiceId, RefundId};
use saldo_billing::payment::{Decline, Fact, MethodUsed, PaymentReport, RefundState, RefundStatus, Statement};
use saldo_billing::provider::ProviderAccount;
use saldo_money::Money;

use super::{Fault, Scripted};
use crate::gateway::{
    ChargeKind, ChargeOutcome, ChargeRequest, LookUpOutcome, LookUpRequest, Page, PageClosed, PageOpened, PageRequest,
    RefundLookUp, RefundOrder, RefundOutcome,
};

/// A payment as the provider keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The provider's id of it.
    pub reference: String,
    /// For which invoice.
    pub invoice: InvoiceId,
    /// Which attempt; `None` on a page.
    pub attempt: Option<u32>,
    /// The mark of the page; `None` when charged.
    pub page: Option<String>,
    /// How much.
    pub amount: Money,
    /// Under which key.
    pub idempotency_key: String,
    /// Where it stands.
    pub kind: ChargeKind,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was decided.
    decided_at: DateTime<Utc>,
    is_called_off: bool,
    method: Option<MethodUsed>,
}

/// A refund as the provider keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenRefund {
    /// The provider's id of it.
    pub reference: String,
    /// Of which payment.
    pub payment_reference: String,
    /// Our id of it.
    pub refund: RefundId,
    /// How much.
    pub amount: Money,
    /// When it was given.
    pub created_at: DateTime<Utc>,
}

/// What a key answers from its first use on.
#[derive(Debug, Clone)]
struct Saved<Q, A> {
    request: Q,
    answer: Result<A, Fault>,
}

#[derive(Debug)]
struct OpenedPage {
    request: PageRequest,
    page: Page,
    /// The payment made on it, or `None` while it is open.
    payment: Option<String>,
    closed: bool,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) now: DateTime<Utc>,
    pub(super) charge_script: VecDeque<Scripted>,
    pub(super) refund_script: VecDeque<Scripted>,
    pub(super) look_up_script: VecDeque<Scripted>,
    pub(super) page_script: VecDeque<Scripted>,
    pub(super) minimum: Option<Money>,
    pub(super) charges: Vec<Taken>,
    pub(super) charge_calls: usize,
    pub(super) refunds: Vec<TakenRefund>,
    saved_charges: BTreeMap<String, Saved<ChargeRequest, ChargeOutcome>>,
    saved_refunds: BTreeMap<String, Saved<RefundOrder, RefundOutcome>>,
    pages: BTreeMap<String, OpenedPage>,
}

/// What a script makes of a call before it has an effect.
fn before(scripted: &Scripted) -> Result<(), Fault> {
    match scripted {
        Scripted::NotSent => Err(Fault::NotSent),
        Scripted::LoseRequest => Err(Fault::Lost),
        Scripted::Forbid => Err(Fault::Forbidden),
        Scripted::Refuse => Err(Fault::Refused),
        Scripted::SaveFailureOnly => Err(Fault::SavedFailure),
        Scripted::Succeed
        | Scripted::Process
        | Scripted::RequireAction
        | Scripted::Decline(_)
        | Scripted::LoseAnswer
        | Scripted::SaveFailure
        | Scripted::Stall => Ok(()),
    }
}

/// What a script makes of the answer after the effect: what is kept under the key, and what the caller hears.
fn after<A: Clone>(scripted: &Scripted, answer: A) -> (Result<A, Fault>, Result<A, Fault>) {
    match scripted {
        Scripted::LoseAnswer => (Ok(answer), Err(Fault::Lost)),
        Scripted::SaveFailure | Scripted::SaveFailureOnly | Scripted::Stall => {
            (Err(Fault::SavedFailure), Err(Fault::SavedFailure))
        }
        Scripted::Succeed
        | Scripted::Process
        | Scripted::RequireAction
        | Scripted::Decline(_)
        | Scripted::NotSent
        | Scripted::LoseRequest
        | Scripted::Forbid
        | Scripted::Refuse => (Ok(answer.clone()), Ok(answer)),
    }
}

fn charge_reference(payment: &str) -> String {
    format!("ch_{}", payment.trim_start_matches("pi_"))
}

impl Taken {
    fn report(&self, account: &ProviderAccount) -> PaymentReport {
        let reference = charge_reference(&self.reference);
        let decided = match &self.kind {
            ChargeKind::Succeeded => Some(Statement::Captured { reference, amount: self.amount }),
            ChargeKind::Processing => Some(Statement::Processing),
            ChargeKind::RequiresAction => Some(Statement::RequiresAction),
            ChargeKind::Declined { .. } if self.is_called_off => Some(Statement::Cancelled),
            ChargeKind::Declined { decline } => Some(Statement::Failed { reference, decline: decline.clone() }),
            ChargeKind::TooSmall { .. } | ChargeKind::Undecided => None,
        };
        let created = Fact::new(self.created_at, Statement::Created { amount: self.amount });
        PaymentReport {
            account: account.clone(),
            reference: self.reference.clone(),
            invoice: Some(self.invoice),
            attempt: self.attempt,
            page: self.page.clone(),
            method: self.method.clone(),
            currency: self.amount.currency(),
            introduces: true,
            facts: std::iter::once(created).chain(decided.map(|said| Fact::new(self.decided_at, said))).collect(),
        }
    }

    fn outcome(&self, account: &ProviderAccount) -> ChargeOutcome {
        ChargeOutcome { kind: self.kind.clone(), report: Some(self.report(account)) }
    }
}

impl TakenRefund {
    fn outcome(&self, account: &ProviderAccount) -> RefundOutcome {
        let status = RefundStatus::Succeeded;
        let said = Statement::Refund {
            reference: self.reference.clone(),
            amount: self.amount,
            status,
            requested_as: Some(self.refund),
        };
        let report = PaymentReport {
            account: account.clone(),
            reference: self.payment_reference.clone(),
            invoice: None,
            attempt: None,
            page: None,
            method: None,
            currency: self.amount.currency(),
            introduces: false,
            facts: vec![Fact::new(self.created_at, said)],
        };
        RefundOutcome {
            state: RefundState::Accepted { reference: self.reference.clone(), status },
            report: Some(report),
        }
    }
}

fn refused(code: &str) -> RefundOutcome {
    let decline = Decline { code: code.to_owned(), hard: true };
    RefundOutcome { state: RefundState::Refused { decline }, report: None }
}

impl State {
    pub(super) fn new(now: DateTime<Utc>) -> Self {
        Self {
            now,
            charge_script: VecDeque::new(),
            refund_script: VecDeque::new(),
            look_up_script: VecDeque::new(),
            page_script: VecDeque::new(),
            minimum: None,
            charges: Vec::new(),
            charge_calls: 0,
            refunds: Vec::new(),
            saved_charges: BTreeMap::new(),
            saved_refunds: BTreeMap::new(),
            pages: BTreeMap::new(),
        }
    }

    pub(super) fn charge(
        &mut self,
        account: &ProviderAccount,
        request: &ChargeRequest,
    ) -> Result<ChargeOutcome, Fault> {
        self.charge_calls = self.charge_calls.saturating_add(1);
        let scripted = self.charge_script.pop_front().unwrap_or(Scripted::Succeed);
        if scripted == Scripted::SaveFailureOnly {
            let saved = Saved { request: request.clone(), answer: Err(Fault::SavedFailure) };
            self.saved_charges.entry(request.idempotency_key.clone()).or_insert(saved);
        }
        before(&scripted)?;
        if let Some(saved) = self.saved_charges.get(&request.idempotency_key) {
            return if saved.request == *request { saved.answer.clone() } else { Err(Fault::KeyReused) };
        }
        if let Some(minimum) = self.too_small(request.amount) {
            return Ok(ChargeOutcome { kind: ChargeKind::TooSmall { minimum: Some(minimum) }, report: None });
        }
        let kind = match &scripted {
            Scripted::Process => ChargeKind::Processing,
            Scripted::RequireAction => ChargeKind::RequiresAction,
            Scripted::Stall => ChargeKind::Undecided,
            Scripted::Decline(decline) => ChargeKind::Declined { decline: decline.clone() },
            Scripted::Succeed
            | Scripted::LoseAnswer
            | Scripted::SaveFailure
            | Scripted::SaveFailureOnly
            | Scripted::NotSent
            | Scripted::LoseRequest
            | Scripted::Forbid
            | Scripted::Refuse => ChargeKind::Succeeded,
        };
        let taken = Taken {
            reference: format!("pi_memory{}", self.charges.len()),
            invoice: request.invoice,
            attempt: Some(request.attempt),
            page: None,
            amount: request.amount,
            idempotency_key: request.idempotency_key.clone(),
            kind,
            created_at: self.now,
            decided_at: self.now,
            is_called_off: false,
            method: Some(MethodUsed { kind: "card".to_owned(), network: None, last4: None }),
        };
        let (saved, heard) = after(&scripted, taken.outcome(account));
        self.charges.push(taken);
        self.saved_charges.insert(request.idempotency_key.clone(), Saved { request: request.clone(), answer: saved });
        heard
    }

    /// The minimum, where an amount is below it.
    fn too_small(&self, amount: Money) -> Option<Money> {
        self.minimum.filter(|least| least.currency() == amount.currency() && amount.amount() < least.amount())
    }

    /// A look-up has no effect to lose, so every failure is one of asking.
    fn ask(&mut self) -> Result<(), Fault> {
        let scripted = self.look_up_script.pop_front().unwrap_or(Scripted::Succeed);
        before(&scripted)?;
        after(&scripted, ()).1
    }

    pub(super) fn look_up(
        &mut self,
        account: &ProviderAccount,
        request: &LookUpRequest,
    ) -> Result<LookUpOutcome, Fault> {
        self.ask()?;
        let wanted = |taken: &&Taken| taken.invoice == request.invoice && taken.attempt == Some(request.attempt);
        Ok(match self.charges.iter().find(wanted) {
            Some(taken) => LookUpOutcome::Found(taken.outcome(account)),
            None => LookUpOutcome::NotFound,
        })
    }

    pub(super) fn decide(&mut self, reference: &str, decline: Option<Decline>) -> bool {
        let now = self.now;
        let waiting = |taken: &&mut Taken| {
            taken.reference == reference && matches!(taken.kind, ChargeKind::Processing | ChargeKind::RequiresAction)
        };
        let Some(taken) = self.charges.iter_mut().find(waiting) else { return false };
        taken.kind = decline.map_or(ChargeKind::Succeeded, |decline| ChargeKind::Declined { decline });
        taken.decided_at = now;
        true
    }

    pub(super) fn call_off(&mut self, account: &ProviderAccount, reference: &str) -> Result<ChargeOutcome, Fault> {
        self.ask()?;
        let now = self.now;
        let taken = self.charges.iter_mut().find(|taken| taken.reference == reference).ok_or(Fault::Refused)?;
        if matches!(taken.kind, ChargeKind::Undecided | ChargeKind::RequiresAction) {
            taken.kind = ChargeKind::Declined { decline: Decline { code: "abandoned".to_owned(), hard: false } };
            taken.is_called_off = true;
            taken.decided_at = now;
        }
        Ok(taken.outcome(account))
    }

    /// What is left of a payment; `None` when there is no such payment, or nothing was taken.
    fn refundable(&self, payment: &str) -> Option<Money> {
        let taken =
            self.charges.iter().find(|taken| taken.reference == payment && taken.kind == ChargeKind::Succeeded)?;
        let given = self.refunds.iter().filter(|refund| refund.payment_reference == payment);
        given.map(|refund| refund.amount).try_fold(taken.amount, Money::checked_sub).ok()
    }

    pub(super) fn refund(&mut self, account: &ProviderAccount, order: &RefundOrder) -> Result<RefundOutcome, Fault> {
        let scripted = self.refund_script.pop_front().unwrap_or(Scripted::Succeed);
        before(&scripted)?;
        if let Some(saved) = self.saved_refunds.get(&order.idempotency_key) {
            return if saved.request == *order { saved.answer.clone() } else { Err(Fault::KeyReused) };
        }
        let answer = match (&scripted, self.refundable(&order.payment_reference)) {
            (Scripted::Decline(decline), _) => refused(&decline.code),
            (_, None) => refused("resource_missing"),
            (_, Some(left)) if left.currency() != order.amount.currency() || order.amount.amount() > left.amount() => {
                refused(if left.is_zero() { "charge_already_refunded" } else { "amount_too_large" })
            }
            (_, Some(_)) => {
                let given = TakenRefund {
                    reference: format!("re_memory{}", self.refunds.len()),
                    payment_reference: order.payment_reference.clone(),
                    refund: order.refund,
                    amount: order.amount,
                    created_at: self.now,
                };
                let outcome = given.outcome(account);
                self.refunds.push(given);
                outcome
            }
        };
        let (saved, heard) = after(&scripted, answer);
        self.saved_refunds.insert(order.idempotency_key.clone(), Saved { request: order.clone(), answer: saved });
        heard
    }

    pub(super) fn look_up_refund(
        &mut self,
        account: &ProviderAccount,
        order: &RefundOrder,
    ) -> Result<RefundLookUp, Fault> {
        self.ask()?;
        Ok(match self.refunds.iter().find(|refund| refund.refund == order.refund) {
            Some(refund) => RefundLookUp::Found(refund.outcome(account)),
            None => RefundLookUp::NotFound,
        })
    }

    pub(super) fn open_page(&mut self, request: &PageRequest) -> Result<PageOpened, Fault> {
        let scripted = self.page_script.pop_front().unwrap_or(Scripted::Succeed);
        before(&scripted)?;
        if let Some(minimum) = self.too_small(request.amount) {
            return Ok(PageOpened::TooSmall { minimum: Some(minimum) });
        }
        let known = self.pages.values().find(|opened| opened.request.idempotency_key == request.idempotency_key);
        if let Some(opened) = known {
            return if opened.request == *request {
                Ok(PageOpened::Open(opened.page.clone()))
            } else {
                Err(Fault::KeyReused)
            };
        }
        let reference = format!("cs_memory{}", self.pages.len());
        let url = format!("https://pay.example/{reference}");
        let page = Page { reference: reference.clone(), url, expires_at: request.expires_at };
        let opened = OpenedPage { request: request.clone(), page: page.clone(), payment: None, closed: false };
        self.pages.insert(reference, opened);
        after(&scripted, PageOpened::Open(page)).1
    }

    pub(super) fn close_page(&mut self, account: &ProviderAccount, reference: &str) -> Result<PageClosed, Fault> {
        let scripted = self.page_script.pop_front().unwrap_or(Scripted::Succeed);
        before(&scripted)?;
        let opened = self.pages.get_mut(reference).ok_or(Fault::Refused)?;
        let closed = match &opened.payment {
            Some(payment) => {
                let taken = self.charges.iter().find(|taken| taken.reference == *payment).ok_or(Fault::Refused)?;
                PageClosed::Used(Box::new(taken.outcome(account)))
            }
            None => {
                opened.closed = true;
                PageClosed::Closed
            }
        };
        after(&scripted, closed).1
    }

    pub(super) fn pay_page(&mut self, reference: &str) -> Option<String> {
        let now = self.now;
        let opened = self.pages.get_mut(reference)?;
        if opened.closed || opened.payment.is_some() || opened.page.expires_at <= now {
            return None;
        }
        let payment = format!("pi_memory{}", self.charges.len());
        opened.payment = Some(payment.clone());
        self.charges.push(Taken {
            reference: payment.clone(),
            invoice: opened.request.invoice,
            attempt: None,
            page: Some(opened.request.mark.clone()),
            amount: opened.request.amount,
            idempotency_key: opened.request.idempotency_key.clone(),
            kind: ChargeKind::Succeeded,
            created_at: now,
            decided_at: now,
            is_called_off: false,
            method: None,
        });
        Some(payment)
    }
}
