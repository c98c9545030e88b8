//! Invoices: drafted, finalised with a number, voided, written off.

use chrono::{DateTime, Utc};
use futures_util::future::try_join4;
use saldo_billing::Outcome;
use saldo_billing::dunning::DunningPolicy;
use saldo_billing::id::{CustomerId, InvoiceId, SellerId};
use saldo_billing::invoice::{Change, Document, Draft, Invoice, InvoiceError, InvoiceStatus, Line, Number};
use saldo_billing::party::{Customer, Seller};
use saldo_money::{Currency, Money};
use saldo_store::entities::{
    CreditBalance, DocumentPart, LedgerEntry, NumberSeries, customer_key, document_parts, invoice_key,
    invoice_partition, join_document, seller_key,
};
use saldo_store::{Condition, Query, Range, Store, Stored, Table, Transaction, load, to_item};

use crate::{Also, BooksError, ROUNDS, committed, credit_moved_by, expect, write_change};

/// Most debts that one invoice brings forward; the others wait for the one after it.
const MAX_BROUGHT_FORWARD: usize = 20;

/// Drafts an invoice for a customer.
///
/// # Errors
/// When a party is missing, the lines cannot be invoiced, or the books cannot be written.
pub async fn draft(
    store: &dyn Store,
    draft: Draft,
    customer: &Customer,
    lines: Vec<Line>,
    now: DateTime<Utc>,
    also: Also<'_, Invoice>,
) -> Result<Outcome<Invoice>, BooksError> {
    let seller: Stored<Seller> = expect(store, seller_key(customer.seller)).await?;
    let (invoice, document) = Invoice::draft(draft, &seller.value, customer, lines, now)?;
    let first = write_all_but_first(store, document).await?;
    let mut transaction = Transaction::new();
    transaction.create(&invoice)?;
    transaction.create(&first)?;
    also(&invoice, &mut transaction)?;
    Ok(if committed(store, transaction).await? { Outcome::Applied(invoice) } else { Outcome::AlreadyApplied })
}

/// Writes the parts of a long document that nothing refers to yet, and returns the first, by which they become effective.
pub(crate) async fn write_all_but_first(store: &dyn Store, document: Document) -> Result<DocumentPart, BooksError> {
    let invoice = document.invoice;
    let mut parts = document_parts(document).into_iter();
    let first = parts.next().ok_or(BooksError::Document { invoice })?;
    for part in parts {
        let mut transaction = Transaction::new();
        transaction.put(Table::Billing, to_item(&part, 1)?, Condition::Always)?;
        store.commit(transaction).await?;
    }
    Ok(first)
}

/// Issues a draft: its number, its totals and its entry are committed together, so that no number is ever lost or doubled.
///
/// # Errors
/// When the invoice is not there or void, or the books cannot be written.
pub async fn finalise(
    store: &dyn Store,
    id: InvoiceId,
    now: DateTime<Utc>,
    also: Also<'_, Invoice>,
) -> Result<Outcome<Invoice>, BooksError> {
    for _ in 0..ROUNDS {
        let mut invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
        let currency = invoice.value.currency();
        let parties = Parties::load(store, invoice.value.seller, invoice.value.customer, currency).await?;
        let (seller, customer) = (&parties.seller.value, &parties.customer.value);
        let mut transaction = Transaction::new();
        if invoice.value.issued().is_none() {
            parties.carry_to(&mut invoice.value, &mut transaction, now)?;
        }
        let outcome =
            invoice.value.finalise(parties.next_number(), seller, customer, parties.balance(currency), now)?;
        let Outcome::Applied(change) = outcome else { return Ok(Outcome::AlreadyApplied) };
        // The document shows the parties as they are at this moment, which is when it is issued.
        let mut first: Stored<DocumentPart> = expect(store, first_part_key(id)).await?;
        if let Some(document) = first.value.document.as_mut() {
            let (lines, taxes) = (std::mem::take(&mut document.lines), std::mem::take(&mut document.taxes));
            *document = Document::between(id, seller, customer, lines, taxes);
        }
        transaction.update(&invoice)?;
        transaction.update(&first)?;
        parties.take_number(&mut transaction)?;
        write_change(&mut transaction, &invoice.value, change, parties.credit)?;
        also(&invoice.value, &mut transaction)?;
        if committed(store, transaction).await? {
            return Ok(Outcome::Applied(invoice.value));
        }
    }
    Err(BooksError::Contended { attempted: "finalise an invoice" })
}

