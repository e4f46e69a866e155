//! Pages that are fetched before they are asked for: how many, and what becomes of a read when
//! something happens to the server between them.

use std::time::Duration;

use es_core::{Error, ErrorKind, EventType, FoldPages, Query, Read, Store};
use es_store_redis::{RedisOptions, RedisStore};
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};

use crate::checks::{stream, to};

/// Far more than two pages.
const EVENTS: u64 = 30_000;
/// Events that a page of full size is planned with.
const FULL: u64 = 4_096;
/// Events that one page has at most, by its plan and by the last entry of it.
const PAGE: u64 = FULL + 100;
/// Events that one command asks for at most.
const PIECE: u64 = 128;

fn on_a_log<Test: Future<Output = ()>>(test: impl FnOnce(RedisServer, Store) -> Test) {
    let fixture = async {
        let server = RedisServer::start(&RedisConfig::durable());
        let options = RedisOptions::new().with_command_timeout(Duration::from_millis(500));
        let store = Store::new(RedisStore::open_with(&server.url(), options).await.unwrap());
        fill(&store).await;
        Fixture::new((server, store), ())
    };
    es_testkit::run(fixture, |(server, store)| test(server, store));
}

async fn fill(store: &Store) {
    for _ in 0..EVENTS / 100 {
        store.append(to("long", 100)).await.unwrap();
    }
}

/// Another log in the place of the one that was there, as long.
async fn filled_anew(server: &RedisServer) -> Store {
    server.ask(&["FLUSHALL"]);
    let store = crate::server::store_at(&server.url()).await;
    fill(&store).await;
    store
}

/// How many lists were asked for so far.
fn asked(server: &RedisServer) -> u64 {
    let told = server.info("cmdstat_lrange").unwrap_or_default();
    let calls = told.split(',').next().and_then(|calls| calls.strip_prefix("calls="));
    calls.map_or(0, |calls| calls.parse().unwrap())
}

/// Takes so many pages, and gives how many events they had.
async fn take(pages: &mut FoldPages, count: usize) -> u64 {
    let mut events = 0;
    for _ in 0..count {
        events += pages.next().await.unwrap().unwrap().len() as u64;
    }
    events
}

/// What the read ends with, which had given so many events, before it is at its end.
async fn error_of(pages: &mut FoldPages, taken: u64, what: &str) -> Error {
    let mut count = taken;
    let error = loop {
        match pages.next().await {
            Some(Ok(page)) => count += page.len() as u64,
            Some(Err(error)) => break error,
            None => panic!("{what} ended after {count} events as if it were whole"),
        }
    };
    assert!(count < EVENTS, "{what}: {count}");
    error
}

fn reads() -> Vec<Read> {
    let typed = Query::any().of_types([EventType::from_static("noted")]);
    vec![
        Read::all(),
        Read::all().backward(),
        Read::stream(stream("long")),
        Read::stream(stream("long")).backward(),
        Read::all().matching(typed),
    ]
}

#[test]
fn a_reader_that_stops_has_two_pages_ahead_and_no_more() {
    on_a_log(|server, store| async move {
        for read in reads() {
            let what = format!("{read:?}");
            let lists = what.contains("noted"); // of positions, which are asked for as well
            let before = asked(&server);
            let mut pages = store.read_to_fold(read);
            let taken = take(&mut pages, 4).await;
            // Two pages of the full size come by themselves.
            let least = (taken + 2 * FULL) / PIECE;
            while asked(&server) - before < least {
                tokio::task::yield_now().await;
            }
            // Whoever asks for more has all the time for it that other reads take.
            for _ in 0..200 {
                store.head().await.unwrap();
            }
            let most = (taken + 2 * PAGE) / PIECE + 6 + if lists { 20 } else { 0 };
            let count = asked(&server) - before;
            assert!((least..=most).contains(&count), "{what}: {least} <= {count} <= {most}");
            drop(pages);
        }
    });
}

#[test]
fn a_read_that_is_dropped_asks_for_nothing_more() {
    on_a_log(|server, store| async move {
        let mut pages = store.read_to_fold(Read::all());
        let taken = take(&mut pages, 2).await;
        drop(pages);
        let most = (taken + 2 * PAGE) / PIECE + 4;
        for _ in 0..200 {
            store.head().await.unwrap();
        }
        assert!(asked(&server) <= most, "{} <= {most}", asked(&server));
    });
}

#[test]
fn a_read_ends_with_an_error_when_the_server_goes_away_between_two_pages() {
    on_a_log(|mut server, store| async move {
        // Each waits as long as a read tries again.
        for read in [Read::all(), Read::stream(stream("long"))] {
            let what = format!("{read:?}");
            let mut pages = store.read_to_fold(read);
            let taken = take(&mut pages, 2).await;
            server.kill();
            // What had come is handed on; the outcome of a read is never unknown.
            let error = error_of(&mut pages, taken, &what).await;
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{what}: {error:?}");
            assert!(pages.next().await.is_none(), "{what}: it goes on after its error");
            server.run_again();
            store.head().await.unwrap();
        }
    });
}

#[test]
fn a_read_goes_on_when_the_server_is_run_again_between_two_pages() {
    on_a_log(|mut server, store| async move {
        for read in reads() {
            let what = format!("{read:?}");
            let mut pages = store.read_to_fold(read);
            let mut count = take(&mut pages, 2).await;
            server.kill();
            server.run_again();
            while let Some(page) = pages.next().await {
                count += page.unwrap().len() as u64;
            }
            assert_eq!(count, EVENTS, "{what}");
        }
    });
}

#[test]
fn a_read_that_has_pages_ahead_notices_that_another_log_is_there() {
    on_a_log(|server, _| async move {
        for read in reads() {
            let what = format!("{read:?}");
            let store = filled_anew(&server).await;
            let mut pages = store.read_to_fold(read);
            let taken = take(&mut pages, 3).await;
            // The same stream, which ends early: as if the read had come to its end.
            server.ask(&["FLUSHALL"]);
            let other = crate::server::store_at(&server.url()).await;
            other.append(to("long", 100)).await.unwrap();
            let error = error_of(&mut pages, taken, &what).await;
            assert_eq!(error.kind(), ErrorKind::LogDiverged, "{what}: {error:?}");
        }
    });
}

#[test]
fn a_read_that_has_pages_ahead_notices_that_the_server_was_wiped() {
    on_a_log(|server, _| async move {
        for read in reads() {
            let what = format!("{read:?}");
            let store = filled_anew(&server).await;
            let before = asked(&server);
            let mut pages = store.read_to_fold(read);
            let taken = take(&mut pages, 3).await;
            // Wiped between two pages that are both on their way, as far as can be told.
            while asked(&server) - before < (taken + FULL) / PIECE {
                tokio::task::yield_now().await;
            }
            server.ask(&["FLUSHALL"]);
            let error = error_of(&mut pages, taken, &what).await;
            assert_eq!(error.kind(), ErrorKind::LogDiverged, "{what}: {error:?}");
        }
    });
}
