//! `#[serde(..)]` on fields, variants and types, without serde's derives on the type.

use std::collections::BTreeMap;

use es_core::Event;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{decode, json, round_trip, schemas};

mod hex {
    use super::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &u32, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{value:x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
        let text = String::deserialize(from)?;
        u32::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}

/// Generic, so it must be given `&T` and not `&&T`.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

mod generic {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    /// Not implemented for references.
    pub(super) trait Bare: Serialize {}
    impl Bare for u16 {}

    pub(super) fn serialize<T: Bare, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        value.serialize(to)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        T::deserialize(from)
    }
}

fn seven() -> u8 {
    7
}

#[derive(Debug, PartialEq, Event)]
enum PaintEvent {
    Mixed {
        #[serde(with = "hex")]
        color: u32,
        #[serde(rename = "howMuch")]
        amount: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        #[serde(default = "seven", skip_serializing_if = "is_default")]
        coats: u8,
        #[serde(with = "generic")]
        tin: u16,
        #[serde(skip)]
        cached: u64,
    },
    Extended {
        id: u8,
        #[serde(flatten)]
        more: BTreeMap<String, u8>,
    },
    Aliased {
        #[serde(alias = "colour", alias = "hue")]
        color: String,
    },
    OneWay {
        #[serde(serialize_with = "hex::serialize", deserialize_with = "hex::deserialize")]
        both: u32,
        #[serde(rename(serialize = "out", deserialize = "in"))]
        named: u8,
        #[serde(skip_deserializing)]
        written: u8,
        #[serde(skip_serializing, default)]
        read: u8,
    },
    Held(#[serde(with = "hex")] u32),
}

#[test]
fn on_fields() {
    let mixed = |note: Option<&str>, coats| PaintEvent::Mixed {
        color: 255,
        amount: 1,
        note: note.map(str::to_owned),
        coats,
        tin: 3,
        cached: 0,
    };
    round_trip(mixed(Some("n"), 2), r#"{"color":"ff","howMuch":1,"note":"n","coats":2,"tin":3}"#);
    assert_eq!(json(&mixed(None, 0)), r#"{"color":"ff","howMuch":1,"tin":3}"#);
    let read = decode("paint.mixed", 1, r#"{"color":"ff","howMuch":1,"tin":3}"#);
    assert_eq!(read.ok(), Some(mixed(None, 7)));
}

#[test]
fn flatten_takes_what_is_left() {
    let more = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
    round_trip(PaintEvent::Extended { id: 0, more }, r#"{"id":0,"a":1,"b":2}"#);
}

#[test]
fn alias_reads_old_names() {
    for name in ["color", "colour", "hue"] {
        let read = decode("paint.aliased", 1, &format!(r#"{{"{name}":"red"}}"#));
        let color = "red".to_owned();
        assert_eq!(read.ok(), Some(PaintEvent::Aliased { color }));
    }
}

#[test]
fn attributes_for_one_direction_only() {
    let event = PaintEvent::OneWay { both: 16, named: 1, written: 2, read: 3 };
    assert_eq!(json(&event), r#"{"both":"10","out":1,"written":2}"#);
    let read = decode("paint.one_way", 1, r#"{"both":"10","in":1,"read":3}"#);
    let expected = PaintEvent::OneWay { both: 16, named: 1, written: 0, read: 3 };
    assert_eq!(read.ok(), Some(expected));
}

#[test]
fn on_the_value_of_a_newtype_variant() {
    round_trip(PaintEvent::Held(255), r#""ff""#);
}

#[test]
fn on_a_struct() {
    #[derive(Debug, PartialEq, Event)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Moved {
        from_place: u8,
        to_place: u8,
    }
    let moved = Moved { from_place: 1, to_place: 2 };
    round_trip(moved, r#"{"fromPlace":1,"toPlace":2}"#);
    let more = r#"{"fromPlace":1,"toPlace":2,"via":3}"#;
    assert!(decode::<Moved>("moved", 1, more).is_err());

    #[derive(Debug, PartialEq, Event)]
    #[serde(transparent)]
    struct Renamed {
        name: String,
    }
    let name = "n".to_owned();
    round_trip(Renamed { name }, r#""n""#);
}

#[test]
fn default_on_a_struct() {
    #[derive(Debug, PartialEq, Event)]
    #[serde(default)]
    struct Settings {
        depth: u8,
        width: u8,
    }
    impl Default for Settings {
        fn default() -> Self {
            Self { depth: 3, width: 4 }
        }
    }
    let settings = decode::<Settings>("settings", 1, r#"{"width":1}"#).unwrap();
    assert_eq!(settings, Settings { depth: 3, width: 1 });

    #[derive(Debug, PartialEq, Event)]
    #[serde(default = "Chosen::usual")]
    struct Chosen {
        depth: u8,
    }
    impl Chosen {
        fn usual() -> Self {
            Self { depth: 9 }
        }
    }
    let chosen = decode::<Chosen>("chosen", 1, "{}").unwrap();
    assert_eq!(chosen, Chosen { depth: 9 });
    round_trip(chosen, r#"{"depth":9}"#);
}

#[test]
fn on_enums_and_variants() {
    #[derive(Debug, PartialEq, Event)]
    #[serde(rename_all_fields = "camelCase", deny_unknown_fields)]
    enum MoveEvent {
        Begun {
            at_time: u8,
        },
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        Ended {
            at_time: u8,
        },
        Paused,
        Held(Vec<u8>),
    }
    round_trip(MoveEvent::Begun { at_time: 1 }, r#"{"atTime":1}"#);
    round_trip(MoveEvent::Ended { at_time: 1 }, r#"{"AT_TIME":1}"#);
    round_trip(MoveEvent::Paused, "{}");
    round_trip(MoveEvent::Held(vec![1]), "[1]");
    let more = r#"{"atTime":1,"more":2}"#;
    assert!(decode::<MoveEvent>("move.begun", 1, more).is_err());
    assert!(decode::<MoveEvent>("move.paused", 1, r#"{"more":2}"#).is_err());
}

#[test]
fn what_serves_another_derive_does_not_change_the_payload() {
    // As a web page might want it: the enum has serde's derives of its own.
    #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
    #[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
    enum CartEvent {
        ItemAdded {
            item_id: u8,
        },
        #[event(name = "cart.done")]
        #[serde(rename = "finished", alias = "closed")]
        CheckedOut,
    }
    let added = CartEvent::ItemAdded { item_id: 1 };
    assert_eq!(serde_json::to_string(&added).unwrap(), r#"{"type":"item-added","itemId":1}"#);
    round_trip(added, r#"{"itemId":1}"#);
    round_trip(CartEvent::CheckedOut, "{}");
    assert_eq!(schemas::<CartEvent>(), [("cart.item_added", 1), ("cart.done", 1)]);
}

#[test]
fn paths_mean_what_they_mean_beside_the_type() {
    mod inner {
        #[derive(Debug, PartialEq, es_core::Event)]
        pub(super) struct Painted {
            #[serde(with = "super::hex")]
            pub(super) first: u32,
            #[serde(default = "self::eight")]
            pub(super) second: u8,
        }
        fn eight() -> u8 {
            8
        }
    }
    round_trip(inner::Painted { first: 16, second: 1 }, r#"{"first":"10","second":1}"#);
    let read = decode::<inner::Painted>("painted", 1, r#"{"first":"10"}"#).unwrap();
    assert_eq!(read.second, 8);
}