fn first_part_key(id: InvoiceId) -> saldo_store::Key {
    saldo_store::Key::new(invoice_partition(id), format!("{}0000", DocumentPart::PREFIX))
}

/// Everybody whose say or state goes into issuing an invoice.
pub(crate) struct Parties {
    pub(crate) seller: Stored<Seller>,
    pub(crate) customer: Stored<Customer>,
    pub(crate) credit: Option<Stored<CreditBalance>>,
    series: Option<Stored<NumberSeries>>,
    /// What was too small to be charged alone, and is owed with the next invoice, or is settled.
    small: Vec<Stored<Invoice>>,
}

impl Parties {
    /// Reads all of them, so that a change of any money among them makes the transaction start over.
    pub(crate) async fn load(
        store: &dyn Store,
        seller: SellerId,
        customer: CustomerId,
        currency: Currency,
    ) -> Result<Self, BooksError> {
        let credit_key = CreditBalance::key_of(customer, currency);
        let series_key = NumberSeries::key_of(seller, NumberSeries::INVOICES);
        let (seller, customer, credit, series): (_, Stored<Customer>, _, _) = try_join4(
            expect(store, seller_key(seller)),
            expect(store, customer_key(customer)),
            async { Ok(load(store, &credit_key).await?) },
            async { Ok(load(store, &series_key).await?) },
        )
        .await?;
        let mut small = Vec::new();
        for id in &customer.value.too_small {
            let invoice: Stored<Invoice> = expect(store, invoice_key(*id)).await?;
            let is_ready = invoice.value.may_be_carried()? || !invoice.value.status()?.is_owed();
            if is_ready && invoice.value.currency() == currency {
                small.push(invoice);
            }
            if small.len() >= MAX_BROUGHT_FORWARD {
                break;
            }
        }
        Ok(Self { seller, customer, credit, series, small })
    }

    /// Has what was too small to be charged alone owed with this invoice, which is about to be issued and asks for more.
    pub(crate) fn carry_to(
        &self,
        invoice: &mut Invoice,
        transaction: &mut Transaction,
        now: DateTime<Utc>,
    ) -> Result<(), BooksError> {
        if self.small.is_empty() || !invoice.will_be_due(self.balance(invoice.currency()))? {
            return Ok(());
        }
        let mut customer = self.customer.clone();
        for mut small in self.small.iter().cloned() {
            customer.value.too_small.remove(&small.value.id);
            if small.value.may_be_carried()? {
                invoice.bring_forward(small.value.carry_forward(invoice.id, now)?)?;
                transaction.update(&small)?;
            }
        }
        transaction.update(&customer)?;
        Ok(())
    }

    /// What the customer has to their credit.
    pub(crate) fn balance(&self, currency: Currency) -> Money {
        self.credit.as_ref().map_or(Money::zero(currency), |credit| credit.value.balance)
    }

    pub(crate) fn next_number(&self) -> Number {
        let last = self.series.as_ref().map_or(0, |series| series.value.last);
        Number::new(&self.seller.value.number_prefix, last.saturating_add(1))
    }

    /// Takes the number in the transaction that uses it: of two at once, one starts over.
    pub(crate) fn take_number(&self, transaction: &mut Transaction) -> Result<(), BooksError> {
        match self.series.clone() {
            Some(mut series) => {
                series.value.last = series.value.last.saturating_add(1);
                transaction.update(&series)?;
            }
            None => {
                let (seller, series) = (self.seller.value.id, NumberSeries::INVOICES.to_owned());
                transaction.create(&NumberSeries { seller, series, last: 1 })?;
            }
        }
        Ok(())
    }
}

/// Declares an invoice void; what earlier ones left to it is owed on them again.
///
/// # Errors
/// When it is not there, a draft or paid, or the books cannot be written.
pub async fn void(
    store: &dyn Store,
    id: InvoiceId,
    now: DateTime<Utc>,
    also: Also<'_, Invoice>,
) -> Result<Outcome<Invoice>, BooksError> {
    change(store, id, "void an invoice", now, |invoice| invoice.void(now), also).await
}

/// Has earlier invoices owe again what they had left to one that is void; answers with what that means for the customer's credit.
async fn take_back(
    store: &dyn Store,
    void: &Invoice,
    transaction: &mut Transaction,
    now: DateTime<Utc>,
) -> Result<Money, BooksError> {
    let mut customer: Stored<Customer> = expect(store, customer_key(void.customer)).await?;
    let seller: Stored<Seller> = expect(store, seller_key(void.seller)).await?;
    let mut credit = Money::zero(void.currency());
    for debt in void.brought_forward() {
        let mut small: Stored<Invoice> = expect(store, invoice_key(debt.from)).await?;
        if let Outcome::Applied(change) = small.value.take_back_from(void.id, &seller.value.dunning, now)? {
            credit = credit.checked_add(change.credit)?;
            transaction.update(&small)?;
            if !change.entry.postings.is_empty() {
                transaction.create(&LedgerEntry::of_invoice(small.value.id, change.entry))?;
            }
            customer.value.too_small.insert(debt.from);
        }
    }
    transaction.update(&customer)?;
    Ok(credit)
}

