//! What is to be written so that what was counted is what is in the books.

use std::collections::BTreeMap;

use futures_util::future::{join_all, try_join};
use saldo_billing::id::{CustomerId, SellerId};
use saldo_billing::invoice::Invoice;
use saldo_billing::party::{Customer, Seller};
use saldo_billing::payment::Payment;
use saldo_billing::report::{Recurring, Sale, SaleId, Sold};
use saldo_billing::subscription::Subscription;
use saldo_store::entities::{customer_key, seller_key};
use saldo_store::{Entity, EntityError, Item, Key, MAX_WRITES, Store, Stored, Table, load_many};

use super::cells::{self, Sums};
use super::record::{CountedRecurring, CountedSale, RecordWrite};
use super::{Refused, Subject};
use crate::{BooksError, invoices};

/// The subjects still to be counted, each with how it looked when that was told.
pub(super) type Open = BTreeMap<Subject, Option<Item>>;

/// One record and what goes with it: written together or not at all.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    /// What it counts.
    pub(super) subjects: Vec<Subject>,
    /// The record.
    pub(super) record: RecordWrite,
    /// What is added to the reports.
    pub(super) sums: Sums,
    /// Whether all of it is counted with this, or only as much as one transaction takes.
    pub(super) is_all: bool,
}

/// What to write, and what could not be counted.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) units: Vec<Unit>,
    pub(super) refused: Vec<Refused>,
}

impl Plan {
    /// Compares what is in the books with what was counted.
    pub(super) async fn make(store: &dyn Store, open: &Open) -> Result<Self, BooksError> {
        let mut plan = Self::default();
        let mut records = Records::load(store, record_keys(open)).await?;
        let news: Vec<Subject> = open
            .iter()
            .filter(|(subject, image)| !image.as_ref().is_some_and(|image| records.know(**subject, image)))
            .map(|(subject, _)| *subject)
            .collect();
        let books = Books::load(store, &news, &mut plan).await?;
        // A payment may have found its invoice since it looked as it was told.
        records.add(store, books.payments.values().flat_map(sale_keys).collect()).await?;
        plan.count_recurring(&records, books.subscriptions, &books.customers);
        let sales = plan.changed_sales(&records, &books.invoices, &books.payments, &books.sellers);
        let units = join_all(sales.into_values().map(|sale| sale.into_unit(store))).await;
        for unit in units {
            match unit {
                Ok(unit) => plan.units.extend(unit),
                Err((subjects, error)) => plan.refused.push(Refused { subjects, error }),
            }
        }
        Ok(plan)
    }

    fn refuse<T>(&mut self, subject: Subject, result: Result<T, impl Into<BooksError>>) -> Option<T> {
        result.map_err(|error| self.refused.push(Refused { subjects: vec![subject], error: error.into() })).ok()
    }

    fn count_recurring(
        &mut self,
        records: &Records,
        subscriptions: Vec<Subscription>,
        customers: &BTreeMap<CustomerId, Customer>,
    ) {
        for subscription in subscriptions {
            let subject = Subject::Subscription(subscription.id);
            let unit = || -> Result<Option<Unit>, BooksError> {
                let customer = customers
                    .get(&subscription.customer)
                    .ok_or_else(|| BooksError::Missing { key: customer_key(subscription.customer) })?;
                let stored: Option<Stored<CountedRecurring>> =
                    records.read(&CountedRecurring::key_of(subscription.id))?;
                let now = Recurring::of(&subscription, customer)?;
                if stored.as_ref().is_some_and(|stored| stored.value.0 == now) {
                    return Ok(None);
                }
                let before = stored.as_ref().map(|stored| stored.value.0.contributions()).transpose()?;
                let mut sums = Sums::new();
                cells::add(&mut sums, &now.contributions()?.since(before.unwrap_or_default())?)?;
                let record = RecordWrite::of_recurring(stored, now);
                Ok(Some(Unit { subjects: vec![subject], record, sums, is_all: true }))
            };
            let unit = self.refuse(subject, unit()).flatten();
            self.units.extend(unit);
        }
    }

