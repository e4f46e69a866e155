//! Those who wait for events, on a connection that waits at the server.

use std::time::Duration;

use es_core::{EventStore, Position, Store};
use es_store_redis::{RedisOptions, RedisStore};
use es_testkit::{
    Fixture,
    servers::{RedisConfig, RedisServer},
};

use crate::{
    checks::to,
    server::{on_a_log, store_at},
};

/// How often the server was asked to wait for entries.
fn waits(server: &RedisServer) -> u64 {
    let calls = server.info("cmdstat_xread");
    let calls = calls.as_deref().and_then(|all| all.strip_prefix("calls=")?.split(',').next());
    calls.map_or(0, |calls| calls.parse().unwrap())
}

#[test]
fn a_store_whose_log_was_replaced_does_not_listen_in_a_loop() {
    let server = async { Fixture::new(RedisServer::start(&RedisConfig::durable()), ()) };
    es_testkit::run(server, |server| async move {
        let options = RedisOptions::new().with_poll_interval(Duration::from_secs(3_600));
        let old = RedisStore::open_with(&server.url(), options).await.unwrap();
        let waiting = old.clone();
        let waiting = tokio::spawn(async move { waiting.wait(Position::START).await });
        while waits(&server) == 0 {
            tokio::task::yield_now().await;
        }
        let (url, beyond) = (server.url(), Position::new(10));
        RedisStore::continue_after_loss(&url, RedisOptions::new(), beyond).await.unwrap();
        let other = store_at(&server.url()).await;
        for _ in 0..300 {
            other.append(to("a", 1)).await.unwrap();
        }
        let waits = waits(&server);
        assert!(waits <= 2, "it has listened {waits} times to what it has no use for");
        waiting.abort();
        drop(old);
    });
}

#[test]
fn commands_without_an_end_to_their_time_leave_those_who_wait_alone() {
    on_a_log(|log| async move {
        let options = log.options().with_command_timeout(Duration::MAX);
        let options = options.with_poll_interval(Duration::from_secs(3_600));
        let store = RedisStore::open_with(&log.url, options).await.unwrap();
        let waiting = store.clone();
        let waiting = tokio::spawn(async move { waiting.wait(Position::START).await });
        // Only who listens wakes whoever waits before an hour is over.
        let other = log.store().await;
        loop {
            other.append(to("a", 1)).await.unwrap();
            if waiting.is_finished() {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert!(waiting.await.unwrap().unwrap().position > Position::START);
        // It goes on listening.
        let head = Store::new(store.clone()).head().await.unwrap();
        let (head, appended) = tokio::join!(store.wait(head.position), other.append(to("a", 1)));
        assert!(head.unwrap().position >= appended.unwrap().last);
    });
}
