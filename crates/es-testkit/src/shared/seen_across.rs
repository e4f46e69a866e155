//! What is appended through one handle is read, followed and awaited through the other.

use es_core::{Follow, FollowStream, Position, Read, Recorded, Store};
use futures_util::future::join;

use crate::{
    declined::{Need, declines},
    sample::{all, event, ids, many, newest_first, put, read, stream, tag},
    tasks::{together, turns},
};

/// Both handles name the same log, and are as durable as each other.
pub async fn both_handles_have_one_log([one, other]: [Store; 2]) {
    if declines(&one, Need::Shared) {
        return;
    }
    assert_eq!(one.head().await.unwrap(), other.head().await.unwrap());
    assert_eq!(one.capabilities(), other.capabilities());
    assert_eq!(one.durability().await.unwrap(), other.durability().await.unwrap());
    let receipt = put(&one, "a", many(2)).await;
    let head = other.head().await.unwrap();
    assert_eq!((head.log, head.position), (receipt.log, receipt.last));
}

/// Whatever is acknowledged through one is read through the other at once, by every way of
/// reading.
pub async fn an_append_is_read_through_the_other(handles: [Store; 2]) {
    if declines(&handles[0], Need::Shared) {
        return;
    }
    for round in 0..20 {
        let (writer, reader) = (&handles[round % 2], &handles[(round + 1) % 2]);
        let key = format!("s{}", round % 3);
        let events = vec![event("noted").with_tag(tag("round", round)), event("noted")];
        let receipt = put(writer, &key, events).await;
        let head = reader.head().await.unwrap();
        assert_eq!((head.log, head.position), (receipt.log, receipt.last));
        assert_eq!(reader.version(&stream(&key)).await.unwrap(), Some(receipt.version()));
        let tagged = read(reader, Read::all().tagged(tag("round", round))).await;
        assert_eq!(tagged.len(), 1);
        assert_eq!(tagged[0].position, receipt.first);
        assert_eq!(reader.find(tagged[0].id).await.unwrap().as_ref(), tagged.first());
        let both =
            [read(reader, Read::stream(stream(&key))), read(writer, Read::stream(stream(&key)))];
        let [theirs, ours] = both;
        assert_eq!(theirs.await, ours.await);
        let backward = read(reader, Read::all().backward()).await;
        assert_eq!(backward, newest_first(&all(writer).await));
    }
}

/// A follower of one handle meets what is appended through the other, through the hand-over
/// from history to live and for as long as it goes on.
pub async fn an_append_is_followed_through_the_other([one, other]: [Store; 2]) {
    if declines(&one, Need::Shared) {
        return;
    }
    put(&one, "a", many(3)).await;
    let mut following = other.follow(Read::all());
    let mut seen = events(&mut following, 3).await;
    for _ in 0..10 {
        // The follower is asleep when the append comes.
        let (next, receipt) = join(events(&mut following, 2), put(&one, "a", many(2))).await;
        seen.extend(next);
        assert_eq!(caught_up(&mut following).await, receipt.last);
    }
    assert_eq!(seen, all(&one).await);
}

/// Followers of both handles, beside writers to both, all meet the same: the log.
pub async fn followers_of_both_meet_the_same(handles: [Store; 2]) {
    const EVENTS: usize = 4 * 10 * 2;
    if declines(&handles[0], Need::Shared) {
        return;
    }
    let followers: Vec<_> = (0..4)
        .map(|follower| {
            let mut following = handles[follower % 2].follow(Read::all());
            tokio::spawn(async move { events(&mut following, EVENTS).await })
        })
        .collect();
    let writers = (0..4).map(|writer| {
        let store = handles[writer % 2].clone();
        async move {
            for _ in 0..10 {
                put(&store, &format!("s{writer}"), many(2)).await;
                turns(1).await;
            }
        }
    });
    together(writers).await;
    let log = ids(&all(&handles[0]).await);
    assert_eq!(log, ids(&all(&handles[1]).await));
    for follower in followers {
        assert_eq!(ids(&follower.await.unwrap()), log);
    }
}

/// One that waits for the log to grow is woken by an append through the other handle, at
/// whatever moment of the call that comes.
pub async fn an_append_is_awaited_through_the_other([one, other]: [Store; 2]) {
    if declines(&one, Need::Shared) {
        return;
    }
    for round in 0..20 {
        let before = other.head().await.unwrap().position;
        let waiting = {
            let other = other.clone();
            async move {
                turns(round % 4).await;
                until_grown(&other, before).await
            }
        };
        let writing = {
            let one = one.clone();
            async move {
                turns(round / 4 % 4).await;
                put(&one, "a", many(1)).await.last
            }
        };
        let (waiting, writing) = (tokio::spawn(waiting), tokio::spawn(writing));
        assert_eq!(waiting.await.unwrap(), writing.await.unwrap(), "round {round}");
    }
}

/// When one handle is dropped, with a read half way and a follower at work, the other goes
/// on.
pub async fn a_dropped_handle_disturbs_nobody([one, other]: [Store; 2]) {
    if declines(&one, Need::Shared) {
        return;
    }
    put(&one, "a", many(300)).await;
    let mut reading = one.read(Read::all());
    reading.next().await.unwrap().unwrap();
    let mut following = one.follow(Read::all());
    events(&mut following, 300).await;
    drop((reading, following, one));
    let receipt = put(&other, "a", many(1)).await;
    assert_eq!(until_grown(&other, Position::START).await, receipt.last);
    assert_eq!(all(&other).await.len(), 301);
}

async fn events(following: &mut FollowStream, count: usize) -> Vec<Recorded> {
    let mut events = Vec::with_capacity(count);
    while events.len() < count {
        events.push(following.next_event().await.unwrap().unwrap());
    }
    events
}

/// Where the news comes next that everything has been yielded.
async fn caught_up(following: &mut FollowStream) -> Position {
    match following.next().await.unwrap().unwrap() {
        Follow::CaughtUp(head) => head.position,
        Follow::Event(event) => panic!("an event instead of the news: {event:?}"),
    }
}

/// Waits as callers do: again, as long as it wakes early.
async fn until_grown(store: &Store, after: Position) -> Position {
    loop {
        let head = store.wait(after).await.expect("waiting succeeds");
        if head.position > after {
            return head.position;
        }
        turns(1).await;
    }
}
