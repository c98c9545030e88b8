//! The ledger: every entry balances, all accounts together sum to zero, and entries come to what the facts say.

use std::collections::BTreeMap;

use saldo_billing::ledger::{Account, Position};
use saldo_money::{Currency, Money, MoneyError};
use saldo_store::Entity as _;
use saldo_store::entities::LedgerEntry;
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Invariant};

/// Judges one entry: its postings sum to zero in each currency.
pub(super) fn check_entry(entry: &LedgerEntry) -> Option<Finding> {
    let mut sums: BTreeMap<Currency, Money> = BTreeMap::new();
    for (_, amount) in entry.entry.postings.postings() {
        let sum = sums.entry(amount.currency()).or_insert(Money::zero(amount.currency()));
        match sum.checked_add(amount) {
            Ok(more) => *sum = more,
            Err(error) => return Some(Finding::new(Invariant::I2, format!("entry {}: {error}", entry.key()))),
        }
    }
    let left = sums.into_values().find(|sum| !sum.is_zero())?;
    Some(Finding::new(Invariant::I2, format!("entry {} does not balance: {left} is left over", entry.key())))
}

/// Judges the entries of an invoice or a payment: together they are where it stands.
pub(super) fn check_position(of: &str, stands_at: &Position, entries: &[LedgerEntry]) -> Option<Finding> {
    match sum(entries) {
        Ok(entered) if entered == *stands_at => None,
        Ok(entered) => {
            let (facts, entered) = (shown(stands_at), shown(&entered));
            Some(Finding::new(Invariant::I2, format!("{of}: its facts come to {facts}, its entries to {entered}")))
        }
        Err(error) => Some(Finding::new(Invariant::I2, format!("{of}: its entries cannot be added up: {error}"))),
    }
}

fn sum(entries: &[LedgerEntry]) -> Result<Position, MoneyError> {
    entries.iter().try_fold(Position::default(), |sum, entry| sum.plus(&entry.entry.postings))
}

fn shown(position: &Position) -> String {
    let postings: Vec<String> = position.postings().map(|(account, amount)| format!("{account} {amount}")).collect();
    if postings.is_empty() { "nothing".to_owned() } else { postings.join(", ") }
}

/// The sum of all entries by account and currency.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Account, Money)>", into = "Vec<(Account, Money)>")]
pub(super) struct Balances(BTreeMap<(Currency, Account), Money>);

impl Clone for Balances {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl From<Vec<(Account, Money)>> for Balances {
    fn from(sums: Vec<(Account, Money)>) -> Self {
        Self(sums.into_iter().map(|(account, sum)| ((sum.currency(), account), sum)).collect())
    }
}

impl From<Balances> for Vec<(Account, Money)> {
    fn from(balances: Balances) -> Self {
        balances.0.into_iter().map(|((_, account), sum)| (account, sum)).collect()
    }
}

impl Balances {
    /// Adds an entry.
    pub(super) fn post(&mut self, postings: &Position) -> Result<(), MoneyError> {
        for (account, amount) in postings.postings() {
            let key = (amount.currency(), account.clone());
            let sum = self.0.get(&key).map_or(Ok(amount), |sum| sum.checked_add(amount))?;
            self.0.insert(key, sum);
        }
        Ok(())
    }

    /// Judges the whole: all accounts sum to zero in each currency.
    pub(super) fn check(&self) -> Vec<Finding> {
        let mut sums: BTreeMap<Currency, Result<Money, MoneyError>> = BTreeMap::new();
        for ((currency, _), amount) in &self.0 {
            let sum = sums.entry(*currency).or_insert(Ok(Money::zero(*currency)));
            *sum = sum.clone().and_then(|sum| sum.checked_add(*amount));
        }
        let broken = sums.into_iter().filter_map(|(currency, sum)| match sum {
            Ok(sum) if sum.is_zero() => None,
            Ok(sum) => Some(format!("all accounts in {currency} sum to {sum}, expected zero")),
            Err(error) => Some(format!("the accounts in {currency} cannot be added up: {error}")),
        });
        broken.map(|what| Finding::new(Invariant::I2, what)).collect()
    }

    /// The balances, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let shown = self.0.iter().filter(|(_, sum)| !sum.is_zero());
        shown.map(|((_, account), sum)| format!("  {:<28} {:>20}", account.to_string(), sum.to_string())).collect()
    }
}
