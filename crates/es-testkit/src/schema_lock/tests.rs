//! What a lock notices: each kind of change planted, and how it is said.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use es_core::{Error, Event, EventType, Payload, Schema, Shape, Upcasters};
use serde_json::{Value, json};

use super::{SchemaLock, SchemaLockError};

/// An event type as it is written in some version of a program: its forms, their shapes, and
/// what it takes.
macro_rules! program {
    ($name:ident { $($event:literal $version:literal $shape:literal: $takes:expr),* $(,)? }) => {
        struct $name(&'static Schema, Value);

        impl $name {
            fn of(name: &str, payload: Value) -> Self {
                let schema = Self::SCHEMAS.iter().find(|schema| schema.name == name).unwrap();
                Self(schema, payload)
            }
        }

        impl Event for $name {
            const SCHEMAS: &'static [Schema] = &[$(Schema::from_static($event, $version)),*];

            fn schema(&self) -> &'static Schema {
                self.0
            }

            fn encode(&self) -> es_core::Result<Payload> {
                Payload::json(&self.1)
            }

            fn decode(schema: &Schema, payload: &Payload) -> es_core::Result<Self> {
                let value: Value =
                    payload.to_json().map_err(|error| Error::undecodable(schema, error))?;
                match (schema.name.as_str(), schema.version) {
                    $(($event, $version) => {
                        let takes: fn(&Value) -> bool = $takes;
                        if takes(&value) {
                            return Ok(Self::of($event, value));
                        }
                    })*
                    _ => return Err(Error::unknown_event(schema, Self::SCHEMAS)),
                }
                Err(Error::undecodable(schema, "it is not taken"))
            }

            fn wire_shapes() -> Vec<(Schema, Shape)> {
                let all: Vec<(Schema, &str)> =
                    vec![$((Schema::from_static($event, $version), $shape)),*];
                let known = all.into_iter().filter(|(_, shape)| !shape.is_empty());
                known.map(|(schema, shape)| (schema, serde_json::from_str(shape).unwrap())).collect()
            }
        }
    };
}

program!(First {
    "deposited" 1 r#"{"cents":"u64"}"#: |v| v["cents"].is_u64(),
    "closed" 1 "{}": Value::is_object,
});

fn number(value: &Value) -> bool {
    value["cents"].is_u64()
}

/// A lock file of its own, which ends with the test.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("es-schema-{}-{number}.lock.json", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// A file that has locked the forms of [`First`].
    fn of_first() -> Self {
        let file = Self::new();
        file.lock().event::<First>().accept().unwrap();
        file
    }

    fn lock(&self) -> SchemaLock {
        SchemaLock::at(&self.0)
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap()
    }

    fn payloads(&self, name: &str, version: u32) -> Value {
        let file: Value = serde_json::from_str(&self.text()).unwrap();
        file["events"][name][version.to_string()]["payloads"].clone()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The findings, each with whether it is safe.
fn found(result: Result<(), SchemaLockError>) -> Vec<(bool, String)> {
    let Err(error) = result else { return Vec::new() };
    assert!(!error.findings().is_empty(), "{error}");
    error.findings().iter().map(|finding| (finding.is_safe(), finding.to_string())).collect()
}

/// The one finding, which must not be safe, and which accepting must not change.
#[track_caller]
fn refused(file: &File, lock: impl Fn() -> SchemaLock, said: &str) {
    let before = file.text();
    let findings = found(lock().check());
    let not_safe: Vec<_> = findings.iter().filter(|(is_safe, _)| !is_safe).collect();
    assert_eq!(not_safe.len(), 1, "{findings:?}");
    assert!(not_safe[0].1.starts_with(said), "{}", not_safe[0].1);
    assert!(!found(lock().accept()).is_empty());
    assert_eq!(found(lock().compare(true)), findings, "it cannot wait");
    assert_eq!(file.text(), before, "nothing is written while something is not safe");
}

/// The one finding, which must be safe, and is gone once it is accepted.
#[track_caller]
fn accepted(lock: impl Fn() -> SchemaLock, said: &str) {
    assert_eq!(found(lock().check()), [(true, said.to_owned())]);
    lock().compare(true).unwrap();
    lock().accept().unwrap();
    lock().check().unwrap();
}

#[test]
fn a_new_lock_is_written_and_then_holds() {
    let file = File::new();
    let error = file.lock().event::<First>().check().unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains("safe, run this test with ES_SCHEMA_ACCEPT=1 to accept it:"), "{shown}");
    assert!(shown.contains("\n  deposited v1: it is new\n  closed v1: it is new"), "{shown}");
    assert_eq!(format!("{error:?}"), shown, "a test that unwraps it shows it whole");
    assert!(!file.0.exists(), "checking writes nothing");

    file.lock().event::<First>().accept().unwrap();
    file.lock().event::<First>().check().unwrap();
    assert_eq!(
        file.text(),
        r#"{
  "events": {
    "closed": {
      "1": {
        "payloads": [
          {}
        ],
        "shape": {}
      }
    },
    "deposited": {
      "1": {
        "payloads": [
          {
            "cents": 1
          }
        ],
        "shape": {
          "cents": "u64"
        }
      }
    }
  },
  "format": 1
}
"#
    );
}

