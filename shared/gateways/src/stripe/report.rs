//! What Stripe's objects state about a payment.
//!
//! An object is a snapshot, so each report says all that its object shows; saying it again in the next event changes nothing.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use saldo_billing::payment::{DisputeOutcome, Fact, MethodUsed, PaymentReport, RefundStatus, Statement};
use saldo_billing::provider::ProviderAccount;
use saldo_money::{Currency, Money};

use super::object::{
    BalanceTransaction, Charge, ChargeStatus, Dispute, Expandable, IntentStatus, Metadata, MethodDetails, Named,
    ObjectError, PaymentIntent, Refund, currency, instant, money,
};
use super::{ATTEMPT_KEY, INVOICE_KEY, PAGE_KEY, REFUND_KEY, decline};

/// A value of our own that travelled through the provider's metadata; what is not ours is none.
pub(super) fn ours<T: FromStr>(metadata: &Metadata, key: &str) -> Option<T> {
    metadata.get(key)?.parse().ok()
}

pub(super) fn method_used(details: &MethodDetails) -> MethodUsed {
    MethodUsed {
        kind: details.kind.clone(),
        network: details.network().map(str::to_ascii_lowercase),
        last4: details.last4().map(ToOwned::to_owned),
    }
}

/// A report on the payment itself, with nothing stated yet.
fn introduction(account: &ProviderAccount, reference: &str, metadata: &Metadata, currency: Currency) -> PaymentReport {
    PaymentReport {
        account: account.clone(),
        reference: reference.to_owned(),
        invoice: ours(metadata, INVOICE_KEY),
        attempt: ours(metadata, ATTEMPT_KEY),
        page: ours(metadata, PAGE_KEY),
        method: None,
        currency,
        introduces: true,
        facts: Vec::new(),
    }
}

/// A report on something that belongs to a payment.
fn addition(account: &ProviderAccount, reference: &str, currency: Currency, facts: Vec<Fact>) -> PaymentReport {
    PaymentReport {
        account: account.clone(),
        reference: reference.to_owned(),
        invoice: None,
        attempt: None,
        page: None,
        method: None,
        currency,
        introduces: false,
        facts,
    }
}

/// The payment that something belongs to: the intent, or the charge of times before intents.
fn payment_of(
    object: &str,
    intent: Option<&Expandable<Named>>,
    charge: Option<&Expandable<Named>>,
) -> Result<String, ObjectError> {
    intent
        .or(charge)
        .map(|payment| payment.id().to_owned())
        .ok_or_else(|| ObjectError::Missing { object: object.to_owned(), field: "payment_intent and charge" })
}

/// What a PaymentIntent states, as told at `told_at`.
pub(super) fn of_intent(
    account: &ProviderAccount,
    intent: &PaymentIntent,
    told_at: DateTime<Utc>,
) -> Result<PaymentReport, ObjectError> {
    let id = intent.id.as_str();
    let currency = currency(id, &intent.currency)?;
    let charge = intent.latest_charge.as_ref().and_then(Expandable::object);
    let mut report = introduction(account, id, &intent.metadata, currency);
    report.method = charge.and_then(|charge| charge.payment_method_details.as_ref()).map(method_used);
    let created = Statement::Created { amount: money(id, intent.amount, currency)? };
    report.facts.push(Fact::new(instant(id, intent.created)?, created));
    match intent.status {
        IntentStatus::RequiresPaymentMethod => {
            if let Some(failure) = &intent.last_payment_error {
                let charge_id = failure.charge.as_deref().or(intent.latest_charge.as_ref().map(Expandable::id));
                let reference = charge_id.unwrap_or(id).to_owned();
                let decline = decline::of_failure(failure, charge);
                report.facts.push(Fact::new(told_at, Statement::Failed { reference, decline }));
            }
        }
        IntentStatus::RequiresConfirmation => {}
        IntentStatus::RequiresAction => report.facts.push(Fact::new(told_at, Statement::RequiresAction)),
        IntentStatus::Processing => report.facts.push(Fact::new(told_at, Statement::Processing)),
        IntentStatus::RequiresCapture => {
            let amount = money(id, intent.amount_capturable, currency)?;
            report.facts.push(Fact::new(told_at, Statement::Authorised { amount }));
        }
        IntentStatus::Canceled => {
            let at = intent.canceled_at.map_or(Ok(told_at), |seconds| instant(id, seconds))?;
            report.facts.push(Fact::new(at, Statement::Cancelled));
        }
        IntentStatus::Succeeded => {
            // Without the charge's id this would be booked a second time when the charge's own event comes.
            let missing = || ObjectError::Missing { object: id.to_owned(), field: "latest_charge" };
            let taking = intent.latest_charge.as_ref().ok_or_else(missing)?;
            let amount = money(id, intent.amount_received, currency)?;
            let reference = taking.id().to_owned();
            let at = charge.map_or(Ok(told_at), |charge| taken_at(charge, told_at))?;
            report.facts.push(Fact::new(at, Statement::Captured { reference, amount }));
            if let Some(charge) = charge {
                report.facts.extend(refunded_in_all(charge, currency, told_at)?);
            }
        }
    }
    Ok(report)
}

