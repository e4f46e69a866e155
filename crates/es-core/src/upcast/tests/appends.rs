//! What becomes of the conditions of an append.

use serde_json::json;

use super::script::{Newest, Script, stream};
use crate::{
    Append, ErrorKind, EventType, ExpectedVersion, Invalid, NewEvent, Payload, Position, Query,
    Schema, Tag, limits,
};

fn append(query: Query) -> Append {
    let event =
        NewEvent::raw(Schema::from_static("deposited", 1), Payload::json(&json!({})).unwrap());
    Append::to(stream("a"), ExpectedVersion::Any).event(event).unless(query, Position::START)
}

/// The types that the store is asked to look for.
async fn asked(query: Query) -> Vec<Vec<String>> {
    let script = Script::new(1);
    script.upcast().append(append(query)).await.unwrap_err();
    let appends = script.appends.lock().unwrap();
    let items = appends[0].unless()[0].query.items().iter();
    items.map(|item| item.types.iter().map(|name| name.to_string()).collect()).collect()
}

#[tokio::test]
async fn a_condition_also_excludes_the_old_names() {
    let of = |name| Query::any().of_types([EventType::from_static(name)]);
    assert_eq!(asked(of("opened")).await, [["opened", "created", "founded"]]);
    assert_eq!(asked(of("withdrawn")).await, [["withdrawn", "moved", "spoilt"]]);
    assert_eq!(asked(of("created")).await, [["created"]], "nothing ends as it");
    let two = of("opened").or(of("deposited"));
    let both: [&[&str]; 2] = [&["opened", "created", "founded"], &["deposited", "moved"]];
    assert_eq!(asked(two).await, both);
    let all = asked(Query::events::<Newest>()).await;
    let names = ["opened", "deposited", "withdrawn", "created", "founded", "moved", "spoilt"];
    assert_eq!(all, [names]);
}

#[tokio::test]
async fn a_condition_without_types_stays_as_it_is() {
    let by_tag = Query::tagged(Tag::new("customer", "c1").unwrap());
    assert_eq!(asked(by_tag).await, [Vec::<String>::new()]);
    let none: Vec<Vec<String>> = vec![];
    assert_eq!(asked(Query::any().of_types([])).await, none);
}

#[tokio::test]
async fn a_condition_that_gets_too_many_names_is_refused() {
    let tags = (0..limits::MAX_QUERY_TERMS - 1)
        .fold(Query::any(), |query, n| query.and_tagged(Tag::new("n", n).unwrap()));
    let query = tags.of_types([EventType::from_static("opened")]);
    let script = Script::new(1);
    let error = script.upcast().append(append(query)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(matches!(error.invalid(), Some(Invalid::TooMany { count: 130, .. })), "{error}");
    assert!(script.appends.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_written_stays_as_it_is() {
    let script = Script::new(1);
    script.upcast().append(append(Query::any())).await.unwrap_err();
    let appends = script.appends.lock().unwrap();
    let event = appends[0].events().next().unwrap().1;
    assert_eq!(event.schema, Schema::from_static("deposited", 1));
}
