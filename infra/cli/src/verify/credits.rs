//! Customers' credit: each balance is what the customer's invoices add to it and take from it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use saldo_billing::id::CustomerId;
use saldo_billing::invoice::{Invoice, InvoiceError};
use saldo_money::{Currency, Money, MoneyError};
use saldo_store::entities::{CreditBalance, list};
use saldo_store::{EntityError, Store, list_by_customer, load};
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Invariant, unreadable};

/// Invoices in one page of a customer's list.
const INVOICES_PER_PAGE: u32 = 100;

/// What was seen of credit: the balances less what invoices say of them. What is settled leaves nothing behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(CustomerId, Money)>", into = "Vec<(CustomerId, Money)>")]
pub(super) struct Credits(BTreeMap<(CustomerId, Currency), Money>);

impl From<Vec<(CustomerId, Money)>> for Credits {
    fn from(left: Vec<(CustomerId, Money)>) -> Self {
        Self(left.into_iter().map(|(customer, money)| ((customer, money.currency()), money)).collect())
    }
}

impl From<Credits> for Vec<(CustomerId, Money)> {
    fn from(credits: Credits) -> Self {
        credits.0.into_iter().map(|((customer, _), money)| (customer, money)).collect()
    }
}

impl Credits {
    /// Takes in a balance.
    pub(super) fn balance(&mut self, customer: CustomerId, balance: Money) -> Result<(), MoneyError> {
        self.take(customer, balance, Money::checked_add)
    }

    /// Takes in what an invoice adds to a balance.
    pub(super) fn granted(&mut self, customer: CustomerId, credit: Money) -> Result<(), MoneyError> {
        self.take(customer, credit, Money::checked_sub)
    }

    fn take(
        &mut self,
        customer: CustomerId,
        money: Money,
        how: impl Fn(Money, Money) -> Result<Money, MoneyError>,
    ) -> Result<(), MoneyError> {
        let key = (customer, money.currency());
        let left = self.0.get(&key).copied().unwrap_or(Money::zero(money.currency()));
        let left = how(left, money)?;
        if left.is_zero() {
            self.0.remove(&key);
        } else {
            self.0.insert(key, left);
        }
        Ok(())
    }

    /// Judges the balances. A commit may have come between seeing an invoice and seeing the balance: where something is left
    /// over, all invoices of the customer are read anew, and once more a moment later.
    pub(super) async fn check(&self, store: &dyn Store, pause: Duration) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        for (customer, currency) in self.0.keys() {
            let mut broken = difference(store, *customer, *currency).await?;
            if broken.is_some() {
                tokio::time::sleep(pause).await;
                broken = difference(store, *customer, *currency).await?;
            }
            findings.extend(broken);
        }
        Ok(findings)
    }
}

/// What a balance and the invoices it comes from do not agree on.
async fn difference(store: &dyn Store, customer: CustomerId, currency: Currency) -> Result<Option<Finding>> {
    let computed = match computed(store, customer, currency).await {
        Ok(computed) => computed,
        Err(error) => return Ok(Some(unreadable(error).context("the credit of a customer cannot be read")?)),
    };
    Ok(match computed {
        Ok((balance, expected)) if balance == expected => None,
        Ok((balance, expected)) => {
            let what = format!("the credit of {customer} is {balance}, their invoices come to {expected}");
            Some(Finding::new(Invariant::I2, what))
        }
        Err(error) => Some(Finding::new(Invariant::I2, format!("the credit of {customer}: {error}"))),
    })
}

/// A balance as it is, and as the invoices come to it.
async fn computed(
    store: &dyn Store,
    customer: CustomerId,
    currency: Currency,
) -> Result<Result<(Money, Money), InvoiceError>, EntityError> {
    let balance = load::<CreditBalance>(store, &CreditBalance::key_of(customer, currency)).await?;
    let balance = balance.map_or(Money::zero(currency), |stored| stored.value.balance);
    let mut expected = Ok(Money::zero(currency));
    let (invoices, mut after) = (list::of_customer(customer, list::INVOICES), None);
    loop {
        let page = list_by_customer::<Invoice>(store, &invoices, INVOICES_PER_PAGE, after.as_ref()).await?;
        for invoice in page.entities.iter().map(|stored| &stored.value).filter(|it| it.currency() == currency) {
            expected = expected.and_then(|sum: Money| {
                let added = sum.checked_add(invoice.credit()?);
                added.map_err(|source| InvoiceError::Money { invoice: invoice.id, source })
            });
        }
        after = page.next;
        if after.is_none() {
            return Ok(expected.map(|expected| (balance, expected)));
        }
    }
}
