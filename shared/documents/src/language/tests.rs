use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use saldo_billing::party::{Address, Country};
use saldo_money::{Currency, Money};
use serde_json::json;

use super::*;

fn texts(code: &str) -> &'static Texts {
    Texts::of(&code.parse().unwrap())
}

/// The places in braces that a text has.
fn places(text: &str) -> BTreeSet<String> {
    text.split('{').skip(1).map(|rest| rest.split_once('}').expect("each brace is closed").0.to_owned()).collect()
}

/// Each key of a language file with the places of its text.
fn keys(table: &toml::Table, path: &str, keys: &mut BTreeMap<String, BTreeSet<String>>) {
    for (key, value) in table {
        let path = format!("{path}.{key}");
        match value.as_table() {
            Some(inner) => self::keys(inner, &path, keys),
            None => {
                let text = value.as_str().unwrap();
                assert!(!text.trim().is_empty(), "{path} says nothing");
                keys.insert(path, places(text));
            }
        }
    }
}

#[test]
fn every_language_file_has_the_keys_and_the_places_of_english() {
    let read = |code: &str| {
        let file = format!("{}/languages/{code}.toml", env!("CARGO_MANIFEST_DIR"));
        let mut found = BTreeMap::new();
        keys(&std::fs::read_to_string(file).unwrap().parse().unwrap(), "", &mut found);
        // How a date is written is up to the language.
        found.retain(|path, _| !path.starts_with(".format.date"));
        found
    };
    let english = read("en");
    assert!(english.len() > 300 && english[".invoice.pay"].contains("due_on"));
    let files = std::fs::read_dir(format!("{}/languages", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let codes: BTreeSet<_> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .collect();
    assert_eq!(codes, Texts::all().iter().map(|texts| texts.code.to_owned()).collect(), "each file is a language");
    for code in codes {
        assert_eq!(read(&code), english, "{code}.toml differs from en.toml");
    }
}

#[test]
fn every_language_names_twelve_months_and_every_country() {
    for texts in Texts::all() {
        assert_eq!(texts.format.months.split(' ').count(), 12, "{}", texts.code);
        assert_eq!(texts.format.months_short.split(' ').count(), 12, "{}", texts.code);
        assert!(texts.format.group_from.parse::<usize>().is_ok(), "{}", texts.code);
        assert_eq!(texts.countries.len(), 250, "{}", texts.code);
        for (code, _) in texts.countries {
            assert!(code.parse::<Country>().is_ok(), "{code}");
        }
        for (code, _) in texts.signs {
            assert!(code.parse::<Currency>().is_ok(), "{code}");
        }
    }
}

#[test]
fn a_language_without_a_file_is_english() {
    assert_eq!(texts("de").code, "de");
    assert_eq!(texts("xx").code, "en");
}

#[test]
fn a_value_is_never_read_as_a_text_to_fill() {
    assert_eq!(fill("{a}{b}", &[("a", "{b}"), ("b", "{a}")]), "{b}{a}");
    assert_eq!(fill("{unknown} {a} {", &[("a", "x")]), "{unknown} x {");
}

#[test]
fn amounts_are_written_as_the_language_writes_them() {
    let money = |text: &str, code: &str| Money::parse(text, code.parse().unwrap()).unwrap();
    let cases = [
        ("1234.56", "EUR", "€1,234.56", "1.234,56\u{a0}€"),
        ("-120.00", "EUR", "-€120.00", "-120,00\u{a0}€"),
        ("0.07", "USD", "$0.07", "0,07\u{a0}$"),
        ("1000000", "JPY", "¥1,000,000", "1.000.000\u{a0}¥"),
        ("1.234", "KWD", "KWD\u{a0}1.234", "1,234\u{a0}KWD"),
        ("100", "CHF", "CHF\u{a0}100.00", "100,00\u{a0}CHF"),
    ];
    for (amount, code, english, german) in cases {
        assert_eq!(texts("en").money(money(amount, code)), english);
        assert_eq!(texts("de").money(money(amount, code)), german);
    }
    assert_eq!(texts("de").amount(money("-1234.5", "EUR")), "-1.234,50");
}

#[test]
fn numbers_are_exact_and_without_zeros_at_their_end() {
    let number = |text: &str| texts("de").number(text.parse().unwrap());
    assert_eq!(number("1.50"), "1,5");
    assert_eq!(number("100"), "100");
    assert_eq!(number("48250"), "48.250");
    assert_eq!(number("-0.0035"), "-0,0035");
    assert_eq!(number("0"), "0");
    assert_eq!(number("-0"), "0");
    let eur = "EUR".parse().unwrap();
    assert_eq!(texts("de").unit_price("24.9".parse().unwrap(), eur), "24,90");
    assert_eq!(texts("en").unit_price("0.0035".parse().unwrap(), eur), "0.0035");
    assert_eq!(texts("en").unit_price(Decimal::from(9800), "JPY".parse().unwrap()), "9,800");
    assert_eq!(texts("en").percent("0.09975".parse().unwrap()), "9.975%");
    assert_eq!(texts("de").percent("0.19".parse().unwrap()), "19\u{a0}%");
}

#[test]
fn dates_are_written_as_the_language_writes_them() {
    let leap = "2028-02-29".parse().unwrap();
    assert_eq!(texts("en").date(leap), "29 February 2028");
    assert_eq!(texts("en").short_date(leap), "29 Feb 2028");
    assert_eq!(texts("de").date("2027-03-01".parse().unwrap()), "1. März 2027");
    assert_eq!(texts("de").short_date("2027-03-01".parse().unwrap()), "01.03.2027");
    let february = serde_json::from_value(json!({"start_on": "2028-02-01", "end_on": "2028-03-01"})).unwrap();
    assert_eq!(texts("de").days(february), "01.02.2028 – 29.02.2028", "the last day is one of the period");
}

#[test]
fn an_address_is_written_as_its_country_writes_it() {
    let lines = |address: serde_json::Value| texts("en").address(&serde_json::from_value::<Address>(address).unwrap());
    assert_eq!(
        lines(json!({"lines": ["Hauptstraße 5", " "], "postal_code": "80331", "city": "München", "country": "DE"})),
        ["Hauptstraße 5", "80331 München", "Germany"]
    );
    assert_eq!(
        lines(
            json!({"lines": ["1 Main St"], "postal_code": "94104", "city": "San Francisco", "state": "CA", "country": "US"})
        ),
        ["1 Main St", "San Francisco, CA 94104", "United States"]
    );
    assert_eq!(
        lines(json!({"lines": ["10 Downing Street"], "postal_code": "SW1A 2AA", "city": "London", "country": "GB"})),
        ["10 Downing Street", "London", "SW1A 2AA", "United Kingdom"]
    );
    assert_eq!(
        lines(
            json!({"lines": ["Via Roma 1"], "postal_code": "20121", "city": "Milano", "state": "MI", "country": "IT"})
        ),
        ["Via Roma 1", "20121 Milano (MI)", "Italy"]
    );
    assert_eq!(lines(json!({"country": "CN"})), ["China"]);
}

#[test]
fn a_tax_number_says_what_it_is() {
    let id = |kind: &str| serde_json::from_value(json!({"kind": kind, "value": "DE 1"})).unwrap();
    assert_eq!(texts("de").tax_id(&id("eu_vat")), "USt-IdNr. DE 1");
    assert_eq!(texts("en").tax_id(&id("zz_unknown")), "Tax ID DE 1");
}
