//! Payments: taken, declined, given back, disputed.

use saldo_billing::payment::{Payment, PaymentError, PaymentStatus, RefundState, Standing};
use saldo_money::Money;
use serde_json::{Value, json};

use super::{Happened, Images, Kind};

pub(super) fn happened(images: &Images<Payment>) -> Result<Vec<Happened>, PaymentError> {
    let Some(after) = &images.after else { return Ok(Vec::new()) };
    let before = images.before.as_ref();
    let standing = after.standing()?;
    let stood = before.map_or_else(|| Ok(Standing::none(Money::zero(after.currency))), Payment::standing)?;
    let mut kinds = Vec::new();
    kinds.extend(progressed(before, after, &stood, &standing));
    kinds.extend(given_back(before, after, &stood, &standing));
    kinds.extend(disputed(before, after, &stood, &standing));
    let data = data(after, &standing);
    let told = |(kind, at)| Happened { kind, at, of: after.id.to_string(), data: data.clone() };
    Ok(kinds.into_iter().map(told).collect())
}

/// How far taking the money has come. More money or another failure is news, even where the status stays.
fn progressed(before: Option<&Payment>, after: &Payment, stood: &Standing, standing: &Standing) -> Option<Kind> {
    let failed_at = after.last_failure().map(|(at, _)| at);
    let is_new = before.is_none_or(|before| before.status() != after.status());
    match after.status() {
        PaymentStatus::Pending => None,
        PaymentStatus::RequiresAction => is_new.then_some(("payment.requires_action", None)),
        PaymentStatus::Processing => is_new.then_some(("payment.processing", None)),
        PaymentStatus::Authorised => is_new.then_some(("payment.authorised", None)),
        PaymentStatus::Succeeded => {
            (standing.captured != stood.captured).then_some(("payment.succeeded", after.captured_at()))
        }
        PaymentStatus::Failed => {
            let is_another = before.is_none_or(|before| before.last_failure().map(|(at, _)| at) != failed_at);
            (is_new || is_another).then_some(("payment.failed", failed_at))
        }
        PaymentStatus::Cancelled => is_new.then_some(("payment.cancelled", None)),
    }
}

/// What went back to the customer.
fn given_back(before: Option<&Payment>, after: &Payment, stood: &Standing, standing: &Standing) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let (was, is) = (stood.refunded.amount(), standing.refunded.amount());
    if is > was {
        kinds.push(("payment.refunded", None));
    } else if is < was {
        kinds.push(("payment.refund_failed", None));
    }
    let refused = |payment: &Payment| {
        payment.refund_requests().filter(|(_, request)| matches!(request.state, RefundState::Refused { .. })).count()
    };
    if refused(after) > before.map_or(0, refused) {
        kinds.push(("payment.refund_refused", None));
    }
    kinds
}

/// What became of disputes.
fn disputed(before: Option<&Payment>, after: &Payment, stood: &Standing, standing: &Standing) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let was_disputed = before.is_some_and(Payment::is_disputed);
    if after.is_disputed() && !was_disputed {
        kinds.push(("payment.disputed", None));
    }
    // Losing moves the money from one account to the other: what was withdrawn is both together.
    let withdrawn = |standing: &Standing| standing.disputed.checked_add(standing.lost).map(Money::amount).ok();
    let (was, is) = (withdrawn(stood), withdrawn(standing));
    if is > was {
        kinds.push(("payment.dispute_funds_withdrawn", None));
    } else if is < was {
        kinds.push(("payment.dispute_funds_reinstated", None));
    }
    if was_disputed && !after.is_disputed() {
        kinds.push(("payment.dispute_closed", None));
    }
    kinds
}

fn data(payment: &Payment, standing: &Standing) -> Value {
    let failure = payment.last_failure().filter(|_| payment.status() == PaymentStatus::Failed);
    json!({
        "id": payment.id,
        "invoice": payment.invoice,
        "customer": payment.customer,
        "account": payment.account,
        "reference": payment.reference,
        "attempt": payment.attempt,
        "method": payment.method.as_ref().map(|method| method.kind.as_str()),
        "status": payment.status(),
        "captured": standing.captured,
        "refunded": standing.refunded,
        "disputed": standing.disputed,
        "lost": standing.lost,
        "failure": failure.map(|(_, decline)| json!({ "code": decline.code, "hard": decline.hard })),
    })
}
