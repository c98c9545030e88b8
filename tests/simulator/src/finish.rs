//! What must hold when everything has healed and the clocks have run.

mod carried;
mod order;
mod reports;

use std::collections::BTreeMap;

use saldo_billing::invoice::{AttemptState, Invoice, InvoiceStatus};
use saldo_billing::mail::{MailState, Purpose};
use saldo_billing::payment::{PaymentStatus, RefundState};
use saldo_money::Money;
use saldo_store::entities::{ParkedEvent, mail_key};
use saldo_store::inbox::{InboxEvent, InboxStatus};
use saldo_store::{Stored, Table, attribute, instant_text, text};

use crate::run::Run;
use crate::violation::{Invariant, Violation, broken, bug};
use crate::weather::Fault;
use crate::world::{ACCOUNTS, at_once, provider_key};

/// How long everything may take to come to rest: what is unknown is looked up after a week at the latest, and what waits is
/// tried again after a week.
pub(crate) const DAYS: u32 = 24;

/// How long everything may take once all is told: what waits is tried again after a week.
pub(crate) const DAYS_AFTER_ALL: u32 = 9;

/// Checks that we know of all money that we asked for, also where no webhook ever told of it: answers, look-ups and the end of
/// a page have to do.
pub(crate) fn check_untold(run: &Run) -> Result<(), Violation> {
    run.is_at_rest()?;
    attempts(run)?;
    let twin = run.world.twin();
    for account in ACCOUNTS {
        let summary =
            twin.books(&provider_key(account)).map(provider_twin::Books::summary).ok_or_else(|| bug(account))?;
        let asked_for = summary.payments.iter().filter(|(_, payment)| {
            payment.metadata.contains_key("saldo_invoice") && !payment.metadata.contains_key("outside")
        });
        for (intent, payment) in asked_for {
            let known = run.observer.payments.values().find(|known| known.reference == *intent);
            let captured =
                known.map(|known| known.standing().map_err(bug)?.captured.to_minor().map_err(bug)).transpose()?;
            if captured != Some(payment.sums.charged) {
                let taken = payment.sums.charged;
                let found = format!("{intent} took {taken}, no webhook told so, and the books know of {captured:?}");
                return Err(broken(Invariant::I1, found));
            }
        }
    }
    Ok(())
}

/// Checks everything.
pub(crate) fn check(run: &mut Run) -> Result<(), Violation> {
    run.is_at_rest()?;
    queues(run)?;
    work(run)?;
    steps(run)?;
    attempts(run)?;
    inbox(run)?;
    money(run)?;
    mails(run)?;
    documents(run)?;
    carried::check(run)?;
    order::check(run)?;
    replayed(run)?;
    reports::check(run)?;
    run.world.permissions.take_refused().map_or(Ok(()), |refused| Err(broken(Invariant::Bug, refused)))
}

fn queues(run: &Run) -> Result<(), Violation> {
    if let Some((queue, body)) = run.world.queues.left().first() {
        return Err(broken(Invariant::I8, format!("{queue:?} still holds {body}")));
    }
    if run.held_webhooks() > 0 {
        return Err(broken(Invariant::Bug, format!("{} webhooks are still held back", run.held_webhooks())));
    }
    match run.events.iter().find(|(_, arrived)| !**arrived) {
        Some(((_, event), _)) => Err(broken(Invariant::Bug, format!("event {event} never arrived"))),
        None => Ok(()),
    }
}

/// Nothing is due that somebody could have done: the last tick was at most an hour ago.
fn work(run: &Run) -> Result<(), Violation> {
    let bound = instant_text(crate::run::later(run.now, chrono::TimeDelta::hours(-3)));
    for item in run.world.memory.items(Table::Billing) {
        let Some(at) = text(&item, attribute::DUE_AT) else { continue };
        if at < bound.as_str() {
            let (key, kind) = (text(&item, attribute::PK).unwrap_or_default(), text(&item, attribute::DUE_KIND));
            return Err(broken(Invariant::I8, format!("{key} waits since {at} for {kind:?}")));
        }
        if text(&item, attribute::SK) == Some("PARKED") {
            let parked: ParkedEvent = Stored::from_item((*item).clone()).map_err(bug)?.value;
            return Err(broken(Invariant::I8, format!("{} is parked for {}", parked.event_id, parked.waits_for)));
        }
    }
    for subscription in run.observer.subscriptions.values() {
        let is_late = subscription.bill_at().is_some_and(|at| instant_text(at) < bound);
        let next = subscription.next_period().map_err(bug)?;
        if is_late || (next.is_some() && subscription.bill_at().is_none()) {
            return Err(broken(
                Invariant::I8,
                format!("{} is not billed: {:?}", subscription.id, subscription.bill_at()),
            ));
        }
    }
    Ok(())
}

