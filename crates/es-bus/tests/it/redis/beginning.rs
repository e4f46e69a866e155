//! Where a group begins, and what is said of it before it has.

use std::time::Duration;

use es_bus::{
    ConsumerState, GroupMode, RedisConsumer, RedisTopic, StartAt, Subscription, TopicOptions,
};
use es_core::SubscriberName;
use es_testkit::servers::{RedisConfig, RedisServer};

use super::{LEASE, World, server};
use crate::sample::Seen;

const MODES: [GroupMode; 2] = [GroupMode::Ordered, GroupMode::Competing];

fn newest(topic: &RedisTopic, mode: GroupMode, seen: &Seen) -> RedisConsumer {
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |event| noting.note(event));
    let consumer = match mode {
        GroupMode::Ordered => topic.ordered(all),
        _ => topic.competing(all),
    };
    consumer.starting_at(StartAt::Newest).with_lease(LEASE)
}

/// What fails before the group is there does not make it an old one.
#[tokio::test]
async fn a_group_that_could_not_begin_at_once_begins_with_the_newest_all_the_same() {
    for mode in MODES {
        let server = RedisServer::start(&RedisConfig::in_memory());
        let options = TopicOptions::default().with_partitions(2);
        let world = World::at(server.url(), options).await;
        let relay = world.start();
        let last = world.append(&["a", "b", "c", "d"]).await;
        relay.published(last).await.unwrap();
        // Somebody has taken the names of keys.
        let taken = ["s:all", "o:all"].map(|kind| world.topic_key(kind));
        for key in &taken {
            server.ask(&["SET", key, "taken"]);
        }
        let seen = Seen::default();
        let consumer = newest(&world.topic, mode, &seen).start().await.unwrap();
        consumer.when(|status| status.state == ConsumerState::Retrying).await.unwrap();
        server.ask(&["DEL", &taken[0], &taken[1]]);
        consumer.when(|status| status.state == ConsumerState::Active).await.unwrap();
        let last = world.append(&["a"]).await;
        relay.published(last).await.unwrap();
        consumer.when(|status| status.handled > 0).await.unwrap();
        relay.when(|status| status.consumed == last).await.unwrap();
        assert_eq!(seen.all(), [5], "{mode:?}");
    }
}

/// What is published after its consumer came is news, however early that came.
#[tokio::test]
async fn a_group_that_is_there_before_its_topic_is_given_everything() {
    for mode in MODES {
        let world = World::new().await;
        let seen = Seen::default();
        let consumer = newest(&world.another().await, mode, &seen).start().await.unwrap();
        consumer.when(|status| status.state == ConsumerState::Waiting).await.unwrap();
        let last = world.append(&["a", "a", "a"]).await;
        let relay = world.start();
        relay.published(last).await.unwrap();
        consumer.when(|status| status.handled == 3).await.unwrap();
    }
}

#[tokio::test]
async fn what_waits_for_a_group_of_which_no_consumer_came_yet_is_told() {
    for mode in MODES {
        let group = SubscriberName::from_static("all");
        let options = TopicOptions::default().with_partitions(2).with_group(group, mode);
        let world = World::at(server::url(), options).await;
        let relay = world.start();
        relay.published(world.append(&["a", "b", "c"]).await).await.unwrap();
        let status = world.topic.group("all").await.unwrap();
        assert_eq!((status.mode, status.consumers, status.lag), (mode, 0, 3));
        assert!(status.lag_time.is_some_and(|time| time > Duration::ZERO), "{status:?}");
    }
}
