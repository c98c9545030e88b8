//! Finds what looks like a card number, so that none is ever stored (PCI DSS: only tokens of a provider come in here).
//!
//! A card number is a run of 13 to 19 digits, single blanks or dashes of any kind between them allowed, that stands by itself,
//! begins as a card network's numbers of that length do (ISO/IEC 7812) and has a right check digit (Luhn). Beside other digits
//! it is found where it is one group or grouped as on a card. Telephone numbers with `+` and IBANs are none.

use std::fmt;
use std::ops::Range;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Whether a card number stands somewhere in the text.
pub fn is_in(text: &str) -> bool {
    let text: String = text.chars().map(plain).collect();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) {
        let start = at.saturating_add(found);
        let groups = groups(bytes, start);
        let mut on_a_card = parts(&groups).filter(|part| is_grouped_as_on_a_card(part));
        let is_found = on_a_card.any(|part| holds_card(bytes, part))
            || (is_evenly_separated(bytes, &groups) && holds_card(bytes, &groups));
        if is_found && !is_iban(bytes, start, &digits(bytes, &groups)) {
            return true;
        }
        at = groups.last().map_or(bytes.len(), |last| last.end);
    }
    false
}

/// The blank or dash that stands for all of its kind: what is copied from a page has other ones than what is typed.
fn plain(c: char) -> char {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        c if c.is_whitespace() => ' ',
        c => c,
    }
}

/// The most groups that a number is written in on a card.
const GROUPS_MAX: usize = 5;

/// The groups of digits from `start` on between which there is one blank or dash.
fn groups(bytes: &[u8], start: usize) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut at = start;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        if length == 0 {
            return groups;
        }
        let end = at.saturating_add(length);
        groups.push(at..end);
        if !matches!(bytes.get(end), Some(b' ' | b'-')) {
            return groups;
        }
        at = end.saturating_add(1);
    }
}

/// All neighbours, as many as stand on a card.
fn parts(groups: &[Range<usize>]) -> impl Iterator<Item = &[Range<usize>]> {
    (1..=GROUPS_MAX).flat_map(|count| groups.windows(count))
}

fn digits(bytes: &[u8], groups: &[Range<usize>]) -> Vec<u8> {
    let digits = groups.iter().flat_map(|group| bytes.get(group.clone()).unwrap_or_default());
    digits.map(|byte| byte.saturating_sub(b'0')).collect()
}

/// In one piece, by fours, or four, six and the rest.
fn is_grouped_as_on_a_card(groups: &[Range<usize>]) -> bool {
    let lengths: Vec<usize> = groups.iter().map(ExactSizeIterator::len).collect();
    matches!(lengths.as_slice(), [13..=19] | [4, 4, 4, 1..=4] | [4, 4, 4, 4, 1..=3] | [4, 6, 4..=5])
}

fn holds_card(bytes: &[u8], groups: &[Range<usize>]) -> bool {
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else { return false };
    stands_alone(bytes, first.start, last.end) && is_card(&digits(bytes, groups))
}

/// Whether all groups have the same between them; two dates beside each other have blanks and dashes.
fn is_evenly_separated(bytes: &[u8], groups: &[Range<usize>]) -> bool {
    let mut between = groups.iter().rev().skip(1).map(|group| bytes.get(group.end));
    let separator = between.next();
    between.all(|other| Some(other) == separator)
}

fn stands_alone(bytes: &[u8], start: usize, end: usize) -> bool {
    let part_of_more = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'.');
    let before = start.checked_sub(1).and_then(|at| bytes.get(at));
    let after = bytes.get(end).filter(|byte| **byte != b'.');
    !before.is_some_and(part_of_more) && !after.is_some_and(part_of_more)
}

fn is_card(digits: &[u8]) -> bool {
    let first = |count: usize| {
        digits.iter().take(count).fold(0_u32, |number, digit| number.saturating_mul(10).saturating_add((*digit).into()))
    };
    let network = match digits.len() {
        13 => first(1) == 4,
        14 => matches!(first(2), 30 | 36 | 38 | 39),
        15 => matches!(first(2), 34 | 37) || first(1) == 1 || first(1) == 5 || first(1) == 6,
        16 => (2..=6).contains(&first(1)) || first(1) == 9,
        17..=19 => (3..=6).contains(&first(1)),
        _ => false,
    };
    network && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().fold(0_u32, |sum, (place, digit)| {
        let digit = u32::from(*digit);
        let weighted = match (place & 1 == 1, digit >= 5) {
            (false, _) => digit,
            (true, false) => digit.saturating_mul(2),
            (true, true) => digit.saturating_mul(2).saturating_sub(9),
        };
        sum.saturating_add(weighted)
    });
    sum.checked_rem(10) == Some(0)
}