/// What the seller's policy has for an invoice is planned: nobody would come by for it otherwise.
fn steps(run: &Run) -> Result<(), Violation> {
    for invoice in run.observer.invoices.values().filter(|invoice| invoice.progress.next.is_none()) {
        let Some(seller) = run.observer.sellers.get(&invoice.seller) else { continue };
        let mut planned = invoice.clone();
        planned.plan(&seller.dunning, run.now).map_err(bug)?;
        if let Some(step) = planned.progress.next {
            return Err(broken(Invariant::I8, format!("nothing is planned for {}, and {step:?} is next", invoice.id)));
        }
    }
    Ok(())
}

fn attempts(run: &Run) -> Result<(), Violation> {
    for invoice in run.observer.invoices.values() {
        match invoice.progress.attempt.as_ref().map(|attempt| &attempt.state) {
            Some(state @ (AttemptState::Begun | AttemptState::Unknown { .. })) => {
                return Err(broken(Invariant::I8, format!("the attempt on {} is {state:?}", invoice.id)));
            }
            Some(AttemptState::Pending { payment }) => {
                let status = run.observer.payments.get(payment).map(saldo_billing::payment::Payment::status);
                if matches!(status, Some(PaymentStatus::Succeeded | PaymentStatus::Failed | PaymentStatus::Cancelled)) {
                    return Err(broken(
                        Invariant::I8,
                        format!("{} waits for {payment}, which is {status:?}", invoice.id),
                    ));
                }
            }
            Some(AttemptState::Succeeded { .. } | AttemptState::Declined { .. } | AttemptState::NeverMade) | None => {}
        }
        let customer = run.observer.customers.get(&invoice.customer);
        let has_method = customer.is_some_and(|customer| customer.payment_method.is_some());
        if has_method && invoice.progress.left_to_customer && invoice.progress.attempt.is_none() && is_owed(invoice)? {
            let found = format!("{} was never charged, although its customer has a method", invoice.id);
            return Err(broken(Invariant::I8, found));
        }
        let seller = run.observer.sellers.get(&invoice.seller);
        let is_at_an_end = seller.is_some_and(|seller| invoice.retries_are_used_up(&seller.dunning, run.now));
        if is_at_an_end && !invoice.progress.is_given_up && is_owed(invoice)? {
            let found =
                format!("{} was charged for the last time, and the policy's end is not carried out", invoice.id);
            return Err(broken(Invariant::I8, found));
        }
        let status = invoice.status().map_err(bug)?;
        let is_waiting =
            matches!(status, InvoiceStatus::Open | InvoiceStatus::PartlyPaid) && !invoice.progress.handed_over;
        if is_waiting {
            return Err(broken(
                Invariant::I8,
                format!("{} was never handed over: {:?}", invoice.id, invoice.progress.next),
            ));
        }
    }
    for payment in run.observer.payments.values() {
        for (refund, request) in payment.refund_requests() {
            let is_accepted = match request.state {
                RefundState::Requested | RefundState::Unknown { .. } => {
                    return Err(broken(Invariant::I8, format!("refund {refund} is {:?}", request.state)));
                }
                RefundState::Accepted { .. } => true,
                RefundState::Refused { .. } => false,
            };
            if is_accepted != run.observer.was_given_back(refund) {
                let found = format!("refund {refund} is {:?}, the provider's books say otherwise", request.state);
                return Err(broken(Invariant::I1, found));
            }
        }
    }
    Ok(())
}

fn is_owed(invoice: &Invoice) -> Result<bool, Violation> {
    let status = invoice.status().map_err(bug)?;
    Ok(matches!(status, InvoiceStatus::Open | InvoiceStatus::PartlyPaid) && !invoice.is_processing())
}

/// Every event of the provider is in the inbox, and in the books where it belongs there.
fn inbox(run: &Run) -> Result<(), Violation> {
    let mut kept = 0_usize;
    for item in run.world.memory.items(Table::Inbox) {
        let event: InboxEvent = Stored::from_item((*item).clone()).map_err(bug)?.value;
        kept = kept.saturating_add(1);
        if matches!(event.status, InboxStatus::Parked | InboxStatus::GivenUp) {
            return Err(broken(Invariant::I8, format!("{} {} is {:?}", event.kind, event.event_id, event.status)));
        }
    }
    let told = run.events.len();
    if kept == told { Ok(()) } else { Err(broken(Invariant::I8, format!("the inbox has {kept} of {told} events"))) }
}

