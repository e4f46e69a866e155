//! The rights that the documentation asks for are enough, and what becomes of appends of those
//! who have less.

use es_core::{
    CheckpointStore, DeadLetter, DeadLetterStore, ErrorKind, EventId, Follow, LogId, Owner,
    Payload, Position, Progress, Read, ReadModel, Snapshot, SnapshotKey, SnapshotStore,
    SubscriberName, Version,
};
use es_store_redis::RedisSnapshotStore;
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};

use crate::{
    checks::{self, stream, to},
    server::{model_named, named, store_at, store_named},
};

const DOCUMENTATION: &str = include_str!("../../../../docs/redis.md");

/// The command of the documentation that makes the user.
fn documented() -> Vec<&'static str> {
    let (_, rest) = DOCUMENTATION.split_once("\nACL SETUSER").unwrap();
    let (command, _) = rest.split_once("```").unwrap();
    ["ACL", "SETUSER"].into_iter().chain(command.split_whitespace()).collect()
}

#[test]
fn the_documented_user_may_do_all_that_the_library_does() {
    let fixture = async { Fixture::new(RedisServer::start(&RedisConfig::in_memory()), ()) };
    es_testkit::run(fixture, |server| async move {
        server.ask(&documented());
        let url = server.url().replace("redis://", "redis://events:password@");
        let store = store_at(&url).await;
        let mut follow = store.follow(Read::all());
        let both = to("a", 2).and(stream("b"), es_core::ExpectedVersion::NoStream);
        let receipt = store.append(both.events(crate::checks::events(1))).await.unwrap();
        let mut met = 0;
        while met < 3 {
            if let Some(Follow::Event(_)) = follow.next().await.transpose().unwrap() {
                met += 1;
            }
        }
        let read = store.read(Read::stream(stream("a")).backward()).into_vec().await.unwrap();
        assert_eq!(read.len(), 2);
        assert!(store.find(read[0].id).await.unwrap().is_some());

        let model = model_named(&url, "es").await;
        let name = SubscriberName::from_static("orders");
        let claimed = model.claim(&name, receipt.log, &Owner::new("one")).await.unwrap();
        let mut tx = model.begin().await.unwrap();
        tx.set("a", "1").unwrap();
        tx.increment("a", 1).unwrap();
        tx.hash_set("h", "f", "1").unwrap();
        tx.hash_increment("h", "f", 1).unwrap();
        tx.hash_delete("h", "f").unwrap();
        tx.set_add("s", "m").unwrap();
        tx.set_remove("s", "m").unwrap();
        tx.sorted_add("z", "m", 1.0).unwrap();
        tx.sorted_increment("z", "m", 1.0).unwrap();
        tx.sorted_remove("z", "m").unwrap();
        tx.list_push("l", "v").unwrap();
        tx.list_keep_last("l", 1).unwrap();
        tx.delete("l").unwrap();
        tx.get("b").await.unwrap();
        let letter =
            DeadLetter::waiting(name.clone(), Position::new(2), EventId::new(), stream("a"));
        let progress = Progress::from(&claimed, Position::new(3)).with_parked(vec![letter]);
        model.commit(tx, &progress).await.unwrap();
        assert_eq!(model.parked_streams(&name).await.unwrap().len(), 1);
        model.forget(&name).await.unwrap();

        let snapshots = RedisSnapshotStore::open_with(&url, named("es")).await.unwrap();
        let key = SnapshotKey::new(stream("a"), 1);
        let state = Payload::json("state").unwrap();
        let version = Version::new(1).unwrap();
        let saved = Snapshot::new(key, version, EventId::new(), LogId::generate(), state);
        snapshots.save(saved.clone()).await.unwrap();
        assert_eq!(snapshots.load(&saved.key).await.unwrap().as_ref(), Some(&saved));
        snapshots.delete(&saved.key).await.unwrap();

        // And no more: another log is out of reach.
        let other = es_store_redis::RedisStore::open_with(&url, named("other")).await;
        assert_eq!(other.unwrap_err().kind(), ErrorKind::Invalid);
    });
}

#[test]
fn an_append_that_the_user_may_not_write_whole_writes_nothing() {
    let fixture = async { Fixture::new(RedisServer::start(&RedisConfig::in_memory()), ()) };
    es_testkit::run(fixture, |server| async move {
        for (at, right) in ["xadd", "rpush", "hset"].into_iter().enumerate() {
            let (user, name) = (format!("user{at}"), format!("log{at}"));
            let own = store_named(&server.url(), &name).await; // it makes the log
            let without = format!("-{right}");
            let rules = ["ACL", "SETUSER", &user, "on", ">pw", "~*", "&*", "+@all", &without];
            server.ask(&rules);
            let url = server.url().replace("redis://", &format!("redis://{user}:pw@"));
            let store = store_named(&url, &name).await;
            let error = store.append(to("a", 1)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{right}: {error:?}");
            assert_eq!(checks::whole(&own).await.len(), 0, "without {right}");
            server.ask(&["ACL", "SETUSER", &user, &format!("+{right}")]);
            store.append(to("a", 2)).await.unwrap();
            assert_eq!(checks::whole(&own).await.len(), 2, "with {right}");
        }
    });
}
