//! Servers that were wiped, restored or rolled back under a store: everybody notices, and
//! nobody papers it over.

use es_core::{Diverged, ErrorKind, LogId, Position, Read, Store};
use es_store_redis::{RedisOptions, RedisStore};
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};

use crate::checks::{to, whole};

fn on_a_server<Test: Future<Output = ()>>(test: impl FnOnce(RedisServer) -> Test) {
    let config = RedisConfig::durable();
    es_testkit::run(async move { Fixture::new(RedisServer::start(&config), ()) }, test);
}

async fn open(server: &RedisServer) -> Store {
    Store::new(RedisStore::open(&server.url()).await.unwrap())
}

/// Every way to use the store fails, with this; or says that another log than `log` is there.
async fn all_fail(store: &Store, log: LogId, is_it: impl Fn(&Diverged) -> bool) {
    let append = store.append(to("a", 1)).await.map(drop);
    let read = store.read(Read::all()).into_vec().await.map(drop);
    let stream = crate::checks::stream("a");
    let load = store.read(Read::stream(stream)).into_vec().await.map(drop);
    for head in [store.head().await, store.wait(Position::new(3)).await] {
        match head {
            Ok(head) => assert_ne!(head.log, log),
            Err(error) => assert!(error.diverged().is_some_and(&is_it), "{error:?}"),
        }
    }
    for (what, result) in [("append", append), ("read", read), ("load", load)] {
        let error = result.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "{what}: {error:?}");
        assert!(is_it(error.diverged().unwrap()), "{what}: {error:?}");
    }
}

#[test]
fn a_wiped_server_is_noticed_by_all() {
    on_a_server(|mut server| async move {
        let store = open(&server).await;
        let log = store.head().await.unwrap().log;
        store.append(to("a", 3)).await.unwrap();
        server.wipe();
        all_fail(&store, log, |diverged| matches!(diverged, Diverged::Replaced { .. })).await;
        assert_eq!(server.ask(&["DBSIZE"]).number(), 0, "nothing was made in its place");
    });
}

#[test]
fn another_log_in_its_place_is_noticed_by_all() {
    on_a_server(|mut server| async move {
        let store = open(&server).await;
        store.append(to("a", 3)).await.unwrap();
        server.wipe();
        let other = open(&server).await;
        other.append(to("a", 5)).await.unwrap();
        let error = store.append(to("a", 1)).await.unwrap_err();
        assert!(matches!(error.diverged(), Some(Diverged::Replaced { .. })), "{error:?}");
        let error = store.read(Read::all()).into_vec().await.unwrap_err();
        assert!(matches!(error.diverged(), Some(Diverged::Replaced { .. })), "{error:?}");
        let mut follow = store.follow(Read::all());
        let error = follow.next().await.unwrap().unwrap_err();
        assert!(matches!(error.diverged(), Some(Diverged::Replaced { .. })), "{error:?}");
        assert_eq!(whole(&other).await.len(), 5);
    });
}

#[test]
fn a_log_that_lost_its_end_is_noticed_by_all() {
    on_a_server(|mut server| async move {
        let store = open(&server).await;
        let log = store.head().await.unwrap().log;
        store.append(to("a", 1)).await.unwrap();
        let before = server.data().copy();
        store.append(to("a", 2)).await.unwrap();
        server.kill();
        before.restore_to(&server.data());
        server.run_again();
        let position = Position::new(3);
        all_fail(&store, log, |diverged| {
            matches!(diverged, Diverged::RolledBack { reader, .. } if *reader == position)
        })
        .await;
    });
}

#[test]
fn a_log_that_lost_its_end_and_has_gone_on_is_noticed_by_all() {
    on_a_server(|mut server| async move {
        let store = open(&server).await;
        let log = store.head().await.unwrap().log;
        store.append(to("a", 1)).await.unwrap();
        let before = server.data().copy();
        store.append(to("a", 2)).await.unwrap();
        server.kill();
        before.restore_to(&server.data());
        server.run_again();
        // Somebody who knew nothing of it has written more than was lost.
        let other = open(&server).await;
        other.append(to("a", 7)).await.unwrap();
        all_fail(&store, log, |diverged| {
            matches!(diverged, Diverged::Rewritten { position, .. } if position.get() == 3)
        })
        .await;
        assert_eq!(whole(&other).await.len(), 8);
    });
}

#[test]
fn behind_the_furthest_position_there_is_room() {
    on_a_server(|server| async move {
        let (options, furthest) = (RedisOptions::new(), 1 << 52);
        let beyond = Position::new(furthest);
        RedisStore::continue_after_loss(&server.url(), options, beyond).await.unwrap();
        let store = open(&server).await;
        for count in [1, 1, 3] {
            store.append(to("a", count)).await.unwrap();
        }
        let all = store.read(Read::all()).into_vec().await.unwrap();
        let positions = all.iter().map(|event| event.position.get());
        assert!(positions.eq(furthest + 1..=furthest + 5), "{all:?}");
    });
}

#[test]
fn an_operator_lets_the_log_go_on_and_no_position_is_given_twice() {
    on_a_server(|mut server| async move {
        let store = open(&server).await;
        let log = store.head().await.unwrap().log;
        store.append(to("a", 2)).await.unwrap();
        let before = server.data().copy();
        let lost = store.append(to("a", 5)).await.unwrap();
        server.kill();
        before.restore_to(&server.data());
        server.run_again();
        let options = RedisOptions::new();
        let head = RedisStore::continue_after_loss(&server.url(), options, lost.last).await;
        let head = head.unwrap();
        assert_eq!(head.position, lost.last);
        all_fail(&store, log, |diverged| matches!(diverged, Diverged::Replaced { .. })).await;

        let next = open(&server).await;
        assert_eq!(next.head().await.unwrap(), head);
        let backward = next.read(Read::all().backward()).into_vec().await.unwrap();
        assert_eq!(backward.len(), 2, "a gap at the end is no event");
        let moment = backward[0].recorded_at;
        for (read, count) in [
            (Read::all().recorded_until(moment), 2),
            (Read::all().recorded_since(moment), 2),
            (Read::all().after(Position::new(4)), 0),
        ] {
            assert_eq!(next.read(read).into_vec().await.unwrap().len(), count);
        }
        let receipt = next.append(to("a", 1)).await.unwrap();
        assert_eq!(receipt.first.get(), lost.last.get() + 1);
        assert_eq!(receipt.version().get(), 3);
        let all = next.read(Read::all()).into_vec().await.unwrap();
        let positions: Vec<u64> = all.iter().map(|event| event.position.get()).collect();
        assert_eq!(positions, [1, 2, 8]);
        let backward = next.read(Read::all().backward()).into_vec().await.unwrap();
        assert_eq!(backward.len(), 3);
        let since = next.read(Read::all().recorded_since(receipt.recorded_at));
        assert_eq!(since.into_vec().await.unwrap().len(), 1);
        let url = server.url();
        for most in [u64::MAX, 1 << 53, (1 << 53) - 1, (1 << 52) + 1].map(Position::new) {
            let error = RedisStore::continue_after_loss(&url, RedisOptions::new(), most);
            assert_eq!(error.await.unwrap_err().kind(), ErrorKind::Invalid);
        }
    });
}