#[test]
fn a_safe_change_is_accepted_and_old_payloads_stay() {
    program!(Second {
        "deposited" 1 r#"{"cents":"u64","note?":"string?"}"#: number,
        "closed" 1 "{}": Value::is_object,
    });
    let file = File::of_first();
    accepted(|| file.lock().event::<Second>(), "deposited v1: note is new and may be missing");
    let payloads = file.payloads("deposited", 1);
    assert_eq!(payloads, json!([{ "cents": 1 }, { "cents": 1, "note": "a" }]));
}

#[test]
fn a_change_that_is_not_safe_is_refused() {
    program!(Second {
        "deposited" 1 r#"{"cents":"string"}"#: |_| true,
        "closed" 1 "{}": Value::is_object,
    });
    let file = File::of_first();
    refused(&file, || file.lock().event::<Second>(), "deposited v1: cents was u64 and is string");
}

#[test]
fn a_safe_change_beside_one_that_is_not_is_not_written_either() {
    program!(Second {
        "deposited" 1 r#"{"cents":"u64","by":"string"}"#: |_| true,
        "closed" 1 r#"{"why?":"string"}"#: Value::is_object,
        "opened" 1 "{}": Value::is_object,
    });
    let file = File::of_first();
    refused(&file, || file.lock().event::<Second>(), "deposited v1: by is new and required");
}

#[test]
fn a_shape_that_tells_nothing_is_watched_by_its_payloads() {
    program!(Second {
        "deposited" 1 r#"{"cents":"u64"}"#: |v| v["cents"].as_u64() > Some(1),
        "closed" 1 "{}": Value::is_object,
    });
    let file = File::of_first();
    let said = r#"deposited v1: {"cents":1} was written and can no longer be read"#;
    refused(&file, || file.lock().event::<Second>(), said);
}

#[test]
fn an_event_that_is_gone_needs_an_upcaster() {
    program!(Second {
        "deposited" 1 r#"{"cents":"u64"}"#: number,
    });
    let file = File::of_first();
    refused(&file, || file.lock().event::<Second>(), "closed v1: it is gone, and no upcaster");
    let dropped = Upcasters::builder()
        .current::<Second>()
        .drop_all(EventType::from_static("closed"))
        .build()
        .unwrap();
    file.lock().event::<Second>().upcasters(&dropped).check().unwrap();
}

program!(Raised {
    "deposited" 2 r#"{"euros":"u64"}"#: |v| v["euros"].is_u64(),
    "closed" 1 "{}": Value::is_object,
});

#[test]
fn a_new_version_needs_an_upcaster_from_the_old_one() {
    let file = File::of_first();
    refused(&file, || file.lock().event::<Raised>(), "deposited v1: it is gone, and no upcaster");

    let built = |change: fn(Value) -> Value| {
        Upcasters::builder()
            .current::<Raised>()
            .change_json(("deposited", 1), move |payload| Ok(change(payload)))
            .build()
            .unwrap()
    };
    // One that makes something else of it is found out by the golden payload.
    let wrong = built(|payload| payload);
    let said = r#"deposited v1: {"cents":1} was written and can no longer be read"#;
    refused(&file, || file.lock().event::<Raised>().upcasters(&wrong), said);

    let right = built(|payload| json!({ "euros": payload["cents"].as_u64().unwrap() / 100 }));
    accepted(|| file.lock().event::<Raised>().upcasters(&right), "deposited v2: it is new");
    assert_eq!(file.payloads("deposited", 1), json!([{ "cents": 1 }]), "the old one stays");
    // And it is still needed afterwards.
    refused(&file, || file.lock().event::<Raised>(), "deposited v1: it is gone, and no upcaster");
}

#[test]
fn a_chain_must_end_with_an_event_that_is_locked() {
    program!(Other {
        "moved" 1 "{}": Value::is_object,
    });
    let file = File::of_first();
    let upcasters = Upcasters::builder()
        .current::<Other>()
        .current::<Raised>()
        .rename(("deposited", 1), ("moved", 1))
        .build()
        .unwrap();
    let lock = || file.lock().event::<Raised>().upcasters(&upcasters);
    let findings = found(lock().check());
    let said = "it becomes moved (schema version 1), which no event here has";
    assert!(findings.iter().any(|(is_safe, what)| !is_safe && what.contains(said)), "{findings:?}");
    accepted_at_last(&file, || lock().event::<Other>());
}