/// Rebuilt from the inbox and the decisions, the books are the same.
fn replayed(run: &Run) -> Result<(), Violation> {
    let kept = saldo_replay::Kept::in_memory(&run.world.memory).map_err(bug)?;
    let replay = at_once(saldo_replay::replay(kept)).map_err(bug)?.map_err(bug)?;
    replay.differences().first().map_or(Ok(()), |first| Err(broken(Invariant::I7, format!("replayed: {first:?}"))))
}

/// Payment by payment, the books say what the provider's own books say.
fn money(run: &Run) -> Result<(), Violation> {
    let twin = run.world.twin();
    let mut by_reference = BTreeMap::new();
    for payment in run.observer.payments.values() {
        by_reference.insert((payment.account.to_string(), payment.reference.clone()), payment);
    }
    for account in ACCOUNTS {
        let summary =
            twin.books(&provider_key(account)).map(provider_twin::Books::summary).ok_or_else(|| bug(account))?;
        for (intent, sums) in &summary.payments {
            let payment = by_reference.get(&(account.to_owned(), intent.clone()));
            let Some(payment) = payment else {
                return Err(broken(
                    Invariant::I1,
                    format!("{intent} took {} and is not in the books", sums.sums.charged),
                ));
            };
            let standing = payment.standing().map_err(bug)?;
            let withdrawn = standing.disputed.checked_add(standing.lost).map_err(bug)?;
            let minor = |money: Money| money.to_minor().map_err(bug);
            let books = (minor(standing.captured)?, minor(standing.refunded)?, minor(withdrawn)?);
            let theirs = (sums.sums.charged, sums.sums.refunded, sums.sums.disputed);
            if books != theirs {
                let found = format!(
                    "{intent}: the books say {books:?}, the provider says {theirs:?} (taken, given back, withdrawn)"
                );
                return Err(broken(Invariant::I1, found));
            }
            let told = payment.invoice.and_then(|id| run.observer.invoices.get(&id));
            let received = told.and_then(|invoice| invoice.received().find(|(id, _)| *id == payment.id));
            if told.is_some() && received.and_then(|(_, received)| received.standing) != Some(standing) {
                let found =
                    format!("{} of {:?} stands at {standing:?}, on it {received:?}", payment.id, payment.invoice);
                return Err(broken(Invariant::I1, found));
            }
        }
    }
    Ok(())
}

/// What may keep a mail from being sent once it is written down.
const MAIL_LOST_BY: [Fault; 9] = [
    Fault::Crash,
    Fault::Deploy,
    Fault::MailAnswerLost,
    Fault::MailRefused,
    Fault::Throttled,
    Fault::StoreDown,
    Fault::Contention,
    Fault::CommitAnswerLost,
    Fault::MessageDoubled,
];

/// Every payment of an invoice has its receipt, and what is said to be sent is out. Mails that are only planned are as rare as
/// what may cause that.
fn mails(run: &Run) -> Result<(), Violation> {
    let met = run.world.weather.met();
    let excuses = MAIL_LOST_BY.iter().filter_map(|fault| met.get(fault)).sum::<u64>();
    let mut planned = 0_u64;
    for (key, record) in &run.observer.mails {
        match &record.state {
            MailState::Sent { message_id } if !run.observer.is_out(message_id) => {
                return Err(broken(Invariant::I1, format!("mail {key} is said to be sent, and never was")));
            }
            MailState::Sent { .. } | MailState::NotSent { .. } => {}
            MailState::Planned => planned += 1,
        }
    }
    if planned > excuses {
        return Err(broken(Invariant::I1, format!("{planned} mails are planned, and {excuses} could be hindered")));
    }
    for payment in run.observer.payments.values().filter(|payment| payment.status() == PaymentStatus::Succeeded) {
        let Some(invoice) = payment.invoice else { continue };
        let key = mail_key(invoice, Purpose::Receipt(payment.id)).to_string();
        if !run.observer.mails.contains_key(&key) {
            return Err(broken(Invariant::I1, format!("payment {} of {invoice} has no receipt", payment.id)));
        }
    }
    Ok(())
}

/// Every issued invoice has its document, and the bus was told of it.
fn documents(run: &Run) -> Result<(), Violation> {
    let mut issued = 0_u64;
    for invoice in run.observer.invoices.values().filter(|invoice| invoice.issued().is_some()) {
        issued = issued.saturating_add(1);
        let key = saldo_documents::archive::invoice_pdf_key(invoice);
        if !run.world.archive.has(&key) {
            return Err(broken(Invariant::I8, format!("invoice {} has no document", invoice.id)));
        }
    }
    let told = run.told.get("invoice.finalised").copied().unwrap_or(0);
    if told < issued {
        return Err(broken(Invariant::I8, format!("the bus heard of {told} of {issued} invoices")));
    }
    Ok(())
}
