//! Attempts to charge an invoice, and the hosted page beside them: never both at once.

use chrono::{DateTime, Utc};
use saldo_billing::Outcome;
use saldo_billing::dunning::{DunningPolicy, EndAction};
use saldo_billing::id::{CustomerId, InvoiceId, PaymentId};
use saldo_billing::invoice::collection::Duty;
use saldo_billing::invoice::{Attempt, AttemptState, Begun, HostedPage, Invoice, InvoiceError, Origin};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::Payment;
use saldo_billing::provider::{PaymentMethod, ProviderAccount};
use saldo_store::entities::{PageAddress, customer_key, invoice_key, list, payment_key, seller_key};
use saldo_store::{Store, Stored, Transaction, list_by_customer, load};

use crate::{Also, BooksError, ROUNDS, committed, expect, invoices, nothing_more, subscriptions};

/// What a collector may do now.
#[derive(Debug, Clone, PartialEq)]
pub enum Permission {
    /// Ask the provider for this attempt; it is written down.
    Charge(Box<(Invoice, Attempt)>),
    /// Ask the provider what became of this attempt.
    LookUp(Box<(Invoice, Attempt)>),
    /// Close this page first, then ask again.
    ClosePage(Box<(Invoice, HostedPage)>),
    /// The customer has no payment method: they are asked to pay.
    NoMethod(Box<Invoice>),
    /// Nothing is due, or the card network allows no more.
    Nothing,
}

/// Asks what is to be done for an invoice, and writes a new attempt down before anybody is asked for money: not at an account
/// that `reaches` refuses, for an attempt that is begun stands in the way of everything else.
///
/// # Errors
/// When something is missing, the books cannot be written, or the account is not to be reached.
pub async fn permission<E: From<BooksError>>(
    store: &dyn Store,
    id: InvoiceId,
    now: DateTime<Utc>,
    clock: DateTime<Utc>,
    reaches: impl AsyncFn(&ProviderAccount) -> Result<(), E>,
) -> Result<Permission, E> {
    for _ in 0..ROUNDS {
        let mut invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
        let page = match invoice.value.collector_duty(now, clock).map_err(BooksError::from)? {
            Duty::Nothing => return Ok(Permission::Nothing),
            Duty::Repeat(attempt) => return Ok(Permission::Charge(Box::new((invoice.value, attempt)))),
            Duty::LookUp(attempt) => return Ok(Permission::LookUp(Box::new((invoice.value, attempt)))),
            Duty::ClosePage(page) => Some(page),
            Duty::Begin => None,
        };
        let customer: Stored<Customer> = expect(store, customer_key(invoice.value.customer)).await?;
        if let Some(page) = page {
            let is_over = page.is_over(now) || !is_owed(&invoice.value)?;
            if let (false, Some(method)) = (is_over, &customer.value.payment_method) {
                reaches(&method.account).await?;
            }
            if is_over || customer.value.payment_method.is_some() {
                return Ok(Permission::ClosePage(Box::new((invoice.value, page))));
            }
        }
        let seller: Stored<Seller> = expect(store, seller_key(invoice.value.seller)).await?;
        let begun = match &customer.value.payment_method {
            Some(method) => {
                reaches(&method.account).await?;
                Some(invoice.value.begin_attempt(method, now, clock).map_err(BooksError::from)?)
            }
            // They pay on their page, if they have one.
            None => {
                invoice.value.leave_to_customer(&seller.value.dunning, now).map_err(BooksError::from)?;
                None
            }
        };
        let mut transaction = Transaction::new();
        transaction.update(&invoice).map_err(BooksError::from)?;
        // Whoever gives the customer another method at this moment is first, or finds an invoice that waits for it.
        transaction.check_version(&customer).map_err(BooksError::from)?;
        if committed(store, transaction).await? {
            return Ok(match begun {
                Some(Begun::Attempt(attempt)) => Permission::Charge(Box::new((invoice.value, *attempt))),
                Some(Begun::NotBefore(_)) => Permission::Nothing,
                None => Permission::NoMethod(Box::new(invoice.value)),
            });
        }
    }
    Err(BooksError::Contended { attempted: "begin an attempt" }.into())
}

/// Whether something is owed that nobody is paying at this moment.
fn is_owed(invoice: &Invoice) -> Result<bool, BooksError> {
    Ok(invoice.status()?.is_owed() && !invoice.is_processing())
}

