//! What the books need besides the domain's own entities: documents in parts, entries, number series, credit, waiting events.

use chrono::{DateTime, Utc};
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId, SellerId};
use saldo_billing::invoice::{Document, HostedPage, Line};
use saldo_billing::ledger::Entry;
use saldo_billing::provider::ProviderAccount;
use saldo_money::{Currency, Money};
use serde::{Deserialize, Serialize};

use super::{invoice_partition, list, payment_partition};
use crate::entity::{Entity, Indexes, instant_text};
use crate::{Due, DueKind, Key};

/// Lines in one item: 200 of the longest stay below DynamoDB's 400 KB.
pub const LINES_PER_PART: usize = 200;

/// A part of an invoice's document: the first holds all but the lines that did not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentPart {
    /// Of which invoice.
    pub invoice: InvoiceId,
    /// Counted from 0.
    pub part: u32,
    /// How many parts there are.
    pub parts: u32,
    /// In the first part, the document with its first lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Document>,
    /// In the others, the lines that follow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
}

impl DocumentPart {
    /// What the sort keys of an invoice's document begin with.
    pub const PREFIX: &'static str = "DOCUMENT#";
}

impl Entity for DocumentPart {
    fn key(&self) -> Key {
        Key::new(invoice_partition(self.invoice), format!("{}{:04}", Self::PREFIX, self.part))
    }
}

/// Cuts a document into parts that fit into items.
#[must_use]
pub fn document_parts(mut document: Document) -> Vec<DocumentPart> {
    let invoice = document.invoice;
    let lines = std::mem::take(&mut document.lines);
    let mut chunks = lines.chunks(LINES_PER_PART).map(<[Line]>::to_vec);
    document.lines = chunks.next().unwrap_or_default();
    let mut parts = vec![DocumentPart { invoice, part: 0, parts: 0, document: Some(document), lines: Vec::new() }];
    parts.extend(chunks.zip(1..).map(|(lines, part)| DocumentPart { invoice, part, parts: 0, document: None, lines }));
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    for part in &mut parts {
        part.parts = count;
    }
    parts
}

/// Joins the parts of a document, given in order; none when any is missing.
#[must_use]
pub fn join_document(parts: Vec<DocumentPart>) -> Option<Document> {
    let count = u32::try_from(parts.len()).ok()?;
    if parts.iter().zip(0..).any(|(part, place)| part.parts != count || part.part != place) {
        return None;
    }
    let mut parts = parts.into_iter();
    let mut document = parts.next()?.document?;
    document.lines.extend(parts.flat_map(|part| part.lines));
    Some(document)
}

/// Where an invoice's hosted page is. Addresses are long, and an invoice is written often: beside it, they cost once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageAddress {
    /// Of which invoice.
    pub invoice: InvoiceId,
    /// The provider's id of the page.
    pub reference: String,
    /// Where it is.
    pub url: String,
    /// Until when it works; afterwards nobody needs it.
    pub works_until: DateTime<Utc>,
}

impl PageAddress {
    /// The address of a page.
    #[must_use]
    pub fn of(invoice: InvoiceId, page: &HostedPage, url: &str) -> Self {
        let (reference, url) = (page.reference.clone(), url.to_owned());
        Self { invoice, reference, url, works_until: page.expires_at }
    }

    /// The key of the item.
    #[must_use]
    pub fn key_of(invoice: InvoiceId, page: &HostedPage) -> Key {
        Self::key_at(invoice, &page.reference)
    }

    fn key_at(invoice: InvoiceId, reference: &str) -> Key {
        Key::new(invoice_partition(invoice), format!("PAGE#{reference}"))
    }
}

impl Entity for PageAddress {
    fn key(&self) -> Key {
        Self::key_at(self.invoice, &self.reference)
    }

    fn expires_at(&self) -> Option<DateTime<Utc>> {
        Some(self.works_until)
    }
}

/// An entry of the ledger, in the partition of the invoice or payment that caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The invoice that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<InvoiceId>,
    /// The payment that caused it, when it has no invoice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
    /// What was posted.
    #[serde(flatten)]
    pub entry: Entry,
}

impl LedgerEntry {
    /// What the sort keys of entries begin with.
    pub const PREFIX: &'static str = "ENTRY#";

