//! Defects on purpose, by which the simulator shows that it bites.
//!
//! Each is what a one-line slip in the code behind a port would do: a condition left out, a write in another transaction, a key
//! that is made up, an answer that is taken for another. They live here, at the ports, so that no production code knows of
//! them.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http::header::HeaderValue;
use saldo_billing::payment::Decline;
use saldo_gateways::{
    ChargeKind, ChargeOutcome, ChargeRequest, Gateway, GatewayError, LookUpOutcome, LookUpRequest, PageClosed,
    PageOpened, PageRequest, RefundLookUp, RefundOrder, RefundOutcome,
};
use saldo_messages::Destination;
use saldo_store::memory::MemoryStore;
use saldo_store::{
    AttributeValue, CommitError, Committed, Condition, Store, StoreError, Table, Transaction, Write, attribute, text,
};
use tokio::task::yield_now;

use crate::moment;

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Sabotage {
    /// A period is billed whatever was written meanwhile: neither its invoice nor its subscription is looked at.
    BilledUnconditionally,
    /// An invoice is updated whatever was written meanwhile.
    InvoiceVersionSkipped,
    /// A subscription is updated whatever was written meanwhile.
    SubscriptionVersionSkipped,
    /// A payment is updated whatever was written meanwhile.
    PaymentVersionSkipped,
    /// A number series is updated whatever was written meanwhile.
    SeriesVersionSkipped,
    /// A number is taken before the transaction that uses it.
    NumberOutsideTransaction,
    /// A customer's credit is updated whatever was written meanwhile.
    CreditVersionSkipped,
    /// A customer's credit is not written.
    CreditForgotten,
    /// A ledger entry is not written.
    EntryForgotten,
    /// A mail is written down although it was before.
    MailPlannedTwice,
    /// A mail is not written down before it is handed over.
    MailNotPlanned,
    /// A mail is said to be out and is not.
    MailNotSent,
    /// An event is not kept in the inbox.
    InboxForgotten,
    /// An event that waits is not written down.
    ParkedForgotten,
    /// An answer of the API is not remembered.
    AnswerForgotten,
    /// An answer of the API is remembered over another one.
    AnswerOverwritten,
    /// That an invoice was given up is not remembered.
    GivingUpForgotten,
    /// That an invoice was too small to be charged is not remembered.
    TooSmallForgotten,
    /// That an invoice left what was due to a later one is not remembered.
    CarriedForgotten,
    /// What was counted in reports is not remembered.
    CountedForgotten,
    /// What is counted in reports is counted twice.
    CountedTwice,
    /// An unknown charge is never due to be looked up.
    LookUpNeverDue,
    /// A subscription that was billed is never due again.
    BillNeverDue,
    /// A reminder is never due.
    RemindNeverDue,
    /// A retry of a charge is never due.
    CollectNeverDue,
    /// The end of a page is never due.
    PageNeverDue,
    /// A refund is never due.
    RefundNeverDue,
    /// A customer's new method is never due to be told.
    NewMethodNeverDue,
    /// An event that waits is never due.
    ParkedNeverDue,
    /// A charge goes out under a key that is made up.
    ChargeKeyRandom,
    /// A charge goes out without key.
    ChargeKeyMissing,
    /// A refund goes out under a key that is made up.
    RefundKeyRandom,
    /// An unknown outcome of a charge is taken for a decline.
    UnknownIsDeclined,
    /// An unknown outcome of a charge is taken for none, and the charge made anew under another key.
    UnknownIsChargedAgain,
    /// A look-up finds nothing.
    LookUpFindsNothing,
    /// A page counts as closed without asking.
    PageNotClosed,
    /// A payment that nobody is at any more is never called off.
    NeverCalledOff,
    /// A refund that is refused counts as given.
    RefusedRefundIsGiven,
    /// A queue's refusal is taken for success.
    QueueRefusalIsSuccess,
    /// Mails are asked for in vain.
    RemindersSwallowed,
    /// Provider events are acknowledged and dropped.
    EventsSwallowed,
    /// Messages that failed are deleted like those that are done.
    FailuresAcknowledged,
    /// The stream goes on before a batch is done.
    CheckpointBeforeEffect,
}

