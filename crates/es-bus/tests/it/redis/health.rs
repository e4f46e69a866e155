//! What can be seen of consumers and groups, and what is said of it.

use std::{sync::Arc, time::Duration};

use es_bus::{ConsumerState, Subscription};
use es_core::{Gauge, GroupWork, Health, SharedObserver};
use es_testkit::servers::{RedisConfig, RedisServer};

use super::{LEASE, World, quick, until};
use crate::{relay::health::Sources, sample::Seen};

const SOON: Duration = Duration::from_secs(60);

/// What is known of the group, and whether it is healthy.
fn of_group(sources: &Sources) -> Option<(Option<GroupWork>, bool)> {
    let mut found = None;
    sources.ask(|gauge| {
        if let Gauge::Group { topic: "orders", group: "all", work, is_healthy } = gauge {
            found = Some((work, is_healthy));
        }
    });
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_without_consumers_shows_what_waits_for_it() {
    let mut server = RedisServer::start(&RedisConfig::durable());
    let options = es_bus::TopicOptions::default().with_partitions(2);
    let world = World::at(server.url(), options).await;
    let (relay, sources, seen) = (world.start(), Arc::new(Sources::default()), Seen::default());
    let observer: SharedObserver = Arc::<Sources>::clone(&sources) as _;
    let watch = world.topic.watch_group("all", Duration::from_millis(20), &observer).unwrap();
    assert_eq!(of_group(&sources), Some((None, false)), "nobody knows of it yet");

    let last = world.append(&["a", "b", "poison"]).await;
    relay.published(last).await.unwrap();
    let noting = seen.clone();
    let subscription = Subscription::to_everything("all").with_retry(quick(1)).call(move |event| {
        if event.stream.key().as_str() == "poison" {
            return Err("poison".into());
        }
        noting.note(event)
    });
    let consumer = world.topic.ordered(subscription).with_lease(LEASE).start().await.unwrap();
    consumer.when(|status| status.handled == 2 && status.dead_letters == 1).await.unwrap();
    let nothing = Some(Duration::ZERO);
    let done = GroupWork { lag: 0, lag_time: nothing, pending: 0, dead_letters: 1 };
    until("all is told", async || of_group(&sources) == Some((Some(done), true))).await;
    let check = consumer.health(SOON).await;
    assert_eq!(check.health, Health::Degraded("1 dead letters".to_owned()));
    assert_eq!((check.lag, check.parked, check.is_dead), (Some(0), Some(1), false));
    assert_eq!(check.lag_time, nothing, "a dead letter does not wait");

    assert!(consumer.stop(SOON).await);
    let last = world.append(&["a", "a"]).await;
    relay.published(last).await.unwrap();
    let is_abandoned = |told: Option<(Option<GroupWork>, bool)>| {
        told.is_some_and(|(work, well)| {
            !well && work.is_some_and(|work| work.lag > 0 && work.lag_time > nothing)
        })
    };
    until("it is abandoned", async || is_abandoned(of_group(&sources))).await;

    server.kill();
    until("nobody knows", async || of_group(&sources) == Some((None, false))).await;
    drop(watch);
    assert_eq!(of_group(&sources), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_cannot_see_its_group_is_not_well() {
    let mut server = RedisServer::start(&RedisConfig::durable());
    let options = es_bus::TopicOptions::default().with_partitions(2);
    let world = World::at(server.url(), options).await;
    let all = Subscription::to_everything("all").call(|_| Ok(()));
    let consumer = world.topic.competing(all).with_lease(LEASE).start().await.unwrap();
    consumer.when(|status| status.state == ConsumerState::Waiting).await.unwrap();
    let waits = consumer.health(SOON).await;
    assert!(matches!(waits.health, Health::Degraded(_)) && waits.lag.is_none(), "{waits:?}");
    let relay = world.start();
    relay.published(world.append(&["a"]).await).await.unwrap();
    consumer.when(|status| status.handled == 1).await.unwrap();
    assert_eq!(consumer.health(SOON).await.health, Health::Healthy);

    server.kill();
    let blind = consumer.health(Duration::from_millis(100)).await;
    assert!(blind.health.is_unhealthy() && !blind.is_dead, "{blind:?}");
    assert_eq!(blind.lag, None, "not known is not zero");
}
