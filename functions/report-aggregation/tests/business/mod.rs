//! A business with one customer, driven through the use cases of the books.

use chrono::{DateTime, TimeZone, Utc};
use saldo_billing::id::{CustomerId, InvoiceId, ProductId, SellerId};
use saldo_billing::invoice::{Collection, Draft, Line, LineOrigin, Origin};
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::{Fact, MethodUsed, PaymentReport, Statement};
use saldo_billing::terms::NetTerms;
use saldo_books::{invoices, nothing_more, payments};
use saldo_money::{Currency, Money};
use saldo_store::memory::MemoryStore;
use saldo_store::{Store, Transaction};

/// 1 October 2026, 10:00 in Berlin.
pub(crate) fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 10, 1, 8, 0, 0).unwrap()
}

/// A store with a seller and a customer in it.
pub(crate) struct Business {
    pub(crate) store: MemoryStore,
}

impl Business {
    pub(crate) async fn new() -> Self {
        let store = MemoryStore::new();
        let mut transaction = Transaction::new();
        transaction.create(&seller()).unwrap();
        transaction.create(&customer()).unwrap();
        store.commit(transaction).await.unwrap();
        Self { store }
    }

    /// Where the stream is now.
    pub(crate) fn told(&self) -> u64 {
        self.store.changes_since(0).last().map_or(0, |change| change.sequence)
    }

    /// Drafts and finalises an invoice over so many cents and 19 % tax.
    pub(crate) async fn invoice(&mut self, n: u128, net: i64) -> InvoiceId {
        let id = InvoiceId::from_random(1000 + n);
        let net = Money::from_minor(net, Currency::EUR);
        let line = Line {
            description: "Support".to_owned(),
            quantity: "1".parse().unwrap(),
            unit_amount: net.amount(),
            net,
            gross: None,
            tax_rate: "0.19".parse().unwrap(),
            product: Some(ProductId::from_random(1)),
            origin: LineOrigin::Manual,
        };
        let draft = Draft {
            id,
            origin: Origin::OneOff,
            collection: Collection::SendInvoice,
            terms: NetTerms::try_new(14, false).unwrap(),
            currency: Currency::EUR,
        };
        invoices::draft(&self.store, draft, &customer(), vec![line], now(), &nothing_more).await.unwrap();
        invoices::finalise(&self.store, id, now(), &nothing_more).await.unwrap();
        id
    }

    /// Pays so many cents on an invoice by card.
    pub(crate) async fn pay(&mut self, invoice: InvoiceId, n: u128, minor: i64) {
        let amount = Money::from_minor(minor, Currency::EUR);
        let report = PaymentReport {
            account: "stripe/main".parse().unwrap(),
            reference: format!("pi_{n}"),
            invoice: Some(invoice),
            attempt: None,
            page: None,
            method: Some(MethodUsed { kind: "card".to_owned(), network: None, last4: None }),
            currency: Currency::EUR,
            introduces: true,
            facts: vec![Fact::new(now(), Statement::Captured { reference: format!("ch_{n}"), amount })],
        };
        payments::report(&self.store, &report, now()).await.unwrap();
    }
}

fn seller() -> Seller {
    serde_json::from_value(serde_json::json!({
        "id": SellerId::from_random(1), "name": "Nordwind GmbH", "address": {"country": "DE"}, "zone": "Europe/Berlin",
        "email": "billing@nordwind.example", "number_prefix": "NW-", "provider_account": "stripe/main",
        "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

fn customer() -> Customer {
    serde_json::from_value(serde_json::json!({
        "id": CustomerId::from_random(2), "seller": SellerId::from_random(1), "name": "Zoë 名前", "email": "zoe@example.com",
        "address": {"country": "NL"}, "zone": "Europe/Amsterdam", "language": "nl", "region": "EMEA", "channel": "web",
        "created_at": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}