impl Sabotage {
    /// Whether messages to this destination vanish.
    pub(crate) fn swallows(self, to: Destination) -> bool {
        matches!(
            (self, to),
            (Self::RemindersSwallowed, Destination::Reminders) | (Self::EventsSwallowed, Destination::ProviderEvents)
        )
    }

    /// Commits, defectively.
    pub(crate) async fn commit(self, memory: &MemoryStore, transaction: Transaction) -> Result<Committed, CommitError> {
        let mut defective = Transaction::new();
        let bills =
            transaction.writes().iter().any(|write| is_put(write) && creates(write) && write.key().sk == "INVOICE");
        for write in transaction.into_writes() {
            let verdict =
                if bills && self == Self::BilledUnconditionally { Verdict::Unconditional } else { self.judge(&write) };
            let write = match verdict {
                Verdict::Stays => write,
                Verdict::Vanishes => continue,
                Verdict::Unconditional => unconditional(write),
                Verdict::NeverDue => never_due(write),
                Verdict::Twice => twice(write),
                Verdict::First => {
                    let mut alone = Transaction::new();
                    add(&mut alone, write)?;
                    memory.commit(alone).await?;
                    yield_now().await;
                    continue;
                }
            };
            add(&mut defective, write)?;
        }
        memory.commit(defective).await
    }

    fn judge(self, write: &Write) -> Verdict {
        let (table, key) = (write.table(), write.key());
        let (is_put, creates) = (is_put(write), creates(write));
        let updates = is_put && matches!(write.condition(), Condition::Version(_));
        let when = |fits: bool, verdict| if fits { verdict } else { Verdict::Stays };
        let is = |sk: &str| is_put && key.sk == sk;
        let begins = |sk: &str| is_put && key.sk.starts_with(sk);
        match self {
            Self::InvoiceVersionSkipped => when(is("INVOICE") && updates, Verdict::Unconditional),
            Self::SubscriptionVersionSkipped => when(is("SUBSCRIPTION") && updates, Verdict::Unconditional),
            Self::PaymentVersionSkipped => when(is("PAYMENT") && updates, Verdict::Unconditional),
            Self::SeriesVersionSkipped => when(begins("SERIES#") && updates, Verdict::Unconditional),
            Self::NumberOutsideTransaction => when(begins("SERIES#"), Verdict::First),
            Self::CreditVersionSkipped => when(begins("CREDIT#") && updates, Verdict::Unconditional),
            Self::CreditForgotten => when(begins("CREDIT#"), Verdict::Vanishes),
            Self::EntryForgotten => when(begins("ENTRY#"), Verdict::Vanishes),
            Self::MailPlannedTwice => when(begins("MAIL#") && creates, Verdict::Unconditional),
            Self::MailNotPlanned => when(begins("MAIL#") && creates, Verdict::Vanishes),
            Self::InboxForgotten => when(table == Table::Inbox && creates, Verdict::Vanishes),
            Self::ParkedForgotten => when(is("PARKED") && creates, Verdict::Vanishes),
            Self::AnswerForgotten => when(is("ANSWER"), Verdict::Vanishes),
            Self::AnswerOverwritten => when(is("ANSWER"), Verdict::Unconditional),
            Self::GivingUpForgotten => when(is_given_up(write), Verdict::Vanishes),
            Self::TooSmallForgotten => when(is("CUSTOMER") && has(write, "too_small"), Verdict::Vanishes),
            Self::CarriedForgotten => when(is("INVOICE") && has(write, "carried_forward"), Verdict::Vanishes),
            Self::CountedForgotten => when(key.pk.starts_with("COUNTED#"), Verdict::Vanishes),
            Self::CountedTwice => when(matches!(write, Write::Add { .. }), Verdict::Twice),
            Self::LookUpNeverDue => when(is_due(write, "look_up"), Verdict::NeverDue),
            Self::BillNeverDue => when(is_due(write, "bill") && updates, Verdict::NeverDue),
            Self::RemindNeverDue => when(is_due(write, "remind"), Verdict::NeverDue),
            Self::CollectNeverDue => when(is_due(write, "collect"), Verdict::NeverDue),
            Self::PageNeverDue => when(has_page(write), Verdict::NeverDue),
            Self::RefundNeverDue => when(is_due(write, "refund"), Verdict::NeverDue),
            Self::NewMethodNeverDue => when(is_due(write, "new_method"), Verdict::NeverDue),
            Self::ParkedNeverDue => when(is_due(write, "parked"), Verdict::NeverDue),
            Self::BilledUnconditionally
            | Self::MailNotSent
            | Self::ChargeKeyRandom
            | Self::ChargeKeyMissing
            | Self::RefundKeyRandom
            | Self::UnknownIsDeclined
            | Self::UnknownIsChargedAgain
            | Self::LookUpFindsNothing
            | Self::PageNotClosed
            | Self::NeverCalledOff
            | Self::RefusedRefundIsGiven
            | Self::QueueRefusalIsSuccess
            | Self::RemindersSwallowed
            | Self::EventsSwallowed
            | Self::FailuresAcknowledged
            | Self::CheckpointBeforeEffect => Verdict::Stays,
        }
    }

