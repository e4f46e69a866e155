//! Derived events where the rest of es-core takes events.

use es_core::{Append, Event, ExpectedVersion, NewEvent, Registry, StreamId};

#[derive(Debug, PartialEq, Event)]
enum AccountEvent {
    Opened {
        #[event(tag = "account")]
        id: String,
    },
    Closed,
}

fn opened() -> AccountEvent {
    let id = "alice".to_owned();
    AccountEvent::Opened { id }
}

#[test]
fn a_new_event_carries_schema_payload_and_tags() {
    let event = NewEvent::of(&opened()).unwrap();
    assert_eq!(event.schema, AccountEvent::SCHEMAS[0]);
    assert_eq!(event.payload, opened().encode().unwrap());
    assert_eq!(event.tags, opened().tags().unwrap());
    assert_eq!(event.tags.as_slice()[0].as_str(), "account:alice");
}

#[test]
fn an_append_takes_events_by_value_by_reference_and_in_bulk() {
    let stream = StreamId::new("account", "alice").unwrap();
    let request = Append::to(stream, ExpectedVersion::NoStream)
        .event(opened())
        .event(&AccountEvent::Closed)
        .events([opened(), AccountEvent::Closed])
        .events(&[AccountEvent::Closed])
        .build()
        .unwrap();
    assert_eq!(request.event_count(), 5);
}

#[test]
fn an_append_reports_an_event_that_does_not_encode() {
    #[derive(Event)]
    struct Measured {
        value: f32,
    }
    let stream = StreamId::new("sensor", "1").unwrap();
    let append = Append::to(stream, ExpectedVersion::Any).event(Measured { value: f32::NAN });
    assert!(append.build().unwrap_err().invalid().is_some());
}

#[test]
fn a_registry_takes_derived_events() {
    let registry = Registry::new().with::<AccountEvent>().unwrap();
    let names: Vec<_> = registry.schemas().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["account.closed", "account.opened"]);
}
