//! Metadata: its written form, its defaults, and what is passed on from a cause.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn empty_metadata_is_written_as_an_empty_object() {
    assert_eq!(serde_json::to_string(&Metadata::new()).unwrap(), "{}");
    assert_eq!(serde_json::from_str::<Metadata>("{}").unwrap(), Metadata::new());
    let unknown = r#"{"of_a_later_version": [1, 2]}"#;
    assert_eq!(serde_json::from_str::<Metadata>(unknown).unwrap(), Metadata::new());
}

#[test]
fn full_metadata_survives_its_written_form() {
    let full = full_metadata();
    let text = serde_json::to_string(&full).unwrap();
    assert_eq!(serde_json::from_str::<Metadata>(&text).unwrap(), full);
    assert_eq!(full.actor(), Some("alice"));
    assert_eq!(full.extras().collect::<Vec<_>>(), [("ip", &json!("192.0.2.7")), ("n", &json!(1))]);
}

#[test]
fn the_nil_uuid_is_no_id() {
    let metadata = Metadata::new().with_correlation_id(Uuid::nil()).with_causation_id(Uuid::nil());
    assert_eq!(metadata, Metadata::new());
    let taken_away = full_metadata().with_correlation_id(Uuid::nil());
    assert_eq!(taken_away.correlation_id(), None);
    let nil = r#"{"correlation_id": "00000000-0000-0000-0000-000000000000"}"#;
    assert_eq!(serde_json::from_str::<Metadata>(nil).unwrap(), Metadata::new());
}

#[test]
fn own_metadata_goes_before_defaults() {
    let defaults = full_metadata();
    assert_eq!(Metadata::new().or(&defaults), defaults);
    assert_eq!(defaults.clone().or(&Metadata::new()), defaults);
    let own = Metadata::new()
        .with_actor("bob")
        .with_trace("00-own", None)
        .with_extra("ip", "own")
        .with_extra("more", 2);
    let both = own.or(&defaults);
    assert_eq!(both.actor(), Some("bob"));
    assert_eq!(both.extra("ip"), Some(&json!("own")));
    assert_eq!(both.extra("more"), Some(&json!(2)));
    assert_eq!(both.extra("n"), Some(&json!(1)), "what is missing is filled in");
    assert_eq!(both.correlation_id(), defaults.correlation_id());
    assert_eq!(both.traceparent(), Some("00-own"));
    assert_eq!(both.tracestate(), None, "the state belongs to the other trace");
}

#[test]
fn what_an_event_caused_shares_its_correlation_and_trace() {
    let cause = recorded(full_metadata());
    let caused = Metadata::caused_by(&cause);
    assert_eq!(caused.correlation_id(), cause.metadata.correlation_id());
    assert_eq!(caused.causation_id(), Some(cause.id.as_uuid()));
    assert_eq!(caused.traceparent(), cause.metadata.traceparent());
    assert_eq!(caused.tracestate(), cause.metadata.tracestate());
    assert_eq!(caused.actor(), None, "whoever did the one need not have done the other");
    assert_eq!(caused.tenant(), None);
    let first = recorded(Metadata::new());
    let caused = Metadata::caused_by(&first);
    assert_eq!(caused.correlation_id(), Some(first.id.as_uuid()), "it begins a correlation");
}

#[test]
fn what_belongs_together_was_not_caused_by_each_other() {
    let other = recorded(full_metadata());
    let together = Metadata::correlated_with(&other);
    assert_eq!(together.correlation_id(), other.metadata.correlation_id());
    assert_eq!((together.causation_id(), together.traceparent()), (None, None));
}

proptest! {
    #[test]
    fn moments_survive_the_written_form_of_metadata(micros in any::<i64>()) {
        let metadata = Metadata::new().with_occurred_at(Timestamp::from_micros(micros));
        let text = serde_json::to_string(&metadata).unwrap();
        prop_assert_eq!(serde_json::from_str::<Metadata>(&text).unwrap(), metadata);
    }

    /// Whichever way it came about, equal content is equal metadata: the ids are chosen so
    /// that some begin with zeros, which are kept in another way.
    #[test]
    fn what_was_set_is_what_is_there(
        steps in proptest::collection::vec((0..3_u8, 0..3_u8, any::<bool>()), 0..8),
    ) {
        let id = |which: u8, wide| Uuid::from_u128(u128::from(which) << if wide { 64 } else { 0 });
        let (mut metadata, mut ids, mut actor) = (Metadata::new(), [Uuid::nil(); 2], None);
        for (what, which, wide) in steps {
            match what {
                0 => {
                    ids[0] = id(which, wide);
                    metadata = metadata.with_correlation_id(ids[0]);
                }
                1 => {
                    ids[1] = id(which, wide);
                    metadata = metadata.with_causation_id(ids[1]);
                }
                _ => {
                    actor = Some(which.to_string());
                    metadata = metadata.with_actor(which.to_string());
                }
            }
        }
        let set = |id: Uuid| (!id.is_nil()).then_some(id);
        prop_assert_eq!(metadata.correlation_id(), set(ids[0]));
        prop_assert_eq!(metadata.causation_id(), set(ids[1]));
        prop_assert_eq!(metadata.actor(), actor.as_deref());
        let at_once = Metadata::new().with_causation_id(ids[1]).with_correlation_id(ids[0]);
        let at_once = actor.into_iter().fold(at_once, Metadata::with_actor);
        prop_assert_eq!(&metadata, &at_once);
        let text = serde_json::to_string(&metadata).unwrap();
        prop_assert_eq!(serde_json::from_str::<Metadata>(&text).unwrap(), at_once);
    }
}