    /// Changes a request on its way to the provider.
    pub(crate) fn request(self, request: &mut Request<Bytes>) {
        let (path, header) = (request.uri().path().to_owned(), "idempotency-key");
        let is_charge = path == "/v1/payment_intents" && request.headers().contains_key(header);
        let is_refund = path == "/v1/refunds" && request.headers().contains_key(header);
        match self {
            Self::ChargeKeyMissing if is_charge => drop(request.headers_mut().remove(header)),
            Self::ChargeKeyRandom if is_charge => scramble(request, header),
            Self::RefundKeyRandom if is_refund => scramble(request, header),
            _ => {}
        }
    }

    /// A gateway with this defect.
    pub(crate) fn gateway(self, gateway: &Arc<dyn Gateway>) -> Arc<dyn Gateway> {
        Arc::new(Defective { gateway: Arc::clone(gateway), defect: self })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Stays,
    Vanishes,
    Unconditional,
    NeverDue,
    Twice,
    /// Committed before the rest, on its own.
    First,
}

const fn is_put(write: &Write) -> bool {
    matches!(write, Write::Put { .. })
}

fn creates(write: &Write) -> bool {
    write.condition() == Condition::Absent
}

fn is_due(write: &Write, kind: &str) -> bool {
    matches!(write, Write::Put { item, .. } if text(item, attribute::DUE_KIND) == Some(kind))
}

fn has(write: &Write, name: &str) -> bool {
    matches!(write, Write::Put { item, .. } if item.contains_key(name))
}

fn has_page(write: &Write) -> bool {
    let Write::Put { item, .. } = write else { return false };
    matches!(item.get("progress"), Some(AttributeValue::M(progress)) if progress.contains_key("page"))
}

fn is_given_up(write: &Write) -> bool {
    let Write::Put { item, .. } = write else { return false };
    matches!(item.get("progress"), Some(AttributeValue::M(progress)) if progress.contains_key("is_given_up"))
}

fn unconditional(write: Write) -> Write {
    match write {
        Write::Put { table, key, item, .. } => Write::Put { table, key, item, condition: Condition::Always },
        other => other,
    }
}

fn never_due(write: Write) -> Write {
    match write {
        Write::Put { table, key, mut item, condition } => {
            for name in [attribute::DUE_SHARD, attribute::DUE_AT, attribute::DUE_KIND] {
                item.remove(name);
            }
            Write::Put { table, key, item, condition }
        }
        other => other,
    }
}

fn twice(write: Write) -> Write {
    match write {
        Write::Add { table, key, mut amounts, set } => {
            for amount in amounts.values_mut() {
                *amount = amount.checked_add(*amount).unwrap_or(*amount);
            }
            Write::Add { table, key, amounts, set }
        }
        other => other,
    }
}

fn add(transaction: &mut Transaction, write: Write) -> Result<(), StoreError> {
    let added = match write {
        Write::Put { table, item, condition, .. } => transaction.put(table, item, condition),
        Write::Add { table, key, amounts, set } => transaction.add(table, key, amounts, set),
        Write::Delete { table, key, condition } => transaction.delete(table, key, condition),
        Write::Check { table, key, condition } => transaction.check(table, key, condition),
    };
    added.map(drop).map_err(|error| StoreError::rejected("a defective commit", Table::Billing, error))
}

fn scramble(request: &mut Request<Bytes>, header: &'static str) {
    let mut bytes = [0_u8; 8];
    let made_up = moment::entropy(&mut bytes).map(|()| u64::from_be_bytes(bytes).to_string());
    if let Some(value) = made_up.ok().and_then(|text| HeaderValue::from_str(&text).ok()) {
        request.headers_mut().insert(header, value);
    }
}

struct Defective {
    gateway: Arc<dyn Gateway>,
    defect: Sabotage,
}

#[async_trait]
impl Gateway for Defective {
    async fn charge(&self, request: &ChargeRequest) -> Result<ChargeOutcome, GatewayError> {
        let decline = || Decline { code: "processing_error".to_owned(), hard: false };
        match self.gateway.charge(request).await {
            Err(GatewayError::Unknown { .. }) if self.defect == Sabotage::UnknownIsDeclined => {
                Ok(ChargeOutcome { kind: ChargeKind::Declined { decline: decline() }, report: None })
            }
            Err(GatewayError::Unknown { .. }) if self.defect == Sabotage::UnknownIsChargedAgain => {
                let idempotency_key = format!("{}-again", request.idempotency_key);
                self.gateway.charge(&ChargeRequest { idempotency_key, ..request.clone() }).await
            }
            other => other,
        }
    }

