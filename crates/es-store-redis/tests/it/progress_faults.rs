//! Read models on servers that lose what they acknowledged, are full, or forbid things.

use std::time::Duration;

use es_core::{
    CheckpointStore, ErrorKind, EventId, LogId, Owner, Payload, Position, Progress, ReadModel,
    Snapshot, SnapshotKey, SnapshotStore, StreamId, Version,
};
use es_store_redis::{RedisReadModel, RedisSnapshotStore};
use es_testkit::{
    Fixture,
    servers::{Cut, Proxy, RedisConfig, RedisServer},
};

use crate::{
    rows::{Model, name},
    server::named,
};

fn on_a_server<Test: Future<Output = ()>>(
    config: RedisConfig,
    test: impl FnOnce(RedisServer) -> Test,
) {
    es_testkit::run(async { Fixture::new(RedisServer::start(&config), ()) }, test);
}

async fn put(model: &mut Model, value: &str) -> es_core::Result<()> {
    let mut tx = model.model.begin().await?;
    tx.set("row", value)?;
    tx.increment("count", 1)?;
    model.commit(tx).await
}

/// The server is put back to an earlier state while a worker runs: rows and checkpoint are
/// both of that state, and the worker does not go on as if nothing had happened.
#[test]
fn a_worker_notices_that_its_commits_were_lost() {
    on_a_server(RedisConfig::durable(), |mut server| async move {
        let log = LogId::generate();
        let mut model = Model::open(&server.url(), "m", log).await;
        put(&mut model, "1").await.unwrap();
        let length = server.data().log_length();
        put(&mut model, "2").await.unwrap();
        server.kill();
        server.data().cut_log(length);
        server.run_again();

        let error = put_when_up(&mut model, "3").await;
        assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
        assert_eq!(model.get("row").await.as_deref(), Some("1"));
        let mut again = Model::open(&server.url(), "m", log).await;
        assert_eq!(again.checkpoint.position, Position::new(1));
        put(&mut again, "2").await.unwrap();
        assert_eq!(again.get("count").await.as_deref(), Some("2"));
    });
}

/// Until the connection is back; then what the commit says.
async fn put_when_up(model: &mut Model, value: &str) -> es_core::Error {
    loop {
        match put(model, value).await {
            Err(error) if error.is_temporary() || error.kind() == ErrorKind::OutcomeUnknown => {}
            Err(error) => return error,
            Ok(()) => panic!("a worker went on although its commit was lost"),
        }
    }
}

/// The server loses a claim and gives the same epoch to another worker: the first one has an
/// epoch that is in force, and is fenced nevertheless.
#[test]
fn an_epoch_that_was_given_twice_is_of_the_last_one() {
    on_a_server(RedisConfig::durable(), |mut server| async move {
        let log = LogId::generate();
        let mut first = Model::open(&server.url(), "m", log).await;
        put(&mut first, "1").await.unwrap();
        let length = server.data().log_length();
        let mut lost = Model::open(&server.url(), "m", log).await;
        server.kill();
        server.data().cut_log(length);
        server.run_again();
        let mut second = Model::open(&server.url(), "m", log).await;
        assert_eq!(second.checkpoint.epoch, lost.checkpoint.epoch);
        let error = put_when_up(&mut lost, "lost").await;
        assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
        put(&mut second, "2").await.unwrap();
        assert_eq!(second.get("row").await.as_deref(), Some("2"));
    });
}

#[test]
fn a_wiped_server_takes_no_commit_without_a_claim() {
    on_a_server(RedisConfig::durable(), |mut server| async move {
        let mut model = Model::open(&server.url(), "m", LogId::generate()).await;
        put(&mut model, "1").await.unwrap();
        server.wipe();
        let error = put_when_up(&mut model, "2").await;
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert_eq!(model.get("row").await, None);
    });
}

/// Under load of commits a replica that lags is promoted. The rows always fit the checkpoint.
#[test]
fn a_promoted_replica_has_rows_that_fit_its_checkpoint() {
    on_a_server(RedisConfig::in_memory(), |mut server| async move {
        let log = LogId::generate();
        let replica = server.replica(&RedisConfig::in_memory());
        let mut model = Model::open(&server.url(), "m", log).await;
        for n in 0..50 {
            put(&mut model, &n.to_string()).await.unwrap();
        }
        replica.has_all_of(&server);
        replica.pause();
        for n in 50..100 {
            put(&mut model, &n.to_string()).await.unwrap();
        }
        server.kill();
        replica.resume();
        replica.promote();
        let promoted = Model::open(&replica.url(), "m", log).await;
        let position = promoted.checkpoint.position.get();
        assert!(position < 100 || promoted.get("row").await.as_deref() == Some("99"));
        let count = promoted.get("count").await;
        assert_eq!(count, Some(position.to_string()), "the rows and the checkpoint disagree");
    });
}

