//! L9: catch-up and live are one stream: nothing lost, nothing doubled, also through the
//! hand-over.

use es_core::{
    ErrorKind, Event, Follow, FollowStream, Head, LogId, NewEvent, Payload, Position, Read,
    Recorded, Store,
};

use crate::{
    sample::{Sample, all, event, ids, many, put, stream, tag, tenant, typed},
    tasks::{together, turns},
};

/// On an empty log, the news that all has been yielded comes at once.
pub async fn caught_up_comes_on_an_empty_log(store: Store) {
    let mut following = store.follow(Read::all());
    let head = caught_up(&mut following).await;
    assert_eq!(head, store.head().await.unwrap());
    assert_eq!(head.position, Position::START);
}

/// History comes first, then the news, then what is appended, then the news again.
pub async fn history_comes_before_what_is_appended(store: Store) {
    put(&store, "a", many(3)).await;
    let mut following = store.follow(Read::all());
    let mut seen = events(&mut following, 3).await;
    let head = caught_up(&mut following).await;
    assert_eq!(head.position, seen[2].position);
    for _ in 0..5 {
        let receipt = put(&store, "a", many(2)).await;
        seen.extend(events(&mut following, 2).await);
        assert_eq!(caught_up(&mut following).await.position, receipt.last);
    }
    assert_eq!(seen, all(&store).await);
}

/// Through the hand-over from history to live, while a writer appends: many rounds, each
/// follower meets the log as it is.
pub async fn there_is_no_seam_between_history_and_live(store: Store) {
    for round in 0..20 {
        let key = format!("s{round}");
        put(&store, &key, many(10)).await;
        let mut following = store.follow(Read::stream(stream(&key)));
        let follower = tokio::spawn(async move {
            turns(round % 5).await;
            events(&mut following, 49).await
        });
        for n in 0..20 {
            put(&store, &key, many(1 + n % 3)).await;
            turns(n % 2).await;
        }
        let seen = follower.await.unwrap();
        let written = store.read(Read::stream(stream(&key))).into_vec().await;
        assert_eq!(ids(&seen), ids(&written.unwrap()), "round {round}");
    }
}

/// Several followers beside several writers all meet the same: the log.
pub async fn several_followers_meet_the_same(store: Store) {
    const EVENTS: usize = 4 * 15 * 2;
    let followers: Vec<_> = (0..4)
        .map(|follower| {
            let mut following = store.follow(Read::all());
            tokio::spawn(async move {
                turns(follower * 3).await;
                events(&mut following, EVENTS).await
            })
        })
        .collect();
    let writers = (0..4).map(|writer| {
        let store = store.clone();
        async move {
            for _ in 0..15 {
                put(&store, &format!("s{writer}"), many(2)).await;
                turns(1).await;
            }
        }
    });
    together(writers).await;
    let log = ids(&all(&store).await);
    for follower in followers {
        assert_eq!(ids(&follower.await.unwrap()), log);
    }
}

/// A filter that lets nothing through still yields the news, and its head advances with
/// the log: a quiet follower can move its checkpoint.
pub async fn caught_up_advances_behind_a_filter(store: Store) {
    let receipt = put(&store, "a", many(3)).await;
    let mut following = store.follow(Read::all().tagged(tag("never", "seen")));
    assert_eq!(caught_up(&mut following).await.position, receipt.last);
    for _ in 0..5 {
        let receipt = put(&store, "a", many(1)).await;
        assert_eq!(caught_up(&mut following).await.position, receipt.last);
    }
}

/// A filter lets through what it means, history and live alike.
pub async fn a_filter_holds_for_history_and_live(store: Store) {
    let marked = || event("noted").with_tag(tag("mark", "x"));
    put(&store, "a", vec![event("noted"), marked()]).await;
    let mut following = store.follow(Read::all().tagged(tag("mark", "x")));
    let mut seen = events(&mut following, 1).await;
    put(&store, "a", vec![marked(), event("noted"), marked()]).await;
    seen.extend(events(&mut following, 2).await);
    let wanted = store.read(Read::all().tagged(tag("mark", "x"))).into_vec().await;
    assert_eq!(seen, wanted.unwrap());
}

/// Followed from a position: what lies behind it, and nothing at it or before.
pub async fn from_a_position(store: Store) {
    put(&store, "a", many(5)).await;
    let log = all(&store).await;
    let resumed = Read::all().after(log[2].position).of_log(store.head().await.unwrap().log);
    let mut following = store.follow(resumed);
    assert_eq!(events(&mut following, 2).await, log[3..]);
    put(&store, "a", many(1)).await;
    assert_eq!(events(&mut following, 1).await, all(&store).await[5..]);
}

