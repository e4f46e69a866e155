//! What is refused when a set of upcasters is built.

use super::script::Newest;
use crate::{
    BoxError, BrokenChain, ErrorKind, EventType, Invalid, Payload, Schema, Upcasters,
    UpcastersBuilder,
};

fn begin() -> UpcastersBuilder {
    Upcasters::builder().current::<Newest>()
}

/// A split that gives no parts.
fn nothing() -> Result<Vec<(Schema, Payload)>, BoxError> {
    Ok(Vec::new())
}

/// What is wrong, and how it is said.
#[track_caller]
fn fault(builder: UpcastersBuilder) -> (BrokenChain, String) {
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    match error.invalid() {
        Some(Invalid::Upcasters(broken)) => (broken.clone(), error.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_gap_names_both_ends_and_the_remedy() {
    let (broken, message) = fault(begin().change(("deposited", 1), Ok));
    let (from, to) = (("deposited", 1).into(), ("deposited", 2).into());
    assert_eq!(broken, BrokenChain::Gap { from, to });
    assert_eq!(
        message,
        "the step from deposited (schema version 1) leads to deposited (schema version 2), which \
         is neither current nor the start of a step: declare it by `current`, or add the step \
         that leads on from it"
    );
}

#[test]
fn every_target_of_a_split_must_lead_on() {
    let split = begin().split(("moved", 1), [("withdrawn", 1), ("withdrawn", 2)], |_| nothing());
    let (broken, _) = fault(split);
    assert!(matches!(broken, BrokenChain::Gap { to, .. } if to.version == 2));
}

#[test]
fn a_form_is_declared_by_its_type_or_by_itself() {
    let step = |builder: UpcastersBuilder| builder.rename(("old", 1), ("new", 1)).build();
    assert!(step(begin()).is_err());
    assert!(step(begin().current_schema(("new", 2))).is_err());
    assert!(step(begin().current_schema(("new", 1))).is_ok());
}

#[test]
fn a_circle_is_shown() {
    let circle = begin()
        .rename(("before", 1), ("a", 1))
        .rename(("a", 1), ("b", 1))
        .split(("b", 1), [("withdrawn", 1), ("c", 1)], |_| nothing())
        .rename(("c", 1), ("a", 1));
    let (broken, message) = fault(circle);
    let BrokenChain::Cycle { circle } = broken else { panic!("{broken:?}") };
    assert_eq!(circle.len(), 4);
    assert_eq!(circle.first(), circle.last());
    assert!(message.contains("a v1 -> b v1 -> c v1 -> a v1"), "{message}");
}

#[test]
fn a_step_to_itself_is_a_circle() {
    let (broken, _) = fault(begin().rename(("a", 1), ("a", 1)));
    assert!(matches!(broken, BrokenChain::Cycle { .. }));
    // There is no version behind the last.
    let (broken, _) = fault(begin().change(("a", u32::MAX), Ok));
    assert!(matches!(broken, BrokenChain::Cycle { .. }));
}

#[test]
fn two_steps_from_one_form() {
    let twice = begin().rename(("a", 1), ("withdrawn", 1)).drop(("a", 1));
    assert_eq!(fault(twice).0, BrokenChain::Duplicate { from: ("a", 1).into() });
    let besides = begin().rename(("a", 2), ("withdrawn", 1)).drop_all(EventType::from_static("a"));
    let (broken, message) = fault(besides);
    assert!(matches!(broken, BrokenChain::DroppedBesides { version: 2, .. }));
    assert!(message.contains("drop the versions one by one"), "{message}");
}

#[test]
fn a_step_from_a_current_form() {
    let expected = BrokenChain::FromCurrent { from: ("withdrawn", 1).into() };
    assert_eq!(fault(begin().drop(("withdrawn", 1))).0, expected);
    assert_eq!(fault(begin().drop_all(EventType::from_static("withdrawn"))).0, expected);
    let renamed = begin().rename(("withdrawn", 1), ("opened", 2));
    assert_eq!(fault(renamed).0, expected);
}

#[test]
fn names_and_versions_that_cannot_be() {
    let wrong: [(UpcastersBuilder, &str); 4] = [
        (begin().drop(("a b", 1)), "reserved character"),
        (begin().drop(("a", 0)), "schema version of a is 0"),
        (begin().rename(("a", 1), ("", 1)), "is empty"),
        (begin().drop_all(EventType::from_static("a b")), "reserved character"),
    ];
    for (builder, why) in wrong {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn chains_may_meet_and_may_end_in_nothing() {
    let built = begin()
        .rename(("a", 1), ("c", 1))
        .rename(("b", 1), ("c", 1))
        .split(("c", 1), [("withdrawn", 1), ("gone", 7)], |_| nothing())
        .drop_all(EventType::from_static("gone"))
        .build()
        .unwrap();
    for old in ["a", "b", "c"] {
        assert!(built.is_old(&Schema::from_static(old, 1)));
    }
    assert!(built.is_old(&Schema::from_static("gone", 99)));
    assert!(!built.is_old(&Schema::from_static("a", 2)));
}
