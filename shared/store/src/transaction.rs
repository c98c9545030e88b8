//! A set of conditional writes that happen together or not at all.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use saldo_messages::disposition::{Disposed, Disposition};

use crate::number::NumberError;
use crate::table::attribute;
use crate::{AttributeValue, Item, Key, MAX_ITEM_BYTES, Table, item};

/// Most writes a transaction takes.
pub const MAX_WRITES: usize = 100;
/// Most bytes that the items of a transaction may have together.
pub const MAX_TRANSACTION_BYTES: usize = 4 * 1024 * 1024;
/// Longest partition key and longest sort key, in bytes.
const MAX_KEY_BYTES: (usize, usize) = (2048, 1024);

/// What must hold of the item under the key at the moment of the commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Always,
    /// There is no item.
    Absent,
    /// There is an item and its `v` is this.
    Version(u64),
    /// There is an item.
    Present,
}

impl Condition {
    /// Whether it holds of what is there.
    #[must_use]
    pub fn holds(self, existing: Option<&Item>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => existing.is_none(),
            Self::Version(version) => existing.is_some_and(|item| crate::table::version(item) == version),
            Self::Present => existing.is_some(),
        }
    }
}

/// One write of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Stores an item, replacing what is there.
    Put {
        /// Where.
        table: Table,
        /// The key it carries.
        key: Key,
        /// The whole item.
        item: Item,
        /// What must hold.
        condition: Condition,
    },
    /// Adds to numbers of an item, which need not exist, and sets attributes as given. Moves `v` by one, so that it
    /// never hides from a write that is conditional on a version.
    Add {
        /// Where.
        table: Table,
        /// Which item.
        key: Key,
        /// What is added, by attribute.
        amounts: BTreeMap<String, Decimal>,
        /// Attributes that are set, whatever they were.
        set: Item,
    },
    /// Removes an item; that there is none is no failure unless the condition says so.
    Delete {
        /// Where.
        table: Table,
        /// Which item.
        key: Key,
        /// What must hold.
        condition: Condition,
    },
    /// Changes nothing, but the others happen only if this holds.
    Check {
        /// Where.
        table: Table,
        /// Which item.
        key: Key,
        /// What must hold.
        condition: Condition,
    },
}

impl Write {
    /// The table it is about.
    #[must_use]
    pub fn table(&self) -> Table {
        match self {
            Self::Put { table, .. }
            | Self::Add { table, .. }
            | Self::Delete { table, .. }
            | Self::Check { table, .. } => *table,
        }
    }

    /// The key it is about.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Add { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }

    /// Its condition.
    #[must_use]
    pub fn condition(&self) -> Condition {
        match self {
            Self::Put { condition, .. } | Self::Delete { condition, .. } | Self::Check { condition, .. } => *condition,
            Self::Add { .. } => Condition::Always,
        }
    }

    /// Whether it would be refused if it came a second time right after having succeeded.
    fn refuses_itself(&self) -> bool {
        match self {
            Self::Put { condition, item, .. } => match condition {
                Condition::Absent => true,
                Condition::Version(before) => crate::table::version(item) != *before,
                Condition::Always | Condition::Present => false,
            },
            Self::Delete { condition, .. } => matches!(condition, Condition::Version(_) | Condition::Present),
            Self::Add { .. } | Self::Check { .. } => false,
        }
    }
}

/// Writes to be committed together. Each call that adds one returns its place, by which
/// [`crate::CommitError::failed`] finds it again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transaction {
    writes: Vec<Write>,
    keys: BTreeSet<(Table, Key)>,
    bytes: usize,
}