    fn changed_sales(
        &mut self,
        records: &Records,
        invoices: &[Invoice],
        payments: &BTreeMap<Subject, Payment>,
        sellers: &BTreeMap<SellerId, Seller>,
    ) -> BTreeMap<SaleId, SaleChange> {
        let mut sales = BTreeMap::new();
        for invoice in invoices {
            let subject = Subject::Invoice(invoice.id);
            let mut note = || -> Result<(), BooksError> {
                let seller = sellers
                    .get(&invoice.seller)
                    .ok_or_else(|| BooksError::Missing { key: seller_key(invoice.seller) })?;
                let id = SaleId::Invoice(invoice.id);
                let sale = SaleChange::of(&mut sales, records, id, || Sale::new(id, invoice.currency()))?;
                sale.now.note_invoice(invoice, seller.zone);
                sale.subjects.push(subject);
                Ok(())
            };
            let noted = note();
            self.refuse(subject, noted);
        }
        for (subject, payment) in payments {
            let mut note = || -> Result<(), BooksError> {
                let (id, alone) = (SaleId::of_payment(payment), SaleId::Payment(payment.id));
                let sale = SaleChange::of(&mut sales, records, id, || Sale::new(id, payment.currency))?;
                sale.now.note_payment(payment)?;
                sale.subjects.push(*subject);
                if id != alone && records.has(&CountedSale::key_of(alone)) {
                    let sale = SaleChange::of(&mut sales, records, alone, || Sale::new(alone, payment.currency))?;
                    sale.now.forget_payment(payment.id);
                    sale.subjects.push(*subject);
                }
                Ok(())
            };
            let noted = note();
            self.refuse(*subject, noted);
        }
        sales
    }
}

/// The records that may have to do with a subject as it looked.
fn record_keys(open: &Open) -> Vec<Key> {
    let mut keys = Vec::new();
    for (subject, image) in open {
        match subject {
            Subject::Invoice(id) => keys.push(CountedSale::key_of(SaleId::Invoice(*id))),
            Subject::Subscription(id) => keys.push(CountedRecurring::key_of(*id)),
            Subject::Payment(id) => match image.clone().map(Stored::<Payment>::from_item) {
                Some(Ok(payment)) => keys.extend(sale_keys(&payment.value)),
                Some(Err(_)) | None => keys.push(CountedSale::key_of(SaleId::Payment(*id))),
            },
        }
    }
    keys
}

/// The record of a payment's sale, and that of the time when it had no invoice.
fn sale_keys(payment: &Payment) -> Vec<Key> {
    let (sale, alone) = (SaleId::of_payment(payment), SaleId::Payment(payment.id));
    let mut keys = vec![CountedSale::key_of(sale)];
    if sale != alone {
        keys.push(CountedSale::key_of(alone));
    }
    keys
}

/// Records as they were read; what was asked for and is not there is `None`.
struct Records(BTreeMap<Key, Option<Item>>);

impl Records {
    async fn load(store: &dyn Store, keys: Vec<Key>) -> Result<Self, BooksError> {
        let mut records = Self(BTreeMap::new());
        records.add(store, keys).await?;
        Ok(records)
    }

    async fn add(&mut self, store: &dyn Store, mut keys: Vec<Key>) -> Result<(), BooksError> {
        keys.retain(|key| !self.0.contains_key(key));
        if keys.is_empty() {
            return Ok(());
        }
        let items = store.get_many(Table::Reports, &keys).await?;
        self.0.extend(keys.into_iter().map(|key| (key, None)));
        self.0.extend(items.into_iter().filter_map(|item| Some((Key::of(&item)?, Some(item)))));
        Ok(())
    }

    fn has(&self, key: &Key) -> bool {
        self.0.get(key).is_some_and(Option::is_some)
    }

    fn read<T: Entity>(&self, key: &Key) -> Result<Option<Stored<T>>, EntityError> {
        self.0.get(key).cloned().flatten().map(Stored::from_item).transpose()
    }

    /// Whether a look at a subject tells nothing that was not counted. When in doubt, it does.
    fn know(&self, subject: Subject, image: &Item) -> bool {
        self.compare(subject, image.clone()).unwrap_or(false)
    }

    fn compare(&self, subject: Subject, image: Item) -> Result<bool, BooksError> {
        Ok(match subject {
            Subject::Invoice(id) => {
                let invoice: Invoice = Stored::from_item(image)?.value;
                let id = SaleId::Invoice(id);
                let sale: Option<Stored<CountedSale>> = self.read(&CountedSale::key_of(id))?;
                sale.map_or_else(|| Sale::new(id, invoice.currency()), |sale| sale.value.0).knows_invoice(&invoice)
            }
            Subject::Payment(_) => {
                let payment: Payment = Stored::from_item(image)?.value;
                let (id, alone) = (SaleId::of_payment(&payment), SaleId::Payment(payment.id));
                let sale: Option<Stored<CountedSale>> = self.read(&CountedSale::key_of(id))?;
                let sale = sale.map_or_else(|| Sale::new(id, payment.currency), |sale| sale.value.0);
                let is_elsewhere = id != alone && self.has(&CountedSale::key_of(alone));
                sale.knows_payment(&payment)? && !is_elsewhere
            }
            Subject::Subscription(id) => {
                let recurring: Option<Stored<CountedRecurring>> = self.read(&CountedRecurring::key_of(id))?;
                let Some(recurring) = recurring else { return Ok(false) };
                recurring.value.0.knows(&Stored::<Subscription>::from_item(image)?.value)?
            }
        })
    }
}

