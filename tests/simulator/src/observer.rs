//! Looks at every change of the books as it is committed, and at the provider's own books, and says what is broken.
//!
//! It keeps its own picture of everything, so that each step costs what changed in it.

mod billing;
mod money;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, SellerId, SubscriptionId};
use saldo_billing::invoice::Invoice;
use saldo_billing::ledger::Position;
use saldo_billing::mail::{MailRecord, MailState};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::Payment;
use saldo_billing::subscription::Subscription;
use saldo_money::{Currency, Money};
use saldo_store::entities::{CreditBalance, DocumentPart, LedgerEntry};
use saldo_store::memory::Change;
use saldo_store::{Entity, Item, Stored};

use crate::violation::{Invariant, Violation, broken, bug};
use crate::world::World;

/// What the observer knows.
#[derive(Default)]
pub(crate) struct Observer {
    pub(crate) invoices: BTreeMap<InvoiceId, Invoice>,
    pub(crate) payments: BTreeMap<PaymentId, Payment>,
    pub(crate) subscriptions: BTreeMap<SubscriptionId, Subscription>,
    pub(crate) customers: BTreeMap<CustomerId, Customer>,
    pub(crate) sellers: BTreeMap<SellerId, Seller>,
    pub(crate) mails: BTreeMap<String, MailRecord>,
    /// The sum of the ledger's entries by invoice or payment.
    entries: HashMap<String, Position>,
    credit: BTreeMap<(CustomerId, Currency), Money>,
    /// What the invoices add to a customer's credit, by the invoices themselves.
    owed_credit: BTreeMap<(CustomerId, Currency), Money>,
    parts: BTreeMap<InvoiceId, BTreeMap<u32, DocumentPart>>,
    numbers: BTreeMap<SellerId, u64>,
    periods: billing::Periods,
    provider: money::Seen,
    out: BTreeSet<String>,
    told: u64,
    /// What changed in this step.
    touched: BTreeSet<InvoiceId>,
    touched_payments: BTreeSet<PaymentId>,
    touched_customers: BTreeSet<(CustomerId, Currency)>,
}

/// Reads what a change left.
fn read<T: Entity>(item: &Item) -> Result<T, Violation> {
    Stored::from_item(item.clone()).map(|stored| stored.value).map_err(bug)
}

impl Observer {
    /// Looks at what happened since the last time.
    pub(crate) fn look(&mut self, world: &World) -> Result<Vec<Change>, Violation> {
        let changes = world.memory.changes_since(self.told);
        if let Some(last) = changes.last() {
            self.told = last.sequence;
            world.memory.forget_changes_until(self.told);
        }
        for change in &changes {
            self.take(change)?;
        }
        if !changes.is_empty() {
            self.check_touched()?;
        }
        self.look_at_provider(world)?;
        for message_id in world.mailer.take_out() {
            if !self.out.insert(message_id.clone()) {
                return Err(broken(Invariant::I10, format!("mail {message_id} went out twice")));
            }
        }
        if let Some(key) = world.archive.take_changed().first() {
            return Err(broken(Invariant::I5, format!("document {key} became another one")));
        }
        Ok(changes)
    }

    /// Whether the mailer took a mail.
    pub(crate) fn is_out(&self, message_id: &str) -> bool {
        self.out.contains(message_id)
    }

    fn take(&mut self, change: &Change) -> Result<(), Violation> {
        let Some(new) = change.new.as_deref() else { return self.take_removal(change) };
        let sk = change.key.sk.as_str();
        match sk {
            "INVOICE" => self.take_invoice(read(new)?)?,
            "PAYMENT" => {
                let payment: Payment = read(new)?;
                self.touched_payments.insert(payment.id);
                self.payments.insert(payment.id, payment);
            }
            "SUBSCRIPTION" => {
                let subscription: Subscription = read(new)?;
                self.periods.note(&subscription);
                self.take_subscription(subscription)?;
            }
            "CUSTOMER" if change.key.pk.starts_with("CUSTOMER#") => {
                let customer: Customer = read(new)?;
                self.customers.insert(customer.id, customer);
            }
            "SELLER" if change.key.pk.starts_with("SELLER#") => {
                let seller: Seller = read(new)?;
                self.sellers.insert(seller.id, seller);
            }
            _ if sk.starts_with("ENTRY#") => {
                if change.old.is_some() {
                    return Err(broken(Invariant::I2, format!("entry {} was changed", change.key)));
                }
                self.take_entry(&change.key.pk, &read::<LedgerEntry>(new)?)?;
            }
            _ if sk.starts_with("DOCUMENT#") => self.take_part(read(new)?)?,
            _ if sk.starts_with("CREDIT#") => {
                let credit: CreditBalance = read(new)?;
                let key = (credit.customer, credit.balance.currency());
                self.credit.insert(key, credit.balance);
                self.touched_customers.insert(key);
            }
            _ if sk.starts_with("MAIL#") => {
                let record: MailRecord = read(new)?;
                let again = change.old.as_deref().map(read::<MailRecord>).transpose()?;
                self.take_mail(change, record, again)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn take_removal(&mut self, change: &Change) -> Result<(), Violation> {
        let sk = change.key.sk.as_str();
        if let (Some(old), true) = (change.old.as_deref(), sk == "INVOICE") {
            let invoice: Invoice = read(old)?;
            if invoice.issued().is_some() {
                return Err(broken(Invariant::I5, format!("issued invoice {} was removed", invoice.id)));
            }
            self.invoices.remove(&invoice.id);
            self.parts.remove(&invoice.id);
        }
        if sk.starts_with("ENTRY#") || sk == "PAYMENT" || sk.starts_with("MAIL#") {
            return Err(broken(Invariant::I2, format!("{} was removed", change.key)));
        }
        Ok(())
    }

    fn take_mail(&mut self, change: &Change, record: MailRecord, before: Option<MailRecord>) -> Result<(), Violation> {
        let key = change.key.to_string();
        let is_planned = record.state == MailState::Planned;
        if is_planned && before.as_ref().is_some_and(|before| !matches!(before.state, MailState::NotSent { .. })) {
            return Err(broken(Invariant::I10, format!("mail {key} was planned again")));
        }
        if is_planned {
            self.check_reason(&record)?;
        }
        self.mails.insert(key, record);
        Ok(())
    }

    /// What must hold when all changes of a step are there.
    fn check_touched(&mut self) -> Result<(), Violation> {
        for id in std::mem::take(&mut self.touched) {
            self.check_invoice(id)?;
        }
        for id in std::mem::take(&mut self.touched_payments) {
            self.check_payment(id)?;
        }
        for key in std::mem::take(&mut self.touched_customers) {
            self.check_credit(key)?;
        }
        Ok(())
    }
}