/// A follower of a tenant's handle meets that tenant's events only.
pub async fn of_one_tenant(store: Store) {
    let acme = store.for_tenant(tenant("acme"));
    let mut following = acme.follow(Read::all());
    put(&store, "a", many(2)).await;
    put(&store.for_tenant(tenant("umbrella")), "a", many(2)).await;
    put(&acme, "a", many(2)).await;
    let seen = events(&mut following, 2).await;
    assert!(seen.iter().all(|event| event.tenant() == Some(&tenant("acme"))));
}

/// A position of another log is refused: its follower would miss events or meet others.
pub async fn another_log_has_diverged(store: Store) {
    put(&store, "a", many(3)).await;
    let other = LogId::generate();
    let mut following = store.follow(Read::all().of_log(other));
    let error = following.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LogDiverged);
    assert!(following.next().await.is_none(), "it has ended");
    let mut reading = store.read(Read::all().of_log(other));
    let error = reading.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LogDiverged);
    assert!(reading.next().await.is_none(), "it has ended");
}

/// A position beyond the head is one of a log that has lost its end.
pub async fn a_position_beyond_the_head_has_diverged(store: Store) {
    let receipt = put(&store, "a", many(3)).await;
    let beyond = Position::new(receipt.last.get() + 1);
    for wanted in [Read::all(), Read::all().of_log(receipt.log)] {
        let mut following = store.follow(wanted.after(beyond));
        let error = following.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogDiverged);
        assert!(following.next().await.is_none(), "it has ended");
    }
    let mut reading = store.read(Read::all().of_log(receipt.log).after(beyond));
    let error = reading.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LogDiverged);
}

/// The log's own identity is accepted, at its start, in its midst and at its head.
pub async fn the_same_log_is_accepted(store: Store) {
    let receipt = put(&store, "a", many(3)).await;
    for (after, left) in [(Position::START, 3), (receipt.first, 2), (receipt.last, 0)] {
        let wanted = Read::all().of_log(receipt.log).after(after);
        let found = store.read(wanted.clone()).into_vec().await.unwrap();
        assert_eq!(found.len(), left);
        let mut following = store.follow(wanted);
        assert_eq!(events(&mut following, left).await, found);
    }
}

/// With a limit it ends, whether the events are history or come later.
pub async fn with_a_limit_it_ends(store: Store) {
    put(&store, "a", many(3)).await;
    let mut history = store.follow(Read::all().limit(2));
    let mut both = store.follow(Read::all().limit(5));
    assert_eq!(events(&mut history, 2).await, all(&store).await[..2]);
    assert!(history.next_event().await.is_none());
    let mut seen = events(&mut both, 3).await;
    put(&store, "a", many(9)).await;
    seen.extend(events(&mut both, 2).await);
    assert!(both.next_event().await.is_none());
    assert_eq!(seen, all(&store).await[..5]);
}

/// A typed follower yields values; an event that does not decode ends it, with its place.
pub async fn a_typed_follower_yields_values(store: Store) {
    put(&store, "a", vec![typed(&Sample::Deposited { amount: 1 })]).await;
    let mut following = store.follow_as::<Sample>(Read::stream(stream("a")));
    let first = following.next_event().await.unwrap().unwrap();
    assert_eq!(first.event, Sample::Deposited { amount: 1 });
    put(&store, "a", vec![typed(&Sample::Deposited { amount: 2 })]).await;
    let second = following.next_event().await.unwrap().unwrap();
    assert_eq!(second.event, Sample::Deposited { amount: 2 });
    let broken = NewEvent::raw(Sample::SCHEMAS[0].clone(), Payload::json(&[1]).unwrap());
    let receipt = put(&store, "a", vec![broken]).await;
    let error = following.next_event().await.unwrap().unwrap_err();
    assert_eq!(error.undecodable_details().unwrap().position, Some(receipt.last));
    assert!(following.next_event().await.is_none(), "it has ended");
}

/// A follower cannot go backward and has no upper bound: such a read is refused.
pub async fn what_has_an_end_cannot_be_followed(store: Store) {
    put(&store, "a", many(1)).await;
    for wanted in [Read::all().backward(), Read::all().until(Position::new(1))] {
        let mut following = store.follow(wanted);
        let error = following.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(following.next().await.is_none(), "it has ended");
    }
}

/// The next so many events, past the news in between.
async fn events(following: &mut FollowStream, count: usize) -> Vec<Recorded> {
    let mut events = Vec::with_capacity(count);
    while events.len() < count {
        events.push(following.next_event().await.unwrap().unwrap());
    }
    events
}

/// The next item, which must be the news that everything has been yielded.
async fn caught_up(following: &mut FollowStream) -> Head {
    match following.next().await.unwrap().unwrap() {
        Follow::CaughtUp(head) => head,
        Follow::Event(event) => panic!("an event instead of the news: {event:?}"),
    }
}
