//! A store that reads through upcasters keeps the whole contract of a store.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use eventsource::{EventType, MemoryStore, Store, Upcasters};

/// Steps of every kind, which lead to forms that the cases write.
fn upcast() -> Store {
    let upcasters = Upcasters::builder()
        .current_schema(("account.opened", 1))
        .current_schema(("noted", 1))
        .rename(("account.created", 1), ("account.opened", 1))
        .split(("noted.twice", 1), [("noted", 1)], |payload| {
            Ok(vec![(("noted", 1), payload.clone()), (("noted", 1), payload)])
        })
        .drop_all(EventType::from_static("account.viewed"))
        .build()
        .unwrap();
    Store::new(MemoryStore::new()).layer(&upcasters)
}

es_testkit::contract_tests!(store = || async { upcast() });
