//! An address behind which there are servers that do not have the same end of the log.

use std::{net::SocketAddr, sync::Arc};

use es_core::{ErrorKind, EventStore, Position, Read, Recorded, Result, Store};
use es_store_postgres::{PostgresOptions, PostgresStore, tokio_postgres::Client};
use es_testkit::{Fixture, servers::Proxy};
use futures_util::StreamExt;

use crate::{
    checks::{stream, to},
    own_server::OwnServer,
    server::connect,
};

/// A primary with so many events, a standby that has the first of them and gets no more, and an
/// address that leads to the primary.
struct Balanced {
    primary: OwnServer,
    standby: OwnServer,
    admin: Client,
    proxy: Proxy,
    own: PostgresStore,
}

fn place(server: &OwnServer) -> SocketAddr {
    let (_, rest) = server.url.split_once('@').unwrap();
    rest.split_once('/').unwrap().0.parse().unwrap()
}

impl Balanced {
    async fn with(there: usize, lacking: usize) -> Self {
        let primary = OwnServer::start();
        let store = Store::new(PostgresStore::open(&primary.url).await.unwrap());
        append(&store, there).await;
        let standby = primary.standby();
        let admin = connect(&standby.url).await;
        admin.batch_execute("SELECT pg_wal_replay_pause()").await.unwrap();
        let paused = "SELECT pg_is_wal_replay_paused()";
        while !admin.query_one(paused, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::task::yield_now().await;
        }
        append(&store, lacking).await;
        let proxy = Proxy::start(place(&primary)).await;
        let url = format!("postgres://postgres@{}/postgres", proxy.address());
        let options = PostgresOptions::new().with_migrate(false).with_listening(false);
        let own = PostgresStore::open_with(&url, options).await.unwrap();
        Self { primary, standby, admin, proxy, own }
    }

    /// From here on all connections lead to this server.
    fn lead_to(&self, server: &OwnServer) {
        self.proxy.lead_to(place(server));
        self.proxy.cut_all();
    }
}

async fn append(store: &Store, count: usize) {
    let mut left = count;
    while left > 0 {
        let some = left.min(1_000);
        store.append(to("a", some)).await.unwrap();
        left -= some;
    }
}

fn run<Test: Future<Output = ()>>(
    there: usize,
    lacking: usize,
    test: impl FnOnce(Arc<Balanced>) -> Test,
) {
    es_testkit::run(
        async move { Fixture::new(Arc::new(Balanced::with(there, lacking).await), ()) },
        test,
    );
}

fn is_behind<T: std::fmt::Debug>(read: Result<T>) {
    let error = read.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("is known to reach"), "{error}");
}

#[test]
fn a_read_up_to_a_head_that_was_told_of_comes_whole_or_fails() {
    run(5, 5, |both| async move {
        let store = Store::new(both.own.clone());
        assert_eq!(store.head().await.unwrap().position.get(), 10);
        both.lead_to(&both.standby);
        let reads = [Read::all(), Read::stream(stream("a"))];
        let until = |read: &Read, position| read.clone().until(Position::new(position));
        for read in &reads {
            is_behind(store.read(until(read, 10)).into_vec().await);
            is_behind(store.read(until(read, 10).backward()).into_vec().await);
            // Nobody was told that the log reaches so far.
            assert_eq!(store.read(until(read, 11)).into_vec().await.unwrap().len(), 5);
            assert_eq!(store.read(until(read, 5)).into_vec().await.unwrap().len(), 5);
        }
        both.lead_to(&both.primary);
        for read in &reads {
            assert_eq!(store.read(until(read, 10)).into_vec().await.unwrap().len(), 10);
        }
        assert!(!both.admin.is_closed());
    });
}

#[test]
fn a_receipt_tells_how_far_the_log_reaches_too() {
    run(5, 0, |both| async move {
        let store = Store::new(both.own.clone());
        let receipt = store.append(to("a", 2)).await.unwrap();
        both.lead_to(&both.standby);
        is_behind(store.read(Read::all().until(receipt.last)).into_vec().await);
    });
}

/// Later pages may come from another server than the first.
#[test]
fn a_long_read_does_not_end_where_another_server_does() {
    run(3_000, 3_000, |both| async move {
        let backward = Read::all().backward();
        for (read, first) in [(Read::all(), 1), (backward, 6_000)] {
            both.lead_to(&both.primary);
            let mut pages = EventStore::read(&both.own, read);
            let page = pages.next().await.unwrap().unwrap();
            assert_eq!(page[0].position.get(), first);
            both.lead_to(&both.standby);
            let mut rest: Vec<Result<Vec<Recorded>>> = pages.collect().await;
            is_behind(rest.pop().unwrap());
            let mut last = page.last().unwrap().position.get();
            for event in rest.into_iter().flat_map(Result::unwrap) {
                assert_eq!(event.position.get().abs_diff(last), 1, "nothing is passed over");
                last = event.position.get();
            }
        }
    });
}
