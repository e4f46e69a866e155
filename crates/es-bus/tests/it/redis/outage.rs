//! Servers that go away and come back: nothing is given up because of that, and nobody ends.

use std::{net::SocketAddr, time::Duration};

use es_bus::{
    ConsumerState, RedisConsumer, RunningConsumer, Subscription, TopicOptions, is_out_of_reach,
};
use es_core::{Error, ErrorKind, Recorded};
use es_testkit::servers::{Cut, Proxy, RedisConfig, RedisServer, Reply, ask};

use super::{LEASE, World, quick, until};
use crate::sample::Seen;

const SOON: Duration = Duration::from_secs(60);

/// Has its effect on another server, and what that server saw in the order in which it did.
fn effect_on(server: SocketAddr) -> Subscription {
    let retry = quick(2).with_outage(is_out_of_reach);
    Subscription::to_everything("all").with_retry(retry).run(move |event: Recorded| async move {
        let position = event.position.get().to_string();
        match ask(server, &["RPUSH", event.stream.key().as_str(), &position])? {
            // It is loading what it had.
            Reply::Error(words) => Err(Error::new(ErrorKind::Unavailable, words).into()),
            _ => Ok(()),
        }
    })
}

async fn outlives_an_outage_of_its_handler(start: impl Fn(&World, Subscription) -> RedisConsumer) {
    let world = World::new().await;
    let mut other = RedisServer::start(&RedisConfig::durable());
    let relay = world.start();
    let consumer = start(&world, effect_on(other.address())).with_lease(LEASE).start();
    let consumer = consumer.await.unwrap();
    let orders = ["a", "b", "c", "a", "b", "c", "a", "b"];
    let last = world.append(&orders).await;
    relay.published(last).await.unwrap();
    consumer.when(|status| status.handled == 8).await.unwrap();
    other.kill();
    let last = world.append(&orders).await;
    relay.published(last).await.unwrap();
    // More often than an event is tried that is to blame.
    let status = consumer.when(|status| status.retries >= 60).await.unwrap();
    assert_eq!((status.handled, status.dead_letters), (8, 0));
    assert_eq!(status.state, ConsumerState::Retrying);
    assert!(status.last_error.unwrap().contains("refused"));
    other.run_again();
    consumer.when(|status| status.handled == 16).await.unwrap();
    consumer.when(|status| status.state == ConsumerState::Active).await.unwrap();
    relay.when(|status| status.consumed == last).await.unwrap();
    assert_eq!(world.topic.group("all").await.unwrap().dead_letters, 0);
    for (order, expected) in [("a", [1, 4, 7, 9, 12, 15]), ("b", [2, 5, 8, 10, 13, 16])] {
        let seen = other.ask(&["LRANGE", order, "0", "-1"]);
        let mut seen: Vec<u64> = seen.list().iter().map(|at| at.text().parse().unwrap()).collect();
        if consumer.status().partitions.is_empty() {
            seen.sort_unstable();
        }
        assert_eq!(seen, expected, "of {order}");
    }
    assert!(consumer.stop(SOON).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ordered_consumer_waits_until_its_handler_reaches_what_it_needs() {
    outlives_an_outage_of_its_handler(|world, all| world.topic.ordered(all)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_competing_consumer_waits_until_its_handler_reaches_what_it_needs() {
    outlives_an_outage_of_its_handler(|world, all| world.topic.competing(all)).await;
}

/// Who has to stop during an outage does, and the event is handled by the next, with all its
/// attempts before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_stops_while_its_handler_reaches_nothing() {
    for is_ordered in [true, false] {
        let world = World::new().await;
        let relay = world.start();
        let mut other = RedisServer::start(&RedisConfig::durable());
        let start = async |all: Subscription| -> RunningConsumer {
            let topic = &world.topic;
            let consumer = if is_ordered { topic.ordered(all) } else { topic.competing(all) };
            consumer.with_lease(LEASE * 100).start().await.unwrap()
        };
        let consumer = start(effect_on(other.address())).await;
        other.kill();
        let last = world.append(&["a"]).await;
        consumer.when(|status| status.retries >= 9).await.unwrap();
        assert!(consumer.stop(SOON).await, "all was settled: it waits for somebody else");
        other.run_again();
        let consumer = start(effect_on(other.address())).await;
        consumer.when(|status| status.handled == 1).await.unwrap();
        relay.when(|status| status.consumed == last).await.unwrap();
        assert!(consumer.stop(SOON).await);
    }
}

/// The server comes back with what it had some time ago, as after a failover or a power cut, and
/// nothing new is appended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_topic_has_lost_is_published_again_also_while_the_log_is_quiet() {
    let mut server = RedisServer::start(&RedisConfig::durable());
    let world = World::at(server.url(), TopicOptions::default().with_partitions(2)).await;
    let relay = world.start();
    let first = world.append(&["a", "b"]).await;
    relay.published(first).await.unwrap();
    let before = server.data().copy();
    let last = world.append(&["a", "c", "d"]).await;
    relay.published(last).await.unwrap();
    server.kill();
    before.restore_to(&server.data());
    server.run_again();
    relay.when(|status| status.rewinds > 0).await.unwrap();
    let seen = Seen::default();
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |event| noting.note(event));
    let consumer = world.topic.ordered(all).with_lease(LEASE).start().await.unwrap();
    consumer.when(|status| status.handled == 5).await.unwrap();
    relay.when(|status| status.consumed == last).await.unwrap();
    let mut all = seen.all();
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4, 5]);
}

