//! What a stream may be called, and how its name survives a round trip.

use proptest::prelude::*;

use super::{ExpectedVersion, Key, StreamId, Version};
use crate::{Category, ErrorKind, Invalid, Tenant};

#[test]
fn version_zero_is_refused_by_name() {
    let error = Version::new(0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(matches!(error.invalid(), Some(Invalid::Version { number: 0 })));
    assert!(Version::new(u64::MAX).is_err());
    assert_eq!(Version::new(1).unwrap(), Version::FIRST);
}

#[test]
fn version_after_a_number_of_events() {
    assert_eq!(Version::after(None, 0), None);
    assert_eq!(Version::after(None, 3), Some(Version::new(3).unwrap()));
    assert_eq!(Version::after(Some(Version::FIRST), 2), Some(Version::new(3).unwrap()));
    assert_eq!(Version::MAX.next(), Version::MAX);
}

#[test]
fn expected_versions_admit_what_they_say() {
    let two = Some(Version::new(2).unwrap());
    assert!(ExpectedVersion::Any.admits(None) && ExpectedVersion::Any.admits(two));
    assert!(ExpectedVersion::NoStream.admits(None) && !ExpectedVersion::NoStream.admits(two));
    assert!(!ExpectedVersion::Exists.admits(None) && ExpectedVersion::Exists.admits(two));
    assert!(ExpectedVersion::exactly(two).admits(two));
    assert!(!ExpectedVersion::exactly(two).admits(Some(Version::FIRST)));
    assert!(!ExpectedVersion::exactly(two).admits(None));
}

#[test]
fn names_with_reserved_characters_are_refused() {
    for bad in ["", "a/b", "a@b", "a b", "-a", ".a", "a\n", "a:b", &"x".repeat(65)] {
        assert!(Category::new(bad).is_err(), "category {bad:?}");
        assert!(Tenant::new(bad).is_err(), "tenant {bad:?}");
    }
    for bad in ["", " a", "a ", "a\tb", "a\0", &"x".repeat(513)] {
        assert!(Key::new(bad).is_err(), "key {bad:?}");
    }
    for good in ["a b", "a/b@c:d", "ключ", "7", &"x".repeat(512)] {
        assert!(Key::new(good).is_ok(), "key {good:?}");
    }
}

#[test]
fn a_stream_name_without_a_key_is_refused() {
    let error = "account".parse::<StreamId>().unwrap_err();
    assert!(matches!(error.invalid(), Some(Invalid::StreamName { .. })));
}

proptest! {
    #[test]
    fn a_stream_name_is_parsed_back(
        tenant in proptest::option::of("[\\p{L}0-9_][\\p{L}0-9_.-]{0,10}"),
        category in "[\\p{L}0-9_][\\p{L}0-9_.-]{0,10}",
        key in "\\PC{1,40}",
    ) {
        if let Ok(key) = Key::new(key) {
            let stream = StreamId::of(Category::new(category).unwrap(), key);
            let stream = match tenant {
                Some(tenant) => stream.with_tenant(Tenant::new(tenant).unwrap()),
                None => stream,
            };
            prop_assert_eq!(stream.to_string().parse::<StreamId>().unwrap(), stream);
        }
    }

    #[test]
    fn no_text_makes_a_name_panic(text in "\\PC*") {
        let _ = Category::new(&text);
        let _ = Key::new(&text);
        let _ = text.parse::<StreamId>();
    }
}
