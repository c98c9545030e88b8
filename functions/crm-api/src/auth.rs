//! Who calls, and what they may do.

use chrono::{DateTime, Utc};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use saldo_billing::id::ApiKeyId;
use saldo_store::entities::{ApiKey, Scope};
use saldo_store::load;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::problem::Problem;

/// What every key made through the API begins with, so that scanners of leaked secrets find it.
const PREFIX: &str = "sk_saldo_";
/// `key_` and 26 digits.
const ID_LEN: usize = 30;
/// More is no key.
const LONGEST: usize = 512;

/// The caller that the first key stands for.
const FIRST_CALLER: &str = "first";

const CHALLENGE: &str = r#"Bearer realm="saldo""#;
const INVALID_TOKEN: &str = r#"Bearer realm="saldo", error="invalid_token""#;
const NEEDS_READ: &str = r#"Bearer realm="saldo", error="insufficient_scope", scope="read""#;
const NEEDS_WRITE: &str = r#"Bearer realm="saldo", error="insufficient_scope", scope="write""#;
const NEEDS_ADMIN: &str = r#"Bearer realm="saldo", error="insufficient_scope", scope="admin""#;

/// SHA-256 of a secret. Our secrets have 128 random bits at least, so nothing slower is needed.
#[derive(Clone)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of a secret; blanks around it do not count.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.trim().as_bytes()).into())
    }

    /// As it is stored.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Whether it is the same, in a time that does not tell where they differ.
    fn is(&self, other: &[u8]) -> bool {
        self.0.ct_eq(other).into()
    }
}

/// Who calls: the first key, or the id of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller(pub String);

/// A new key: its text, which is shown once, and what is kept of it.
pub struct NewKey {
    /// What the caller sends from now on.
    pub text: String,
    /// What is stored.
    pub hash: SecretHash,
}

impl NewKey {
    /// The key with this id and these 256 random bits.
    pub fn of(id: ApiKeyId, secret: [u8; 32]) -> Self {
        let secret = hex::encode(secret);
        Self { text: format!("{PREFIX}{id}_{secret}"), hash: SecretHash::of(&secret) }
    }
}

/// What a request needs.
pub fn scope_for(method: &Method, path: &str) -> Scope {
    if path == "/v1/api-keys" || path.starts_with("/v1/api-keys/") {
        Scope::Admin
    } else if matches!(*method, Method::GET | Method::HEAD) {
        Scope::Read
    } else {
        Scope::Write
    }
}

/// Finds out who calls and whether they may.
///
/// # Errors
/// 401 without a key that is known and not revoked, 403 when it may not do this.
pub async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    needed: Scope,
    now: DateTime<Utc>,
) -> Result<Caller, Problem> {
    let token = bearer(headers)?;
    let first = app.first_key.current(now).await;
    if SecretHash::of(first.expose_secret()).is(&SecretHash::of(token).0) {
        return Ok(Caller(FIRST_CALLER.to_owned()));
    }
    let unknown = || Problem::unauthorised("the API key is not known, or was revoked", INVALID_TOKEN);
    let (id, secret) = parse(token).ok_or_else(unknown)?;
    let key = load::<ApiKey>(app.store.as_ref(), &ApiKey::key_of(id)).await?.ok_or_else(unknown)?.value;
    let kept = hex::decode(&key.secret_hash).map_err(Problem::internal)?;
    if !SecretHash::of(secret).is(&kept) || key.revoked_at.is_some() {
        return Err(unknown());
    }
    if key.scopes.contains(&needed) { Ok(Caller(id.to_string())) } else { Err(insufficient(needed)) }
}

fn insufficient(needed: Scope) -> Problem {
    let (name, challenge) = match needed {
        Scope::Read => ("read", NEEDS_READ),
        Scope::Write => ("write", NEEDS_WRITE),
        Scope::Admin => ("admin", NEEDS_ADMIN),
    };
    Problem::forbidden(format!("the API key lacks the scope `{name}`"), challenge)
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let missing = || Problem::unauthorised("expected the header `Authorization: Bearer <key>`", CHALLENGE);
    let malformed = || Problem::unauthorised("expected the header `Authorization: Bearer <key>`", INVALID_TOKEN);
    let header = given.next().ok_or_else(missing)?;
    if given.next().is_some() {
        return Err(malformed());
    }
    let (scheme, token) = header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(malformed)?;
    let token = token.trim();
    let plausible = scheme.eq_ignore_ascii_case("bearer") && (1..=LONGEST).contains(&token.len());
    if plausible { Ok(token) } else { Err(malformed()) }
}

fn parse(token: &str) -> Option<(ApiKeyId, &str)> {
    let (id, secret) = token.strip_prefix(PREFIX)?.split_at_checked(ID_LEN)?;
    Some((id.parse().ok()?, secret.strip_prefix('_')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_made() {
        let id = ApiKeyId::from_random(7);
        let key = NewKey::of(id, [0xab; 32]);
        let (read, secret) = parse(&key.text).unwrap();
        assert_eq!(read, id);
        assert_eq!(SecretHash::of(secret).to_hex(), key.hash.to_hex());
        assert_eq!(secret.len(), 64);
    }

    #[test]
    fn what_is_no_key_is_not_looked_up() {
        for text in ["", "sk_saldo_", "sk_saldo_key_", "sk_live_key_0000000000000000000000000a_00", "sk_saldo_ключ"]
        {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn keys_are_managed_by_admins_only_and_everything_else_is_read_or_written() {
        assert_eq!(scope_for(&Method::GET, "/v1/api-keys"), Scope::Admin);
        assert_eq!(scope_for(&Method::DELETE, "/v1/api-keys/key_1"), Scope::Admin);
        assert_eq!(scope_for(&Method::GET, "/v1/api-keys-of-mine"), Scope::Read);
        assert_eq!(scope_for(&Method::GET, "/v1/invoices"), Scope::Read);
        for method in [Method::POST, Method::PATCH, Method::DELETE, Method::PUT] {
            assert_eq!(scope_for(&method, "/v1/invoices"), Scope::Write, "{method}");
        }
    }
}
