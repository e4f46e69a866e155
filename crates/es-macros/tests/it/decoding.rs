//! What is refused, and how.

use std::error::Error as _;

use es_core::{ContentType, ErrorKind, Event, Invalid, Payload, Schema};

use super::decode;

#[derive(Debug, PartialEq, Event)]
enum AccountEvent {
    Deposited {
        amount: u64,
    },
    #[event(version = 2)]
    Closed,
    Renamed(String),
}

#[derive(Debug, PartialEq, Event)]
struct Measured {
    value: f64,
    note: Option<f64>,
}

#[test]
fn a_name_that_is_not_known() {
    let error = decode::<AccountEvent>("account.frozen", 1, "{}").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownEvent);
    let details = error.unknown_event_details().unwrap();
    assert_eq!(details.schema, Schema::from_static("account.frozen", 1));
    assert_eq!(details.known, AccountEvent::SCHEMAS);
}

#[test]
fn a_version_that_is_not_known() {
    for (name, version) in [("account.closed", 1), ("account.closed", 3), ("account.deposited", 0)]
    {
        let error = decode::<AccountEvent>(name, version, "{}").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownEvent);
    }
    assert_eq!(decode::<AccountEvent>("account.closed", 2, "{}").unwrap(), AccountEvent::Closed);
    let error = decode::<Measured>("measured", 2, r#"{"value":1}"#).unwrap_err();
    assert_eq!(error.unknown_event_details().unwrap().known, Measured::SCHEMAS);
}

#[test]
fn a_payload_that_does_not_fit() {
    for (name, version, json, why) in [
        ("account.deposited", 1, "{}", "missing field `amount`"),
        ("account.deposited", 1, r#"{"amount":-1}"#, "expected u64"),
        ("account.deposited", 1, "null", "expected the fields of account.deposited"),
        ("account.closed", 2, "null", "expected the fields of account.closed"),
        ("account.closed", 2, "1", "expected the fields of account.closed"),
        ("account.renamed", 1, "{}", "expected a string"),
    ] {
        let error = decode::<AccountEvent>(name, version, json).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undecodable);
        let details = error.undecodable_details().unwrap();
        assert_eq!(details.schema, Schema::from_static(name, version));
        let source = error.source().unwrap().to_string();
        assert!(source.contains(why), "{source}");
        assert!(!source.contains("__"), "{source}");
    }
}

#[test]
fn a_payload_that_is_not_json() {
    let cbor = ContentType::new("application/cbor").unwrap();
    let payload = Payload::new(cbor, vec![0xa0]).unwrap();
    let error = AccountEvent::decode(&AccountEvent::SCHEMAS[1], &payload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undecodable);
    assert!(error.source().unwrap().to_string().contains("application/cbor"));
}

#[test]
fn a_number_that_json_cannot_write() {
    for (value, note) in [(f64::NAN, None), (f64::INFINITY, None), (1.0, Some(f64::NAN))] {
        let error = Measured { value, note }.encode().unwrap_err();
        assert!(matches!(error.invalid(), Some(Invalid::Payload { .. })), "{error}");
    }
    super::round_trip(Measured { value: 1.5, note: None }, r#"{"value":1.5,"note":null}"#);
}
