//! Conditions that reach further back than a script may walk.

use es_core::{
    Append, ErrorKind, ExpectedVersion, NewEvent, Payload, Position, Query, Schema, Store, Tag,
};

use crate::{checks::stream, server::on_a_log};

fn event(name: &'static str) -> NewEvent {
    NewEvent::raw(Schema::from_static(name, 1), Payload::json(&1).unwrap())
}

fn tag() -> Tag {
    Tag::new("course", "c1").unwrap()
}

/// Six thousand events with the tag and as many of the type, none of which is both.
async fn crowded(store: &Store) {
    for _ in 0..12 {
        let tagged = (0..500).map(|_| event("moved").with_tag(tag()));
        let typed = (0..500).map(|_| event("closed"));
        let append = Append::to(stream("crowd"), ExpectedVersion::Any).events(tagged).events(typed);
        store.append(append).await.unwrap();
    }
}

fn unless() -> (Query, Append) {
    let query = Query::tagged(tag()).of_types([es_core::EventType::from_static("closed")]);
    let append = Append::to(stream("new"), ExpectedVersion::Any).event(event("noted"));
    (query.clone(), append.unless(query, Position::START))
}

#[test]
fn what_is_not_there_is_not_found_however_far_it_reaches() {
    on_a_log(|log| async move {
        let store = log.store().await;
        crowded(&store).await;
        let receipt = store.append(unless().1).await.unwrap();
        assert_eq!(receipt.first, Position::new(12_001));
    });
}

#[test]
fn what_is_there_is_found_however_far_back() {
    on_a_log(|log| async move {
        let store = log.store().await;
        let both = Append::to(stream("first"), ExpectedVersion::Any);
        store.append(both.event(event("closed").with_tag(tag()))).await.unwrap();
        crowded(&store).await;
        let (query, append) = unless();
        let error = store.append(append).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConditionFailed, "{error:?}");
        let failed = error.condition_failed().unwrap();
        assert_eq!((failed.found, &failed.query), (Position::new(1), &query));
    });
}
