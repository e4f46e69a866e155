//! How many partitions a topic has is said by whoever made it.

use es_bus::{ConsumerState, Interest, RedisTopic, Relay, Subscription, TopicOptions};
use es_redis::Command;

use super::{LEASE, World, server, until};
use crate::sample::Seen;

async fn saying(world: &World, partitions: u16) -> RedisTopic {
    let options = world.options.clone().with_partitions(partitions);
    RedisTopic::connect(&world.url, "orders", options).await.unwrap()
}

/// So many orders that each partition has some.
fn orders() -> Vec<String> {
    (0..60).map(|n| format!("o{n}")).collect()
}

fn sorted(seen: &Seen) -> Vec<u64> {
    let mut all = seen.all();
    all.sort_unstable();
    all.dedup();
    all
}

async fn is_given_everything(made: u16, said: u16) {
    let options = TopicOptions::default().with_partitions(made);
    let world = World::at(server::url(), options).await;
    let relay = world.start();
    let topic = saying(&world, said).await;
    let seen = [Seen::default(), Seen::default()];
    let [one, two] = seen.clone();
    let one = Subscription::to_everything("competing").call(move |e| one.note(e));
    let one = topic.competing(one).with_lease(LEASE * 10).start().await.unwrap();
    let two = Subscription::to_everything("ordered").call(move |e| two.note(e));
    let two = topic.ordered(two).with_lease(LEASE * 10).start().await.unwrap();
    one.when(|status| status.state == ConsumerState::Active).await.unwrap();
    two.when(|status| status.state == ConsumerState::Active).await.unwrap();
    let orders = orders();
    let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
    let last = world.append(&orders).await;
    relay.published(last).await.unwrap();
    one.when(|status| status.handled == 60).await.unwrap();
    two.when(|status| status.handled == 60).await.unwrap();
    relay.when(|status| status.consumed == last).await.unwrap();
    for seen in seen {
        assert_eq!(sorted(&seen), (1..=60).collect::<Vec<_>>());
    }

    // What it says of a group is of all partitions, and nothing of one that is removed stays.
    assert!(one.stop(LEASE * 100).await && two.stop(LEASE * 100).await);
    relay.published(world.append(&orders).await).await.unwrap();
    for group in ["competing", "ordered"] {
        let lag = async |topic: &RedisTopic| topic.group(group).await.unwrap().lag;
        assert_eq!(lag(&topic).await, lag(&world.topic).await);
        assert!(lag(&topic).await > 0);
        assert!(topic.remove_group(group).await.unwrap());
    }
    let redis = es_redis::Redis::connect(&world.url, es_redis::RedisOptions::new()).await.unwrap();
    for partition in 0..made {
        let key = world.topic_key(&format!("p:{partition}"));
        let groups = redis.command(Command::new("XINFO").arg("GROUPS").key(&key)).await.unwrap();
        assert_eq!(groups.array("groups").unwrap(), [], "of partition {partition}");
    }
}

#[tokio::test]
async fn a_consumer_that_was_told_of_fewer_partitions_is_given_everything() {
    is_given_everything(8, 2).await;
}

#[tokio::test]
async fn a_consumer_that_was_told_of_more_partitions_is_given_everything() {
    is_given_everything(2, 8).await;
}

/// A topic that was lost may be made with another number while its consumers live.
#[tokio::test]
async fn consumers_follow_a_topic_that_is_made_anew_with_another_number() {
    let options = TopicOptions::default().with_partitions(4);
    let world = World::at(server::url(), options).await;
    let (seen, elsewhere) = (Seen::default(), world.another().await);
    let noting = seen.clone();
    let all = Subscription::to_everything("all").call(move |event| noting.note(event));
    let _consumer = elsewhere.competing(all).with_lease(LEASE).start().await.unwrap();
    let orders = orders();
    let orders: Vec<&str> = orders.iter().map(String::as_str).collect();
    for partitions in [4, 9, 2] {
        let relay = Relay::new("relay", world.store.clone(), world.progress.clone())
            .publish(Interest::everything(), saying(&world, partitions).await)
            .with_consumed_every(LEASE / 10)
            .start()
            .unwrap();
        let last = world.append(&orders).await;
        until("all is handled", async || sorted(&seen).len() as u64 == last.get()).await;
        relay.when(|status| status.consumed == last).await.unwrap();
        assert!(relay.stop(LEASE * 100).await);
        super::lost::delete_all(&world).await;
    }
}