/// Whether two letters of a country stand before the digits and the whole has the check digits of an IBAN (ISO 13616).
fn is_iban(bytes: &[u8], start: usize, digits: &[u8]) -> bool {
    let country = start.checked_sub(2).and_then(|from| bytes.get(from..start)).or_else(|| {
        let from = start.checked_sub(3)?;
        bytes.get(from..start.checked_sub(1)?)
    });
    let Some([a, b]) = country.filter(|letters| letters.iter().all(u8::is_ascii_uppercase)) else { return false };
    let letter = |byte: &u8| u32::from(byte.saturating_sub(b'A')).saturating_add(10);
    let (check, account) = digits.split_at(digits.len().min(2));
    let parts = account.iter().map(|digit| u32::from(*digit)).chain([letter(a), letter(b)]);
    let parts = parts.chain(check.iter().map(|digit| u32::from(*digit)));
    let rest = parts.fold(0_u32, |rest, part| {
        let shift = if part > 9 { 100 } else { 10 };
        rest.saturating_mul(shift).saturating_add(part).checked_rem(97).unwrap_or(0)
    });
    rest == 1
}

/// JSON in which no text and no number is a card number; reading it fails where one stands.
pub struct Clean;

const REFUSAL: &str =
    "this looks like a card number, which must never be sent here: use a token of the payment provider";

impl<'de> Deserialize<'de> for Clean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Clean;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Clean, E> {
        Ok(Clean)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Clean, E> {
        Ok(Clean)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Clean, E> {
        if is_in(&number.to_string()) { Err(E::custom(REFUSAL)) } else { Ok(Clean) }
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Clean, E> {
        Ok(Clean)
    }

    fn visit_unit<E: Error>(self) -> Result<Clean, E> {
        Ok(Clean)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Clean, E> {
        if is_in(text) { Err(E::custom(REFUSAL)) } else { Ok(Clean) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Clean, A::Error> {
        while seq.next_element::<Clean>()?.is_some() {}
        Ok(Clean)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Clean, A::Error> {
        while map.next_entry::<String, Clean>()?.is_some() {}
        Ok(Clean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_are_found_however_they_are_written() {
        for text in [
            "4242424242424242",
            "4242 4242 4242 4242",
            "4242-4242-4242-4242",
            "my card is 5555555555554444, thanks",
            "378282246310005",
            "30569309025904",
            "6011111111111117",
            "3530111333300000",
            "4222222222222",
            "(2223003122003222)",
            "6304000000000000000",
            "Paid by 4000056655665556.",
            "Zoë 4242 4242 4242 4242 12/27",
            "Order 12 4242424242424242",
            "12 4242-4242-4242-4242-123",
            "1 3782 822463 10005",
            "4242-4242 4242-4242",
            "4242\u{a0}4242\u{a0}4242\u{a0}4242",
            "4242\u{2013}4242\u{2013}4242\u{2013}4242",
            "4242\u{202f}4242\t4242\n4242",
        ] {
            assert!(is_in(text), "{text}");
        }
    }

    #[test]
    fn other_long_numbers_are_let_through() {
        for text in [
            "4242424242424241",
            "1700000000005",
            "1732240000123456789",
            "+4915112345678",
            "BE68 5390 0754 7034",
            "AT611904300234573201",
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "from 2027-01-01 2027-01-31",
            "550e8400-e29b-41d4-a716-446655440000",
            "pm_4242424242424242",
            "inv_01hqzv5w3e8m4tq2cyx7n9bkda",
            "2027-01-31",
            "",
        ] {
            assert!(!is_in(text), "{text}");
        }
    }

    #[test]
    fn the_place_of_a_card_number_in_json_is_told() {
        let json = r#"{"name":"Zoë","lines":[{"description":"x"},{"description":"4242 4242 4242 4242"}]}"#;
        let error =
            serde_path_to_error::deserialize::<_, Clean>(&mut serde_json::Deserializer::from_str(json)).err().unwrap();
        assert_eq!(error.path().to_string(), "lines[1].description");
        assert!(serde_json::from_str::<Clean>(r#"{"n":4242424242424242}"#).is_err());
        assert!(serde_json::from_str::<Clean>(r#"{"n":[1,2.5,-3,null,true,"x"]}"#).is_ok());
    }
}
