//! What becomes of one event.

use std::error::Error as _;

use serde_json::{Value, json};

use super::script::{Newest, upcasters};
use crate::{ContentType, ErrorKind, Payload, Result, Schema, Upcasters};

fn newest(name: &'static str, version: u32, payload: &Value) -> Result<Vec<(Schema, Value)>> {
    let schema = Schema::from_static(name, version);
    let newest = upcasters().upcast(&schema, &Payload::json(payload).unwrap())?;
    Ok(newest.into_iter().map(|(schema, payload)| (schema, payload.to_json().unwrap())).collect())
}

#[test]
fn chains_are_followed_step_by_step() {
    for (version, changes) in [(1, json!(2)), (2, json!(1)), (3, Value::Null)] {
        let newest = newest("deposited", version, &json!({})).unwrap();
        assert_eq!(newest[0].0, Schema::from_static("deposited", 3));
        assert_eq!(newest[0].1["changes"], changes, "from version {version}");
    }
    let renamed = newest("created", 1, &json!({ "owner": "a" })).unwrap();
    let payload = json!({ "owner": "a", "changes": 1 });
    assert_eq!(renamed, [(Schema::from_static("opened", 2), payload)]);
}

#[test]
fn a_split_gives_its_parts_in_order_each_in_its_newest_form() {
    let parts = newest("moved", 1, &json!("wod")).unwrap();
    let names: Vec<_> = parts.iter().map(|(s, _)| (s.name.as_str(), s.version)).collect();
    assert_eq!(names, [("withdrawn", 1), ("deposited", 3), ("deposited", 3)]);
    assert_eq!(parts[1].1["changes"], 2, "it came as version 1");
    assert_eq!(parts[2].1["changes"], Value::Null);
}

#[test]
fn drops() {
    for (name, version) in [("viewed", 1), ("audited", 1), ("audited", 77)] {
        assert_eq!(newest(name, version, &json!({})).unwrap(), []);
    }
    assert_eq!(newest("moved", 1, &json!("")).unwrap(), [], "a split may give nothing");
    assert_eq!(newest("moved", 1, &json!("vwv")).unwrap().len(), 1);
}

#[test]
fn what_is_not_known_comes_back_as_it_is() {
    for (name, version) in [("viewed", 2), ("deposited", 4), ("renamed", 1)] {
        let payload = json!({ "x": 1 });
        let newest = newest(name, version, &payload).unwrap();
        assert_eq!(newest, [(Schema::from_static(name, version), payload)]);
    }
}

#[test]
fn a_step_that_fails_is_undecodable_and_named() {
    let error = newest("spoilt", 1, &json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undecodable);
    assert_eq!(error.undecodable_details().unwrap().schema, Schema::from_static("spoilt", 1));
    let step = error.source().unwrap();
    assert_eq!(step.to_string(), "the upcaster from spoilt (schema version 1) failed");
    assert_eq!(step.source().unwrap().to_string(), "it is spoilt");
}

#[test]
fn a_step_of_json_refuses_other_bytes() {
    let payload = Payload::new(ContentType::BINARY, vec![1, 2]).unwrap();
    let error = upcasters().upcast(&("deposited", 1).into(), &payload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undecodable);
    let raw = Upcasters::builder()
        .current::<Newest>()
        .replace(("photo", 1), ("withdrawn", 1), |payload| {
            assert_eq!(payload.bytes().as_ref(), [1, 2]);
            Ok(Payload::json(&json!({}))?)
        })
        .build()
        .unwrap();
    assert_eq!(raw.upcast(&("photo", 1).into(), &payload).unwrap().len(), 1);
}

#[test]
fn a_form_that_a_split_did_not_declare_is_an_error() {
    let error = newest("moved", 1, &json!("wx")).unwrap_err();
    let why = error.source().unwrap().source().unwrap().to_string();
    assert!(why.contains("undeclared (schema version 1), which it did not declare"), "{why}");
}