/// The server comes back without a dead letter that it had answered for. The event is before it
/// once more, and nothing new comes that could tell its owner.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_whose_dead_letter_was_lost_is_not_left_out() {
    for comes_more in [false, true] {
        let mut server = RedisServer::start(&RedisConfig::durable());
        let world = World::at(server.url(), TopicOptions::default().with_partitions(1)).await;
        let relay = world.start();
        let seen = Seen::default();
        let noting = seen.clone();
        let all = Subscription::to_everything("all").with_retry(quick(1)).call(move |event| {
            noting.note(event)?;
            if event.stream.key().as_str() == "poison" { Err("poison".into()) } else { Ok(()) }
        });
        // The longer lease only looks at the place when it moves it.
        let lease = if comes_more { LEASE * 100 } else { LEASE };
        let consumer = world.topic.ordered(all).with_lease(lease).start().await.unwrap();
        relay.published(world.append(&["a"]).await).await.unwrap();
        consumer.when(|status| status.handled == 1).await.unwrap();
        let place = world.topic_key("o:all");
        let saved = async || server.ask(&["HGET", &place, "0:at"]).text() == "1-0";
        until("that is saved", saved).await;
        let before = server.data().copy();
        let mut last = world.append(&["poison"]).await;
        relay.published(last).await.unwrap();
        consumer.when(|status| status.dead_letters == 1).await.unwrap();
        server.kill();
        before.restore_to(&server.data());
        server.run_again();
        if comes_more {
            last = world.append(&["b"]).await;
        }
        until("it is a dead letter again", async || {
            world.topic.group("all").await.is_ok_and(|status| status.dead_letters == 1)
        })
        .await;
        relay.when(|status| status.consumed == last).await.unwrap();
        let expected = if comes_more { &[1, 2, 3, 2, 3][..] } else { &[1, 2, 2] };
        assert_eq!(seen.all(), expected);
        drop(consumer);
    }
}

/// A question changes nothing: whoever asks may ask again, as after any outage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_whose_answer_was_lost_may_be_asked_again() {
    let server = RedisServer::start(&RedisConfig::in_memory());
    let proxy = Proxy::start(server.address()).await;
    let url = format!("redis://{}", proxy.address());
    let world = World::at(url, TopicOptions::default().with_partitions(1)).await;
    // A cut is meant for a question, and not for the greeting of a connection.
    let connected = async || {
        let error = world.topic.group("all").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    };
    connected().await;
    proxy.cut_next(Cut::Swallow);
    let error = world.topic.group("all").await.unwrap_err();
    assert!(proxy.has_cut() && error.is_temporary(), "{error:?}");
    connected().await;
    proxy.cut_next(Cut::Swallow);
    let error = world.topic.dead_letters("all", 9).await.unwrap_err();
    assert!(proxy.has_cut() && error.is_temporary(), "{error:?}");
    connected().await;
    // What changes something may have been done.
    proxy.cut_next(Cut::Swallow);
    let error = world.topic.remove_group("all").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
}
