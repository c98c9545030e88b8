//! What goes in comes out.

use std::collections::HashMap;

use saldo_store::{AttributeValue, Condition, Consistency, Key, Table, Transaction, TransactionError};

use super::{Engine, get, item, n, put, s};

pub(crate) async fn any_text_and_any_bytes_come_back(store: Engine) {
    let nested = AttributeValue::M(HashMap::from([
        (
            "".to_owned() + "名",
            AttributeValue::L(vec![s("Zoë"), AttributeValue::Bool(false), AttributeValue::Null(true)]),
        ),
        ("empty".to_owned(), AttributeValue::M(HashMap::new())),
    ]));
    let stored = item(
        "P#名前/é",
        "\u{1F600}|\"\\\n",
        [
            ("text", s("名前 Zoë \u{0} \u{10FFFF} \" \\ \n")),
            ("empty", s("")),
            ("bytes", AttributeValue::B((0..=255).collect())),
            ("none", AttributeValue::B(vec![])),
            ("nested", nested),
            ("list", AttributeValue::L(vec![])),
            ("words", AttributeValue::Ss(vec!["a".into(), "b".into()])),
        ],
    );
    put(&store, [stored.clone()]).await;
    let mut found = get(&store, "P#名前/é", "\u{1F600}|\"\\\n").await.unwrap();
    if let Some(AttributeValue::Ss(words)) = found.get_mut("words") {
        words.sort();
    }
    assert_eq!(found, stored);
}

pub(crate) async fn numbers_come_back_exactly_and_in_one_form(store: Engine) {
    for (given, expected) in [
        ("0", "0"),
        ("-17", "-17"),
        ("1.50", "1.5"),
        ("007", "7"),
        ("79228162514264337593543950335", "79228162514264337593543950335"),
        ("-0.1234567890123456789012345678", "-0.1234567890123456789012345678"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("9223372036854775807", "9223372036854775807"),
    ] {
        put(&store, [item("P", "1", [("n", n(given)), ("m", AttributeValue::L(vec![n(given)]))])]).await;
        let found = get(&store, "P", "1").await.unwrap();
        assert_eq!(found, item("P", "1", [("n", n(expected)), ("m", AttributeValue::L(vec![n(expected)]))]), "{given}");
    }
    for wrong in ["", "ten", "1.2.3", "123456789012345678901234567890123456789"] {
        let refused = Transaction::new().put(Table::Billing, item("P", "1", [("n", n(wrong))]), Condition::Always);
        assert!(matches!(refused, Err(TransactionError::Number { .. })), "{wrong}: {refused:?}");
    }
}

pub(crate) async fn many_are_read_in_order_once(store: Engine) {
    let name = |place: u32| format!("{place:03}");
    put(&store, (0..250).map(|place| item("P", &name(place), [("x", s(&"x".repeat(1000)))]))).await;
    let mut keys: Vec<Key> = (0..260).rev().map(|place| Key::new("P", name(place))).collect();
    keys.extend((0..10).map(|place| Key::new("P", name(place))));
    let found = store.get_many(Table::Billing, &keys).await.unwrap();
    let names: Vec<&str> = found.iter().map(|item| saldo_store::text(item, "sk").unwrap()).collect();
    assert_eq!(names, (0..250).rev().map(name).collect::<Vec<_>>());
    assert_eq!(store.get_many(Table::Billing, &[]).await.unwrap(), []);
}

pub(crate) async fn what_is_not_there_is_none(store: Engine) {
    put(&store, [item("P", "1", [])]).await;
    for consistency in [Consistency::Strong, Consistency::Eventual] {
        for key in [Key::new("P", "2"), Key::new("Q", "1")] {
            assert_eq!(store.get(Table::Billing, &key, consistency).await.unwrap(), None);
        }
        assert_eq!(store.get(Table::Inbox, &Key::new("P", "1"), consistency).await.unwrap(), None);
    }
}

pub(crate) async fn a_key_must_not_be_empty(store: Engine) {
    let mut transaction = Transaction::new();
    for key in [Key::new("", "1"), Key::new("P", ""), Key::new("P".repeat(2049), "1"), Key::new("P", "1".repeat(1025))]
    {
        let refused = transaction.delete(Table::Billing, key, Condition::Always);
        assert!(matches!(refused, Err(TransactionError::BadKey { .. })), "{refused:?}");
    }
    let long = Key::new("P".repeat(2048), "1".repeat(1024));
    put(&store, [item(&long.pk, &long.sk, [])]).await;
    assert!(get(&store, &long.pk, &long.sk).await.is_some());
}
