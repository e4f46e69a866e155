//! Lost replies, late replies, broken connections: each reply goes to who asked for it.

use std::{sync::Arc, time::Duration};

use es_redis::{Command, ErrorKind, Redis, Script};
use tokio::task::JoinSet;

use crate::{
    proxy::{Proxy, Replies},
    server::{on_a_server, options, text},
};

#[test]
fn a_cut_between_send_and_reply_is_lost_and_never_sent_again() {
    on_a_server(|server| async move {
        let proxy = Proxy::to(server.port()).await;
        let redis = Redis::connect(&proxy.url, options()).await.unwrap();
        redis.command(Command::new("PING")).await.unwrap();
        for round in 1..=20 {
            proxy.set(Replies::Cut);
            let error = redis.command(Command::new("INCR").key("n")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
            proxy.set(Replies::Pass);
            let read = redis.command(Command::new("GET").key("n")).await.unwrap();
            assert_eq!(read.int("n").unwrap(), round, "sent once, carried out once");
        }
    });
}

#[test]
fn late_replies_go_to_nobody_else() {
    on_a_server(|server| async move {
        let proxy = Proxy::to(server.port()).await;
        let redis = Redis::connect(&proxy.url, options()).await.unwrap();
        let own = server.connect().await;
        let mut tasks = JoinSet::new();
        for task in 0..64 {
            let redis = redis.clone();
            tasks.spawn(async move {
                let (mut answered, mut lost) = (0, 0);
                for at in 0..60 {
                    let word = format!("{task}:{at}");
                    let echo = Command::new("ECHO").arg(&word);
                    // Some have so little time that their reply comes when they have gone.
                    let time = Duration::from_millis(if at % 3 == 0 { 2 } else { 5_000 });
                    match redis.command_within(echo, time).await {
                        Ok(reply) => {
                            assert_eq!(text(reply), word);
                            answered += 1;
                        }
                        Err(error) => {
                            let kind = error.kind();
                            assert!(matches!(
                                kind,
                                ErrorKind::Lost | ErrorKind::Unreachable | ErrorKind::Busy
                            ));
                            lost += 1;
                        }
                    }
                }
                (answered, lost)
            });
        }
        let proxy = Arc::new(proxy);
        let (holder, slow) = (Arc::clone(&proxy), own);
        let hold = tokio::spawn(async move {
            loop {
                holder.set(Replies::Hold);
                // Something that takes a moment, with nobody sleeping.
                let wait = Command::new("BLPOP").key("never").arg("0.02");
                slow.command(wait).await.unwrap();
                holder.set(Replies::Pass);
                tokio::task::yield_now().await;
            }
        });
        let (mut answered, mut lost) = (0, 0);
        while let Some(counts) = tasks.join_next().await {
            let counts = counts.unwrap();
            answered += counts.0;
            lost += counts.1;
        }
        hold.abort();
        assert!(answered > 1_000 && lost > 100, "{answered} answered, {lost} lost");
    });
}

#[test]
fn callers_that_go_away_disturb_nobody() {
    on_a_server(|server| async move {
        let redis = server.connect().await;
        let mut tasks = JoinSet::new();
        for at in 0..2_000 {
            let redis = redis.clone();
            let task = tasks.spawn(async move {
                let word = at.to_string();
                let reply = redis.command(Command::new("ECHO").arg(&word)).await.unwrap();
                assert_eq!(text(reply), word);
            });
            if at % 7 == 0 {
                tokio::task::yield_now().await;
                task.abort();
            }
        }
        while let Some(done) = tasks.join_next().await {
            assert!(done.is_ok() || done.unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn a_connection_that_only_seems_alive_is_replaced() {
    on_a_server(|server| async move {
        let proxy = Proxy::to(server.port()).await;
        let time = Duration::from_millis(500);
        let options = options().with_command_timeout(time);
        let redis = Redis::connect(&proxy.url, options).await.unwrap();
        proxy.set(Replies::Hold);
        let ping = redis.command(Command::new("PING"));
        assert_eq!(ping.await.unwrap_err().kind(), ErrorKind::Lost);
        proxy.held(1).await;
        // What the old connection holds back never comes; the new one is not held.
        let id = |redis: Redis| async move {
            redis.command(Command::new("CLIENT").arg("ID")).await.unwrap().int("id").unwrap()
        };
        proxy.set(Replies::Pass);
        let (first, second) = (id(redis.clone()).await, id(redis.clone()).await);
        assert_eq!(first, second);
        assert_eq!(text(redis.command(Command::new("ECHO").arg("x")).await.unwrap()), "x");
    });
}

#[test]
fn callers_with_little_time_leave_the_connection_to_those_with_more() {
    on_a_server(|server| async move {
        let proxy = Proxy::to(server.port()).await;
        let redis = Redis::connect(&proxy.url, options()).await.unwrap();
        proxy.set(Replies::Hold);
        let patient = redis.clone();
        let patient =
            tokio::spawn(async move { patient.command(Command::new("ECHO").arg("x")).await });
        proxy.held(1).await;
        let hasty = || redis.command_within(Command::new("PING"), Duration::from_millis(5));
        for _ in 0..10 {
            assert_eq!(hasty().await.unwrap_err().kind(), ErrorKind::Lost);
        }
        proxy.set(Replies::Pass);
        assert_eq!(text(patient.await.unwrap().unwrap()), "x", "on the same connection");
    });
}

#[test]
fn callers_who_all_have_little_time_find_out_that_a_connection_is_dead() {
    on_a_server(|server| async move {
        let proxy = Proxy::to(server.port()).await;
        let options = options().with_command_timeout(Duration::from_millis(500));
        let redis = Redis::connect(&proxy.url, options).await.unwrap();
        let id = || Command::new("CLIENT").arg("ID");
        let first = redis.command(id()).await.unwrap();
        proxy.set(Replies::Hold);
        let hasty = |command| redis.command_within(command, Duration::from_millis(20));
        assert_eq!(hasty(id()).await.unwrap_err().kind(), ErrorKind::Lost);
        proxy.held(1).await;
        // What is held back on this connection stays so, until there is another one.
        let other = loop {
            match hasty(id()).await {
                Ok(other) => break other,
                Err(error) if error.kind() == ErrorKind::Unreachable => proxy.set(Replies::Pass),
                Err(_) => {}
            }
        };
        assert_ne!(first, other);
    });
}

#[test]
fn killed_connections_are_made_anew_under_load() {
    on_a_server(|server| async move {
        let redis = server.connect().await;
        let script = Script::new("#!lua\nreturn redis.call('INCR', KEYS[1])");
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let (redis, script) = (redis.clone(), script.clone());
            tasks.spawn(async move {
                let (mut done, mut lost) = (0, 0);
                for _ in 0..200 {
                    match redis.command(script.on(["n"])).await {
                        Ok(_) => done += 1,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Lost, "{error}");
                            lost += 1;
                        }
                    }
                }
                (done, lost)
            });
        }
        let killer = server.connect().await;
        let flush = [Command::new("SCRIPT").arg("FLUSH")];
        let kill = || Command::new("CLIENT").args(["KILL", "TYPE", "normal", "SKIPME", "yes"]);
        let mut kills = 0;
        let (mut done, mut lost) = (0, 0);
        while let Some(counts) = tasks.join_next().await {
            let counts: (i64, i64) = counts.unwrap();
            (done, lost) = (done + counts.0, lost + counts.1);
            kills += killer.command(kill()).await.unwrap().int("kill").unwrap();
            killer.batch(&flush).await.remove(0).unwrap();
        }
        let n = killer.command(Command::new("GET").key("n")).await.unwrap().int("n").unwrap();
        assert!(kills > 0 && done <= n && n <= done + lost, "{done} <= {n} <= {done} + {lost}");
    });
}

#[test]
fn a_server_that_comes_back_is_found_again() {
    on_a_server(|mut server| async move {
        let redis = server.connect().await;
        redis.command(Command::new("PING")).await.unwrap();
        server.kill();
        let ping = redis.command_within(Command::new("PING"), Duration::from_millis(50));
        let kind = ping.await.unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::Lost | ErrorKind::Unreachable), "{kind:?}");
        let ping = redis.command_within(Command::new("PING"), Duration::from_millis(50));
        let error = ping.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
        assert!(error.is_temporary());
        // Sent while there is no server: it waits for one.
        let waiting = redis.clone();
        let ping = tokio::spawn(async move { waiting.command(Command::new("PING")).await });
        server.run().await;
        assert_eq!(text(ping.await.unwrap().unwrap()), "PONG");
    });
}

#[test]
fn a_replica_is_left_for_a_server_that_takes_writes() {
    on_a_server(|server| async move {
        let redis = server.connect().await;
        let control = server.connect().await;
        let become_one = Command::new("REPLICAOF").args(["127.0.0.1", "1"]);
        control.command(become_one).await.unwrap();
        let error = redis.command(Command::new("SET").key("k").arg(1)).await.unwrap_err();
        assert!(error.is_refused_as("READONLY") && error.is_temporary(), "{error}");
        control.command(Command::new("REPLICAOF").args(["NO", "ONE"])).await.unwrap();
        redis.command(Command::new("SET").key("k").arg(1)).await.unwrap();
    });
}
