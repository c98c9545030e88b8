//! What the contract needs of a gateway under test, for the twin in memory and for Stripe's adapter on the provider twin.

#![expect(dead_code, reason = "each test file uses its part of the bench")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Request, Response};
use provider_twin::{Fault, FaultKind, Twin};
use saldo_billing::id::{CustomerId, InvoiceId, RefundId};
use saldo_billing::payment::Decline;
use saldo_billing::provider::{MethodReference, ProviderAccount};
use saldo_gateways::http::{Transport, TransportError};
use saldo_gateways::memory::{MemoryGateway, Scripted};
use saldo_gateways::{
    ChargeRequest, Connection, Gateway, LookUpRequest, Page, PageOpened, PageRequest, RefundOrder, connect,
};
use saldo_money::Money;
use serde_json::Value;

pub(crate) const API_KEY: &str = "sk_test_bench";

pub(crate) fn account() -> ProviderAccount {
    "stripe/main".parse().unwrap()
}

pub(crate) fn now() -> DateTime<Utc> {
    "2026-10-31T08:00:00Z".parse().unwrap()
}

pub(crate) fn money(text: &str, code: &str) -> Money {
    Money::parse(text, code.parse().unwrap()).unwrap()
}

/// How a customer's method behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Behaves {
    Pays,
    LacksFunds,
    WasLost,
    PaysLater,
    WantsTheCustomer,
}

/// What goes wrong with the next call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    LoseAnswer,
    LoseRequest,
    SaveFailure,
    SaveFailureOnly,
    Stall,
    TurnAway,
}

pub(crate) trait Bench {
    fn gateway(&self) -> Arc<dyn Gateway>;
    /// A customer's method; on a scripted gateway, it is the next charge that behaves so.
    fn method(&self, behaves: Behaves) -> MethodReference;
    fn trouble_charge(&self, trouble: Trouble);
    fn trouble_refund(&self, trouble: Trouble);
    fn times_taken(&self) -> usize;
    fn times_refunded(&self) -> usize;
    fn pay_page(&self, reference: &str) -> Option<String>;
}

pub(crate) struct Memory(pub(crate) Arc<MemoryGateway>);

impl Memory {
    pub(crate) fn new() -> Self {
        let gateway = MemoryGateway::new(account(), now());
        gateway.set_minimum(Some(money("0.50", "EUR")));
        Self(Arc::new(gateway))
    }
}

fn scripted(trouble: Trouble) -> Scripted {
    match trouble {
        Trouble::LoseAnswer => Scripted::LoseAnswer,
        Trouble::LoseRequest => Scripted::LoseRequest,
        Trouble::SaveFailure => Scripted::SaveFailure,
        Trouble::SaveFailureOnly => Scripted::SaveFailureOnly,
        Trouble::Stall => Scripted::Stall,
        Trouble::TurnAway => Scripted::NotSent,
    }
}

impl Bench for Memory {
    fn gateway(&self) -> Arc<dyn Gateway> {
        Arc::<MemoryGateway>::clone(&self.0)
    }

    fn method(&self, behaves: Behaves) -> MethodReference {
        let decline = |code: &str, hard| Scripted::Decline(Decline { code: code.to_owned(), hard });
        match behaves {
            Behaves::Pays => {}
            Behaves::LacksFunds => self.0.script_charges([decline("insufficient_funds", false)]),
            Behaves::WasLost => self.0.script_charges([decline("lost_card", true)]),
            Behaves::PaysLater => self.0.script_charges([Scripted::Process]),
            Behaves::WantsTheCustomer => self.0.script_charges([decline("authentication_required", true)]),
        }
        MethodReference { account: account(), token: "pm_memory".to_owned(), customer: "cus_memory".to_owned() }
    }

    fn trouble_charge(&self, trouble: Trouble) {
        self.0.script_charges([scripted(trouble)]);
    }

    fn trouble_refund(&self, trouble: Trouble) {
        self.0.script_refunds([scripted(trouble)]);
    }

    fn times_taken(&self) -> usize {
        self.0.times_taken()
    }

    fn times_refunded(&self) -> usize {
        self.0.refunds().len()
    }

    fn pay_page(&self, reference: &str) -> Option<String> {
        self.0.pay_page(reference)
    }
}

/// One request as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) body: String,
}

/// The provider twin in the same process.
#[derive(Debug)]
pub(crate) struct InProcess {
    pub(crate) twin: Mutex<Twin>,
    pub(crate) sent: Mutex<Vec<Sent>>,
}

#[async_trait]
impl Transport for InProcess {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        self.sent.lock().unwrap().push(Sent {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            idempotency_key: header("idempotency-key"),
            version: header("stripe-version"),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
        });
        let handled = self.twin.lock().unwrap().handle(&request);
        handled.answer.ok_or_else(|| TransportError::Lost { host: "the twin".to_owned(), source: "lost".into() })
    }
}

pub(crate) struct OnTwin {
    pub(crate) transport: Arc<InProcess>,
    gateway: Arc<dyn Gateway>,
}

impl OnTwin {
    pub(crate) fn new() -> Self {
        let mut twin = Twin::new(7, now());
        twin.open_account(API_KEY);
        let transport = Arc::new(InProcess { twin: Mutex::new(twin), sent: Mutex::new(Vec::new()) });
        let gateway = Self::connected(&transport, API_KEY);
        Self { transport, gateway }
    }

