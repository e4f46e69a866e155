//! Servers that are set up wrong, are full, load, or are replicas; and a cluster.

use std::time::Duration;

use es_core::{Append, ErrorKind, EventStore, ExpectedVersion, Read, Store};
use es_store_redis::{RedisOptions, RedisStore};
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};

use crate::checks::{self, events, stream, to};

/// Runs a test on a server of its own.
fn on_a_server<Test: Future<Output = ()>>(
    config: RedisConfig,
    test: impl FnOnce(RedisServer) -> Test,
) {
    es_testkit::run(async move { Fixture::new(RedisServer::start(&config), ()) }, test);
}

async fn open(server: &RedisServer) -> Store {
    Store::new(RedisStore::open(&server.url()).await.unwrap())
}

#[test]
fn a_server_that_may_throw_keys_away_is_refused() {
    on_a_server(RedisConfig::durable(), |server| async move {
        server.set("maxmemory-policy", "allkeys-lru");
        let error = RedisStore::open(&server.url()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        assert!(error.to_string().contains("noeviction"), "{error}");
        let options = RedisOptions::new().with_eviction_accepted(true);
        RedisStore::open_with(&server.url(), options).await.unwrap();
        server.set("maxmemory-policy", "volatile-lru");
        RedisStore::open(&server.url()).await.unwrap();
    });
}

#[test]
fn durability_says_how_the_server_is_set() {
    on_a_server(RedisConfig::durable(), |server| async move {
        let store = RedisStore::open(&server.url()).await.unwrap();
        let full = store.durability().await.unwrap();
        assert!(full.survives_power_loss && full.settings.contains("appendfsync=always"), "{full}");
        server.set("no-appendfsync-on-rewrite", "yes");
        for fsync in ["everysec", "always"] {
            server.set("appendfsync", fsync);
            let rewriting = store.durability().await.unwrap();
            assert!(rewriting.survives_server_crash && !rewriting.survives_power_loss);
            assert_eq!(rewriting.loss_window, None, "{rewriting}");
            let says = "no-appendfsync-on-rewrite=yes";
            assert!(rewriting.settings.contains(says), "{rewriting}");
        }
        server.set("no-appendfsync-on-rewrite", "no");
        server.set("maxmemory-policy", "allkeys-random");
        let thrown_away = store.durability().await.unwrap();
        assert!(!thrown_away.survives_server_crash && !thrown_away.survives_power_loss);
        assert_eq!(thrown_away.loss_window, None, "{thrown_away}");
        server.set("maxmemory-policy", "noeviction");
        server.set("appendfsync", "everysec");
        let delayed = store.durability().await.unwrap();
        assert!(delayed.survives_server_crash && !delayed.survives_power_loss, "{delayed}");
        assert_eq!(delayed.loss_window, Some(Duration::from_secs(2)));
        server.set("appendfsync", "no");
        assert_eq!(store.durability().await.unwrap().loss_window, None);
        server.set("appendonly", "no");
        let volatile = store.durability().await.unwrap();
        assert!(!volatile.survives_server_crash && volatile.survives_client_crash, "{volatile}");
    });
}

#[test]
fn what_a_server_does_not_say_is_unknown() {
    on_a_server(RedisConfig::durable(), |server| async move {
        let rules = ["ACL", "SETUSER", "me", "on", ">pw", "~*", "&*", "+@all", "-config"];
        server.ask(&rules);
        let url = server.url().replace("redis://", "redis://me:pw@");
        let store = RedisStore::open(&url).await.unwrap();
        let durability = store.durability().await.unwrap();
        assert!(durability.settings.contains("appendfsync=unknown"), "{durability}");
        assert!(!durability.survives_power_loss, "never assumed");
        Store::new(store).append(to("a", 1)).await.unwrap();
    });
}

#[test]
fn a_full_server_refuses_and_writes_nothing() {
    on_a_server(RedisConfig::durable(), |server| async move {
        let store = open(&server).await;
        store.append(to("a", 2)).await.unwrap();
        server.set("maxmemory", "1");
        let error = store.append(to("a", 1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.to_string().contains("memory"), "{error}");
        assert_eq!(checks::whole(&store).await.len(), 2, "it can still be read");
        // By those who come now as well.
        assert_eq!(checks::whole(&open(&server).await).await.len(), 2);
        let other = RedisOptions::new().with_name("other").unwrap();
        let error = RedisStore::open_with(&server.url(), other).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "a new log needs room: {error:?}");
        server.set("maxmemory", "0");
        store.append(to("a", 1)).await.unwrap();
        assert_eq!(checks::whole(&store).await.len(), 3);
    });
}

#[test]
fn a_replica_is_refused_and_left_for_the_primary() {
    on_a_server(RedisConfig::durable(), |server| async move {
        let store = open(&server).await;
        store.append(to("a", 1)).await.unwrap();
        server.ask(&["REPLICAOF", "127.0.0.1", "1"]);
        let error = store.append(to("a", 1).deadline(Duration::from_millis(300))).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        let error = RedisStore::open(&server.url()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        // Made the primary while somebody waits.
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.append(to("a", 1)).await }
        });
        server.ask(&["REPLICAOF", "NO", "ONE"]);
        waiting.await.unwrap().unwrap();
        assert_eq!(checks::whole(&store).await.len(), 2);
    });
}

