//! Commands, batches and scripts as they should go.

use std::time::Duration;

use es_redis::{Command, ErrorKind, Redis, Reply, Script};

use crate::server::{on_a_server, options, text};

#[test]
fn commands_are_answered_and_refused() {
    on_a_server(|server| async move {
        let redis = server.connect().await;
        let set = Command::new("SET").key("k").arg(vec![0, 255, 13, 10]);
        assert_eq!(text(redis.command(set).await.unwrap()), "OK");
        let got = redis.command(Command::new("GET").key("k")).await.unwrap();
        assert_eq!(&got.bytes("k").unwrap()[..], [0, 255, 13, 10]);
        assert!(redis.command(Command::new("GET").key("none")).await.unwrap().is_nil());
        let error = redis.command(Command::new("LPUSH").key("k").arg(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.is_refused_as("WRONGTYPE"), "{error}");
        assert!(!error.is_temporary());
    });
}

#[test]
fn a_batch_keeps_order_and_each_its_own_result() {
    on_a_server(|server| async move {
        let redis = server.connect().await;
        let increments = (0..300).map(|at| match at {
            150 => Command::new("LPUSH").key("n").arg(1),
            _ => Command::new("INCR").key("n"),
        });
        let mut replies = redis.batch(&increments.collect::<Vec<_>>()).await;
        assert!(replies.remove(150).unwrap_err().is_refused_as("WRONGTYPE"));
        let numbers: Vec<i64> =
            replies.iter().map(|r| r.as_ref().unwrap().int("n").unwrap()).collect();
        assert_eq!(numbers, (1..300).collect::<Vec<_>>());
    });
}

/// A task that has worked for a while is asked to let others run: then a command that is not
/// queued yet must not be passed by those behind it.
#[test]
fn a_batch_keeps_order_wherever_its_task_has_to_yield() {
    on_a_server(|server| async move {
        let redis = server.connect().await;
        let commands: Vec<_> = (0..100).map(|_| Command::new("INCR").key("n")).collect();
        let mut last = 0;
        for spent in 0..130 {
            tokio::task::yield_now().await; // with a whole budget again
            for _ in 0..spent {
                tokio::task::coop::consume_budget().await;
            }
            for reply in redis.batch(&commands).await {
                let number = reply.unwrap().int("n").unwrap();
                assert_eq!(number, last + 1, "after {spent} units");
                last = number;
            }
        }
    });
}

#[test]
fn a_script_runs_whether_the_server_knows_it_or_not() {
    on_a_server(|server| async move {
        let redis = server.connect().await;
        let script = Script::new("#!lua\nreturn redis.call('INCRBY', KEYS[1], ARGV[1])");
        for expected in 1..4 {
            let reply = redis.command(script.on(["n"]).arg(1)).await.unwrap();
            assert_eq!(reply.int("n").unwrap(), expected);
            redis.command(Command::new("SCRIPT").arg("FLUSH")).await.unwrap();
        }
        redis.load(&script).await.unwrap();
        let stats = redis.command(Command::new("INFO").arg("commandstats")).await.unwrap();
        let before = text(stats).matches("cmdstat_eval:calls=3").count();
        redis.command(script.on(["n"]).arg(1)).await.unwrap();
        let stats = redis.command(Command::new("INFO").arg("commandstats")).await.unwrap();
        assert_eq!((before, text(stats).matches("cmdstat_eval:calls=3").count()), (1, 1));
    });
}

#[test]
fn values_that_read_like_something_published_are_matched_one_level_down() {
    on_a_server(|server| async move {
        let redis = server.connect().await;
        let words = ["message", "a", "b"];
        redis.command(Command::new("RPUSH").key("l").args(words)).await.unwrap();
        let nested = Script::new("#!lua\nreturn {redis.call('LRANGE', KEYS[1], 0, -1)}");
        for at in 0..10_i64 {
            let reply = redis.command(nested.on(["l"])).await.unwrap().array("nested").unwrap();
            assert_eq!(reply[0].clone().array("inner").unwrap().len(), 3);
            let echo = redis.command(Command::new("ECHO").arg(at)).await.unwrap();
            assert_eq!(echo.int("echo").unwrap(), at);
        }
    });
}

#[test]
fn a_command_that_waits_holds_up_only_its_own_connection() {
    on_a_server(|server| async move {
        let redis = server.connect().await;
        let waiting = redis.another().await.unwrap();
        let read = Command::new("XREAD").arg("BLOCK").arg(60_000).arg("STREAMS");
        let read = read.key("s").arg("$");
        let read =
            tokio::spawn(
                async move { waiting.command_within(read, Duration::from_secs(70)).await },
            );
        let blocked = || Command::new("INFO").arg("clients");
        while !text(redis.command(blocked()).await.unwrap()).contains("blocked_clients:1") {}
        redis.command(Command::new("XADD").key("s").arg("*").arg("f").arg("v")).await.unwrap();
        assert!(
            matches!(read.await.unwrap().unwrap(), Reply::Array(streams) if streams.len() == 1)
        );
    });
}

#[test]
fn what_has_no_room_is_refused_in_time_and_not_sent() {
    on_a_server(|server| async move {
        let redis = Redis::connect(&server.url(), options().with_in_flight(1)).await.unwrap();
        let read = Command::new("XREAD").arg("BLOCK").arg(1_000).arg("STREAMS").key("s").arg("$");
        let reader = redis.clone();
        let read = tokio::spawn(async move { reader.command(read).await });
        let other = server.connect().await;
        let blocked = || Command::new("INFO").arg("clients");
        while !text(other.command(blocked()).await.unwrap()).contains("blocked_clients:1") {}
        let set = Command::new("SET").key("k").arg(1);
        let error = redis.command_within(set, Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        assert!(read.await.unwrap().unwrap().is_nil());
        assert!(redis.command(Command::new("GET").key("k")).await.unwrap().is_nil());
    });
}
