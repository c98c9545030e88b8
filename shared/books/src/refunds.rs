//! Refunds: reserved against the payment, asked for, settled.

use chrono::{DateTime, Utc};
use saldo_billing::Outcome;
use saldo_billing::id::{PaymentId, RefundId};
use saldo_billing::payment::{Payment, RefundState};
use saldo_money::Money;
use saldo_store::entities::payment_key;
use saldo_store::{Store, Stored, Transaction};

use crate::{Also, BooksError, ROUNDS, committed, expect};

/// Reserves a refund of a payment; payment-collection carries it out.
///
/// # Errors
/// When the payment is not there or has less than that left, or the books cannot be written.
pub async fn request(
    store: &dyn Store,
    payment: PaymentId,
    refund: RefundId,
    amount: Money,
    now: DateTime<Utc>,
    also: Also<'_, Payment>,
) -> Result<Outcome<Payment>, BooksError> {
    let command = |payment: &mut Payment| payment.request_refund(refund, amount, now);
    change(store, payment, "reserve a refund", command, also).await
}

/// Records what became of a refund that was asked for.
///
/// # Errors
/// When the payment or the refund is not there, or the books cannot be written.
pub async fn settle(
    store: &dyn Store,
    payment: PaymentId,
    refund: RefundId,
    state: RefundState,
    now: DateTime<Utc>,
) -> Result<Outcome<Payment>, BooksError> {
    let command = |payment: &mut Payment| payment.settle_refund(refund, state.clone(), now);
    change(store, payment, "settle a refund", command, &crate::nothing_more).await
}

async fn change(
    store: &dyn Store,
    id: PaymentId,
    attempted: &'static str,
    command: impl Fn(&mut Payment) -> Result<Outcome<()>, saldo_billing::payment::RefundError> + Send,
    also: Also<'_, Payment>,
) -> Result<Outcome<Payment>, BooksError> {
    for _ in 0..ROUNDS {
        let mut payment: Stored<Payment> = expect(store, payment_key(id)).await?;
        if command(&mut payment.value)? == Outcome::AlreadyApplied {
            return Ok(Outcome::AlreadyApplied);
        }
        let mut transaction = Transaction::new();
        transaction.update(&payment)?;
        also(&payment.value, &mut transaction)?;
        if committed(store, transaction).await? {
            return Ok(Outcome::Applied(payment.value));
        }
    }
    Err(BooksError::Contended { attempted })
}
