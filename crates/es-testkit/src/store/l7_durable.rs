//! L7, as far as a call can tell: the store says what its acknowledgements survive. That
//! it is true takes a `kill -9` and is proved by each backend's own tests.

use es_core::Store;

use crate::sample::{many, put};

/// The store says what an acknowledged append survives, in words too.
pub async fn the_store_says_how_durable_it_is(store: Store) {
    let durability = store.durability().await.unwrap();
    assert!(!durability.settings.is_empty(), "what it rests on is not said");
    assert!(durability.to_string().contains(&durability.settings));
}

/// It says the same when something has been written.
pub async fn durability_does_not_depend_on_the_log(store: Store) {
    let before = store.durability().await.unwrap();
    put(&store, "a", many(1)).await;
    assert_eq!(store.durability().await.unwrap(), before);
}

/// What survives more also survives less: a power cut ends servers, and a server's end
/// takes clients with it.
pub async fn durability_is_consistent(store: Store) {
    let durability = store.durability().await.unwrap();
    if durability.survives_power_loss {
        assert!(durability.survives_server_crash, "{durability:?}");
    }
    if durability.survives_server_crash {
        assert!(durability.survives_client_crash, "{durability:?}");
    }
}

/// The store has a name that can be logged.
pub async fn the_store_has_a_name(store: Store) {
    assert!(!store.to_string().is_empty());
    assert!(!format!("{store:?}").is_empty());
}
