//! A repository that publishes on the bus in process: what it saved is heard of, as recorded,
//! and no handler can make a save fail.

use std::sync::{Arc, Mutex};

use eventsource::{Delivery, LocalOptions, Retry, memory::MemoryStore, prelude::*};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "tally")]
enum TallyEvent {
    Counted { by: u64 },
}

#[derive(Debug, Default)]
struct Tally(u64);

impl Aggregate for Tally {
    const CATEGORY: &'static str = "tally";
    type Event = TallyEvent;

    fn evolve(&mut self, TallyEvent::Counted { by }: &TallyEvent) {
        self.0 += by;
    }
}

struct Count(u64);

impl Decide<Count> for Tally {
    type Error = std::convert::Infallible;

    fn decide(&self, Count(by): &Count) -> Result<Vec<TallyEvent>, Self::Error> {
        Ok((0..*by).map(|_| TallyEvent::Counted { by: 1 }).collect())
    }
}

#[tokio::test]
async fn what_a_repository_saves_reaches_the_handlers_of_the_bus() {
    for delivery in [Delivery::Concurrent, Delivery::InOrder] {
        let store = Store::new(MemoryStore::new());
        let bus = LocalBus::with_options(LocalOptions::default().with_delivery(delivery)).unwrap();
        let seen: Arc<Mutex<Vec<(u64, TallyEvent)>>> = Arc::default();
        let noting = Arc::clone(&seen);
        bus.subscribe(Subscription::to::<TallyEvent>("noting").call(move |event| {
            let noted = (event.position.get(), event.event.clone());
            noting.lock().map_err(|_| "poisoned")?.push(noted);
            Ok(())
        }))
        .unwrap();
        let failing = Subscription::to::<TallyEvent>("failing");
        bus.subscribe(failing.with_retry(Retry::never()).call(|_| panic!("a handler"))).unwrap();

        let tallies = Repository::<Tally>::new(store.clone()).with_publisher(bus.clone());
        for by in [1, 3] {
            tallies.execute("one", &Count(by)).await.unwrap();
        }
        // It writes nothing, so nothing is heard of it.
        tallies.execute("one", &Count(0)).await.unwrap();
        assert_eq!(bus.shutdown(std::time::Duration::MAX).await, 0);
        let counted = |position| (position, TallyEvent::Counted { by: 1 });
        assert_eq!(*seen.lock().unwrap(), (1..=4).map(counted).collect::<Vec<_>>());
        let statistics = bus.statistics();
        assert_eq!(statistics.published, 4);
        assert_eq!(statistics.subscriptions[1].dead_letters, 4);

        // With the bus shut down a save is a save.
        tallies.execute("one", &Count(1)).await.unwrap();
        assert_eq!(tallies.load("one").await.unwrap().0, 5);
    }
}
