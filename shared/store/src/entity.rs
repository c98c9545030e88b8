//! Entities as items: one layer of mapping for everything that is stored.
//!
//! The fields of an entity are the attributes of its item; the store adds key, version and index attributes. Equal
//! entities give equal items, so entities keep maps sorted and amounts as text.

use std::any::type_name;

use chrono::{DateTime, SecondsFormat, Utc};
use saldo_messages::disposition::{Disposed, Disposition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::due::{Due, due_shard};
use crate::listing;
use crate::table::{attribute, version};
use crate::{
    AttributeValue, Condition, Consistency, Index, Item, Key, Store, StoreError, Table, Transaction, TransactionError,
};

/// Something that is stored under a key.
///
/// Its serialised form is a map whose names are none of [`attribute::RESERVED`].
pub trait Entity: Serialize + DeserializeOwned {
    /// Its key, computed from what it is.
    fn key(&self) -> Key;

    /// The table it is in.
    #[must_use]
    fn table() -> Table {
        Table::Billing
    }

    /// Its entries in the indexes of the billing table.
    fn indexes(&self) -> Indexes {
        Indexes::default()
    }

    /// Takes over the work that waits, where it is kept in the attributes of the index and nowhere else.
    ///
    /// # Errors
    /// [`EntityError::Entry`] when they cannot be read, or no such work can wait for it.
    fn recall(&mut self, _due: Result<Option<Due>, EntityError>) -> Result<(), EntityError> {
        Ok(())
    }

    /// When housekeeping may remove it; never for anything of the books. Removal can be days late: code compares too.
    fn expires_at(&self) -> Option<DateTime<Utc>> {
        None
    }
}

/// The entries of an entity in the indexes; each is there or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Indexes {
    /// Work that waits.
    pub due: Option<Due>,
    /// The list of a customer it is in, and its place there (text order = order of the list).
    pub customer: Option<(String, String)>,
    /// Its kind, and its place among all of that kind (text order = order of the list).
    pub kind: Option<(String, String)>,
}

/// An entity as it was read, with the version that a later update is conditional on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<T> {
    /// The entity.
    pub value: T,
    /// Its version when it was read.
    pub version: u64,
}

impl<T: Entity> Stored<T> {
    /// Reads an entity out of its item.
    ///
    /// # Errors
    /// [`EntityError::Decode`], naming entity and key; [`EntityError::Entry`] for work that waits for it and cannot be read.
    pub fn from_item(mut item: Item) -> Result<Self, EntityError> {
        let version = version(&item);
        let key = Key::of(&item);
        let due = Due::of(&item);
        for name in attribute::RESERVED {
            item.remove(name);
        }
        match serde_dynamo::from_item(item) {
            Ok(mut value) => T::recall(&mut value, due).map(|()| Self { value, version }),
            Err(source) => Err(EntityError::Decode { entity: entity_name::<T>(), key: key_text(key), source }),
        }
    }

    /// The same after its update was committed: one version on.
    #[must_use]
    pub fn committed(self) -> Self {
        Self { version: self.version.saturating_add(1), value: self.value }
    }
}

/// The item of an entity at this version.
///
/// # Errors
/// [`TransactionError::Encode`], or [`TransactionError::ReservedAttribute`] when a field has a name of the store's.
pub fn to_item<T: Entity>(entity: &T, version: u64) -> Result<Item, TransactionError> {
    let (table, key) = (T::table(), entity.key());
    let mut item: Item = serde_dynamo::to_item(entity).map_err(|source| TransactionError::Encode {
        entity: entity_name::<T>(),
        key: key.clone(),
        source,
    })?;
    if let Some(name) = attribute::RESERVED.into_iter().find(|name| item.contains_key(*name)) {
        return Err(TransactionError::ReservedAttribute { table, key, attribute: name.to_owned() });
    }
    let Indexes { due, customer, kind } = entity.indexes();
    let mut set = |name: &str, value: String| item.insert(name.to_owned(), AttributeValue::S(value));
    if let Some(Due { at, kind }) = due {
        set(attribute::DUE_SHARD, due_shard(&key.to_string()).to_string());
        set(attribute::DUE_AT, instant_text(at));
        set(attribute::DUE_KIND, kind.name().to_owned());
    }
    if let Some((customer, at)) = customer {
        set(attribute::CUSTOMER_KEY, customer);
        set(attribute::CUSTOMER_AT, at);
    }
    if let Some((kind, at)) = kind {
        set(attribute::KIND_KEY, listing::kind_key(&kind, listing::kind_shard(&key)));
        set(attribute::KIND_AT, listing::kind_at(&at, &key));
    }
    set(attribute::PK, key.pk);
    set(attribute::SK, key.sk);
    item.insert(attribute::VERSION.to_owned(), AttributeValue::N(version.to_string()));
    if let Some(at) = entity.expires_at() {
        item.insert(attribute::EXPIRES.to_owned(), AttributeValue::N(at.timestamp().to_string()));
    }
    Ok(item)
}

