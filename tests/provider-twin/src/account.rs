//! One account: what it keeps, what it tells, and its money.

mod charges;
mod customers;
mod disputes;
mod intents;
mod payouts;
mod refunds;
mod sessions;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::books::{Books, Entry, Movement};
use crate::delivery::Endpoint;
use crate::error::ApiError;
use crate::form::Params;
use crate::idempotency::Keys;
use crate::object::{
    Charge, Customer, Dispute, Event, Intent, Kept, Metadata, Method, Payout, Refund, Session, Setup, Shelf,
    Transaction,
};
use crate::render;

const ALPHABET: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ID_CHARS: usize = 24;

/// One account at the twin.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    seed: u64,
    sequence: u64,
    pub(crate) now: DateTime<Utc>,
    /// The id and the key of the call under way, as its events tell.
    pub(crate) request: Option<(String, Option<String>)>,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) keys: Keys,
    pub(crate) books: Books,
    pub(crate) base: String,
    customers: Shelf<Customer>,
    methods: Shelf<Method>,
    intents: Shelf<Intent>,
    charges: Shelf<Charge>,
    refunds: Shelf<Refund>,
    disputes: Shelf<Dispute>,
    sessions: Shelf<Session>,
    setups: Shelf<Setup>,
    payouts: Shelf<Payout>,
    transactions: Shelf<Transaction>,
    events: Shelf<Event>,
    /// Intents whose direct debit is not decided.
    undecided: BTreeSet<String>,
    /// Pages that can be used.
    open_pages: BTreeSet<String>,
    /// Events that were raised and not yet put on their way.
    raised: Vec<String>,
}

impl Account {
    pub(crate) fn new(seed: u64, now: DateTime<Utc>) -> Self {
        Self {
            seed,
            sequence: 0,
            now,
            request: None,
            endpoint: None,
            keys: Keys::default(),
            books: Books::default(),
            base: "https://checkout.stripe.com/c".to_owned(),
            customers: Shelf::default(),
            methods: Shelf::default(),
            intents: Shelf::default(),
            charges: Shelf::default(),
            refunds: Shelf::default(),
            disputes: Shelf::default(),
            sessions: Shelf::default(),
            setups: Shelf::default(),
            payouts: Shelf::default(),
            transactions: Shelf::default(),
            events: Shelf::default(),
            undecided: BTreeSet::new(),
            open_pages: BTreeSet::new(),
            raised: Vec::new(),
        }
    }

    fn created(&self) -> i64 {
        self.now.timestamp()
    }

    /// An id like Stripe's, different for each seed and each call.
    pub(crate) fn new_id(&mut self, prefix: &str) -> String {
        format!("{prefix}_{}", self.letters(ID_CHARS))
    }

    /// So many letters and digits that nobody had before.
    pub(crate) fn letters(&mut self, count: usize) -> String {
        let mut letters = String::with_capacity(count);
        while letters.len() < count {
            self.sequence = self.sequence.saturating_add(1);
            let mut hasher = Sha256::new();
            hasher.update(self.seed.to_be_bytes());
            hasher.update(self.sequence.to_be_bytes());
            let hash = hasher.finalize().into_iter().take(count.saturating_sub(letters.len()));
            let letter = |byte: u8| ALPHABET.get(usize::from(byte).checked_rem(ALPHABET.len())?).copied();
            letters.extend(hash.filter_map(letter).map(char::from));
        }
        letters
    }

    /// Tells the world.
    fn raise(&mut self, kind: &'static str, object: &Value, previous: Option<Value>) {
        let id = self.new_id("evt");
        let (request, key) = self.request.clone().map_or((None, None), |(id, key)| (Some(id), key));
        let data = match previous {
            Some(previous) => json!({ "object": object, "previous_attributes": previous }),
            None => json!({ "object": object }),
        };
        let body = json!({
            "id": id, "object": "event", "api_version": render::API_VERSION, "created": self.created(), "data": data,
            "livemode": false, "pending_webhooks": 1, "request": { "id": request, "idempotency_key": key }, "type": kind
        });
        self.events.put(Event { id: id.clone(), created: self.created(), kind, body: body.to_string() });
        self.raised.push(id);
    }

    /// Takes the events that were raised since the last time: kind, id, and what is told.
    pub(crate) fn take_raised(&mut self) -> Vec<(&'static str, String, String)> {
        let raised = std::mem::take(&mut self.raised);
        let told = raised.into_iter().map(|id| self.events.get(&id).map(|event| (event.kind, id, event.body.clone())));
        told.flatten().collect()
    }

    /// The body of an event.
    pub(crate) fn event(&self, id: &str) -> Option<&str> {
        self.events.get(id).map(|event| event.body.as_str())
    }