/// Gives up what is due on an invoice.
///
/// # Errors
/// When it is not there or nothing is due on it, or the books cannot be written.
pub async fn write_off(
    store: &dyn Store,
    id: InvoiceId,
    now: DateTime<Utc>,
    also: Also<'_, Invoice>,
) -> Result<Outcome<Invoice>, BooksError> {
    change(store, id, "write off an invoice", now, |invoice| invoice.write_off(now), also).await
}

/// Remembers that an invoice from which nothing is to be collected has its document.
///
/// # Errors
/// When the invoice is not there or the books cannot be written.
pub async fn filed(store: &dyn Store, id: InvoiceId, now: DateTime<Utc>) -> Result<(), BooksError> {
    let command = |invoice: &mut Invoice, policy: &DunningPolicy| {
        let is_closed = matches!(invoice.status()?, InvoiceStatus::Void | InvoiceStatus::Uncollectible);
        if !is_closed || invoice.progress.handed_over {
            return Ok(Outcome::AlreadyApplied);
        }
        invoice.handed_over(policy, now).map(Outcome::Applied)
    };
    advance(store, id, "file an invoice", command).await?;
    Ok(())
}

/// Moves collecting an invoice on by a command that posts nothing.
pub(crate) async fn advance(
    store: &dyn Store,
    id: InvoiceId,
    attempted: &'static str,
    command: impl Fn(&mut Invoice, &DunningPolicy) -> Result<Outcome<()>, InvoiceError> + Send,
) -> Result<Outcome<Invoice>, BooksError> {
    for _ in 0..ROUNDS {
        let mut invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
        let seller: Stored<Seller> = expect(store, seller_key(invoice.value.seller)).await?;
        if command(&mut invoice.value, &seller.value.dunning)? == Outcome::AlreadyApplied {
            return Ok(Outcome::AlreadyApplied);
        }
        let mut transaction = Transaction::new();
        transaction.update(&invoice)?;
        if committed(store, transaction).await? {
            return Ok(Outcome::Applied(invoice.value));
        }
    }
    Err(BooksError::Contended { attempted })
}

async fn change(
    store: &dyn Store,
    id: InvoiceId,
    attempted: &'static str,
    now: DateTime<Utc>,
    command: impl Fn(&mut Invoice) -> Result<Outcome<Change>, InvoiceError> + Send,
    also: Also<'_, Invoice>,
) -> Result<Outcome<Invoice>, BooksError> {
    for _ in 0..ROUNDS {
        let mut invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
        let Outcome::Applied(mut change) = command(&mut invoice.value)? else { return Ok(Outcome::AlreadyApplied) };
        let mut transaction = Transaction::new();
        transaction.update(&invoice)?;
        if invoice.value.voided_at().is_some() && !invoice.value.brought_forward().is_empty() {
            let credit = take_back(store, &invoice.value, &mut transaction, now).await?;
            change.credit = change.credit.checked_add(credit)?;
        }
        let credit = credit_moved_by(store, &invoice.value, &change).await?;
        write_change(&mut transaction, &invoice.value, change, credit)?;
        also(&invoice.value, &mut transaction)?;
        if committed(store, transaction).await? {
            return Ok(Outcome::Applied(invoice.value));
        }
    }
    Err(BooksError::Contended { attempted })
}

/// The document of an invoice, all parts joined.
///
/// # Errors
/// When it is not there or not whole.
pub async fn document(store: &dyn Store, id: InvoiceId) -> Result<Document, BooksError> {
    let mut parts = Vec::new();
    let mut after = None;
    loop {
        let range = Range::Prefix(DocumentPart::PREFIX.to_owned());
        let query = Query::table(Table::Billing, invoice_partition(id)).range(range).consistent().after(after);
        let page = store.query(query).await?;
        for item in page.items {
            parts.push(Stored::<DocumentPart>::from_item(item)?.value);
        }
        after = page.next;
        if after.is_none() {
            return join_document(parts).ok_or(BooksError::Document { invoice: id });
        }
    }
}
