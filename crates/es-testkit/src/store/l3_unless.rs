//! L3, dynamic: an append goes through only unless an event that it names is in the log
//! behind a position (`unless`).

use es_core::{
    ErrorKind, EventType, ExpectedVersion, NewEvent, Position, Query, Receipt, Store, Tag,
};

use crate::{
    declined::{Need, declines},
    sample::{event, put, refused, stream, tag, tenant, to},
    tasks::together,
};

/// An event with the tag, behind the position: the append fails, and says where it is.
pub async fn a_matching_tag_fails_the_append(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    let taken = put(&store, "c1", vec![subscribed("c1", "s1")]).await;
    put(&store, "c2", vec![subscribed("c2", "s2")]).await;
    expect_failed(&store, Query::tagged(tag("course", "c1")), &taken).await;
}

/// An event of the type, behind the position, fails the append.
pub async fn a_matching_type_fails_the_append(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    let closed = put(&store, "c1", vec![event("course.closed")]).await;
    put(&store, "c1", vec![event("course.opened")]).await;
    let query = types(&["course.closed", "course.deleted"]);
    expect_failed(&store, query, &closed).await;
}

/// Type and tag in one alternative: only an event that has both fails the append.
pub async fn type_and_tag_must_both_match(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    let query = types(&["course.subscribed"]).and_tagged(tag("course", "c1"));
    put(&store, "c1", vec![event("course.closed").with_tag(tag("course", "c1"))]).await;
    put(&store, "c2", vec![subscribed("c2", "s1")]).await;
    expect_passed(&store, query.clone(), Position::START).await;
    let both = put(&store, "c1", vec![subscribed("c1", "s1")]).await;
    expect_failed(&store, query, &both).await;
}

/// Two tags in one alternative: only an event that has both fails the append.
pub async fn two_tags_must_both_match(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    let query = Query::tagged(tag("course", "c1")).and_tagged(tag("student", "s1"));
    put(&store, "c1", vec![subscribed("c1", "s2"), subscribed("c2", "s1")]).await;
    expect_passed(&store, query.clone(), Position::START).await;
    let both = put(&store, "c1", vec![subscribed("c1", "s1")]).await;
    expect_failed(&store, query, &both).await;
}

/// Of several alternatives, one that matches fails the append; so does one of several
/// conditions.
pub async fn one_matching_alternative_is_enough(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    let taken = put(&store, "c1", vec![subscribed("c1", "s1")]).await;
    let (absent, present) =
        (Query::tagged(tag("course", "c9")), Query::tagged(tag("student", "s1")));
    expect_failed(&store, absent.clone().or(present.clone()), &taken).await;
    expect_failed(&store, present.clone().or(absent.clone()), &taken).await;
    let append = to("new", ExpectedVersion::Any)
        .event(event("noted"))
        .unless(absent.clone(), Position::START)
        .unless(present.clone(), Position::START);
    let error = refused(&store, append, ErrorKind::ConditionFailed).await;
    let failed = error.condition_failed().expect("details of the condition");
    assert_eq!(failed.query, present, "the condition that failed is named");
}

/// Whoever decides about something else is not disturbed.
pub async fn a_disjoint_boundary_passes(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    put(&store, "c1", vec![subscribed("c1", "s1"), event("course.closed")]).await;
    let elsewhere = Query::tagged(tag("course", "c2")).or(types(&["course.opened"]));
    expect_passed(&store, elsewhere, Position::START).await;
}

/// Behind means behind: an event at the position itself does not count, the next one does.
pub async fn the_boundary_itself_does_not_count(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    let query = Query::tagged(tag("course", "c1"));
    let first = put(&store, "c1", vec![subscribed("c1", "s1")]).await;
    expect_passed(&store, query.clone(), first.last).await;
    let second = put(&store, "c1", vec![subscribed("c1", "s2")]).await;
    expect_failed_after(&store, query.clone(), first.last, &second).await;
    expect_passed(&store, query, second.last).await;
}

/// The query for every event fails in a log that has grown, and passes at its head.
pub async fn any_event_at_all_can_be_the_condition(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    expect_passed(&store, Query::any(), Position::START).await;
    let head = store.head().await.unwrap().position;
    expect_passed(&store, Query::any(), head).await;
    let append = to("new", ExpectedVersion::Any).event(event("noted")).unless(Query::any(), head);
    refused(&store, append, ErrorKind::ConditionFailed).await;
}

/// A query without alternatives means no event, so it never fails an append.
pub async fn a_query_that_means_nothing_passes(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    put(&store, "c1", vec![subscribed("c1", "s1")]).await;
    let nothing = Query::any().of_types([]);
    assert!(nothing.items().is_empty());
    expect_passed(&store, nothing, Position::START).await;
}

