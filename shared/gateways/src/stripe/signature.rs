//! `Stripe-Signature` (docs.stripe.com/webhooks#verify-manually).

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use http::HeaderMap;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::provider::Rejection;

/// The header that carries time and signatures.
pub(super) const HEADER: &str = "stripe-signature";
/// How far the signature's time may be from ours, either way. Stripe's own libraries only look back.
const TOLERANCE: TimeDelta = TimeDelta::seconds(300);
/// More than Stripe sends while a secret is rolled, and few enough to compare.
const SIGNATURES_MAX: usize = 16;
const HEADER_BYTES_MAX: usize = 4_096;

struct Signed {
    timestamp: String,
    at: DateTime<Utc>,
    signatures: Vec<[u8; 32]>,
}

/// Checks that the body was signed with one of the secrets, lately.
pub(super) fn verify(
    body: &[u8],
    headers: &HeaderMap,
    secrets: &[String],
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    if secrets.iter().all(String::is_empty) {
        return Err(Rejection::NoSecret);
    }
    let signed = parse(header(headers)?)?;
    if now.signed_duration_since(signed.at).abs() > TOLERANCE {
        return Err(Rejection::Stale { signed_at: signed.at, now });
    }
    let mut genuine = Choice::from(0);
    // An empty secret would let anybody sign.
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let expected = sign(secret, &signed.timestamp, body)?;
        for signature in &signed.signatures {
            genuine |= expected.ct_eq(signature);
        }
    }
    if bool::from(genuine) { Ok(()) } else { Err(Rejection::BadSignature) }
}

fn header(headers: &HeaderMap) -> Result<&str, Rejection> {
    let mut values = headers.get_all(HEADER).iter();
    let value = values.next().ok_or(Rejection::MissingHeader { name: HEADER })?;
    if values.next().is_some() {
        return Err(Rejection::RepeatedHeader { name: HEADER });
    }
    value
        .to_str()
        .ok()
        .filter(|text| text.len() <= HEADER_BYTES_MAX)
        .ok_or(Rejection::MalformedHeader { name: HEADER, problem: "expected at most 4096 printable characters" })
}

fn parse(header: &str) -> Result<Signed, Rejection> {
    let malformed = |problem| Rejection::MalformedHeader { name: HEADER, problem };
    let mut timestamp = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        let (name, value) = part.trim().split_once('=').ok_or(malformed("expected name=value, separated by commas"))?;
        match name {
            "t" if timestamp.is_some() => return Err(malformed("t= stands there twice")),
            "t" => timestamp = Some(value),
            "v1" if signatures.len() == SIGNATURES_MAX => return Err(malformed("more than 16 signatures")),
            "v1" => {
                let mut bytes = [0; 32];
                if hex::decode_to_slice(value, &mut bytes).is_ok() {
                    signatures.push(bytes);
                }
            }
            // v0 is a signature of test mode that proves nothing; what comes later is not for this version.
            _ => {}
        }
    }
    let timestamp = timestamp.ok_or(malformed("t= is missing"))?;
    let at = Some(timestamp)
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .ok_or(malformed("t= is not a number of seconds"))?;
    if signatures.is_empty() {
        return Err(malformed("no v1= with 64 hexadecimal digits"));
    }
    Ok(Signed { timestamp: timestamp.to_owned(), at, signatures })
}

