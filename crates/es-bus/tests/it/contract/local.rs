//! The bus in process, behind a relay.

use es_bus::{Interest, LocalBus, RegistrationGuard, Relay, RunningRelay};
use es_core::{DeadLetter, Store};
use es_store_memory::{MemoryReadModel, MemoryStore};
use es_testkit::bus::{BusPromises, BusUnderTest, ConsumerPlan};

use super::subscription;

pub(super) struct Local {
    pub(super) store: Store,
    pub(super) progress: MemoryReadModel,
    pub(super) bus: LocalBus,
}

impl Local {
    pub(super) fn new() -> Self {
        let (store, progress) = (Store::new(MemoryStore::new()), MemoryReadModel::new());
        Self { store, progress, bus: LocalBus::new() }
    }
}

impl BusUnderTest for Local {
    type Relay = RunningRelay;
    type Consumer = RegistrationGuard;

    fn store(&self) -> &Store {
        &self.store
    }

    fn promises(&self) -> BusPromises {
        BusPromises::LEAST.with_ordered(true)
    }

    async fn relay(&self) -> RunningRelay {
        Relay::new("relay", self.store.clone(), self.progress.clone())
            .publish(Interest::everything(), self.bus.clone())
            .start()
            .unwrap()
    }

    async fn consume(&self, plan: ConsumerPlan) -> RegistrationGuard {
        self.bus.subscribe(subscription(&plan)).unwrap().until_dropped()
    }

    async fn stop(&self, consumer: RegistrationGuard) {
        drop(consumer);
    }

    async fn dead_letters(&self, name: &str) -> Vec<DeadLetter> {
        let kept = self.bus.dead_letters(name).unwrap();
        kept.into_iter().map(|kept| kept.letter).collect()
    }

    async fn replay(&self, name: &str) {
        self.bus.replay(name).await.unwrap();
    }
}

es_testkit::bus_contract_tests!(bus = || async { Local::new() });
