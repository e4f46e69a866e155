//! The payload holds the fields and nothing else, and reads back to the same value.

use std::collections::BTreeMap;

use es_core::Event;
use serde::{Deserialize, Serialize};

use super::{decode, round_trip};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Money {
    cents: i64,
    currency: String,
}

#[derive(Debug, PartialEq, Event)]
enum AccountEvent {
    Opened { owner: String, balance: Money },
    Noted { lines: Vec<String>, at: Option<u64>, marks: BTreeMap<String, bool> },
    Empty {},
    Closed,
    Renamed(String),
    Charged(Money),
    Flagged(Option<u8>),
}

fn money() -> Money {
    let currency = "EUR".to_owned();
    Money { cents: -5, currency }
}

#[test]
fn fields_of_a_variant() {
    round_trip(
        AccountEvent::Opened { owner: "alice".to_owned(), balance: money() },
        r#"{"owner":"alice","balance":{"cents":-5,"currency":"EUR"}}"#,
    );
    round_trip(
        AccountEvent::Noted {
            lines: vec!["a".to_owned(), "\"b\"".to_owned()],
            at: None,
            marks: BTreeMap::from([("x".to_owned(), true)]),
        },
        r#"{"lines":["a","\"b\""],"at":null,"marks":{"x":true}}"#,
    );
}

#[test]
fn a_variant_without_fields_is_the_empty_object() {
    round_trip(AccountEvent::Closed, "{}");
    round_trip(AccountEvent::Empty {}, "{}");
}

#[test]
fn a_variant_that_holds_one_value_is_that_value() {
    round_trip(AccountEvent::Renamed("bob".to_owned()), r#""bob""#);
    round_trip(AccountEvent::Charged(money()), r#"{"cents":-5,"currency":"EUR"}"#);
    round_trip(AccountEvent::Flagged(None), "null");
    round_trip(AccountEvent::Flagged(Some(7)), "7");
}

#[test]
fn structs() {
    #[derive(Debug, PartialEq, Event)]
    pub(crate) struct ItemAdded {
        pub(crate) sku: String,
        quantity: u32,
    }
    #[derive(Debug, PartialEq, Event)]
    struct Cleared;
    #[derive(Debug, PartialEq, Event)]
    struct Emptied {}

    let sku = "apple".to_owned();
    round_trip(ItemAdded { sku, quantity: 3 }, r#"{"sku":"apple","quantity":3}"#);
    round_trip(Cleared, "{}");
    round_trip(Emptied {}, "{}");
}

#[test]
fn nothing_is_cloned_and_no_derive_is_asked_of_the_event() {
    // `Opaque` has neither Clone nor Debug nor PartialEq.
    #[derive(Serialize, Deserialize)]
    struct Opaque(u8);
    #[derive(Event)]
    struct Holds {
        opaque: Opaque,
    }
    let event = Holds { opaque: Opaque(1) };
    let read = Holds::decode(event.schema(), &event.encode().unwrap()).unwrap();
    assert_eq!(read.opaque.0, 1);
}

#[test]
fn fields_that_a_reader_does_not_know_are_passed_over() {
    let read: AccountEvent = decode("account.closed", 1, r#"{"reason":"moved"}"#).unwrap();
    assert_eq!(read, AccountEvent::Closed);
    let read: AccountEvent =
        decode("account.noted", 1, r#"{"lines":[],"more":[1],"marks":{}}"#).unwrap();
    let (lines, marks) = (Vec::new(), BTreeMap::new());
    assert_eq!(read, AccountEvent::Noted { lines, at: None, marks });
}