/// The events of the append itself do not count.
pub async fn the_append_itself_does_not_count(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    let append = to("c1", ExpectedVersion::NoStream)
        .event(subscribed("c1", "s1"))
        .unless(Query::tagged(tag("course", "c1")), Position::START);
    store.append(append).await.expect("nothing was there before");
}

/// Of many appends with the same condition, each of which breaks it, exactly one wins.
pub async fn one_of_many_with_the_same_condition_wins(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    for round in 0..10 {
        let writers = (0..4).map(|writer| {
            let seat = tag("seat", round);
            // Streams of their own, so that nothing but the condition can refuse them.
            let append = to(&format!("seat-{round}-{writer}"), ExpectedVersion::NoStream)
                .event(event("seat.taken").with_tag(seat.clone()))
                .unless(Query::tagged(seat), Position::START);
            let store = store.clone();
            async move { store.append(append).await }
        });
        let results = together(writers).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            assert_eq!(error.kind(), ErrorKind::ConditionFailed);
        }
    }
}

/// A condition looks at the streams of the append's own tenant and at no others.
pub async fn a_condition_is_scoped_to_the_tenant(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    let (acme, umbrella) = (tenant("acme"), tenant("umbrella"));
    let query = Query::tagged(tag("course", "c1"));
    let of_acme = store.for_tenant(acme);
    let taken = put(&of_acme, "c1", vec![subscribed("c1", "s1")]).await;
    expect_passed(&store.for_tenant(umbrella), query.clone(), Position::START).await;
    expect_passed(&store, query.clone(), Position::START).await;
    expect_failed(&of_acme, query, &taken).await;
}

/// The first check that fails is the answer: written streams, then required ones, then
/// conditions.
pub async fn streams_are_checked_before_conditions(store: Store) {
    if declines(&store, Need::Conditions) || declines(&store, Need::MultiStream) {
        return;
    }
    put(&store, "c1", vec![subscribed("c1", "s1")]).await;
    put(&store, "c2", vec![subscribed("c2", "s1")]).await;
    let append = |written, required| {
        to("c1", written)
            .event(event("noted"))
            .require(stream("c2"), required)
            .unless(Query::tagged(tag("course", "c1")), Position::START)
    };
    let (holds, fails) = (ExpectedVersion::Exists, ExpectedVersion::NoStream);
    for (written, required, named) in [(fails, fails, "c1"), (holds, fails, "c2")] {
        let error = refused(&store, append(written, required), ErrorKind::Conflict).await;
        let conflict = error.conflict().expect("details of the conflict");
        assert_eq!(conflict.stream, stream(named));
    }
    refused(&store, append(holds, holds), ErrorKind::ConditionFailed).await;
}

/// A condition and an expected version are both checked, whichever of them fails.
pub async fn condition_and_expected_version_both_count(store: Store) {
    if declines(&store, Need::Conditions) {
        return;
    }
    put(&store, "c1", vec![subscribed("c1", "s1")]).await;
    let absent = Query::tagged(tag("course", "c9"));
    let append =
        to("c1", ExpectedVersion::NoStream).event(event("noted")).unless(absent, Position::START);
    refused(&store, append, ErrorKind::Conflict).await;
    let append = to("c1", ExpectedVersion::Exists)
        .event(event("noted"))
        .unless(Query::tagged(tag("course", "c1")), Position::START);
    refused(&store, append, ErrorKind::ConditionFailed).await;
}

fn subscribed(course: &str, student: &str) -> NewEvent {
    let about: [Tag; 2] = [tag("course", course), tag("student", student)];
    about.into_iter().fold(event("course.subscribed"), NewEvent::with_tag)
}

fn types(names: &[&'static str]) -> Query {
    Query::any().of_types(names.iter().map(|name| EventType::from_static(name)))
}

async fn expect_passed(store: &Store, query: Query, after: Position) {
    let append =
        to("passed", ExpectedVersion::Any).event(event("noted")).unless(query.clone(), after);
    if let Err(error) = store.append(append).await {
        panic!("nothing matches ({query}) after {after}, yet the append failed: {error}");
    }
}

/// Checks that the append fails because of `found`, an append of one event.
async fn expect_failed(store: &Store, query: Query, found: &Receipt) {
    expect_failed_after(store, query, Position::START, found).await;
}

async fn expect_failed_after(store: &Store, query: Query, after: Position, found: &Receipt) {
    let append =
        to("failed", ExpectedVersion::NoStream).event(event("noted")).unless(query.clone(), after);
    let error = refused(store, append, ErrorKind::ConditionFailed).await;
    let failed = error.condition_failed().expect("details of the condition");
    assert_eq!(failed.query, query);
    assert_eq!(failed.after, after);
    assert_eq!(failed.found, found.last, "where the event is");
}