    async fn look_up(&self, request: &LookUpRequest) -> Result<LookUpOutcome, GatewayError> {
        if self.defect == Sabotage::LookUpFindsNothing {
            return Ok(LookUpOutcome::NotFound);
        }
        self.gateway.look_up(request).await
    }

    async fn call_off(&self, payment_reference: &str) -> Result<ChargeOutcome, GatewayError> {
        if self.defect == Sabotage::NeverCalledOff {
            return self.gateway.call_off("pi_unknown").await;
        }
        self.gateway.call_off(payment_reference).await
    }

    async fn refund(&self, order: &RefundOrder) -> Result<RefundOutcome, GatewayError> {
        use saldo_billing::payment::{RefundState, RefundStatus};
        match self.gateway.refund(order).await {
            Ok(RefundOutcome { state: RefundState::Refused { .. }, report })
                if self.defect == Sabotage::RefusedRefundIsGiven =>
            {
                let reference = format!("re_{}", order.refund);
                Ok(RefundOutcome {
                    state: RefundState::Accepted { reference, status: RefundStatus::Succeeded },
                    report,
                })
            }
            other => other,
        }
    }

    async fn look_up_refund(&self, order: &RefundOrder) -> Result<RefundLookUp, GatewayError> {
        self.gateway.look_up_refund(order).await
    }

    async fn open_page(&self, request: &PageRequest) -> Result<PageOpened, GatewayError> {
        self.gateway.open_page(request).await
    }

    async fn close_page(&self, reference: &str) -> Result<PageClosed, GatewayError> {
        if self.defect == Sabotage::PageNotClosed {
            return Ok(PageClosed::Closed);
        }
        self.gateway.close_page(reference).await
    }
}
