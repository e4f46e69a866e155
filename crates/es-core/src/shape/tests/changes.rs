//! What a change of a shape means for payloads that are written.

use crate::{Shape, ShapeDifference};

fn compare(old: &str, new: &str) -> Vec<ShapeDifference> {
    let shape = |text| serde_json::from_str::<Shape>(text).unwrap();
    Shape::compare(&shape(old), &shape(new))
}

/// The one difference.
#[track_caller]
fn one(old: &str, new: &str) -> ShapeDifference {
    let differences = compare(old, new);
    assert_eq!(differences.len(), 1, "{differences:?}");
    differences[0].clone()
}

#[track_caller]
fn safe(old: &str, new: &str, said: &str) {
    let difference = one(old, new);
    assert!(difference.is_safe(), "{difference}");
    assert_eq!(difference.to_string(), said);
}

#[track_caller]
fn unsafe_(old: &str, new: &str, said: &str) {
    let difference = one(old, new);
    assert!(!difference.is_safe(), "{difference}");
    let said_now = difference.to_string();
    assert!(said_now.starts_with(said), "{said_now}");
    assert!(said_now.contains(": "), "it says what to do: {said_now}");
}

#[test]
fn changes_that_are_safe() {
    let object = r#"{"a":"u8"}"#;
    safe(object, r#"{"a":"u8","b?":"u8"}"#, "b is new and may be missing");
    safe(object, r#"{"a?":"u8"}"#, "a may be missing");
    safe(object, r#"{"a":"u8?"}"#, "a may be null");
    safe(object, r#"{"b|a":"u8"}"#, "a is now called `b` and still read under its old name");
    safe(object, r#"{"a":"u32"}"#, "a was u8 and is u32, which takes all that was written");
    safe(r#"{"!":true}"#, "{}", "the payload no longer refuses fields that it does not know");
    safe(r#"{"|":{"A":null}}"#, r#"{"|":{"A":null,"B":"u8"}}"#, "<B> is a new variant");
    assert_eq!(compare(object, r#"{"a|z":"u8"}"#), [], "another name for it");
    assert_eq!(compare(r#"{"a":"u8","b":"u8"}"#, r#"{"b":"u8","a":"u8"}"#), [], "the order");
}

#[test]
fn changes_that_are_not_safe() {
    let object = r#"{"a":"u8"}"#;
    unsafe_(object, "{}", "a is gone");
    unsafe_(object, r#"{"a":"u8","b":"u16"}"#, "b is new and required");
    unsafe_(object, r#"{"b":"u8"}"#, "a seems to be called `b` now");
    unsafe_(object, r#"{"b?":"u8"}"#, "a seems to be called `b` now");
    unsafe_(object, r#"{"a":"string"}"#, "a was u8 and is string");
    unsafe_(object, r#"{"a":["u8"]}"#, "a was u8 and is a list");
    unsafe_(object, r#"{"a":"any"}"#, "a was u8 and is any");
    unsafe_(object, r#"{"!":true,"a":"u8"}"#, "the payload refuses fields");
    unsafe_(r#"{"a?":"u8"}"#, object, "a must be there");
    unsafe_(r#"{"a":"u8?"}"#, object, "a may not be null");
    unsafe_(r#"{"a|b":"u8"}"#, object, "a is no longer read under the name `b`");
    unsafe_(r#"{"|":{"A":null,"B":null}}"#, r#"{"|":{"A":null}}"#, "<B> is a variant that is gone");
    unsafe_(r#"{"|":{"A":null}}"#, r#"{"|":{"A":"u8"}}"#, "<A> was no value and is u8");
    unsafe_(r#"{"()":["u8"]}"#, r#"{"()":["u8","u8"]}"#, "the payload was a tuple of 1");
}

#[test]
fn several_at_once_each_with_its_path() {
    let old = r#"{"lines":[{"sku":"string","n":"u8"}],"by":{"*":{"x":"u8"}},"at":{"()":["u8","u8"]},"status":{"|":{"Closed":{"reason":"string"}}},"p":{"?":{"q":"u8"}}}"#;
    let new = r#"{"lines":[{"sku":"u8","n":"u8"}],"by":{"*":{"x":"i8"}},"at":{"()":["u8","u16"]},"status":{"|":{"Closed":{"reason":"char"}}},"p":{"?":{"q":"bool"}}}"#;
    let differences = compare(old, new);
    let paths: Vec<_> = differences.iter().map(|difference| difference.path.as_str()).collect();
    assert_eq!(paths, ["lines[].sku", "by{}.x", "at.1", "status<Closed>.reason", "p.q"]);
    let at = differences.iter().find(|difference| difference.path == "at.1").unwrap();
    assert!(at.is_safe());
}

#[test]
fn which_types_hold_all_values_of_another() {
    let holds = [
        ("u8", "u16"),
        ("u8", "i16"),
        ("i32", "i64"),
        ("u64", "u128"),
        ("f32", "f64"),
        ("u32", "f64"),
        ("char", "string"),
        ("string:uuid", "string"),
        ("unknown", "u8"),
    ];
    for (old, new) in holds {
        let wider = one(&format!("{old:?}"), &format!("{new:?}"));
        assert!(wider.is_safe(), "{wider}");
        let narrower = one(&format!("{new:?}"), &format!("{old:?}"));
        assert!(!narrower.is_safe(), "{narrower}");
    }
    for (old, new) in [
        ("u16", "i16"),
        ("i8", "u16"),
        ("u64", "f64"),
        ("string", "string:uuid"),
        ("string:date", "string:date-time"),
        ("string", "string:other"),
        ("bool", "u8"),
        ("u8", "unknown"),
    ] {
        assert!(!one(&format!("{old:?}"), &format!("{new:?}")).is_safe(), "{old} to {new}");
    }
}
