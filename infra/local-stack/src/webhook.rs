//! Signing webhooks as Stripe does.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The value of the header `Stripe-Signature` for a body sent at `timestamp`.
#[must_use]
pub fn signature(secret: &str, timestamp: i64, body: &str) -> String {
    // HMAC takes keys of any length; there is no other reason to refuse one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{timestamp}.{body}").as_bytes());
    format!("t={timestamp},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_stripes_sdk_makes() {
        let body = r#"{"id":"evt_1","note":"Zoë € 😀"}"#;
        assert_eq!(
            signature("whsec_test_secret", 1_700_000_000, body),
            "t=1700000000,v1=a737d953b6084718ebcb27d16a79417b680cd11751fd7dbb2e5dbfd35b666a7d"
        );
    }
}