    pub(crate) fn connected(transport: &Arc<InProcess>, api_key: &str) -> Arc<dyn Gateway> {
        let transport: Arc<InProcess> = Arc::clone(transport);
        connect(Connection { account: account(), api_key: api_key.into(), api_base: None, transport }).unwrap()
    }

    /// A call that the adapter does not make, as the customer's side of the business.
    pub(crate) fn call(&self, path: &str, body: &str) -> Value {
        let request = Request::post(format!("https://api.stripe.com{path}"))
            .header("authorization", format!("Bearer {API_KEY}"))
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap();
        let answer = self.transport.twin.lock().unwrap().handle(&request).answer.unwrap();
        assert!(answer.status().is_success(), "{path}: {:?}", answer.body());
        serde_json::from_slice(answer.body()).unwrap()
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.transport.twin.lock().unwrap().add_fault(fault);
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.transport.sent.lock().unwrap().clone()
    }

    fn trouble(&self, path: &str, trouble: Trouble) {
        let (kind, commit) = match trouble {
            Trouble::LoseAnswer => (FaultKind::LoseAnswer, true),
            Trouble::LoseRequest => (FaultKind::LoseAnswer, false),
            Trouble::SaveFailure => (FaultKind::Error, true),
            Trouble::SaveFailureOnly => (FaultKind::Error, false),
            Trouble::Stall => (FaultKind::Stall, true),
            Trouble::TurnAway => (FaultKind::RateLimit, false),
        };
        let (method, path) = (Some("POST".to_owned()), Some(path.to_owned()));
        self.fault(Fault { kind, method, path, times: 1, commit, delay_ms: None });
    }

    fn entries(&self, movement: provider_twin::Movement) -> usize {
        let twin = self.transport.twin.lock().unwrap();
        twin.books(API_KEY).unwrap().entries().iter().filter(|entry| entry.movement == movement).count()
    }
}

impl Bench for OnTwin {
    fn gateway(&self) -> Arc<dyn Gateway> {
        Arc::clone(&self.gateway)
    }

    fn method(&self, behaves: Behaves) -> MethodReference {
        let token = match behaves {
            Behaves::Pays => "pm_card_visa",
            Behaves::LacksFunds => "pm_card_visa_chargeDeclinedInsufficientFunds",
            Behaves::WasLost => "pm_card_visa_chargeDeclinedLostCard",
            Behaves::PaysLater => "pm_sepa_debit",
            Behaves::WantsTheCustomer => "pm_card_authenticationRequired",
        };
        let customer = self.call("/v1/customers", "name=Zo%C3%AB")["id"].as_str().unwrap().to_owned();
        let method = self.call(&format!("/v1/payment_methods/{token}/attach"), &format!("customer={customer}"));
        MethodReference { account: account(), token: method["id"].as_str().unwrap().to_owned(), customer }
    }

    fn trouble_charge(&self, trouble: Trouble) {
        self.trouble("/v1/payment_intents", trouble);
    }

    fn trouble_refund(&self, trouble: Trouble) {
        self.trouble("/v1/refunds", trouble);
    }

    fn times_taken(&self) -> usize {
        self.entries(provider_twin::Movement::Charged)
    }

    fn times_refunded(&self) -> usize {
        self.entries(provider_twin::Movement::Refunded)
    }

    fn pay_page(&self, reference: &str) -> Option<String> {
        let paid = self.call(&format!("/_twin/sessions/{reference}/pay"), "{}");
        paid["payment_intent"].as_str().map(ToOwned::to_owned)
    }
}

pub(crate) fn charge(method: &MethodReference, attempt: u32, amount: Money) -> ChargeRequest {
    let invoice = InvoiceId::from_random(1);
    ChargeRequest {
        invoice,
        attempt,
        amount,
        method: method.clone(),
        idempotency_key: format!("{invoice}/attempt-{attempt}"),
        description: "Rechnung RE-2026-0007 für Zoë 名前".to_owned(),
    }
}

pub(crate) fn looking_for(request: &ChargeRequest) -> LookUpRequest {
    LookUpRequest {
        invoice: request.invoice,
        attempt: request.attempt,
        method: request.method.clone(),
        begun_at: now(),
    }
}

pub(crate) fn order(number: u128, payment_reference: &str, amount: Money) -> RefundOrder {
    let refund = RefundId::from_random(number);
    RefundOrder { refund, payment_reference: payment_reference.to_owned(), amount, idempotency_key: refund.to_string() }
}

/// The page that was opened.
pub(crate) fn opened(opened: PageOpened) -> Page {
    let page = match opened {
        PageOpened::Open(page) => Some(page),
        PageOpened::TooSmall { .. } | PageOpened::NotInCurrency => None,
    };
    page.unwrap()
}

pub(crate) fn page(amount: Money) -> PageRequest {
    let invoice = InvoiceId::from_random(1);
    PageRequest {
        invoice,
        customer: CustomerId::from_random(2),
        provider_customer: None,
        email: Some("zoe@example.com".to_owned()),
        amount,
        description: "RE-2026-0007".to_owned(),
        language: "de-AT".to_owned(),
        save_method: true,
        success_url: "https://saldo.example/paid?invoice=RE-2026-0007".to_owned(),
        cancel_url: "https://saldo.example/later".to_owned(),
        expires_at: "2026-10-31T20:00:00Z".parse().unwrap(),
        idempotency_key: format!("{invoice}/page-1"),
        mark: "1f0c93ab".to_owned(),
    }
}
