//! Double entry: each change of the books is an entry whose postings sum to zero in every currency.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use saldo_money::{Money, MoneyError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::SellerId;
use crate::provider::{ProviderAccount, ProviderAccountError};

/// An account of the ledger; debits are positive, credits negative.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// What customers owe; a customer's credit is a negative receivable.
    Receivable,
    /// What was sold, net of tax.
    Revenue,
    /// Tax owed to the authority.
    TaxPayable,
    /// Money held for us by a provider account.
    Clearing(ProviderAccount),
    /// Money given back that customers did not have as credit.
    Refunds,
    /// Money withdrawn while a dispute is open.
    Disputed,
    /// Money lost in disputes.
    DisputeLosses,
    /// What providers charge for disputes.
    DisputeFees,
    /// Receivables given up.
    BadDebt,
    /// Money received that belongs to no invoice.
    Unallocated,
}

/// Why a text names no account of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Not a name of the chart.
    #[error("expected an account of the ledger like `receivable`, found `{found}`")]
    Name {
        /// What was given.
        found: String,
    },
    /// A clearing account of an account that cannot be.
    #[error("the clearing account names no provider account")]
    Clearing(#[source] ProviderAccountError),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receivable => "receivable",
            Self::Revenue => "revenue",
            Self::TaxPayable => "tax_payable",
            Self::Clearing(account) => return write!(f, "clearing:{account}"),
            Self::Refunds => "refunds",
            Self::Disputed => "disputed",
            Self::DisputeLosses => "dispute_losses",
            Self::DisputeFees => "dispute_fees",
            Self::BadDebt => "bad_debt",
            Self::Unallocated => "unallocated",
        })
    }
}

impl FromStr for Account {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        Ok(match text {
            "receivable" => Self::Receivable,
            "revenue" => Self::Revenue,
            "tax_payable" => Self::TaxPayable,
            "refunds" => Self::Refunds,
            "disputed" => Self::Disputed,
            "dispute_losses" => Self::DisputeLosses,
            "dispute_fees" => Self::DisputeFees,
            "bad_debt" => Self::BadDebt,
            "unallocated" => Self::Unallocated,
            other => match other.strip_prefix("clearing:") {
                Some(account) => Self::Clearing(account.parse().map_err(AccountError::Clearing)?),
                None => return Err(AccountError::Name { found: other.chars().take(60).collect() }),
            },
        })
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What stands on which account because of one invoice or payment; balanced by construction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(BTreeMap<Account, Money>);

impl Position {
    /// Adds a debit of `amount` on one account and the credit on another.
    ///
    /// # Errors
    /// When the amount's currency is not the position's, or it leaves what money can hold.
    pub fn transfer(&mut self, debit: Account, credit: Account, amount: Money) -> Result<(), MoneyError> {
        self.add(debit, amount)?;
        self.add(credit, amount.negated())
    }

    fn add(&mut self, account: Account, amount: Money) -> Result<(), MoneyError> {
        let sum = match self.0.get(&account) {
            Some(before) => before.checked_add(amount)?,
            None => amount,
        };
        if sum.is_zero() {
            self.0.remove(&account);
        } else {
            self.0.insert(account, sum);
        }
        Ok(())
    }

    /// What must be posted to come from `before` to this position.
    ///
    /// # Errors
    /// When an amount leaves what money can hold.
    pub fn since(&self, before: &Self) -> Result<Self, MoneyError> {
        let mut difference = self.clone();
        for (account, amount) in &before.0 {
            difference.add(account.clone(), amount.negated())?;
        }
        Ok(difference)
    }

    /// This position with another's postings made on top.
    ///
    /// # Errors
    /// When an amount leaves what money can hold.
    pub fn plus(&self, posted: &Self) -> Result<Self, MoneyError> {
        let mut sum = self.clone();
        for (account, amount) in &posted.0 {
            sum.add(account.clone(), *amount)?;
        }
        Ok(sum)
    }

    /// Whether nothing stands anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The amounts by account, debits positive.
    pub fn postings(&self) -> impl Iterator<Item = (&Account, Money)> {
        self.0.iter().map(|(account, amount)| (account, *amount))
    }

    /// The amount on one account.
    #[must_use]
    pub fn on(&self, account: &Account) -> Option<Money> {
        self.0.get(account).copied()
    }
}

/// One appended entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// In whose books.
    pub seller: SellerId,
    /// Which change made it: unique within its invoice or payment.
    pub cause: String,
    /// When the change happened.
    pub at: DateTime<Utc>,
    /// What was posted where; sums to zero.
    pub postings: Position,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(minor: i64) -> Money {
        Money::from_minor(minor, "EUR".parse().unwrap())
    }

    #[test]
    fn the_difference_of_two_positions_leads_from_one_to_the_other() {
        let mut before = Position::default();
        before.transfer(Account::Receivable, Account::Revenue, eur(100)).unwrap();
        let mut after = before.clone();
        let clearing = Account::Clearing("stripe/main".parse().unwrap());
        after.transfer(clearing.clone(), Account::Receivable, eur(100)).unwrap();
        let entry = after.since(&before).unwrap();
        assert_eq!(entry.on(&clearing), Some(eur(100)));
        assert_eq!(entry.on(&Account::Receivable), Some(eur(-100)));
        assert_eq!(entry.on(&Account::Revenue), None);
        assert!(after.since(&after).unwrap().is_empty());
        assert_eq!(before.plus(&entry).unwrap(), after);
    }

    #[test]
    fn account_names_survive_their_text() {
        for account in [Account::BadDebt, Account::Clearing("stripe/main".parse().unwrap()), Account::Unallocated] {
            assert_eq!(account.to_string().parse::<Account>(), Ok(account));
        }
        assert!("clearing:nowhere".parse::<Account>().is_err());
    }

    #[test]
    fn unlike_currencies_never_meet_on_one_account() {
        let mut position = Position::default();
        position.transfer(Account::Receivable, Account::Revenue, eur(1)).unwrap();
        let usd = Money::from_minor(1, "USD".parse().unwrap());
        assert!(position.transfer(Account::Receivable, Account::Revenue, usd).is_err());
    }
}
