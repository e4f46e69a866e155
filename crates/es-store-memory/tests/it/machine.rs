//! Ten thousand random histories against the model: on the store, behind layers, erased,
//! and by a clock that cannot be trusted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use es_core::{Backend, Store, Timestamp};
use es_store_memory::MemoryStore;
use es_testkit::{
    Faults, ManualClock, Recording,
    machine::{Histories, test},
};

#[test]
fn the_store_does_what_the_model_does() {
    test(|| async { Store::new(MemoryStore::new()) }, Histories::new(4_000));
}

#[test]
fn so_it_does_behind_layers() {
    let store =
        || async { Store::new(MemoryStore::new()).layer(&Faults::new()).layer(&Recording::new()) };
    test(store, Histories::new(3_000).with_seed(2));
}

#[test]
fn so_it_does_when_it_is_erased() {
    let store = || async {
        let inner: Backend = Arc::new(MemoryStore::new());
        let outer: Backend = Arc::new(inner);
        Store::from_backend(outer)
    };
    test(store, Histories::new(3_000).with_seed(3));
}

/// Time stands still, which makes many events equally old, and steps back now and then.
#[test]
fn so_it_does_when_its_clock_cannot_be_trusted() {
    let store = || async {
        let clock = ManualClock::at(Timestamp::from_seconds(1_700_000_000));
        let (source, asked) = (clock.source(), AtomicI64::new(0));
        let wayward = move || {
            match asked.fetch_add(1, Ordering::Relaxed) % 5 {
                1 => clock.set(Timestamp::EPOCH),
                3 => {
                    clock.advance(Duration::from_secs(2_000_000_000));
                }
                _ => {}
            }
            source()
        };
        Store::new(MemoryStore::with_clock(wayward))
    };
    test(store, Histories::new(1_000).with_seed(4));
}
