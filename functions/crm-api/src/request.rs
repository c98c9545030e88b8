//! What a request brings along: its moment, its caller, its path, query and body.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use saldo_store::{CommitError, Cursor, Store, Transaction, TransactionError};
use serde::de::{DeserializeOwned, Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::error::Category;

use crate::app::App;
use crate::auth::Caller;
use crate::card::Clean;
use crate::idempotency::Keyed;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::shape::Shaped;
use crate::wire::{Scalar, Wire};

/// The largest body: 5,000 lines of an invoice fit.
pub const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How many things a page of a list has when nothing is said.
pub const PAGE_DEFAULT: u32 = 25;
/// How many things a page of a list can have.
pub const PAGE_MAX: u32 = 100;

/// A request that was let in.
#[derive(Debug, Clone)]
pub struct Call {
    /// When it came: the one moment that everything it does happens at.
    pub now: DateTime<Utc>,
    /// Who made it.
    pub caller: Caller,
    /// The key it was made under, if any.
    pub keyed: Option<Keyed>,
    /// The address it came to, `https://api.example.com`.
    pub origin: String,
}

impl Call {
    /// The store in which this request's effect and answer are written together.
    pub fn store(&self, app: &App) -> Arc<dyn Store> {
        let store = Arc::clone(&app.store);
        self.keyed.as_ref().map_or_else(|| Arc::clone(&store), |keyed| keyed.guard(Arc::clone(&store)))
    }

    /// Remembers the answer in the transaction that has the effect.
    ///
    /// # Errors
    /// When the answer is too long to be kept.
    pub fn keep(&self, transaction: &mut Transaction, reply: &Reply) -> Result<(), TransactionError> {
        self.keyed.as_ref().map_or(Ok(()), |keyed| keyed.keep(transaction, reply, self.now))
    }

    /// Remembers an answer that nothing had to be done for, so that a repetition gets the same.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn remember(&self, app: &App, reply: Reply) -> Result<Reply, Problem> {
        let mut transaction = Transaction::new();
        self.keep(&mut transaction, &reply)?;
        self.commit(app, transaction).await?;
        Ok(reply)
    }

    /// Commits; nothing was written when this fails, unless the problem says that this is not known.
    ///
    /// # Errors
    /// [`CommitError`], which tells a conflict from all else.
    pub async fn commit(&self, app: &App, transaction: Transaction) -> Result<(), CommitError> {
        self.store(app).commit(transaction).await.map(|_units| ())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Only `admit` puts it there: a route that was not guarded by it can do nothing.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::internal("a route is not guarded"))
    }
}

/// What the path names: the first of its parameters.
pub struct Named<T>(pub T);

impl<S: Send + Sync, T: Scalar> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_not_utf8| Problem::invalid("path", "expected UTF-8"))?;
        let (name, text) = params.iter().next().ok_or_else(|| Problem::internal("the path has no parameter"))?;
        T::read(text).map(Self).map_err(|reason| Problem::invalid(name, reason))
    }
}

/// The query, each parameter known and given once.
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        let read = serde_path_to_error::deserialize(deserializer);
        read.map(Self).map_err(|error| field_problem(&error.path().to_string(), &error.inner().to_string()))
    }
}

/// A JSON body of this shape, without card numbers.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = bytes(request, state).await?;
        if !is_json {
            return Err(Problem::unsupported_media_type());
        }
        json(&bytes).map(Self)
    }
}

/// A body of this shape, or none at all.
pub struct OptionalBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = bytes(request, state).await?;
        match (bytes.is_empty(), is_json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) => json(&bytes).map(Self),
            (false, false) => Err(Problem::unsupported_media_type()),
        }
    }
}

/// Nothing to say: no body, or `{}`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    // `admit` has read it already and cut it off where it is too large.
    Bytes::from_request(request, state).await.map_err(|_unread| Problem::invalid("body", "it could not be read"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let media_type = given.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let known = ["application/json", "application/merge-patch+json"];
    given.next().is_none() && known.iter().any(|one| essence.eq_ignore_ascii_case(one))
}

/// Reads JSON, first for what must not be in it. What stands where it must not is told last: the reader of `T` knows its fields.
fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    read::<Clean>(bytes)?;
    let value = read(bytes)?;
    read::<Shaped>(bytes)?;
    Ok(value)
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        match inner.classify() {
            Category::Data => field_problem(&path, &inner.to_string()),
            Category::Io | Category::Syntax | Category::Eof => not_json(&inner),
        }
    })?;
    deserializer.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::malformed(format!("the body is not JSON that can be read: {error}"))
        .blaming("body", "expected one JSON value, not nested deeply")
}