/// What is in the books now, of the subjects that are news.
struct Books {
    invoices: Vec<Invoice>,
    payments: BTreeMap<Subject, Payment>,
    subscriptions: Vec<Subscription>,
    sellers: BTreeMap<SellerId, Seller>,
    customers: BTreeMap<CustomerId, Customer>,
}

impl Books {
    async fn load(store: &dyn Store, news: &[Subject], plan: &mut Plan) -> Result<Self, BooksError> {
        let keys: Vec<Key> = news.iter().map(|subject| subject.key()).collect();
        let (mut invoices, mut payments, mut subscriptions) = (Vec::new(), BTreeMap::new(), Vec::new());
        for item in store.get_many(Table::Billing, &keys).await? {
            let Some(subject) = Key::of(&item).and_then(|key| Subject::under(&key)) else { continue };
            match subject {
                Subject::Invoice(_) => invoices.extend(plan.refuse(subject, value(item))),
                Subject::Payment(_) => payments.extend(plan.refuse(subject, value(item)).map(|it| (subject, it))),
                Subject::Subscription(_) => subscriptions.extend(plan.refuse(subject, value(item))),
            }
        }
        let seller_keys: Vec<Key> = invoices.iter().map(|invoice: &Invoice| seller_key(invoice.seller)).collect();
        let customer_keys: Vec<Key> =
            subscriptions.iter().map(|one: &Subscription| customer_key(one.customer)).collect();
        let (sellers, customers) =
            try_join(load_many::<Seller>(store, &seller_keys), load_many::<Customer>(store, &customer_keys)).await?;
        let sellers = sellers.into_iter().map(|seller| (seller.value.id, seller.value)).collect();
        let customers = customers.into_iter().map(|customer| (customer.value.id, customer.value)).collect();
        Ok(Self { invoices, payments, subscriptions, sellers, customers })
    }
}

fn value<T: Entity>(item: Item) -> Result<T, EntityError> {
    Stored::from_item(item).map(|stored| stored.value)
}

/// A sale as it was counted and as it is now.
struct SaleChange {
    subjects: Vec<Subject>,
    stored: Option<Stored<CountedSale>>,
    before: Sale,
    now: Sale,
}

impl SaleChange {
    fn of<'a>(
        sales: &'a mut BTreeMap<SaleId, Self>,
        records: &Records,
        id: SaleId,
        new: impl FnOnce() -> Sale,
    ) -> Result<&'a mut Self, EntityError> {
        use std::collections::btree_map::Entry;
        Ok(match sales.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => {
                let stored: Option<Stored<CountedSale>> = records.read(&CountedSale::key_of(id))?;
                let before = stored.as_ref().map_or_else(new, |stored| stored.value.0.clone());
                let now = before.clone();
                vacant.insert(Self { subjects: Vec::new(), stored, before, now })
            }
        })
    }

    /// What to write for it, if anything; as many steps towards what it is now as one transaction takes.
    async fn into_unit(self, store: &dyn Store) -> Result<Option<Unit>, (Vec<Subject>, BooksError)> {
        let subjects = self.subjects.clone();
        self.try_into_unit(store).await.map_err(|error| (subjects, error))
    }

    async fn try_into_unit(self, store: &dyn Store) -> Result<Option<Unit>, BooksError> {
        let Self { subjects, stored, before, now } = self;
        if now == before {
            return Ok(None);
        }
        let sold = match now.id() {
            SaleId::Invoice(invoice) if now.needs_sold(&before) => {
                Sold::of(&invoices::document(store, invoice).await?, now.currency())?
            }
            SaleId::Invoice(_) | SaleId::Payment(_) => Sold::unknown(),
        };
        let counted = before.contributions(&sold)?;
        let sums_of = |sale: &Sale| -> Result<Sums, BooksError> {
            let mut sums = Sums::new();
            cells::add(&mut sums, &sale.contributions(&sold)?.since(counted.clone())?)?;
            Ok(sums)
        };
        let mut chosen = (sums_of(&now)?, now.clone(), true);
        if chosen.0.len() >= MAX_WRITES {
            for step in before.steps_to(&now) {
                let sums = sums_of(&step)?;
                if sums.len() < MAX_WRITES {
                    chosen = (sums, step, false);
                }
            }
        }
        let (sums, sale, is_all) = chosen;
        let record = RecordWrite::of_sale(stored, sale);
        Ok(record.map(|record| Unit { subjects, record, sums, is_all }))
    }
}
