//! What changes a fingerprint, and when a snapshot is due.

use es_core::Version;

use super::{SnapshotPolicy, fingerprint::fingerprint};

#[test]
fn the_shape_of_the_state_is_part_of_it() {
    assert_eq!(fingerprint::<u32>("a", 1), fingerprint::<u32>("a", 1));
    assert_ne!(fingerprint::<u32>("a", 1), fingerprint::<u64>("a", 1));
}

#[test]
fn name_and_version_are_part_of_it() {
    assert_ne!(fingerprint::<u32>("a", 1), fingerprint::<u32>("b", 1));
    assert_ne!(fingerprint::<u32>("a", 1), fingerprint::<u32>("a", 2));
}

/// A text that takes nothing short, and panics instead of refusing it.
struct Iban;

impl<'de> serde::Deserialize<'de> for Iban {
    fn deserialize<D: serde::Deserializer<'de>>(data: D) -> Result<Self, D::Error> {
        assert!(String::deserialize(data)?.len() > 40, "no iban");
        Ok(Self)
    }
}

#[test]
fn a_state_that_panics_at_dummy_data_has_a_fingerprint_of_name_and_version() {
    assert_eq!(fingerprint::<Iban>("a", 1), fingerprint::<Iban>("a", 1));
    assert_ne!(fingerprint::<Iban>("a", 1), fingerprint::<Iban>("a", 2));
    assert_ne!(fingerprint::<Iban>("a", 1), fingerprint::<Iban>("b", 1));
}

#[test]
fn a_snapshot_is_due_when_a_multiple_is_crossed() {
    let version = |number| Version::new(number).unwrap();
    let policy = SnapshotPolicy::every(10).unwrap();
    for (before, after, due) in [
        (None, 1, false),
        (None, 9, false),
        (None, 10, true),
        (None, 25, true),
        (Some(9), 10, true),
        (Some(10), 11, false),
        (Some(10), 19, false),
        (Some(19), 21, true),
        (Some(5), 35, true),
    ] {
        assert_eq!(policy.is_due(before.map(version), version(after)), due, "{before:?} {after}");
    }
    assert!(!SnapshotPolicy::on_demand().is_due(None, version(1_000)));
}
