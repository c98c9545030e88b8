//! What no event has told and the provider's answer to a call of our own can have.
//!
//! A charge that is answered, a look-up, a refund that we ask for: each answer is taken into the books like an event, and kept
//! nowhere else than in the payment. So what a payment carries beyond its events is taken over as long as an answer can have told
//! it and no event says otherwise. Nobody ever asks about disputes, or about payments that have nothing to do with us.

use std::collections::BTreeSet;

use saldo_billing::payment::{Fact, Payment, PaymentReport, RefundState, Statement};

/// What only answers told of a payment, and the keys of those facts; none when there is nothing.
pub(crate) fn beyond(
    kept: &Payment,
    rebuilt: Option<&Payment>,
    told: &BTreeSet<String>,
) -> Option<(PaymentReport, Vec<String>)> {
    if kept.invoice.is_none() && kept.attempt.is_none() {
        return None;
    }
    let mut facts = Vec::new();
    let mut keys = Vec::new();
    for fact in kept.facts() {
        let Some(statement) = fact.statement() else { continue };
        let key = statement.key();
        let is_answer = if told.contains(&key) {
            rebuilt.and_then(|rebuilt| fact_of(rebuilt, &key)).is_some_and(|event| was_told_before(fact, event))
        } else {
            can_be_answered(kept, statement)
        };
        if is_answer {
            facts.push(fact.clone());
            keys.push(key);
        }
    }
    let is_ours = kept.attempt.is_some() || rebuilt.is_none();
    let unknown = |known: bool| is_ours && !known;
    let report = PaymentReport {
        account: kept.account.clone(),
        reference: kept.reference.clone(),
        invoice: kept.invoice.filter(|_| unknown(rebuilt.is_some_and(|rebuilt| rebuilt.invoice.is_some()))),
        attempt: kept.attempt.filter(|_| unknown(rebuilt.is_some_and(|rebuilt| rebuilt.attempt.is_some()))),
        page: None,
        method: kept.method.clone().filter(|_| unknown(rebuilt.is_some_and(|rebuilt| rebuilt.method.is_some()))),
        currency: kept.currency,
        introduces: true,
        facts,
    };
    let says_nothing =
        keys.is_empty() && report.invoice.is_none() && report.attempt.is_none() && report.method.is_none();
    (!says_nothing && (rebuilt.is_some() || !keys.is_empty())).then_some((report, keys))
}

fn fact_of<'a>(payment: &'a Payment, key: &str) -> Option<&'a Fact> {
    payment.facts().into_iter().find(|fact| fact.statement().is_some_and(|statement| statement.key() == key))
}

/// An answer comes with the provider's time of the answer, which may be before that of the event; then it is the telling that
/// stands. An event that tells another amount contradicts it all the same.
fn was_told_before(kept: &Fact, event: &Fact) -> bool {
    let is_refusal = matches!(kept.statement(), Some(Statement::Failed { .. }));
    kept.at < event.at && (kept.said == event.said || is_refusal) && !is_dispute(kept)
}

fn is_dispute(fact: &Fact) -> bool {
    fact.statement().is_some_and(|statement| statement.key().starts_with("dispute/"))
}

fn can_be_answered(payment: &Payment, statement: &Statement) -> bool {
    match statement {
        Statement::Created { .. }
        | Statement::RequiresAction
        | Statement::Processing
        | Statement::Authorised { .. }
        | Statement::Captured { .. }
        | Statement::Failed { .. }
        | Statement::Cancelled
        | Statement::RefundedInAll { .. } => true,
        Statement::Refund { reference, requested_as, .. } => payment.refund_requests().any(|(id, request)| {
            let accepted =
                matches!(&request.state, RefundState::Accepted { reference: known, .. } if known == reference);
            accepted || *requested_as == Some(id)
        }),
        Statement::DisputeOpened { .. }
        | Statement::DisputeFundsWithdrawn { .. }
        | Statement::DisputeFundsReinstated { .. }
        | Statement::DisputeClosed { .. } => false,
    }
}