/// Records what became of an attempt that has no payment to tell it: it is unknown, was never made, or was refused outright. What
/// is too small to be charged waits for the customer's next invoice.
///
/// # Errors
/// When the invoice is not there or the books cannot be written.
pub async fn settle(
    store: &dyn Store,
    id: InvoiceId,
    number: u32,
    state: AttemptState,
    now: DateTime<Utc>,
) -> Result<Outcome<Invoice>, BooksError> {
    for _ in 0..ROUNDS {
        let mut invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
        let seller: Stored<Seller> = expect(store, seller_key(invoice.value.seller)).await?;
        if invoice.value.settle_attempt(number, state.clone(), &seller.value.dunning, now)? == Outcome::AlreadyApplied {
            return Ok(Outcome::AlreadyApplied);
        }
        let mut transaction = Transaction::new();
        transaction.update(&invoice)?;
        if invoice.value.is_too_small_to_charge() {
            let mut customer: Stored<Customer> = expect(store, customer_key(invoice.value.customer)).await?;
            if customer.value.too_small.insert(id) {
                transaction.update(&customer)?;
            }
        }
        if committed(store, transaction).await? {
            return Ok(Outcome::Applied(invoice.value));
        }
    }
    Err(BooksError::Contended { attempted: "settle an attempt" })
}

/// Records what a look-up told that found nothing or failed: of the attempt as it was when it was asked about, and not of one
/// that others have asked for again meanwhile.
///
/// # Errors
/// When the invoice is not there or the books cannot be written.
pub async fn looked_up(
    store: &dyn Store,
    id: InvoiceId,
    seen: &Attempt,
    state: AttemptState,
    now: DateTime<Utc>,
) -> Result<(), BooksError> {
    let command = |invoice: &mut Invoice, policy: &DunningPolicy| match &invoice.progress.attempt {
        Some(attempt) if attempt == seen => invoice.settle_attempt(seen.number, state.clone(), policy, now),
        Some(_) | None => Ok(Outcome::AlreadyApplied),
    };
    invoices::advance(store, id, "take a look-up over", command).await?;
    Ok(())
}

/// Records that the provider surely made nothing of an attempt, which is then asked for again or makes room for the next; unless
/// others have asked for it meanwhile.
///
/// # Errors
/// When something is missing or the books cannot be written.
pub async fn not_made(
    store: &dyn Store,
    id: InvoiceId,
    seen: &Attempt,
    now: DateTime<Utc>,
    clock: DateTime<Utc>,
) -> Result<(), BooksError> {
    for _ in 0..ROUNDS {
        let mut invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
        if invoice.value.progress.attempt.as_ref() != Some(seen) {
            return Ok(());
        }
        let customer: Stored<Customer> = expect(store, customer_key(invoice.value.customer)).await?;
        let seller: Stored<Seller> = expect(store, seller_key(invoice.value.seller)).await?;
        let method = customer.value.payment_method.as_ref().map(PaymentMethod::reference);
        if invoice.value.attempt_not_made(method.as_ref(), &seller.value.dunning, now, clock)?
            == Outcome::AlreadyApplied
        {
            return Ok(());
        }
        let mut transaction = Transaction::new();
        transaction.update(&invoice)?;
        // Whoever gives the customer another method at this moment is first, or finds an attempt that is asked for.
        transaction.check_version(&customer)?;
        if committed(store, transaction).await? {
            return Ok(());
        }
    }
    Err(BooksError::Contended { attempted: "ask for an attempt again" })
}

/// Does what the seller's policy says when charging an invoice has failed for the last time: gives it up, or calls off or
/// pauses its subscription. Nothing as long as a charge is still to come, or when the policy leaves it to the customer.
///
/// # Errors
/// When something is missing or the books cannot be written.
pub async fn end_dunning(store: &dyn Store, id: InvoiceId, now: DateTime<Utc>) -> Result<(), BooksError> {
    let invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
    let seller: Stored<Seller> = expect(store, seller_key(invoice.value.seller)).await?;
    let policy = &seller.value.dunning;
    let owed = invoice.value.status()?.is_owed();
    if !owed || invoice.value.progress.is_given_up || !invoice.value.retries_are_used_up(policy, now) {
        return Ok(());
    }
    match (policy.when_exhausted(), invoice.value.origin) {
        (EndAction::Uncollectible, _) => {
            invoices::write_off(store, id, now, &nothing_more).await?;
        }
        (EndAction::Cancel, Origin::Subscription { subscription, .. }) => {
            subscriptions::cancel(store, subscription, false, now, &nothing_more).await?;
        }
        (EndAction::Pause, Origin::Subscription { subscription, .. }) => {
            subscriptions::pause(store, subscription, now, &nothing_more).await?;
        }
        (EndAction::Cancel | EndAction::Pause, Origin::OneOff) => {}
    }
    // Should this be lost, the policy's end is carried out once more, to no effect.
    let given_up = |invoice: &mut Invoice, _: &DunningPolicy| Ok(invoice.give_up());
    invoices::advance(store, id, "give an invoice up", given_up).await?;
    Ok(())
}

