//! The items of the billing table: each entity's key, and the indexes in which it can be found.
//!
//! Everything about one invoice or payment stands in one partition: the thing itself, its document, its ledger entries, its
//! mail. One query reads its whole history.

mod access;
mod books;

use chrono::{DateTime, TimeDelta, Utc};
use saldo_billing::catalogue::{Price, Product};
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, PriceId, ProductId, SellerId, SubscriptionId};
use saldo_billing::invoice::Invoice;
use saldo_billing::invoice::collection::{Step, StepKind};
use saldo_billing::mail::{MailRecord, Purpose};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::Payment;
use saldo_billing::subscription::Subscription;

pub use self::access::{ApiKey, IdempotencyRecord, Scope, SellerDefaults};
pub use self::books::{
    CreditBalance, DocumentPart, LINES_PER_PART, LedgerEntry, NumberSeries, PageAddress, ParkedEvent, ProviderCustomer,
    document_parts, join_document,
};
use crate::entity::{Entity, Indexes, instant_text};
use crate::table::attribute;
use crate::{Due, DueKind, EntityError, Index, Key};

/// The key of a seller.
#[must_use]
pub fn seller_key(id: SellerId) -> Key {
    Key::new(format!("SELLER#{id}"), "SELLER")
}

/// The key of a customer.
#[must_use]
pub fn customer_key(id: CustomerId) -> Key {
    Key::new(format!("CUSTOMER#{id}"), "CUSTOMER")
}

/// The key of a product.
#[must_use]
pub fn product_key(id: ProductId) -> Key {
    Key::new(format!("PRODUCT#{id}"), "PRODUCT")
}

/// The key of a price.
#[must_use]
pub fn price_key(id: PriceId) -> Key {
    Key::new(format!("PRICE#{id}"), "PRICE")
}

/// The key of a subscription.
#[must_use]
pub fn subscription_key(id: SubscriptionId) -> Key {
    Key::new(format!("SUBSCRIPTION#{id}"), "SUBSCRIPTION")
}

/// The key of an invoice.
#[must_use]
pub fn invoice_key(id: InvoiceId) -> Key {
    Key::new(invoice_partition(id), "INVOICE")
}

/// The partition in which everything about an invoice stands.
#[must_use]
pub fn invoice_partition(id: InvoiceId) -> String {
    format!("INVOICE#{id}")
}

/// The key of a payment.
#[must_use]
pub fn payment_key(id: PaymentId) -> Key {
    Key::new(payment_partition(id), "PAYMENT")
}

/// The partition in which everything about a payment stands.
#[must_use]
pub fn payment_partition(id: PaymentId) -> String {
    format!("PAYMENT#{id}")
}

/// What the sort keys of an invoice's mails begin with.
pub const MAIL_PREFIX: &str = "MAIL#";

/// The key of a mail: one per invoice and purpose.
#[must_use]
pub fn mail_key(invoice: InvoiceId, purpose: Purpose) -> Key {
    Key::new(invoice_partition(invoice), format!("{MAIL_PREFIX}{purpose}"))
}

/// The names of the lists in which entities can be found, of all customers or of one.
pub mod list {
    /// Sellers.
    pub const SELLERS: &str = "SELLER";
    /// Customers.
    pub const CUSTOMERS: &str = "CUSTOMER";
    /// Products.
    pub const PRODUCTS: &str = "PRODUCT";
    /// Prices.
    pub const PRICES: &str = "PRICE";
    /// Subscriptions.
    pub const SUBSCRIPTIONS: &str = "SUBSCRIPTION";
    /// Invoices.
    pub const INVOICES: &str = "INVOICE";
    /// Payments.
    pub const PAYMENTS: &str = "PAYMENT";
    /// Keys for the API.
    pub const API_KEYS: &str = "API_KEY";

    /// The list of a customer's things of one kind.
    #[must_use]
    pub fn of_customer(customer: saldo_billing::id::CustomerId, kind: &str) -> String {
        format!("{customer}#{kind}")
    }
}

impl Entity for Seller {
    fn key(&self) -> Key {
        seller_key(self.id)
    }

    fn indexes(&self) -> Indexes {
        Indexes { kind: Some((list::SELLERS.to_owned(), instant_text(self.created_at))), ..Indexes::default() }
    }
}

/// When what was listed until then is surely found in the lists, which lag behind by moments.
fn settled_after(at: DateTime<Utc>) -> DateTime<Utc> {
    at.checked_add_signed(TimeDelta::minutes(1)).unwrap_or(at)
}

impl Entity for Customer {
    fn key(&self) -> Key {
        customer_key(self.id)
    }

    fn indexes(&self) -> Indexes {
        Indexes {
            due: self.method_new_since.map(|at| Due { at: settled_after(at), kind: DueKind::NewMethod }),
            kind: Some((list::CUSTOMERS.to_owned(), instant_text(self.created_at))),
            ..Indexes::default()
        }
    }
}

impl Entity for Product {
    fn key(&self) -> Key {
        product_key(self.id)
    }

    fn indexes(&self) -> Indexes {
        Indexes { kind: Some((list::PRODUCTS.to_owned(), instant_text(self.created_at))), ..Indexes::default() }
    }
}

impl Entity for Price {
    fn key(&self) -> Key {
        price_key(self.id)
    }

