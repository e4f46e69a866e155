//! Payloads that are made from shapes fit the types.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use crate::{EventId, Shape, Timestamp};

#[track_caller]
fn fits<T: DeserializeOwned>() {
    let example = Shape::of::<T>().example().unwrap();
    serde_json::from_value::<T>(example).unwrap();
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only the shape matters")]
struct Order {
    id: EventId,
    at: Timestamp,
    lines: Vec<(u8, String)>,
    marks: BTreeMap<u32, Option<f64>>,
    status: Status,
    parent: Option<Box<Self>>,
    initial: char,
    nothing: (),
    extra: BTreeMap<String, Vec<Status>>,
    wide: i128,
    flag: bool,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only the shape matters")]
enum Status {
    Never(Box<Self>),
    Closed { reason: String },
    Open,
}

#[test]
fn an_example_fits_the_type() {
    fits::<Order>();
    fits::<Status>();
    fits::<Option<u8>>();
    fits::<()>();
    assert_eq!(Shape::empty().example(), Some(json!({})));
}

#[test]
fn where_the_shape_does_not_tell_there_is_none() {
    let example = |text: &str| serde_json::from_str::<Shape>(text).unwrap().example();
    assert_eq!(example(r#""any""#), None);
    assert_eq!(example(r#"{"a":"unknown"}"#), None);
    assert_eq!(example(r#"{"a?":"unknown","b":["unknown"]}"#), Some(json!({ "b": [] })));
    assert_eq!(example(r#"{"a":"string:other?"}"#), Some(json!({ "a": null })));
    assert_eq!(example(r#"{"|":{"A":"any","B":null}}"#), Some(json!("B")));
}
