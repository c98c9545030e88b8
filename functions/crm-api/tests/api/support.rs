//! The API under test, and the judge of its answers.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use chrono::{DateTime, Utc};
use crm_api::app::{App, Gateways, GatewaysError};
use http::{HeaderMap, Method, Request, StatusCode};
use jsonschema::Validator;
use saldo_billing::payment::{Decline, Fact, MethodUsed, PaymentReport, Statement};
use saldo_billing::provider::ProviderAccount;
use saldo_documents::archive::MemoryArchive;
use saldo_gateways::Gateway;
use saldo_gateways::memory::MemoryGateway;
use saldo_messages::MemoryQueue;
use saldo_runtime::secrets::TextSecret;
use saldo_store::memory::{Fate, ShakyStore};
use saldo_store::{Item, Table};
use serde_json::{Value, json};
use tower::ServiceExt;

/// The first key of every API under test.
pub(crate) const KEY: &str = "first-key-of-this-deployment";

/// 15 January 2027, 10:00 UTC, unless a test says otherwise.
const NOW: i64 = 1_800_007_200;

thread_local! {
    static CLOCK: Cell<i64> = const { Cell::new(NOW) };
}

fn clock() -> DateTime<Utc> {
    DateTime::from_timestamp(CLOCK.get(), 0).unwrap()
}

/// The moment of the next requests.
pub(crate) fn now() -> DateTime<Utc> {
    clock()
}

/// Sets the clock of this test.
pub(crate) fn set_clock(at: &str) {
    CLOCK.set(at.parse::<DateTime<Utc>>().unwrap().timestamp());
}

struct OneAccount(ProviderAccount, Arc<MemoryGateway>);

#[async_trait]
impl Gateways for OneAccount {
    async fn of(&self, account: &ProviderAccount, _: DateTime<Utc>) -> Result<Arc<dyn Gateway>, GatewaysError> {
        if *account == self.0 { Ok(self.1.clone()) } else { Err(GatewaysError::NoKey { account: account.clone() }) }
    }
}

/// An API with its surroundings.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) router: Router,
    pub(crate) store: Arc<ShakyStore>,
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) gateway: Arc<MemoryGateway>,
    pub(crate) archive: Arc<MemoryArchive>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    /// The text of a field of the body.
    pub(crate) fn text(&self, pointer: &str) -> String {
        let found = self.body.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {}", self.text));
        found.as_str().unwrap_or_else(|| panic!("{pointer} is no text in {}", self.text)).to_owned()
    }

    /// The id in the body.
    pub(crate) fn id(&self) -> String {
        self.text("/id")
    }

    /// The fields that a problem blames.
    pub(crate) fn blamed(&self) -> Vec<String> {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }

    /// The answer, which must have this status.
    pub(crate) fn must(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }
}

impl Api {
    pub(crate) fn new() -> Self {
        let account: ProviderAccount = "stripe/main".parse().unwrap();
        let store = Arc::new(ShakyStore::default());
        let queue = Arc::new(MemoryQueue::default());
        let gateway = Arc::new(MemoryGateway::new(account.clone(), clock()));
        let archive = Arc::new(MemoryArchive::new());
        let app = App {
            store: store.clone(),
            queue: queue.clone(),
            gateways: Arc::new(OneAccount(account, Arc::clone(&gateway))),
            archive: archive.clone(),
            first_key: TextSecret::in_memory(KEY, clock()),
            clock,
            #[expect(clippy::disallowed_methods, reason = "ids are made as they are made outside of tests")]
            entropy: getrandom::fill,
        };
        Self { router: crm_api::router(Arc::new(app)), store, queue, gateway, archive }
    }

    /// The next commit is done, and its answer gets lost.
    pub(crate) fn lose_next_answer(&self) {
        self.store.script([Fate::IsNeverHeardOf]);
    }

    /// Sends a request as it is.
    pub(crate) async fn raw(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let is_json = headers.get("content-type").is_some_and(|kind| kind.to_str().unwrap().contains("json"));
        let body = if is_json { serde_json::from_str(&text).unwrap() } else { Value::Null };
        let answer = Answer { status, headers, body, text };
        judge(&method, &path, &answer);
        answer
    }

