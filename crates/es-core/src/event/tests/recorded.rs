//! Recorded events and the registry that decodes them.

use super::*;
use crate::{ErrorKind, Invalid};

/// Claims the name that [`Counted`] has.
#[derive(Debug)]
struct Impostor;

impl Event for Impostor {
    const SCHEMAS: &'static [Schema] = &[Schema::from_static("counted", 7)];

    fn schema(&self) -> &'static Schema {
        &Self::SCHEMAS[0]
    }

    fn encode(&self) -> Result<Payload> {
        Payload::json(&())
    }

    fn decode(_: &Schema, _: &Payload) -> Result<Self> {
        Ok(Self)
    }
}

#[test]
fn a_registry_decodes_what_it_knows() {
    let registry = Registry::new().with::<Counted>().unwrap();
    let event = Recorded::from(envelope(NewEvent::of(&Counted(7)).unwrap()));
    let decoded = registry.decode(&event).unwrap();
    assert!(decoded.rust_type().ends_with("Counted"));
    assert_eq!(decoded.downcast_ref::<Counted>(), Some(&Counted(7)));
    let back = decoded.downcast::<Impostor>().unwrap_err();
    assert_eq!(back.downcast::<Counted>().unwrap(), Counted(7));
}

#[test]
fn a_registry_says_where_an_event_is_that_it_cannot_decode() {
    let registry = Registry::new().with::<Counted>().unwrap();
    let raw = |name, payload: Payload| {
        Recorded::from(envelope(NewEvent::raw(Schema::from_static(name, 1), payload)))
    };
    let unknown = registry.decode(&raw("other", Payload::json(&1).unwrap())).unwrap_err();
    let details = unknown.unknown_event_details().unwrap();
    assert_eq!(details.known, Counted::SCHEMAS);
    assert_eq!(details.position, Some(Position::new(42)));
    let misfit = registry.decode(&raw("counted", Payload::json("x").unwrap())).unwrap_err();
    assert_eq!(misfit.kind(), ErrorKind::Undecodable);
    assert_eq!(misfit.undecodable_details().unwrap().position, Some(Position::new(42)));
}

#[test]
fn a_registry_refuses_a_name_that_is_taken() {
    let error = Registry::new().with::<Counted>().unwrap().with::<Impostor>().unwrap_err();
    let Some(Invalid::DuplicateEventType { event_type, first, second, known }) = error.invalid()
    else {
        panic!("another error: {error}");
    };
    assert_eq!(event_type.as_str(), "counted");
    assert!(first.ends_with("Counted") && second.ends_with("Impostor"));
    assert_eq!(known.len(), 1);
}

#[test]
fn a_recorded_event_derefs_to_its_envelope_and_shares_it() {
    let event = Recorded::from(envelope(NewEvent::of(&Counted(7)).unwrap()));
    let typed = event.decode::<Counted>().unwrap();
    assert_eq!((typed.position, &typed.event), (Position::new(42), &Counted(7)));
    assert!(std::sync::Arc::ptr_eq(typed.envelope(), event.envelope()));
    assert_eq!(typed.untyped(), event);
    assert_eq!(typed.map(|counted| counted.0 + 1).into_event(), 8);
}

/// Whoever keeps events in memory keeps one of these for each.
#[test]
#[cfg(target_pointer_width = "64")]
fn an_envelope_takes_little_room() {
    assert_eq!(size_of::<Metadata>(), 16);
    assert_eq!(size_of::<Schema>(), 24);
    assert_eq!(size_of::<Tags>(), 8);
    assert_eq!(size_of::<Payload>(), size_of::<bytes::Bytes>());
    assert_eq!(size_of::<Envelope>(), 136);
}
