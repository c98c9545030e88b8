//! Which method a customer is charged by, from what providers tell about methods and whose they are.
//!
//! A provider tells that a method exists, how it is described now, that it is gone, and, at other times, whose it is: on
//! a page, a set-up, or the method itself. So everything told about the methods of one provider customer is folded into
//! one item, whether or not we know yet who that is. As soon as we do, and whenever they get another one, our customer is
//! charged by the method that was there last of all that are not gone. In between the CRM may choose otherwise: that a
//! method is described anew, or that another one is gone, changes nothing about that.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use saldo_billing::id::CustomerId;
use saldo_billing::party::Customer;
use saldo_billing::provider::{PaymentMethod, ProviderAccount};
use saldo_books::BooksError;
use saldo_store::entities::{ProviderCustomer, customer_key};
use saldo_store::{Condition, Entity, Key, Store, Stored, Transaction, load};
use serde::{Deserialize, Serialize};

use crate::ProcessingError;
use crate::applying::Came;
use crate::handler::Processing;

/// How often it is started over when something was changed meanwhile.
const ROUNDS: usize = 50;

/// Methods of one provider customer that are remembered; nobody has more in use.
const METHODS_KEPT: usize = 30;

/// What a provider tells about one of its customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// They have this method, described like this.
    Method {
        /// The method.
        method: PaymentMethod,
        /// Whether they got it just then.
        is_new: bool,
        /// As of when.
        at: DateTime<Utc>,
    },
    /// This method is gone, for good.
    Detached {
        /// The provider's token of it.
        token: String,
    },
    /// Only whose customer it is.
    Owner,
}

/// Everything told about the methods of one customer of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderMethods {
    account: ProviderAccount,
    reference: String,
    methods: BTreeMap<String, Known>,
}

/// What is known of one method.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Known {
    /// Since when it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<DateTime<Utc>>,
    /// As of when it is described like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    described_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<PaymentMethod>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_gone: bool,
}

impl ProviderMethods {
    fn new(account: &ProviderAccount, reference: &str) -> Self {
        Self { account: account.clone(), reference: reference.to_owned(), methods: BTreeMap::new() }
    }

    fn key_of(account: &ProviderAccount, reference: &str) -> Key {
        Key::new(format!("PROVIDER#{account}#{reference}"), "METHODS")
    }

    /// Joins what is told to what is known; the order does not matter.
    fn join(&mut self, told: &Told) {
        match told {
            Told::Method { method, is_new, at } => {
                let known = self.methods.entry(method.token.clone()).or_default();
                if *is_new {
                    known.since = Some(known.since.map_or(*at, |since| since.min(*at)));
                }
                let (new, old) = ((Some(*at), text(Some(method))), (known.described_at, text(known.method.as_ref())));
                if new > old {
                    (known.described_at, known.method) = (Some(*at), Some(method.clone()));
                }
            }
            Told::Detached { token } => self.methods.entry(token.clone()).or_default().is_gone = true,
            Told::Owner => {}
        }
        while self.methods.len() > METHODS_KEPT {
            let oldest = self.methods.iter().min_by_key(|(token, known)| (known.since, *token));
            let Some(oldest) = oldest.map(|(token, _)| token.clone()) else { return };
            self.methods.remove(&oldest);
        }
    }

    /// The method that was there last of those that are not gone.
    fn latest(&self) -> Option<(DateTime<Utc>, &PaymentMethod)> {
        let there = self.methods.values().filter(|known| !known.is_gone);
        let there = there.filter_map(|known| Some((known.since?, known.method.as_ref()?)));
        there.max_by_key(|(since, method)| (*since, method.token.as_str()))
    }

    fn since(&self, token: &str) -> Option<DateTime<Utc>> {
        self.methods.get(token)?.since
    }

    fn is_gone(&self, token: &str) -> bool {
        self.methods.get(token).is_some_and(|known| known.is_gone)
    }

    /// A method as it is described now.
    fn described(&self, method: &PaymentMethod) -> PaymentMethod {
        let known = self.methods.get(&method.token).and_then(|known| known.method.as_ref());
        known.unwrap_or(method).clone()
    }

    /// Whether the method that is there last was not there in `before`.
    fn has_new_since(&self, before: Option<&Self>) -> bool {
        let latest = self.latest().map(|(_, method)| method.token.as_str());
        latest.is_some_and(|token| before.is_none_or(|before| before.since(token).is_none()))
    }
}

