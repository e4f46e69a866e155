//! Dumped under load and restored into a fresh cluster: what stays valid, and what is refused.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use es_core::{
    CheckpointStore, Diverged, ErrorKind, Head, Owner, Position, Progress, Read, Recorded, Store,
    SubscriberName,
};
use es_store_postgres::{PostgresReadModel, PostgresStore};
use es_testkit::Fixture;

use crate::{
    checks::{Follower, same, to, whole},
    own_server::{OwnServer, dumps},
    server::{Schema, url},
};

const WRITERS: u64 = 3;

/// Runs a test on a schema of its own, which can be dumped.
fn on_a_schema<Test: Future<Output = ()>>(test: impl FnOnce(Arc<Schema>) -> Test) {
    on(Schema::new, test);
}

fn on<Test: Future<Output = ()>>(
    schema: impl FnOnce(String) -> Schema,
    test: impl FnOnce(Arc<Schema>) -> Test,
) {
    es_testkit::run(
        async {
            let schema = Arc::new(schema(url()));
            dumps(&schema.url).await;
            Fixture::new(Arc::clone(&schema), schema)
        },
        test,
    );
}

fn subscriber() -> SubscriberName {
    SubscriberName::new("balances").unwrap()
}

/// A subscriber that has handled the log up to the event at `position`.
async fn subscribe(model: &PostgresReadModel, store: &Store, position: u64) -> Recorded {
    let head = store.head().await.unwrap();
    let claimed = model.claim(&subscriber(), head.log, &Owner::new("one")).await.unwrap();
    let read = Read::all().after(Position::new(position - 1)).limit(1);
    let event = store.read(read).into_vec().await.unwrap().remove(0);
    let progress = Progress::from(&claimed, event.position).with_event(event.id);
    model.advance(&progress).await.unwrap();
    event
}

/// Dumps the schema while appends go on, into a cluster that was just made.
async fn restored(schema: &Arc<Schema>, store: &Store) -> OwnServer {
    let is_done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (store, is_done) = (store.clone(), Arc::clone(&is_done));
            tokio::spawn(async move {
                while !is_done.load(Ordering::Relaxed) {
                    store.append(to(&format!("load-{number}"), 3)).await.unwrap();
                }
            })
        })
        .collect();
    let (url, name) = (schema.url.clone(), schema.name.clone());
    let copying = tokio::task::spawn_blocking(move || {
        let server = OwnServer::start();
        server.copy(&url, &name);
        server
    });
    let server = copying.await.unwrap();
    is_done.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    server
}

#[test]
fn a_copy_is_the_beginning_of_the_log_and_its_checkpoints_are_valid() {
    on_a_schema(goes_on_in_a_copy);
}

#[test]
fn so_is_a_copy_of_a_log_in_partitions() {
    on(|url| Schema::in_partitions(url, 30), goes_on_in_a_copy);
}

async fn goes_on_in_a_copy(schema: Arc<Schema>) {
    let (store, model) = (schema.store().await, schema.read_model().await);
    for _ in 0..20 {
        store.append(to("before", 5)).await.unwrap();
    }
    let handled = subscribe(&model, &store, 60).await;
    let server = restored(&schema, &store).await;

    let options = schema.options();
    let copy = PostgresStore::open_with(&server.url, options.clone()).await.unwrap();
    let copy = Store::new(copy);
    let (original, copied) = (whole(&store).await, whole(&copy).await);
    assert!(copied.len() >= 100 && copied.len() <= original.len());
    let positions = |log: &[Recorded]| -> Vec<_> {
        log.iter().map(|event| (event.position, event.id)).collect()
    };
    same(&positions(&copied), &original[..copied.len()]).unwrap();
    assert_eq!(copy.head().await.unwrap().log, store.head().await.unwrap().log);

    // The subscriber goes on in the copy, behind what it has handled, and with what the
    // copy gets from now on.
    let there = PostgresReadModel::open_with(&server.url, options).await.unwrap();
    let checkpoint = there.checkpoint(&subscriber()).await.unwrap().unwrap();
    checkpoint.check(copy.head().await.unwrap()).unwrap();
    assert_eq!((checkpoint.position, checkpoint.event), (handled.position, Some(handled.id)));
    let follower = Follower::start(&copy);
    let receipt = copy.append(to("behind", 1)).await.unwrap();
    assert_eq!(receipt.first.get(), u64::try_from(copied.len()).unwrap() + 1, "dense");
    follower.has_met(copied.len() + 1).await;
    let next = Read::all().after(checkpoint.position).limit(1);
    assert_eq!(copy.read(next).into_vec().await.unwrap()[0].position.get(), 61);
}

#[test]
fn what_a_copy_that_goes_its_own_way_makes_invalid_is_refused() {
    on_a_schema(|schema| async move {
        let (store, model) = (schema.store().await, schema.read_model().await);
        for _ in 0..10 {
            store.append(to("before", 5)).await.unwrap();
        }
        subscribe(&model, &store, 20).await;
        let server = restored(&schema, &store).await;
        let options = schema.options();

        // The original goes on, and so does its subscriber: the copy ends before that.
        let last = store.append(to("after", 1_000)).await.unwrap().last;
        subscribe(&model, &store, last.get()).await;
        let old = PostgresStore::open_with(&server.url, options.clone()).await.unwrap();
        let old = Store::new(old);
        let head = old.head().await.unwrap();
        let ahead = model.checkpoint(&subscriber()).await.unwrap().unwrap();
        let error = ahead.check(head).unwrap_err();
        assert!(matches!(error.diverged(), Some(Diverged::RolledBack { .. })), "{error}");
        let mut following = old.follow(Read::all().after(ahead.position).of_log(ahead.log));
        let error = following.next_event().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "{error}");

        // With an identity of its own, the copy is another log to whoever knew the first.
        let renewed = PostgresStore::renew_identity(&server.url, &options).await.unwrap();
        assert_ne!(renewed, head.log);
        let error = old.append(to("own-way", 1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "a handle of before: {error}");
        let own = PostgresStore::open_with(&server.url, options.clone()).await.unwrap();
        let own = Store::new(own);
        let receipt = own.append(to("own-way", 1)).await.unwrap();
        assert_eq!(receipt.log, renewed);
        assert_eq!(own.head().await.unwrap(), Head::new(renewed, receipt.last));

        let there = PostgresReadModel::open_with(&server.url, options).await.unwrap();
        let checkpoint = there.checkpoint(&subscriber()).await.unwrap().unwrap();
        let error = checkpoint.check(own.head().await.unwrap()).unwrap_err();
        assert!(matches!(error.diverged(), Some(Diverged::Replaced { .. })), "{error}");
        let owner = Owner::new("two");
        let error = there.claim(&subscriber(), renewed, &owner).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogDiverged, "{error}");
        there.forget(&subscriber()).await.unwrap();
        let anew = there.claim(&subscriber(), renewed, &owner).await.unwrap();
        assert_eq!(anew.position, Position::START);
    });
}