/// A card is charged at once; what settles later is known to be taken only when Stripe tells so.
fn taken_at(charge: &Charge, told_at: DateTime<Utc>) -> Result<DateTime<Utc>, ObjectError> {
    let at_once = charge.payment_method_details.as_ref().is_some_and(|details| details.kind == "card");
    if at_once { instant(&charge.id, charge.created) } else { Ok(told_at) }
}

fn refunded_in_all(charge: &Charge, currency: Currency, told_at: DateTime<Utc>) -> Result<Option<Fact>, ObjectError> {
    let given_back = charge.given_back();
    if given_back == 0 {
        return Ok(None);
    }
    let amount = money(&charge.id, given_back, currency)?;
    Ok(Some(Fact::new(told_at, Statement::RefundedInAll { reference: charge.id.clone(), amount })))
}

/// What a charge states, as told at `told_at`.
pub(super) fn of_charge(
    account: &ProviderAccount,
    charge: &Charge,
    told_at: DateTime<Utc>,
) -> Result<PaymentReport, ObjectError> {
    let id = charge.id.as_str();
    let currency = currency(id, &charge.currency)?;
    let reference = charge.payment_intent.as_ref().map_or(id, Expandable::id);
    let mut report = introduction(account, reference, &charge.metadata, currency);
    report.method = charge.payment_method_details.as_ref().map(method_used);
    let (at, statement) = match charge.status {
        ChargeStatus::Failed => {
            (told_at, Statement::Failed { reference: id.to_owned(), decline: decline::of_charge(charge) })
        }
        ChargeStatus::Pending => (told_at, Statement::Processing),
        ChargeStatus::Succeeded if charge.captured => {
            let amount = money(id, charge.amount_captured, currency)?;
            (told_at, Statement::Captured { reference: id.to_owned(), amount })
        }
        ChargeStatus::Succeeded => (told_at, Statement::Authorised { amount: money(id, charge.amount, currency)? }),
    };
    report.facts.push(Fact::new(at, statement));
    report.facts.extend(refunded_in_all(charge, currency, told_at)?);
    Ok(report)
}

/// Stripe's words for where a refund stands.
pub(super) fn refund_status(refund: &Refund) -> RefundStatus {
    match refund.status.as_str() {
        "succeeded" => RefundStatus::Succeeded,
        "failed" => RefundStatus::Failed,
        "canceled" => RefundStatus::Cancelled,
        // `pending` and `requires_action`, and whatever comes: not decided, so a later event has to tell.
        _ => RefundStatus::Pending,
    }
}

