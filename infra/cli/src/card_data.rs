//! Keeps what looks like card data off the screen.
//!
//! None should be there: providers send tokens and the last four digits. But a message in a dead-letter queue may be anything,
//! and so may what a customer wrote into a provider's form. Hence this masks more than it must: any 13 to 19 digits with a
//! right check digit, whatever network they are of.

use serde_json::Value;

/// What stands in its place.
const MASK: &str = "[masked: looks like card data]";

/// Fields that name a card's number or its check value.
const FIELDS: [&str; 6] = ["cvc", "cvc2", "cvv", "cvv2", "pan", "card_number"];

/// JSON without card data.
pub(crate) fn masked(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(masked_text(&text)),
        Value::Number(number) => {
            let digits = number.to_string();
            if is_card(digits.as_bytes()) { MASK.into() } else { Value::Number(number) }
        }
        Value::Array(values) => values.into_iter().map(masked).collect(),
        Value::Object(fields) => {
            let clean = |(name, value): (String, Value)| {
                let is_secret = FIELDS.contains(&name.to_ascii_lowercase().as_str()) && !value.is_null();
                (masked_text(&name), if is_secret { MASK.into() } else { masked(value) })
            };
            Value::Object(fields.into_iter().map(clean).collect())
        }
        Value::Null | Value::Bool(_) => value,
    }
}

/// Text without card data.
pub(crate) fn masked_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let (number, after) = from.split_at(run(from));
        out.push_str(before);
        out.push_str(if holds_card(number) { MASK } else { number });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// How long the digits at the beginning are, with single blanks and dashes between them.
fn run(text: &str) -> usize {
    let (mut at, mut end) = (0_usize, 0_usize);
    for byte in text.bytes() {
        at = at.saturating_add(1);
        if byte.is_ascii_digit() {
            end = at;
        } else if !matches!(byte, b' ' | b'-') || end.saturating_add(1) != at {
            break;
        }
    }
    end
}

/// Whether some of the groups of digits that follow each other make a card number: after it may stand when it expires.
fn holds_card(number: &str) -> bool {
    let groups: Vec<&str> = number.split([' ', '-']).collect();
    (0..groups.len()).any(|first| {
        let mut digits = Vec::new();
        groups.iter().skip(first).any(|group| {
            digits.extend(group.bytes());
            is_card(&digits)
        })
    })
}

/// Whether these digits are as many as a card number has, with a right check digit (ISO/IEC 7812, Luhn).
fn is_card(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().fold(0_u32, |sum, (place, byte)| {
        let digit = u32::from(byte.saturating_sub(b'0'));
        let weighted = match (place & 1 == 1, digit >= 5) {
            (false, _) => digit,
            (true, false) => digit.saturating_mul(2),
            (true, true) => digit.saturating_mul(2).saturating_sub(9),
        };
        sum.saturating_add(weighted)
    });
    (13..=19).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) && sum.checked_rem(10) == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn card_numbers_do_not_survive_however_they_are_written() {
        for text in ["4242424242424242", "4242 4242 4242 4242", "5555-5555-5555-4444", "4242 4242 4242 4242 12"] {
            assert_eq!(masked_text(&format!("Zoë: {text}, thanks")), format!("Zoë: {MASK}, thanks"));
        }
        let event = json!({ "note": "4242 4242 4242 4242", "n": 4_242_424_242_424_242_u64, "card": { "cvc": "123" } });
        assert_eq!(masked(event), json!({ "note": MASK, "n": MASK, "card": { "cvc": MASK } }));
    }

    #[test]
    fn what_operators_look_for_is_left_alone() {
        for text in
            ["evt_3QxNbKLkdIwHu7ix1fUvZ8bM", "2026-01-31T23:59:59.000Z", "INV-000042", "4242", "名前 1772443804"]
        {
            assert_eq!(masked_text(text), text);
        }
        let event = json!({ "last4": "4242", "created": 1_772_443_804, "cvc_check": "pass", "amount": 11_900 });
        assert_eq!(masked(event.clone()), event);
    }
}
