//! Servers that are wiped or rolled back while somebody is in the middle of a read: it ends
//! with an error, never as if there had been no more.

use es_core::{Category, ErrorKind, EventType, Follow, Position, Query, Read, Store};
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};

use crate::{
    checks::{stream, to},
    server::store_at,
};

/// Several pages: the first ones are fetched before they are asked for.
const EVENTS: usize = 6_000;

fn on_a_server<Test: Future<Output = ()>>(test: impl FnOnce(RedisServer) -> Test) {
    let config = RedisConfig::durable();
    es_testkit::run(async move { Fixture::new(RedisServer::start(&config), ()) }, test);
}

/// Appends `count` events to one stream.
async fn fill(store: &Store, count: usize) {
    for _ in 0..count / 100 {
        store.append(to("long", 100)).await.unwrap();
    }
}

/// Appends as many events, each by an append of its own, to a few streams.
async fn fill_singly(store: &Store, count: usize) {
    let tasks: Vec<_> = (0..32)
        .map(|number| {
            let (store, each) = (store.clone(), count.div_ceil(32));
            tokio::spawn(async move {
                for _ in 0..each {
                    store.append(to(&format!("short-{number}"), 1)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn reads() -> Vec<Read> {
    let category = || Read::category(Category::from_static("account"));
    let typed = Query::any().of_types([EventType::from_static("noted")]);
    vec![
        Read::all(),
        Read::stream(stream("long")),
        Read::stream(stream("long")).after(Position::new(3)),
        category(),
        Read::all().matching(typed),
        Read::all().backward(),
        Read::stream(stream("long")).backward(),
        category().backward(),
    ]
}

/// Reads one event, lets `happen` happen, and reads on.
async fn ends_badly(store: &Store, read: Read, happen: impl FnOnce()) {
    let what = format!("{read:?}");
    let mut found = store.read(read);
    found.next().await.unwrap().unwrap();
    happen();
    let mut count = 1;
    let error = loop {
        match found.next().await {
            Some(Ok(_)) => count += 1,
            Some(Err(error)) => break error,
            None => panic!("{what} ended after {count} events as if it were whole"),
        }
    };
    assert!(count < EVENTS, "{what}: {count}");
    assert_eq!(error.kind(), ErrorKind::LogDiverged, "{what}: {error:?}");
}

/// The same for a fold, whose pages have no envelopes.
async fn fold_ends_badly(store: &Store, read: Read, happen: impl FnOnce()) {
    let what = format!("{read:?}");
    let mut pages = store.read_to_fold(read);
    let mut count = 0;
    while count == 0 {
        count = pages.next().await.unwrap().unwrap().len();
    }
    happen();
    let error = loop {
        match pages.next().await {
            Some(Ok(page)) => count += page.len(),
            Some(Err(error)) => break error,
            None => panic!("{what} ended after {count} events as if it were whole"),
        }
    };
    assert!(count < EVENTS, "{what}: {count}");
    assert_eq!(error.kind(), ErrorKind::LogDiverged, "{what}: {error:?}");
}

#[test]
fn a_fold_ends_with_an_error_when_the_server_is_wiped_on_the_way() {
    on_a_server(|server| async move {
        for read in reads() {
            server.ask(&["FLUSHALL"]);
            let store = store_at(&server.url()).await;
            fill(&store, EVENTS).await;
            fold_ends_badly(&store, read, || drop(server.ask(&["FLUSHALL"]))).await;
        }
    });
}

#[test]
fn a_read_ends_with_an_error_when_the_server_is_wiped_on_the_way() {
    on_a_server(|server| async move {
        for read in reads() {
            server.ask(&["FLUSHALL"]);
            let store = store_at(&server.url()).await;
            fill(&store, EVENTS).await;
            ends_badly(&store, read, || drop(server.ask(&["FLUSHALL"]))).await;
        }
    });
}

#[test]
fn a_read_ends_with_an_error_when_the_server_loses_its_end_on_the_way() {
    on_a_server(|mut server| async move {
        let store = store_at(&server.url()).await;
        fill_singly(&store, EVENTS / 2).await;
        let before = server.data().copy();
        fill_singly(&store, EVENTS / 2).await;
        ends_badly(&store, Read::all(), || {
            server.kill();
            before.restore_to(&server.data());
            server.run_again();
        })
        .await;
    });
}

#[test]
fn a_follower_never_says_that_it_has_caught_up_with_what_was_wiped() {
    on_a_server(|server| async move {
        let store = store_at(&server.url()).await;
        fill(&store, EVENTS).await;
        let mut follow = store.follow(Read::all());
        let mut last = 0;
        let error = loop {
            match follow.next().await.unwrap() {
                Ok(Follow::Event(event)) => {
                    last += 1;
                    assert_eq!(event.position.get(), last);
                    if last == 1 {
                        server.ask(&["FLUSHALL"]);
                    }
                }
                Ok(other) => panic!("after {last} events: {other:?}"),
                Err(error) => break error,
            }
        };
        assert!(last < EVENTS as u64, "{last}");
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "{error:?}");
    });
}