    /// The entry of an invoice.
    #[must_use]
    pub const fn of_invoice(invoice: InvoiceId, entry: Entry) -> Self {
        Self { invoice: Some(invoice), payment: None, entry }
    }

    /// The entry of a payment without invoice.
    #[must_use]
    pub const fn of_payment(payment: PaymentId, entry: Entry) -> Self {
        Self { invoice: None, payment: Some(payment), entry }
    }
}

impl Entity for LedgerEntry {
    fn key(&self) -> Key {
        let partition = match (self.invoice, self.payment) {
            (Some(invoice), _) => invoice_partition(invoice),
            (None, Some(payment)) => payment_partition(payment),
            (None, None) => "ENTRY".to_owned(),
        };
        Key::new(partition, format!("{}{}", Self::PREFIX, self.entry.cause))
    }
}

/// The last number that a seller's series has given out; the next is taken in the transaction that uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberSeries {
    /// Whose.
    pub seller: SellerId,
    /// Which series.
    pub series: String,
    /// The last number given out; 0 before the first.
    pub last: u64,
}

impl NumberSeries {
    /// The series of invoices.
    pub const INVOICES: &'static str = "invoices";

    /// The key of a seller's series.
    #[must_use]
    pub fn key_of(seller: SellerId, series: &str) -> Key {
        Key::new(format!("SELLER#{seller}"), format!("SERIES#{series}"))
    }
}

impl Entity for NumberSeries {
    fn key(&self) -> Key {
        Self::key_of(self.seller, &self.series)
    }
}

/// What a customer has paid too much, in one currency; below zero when credit was used and its payment was refunded after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditBalance {
    /// Whose.
    pub customer: CustomerId,
    /// How much.
    pub balance: Money,
}

impl CreditBalance {
    /// What the sort keys of a customer's balances begin with.
    pub const PREFIX: &'static str = "CREDIT#";

    /// The key of a customer's balance in a currency.
    #[must_use]
    pub fn key_of(customer: CustomerId, currency: Currency) -> Key {
        Key::new(format!("CUSTOMER#{customer}"), format!("{}{currency}", Self::PREFIX))
    }
}

impl Entity for CreditBalance {
    fn key(&self) -> Key {
        Self::key_of(self.customer, self.balance.currency())
    }
}

/// An event of the inbox that refers to something we do not know yet: visible, and tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedEvent {
    /// To which account it was sent.
    pub account: ProviderAccount,
    /// The provider's id of the event.
    pub event_id: String,
    /// What it waits for, in words.
    pub waits_for: String,
    /// Since when.
    pub parked_at: DateTime<Utc>,
    /// How often it was tried again.
    pub tries: u32,
    /// When it is tried next.
    pub retry_at: DateTime<Utc>,
}

impl ParkedEvent {
    /// The list of all events that wait.
    pub const LIST: &'static str = "PARKED";

    /// The key of the mark that an event waits.
    #[must_use]
    pub fn key_of(account: &ProviderAccount, event_id: &str) -> Key {
        Key::new(format!("PARKED#{account}#{event_id}"), "PARKED")
    }
}

impl Entity for ParkedEvent {
    fn key(&self) -> Key {
        Self::key_of(&self.account, &self.event_id)
    }

    fn indexes(&self) -> Indexes {
        Indexes {
            due: Some(Due { at: self.retry_at, kind: DueKind::Parked }),
            customer: None,
            kind: Some((Self::LIST.to_owned(), instant_text(self.parked_at))),
        }
    }
}

/// Which customer of ours a provider's customer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderCustomer {
    /// At which account.
    pub account: ProviderAccount,
    /// The provider's id.
    pub reference: String,
    /// Ours.
    pub customer: CustomerId,
}

impl ProviderCustomer {
    /// The key of a provider's customer.
    #[must_use]
    pub fn key_of(account: &ProviderAccount, reference: &str) -> Key {
        Key::new(format!("PROVIDER#{account}#{reference}"), "CUSTOMER")
    }
}

impl Entity for ProviderCustomer {
    fn key(&self) -> Key {
        Self::key_of(&self.account, &self.reference)
    }

    fn indexes(&self) -> Indexes {
        Indexes {
            customer: Some((list::of_customer(self.customer, "PROVIDER"), self.reference.clone())),
            ..Indexes::default()
        }
    }
}