impl Transaction {
    /// Without any write.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a write that stores an item, which carries its key in `pk` and `sk`.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn put(&mut self, table: Table, mut item: Item, condition: Condition) -> Result<usize, TransactionError> {
        let key = Key::of(&item).ok_or(TransactionError::NoKey { table })?;
        item::normalise(&mut item).map_err(|source| TransactionError::Number { table, key: key.clone(), source })?;
        check_index_attributes(table, &key, &item)?;
        let bytes = item::size(&item);
        if bytes > MAX_ITEM_BYTES {
            return Err(TransactionError::ItemTooLarge { table, key, bytes });
        }
        self.add_write(Write::Put { table, key, item, condition }, bytes)
    }

    /// Adds a write that adds to numbers of an item and sets attributes.
    ///
    /// # Errors
    /// [`TransactionError`]; also when an attribute is both added to and set, or belongs to the key or the version.
    pub fn add(
        &mut self,
        table: Table,
        key: Key,
        amounts: BTreeMap<String, Decimal>,
        mut set: Item,
    ) -> Result<usize, TransactionError> {
        item::normalise(&mut set).map_err(|source| TransactionError::Number { table, key: key.clone(), source })?;
        check_index_attributes(table, &key, &set)?;
        let own = [attribute::PK, attribute::SK, attribute::VERSION];
        let taken = |name: &&String| own.contains(&name.as_str());
        let twice = amounts.keys().find(|name| set.contains_key(*name));
        if let Some(name) = amounts.keys().chain(set.keys()).find(taken).or(twice) {
            return Err(TransactionError::ReservedAttribute { table, key, attribute: name.clone() });
        }
        let bytes = item::size(&set);
        self.add_write(Write::Add { table, key, amounts, set }, bytes)
    }

    /// Adds a write that removes an item.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn delete(&mut self, table: Table, key: Key, condition: Condition) -> Result<usize, TransactionError> {
        self.add_write(Write::Delete { table, key, condition }, 0)
    }

    /// Adds a condition on an item that is not written.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn check(&mut self, table: Table, key: Key, condition: Condition) -> Result<usize, TransactionError> {
        self.add_write(Write::Check { table, key, condition }, 0)
    }

    fn add_write(&mut self, write: Write, bytes: usize) -> Result<usize, TransactionError> {
        let (table, key) = (write.table(), write.key().clone());
        if key.pk.is_empty() || key.sk.is_empty() || key.pk.len() > MAX_KEY_BYTES.0 || key.sk.len() > MAX_KEY_BYTES.1 {
            return Err(TransactionError::BadKey { table, key });
        }
        if self.writes.len() >= MAX_WRITES {
            return Err(TransactionError::TooManyWrites);
        }
        let total = self.bytes.saturating_add(bytes);
        if total > MAX_TRANSACTION_BYTES {
            return Err(TransactionError::TooLarge { bytes: total });
        }
        if !self.keys.insert((table, key.clone())) {
            return Err(TransactionError::SameKey { table, key });
        }
        self.bytes = total;
        self.writes.push(write);
        Ok(self.writes.len().saturating_sub(1))
    }

    /// The writes, in the order they were added.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The writes, to be carried out.
    #[must_use]
    pub fn into_writes(self) -> Vec<Write> {
        self.writes
    }

    /// How many writes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether a second application right after the first would be refused by its own conditions. Only then is it
    /// safe to send it again after a lost answer.
    #[must_use]
    pub fn refuses_itself(&self) -> bool {
        self.writes.iter().any(Write::refuses_itself)
    }
}

/// DynamoDB takes only text that is not empty in the key of an index.
fn check_index_attributes(table: Table, key: &Key, item: &Item) -> Result<(), TransactionError> {
    let names = table.indexes().iter().flat_map(|index| [index.partition_attribute(), index.sort_attribute()]);
    for name in names {
        let sound = match item.get(name) {
            None => true,
            Some(AttributeValue::S(text)) => !text.is_empty() && text.len() <= MAX_KEY_BYTES.1,
            Some(_) => false,
        };
        if !sound {
            return Err(TransactionError::IndexAttribute { table, key: key.clone(), attribute: name });
        }
    }
    Ok(())
}

/// Why a write cannot be part of a transaction; found before anything is sent.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// What its maker wanted to add could not be made.
    #[error("what belongs into the transaction could not be made")]
    Addition(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There are as many writes as a transaction takes.
    #[error("a transaction takes at most {MAX_WRITES} writes")]
    TooManyWrites,
    /// Another write of the transaction is about the same item.
    #[error("two writes of one transaction are about {key} of the {table} table")]
    SameKey {
        /// Where.
        table: Table,
        /// Which item.
        key: Key,
    },
    /// The item is larger than the engine takes.
    #[error("{key} of the {table} table would have {bytes} bytes, more than {MAX_ITEM_BYTES}")]
    ItemTooLarge {
        /// Where.
        table: Table,
        /// Which item.
        key: Key,
        /// Its size.
        bytes: usize,
    },
    /// All items together are larger than the engine takes.
    #[error("the items of a transaction would have {bytes} bytes, more than {MAX_TRANSACTION_BYTES}")]
    TooLarge {
        /// Their size together.
        bytes: usize,
    },
    /// The item carries no key.
    #[error("an item for the {table} table has no text in `pk` or `sk`")]
    NoKey {
        /// Where it should have gone.
        table: Table,
    },
    /// A part of the key is empty or too long.
    #[error("a key of the {table} table has 1 to 2048 bytes in `pk` and 1 to 1024 in `sk`, found {key}")]
    BadKey {
        /// Where.
        table: Table,
        /// The key.
        key: Key,
    },
    /// An attribute that is the key of an index is not text, empty or too long.
    #[error("{attribute} of {key} of the {table} table is not text of 1 to 1024 bytes")]
    IndexAttribute {
        /// Where.
        table: Table,
        /// Which item.
        key: Key,
        /// Which attribute.
        attribute: &'static str,
    },
    /// An attribute is used twice, or belongs to the store.
    #[error(
        "{attribute} of {key} of the {table} table cannot be written here: it is the store's own, or written twice"
    )]
    ReservedAttribute {
        /// Where.
        table: Table,
        /// Which item.
        key: Key,
        /// Which attribute.
        attribute: String,
    },
    /// A number is none that the engine takes.
    #[error("{key} of the {table} table has a number that cannot be stored")]
    Number {
        /// Where.
        table: Table,
        /// Which item.
        key: Key,
        /// What was found.
        #[source]
        source: NumberError,
    },
    /// The entity cannot be made into an item.
    #[error("the {entity} under {key} cannot be made into an item")]
    Encode {
        /// Name of the type.
        entity: &'static str,
        /// Its key.
        key: Key,
        /// What the serialiser said.
        #[source]
        source: serde_dynamo::Error,
    },
}

/// What is wrong with a transaction before it is sent stays wrong.
impl Disposed for TransactionError {
    fn disposition(&self) -> Disposition {
        Disposition::Poison
    }
}
