//! Who may call the API, and what was answered before.

use chrono::{DateTime, Utc};
use saldo_billing::id::{ApiKeyId, SellerId};
use serde::{Deserialize, Serialize};

use super::list;
use crate::Key;
use crate::entity::{Entity, Indexes, instant_text};

/// What a key for the API may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Read everything.
    Read,
    /// Change everything but keys.
    Write,
    /// Make and revoke keys.
    Admin,
}

/// A key for the API; its secret is kept only as a hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id, which the key itself begins with.
    pub id: ApiKeyId,
    /// What it is for, in the words of who made it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// SHA-256 of the secret, in hex; the secret has 256 random bits, so nothing slower is needed.
    pub secret_hash: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// The key of the item.
    #[must_use]
    pub fn key_of(id: ApiKeyId) -> Key {
        Key::new(format!("API_KEY#{id}"), "API_KEY")
    }
}

impl Entity for ApiKey {
    fn key(&self) -> Key {
        Self::key_of(self.id)
    }

    fn indexes(&self) -> Indexes {
        Indexes { kind: Some((list::API_KEYS.to_owned(), instant_text(self.created_at))), ..Indexes::default() }
    }
}

/// What was answered under an `Idempotency-Key`; kept for a day, and with the effect in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// Who asked: the id of the API key.
    pub caller: String,
    /// The header's value.
    pub key: String,
    /// SHA-256 of method, path and body: the same key with another request is refused.
    pub request_hash: String,
    /// The status that was answered.
    pub status: u16,
    /// The body that was answered.
    pub body: String,
    /// When.
    pub answered_at: DateTime<Utc>,
}

impl IdempotencyRecord {
    /// The key of the item.
    #[must_use]
    pub fn key_of(caller: &str, key: &str) -> Key {
        Key::new(format!("IDEMPOTENCY#{caller}#{key}"), "ANSWER")
    }
}

impl Entity for IdempotencyRecord {
    fn key(&self) -> Key {
        Self::key_of(&self.caller, &self.key)
    }

    fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.answered_at.checked_add_signed(chrono::Duration::days(1))
    }
}

/// The seller that new customers belong to when a request names none: the only one, or the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SellerDefaults {
    /// Which seller.
    pub seller: SellerId,
}

impl SellerDefaults {
    /// The key of the one item.
    #[must_use]
    pub fn key_of() -> Key {
        Key::new("DEFAULTS", "SELLER")
    }
}

impl Entity for SellerDefaults {
    fn key(&self) -> Key {
        Self::key_of()
    }
}
