//! Clusters: of one process, which has all slots, and of two, between which one moves.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use es_redis::{Command, Redis, Script, slot};
use es_testkit::servers::{RedisCluster, RedisConfig};
use tokio::task::JoinSet;

use crate::server::{OwnServer, options, text};

#[test]
fn keys_go_where_the_cluster_has_them() {
    let fixture = async {
        let server =
            OwnServer::start(&["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"])
                .await;
        let one = server.connect().await;
        let slots = Command::new("CLUSTER").args(["ADDSLOTSRANGE", "0", "16383"]);
        one.command(slots).await.unwrap();
        let info = || Command::new("CLUSTER").arg("INFO");
        while !crate::server::text(one.command(info()).await.unwrap()).contains("cluster_state:ok")
        {
        }
        es_testkit::Fixture::new(server, ())
    };
    es_testkit::run(fixture, |server| async move {
        let url = format!("redis-cluster://127.0.0.1:{}", server.port());
        let redis = Redis::connect(&url, options()).await.unwrap();
        for key in ["a", "{b}c", "x{y}z"] {
            let asked = Command::new("CLUSTER").arg("KEYSLOT").arg(key);
            let asked = redis.command(asked).await.unwrap().int("slot").unwrap();
            assert_eq!(asked, i64::from(slot(key.as_bytes())));
            redis.command(Command::new("SET").key(key).arg(1)).await.unwrap();
        }
        let both = Script::new("#!lua\nreturn redis.call('EXISTS', KEYS[1], KEYS[2])");
        assert_eq!(redis.command(both.on(["{s}1", "{s}2"])).await.unwrap().int("n").unwrap(), 0);
        let error = redis.command(both.on(["a", "b"])).await.unwrap_err();
        assert!(error.is_refused_as("CROSSSLOT"), "{error}");
        let sly = Script::new("#!lua\nreturn redis.call('GET', 'b')");
        let error = redis.command(sly.on(["a"])).await.unwrap_err();
        assert!(error.refusal().unwrap().message().contains("same slot"), "{error}");
    });
}

/// A slot moves to and fro under load: each reply goes to who asked for it, and each command
/// is carried out once.
#[test]
fn replies_go_to_whoever_asked_while_a_slot_moves() {
    let fixture = async {
        let cluster = RedisCluster::start(&RedisConfig::in_memory(), 2, false);
        es_testkit::Fixture::new(cluster, ())
    };
    es_testkit::run(fixture, |cluster| async move {
        let redis = Redis::connect(&cluster.url(), options()).await.unwrap();
        let (is_over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for task in 0..16 {
            let (redis, is_over, done) = (redis.clone(), Arc::clone(&is_over), Arc::clone(&done));
            tasks.spawn(async move {
                let script = Script::new("#!lua\nreturn redis.call('APPEND', KEYS[1], ARGV[1])");
                let (key, other) = (format!("{{s}}:{task}"), format!("{{s}}:other-{task}"));
                let mut expected = String::new();
                for at in 0.. {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let word = format!("{task}.{at},");
                    expected += &word;
                    let append = script.on([&key]).arg(&word);
                    let length = redis.command(append).await.unwrap().int("n").unwrap();
                    assert_eq!(length, i64::try_from(expected.len()).unwrap());
                    let get = [Command::new("GET").key(&key), Command::new("EXISTS").key(&other)];
                    let mut got = redis.batch(&get).await.into_iter();
                    assert_eq!(text(got.next().unwrap().unwrap()), expected);
                    assert_eq!(got.next().unwrap().unwrap().int("n").unwrap(), 0);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let goes_on = async |tasks: &mut JoinSet<()>| {
            let until = done.load(Ordering::Relaxed) + 100;
            while done.load(Ordering::Relaxed) < until {
                assert!(tasks.try_join_next().is_none(), "a task has failed");
                tokio::task::yield_now().await;
            }
        };
        let slot = slot(b"{s}");
        let mut from = cluster.owner(slot).unwrap();
        for _ in 0..4 {
            let to = 1 - from;
            cluster.begin_move(slot, from, to);
            goes_on(&mut tasks).await;
            while cluster.move_keys(slot, from, to, 3) > 0 {
                goes_on(&mut tasks).await;
            }
            cluster.end_move(slot, from, to);
            goes_on(&mut tasks).await;
            from = to;
        }
        is_over.store(true, Ordering::Relaxed);
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
    });
}
