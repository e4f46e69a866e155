//! The shapes that are traced are those of the payloads.

use std::collections::BTreeMap;

use es_core::{Event, Schema, Shape};
use serde::{Deserialize, Serialize};

/// Name, version and shape of each form.
fn shapes<E: Event>() -> Vec<(String, u32, String)> {
    let each = E::wire_shapes().into_iter();
    each.map(|(Schema { name, version, .. }, shape)| (name.to_string(), version, shape.to_string()))
        .collect()
}

#[track_caller]
fn expect<E: Event>(expected: &[(&str, u32, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, version, shape)| ((*name).to_owned(), *version, (*shape).to_owned()))
        .collect();
    assert_eq!(shapes::<E>(), expected);
    let forms: Vec<Schema> = E::wire_shapes().into_iter().map(|(schema, _)| schema).collect();
    assert_eq!(forms, E::SCHEMAS, "each form has a shape");
}

#[derive(Serialize, Deserialize)]
struct Money {
    cents: i64,
    currency: String,
}

#[derive(Event)]
struct Closed {
    reason: Option<String>,
}

#[derive(Event)]
enum AccountEvent {
    Opened {
        owner: String,
        #[serde(default)]
        gift: bool,
        marks: BTreeMap<String, u8>,
    },
    #[event(version = 3)]
    Charged(Money),
    #[event(name = "account.paid")]
    Paid(#[serde(with = "as_text")] u64),
    Frozen,
    Empty {},
    #[event(transparent)]
    Closed(Closed),
}

/// Writes a number as text.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[test]
fn every_kind_of_variant() {
    expect::<AccountEvent>(&[
        ("account.opened", 1, r#"{"owner":"string","gift?":"bool","marks":{"*":"u8"}}"#),
        ("account.charged", 3, r#"{"cents":"i64","currency":"string"}"#),
        ("account.paid", 1, r#""string:number""#),
        ("account.frozen", 1, "{}"),
        ("account.empty", 1, "{}"),
        ("closed", 1, r#"{"reason?":"string?"}"#),
    ]);
}

#[test]
fn structs_with_attributes_of_serde() {
    #[derive(Default, Event)]
    #[serde(default, rename_all = "camelCase", deny_unknown_fields)]
    struct Moved {
        from_place: String,
        #[serde(alias = "target")]
        to_place: String,
        #[serde(skip)]
        note: u8,
    }
    expect::<Moved>(&[(
        "moved",
        1,
        r#"{"!":true,"fromPlace?":"string","toPlace|target?":"string"}"#,
    )]);
    assert_eq!(Moved::default().note, 0);
}

#[test]
fn the_shape_is_that_of_what_is_written() {
    let written = AccountEvent::Opened {
        owner: "a".to_owned(),
        gift: true,
        marks: BTreeMap::from([("m".to_owned(), 1)]),
    };
    let shape = &AccountEvent::wire_shapes()[0].1;
    let payload = super::json(&written);
    let keys: BTreeMap<String, serde_json::Value> = serde_json::from_str(&payload).unwrap();
    let Some(serde_json::Value::Object(example)) = shape.example() else { panic!("{shape}") };
    assert!(keys.keys().eq(example.keys()), "{payload}");
}

#[test]
fn an_example_of_each_shape_reads_as_the_event() {
    for (schema, shape) in AccountEvent::wire_shapes() {
        let payload = es_core::Payload::json(&shape.example().unwrap()).unwrap();
        AccountEvent::decode(&schema, &payload).unwrap();
    }
}

#[test]
fn by_hand_there_are_none() {
    struct ByHand;
    impl Event for ByHand {
        const SCHEMAS: &'static [Schema] = &[Schema::from_static("by_hand", 1)];
        fn schema(&self) -> &'static Schema {
            &Self::SCHEMAS[0]
        }
        fn encode(&self) -> es_core::Result<es_core::Payload> {
            es_core::Payload::json(&())
        }
        fn decode(_: &Schema, _: &es_core::Payload) -> es_core::Result<Self> {
            Ok(Self)
        }
    }
    #[derive(Event)]
    #[event(transparent)]
    enum Holds {
        A(Closed),
        B(ByHand),
    }
    assert_eq!(ByHand::wire_shapes(), []);
    let known: Vec<(Schema, Shape)> = Holds::wire_shapes();
    assert_eq!(known, Closed::wire_shapes());
}
