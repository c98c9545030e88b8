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
use saldo_billing::invoice::collection::StepKind;
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
use crate::{Due, DueKind, Key};

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
        let due = self.progress.next.map(|step| Due {
            at: step.at,
            kind: match step.kind {
                StepKind::Render => DueKind::Render,
                StepKind::Collect => DueKind::Collect,
                StepKind::LookUp => DueKind::LookUp,
                StepKind::Remind => DueKind::Remind,
            },
        });
        Indexes {
            due,
            customer: Some((list::of_customer(self.customer, list::INVOICES), created.clone())),
            kind: Some((list::INVOICES.to_owned(), created)),
        }
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
