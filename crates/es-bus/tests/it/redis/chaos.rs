//! Everything at once: consumers killed, paused, cut off and added at random, the server
//! killed, emptied and made to forget its scripts, while events flow.
//!
//! `ES_BUS_CHAOS_EVENTS=100000` makes it long; the number of streams is a hundredth of that.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use es_bus::{RunningConsumer, Subscription, TopicOptions};
use es_core::{EventId, Recorded};
use es_testkit::servers::{Proxy, RedisConfig, RedisServer};

use super::{LEASE, World, quick, until};

const PARTITIONS: u16 = 8;

/// What one group's handlers have done, and what they have brought about.
#[derive(Clone, Default)]
pub(super) struct Group(Arc<Mutex<Done>>);

#[derive(Default)]
struct Done {
    calls: u64,
    /// The inbox and the effect, as if in one transaction.
    inbox: HashSet<EventId>,
    effects: HashMap<String, u64>,
    /// The versions of each stream as their effects came.
    order: HashMap<String, Vec<u64>>,
}

impl Group {
    fn handle(&self, event: &Recorded) {
        let mut done = self.0.lock().unwrap();
        done.calls += 1;
        if done.inbox.insert(event.id) {
            let stream = event.stream.to_string();
            *done.effects.entry(stream.clone()).or_default() += 1;
            done.order.entry(stream).or_default().push(event.version.get());
        }
    }

    /// The effects of each stream came in its order.
    pub(super) fn kept_order(&self) {
        for (stream, versions) in &self.0.lock().unwrap().order {
            let expected: Vec<u64> = (1..=versions.len() as u64).collect();
            assert_eq!(*versions, expected, "the order of {stream} was lost");
        }
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().inbox.len()
    }
}

pub(super) fn subscription(name: &str, group: &Group) -> Subscription {
    let group = group.clone();
    // So many that none fails for good by bad luck: dead letters are in the server, and go with
    // it when it is emptied.
    let retry = quick(8);
    Subscription::to_everything(name).with_retry(retry).run(move |event: Recorded| {
        let group = group.clone();
        async move {
            if event.stream.key().as_str() == "poison" {
                return Err("poison".into());
            }
            if fastrand::u8(..) < 8 {
                return Err("now and then".into());
            }
            tokio::task::yield_now().await;
            group.handle(&event);
            Ok(())
        }
    })
}

/// A consumer, and the way to the server that only it goes.
struct Fighter {
    running: RunningConsumer,
    proxy: Proxy,
}

async fn fighter(
    world: &World,
    server: &RedisServer,
    ordered: &Group,
    competing: &Group,
) -> Fighter {
    let proxy = Proxy::start(server.address()).await;
    let topic = world.through(&format!("redis://{}", proxy.address())).await;
    let consumer = if fastrand::bool() {
        topic.ordered(subscription("ordered", ordered))
    } else {
        topic.competing(subscription("competing", competing)).with_workers(8)
    };
    Fighter { running: consumer.with_lease(LEASE).start().await.unwrap(), proxy }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_each_stream_keeps_its_order() {
    let events: usize = std::env::var("ES_BUS_CHAOS_EVENTS")
        .ok()
        .map_or(2_000, |text| text.parse().expect("ES_BUS_CHAOS_EVENTS is a number"));
    let streams = (events / 100).max(10);
    let mut server = RedisServer::start(&RedisConfig::durable());
    let world = World::at(server.url(), TopicOptions::default().with_partitions(PARTITIONS)).await;
    let relay = world.relay().start().unwrap();
    let (ordered, competing) = (Group::default(), Group::default());
    let mut fighters = Vec::new();
    for _ in 0..4 {
        fighters.push(fighter(&world, &server, &ordered, &competing).await);
    }
    // Both groups are known before anything can be lost.
    let firm = [
        world.topic.ordered(subscription("ordered", &ordered)).with_lease(LEASE),
        world.topic.competing(subscription("competing", &competing)).with_lease(LEASE),
    ];
    let mut firm_ones = Vec::new();
    for consumer in firm {
        firm_ones.push(consumer.start().await.unwrap());
    }
    world.append(&["poison", "poison"]).await;

    let mut left = events;
    let mut round = 0_u32;
    while left > 0 {
        let count = left.min(events / 20 + 1);
        left -= count;
        let names: Vec<String> =
            (0..count).map(|_| format!("s{}", fastrand::usize(..streams))).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        world.append(&names).await;
        round += 1;
        match round % 9 {
            0 => server.ask(&["SCRIPT", "FLUSH"]),
            1 => {
                server.kill();
                server.run_again();
                continue;
            }
            2 => server.ask(&["FLUSHALL"]),
            3 | 4 => {
                fighters.push(fighter(&world, &server, &ordered, &competing).await);
                continue;
            }
            5 if fighters.len() > 2 => {
                // As a crash: nothing is saved, nothing is handed over.
                drop(fighters.swap_remove(fastrand::usize(..fighters.len())));
                continue;
            }
            6 => {
                // Paused for longer than a lease: it hears of nothing meanwhile.
                for fighter in &fighters {
                    fighter.proxy.hold();
                }
                // By the clock of the server, as leases lapse; and then their partitions have
                // another owner.
                let lease = (LEASE * 2).as_millis().to_string();
                server.ask(&["SET", "paused", "1", "PX", &lease]);
                until("they were paused for that long", async || {
                    server.ask(&["EXISTS", "paused"]).number() == 0
                })
                .await;
                let all = usize::from(PARTITIONS);
                firm_ones[0].when(|status| status.partitions.len() == all).await.unwrap();
                for fighter in &fighters {
                    fighter.proxy.release();
                }
                continue;
            }
            7 => {
                for fighter in &fighters {
                    fighter.proxy.cut_all();
                }
                continue;
            }
            _ if fighters.len() > 2 => {
                let at = fastrand::usize(..fighters.len());
                // In good order, as far as that can be just now.
                let _ = fighters.swap_remove(at).running.stop(Duration::from_secs(60)).await;
                continue;
            }
            _ => continue,
        };
    }

    let ids: HashSet<EventId> = world
        .store
        .read(es_core::Read::all())
        .into_vec()
        .await
        .unwrap()
        .into_iter()
        .filter(|event| event.stream.key().as_str() != "poison")
        .map(|event| event.id)
        .collect();
    until("every event had its effect in both groups", async || {
        ordered.count() == ids.len() && competing.count() == ids.len()
    })
    .await;
    for group in [&ordered, &competing] {
        let done = group.0.lock().unwrap();
        assert_eq!(done.inbox, ids, "the effects are not those of the log");
        assert_eq!(done.effects.values().sum::<u64>(), ids.len() as u64);
        assert!(done.calls >= done.inbox.len() as u64);
    }
    ordered.kept_order();
    let done = ordered.0.lock().unwrap();
    println!(
        "{} events, {} calls in order, rewinds {}",
        ids.len(),
        done.calls,
        relay.status().rewinds
    );
}
