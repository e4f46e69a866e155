//! What tells one event from another: tags, ids, content.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::{Invalid, limits};

#[test]
fn tags_are_sorted_and_each_stands_once() {
    let tag = |value: &str| Tag::new("t", value).unwrap();
    let tags: Tags = ["b", "a", "b", "c", "a"].into_iter().map(tag).collect();
    assert_eq!(tags.as_slice(), ["a", "b", "c"].map(tag));
    assert_eq!(tags.clone().with(tag("b")), tags);
    assert_eq!(Tags::NONE.with(tag("x")).len(), 1);
    assert!(tags.contains(&tag("c")) && !tags.contains(&tag("d")));
    assert_eq!(Tags::from_iter([]), Tags::NONE);
    assert!(Tags::NONE.is_empty() && Tags::NONE.iter().next().is_none());
}

#[test]
fn a_tag_is_a_name_and_a_value() {
    let tag: Tag = "customer:c:7/x".parse().unwrap();
    assert_eq!((tag.name(), tag.value()), ("customer", "c:7/x"));
    assert_eq!(Tag::new("customer", "c:7/x").unwrap(), tag);
    for bad in ["", "a", ":b", "a:", "a b:c", "a:b\n", "ä@:b"] {
        assert!(bad.parse::<Tag>().is_err(), "{bad:?}");
    }
    let longest = "x".repeat(limits::MAX_TAG_BYTES - 2);
    assert!(Tag::new("n", &longest).is_ok() && Tag::new("n", longest + "x").is_err());
    let error = Tag::new("a:b", "c").unwrap_err();
    assert!(matches!(error.invalid(), Some(Invalid::ReservedCharacter { found: ':', .. })));
}

#[test]
fn derived_ids_depend_on_every_part_and_on_their_borders() {
    let space = Uuid::from_u128(1);
    let id = |parts: &[&str]| EventId::derived(space, parts);
    let ids = [
        id(&["ab", "c"]),
        id(&["a", "bc"]),
        id(&["abc"]),
        id(&["abc", ""]),
        id(&["c", "ab"]),
        id(&[]),
        EventId::derived(Uuid::from_u128(2), ["ab", "c"]),
    ];
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    assert_eq!(id(&["ab", "c"]), ids[0], "the same each time");
    assert_eq!(ids[0].as_uuid().get_version_num(), 5);
    // Written down, so that an import of today is recognised by a later version.
    assert_eq!(ids[0].to_string(), "e6ad3ae2-39ec-5419-a1eb-e9f0300b1c3a");
}

#[test]
fn new_ids_differ_and_are_read_back() {
    let ids: HashSet<_> = (0..1_000).map(|_| EventId::new()).collect();
    assert_eq!(ids.len(), 1_000);
    let id = EventId::new();
    assert_eq!(id.as_uuid().get_version_num(), 7);
    assert_eq!(id.to_string().parse::<EventId>().unwrap(), id);
    let error = "17".parse::<EventId>().unwrap_err();
    assert!(matches!(error.invalid(), Some(Invalid::EventId { text }) if text == "17"));
}

#[test]
fn the_same_content_is_everything_but_id_and_metadata() {
    let event = NewEvent::raw(Schema::from_static("a", 1), Payload::json(&1).unwrap())
        .with_tag(Tag::new("t", 1).unwrap());
    let same = |other: &NewEvent| event.same_content(&other.schema, &other.payload, &other.tags);
    let twin = event.clone().with_id(EventId::new()).with_metadata(full_metadata());
    assert!(same(&twin));
    let mut other = event.clone();
    other.schema.version = 2;
    assert!(!same(&other));
    let mut other = event.clone();
    other.payload = Payload::json(&2).unwrap();
    assert!(!same(&other));
    assert!(!same(&event.clone().with_tags(Tags::NONE)));
}

proptest! {
    #[test]
    fn no_text_makes_a_tag_panic_and_tags_are_read_back(text in "\\PC{0,20}:?\\PC{0,20}") {
        if let Ok(tag) = text.parse::<Tag>() {
            prop_assert_eq!(tag.as_str(), &text);
            prop_assert_eq!(Tag::new(tag.name(), tag.value()).unwrap(), tag);
        }
    }
}
