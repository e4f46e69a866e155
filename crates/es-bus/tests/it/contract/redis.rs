//! Topics on Redis in both modes.

use std::time::Duration;

use es_bus::{RunningConsumer, RunningRelay};
use es_core::{DeadLetter, Store};
use es_testkit::bus::{BusPromises, BusUnderTest, ConsumerPlan};

use super::subscription;
use crate::redis::World;

pub(super) struct OnRedis {
    pub(super) world: World,
    pub(super) is_ordered: bool,
    pub(super) lease: Duration,
    pub(super) promises: BusPromises,
}

impl OnRedis {
    pub(super) async fn new(is_ordered: bool) -> Self {
        let promises = BusPromises::LEAST.with_recovers(true).with_ordered(is_ordered);
        let lease = Duration::from_millis(300);
        Self { world: World::new().await, is_ordered, lease, promises }
    }
}

impl BusUnderTest for OnRedis {
    type Relay = RunningRelay;
    type Consumer = RunningConsumer;

    fn store(&self) -> &Store {
        &self.world.store
    }

    fn promises(&self) -> BusPromises {
        self.promises
    }

    async fn relay(&self) -> RunningRelay {
        self.world.start()
    }

    async fn consume(&self, plan: ConsumerPlan) -> RunningConsumer {
        let (topic, subscription) = (self.world.another().await, subscription(&plan));
        let consumer = if self.is_ordered {
            topic.ordered(subscription)
        } else {
            topic.competing(subscription)
        };
        consumer.with_lease(self.lease).start().await.unwrap()
    }

    async fn stop(&self, consumer: RunningConsumer) {
        assert!(consumer.stop(Duration::from_secs(30)).await);
    }

    async fn dead_letters(&self, name: &str) -> Vec<DeadLetter> {
        let kept = self.world.topic.dead_letters(name, 1_000).await.unwrap();
        kept.into_iter().map(|kept| kept.letter).collect()
    }

    async fn replay(&self, name: &str) {
        self.world.topic.replay(name).await.unwrap();
    }
}

mod ordered {
    use super::OnRedis;

    es_testkit::bus_contract_tests!(bus = || OnRedis::new(true));
}

mod competing {
    use super::OnRedis;

    es_testkit::bus_contract_tests!(bus = || OnRedis::new(false));
}
