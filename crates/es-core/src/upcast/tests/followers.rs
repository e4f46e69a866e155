//! Followers of split and dropped events: nothing lost, nothing twice.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream as streams};
use serde_json::json;

use super::script::{Newest, Script, stream, upcasters};
use crate::{
    AppendRequest, Backend, Capabilities, Durability, Error, ErrorKind, EventStore, Follow,
    FollowStream, Head, Layer, PageStream, Part, Position, Read, Receipt, Recorded, Result, Store,
};

/// A layer that hands every part on in a page of its own, and whose first read fails after
/// some of them.
#[derive(Debug)]
struct Cut {
    inner: Backend,
    after: Mutex<Option<usize>>,
}

#[async_trait]
impl EventStore for Cut {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn append(&self, append: AppendRequest) -> Result<Receipt> {
        self.inner.append(append).await
    }

    fn read(&self, read: Read) -> PageStream {
        let after = self.after.lock().unwrap().take();
        let one_by_one = self.inner.read(read).flat_map(|page| {
            streams::iter(page.unwrap().into_iter().map(|recorded| Ok(vec![recorded])))
        });
        match after {
            None => Box::pin(one_by_one),
            Some(after) => {
                let fails = streams::iter([Err(Error::new(ErrorKind::Unavailable, "cut"))]);
                Box::pin(one_by_one.take(after).chain(fails))
            }
        }
    }

    async fn head(&self) -> Result<Head> {
        self.inner.head().await
    }

    async fn wait(&self, after: Position) -> Result<Head> {
        self.inner.wait(after).await
    }

    async fn durability(&self) -> Result<Durability> {
        self.inner.durability().await
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

fn history() -> Arc<Script> {
    Script::of(&[
        ("moved", 1, json!("wdw")),
        ("viewed", 1, json!({})),
        ("moved", 1, json!("dwdw")),
        ("deposited", 1, json!({})),
        ("moved", 1, json!("ww")),
        ("audited", 1, json!({})),
    ])
}

fn cut(script: &Arc<Script>, after: usize) -> Store {
    let script: Backend = Arc::clone(script) as Backend;
    let inner = upcasters().layer(script);
    Store::new(Cut { inner, after: Mutex::new(Some(after)) })
}

fn place(event: &Recorded) -> (u64, u16) {
    match event.part {
        Part::Split { index, .. } => (event.position.get(), index),
        Part::Whole | Part::Dropped => (event.position.get(), 0),
    }
}

/// The next event; `None` when there are no more for now, or at all.
async fn next<T>(follower: &mut FollowStream<T>) -> Option<Recorded<T>> {
    loop {
        match follower.next().await? {
            Ok(Follow::Event(event)) => return Some(event),
            Ok(Follow::CaughtUp(_)) => return None,
            Err(error) => assert!(error.is_temporary(), "{error}"),
        }
    }
}

/// The places of all that a follower meets until nothing more comes for now.
async fn follow(store: &Store, read: Read) -> Vec<(u64, u16)> {
    let mut follower = store.follow(read);
    let mut seen = Vec::new();
    while let Some(event) = next(&mut follower).await {
        seen.push(place(&event));
    }
    seen
}

const ALL: [(u64, u16); 10] =
    [(1, 0), (1, 1), (1, 2), (3, 0), (3, 1), (3, 2), (3, 3), (4, 0), (5, 0), (5, 1)];

#[tokio::test]
async fn a_read_that_fails_between_parts_loses_none_and_doubles_none() {
    for after in 0..=ALL.len() {
        let store = cut(&history(), after);
        assert_eq!(follow(&store, Read::all()).await, ALL, "cut after {after}");
    }
}

#[tokio::test]
async fn a_limit_counts_what_is_yielded_and_not_what_comes_again() {
    for after in 0..=ALL.len() {
        for limit in 1..=ALL.len() {
            let store = cut(&history(), after);
            let seen = follow(&store, Read::all().limit(limit as u64)).await;
            assert_eq!(seen, ALL[..limit], "cut after {after}, limit {limit}");
        }
    }
}

#[tokio::test]
async fn a_follower_that_starts_again_behind_the_last_whole_event_misses_nothing() {
    let store = history().upcast();
    for stop_after in 0..=ALL.len() {
        let mut follower = store.follow(Read::all());
        let (mut checkpoint, mut handled) = (Position::START, Vec::new());
        for _ in 0..stop_after {
            let event = next(&mut follower).await.unwrap();
            handled.push(place(&event));
            if event.is_last_part() {
                checkpoint = event.position;
            }
        }
        drop(follower);
        handled.retain(|(position, _)| *position <= checkpoint.get());
        handled.extend(follow(&store, Read::all().after(checkpoint)).await);
        assert_eq!(handled, ALL, "stopped after {stop_after}");
    }
}

#[tokio::test]
async fn by_type_the_last_part_is_the_last_that_is_wanted() {
    let store = history().upcast();
    let read = Read::all().of_types([crate::EventType::from_static("deposited")]);
    let mut follower = store.follow(read);
    let mut last = Vec::new();
    while let Some(event) = next(&mut follower).await {
        last.push((place(&event), event.is_last_part()));
    }
    assert_eq!(last, [((1, 1), true), ((3, 0), false), ((3, 2), true), ((4, 0), true)]);
}

#[tokio::test]
async fn a_typed_follower_passes_over_what_was_dropped() {
    let forms = [("viewed", 1), ("withdrawn", 1), ("withdrawn", 1), ("withdrawn", 1)];
    let script = Script::of(&forms.map(|(name, version)| (name, version, json!({}))));
    let store = script.upcast();
    let untyped = next(&mut store.follow(Read::stream(stream("a")))).await.unwrap();
    assert!(untyped.part.is_dropped());
    let mut typed = store.follow_as::<Newest>(Read::stream(stream("a")).limit(2));
    for position in [2, 3] {
        let event = next(&mut typed).await.unwrap();
        assert_eq!(event.position, Position::new(position));
    }
    assert!(typed.next().await.is_none(), "the limit counts no dropped event");
}
