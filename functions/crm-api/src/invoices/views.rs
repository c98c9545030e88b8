//! What invoices look like in answers.

use chrono::{DateTime, Utc};
use saldo_billing::invoice::{
    BroughtForward, CarriedForward, Document, HostedPage, Invoice, InvoiceStatus, Line, LineOrigin, Origin,
};
use saldo_billing::ledger::Entry;
use saldo_billing::mail::{MailRecord, MailState};
use saldo_billing::tax::TaxSum;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CollectionWord;
use crate::prices::TaxBehaviorWord;
use crate::problem::Problem;
use crate::subscriptions::PeriodView;
use crate::wire::{self, Wire};

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = InvoiceStatus)]
pub enum InvoiceStatusWord {
    /// Not issued: no number, may be deleted.
    Draft,
    /// Issued, nothing paid.
    Open,
    /// Issued, something paid.
    PartlyPaid,
    /// Nothing is due any more: it was paid, by money or credit, or left what was due to a later invoice (`carried_forward`).
    Paid,
    /// Issued by mistake; keeps its number.
    Void,
    /// Given up, and would be accepted if it were paid after all.
    Uncollectible,
}

impl InvoiceStatusWord {
    /// The status as it is shown.
    pub const fn of(status: InvoiceStatus) -> Self {
        match status {
            InvoiceStatus::Draft => Self::Draft,
            InvoiceStatus::Open => Self::Open,
            InvoiceStatus::PartlyPaid => Self::PartlyPaid,
            InvoiceStatus::Paid => Self::Paid,
            InvoiceStatus::Void => Self::Void,
            InvoiceStatus::Uncollectible => Self::Uncollectible,
        }
    }
}

/// What an invoice was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = InvoiceOrigin)]
enum OriginWord {
    /// Something once.
    OneOff,
    /// One period of a subscription.
    Subscription,
}

/// A page on which an invoice can be paid.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentPage)]
pub struct PageView {
    /// Where it is.
    #[schema(format = "uri")]
    pub url: String,
    /// What it asks for.
    pub amount: wire::Money,
    /// Until when it can be used.
    pub expires_at: wire::Instant,
}

impl PageView {
    /// The page at this address.
    pub const fn of(page: &HostedPage, url: String) -> Self {
        Self { url, amount: wire::Money(page.amount), expires_at: Wire(page.expires_at) }
    }
}

/// What an earlier invoice left to this one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BroughtForward)]
struct BroughtForwardView {
    /// The earlier invoice.
    invoice: wire::InvoiceId,
    /// Its number.
    number: String,
    /// What was due on it.
    amount: wire::Money,
}

impl BroughtForwardView {
    fn of(debt: &BroughtForward) -> Self {
        Self { invoice: Wire(debt.from), number: debt.number.clone(), amount: wire::Money(debt.amount) }
    }
}

/// What this invoice left to a later one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CarriedForward)]
struct CarriedForwardView {
    /// The later invoice.
    invoice: wire::InvoiceId,
    /// What was due.
    amount: wire::Money,
}

impl CarriedForwardView {
    const fn of(carried: CarriedForward) -> Self {
        Self { invoice: Wire(carried.to), amount: wire::Money(carried.amount) }
    }
}