#[test]
fn a_server_that_comes_back_is_waited_for_while_it_loads() {
    // Loading takes a while, because each key that is read takes half a millisecond.
    let config = RedisConfig::durable().with("key-load-delay", "500");
    on_a_server(config, |mut server| async move {
        let store = open(&server).await;
        for number in 0..50 {
            store.append(to(&format!("s{number}"), 20)).await.unwrap();
        }
        server.kill();
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.append(to("late", 1)).await }
        });
        server.run_again();
        waiting.await.unwrap().unwrap();
        assert_eq!(checks::whole(&store).await.len(), 1_001);
    });
}

#[test]
fn a_newer_layout_is_refused() {
    on_a_server(RedisConfig::durable(), |server| async move {
        open(&server).await;
        server.ask(&["HSET", "{es}:meta", "layout", "2"]);
        let error = RedisStore::open(&server.url()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    });
}

#[test]
fn a_cluster_has_all_keys_of_a_log_in_one_slot() {
    let cluster = async { Fixture::new(RedisServer::cluster(&RedisConfig::durable()), ()) };
    es_testkit::run(cluster, |server| async move {
        let url = server.url().replace("redis://", "redis-cluster://");
        let store = Store::new(RedisStore::open(&url).await.unwrap());
        let several = Append::to(stream("a"), ExpectedVersion::NoStream)
            .events(events(3))
            .and(stream("{other}"), ExpectedVersion::Any)
            .events(events(2))
            .require(stream("}x{"), ExpectedVersion::NoStream);
        store.append(several).await.unwrap();
        assert_eq!(checks::whole(&store).await.len(), 5);
        let backward = store.read(Read::category(stream("a").category().clone()).backward());
        assert_eq!(backward.into_vec().await.unwrap().len(), 5);
        let wait = store.wait(es_core::Position::new(5));
        let (head, _) = tokio::join!(wait, store.append(to("a", 1)));
        assert_eq!(head.unwrap().position.get(), 6);
    });
}

/// The rights that `docs/redis.md` lists.
fn rights() -> Vec<String> {
    let page = include_str!("../../../../docs/redis.md");
    let (_, rules) = page.split_once("ACL SETUSER events ").unwrap();
    let (rules, _) = rules.split_once("```").unwrap();
    rules.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_rights_that_are_listed_are_enough() {
    on_a_server(RedisConfig::durable(), |server| async move {
        let mut rules: Vec<String> = ["ACL", "SETUSER", "events"].map(str::to_owned).into();
        rules.extend(rights());
        server.ask(&rules);
        let url = server.url().replace("redis://", "redis://events:password@");
        let own = RedisStore::open(&url).await.unwrap();
        assert!(own.durability().await.unwrap().survives_power_loss);
        let store = Store::new(own);
        let tagged = events(1).into_iter().map(|event| event.with_tag("a:b".parse().unwrap()));
        let append = Append::to(stream("a"), ExpectedVersion::NoStream).events(tagged);
        let wait = store.wait(es_core::Position::START);
        let (head, receipt) = tokio::join!(wait, store.append(append));
        assert_eq!(head.unwrap().position, receipt.as_ref().unwrap().last);
        let at = receipt.unwrap().recorded_at;
        for read in [
            Read::all(),
            Read::all().backward(),
            Read::stream(stream("a")),
            Read::stream(stream("a")).backward(),
            Read::category(stream("a").category().clone()),
            Read::all().tagged("a:b".parse().unwrap()),
            Read::all().recorded_since(at),
        ] {
            assert_eq!(store.read(read.clone()).into_vec().await.unwrap().len(), 1, "{read:?}");
        }
        let beyond = es_core::Position::new(9);
        RedisStore::continue_after_loss(&url, RedisOptions::new(), beyond).await.unwrap();
    });
}