/// Blames the field: of one that is missing or there twice serde tells the parent's path only.
fn field_problem(path: &str, message: &str) -> Problem {
    let reason = message.split(" at line ").next().unwrap_or(message);
    let named = reason.strip_prefix("missing field `").or_else(|| reason.strip_prefix("duplicate field `"));
    let named = named.and_then(|rest| rest.split('`').next());
    let field = match (path, named) {
        ("." | "", Some(name)) => name.to_owned(),
        (parent, Some(name)) => format!("{parent}.{name}"),
        ("." | "", None) => "body".to_owned(),
        (path, None) => path.to_owned(),
    };
    Problem::invalid(field, reason)
}

/// How many things a page shall have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub u32);

impl Default for Limit {
    fn default() -> Self {
        Self(PAGE_DEFAULT)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let limit = text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit) && !text.starts_with(['+', '0']));
        limit.map(Self).ok_or_else(|| D::Error::custom(format!("expected a number from 1 to {PAGE_MAX}")))
    }
}

/// Where a page shall begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After(pub Cursor);

impl<'de> Deserialize<'de> for After {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

/// Which page of a list, where nothing else is asked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PageParams {
    /// How many things.
    pub limit: Limit,
    /// From where on.
    pub cursor: Option<After>,
}

/// A whole number; JSON knows no other difference between `7` and `7.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Whole<T>(pub T);

impl<'de, T: TryFrom<i64>> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number<T>(PhantomData<T>);
        impl<T: TryFrom<i64>> Visitor<'_> for Number<T> {
            type Value = Whole<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number within its bounds")
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Whole<T>, E> {
                let out_of_bounds = || E::invalid_value(Unexpected::Signed(number), &self);
                T::try_from(number).ok().map(Whole).ok_or_else(out_of_bounds)
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Whole<T>, E> {
                let out_of_bounds = || E::invalid_value(Unexpected::Unsigned(number), &self);
                let number = i64::try_from(number).ok().and_then(|number| T::try_from(number).ok());
                number.map(Whole).ok_or_else(out_of_bounds)
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Whole<T>, E> {
                // Written out, a whole number has no point; a fraction, an infinity and a huge number do not parse.
                let whole = number.to_string().parse::<i64>().ok().and_then(|number| T::try_from(number).ok());
                whole.map(Whole).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
            }
        }
        deserializer.deserialize_any(Number(PhantomData))
    }
}

/// A field that may be left out, but not be null.
///
/// # Errors
/// When it is null or not what it should be.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A field that may be left out, or be null to take away what is there.
///
/// # Errors
/// When it is not what it should be.
pub fn given_or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// Takes the values out of their wire form.
pub fn plain<T>(wires: Vec<Wire<T>>) -> Vec<T> {
    wires.into_iter().map(|wire| wire.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Order {
        lines: Vec<Line>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Line {
        quantity: Wire<crate::wire::Quantity>,
    }

    fn problem(body: &str) -> String {
        format!("{:?}", json::<Order>(body.as_bytes()).unwrap_err())
    }

    #[test]
    fn the_field_that_is_to_blame_is_named() {
        let cases = [
            (r#"{"lines":[{"quantity":"1"},{"quantity":2.5}]}"#, "lines[1].quantity"),
            (r#"{"lines":[{"quantity":"0"}]}"#, "lines[0].quantity"),
            (r#"{"lines":[{}]}"#, "lines[0].quantity"),
            (r"{}", "\"lines\""),
            (r#"{"lines":[],"lines":[]}"#, "\"lines\""),
            (r#"{"lines":[{"quantity":"1","colour":"red"}]}"#, "lines[0].colour"),
            (r"[]", "\"body\""),
            (r#"{"lines":[{"quantity":"4242424242424242"}]}"#, "card number"),
        ];
        for (body, blamed) in cases {
            assert!(problem(body).contains(blamed), "{body}: {}", problem(body));
        }
    }

    #[test]
    fn whole_numbers_are_whole_however_they_are_written() {
        let read = |json: &str| serde_json::from_str::<Whole<u16>>(json).map(|whole| whole.0).ok();
        assert_eq!([read("7"), read("7.0"), read("7e2"), read("0")], [Some(7), Some(7), Some(700), Some(0)]);
        assert_eq!([read("7.5"), read("-1"), read("65536"), read("1e300"), read("\"7\""), read("null")], [None; 6]);
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for body in ["", "{", r#"{"lines":[]} x"#, "nul", "\u{feff}{}", &deep] {
            assert!(problem(body).contains("not JSON"), "{body}");
        }
    }
}