/// An invoice, without its lines.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invoice)]
pub struct InvoiceView {
    /// Its id.
    id: wire::InvoiceId,
    /// Who issues it.
    seller: wire::SellerId,
    /// Who owes it.
    customer: wire::CustomerId,
    /// Where it stands.
    status: InvoiceStatusWord,
    /// Its number, once it is issued.
    #[schema(required = true)]
    number: Option<String>,
    /// What it was made for.
    origin: OriginWord,
    /// The subscription it bills.
    #[schema(required = true)]
    subscription: Option<wire::SubscriptionId>,
    /// The period it bills.
    #[schema(required = true)]
    period: Option<PeriodView>,
    /// How it is to be paid.
    collection: CollectionWord,
    /// How many days the customer has.
    #[schema(minimum = 0, maximum = 366)]
    net_terms_days: u16,
    /// Whether these days are counted from the end of the month of issue.
    net_terms_end_of_month: bool,
    /// Its currency.
    currency: wire::Currency,
    /// The sum of its lines, net.
    net: wire::Money,
    /// The sum of its taxes.
    tax: wire::Money,
    /// Net and tax.
    total: wire::Money,
    /// What is still to be paid.
    amount_due: wire::Money,
    /// What payments brought, gross of refunds.
    amount_paid: wire::Money,
    /// What was given back.
    amount_refunded: wire::Money,
    /// What the customer's credit paid.
    credit_used: wire::Money,
    /// What earlier invoices left to it, which were too small to be charged alone; nothing any more when it is void.
    brought_forward: Vec<BroughtForwardView>,
    /// The later invoice to which it left what was due, too small to be charged alone.
    #[schema(required = true)]
    carried_forward: Option<CarriedForwardView>,
    /// The date on it, in the seller's zone.
    #[schema(required = true)]
    issued_on: Option<wire::Date>,
    /// When it was finalised.
    #[schema(required = true)]
    issued_at: Option<wire::Instant>,
    /// The last day to pay, in the customer's zone.
    #[schema(required = true)]
    due_on: Option<wire::Date>,
    /// Whether something is due and the time for it is over.
    overdue: bool,
    /// Whether a payment is submitted and not decided.
    processing: bool,
    /// Whether a dispute is open.
    disputed: bool,
    /// When it was declared void.
    #[schema(required = true)]
    voided_at: Option<wire::Instant>,
    /// When it was given up.
    #[schema(required = true)]
    written_off_at: Option<wire::Instant>,
    /// When it was made.
    created_at: wire::Instant,
}

impl InvoiceView {
    /// The invoice as it is shown at `now`.
    ///
    /// # Errors
    /// When its amounts do not add up.
    pub fn of(invoice: &Invoice, now: DateTime<Utc>) -> Result<Self, Problem> {
        let (origin, subscription, period) = match invoice.origin {
            Origin::OneOff => (OriginWord::OneOff, None, None),
            Origin::Subscription { subscription, period } => {
                (OriginWord::Subscription, Some(Wire(subscription)), Some(PeriodView::of(period)))
            }
        };
        let issued = invoice.issued();
        let brought_forward = invoice.brought_forward().iter().filter(|_| invoice.voided_at().is_none());
        Ok(Self {
            id: Wire(invoice.id),
            seller: Wire(invoice.seller),
            customer: Wire(invoice.customer),
            status: InvoiceStatusWord::of(invoice.status()?),
            number: issued.map(|issued| issued.number.text.clone()),
            origin,
            subscription,
            period,
            collection: CollectionWord::of(invoice.collection),
            net_terms_days: invoice.terms.days(),
            net_terms_end_of_month: invoice.terms.end_of_month(),
            currency: Wire(invoice.currency()),
            net: wire::Money(invoice.totals.net),
            tax: wire::Money(invoice.totals.tax),
            total: wire::Money(invoice.totals.total),
            amount_due: wire::Money(invoice.amount_due()?),
            amount_paid: wire::Money(invoice.amount_paid()?),
            amount_refunded: wire::Money(invoice.amount_refunded()?),
            credit_used: wire::Money(invoice.credit_used()),
            brought_forward: brought_forward.map(BroughtForwardView::of).collect(),
            carried_forward: invoice.carried_forward().map(CarriedForwardView::of),
            issued_on: issued.map(|issued| Wire(issued.on)),
            issued_at: issued.map(|issued| Wire(issued.at)),
            due_on: issued.map(|issued| Wire(issued.due_on)),
            overdue: invoice.is_overdue(now)?,
            processing: invoice.is_processing(),
            disputed: invoice.is_disputed(),
            voided_at: invoice.voided_at().map(Wire),
            written_off_at: invoice.written_off_at().map(Wire),
            created_at: Wire(invoice.created_at),
        })
    }
}

/// A line of an invoice.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Line)]
struct LineView {
    /// What it is for.
    description: String,
    /// How many.
    quantity: wire::QuantityText,
    /// What one costs.
    unit_amount: wire::LineUnitAmountText,
    /// What the line comes to, net, rounded.
    net: wire::Money,
    /// The tax on it.
    tax_rate: wire::TaxRate,
    /// Whether the tax is in what one costs.
    tax_behavior: TaxBehaviorWord,
    /// The product it counts for in reports.
    #[schema(required = true)]
    product: Option<wire::ProductId>,
    /// The price it was made from.
    #[schema(required = true)]
    price: Option<wire::PriceId>,
}

