//! Writes the mail for an occasion, from what is true when it is sent.

use chrono::{DateTime, Utc};
use saldo_billing::calendar::local_date;
use saldo_billing::dunning::ReminderStep;
use saldo_billing::id::{InvoiceId, PaymentId};
use saldo_billing::invoice::{Collection, Invoice, InvoiceError, Issued};
use saldo_billing::mail::Purpose;
use saldo_billing::party::{Customer, Email, Seller};
use saldo_billing::payment::MethodUsed;
use saldo_money::Money;

use super::letter::{Fact, Letter};
use super::{Attachment, Mail, Mailbox};
use crate::colour::Colour;
use crate::language::texts::ReminderTexts;
use crate::language::{Texts, fill, look_up};
use crate::pdf;

/// Why a mail is sent, with what only this kind of mail tells.
#[derive(Debug, Clone, Copy)]
pub enum Occasion<'a> {
    /// The invoice itself.
    Issued,
    /// A step of the ladder of reminders.
    Reminder(ReminderStep),
    /// A payment was received.
    Receipt {
        /// Which.
        payment: PaymentId,
        /// What was received.
        amount: Money,
        /// When.
        received_at: DateTime<Utc>,
        /// By what, when it is known.
        method: Option<&'a MethodUsed>,
    },
    /// A charge failed.
    PaymentFailed {
        /// Which attempt.
        attempt: u32,
        /// What was to be charged.
        amount: Money,
        /// When it is tried again; not at all when the method was refused for good.
        retry_at: Option<DateTime<Utc>>,
    },
}

impl Occasion<'_> {
    /// The key under which this mail is sent at most once.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        match self {
            Self::Issued => Purpose::Issued,
            Self::Reminder(step) => Purpose::Reminder(*step),
            Self::Receipt { payment, .. } => Purpose::Receipt(*payment),
            Self::PaymentFailed { attempt, .. } => Purpose::PaymentFailed(*attempt),
        }
    }
}

/// All that a mail is made of; the amounts in it are those of now.
#[derive(Debug, Clone, Copy)]
pub struct MailContext<'a> {
    /// Why it is sent.
    pub occasion: Occasion<'a>,
    /// The address that the mailer may send from.
    pub sender: &'a Email,
    /// Who writes.
    pub seller: &'a Seller,
    /// To whom.
    pub customer: &'a Customer,
    /// About what, as it is now.
    pub invoice: &'a Invoice,
    /// The invoice's PDF, to be attached.
    pub pdf: Option<&'a [u8]>,
    /// The page on which the invoice can be paid.
    pub pay_url: Option<&'a str>,
    /// When it is sent.
    pub now: DateTime<Utc>,
}

/// Why no mail could be written.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// A draft is nobody's business yet.
    #[error("cannot write the mail `{purpose}` about invoice {invoice}: it is a draft")]
    Draft {
        /// Which mail.
        purpose: Purpose,
        /// About which invoice.
        invoice: InvoiceId,
    },
    /// The invoice's amounts do not add up.
    #[error("cannot write the mail `{purpose}` about invoice {invoice}")]
    Invoice {
        /// Which mail.
        purpose: Purpose,
        /// About which invoice.
        invoice: InvoiceId,
        /// Why.
        #[source]
        source: Box<InvoiceError>,
    },
}

/// Writes a mail. Whether it is still wanted must have been decided before.
///
/// # Errors
/// When the invoice is a draft, or its amounts do not add up.
pub fn compose(context: &MailContext<'_>) -> Result<Mail, ComposeError> {
    let (invoice, purpose) = (context.invoice.id, context.occasion.purpose());
    let issued = context.invoice.issued().ok_or(ComposeError::Draft { purpose, invoice })?;
    let unsound = |source| ComposeError::Invoice { purpose, invoice, source: Box::new(source) };
    let writer = Writer {
        context,
        issued,
        due: context.invoice.amount_due().map_err(unsound)?,
        brought_forward: context.invoice.amount_brought_forward().map_err(unsound)?,
        asked: context.invoice.owed().map_err(unsound)?,
        credited: context.invoice.credited().map_err(unsound)?,
        texts: Texts::of(&context.customer.language),
        seller: one_line(&context.seller.name),
        customer: one_line(&context.customer.name),
    };
    Ok(writer.mail(purpose))
}

