//! Requests to Stripe, made of nothing but what they are for: the same value gives the same bytes.

use saldo_money::Money;

use super::amount::{AmountError, to_stripe};
use super::{ATTEMPT_KEY, CUSTOMER_KEY, INVOICE_KEY, PAGE_KEY, REFUND_KEY};
use crate::gateway::{ChargeRequest, LookUpRequest, PageRequest, RefundOrder};

/// As many as Stripe gives in one page.
const LIST_LIMIT: &str = "100";
/// Our clock and Stripe's may differ; a look-up that starts too late would take a charge for one that never was.
const CLOCK_MARGIN_SECONDS: i64 = 3_600;

/// The languages of Stripe's pages, lower case.
const LOCALES: [&str; 41] = [
    "bg", "cs", "da", "de", "el", "en", "en-gb", "es", "es-419", "et", "fi", "fil", "fr", "fr-ca", "hr", "hu", "id",
    "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-br", "ro", "ru", "sk", "sl", "sv", "th",
    "tr", "vi", "zh", "zh-hk", "zh-tw", "auto",
];

/// Names and values as Stripe wants them: `metadata[saldo_invoice]=inv_…`.
#[derive(Debug, Clone, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The next page of a list.
    pub(super) fn starting_after(self, id: &str) -> Self {
        self.with("starting_after", id)
    }

    pub(super) fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

fn amount(form: Form, name: &str, amount: Money) -> Result<Form, AmountError> {
    Ok(form.with(name, to_stripe(amount)?.to_string()))
}

fn lower_code(money: Money) -> String {
    money.currency().code().to_ascii_lowercase()
}

/// A PaymentIntent that is confirmed at once, without the customer.
pub(super) fn charge(request: &ChargeRequest) -> Result<Form, AmountError> {
    Ok(amount(Form::default(), "amount", request.amount)?
        .with("currency", lower_code(request.amount))
        .with("customer", &request.method.customer)
        .with("payment_method", &request.method.token)
        .with("off_session", "true")
        .with("confirm", "true")
        // Nobody is there to be led anywhere: without this, Stripe asks for an address to lead them to.
        .with("automatic_payment_methods[enabled]", "true")
        .with("automatic_payment_methods[allow_redirects]", "never")
        .with("description", &request.description)
        .with(&format!("metadata[{INVOICE_KEY}]"), request.invoice.to_string())
        .with(&format!("metadata[{ATTEMPT_KEY}]"), request.attempt.to_string())
        .with("expand[0]", "latest_charge"))
}

/// One PaymentIntent with its charge.
pub(super) fn payment() -> Form {
    Form::default().with("expand[0]", "latest_charge")
}

/// The end of a PaymentIntent.
pub(super) fn call_off() -> Form {
    payment().with("cancellation_reason", "abandoned")
}

/// The customer's PaymentIntents since shortly before the charge was asked for. Not the search API: that lags behind.
pub(super) fn look_up(request: &LookUpRequest) -> Form {
    let since = request.begun_at.timestamp().saturating_sub(CLOCK_MARGIN_SECONDS);
    Form::default()
        .with("customer", &request.method.customer)
        .with("created[gte]", since.to_string())
        .with("limit", LIST_LIMIT)
        .with("expand[0]", "data.latest_charge")
}

/// The name of the parameter that takes this reference: a charge of times before intents has no intent.
fn payment_parameter(reference: &str) -> &'static str {
    if reference.starts_with("pi_") { "payment_intent" } else { "charge" }
}

/// A refund of a part of a payment.
pub(super) fn refund(order: &RefundOrder) -> Result<Form, AmountError> {
    let reference = order.payment_reference.as_str();
    Ok(amount(Form::default().with(payment_parameter(reference), reference), "amount", order.amount)?
        .with(&format!("metadata[{REFUND_KEY}]"), order.refund.to_string()))
}

/// The refunds of a payment.
pub(super) fn refunds_of(order: &RefundOrder) -> Form {
    let reference = order.payment_reference.as_str();
    Form::default().with(payment_parameter(reference), reference).with("limit", LIST_LIMIT)
}

fn locale(language: &str) -> &str {
    let known = |tag: &str| LOCALES.contains(&tag.to_ascii_lowercase().as_str());
    let primary = language.split('-').next().unwrap_or_default();
    if known(language) {
        language
    } else if known(primary) {
        primary
    } else {
        "auto"
    }
}

/// A Checkout Session with one line: what is due of the invoice.
pub(super) fn page(request: &PageRequest) -> Result<Form, AmountError> {
    let saved = request.save_method.then_some("off_session");
    // Stripe takes one of the two: a customer it knows, or an address to begin with.
    let unknown = request.provider_customer.is_none();
    let new_customer = (unknown && request.save_method).then_some("always");
    let form = Form::default()
        .with("mode", "payment")
        .with("client_reference_id", request.invoice.to_string())
        .with_some("customer", request.provider_customer.as_deref())
        .with_some("customer_email", request.email.as_deref().filter(|_| unknown))
        .with_some("customer_creation", new_customer)
        .with("line_items[0][quantity]", "1")
        .with("line_items[0][price_data][currency]", lower_code(request.amount))
        .with("line_items[0][price_data][product_data][name]", &request.description);
    Ok(amount(form, "line_items[0][price_data][unit_amount]", request.amount)?
        .with("payment_intent_data[description]", &request.description)
        .with_some("payment_intent_data[setup_future_usage]", saved)
        .with(&format!("payment_intent_data[metadata][{INVOICE_KEY}]"), request.invoice.to_string())
        .with(&format!("payment_intent_data[metadata][{PAGE_KEY}]"), &request.mark)
        .with(&format!("metadata[{INVOICE_KEY}]"), request.invoice.to_string())
        .with(&format!("metadata[{CUSTOMER_KEY}]"), request.customer.to_string())
        // The invoice is in one currency; a page that offers another would be paid in another.
        .with("adaptive_pricing[enabled]", "false")
        .with("locale", locale(&request.language))
        .with("success_url", &request.success_url)
        .with("cancel_url", &request.cancel_url)
        .with("expires_at", request.expires_at.timestamp().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_speaks_the_customers_language_where_stripe_does() {
        for (language, expected) in
            [("de", "de"), ("de-AT", "de"), ("zh-TW", "zh-TW"), ("fr-CA", "fr-CA"), ("eo", "auto")]
        {
            assert_eq!(locale(language), expected);
        }
    }

    #[test]
    fn names_and_texts_are_encoded() {
        let form = Form::default().with("metadata[a]", "Zoë & 名前").with_some("none", None);
        assert_eq!(form.encoded(), "metadata%5Ba%5D=Zo%C3%AB+%26+%E5%90%8D%E5%89%8D");
    }
}