/// Plans the open invoices of a customer anew that waited for another method: they have one now. Once for each change of
/// the method, since all their invoices are looked at; it stays due until it was done to the end.
///
/// # Errors
/// When the books cannot be read or written.
pub async fn method_changed(store: &dyn Store, id: CustomerId, now: DateTime<Utc>) -> Result<(), BooksError> {
    let mut customer: Stored<Customer> = expect(store, customer_key(id)).await?;
    let Some(method) = customer.value.payment_method.clone().filter(|_| customer.value.method_new_since.is_some())
    else {
        return Ok(());
    };
    let seller: Stored<Seller> = expect(store, seller_key(customer.value.seller)).await?;
    let (invoices, mut after) = (list::of_customer(id, list::INVOICES), None);
    loop {
        let page = list_by_customer::<Invoice>(store, &invoices, 100, after.as_ref()).await?;
        for mut seen in page.entities {
            if seen.value.method_changed(&method, &seller.value.dunning, now)? == Outcome::AlreadyApplied {
                continue;
            }
            let command = |invoice: &mut Invoice, policy: &DunningPolicy| invoice.method_changed(&method, policy, now);
            invoices::advance(store, seen.value.id, "charge by another method", command).await?;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    customer.value.method_new_since = None;
    let mut transaction = Transaction::new();
    transaction.update(&customer)?;
    // Whoever changed the customer meanwhile has the walk done once more: the method may have come and gone.
    committed(store, transaction).await?;
    Ok(())
}

/// Puts a hosted page beside an invoice, and its address into an item of its own.
///
/// # Errors
/// When the invoice is not to be paid now, or not on a second page, or the books cannot be written.
pub async fn open_page(
    store: &dyn Store,
    id: InvoiceId,
    page: &HostedPage,
    url: &str,
    now: DateTime<Utc>,
    also: Also<'_, Invoice>,
) -> Result<Invoice, BooksError> {
    for _ in 0..ROUNDS {
        let mut invoice: Stored<Invoice> = expect(store, invoice_key(id)).await?;
        // A page that is refused costs no look at the seller.
        invoice.value.may_open_page()?;
        let seller: Stored<Seller> = expect(store, seller_key(invoice.value.seller)).await?;
        let mut transaction = Transaction::new();
        if invoice.value.open_page(page.clone(), &seller.value.dunning, now)? == Outcome::Applied(()) {
            // Once: a page that was closed meanwhile is not opened again by who was slow to write it down.
            if page_url(store, id, page).await?.is_some() {
                let (command, status) = ("open a page again on", invoice.value.status()?);
                return Err(InvoiceError::Status { command, invoice: id, status }.into());
            }
            transaction.create(&PageAddress::of(id, page, url))?;
        }
        transaction.update(&invoice)?;
        also(&invoice.value, &mut transaction)?;
        if committed(store, transaction).await? {
            return Ok(invoice.value);
        }
    }
    Err(BooksError::Contended { attempted: "open a page" })
}

/// Takes a page away on which nobody can pay any more, and plans what follows.
///
/// # Errors
/// When the invoice is not there or the books cannot be written.
pub async fn page_closed(
    store: &dyn Store,
    id: InvoiceId,
    reference: &str,
    now: DateTime<Utc>,
) -> Result<(), BooksError> {
    let command = |invoice: &mut Invoice, policy: &DunningPolicy| invoice.close_page(reference, policy, now);
    invoices::advance(store, id, "close a page", command).await?;
    Ok(())
}

/// Remembers by which payment the customer paid on a page: it stays until that payment is final.
///
/// # Errors
/// When the invoice is not there or the books cannot be written.
pub async fn page_used(
    store: &dyn Store,
    id: InvoiceId,
    reference: &str,
    payment: PaymentId,
    now: DateTime<Utc>,
) -> Result<(), BooksError> {
    let known: Option<Stored<Payment>> = load(store, &payment_key(payment)).await?;
    let status = known.map(|known| known.value.status());
    let command =
        |invoice: &mut Invoice, policy: &DunningPolicy| invoice.use_page(reference, payment, status, policy, now);
    invoices::advance(store, id, "use a page", command).await?;
    Ok(())
}

/// Where an open page of an invoice is.
///
/// # Errors
/// When the books cannot be read.
pub async fn page_url(store: &dyn Store, id: InvoiceId, page: &HostedPage) -> Result<Option<String>, BooksError> {
    let address: Option<Stored<PageAddress>> = load(store, &PageAddress::key_of(id, page)).await?;
    Ok(address.map(|address| address.value.url))
}
