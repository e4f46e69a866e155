//! What a test does to a server is what happens to it.

use std::{net::SocketAddr, time::Duration};

use es_testkit::{
    Fixture,
    servers::{Cut, Proxy, RedisConfig, RedisSentinel, RedisServer, Reply},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn on_a_server<Test: Future<Output = ()>>(
    config: RedisConfig,
    test: impl FnOnce(RedisServer) -> Test,
) {
    es_testkit::run(async { Fixture::new(RedisServer::start(&config), ()) }, test);
}

fn set(server: &RedisServer, key: &str) {
    assert_eq!(server.ask(&["SET", key, "1"]).text(), "OK");
}

fn keys(server: &RedisServer) -> i64 {
    server.ask(&["DBSIZE"]).number()
}

#[test]
fn a_durable_server_has_its_data_after_a_kill_and_none_after_a_wipe() {
    on_a_server(RedisConfig::durable(), |mut server| async move {
        let address = server.address();
        set(&server, "a");
        server.run_again();
        assert_eq!((keys(&server), server.address()), (1, address));
        server.wipe();
        assert_eq!(keys(&server), 0);
    });
}

#[test]
fn data_is_cut_copied_and_put_back() {
    on_a_server(RedisConfig::durable(), |mut server| async move {
        set(&server, "a");
        let (length, copy) = (server.data().log_length(), server.data().copy());
        set(&server, "b");
        server.kill();
        server.data().cut_log(length);
        server.run_again();
        assert_eq!(keys(&server), 1, "the tail is lost");
        set(&server, "c");
        set(&server, "d");
        server.kill();
        copy.restore_to(&server.data());
        server.run_again();
        assert_eq!(keys(&server), 1, "it is what it was");
    });
}

#[test]
fn a_replica_that_is_paused_and_promoted_lacks_what_came_in_between() {
    on_a_server(RedisConfig::in_memory(), |mut server| async move {
        set(&server, "a");
        let replica = server.replica(&RedisConfig::in_memory());
        set(&server, "b");
        replica.has_all_of(&server);
        replica.pause();
        set(&server, "c");
        server.kill();
        replica.resume();
        replica.promote();
        assert_eq!(replica.info("role").as_deref(), Some("master"));
        // What was on its way to the paused process may have reached it after all.
        assert!((2..=3).contains(&keys(&replica)));
        server.run_again();
        server.follow(&replica);
        assert_eq!(keys(&server), keys(&replica));
    });
}

#[test]
fn a_cluster_of_one_refuses_keys_of_two_slots() {
    es_testkit::run(
        async { Fixture::new(RedisServer::cluster(&RedisConfig::in_memory()), ()) },
        |server| async move {
            let refused = es_testkit::servers::ask(server.address(), &["MGET", "a", "b"]);
            assert!(matches!(refused, Ok(Reply::Error(error)) if error.starts_with("CROSSSLOT")));
        },
    );
}

#[test]
fn a_sentinel_promotes_the_replica_of_a_killed_primary() {
    on_a_server(RedisConfig::in_memory(), |mut server| async move {
        let replica = server.replica(&RedisConfig::in_memory());
        let sentinel = RedisSentinel::start(&server);
        assert_eq!(sentinel.primary(), server.address());
        server.kill();
        sentinel.fails_over_from(server.address());
        assert_eq!(sentinel.primary(), replica.address());
    });
}

async fn count(at: SocketAddr) -> Option<u8> {
    let mut client = TcpStream::connect(at).await.unwrap();
    client.write_all(b"INCR n\r\n").await.unwrap();
    let mut reply = [0; 4];
    client.read_exact(&mut reply).await.ok().map(|_| reply[1] - b'0')
}

#[test]
fn each_cut_loses_what_it_says() {
    on_a_server(RedisConfig::in_memory(), |server| async move {
        let proxy = Proxy::start(server.address()).await;
        assert_eq!(count(proxy.address()).await, Some(1));
        for (cut, counted) in [(Cut::Before, 1), (Cut::Swallow, 2), (Cut::Middle, 3)] {
            proxy.cut_next(cut);
            assert_eq!(count(proxy.address()).await, None);
            assert!(proxy.has_cut());
            assert_eq!(server.ask(&["GET", "n"]).number(), counted, "{cut:?}");
        }
        assert_eq!(count(proxy.address()).await, Some(4));
    });
}

#[test]
fn a_held_reply_waits_while_its_request_is_carried_out() {
    on_a_server(RedisConfig::in_memory(), |server| async move {
        let proxy = Proxy::start(server.address()).await;
        proxy.hold();
        let reply = tokio::spawn(count(proxy.address()));
        let done = || server.ask(&["EXISTS", "n"]).number() == 1;
        while !done() {
            tokio::task::yield_now().await;
        }
        assert!(!reply.is_finished());
        proxy.delay_replies(Duration::from_millis(2));
        proxy.release();
        assert_eq!(reply.await.unwrap(), Some(1));

        proxy.hold();
        let reply = tokio::spawn(count(proxy.address()));
        while server.ask(&["GET", "n"]).number() < 2 {
            tokio::task::yield_now().await;
        }
        proxy.cut_all();
        assert_eq!(reply.await.unwrap(), None, "its connection is gone");
    });
}