/// Whatever is cut, each step is made once: the checkpoint tells whether a commit took place.
#[test]
fn commits_through_cut_connections_are_made_once() {
    on_a_server(RedisConfig::in_memory(), |server| async move {
        let proxy = Proxy::start(server.address()).await;
        let url = format!("redis://{}", proxy.address());
        let log = LogId::generate();
        let (mut model, mut unknown) = (Model::open(&url, "m", log).await, 0);
        let (mut done, mut cuts_at) = (0, 0);
        while done < 60 {
            let cut = [Cut::Before, Cut::After, Cut::Swallow, Cut::Middle][done % 4];
            // A step that has to be made again is not cut again, or it would never be made.
            if done == cuts_at {
                proxy.cut_next(cut);
                cuts_at += 3;
            }
            match put(&mut model, &done.to_string()).await {
                Ok(()) => done += 1,
                Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                    unknown += 1;
                    // Claiming fences a commit that is still on its way.
                    model = loop {
                        let opened = RedisReadModel::open_with(&url, named("m")).await;
                        if let Ok(opened) = opened
                            && opened.claim(&name(), log, &Owner::new("one")).await.is_ok()
                        {
                            break Model::open(&url, "m", log).await;
                        }
                    };
                    done = usize::try_from(model.checkpoint.position.get()).unwrap();
                }
                Err(error) => assert!(error.is_temporary(), "{error:?}"),
            }
        }
        assert_eq!(model.get("count").await.as_deref(), Some("60"));
        assert!(unknown > 5, "{unknown} outcomes were unknown");
    });
}

#[test]
fn a_full_server_takes_nothing_of_a_commit() {
    on_a_server(
        RedisConfig::in_memory().with("maxmemory-policy", "noeviction"),
        |server| async move {
            let mut model = Model::open(&server.url(), "m", LogId::generate()).await;
            put(&mut model, "1").await.unwrap();
            server.set("maxmemory", "1");
            let error = put(&mut model, "2").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            server.set("maxmemory", "0");
            assert_eq!(model.get("row").await.as_deref(), Some("1"));
            put(&mut model, "2").await.unwrap();
        },
    );
}

#[test]
fn a_right_that_is_missing_refuses_all_of_a_commit() {
    on_a_server(RedisConfig::in_memory(), |server| async move {
        server.ask(&["ACL", "SETUSER", "me", "on", ">secret", "~*", "+@all", "-zadd"]);
        let url = server.url().replace("redis://", "redis://me:secret@");
        let mut model = Model::open(&url, "m", LogId::generate()).await;
        let mut tx = model.model.begin().await.unwrap();
        tx.set("row", "1").unwrap();
        tx.sorted_add("sorted", "a", 1.0).unwrap();
        let error = model.commit(tx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert_eq!(model.get("row").await, None);
    });
}

#[test]
fn a_cluster_has_all_of_a_model_in_one_slot() {
    es_testkit::run(
        async { Fixture::new(RedisServer::cluster(&RedisConfig::in_memory()), ()) },
        |server| async move {
            let url = server.url().replace("redis://", "redis-cluster://");
            let mut model = Model::open(&url, "m", LogId::generate()).await;
            for n in 0..20 {
                let mut tx = model.model.begin().await.unwrap();
                tx.set(&format!("row-{n}"), "1").unwrap();
                tx.hash_set(&format!("{{other}}{n}"), "a", "1").unwrap();
                model.commit(tx).await.unwrap();
            }
            model.model.forget(&name()).await.unwrap();

            let snapshots = RedisSnapshotStore::open_with(&url, named("m")).await.unwrap();
            for n in 1..20 {
                let saved = snapshot(&format!("k{n}"), n);
                snapshots.save(saved.clone()).await.unwrap();
                assert_eq!(snapshots.load(&saved.key).await.unwrap(), Some(saved));
            }
        },
    );
}

fn snapshot(key: &str, version: u64) -> Snapshot {
    let key = SnapshotKey::new(StreamId::new("account", key).unwrap(), 1);
    let version = Version::new(version).unwrap();
    let state = Payload::json("state").unwrap();
    Snapshot::new(key, version, EventId::new(), LogId::generate(), state)
}

#[test]
fn only_snapshots_are_forgotten_and_only_when_asked() {
    on_a_server(RedisConfig::in_memory(), |server| async move {
        let url = server.url();
        let kept = RedisSnapshotStore::open_with(&url, named("kept")).await.unwrap();
        kept.save(snapshot("a", 1)).await.unwrap();
        let brief = RedisSnapshotStore::open_with(&url, named("brief")).await.unwrap();
        let brief = brief.with_time_to_live(Duration::from_millis(1));
        let saved = snapshot("a", 1);
        brief.save(saved.clone()).await.unwrap();
        while brief.load(&saved.key).await.unwrap().is_some() {}
        let long = brief.with_time_to_live(Duration::MAX);
        long.save(saved.clone()).await.unwrap();
        assert!(long.load(&saved.key).await.unwrap().is_some());

        let mut model = Model::open(&url, "m", LogId::generate()).await;
        put(&mut model, "1").await.unwrap();
        for key in server.ask(&["KEYS", "*"]).list() {
            let key = key.text();
            let lives = server.ask(&["PTTL", &key]).number();
            assert_eq!(lives > 0, key.starts_with("brief:"), "{key}: {lives}");
        }
        assert!(matches!(
            model.model.advance(&Progress::from(&model.checkpoint, Position::new(0))).await,
            Err(error) if error.kind() == ErrorKind::Invalid
        ));
    });
}