/// Two descriptions of one second have to be told apart by something that is the same in any order.
fn text(method: Option<&PaymentMethod>) -> Option<String> {
    method.map(|method| format!("{method:?}"))
}

impl Entity for ProviderMethods {
    fn key(&self) -> Key {
        Self::key_of(&self.account, &self.reference)
    }
}

/// Takes in what a provider tells about its customer `reference`, who is our customer `owner` if it says so.
///
/// # Errors
/// When it says that the customer is somebody else than it said before, or the books cannot be written.
pub async fn tell(
    processing: &Processing,
    account: &ProviderAccount,
    reference: &str,
    told: Told,
    owner: Option<CustomerId>,
    now: DateTime<Utc>,
) -> Result<Came, ProcessingError> {
    let store = &*processing.store;
    for _ in 0..ROUNDS {
        let link: Option<Stored<ProviderCustomer>> = load(store, &ProviderCustomer::key_of(account, reference)).await?;
        let known: Option<Stored<ProviderMethods>> = load(store, &ProviderMethods::key_of(account, reference)).await?;
        let linked = link.as_ref().map(|link| link.value.customer);
        if let (Some(known), Some(told)) = (linked, owner)
            && known != told
        {
            let (account, reference) = (account.clone(), reference.to_owned());
            return Err(ProcessingError::OtherCustomer { account, reference, known, told });
        }
        let customer: Option<Stored<Customer>> = match linked.or(owner) {
            None => None,
            Some(id) => match load(store, &customer_key(id)).await? {
                None => return Ok(Came::ToWait { on: id.to_string() }),
                found @ Some(_) => found,
            },
        };
        let mut transaction = Transaction::new();
        let new_link = owner.filter(|_| linked.is_none()).map(|customer| ProviderCustomer {
            account: account.clone(),
            reference: reference.to_owned(),
            customer,
        });
        if let Some(link) = &new_link {
            transaction.create(link)?;
        }
        let methods = join(&mut transaction, known.clone(), account, reference, &told)?;
        if transaction.is_empty() {
            // What was told before decides nothing again: meanwhile the CRM may have chosen another method, or none.
            return Ok(Came::ToTheBooks);
        }
        hold(&mut transaction, linked.or(owner), known.as_ref(), &methods)?;
        let decides = new_link.is_some() || methods.has_new_since(known.as_ref().map(|known| &known.value));
        match customer {
            Some(mut customer) => charge_by(store, &mut transaction, &mut customer, &methods, decides, now).await?,
            None => count_unmatched(processing, account, now),
        }
        match store.commit(transaction).await {
            Ok(_) => return Ok(Came::ToTheBooks),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(BooksError::Contended { attempted: "take in a method of payment" }.into())
}

/// Writes what is told where it is news; the methods as they are then.
fn join(
    transaction: &mut Transaction,
    known: Option<Stored<ProviderMethods>>,
    account: &ProviderAccount,
    reference: &str,
    told: &Told,
) -> Result<ProviderMethods, ProcessingError> {
    match known {
        Some(mut known) => {
            let before = known.value.clone();
            known.value.join(told);
            if known.value != before {
                transaction.update(&known)?;
            }
            Ok(known.value)
        }
        None => {
            let mut methods = ProviderMethods::new(account, reference);
            methods.join(told);
            if !methods.methods.is_empty() {
                transaction.create(&methods)?;
            }
            Ok(methods)
        }
    }
}

/// Has what was read and is not written stay as it was: of a method and its owner that are told at once, whichever comes
/// second sees the other.
fn hold(
    transaction: &mut Transaction,
    customer: Option<CustomerId>,
    known: Option<&Stored<ProviderMethods>>,
    methods: &ProviderMethods,
) -> Result<(), ProcessingError> {
    if customer.is_none() {
        let link = ProviderCustomer::key_of(&methods.account, &methods.reference);
        transaction.check(ProviderCustomer::table(), link, Condition::Absent)?;
    }
    match known {
        Some(known) if known.value == *methods => {
            transaction.check_version(known)?;
        }
        None if methods.methods.is_empty() => {
            transaction.check(ProviderMethods::table(), methods.key(), Condition::Absent)?;
        }
        // Written.
        Some(_) | None => {}
    }
    Ok(())
}

/// Has the customer charged by the method they got last, when that is to be decided. Their item is part of the transaction
/// in any case, so that of two methods that arrive at once one is decided on after the other.
async fn charge_by(
    store: &dyn Store,
    transaction: &mut Transaction,
    customer: &mut Stored<Customer>,
    methods: &ProviderMethods,
    decides: bool,
    now: DateTime<Utc>,
) -> Result<(), ProcessingError> {
    let current = customer.value.payment_method.as_ref();
    let chosen = if decides { choose(store, current, methods).await? } else { keep(current, methods) };
    if chosen.as_ref() == current {
        transaction.check_version(customer)?;
    } else {
        customer.value.change_method(chosen, now);
        transaction.update(customer)?;
    }
    Ok(())
}

/// The method they have, as long as it is there.
fn keep(current: Option<&PaymentMethod>, methods: &ProviderMethods) -> Option<PaymentMethod> {
    let current = current?;
    if current.account != methods.account || current.customer != methods.reference {
        return Some(current.clone());
    }
    if methods.is_gone(&current.token) {
        return methods.latest().map(|(_, method)| method.clone());
    }
    Some(methods.described(current))
}

async fn choose(
    store: &dyn Store,
    current: Option<&PaymentMethod>,
    methods: &ProviderMethods,
) -> Result<Option<PaymentMethod>, ProcessingError> {
    let latest = methods.latest();
    let Some(current) = current else { return Ok(latest.map(|(_, method)| method.clone())) };
    if current.account == methods.account && current.customer == methods.reference {
        return Ok(match latest {
            Some((_, method)) => Some(method.clone()),
            None if methods.is_gone(&current.token) => None,
            // Nothing was told about the one they have: somebody set it by other means.
            None => Some(current.clone()),
        });
    }
    // The one they have belongs to another customer of a provider: the later of both it is.
    let Some((since, method)) = latest else { return Ok(Some(current.clone())) };
    let key = ProviderMethods::key_of(&current.account, &current.customer);
    let others: Option<Stored<ProviderMethods>> = load(store, &key).await?;
    let is_later = others.and_then(|others| others.value.since(&current.token)).is_none_or(|had| since > had);
    Ok(Some(if is_later { method.clone() } else { current.clone() }))
}

/// Counts a method whose owner is not known.
pub(crate) fn count_unmatched(processing: &Processing, account: &ProviderAccount, now: DateTime<Utc>) {
    let account = account.to_string();
    processing.metrics.count(now, "UnmatchedMethods", 1, &[("provider.account", &account)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(token: &str, last4: &str) -> PaymentMethod {
        PaymentMethod {
            account: "stripe/main".parse().unwrap(),
            token: token.to_owned(),
            customer: "cus_1".to_owned(),
            kind: "card".to_owned(),
            network: None,
            last4: Some(last4.to_owned()),
            expires: None,
        }
    }

    fn told(token: &str, last4: &str, is_new: bool, second: i64) -> Told {
        Told::Method { method: method(token, last4), is_new, at: DateTime::from_timestamp(second, 0).unwrap() }
    }

    #[test]
    fn in_any_order_and_multiplicity_the_same_is_known() {
        let all = [
            told("pm_old", "1111", true, 10),
            told("pm_old", "2222", false, 30),
            told("pm_new", "3333", true, 20),
            told("pm_only_described", "5555", false, 50),
            told("pm_only_described", "6666", false, 60),
            told("pm_gone", "4444", true, 40),
            Told::Detached { token: "pm_gone".to_owned() },
        ];
        let mut seen: Vec<ProviderMethods> = Vec::new();
        for rotation in 0..all.len() {
            for step in 1..all.len() {
                let mut methods = ProviderMethods::new(&"stripe/main".parse().unwrap(), "cus_1");
                for place in 0..all.len().pow(2) {
                    methods.join(&all[(rotation + place * step) % all.len()]);
                }
                seen.push(methods);
            }
        }
        assert!(seen.iter().all(|methods| *methods == seen[0]));
        assert_eq!(seen[0].latest().unwrap().1, &method("pm_new", "3333"), "described anew is not got anew");
        assert_eq!(seen[0].methods["pm_old"].method, Some(method("pm_old", "2222")));
    }

    #[test]
    fn no_more_methods_are_kept_than_anybody_uses() {
        let mut methods = ProviderMethods::new(&"stripe/main".parse().unwrap(), "cus_1");
        for second in 0..100 {
            methods.join(&told(&format!("pm_{second:03}"), "0000", true, second));
        }
        assert_eq!(methods.methods.len(), METHODS_KEPT);
        assert_eq!(methods.latest().unwrap().1.token, "pm_099");
    }
}
