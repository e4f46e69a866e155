//! A server above its `maxmemory` takes nothing new, and lets go of what it has.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use es_bus::{ConsumerState, GroupMode, RelayState, Subscription, TopicOptions};
use es_core::Health;
use es_testkit::servers::{RedisConfig, RedisServer};

use super::{LEASE, World, quick, until};
use crate::sample::Seen;

async fn makes_room(mode: GroupMode) {
    let server = RedisServer::start(&RedisConfig::in_memory());
    server.set("maxmemory-policy", "noeviction");
    let world = World::at(server.url(), TopicOptions::default().with_partitions(2)).await;
    let relay = world.start();
    let last = world.append(&["a", "b", "c", "d"]).await;
    relay.published(last).await.unwrap();
    // Whatever it has is too much, whoever it is of.
    server.set("maxmemory", "1");

    let (seen, heals) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let (noting, healed) = (seen.clone(), Arc::clone(&heals));
    let all =
        Subscription::to_everything("all").with_retry(quick(2)).call(move |event| {
            match event.position.get() {
                1 if !healed.load(Ordering::SeqCst) => Err("poison".into()),
                _ => noting.note(event),
            }
        });
    let consumer = match mode {
        GroupMode::Ordered => world.topic.ordered(all),
        _ => world.topic.competing(all),
    };
    let consumer = consumer.with_lease(LEASE).start().await.unwrap();
    consumer.when(|status| status.handled == 3 && status.dead_letters == 1).await.unwrap();
    relay.when(|status| status.consumed == last).await.unwrap();
    heals.store(true, Ordering::SeqCst);
    assert_eq!(world.topic.replay("all").await.unwrap(), 1);
    consumer.when(|status| status.handled == 4).await.unwrap();
    until("nothing is left", async || world.topic.group("all").await.unwrap().dead_letters == 0)
        .await;
    let health = consumer.health(Duration::from_secs(60)).await;
    assert_eq!(health.health, Health::Healthy);

    // A relay that starts is let in, and waits for room.
    assert!(relay.stop(Duration::from_secs(60)).await);
    let relay = world.start();
    relay.when(|status| status.state == RelayState::Active).await.unwrap();
    let last = world.append(&["a"]).await;
    relay.when(|status| status.state == RelayState::Retrying).await.unwrap();
    assert_eq!(consumer.status().state, ConsumerState::Active);
    server.set("maxmemory", "0");
    relay.published(last).await.unwrap();
    consumer.when(|status| status.handled == 5).await.unwrap();
    server.set("maxmemory", "1");
    assert!(consumer.stop(Duration::from_secs(60)).await);
    assert!(world.topic.remove_group("all").await.unwrap());
}

#[tokio::test]
async fn a_full_server_is_emptied_by_consumers_in_order() {
    makes_room(GroupMode::Ordered).await;
}

#[tokio::test]
async fn a_full_server_is_emptied_by_consumers_that_compete() {
    makes_room(GroupMode::Competing).await;
}