    fn indexes(&self) -> Indexes {
        Indexes { kind: Some((list::PRICES.to_owned(), instant_text(self.created_at))), ..Indexes::default() }
    }
}

impl Entity for Subscription {
    fn key(&self) -> Key {
        subscription_key(self.id)
    }

    fn indexes(&self) -> Indexes {
        let created = instant_text(self.created_at);
        Indexes {
            due: self.bill_at().map(|at| Due { at, kind: DueKind::Bill }),
            customer: Some((list::of_customer(self.customer, list::SUBSCRIPTIONS), created.clone())),
            kind: Some((list::SUBSCRIPTIONS.to_owned(), created)),
        }
    }
}

impl Entity for Invoice {
    fn key(&self) -> Key {
        invoice_key(self.id)
    }

    fn indexes(&self) -> Indexes {
        let created = instant_text(self.created_at);
        Indexes {
            due: self.progress.next.map(|step| Due { at: step.at, kind: due_kind(step.kind) }),
            customer: Some((list::of_customer(self.customer, list::INVOICES), created.clone())),
            kind: Some((list::INVOICES.to_owned(), created)),
        }
    }

    fn recall(&mut self, due: Result<Option<Due>, EntityError>) -> Result<(), EntityError> {
        let step = |Due { at, kind }| {
            let step = StepKind::ALL.into_iter().find(|step| due_kind(*step) == kind);
            let (index, key, attribute) = (Index::Due.name(), self.key().to_string(), attribute::DUE_KIND);
            step.map(|kind| Step { kind, at }).ok_or(EntityError::Entry { index, key, attribute })
        };
        self.progress.next = due?.map(step).transpose()?;
        Ok(())
    }
}

const fn due_kind(step: StepKind) -> DueKind {
    match step {
        StepKind::Render => DueKind::Render,
        StepKind::Collect => DueKind::Collect,
        StepKind::LookUp => DueKind::LookUp,
        StepKind::Remind => DueKind::Remind,
    }
}

/// The place of a payment among others (text order = order of the list).
#[must_use]
pub fn began_at(payment: &Payment) -> String {
    payment.began_at().map(instant_text).unwrap_or_default()
}

impl Entity for Payment {
    fn key(&self) -> Key {
        payment_key(self.id)
    }

    /// A payment for an invoice is known to that; one for none is found in the list of those.
    fn indexes(&self) -> Indexes {
        let due = self
            .refund_requests()
            .filter_map(|(_, request)| request.due_at())
            .min()
            .map(|at| Due { at, kind: DueKind::Refund });
        Indexes {
            due,
            customer: None,
            kind: self.invoice.is_none().then(|| (list::PAYMENTS.to_owned(), began_at(self))),
        }
    }
}

impl Entity for MailRecord {
    fn key(&self) -> Key {
        mail_key(self.invoice, self.purpose)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{AttributeValue, Item, Stored, to_item};

    fn invoice(next: Option<Step>) -> Invoice {
        let fields = json!({
            "id": InvoiceId::from_random(1), "seller": SellerId::from_random(2), "customer": CustomerId::from_random(3),
            "origin": "one_off", "collection": "automatic", "terms": { "days": 14 }, "created_at": "2026-10-01T08:00:00Z",
            "totals": { "net": "100.00 EUR", "tax": "19.00 EUR" },
        });
        let mut invoice: Invoice = serde_json::from_value(fields).unwrap();
        invoice.progress.next = next;
        invoice
    }

    const KEY: &str = "INVOICE#inv_00000000000000000000000001|INVOICE";

    fn refusal(item: Item) -> String {
        Stored::<Invoice>::from_item(item).unwrap_err().to_string()
    }

    #[test]
    fn the_next_step_of_an_invoice_is_kept_once_as_when_it_is_due() {
        let steps = StepKind::ALL.map(|kind| Some(Step { kind, at: "2026-10-25T01:30:00.250Z".parse().unwrap() }));
        for next in steps.into_iter().chain([None]) {
            let invoice = invoice(next);
            let item = to_item(&invoice, 1).unwrap();
            assert_eq!(item.contains_key("due_at"), next.is_some());
            assert_eq!(Stored::from_item(item).unwrap(), Stored { value: invoice, version: 1 });
        }
    }

    #[test]
    fn work_that_cannot_wait_for_an_invoice_is_no_step_of_it() {
        let next = Some(Step { kind: StepKind::Collect, at: "2026-10-25T01:30:00Z".parse().unwrap() });
        for (attribute, text) in [("due_kind", "bill"), ("due_kind", "of a later version"), ("due_at", "soon")] {
            let mut item = to_item(&invoice(next), 1).unwrap();
            item.insert(attribute.to_owned(), AttributeValue::S(text.to_owned()));
            assert_eq!(
                refusal(item),
                format!("the entry of {KEY} in the due index has no usable {attribute}"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_step_of_which_a_part_is_lost_is_not_taken_for_none() {
        let next = Some(Step { kind: StepKind::Collect, at: "2026-10-25T01:30:00Z".parse().unwrap() });
        for attribute in ["due_shard", "due_at", "due_kind"] {
            let mut item = to_item(&invoice(next), 1).unwrap();
            item.remove(attribute);
            assert_eq!(refusal(item), format!("the entry of {KEY} in the due index has no usable {attribute}"));
        }
    }
}