struct Writer<'a> {
    context: &'a MailContext<'a>,
    issued: &'a Issued,
    due: Money,
    brought_forward: Money,
    asked: Money,
    credited: Money,
    texts: &'static Texts,
    seller: String,
    customer: String,
}

/// What an occasion has to say.
struct Message {
    subject: &'static str,
    paragraphs: Vec<&'static str>,
    remarks: Vec<&'static str>,
    /// Whether the customer is to pay.
    asks: bool,
}

impl Writer<'_> {
    fn mail(&self, purpose: Purpose) -> Mail {
        let message = self.message();
        let words = &self.texts.mail;
        let button = self.context.pay_url.filter(|url| message.asks && is_web_address(url));
        let letter = Letter {
            language: self.texts.code,
            subject: one_line(&self.fill(message.subject)),
            brand: Colour::brand(self.context.seller.brand_colour.as_deref()),
            seller: self.seller.clone(),
            greeting: self.fill(words.greeting),
            paragraphs: message.paragraphs.into_iter().map(|text| self.fill(text)).collect(),
            facts: self.facts(),
            button: button.map(|url| (self.fill(words.pay), url.to_owned())),
            remarks: message.remarks.into_iter().map(|text| self.fill(text)).collect(),
            closing: words.closing,
            questions: self.fill(words.questions),
        };
        let domain = self.context.sender.as_str().rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        Mail {
            from: Mailbox { name: self.seller.clone(), email: self.context.sender.clone() },
            to: Mailbox { name: self.customer.clone(), email: self.context.customer.email.clone() },
            reply_to: Mailbox { name: self.seller.clone(), email: self.context.seller.email.clone() },
            text: letter.text(),
            html: letter.html(),
            subject: letter.subject,
            language: self.texts.code,
            attachments: self.context.pdf.map(|bytes| self.attachment(bytes)).into_iter().collect(),
            message_id: format!("{}.{}@{domain}", self.context.invoice.id, purpose.to_string().replace('/', ".")),
            date: self.context.now,
        }
    }

    fn message(&self) -> Message {
        let words = &self.texts.mail;
        let owed = self.due.is_positive();
        let attached = self.context.pdf.map(|_bytes| words.attached);
        match self.context.occasion {
            Occasion::Issued => {
                let (how, asks) = match self.context.invoice.collection {
                    _ if self.context.invoice.carried_forward().is_some() => (words.issued.carried_forward, false),
                    _ if !owed => (words.issued.settled, false),
                    _ if self.context.invoice.is_too_small_to_charge() => (words.issued.too_small, false),
                    Collection::Automatic if self.context.customer.payment_method.is_some() => {
                        (words.issued.charge, false)
                    }
                    // Also who was to be charged, when there is nothing to charge.
                    Collection::Automatic | Collection::SendInvoice => (words.issued.pay, true),
                };
                let paragraphs = vec![words.issued.lead, how];
                Message { subject: words.issued.subject, paragraphs, remarks: attached.into_iter().collect(), asks }
            }
            Occasion::Reminder(step) => {
                let reminder = self.reminder(step);
                let remarks = attached.into_iter().chain([words.crossed]).collect();
                Message {
                    subject: reminder.subject,
                    paragraphs: vec![reminder.lead, reminder.ask],
                    remarks,
                    asks: owed,
                }
            }
            Occasion::Receipt { .. } => {
                let rest = match self.context.invoice.voided_at() {
                    _ if owed => Some(words.receipt.remaining),
                    None => Some(words.receipt.settled),
                    Some(_void) => None,
                };
                let surplus = self.credited.is_positive().then_some(words.receipt.credited);
                let paragraphs = [Some(words.receipt.lead), rest, surplus].into_iter().flatten().collect();
                Message {
                    subject: words.receipt.subject,
                    paragraphs,
                    remarks: attached.into_iter().collect(),
                    asks: owed,
                }
            }
            Occasion::PaymentFailed { retry_at, .. } => {
                let failed = &words.payment_failed;
                let next = if retry_at.is_some() { failed.retry } else { failed.other_method };
                let remarks = attached.into_iter().collect();
                Message { subject: failed.subject, paragraphs: vec![failed.lead, next], remarks, asks: owed }
            }
        }
    }

    /// The tone rises along the seller's ladder.
    fn reminder(&self, step: ReminderStep) -> &'static ReminderTexts {
        let words = &self.texts.mail;
        let days = step.days_from_due();
        let ladder = self.context.seller.dunning.reminder_days();
        match days {
            ..0 => &words.before_due,
            0 => &words.due_today,
            1.. if !ladder.iter().any(|earlier| (1..days).contains(earlier)) => &words.overdue,
            1.. if ladder.iter().any(|later| *later > days) => &words.overdue_again,
            1.. => &words.overdue_last,
        }
    }

    fn facts(&self) -> Vec<Fact> {
        let words = &self.texts.mail;
        let fact = |label, value| Fact { label, value, strong: false };
        let mut facts = Vec::new();
        if let Occasion::Receipt { amount, received_at, method, .. } = self.context.occasion {
            facts.push(Fact { label: words.received, value: self.texts.money(amount), strong: true });
            facts.push(fact(words.received_on, self.texts.date(local_date(received_at, self.context.customer.zone))));
            facts.extend(method.and_then(|method| self.method(method)).map(|method| fact(words.method, method)));
        }
        facts.push(fact(words.number, self.issued.number.text.clone()));
        facts.push(fact(words.issued_on, self.texts.date(self.issued.on)));
        facts.push(fact(words.due_on, self.texts.date(self.issued.due_on)));
        let total = self.context.invoice.totals.total;
        facts.push(fact(words.total, self.texts.money(total)));
        if self.brought_forward.is_positive() {
            facts.push(fact(words.brought_forward, self.texts.money(self.brought_forward)));
        }
        // What is settled is what is not due any more: paid, credited, or both.
        if let Ok(settled) = self.asked.checked_sub(self.due)
            && settled.is_positive()
        {
            facts.push(fact(words.settled, self.texts.money(settled)));
        }
        let strong = !matches!(self.context.occasion, Occasion::Receipt { .. });
        facts.push(Fact { label: words.amount_due, value: self.texts.money(self.due), strong });
        facts
    }

    fn method(&self, method: &MethodUsed) -> Option<String> {
        let kind = look_up(self.texts.methods, &method.kind)?;
        Some(match method.last4.as_deref().map(one_line) {
            Some(last4) => fill(self.texts.mail.method_ending, &[("method", kind), ("last4", &last4)]),
            None => kind.to_owned(),
        })
    }

    fn fill(&self, text: &str) -> String {
        let (received, attempted, retry_at) = match self.context.occasion {
            Occasion::Receipt { amount, .. } => (Some(amount), None, None),
            Occasion::PaymentFailed { amount, retry_at, .. } => (None, Some(amount), retry_at),
            Occasion::Issued | Occasion::Reminder(_) => (None, None, None),
        };
        let money = |amount: Option<Money>| amount.map(|amount| self.texts.money(amount)).unwrap_or_default();
        let retry_on =
            retry_at.map(|at| self.texts.date(local_date(at, self.context.customer.zone))).unwrap_or_default();
        fill(
            text,
            &[
                ("number", &self.issued.number.text),
                ("seller", &self.seller),
                ("customer", &self.customer),
                ("amount", &self.texts.money(self.due)),
                ("total", &self.texts.money(self.context.invoice.totals.total)),
                ("due_on", &self.texts.date(self.issued.due_on)),
                ("received", &money(received)),
                ("attempted", &money(attempted)),
                ("credited", &self.texts.money(self.credited)),
                ("retry_on", &retry_on),
            ],
        )
    }

    fn attachment(&self, bytes: &[u8]) -> Attachment {
        let file_name = pdf::file_name(&self.issued.number.text, &self.context.customer.language);
        Attachment { file_name, content_type: "application/pdf", bytes: bytes.to_vec() }
    }
}

fn is_web_address(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://"))
        && !url.contains(|c: char| c.is_control() || c.is_whitespace())
}

/// A name as one line, without what could break a header or turn the reading direction.
fn one_line(text: &str) -> String {
    let visible = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let spaced: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(visible).collect();
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