    /// Moves money: a line of the balance and an entry in the books.
    fn move_money(
        &mut self,
        movement: Movement,
        (kind, category): (&'static str, &'static str),
        moved: Moved<'_>,
    ) -> String {
        let id = self.new_id("txn");
        let (amount, gross) = (moved.amount, if moved.outward { moved.amount.saturating_neg() } else { moved.amount });
        self.transactions.put(Transaction {
            id: id.clone(),
            created: self.created(),
            amount: gross,
            fee: moved.fee,
            currency: moved.currency.to_owned(),
            kind,
            category,
            source: moved.source.to_owned(),
            payout: None,
        });
        let metadata = self.intents.get(moved.intent).map(|intent| intent.metadata.clone()).unwrap_or_default();
        self.books.write(
            Entry {
                movement,
                payment_intent: moved.intent.to_owned(),
                source: moved.source.to_owned(),
                amount,
                currency: moved.currency.to_owned(),
                at: self.created(),
            },
            &metadata,
        );
        id
    }

    pub(crate) fn list_events(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&["created", "ending_before", "expand", "limit", "starting_after", "type", "types"])?;
        let types = params.inner("types").texts();
        let wanted = |event: &&Event| {
            params.text("type").is_none_or(|kind| kind == event.kind)
                && (types.is_empty() || types.values().any(|kind| kind == event.kind))
        };
        page(&self.events, "/v1/events", params, wanted, |event| serde_json::from_str(&event.body).unwrap_or_default())
    }

    pub(crate) fn retrieve_event(&self, id: &str) -> Result<Value, ApiError> {
        let body = self.event(id).ok_or_else(|| ApiError::no_such("event", id, "id", 404))?;
        Ok(serde_json::from_str(body).unwrap_or_default())
    }

    pub(crate) fn list_transactions(&self, params: &Params) -> Result<Value, ApiError> {
        params.only(&[
            "created",
            "currency",
            "ending_before",
            "expand",
            "limit",
            "payout",
            "source",
            "starting_after",
            "type",
        ])?;
        let wanted = |moved: &&Transaction| {
            params.text("payout").is_none_or(|payout| moved.payout.as_deref() == Some(payout))
                && params.text("source").is_none_or(|source| moved.source == source)
                && params.text("currency").is_none_or(|currency| moved.currency == currency)
                && params.text("type").is_none_or(|kind| moved.kind == kind)
        };
        page(&self.transactions, "/v1/balance_transactions", params, wanted, render::transaction)
    }
}

/// Money that moves.
struct Moved<'a> {
    intent: &'a str,
    source: &'a str,
    amount: i64,
    fee: i64,
    currency: &'a str,
    /// Away from us.
    outward: bool,
}

/// Merges metadata as Stripe does: an empty value removes a key.
fn merged(mut metadata: Metadata, added: BTreeMap<String, String>) -> Metadata {
    for (key, value) in added {
        if value.is_empty() {
            metadata.remove(&key);
        } else {
            metadata.insert(key, value);
        }
    }
    metadata
}

/// One page of a list, newest first.
fn page<T: Kept>(
    shelf: &Shelf<T>,
    url: &str,
    params: &Params,
    wanted: impl Fn(&&T) -> bool,
    rendered: impl Fn(&T) -> Value,
) -> Result<Value, ApiError> {
    let limit = params.integer("limit")?.unwrap_or(10);
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit)).ok_or_else(|| {
        ApiError::invalid("parameter_invalid_integer", Some("limit"), "This value must be between 1 and 100.")
    })?;
    let created = params.inner("created");
    let bound = |name: &str| created.integer(name);
    let (after, since, before, until) = (bound("gt")?, bound("gte")?, bound("lt")?, bound("lte")?);
    let in_time = |object: &&T| {
        let at = object.created();
        after.is_none_or(|bound| at > bound)
            && since.is_none_or(|bound| at >= bound)
            && before.is_none_or(|bound| at < bound)
            && until.is_none_or(|bound| at <= bound)
    };
    let cursor = params.text("starting_after");
    if let Some(cursor) = cursor
        && shelf.get(cursor).is_none()
    {
        return Err(ApiError::no_such("object", cursor, "starting_after", 400));
    }
    let newest_first = shelf.iter().rev().filter(|object| in_time(object)).filter(|object| wanted(object));
    let mut from_cursor = newest_first
        .skip_while(|object| cursor.is_some_and(|cursor| object.id() != cursor))
        .skip(usize::from(cursor.is_some()));
    let data: Vec<_> = from_cursor.by_ref().take(limit).map(rendered).collect();
    Ok(json!({ "object": "list", "data": data, "has_more": from_cursor.next().is_some(), "url": url }))
}
