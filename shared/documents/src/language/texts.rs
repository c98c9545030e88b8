//! What a language file has to say. A field is a key of the file; braces in a text are filled in by the field's user.

/// Texts by a key of somebody else's: country codes, kinds of tax numbers.
pub type Lookup = &'static [(&'static str, &'static str)];

/// One language: all texts and formats of one file in `languages/`.
#[derive(Debug)]
pub struct Texts {
    /// Its ISO 639-1 code, the file's name.
    pub code: &'static str,
    /// What it calls itself.
    pub name: &'static str,
    /// How numbers, amounts and dates are written.
    pub format: Format,
    /// What an invoice says.
    pub invoice: InvoiceTexts,
    /// What mail says.
    pub mail: MailTexts,
    /// Kinds of payment methods, by the provider's word.
    pub methods: Lookup,
    /// Kinds of tax numbers.
    pub tax_ids: Lookup,
    /// The signs of currencies that need no code beside them.
    pub signs: Lookup,
    /// Countries by ISO 3166-1 alpha-2 code.
    pub countries: Lookup,
}

/// How numbers, amounts and dates are written.
#[derive(Debug)]
pub struct Format {
    /// Between the whole and the fraction.
    pub decimal: &'static str,
    /// Between groups of three digits.
    pub group: &'static str,
    /// How many digits the whole part has before it is grouped.
    pub group_from: &'static str,
    /// `{number}`
    pub percent: &'static str,
    /// `{amount}` and `{sign}`
    pub money: &'static str,
    /// `{amount}` and `{code}`
    pub money_by_code: &'static str,
    /// `{day}`, `{day2}`, `{month}`, `{month_short}`, `{month1}`, `{month2}`, `{year}`
    pub date: &'static str,
    /// A date where room is short; as `date`.
    pub date_short: &'static str,
    /// `{first}` and `{last}` day
    pub days: &'static str,
    /// `{one}` and `{other}` of a list in one line
    pub list: &'static str,
    /// Twelve names, with blanks between.
    pub months: &'static str,
    /// Twelve short names, with blanks between.
    pub months_short: &'static str,
}

/// What an invoice says.
#[derive(Debug)]
pub struct InvoiceTexts {
    /// What the document is.
    pub title: &'static str,
    /// Before its number.
    pub number: &'static str,
    /// Before the issue date.
    pub issued_on: &'static str,
    /// Before the due date.
    pub due_on: &'static str,
    /// Before what is to be paid.
    pub amount_due: &'static str,
    /// Above the customer's address.
    pub customer: &'static str,
    /// Above the seller's address.
    pub seller: &'static str,
    /// Above the lines' descriptions.
    pub description: &'static str,
    /// Above the quantities.
    pub quantity: &'static str,
    /// Above the prices of one.
    pub unit_price: &'static str,
    /// Above the tax rates.
    pub tax_rate: &'static str,
    /// Above the lines' nets.
    pub net: &'static str,
    /// `{currency}`
    pub currency: &'static str,
    /// Below a line whose unit price includes the tax.
    pub tax_included: &'static str,
    /// Before the sum of the nets.
    pub subtotal: &'static str,
    /// `{rate}` and `{base}`
    pub tax: &'static str,
    /// Before net and tax together.
    pub total: &'static str,
    /// Before the credit that pays part of it.
    pub credit_used: &'static str,
    /// Before what an earlier invoice left to it: `{number}`
    pub brought_forward: &'static str,
    /// Before what was paid before it was issued.
    pub paid: &'static str,
    /// Asks for the money: `{amount}`, `{due_on}`, `{number}`
    pub pay: &'static str,
    /// Announces a charge: `{amount}`, `{due_on}`
    pub charge: &'static str,
    /// Says that nothing is to be paid.
    pub settled: &'static str,
    /// `{page}` and `{pages}`
    pub page: &'static str,
    /// The title in the file's properties: `{number}` and `{seller}`
    pub subject: &'static str,
}

/// What mail says, whatever it is about.
#[derive(Debug)]
pub struct MailTexts {
    /// `{customer}`
    pub greeting: &'static str,
    /// Before the seller's name.
    pub closing: &'static str,
    /// On the button, and before the link: `{amount}`
    pub pay: &'static str,
    /// Says that the invoice is attached.
    pub attached: &'static str,
    /// Says that the payment may have crossed this mail.
    pub crossed: &'static str,
    /// Says how to ask: `{seller}`
    pub questions: &'static str,
    /// Before the invoice's number.
    pub number: &'static str,
    /// Before the issue date.
    pub issued_on: &'static str,
    /// Before the due date.
    pub due_on: &'static str,
    /// Before the invoice's total.
    pub total: &'static str,
    /// Before what earlier invoices left to it.
    pub brought_forward: &'static str,
    /// Before what was paid and credited so far.
    pub settled: &'static str,
    /// Before what is still to be paid.
    pub amount_due: &'static str,
    /// Before what a receipt is for.
    pub received: &'static str,
    /// Before the day of the payment.
    pub received_on: &'static str,
    /// Before the payment method.
    pub method: &'static str,
    /// `{method}` and `{last4}`
    pub method_ending: &'static str,
    /// The invoice itself.
    pub issued: IssuedTexts,
    /// Reminder before the due date.
    pub before_due: ReminderTexts,
    /// Reminder on the due date.
    pub due_today: ReminderTexts,
    /// First reminder after the due date.
    pub overdue: ReminderTexts,
    /// A firmer one, between the first and the last after the due date.
    pub overdue_again: ReminderTexts,
    /// The last one.
    pub overdue_last: ReminderTexts,
    /// A payment was received.
    pub receipt: ReceiptTexts,
    /// A charge failed.
    pub payment_failed: PaymentFailedTexts,
}

/// The mail that brings an invoice: `{number}`, `{seller}`, `{total}`, `{amount}`, `{due_on}`
#[derive(Debug)]
pub struct IssuedTexts {
    /// The subject.
    pub subject: &'static str,
    /// The first sentence.
    pub lead: &'static str,
    /// When the customer pays.
    pub pay: &'static str,
    /// When we charge.
    pub charge: &'static str,
    /// When the provider charges no amount that small.
    pub too_small: &'static str,
    /// When what was due is owed with a later invoice.
    pub carried_forward: &'static str,
    /// When nothing is due.
    pub settled: &'static str,
}

/// A reminder: `{number}`, `{seller}`, `{amount}`, `{due_on}`
#[derive(Debug)]
pub struct ReminderTexts {
    /// The subject.
    pub subject: &'static str,
    /// What is the matter.
    pub lead: &'static str,
    /// What the customer should do.
    pub ask: &'static str,
}

/// A receipt: `{number}`, `{seller}`, `{received}`, `{amount}`, `{credited}`
#[derive(Debug)]
pub struct ReceiptTexts {
    /// The subject.
    pub subject: &'static str,
    /// The first sentence.
    pub lead: &'static str,
    /// When nothing is due any more.
    pub settled: &'static str,
    /// When something is.
    pub remaining: &'static str,
    /// When more was paid than was due.
    pub credited: &'static str,
}

/// Tells that a charge failed: `{number}`, `{seller}`, `{attempted}`, `{retry_on}`
#[derive(Debug)]
pub struct PaymentFailedTexts {
    /// The subject.
    pub subject: &'static str,
    /// The first sentence.
    pub lead: &'static str,
    /// When it is tried again.
    pub retry: &'static str,
    /// When it is not.
    pub other_method: &'static str,
}