impl LineView {
    fn of(line: &Line) -> Self {
        Self {
            description: line.description.clone(),
            quantity: Wire(wire::Quantity(line.quantity)),
            unit_amount: Wire(wire::LineUnitAmount(line.unit_amount)),
            net: wire::Money(line.net),
            tax_rate: Wire(line.tax_rate),
            tax_behavior: TaxBehaviorWord::of(line.tax_behavior()),
            product: line.product.map(Wire),
            price: match line.origin {
                LineOrigin::Manual => None,
                LineOrigin::Price { price, .. } => Some(Wire(price)),
            },
        }
    }
}

/// The tax of all lines of one rate.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TaxSum)]
struct TaxSumView {
    /// The rate.
    rate: wire::TaxRate,
    /// The sum of the rounded nets of its lines.
    base: wire::Money,
    /// The tax on that sum.
    tax: wire::Money,
}

impl TaxSumView {
    fn of(sum: &TaxSum) -> Self {
        Self { rate: Wire(sum.rate), base: wire::Money(sum.base), tax: wire::Money(sum.tax) }
    }
}

/// An invoice with its lines.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceWithLines {
    #[serde(flatten)]
    invoice: InvoiceView,
    /// Its lines.
    lines: Vec<LineView>,
    /// Its taxes, by rate.
    taxes: Vec<TaxSumView>,
    /// The page on which it can be paid, while there is one.
    #[schema(required = true)]
    payment_page: Option<PageView>,
}

impl InvoiceWithLines {
    /// The invoice, its document and the page that is open for it, as they are shown at `now`.
    ///
    /// # Errors
    /// When its amounts do not add up.
    pub fn of(
        invoice: &Invoice,
        document: &Document,
        payment_page: Option<PageView>,
        now: DateTime<Utc>,
    ) -> Result<Self, Problem> {
        Ok(Self {
            invoice: InvoiceView::of(invoice, now)?,
            lines: document.lines.iter().map(LineView::of).collect(),
            taxes: document.taxes.iter().map(TaxSumView::of).collect(),
            payment_page,
        })
    }
}

/// An amount on an account of the ledger.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Posting)]
struct PostingView {
    /// The account.
    #[schema(example = "receivable")]
    account: String,
    /// How much: debits above zero, credits below.
    amount: wire::Money,
}

/// An entry of the ledger; its postings sum to zero.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LedgerEntry)]
pub struct EntryView {
    /// What made it: unique within its invoice.
    cause: String,
    /// When.
    at: wire::Instant,
    /// What was posted where.
    postings: Vec<PostingView>,
}

impl EntryView {
    /// The entry as it is shown.
    pub fn of(entry: &Entry) -> Self {
        let posting = |(account, amount): (&saldo_billing::ledger::Account, saldo_money::Money)| PostingView {
            account: account.to_string(),
            amount: wire::Money(amount),
        };
        Self {
            cause: entry.cause.clone(),
            at: Wire(entry.at),
            postings: entry.postings.postings().map(posting).collect(),
        }
    }
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MailState)]
enum MailStateWord {
    /// It may have been handed over; it is not sent again.
    Planned,
    /// The mail service took it.
    Sent,
    /// The mail service did not take it; it is tried again.
    NotSent,
}

/// A mail about an invoice.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Mail)]
pub struct MailView {
    /// Why it was sent, at most once: `issued`, `reminder/…`, `receipt/pay_…`, `payment_failed/…`.
    #[schema(example = "issued")]
    purpose: String,
    /// When it was decided on.
    planned_at: wire::Instant,
    /// What became of it.
    state: MailStateWord,
}

impl MailView {
    /// The mail as it is shown.
    pub fn of(record: &MailRecord) -> Self {
        let state = match record.state {
            MailState::Planned => MailStateWord::Planned,
            MailState::Sent { .. } => MailStateWord::Sent,
            MailState::NotSent { .. } => MailStateWord::NotSent,
        };
        Self { purpose: record.purpose.to_string(), planned_at: Wire(record.planned_at), state }
    }
}