/// What a refund states, as told at `told_at`.
pub(super) fn of_refund(
    account: &ProviderAccount,
    refund: &Refund,
    told_at: DateTime<Utc>,
) -> Result<PaymentReport, ObjectError> {
    let id = refund.id.as_str();
    let currency = currency(id, &refund.currency)?;
    let reference = payment_of(id, refund.payment_intent.as_ref(), refund.charge.as_ref())?;
    let status = refund_status(refund);
    let at = if status == RefundStatus::Pending { instant(id, refund.created)? } else { told_at };
    let statement = Statement::Refund {
        reference: id.to_owned(),
        amount: money(id, refund.amount, currency)?,
        status,
        requested_as: refund.metadata.as_ref().and_then(|metadata| ours(metadata, REFUND_KEY)),
    };
    Ok(addition(account, &reference, currency, vec![Fact::new(at, statement)]))
}

/// Money that moved for a dispute, in the payment's currency where Stripe kept it there.
struct Movement {
    amount: Money,
    fee: Option<Money>,
    at: DateTime<Utc>,
}

/// The sum of a dispute's balance transactions of one direction: out for withdrawals, in for what came back.
fn movement(
    dispute: &Dispute,
    currency_of_payment: Currency,
    out: bool,
    moves: impl Fn(&BalanceTransaction) -> bool,
) -> Result<Option<Movement>, ObjectError> {
    let id = dispute.id.as_str();
    let moved: Vec<_> = dispute.balance_transactions.iter().filter(|transaction| moves(transaction)).collect();
    let Some(first) = moved.iter().map(|transaction| transaction.created).min() else { return Ok(None) };
    let at = instant(id, first)?;
    let whole = money(id, dispute.amount, currency_of_payment)?;
    for transaction in &moved {
        if currency(id, &transaction.currency)? != currency_of_payment {
            return Ok(Some(Movement { amount: whole, fee: None, at }));
        }
    }
    let sum = |part: fn(&BalanceTransaction) -> i64| {
        let total = moved.iter().fold(0_i64, |sum, transaction| sum.saturating_add(part(transaction)));
        if out { total } else { total.saturating_neg() }
    };
    let amount = money(id, sum(|transaction| transaction.amount).saturating_neg(), currency_of_payment)?;
    let fee = money(id, sum(|transaction| transaction.fee), currency_of_payment)?;
    Ok(Some(Movement { amount, fee: (!fee.is_zero()).then_some(fee), at }))
}

/// What a dispute states, as told at `told_at`.
pub(super) fn of_dispute(
    account: &ProviderAccount,
    dispute: &Dispute,
    told_at: DateTime<Utc>,
) -> Result<PaymentReport, ObjectError> {
    let id = dispute.id.as_str();
    let currency = currency(id, &dispute.currency)?;
    let reference = payment_of(id, dispute.payment_intent.as_ref(), Some(&dispute.charge))?;
    let amount = money(id, dispute.amount, currency)?;
    let opened = Statement::DisputeOpened { reference: id.to_owned(), amount, reason: dispute.reason.clone() };
    let mut facts = vec![Fact::new(instant(id, dispute.created)?, opened)];
    if let Some(Movement { amount, fee, at }) = movement(dispute, currency, true, |moved| moved.amount < 0)? {
        facts.push(Fact::new(at, Statement::DisputeFundsWithdrawn { reference: id.to_owned(), amount, fee }));
    }
    if let Some(Movement { amount, fee, at }) = movement(dispute, currency, false, |moved| moved.amount > 0)? {
        facts.push(Fact::new(at, Statement::DisputeFundsReinstated { reference: id.to_owned(), amount, fee }));
    }
    let outcome = match dispute.status.as_str() {
        "won" => Some(DisputeOutcome::Won),
        "lost" => Some(DisputeOutcome::Lost),
        "warning_closed" | "prevented" => Some(DisputeOutcome::WarningClosed),
        _ => None,
    };
    if let Some(outcome) = outcome {
        facts.push(Fact::new(told_at, Statement::DisputeClosed { reference: id.to_owned(), outcome }));
    }
    Ok(addition(account, &reference, currency, facts))
}