fn sign(secret: &str, timestamp: &str, body: &[u8]) -> Result<[u8; 32], Rejection> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok().ok_or(Rejection::NoSecret)?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    Ok(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"id":"evt_1","note":"Zoë € 😀"}"#;
    const SECRET: &str = "whsec_test_secret";
    const KNOWN: &str = "a737d953b6084718ebcb27d16a79417b680cd11751fd7dbb2e5dbfd35b666a7d";
    const SIGNED_AT: i64 = 1_700_000_000;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn verify_header(value: &str, secrets: &[&str], now: i64) -> Result<(), Rejection> {
        let mut headers = HeaderMap::new();
        headers.append("Stripe-Signature", value.parse().unwrap());
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        verify(BODY.as_bytes(), &headers, &secrets, at(now))
    }

    #[test]
    fn the_known_answer_is_genuine() {
        assert_eq!(BODY.len(), 37);
        assert_eq!(verify_header(&format!("t={SIGNED_AT},v1={KNOWN}"), &[SECRET], SIGNED_AT), Ok(()));
        assert_eq!(verify_header(&format!("t={SIGNED_AT},v1={}", KNOWN.to_uppercase()), &[SECRET], SIGNED_AT), Ok(()));
    }

    #[test]
    fn one_changed_byte_in_body_time_or_signature_is_not() {
        let mut headers = HeaderMap::new();
        headers.append(HEADER, format!("t={SIGNED_AT},v1={KNOWN}").parse().unwrap());
        let mut body = BODY.as_bytes().to_vec();
        body[10] ^= 1;
        assert_eq!(verify(&body, &headers, &[SECRET.to_owned()], at(SIGNED_AT)), Err(Rejection::BadSignature));
        let later = SIGNED_AT + 1;
        assert_eq!(verify_header(&format!("t={later},v1={KNOWN}"), &[SECRET], later), Err(Rejection::BadSignature));
        let flipped = KNOWN.replacen('a', "b", 1);
        assert_eq!(
            verify_header(&format!("t={SIGNED_AT},v1={flipped}"), &[SECRET], later),
            Err(Rejection::BadSignature)
        );
    }

    #[test]
    fn five_minutes_either_way_and_no_more() {
        let header = format!("t={SIGNED_AT},v1={KNOWN}");
        for now in [SIGNED_AT - 300, SIGNED_AT + 300] {
            assert_eq!(verify_header(&header, &[SECRET], now), Ok(()));
        }
        for now in [SIGNED_AT - 301, SIGNED_AT + 301, SIGNED_AT - 86_400] {
            assert!(matches!(verify_header(&header, &[SECRET], now), Err(Rejection::Stale { .. })), "{now}");
        }
    }

    #[test]
    fn while_a_secret_is_rolled_either_secret_and_any_v1_will_do() {
        let other = "0".repeat(64);
        let header = format!("t={SIGNED_AT},v0=00,v1={other},v1={KNOWN}");
        assert_eq!(verify_header(&header, &["whsec_old", SECRET], SIGNED_AT), Ok(()));
        assert_eq!(verify_header(&header, &[SECRET, "whsec_new"], SIGNED_AT), Ok(()));
        assert_eq!(verify_header(&header, &["whsec_old"], SIGNED_AT), Err(Rejection::BadSignature));
    }

    #[test]
    fn w9_without_a_secret_everything_is_refused() {
        let header = format!("t={SIGNED_AT},v1={KNOWN}");
        assert_eq!(verify_header(&header, &[], SIGNED_AT), Err(Rejection::NoSecret));
        assert_eq!(verify_header(&header, &[""], SIGNED_AT), Err(Rejection::NoSecret));
        let signed_with_nothing = hex::encode(sign("", "1700000000", BODY.as_bytes()).unwrap());
        assert_eq!(
            verify_header(&format!("t={SIGNED_AT},v1={signed_with_nothing}"), &["", SECRET], SIGNED_AT),
            Err(Rejection::BadSignature)
        );
    }

    #[test]
    fn a_header_that_is_missing_repeated_or_malformed_is_told_apart() {
        let secrets = [SECRET.to_owned()];
        let mut headers = HeaderMap::new();
        assert!(matches!(verify(b"", &headers, &secrets, at(0)), Err(Rejection::MissingHeader { .. })));
        for value in
            ["", "t=1", "v1=00", "t=x,v1=00", "t=-1,v1=00", "t=1,t=2,v1=00", "t=1,v1=zz", "t=1,v0=00", "rubbish"]
        {
            assert!(matches!(verify_header(value, &[SECRET], 1), Err(Rejection::MalformedHeader { .. })), "{value}");
        }
        let two_times = format!("t={SIGNED_AT},t={SIGNED_AT},v1={KNOWN}");
        assert!(matches!(verify_header(&two_times, &[SECRET], SIGNED_AT), Err(Rejection::MalformedHeader { .. })));
        let value: http::HeaderValue = format!("t={SIGNED_AT},v1={KNOWN}").parse().unwrap();
        headers.append(HEADER, value.clone());
        headers.append(HEADER, value);
        assert!(matches!(
            verify(BODY.as_bytes(), &headers, &secrets, at(SIGNED_AT)),
            Err(Rejection::RepeatedHeader { .. })
        ));
    }
}