/// Reads an entity, seeing every earlier commit.
///
/// # Errors
/// [`EntityError`]; that it does not exist is `Ok(None)`.
pub async fn load<T: Entity>(store: &dyn Store, key: &Key) -> Result<Option<Stored<T>>, EntityError> {
    store.get(T::table(), key, Consistency::Strong).await?.map(Stored::from_item).transpose()
}

/// Reads those of the entities that exist, in the order of their keys, seeing every earlier commit.
///
/// # Errors
/// [`EntityError`].
pub async fn load_many<T: Entity>(store: &dyn Store, keys: &[Key]) -> Result<Vec<Stored<T>>, EntityError> {
    store.get_many(T::table(), keys).await?.into_iter().map(Stored::from_item).collect()
}

impl Transaction {
    /// Adds the creation of an entity, on the condition that there is none under its key.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn create<T: Entity>(&mut self, entity: &T) -> Result<usize, TransactionError> {
        self.put(T::table(), to_item(entity, 1)?, Condition::Absent)
    }

    /// Adds the new value of an entity, on the condition that its version is still the one that was read.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn update<T: Entity>(&mut self, stored: &Stored<T>) -> Result<usize, TransactionError> {
        let item = to_item(&stored.value, stored.version.saturating_add(1))?;
        self.put(T::table(), item, Condition::Version(stored.version))
    }

    /// Adds the condition that an entity which is not written is still as it was read.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn check_version<T: Entity>(&mut self, stored: &Stored<T>) -> Result<usize, TransactionError> {
        self.check(T::table(), stored.value.key(), Condition::Version(stored.version))
    }

    /// Adds the removal of an entity, on the condition that its version is still the one that was read.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn remove<T: Entity>(&mut self, stored: &Stored<T>) -> Result<usize, TransactionError> {
        self.delete(T::table(), stored.value.key(), Condition::Version(stored.version))
    }
}

/// An instant as text of fixed width, so that the order of texts is the order of time: `2026-01-31T23:59:59.000Z`.
///
/// ```
/// use chrono::{TimeZone, Utc};
///
/// let at = Utc.with_ymd_and_hms(2026, 1, 31, 23, 59, 59).unwrap();
/// assert_eq!(saldo_store::instant_text(at), "2026-01-31T23:59:59.000Z");
/// ```
#[must_use]
pub fn instant_text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl EntityError {
    /// That the entry of an item in an index cannot be read for this attribute.
    pub(crate) fn unusable(index: Index, item: &Item, attribute: &'static str) -> Self {
        Self::Entry { index: index.name(), key: key_text(Key::of(item)), attribute }
    }
}

/// The key of an item, for errors.
fn key_text(key: Option<Key>) -> String {
    key.map_or_else(|| "an item without key".to_owned(), |key| key.to_string())
}

/// The name of the type without its path.
fn entity_name<T>() -> &'static str {
    type_name::<T>().rsplit("::").next().unwrap_or_default()
}

/// Why an entity could not be read.
#[derive(Debug, thiserror::Error)]
pub enum EntityError {
    /// The store failed.
    #[error("the entity was not read")]
    Store(#[from] StoreError),
    /// The item is there but is no such entity.
    #[error("the item under {key} is no {entity}")]
    Decode {
        /// Name of the type that was expected.
        entity: &'static str,
        /// The key of the item.
        key: String,
        /// What the deserialiser said.
        #[source]
        source: serde_dynamo::Error,
    },
    /// An entry of an index lacks what its index carries.
    #[error("the entry of {key} in the {index} index has no usable {attribute}")]
    Entry {
        /// The index.
        index: &'static str,
        /// The key of the item.
        key: String,
        /// What is missing or unknown.
        attribute: &'static str,
    },
}

impl Disposed for EntityError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Store(error) => error.disposition(),
            Self::Decode { .. } | Self::Entry { .. } => Disposition::Poison,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// Takes no attribute that it does not know, and can be made to claim one of the store's.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        v: Option<u8>,
    }

    impl Entity for Strict {
        fn key(&self) -> Key {
            Key::new(format!("STRICT#{}", self.id), "STRICT")
        }

        fn indexes(&self) -> Indexes {
            Indexes { customer: Some(("cus_1".into(), "a".into())), ..Indexes::default() }
        }
    }

    #[test]
    fn an_entity_never_sees_the_attributes_of_the_store() {
        let item = to_item(&Strict { id: "1".into(), v: None }, 3).unwrap();
        assert_eq!(item.len(), 6);
        let read = Stored::<Strict>::from_item(item).unwrap();
        assert_eq!(read, Stored { value: Strict { id: "1".into(), v: None }, version: 3 });
    }

    #[test]
    fn a_field_with_a_name_of_the_store_is_refused() {
        let refused = to_item(&Strict { id: "1".into(), v: Some(1) }, 3);
        assert!(matches!(refused, Err(TransactionError::ReservedAttribute { attribute, .. }) if attribute == "v"));
    }
}
