//! What a payload takes, and what it refuses.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::*;
use crate::{Invalid, limits};

fn refused<T: Serialize>(value: T) -> bool {
    match Payload::json(&value) {
        Ok(_) => false,
        Err(error) => matches!(error.invalid(), Some(Invalid::Payload { .. })),
    }
}

#[test]
fn a_number_that_json_cannot_write_is_refused_wherever_it_is() {
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    struct Newtype(f64);
    #[derive(Serialize)]
    struct Pair(Unit, f32);
    #[derive(Serialize)]
    struct Fields {
        nothing: Option<u8>,
        number: f64,
    }
    #[derive(Serialize)]
    enum Variants {
        Newtype(f64),
        Tuple(u8, f64),
        Struct { number: f64 },
    }

    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(refused(bad));
        assert!(refused(Some(bad)));
        assert!(refused([1.0, bad]));
        assert!(refused((1, "x", bad)));
        assert!(refused(Newtype(bad)));
        assert!(refused(Pair(Unit, f32::NAN)));
        assert!(refused(Fields { nothing: None, number: bad }));
        assert!(refused(Variants::Newtype(bad)));
        assert!(refused(Variants::Tuple(1, bad)));
        assert!(refused(Variants::Struct { number: bad }));
        assert!(refused(BTreeMap::from([("deep", vec![Some(Newtype(bad))])])));
    }
    assert!(!refused(Fields { nothing: None, number: 1.5 }));
    assert!(!refused(Variants::Struct { number: f64::MAX }));
}

#[test]
fn a_real_null_is_written() {
    assert_eq!(&**Payload::json(&None::<u8>).unwrap().bytes(), b"null");
    assert_eq!(&**Payload::json(&()).unwrap().bytes(), b"null");
    assert!(!refused(("null", None::<f64>, [Some(0.5), None])));
    assert!(!refused("a text with null in it"));
}

#[test]
fn what_json_cannot_write_is_refused() {
    assert!(refused(BTreeMap::from([((1, 2), "a key must be a text")])));
}

#[test]
fn bytes_that_call_themselves_json_are_checked() {
    for bad in ["", "{", "{}{}", "nul", "NaN", "[1,]", "\"\n\"", "\u{feff}1"] {
        let error = Payload::new(ContentType::JSON, bad).unwrap_err();
        assert!(matches!(error.invalid(), Some(Invalid::Payload { .. })), "{bad:?}");
    }
    for good in [" { } ", "null", "1e400", r#"{"a":1,"a":2}"#, r#""\ud83d\ude00""#] {
        let payload = Payload::new(ContentType::JSON, good).unwrap();
        assert_eq!(&**payload.bytes(), good.as_bytes(), "kept as it was");
    }
    assert!(Payload::new(ContentType::JSON, vec![b'"', 0xff, b'"']).is_err(), "not UTF-8");
}

#[test]
fn bytes_of_other_content_types_are_not_looked_at() {
    for content_type in [ContentType::BINARY, ContentType::new("application/cbor").unwrap()] {
        let payload = Payload::new(content_type.clone(), vec![0, 159, 146, 150]).unwrap();
        assert_eq!(payload.content_type(), &content_type);
        assert_eq!(&**payload.bytes(), [0, 159, 146, 150]);
        let error = payload.to_json::<Value>().unwrap_err();
        assert!(error.to_string().contains(content_type.as_str()), "{error}");
    }
}

#[test]
fn payloads_of_two_content_types_differ() {
    let json = Payload::new(ContentType::JSON, "1").unwrap();
    let binary = Payload::new(ContentType::BINARY, "1").unwrap();
    assert_ne!(json, binary);
    assert_eq!(json, Payload::json(&1).unwrap());
}

#[test]
fn content_types_are_media_types() {
    assert_eq!(ContentType::new("application/json").unwrap(), ContentType::JSON);
    assert!(ContentType::new(format!("a/{}", "x".repeat(62))).is_ok());
    for bad in ["", "a/", "json", "a b/c", "a/ö", "a/\n", &format!("a/{}", "x".repeat(63))] {
        let error = ContentType::new(bad).unwrap_err();
        assert!(matches!(error.invalid(), Some(Invalid::ContentType { .. })), "{bad:?}");
    }
}

/// Anything that serde can write, with numbers in many places.
#[derive(Clone, Debug, Serialize)]
enum Tree {
    Number(f64),
    Nothing(Option<Box<Self>>),
    List(Vec<Self>),
    Named { by_name: BTreeMap<String, Self> },
    Pair((), Box<Self>),
}

impl Tree {
    fn is_finite(&self) -> bool {
        match self {
            Self::Number(number) => number.is_finite(),
            Self::Nothing(tree) => tree.as_ref().is_none_or(|tree| tree.is_finite()),
            Self::List(trees) => trees.iter().all(Self::is_finite),
            Self::Named { by_name } => by_name.values().all(Self::is_finite),
            Self::Pair((), tree) => tree.is_finite(),
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let number = prop_oneof![9 => any::<f64>(), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)];
    let leaf = prop_oneof![number.prop_map(Tree::Number), Just(Tree::Nothing(None))];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            boxed.clone().prop_map(|tree| Tree::Nothing(Some(tree))),
            boxed.prop_map(|tree| Tree::Pair((), tree)),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
            prop::collection::btree_map("[a-z]{0,4}", inner, 0..4)
                .prop_map(|by_name| Tree::Named { by_name }),
        ]
    })
}

proptest! {
    #[test]
    fn exactly_the_values_with_finite_numbers_are_written(tree in trees()) {
        prop_assert_eq!(Payload::json(&tree).is_ok(), tree.is_finite());
    }
}

proptest! {
    #[test]
    fn a_float_is_read_as_the_one_that_was_written(bits in any::<u64>(), plain in -1e6..1e6_f64) {
        for number in [f64::from_bits(bits), plain].into_iter().filter(|number| number.is_finite()) {
            let read: f64 = Payload::json(&number).unwrap().to_json().unwrap();
            prop_assert_eq!(read.to_bits(), number.to_bits());
        }
    }
}

#[test]
fn what_no_reader_can_follow_is_refused() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let deep: serde_json::Value = serde_json::from_str(&nested(limits::MAX_JSON_NESTING)).unwrap();
    let payload = Payload::json(&deep).unwrap();
    assert_eq!(payload.to_json::<serde_json::Value>().unwrap(), deep);
    let deeper = serde_json::json!([deep]);
    for refused in [
        Payload::json(&deeper),
        Payload::new(ContentType::JSON, nested(limits::MAX_JSON_NESTING + 1)),
        Payload::new(ContentType::JSON, nested(1 << 19)),
    ] {
        let error = refused.unwrap_err();
        assert!(error.to_string().contains("nests deeper than 120 levels"), "{error}");
    }
}