    /// Sends a request with the first key and these headers.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", format!("Bearer {KEY}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            None => Body::empty(),
            Some(json) => {
                request = request.header("content-type", "application/json");
                Body::from(json.to_string())
            }
        };
        self.raw(request.body(body).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body), &[]).await
    }

    /// POSTs without a body.
    pub(crate) async fn command(&self, path: &str) -> Answer {
        self.send(Method::POST, path, None, &[]).await
    }

    pub(crate) async fn post_as(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body), &[("idempotency-key", key)]).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some(body), &[]).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, &[]).await
    }

    /// Makes a seller and gives its id.
    pub(crate) async fn seller(&self, name: &str, prefix: &str) -> String {
        let body = json!({
            "name": name, "email": "billing@example.com", "country": "DE", "zone": "Europe/Berlin", "number_prefix": prefix,
        });
        self.post("/v1/sellers", &body).await.must(201).id()
    }

    /// Makes a customer of the first seller and gives their id.
    pub(crate) async fn customer(&self) -> String {
        self.post("/v1/customers", &customer()).await.must(201).id()
    }

    /// Makes a customer with a card that can be charged, and gives their id.
    pub(crate) async fn customer_with_card(&self) -> String {
        let mut body = customer();
        body["payment_method"] = json!({"token": "pm_1", "customer": "cus_at_stripe", "kind": "card"});
        self.post("/v1/customers", &body).await.must(201).id()
    }

    /// Drafts an invoice of 119.00 EUR and gives its id.
    pub(crate) async fn draft(&self, customer: &str) -> String {
        self.post("/v1/invoices", &invoice(customer)).await.must(201).id()
    }

    /// Issues an invoice of 119.00 EUR and gives its id.
    pub(crate) async fn issued(&self, customer: &str) -> String {
        let id = self.draft(customer).await;
        self.command(&format!("/v1/invoices/{id}/finalise")).await.must(200);
        id
    }

    /// Books a card payment of an invoice as if the provider had reported it, and gives its id.
    pub(crate) async fn paid(&self, invoice: &str, amount: &str, reference: &str) -> String {
        let amount = format!("{amount} EUR").parse().unwrap();
        let captured = Statement::Captured { reference: format!("ch_{reference}"), amount };
        self.told(invoice, reference, vec![Fact::new(clock(), captured)]).await
    }

    /// The provider tells of a payment that took nothing.
    pub(crate) async fn tried(&self, invoice: &str, reference: &str) -> String {
        let decline = Decline { code: "card_declined".to_owned(), hard: false };
        let failed = Statement::Failed { reference: format!("ch_{reference}"), decline };
        self.told(invoice, reference, vec![Fact::new(clock(), failed)]).await
    }

    async fn told(&self, invoice: &str, reference: &str, facts: Vec<Fact>) -> String {
        let report = PaymentReport {
            account: "stripe/main".parse().unwrap(),
            reference: reference.to_owned(),
            invoice: Some(invoice.parse().unwrap()),
            attempt: None,
            page: None,
            method: Some(MethodUsed { kind: "card".into(), network: Some("visa".into()), last4: Some("4242".into()) }),
            currency: "EUR".parse().unwrap(),
            introduces: true,
            facts,
        };
        saldo_books::payments::report(self.store.as_ref(), &report, clock()).await.unwrap();
        report.payment().to_string()
    }

    /// Everything that is stored.
    pub(crate) fn stored(&self) -> Vec<Arc<Item>> {
        self.store.memory.items(Table::Billing)
    }
}

/// A customer as the design shows one.
pub(crate) fn customer() -> Value {
    json!({
        "name": "Zoë Müller GmbH", "email": "accounts@example.com", "country": "DE", "zone": "Europe/Berlin", "language": "de",
        "region": "emea", "channel": "web",
    })
}

/// A one-off invoice of 100.00 EUR and 19 % tax.
pub(crate) fn invoice(customer: &str) -> Value {
    json!({
        "customer": customer, "currency": "EUR", "net_terms_days": 14,
        "lines": [{"description": "Consulting", "quantity": "1", "unit_amount": "100.00", "tax_rate": "0.19"}],
    })
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| crm_api::document().unwrap());
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// The document.
pub(crate) fn document() -> &'static Value {
    &DOCUMENT
}

/// The operation that the document has for a path, if any.
pub(crate) fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let parts: Vec<&str> = path.split('/').collect();
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let fits = |template: &str| {
        let wanted: Vec<&str> = template.split('/').collect();
        wanted.len() == parts.len() && wanted.iter().zip(&parts).all(|(w, p)| w.starts_with('{') || w == p)
    };
    let (_, item) = paths.iter().find(|(template, _)| fits(template))?;
    item.get(method.as_str().to_lowercase())
}

/// Follows a reference within the document.
pub(crate) fn resolved(value: &'static Value) -> &'static Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').unwrap();
            DOCUMENT.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
        }
        None => value,
    }
}

/// Whether a value is what a schema of the document says.
pub(crate) fn conforms(schema: &Value, value: &Value) -> Result<(), String> {
    let key = schema.to_string();
    let validator = VALIDATORS.lock().unwrap().get(&key).cloned();
    let validator = validator.unwrap_or_else(|| {
        let mut root = schema.as_object().unwrap().clone();
        root.insert("components".to_owned(), DOCUMENT["components"].clone());
        let made =
            jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&Value::Object(root)).unwrap();
        let made = Arc::new(made);
        VALIDATORS.lock().unwrap().insert(key, Arc::clone(&made));
        made
    });
    let faults: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
}

/// An answer must be one that the document announces.
fn judge(method: &Method, path: &str, answer: &Answer) {
    let Some(operation) = operation(method, path) else { return };
    let status = answer.status.as_str();
    let said = operation["responses"].get(status);
    let said =
        resolved(said.unwrap_or_else(|| panic!("{method} {path}: {status} is not in the document: {}", answer.text)));
    let Some(content) = said.get("content").and_then(Value::as_object) else {
        assert!(answer.text.is_empty(), "{method} {path}: {status} has a body: {}", answer.text);
        return;
    };
    let kind = answer.headers["content-type"].to_str().unwrap();
    let media =
        content.get(kind).unwrap_or_else(|| panic!("{method} {path}: {status} as {kind} is not in the document"));
    if let Err(fault) = conforms(&media["schema"], &answer.body) {
        panic!("{method} {path}: {status} is not as the document says: {fault}\n{}", answer.text);
    }
}
