//! What a server that loses things does to a topic: nothing that is not made good.

use std::sync::Arc;

use es_bus::{ConsumerState, StartAt, Subscription, TopicOptions};
use es_core::Recorded;
use tokio::sync::{Semaphore, mpsc};

use super::{LEASE, World, until};
use crate::sample::Seen;

/// A connection that spoils what the tests need spoilt.
async fn redis(world: &World) -> es_redis::Redis {
    es_redis::Redis::connect(&world.url, es_redis::RedisOptions::new()).await.unwrap()
}

fn key(world: &World, kind: &str) -> String {
    format!("{{{}:orders}}:{kind}", world.options.namespace)
}

pub(super) async fn delete_all(world: &World) {
    let redis = redis(world).await;
    let pattern = key(world, "*");
    let keys = redis.command(es_redis::Command::new("KEYS").arg(pattern)).await.unwrap();
    let mut command = es_redis::Command::new("DEL");
    for key in keys.array("keys").unwrap() {
        command = command.key(key.bytes("a key").unwrap());
    }
    redis.command(command).await.unwrap();
}

#[tokio::test]
async fn a_flushed_topic_is_made_anew_from_what_is_not_consumed() {
    let world = World::new().await;
    let relay = world.start();
    let seen = [Seen::default(), Seen::default()];
    let [one, two] = seen.clone();
    let ordered = Subscription::to_everything("ordered").call(move |e| one.note(e));
    let ordered = world.topic.ordered(ordered).with_lease(LEASE).start().await.unwrap();
    let competing = Subscription::to_everything("competing").call(move |e| two.note(e));
    let competing = world.topic.competing(competing).with_lease(LEASE).start().await.unwrap();
    let last = world.append(&["a", "b", "c"]).await;
    relay.published(last).await.unwrap();
    relay.when(|status| status.consumed == last).await.unwrap();
    // What is published now is lost with the topic before anybody has it.
    assert!(ordered.stop(LEASE * 10).await && competing.stop(LEASE * 10).await);
    let next = world.append(&["a", "d"]).await;
    relay.published(next).await.unwrap();
    delete_all(&world).await;
    relay.when(|status| status.rewinds > 0).await.unwrap();

    let [one, two] = seen.clone();
    let ordered = Subscription::to_everything("ordered").call(move |e| one.note(e));
    let ordered = world.topic.ordered(ordered).with_lease(LEASE).start().await.unwrap();
    let competing = Subscription::to_everything("competing").call(move |e| two.note(e));
    let competing = world.topic.competing(competing).with_lease(LEASE).start().await.unwrap();
    ordered.when(|status| status.handled == 2).await.unwrap();
    competing.when(|status| status.handled == 2).await.unwrap();
    let last = world.append(&["e"]).await;
    relay.when(|status| status.consumed == last).await.unwrap();
    for seen in seen {
        let mut all = seen.all();
        all.sort_unstable();
        assert_eq!(all, (1..=6).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn consumers_at_work_survive_a_flush() {
    let world = World::new().await;
    let relay = world.start();
    let seen = [Seen::default(), Seen::default()];
    let [one, two] = seen.clone();
    let ordered = Subscription::to_everything("ordered").call(move |e| one.note(e));
    let _ordered = world.topic.ordered(ordered).with_lease(LEASE).start().await.unwrap();
    let competing = Subscription::to_everything("competing").call(move |e| two.note(e));
    let _competing = world.topic.competing(competing).with_lease(LEASE).start().await.unwrap();
    for round in 0..5 {
        let orders: Vec<String> = (0..20).map(|n| format!("o{}", n * (round + 1) % 7)).collect();
        let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
        world.append(&orders).await;
        delete_all(&world).await;
    }
    let last = world.store.head().await.unwrap().position;
    relay.published(last).await.unwrap();
    until("all is consumed", async || relay.status().consumed == last).await;
    for seen in seen {
        let mut all = seen.all();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all, (1..=last.get()).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn one_partition_that_is_lost_is_noticed_also_behind_a_reader() {
    let world = World::at(super::server::url(), TopicOptions::default().with_partitions(1)).await;
    let relay = world.start();
    let last = world.append(&["a", "b"]).await;
    relay.published(last).await.unwrap();
    let redis = redis(&world).await;
    redis.command(es_redis::Command::new("DEL").key(key(&world, "p:0"))).await.unwrap();
    // The reader makes the stream anew, empty.
    let seen = Seen::default();
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |e| noting.note(e));
    let consumer = world.topic.competing(all).with_lease(LEASE).start().await.unwrap();
    consumer.when(|status| status.handled >= 2).await.unwrap();
    assert!(relay.status().rewinds > 0);
    let mut all = seen.all();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, [1, 2]);
}

#[tokio::test]
async fn a_group_that_is_lost_is_made_anew_where_it_was() {
    let world = World::at(super::server::url(), TopicOptions::default().with_partitions(1)).await;
    let relay = world.start();
    let seen = Seen::default();
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |e| noting.note(e));
    let consumer = world.topic.competing(all).with_lease(LEASE).start().await.unwrap();
    // Somebody who holds up the trimming, so that the old events are there still.
    let other = Subscription::to_everything("other").call(|_| Ok(()));
    let other = world.topic.ordered(other).with_lease(LEASE).start().await.unwrap();
    other.when(|status| status.state == ConsumerState::Active).await.unwrap();
    assert!(other.stop(LEASE * 10).await);
    let last = world.append(&["a", "b"]).await;
    relay.published(last).await.unwrap();
    consumer.when(|status| status.handled == 2).await.unwrap();
    let redis = redis(&world).await;
    let saved = async || {
        let get = es_redis::Command::new("HGET").key(key(&world, "s:all")).arg("0");
        redis.command(get).await.unwrap().text("a place").unwrap_or_default()
    };
    until("its place is saved", async || saved().await == "2-0").await;
    let destroy = es_redis::Command::new("XGROUP").arg("DESTROY").key(key(&world, "p:0"));
    redis.command(destroy.arg("all")).await.unwrap();
    world.append(&["c"]).await;
    consumer.when(|status| status.handled == 3).await.unwrap();
    assert_eq!(seen.all(), [1, 2, 3], "nothing is lost, and nothing runs again");
}

#[tokio::test]
async fn forgotten_scripts_are_sent_again() {
    let world = World::new().await;
    let relay = world.start();
    let seen = Seen::default();
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |e| noting.note(e));
    let consumer = world.topic.ordered(all).with_lease(LEASE).start().await.unwrap();
    let redis = redis(&world).await;
    for round in 1..=3 {
        redis.command(es_redis::Command::new("SCRIPT").arg("FLUSH")).await.unwrap();
        world.append(&["a"]).await;
        consumer.when(|status| status.handled == round).await.unwrap();
    }
    assert_eq!(relay.status().rewinds, 0);
}

#[tokio::test]
async fn a_place_moves_under_its_epoch_only_and_no_epoch_comes_again() {
    let world = World::at(super::server::url(), TopicOptions::default().with_partitions(1)).await;
    let relay = world.start();
    let all = Subscription::to_everything("all").call(|_| Ok(()));
    // With a lease as long as this it does not look after what it owns.
    let consumer = world.topic.ordered(all).with_lease(LEASE * 1_000).start().await.unwrap();
    world.append(&["a"]).await;
    consumer.when(|status| status.handled == 1).await.unwrap();
    let (redis, group) = (redis(&world).await, key(&world, "o:all"));
    let field = async |name: &str| {
        let get = es_redis::Command::new("HGET").key(&group).arg(name.to_owned());
        redis.command(get).await.unwrap().text("a field").unwrap_or_default()
    };
    until("the place is saved", async || field("0:at").await == "1-0").await;
    let epoch: u64 = field("0:epoch").await.parse().unwrap();
    assert!(epoch > 1_000_000_000_000, "{epoch} may be that of before a flush");

    // Somebody else owns it from now on.
    let raise = es_redis::Command::new("HINCRBY").key(&group).arg("0:epoch").arg(1);
    redis.command(raise).await.unwrap();
    let next = world.append(&["a"]).await;
    relay.published(next).await.unwrap();
    consumer.when(|status| status.handled == 2 && status.partitions.is_empty()).await.unwrap();
    assert_eq!(field("0:at").await, "1-0", "a paused owner moved the place");
}

/// A consumer that lives misses nothing, also where its group began with the newest and nobody but
/// it has known the group.
#[tokio::test]
async fn a_group_that_began_with_the_newest_does_not_do_so_again() {
    let world = World::at(super::server::url(), TopicOptions::default().with_partitions(1)).await;
    let relay = world.start();
    let (entered, mut entering) = mpsc::channel(9);
    let gate = Arc::new(Semaphore::new(0));
    let (seen, held) = (Seen::default(), Arc::clone(&gate));
    let noting = seen.clone();
    let all = Subscription::to_everything("all").run(move |event: Recorded| {
        let (entered, gate, seen) = (entered.clone(), Arc::clone(&held), noting.clone());
        async move {
            entered.send(event.position.get()).await?;
            if event.position.get() == 2 {
                drop(gate.acquire().await?);
            }
            seen.note(&event)
        }
    });
    let consumer = world.another().await.ordered(all).starting_at(StartAt::Newest);
    let consumer = consumer.with_lease(LEASE * 10).start().await.unwrap();
    consumer.when(|status| !status.partitions.is_empty()).await.unwrap();
    let one = world.append(&["a"]).await;
    relay.when(|status| status.consumed == one).await.unwrap();
    relay.published(world.append(&["a"]).await).await.unwrap();
    assert_eq!((entering.recv().await, entering.recv().await), (Some(1), Some(2)));
    assert!(relay.stop(LEASE * 100).await);
    delete_all(&world).await;
    consumer.when(|status| status.state == ConsumerState::Waiting).await.unwrap();
    gate.add_permits(9);
    consumer.when(|status| status.handled == 2 && status.partitions.is_empty()).await.unwrap();

    // The relay is made anew elsewhere, and has more to publish before the consumer is back.
    let topic = world.another().await;
    let last = world.append(&["a", "b"]).await;
    let relay = es_bus::Relay::new("relay", world.store.clone(), world.progress.clone())
        .publish(es_bus::Interest::everything(), topic)
        .start()
        .unwrap();
    relay.published(last).await.unwrap();
    until("the others are handled", async || seen.all().ends_with(&[3, 4])).await;
}