#[track_caller]
fn accepted_at_last(file: &File, lock: impl Fn() -> SchemaLock) {
    lock().accept().unwrap();
    lock().check().unwrap();
    assert!(file.text().contains("moved"));
}

#[test]
fn samples_are_golden_payloads() {
    let file = File::new();
    let sample = |cents: u64| First::of("deposited", json!({ "cents": cents }));
    let lock = || file.lock().event::<First>().sample(&sample(7)).sample(&sample(8));
    lock().accept().unwrap();
    assert_eq!(file.payloads("deposited", 1), json!([{ "cents": 7 }, { "cents": 8 }]));
    lock().check().unwrap();
    file.lock().event::<First>().check().unwrap();
    // A sample that is written differently from now on.
    let other = First::of("deposited", json!({ "cents": 7, "by": "a" }));
    accepted(
        || lock().sample(&other),
        r#"deposited v1: a sample is written as {"by":"a","cents":7}"#,
    );
}

#[test]
fn a_sample_that_cannot_be_read_back_is_refused() {
    let file = File::of_first();
    let bad = First::of("deposited", json!({ "cents": "seven" }));
    let said = "deposited v1: what a sample is written as cannot be read back: the payload of";
    refused(&file, || file.lock().event::<First>().sample(&bad), said);
    let unknown = Raised::of("deposited", json!({ "euros": 1 }));
    let said = "deposited v2: a sample was given of it, but not its event";
    refused(&file, || file.lock().event::<First>().sample(&unknown), said);
}

#[test]
fn where_no_payload_can_be_made_up_a_sample_is_asked_for() {
    program!(Odd {
        "any" 1 r#""any""#: |_| true,
        "picky" 1 r#"{"code":"string"}"#: |v| v["code"] == "swordfish",
        "unknown" 1 "": |_| true,
    });
    let file = File::new();
    let findings = found(file.lock().event::<Odd>().accept());
    assert_eq!(findings.len(), 3, "{findings:?}");
    assert!(
        findings.iter().all(|(is_safe, what)| !is_safe && what.ends_with("give one by `sample`"))
    );
    let with_samples = || {
        let lock = file.lock().event::<Odd>();
        lock.sample(&Odd::of("any", json!([1])))
            .sample(&Odd::of("picky", json!({ "code": "swordfish" })))
            .sample(&Odd::of("unknown", json!(null)))
    };
    with_samples().accept().unwrap();
    with_samples().check().unwrap();
    // Once its shape is known, that is one more thing to compare.
    program!(Known {
        "any" 1 r#""any""#: |_| true,
        "picky" 1 r#"{"code":"string"}"#: |v| v["code"] == "swordfish",
        "unknown" 1 r#""null""#: |_| true,
    });
    accepted(|| file.lock().event::<Known>(), "unknown v1: its shape is known now");
    let said = "unknown v1: its shape is no longer known, so only its payloads are compared";
    accepted(|| file.lock().event::<Odd>(), said);
}

#[test]
fn two_types_with_one_form_must_both_read_it() {
    program!(Reader {
        "deposited" 1 r#"{}"#: |v| v["cents"].as_u64() > Some(1),
    });
    let file = File::of_first();
    let said = r#"deposited v1: {"cents":1} was written and can no longer be read"#;
    refused(&file, || file.lock().event::<First>().event::<Reader>(), said);
}

#[test]
fn a_file_that_is_no_lock() {
    let file = File::new();
    for (text, reason) in [
        ("{", "EOF while parsing"),
        ("{}", "its format is not 1"),
        (r#"{"format":2,"events":{}}"#, "its format is not 1"),
        (r#"{"format":1}"#, "it has no `events`"),
        (r#"{"format":1,"events":{"a b":{"1":{}}}}"#, "reserved character"),
        (r#"{"format":1,"events":{"a":{"x":{}}}}"#, "x is no version"),
        (r#"{"format":1,"events":{"a":{"1":{"shape":{}}}}}"#, "a version has no payloads"),
        (r#"{"format":1,"events":{"a":{"1":{"shape":1,"payloads":[]}}}}"#, "invalid type"),
    ] {
        fs::write(&file.0, text).unwrap();
        for result in [file.lock().check(), file.lock().accept()] {
            let error = result.unwrap_err();
            assert!(matches!(error, SchemaLockError::Format { .. }), "{error:?}");
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert_eq!(file.text(), text);
    }
    let directory = SchemaLock::at(std::env::temp_dir()).check().unwrap_err();
    assert!(matches!(directory, SchemaLockError::File { .. }));
}
